"""The fleet in a terminal: a table and what to do; plain lines when piped; JSON for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final, Literal

from deploy.report import series
from deploy.report.contact import clean
from deploy.report.standing import Box, Finding, Level
from deploy.report.words import NOTHING, lasted
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from doorcheck.core.verdict import Outcome

SIGNS: Final = {Level.OUT: "✗", Level.LOST: "?", Level.CARE: "!", Level.WELL: "✓"}
_STYLES: Final = {Level.OUT: "bold red", Level.LOST: "magenta", Level.CARE: "yellow", Level.WELL: "green"}
HEADINGS: Final = (
    "box",
    "is",
    "version",
    "generation",
    "publication",
    "lists",
    "decisions/h",
    "restarts",
    "°C",
    "seen",
)
_NUMBERS: Final = frozenset({"generation", "publication", "lists", "decisions/h", "restarts", "°C", "seen"})
_SHORT: Final = {"generation": "gen.", "publication": "publ.", "decisions/h": "dec./h", "restarts": "rest."}
MOST_NAMED: Final = 8


def show(console: Console, fleet: list[Box], now: datetime) -> None:
    """Draw the table, then what to do about what."""
    table = Table(box=None, pad_edge=False, header_style="dim", collapse_padding=True)
    for heading in HEADINGS:
        side: Literal["left", "right"] = "right" if heading in _NUMBERS else "left"
        table.add_column(_SHORT.get(heading, heading), justify=side, no_wrap=heading != "box")
    for box in fleet:
        style = _STYLES[box.level]
        name, _, *rest = cells(box, now)
        words = Text(f"{SIGNS[box.level]} {box.level.words}", style)
        table.add_row(Text(name), words, *(Text(cell, "" if box.last.reachable else "dim") for cell in rest))
    console.print(table)
    for box_findings in _grouped(fleet):
        _advise(console, box_findings)
    console.print(Text(f"\n{summary(fleet)}"))


def _advise(console: Console, found: list[tuple[Box, Finding]]) -> None:
    one = found[0][1]
    names = ", ".join(clean(box.host) for box, _ in found[:MOST_NAMED])
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    alike = len({finding.words for _, finding in found}) == 1
    console.print()
    head = Text(f"{SIGNS[one.level]} {clean(one.code)}", _STYLES[one.level])
    console.print(head.append(f"  {names}{more}", "default not bold"))
    if alike:
        console.print(Padding(Text(clean(one.words)), (0, 0, 0, 4)))
    else:
        for box, finding in found[:MOST_NAMED]:
            console.print(Padding(Text(clean(f"{box.host}: {finding.words}")), (0, 0, 0, 4)))
    console.print(Padding(Text(f"→ {clean(one.advice)}"), (0, 0, 0, 4)))


def _grouped(fleet: Iterable[Box]) -> list[list[tuple[Box, Finding]]]:
    groups: dict[tuple[int, str, str], list[tuple[Box, Finding]]] = {}
    for box in fleet:
        for one in box.findings:
            groups.setdefault((one.level.rank, one.code, one.advice), []).append((box, one))
    return [found for _, found in sorted(groups.items())]


def plain(fleet: list[Box], now: datetime) -> Iterator[str]:
    """A heading and a line for each box, in columns; what is wrong stands at the line's end."""
    rows = [[*HEADINGS, "what"]]
    rows += ([*cells(box, now), "; ".join(map(_in_short, box.findings))] for box in fleet)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(clean(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _in_short(one: Finding) -> str:
    return f"{one.code} {one.words}"


def summary(fleet: list[Box]) -> str:
    """One line: how many there are, and how many of them are how."""
    counts = Counter(box.level for box in fleet)
    return f"{len(fleet)} in all: " + ", ".join(
        f"{counts[level]} {level.of(counts[level])}" for level in Level
    )


def cells(box: Box, now: datetime) -> list[str]:
    """One for each heading; of a box that does not answer, what it said last."""
    told = box.answer.status if box.answer else None
    update = box.answer.update if box.answer else None
    generation = (told.generation if told else None) or (update.generation if update else None)
    age = box.lists_age(now)
    decided = series.last_hour(box)
    return [
        clean(box.host),
        box.level.words,
        (clean(told.version) if told else "") or NOTHING,
        _number(generation),
        _number(box.publication),
        NOTHING if age is None else lasted(age),
        _number(None if decided is None else decided.total()),
        _number(told.restarts if told else None),
        NOTHING if told is None or told.temperature_c is None else f"{told.temperature_c:.0f}",
        NOTHING if box.answer is None else lasted(now - box.answer.at),
    ]


def objects(fleet: list[Box], now: datetime) -> dict[str, Any]:
    """The same for programs."""
    counts = Counter(box.level for box in fleet)
    return {
        "format": 1,
        "at": _iso(now),
        "boxes": {level.words: counts[level] for level in Level},
        "each": [_object(box, now) for box in fleet],
    }


def _object(box: Box, now: datetime) -> dict[str, Any]:
    answer = box.answer
    told = answer.status if answer else None
    age, decided = box.lists_age(now), series.last_hour(box)
    return {
        "host": box.host,
        "is": box.level.words,
        "reachable": box.last.reachable,
        "why": box.last.why,
        "asked": _iso(box.last.at),
        "seen": _iso(answer.at) if answer else None,
        "version": told.version if told else None,
        "generation": told.generation if told else None,
        "publication": box.publication,
        "lists_age_hours": None if age is None else round(age.total_seconds() / 3600, 1),
        "decisions_last_hour": None
        if decided is None
        else {outcome.value: decided[outcome] for outcome in Outcome},
        "restarts": told.restarts if told else None,
        "temperature_c": told.temperature_c if told else None,
        "findings": [
            {"level": one.level.words, "code": one.code, "words": one.words, "advice": one.advice}
            for one in box.findings
        ],
    }


def _number(number: int | None) -> str:
    return NOTHING if number is None else str(number)


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
