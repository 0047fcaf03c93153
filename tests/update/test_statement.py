"""A signed statement of the time: what counts as one, and for which box, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from tests.update.fleet import AT, HOUR, Fleet
from tests.update.simulator import Repository

from doorcheck.edge import asking
from doorcheck.edge.asking import ANSWER_WITHIN_MS, Asked, Stated
from doorcheck.update import statement, telling
from doorcheck.update.errors import TimeError

MINE, OTHER = "0a" * 16, "0b" * 16
ASKED_MS = 50_000


class Box:
    """A running door that asks, the statement that is brought to it, and what comes of it."""

    def __init__(self, fleet: Fleet, folder: Path) -> None:
        self.fleet, self.file, self.runtime = fleet, folder / "time.json", folder / "run"
        self.runtime.mkdir()
        self.ask(Asked(MINE, ASKED_MS))

    def ask(self, *asked: Asked) -> None:
        """What the door asks."""
        (self.runtime / asking.QUESTIONS).write_bytes(msgspec.json.encode(asked))

    def sign(self, *questions: str, utc: datetime = AT + HOUR, repository: Repository | None = None) -> None:
        """Bring a statement."""
        signed = statement.payload(questions or (MINE,), utc)
        signers = (repository or self.fleet.repository).signers["timestamp"]
        signatures = {one.public_key.keyid: one.sign(signed) for one in signers}
        self.file.write_bytes(statement.statement(signed, signatures))

    def take(self, pushed: Path | None = None, after_ms: int = 60_000) -> Stated | None:
        """What `doorcheck update --time` does first."""
        now_ms = ASKED_MS + after_ms
        return telling.take(
            self.fleet.state, self.file, pushed or Path("nowhere"), self.runtime, now_ms, disk=self.fleet.disk
        )

    @property
    def left(self) -> bool:
        """Whether anything was handed to the door."""
        return (self.fleet.state.path / asking.STATED).exists()


@pytest.fixture
def box(running: Fleet, tmp_path: Path) -> Box:
    """A door with lists."""
    return Box(running, tmp_path)


def test_an_answer_is_handed_to_the_door(box: Box) -> None:
    """One statement answers many boxes, each by its own question."""
    box.sign(OTHER, MINE)
    taken = box.take()
    assert taken == Stated(MINE, AT + HOUR, ASKED_MS + 60_000)
    assert box.left


def test_a_box_without_lists_takes_one(fleet: Fleet, tmp_path: Path) -> None:
    """By the root it was enrolled with: without a time it could take no lists."""
    box = Box(fleet, tmp_path)
    box.sign()
    assert box.take() is not None


def test_no_file_is_no_statement(box: Box) -> None:
    """Most updates bring none."""
    assert box.take() is None
    assert not box.left


@pytest.mark.parametrize(
    ("bring", "words"),
    [
        (lambda box: box.sign(OTHER), "answers no question of this box"),
        (lambda box: box.sign(utc=AT - timedelta(days=40)), "past for sure"),
        (lambda box: box.sign(repository=Repository(AT)), "not signed by the keys"),
        (lambda box: (box.sign(), box.ask()), "asks for no time"),
        (lambda box: box.file.write_bytes(b"{}"), "this is none"),
        (lambda box: box.file.write_bytes(b"\xff" * 100), "this is none"),
        (lambda box: box.file.write_bytes(bytes(telling.LARGEST_BYTES + 1)), "can't be read"),
        (lambda box: box.file.mkdir(), "can't be read"),
    ],
)
def test_what_is_refused(box: Box, bring: Callable[[Box], object], words: str) -> None:
    """Each with its reason, and nothing is handed on."""
    bring(box)
    with pytest.raises(TimeError, match=words):
        box.take()
    assert not box.left


@pytest.mark.parametrize("change", [(b"2026-12-01T13", b"2026-12-01T14"), (b"doorcheck-time", b"timestamp")])
def test_any_change_breaks_it(box: Box, change: tuple[bytes, bytes]) -> None:
    """Another time, another type: the signature holds for what was signed."""
    box.sign()
    data = box.file.read_bytes()
    assert change[0] in data
    box.file.write_bytes(data.replace(*change))
    with pytest.raises(TimeError):
        box.take()


def test_a_late_answer_is_none(box: Box) -> None:
    """Ten minutes bound how long a statement can be held back, and by how much the time is wrong."""
    box.sign()
    with pytest.raises(TimeError, match="longer than 10 minutes"):
        box.take(after_ms=ANSWER_WITHIN_MS + 1)
    assert box.take(after_ms=ANSWER_WITHIN_MS) is not None


def test_keys_that_were_rotated_count_with_their_roots(box: Box) -> None:
    """The publication that comes along brings the roots; without them the new key is a stranger's."""
    box.fleet.repository.rotate("timestamp")
    box.fleet.repository.rotate("root", "timestamp")
    pushed = box.fleet.push(box.fleet.repository.publish())
    box.sign()
    with pytest.raises(TimeError, match="not signed"):
        box.take()
    assert box.take(pushed) is not None


def test_roots_of_somebody_else_do_not_count(box: Box) -> None:
    """A root that the one before did not sign leads nowhere."""
    stranger = Repository(AT)
    stranger.rotate("timestamp")
    pushed = box.fleet.push({f"metadata/{n}.root.json": data for n, data in enumerate(stranger.roots, 1)})
    box.sign(repository=stranger)
    with pytest.raises(TimeError, match="not signed"):
        box.take(pushed)


@pytest.mark.parametrize("questions", [[], ["x"], ["0A" * 16], ["0a" * 16 + "\n"]])
def test_only_questions_are_answered(questions: list[str]) -> None:
    """Nothing else gets a signature."""
    with pytest.raises(ValueError, match="question"):
        statement.payload(questions, AT)
