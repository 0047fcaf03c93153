"""One answer for each pass held into view, and never two for one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from doorcheck.core.session import AGAIN_MS, LEFT_MS, MOST_MARKS, SETTLE_MS, TOGETHER_MS, Decision, Session
from doorcheck.core.verdict import PassFormat, Reason, Verdict

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


class View:
    """A session and a clock: frames in, every decision kept."""

    def __init__(self) -> None:
        self.session = Session()
        self.now_ms = 1_000_000
        self.decisions: list[Decision] = []

    def frame(
        self, *verdicts: Verdict, fault: Reason | None = None, after_ms: int = FRAME_MS
    ) -> Decision | None:
        """One frame, so long after the last."""
        self.now_ms += after_ms
        decision = self.session.observe(self.now_ms, verdicts, fault)
        if decision is not None:
            self.decisions.append(decision)
        return decision

    def hold(self, *verdicts: Verdict, for_ms: int = 1000, fault: Reason | None = None) -> None:
        """Frames of the same, for a while."""
        for _ in range(for_ms // FRAME_MS):
            self.frame(*verdicts, fault=fault)

    @property
    def reasons(self) -> list[Reason | None]:
        """What was decided so far."""
        return [decision.reason for decision in self.decisions]


@pytest.fixture
def view() -> View:
    """A view that nothing was held into yet."""
    return View()


# One pass


def test_a_pass_is_refused_in_its_first_frame(view: View) -> None:
    """Nobody waits for a refusal: the first frame that holds a pass decides."""
    assert view.frame(C_FORGED) == Decision(Reason.SIGNATURE)


@pytest.mark.parametrize("second", [(A,), (), (POSTER,), (HALF_READ,)])
@pytest.mark.parametrize("gap_ms", [33, FRAME_MS, TOGETHER_MS])
def test_a_pass_is_admitted_with_the_next_frame(view: View, second: tuple[Verdict, ...], gap_ms: int) -> None:
    """One frame more may show a second pass; whatever else it shows, it admits."""
    assert view.frame(A) is None
    assert view.frame(*second, after_ms=gap_ms) == Decision(Reason.OK)


def test_a_slow_decoder_admits_too(view: View) -> None:
    """A board that manages a frame a second lets people in all the same."""
    assert view.frame(A) is None
    assert view.frame(A, after_ms=1000) == Decision(Reason.OK)


def test_a_glimpse_long_ago_admits_nobody(view: View) -> None:
    """A pass seen once and gone for longer than `TOGETHER_MS` must be seen again."""
    view.frame(A)
    assert view.frame(after_ms=TOGETHER_MS + 1) is None
    assert view.frame(after_ms=FRAME_MS) is None
    assert view.reasons == []


def test_a_fault_after_a_glimpse_admits_nobody(view: View) -> None:
    """What was about to be admitted when a fault came is not, when the fault has gone."""
    view.frame(A)
    view.frame(fault=Reason.CAMERA)
    view.frame()
    view.frame()
    assert view.reasons == [Reason.CAMERA, None]


def test_a_pass_held_on_is_decided_once(view: View) -> None:
    """However long it is held, there is one answer."""
    view.hold(A, for_ms=60_000)
    assert view.reasons == [Reason.OK]


def test_a_refused_pass_held_on_is_decided_once(view: View) -> None:
    """Refusals are as steady as admissions."""
    view.hold(C_FORGED, for_ms=60_000)
    assert view.reasons == [Reason.SIGNATURE]


@pytest.mark.parametrize("gap_ms", [FRAME_MS, TOGETHER_MS, LEFT_MS])
def test_frames_that_miss_a_pass_do_not_end_it(view: View, gap_ms: int) -> None:
    """Decoders miss frames: until `LEFT_MS` it is the same pass in the same hand."""
    for _ in range(10):
        view.frame(A, after_ms=gap_ms)
        view.frame(after_ms=0)
    assert view.reasons == [Reason.OK]


def test_one_leaves_and_another_comes(view: View) -> None:
    """Each of two visitors gets an answer of their own."""
    view.hold(A)
    view.hold(for_ms=2000)
    view.hold(B)
    assert view.reasons == [Reason.OK, Reason.OK]


def test_the_next_visitor_need_not_wait(view: View) -> None:
    """Later than `TOGETHER_MS` after the last pass was seen, another one is the next visitor's."""
    view.hold(A)
    view.frame(B, after_ms=TOGETHER_MS + 1)
    assert view.frame(B) == Decision(Reason.OK)


def test_the_test_mark_is_passed_on(view: View) -> None:
    """A pass of a test authority is decided as such, alone, refused, or beside another."""
    view.frame(replace(A, test=True))
    assert view.frame(replace(A, test=True)) == Decision(Reason.OK, test=True)
    assert view.frame(replace(C_FORGED, test=True), after_ms=5000) == Decision(Reason.SIGNATURE, test=True)
    assert view.frame(B, replace(A, test=True), after_ms=5000) == Decision(Reason.TWO_PASSES, test=True)


# The same pass again


@pytest.mark.parametrize(
    ("gap_ms", "reason"),
    [(LEFT_MS + 1, Reason.SHOWN_BEFORE), (AGAIN_MS, Reason.SHOWN_BEFORE), (AGAIN_MS + 1, Reason.OK)],
)
def test_the_same_pass_again_goes_to_staff_for_fifteen_minutes(
    view: View, gap_ms: int, reason: Reason
) -> None:
    """Back within fifteen minutes it has been handed on; after them it is as new."""
    view.hold(A)
    view.frame(A, after_ms=gap_ms)
    view.frame(A)
    assert view.reasons == [Reason.OK, reason]
    assert AGAIN_MS == 15 * 60 * 1000


def test_the_minutes_count_from_when_it_was_last_seen(view: View) -> None:
    """A pass held for long is remembered from its last frame, not from its first."""
    view.hold(A, for_ms=20_000)
    assert view.frame(A, after_ms=AGAIN_MS - 1000) == Decision(Reason.SHOWN_BEFORE)
    assert view.frame(A, after_ms=AGAIN_MS - 1000) == Decision(Reason.SHOWN_BEFORE)
    view.frame(A, after_ms=AGAIN_MS + 1)
    assert view.frame(A) == Decision(Reason.OK)


def test_many_hands_are_each_sent_to_staff(view: View) -> None:
    """A code that goes round is admitted once and noticed every time after, others between."""
    for _ in range(5):
        view.hold(A)
        view.hold(for_ms=10_000)
        view.hold(C_FORGED)
        view.hold(for_ms=10_000)
    assert view.reasons == [Reason.OK, Reason.SIGNATURE, *[Reason.SHOWN_BEFORE, Reason.SIGNATURE] * 4]


def test_a_refused_pass_may_come_again(view: View) -> None:
    """Only what was admitted is remembered: a refused visitor who finds the right paper goes in."""
    view.hold(A_INCOMPLETE)
    view.hold(for_ms=3000)
    view.hold(A)
    assert view.reasons == [Reason.DOSES, Reason.OK]


def test_one_persons_other_code_is_the_same_pass_again(view: View) -> None:
    """Reuse is noticed by the person: another code of theirs does not help."""
    view.hold(replace(A, signer="XX first"))
    view.hold(for_ms=3000)
    view.hold(replace(A, signer="XX second"))
    assert view.reasons == [Reason.OK, Reason.SHOWN_BEFORE]


def test_the_window_can_be_set() -> None:
    """A venue may choose another time for coming back."""
    session = Session(again_ms=5000)
    assert [session.observe(at, [A]) for at in (0, 100, 5100, 10_101, 10_201)] == [
        None,
        Decision(Reason.OK),
        Decision(Reason.SHOWN_BEFORE),
        None,
        Decision(Reason.OK),
    ]


# Several in view


@pytest.mark.parametrize(
    "frame", [(A, B), (B, A), (A, C_FORGED), (C_FORGED, A), (A, B, C_FORGED), (A, B, POSTER)]
)
def test_two_passes_in_one_frame_go_to_staff(view: View, frame: tuple[Verdict, ...]) -> None:
    """Nobody can say who stands there, in whatever order they were read: once, however long."""
    view.hold(*frame, for_ms=30_000)
    assert view.reasons == [Reason.TWO_PASSES]


@pytest.mark.parametrize("gap_ms", [FRAME_MS, TOGETHER_MS])
def test_two_passes_that_are_read_in_turn_go_to_staff(view: View, gap_ms: int) -> None:
    """A decoder that finds one of two at a time does not hide the second."""
    view.frame(A)
    for _ in range(20):
        view.frame(B, after_ms=gap_ms)
        view.frame(A, after_ms=gap_ms)
    assert view.reasons == [Reason.TWO_PASSES]


def test_a_second_pass_that_comes_later_takes_the_welcome_back(view: View) -> None:
    """Somebody was admitted, and another pass comes into view beside it: a human must look."""
    view.hold(A)
    view.hold(A, B)
    assert view.reasons == [Reason.OK, Reason.TWO_PASSES]


def test_a_forged_pass_read_first_does_not_let_the_second_in(view: View) -> None:
    """Refused, then two in view: no ADMIT comes of it."""
    view.frame(C_FORGED)
    view.frame(A)
    view.hold(A, C_FORGED)
    assert view.reasons == [Reason.SIGNATURE, Reason.TWO_PASSES]


def test_of_two_passes_one_taken_away_is_not_yet_the_other(view: View) -> None:
    """The answer stands until both have left; then the one alone is admitted."""
    view.hold(A, B)
    view.hold(A, for_ms=5000)
    assert view.reasons == [Reason.TWO_PASSES]
    view.hold(for_ms=2000)
    view.hold(A)
    assert view.reasons == [Reason.TWO_PASSES, Reason.OK]


def test_one_of_two_passes_seen_again_late_is_still_one_of_two(view: View) -> None:
    """Frames that miss both of two passes, up to `LEFT_MS`, do not make one of them alone."""
    view.frame(A, B)
    for _ in range(5):
        view.frame(A, after_ms=LEFT_MS)
    assert view.reasons == [Reason.TWO_PASSES]


@pytest.mark.parametrize(
    ("gap_ms", "reason"), [(TOGETHER_MS, Reason.TWO_PASSES), (TOGETHER_MS + 1, Reason.OK)]
)
def test_a_pass_just_after_an_admitted_one_is_beside_it(view: View, gap_ms: int, reason: Reason) -> None:
    """Until `TOGETHER_MS` after the first, the second is in view with it, then it is the next visitor's."""
    view.hold(A)
    view.frame(B, after_ms=gap_ms)
    view.frame(B)
    assert view.reasons == [Reason.OK, reason]


def test_one_persons_two_codes_that_are_read_in_turn_count_once(view: View) -> None:
    """The good one of one person's codes counts, also when the next frame holds the other alone."""
    view.frame(A)
    view.hold(A_INCOMPLETE)
    assert view.reasons == [Reason.OK]


def test_the_better_of_one_persons_codes_is_answered_when_it_is_read_later(view: View) -> None:
    """First the incomplete one was read; then the good one: the person goes in, once."""
    view.frame(A_INCOMPLETE)
    view.frame(A)
    view.frame(A_INCOMPLETE)
    view.hold(A_INCOMPLETE, A)
    assert view.reasons == [Reason.DOSES, Reason.OK]


def test_a_listed_code_that_is_read_later_takes_the_welcome_back(view: View) -> None:
    """Somebody was admitted and still holds the leaked code beside the new one: refused, once."""
    view.hold(A)
    view.hold(A_LISTED)
    view.hold(A, A_LISTED)
    assert view.reasons == [Reason.OK, Reason.LISTED_IDENTIFIER]


def test_one_persons_two_codes_count_once(view: View) -> None:
    """Paper with two codes of one person is one pass, and the good one of them counts."""
    view.hold(A_INCOMPLETE, A)
    view.hold(for_ms=3000)
    view.hold(shown(b"D", Reason.OK), shown(b"D", Reason.SPECIMEN))
    assert view.reasons == [Reason.OK, Reason.OK]


@pytest.mark.parametrize("reason", [Reason.LISTED_IDENTIFIER, Reason.LISTED_COUNTRY, Reason.LISTED_SIGNATURE])
def test_a_listed_pass_beside_its_replacement_is_refused(view: View, reason: Reason) -> None:
    """Whoever still shows the leaked code is refused, in whatever order the two are read."""
    view.hold(shown(b"A", reason), A)
    view.hold(for_ms=3000)
    view.hold(A, shown(b"A", reason))
    assert view.reasons == [reason, reason]


def test_a_replacement_alone_is_admitted(view: View) -> None:
    """After the leaked code was refused, the new one is not "shown before"."""
    view.hold(A_LISTED)
    view.hold(for_ms=3000)
    view.hold(A)
    assert view.reasons == [Reason.LISTED_IDENTIFIER, Reason.OK]


# What is no pass


@pytest.mark.parametrize("other", [POSTER, HALF_READ, FOREIGN])
def test_what_is_beside_a_pass_is_ignored(view: View, other: Verdict) -> None:
    """A poster in view, or half of a symbol, changes nothing about the pass: before, beside or after it."""
    view.frame(other)
    view.hold(A, other)
    view.hold(other)
    assert view.reasons == [Reason.OK]


def test_what_is_no_pass_must_stay(view: View) -> None:
    """A half-seen symbol may yet become a pass: only after `SETTLE_MS` it is answered, once."""
    assert view.frame(HALF_READ) is None
    assert view.frame(HALF_READ, after_ms=SETTLE_MS - 1) is None
    assert view.frame(HALF_READ, after_ms=1) == Decision(Reason.COSE)
    view.hold(HALF_READ, for_ms=10_000)
    assert view.reasons == [Reason.COSE]


def test_a_pass_that_comes_clear_is_the_only_answer(view: View) -> None:
    """Half-read frames before the first good one leave no trace."""
    view.frame(HALF_READ)
    view.frame(HALF_READ)
    view.hold(A)
    assert view.reasons == [Reason.OK]


def test_settling_begins_anew_when_something_else_comes(view: View) -> None:
    """Neither an empty frame nor another reason counts as staying."""
    for other in (None, FOREIGN):
        for _ in range(5):
            view.frame(POSTER)
            view.frame(POSTER, after_ms=SETTLE_MS - 50)
            view.frame(*([other] if other else []), after_ms=50)
    assert view.reasons == []


def test_of_several_things_the_one_for_staff_counts(view: View) -> None:
    """A foreign pass beside a poster is a foreign pass."""
    view.hold(POSTER, FOREIGN)
    assert view.reasons == [Reason.SMART_HEALTH_CARD]


def test_a_poster_that_comes_back_is_answered_again(view: View) -> None:
    """Gone for longer than `LEFT_MS`, it is new."""
    for _ in range(3):
        view.hold(POSTER)
        view.hold(for_ms=2000)
    assert view.reasons == [Reason.NOT_A_PASS] * 3


# Faults


def test_a_fault_overrides_and_ends_with_idle(view: View) -> None:
    """Out of order is said at once, once, whatever is in view; its end is said too."""
    view.hold(A, fault=Reason.CAMERA)
    view.hold(A, for_ms=FRAME_MS)
    view.hold(A)
    assert view.reasons == [Reason.CAMERA, None, Reason.OK]
    assert view.decisions[1].outcome is None


def test_one_fault_after_another_is_said(view: View) -> None:
    """Each fault has its own reason."""
    for fault in (Reason.CLOCK, Reason.NO_TRUST, Reason.CAMERA, Reason.DECODER, None):
        view.hold(fault=fault)
    assert view.reasons == [Reason.CLOCK, Reason.NO_TRUST, Reason.CAMERA, Reason.DECODER, None]


def test_a_fault_does_not_let_a_pass_in_twice(view: View) -> None:
    """What was shown before a fault is known after it."""
    view.hold(A)
    view.hold(A, fault=Reason.DECODER)
    view.hold(A)
    assert view.reasons == [Reason.OK, Reason.DECODER, None, Reason.SHOWN_BEFORE]


def test_a_symbol_that_breaks_the_verifier_is_out_of_order_until_it_left(view: View) -> None:
    """`O-BUG` lasts while the symbol is there, and then the door is ready again."""
    view.hold(BUG, for_ms=5000)
    assert view.reasons == [Reason.FAULT]
    view.hold(for_ms=LEFT_MS)
    assert view.reasons == [Reason.FAULT]
    view.hold(for_ms=FRAME_MS)
    assert view.reasons == [Reason.FAULT, None]
    view.hold(for_ms=5000)
    assert view.reasons == [Reason.FAULT, None]


def test_a_pass_ends_an_out_of_order_symbol(view: View) -> None:
    """The next visitor's pass is decided without an idle signal between."""
    view.hold(BUG)
    view.frame(A, after_ms=TOGETHER_MS + 1)
    view.hold(A)
    view.hold(for_ms=5000)
    assert view.reasons == [Reason.FAULT, Reason.OK]


def test_other_answers_end_by_themselves(view: View) -> None:
    """No idle decision follows a pass that left: the signal's own time ends it."""
    view.hold(C_FORGED)
    view.hold(for_ms=10_000)
    assert view.reasons == [Reason.SIGNATURE]


# Memory


def marks(session: Session) -> int:
    """How many marks a session holds, wherever."""
    sighting = session._sighting
    return len(session._shown) + len(sighting.marks if sighting else ())


def test_no_more_marks_than_allowed_are_kept(view: View) -> None:
    """A busy evening takes bounded memory; the oldest marks go first."""
    for visitor in range(MOST_MARKS + 50):
        view.frame(shown(b"%d" % visitor), after_ms=FRAME_MS + TOGETHER_MS)
        view.frame()
        assert marks(view.session) <= MOST_MARKS + 1
    latest = b"%d" % (MOST_MARKS + 49)
    view.hold(for_ms=2000)
    assert view.frame(shown(latest)) == Decision(Reason.SHOWN_BEFORE)
    assert b"0" not in view.session._shown


def test_old_marks_are_gone_when_the_next_pass_comes(view: View) -> None:
    """No mark outlives the fifteen minutes by more than the wait for the next visitor."""
    for visitor in (b"1", b"2", b"3"):
        view.hold(for_ms=2000)
        view.hold(shown(visitor))
    view.frame(after_ms=AGAIN_MS + 1)
    view.hold(A)
    assert list(view.session._shown) == [b"A"]


def test_old_marks_are_gone_when_nobody_comes(view: View) -> None:
    """Fifteen minutes later nothing of a visitor is left, also when the hall stays empty."""
    view.hold(A)
    assert marks(view.session) > 0
    view.frame(after_ms=AGAIN_MS + 1)
    assert marks(view.session) == 0


def test_a_stream_of_passes_takes_bounded_memory(view: View) -> None:
    """A telephone that plays thousands of forged codes into the view fills nothing."""
    for forged in range(MOST_MARKS + 50):
        view.frame(shown(b"%d" % forged, Reason.SIGNATURE))
    assert marks(view.session) <= MOST_MARKS


@pytest.mark.parametrize("before", [15, 16, 17, 32, 33, 100])
def test_a_stream_of_passes_admits_nobody(view: View, before: int) -> None:
    """However many passes were in view within `TOGETHER_MS`, one more is still not alone."""
    for forged in range(before):
        view.frame(shown(b"%d" % forged, Reason.SIGNATURE))
    view.frame(A)
    view.frame(B)
    assert view.reasons == [Reason.SIGNATURE, Reason.TWO_PASSES]


def test_a_session_shows_no_marks(view: View) -> None:
    """Neither the session nor a decision shows whom it has seen."""
    view.frame(shown(b"a visitor's mark"))
    assert "visitor" not in f"{view.session!r} {view.decisions!r}"
