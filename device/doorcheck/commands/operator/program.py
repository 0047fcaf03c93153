"""`doorcheck operator use-release`: which version of the program every door of the fleet shall run."""

from __future__ import annotations

import argparse
from pathlib import Path

from doorcheck.commands.operator.shared import NotDoneError, add_author, recording, say
from doorcheck.operator import releases
from doorcheck.operator.record.logentry import Action
from doorcheck.update import release

TEXT = """\
FOLDER is a wheelhouse, made with `deploy/wheelhouse FOLDER`: wheels, and a release.json with their
hashes. The hashes are signed with the next publication; doors take no wheel that differs, try
the release, and go back by themselves if it does not become ready or does not stay.

A door on which a release failed does not try it again, unless it is signed --again.

examples:
  doorcheck operator use-release wheelhouse/ --by "Anna Muller" --reason "0.7.0, tried on the bench"
  doorcheck operator use-release wheelhouse/ --again --by "Anna Muller" --reason "cables were replaced"
"""


def configure(name: str, parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    assert name == "use-release"  # noqa: S101 (the table names this action alone)
    parser.epilog = TEXT
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    parser.add_argument("--again", action="store_true", help="also for doors on which it failed")
    add_author(parser)


def run(arguments: argparse.Namespace) -> int:
    """Take the release, once every wheel of it is known to be whole."""
    found = releases.of_folder(arguments.folder)
    with recording(arguments) as recorder:
        before = releases.load(arguments.repo)
        if arguments.again:
            found = releases.next_attempt(found, before)
        elif releases.is_same(found, before):
            raise NotDoneError(
                f"{found.version} is the release already; with --again, doors on which it failed try anew"
            )
        if releases.is_other_under_that_version(found, before):
            raise NotDoneError(
                f"{found.version} is on record, made of other wheels, and doors change no release in place: "
                "give this one a new version"
            )
        counts = {"wheels": len({one for wheels in found.wheels.values() for one in wheels})}
        writes = {releases.SUBJECT: release.dump(found)}
        entry = recorder.commit(Action.SET_RELEASE, releases.SUBJECT, arguments.reason, counts, writes)
    machines = ", ".join(sorted(found.wheels))
    lines = [
        f"release: {found.version} for {machines}; on record as entry {entry.sequence}",
        "doors take it after `publish`, once its wheels are pushed too",
    ]
    told = {"version": found.version, "attempt": found.attempt, "machines": sorted(found.wheels)}
    say(arguments, lines, {**told, "entry": entry.sequence})
    return 0
