"""`doorcheck panel`: show what lamps, buzzer and relay do without a door; try and clear the real ones."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from doorcheck.core.signals import (
    SHIFTS,
    SIGNALS,
    TEST_LAMP,
    TEST_TICKS,
    Attended,
    Score,
    Track,
    duration_ms,
)
from doorcheck.core.verdict import Outcome
from doorcheck.edge.panel import (
    TICK_MS,
    PanelDriver,
    PlainSink,
    Sink,
    TerminalSink,
    TimelineRecorder,
    monotonic_ms,
)

OUTCOMES: Final[dict[str, Outcome | None]] = {**{each.name: each for each in Outcome}, "READY": None}
BADGES: Final = {"SHIFT_OPENED": Attended.ON, "SHIFT_CLOSED": Attended.OFF}
NAMES: Final = (*OUTCOMES, *BADGES)

MEANINGS: Final = {
    "ADMIT": "the visitor may enter",
    "REFUSE": "the visitor may not enter",
    "STAFF": "a member of staff must look",
    "OUT_OF_ORDER": "the box cannot judge",
    "READY": "show a pass",
    "SHIFT_OPENED": "a staff badge opened a shift",
    "SHIFT_CLOSED": "a staff badge closed its shift",
}

AFTER_MS: Final = 2_000
"""How much of the idle signal `play` shows after a verdict."""

ENDLESS_MS: Final = 24_000
"""How long `play` shows a signal that lasts until it is replaced: its rarest note, twice."""

EXAMPLES = """\
examples:
  doorcheck panel play REFUSE                 what the lamps do when a pass is refused
  doorcheck panel play admit --test           the same door on a test trust list
  doorcheck panel play STAFF --speed 0.25     slowly
  doorcheck panel play OUT_OF_ORDER --json    each change as a line of JSON, at once
  doorcheck panel play READY | cat            no terminal: the timeline at once
  doorcheck panel show                        the card of all signals, for staff
  doorcheck panel test                        try every output of the box, with your answers
  doorcheck panel clear                       make every output of the box inactive

Ctrl-C ends a play and leaves the panel dark.
"""

PIN_EXAMPLES = """\
examples:
  doorcheck panel test                      lamp by lamp, with your answers
  doorcheck panel test --door door.toml     with the outputs that this box has
  doorcheck panel test --loop-back          nobody asked: header pins 37 and 38 joined
  doorcheck panel test --json > report.json for the box's papers
  doorcheck panel clear                     every output inactive, whoever left it on

Stop the door first: `systemctl stop doorcheck`. Exit codes: 0 all well, 1 something was not,
2 the test can't be made.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare `play`, `show`, `test` and `clear`."""
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    play = actions.add_parser(
        "play",
        help="play one signal in real time",
        description="Play one signal in real time; without a terminal, write its timeline at once.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    play.add_argument("outcome", metavar="SIGNAL", type=_outcome, help=f"one of {', '.join(NAMES)}")
    play.add_argument("--test", action="store_true", help="add the TEST mark")
    play.add_argument("--ageing", action="store_true", help="add the mark of lists that want an update")
    play.add_argument("--speed", type=_positive, default=1.0, metavar="X", help="times real time (default 1)")
    play.add_argument(
        "--seconds",
        type=_positive,
        metavar="N",
        help=f"seconds of signal to show (default: a verdict and {AFTER_MS // 1000} s of idle; "
        f"{ENDLESS_MS // 1000} s of an endless signal)",
    )
    play.add_argument("--json", action="store_true", help="write each change as a line of JSON, at once")
    words = "print the card of all signals"
    actions.add_parser("show", help=words, description=words)
    _configure_box(actions)


def _configure_box(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare what needs a box."""
    test = actions.add_parser(
        "test",
        help="try the wiring of the box, output by output",
        description="Light each lamp, sound the buzzer, click the relay, and ask what was seen and heard.",
        epilog=PIN_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    test.add_argument("--door", metavar="FILE", type=Path, help="the box's door.toml (default: its defaults)")
    test.add_argument(
        "--loop-back", action="store_true", help="ask nobody: drive one pin, read the one joined"
    )
    test.add_argument("--json", action="store_true", help="write the report as JSON; questions go to stderr")
    clear = actions.add_parser(
        "clear",
        help="make every output of the box inactive",
        description="Make every output inactive, whoever drove it before. Needs no settings.",
    )
    clear.add_argument("--quiet", action="store_true", help="say nothing, and fail not where no gpiochip is")
    for parser in (test, clear):
        parser.add_argument(
            "--chip", metavar="DEVICE", help="the gpiochip (default: the one behind the header)"
        )
    clear.set_defaults(chip="auto")


def run(arguments: argparse.Namespace) -> int:
    """Play or print; returns the exit code."""
    match arguments.action:
        case "test" | "clear" as action:
            from doorcheck.commands import paneltest  # the others need no pins

            return (paneltest.run_test if action == "test" else paneltest.run_clear)(arguments)
        case "show":
            sys.stdout.write(card())
        case _:
            _play(arguments)
    return 0


def _outcome(word: str) -> str:
    name = word.upper().replace("-", "_")
    if name not in NAMES:
        raise argparse.ArgumentTypeError(f"no signal is called {word!r}; choose from {', '.join(NAMES)}")
    return name


def _positive(word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = 0.0
    if not 0 < number <= 3600:
        raise argparse.ArgumentTypeError(f"{word!r} is not a number above 0 and at most 3600")
    return number


@dataclass
class Stopwatch:
    """The time within the play, in milliseconds of the signal; whoever plays moves it."""

    ms: int = 0

    def now_ms(self) -> int:
        """The time that the sinks write."""
        return self.ms


def _play(arguments: argparse.Namespace) -> None:
    name = arguments.outcome
    score = Score(OUTCOMES.get(name), arguments.test, arguments.ageing, BADGES.get(name))
    until_ms = _until_ms(score, arguments.seconds)
    stopwatch = Stopwatch()
    live = sys.stdout.isatty() and not arguments.json
    sink: Sink
    if arguments.json:
        sink = TimelineRecorder(None, sys.stdout, stopwatch.now_ms)
    elif live:
        sink = TerminalSink(f"{arguments.outcome}: {MEANINGS[arguments.outcome]}", arguments.test)
    else:
        sink = PlainSink(sys.stdout, stopwatch.now_ms)
    driver = PanelDriver(sink)
    try:
        driver.play(score, 0)
        for now_ms in _real_time(until_ms, arguments.speed) if live else range(until_ms):
            stopwatch.ms = now_ms
            driver.refresh(now_ms)
            driver.tick(now_ms)
        stopwatch.ms = until_ms
    finally:
        driver.close()


def _until_ms(score: Score, seconds: float | None) -> int:
    if seconds is not None:
        return max(1, round(seconds * 1000))
    lasts_ms = duration_ms(score)
    return ENDLESS_MS if lasts_ms is None else lasts_ms + AFTER_MS


def _real_time(until_ms: int, speed: float) -> Iterator[int]:
    """The milliseconds of the signal as they come, at that many times real time."""
    began_ms = monotonic_ms()
    while (now_ms := int((monotonic_ms() - began_ms) * speed)) < until_ms:
        yield now_ms
        time.sleep(TICK_MS / 1000)


CELL_MS: Final = 100
"""Time of one drawn cell."""

CELLS: Final = 40

ROWS: Final = {
    "✗ red": "red",
    "! amber": "amber",
    "✓ green": "green",
    "● ready": "ready",
    "relay": "relay",
    "♪ sound": "tone",
}


def card() -> str:
    """The table of all signals as text, one row for each lamp and sound over time."""
    lines = [f"The door's signals, one cell {CELL_MS} ms, {CELLS * CELL_MS // 1000} s drawn.", ""]
    signals = {name: SIGNALS[outcome] for name, outcome in OUTCOMES.items()}
    signals |= {name: SHIFTS[attended] for name, attended in BADGES.items()}
    for name, signal in signals.items():
        lasts = "until replaced" if signal.lasts_ms is None else f"{signal.lasts_ms / 1000:g} s, then READY"
        lines += [f"{name}: {MEANINGS[name]} ({lasts})", _ruler()]
        lines += _rows(signal.lasts_ms, {label: getattr(signal, output) for label, output in ROWS.items()})
        lines.append("")
    lines += ["TEST: added to every signal; its ticks to verdicts only. Not for real visitors.", _ruler()]
    lines += _rows(None, {"● ready": TEST_LAMP, "♪ sound": TEST_TICKS})
    lines += ["", "♪ low ▃, middle ▅, high ▇", ""]
    return "\n".join(lines)


def _ruler() -> str:
    seconds = range(CELLS * CELL_MS // 1000)
    return " " * 10 + "".join(f"{second:<{1000 // CELL_MS}}" for second in seconds) + "s"


def _rows(lasts_ms: int | None, tracks: dict[str, Track]) -> list[str]:
    used = {label: track for label, track in tracks.items() if track.spans}
    return [f"  {label:<8}{_drawn(track, lasts_ms)}{_notes(track)}" for label, track in used.items()]


def _drawn(track: Track, lasts_ms: int | None) -> str:
    end_ms = CELLS * CELL_MS if lasts_ms is None else lasts_ms
    times_ms = range(0, CELLS * CELL_MS, CELL_MS)
    return "".join(_cell(track.level(ms)) if ms < end_ms else " " for ms in times_ms)


def _cell(level: int) -> str:
    """Draw a level: off, on, or a tone by its pitch."""
    if level == 0:
        return "▁"
    if level == 1:
        return "▇"
    return "▃" if level < 700 else "▅" if level < 1_200 else "▇"


def _notes(track: Track) -> str:
    """What the drawing can't tell: pitches, and a repetition longer than the drawing."""
    pitches = [f"{level}" for _, _, level in track.spans if level > 1]
    told = f"  {' '.join(pitches)} Hz" if pitches else ""
    if track.every_ms is not None and track.every_ms > CELLS * CELL_MS:
        told += f", every {track.every_ms // 1000} s"
    return told
