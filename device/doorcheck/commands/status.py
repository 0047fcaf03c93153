"""`doorcheck status`: how the door on this box is, for people, programs and collectors."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import msgspec

from doorcheck.commands.run import add_place_arguments
from doorcheck.core.counters import Bins, over
from doorcheck.core.health import Condition
from doorcheck.core.verdict import Outcome
from doorcheck.edge import statefiles
from doorcheck.edge.panel import monotonic_ms
from doorcheck.edge.statefiles import Report, StateFileError
from doorcheck.update.state import State

EXAMPLES = """\
examples:
  doorcheck status                     what it does, what is wrong, and what to do about it
  doorcheck status --json              the same for programs
  cat /run/doorcheck/metrics.prom      the same for a Prometheus textfile collector

The counters hold outcomes, in bins of a quarter of an hour or more that are over, and nothing of
who came; they are kept for the days that the operator's settings say, 15 at most.

exit codes: 0 all is well, 1 something is wrong with it, 2 no door runs here, or bad usage
"""
_CONDITIONS = {condition.code: condition for condition in Condition}


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = EXAMPLES
    add_place_arguments(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Tell it; see the exit codes in the examples."""
    try:
        report = statefiles.read_report(arguments.runtime, monotonic_ms())
        bins = statefiles.read_counters(arguments.state / statefiles.FOLDER)
    except StateFileError as error:
        print(f"doorcheck status: {error}", file=sys.stderr)
        return 2
    number = State(arguments.state).current_number()
    bins = _told(bins, report)
    if arguments.json:
        print(json.dumps(_object(report, bins, number), indent=2))
    else:
        print("\n".join(_lines(report, bins, number)))
    if report is None:
        return 2
    return 1 if report.conditions else 0


def _told(bins: Bins, report: Report | None) -> Bins:
    """A running door writes a bin when it is over; the file may hold the beginning of the current one."""
    if report is None:
        return bins
    return over(bins, report.bin_minutes, report.utc)


def _object(report: Report | None, bins: Bins, number: int | None) -> dict[str, Any]:
    return {
        "running": report is not None,
        "report": None if report is None else msgspec.to_builtins(report),
        "conditions": [
            {"code": one.code, "words": one.words, "lamps": one.lamps.value, "advice": one.advice}
            for one in _conditions(report)
        ],
        "installed_generation": number,
        "counters": [
            {"from": f"{start:%Y-%m-%dT%H:%M:%SZ}", **{one.value: counts[one] for one in Outcome}}
            for start, counts in bins.items()
        ],
    }


def _conditions(report: Report | None) -> list[Condition]:
    return [] if report is None else [_CONDITIONS[code] for code in report.conditions if code in _CONDITIONS]


def _lines(report: Report | None, bins: Bins, number: int | None) -> Iterator[str]:
    if report is None:
        yield "door        none runs here: `systemctl status doorcheck` says why"
        yield f"generation  {number or 'none'} is installed"
    else:
        yield f"door        {report.state}, {_lasted(report.uptime_s)}{_restarts(report)}"
        for one in _conditions(report):
            yield f"{one.code:<11} {one.words}"
            yield f"            {one.advice}"
        yield from _facts(report, number)
    yield from _counters(bins)


def _facts(report: Report, number: int | None) -> Iterator[str]:
    newer = "" if number in (None, report.generation) else f"; {number} is installed and not taken"
    yield f"generation  {report.generation or 'none'}{newer}"
    if report.published is not None:
        yield f"lists       {report.age_hours} hours old ({report.freshness})"
    yield f"clock       {report.utc:%Y-%m-%d %H:%M:%S} UTC, {report.clock}"
    latency = "" if report.latency_ms is None else f", {report.latency_ms} ms from glass to lamps"
    yield f"camera      {report.fps:g} frames a second{latency}"
    killed = f", {report.decoder_kills} decoders replaced" if report.decoder_kills else ""
    yield f"frames      {report.frames}{killed}"
    yield f"board       {', '.join(_board(report))}"
    yield f"version     {report.version}"


def _board(report: Report) -> Iterator[str]:
    yield report.board or "of unknown make"
    if report.temperature_c is not None:
        yield f"{report.temperature_c:.0f} °C"
    if report.under_voltage is not None:
        yield "supply too weak" if report.under_voltage else "supply good"
    if report.board_uptime_s is not None:
        yield f"on {_lasted(report.board_uptime_s)}"
    if report.free_bytes is not None:
        yield f"{report.free_bytes >> 20} MB free"
    if report.memory_bytes is not None:
        yield f"door takes {report.memory_bytes >> 20} MB"


def _restarts(report: Report) -> str:
    return f", {report.restarts} restarts since the box was switched on" if report.restarts else ""


def _counters(bins: Bins) -> Iterator[str]:
    """Days, for people; programs get the bins."""
    days: dict[str, Counter[Outcome]] = {}
    for start, counts in bins.items():
        days.setdefault(f"{start.astimezone(UTC):%Y-%m-%d}", Counter()).update(counts)
    for day, counts in days.items():
        yield f"{day}  " + ", ".join(f"{counts[one]} {one.value}" for one in Outcome if counts[one])


def _lasted(seconds: float) -> str:
    minutes = int(seconds // 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return (
        f"{minutes} min"
        if minutes < 120
        else f"{minutes // 60} h"
        if minutes < 2880
        else f"{minutes // 1440} d"
    )
