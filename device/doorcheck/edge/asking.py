"""The door asks for the time, for an operator to answer with a signed statement (`update/statement.py`).

    RUNTIME/time-question    the questions of the last minutes, newest first; for whoever may look
    STATE/stated.json        the answer, verified by the update, which is another process
    RUNTIME/time-stated      the same, taken: a door that restarts in this boot still knows it

All times in these files are on the monotonic clock, which all processes of one boot share;
RUNTIME is in memory, so that nothing of another boot is ever in it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import msgspec

from doorcheck.core.question import DIGITS, PATTERN
from doorcheck.edge.store import read_bounded

QUESTIONS: Final = "time-question"
STATED: Final = "stated.json"
TAKEN: Final = "time-stated"
ASK_EVERY_MS: Final = 300_000
ANSWER_WITHIN_MS: Final = 600_000
"""A question that old is answered no more: that bounds how late a statement can be held back."""
LOOK_EVERY_MS: Final = 1_000
LARGEST_BYTES: Final = 4096
TOLD_PERMISSIONS: Final = 0o644

_KEPT: Final = 1 + ANSWER_WITHIN_MS // ASK_EVERY_MS


class Asked(msgspec.Struct, frozen=True):
    """A question, and when it was asked."""

    question: Annotated[str, msgspec.Meta(pattern=PATTERN)]
    at_ms: int


class Stated(msgspec.Struct, frozen=True):
    """An answered question: the time that was stated, and when it was verified.

    The time then was `utc`, or later by at most the time since the question.
    """

    question: Annotated[str, msgspec.Meta(pattern=PATTERN)]
    utc: Annotated[datetime, msgspec.Meta(tz=True)]
    at_ms: int

    def now(self, now_ms: int) -> datetime:
        """The time that follows from it; the crystal that counts on is good for seconds a day."""
        return self.utc + timedelta(milliseconds=now_ms - self.at_ms)


def encode_stated(stated: Stated) -> bytes:
    """The file's bytes."""
    return msgspec.json.encode(stated) + b"\n"


def read_asked(runtime: Path) -> list[Asked]:
    """The questions that the running door asks, newest first; none where it does not run."""
    try:
        return msgspec.json.decode(read_bounded(runtime / QUESTIONS, LARGEST_BYTES), type=list[Asked])
    except (OSError, msgspec.MsgspecError):
        return []


def read_taken(runtime: Path) -> Stated | None:
    """The statement that the door took in this boot; None without one."""
    return _read_stated(runtime / TAKEN)


def _read_stated(path: Path) -> Stated | None:
    try:
        return msgspec.json.decode(read_bounded(path, LARGEST_BYTES), type=Stated)
    except (OSError, msgspec.MsgspecError):
        return None


@dataclass(slots=True)
class Asking:
    """One door's questions. The door's loop alone uses it; `put` writes a file soon, elsewhere."""

    state: Path
    runtime: Path
    put: Callable[[Path, bytes, int], None]
    fresh: Callable[[], str] = lambda: secrets.token_hex(DIGITS // 2)
    _asked: list[Asked] = field(init=False)
    _look_at_ms: int | None = None
    _seen: int | None = None
    _taken: str | None = None

    def __post_init__(self) -> None:
        self._asked = read_asked(self.runtime)

    def answer(self, now_ms: int) -> Stated | None:
        """A statement that has come, once; or the one of before a restart. May be called on every turn."""
        if self._look_at_ms is None:
            self._look_at_ms = now_ms
            before = read_taken(self.runtime)
            if before is not None and before.at_ms <= now_ms:
                self._taken = before.question
                return before
        if now_ms < self._look_at_ms:
            return None
        self._look_at_ms = now_ms + LOOK_EVERY_MS
        found = self._new()
        if found is not None:
            self._taken = found.question
            self.put(self.runtime / TAKEN, encode_stated(found), TOLD_PERMISSIONS)
        if found is not None or not self._asked or now_ms - self._asked[0].at_ms >= ASK_EVERY_MS:
            self._ask(now_ms)
        return found

    def _ask(self, now_ms: int) -> None:
        """A new question; one that was answered is asked no more."""
        kept = [one for one in self._asked if one.question != self._taken]
        self._asked = [Asked(self.fresh(), now_ms), *kept][:_KEPT]
        self.put(self.runtime / QUESTIONS, msgspec.json.encode(self._asked) + b"\n", TOLD_PERMISSIONS)

    def _new(self) -> Stated | None:
        path = self.state / STATED
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            return None
        if changed == self._seen:
            return None
        self._seen = changed
        found = _read_stated(path)
        mine = {one.question for one in self._asked}
        return found if found is not None and found.question in mine else None


def shown(stated: Stated) -> str:
    """For the log."""
    return f"{stated.utc.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
