"""The door's walls on the virtual Pi: what its unit refuses is refused, from behind it.

A program that joined the door's own process would not get its system-call filters. So a second unit is made
of the installed one's text, line by line but for what starts, restarts and ends the door; systemd itself is
asked whether the two have the same walls. The same probe runs outside of them too, as root and as the
door's user: there, what is refused inside must work, or the probe proves nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from tests.virtual_pi import probe, provision
from tests.virtual_pi.conftest import Figures, artefacts
from tests.virtual_pi.machine import VirtualPi

pytestmark = pytest.mark.virtual_pi

UNIT, COPY = "doorcheck.service", "doorcheck-probe.service"
PROGRAM, ANSWER = "/usr/local/open/probe.py", "/run/doorcheck-probe.json"
NOT_A_WALL: Final = (
    *("Type=", "NotifyAccess=", "ExecStart=", "ExecReload=", "ExecStopPost=", "Restart", "Watchdog"),
    *("Timeout", "RuntimeDirectoryPreserve=", "KillMode=", "Environment=PYTHONFAULTHANDLER"),
)
"""Lines of `[Service]` that say how the door is run, and are the probe's own in its unit."""
INSTEAD: Final = f"""\
Type=oneshot
ExecStart=/usr/bin/python3 -I {PROGRAM}
RuntimeDirectoryPreserve=yes
TimeoutStartSec=600
StandardOutput=truncate:{ANSWER}
"""
ITS_OWN: Final = (
    *("Id", "Names", "Description", "FragmentPath", "InvocationID", "MainPID", "NotifyAccess", "Type"),
    *(
        "Restart",
        "RestartUSec",
        "NRestarts",
        "Result",
        "StatusText",
        "StatusErrno",
        "SubState",
        "ActiveState",
    ),
    *("KillMode", "ControlGroup", "ControlGroupId", "ConsistsOf", "Before", "After", "Wants", "Requires"),
    *("RuntimeDirectoryPreserve", "StandardOutput", "NFileDescriptorStore", "UnitFileState", "DropInPaths"),
    *("UnitFilePreset", "WantedBy", "RequisiteOf", "Environment", "CanReload", "StartLimitBurst"),
    *("StartLimitIntervalUSec", "StartLimitAction", "TriggeredBy", "SourcePath", "Transient", "CanStop"),
    *("NeedDaemonReload", "UID", "GID", "LastTriggerUSec", "WatchdogSignal", "ExecMainPID", "ReloadSignal"),
)
"""What differs between any two units, or is none of the walls' business."""
ITS_OWN_KINDS: Final = (
    "Exec",
    "Assert",
    "Timeout",
    "Memory",
    "CPUUsage",
    "Tasks",
    "IO",
    "IP",
    "Watchdog",
    "Condition",
)
ITS_OWN_ENDS: Final = ("Timestamp", "TimestampMonotonic")
LIMITS: Final = frozenset({"MemoryMax", "MemorySwapMax", "TasksMax", "IPAddressDeny"})
SYSCTL: Final = provision.CHECKOUT / "firmware_config/etc/sysctl.d/60-doorcheck.conf"
"""A box's own, by `firmware_config`: it does its part against peeking."""
DOOR: Final = "$(systemctl show doorcheck -P MainPID)"


@dataclass(frozen=True, slots=True)
class Row:
    """An attempt: how it must end behind the walls, and how it ends for root outside of them."""

    name: str
    inside: frozenset[str]
    outside: str = "done"


def _rows(inside: str, *names: str, outside: str = "done") -> Iterator[Row]:
    for name in names:
        yield Row(name, frozenset(inside.split()), outside)


NO_FAMILY, DENIED, HIDDEN = "EAFNOSUPPORT", "EPERM", "ENOENT"
REFUSED: Final = (
    *_rows(NO_FAMILY, "TCP to 127.0.0.1", "TCP to ::1", "UDP to the wire", "raw IPv4", "raw IPv6"),
    *_rows(NO_FAMILY, "raw packets", "AF_ALG", "AF_VSOCK"),
    *_rows("ENODEV", "an interface other than lo"),
    *_rows(DENIED, "another service, through systemd"),
    *_rows(DENIED, *(f"device {name}" for name in probe.NODES), "a new device node"),
    *_rows("EACCES", "read /etc/shadow", "read /etc/ssh/ssh_host_ed25519_key", "read /root"),
    *_rows("EACCES ENOENT", "read /home/open/file", "read /var/lib/systemd/random-seed"),
    *_rows("EACCES", "read /usr/lib/modules", "read /sys/kernel/debug", "read /proc/kallsyms"),
    *_rows("EACCES EPERM", "read /proc/kcore", "read /proc/kmsg"),
    *_rows(HIDDEN, "read /tmp/open-file", "read /proc/1/environ", "read /proc/1/maps"),
    *_rows("EROFS", *(f"write in {each}/open" for each in probe.FOLDERS if each != "/home")),
    *_rows("EACCES ENOENT", "write in /home/open"),
    *_rows("EROFS EACCES", "write in /dev/shm", "write in /run/lock"),
    *_rows("EROFS", "write in /var/lib/doorcheck/generations", "write in /var/lib/doorcheck/inbox"),
    *_rows("EROFS EACCES", "write in /etc/doorcheck", "write in /opt/doorcheck"),
    *_rows("EROFS EACCES", "write in /opt/doorcheck/current"),
    *_rows("EROFS EACCES ENOENT", "write /proc/sys/kernel/core_pattern", "write /sys/power/state"),
    *_rows("EROFS EACCES ENOENT", "write /proc/sysrq-trigger"),
    *_rows("ESRCH", "see another user's process"),
    *_rows(DENIED, "signal process 1", "trace a process"),
    *_rows("EPERM EACCES", "the door's memory, by process_vm_readv", "the door's memory, by /proc"),
    *_rows("EAGAIN", "a hundred processes"),
    *_rows(DENIED, "mount", "bind mount", "fsopen", "chroot", "join a namespace"),
    *_rows(DENIED, "pivot_root", outside="EINVAL"),
    *_rows(DENIED, *(f"a new {name} namespace" for name in probe.NAMESPACES)),
    *_rows(DENIED, "setuid 0", "setgid 0", "setgroups", "fanotify", "kernel's log", "userfaultfd"),
    *_rows(DENIED, "finit_module", outside="EBADF"),
    *_rows(DENIED, "delete_module", "swapon", "acct", outside="ENOENT"),
    *_rows(DENIED, "reboot", outside="EINVAL"),
    *_rows(DENIED, "open_by_handle_at", outside="EFAULT"),
    *_rows(DENIED, "personality", "set the clock", "set the host's name", "real-time priority"),
    *_rows(DENIED, "a higher priority", "a BPF map", "a performance counter"),
    *_rows(DENIED, "a setuid program", "make a setuid file"),
    *_rows("SIGSYS", "a 32-bit program"),
    *_rows("EACCES EPERM", "memory to write and run", "memory written, then run", "shared memory to run"),
)
WORKS: Final = (
    *("a local socket", "a netlink socket", "device gpiochip0", "device udmabuf", "device null"),
    *("device urandom", "read /etc/doorcheck/door.toml", "read /var/lib/doorcheck/current/trust.dctl"),
    *("read /proc/cpuinfo", "write in /var/lib/doorcheck", "write in /run/doorcheck", "write in /tmp"),
    *("write in /var/cache/doorcheck", "start a program", "memory to write"),
)
"""What a door needs: a probe that is refused everything proves nothing either."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What the probe told, from outside as root, from outside as the door's user, and from inside."""

    root: dict[str, str]
    user: dict[str, str]
    inside: dict[str, str]
    status: str


@pytest.fixture(scope="module")
def probed(door: VirtualPi) -> Iterator[Probed]:
    """The probe's three runs; everything that they need is taken away again."""
    door.put(Path(probe.__file__), "/usr/local/open")
    door.put(SYSCTL, "/usr/local/open")
    folders = " ".join(f"{each}/open" for each in (*probe.FOLDERS, "/dev"))
    door.ssh(
        f"""sudo sh -euc '
        chmod 755 /usr/local/open && install -m 4755 /usr/bin/id /usr/local/open/id
        install -d -m 1777 {folders} && chmod 755 /home && echo open >/home/open/file
        echo open >/tmp/open-file && chmod 644 /home/open/file /tmp/open-file
        sysctl --quiet --load=/usr/local/open/60-doorcheck.conf
        modprobe -a loop tun fuse 2>/dev/null || true
        for node in {" ".join(probe.NODES)}; do
            path=/dev/$node; [ -e $path ] || path=/dev/net/$node
            kind=c; [ ! -b $path ] || kind=b
            mknod -m 666 /dev/open/$node $kind $(stat -c "0x%t 0x%T" $path)
        done'"""
    )
    try:
        root = _answer(door.ssh(f"sudo PROBE_DOOR_PID={DOOR} python3 -I {PROGRAM}", timeout_s=900).out)
        user = "setpriv --reuid doorcheck --regid doorcheck --init-groups env PROBE_DOOR_PID"
        outside = _answer(door.ssh(f"sudo {user}={DOOR} python3 -I {PROGRAM}", timeout_s=900).out)
        inside = _answer(_behind_the_walls(door))
        yield Probed(root["results"], outside["results"], inside["results"], inside["status"])
    finally:
        door.ssh(
            f"""sudo sh -c '
            umount /mnt; umount /mnt; rm -rf {folders} /tmp/open-file {ANSWER}
            rm -f /run/systemd/system/{COPY}; systemctl daemon-reload'""",
            check=False,
        )


def _answer(text: str) -> dict[str, Any]:
    return dict(json.loads(text))


def _behind_the_walls(door: VirtualPi) -> str:
    """Run the probe in the unit's copy; what it wrote."""
    text = copy_of(door.ssh(f"systemctl cat {UNIT}").out)
    door.ssh(f"sudo tee /run/systemd/system/{COPY} >/dev/null", input=text)
    door.ssh(
        f"sudo sh -euc 'echo Environment=PROBE_DOOR_PID={DOOR} >>/run/systemd/system/{COPY}; "
        f"systemctl daemon-reload; systemctl start {COPY}'",
        timeout_s=900,
    )
    return door.ssh(f"sudo cat {ANSWER}").out


def copy_of(text: str) -> str:
    """The unit of that text, with the probe in the place of the door."""
    lines, section = ["[Service]"], ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and line and not line.startswith((*NOT_A_WALL, "#")):
            lines.append(line)
    return "\n".join(lines) + "\n" + INSTEAD


def test_the_copy_has_the_doors_walls(door: VirtualPi, probed: Probed) -> None:
    """Every property of the walls has the same value in both units, by systemd and by the kernel."""
    theirs, ours = (_properties(door, unit) for unit in (UNIT, COPY))
    unlike = {name: (theirs.get(name), ours.get(name)) for name in theirs.keys() | ours.keys()}
    assert not {name: pair for name, pair in unlike.items() if pair[0] != pair[1]}
    assert theirs["PrivateNetwork"] == "yes"
    assert len(theirs) > 80
    running = _status(door.ssh(f"sudo cat /proc/{DOOR}/status").out)
    assert running == _status(probed.status)
    assert {running[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (running["NoNewPrivs"], running["Seccomp"]) == ("1", "2")


@pytest.mark.parametrize("part", ["decoder", "guardian"])
def test_its_other_processes_stand_behind_the_same_walls(door: VirtualPi, probed: Probed, part: str) -> None:
    """What looks at visitors' codes, and what holds the pins, has what the door has, and its name spaces."""
    child = f"$(pgrep -P {DOOR} -f edge.{part})"
    assert _status(door.ssh(f"sudo cat /proc/{child}/status").out) == _status(probed.status)
    command = "sudo sh -c 'for each in cgroup ipc mnt net uts; do readlink /proc/PID/ns/$each; done'"
    parent, own, first = (door.ssh(command.replace("PID", pid)).out.split() for pid in (DOOR, child, "1"))
    assert parent == own
    assert {a.split(":")[0] for a, b in zip(parent, first, strict=True) if a != b} >= {"ipc", "mnt", "net"}


def test_what_the_unit_refuses_is_refused(probed: Probed, figure: Figures) -> None:
    """Each attempt fails behind the walls with the error that the table names; outside, root's succeeds."""
    (artefacts() / "hardening.txt").write_text(table(probed))
    unlike = [row.name for row in REFUSED if probed.inside[row.name] not in row.inside]
    assert not unlike, f"not refused as they should be: { {name: probed.inside[name] for name in unlike} }"
    vain = {row.name: probed.root[row.name] for row in REFUSED if probed.root[row.name] != row.outside}
    assert not vain, f"these fail for root outside of the walls too, and prove nothing: {vain}"
    broken = {name: probed.inside[name] for name in WORKS if probed.inside[name] != "done"}
    assert not broken, f"a door needs these: {broken}"
    only = [row.name for row in REFUSED if probed.user[row.name] not in row.inside]
    figure("hardening: attempts refused", f"{len(REFUSED)}, {len(only)} of them by the unit alone")
    figure("  works, as it must", str(len(WORKS)))


def table(probed: Probed) -> str:
    """Each attempt with its three ends."""
    lines = [f"{'attempt':<44}{'root, outside':<16}{'door, outside':<16}inside"]
    for name in probed.inside:
        ends = f"{probed.root[name]:<16}{probed.user[name]:<16}{probed.inside[name]}"
        lines.append(f"{name:<44}{ends}")
    return "\n".join(lines) + "\n"


def _properties(door: VirtualPi, unit: str) -> dict[str, str]:
    """What systemd says of a unit, without what is its own."""
    pairs = (line.split("=", 1) for line in door.ssh(f"systemctl show {unit}").out.splitlines())
    return {
        name: " ".join(sorted(value.split()))
        for name, value in pairs
        if name in LIMITS
        or not (name in ITS_OWN or name.startswith(ITS_OWN_KINDS) or name.endswith(ITS_OWN_ENDS))
    }


def _status(text: str) -> dict[str, str]:
    """The walls, as /proc shows them of a process."""
    wanted = (
        "Uid",
        "Gid",
        "Groups",
        "CapInh",
        "CapPrm",
        "CapEff",
        "CapBnd",
        "CapAmb",
        "NoNewPrivs",
        "Seccomp",
    )
    pairs = (line.split(":", 1) for line in text.splitlines())
    return {name: " ".join(value.split()) for name, value in pairs if name.startswith(wanted)}
