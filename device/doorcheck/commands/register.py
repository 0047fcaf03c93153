"""`doorcheck register`: who was authorised to control at this door, since when, and when they did."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from doorcheck.commands.arguments import STATE
from doorcheck.core.shifts import Shift
from doorcheck.edge import register
from doorcheck.edge.register import Register, RegisterError

LAST_SHOWN = 20
ID_DIGITS = 8
COLUMNS = ("name", "badge", "authorised_since", "opened", "closed", "ended_by", "clock")
DOUBTFUL = "a lower bound only"
EXAMPLES = """\
examples:
  doorcheck register show                               who is on shift, and the last shifts
  doorcheck register export > register.csv              all that is kept
  doorcheck register export --json --from 2026-11-01 --to 2026-11-30 --zone Europe/Paris

A French venue keeps a register of the persons and services that it authorised to control, since
when, and the days and hours of their controls (decree 2021-699, 2-3 II). This is the door's part:
shifts that staff badges opened and closed. Who has a badge is the operator's: `doorcheck operator
badges`. Of visitors it holds nothing. How long it is kept is in the settings: [register] keep_days.

A shift that nobody closed ends 14 hours after it opened, as "forgotten".
exit codes: 0 done, 1 some lines are damaged and left out (how many is told), 2 bad usage, or no register
"""


class UsageError(Exception):
    """The call can't be obeyed; the text says why."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    showing = actions.add_parser("show", help="who is on shift, and the last shifts")
    exporting = actions.add_parser("export", help="the register, for an inspection")
    form = exporting.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="a row a shift (default)")
    for action in (showing, exporting):
        (form if action is exporting else action).add_argument(
            "--json", action="store_true", help="one JSON object"
        )
        action.add_argument(
            "--state", metavar="DIR", type=Path, default=STATE, help=f"the door's folder (default: {STATE})"
        )
        action.add_argument(
            "--zone",
            metavar="ZONE",
            help="the hours' time zone, such as Europe/Paris (default: the computer's)",
        )
        action.epilog = EXAMPLES
        action.formatter_class = argparse.RawDescriptionHelpFormatter
    exporting.add_argument("--from", dest="first", metavar="DATE", help="shifts of that day and later")
    exporting.add_argument("--to", dest="last", metavar="DATE", help="shifts of that day and earlier")


def run(arguments: argparse.Namespace) -> int:
    """Show or export; see the exit codes in the examples."""
    try:
        zone = _zone(arguments.zone)
        if not arguments.state.is_dir():
            raise UsageError(f"there is no {arguments.state}: name the door's folder with --state")
        found = Register(arguments.state).read()
        if arguments.action == "show":
            _show(arguments, found.shifts, zone)
        else:
            _export(arguments, found, zone)
    except (RegisterError, UsageError) as error:
        print(f"doorcheck register {arguments.action}: {error}", file=sys.stderr)
        return 2
    if found.damaged:
        print(
            f"doorcheck register {arguments.action}: {found.damaged} damaged lines are left out; "
            "replace the memory card if that goes on",
            file=sys.stderr,
        )
    return 1 if found.damaged else 0


def _show(arguments: argparse.Namespace, shifts: tuple[Shift, ...], zone: tzinfo | None) -> None:
    now_open = [shift for shift in shifts if shift.closed is None]
    last = shifts[-LAST_SHOWN:]
    if arguments.json:
        told = {"on_shift": [_control(s, zone) for s in now_open], "last": [_control(s, zone) for s in last]}
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return
    print(f"on shift: {', '.join(shift.badge.name for shift in now_open) or 'nobody'}")
    for shift in last:
        end = "still open" if shift.closed is None else _text(shift.closed, zone)
        how = "" if shift.how is None else f", {shift.how.value}"
        doubt = f", clock {DOUBTFUL}" if shift.doubtful else ""
        print(f"{_text(shift.opened, zone)}  {end:25}  {shift.badge.name}{how}{doubt}")


def _export(arguments: argparse.Namespace, found: register.Found, zone: tzinfo | None) -> None:
    start = None if arguments.first is None else _midnight(arguments.first, zone, "--from")
    end = None if arguments.last is None else _midnight(arguments.last, zone, "--to", after=1)
    shifts = [shift for shift in found.shifts if _touches(shift, start, end)]
    if not arguments.json:
        sys.stdout.write(_csv(shifts, zone))
        return
    told = {
        "format": 1,
        "authorised": _authorised(shifts, zone),
        "controls": [_control(shift, zone) for shift in shifts],
        "damaged_lines": found.damaged,
    }
    print(json.dumps(told, ensure_ascii=False, indent=2))


def _touches(shift: Shift, start: int | None, end: int | None) -> bool:
    """Whether the shift was open at some time from `start` to `end`, excluded."""
    begins_in_time = end is None or shift.opened < end
    return begins_in_time and (start is None or shift.closed is None or shift.closed >= start)


def _authorised(shifts: Iterable[Shift], zone: tzinfo | None) -> list[dict[str, str]]:
    """Each badge once, in the order of first shifts."""
    seen = {shift.badge.id: shift.badge for shift in shifts}
    return [
        {"name": one.name, "badge": one.id.hex(), "authorised_since": _text(one.authorised, zone)}
        for one in seen.values()
    ]


def _control(shift: Shift, zone: tzinfo | None) -> dict[str, str | None]:
    badge = shift.badge
    cells = (
        badge.name,
        badge.id.hex(),
        _text(badge.authorised, zone),
        _text(shift.opened, zone),
        None if shift.closed is None else _text(shift.closed, zone),
        None if shift.how is None else shift.how.value,
        DOUBTFUL if shift.doubtful else None,
    )
    return dict(zip(COLUMNS, cells, strict=True))


def _csv(shifts: Iterable[Shift], zone: tzinfo | None) -> str:
    written = io.StringIO()
    rows = csv.DictWriter(written, COLUMNS, lineterminator="\n")
    rows.writeheader()
    rows.writerows(_control(shift, zone) for shift in shifts)
    return written.getvalue()


def _text(seconds: int, zone: tzinfo | None) -> str:
    """A time in ISO 8601 with its offset; None is the computer's zone."""
    utc = datetime.fromtimestamp(seconds, UTC)
    try:
        return utc.astimezone(zone).isoformat()
    except (OverflowError, ValueError):  # the last hours of the year 9999, further east
        return utc.isoformat()


def _zone(name: str | None) -> tzinfo | None:
    try:
        return None if name is None else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"--zone {name!r}: no such time zone here; write it as Europe/Paris") from None


def _midnight(text: str, zone: tzinfo | None, option: str, *, after: int = 0) -> int:
    """The beginning of that day, or of one `after` it, in that zone, in seconds since 1970."""
    try:
        day = date.fromisoformat(text) + timedelta(days=after)
        return int(datetime.combine(day, time.min, zone).timestamp())
    except (ValueError, OverflowError):
        raise UsageError(f"{option} {text!r} is no date of ours: write it as 2026-11-23") from None
