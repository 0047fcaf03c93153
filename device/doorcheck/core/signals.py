"""What the panel shows, as a function of time.

The grammar, so that no signal rests on colour (WCAG 1.4.1): each outcome has its own lamp
position, its own rhythm and its own count and length of notes. No lamp reaches three
flashes a second (WCAG 2.3.1); no fundamental is above 2.5 kHz, which ageing ears lose.

    outcome       lamp                 rhythm                         sound
    ADMIT         right, green tick    steady                         two short notes, rising
    REFUSE        left, red cross      two slow flashes, then steady  two long low notes
    STAFF         middle, amber "!"    even blink                     three notes
    OUT_OF_ORDER  left, then middle    slow exchange, for ever        one short note, rarely
    idle          ready dot            on, with a brief dip           none
    ageing lists  the same, and amber  lit during that dip            none
    shift opened  ready and amber      both steady, amber two seconds  four notes, the last long, rising
    shift closed  ready and amber      both one blink, then dark       four notes, the first long, falling

TEST is a mark on all of them: the ready lamp blinks twice, rests, blinks twice; a verdict
also ticks twice. Without TEST the ready lamp never blinks so.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Final

from doorcheck.core.verdict import Outcome

HOLD_MS: Final = 500
"""How long green, relay and tone outlive the last refresh."""

RELAY_MAX_MS: Final = 2_000
"""The longest that one verdict keeps the relay closed."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Levels of every output at one instant. `tone_hz` 0 is silence."""

    green: bool = False
    red: bool = False
    amber: bool = False
    ready: bool = False
    relay: bool = False
    tone_hz: int = 0


class Attended(enum.Enum):
    """What a staff badge did. It admits nobody."""

    ON = "shift opened"
    OFF = "shift closed"


@dataclass(frozen=True, slots=True)
class Score:
    """What the panel plays: an outcome's signal, or the idle signal when None.

    `test` adds the visible TEST signal: a test authority signed the pass, or the door
    runs on a test trust list. `ageing` says on the idle signal that the lists want an update.
    `attended` is a staff badge's signal, in the place of the idle one.
    """

    outcome: Outcome | None = None
    test: bool = False
    ageing: bool = False
    attended: Attended | None = None

    def __post_init__(self) -> None:
        if self.outcome is not None and self.attended is not None:
            raise ValueError("a verdict's signal has no room for a badge's")


DARK = Panel()


@dataclass(frozen=True, slots=True)
class Track:
    """One output over time: spans (start_ms, end_ms, level), the end excluded.

    `every_ms` repeats the spans; None plays them once. Between spans the level is 0.
    """

    spans: tuple[tuple[int, int, int], ...] = ()
    every_ms: int | None = None

    def level(self, ms: int) -> int:
        """The level at that time: 1 for a lamp or the relay, hertz for a tone; 0 is off."""
        place_ms = ms if self.every_ms is None else ms % self.every_ms
        for start_ms, end_ms, level in self.spans:
            if start_ms <= place_ms < end_ms:
                return level
        return 0


@dataclass(frozen=True, slots=True)
class Signal:
    """One row of the table: a track for each output. `lasts_ms` None: until replaced."""

    lasts_ms: int | None
    green: Track = Track()
    red: Track = Track()
    amber: Track = Track()
    ready: Track = Track()
    relay: Track = Track()
    tone: Track = Track()


def _on(*spans_ms: tuple[int, int], every_ms: int | None = None) -> Track:
    return Track(tuple((start_ms, end_ms, 1) for start_ms, end_ms in spans_ms), every_ms)


def _notes(*notes: tuple[int, int, int], every_ms: int | None = None) -> Track:
    return Track(notes, every_ms)


SIGNALS: Final[dict[Outcome | None, Signal]] = {
    Outcome.ADMIT: Signal(
        lasts_ms=3_000,
        green=_on((0, RELAY_MAX_MS)),
        relay=_on((0, RELAY_MAX_MS)),
        tone=_notes((0, 100, 1_320), (200, 400, 1_760)),
    ),
    Outcome.REFUSE: Signal(
        lasts_ms=3_000,
        red=_on((0, 300), (800, 1_100), (1_600, 3_000)),
        tone=_notes((0, 500, 400), (800, 1_300, 400)),
    ),
    Outcome.STAFF: Signal(
        lasts_ms=4_000,
        amber=_on((0, 600), every_ms=1_000),
        tone=_notes((0, 200, 880), (300, 500, 1_175), (600, 800, 880)),
    ),
    Outcome.OUT_OF_ORDER: Signal(
        lasts_ms=None,
        red=_on((0, 1_000), every_ms=4_000),
        amber=_on((2_000, 3_000), every_ms=4_000),
        tone=_notes((0, 200, 660), every_ms=20_000),
    ),
    None: Signal(
        lasts_ms=None,
        ready=_on((0, 3_800), every_ms=4_000),
    ),
}

SHIFTS: Final[dict[Attended, Signal]] = {
    Attended.ON: Signal(
        lasts_ms=3_000,
        ready=_on((0, 3_000)),
        amber=_on((0, 2_000)),
        tone=_notes((0, 80, 523), (160, 240, 659), (320, 400, 784), (480, 800, 1_047)),
    ),
    Attended.OFF: Signal(
        lasts_ms=3_000,
        ready=_on((0, 400), (2_000, 3_000)),
        amber=_on((0, 400)),
        tone=_notes((0, 320, 1_047), (400, 480, 784), (560, 640, 659), (720, 800, 523)),
    ),
}
"""Two lamps at once, and four notes: nothing that is said to a visitor looks or sounds so. A buzzer
of one pitch tells them apart too, by where the long note is."""

AGEING_LAMP: Final = _on((3_600, 4_000), every_ms=4_000)
"""The amber lamp under idle while the lists are ageing: not the even blink that calls the staff."""

TEST_LAMP: Final = _on((0, 200), (500, 700), every_ms=2_000)
"""The ready lamp under TEST, whatever else is shown."""

TEST_TICKS: Final = _notes((2_000, 2_100, 1_000), (2_500, 2_600, 1_000))
"""Added to a verdict's sound under TEST, in step with `TEST_LAMP`, after the longest melody."""


def duration_ms(score: Score) -> int | None:
    """How long the signal lasts before the idle signal follows; None: until it is replaced."""
    return _signal(score).lasts_ms


def _signal(score: Score) -> Signal:
    return SIGNALS[score.outcome] if score.attended is None else SHIFTS[score.attended]


def at(score: Score, elapsed_ms: int) -> Panel:
    """The panel `elapsed_ms` after the score began; the idle panel once its duration has passed.

    Raises `ValueError` for a time before the score began.
    """
    if elapsed_ms < 0:
        raise ValueError(f"a panel was asked for {-elapsed_ms} ms before its score began")
    outcome, signal, into_ms = score.outcome, _signal(score), elapsed_ms
    lasts_ms = duration_ms(score)
    if lasts_ms is not None and elapsed_ms >= lasts_ms:
        outcome, signal, into_ms = None, SIGNALS[None], elapsed_ms - lasts_ms
    # Asked here as well as in the table: a slip in a row above must not open a door.
    admitted = outcome is Outcome.ADMIT
    tone_hz = signal.tone.level(into_ms)
    if score.test and signal.lasts_ms is not None:
        tone_hz = tone_hz or TEST_TICKS.level(into_ms)
    ageing = score.ageing and signal is SIGNALS[None]
    amber = AGEING_LAMP.level(into_ms) if ageing else signal.amber.level(into_ms)
    # The TEST lamp runs on from a verdict into idle: restarting it would add a third flash.
    ready = TEST_LAMP.level(elapsed_ms) if score.test else signal.ready.level(into_ms)
    return Panel(
        green=admitted and bool(signal.green.level(into_ms)),
        red=bool(signal.red.level(into_ms)),
        amber=bool(amber),
        ready=bool(ready),
        relay=admitted and bool(signal.relay.level(into_ms)),
        tone_hz=tone_hz,
    )


def held(panel: Panel, age_ms: int) -> Panel:
    """The panel as far as the last refresh, `age_ms` ago, still vouches for it: the dead-man.

    Past `HOLD_MS` green, relay and tone drop out. Red, amber and ready stay: they let
    nobody in, and a stuck door that goes dark would look switched off.
    """
    if age_ms <= HOLD_MS:
        return panel
    return replace(panel, green=False, relay=False, tone_hz=0)
