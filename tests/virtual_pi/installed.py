"""A virtual Pi with the door installed and enrolled, made once a day for each state of the checkout."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Final

from tests.virtual_pi.image import HERE, Image, Tell, cache
from tests.virtual_pi.machine import VirtualPi
from tests.virtual_pi.provision import Office, provision
from tests.virtual_pi.restarting import RestartingPi
from tests.virtual_pi.venue import Venue

INPUTS: Final = ("device/doorcheck", "systemd", "firmware_config", "deploy", "tests/virtual_pi/provision.py")
NOT_INPUTS: Final = ("cache", "deploy/.state", "deploy/inventory", "deploy/runbooks", "deploy/report")


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

    @property
    def log(self) -> str:
        """What `deploy/fleet provision` said, and in its last line how long it took."""
        return (self.folder / "provision.log").read_text()


def installed(image: Image, tell: Tell) -> Installed:
    """The door on that image, from the present checkout."""
    folder = cache() / f"door-{_key(image)}"
    if not folder.is_dir():
        tell("provisioning the door with deploy/fleet, over SSH: a quarter of an hour")
        with tempfile.TemporaryDirectory(dir=cache(), prefix="making-") as making:
            _make(image, Path(making) / "door", tell)
            (Path(making) / "door").rename(folder)
    return Installed(folder, image)


def _make(image: Image, folder: Path, tell: Tell) -> None:
    venue = Venue(folder / "venue", _today())
    pi = RestartingPi(image, folder)
    office = Office(pi, venue.repository, folder / "office")
    try:
        pi.boot()
        venue.open()
        tell(f"  SSH after {pi.await_ssh():.0f} s")
        done = provision(pi, office, tell)
        (folder / "provision.log").write_text(f"{done.said}\n{done.took_s:.0f} s\n")
        pi.shut_down()
    finally:
        pi.close()
    shutil.rmtree(folder / "office")
    for name in ("memory", "lens", "monitor", "base.dtb", "board.dtb", "known_hosts"):
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
            relative = str(path.relative_to(checkout))
            if path.is_file() and not any(each in relative for each in NOT_INPUTS):
                digest.update(relative.encode() + path.read_bytes())
    return digest.hexdigest()[:16]
