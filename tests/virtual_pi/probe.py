"""Tries what a program may do on a box, each thing in a process of its own, and tells how it ended.

`test_hardening.py` runs it in the machine as root, as the door's user, and behind the walls of the door's
unit. It stands alone: Python's own modules, Linux on arm64 (system calls are named by its numbers,
`include/uapi/asm-generic/unistd.h`). Output: JSON, the attempt's name to "done", or to the name of an
error or of the signal that ended it.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

Attempt = Callable[[], object]
ATTEMPTS: Final[dict[str, Attempt]] = {}
DOOR_PID: Final = int(os.environ.get("PROBE_DOOR_PID", "0"))
FOLDERS: Final = ("/etc", "/usr/local", "/opt", "/srv", "/var/lib", "/var/log", "/run", "/home")
"""In each, the test makes a folder `open` in which everybody may write."""
NODES: Final = ("kmsg", "mem", "vda", "rtc0", "tun", "hwrng", "loop-control", "fuse", "ttyAMA0", "tty0")
"""Of each, the test makes a second node in /dev/open that everybody may read and write."""
NAMESPACES: Final = {
    "user": 0x10000000,
    "mount": 0x20000,
    "network": 0x40000000,
    "process": 0x20000000,
    "IPC": 0x8000000,
    "host name": 0x4000000,
    "cgroup": 0x2000000,
}
ARM_PROGRAM: Final = bytes.fromhex(
    "7f454c460101010000000000000000000200280001000000540001003400000000000000000000053400200001000000"
    "0000000001000000000000000000010000000100600000006000000005000000000001000170a0e32a00a0e3000000ef"
)
"""A 32-bit program of three instructions: exit(42)."""

libc = ctypes.CDLL(None, use_errno=True)


def attempt(name: str) -> Callable[[Attempt], Attempt]:
    """Put a function into the table; it raises `OSError` where it is refused."""

    def put(function: Attempt) -> Attempt:
        ATTEMPTS[name] = function
        return function

    return put


def system_call(number: int, *arguments: int | bytes | ctypes.Array[ctypes.c_char]) -> int:
    """A system call by its number. Raises `OSError`."""
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result: int = libc.syscall(ctypes.c_long(number), *words)
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def refuse(code: int) -> None:
    """End an attempt as the kernel would."""
    raise OSError(code, os.strerror(code))


# The network


def _family(name: str, family: int, kind: int, protocol: int = 0) -> None:
    ATTEMPTS[name] = lambda: socket.socket(family, kind, protocol)


ATTEMPTS["TCP to 127.0.0.1"] = lambda: socket.create_connection(("127.0.0.1", 22), 10)
ATTEMPTS["TCP to ::1"] = lambda: socket.create_connection(("::1", 22), 10)
ATTEMPTS["UDP to the wire"] = lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"?", ("10.0.2.2", 9))
_family("raw IPv4", socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
_family("raw IPv6", socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
_family("raw packets", socket.AF_PACKET, socket.SOCK_RAW)
_family("AF_ALG", 38, socket.SOCK_SEQPACKET)
_family("AF_VSOCK", 40, socket.SOCK_STREAM)
_family("a netlink socket", socket.AF_NETLINK, socket.SOCK_RAW)
_family("a local socket", socket.AF_UNIX, socket.SOCK_STREAM)


@attempt("an interface other than lo")
def _interfaces() -> None:
    if {name for _, name in socket.if_nameindex()} <= {"lo"}:
        refuse(errno.ENODEV)


@attempt("another service, through systemd")
def _systemctl() -> None:
    command = ["systemctl", "--no-ask-password", "kill", "--signal=CONT", "systemd-journald.service"]
    if subprocess.run(command, capture_output=True, check=False, timeout=60).returncode:
        refuse(errno.EPERM)


# Devices


def _open(path: str, flags: int = os.O_RDWR | os.O_NONBLOCK) -> None:
    os.close(os.open(path, flags))


for _node in NODES:
    _flags = os.O_RDONLY if _node == "hwrng" else os.O_RDWR
    ATTEMPTS[f"device {_node}"] = lambda path=f"/dev/open/{_node}", flags=_flags: _open(  # type: ignore[misc]
        path, flags | os.O_NONBLOCK
    )
for _node in ("gpiochip0", "udmabuf", "null", "urandom"):
    ATTEMPTS[f"device {_node}"] = lambda path=f"/dev/{_node}": _open(path)  # type: ignore[misc]


@attempt("a new device node")
def _node_of_its_own() -> None:
    path = f"/run/doorcheck/node-{os.getpid()}"
    os.mknod(path, 0o20666, os.makedev(1, 11))
    Path(path).unlink()


# Files


def _read(path: str) -> None:
    if Path(path).is_dir():
        os.listdir(path)  # noqa: PTH208 - names are not wanted, the error is
    else:
        os.read(os.open(path, os.O_RDONLY), 16)


for _path in (
    *("/etc/shadow", "/etc/ssh/ssh_host_ed25519_key", "/root", "/home/open/file"),
    *("/var/lib/systemd/random-seed", "/usr/lib/modules", "/sys/kernel/debug", "/proc/kcore"),
    *("/proc/kallsyms", "/proc/kmsg", "/proc/1/environ", "/proc/1/maps"),
    *("/etc/doorcheck/door.toml", "/var/lib/doorcheck/current/trust.dctl", "/proc/cpuinfo"),
    "/tmp/open-file",  # noqa: S108 - somebody else's, not to be seen
):
    ATTEMPTS[f"read {_path}"] = lambda path=_path: _read(path)  # type: ignore[misc]


def _write_in(folder: str) -> None:
    path = Path(folder) / f"probe-{os.getpid()}"
    path.write_bytes(b"probe")
    path.unlink()


for _folder in (
    *(f"{each}/open" for each in FOLDERS),
    *("/etc/doorcheck", "/opt/doorcheck", "/opt/doorcheck/current"),
    *("/var/lib/doorcheck/generations", "/var/lib/doorcheck/inbox"),
    *("/var/lib/doorcheck", "/run/doorcheck", "/var/cache/doorcheck"),
    *("/dev/shm", "/run/lock", "/tmp"),  # noqa: S108 - removed again at once
):
    ATTEMPTS[f"write in {_folder}"] = lambda folder=_folder: _write_in(folder)  # type: ignore[misc]
for _path in ("/proc/sys/kernel/core_pattern", "/sys/power/state", "/proc/sysrq-trigger"):
    ATTEMPTS[f"write {_path}"] = lambda path=_path: _open(path, os.O_WRONLY)  # type: ignore[misc]


# Other processes


@attempt("see another user's process")
def _others() -> None:
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and entry.stat().st_uid != os.getuid():
            return
        if entry.name.isdigit() and os.getuid() == 0 and int(entry.name) != os.getpid():
            return
    refuse(errno.ESRCH)


ATTEMPTS["signal process 1"] = lambda: os.kill(1, 0)


@attempt("trace a process")
def _trace() -> None:
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    try:
        system_call(117, 0x4206, child, 0, 0)
    finally:
        os.kill(child, signal.SIGKILL)


class _Span(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("bytes", ctypes.c_size_t))


def _heap_of(pid: int) -> int:
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        if line.endswith("[heap]"):
            return int(line.split("-")[0], 16)
    raise FileNotFoundError(errno.ENOENT, "no heap")


@attempt("the door's memory, by process_vm_readv")
def _remote_read() -> None:
    into = ctypes.create_string_buffer(16)
    ours = _Span(ctypes.addressof(into), 16)
    theirs = _Span(_heap_of(DOOR_PID), 16)
    got = libc.process_vm_readv(
        DOOR_PID, ctypes.byref(ours), ctypes.c_ulong(1), ctypes.byref(theirs), ctypes.c_ulong(1), 0
    )
    if got == -1:
        refuse(ctypes.get_errno())


@attempt("the door's memory, by /proc")
def _memory_file() -> None:
    at = _heap_of(DOOR_PID)
    descriptor = os.open(f"/proc/{DOOR_PID}/mem", os.O_RDWR)
    os.pread(descriptor, 16, at)


@attempt("a hundred processes")
def _crowd() -> None:
    children = []
    try:
        for _ in range(100):
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
            children.append(child)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


ATTEMPTS["start a program"] = lambda: subprocess.run(["/bin/true"], check=True)


# The kernel


def _calls(name: str, number: int, *arguments: int | bytes) -> None:
    ATTEMPTS[name] = lambda: system_call(number, *arguments)


_calls("mount", 40, b"tmpfs", b"/mnt", b"tmpfs", 0, b"")
_calls("bind mount", 40, b"/etc", b"/mnt", b"", 4096, b"")
_calls("fsopen", 430, b"tmpfs", 0)
_calls("pivot_root", 41, b"/", b"/")
_calls("chroot", 51, b"/")
for _name, _flag in NAMESPACES.items():
    _calls(f"a new {_name} namespace", 97, _flag)
ATTEMPTS["join a namespace"] = lambda: system_call(268, os.open("/proc/self/ns/uts", os.O_RDONLY), 0)
_calls("setuid 0", 146, 0)
_calls("setgid 0", 144, 0)
_calls("setgroups", 159, 0, 0)
_calls("finit_module", 273, -1, b"", 0)
_calls("delete_module", 106, b"no_such_module", 0)
_calls("reboot", 142, 1, 2, 3, 0)
_calls("swapon", 224, b"/no/such/file", 0)
_calls("acct", 89, b"/no/such/file")
_calls("open_by_handle_at", 265, -1, 0, 0)
_calls("fanotify", 262, 0, 0)
_calls("kernel's log", 116, 10, 0, 0)
_calls("userfaultfd", 282, 0)
_calls("personality", 92, 0x40000)
ATTEMPTS["set the clock"] = lambda: time.clock_settime(time.CLOCK_REALTIME, time.time())
ATTEMPTS["set the host's name"] = lambda: socket.sethostname(socket.gethostname())
ATTEMPTS["real-time priority"] = lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
ATTEMPTS["a higher priority"] = lambda: os.setpriority(os.PRIO_PROCESS, 0, -20)


@attempt("a BPF map")
def _bpf() -> None:
    words = (ctypes.c_uint32 * 18)(2, 4, 4, 1)
    system_call(280, 0, ctypes.addressof(words), ctypes.sizeof(words))


@attempt("a performance counter")
def _perf() -> None:
    words = (ctypes.c_uint32 * 32)(1, 128)
    system_call(241, ctypes.addressof(words), 0, -1, -1, 0)


@attempt("a setuid program")
def _setuid_program() -> None:
    said = subprocess.run(["/usr/local/open/id", "-u"], capture_output=True, text=True, check=True).stdout
    if said.strip() != "0":
        refuse(errno.EPERM)


@attempt("make a setuid file")
def _setuid_file() -> None:
    path = Path(f"/run/doorcheck/setuid-{os.getpid()}")
    path.touch()
    try:
        path.chmod(0o4755)
    finally:
        path.unlink()


# Memory


def _program(bits: bytes) -> None:
    path = Path(f"/run/doorcheck/program-{os.getpid()}")
    path.write_bytes(bits)
    path.chmod(0o700)
    try:
        ended = subprocess.run([str(path)], check=False).returncode
    finally:
        path.unlink()
    if ended < 0:
        os.kill(os.getpid(), -ended)
    if ended != 42:
        refuse(errno.EPERM)


ATTEMPTS["a 32-bit program"] = lambda: _program(ARM_PROGRAM)
ATTEMPTS["a program that it wrote"] = lambda: _program(b"#!/bin/sh\nexit 42\n")
ATTEMPTS["memory to write"] = lambda: mmap.mmap(-1, 4096)
ATTEMPTS["memory to write and run"] = lambda: mmap.mmap(
    -1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
)


@attempt("memory written, then run")
def _mprotect() -> None:
    page = mmap.mmap(-1, mmap.PAGESIZE)
    at = ctypes.addressof(ctypes.c_char.from_buffer(page))
    system_call(226, at, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC)


@attempt("shared memory to run")
def _shm() -> None:
    number = system_call(194, 0, 4096, 0o1700)
    try:
        system_call(196, number, 0, 0o100000)
    finally:
        libc.shmctl(number, 0, None)


def outcome(what: Attempt) -> str:
    """How an attempt ends, in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            what()
            said = "done"
        except OSError as error:
            said = errno.errorcode.get(error.errno or 0, repr(error))
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        said = answer.read().decode()
    _, status = os.waitpid(child, 0)
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else said


def main() -> None:
    """Try everything; what else is asked of the process comes under "status"."""
    results = {name: outcome(what) for name, what in ATTEMPTS.items()}
    status = Path("/proc/self/status").read_text()
    json.dump({"results": results, "status": status}, sys.stdout)


if __name__ == "__main__":
    main()
