"""The commands: take answers, show how the fleet is, make the page, forget a box."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from deploy.report import history, table
from deploy.report.contact import clean
from deploy.report.history import History, HistoryError
from deploy.report.page import page
from deploy.report.standing import Level, boxes
from rich.console import Console

from doorcheck.edge.store import StoreError, write_atomically

EXAMPLES = """\
examples:
  python -m deploy.report take status.jsonl < answers.jsonl     keep what boxes answered
  python -m deploy.report status status.jsonl                   how all boxes are, and what to do
  python -m deploy.report report status.jsonl -o fleet.html     the same as one page, with pictures
  python -m deploy.report forget status.jsonl north             it was taken out of service

`deploy/fleet status`, `report` and `forget` do all of this.

exit codes: 0 all boxes are well (take, report, forget: done), 1 some are not (forget: not all were
there), 2 bad usage, or a file can't be read or written
"""
DAYS = 7


class UsageError(Exception):
    """What was asked for can't be done; the text says why."""


def main(words: Sequence[str] | None = None, now: datetime | None = None) -> int:
    """Run one command; returns the exit code. `now` is for those who bring their own time."""
    arguments = _parser().parse_args(words)
    now = now or datetime.now(UTC)
    try:
        return int(arguments.run(arguments, now))
    except (HistoryError, StoreError, UsageError) as error:
        sys.stderr.write(f"deploy.report {arguments.command}: {error}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m deploy.report",
        description="How a fleet of doorcheck boxes is, from what they answered.",
        epilog=EXAMPLES,
        formatter_class=raw,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, run: object, words: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=words, description=words, epilog=EXAMPLES, formatter_class=raw)
        one.add_argument(
            "history", metavar="HISTORY", type=Path, help="status.jsonl: what boxes answered so far"
        )
        one.set_defaults(run=run)
        return one

    taking = add("take", _take, "keep what boxes answered: one JSON object a line")
    taking.add_argument("new", metavar="FILE", nargs="*", type=Path, help="default: standard input")
    status = add("status", _status, "how all boxes are, and what to do")
    status.add_argument("--json", action="store_true", help="one JSON object")
    status.add_argument("--plain", action="store_true", help="lines without colour, as when piped")
    report = add("report", _report, "one self-contained page, with pictures")
    report.add_argument(
        "-o", "--output", metavar="FILE", type=Path, default=Path("fleet.html"), help="default: fleet.html"
    )
    report.add_argument(
        "--days", type=int, default=DAYS, help=f"how far back pictures go, 1 to 15 (default: {DAYS})"
    )
    report.add_argument("--zone", help="time zone, such as Europe/Paris (default: the computer's)")
    forgetting = add("forget", _forget, "drop all that is kept of boxes that are out of service")
    forgetting.add_argument("hosts", metavar="HOST", nargs="+")
    return parser


def _take(arguments: argparse.Namespace, now: datetime) -> int:
    found = history.take(arguments.history, _new_lines(arguments.new), now)
    _tell_left_out(found)
    return 0


def _new_lines(files: list[Path]) -> Iterator[bytes]:
    if not files:
        yield from sys.stdin.buffer
    for path in files:
        try:
            with path.open("rb") as file:
                yield from file
        except OSError as error:
            raise UsageError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error


def _status(arguments: argparse.Namespace, now: datetime) -> int:
    found = history.read(arguments.history, now)
    fleet = boxes(found.boxes, now)
    if arguments.json:
        sys.stdout.write(json.dumps(table.objects(fleet, now), indent=2) + "\n")
    elif arguments.plain or not sys.stdout.isatty():
        sys.stdout.writelines(f"{line}\n" for line in table.plain(fleet, now))
    else:
        table.show(Console(highlight=False), fleet, now)
    _tell_left_out(found)
    if not fleet:
        sys.stderr.write("no box has been asked yet: `deploy/fleet status` asks\n")
        return 1
    return 0 if all(box.level is Level.WELL for box in fleet) else 1


def _report(arguments: argparse.Namespace, now: datetime) -> int:
    if not 1 <= arguments.days <= 15:
        raise UsageError("--days goes from 1 to 15: no box keeps its counters for longer")
    found = history.read(arguments.history, now)
    made = page(found, now, arguments.days, _zone(arguments.zone))
    write_atomically(arguments.output, made.encode())
    sys.stderr.write(f"{arguments.output}: {len(found.boxes)} boxes; open it in any browser\n")
    return 0


def _forget(arguments: argparse.Namespace, now: datetime) -> int:
    forgotten = history.forget(arguments.history, arguments.hosts, now)
    unknown = [host for host in arguments.hosts if host not in forgotten]
    for host in unknown:
        sys.stderr.write(f"{clean(host)}: nothing was kept of it\n")
    return 1 if unknown else 0


def _zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise UsageError(f"--zone {name}: no such time zone; one is Europe/Paris") from error


def _tell_left_out(found: History) -> None:
    for why in found.left_out[:5]:
        sys.stderr.write(f"left out: {clean(why)}\n")
    if len(found.left_out) > 5:
        sys.stderr.write(f"left out: {len(found.left_out) - 5} more lines\n")
