"""`doorcheck operator log`, `verify`, `add-author`, `retire-author`: who did what."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from doorcheck.commands.operator.shared import (
    NotDoneError,
    UsageError,
    add_author,
    add_repo,
    recording,
    say,
)
from doorcheck.edge.store import read_bounded
from doorcheck.operator.record import authors, contents, log, logtext, passphrase
from doorcheck.operator.record.authors import Author, AuthorExistsError
from doorcheck.operator.record.logchain import Head, HeadError
from doorcheck.operator.record.logentry import Action
from doorcheck.operator.record.logfaults import LogFault

LARGEST_HEAD_BYTES = 64 * 1024

VERIFY_TEXT = """\
The record is a chain: each entry is signed by its author and names the one before it, and the
state of every list after it. So whatever was removed, altered, put in between or reordered shows,
and every list that was changed without an entry. Entries cut off at the end show when you compare
with a head that was published: --head takes a door's `doorcheck update --status --json`, or world.json.

exit codes: 0 sound, 1 not (each fault is named), 2 bad usage
"""


def configure(name: str, parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    match name:
        case "log":
            add_repo(parser)
        case "verify":
            parser.epilog = VERIFY_TEXT
            parser.add_argument("--head", metavar="FILE", type=Path, help="a head that was published earlier")
            add_repo(parser)
        case "add-author":
            parser.add_argument("name", metavar="NAME", help="the new author's name")
            parser.add_argument(
                "--new-passphrase-file",
                metavar="FILE",
                type=Path,
                help="the new author's (default: it is asked for)",
            )
            add_author(parser)
        case _:
            parser.add_argument("name", metavar="NAME", help="who may sign no more")
            add_author(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show, check, or change who may sign."""
    match arguments.action:
        case "log":
            return _log(arguments)
        case "verify":
            return _verify(arguments)
        case _:
            return _author(arguments)


def _made(arguments: argparse.Namespace, secret: bytes) -> Author:
    """The new author, with a key of their own; one that an earlier try left is taken up."""
    try:
        return authors.create(arguments.repo, arguments.name, secret)
    except AuthorExistsError:
        return authors.unlock(arguments.repo, arguments.name, secret).author


def _log(arguments: argparse.Namespace) -> int:
    found = log.verify(arguments.repo / log.FOLDER)
    say(
        arguments,
        logtext.lines(found.entries),
        {"entries": logtext.as_objects(found.entries), "head": found.head.to_object()},
    )
    return _faults(arguments, found.faults)


def _verify(arguments: argparse.Namespace) -> int:
    head = None if arguments.head is None else _head(arguments.head)
    found = log.verify(
        arguments.repo / log.FOLDER, head=head, contents=contents.survey(arguments.repo / contents.FOLDER)
    )
    names = ", ".join(author.name for author in found.authors)
    lines = [] if found.faults else [f"sound: {found.head.entries} entries; may sign: {names}"]
    say(
        arguments,
        [*lines, f"head: {found.head.entries} {found.head.sha256.hex()}"],
        {
            "sound": not found.faults,
            "head": found.head.to_object(),
            "authors": [author.name for author in found.authors],
            "faults": [str(fault) for fault in found.faults],
        },
    )
    return _faults(arguments, found.faults)


def _faults(arguments: argparse.Namespace, faults: tuple[LogFault, ...]) -> int:
    for fault in faults:
        sys.stderr.write(f"doorcheck operator {arguments.action}: {fault}\n")
    return 1 if faults else 0


def _head(path: Path) -> Head:
    """A head, from a door's status, from world.json, or bare. Raises `UsageError`."""
    try:
        item = json.loads(read_bounded(path, LARGEST_HEAD_BYTES))
        return Head.from_object(item.get("log", item) if isinstance(item, dict) else item)
    except (OSError, ValueError, HeadError) as error:
        raise UsageError(f"--head {path}: {error}") from error


def _author(arguments: argparse.Namespace) -> int:
    adding = arguments.action == "add-author"
    with recording(arguments) as recorder:
        if adding:
            secret = passphrase.read(
                f"the new author {arguments.name}", new=True, file=arguments.new_passphrase_file
            )
            whom = _made(arguments, secret)
        else:
            name = authors.clean_name(arguments.name)
            signing = [author for author in recorder.change.authors if author.name == name]
            if not signing:
                raise NotDoneError(f"{name} is not among those who may sign")
            (whom,) = signing
        entry = recorder.change.commit(
            recorder.author,
            time=int(recorder.at.timestamp()),
            action=Action.ADD_AUTHOR if adding else Action.RETIRE_AUTHOR,
            reason=arguments.reason,
            subject="authors",
            whom=whom,
        )
    did = "may sign from here on" if adding else "may sign no more"
    say(
        arguments,
        [f"{whom.name} {did}; on record as entry {entry.sequence}"],
        {"author": whom.name, "entry": entry.sequence},
    )
    return 0
