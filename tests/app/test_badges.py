"""Staff badges from the operator's computer to a door's register; and what a badge can't do there."""

from __future__ import annotations

import json
import shutil
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import zxingcpp
from PIL import Image

from doorcheck.cli import main
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.session import SETTLE_MS
from doorcheck.core.shifts import AGAIN_MS
from doorcheck.core.signals import Attended, Score
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.core.verdict import Outcome, Reason
from doorcheck.daemon import Door
from doorcheck.edge.attendance import Attendance, Registrar
from doorcheck.edge.frame import Frame
from doorcheck.edge.register import Register
from doorcheck.lab import issuer, leak
from doorcheck.lab.issuer import PEOPLE, Authority
from doorcheck.update.worlds import Worlds

AT: Final = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
BY: Final = "Zoë Lighthouse"
NAME: Final = "Zqxforename Zqxsurname"
Capture = pytest.CaptureFixture[str]


class Office:
    """An operator's computer, and the folder of one door."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.repo, self.state = folder, folder / "fleet", folder / "state"
        self.authority = Authority("badges", made=AT)
        self.at = AT

    def secret(self, name: str) -> Path:
        """A passphrase's file."""
        path = self.folder / f"{name}.txt"
        if not path.exists():
            path.touch(0o600)
            path.write_text(f"correct horse {name}\n")
        return path

    def call(self, action: str, *more: str, daily: bool = False, badge: bool = False) -> int:
        """A call as the author; time goes on."""
        self.at += timedelta(seconds=1)
        words = ["operator", action, "--repo", str(self.repo), "--by", BY, "--reason", f"test of {action}"]
        words += ["--passphrase-file", str(self.secret("author")), "--at", self.at.isoformat()]
        words += ["--daily-passphrase-file", str(self.secret("daily"))] if daily else []
        words += ["--badge-passphrase-file", str(self.secret("badge"))] if badge else []
        return main([*words, *more])

    def badge(self, name: str = "noor.txt", *more: str) -> Path:
        """A new badge's file, good to the end of the year."""
        path = self.folder / name
        words = ["--name", NAME, "--until", "2026-12-31", "-o", str(path), *more]
        assert self.call("badge", *words, badge=True) == 0
        return path

    def publish(self) -> None:
        """Publish, and let the door take it."""
        assert self.call("publish", daily=True) == 0
        words = ["update", str(self.repo / "public"), "--state", str(self.state), "--at", self.at.isoformat()]
        assert main(words) == 0


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """A repository with a trust list and an enrolled door, made once."""
    office = Office(tmp_path_factory.mktemp("office"))
    secrets = [f"--{name}-passphrase-file={office.secret(name)}" for name in ("root", "daily", "author")]
    assert main(["operator", "init", str(office.repo), "--by", BY, "--at", AT.isoformat(), *secrets]) == 0
    signers = office.folder / "authority.json"
    signers.write_text(leak.certificates(office.authority))
    assert office.call("import-trust", str(signers), "--as", "lab", "--test", "--yes") == 0
    words = ["update", "--enrol", str(office.repo / "for-devices"), "--state", str(office.state)]
    assert main(words) == 0
    return office


@pytest.fixture
def office(founded: Office, tmp_path: Path) -> Office:
    """A copy of it for one test."""
    shutil.copytree(founded.folder, tmp_path / "office", symlinks=True)
    copy = Office(tmp_path / "office")
    copy.authority, copy.at = founded.authority, founded.at
    return copy


class Entrance:
    """A door with that state folder; the test holds what its camera sees, and its clock."""

    def __init__(self, office: Office) -> None:
        self.book = Register(office.state)
        self.worlds = Worlds(office.state)
        self.utc, self.at_ms = office.at + timedelta(minutes=1), 0
        self.scene: deque[list[Symbol]] = deque()
        self.scores: list[Score] = []
        self.decided: list[Reason | None] = []
        registrar = Registrar(self.book)
        attendance = Attendance.resumed(lambda: self.worlds.badges, lambda: 90, self.book, registrar)
        self.door = Door(
            self,
            self,
            self,
            self,
            self.worlds.current,
            attendance=attendance,
            decided=lambda decision: self.decided.append(decision.reason),
        )
        self.door.start()
        self.registrar = registrar

    def moment(self) -> Moment:
        """The wall time."""
        return Moment(self.utc + timedelta(milliseconds=self.at_ms), Basis.NETWORK)

    def now_ms(self) -> int:
        """The monotonic time."""
        return self.at_ms

    def next(self, timeout_ms: int) -> Frame:
        """Ten frames a second."""
        self.at_ms += timeout_ms
        return Frame(memoryview(bytes(4)), 2, 2, 2, self.at_ms)

    def release(self, frame: Frame) -> None:
        """Nothing to give back."""

    def close(self) -> None:
        """Nothing to close."""

    def read(self, _frame: Frame) -> list[Symbol]:
        """What the scene says."""
        return self.scene.popleft() if self.scene else []

    def play(self, score: Score, _now_ms: int) -> None:
        """Keep what is played."""
        self.scores.append(score)

    def refresh(self, now_ms: int) -> None:
        """The loop is alive."""

    def show(self, *texts: bytes, frames: int = 1) -> list[Score]:
        """Hold those codes into view; what was played since."""
        before = len(self.scores)
        self.scene.extend([[Symbol(SymbolFormat.QR, text) for text in texts]] * frames)
        for _ in range(frames):
            self.door.turn()
        self.registrar.work()
        return self.scores[before:]

    def wait(self, for_ms: int) -> list[Score]:
        """Nothing in view."""
        return self.show(frames=for_ms // 100)


def text(path: Path) -> bytes:
    """What a badge's text file holds."""
    return path.read_bytes().rstrip(b"\n")


def test_a_badge_opens_and_closes_a_shift_and_no_door(office: Office) -> None:
    """Made, published, shown: a shift with its own signal; later closed; the relay never moves."""
    code = text(office.badge())
    office.publish()
    entrance = Entrance(office)
    assert [score.attended for score in entrance.show(code, frames=20)] == [Attended.ON]
    (shift,) = entrance.book.read().shifts
    assert (shift.badge.name, shift.closed) == (NAME, None)
    entrance.wait(AGAIN_MS + 5_000)
    assert [score.attended for score in entrance.show(code, frames=3)] == [Attended.OFF]
    assert [shift.how is None for shift in entrance.book.read().shifts] == [False]
    assert entrance.decided == []
    assert all(score.outcome is None for score in entrance.scores)


def test_a_badge_that_is_not_published_is_refused(office: Office) -> None:
    """To a door that has not heard of the badge key it is a text like any other."""
    office.publish()
    code = text(office.badge())
    entrance = Entrance(office)
    entrance.show(code, frames=2 + SETTLE_MS // 100)
    assert entrance.decided == [Reason.NOT_A_PASS]
    assert entrance.book.read().shifts == ()
    office.publish()
    entrance.worlds.look()
    entrance.wait(5_000)
    assert [score.attended for score in entrance.show(code)] == [Attended.ON]


def test_a_withdrawn_badge_is_refused_and_its_shift_ended(office: Office, capsys: Capture) -> None:
    """From the next publication on; the list names who it was."""
    code = text(office.badge())
    office.publish()
    entrance = Entrance(office)
    entrance.show(code)
    capsys.readouterr()
    words = ["operator", "badges", "--repo", str(office.repo), "--at", office.at.isoformat(), "--json"]
    assert main(words) == 0
    (row,) = json.loads(capsys.readouterr().out)["badges"]
    assert (row["name"], row["by"], row["state"]) == (NAME, BY, "in force")
    assert office.call("withdraw-badge", row["id"][:8]) == 0
    office.publish()
    entrance.worlds.look()
    entrance.wait(AGAIN_MS + 2_000)
    (shift,) = entrance.book.read().shifts
    assert shift.how is not None
    assert shift.how.value == "badge withdrawn"
    entrance.show(code, frames=2 + SETTLE_MS // 100)
    assert entrance.decided == [Reason.NOT_A_PASS]


def test_a_pass_beside_a_badge_is_judged_and_its_signal_not_cut_short(office: Office) -> None:
    """Both count: the visitor's signal first, then the controller's, while it is still news."""
    code = text(office.badge())
    visitor = office.authority.issue(PEOPLE[0], issuer.vaccination(AT, "visitor"), AT)
    office.publish()
    entrance = Entrance(office)
    entrance.show(visitor)
    played = entrance.show(visitor, code)
    assert [score.outcome for score in played] == [Outcome.ADMIT]
    played = entrance.wait(4_000)
    assert [score.attended for score in played] == [Attended.ON]
    assert entrance.decided == [Reason.OK]


def test_no_pass_opens_a_shift(office: Office) -> None:
    """Admitted or refused, it is never on the register."""
    office.badge()
    visitor = office.authority.issue(PEOPLE[0], issuer.vaccination(AT, "visitor"), AT)
    office.publish()
    entrance = Entrance(office)
    entrance.show(visitor, frames=3)
    entrance.show(b"DCB1:" + visitor[4:], frames=3)
    assert Reason.OK in entrance.decided
    assert entrance.book.read().shifts == ()


def test_the_record_tells_of_badges_without_names(office: Office, capsys: Capture) -> None:
    """Who made and withdrew how many, and nothing else is in the record or in what is published."""
    office.badge()
    office.badge("second.png")
    office.publish()
    capsys.readouterr()
    assert main(["operator", "log", "--repo", str(office.repo), "--json"]) == 0
    out = capsys.readouterr().out
    entries = [one for one in json.loads(out)["entries"] if one["action"] == "issue-badge"]
    assert [one["counts"] for one in entries] == [{"added": 1, "in force": 1}, {"added": 1, "in force": 2}]
    assert main(["operator", "verify", "--repo", str(office.repo)]) == 0
    published = b"".join(path.read_bytes() for path in (office.repo / "public").rglob("*") if path.is_file())
    records = b"".join(path.read_bytes() for path in (office.repo / "log").iterdir())
    assert b"Zqx" not in published + records


def test_a_new_key_replaces_every_badge(office: Office) -> None:
    """After a theft of the badge key: the old badge is refused, a new one is taken."""
    old = text(office.badge())
    new = text(office.badge("new.txt", "--new-key"))
    office.publish()
    entrance = Entrance(office)
    entrance.show(old, frames=2 + SETTLE_MS // 100)
    assert entrance.decided == [Reason.NOT_A_PASS]
    entrance.wait(5_000)
    assert [score.attended for score in entrance.show(new)] == [Attended.ON]


@pytest.mark.parametrize("name", ["card.png", "card.pdf", "card.txt"])
def test_a_badge_s_file_is_its_holder_s(office: Office, name: str) -> None:
    """Nobody else on the computer reads it; a picture holds what the text would."""
    path = office.badge(name)
    assert path.stat().st_mode & 0o077 == 0
    if name.endswith("png"):
        (found,) = zxingcpp.read_barcodes(Image.open(path))
        assert found.text.startswith("DCB1:")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"-o": "badge.jpg"}, 2),
        ({"-o": "nowhere/badge.png"}, 2),
        ({"-o": "author.txt"}, 2),
        ({"--until": "soon"}, 2),
        ({"--until": "9999-12-31"}, 2),
        ({"--until": "2026-10-31"}, 1),
        ({"--until": "2026-10-31", "--from": "2026-10-01"}, 2),
        ({"--name": "=1+1"}, 1),
    ],
    ids=str,
)
def test_bad_calls_change_nothing(office: Office, capsys: Capture, words: dict[str, str], code: int) -> None:
    """No key, no entry, no file; the text says what to do."""
    given = {"-o": "badge.png", "--until": "2026-12-31", "--name": NAME, **words}
    given["-o"] = str(office.folder / given["-o"])
    before = {path for path in office.folder.rglob("*") if path.name != "badge.txt"}
    flat: list[str] = [word for pair in given.items() for word in pair]
    assert office.call("badge", *flat, badge=True) == code
    after: set[Any] = {path for path in office.folder.rglob("*") if path.name not in {"badge.txt", ".lock"}}
    assert after <= before
    assert "doorcheck operator badge: " in capsys.readouterr().err
