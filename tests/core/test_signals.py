"""The signals keep their promises at every millisecond, and stay apart without colour."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import combinations, pairwise
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorcheck.core import signals
from doorcheck.core.signals import (
    DARK,
    HOLD_MS,
    RELAY_MAX_MS,
    SIGNALS,
    Panel,
    Score,
    Signal,
    Track,
    at,
    duration_ms,
    held,
)
from doorcheck.core.verdict import Outcome

MINUTE_MS: Final = 60_000
OUTCOMES: Final = (*Outcome, None)
SCORES: Final = [Score(outcome, test) for outcome in OUTCOMES for test in (False, True)]
PAIRS: Final = list(combinations(OUTCOMES, 2))
LAMPS: Final = ("green", "red", "amber", "ready")
any_score = st.sampled_from(SCORES)
any_panel = st.builds(
    Panel,
    *([st.booleans()] * 5),
    st.sampled_from((0, 400, 1_000)),
)


@cache
def minute(score: Score) -> list[Panel]:
    """The score's first minute, a panel for each millisecond."""
    return [at(score, ms) for ms in range(MINUTE_MS)]


def onsets(levels: list[bool]) -> list[int]:
    """The milliseconds at which the output comes on, dark before the first."""
    return [ms for ms, (before, now) in enumerate(pairwise([False, *levels])) if now and not before]


def notes(score: Score, until_ms: int) -> list[tuple[int, int]]:
    """The notes as (start_ms, length_ms), whatever their pitch."""
    sounding = [panel.tone_hz > 0 for panel in minute(score)[:until_ms]]
    ends = onsets([not on for on in sounding] + [True])
    return [(start, min(end for end in ends if end > start) - start) for start in onsets(sounding)]


@pytest.mark.parametrize("score", SCORES, ids=str)
def test_only_admit_lights_green_or_closes_the_relay(score: Score) -> None:
    """No other outcome shows green or closes the relay, at any millisecond, test or not."""
    opened = any(panel.green or panel.relay for panel in minute(score))
    assert opened is (score.outcome is Outcome.ADMIT)


@given(score=any_score, elapsed_ms=st.integers(min_value=0, max_value=10**12))
def test_nothing_opens_outside_an_admission(score: Score, elapsed_ms: int) -> None:
    """Green or relay means ADMIT within its stated time, at whatever moment one looks."""
    panel = at(score, elapsed_ms)
    if panel.green or panel.relay:
        assert score.outcome is Outcome.ADMIT
        assert elapsed_ms < RELAY_MAX_MS


@pytest.mark.parametrize("outcome", [each for each in OUTCOMES if each is not Outcome.ADMIT], ids=str)
def test_a_slip_in_the_table_opens_nothing(outcome: Outcome | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that wrongly lights green and closes the relay still doesn't, unless it is ADMIT's."""
    always = Track(((0, MINUTE_MS, 1),))
    monkeypatch.setitem(signals.SIGNALS, outcome, Signal(lasts_ms=None, green=always, relay=always))
    assert not at(Score(outcome), 0).green
    assert not at(Score(outcome), 0).relay


def test_the_relay_closes_once_and_no_longer_than_stated() -> None:
    """One admission is one closing of the relay, from the start, of at most RELAY_MAX_MS."""
    for test in (False, True):
        closed = [panel.relay for panel in minute(Score(Outcome.ADMIT, test))]
        assert onsets(closed) == [0]
        assert 0 < sum(closed) <= RELAY_MAX_MS


def test_a_refusal_shows_longer_than_an_admission() -> None:
    """Who looks late still sees the red lamp when the green one would be off."""
    red = [ms for ms, panel in enumerate(minute(Score(Outcome.REFUSE))) if panel.red]
    green = [ms for ms, panel in enumerate(minute(Score(Outcome.ADMIT))) if panel.green]
    assert red[-1] - red[0] > green[-1] - green[0]


@pytest.mark.parametrize("lamp", LAMPS)
@pytest.mark.parametrize("score", SCORES, ids=str)
def test_no_lamp_flashes_three_times_a_second(score: Score, lamp: str) -> None:
    """Every lamp, in every signal and on into idle, flashes slower than 3 Hz (WCAG 2.3.1)."""
    lit = [getattr(panel, lamp) for panel in minute(score)]
    assert all(later - earlier > 1000 / 3 for earlier, later in pairwise(onsets(lit)))
    assert all(later - earlier > 1000 / 3 for earlier, later in pairwise(onsets([not on for on in lit])))


def test_every_tone_is_one_that_old_ears_hear() -> None:
    """All fundamentals lie between 300 and 2500 Hz."""
    heard = {panel.tone_hz for score in SCORES for panel in minute(score)} - {0}
    assert heard
    assert all(300 <= hertz <= 2_500 for hertz in heard)


@pytest.mark.parametrize("test", [False, True])
def test_signals_differ_by_position(test: bool) -> None:
    """The set of lamps that a signal uses, TEST lamp aside, belongs to it alone."""
    used = [
        frozenset(lamp for lamp in LAMPS if getattr(SIGNALS[outcome], lamp).spans) for outcome in OUTCOMES
    ]
    assert len(set(used)) == len(used)
    for outcome, lamps in zip(OUTCOMES, used, strict=True):
        until_ms = duration_ms(Score(outcome)) or MINUTE_MS
        panels = minute(Score(outcome, test))[:until_ms]
        lit = {lamp for lamp in LAMPS if any(getattr(panel, lamp) for panel in panels)}
        assert lit - {"ready"} == lamps - {"ready"}


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_signals_differ_by_rhythm(pair: tuple[Outcome | None, Outcome | None]) -> None:
    """Were all lamps one white lamp, any two signals would still differ for a second of three."""
    rhythms = [
        [panel.green or panel.red or panel.amber or panel.ready for panel in minute(Score(outcome))[:3_000]]
        for outcome in pair
    ]
    assert sum(one != other for one, other in zip(*rhythms, strict=True)) >= 1_000


@pytest.mark.parametrize("test", [False, True])
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_signals_differ_by_sound(pair: tuple[Outcome | None, Outcome | None], test: bool) -> None:
    """Without pitch, on a one-tone buzzer, two signals differ in the number or length of notes."""
    one, other = ([length for _, length in notes(Score(outcome, test), 2_000)] for outcome in pair)
    assert len(one) != len(other) or min(one) >= 2 * max(other) or min(other) >= 2 * max(one)


@pytest.mark.parametrize("outcome", OUTCOMES, ids=str)
def test_test_is_visible_in_every_signal(outcome: Outcome | None) -> None:
    """Under TEST the ready lamp blinks twice in each two seconds, and never without it."""
    marked = onsets([panel.ready for panel in minute(Score(outcome, True))])
    assert marked == [start for period in range(0, MINUTE_MS, 2_000) for start in (period, period + 500)]
    plain = onsets([panel.ready for panel in minute(Score(outcome, False))])
    assert all(later - earlier >= 3_000 for earlier, later in pairwise(plain))


@pytest.mark.parametrize("outcome", [Outcome.ADMIT, Outcome.REFUSE, Outcome.STAFF])
def test_test_is_audible_in_every_verdict(outcome: Outcome) -> None:
    """Who hears the door only still hears two ticks after a TEST verdict's own notes."""
    plain = notes(Score(outcome), MINUTE_MS)
    assert notes(Score(outcome, True), MINUTE_MS) == [*plain, (2_000, 100), (2_500, 100)]


def test_test_changes_nothing_but_ready_lamp_and_sound() -> None:
    """The TEST mark is an addition: verdict lamps and relay do what they always do."""
    for outcome in OUTCOMES:
        for real, marked in zip(minute(Score(outcome)), minute(Score(outcome, True)), strict=True):
            assert (real.green, real.red, real.amber, real.relay) == (
                *(marked.green, marked.red, marked.amber),
                marked.relay,
            )
            assert real.tone_hz in (0, marked.tone_hz)


@pytest.mark.parametrize("outcome", [Outcome.ADMIT, Outcome.REFUSE, Outcome.STAFF])
def test_a_verdict_ends_in_the_idle_signal(outcome: Outcome) -> None:
    """After its duration a verdict is over: the idle signal plays from its beginning."""
    lasts_ms = duration_ms(Score(outcome))
    assert lasts_ms is not None
    assert minute(Score(outcome))[lasts_ms:] == minute(Score())[: MINUTE_MS - lasts_ms]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=str)
def test_ageing_lists_add_one_short_amber_flash_to_idle(outcome: Outcome | None) -> None:
    """It is no verdict's lamp: one flash in four seconds, while the ready lamp dips, and only on idle."""
    lasts_ms = duration_ms(Score(outcome))
    plain, ageing = minute(Score(outcome)), minute(Score(outcome, ageing=True))
    idle_ms = 0 if outcome is None else lasts_ms or MINUTE_MS
    assert plain[:idle_ms] == ageing[:idle_ms]
    assert [replace(panel, amber=False) for panel in ageing[idle_ms:]] == plain[idle_ms:]
    lit = onsets([panel.amber for panel in ageing[idle_ms:]])
    assert lit == list(range(3_600, MINUTE_MS - idle_ms, 4_000))


def test_only_idle_and_out_of_order_last_until_replaced() -> None:
    """A verdict about a visitor always ends by itself."""
    assert {outcome for outcome in OUTCOMES if duration_ms(Score(outcome)) is None} == {
        None,
        Outcome.OUT_OF_ORDER,
    }


def test_a_time_before_the_score_is_an_error() -> None:
    """Nothing is shown for a moment at which the score had not begun."""
    with pytest.raises(ValueError, match="before its score began"):
        at(Score(Outcome.ADMIT), -1)


@given(panel=any_panel, age_ms=st.integers(min_value=HOLD_MS + 1, max_value=10**12))
def test_the_dead_man_opens_nothing(panel: Panel, age_ms: int) -> None:
    """Past HOLD_MS green, relay and tone are off, and the other lamps are as they were."""
    assert held(panel, age_ms) == Panel(red=panel.red, amber=panel.amber, ready=panel.ready)


@given(panel=any_panel, age_ms=st.integers(min_value=0, max_value=HOLD_MS))
def test_the_dead_man_leaves_a_fresh_panel_alone(panel: Panel, age_ms: int) -> None:
    """Up to HOLD_MS the panel is what the score says."""
    assert held(panel, age_ms) == panel


def test_dark_is_everything_off() -> None:
    """DARK lights nothing, sounds nothing and leaves the relay open."""
    assert Panel(False, False, False, False, False, 0) == DARK
