"""A virtual Pi with the door installed and enrolled, made once a day for each state of the checkout."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Final

from tests.virtual_pi import provision
from tests.virtual_pi.image import HERE, Image, Tell, cache
from tests.virtual_pi.machine import VirtualPi
from tests.virtual_pi.venue import Venue

INPUTS: Final = ("device/doorcheck", "systemd", "firmware_config/etc", "tests/virtual_pi/provision.py")


@dataclass(frozen=True, slots=True)
class Installed:
    """A disk, and the operator's folder that goes with it."""

    folder: Path
    image: Image

    @property
    def disk(self) -> Path:
        """An overlay on the image's disk."""
        return self.folder / "disk.qcow2"

    def machine(self, folder: Path) -> VirtualPi:
        """A machine of its own on a copy of that disk."""
        return VirtualPi(self.image, folder, base=self.disk)

    def venue(self, folder: Path) -> Venue:
        """The operator of that door, in a copy of the folder."""
        shutil.copytree(self.folder / "venue", folder)
        return Venue(folder, _today())


def installed(image: Image, tell: Tell) -> Installed:
    """The door on that image, from the present checkout."""
    folder = cache() / f"door-{_key(image)}"
    if not folder.is_dir():
        tell("installing the door, over SSH: some minutes")
        with tempfile.TemporaryDirectory(dir=cache(), prefix="making-") as making:
            _make(image, Path(making) / "door", tell)
            (Path(making) / "door").rename(folder)
    return Installed(folder, image)


def _make(image: Image, folder: Path, tell: Tell) -> None:
    venue = Venue(folder / "venue", _today())
    pi = VirtualPi(image, folder)
    try:
        pi.boot()
        venue.open()
        tell(f"  SSH after {pi.await_ssh():.0f} s")
        provision.install(pi)
        provision.enrol(pi, venue.repository / "for-devices")
        provision.push(pi, venue.public)
        pi.ssh(
            "sudo systemctl start doorcheck-update.path && sudo systemctl start doorcheck-update.service",
            timeout_s=600,
        )
        pi.shut_down()
    finally:
        pi.close()
    for name in ("memory", "lens", "monitor", "base.dtb", "board.dtb"):
        (folder / name).unlink(missing_ok=True)


def _today() -> datetime:
    """Midnight of this day: the instant at which the venue's authority was made."""
    return datetime.combine(datetime.now(UTC).date(), time(), UTC)


def _key(image: Image) -> str:
    digest = hashlib.sha256(f"{image.folder.name} {_today()}".encode())
    checkout = HERE.parents[1]
    for name in INPUTS:
        top = checkout / name
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and "cache" not in str(path.relative_to(checkout)):
                digest.update(str(path.relative_to(checkout)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]
