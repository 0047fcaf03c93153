"""One delivery to one box: ask, bring, and wait for the box's own verdict.

1. Ask the box what it has; if it has all, that is all.
2. Bring what differs; the mark that the copy is whole comes last.
3. Ask for the answer to this push, which the box gives when it has one; then more and more seldom,
   until the box has it, refuses it, or the time is over.
4. Where a damaged copy explains the refusal, bring the whole again, once.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, TypeVar

from deploy.boxes import parcel, said
from deploy.boxes.errors import (
    BrokenError,
    BusyError,
    ContactError,
    OlderError,
    RefusedError,
    ReturnedError,
    TimedOutError,
    UnreachableError,
)
from deploy.boxes.line import Line
from deploy.boxes.parcel import Parcel
from deploy.boxes.said import Said
from deploy.boxes.verdict import Step, judge

ASK_WITHIN_S: Final = 30.0
AFTER: Final = "status-after-"
"""With the push's word: answered when the box has looked at that push, or after 20 seconds."""
FIRST_LOOK_S: Final = 1.0
SLOWER: Final = 1.7
MOST_BETWEEN_S: Final = 10.0
T = TypeVar("T")


class Timer(Protocol):
    """Seconds that pass, and waiting for them."""

    def now_s(self) -> float:
        """On a clock that only goes forward."""

    def wait(self, seconds: float) -> None:
        """Until then."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long is waited: for a transfer, and for the box's verdict."""

    send_s: float = 900
    verdict_s: float = 300


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of it. `files` are those that were brought."""

    step: Step
    words: str
    files: tuple[str, ...]
    said: Said
    took_s: float
    news: bool = True
    """Whether the box lacked any of it before; the time is no news."""


@dataclass(slots=True)
class Delivery:
    """One box's. `heard` is told of every answer, for the history."""

    push: Line
    status: Line
    parcel: Parcel
    limits: Limits
    timer: Timer
    word: str = field(default_factory=lambda: secrets.token_hex(8))
    """By which the box's answer is known for ours."""
    heard: Callable[[Said], None] = lambda _said: None

    def ask(self, word: str = "status") -> Said:
        """What the box says now. Raises `ContactError`."""
        answer = said.read(self.status.ask(word, ASK_WITHIN_S), self.status.place)
        self.heard(answer)
        return answer

    def run(self, before: Said | None = None, *, look_only: bool = False, always: bool = False) -> Delivered:
        """Bring it; with `look_only` see what would be brought; `always`: also where nothing is to do.

        Raises `ContactError`, `RefusedError` with the box's own reason.
        """
        began_s = self.timer.now_s()
        before = before or self.ask()
        wanted = self.parcel.wanted
        if before.signed("timestamp") > wanted.timestamp:
            raise OlderError(self.push.place, wanted.timestamp, before.signed("timestamp"))
        there = wanted.lists_are_on(before) and wanted.program_is_on(before)
        if there and self.parcel.time is None and not always:
            step, words = judge(wanted, self.word, before, before)
            if step in (Step.DONE, Step.ON_TRIAL) or look_only:
                return Delivered(step, words, (), before, self.timer.now_s() - began_s, news=False)
            return self._wait(before, before, (), began_s)
        files = self._in_turn(lambda: self.parcel.bring(self.push, self.limits.send_s, look_only=look_only))
        if look_only:
            return Delivered(Step.WAIT, "not brought: only looked", tuple(files), before, 0, news=not there)
        self._mark()
        delivered = self._wait(before, before, tuple(files), began_s)
        if delivered.step is Step.AGAIN:
            files += self._in_turn(lambda: self.parcel.bring(self.push, self.limits.send_s, again=True))
            self.word = f"{self.word}-again"
            self._mark()
            delivered = self._wait(delivered.said, delivered.said, tuple(files), began_s)
        if delivered.step is Step.RETURNED:
            raise ReturnedError(delivered.words)
        if delivered.step in (Step.AGAIN, Step.REFUSED):
            code, _, words = delivered.words.partition(": ")
            raise RefusedError(code, words or code)
        return replace(delivered, news=not there)

    def _mark(self) -> None:
        self._in_turn(lambda: parcel.mark(self.push, self.word, self.limits.send_s))

    def _in_turn(self, copy: Callable[[], T]) -> T:
        """Copy once nobody else does: another operator's copy is waited for as long as one may take."""
        until_s = self.timer.now_s() + self.limits.send_s
        pauses = _pauses_s()
        while True:
            self.timer.wait(next(pauses))
            try:
                return copy()
            except BusyError:
                if self.timer.now_s() + MOST_BETWEEN_S > until_s:
                    raise

    def _wait(self, before: Said, now: Said, files: tuple[str, ...], began_s: float) -> Delivered:
        until_s = self.timer.now_s() + self.limits.verdict_s
        pauses, words, lost, marked = _pauses_s(), "", 0, False
        while self.timer.now_s() < until_s:
            self.timer.wait(next(pauses))
            try:
                now = self.ask(f"{AFTER}{self.word}")
            except (UnreachableError, BrokenError):
                # The board may be restarting with a new release; the box goes on by itself.
                lost += 1
                continue
            step, words = judge(self.parcel.wanted, self.word, before, now)
            if step is Step.MARK and not marked:
                # Theirs may have been read together with ours; a second look costs the box little.
                self._mark()
                marked = True
            elif step not in (Step.WAIT, Step.MARK):
                return Delivered(step, words, files, now, self.timer.now_s() - began_s)
        if lost and not words:
            raise BrokenError(self.status.place, "it was brought everything, and did not answer after that")
        raise LateError(self.status.place, self.limits.verdict_s, words)


def _pauses_s() -> Iterator[float]:
    """None before the first attempt, then longer and longer ones."""
    yield 0.0
    pause_s = FIRST_LOOK_S
    while True:
        yield pause_s
        pause_s = min(pause_s * SLOWER, MOST_BETWEEN_S)


class LateError(TimedOutError):
    """The box has everything, and gave no verdict in time."""

    def __init__(self, place: str, seconds: float, words: str) -> None:
        ContactError.__init__(
            self,
            f"{place} was brought everything, and says after {seconds:g} seconds: {words}. It goes on by "
            "itself; `deploy/fleet status` tells later, on the box `journalctl -u 'doorcheck-*'` says more",
        )
