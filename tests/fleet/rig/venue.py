"""Real doors on test hosts: shown a pass, asked what they are, spoken to through their accounts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from tests.fleet.rig import container, disk, keys
from tests.fleet.rig.fleet import Fleet
from tests.fleet.rig.office import Done, Office, end_group, finish

CAMERA: Final = "srv/camera"
WITHIN_S: Final = 60.0
AS_THE_DOOR: Final = ("setpriv", "--reuid=doorcheck", "--regid=doorcheck", "--init-groups")
PYTHON: Final = "/opt/doorcheck/current/bin/python"
PROGRAM: Final = "/opt/doorcheck/current/bin/doorcheck"
JUDGE: Final = """\
import sys
from datetime import UTC, datetime
from pathlib import Path
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.core.verify import verify
from doorcheck.update.worlds import Worlds
world = Worlds(Path("/var/lib/doorcheck")).current()
shown = Symbol(SymbolFormat.QR, sys.stdin.buffer.read())
print(verify(shown, world, Moment(datetime.now(UTC), Basis.OPERATOR)).reason.outcome.value)
"""
T = TypeVar("T")


class LateError(Exception):
    """Something that was waited for did not come; the text says what."""


def wait_for(look: Callable[[], T | None], what: str, within_s: float = WITHIN_S, every_s: float = 0.3) -> T:
    """Look until there is something to see. Raises `LateError`."""
    deadline = time.monotonic() + within_s
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise LateError(f"{what}: not within {within_s:.0f} s")
        time.sleep(every_s)


@dataclass(frozen=True, slots=True)
class Venue:
    """Doors on full hosts, and the office that runs them."""

    hosts: Fleet
    office: Office

    @property
    def doors(self) -> list[str]:
        """Their names."""
        return list(self.hosts.full)

    @property
    def inventory(self) -> Path:
        """What the office calls them by."""
        return self.hosts.places.inventory

    def furnish(self, wheelhouse: Path) -> None:
        """Put a picture before each camera, and what Ansible must know into the inventory."""
        for door in self.doors:
            self.show(door, b"no pass at all")
        # Few frames: all doors share this computer's processors.
        camera = {"kind": "pictures", "device": f"/{CAMERA}", "full_fps": 5, "idle_fps": 1}
        variables = {
            "doorcheck_repo": str(self.office.repo),
            "doorcheck_wheelhouse": str(wheelhouse),
            "doorcheck_probation_s": 20,
            "doorcheck_daily_passphrase_file": str(self.office.secret("daily")),
            "doorcheck_settings_fleet": {"camera": camera, "panel": {"kind": "none"}},
            "doorcheck_canaries": self.doors[:1],
        }
        path = self.inventory.parent / "group_vars" / "doors.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(variables, indent=2) + "\n")

    def fleet(self, command: str, *words: str) -> Done:
        """`deploy/fleet` on the doors, or on some of them (`--limit`)."""
        limit = () if "--limit" in words else ("--limit", "doors")
        return self.office.fleet(self.inventory, command, *limit, *words)

    def path(self, door: str, inside: str) -> Path:
        """A file of a door's, as this computer sees it."""
        return disk.folder(self.hosts.places, door) / "root" / inside

    def show(self, door: str, text: bytes) -> None:
        """Put one code before a door's camera, in place of what was there."""
        folder = self.path(door, CAMERA)
        folder.mkdir(parents=True, exist_ok=True)
        picture = self.office.picture(text, "shown")
        _copied(picture, folder.parent / "next.png").replace(folder / "shown.png")

    def verdict(self, door: str, text: bytes) -> str:
        """What a door makes of a pass, by its own program and the lists that its service judges by.

        A door tells its decisions by its lamps alone, and counts them in quarters of an hour; so
        the same program is asked beside it, once the service says that it took what is installed.
        Raises `LateError`.
        """
        wait_for(lambda: self._took_what_is_installed(door), f"{door}'s service and its new lists")
        words = (*AS_THE_DOOR, PYTHON, "-I", "-c", JUDGE)
        done = finish(container.inside(self.hosts.places, door, *words), dict(os.environ), feed=text)
        return done.said.strip()

    def _took_what_is_installed(self, door: str) -> bool:
        told = self.report(door)
        status, update = told["status"] or {}, told["update"] or {}
        return bool(status.get("generation")) and status["generation"] == update.get("generation")

    def report(self, door: str) -> dict[str, Any]:
        """What the status account says."""
        done = self.ssh(door, "status", "status")
        if done.code != 0:
            raise LateError(f"{door} does not report: {done}")
        return dict(json.loads(done.said))

    def ssh(self, door: str, key: str, *words: str, account: str | None = None) -> Done:
        """A command over SSH, by one of the office's keys."""
        where = self.hosts.places
        user = account or {"admin": "pi"}.get(key, f"doorcheck-{key}")
        options = [*keys.ssh_options(where), "-o", "ConnectTimeout=5", "-o", "LogLevel=ERROR"]
        target = f"{user}@{self.hosts.address(door)}"
        return self.office.finish(["ssh", *options, "-i", str(where.keys / key), target, *words])

    def inside(self, door: str, *words: str) -> Done:
        """A command within a door, as root, without the network."""
        return finish(container.inside(self.hosts.places, door, *words), dict(os.environ))

    def start(self, command: str, *words: str) -> subprocess.Popen[bytes]:
        """`deploy/fleet`, not waited for."""
        return subprocess.Popen(
            self.office.fleet_words(self.inventory, command, *words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.office.environment(),
            start_new_session=True,
        )


def interrupt(process: subprocess.Popen[bytes]) -> None:
    """End a command as Ctrl-C does, and wait until all of it is gone."""
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.communicate(timeout=WITHIN_S)
    finally:
        end_group(process)


def _copied(source: Path, target: Path) -> Path:
    target.write_bytes(source.read_bytes())
    return target
