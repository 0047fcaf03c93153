"""`doorcheck update`: take a signed publication from a directory, go back, enrol, tell the status."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from doorcheck.commands import arguments as words
from doorcheck.commands.arguments import RUNTIME, STATE, InputError
from doorcheck.core.moment import Basis
from doorcheck.edge import asking
from doorcheck.edge.clock import Clock, StatedClock, SystemClock
from doorcheck.edge.store import StoreError, write_atomically
from doorcheck.operator.progress import EVERY_S, PATIENCE_S
from doorcheck.update import enrolment, install, status, telling
from doorcheck.update.errors import TimeError, UpdateError
from doorcheck.update.installation import Installed, Progress
from doorcheck.update.state import State
from doorcheck.update.status import Status

EXAMPLES = """\
examples:
  doorcheck update --enrol for-devices/   once: pin the operator's root, take the deny list's key
  doorcheck update /media/stick/public    install what an operator published
  doorcheck update --status               what is installed, how old it is, what expired
  doorcheck update --back                 return to what was installed before

A running door takes what was installed within two seconds, without a restart. Expired
metadata blocks installing, never the door: how old its lists may be is in its settings.

exit codes: 0 done, or already up to date; 1 refused, and nothing was changed; 2 bad usage, or
a directory that can't be read or is none
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = EXAMPLES
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("folder", nargs="?", metavar="DIR", type=Path, help="a pushed directory, or a stick's")
    what.add_argument("--back", action="store_true", help="return to the previous generation")
    what.add_argument(
        "--enrol", metavar="FOLDER", type=Path, help="the operator's for-devices/: root.json and deny.key"
    )
    what.add_argument("--status", action="store_true", help="tell what is installed")
    parser.add_argument(
        "--state",
        metavar="FOLDER",
        type=Path,
        default=STATE,
        help=f"the door's folder (default: {STATE})",
    )
    parser.add_argument(
        "--time",
        metavar="FILE",
        type=Path,
        help="a signed statement of the time (`doorcheck operator tell-time`), taken first, if it is there",
    )
    parser.add_argument(
        "--runtime",
        metavar="FOLDER",
        type=Path,
        default=RUNTIME,
        help=f"where the running door asks for the time (default: {RUNTIME})",
    )
    parser.add_argument(
        "--at",
        metavar="TIME",
        help="the time, as its operator states it, ISO 8601; without a zone it is UTC (default: the clock's)",
    )
    parser.add_argument(
        "--tell",
        metavar="FILE",
        type=Path,
        help="also write what is installed then, as --status --json says it",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Do the one thing asked for; see the exit codes in the examples."""
    state = State(arguments.state)
    try:
        clock = _clock(arguments, state)
        try:
            told, lines = _do(arguments, state, clock)
        finally:
            if arguments.tell is not None:
                _tell(arguments.tell, state, clock)
    except InputError as error:
        print(f"doorcheck update: {error}", file=sys.stderr)
        return 2
    except UpdateError as error:
        return _refuse(error, state, arguments.json)
    print(json.dumps(told, indent=2) if arguments.json else "\n".join(lines))
    return 0


def _clock(arguments: argparse.Namespace, state: State) -> Clock:
    """What the operator states by hand or has signed, lately or in this boot; else the system's clock."""
    if arguments.at is not None:
        return StatedClock(words.time(arguments.at))
    clock = SystemClock(Basis.OPERATOR)
    stated = asking.read_taken(arguments.runtime)
    if arguments.time is not None:
        folder = arguments.folder or Path()
        try:
            new = telling.take(state, arguments.time, folder, arguments.runtime, clock.now_ms())
        except TimeError as error:  # a clock that is right anyway needs none
            print(f"doorcheck update: {error}", file=sys.stderr)
        else:
            if new is not None:
                print(f"doorcheck update: the time was stated: {asking.shown(new)}", file=sys.stderr)
                stated = new
    return clock if stated is None else StatedClock(stated.now(clock.now_ms()))


def _do(arguments: argparse.Namespace, state: State, clock: Clock) -> tuple[dict[str, Any], list[str]]:
    """What was done or is there, for programs and for people."""
    if arguments.status:
        seen = status.look(state, clock.moment())
        return _status_object(seen), list(_status_lines(seen))
    if arguments.enrol is not None:
        return _enrolled(enrolment.enrol(state, arguments.enrol))
    with _bar() as progress:
        if arguments.back:
            done = install.back(state, clock.moment(), progress=progress)
        else:
            done = install.update(state, arguments.folder, clock.moment(), progress=progress)
    return _installed_object(done), list(_installed_lines(done, back=arguments.back))


def _tell(file: Path, state: State, clock: Clock) -> None:
    """Keep what is installed for others to read; it hides nothing of how the update went."""
    try:
        seen = json.dumps(_status_object(status.look(state, clock.moment())), indent=2)
        write_atomically(file, f"{seen}\n".encode(), permissions=0o644)
    except (StoreError, UpdateError) as error:
        print(f"doorcheck update: {error}", file=sys.stderr)


def _refuse(error: UpdateError, state: State, as_json: bool) -> int:
    number = state.current_number()
    if as_json:
        print(json.dumps({"refused": error.code, "words": str(error), "generation": number}, indent=2))
    kept = "no lists yet" if number is None else f"generation {number}"
    verb = "" if error.unusable else "refused: "
    print(f"doorcheck update: {verb}{error}\nnothing was changed: this door has {kept}", file=sys.stderr)
    return 2 if error.unusable else 1


def _enrolled(done: enrolment.Enrolled) -> tuple[dict[str, Any], list[str]]:
    told = {"root_sha256": done.fingerprint, "new_root": done.new_root, "new_deny_key": done.new_key}
    root = "enrolled with the root" if done.new_root else "enrolled already, with the root"
    lines = [f"{root} of SHA-256 {done.fingerprint}", "compare it with the one that the operator noted"]
    if done.new_key:
        lines.append("the deny list's key was taken; it counts for the lists to come")
    return told, lines


def _installed_object(done: Installed) -> dict[str, Any]:
    return {
        "changed": done.changed,
        "generation": done.number,
        "publication": done.manifest.contents,
        "published": _iso(done.manifest.published),
        "declined": done.manifest.declined,
        "files": dict(done.ways),
        "written_bytes": done.written_bytes,
        "unknown_files": done.unknown,
    }


def _installed_lines(done: Installed, *, back: bool) -> Iterator[str]:
    manifest = done.manifest
    made = f"publication {manifest.contents}, made {_time(manifest.published)}"
    if not done.changed:
        yield f"already up to date: generation {done.number}, {made}"
        return
    yield f"{'back to' if back else 'installed'} {made}, as generation {done.number}"
    counts = {way: list(done.ways.values()).count(way) for way in dict.fromkeys(done.ways.values())}
    files = ", ".join(f"{count} {way}" for way, count in counts.items())
    yield f"files: {files}; {done.written_bytes} bytes written"
    if done.unknown:
        yield f"{done.unknown} files of kinds that this doorcheck does not know were left alone"
    if manifest.declined is not None:
        yield f"publication {manifest.declined} is declined: it will not be installed again, a newer one will"


def _status_object(seen: Status) -> dict[str, Any]:
    return {
        "enrolled": seen.enrolled,
        "generation": seen.generation,
        "publication": seen.contents,
        "published": _iso(seen.published),
        "age_hours": None if seen.age is None else round(seen.age / timedelta(hours=1), 1),
        "freshness": seen.rung and seen.rung.value,
        "previous": seen.previous,
        "declined": seen.declined,
        "log": seen.log and {"entries": seen.log.entries, "head": seen.log.head},
        "metadata": {
            role: {"version": one.version, "expires": _iso(one.expires), "expired": role in seen.expired}
            for role, one in seen.roles.items()
        },
        "damage": seen.damage,
    }


def _status_lines(seen: Status) -> Iterator[str]:
    yield f"door        {'enrolled' if seen.enrolled else 'not enrolled: `doorcheck update --enrol FOLDER`'}"
    if seen.generation is None:
        yield "generation  none yet: push a publication"
    else:
        made = (
            "" if seen.published is None else f": publication {seen.contents}, made {_time(seen.published)}"
        )
        yield f"generation  {seen.generation}{made}"
    if seen.age is not None:
        rung = "" if seen.rung is None else f" ({seen.rung.value})"
        yield f"age         {seen.age / timedelta(hours=1):.1f} hours{rung}"
    if seen.previous is not None:
        yield f"before it   generation {seen.previous}: `doorcheck update --back` returns to it"
    if seen.declined is not None:
        yield f"declined    publication {seen.declined}: a newer one will be taken"
    if seen.log is not None:
        yield f"log         {seen.log.entries} entries, the last {seen.log.head}"
    for role, one in seen.roles.items():
        state = "expired" if role in seen.expired else "until"
        yield f"{role:<11} version {one.version}, {state} {_time(one.expires)}"
    if seen.expired:
        yield "expired     nothing new is taken until a newer publication comes; the door goes on with"
        yield "            what it has, as long as its own settings say ([freshness])"
    if seen.damage is not None:
        yield f"damage      {seen.damage}"


@contextmanager
def _bar() -> Iterator[Progress]:
    """A progress bar on a terminal, once the work takes longer than a second."""
    if not sys.stderr.isatty():
        yield lambda _done, _all: None
        return
    from rich.console import Console  # not needed by those who do not wait: it costs a start
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = TextColumn("installing"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    bar = Bar(*columns, console=Console(stderr=True), transient=True, auto_refresh=False)
    task = bar.add_task("installing")
    due = time.monotonic() + PATIENCE_S

    def progress(done_bytes: int, all_bytes: int) -> None:
        nonlocal due
        if time.monotonic() >= due:
            bar.start()
            bar.update(task, completed=done_bytes, total=all_bytes, refresh=True)
            due = time.monotonic() + EVERY_S

    try:
        yield progress
    finally:
        bar.stop()


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
