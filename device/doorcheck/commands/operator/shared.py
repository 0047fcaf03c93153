"""What the operator's actions share: the repository, the author who signs, and the change on record."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from doorcheck.commands import arguments as words
from doorcheck.core.denylist import DenyListError
from doorcheck.edge.store import StoreError
from doorcheck.operator.record import authors, change, passphrase
from doorcheck.operator.record.authors import AuthorError, SigningAuthor
from doorcheck.operator.record.change import Change, ChangeError
from doorcheck.operator.record.contents import ContentsError
from doorcheck.operator.record.log import LogError
from doorcheck.operator.record.logentry import Action, Entry
from doorcheck.operator.record.passphrase import PassphraseError
from doorcheck.operator.record.pending import Write
from doorcheck.operator.repository.errors import RepositoryError
from doorcheck.operator.trust.candidates import SourceError
from doorcheck.operator.workspace import Workspace, WorkspaceError

VARIABLE = "DOORCHECK_REPO"


class UsageError(Exception):
    """The call can't be obeyed as it was written; the text says why."""


class NotDoneError(Exception):
    """What was asked for was not done; the text says why, and what to do."""


FAILURES = (
    NotDoneError,
    AuthorError,
    ChangeError,
    ContentsError,
    DenyListError,
    LogError,
    PassphraseError,
    RepositoryError,
    SourceError,
    StoreError,
    WorkspaceError,
)


def add_repo(parser: argparse.ArgumentParser) -> None:
    """Add --repo."""
    parser.add_argument(
        "--repo",
        metavar="DIR",
        type=Path,
        default=Path(os.environ.get(VARIABLE, ".")),
        help=f"the repository (default: {VARIABLE}, else this folder)",
    )


def add_author(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add --repo, --by, --reason, --at and --passphrase-file."""
    add_repo(parser)
    parser.add_argument("--by", metavar="NAME", required=required, help="who does this: goes on record")
    parser.add_argument(
        "--reason",
        metavar="TEXT",
        required=required,
        help="why: goes on record, and is kept for ever; write nothing about a visitor",
    )
    parser.add_argument(
        "--passphrase-file",
        metavar="FILE",
        type=Path,
        help=f"the author's passphrase (default: {passphrase.VARIABLE}, else it is asked for)",
    )
    add_at(parser)


def add_at(parser: argparse.ArgumentParser) -> None:
    """Add --at."""
    parser.add_argument("--at", metavar="TIME", help="as at that time, ISO 8601 (default: now)")


def time(arguments: argparse.Namespace) -> datetime:
    """The time of this call, in whole seconds UTC. Raises `UsageError`."""
    if arguments.at is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        return words.time(arguments.at).replace(microsecond=0)
    except words.InputError as error:
        raise UsageError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Recorder:
    """An author with the right to change the working state, for one change."""

    change: Change
    author: SigningAuthor
    at: datetime
    workspace: Workspace

    def commit(
        self,
        action: Action,
        subject: str,
        reason: str,
        counts: Mapping[str, int] | None = None,
        writes: Mapping[str, Write] | None = None,
    ) -> Entry:
        """Make the change and put it on record, as one."""
        seconds = int(self.at.timestamp())
        return self.change.commit(
            self.author,
            time=seconds,
            action=action,
            reason=reason,
            subject=subject,
            counts=counts,
            writes=writes,
        )


@contextmanager
def recording(arguments: argparse.Namespace) -> Iterator[Recorder]:
    """Unlock the author's key, take the lock, finish what a crash had left."""
    at = time(arguments)
    author = unlock(arguments)
    with change.begin(arguments.repo) as begun:
        for left in begun.recovered:
            sys.stderr.write(f"{left}\n")
        yield Recorder(begun, author, at, Workspace(arguments.repo))


def unlock(arguments: argparse.Namespace) -> SigningAuthor:
    """The author's key, opened with the passphrase."""
    known = authors.find(arguments.repo, arguments.by)
    secret = passphrase.read(f"the author {known.name}", new=False, file=arguments.passphrase_file)
    author = authors.unlock(arguments.repo, known.name, secret)
    for warning in author.warnings:
        sys.stderr.write(f"{warning}\n")
    return author


def say(arguments: argparse.Namespace, lines: list[str], item: Mapping[str, Any]) -> None:
    """Print text for people, or the object for programs."""
    text = json.dumps(item, indent=2, ensure_ascii=False) if arguments.json else "\n".join(lines)
    sys.stdout.write(text + "\n")
