"""A staff badge's signals: unlike every outcome's, and never a door opened."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import Final

import pytest

from doorcheck.core.signals import SHIFTS, SIGNALS, Attended, Panel, Score, at, duration_ms
from doorcheck.core.verdict import Outcome

SCORES: Final = [Score(None, test, attended=attended) for attended in Attended for test in (False, True)]
LONG_MS: Final = 10_000


def panels(score: Score) -> list[Panel]:
    """Ten seconds, a panel for each millisecond."""
    return [at(score, ms) for ms in range(LONG_MS)]


def onsets(levels: list[bool]) -> list[int]:
    """When the output comes on."""
    return [ms for ms, (before, now) in enumerate(pairwise([False, *levels])) if now and not before]


def notes(score: Score) -> list[int]:
    """The lengths of its first four notes, whatever their pitch."""
    sounding = [panel.tone_hz > 0 for panel in panels(score)[:1_500]]
    ends = onsets([not on for on in sounding])
    return [next(end for end in ends if end > start) - start for start in onsets(sounding)]


@pytest.mark.parametrize("score", SCORES, ids=str)
def test_it_opens_no_door(score: Score) -> None:
    """Neither green nor red nor the relay, at any time; then the idle signal."""
    shown = panels(score)
    assert not any(panel.green or panel.red or panel.relay for panel in shown)
    lasts_ms = duration_ms(score)
    assert lasts_ms is not None
    if not score.test:
        idle = Score(None)
        assert [at(score, lasts_ms + ms) for ms in range(5_000)] == [at(idle, ms) for ms in range(5_000)]


@pytest.mark.parametrize("score", SCORES, ids=str)
def test_it_never_flickers(score: Score) -> None:
    """No lamp reaches three flashes in any second (WCAG 2.3.1)."""
    shown = panels(score)
    for lamp in ("amber", "ready"):
        starts = onsets([getattr(panel, lamp) for panel in shown])
        assert all(third - first >= 1_000 for first, third in zip(starts, starts[2:], strict=False))


def together_ms(score: Score) -> int:
    """The longest time that amber and ready are lit at once."""
    longest = run = 0
    for panel in panels(score):
        run = run + 1 if panel.amber and panel.ready else 0
        longest = max(longest, run)
    return longest


def test_two_lamps_at_once_are_a_badge_s() -> None:
    """Amber and ready together, for as long as one can see; ageing lists show them so for an instant only."""
    assert together_ms(Score(attended=Attended.ON)) == 2_000
    assert together_ms(Score(attended=Attended.OFF)) == 400
    assert together_ms(Score(None, ageing=True)) == 200
    assert {together_ms(Score(outcome)) for outcome in (*Outcome, None)} == {0}


def test_the_rhythm_of_the_notes_tells_all_apart() -> None:
    """By count and length alone, as a buzzer of one pitch plays them: no two are alike."""
    scores = [*map(Score, Outcome), *(Score(attended=one) for one in Attended)]
    heard = {str(score): notes(score) for score in scores}
    assert notes(Score(attended=Attended.ON)) == [80, 80, 80, 320]
    assert notes(Score(attended=Attended.OFF)) == [320, 80, 80, 80]
    assert all(one != other for one, other in combinations(heard.values(), 2))


def test_no_note_is_an_admission_s() -> None:
    """The guardian of the relay knows ADMIT by its pitch: a badge never sounds so."""
    admitting = {level for _, _, level in SIGNALS[Outcome.ADMIT].tone.spans}
    assert not admitting & {level for one in SHIFTS.values() for _, _, level in one.tone.spans}


def test_a_verdict_has_no_room_for_a_badge() -> None:
    """One score says one thing."""
    with pytest.raises(ValueError, match="no room"):
        Score(Outcome.ADMIT, attended=Attended.ON)
