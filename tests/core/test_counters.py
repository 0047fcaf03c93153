"""The operator's counters: outcomes in bins that are over, and nothing finer."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorcheck.core.counters import Counters, Ledger, Tempo, over
from doorcheck.core.verdict import Outcome, Reason

NOON = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_decisions_are_counted_in_their_bin() -> None:
    """By the quarter of an hour that they fall into."""
    ledger = Ledger(15, 15, {})
    for minutes in (0, 14.99, 15, 29, 30):
        ledger.count(Outcome.ADMIT, NOON + minutes * MINUTE)
    ledger.count(Outcome.REFUSE, NOON)
    assert ledger.kept(NOON + 31 * MINUTE) == {
        NOON: {Outcome.ADMIT: 2, Outcome.REFUSE: 1},
        NOON + 15 * MINUTE: {Outcome.ADMIT: 2},
        NOON + 30 * MINUTE: {Outcome.ADMIT: 1},
    }


def test_a_bin_is_told_when_it_is_over() -> None:
    """Whoever asks every second learns of nobody's outcome."""
    ledger = Ledger(15, 15, {})
    ledger.count(Outcome.REFUSE, NOON + MINUTE)
    assert ledger.told(NOON + 14.99 * MINUTE) == {}
    assert ledger.told(NOON + 15 * MINUTE) == {NOON: {Outcome.REFUSE: 1}}


@given(st.lists(st.integers(0, 60 * 24 * 40), max_size=50), st.integers(15, 1440), st.integers(1, 15))
def test_nothing_is_kept_longer_than_its_days(minutes: list[int], width: int, days: int) -> None:
    """Every kept bin began within them; nothing younger is lost."""
    ledger = Ledger(width, days, {})
    now = NOON
    for passed in sorted(minutes):
        now = NOON + passed * MINUTE
        ledger.count(Outcome.ADMIT, now)
    kept = ledger.kept(now)
    assert all(now - start <= timedelta(days=days) for start in kept)
    young = [m for m in minutes if now - (NOON + m * MINUTE) < timedelta(days=days) - width * MINUTE]
    assert sum(sum(counts.values()) for counts in kept.values()) >= len(young)


def test_what_was_kept_goes_on() -> None:
    """A restart within a bin loses nothing, and what is handed out is a copy."""
    first = Ledger(15, 15, {})
    first.count(Outcome.ADMIT, NOON)
    second = Ledger(15, 15, first.kept(NOON))
    second.count(Outcome.ADMIT, NOON + MINUTE)
    assert second.kept(NOON + MINUTE) == {NOON: {Outcome.ADMIT: 2}}
    assert first.kept(NOON) == {NOON: {Outcome.ADMIT: 1}}


@pytest.mark.parametrize("width", [15, 60, 7 * 60, 1440])
def test_the_end_of_a_bin_is_noticed(width: int) -> None:
    """Once, between two moments on its two sides."""
    ledger = Ledger(width, 15, {})
    start = datetime.fromtimestamp(NOON.timestamp() // (width * 60) * width * 60, UTC)
    last = start + width * MINUTE - timedelta(seconds=1)
    assert not ledger.is_over(start, last)
    assert ledger.is_over(last, last + timedelta(seconds=1))
    assert over({start: Counter()}, width, last) == {}


def test_bins_hold_outcomes_and_nothing_else() -> None:
    """No reason, no stage, no kind of proof, no time but the bin's."""
    ledger = Ledger(15, 15, {})
    for reason in Reason:
        ledger.count(reason.outcome, NOON + 7 * MINUTE)
    for start, counts in ledger.kept(NOON + 8 * MINUTE).items():
        assert start == NOON
        assert set(counts) <= set(Outcome)


def test_the_counters_of_a_play_are_by_outcome_and_stage() -> None:
    """In memory alone, for the simulated door."""
    counters = Counters()
    for reason in (Reason.OK, Reason.SIGNATURE, Reason.EXPIRED, Reason.CAMERA):
        counters.decided(reason)
    assert counters.outcomes == {Outcome.ADMIT: 1, Outcome.REFUSE: 2, Outcome.OUT_OF_ORDER: 1}
    assert counters.stages == {"S": 1, "P": 1, "O": 1}


def test_the_tempo_is_that_of_the_last_frames() -> None:
    """Frames a second; none after a silence; the median of latencies."""
    tempo = Tempo()
    assert (tempo.fps(0), tempo.latency_ms()) == (0.0, None)
    for number in range(100):
        tempo.frame(number * 100)
    assert tempo.fps(9_900) == 10.0
    assert tempo.fps(9_900 + 2_001) == 0.0
    for latency_ms in (40, 2_000, 60):
        tempo.decided(latency_ms)
    assert tempo.latency_ms() == 60
