"""A door and the repository that it was enrolled with; a pass leaks between two publications."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.update.simulator import Files, Repository, push

from doorcheck.core.denylist import entries
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.core.verdict import Reason
from doorcheck.core.verify import open_with_claims, verify
from doorcheck.core.world import World
from doorcheck.edge.disk import Disk
from doorcheck.edge.rulefiles import SHIPPED
from doorcheck.lab.bench import Bench
from doorcheck.update import install
from doorcheck.update.enrolment import enrol
from doorcheck.update.installation import Installed
from doorcheck.update.state import State
from doorcheck.update.worlds import Worlds

AT = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY = b"the deny key of the test fleet!!"
BENCH = Bench(AT, seed="fleet")
LEAKED = Symbol(SymbolFormat.QR, BENCH.draft.text())
FILLER = [hashlib.sha256(b"%d" % number).digest()[:16] for number in range(50)]
PROFILE = {
    f"profile/{path.relative_to(SHIPPED / 'signature-only')}": path.read_bytes()
    for path in sorted((SHIPPED / "signature-only").rglob("*.json"))
}
SETTINGS = b"[freshness]\nageing_hours = 48\n"


def leaked_entries() -> list[bytes]:
    """What an operator puts on the deny list for the leaked pass."""
    opened = open_with_claims(LEAKED, BENCH.world, BENCH.moment)
    return [hashed for _, hashed in entries(opened)]


class QuickDisk(Disk):
    """The real disk, but nothing waits for it."""

    def _flush(self, handle: int) -> None:
        """Only see that it is open."""
        os.fstat(handle)


class Fleet:
    """One door of it. `now` is what its clock shows; every push goes to a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = AT
        self.disk: Disk = QuickDisk()
        self.repository = Repository(AT)
        self.repository.contents = {
            "trust.dctl": BENCH.world.trust.dump() if BENCH.world.trust else b"",
            "settings.toml": SETTINGS,
            **PROFILE,
        }
        self.deny(FILLER)
        self.repository.date(AT)
        self.state = State(folder / "box" / "state")
        self.state.path.parent.mkdir()
        self.first: Files = {}
        self.before: dict[str, str] = {}
        self._pushed = 0
        self.enrol(self.repository)

    @property
    def box(self) -> Path:
        """The folder that holds the door's, and nothing else."""
        return self.state.path.parent

    # The operator

    def deny(self, digests: Iterable[bytes], key: bytes = KEY) -> None:
        """Publish that deny list from now on."""
        self.repository.deny(digests, key)

    def for_devices(self, repository: Repository, key: bytes = KEY, root: int = -1) -> Path:
        """A folder with what a door is enrolled with."""
        folder = self.folder / f"for-devices-{len(list(self.folder.iterdir()))}"
        return push({"root.json": repository.roots[root], "deny.key": key}, folder)

    def begin(self) -> None:
        """Publish and install the first one."""
        self.first = self.repository.publish()
        self.update(self.first)

    def push(self, files: Files) -> Path:
        """A directory with those files."""
        self._pushed += 1
        return push(files, self.folder / f"pushed-{self._pushed}")

    def leak(self, more: Iterable[bytes] = (), key: bytes = KEY) -> None:
        """An hour later: the pass is listed, and perhaps others."""
        self.now += HOUR
        others = [hashlib.sha256(one).digest()[:16] for one in more]
        self.deny([*FILLER, *leaked_entries(), *others], key)
        self.repository.date(self.now)

    # The door

    def enrol(self, repository: Repository) -> None:
        """Pin the newest root."""
        enrol(self.state, self.for_devices(repository), self.disk)

    def moment(self) -> Moment:
        """What the door's clock shows, a minute after the operator's."""
        return Moment(self.now + timedelta(minutes=1), Basis.NETWORK)

    def update(self, pushed: Path | Files, moment: Moment | None = None) -> Installed:
        """Install; `before` is what the folder was like."""
        folder = self.push(pushed) if isinstance(pushed, dict) else pushed
        self.before = self.print()
        return install.update(self.state, folder, moment or self.moment(), disk=self.disk)

    def back(self) -> Installed:
        """Go back."""
        return install.back(self.state, self.moment(), disk=self.disk)

    def world(self) -> World:
        """The world of a door that starts now, in good order."""
        worlds = Worlds(self.state.path)
        assert worlds.condition is None
        return worlds.current()

    def verdict(self) -> Reason:
        """What a door that starts now says to the leaked pass."""
        return verify(LEAKED, self.world(), self.moment()).reason

    def print(self) -> dict[str, str]:
        """Every path of the door's folder and what it is: the same when nothing was changed."""
        return {str(path.relative_to(self.state.path)): _print(path) for path in self.state.path.rglob("*")}


def _print(path: Path) -> str:
    if path.is_symlink():
        return f"-> {path.readlink()}"
    return "/" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
