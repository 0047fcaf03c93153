"""`doorcheck panel test` and `clear`: the wiring, tried output by output, and made dark.

Whoever watches the panel is a witness: a person at the terminal, or whatever else can answer.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol, TextIO

import msgspec

from doorcheck.commands.arguments import InputError
from doorcheck.config import DoorSettings, PanelTable, SettingsError, parse_door
from doorcheck.core.signals import DARK, HOLD_MS, Panel
from doorcheck.edge import pins
from doorcheck.edge.gpio import BoxSink, clear, sink_from
from doorcheck.edge.lines import GpioError, Lines, NoChipError
from doorcheck.edge.panel import PanelError
from doorcheck.edge.store import read_bounded

Answer = Literal["yes", "no", "again", "none"]

LOOPS: Final = 100
"""How often the loop-back test changes the level."""


@dataclass(frozen=True, slots=True)
class Step:
    """What to show, for how many milliseconds each, and what to ask afterwards."""

    name: str
    shows: tuple[tuple[Panel, int], ...]
    question: str
    illuminated: bool = False
    silent: bool = False
    """The last panel is shown without another word to the guardian."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a step. Only "yes" is well."""

    name: str
    asked: str
    answer: Answer


class Witness(Protocol):
    """Whoever watches the panel."""

    def watch(self, step: Step) -> None:
        """Hear which step begins."""

    def answer(self, step: Step) -> Answer:
        """Say what was seen; "none" when there will be no more answers."""


class Person:
    """A person at the terminal."""

    def __init__(self, ask: TextIO, answers: TextIO) -> None:
        self._ask, self._answers = ask, answers

    def watch(self, step: Step) -> None:
        """Say what to look at."""
        self._say(f"\n{step.name}: watch the panel\n")

    def answer(self, step: Step) -> Answer:
        """Ask until the answer is one."""
        known: dict[str, Answer] = {"y": "yes", "yes": "yes", "n": "no", "no": "no", "a": "again"}
        while True:
            self._say(f"  {step.question} [y]es, [n]o, [a]gain: ")
            line = self._answers.readline()
            if not line:
                self._say("\n")
                return "none"
            if line.strip().lower() in known:
                return known[line.strip().lower()]

    def _say(self, words: str) -> None:
        self._ask.write(words)
        self._ask.flush()


def steps(table: PanelTable) -> Iterator[Step]:
    """What there is to try on a box with these outputs."""
    yield Step("dark", ((DARK, 1_000),), "Was every lamp dark, and was it quiet?")
    yield Step("red", ((Panel(red=True), 1_500),), "Did the left lamp alone light up, red, behind a cross?")
    yield Step(
        "amber", ((Panel(amber=True), 1_500),), "Did the middle lamp alone light up, amber, behind a !?"
    )
    yield Step(
        "green", ((Panel(green=True), 1_500),), "Did the right lamp alone light up, green, behind a tick?"
    )
    yield Step("ready", ((Panel(ready=True), 1_500),), "Did the small white dot alone light up?")
    if table.buzzer != "none":
        heard = "two tones, the second one higher" if table.buzzer == "tonal" else "two beeps"
        notes = ((Panel(tone_hz=400), 400), (DARK, 300), (Panel(tone_hz=1_760), 400))
        yield Step("buzzer", notes, f"Did you hear {heard}, with no lamp lit?")
    if table.relay:
        yield Step(
            "relay", ((Panel(relay=True), 1_000),), "Did the relay click on and off, with no lamp lit?"
        )
    if table.illuminator:
        yield Step(
            "illuminator", ((DARK, 1_500),), "Did the white light shine on the place for passes?", True
        )
    yield Step(
        "dead man",
        ((Panel(green=True, relay=table.relay), 3 * HOLD_MS),),
        "Did green go dark (and the relay open) by itself, after half a second?",
        silent=True,
    )


def perform(step: Step, sink: BoxSink, wait: Callable[[float], None]) -> None:
    """Show a step, and leave the panel dark."""
    if step.illuminated:
        sink.illuminate(True)
    for panel, lasts_ms in step.shows:
        sink.show(panel)
        if step.silent:
            with sink.silent():
                wait(lasts_ms / 1000)
        else:
            wait(lasts_ms / 1000)
    sink.show(DARK)
    if step.illuminated:
        sink.illuminate(False)


def walk(
    table: PanelTable, sink: BoxSink, witness: Witness, wait: Callable[[float], None] = time.sleep
) -> list[Result]:
    """Go through all steps. Raises `PanelError`; whoever made the sink closes it."""
    results: list[Result] = []
    sink.illuminate(False)
    for step in steps(table):
        answer: Answer = "again"
        while answer == "again":
            witness.watch(step)
            perform(step, sink, wait)
            answer = witness.answer(step)
        results.append(Result(step.name, step.question, answer))
        if answer == "none":
            break
    return results


def loop_back(chip: str, table: pins.Pins, wait: Callable[[float], None] = time.sleep) -> Result:
    """Drive one pin and read the other, joined to it. Raises `GpioError`."""
    drive, read = table.loop_back.drive, table.loop_back.read
    asked = f"does pin {read.header} follow pin {drive.header}, {LOOPS} times?"
    with Lines(chip, [drive.bcm], [read.bcm]) as lines:
        followed = 0
        for number in range(LOOPS):
            level = number % 2 == 0
            lines.set({drive.bcm: level})
            wait(0.001)
            followed += lines.get(read.bcm) is level
    return Result("loop-back", asked, "yes" if followed == LOOPS else "no")


def run_test(arguments: argparse.Namespace) -> int:
    """`panel test`; returns the exit code."""
    try:
        table = _table(arguments)
        pin_table = pins.load()
        if arguments.loop_back:
            results = [loop_back(table.chip, pin_table)]
        else:
            results = _walked(table, sys.stderr if arguments.json else sys.stdout)
    except (InputError, GpioError, PanelError, pins.PinsError) as error:
        print(f"doorcheck panel test: {error}", file=sys.stderr)
        return 2
    passed = all(result.answer == "yes" for result in results)
    if arguments.json:
        told = [{"name": one.name, "asked": one.asked, "answer": one.answer} for one in results]
        print(json.dumps({"format": 1, "passed": passed, "steps": told}, indent=2))
    else:
        print("\n" + "\n".join(f"{one.name:<12}{one.answer}" for one in results))
        print(
            "all well" if passed else 'NOT all well: look at the wires of what is not "yes", then test again'
        )
    return 0 if passed else 1


def run_clear(arguments: argparse.Namespace) -> int:
    """`panel clear`; returns the exit code."""
    try:
        clear(arguments.chip, pins.load())
    except NoChipError as error:
        if arguments.quiet:
            return 0
        print(f"doorcheck panel clear: {error}", file=sys.stderr)
        return 1
    except (GpioError, pins.PinsError) as error:
        print(f"doorcheck panel clear: {error}", file=sys.stderr)
        return 1
    if not arguments.quiet:
        print("every output is inactive")
    return 0


def _walked(table: PanelTable, ask: TextIO) -> list[Result]:
    sink = sink_from(table)
    try:
        sink.await_ready()
        return walk(table, sink, Person(ask, sys.stdin))
    finally:
        sink.close()


def _table(arguments: argparse.Namespace) -> PanelTable:
    """The panel's settings, as loud as they get: a wire that is not heard is not tested."""
    settings = DoorSettings() if arguments.door is None else _door(arguments.door)
    table = settings.panel
    if table.kind == "none":
        raise InputError(f'{arguments.door}: [panel] kind is "none": there is nothing to test')
    chip = table.chip if arguments.chip is None else arguments.chip
    return msgspec.structs.replace(table, volume="full", chip=chip)


def _door(path: Path) -> DoorSettings:
    try:
        return parse_door(read_bounded(path, 1 << 20))
    except (OSError, SettingsError) as error:
        raise InputError(f"--door {path}: {error}") from error
