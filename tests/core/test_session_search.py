"""Whatever is held into the view, in any order: the promises that no sequence may break."""

from __future__ import annotations

from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from doorcheck.core.session import AGAIN_MS, LEFT_MS, SETTLE_MS, TOGETHER_MS, Decision, Session
from doorcheck.core.verdict import Outcome, PassFormat, Reason, Verdict

FRAME_MS: Final = 100


def shown(mark: bytes, reason: Reason = Reason.OK) -> Verdict:
    """The verdict on somebody's pass."""
    return Verdict(reason, PassFormat.HC1, "XX kid", mark)


A: Final = shown(b"A")
B: Final = shown(b"B")
A_LISTED: Final = shown(b"A", Reason.LISTED_IDENTIFIER)
A_INCOMPLETE: Final = shown(b"A", Reason.DOSES)
C_FORGED: Final = shown(b"C", Reason.SIGNATURE)
POSTER: Final = Verdict(Reason.NOT_A_PASS)
HALF_READ: Final = shown(b"half", Reason.COSE)
FOREIGN: Final = Verdict(Reason.SMART_HEALTH_CARD, PassFormat.SHC, mark=b"S")
BUG: Final = shown(b"bug", Reason.FAULT)
SHOWABLE: Final = (A, B, A_LISTED, A_INCOMPLETE, C_FORGED, POSTER, HALF_READ, FOREIGN, BUG)
GAPS_MS: Final = (
    0,
    1,
    50,
    100,
    SETTLE_MS,
    TOGETHER_MS,
    TOGETHER_MS + 1,
    LEFT_MS,
    LEFT_MS + 1,
    60_000,
    AGAIN_MS,
    AGAIN_MS + 1,
)
LISTED: Final = (Reason.LISTED_IDENTIFIER, Reason.LISTED_COUNTRY, Reason.LISTED_SIGNATURE)
PASSES: Final = {verdict.mark for verdict in (A, B, C_FORGED, BUG)}


class AnyView(RuleBasedStateMachine):
    """Frames, gaps and faults in any order, beside a plain record of what was in view and admitted when."""

    def __init__(self) -> None:
        super().__init__()
        self.session = Session()
        self.now_ms = 0
        self.fault: Reason | None = None
        self.last: Decision | None = None
        self.admitted_ms: dict[bytes, int] = {}
        self.view_ms: dict[bytes, int] = {}
        self.before: list[Verdict] = []

    @rule(verdicts=st.lists(st.sampled_from(SHOWABLE), max_size=3), gap_ms=st.sampled_from(GAPS_MS))
    def frame(self, verdicts: list[Verdict], gap_ms: int) -> None:
        """A frame while the door is in order."""
        self.now_ms += gap_ms
        decision = self.session.observe(self.now_ms, verdicts)
        if self.fault is not None:
            assert decision == Decision(None)
            self.fault, self.last, self.before = None, decision, []
            return
        seen = {verdict.mark for verdict in verdicts if verdict.mark in PASSES}
        if decision is not None:
            self.judge(decision, self.before + verdicts)
            self.last = decision
        self.before = verdicts
        for mark in seen & self.admitted_ms.keys():
            if self.now_ms - self.admitted_ms[mark] <= AGAIN_MS:
                self.admitted_ms[mark] = self.now_ms
        self.view_ms |= dict.fromkeys(seen, self.now_ms)

    def judge(self, decision: Decision, verdicts: list[Verdict]) -> None:
        """Hold one decision against the record, this frame's and the one's before."""
        assert decision.reason is None or decision.reason in {v.reason for v in verdicts} | {
            Reason.TWO_PASSES,
            Reason.SHOWN_BEFORE,
        }
        if decision.outcome is not Outcome.ADMIT:
            return
        (mark,) = {verdict.mark for verdict in verdicts if verdict.mark in PASSES}
        assert any(verdict.mark == mark and verdict.reason is Reason.OK for verdict in verdicts)
        assert not any(verdict.mark == mark and verdict.reason in LISTED for verdict in verdicts)
        for other, at_ms in self.view_ms.items():
            assert other == mark or self.now_ms - at_ms > TOGETHER_MS, "two passes were in view together"
        if mark in self.admitted_ms:
            assert self.now_ms - self.admitted_ms[mark] > AGAIN_MS, "admitted twice within the time"
        self.admitted_ms[mark] = self.now_ms

    @rule(fault=st.sampled_from((Reason.CLOCK, Reason.CAMERA)), verdict=st.sampled_from(SHOWABLE))
    def out_of_order(self, fault: Reason, verdict: Verdict) -> None:
        """A frame while it is out of order: said once, and nothing else is decided."""
        self.now_ms += FRAME_MS
        decision = self.session.observe(self.now_ms, [verdict], fault)
        assert decision == (None if fault is self.fault else Decision(fault))
        if decision is not None:
            self.fault, self.last, self.before = fault, decision, []
            self.view_ms = {}

    @precondition(lambda self: self.last is not None and self.fault is None)
    @rule(gap_ms=st.sampled_from((0, 50, 100, TOGETHER_MS)), frames=st.integers(1, 5))
    def hold_what_was_admitted(self, gap_ms: int, frames: int) -> None:
        """More frames of the pass that was just admitted decide nothing."""
        marks = {verdict.mark for verdict in self.before if verdict.mark in PASSES}
        if self.last != Decision(Reason.OK) or len(marks) != 1:
            return
        (mark,) = marks
        if mark not in self.admitted_ms or self.now_ms - self.view_ms[mark] > LEFT_MS - gap_ms:
            return
        for _ in range(frames):
            self.now_ms += gap_ms
            assert self.session.observe(self.now_ms, [shown(mark)]) is None
            self.before = [shown(mark)]
            self.view_ms[mark] = self.admitted_ms[mark] = self.now_ms

    @rule()
    def look_away(self) -> None:
        """Empty frames until everything has left."""
        for gap_ms in (0, LEFT_MS + 1):
            self.frame([], gap_ms)
        assert self.session.observe(self.now_ms, []) is None

    @invariant()
    def memory_is_bounded(self) -> None:
        """Only marks that were admitted are remembered."""
        assert self.session._shown.keys() <= self.admitted_ms.keys()


AnyView.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestAnyView = AnyView.TestCase
TestAnyView.__doc__ = "Whatever comes: ADMIT for one good pass alone, once, and never for two in view."
