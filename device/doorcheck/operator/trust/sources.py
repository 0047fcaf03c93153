"""Where certificates come from: files, and folders searched to their depth.

A file named by the operator must be of a known form (`formats`). In a folder, other
files are counted and passed over; but a file that begins as a known form and is damaged
is an error there too, for a trust list with a hole in it looks like any other.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from doorcheck.operator.text import printable
from doorcheck.operator.trust.candidates import Candidate, File, SourceError, UnknownKindError
from doorcheck.operator.trust.didproof import PinnedKey
from doorcheck.operator.trust.formats import entries, may_hold_certificates

LARGEST_BYTES = 64 * 1024 * 1024
PEEK_BYTES = 64 * 1024
"""Enough of a folder's file to tell that it is no text and no DER."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A source, or a file in one, that can't be read, and why."""

    source: str
    where: str
    reason: str


@dataclass(slots=True)
class Gathered:
    """What the sources hold."""

    sources: list[str]
    """As the operator named them, in that order."""
    candidates: list[Candidate] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    unreadable: list[Unreadable] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    """Pairs of source and what the operator ought to know of it."""
    signed: int = 0
    """When the newest document with a verified proof was signed, in seconds since 1970; 0 without one."""


def find(sources: Sequence[Path]) -> tuple[list[File], Gathered]:
    """The files that the sources name, folders searched in the order of names; none is read yet."""
    paths = list(dict.fromkeys(sources))
    gathered = Gathered([printable(str(path)) for path in paths])
    files: list[File] = []
    for path, source in zip(paths, gathered.sources, strict=True):
        try:
            files += _in_folder(source, path) if path.is_dir() else [File(source, path, "", True)]
        except OSError as error:
            where = _relative(Path(error.filename or path), path)
            gathered.unreadable.append(Unreadable(source, where, _os_reason(error)))
    return files, gathered


def _in_folder(source: str, folder: Path) -> list[File]:
    found: list[File] = []
    for here, folders, names in os.walk(folder, onerror=_raise):  # links to folders are not followed
        names += [name for name in folders if Path(here, name).is_symlink()]
        found += [
            File(source, Path(here, name), _relative(Path(here, name), folder), False) for name in names
        ]
    return sorted(found, key=lambda file: file.path.parts)


def _raise(error: OSError) -> None:
    raise error


def _relative(path: Path, folder: Path) -> str:
    return printable(str(path.relative_to(folder))) if path != folder and path.is_relative_to(folder) else ""


def _os_reason(error: OSError) -> str:
    return f"can not be read: {(error.strerror or type(error).__name__).lower()}"


def gather(files: Iterable[File], gathered: Gathered, pinned: PinnedKey | None = None) -> None:
    """Read the files into `gathered`. Nothing is raised: what can't be read is in there too.

    With a pinned key, documents of the WHO network must be signed by it.
    """
    for file in files:
        try:
            data = _read_named(file.path) if file.named else _read_found(file.path)
            found, note, signed = entries(data, file, pinned)
        except UnknownKindError as error:
            if file.named:
                gathered.unreadable.append(Unreadable(file.source, file.where, str(error)))
            else:
                gathered.ignored[file.source] += 1
        except (SourceError, OSError) as error:
            reason = _os_reason(error) if isinstance(error, OSError) else str(error)
            gathered.unreadable.append(Unreadable(file.source, file.where, reason))
        else:
            gathered.candidates += found
            gathered.signed = max(gathered.signed, signed)
            if note:
                gathered.notes.append((file.source, f"{file.where}: {note}" if file.where else note))


def _read_named(path: Path) -> bytes:
    with path.open("rb") as stream:
        data = stream.read(LARGEST_BYTES + 1)
    if not data:
        raise SourceError("empty")
    if len(data) > LARGEST_BYTES:
        raise SourceError(f"larger than {LARGEST_BYTES // 1024 // 1024} MiB; no list of certificates is")
    return data


def _read_found(path: Path) -> bytes:
    """A folder's file, read whole only when it begins like text or a certificate."""
    if not path.is_file() and path.exists():
        raise UnknownKindError("no ordinary file")  # a FIFO would wait for its writer
    with path.open("rb") as stream:
        data = stream.read(PEEK_BYTES)
        if not may_hold_certificates(data):
            raise UnknownKindError("empty, or binary and no certificate")
        data += stream.read(LARGEST_BYTES + 1 - len(data))
    if len(data) > LARGEST_BYTES:
        raise UnknownKindError("larger than any list of certificates")
    return data
