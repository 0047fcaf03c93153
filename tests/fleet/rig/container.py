"""One host as a container: started by systemd-nspawn in a control group of its own, killed through it."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import subprocess
import time
from pathlib import Path
from typing import Final

from tests.fleet.rig.lan import namespace
from tests.fleet.rig.machine import RigError, call
from tests.fleet.rig.places import NETNS, Places

GONE_WITHIN_S: Final = 10.0
THERE_WITHIN_S: Final = 30.0
RESTARTED: Final = 133


def groups(places: Places, host: str) -> list[Path]:
    """The host's control groups; the first is where it is killed."""
    return [group / host for group in places.cgroup]


def enter(group: Path) -> str:
    """Shell words that put the calling process into a control group."""
    return f"mkdir -p {shlex.quote(str(group))} && echo $$ >{shlex.quote(str(group / 'cgroup.procs'))}"


def nspawn(root: Path, *words: str) -> list[str]:
    """systemd-nspawn on a folder, unknown to this machine's own systemd, if it has one."""
    fixed = ("--quiet", "--register=no", "--keep-unit", "--link-journal=no", "--timezone=off")
    return ["systemd-nspawn", *fixed, f"--directory={root}", *words]


def start(places: Places, host: str, root: Path, console: Path, *words: str) -> None:
    """Start the host, and wait until its process 1 is there.

    `words` end nspawn's command line (`--boot`, or a command). Raises `RigError` when it isn't there in time.
    """
    argv = nspawn(
        root,
        f"--machine={host}",
        "--resolv-conf=off",
        "--console=read-only",
        f"--network-namespace-path={NETNS / namespace(places, host)}",
        # Services with a network of their own (PrivateNetwork=) bring its loopback up.
        "--capability=CAP_NET_ADMIN",
        *words,
    )
    steps = [enter(group) for group in groups(places, host)]
    # systemd 257 wants the unified hierarchy, also where the machine has both. nspawn ends with
    # RESTARTED when the host restarts itself, and leaves it to its caller to begin again.
    steps.append("export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_LOCK=0")
    steps.append(f"while {shlex.join(argv)}; [ $? -eq {RESTARTED} ]; do :; done")
    with console.open("ab") as log:
        # --fork: it belongs to nobody who could wait for it, and lives on.
        subprocess.run(
            ("/usr/bin/setsid", "--fork", "/bin/sh", "-c", " && ".join(steps)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=True,
        )
    # Who is switched off while it is still on its way would not be found.
    deadline = time.monotonic() + THERE_WITHIN_S
    while leader(places, host) is None:
        if time.monotonic() > deadline:
            said = console.read_text(errors="replace")[-1500:]
            raise RigError(f"{host} did not start within {THERE_WITHIN_S:.0f} s; systemd-nspawn says: {said}")
        time.sleep(0.02)


def run_in(places: Places, root: Path, script: str, *binds: str) -> str:
    """Run a shell script inside a root that is not started, and give what it printed."""
    argv = nspawn(root, *binds, "--resolv-conf=off", "--pipe", "--", "/bin/sh", "-euc", script)
    steps = [enter(group) for group in groups(places, "making")]
    return call(("sh", "-c", " && ".join([*steps, f"exec {shlex.join(argv)}"])))


def members(places: Places, host: str) -> list[int]:
    """All processes of the host, by their numbers on this machine."""
    found: list[int] = []
    # Groups come and go meanwhile; os.walk passes over what went.
    for folder, _, _ in os.walk(groups(places, host)[0]):
        with contextlib.suppress(OSError):
            found += [int(word) for word in Path(folder, "cgroup.procs").read_text().split()]
    return found


def leader(places: Places, host: str) -> int | None:
    """The host's process 1, or None when it is off."""
    for pid in members(places, host):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        numbers = next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
        if len(numbers) == 2 and numbers[1] == "1":
            return pid
    return None


def inside(places: Places, host: str, *words: str) -> list[str]:
    """The command line that runs a command within the running host.

    Raises `RigError`: the host is off.
    """
    pid = leader(places, host)
    if pid is None:
        raise RigError(f"{host} is off; `hosts on {host}` starts it")
    spaces = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd")
    clean = (
        "env",
        "-i",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME=/root",
        "TERM=dumb",
    )
    return ["nsenter", f"--target={pid}", *spaces, *clean, *words]


def kill(places: Places, host: str) -> None:
    """Cut the power: every process of the host dies at once, nothing is told to end."""
    group = groups(places, host)[0]
    if group.is_dir():
        (group / "cgroup.kill").write_text("1")
    deadline = time.monotonic() + GONE_WITHIN_S
    while members(places, host) or not forget(places, host):
        if time.monotonic() > deadline:
            raise RigError(f"{host}: processes {members(places, host)} survive SIGKILL; see /proc/PID/stack")
        time.sleep(0.02)


def forget(places: Places, host: str) -> bool:
    """Remove the host's empty control groups; False while one is still in use.

    They may not be used again: in a group that was killed once, Linux (6.18) also kills what is
    later cloned into a group below it.
    """
    for group in groups(places, host):
        for folder, _, _ in os.walk(group, topdown=False):
            try:
                Path(folder).rmdir()
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
                return False
    return True
