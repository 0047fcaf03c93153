"""A host's disk: what it writes, as a layer over the shared root; full hosts have a real, small one."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.fleet.rig.machine import RigError, attempt, call, tell
from tests.fleet.rig.places import Places

FULL_DISK_MB: Final = 1500
"""Two releases, and room; sparse, so that only what is written costs space."""


def folder(places: Places, host: str) -> Path:
    """All that is kept of a host."""
    return places.run / "hosts" / host


def make(places: Places, host: str, *, own_disk: bool) -> Path:
    """Make the host's disk, and give the folder that its layer is in."""
    disk = folder(places, host) / "disk"
    disk.mkdir(parents=True)
    if own_disk:
        image = folder(places, host) / "disk.img"
        with image.open("wb") as file:
            os.truncate(file.fileno(), FULL_DISK_MB << 20)
        call(("mkfs.ext4", "-q", "-m", "0", image))
        attach(image, disk)
    for name in ("upper", "work"):
        (disk / name).mkdir()
    return disk


def attach(image: Path, disk: Path) -> None:
    """Mount a disk's image; where there are no loop devices, memory of the same size, and say so."""
    done = attempt(("mount", "-o", "loop,discard", image, disk))
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        tell(f"mount -o loop was refused here ({said}): {disk.parent.name} has a disk in memory instead")
        call(("mount", "-t", "tmpfs", "-o", f"size={FULL_DISK_MB}m", "tmpfs", disk))


def assemble(places: Places, host: str, layers: Sequence[str]) -> Path:
    """Mount the host's root: its layer over the shared ones, topmost first."""
    root, disk = folder(places, host) / "root", folder(places, host) / "disk"
    root.mkdir(exist_ok=True)
    if not root.is_mount():
        lower = ":".join(layers)
        options = f"lowerdir={lower},upperdir={disk / 'upper'},workdir={disk / 'work'}"
        call(("mount", "-t", "overlay", "-o", options, "overlay", root))
    return root


def fill(places: Places, host: str) -> int:
    """Fill the host's own disk to the last byte; gives the bytes that were free.

    Raises `RigError`: a light host, whose layer lies on this machine's disk.
    """
    disk = folder(places, host) / "disk"
    if not disk.is_mount():
        raise RigError(f"{host} has no disk of its own, only full hosts have: it would fill this machine's")
    before = os.statvfs(disk)
    for chunk in (1 << 20, 4096):
        with (disk / "filled").open("ab") as file:
            grow(file.fileno(), chunk)
    return before.f_bavail * before.f_frsize


def grow(fd: int, chunk: int) -> None:
    """Write until the disk says that it is full."""
    zeros = memoryview(bytes(chunk))
    try:
        while os.write(fd, zeros):
            pass
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


def free(places: Places, host: str) -> None:
    """Give back what `fill` took."""
    (folder(places, host) / "disk" / "filled").unlink(missing_ok=True)


def unmount_all(places: Places) -> None:
    """Unmount everything under the fleet's folder, innermost first, also after a crash."""
    under = f"{places.run}/"
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((path for path in mounts if path.startswith(under)), reverse=True):
        call(("umount", mount))
