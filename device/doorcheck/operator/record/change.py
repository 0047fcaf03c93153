"""Changing the working state and its record together, so that a crash leaves both old or both new.

    1. take the lock, finish or drop what an earlier crash left, check the record
    2. put the new contents beside the state: pending/put/PATH; an empty pending/remove/PATH
       for what goes; flush all
    3. add the entry, which names the hash of everything after the change: this decides
    4. rename the new contents into their places, flush, remove pending/

`recover` takes whatever is in pending/ after a crash, piece by piece: if the last entry
names its hash (or has it no more, for what goes), step 4 is finished; else the entry was
never written, and the piece is dropped. So a change is there once its entry is.

What is read to make the new contents must be read within `begin`: the lock then keeps two
operators from undoing each other's changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from doorcheck.edge.disk import Disk
from doorcheck.edge.store import StoreError
from doorcheck.operator.record import contents, log, pending
from doorcheck.operator.record.authors import Author, SigningAuthor
from doorcheck.operator.record.contents import ContentsError
from doorcheck.operator.record.log import LogError, Pen
from doorcheck.operator.record.logchain import Head
from doorcheck.operator.record.logentry import Action, Entry
from doorcheck.operator.record.pending import Recovered, Write


class ChangeError(Exception):
    """A change can't be made; the text says why, and what to do."""


class Change:
    """The right to change the working state, held by one at a time. `begin` makes it."""

    def __init__(self, repo: Path, pen: Pen, disk: Disk) -> None:
        self._repo = repo
        self._pen = pen
        self._disk = disk
        self.recovered = pending.recover(repo, pen.contents, disk)
        """What an earlier crash had left."""

    @property
    def head(self) -> Head:
        """The record's head now."""
        return self._pen.head

    @property
    def contents(self) -> Mapping[str, bytes]:
        """What is on record: the SHA-256 of each subject."""
        return self._pen.contents

    @property
    def authors(self) -> tuple[Author, ...]:
        """Those who may sign."""
        return self._pen.authors

    def commit(
        self,
        author: SigningAuthor,
        *,
        time: int,
        action: Action,
        reason: str,
        subject: str,
        counts: Mapping[str, int] | None = None,
        writes: Mapping[str, Write] | None = None,
        whom: Author | None = None,
    ) -> Entry:
        """Make the changes in `writes`, by subject, and put them on record as one entry.

        Every subject written is `subject` or below it (but in the first entry). Raises
        `ChangeError` when one is not as the record says: somebody changed it without an
        entry, and this change would hide that. Raises `LogError`, `StoreError`,
        `ContentsError`; then nothing has changed, unless the disk failed after the entry
        was written: the next `begin` finishes that.
        """
        writes = writes or {}
        for one, new in writes.items():
            self._check_unchanged(one, new)
        try:
            after = pending.stage(self._repo, writes, self.contents, self._disk)
            entry = self._pen.append(
                author,
                time=time,
                action=action,
                reason=reason,
                subject=subject,
                counts=counts,
                contents=after,
                whom=whom,
            )
        except (LogError, pending.StagingError, ContentsError):
            pending.drop(self._repo, self._disk)
            raise
        try:
            pending.recover(self._repo, after, self._disk)
        except StoreError as error:
            raise ChangeError(
                f"entry {entry.sequence} is on record, but {error}; "
                "mend that: the next `doorcheck operator` command that changes something finishes it"
            ) from error
        return entry

    def _check_unchanged(self, subject: str, new: Write) -> None:
        was, on_record = contents.state(self._repo / contents.FOLDER, subject), self.contents.get(subject)
        if was != on_record:
            raise ChangeError(
                f"{subject} was changed without an entry, and another change would hide that: "
                "restore it from a copy first (`doorcheck operator verify` names all such)"
            )
        if was is None and new is None:
            raise ChangeError(f"there is no {subject} to remove")


@contextmanager
def begin(repo: Path, disk: Disk | None = None) -> Iterator[Change]:
    """Take the lock on a repository, finish what a crash had left, check the record.

    repo/log and repo/lists are there, both empty before the first entry. Raises
    `LogBusyError`, `LogFaultError`, `LogError`, `StoreError`, `ContentsError`.
    """
    disk = disk or Disk()
    with log.writing(repo / log.FOLDER, disk) as pen:
        yield Change(repo, pen, disk)


def recover(repo: Path, disk: Disk | None = None) -> tuple[Recovered, ...]:
    """Finish or drop what a crash had left, and say what that was. Raises as `begin` does."""
    with begin(repo, disk) as change:
        return change.recovered
