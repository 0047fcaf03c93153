"""`doorcheck operator badge`, `withdraw-badge`, `badges`: who may control at the doors."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from doorcheck import config
from doorcheck.commands import arguments as words
from doorcheck.commands.operator.shared import (
    NotDoneError,
    Recorder,
    UsageError,
    add_at,
    add_author,
    add_repo,
    recording,
    say,
    time,
)
from doorcheck.config import SettingsError
from doorcheck.core.badge import Badge
from doorcheck.edge.store import StoreError, read_bounded, write_atomically
from doorcheck.operator import badgecard, badges
from doorcheck.operator.badges import Badges, Issued
from doorcheck.operator.record import passphrase
from doorcheck.operator.record.logentry import Action
from doorcheck.operator.text import time_text

TEXT = ".txt"
PRIVATE = 0o600
ID_DIGITS = 8

BADGE_TEXT = """\
A badge is a code that a controller shows to the door's camera: it opens their shift in the door's
register, and closes it when it is shown again. It opens no door. Doors take it once they have a
publication with the badge key, which is made with the first badge, under a passphrase of its own.

The badge is no secret to its holder's colleagues, but whoever has a photograph of it can sign them
on: give it to its holder alone, and withdraw it when it is lost.

examples:
  doorcheck operator badge --name "Noor Lamp" --until 2027-06-30 -o noor.pdf \\
      --by "Anna Muller" --reason "new at the entrance"
  doorcheck operator withdraw-badge 3f09c2d1 --by "Anna Muller" --reason "left"
  doorcheck operator badges                    who has one: authorised by whom, since when
  doorcheck operator publish --by "Anna Muller" --reason "a new controller"

The reason is kept for ever: write no name in it. A badge's own name goes some months after it ended
([register] keep_days in the settings).
"""


def configure(name: str, parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = BADGE_TEXT
    match name:
        case "badges":
            add_repo(parser)
            add_at(parser)
        case "withdraw-badge":
            parser.add_argument("id", metavar="ID", help="the badge's number, or how it begins")
            add_author(parser)
        case _:
            _configure_badge(parser)


def _configure_badge(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--name", metavar="NAME", required=True, help="the controller, as the register has them"
    )
    parser.add_argument("--until", metavar="DATE", required=True, help="the last day (UTC), or a time")
    parser.add_argument(
        "--from", dest="since", metavar="DATE", help="authorised since that day, or time (default: now)"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        required=True,
        help="a new file: .png, .pdf (a card of 86 x 54 mm) or .txt (what the code holds)",
    )
    parser.add_argument(
        "--new-key",
        action="store_true",
        help="after a loss or a theft: make another badge key; every badge made before counts no more",
    )
    parser.add_argument(
        "--badge-passphrase-file",
        metavar="FILE",
        type=Path,
        help="the badge key's (default: it is asked for)",
    )
    add_author(parser)


def run(arguments: argparse.Namespace) -> int:
    """Make, withdraw or list badges."""
    match arguments.action:
        case "badges":
            return _list(arguments)
        case "withdraw-badge":
            return _withdraw(arguments)
        case _:
            return _issue(arguments)


def _issue(arguments: argparse.Namespace) -> int:
    output: Path = arguments.output
    if output.suffix not in {TEXT, *badgecard.FORMATS}:
        raise UsageError(f"-o {output}: the name ends in .png, .pdf or .txt")
    if output.exists() or not output.parent.is_dir():
        raise UsageError(f"-o {output}: name a new file in a folder that is there")
    since = None if arguments.since is None else _seconds(arguments.since, "--from")
    until = _seconds(arguments.until, "--until", end=True)
    with recording(arguments) as recorder:
        now = int(recorder.at.timestamp())
        made = badges.new_badge(arguments.name, now if since is None else since, until)
        if until <= now:
            raise UsageError(f"--until {arguments.until}: that is past")
        before = badges.load(arguments.repo)
        fleet, text = _signed(arguments, before, made, now)
        after = _kept(recorder, badges.with_badge(fleet, made, recorder.author.author.name), now)
        counts = {"added": 1, "in force": sum(one.ended > now for one in after.issued)}
        writes = {badges.SUBJECT: badges.dump(after)}
        entry = recorder.commit(Action.ISSUE_BADGE, badges.SUBJECT, arguments.reason, counts, writes)
    number = made.id.hex()
    try:
        notes = _write(output, text, made)
    except StoreError as error:
        raise NotDoneError(
            f"the badge {number} is on record as entry {entry.sequence}, but {error}; "
            "withdraw it, and make another"
        ) from error
    if before is None or before.key != after.key:
        notes.append(f"a badge key was made: put {arguments.repo / badges.FOLDER} into your backup")
    lines = [
        f"badge {number[:ID_DIGITS]}: {output}, until {time_text(until)}",
        f"on record as entry {entry.sequence}",
        *notes,
        "doors take it after `publish`",
    ]
    say(arguments, lines, {"id": number, "entry": entry.sequence, "file": str(output), "notes": notes})
    return 0


def _signed(
    arguments: argparse.Namespace, before: Badges | None, made: Badge, now: int
) -> tuple[Badges, bytes]:
    """The fleet's badges, under a new key if need be, and the badge's text."""
    known = None if arguments.new_key else before
    secret = passphrase.read("the badge key", new=known is None, file=arguments.badge_passphrase_file)
    if known is not None:
        return known, badges.sign(made, known, badges.unlock(arguments.repo, known, secret))
    private = badges.make_key(arguments.repo, secret)
    fleet = badges.with_key(before, private, now)
    return fleet, badges.sign(made, fleet, private)


def _write(output: Path, text: bytes, made: Badge) -> list[str]:
    """Write the badge's file; returns what there is to say. Raises `StoreError`."""
    if output.suffix == TEXT:
        write_atomically(output, text + b"\n", permissions=PRIVATE)
        return []
    last = time_text(made.until - 1)[:10]
    lines = (f"until {last}", f"no. {made.id.hex()[:ID_DIGITS]}", "Staff badge. It opens no door.")
    picture, named = badgecard.card(text, made.name, lines)
    write_atomically(output, badgecard.encoded(picture, output.suffix), permissions=PRIVATE)
    return [] if named else ["no font here has all letters of the name: write it on the card's line"]


def _withdraw(arguments: argparse.Namespace) -> int:
    with recording(arguments) as recorder:
        now = int(recorder.at.timestamp())
        fleet, which = badges.withdraw(badges.load(arguments.repo), arguments.id, now)
        after = _kept(recorder, fleet, now)
        counts = {"removed": 1, "in force": sum(one.ended > now for one in after.issued)}
        writes = {badges.SUBJECT: badges.dump(after)}
        entry = recorder.commit(Action.WITHDRAW_BADGE, badges.SUBJECT, arguments.reason, counts, writes)
    line = f"withdrawn: badge {which.id[:ID_DIGITS]}; on record as entry {entry.sequence}"
    say(arguments, [line, "doors refuse it after `publish`"], {"id": which.id, "entry": entry.sequence})
    return 0


def _list(arguments: argparse.Namespace) -> int:
    now = int(time(arguments).timestamp())
    fleet = badges.load(arguments.repo)
    issued = fleet.issued if fleet else ()
    rows = [("badge", "authorised since", "until", "state", "by", "name")]
    rows += [
        (
            one.id[:ID_DIGITS],
            time_text(one.authorised),
            time_text(one.until),
            _state(one, now),
            one.by,
            one.name,
        )
        for one in issued
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    say(arguments, lines if issued else ["no badges"], {"badges": [_object(one, now) for one in issued]})
    return 0


def _object(one: Issued, now: int) -> dict[str, str | None]:
    return {
        "id": one.id,
        "name": one.name,
        "authorised_since": time_text(one.authorised),
        "until": time_text(one.until),
        "withdrawn": None if one.withdrawn is None else time_text(one.withdrawn),
        "by": one.by,
        "state": _state(one, now),
    }


def _state(one: Issued, now: int) -> str:
    if one.withdrawn is not None and one.withdrawn <= now:
        return "withdrawn"
    if one.until <= now:
        return "expired"
    return "in force" if one.authorised <= now else "to come"


def _kept(recorder: Recorder, fleet: Badges, now: int) -> Badges:
    """Without what is older than the register at the doors."""
    path = recorder.workspace.settings
    try:
        data = b"" if path is None else read_bounded(path, config.LARGEST_BYTES)
        keep_days = config.parse(data).register.keep_days
    except (OSError, SettingsError) as error:
        raise NotDoneError(f"{path}: {error}; take the settings again with `use-settings`") from error
    return badges.purged(fleet, keep_days, now)


def _seconds(text: str, option: str, *, end: bool = False) -> int:
    """A day or a time in seconds since 1970; of a day its beginning, or its end. Raises `UsageError`."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        try:
            return int(words.time(text).timestamp())
        except words.InputError:
            raise UsageError(f"{option} {text!r} is no date: write it as 2027-06-30") from None
    try:
        at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=end)
    except OverflowError:
        raise UsageError(f"{option} {text!r}: nobody is authorised for so long") from None
    return int(at.timestamp())
