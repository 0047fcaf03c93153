"""The story of a leak: from the photograph in the papers to every door.

Operator and doors are the real commands, each in a process of its own; the doors' loops are
the real ones and run on while their lists are replaced. Only people, photograph and camera
are invented.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from doorcheck.core.session import Decision
from doorcheck.core.signals import Score
from doorcheck.core.verdict import Outcome, Reason
from doorcheck.daemon import Door
from doorcheck.edge.frame import Frame
from doorcheck.edge.reader import Reader
from doorcheck.lab import issuer, press
from doorcheck.lab.issuer import PEOPLE, Authority
from doorcheck.lab.press import Difficulty
from doorcheck.lab.reencoding import reencoded
from doorcheck.lab.scenes import HEIGHT, WIDTH, Prop, Scene, render
from doorcheck.lab.stage import FRAME_MS, PlayedCamera, StoryClock
from doorcheck.update.worlds import Worlds

DOORS = ("north door", "south door", "stage door")
OPERATOR = "Anna Muller"
HELD_FRAMES, AWAY_FRAMES = 5, 20
LATER_MS = 3_600_000
PASSPHRASES = ("root", "daily", "author")

INTRODUCTION = """\
A leaked pass, from its photograph to every door: the real commands, three simulated doors.
All people are invented; a test authority signed their passes.
"""

Tell = Callable[[str], None]


class StoryError(Exception):
    """The story went another way than it is told; the text says where."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step as it happened: what was done, how long it took, and what came of it."""

    words: str
    seconds: float
    results: dict[str, Any] = field(default_factory=dict)


class SimulatedDoor:
    """A door of the fleet: its state folder, its loop, and a camera that sees what it is shown."""

    def __init__(self, name: str, folder: Path, reader: Reader, start: datetime) -> None:
        self.name = name
        self.state = folder / "state"
        self.inbox = folder / "inbox"
        folder.mkdir()
        self.clock = StoryClock(start)
        self._frames: deque[Frame] = deque()
        self._heard: list[Reason] = []
        self._worlds = Worlds(self.state)
        camera = PlayedCamera(iter(self._frames.popleft, None), self.clock)
        lamps, world = _NoLamps(), self._worlds.current
        self._door = Door(camera, reader, self.clock, lamps, world, decided=self._hear)
        self._door.start()

    def show(self, payload: bytes) -> Reason:
        """Hold a code up and take it away; what the door decided, once."""
        self._heard.clear()
        held = render(Scene((Prop(payload, enters_ms=-2000, held_ms=60_000),)), 0).tobytes()
        for luma in (*[held] * HELD_FRAMES, *[_HALL] * AWAY_FRAMES):
            taken_ms = self.clock.now_ms() + FRAME_MS
            self._frames.append(Frame(memoryview(luma), WIDTH, HEIGHT, WIDTH, taken_ms))
            self._door.turn()
        if len(self._heard) != 1:
            said = ", ".join(reason.code for reason in self._heard) or "nothing"
            raise StoryError(f"{self.name} was shown one code and said {said}")
        return self._heard[0]

    def look(self) -> None:
        """Let the loop's lists be replaced now, not at the next second's look."""
        self._worlds.look()

    def _hear(self, decision: Decision) -> None:
        if decision.reason is not None:
            self._heard.append(decision.reason)


def certificates(authority: Authority) -> str:
    """The authority's certificate under its key identifier, as national lists have it."""
    signer = authority.signer
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, signer.country),
            x509.NameAttribute(NameOID.COMMON_NAME, signer.name),
        ]
    )
    certificate = (
        x509.CertificateBuilder(name, name)
        .public_key(authority.private_key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.fromtimestamp(signer.not_before, UTC))
        .not_valid_after(datetime.fromtimestamp(signer.not_after, UTC))
        .sign(authority.private_key, hashes.SHA256())
    )
    der = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    return json.dumps({base64.b64encode(signer.kid).decode(): der})


class _NoLamps:
    """Lamps that nobody watches."""

    def play(self, score: Score, now_ms: int) -> None:
        """Nothing to light."""

    def refresh(self, now_ms: int) -> None:
        """Nothing to keep alight."""


_HALL = bytes([128]) * (WIDTH * HEIGHT)


class Leak:
    """The story's people, folders and doors; `play` tells it, and returns its steps."""

    def __init__(
        self, folder: Path, tell: Tell = lambda _text: None, difficulty: Difficulty = Difficulty.MEDIUM
    ) -> None:
        self._folder = folder
        self._tell = tell
        self._difficulty = difficulty
        self._now = datetime.now(UTC).replace(microsecond=0)
        self._authority = Authority(made=self._now)
        self._repo = folder / "fleet"
        self.steps: list[Step] = []

    def play(self) -> list[Step]:
        """All of it. Raises `StoryError`, `subprocess.CalledProcessError`."""
        with Reader() as reader:
            doors = [
                SimulatedDoor(name, self._folder / name.replace(" ", "-"), reader, self._now)
                for name in DOORS
            ]
            self._open_fleet(doors)
            leaked = self._issue("leaked")
            photograph = self._photographed(leaked)
            self._expect("the leaked pass is shown at every door: admitted", doors, leaked, Outcome.ADMIT)
            shutil.copytree(self._repo / "public", self._folder / "older-copy")
            self._revoke(photograph)
            self._publish("the leaked pass of today")
            self._push(doors)
            for door in doors:
                door.clock.skip(LATER_MS)
            self._expect("the same pass again: refused", doors, leaked, Outcome.REFUSE)
            for words, text in reencoded(leaked).items():
                self._expect(f"{words}: refused", doors, text, Outcome.REFUSE)
            replacement = self._issue("replacement")
            self._expect("its replacement, same person: admitted", doors, replacement, Outcome.ADMIT)
            self._name_who()
            self._turn_back(doors)
            for door in doors:
                door.clock.skip(LATER_MS)
            self._expect("the leaked pass, once more: refused", doors, leaked, Outcome.REFUSE)
        return self.steps

    # The operator's computer

    def _open_fleet(self, doors: Sequence[SimulatedDoor]) -> None:
        for name in PASSPHRASES:
            path = self._folder / f"{name}.passphrase"
            path.touch(0o600)
            path.write_text(secrets.token_urlsafe(24))
        own = [f"--{name}-passphrase-file={self._folder / name}.passphrase" for name in PASSPHRASES]
        with self._step("the operator makes a repository: keys, record, what doors pin"):
            self._run("operator", "init", str(self._repo), f"--by={OPERATOR}", *own)
        signers = self._folder / "authority.json"
        signers.write_text(certificates(self._authority))
        with self._step("takes the test authority's signer, and publishes"):
            self._operator("import-trust", str(signers), "--as=lab", "--test", "--yes", "--reason=opening")
            self._publish_now("opening")
        with self._step("three doors are enrolled and take the publication"):
            for door in doors:
                self._run("update", "--enrol", str(self._repo / "for-devices"), f"--state={door.state}")
                self._carry(door, self._repo / "public")
                self._run("update", str(door.inbox), f"--state={door.state}")
                door.look()

    def _issue(self, serial: str) -> bytes:
        return self._authority.issue(PEOPLE[4], issuer.vaccination(self._now, serial), self._now)

    def _photographed(self, leaked: bytes) -> Path:
        path = self._folder / "press.jpg"
        with self._step("a press photograph shows the pass in somebody's hand"):
            path.write_bytes(press.press_picture(leaked, self._difficulty, seed=7))
        return path

    def _revoke(self, photograph: Path) -> None:
        with self._step("the operator revokes the pass from the photograph") as results:
            results.update(self._operator("revoke", str(photograph), "--reason=photographed for the papers"))
        for one in results["passes"]:
            self._tell(f"          found {one['format']} {one['id']}: {one['entries']} entries listed")

    def _publish(self, reason: str) -> None:
        with self._step("and publishes"):
            self._publish_now(reason)

    def _publish_now(self, reason: str) -> None:
        daily = f"--daily-passphrase-file={self._folder}/daily.passphrase"
        self._operator("publish", daily, f"--reason={reason}")

    def _push(self, doors: Sequence[SimulatedDoor]) -> None:
        with self._step("the publication is pushed, and taken while the doors run"):
            for door in doors:
                self._carry(door, self._repo / "public")
                self._run("update", str(door.inbox), f"--state={door.state}")
                door.look()

    def _name_who(self) -> None:
        with self._step("the record names who did it") as results:
            entries = self._run("operator", "log", f"--repo={self._repo}", "--json")["entries"]
            named = [one for one in entries if one["action"] == "revoke"]
            if [one["author"] for one in named] != [OPERATOR]:
                raise StoryError("the record does not name who revoked the pass")
            results["entry"] = named[0]
            self._run("operator", "verify", f"--repo={self._repo}", "--json")
        self._tell(f"          entry {named[0]['entry']}: {named[0]['author']}, {named[0]['reason']!r}")

    def _turn_back(self, doors: Sequence[SimulatedDoor]) -> None:
        with self._step("somebody pushes an older copy of the repository: every door refuses it") as results:
            for door in doors:
                self._carry(door, self._folder / "older-copy")
                done = self._call("update", str(door.inbox), f"--state={door.state}")
                if done.returncode != 1:
                    raise StoryError(f"{door.name} took an older copy of the repository")
                results[door.name] = done.stderr.strip()
                door.look()
        self._tell(f"          {done.stderr.strip()}")

    # At the doors

    def _expect(self, words: str, doors: Sequence[SimulatedDoor], payload: bytes, outcome: Outcome) -> None:
        with self._step(words) as results:
            for door in doors:
                reason = door.show(payload)
                results[door.name] = reason.code
                if reason.outcome is not outcome:
                    said = f"{reason.outcome.value} ({reason.code})"
                    raise StoryError(f"{door.name}: {words}, but it said {said}")

    @staticmethod
    def _carry(door: SimulatedDoor, public: Path) -> None:
        if door.inbox.exists():
            shutil.rmtree(door.inbox)
        shutil.copytree(public, door.inbox)

    # Telling and running

    @contextlib.contextmanager
    def _step(self, words: str) -> Iterator[dict[str, Any]]:
        results: dict[str, Any] = {}
        began = time.monotonic()
        yield results
        step = Step(words, time.monotonic() - began, results)
        self.steps.append(step)
        self._tell(f"{step.seconds:7.2f} s  {words}")

    def _operator(self, action: str, *words: str) -> dict[str, Any]:
        author = [f"--by={OPERATOR}", f"--passphrase-file={self._folder}/author.passphrase"]
        return self._run("operator", action, f"--repo={self._repo}", *author, "--json", *words)

    def _run(self, *words: str) -> dict[str, Any]:
        done = self._call(*words)
        if done.returncode:
            raise StoryError(f"doorcheck {words[0]}: {done.stderr.strip()}")
        return dict(json.loads(done.stdout)) if "--json" in words else {}

    @staticmethod
    def _call(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "doorcheck.cli", *words]
        environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603
