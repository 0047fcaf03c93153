"""The virtual Pi as a machine: power, disk, monitor, SSH.

-M virt, Cortex-A53, 1 GiB        memory is a file that the host reads: pins, and dumps
virtio disk                       an overlay on the image; `power_cut` kills QEMU
ivshmem                           what the camera sees (`lens.py`)
user network, restricted          in: SSH, forwarded from 127.0.0.1; out: nothing
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final

from firmware_config.plan import KERNEL, files, words
from tests.virtual_pi.header import Header
from tests.virtual_pi.image import Image
from tests.virtual_pi.lens import Lens
from tests.virtual_pi.volatile import Server, VolatileDisk

MEMORY_MB: Final = 1024
SHIFT: Final = 1
"""Each instruction takes 2**SHIFT nanoseconds of the machine's time, however busy the host is: a board
of 500 million instructions a second, about a Pi 3. So its programs' deadlines mean what they mean
on a board; the host's clock runs three to five times as fast while the machine works."""
AHEAD: Final = timedelta(hours=3)
"""The machine's time falls behind the host's while it works. What the host signs must not be of its
future, so it begins ahead."""
FIRMWARES: Final = " ".join(words(b"".join(part.read_bytes() for part in files(())[KERNEL])))
"""What the firmware would add to the kernel's line, from `cmdline.txt`: here nothing reads that."""
USER: Final = "admin"
LOGIN_S: Final = 900
CONNECT_S: Final = 8


class MachineError(Exception):
    """The machine does not do what it was asked; the text says what, and shows its last words."""


@dataclass(frozen=True, slots=True)
class Power:
    """How the machine is switched on."""

    clock: str | None = None
    """What its battery-backed clock shows, like "1970-01-01T00:00:00"; None: the time, `AHEAD` of ours."""
    battery: bool = True
    """Whether there is a battery-backed clock."""
    kernel_words: str = ""
    counted: bool = True
    """Whether its time is instructions. If not it is the host's, on two processors: more is done in an
    hour, and how long anything takes says nothing."""


@dataclass(frozen=True, slots=True)
class Done:
    """A command that ran in the machine."""

    code: int
    out: str
    err: str


class VirtualPi:
    """One machine in one folder; what is written to its disk stays there from boot to boot.

    `base` is a disk to begin with, in the place of the image's; `volatile` one that forgets what
    was not flushed (`power_cut` then only stops the machine: what is lost is for its `cut`).
    Unless it `stays`, it loses its power when this process ends, however that ends.
    """

    def __init__(
        self,
        image: Image,
        folder: Path,
        *,
        base: Path | None = None,
        volatile: VolatileDisk | None = None,
        stays: bool = False,
    ) -> None:
        self.image, self.folder, self._base, self._stays = image, folder, base, stays
        self._volatile = volatile
        self._server: Server | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.lens = Lens(folder / "lens")
        self.header: Header | None = None
        self.on_s = 0.0
        """When power was switched on last, on the host's monotonic clock."""
        self._qemu: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._monitor: Monitor | None = None
        self._masters = 0
        self._console: IO[bytes] | None = None

    # Power

    def boot(self, power: Power = Power()) -> None:
        """Switch on; returns at once."""
        if self._qemu is not None:
            raise MachineError("it is switched on already")
        self._prepare_disk()
        memory = self.folder / "memory"
        memory.unlink(missing_ok=True)
        with memory.open("wb") as file:
            file.truncate(MEMORY_MB << 20)
        self.lens.forget_time()
        self._port = _free_port()
        command = self._command(power, memory)
        self._console = (self.folder / "qemu.log").open("ab")
        self.header = Header(memory, self.lens)
        self.header.start()
        self.on_s = time.monotonic()
        with_us = [] if self._stays else ["setpriv", "--pdeathsig", "KILL", "--"]
        self._qemu = subprocess.Popen(
            [*with_us, *command], stdin=subprocess.DEVNULL, stdout=self._console, stderr=self._console
        )
        self._monitor = Monitor(self.folder / "monitor", self._is_running)

    def power_cut(self) -> None:
        """The plug is pulled: QEMU is killed, whatever it does."""
        if self._qemu is None:
            return
        self._qemu.kill()
        self._qemu.wait()
        self._forget()

    def shut_down(self, timeout_s: float = 120) -> None:
        """Tell it to power off, and wait. Raises `MachineError`."""
        if self._qemu is None:
            return
        self.ssh("sudo systemctl poweroff --no-block", check=False)
        try:
            self._qemu.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.power_cut()
            raise MachineError(f"it did not power off within {timeout_s:.0f} s") from None
        self._forget()

    def close(self) -> None:
        """Off, and everything given back; the disk stays."""
        self.power_cut()
        self.lens.close()

    @property
    def disk(self) -> Path:
        """What was written since the image, or the base, was made."""
        return self.folder / "disk.qcow2"

    @property
    def is_on(self) -> bool:
        """Whether it has power and has not switched itself off."""
        return self._is_running()

    def _is_running(self) -> bool:
        return self._qemu is not None and self._qemu.poll() is None

    def _forget(self) -> None:
        if self._monitor is not None:
            self._monitor.close()
        if self.header is not None:
            self.header.close()
        if self._console is not None:
            self._console.close()
        if self._server is not None:
            self._server.close()
        self._qemu = self._monitor = self._console = self._server = None

    def _prepare_disk(self) -> None:
        if self._volatile is not None:
            self._server = Server(self._volatile, self.folder / "nbd")
            return
        disk = self.disk
        if not disk.exists():
            under = (self.image.disk, "raw") if self._base is None else (self._base, "qcow2")
            base = ("-b", under[0], "-F", under[1])
            self.image.tools.run("qemu-img", "create", "-q", "-f", "qcow2", *base, disk)

    def _command(self, power: Power, memory: Path) -> list[str]:
        data = self.image.tools.root / "usr/share/qemu"
        time_is = ("thread=single", "-icount", f"shift={SHIFT}") if power.counted else ("thread=multi",)
        roms = self.image.tools.root / "usr/lib/ipxe/qemu"
        machine = [
            *("-machine", "virt,memory-backend=ram", "-cpu", "cortex-a53", "-m", str(MEMORY_MB)),
            *("-smp", "1" if power.counted else "2"),
            *("-object", f"memory-backend-file,id=ram,size={MEMORY_MB}M,mem-path={memory},share=on"),
            *("-accel", f"tcg,tb-size=512,{time_is[0]}", *time_is[1:], "-L", str(data), "-L", str(roms)),
            *("-nodefaults", "-display", "none", "-no-reboot"),
        ]
        qemu = self.image.tools.command("qemu-system-aarch64")
        drive = f"format=qcow2,file={self.disk},discard=unmap"
        if self._volatile is not None:
            drive = f"format=raw,file=nbd+unix:///?socket={self.folder / 'nbd'}"
        clock = power.clock or f"{datetime.now(UTC) + AHEAD:%Y-%m-%dT%H:%M:%S}"
        tree = self._device_tree([*qemu, *machine], power)
        return [
            *qemu,
            *machine,
            *("-dtb", str(tree), "-kernel", str(self.image.kernel), "-initrd", str(self.image.initrd)),
            *(
                "-append",
                f"console=ttyAMA0 loglevel=4 audit=0 net.ifnames=0 {FIRMWARES} {power.kernel_words}".strip(),
            ),
            *("-rtc", f"base={clock},clock=vm"),
            *("-drive", f"if=none,id=disk,{drive}"),
            *("-device", "virtio-blk-pci,drive=disk,romfile="),
            *("-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{self._port}-:22"),
            *("-device", "virtio-net-pci,netdev=net,romfile="),
            *("-object", f"memory-backend-file,id=lens,size=4M,mem-path={self.folder / 'lens'},share=on"),
            *("-device", "ivshmem-plain,memdev=lens", "-device", "virtio-rng-pci"),
            *("-serial", f"file:{self.folder / 'console.log'}"),
            *("-qmp", f"unix:{self.folder / 'monitor'},server=on,wait=off"),
        ]

    def _device_tree(self, qemu: Sequence[str], power: Power) -> Path:
        """QEMU's own for this machine, with the header's gpiochip; its clock and PL061 as asked."""
        base, tree = self.folder / "base.dtb", self.folder / "board.dtb"
        dump = ["-machine", f"dumpdtb={base}"]
        _run([*qemu, *dump])
        tools = self.image.tools
        tools.run("fdtput", "-r", base, "/gpio-keys")
        tools.run("fdtput", "-r", base, "/pl061@9030000")
        if not power.battery:
            tools.run("fdtput", "-r", base, "/pl031@9010000")
        tools.run("fdtoverlay", "-i", base, "-o", tree, self.image.header)
        return tree

    # Inside

    def await_ssh(self, timeout_s: float = LOGIN_S) -> float:
        """Wait until commands run in it; seconds since power. Raises `MachineError`."""
        until_s = time.monotonic() + timeout_s
        while time.monotonic() < until_s:
            if not self._is_running():
                raise MachineError(f"it switched itself off:\n{self.console_tail()}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                if self.ssh("true", check=False, timeout_s=60).code == 0:
                    return time.monotonic() - self.on_s
            time.sleep(1)
        raise MachineError(f"no SSH within {timeout_s:.0f} s:\n{self.console_tail()}")

    def ssh(
        self, command: str, *, check: bool = True, timeout_s: float = 300, input: str | None = None
    ) -> Done:
        """Run a shell command as `admin`. Raises `MachineError`, `subprocess.TimeoutExpired`."""
        done = subprocess.run(
            [*self.ssh_command(), command],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout_s,
            input=input or "",
        )
        if check and done.returncode:
            raise MachineError(
                f"{command!r} failed with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}"
            )
        return Done(done.returncode, done.stdout, done.stderr)

    def ssh_command(self, *, shared: bool = True) -> list[str]:
        """The words that start SSH to it; with `shared`, one connection for all of them."""
        socket_path = f"ControlPath={self.folder}/ssh-{self._port}"
        options = ["ControlMaster=auto", socket_path, "ControlPersist=600"] if shared else []
        flags = [word for option in options for word in ("-o", option)]
        return [*words_for_ssh(self.image, self._port)[:-1], *flags, f"{USER}@127.0.0.1"]

    @property
    def pid(self) -> int:
        """QEMU's process."""
        return self._qemu.pid if self._qemu is not None else 0

    @property
    def port(self) -> int:
        """SSH's port on 127.0.0.1."""
        return self._port

    def put(self, source: Path, target: str, *, owner: str = "root:root") -> None:
        """Copy a file or a folder's content to a place in it, as root."""
        is_folder = source.is_dir()
        name = "." if is_folder else source.name
        where = str(source if is_folder else source.parent)
        plain = ("--owner=0", "--group=0", "--mode=a+rX,g-w,o-w", "--exclude=__pycache__")
        unpack = f"sudo mkdir -p {target} && sudo tar -C {target} -xf - && sudo chown -R {owner} {target}"
        pack = ["/usr/bin/tar", "-C", where, *plain, "-cf", "-", name]
        with subprocess.Popen(pack, stdout=subprocess.PIPE) as packing:
            command = [*self.ssh_command(), unpack]
            done = subprocess.run(command, stdin=packing.stdout, capture_output=True, text=True, check=False)
        if done.returncode or packing.returncode:
            raise MachineError(f"copying {source} to {target}: {done.stderr.strip()}")

    def journal(self, *words: str) -> str:
        """The journal, as `journalctl` gives it with those words."""
        return self.ssh(f"sudo journalctl --no-pager -o short-monotonic {' '.join(words)}").out

    def uptime_s(self) -> float:
        """Seconds since its kernel started, by its own clock."""
        return float(self.ssh("cat /proc/uptime").out.split()[0])

    def monitor(self, words: str) -> str:
        """A command of QEMU's human monitor; its answer."""
        if self._monitor is None:
            raise MachineError("it is switched off")
        return self._monitor.human(words)

    def pause(self) -> None:
        """The whole machine stands still; what it gave its disk is in the files."""
        self.monitor("stop")

    def go_on(self) -> None:
        """After `pause`."""
        self.monitor("cont")

    @property
    def memory(self) -> Path:
        """The machine's memory, all of it, as it is now."""
        return self.folder / "memory"

    def console_tail(self, lines: int = 15) -> str:
        """The last that its kernel said."""
        path = self.folder / "console.log"
        text = path.read_text(errors="replace") if path.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


class Monitor:
    """QEMU's machine protocol, as far as it is needed."""

    def __init__(self, path: Path, is_running: Any) -> None:
        until_s = time.monotonic() + 30
        self._socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self._socket.connect(str(path))
                break
            except OSError:
                if time.monotonic() > until_s or not is_running():
                    raise MachineError("QEMU did not start; qemu.log says why") from None
                time.sleep(0.05)
        self._lines = self._socket.makefile("r", encoding="utf-8")
        self._lines.readline()
        self._ask({"execute": "qmp_capabilities"})

    def human(self, words: str) -> str:
        """A command of the human monitor."""
        return str(self._ask({"execute": "human-monitor-command", "arguments": {"command-line": words}}))

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self._socket.close()

    def _ask(self, what: dict[str, Any]) -> Any:
        self._socket.sendall(json.dumps(what).encode() + b"\n")
        while True:
            answer = json.loads(self._lines.readline())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise MachineError(str(answer["error"]))


def words_for_ssh(image: Image, port: int) -> list[str]:
    """The words that start SSH to the machine at that port."""
    options = [
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "LogLevel=ERROR",
        "IdentitiesOnly=yes",
        f"ConnectTimeout={CONNECT_S}",
        "ServerAliveInterval=5",
        "ServerAliveCountMax=6",
    ]
    flags = [word for option in options for word in ("-o", option)]
    return ["ssh", *flags, "-i", str(image.key), "-p", str(port), f"{USER}@127.0.0.1"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MachineError(f"{Path(command[0]).name}: {done.stderr.strip()}")
