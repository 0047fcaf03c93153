"""A box with releases, as tests want it: a root of its own, wheels that are made here, a door that is played.

`PlayedDoor` stands in for systemd and the door: what a release does once it is started is in a
table, and time passes only when somebody waits.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from releasing import outcome, taking, trying
from releasing.box import Box
from releasing.disk import Disk
from releasing.door import SERVICE, TRY, WATCH, Systemd
from releasing.places import Places
from releasing.wheels import Base

OLD, NEW, NEWER = "0.6.0", "0.7.0", "0.8.0"
MACHINE = "aarch64"
BASE = Base(Path("/usr/bin/python3.13"), "3.13.5")
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
STATE = "var/lib/doorcheck"


@dataclass(frozen=True)
class Conduct:
    """What a release does when it is started; times are seconds after its start."""

    loads: bool = True
    ready_s: float = 3.0
    restarts_s: float | None = None
    fails_s: float | None = None
    version: str | None = None
    state: str = "judging"
    conditions: tuple[str, ...] = ()


GOOD = Conduct()


class PlayedDoor(Systemd):
    """systemd and the door, on a clock of their own."""

    def __init__(self, places: Places, conducts: Mapping[str, Conduct] | None = None) -> None:
        self.places = places
        self.conducts = dict(conducts or {})
        self.now = 1000.0
        self.version: str | None = None
        self.started = self.now
        self.stopped = False
        self.watched = False
        self.calls: list[tuple[str, ...]] = []

    def now_s(self) -> float:
        """The monotonic clock."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    def conduct(self) -> Conduct:
        """That of the release that runs."""
        return self.conducts.get(self.version or "", GOOD)

    def start(self) -> None:
        """As at boot, or after `restart`: whatever the link names."""
        self.version, self.started, self.stopped = self.places.version(self.places.current), self.now, False

    def call(self, *words: str) -> tuple[int, str]:
        """What systemctl would do and say."""
        self.calls.append(words)
        match words:
            case ("restart", *_, unit) if unit == SERVICE:
                self.start()
            case ("start", *_, unit) if unit == WATCH:
                self.watched = True
            case ("stop", *_, unit) if unit == WATCH:
                self.watched = False
            case ("start", unit) if unit.startswith(TRY.partition("{")[0]):
                loads = self.conducts.get(unit[len(TRY.partition("{")[0]) : -len(".service")], GOOD).loads
                return (0, "") if loads else (1, "Job failed.")
            case ("show", *_):
                return 0, self.shown()
        return 0, ""

    def shown(self) -> str:
        """How it is; its report is written on the way."""
        conduct, age = self.conduct(), self.now - self.started
        restarts = 0 if conduct.restarts_s is None or age < conduct.restarts_s else 1
        active = "active" if age >= conduct.ready_s and not restarts else "activating"
        if self.stopped or self.version is None:
            active = "inactive"
        if conduct.fails_s is not None and age >= conduct.fails_s:
            active = "failed"
        if active == "active":
            self.report(conduct)
        return f"ActiveState={active}\nResult=success\nNRestarts={restarts}"

    def report(self, conduct: Conduct) -> None:
        """What the running door writes."""
        told = {
            "version": conduct.version or self.version,
            "state": conduct.state,
            "at_ms": int(self.now * 1000),
            "conditions": list(conduct.conditions),
        }
        self.places.report.write_text(json.dumps(told))


def wheel(files: Mapping[str, bytes | str]) -> bytes:
    """An archive with those files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return stream.getvalue()


def own(version: str) -> bytes:
    """The program's wheel of that version, as small as it can be."""
    return wheel({"doorcheck/__init__.py": f'__version__ = "{version}"\n', "doorcheck/cli.py": "x = 1\n"})


@dataclass
class Yard:
    """One box. `wheels` are what was pushed; `signed` is what its publication names."""

    root: Path
    conducts: dict[str, Conduct] = field(default_factory=dict)
    disk: Disk = field(default_factory=Disk)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.places = Places(self.root)
        self.door = PlayedDoor(self.places, self.conducts)

    @classmethod
    def make(cls, root: Path, run: Path) -> Yard:
        """A box with one release, its door running."""
        run.mkdir()
        for inside in ("opt/doorcheck/releases", f"{STATE}/generations/1", f"{STATE}/inbox/wheels", "first"):
            (root / inside).mkdir(parents=True)
        (root / "run").symlink_to(run)
        (run / "doorcheck").mkdir()
        yard = cls(root)
        yard.places.kept.mkdir()
        (root / STATE / "current").symlink_to("generations/1")
        yard.bring(OLD)
        (root / "first/release.json").write_bytes(yard.sign(OLD))
        for path in yard.places.wheels.iterdir():
            (root / "first" / path.name).write_bytes(path.read_bytes())
        assert taking.first(yard.box(), root / "first")
        yard.door.start()
        yard.door.sleep(60)
        yard.door.shown()
        return yard

    def box(self) -> Box:
        """A process on it: nothing but the disk outlives one."""
        return Box(
            self.places,
            MACHINE,
            BASE,
            self.disk,
            self.door,
            self.told.append,
            self.door.now_s,
            lambda: AT,
            self.door.sleep,
        )

    def bring(self, version: str, data: bytes | None = None) -> Path:
        """Push a wheel of the program."""
        path = self.places.wheels / f"doorcheck-{version}-py3-none-any.whl"
        path.write_bytes(own(version) if data is None else data)
        return path

    def sign(self, version: str, /, **changes: Any) -> bytes:
        """Name that release in the installed publication, by the wheels that lie in the inbox."""
        mine = [path for path in self.places.wheels.iterdir() if self.belongs(path, version)]
        listed = [
            {"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
            for path in sorted(mine)
        ]
        told = {
            "format": 1,
            "version": version,
            "python": "3.13",
            "wheels": {MACHINE: listed},
            **changes,
        }
        data = json.dumps(told).encode()
        (self.root / STATE / "generations/1/release.json").write_bytes(data)
        return data

    @staticmethod
    def belongs(path: Path, version: str) -> bool:
        """Whether a wheel is of that release: other packages' are of any."""
        return not path.name.startswith("doorcheck-") or path.name.startswith(f"doorcheck-{version}-")

    def offer(self, version: str, conduct: Conduct = GOOD) -> None:
        """Bring and sign a release that conducts itself like that."""
        self.conducts[version] = self.door.conducts[version] = conduct
        self.bring(version)
        self.sign(version)

    def reboot(self) -> None:
        """The power was away: the script first, then the door."""
        self.door = PlayedDoor(self.places, self.conducts)
        trying.boot(self.box())
        self.door.start()

    def until_over(self) -> None:
        """The timer's looks, until nothing is on trial; it must be on for that."""
        while self.places.probation.exists():
            assert self.door.watched, "nobody looks at the release on trial"
            self.door.sleep(10)
            trying.gate(self.box())

    @property
    def current(self) -> str | None:
        """Which release counts."""
        return self.places.version(self.places.current)

    @property
    def previous(self) -> str | None:
        """Which one would be gone back to."""
        return self.places.version(self.places.previous)

    @property
    def last(self) -> outcome.Last:
        """How the last attempt went."""
        found = outcome.read(self.places)
        assert found is not None
        return found

    def files(self, version: str) -> dict[str, bytes]:
        """Everything in a release's folder but links and its mark."""
        folder = self.places.releases / version
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and not path.is_symlink() and path.name != "release.json"
        }
