"""What the door decides over time: one decision for each pass held into view.

Frames give verdicts, many a second; a visitor expects one answer. The session turns the
one into the other, notices two passes in one view, and a pass that is shown again soon
after. Refusing is done at once; admitting waits for one frame more, for a decoder may read
one of two passes first, and a door that was opened can't be closed again. The session
remembers marks, not people: keyed hashes, bounded in number and in age, in memory only.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from doorcheck.core.verdict import Outcome, PassFormat, Reason, Verdict

LEFT_MS = 1500
"""Not seen for that long: it has left the view. Decoders miss frames; visitors do not
come back that fast."""
TOGETHER_MS = 400
"""Two passes seen within that time were in view together: nobody swaps them faster."""
SETTLE_MS = 300
"""What can't be read as a pass must stay that long: a half-seen symbol may yet be one."""
AGAIN_MS = 15 * 60 * 1000
"""A pass that comes back within that time has been handed on, or its holder has."""
MOST_MARKS = 4096
MOST_TOGETHER = 16
"""Passes that one view is remembered to have held; more are somebody playing games."""

_PASSES = (PassFormat.HC1, PassFormat.HCFR1, PassFormat.EX1, PassFormat.TWO_D_DOC)
_UNREADABLE = (
    Reason.BASE45,
    Reason.COMPRESSION,
    Reason.TOO_LARGE,
    Reason.COSE,
    Reason.TWO_D_DOC_FRAME,
    Reason.TWO_D_DOC,
)
_ADMIT_RANK, _LISTED_RANK = 2, 3
_LISTED = (
    Reason.LISTED_IDENTIFIER,
    Reason.LISTED_COUNTRY,
    Reason.LISTED_SIGNATURE,
    Reason.LISTED_DOCUMENT,
)


@dataclass(frozen=True, slots=True)
class Decision:
    """A change of what the lamps say. `reason` None: back to idle."""

    reason: Reason | None
    test: bool = False

    @property
    def outcome(self) -> Outcome | None:
        """What the lamps shall say; None is the idle signal."""
        return self.reason.outcome if self.reason else None


@dataclass(frozen=True, slots=True)
class _Sighting:
    """What is in view now and has been answered."""

    marks: frozenset[bytes]
    reason: Reason
    seen_ms: int
    precedence: int
    """Of the verdict that was answered: a higher one of the same person is answered too."""

    @property
    def is_pass(self) -> bool:
        return bool(self.marks)


class Session:
    """The view's memory. All times are milliseconds on one monotonic scale."""

    def __init__(self, again_ms: int = AGAIN_MS) -> None:
        self._again_ms = again_ms
        self._shown: OrderedDict[bytes, int] = OrderedDict()
        self._sighting: _Sighting | None = None
        self._waiting: tuple[Reason, int] | None = None
        self._fault: Reason | None = None
        self._welcome: tuple[Verdict, int] | None = None

    def observe(
        self, now_ms: int, verdicts: Sequence[Verdict] | None, fault: Reason | None = None
    ) -> Decision | None:
        """Take one frame's verdicts; answer with a decision when there is a new one.

        `verdicts` None: no frame came, or it could not be looked at. `fault` is why the door
        can't judge now, if it can't: it overrides every verdict.
        """
        self._forget_old(now_ms)
        if fault is not self._fault:
            self._fault, self._sighting, self._waiting, self._welcome = fault, None, None, None
            return Decision(fault)
        if fault is not None or verdicts is None:
            return None
        welcome, self._welcome = self._welcome, None
        passes = {v.mark: v for v in sorted(verdicts, key=_precedence) if _is_pass(v)}
        if welcome and (now_ms - welcome[1] <= TOGETHER_MS or welcome[0].mark in passes):
            # Admitted unless this frame shows that there is more in view.
            mark = welcome[0].mark
            passes[mark] = max(welcome[0], passes.get(mark, welcome[0]), key=_precedence)
        else:
            welcome = None  # too long ago: it must be seen again
        if passes:
            self._waiting = None
            return self._observe_passes(now_ms, passes, is_second_look=welcome is not None)
        return self._observe_others(now_ms, verdicts)

    def _observe_passes(
        self, now_ms: int, passes: dict[bytes, Verdict], *, is_second_look: bool
    ) -> Decision | None:
        marks = frozenset(passes)
        best = max(passes.values(), key=_precedence)
        any_test = any(verdict.test for verdict in passes.values())
        before = self._current(now_ms)
        self._refresh(now_ms, marks)
        if before and before.is_pass:
            if marks <= before.marks:
                self._sighting = before = replace(before, seen_ms=now_ms)
                if before.reason is Reason.TWO_PASSES or _precedence(best) <= before.precedence:
                    return None
            elif now_ms - before.seen_ms <= TOGETHER_MS:
                marks = before.marks | marks if len(before.marks) < MOST_TOGETHER else before.marks
                if before.reason is Reason.TWO_PASSES:
                    self._sighting = replace(before, marks=marks, seen_ms=now_ms)
                    return None
                return self._decide(now_ms, marks, replace(best, reason=Reason.TWO_PASSES, test=any_test))
        if len(marks) > 1:
            return self._decide(now_ms, marks, replace(best, reason=Reason.TWO_PASSES, test=any_test))
        if best.reason is not Reason.OK:
            return self._decide(now_ms, marks, best)
        if best.mark in self._shown:
            self._shown[best.mark] = now_ms
            return self._decide(now_ms, marks, replace(best, reason=Reason.SHOWN_BEFORE), _ADMIT_RANK)
        if not is_second_look:
            self._welcome = (best, now_ms)
            return None
        self._shown[best.mark] = now_ms
        return self._decide(now_ms, marks, best)

    def _observe_others(self, now_ms: int, verdicts: Sequence[Verdict]) -> Decision | None:
        """No pass in view: what else is there counts once it has stayed a while."""
        current = self._current(now_ms)
        if not verdicts or (current and current.is_pass):
            self._waiting = None
            if current is None and self._sighting is not None:
                ended, self._sighting = self._sighting, None
                # Out of order by one symbol (a fault of ours) ends when the symbol has left.
                return Decision(None) if ended.reason.outcome is Outcome.OUT_OF_ORDER else None
            return None
        best = max(verdicts, key=_precedence)
        reason = best.reason
        if current and current.reason is reason:
            self._sighting = replace(current, seen_ms=now_ms)
            return None
        if self._waiting is None or self._waiting[0] is not reason:
            self._waiting = (reason, now_ms)
        if now_ms - self._waiting[1] < SETTLE_MS:
            return None
        self._waiting = None
        return self._decide(now_ms, frozenset(), best)

    def _current(self, now_ms: int) -> _Sighting | None:
        sighting = self._sighting
        return sighting if sighting and now_ms - sighting.seen_ms <= LEFT_MS else None

    def _decide(
        self, now_ms: int, marks: frozenset[bytes], verdict: Verdict, precedence: int | None = None
    ) -> Decision:
        rank = _precedence(verdict) if precedence is None else precedence
        self._sighting = _Sighting(marks, verdict.reason, now_ms, rank)
        return Decision(verdict.reason, verdict.test)

    def _refresh(self, now_ms: int, marks: frozenset[bytes]) -> None:
        """What is still in view has not been away."""
        for mark in marks & self._shown.keys():
            self._shown[mark] = now_ms
            self._shown.move_to_end(mark)

    def _forget_old(self, now_ms: int) -> None:
        """Forget marks that are old, and the oldest when there are too many."""
        while self._shown:
            mark, shown_ms = next(iter(self._shown.items()))
            if now_ms - shown_ms <= self._again_ms and len(self._shown) < MOST_MARKS:
                break
            del self._shown[mark]


def _is_pass(verdict: Verdict) -> bool:
    """Whether it was read far enough to be somebody's pass, genuine or not."""
    return verdict.format in _PASSES and verdict.reason not in _UNREADABLE


def _precedence(verdict: Verdict) -> int:
    """Which verdict stands for a person that shows several: the highest.

    One person's paper may carry an incomplete and a complete vaccination: the good one
    counts. But a listed pass beside its replacement is refused.
    """
    if verdict.reason in _LISTED:
        return _LISTED_RANK
    return {Outcome.ADMIT: _ADMIT_RANK, Outcome.STAFF: 1}.get(verdict.outcome, 0)
