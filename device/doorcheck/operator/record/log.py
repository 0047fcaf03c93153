"""The record on disk: log/000001.cose, 000002.cose, ..., one file an entry, only ever added to.

Whoever adds holds a lock (`flock` on log/.lock), judges the whole chain, and gives the new
file its name with a hard link, which fails when the name is taken: two operators at once
can't both write entry N, even where locks don't work.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from doorcheck.edge.disk import Disk
from doorcheck.edge.store import StoreError, read_bounded
from doorcheck.operator.progress import shown
from doorcheck.operator.record import durable, logentry
from doorcheck.operator.record.authors import Author, SigningAuthor
from doorcheck.operator.record.logchain import Chain, Head
from doorcheck.operator.record.logentry import Action, Entry, EntryError, Whom
from doorcheck.operator.record.logfaults import FaultKind, LogFault
from doorcheck.operator.text import printable

FOLDER = "log"
LOCK = ".lock"

_ENTRY = re.compile(r"(0\d{5}|[1-9]\d{5,8})\.cose")
_LEFT_OVER = re.compile(r"\.[0-9a-f]{16}\.tmp")
_MENDED_BY_THE_AUTHOR = {
    FaultKind.UNKNOWN_AUTHOR: "let an author add this one first, with `doorcheck operator add-author`",
    FaultKind.RETIRED_AUTHOR: "another author must do it",
    FaultKind.TIME: "set this computer's clock; if it is right, the earlier entry's was wrong",
    FaultKind.IMPOSSIBLE: "nothing was recorded",
}


class LogError(Exception):
    """The record can't be read or added to; the text says why, and what to do."""


class LogBusyError(LogError):
    """Somebody else is adding to the record at this moment."""


class LogFaultError(LogError):
    """The record is not sound: it has faults."""

    def __init__(self, faults: tuple[LogFault, ...]) -> None:
        more = f"; {len(faults) - 1} more, see `doorcheck operator verify`" if len(faults) > 1 else ""
        super().__init__(f"the record is not sound: {faults[0]}{more}")
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Verified:
    """What verifying found: the entries that could be read, and every fault."""

    entries: tuple[Entry, ...]
    head: Head
    authors: tuple[Author, ...]
    """Those who may sign the next entry."""
    faults: tuple[LogFault, ...]

    def sound(self) -> Verified:
        """The same if nothing is wrong; else raises `LogFaultError`."""
        if self.faults:
            raise LogFaultError(self.faults)
        return self


class Pen:
    """The right to add to a sound record, held by one at a time."""

    def __init__(self, folder: Path, chain: Chain, disk: Disk) -> None:
        self._folder = folder
        self._chain = chain
        self._disk = disk

    @property
    def head(self) -> Head:
        """The record's head now."""
        return self._chain.head

    @property
    def contents(self) -> Mapping[str, bytes]:
        """What the last entry says the state is: subject and SHA-256."""
        return dict(self._chain.contents)

    @property
    def authors(self) -> tuple[Author, ...]:
        """Those who may sign the next entry."""
        return tuple(self._chain.authors.values())

    def append(
        self,
        author: SigningAuthor,
        *,
        time: int,
        action: Action,
        reason: str,
        subject: str,
        counts: Mapping[str, int] | None = None,
        contents: Mapping[str, bytes] | None = None,
        whom: Author | None = None,
    ) -> Entry:
        """Sign an entry and add it; returns it.

        `time` is in seconds since 1970. `contents` is the whole state after the change
        (default: as before); `whom` is the author added or retired. What `verify` would
        find a fault in is refused. Raises `LogError`, `StoreError`.
        """
        try:
            entry = Entry(
                sequence=self.head.entries + 1,
                previous=self.head.sha256,
                author=author.author.name,
                key_id=author.author.key_id,
                time=time,
                action=action,
                reason=logentry.clean_reason(reason),
                subject=subject,
                counts=dict(counts or {}),
                contents=dict(self._chain.contents if contents is None else contents),
                whom=None if whom is None else Whom(whom.name, whom.key),
            )
            data = logentry.sign(entry, author)
        except (EntryError, ValueError) as error:
            raise LogError(f"not recorded: {error}") from error
        self._add(entry, data)
        return entry

    def _add(self, entry: Entry, data: bytes) -> None:
        after = self._chain.copy()
        for fault in after.take(data):
            advice = _MENDED_BY_THE_AUTHOR.get(fault.kind, fault.advice)
            raise LogError(f"not recorded as entry {entry.sequence}: {fault.words}; {advice}")
        try:
            durable.create(self._folder / file_name(entry.sequence), data, disk=self._disk)
        except durable.ExistsError:
            raise LogBusyError(
                f"entry {entry.sequence} was written by somebody else meanwhile; start again"
            ) from None
        self._chain = after


@contextmanager
def writing(folder: Path, disk: Disk | None = None) -> Iterator[Pen]:
    """Hold the lock of the record in a folder: nobody else adds meanwhile.

    Raises `LogBusyError`, `LogFaultError` when the record is not sound, `LogError` when
    there is none, `StoreError`. An empty folder is a record about to start.
    """
    disk = disk or Disk()
    with _locked(folder):
        for name in _names(folder):
            if _LEFT_OVER.fullmatch(name):
                disk.remove(folder / name)
        chain, faults = _walk(folder)
        if faults:
            raise LogFaultError(tuple(faults))
        yield Pen(folder, chain, disk)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    _names(folder)  # when there is no folder, it says so better
    try:
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise StoreError(f"cannot lock {folder / LOCK}: {durable.why(error)}") from error
    try:
        _lock(handle, folder)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LogBusyError(
            f"another `doorcheck operator` is changing {folder.parent}; wait until it is done"
        ) from None
    except OSError as error:
        raise StoreError(f"cannot lock {folder / LOCK}: {durable.why(error)}") from error


def verify(
    folder: Path, *, head: Head | None = None, contents: Mapping[str, bytes] | None = None
) -> Verified:
    """Find all that is wrong with the record in a folder.

    With a `head` that was published earlier, also entries gone from the end and a record
    written anew; with `contents`, the state now (`contents.survey`), also what changed
    without an entry. Faults are gathered, not raised. Raises `LogError` when there is no
    such folder.
    """
    chain, faults = _walk(folder)
    if not chain.length:
        faults.append(LogFault(FaultKind.EMPTY, None, f"there is no entry in {folder}"))
    if head is not None:
        faults += chain.against(head)
    if contents is not None:
        faults += chain.against_contents(contents)
    return Verified(tuple(chain.entries), chain.head, tuple(chain.authors.values()), tuple(faults))


def file_name(number: int) -> str:
    """The name of an entry's file."""
    return f"{number:06d}.cose"


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 (names are all that is wanted)
    except OSError as error:
        raise LogError(
            f"no record in {folder}: {durable.why(error)}; "
            "name the folder that `doorcheck operator init` made"
        ) from error


def _walk(folder: Path) -> tuple[Chain, list[LogFault]]:
    """The chain of the files in a folder, and the faults of each and of their names."""
    chain = Chain()
    faults, numbers = [], []
    for name in _names(folder):
        if _ENTRY.fullmatch(name) and int(name[:-5]) > 0:
            numbers.append(int(name[:-5]))
        elif name != LOCK and not _LEFT_OVER.fullmatch(name):
            faults.append(LogFault(FaultKind.STRAY, None, f"{printable(name)} does not belong in {folder}"))
    for number in shown(sorted(numbers), "verifying"):
        if number > chain.length + 1:
            faults.append(chain.skip(number - 1))
        path = folder / file_name(number)
        try:
            faults += chain.take(_bytes(path))
        except OSError as error:
            faults.append(chain.lose(durable.why(error)))
    return chain, faults


def _bytes(path: Path) -> bytes:
    """The bytes of an entry's file. Raises `OSError`, also for what is not a plain file."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise OSError(errno.EINVAL, "not a plain file")
    return read_bounded(path, logentry.LARGEST_BYTES)
