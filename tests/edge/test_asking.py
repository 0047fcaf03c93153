"""The door's questions for the time: which are asked, which are answered, and what a restart keeps."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from doorcheck.core.question import is_question
from doorcheck.edge import asking
from doorcheck.edge.asking import ANSWER_WITHIN_MS, ASK_EVERY_MS, Asked, Asking, Stated

UTC_TIME = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


class Door:
    """The folders of a door, and the asking of the process that runs now."""

    def __init__(self, folder: Path) -> None:
        self.state, self.runtime = folder / "state", folder / "run"
        self.state.mkdir()
        self.runtime.mkdir()
        self.asking = self.start()

    def start(self) -> Asking:
        """A new process."""

        def put(path: Path, data: bytes, _permissions: int) -> None:
            path.write_bytes(data)

        self.asking = Asking(self.state, self.runtime, put)
        return self.asking

    def asked(self) -> list[Asked]:
        """What whoever looks may read."""
        return asking.read_asked(self.runtime)

    def answer(self, question: str, at_ms: int) -> Stated:
        """What the update leaves when a statement is good."""
        stated = Stated(question, UTC_TIME, at_ms)
        path = self.state / asking.STATED
        path.write_bytes(asking.encode_stated(stated))
        os.utime(path, ns=(at_ms, at_ms))
        return stated


@pytest.fixture
def door(tmp_path: Path) -> Door:
    """A door that has asked once, at 1000 ms."""
    door = Door(tmp_path)
    assert door.asking.answer(1_000) is None
    return door


def test_questions_follow_each_other_and_old_ones_go(door: Door) -> None:
    """A new one every five minutes; none is kept that no statement may answer any more."""
    seen = [one.question for one in door.asked()]
    for now_ms in range(2_000, 3_600_000, 1_000):
        door.asking.answer(now_ms)
        for one in door.asked():
            assert now_ms - one.at_ms <= ANSWER_WITHIN_MS + ASK_EVERY_MS
        seen.append(door.asked()[0].question)
    assert len(set(seen)) == 12
    assert all(map(is_question, seen))


def test_an_answer_is_taken_once(door: Door) -> None:
    """Its time counts on from when it was verified; its question is asked no more."""
    (question,) = door.asked()
    stated = door.answer(question.question, 4_000)
    assert door.asking.answer(5_000) == stated
    assert stated.now(64_000) == UTC_TIME + timedelta(seconds=60)
    assert question.question not in [one.question for one in door.asked()]
    assert door.asking.answer(6_000) is None
    door.answer(question.question, 7_000)
    assert door.asking.answer(8_000) is None


def test_an_answer_of_another_boot_is_none(door: Door) -> None:
    """The folder on the card outlives the power; what was asked before it went is asked no more."""
    door.answer("ab" * 16, 4_000)
    assert door.asking.answer(5_000) is None


def test_a_restart_in_this_boot_keeps_it(door: Door) -> None:
    """Taken before, it is handed out again at once; asked before, it may still be answered."""
    stated = door.answer(door.asked()[0].question, 4_000)
    assert door.asking.answer(5_000) == stated
    assert door.start().answer(9_000) == stated
    asked = door.asked()[0].question
    door.start()
    later = door.answer(asked, 10_000)
    assert door.asking.answer(11_000) == stated
    assert door.asking.answer(12_000) == later


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"question":"x","utc":"2026","at_ms":1}', bytes(9999)])
def test_damaged_files_are_none(door: Door, data: bytes) -> None:
    """Neither a question nor an answer; a new question is asked."""
    for path in (door.state / asking.STATED, door.runtime / asking.TAKEN, door.runtime / asking.QUESTIONS):
        path.write_bytes(data)
    assert door.asked() == []
    assert asking.read_taken(door.runtime) is None
    assert door.start().answer(5_000) is None
    assert len(door.asked()) == 1
