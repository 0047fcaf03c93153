"""The guardian's judgement: what may be shown of what was told, and for how long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from doorcheck.core.signals import DARK, HOLD_MS, RELAY_MAX_MS, Panel, Score, at
from doorcheck.core.verdict import Outcome
from doorcheck.edge.gpio import OPENING_HZ
from doorcheck.edge.guardian import GAP_MS, DeadMan, packed, unpacked


def test_the_first_note_of_admit_is_its_own() -> None:
    """The note that marks a new decision opens ADMIT, with and without TEST, and sounds nowhere else."""
    for outcome in (*Outcome, None):
        for test in (False, True):
            heard = [ms for ms in range(0, 25_000, 10) if at(Score(outcome, test), ms).tone_hz == OPENING_HZ]
            if outcome is Outcome.ADMIT:
                assert heard == list(range(0, 100, 10))
            else:
                assert not heard


WORDS = st.tuples(
    st.integers(min_value=1, max_value=900),
    st.builds(
        Panel,
        st.booleans(),
        st.booleans(),
        st.booleans(),
        st.booleans(),
        st.booleans(),
        st.sampled_from([0, 440]),
    ),
    st.booleans(),
)


@given(words=st.lists(WORDS, max_size=8), relay_ms=st.integers(min_value=100, max_value=5_000))
def test_nothing_that_opens_outlives_its_word(words: list[tuple[int, Panel, bool]], relay_ms: int) -> None:
    """Green, relay and tone are on only as told, within HOLD_MS of a word, whatever is told and when.

    Green and relay are on no longer than RELAY_MAX_MS after their last edge or new decision.
    """
    dead_man, now = DeadMan(relay_ms), 0
    told, told_ms, began_ms = DARK, 0, 0
    for pause_ms, panel, fresh in [*words, (3_000, DARK, False)]:
        for later in range(now, now + pause_ms, 7):
            shown = dead_man.shown(later)
            assert (shown.red, shown.amber, shown.ready) == (told.red, told.amber, told.ready)
            assert shown.green <= told.green
            assert shown.relay <= told.relay
            assert shown.tone_hz in (0, told.tone_hz)
            if later - told_ms > HOLD_MS:
                assert (shown.green, shown.relay, shown.tone_hz) == (False, False, 0)
            if later - began_ms >= RELAY_MAX_MS + GAP_MS:
                assert (shown.green, shown.relay) == (False, False)
            assert dead_man.is_waiting or (shown.green, shown.relay, shown.tone_hz) == (False, False, 0)
        now += pause_ms
        if fresh or (panel.green and not told.green) or (panel.relay and not told.relay):
            began_ms = now
        dead_man.tell(panel, fresh, now)
        told, told_ms = panel, now


def test_what_dropped_out_stays_out() -> None:
    """After a silence the same word lights nothing; being told off, or a new decision, does."""
    admit = Panel(green=True, relay=True)
    for ending, fresh in ((DARK, False), (admit, True)):
        dead_man = DeadMan()
        dead_man.tell(admit, True, 0)
        assert dead_man.shown(HOLD_MS) == admit
        assert dead_man.shown(HOLD_MS + 1) == DARK
        dead_man.tell(admit, False, HOLD_MS + 2)
        assert dead_man.shown(HOLD_MS + 2) == DARK
        dead_man.tell(ending, fresh, HOLD_MS + 3)
        dead_man.tell(admit, False, HOLD_MS + 100)
        assert dead_man.shown(HOLD_MS + 100) == admit


def test_a_silence_that_nobody_looked_at_counts_too() -> None:
    """A late word after a silence finds it lapsed, even if nothing asked in between."""
    admit = Panel(green=True, relay=True)
    dead_man = DeadMan()
    dead_man.tell(admit, True, 0)
    dead_man.tell(admit, False, HOLD_MS + 1)
    assert dead_man.shown(HOLD_MS + 1) == DARK


def test_green_has_its_own_bound() -> None:
    """However often the same is told, one decision lights green for RELAY_MAX_MS, and a new one again."""
    dead_man = DeadMan()
    for ms in range(0, 3_000, 100):
        dead_man.tell(Panel(green=True), ms == 0, ms)
        assert dead_man.shown(ms).green is (ms < RELAY_MAX_MS)
    dead_man.tell(Panel(green=True), True, 3_000)
    assert dead_man.shown(3_000).green


def test_each_of_two_decisions_closes_the_relay_anew() -> None:
    """A second ADMIT during the first one opens the relay for GAP_MS, then closes it for its whole time."""
    admit = Panel(green=True, relay=True)
    dead_man = DeadMan(relay_ms=1_000)
    seen = []
    for ms in range(0, 3_000, 10):
        if ms % 100 == 0 and ms <= 2_500:
            dead_man.tell(admit, ms in (0, 700), ms)
        seen.append(dead_man.shown(ms).relay)
    closed = [ms * 10 for ms, relay in enumerate(seen) if relay]
    assert closed == [*range(0, 700, 10), *range(700 + GAP_MS, 1_700 + GAP_MS, 10)]


@given(panel=WORDS.map(lambda word: word[1]), lit=st.booleans(), fresh=st.booleans())
def test_an_order_arrives_as_it_was_sent(panel: Panel, lit: bool, fresh: bool) -> None:
    """Packed and unpacked, every order is itself."""
    assert unpacked(packed(7, panel, illuminated=lit, fresh=fresh)) == (7, panel, lit, fresh)
