"""Deny lists read: files and folders searched, each file told by its content, nothing half taken.

A file counts as one of the formats by how it begins and, for JSON, by its members; never
by its name. (Names matter inside some formats: they number iterations, say which part of
a tree a chunk is, or identify a batch.) What fits two formats is refused until the
operator says which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

from doorcheck.operator.denysources import plain
from doorcheck.operator.denysources.bounds import (
    BLOCK_BYTES,
    LARGEST_BINARY_BYTES,
    LARGEST_JSON_BYTES,
    Opened,
    json_document,
)
from doorcheck.operator.denysources.eu import EuReader
from doorcheck.operator.denysources.french import FrenchReader
from doorcheck.operator.denysources.gathered import DenyGathered, DenySourcesError, Format, Ledger, Refused
from doorcheck.operator.denysources.german import GermanReader
from doorcheck.operator.denysources.italian import ItalianReader
from doorcheck.operator.denysources.readers import Reader
from doorcheck.operator.denysources.recognising import KINDS, Shape, json_format, recognise
from doorcheck.operator.denysources.signers import Signers
from doorcheck.operator.progress import shown
from doorcheck.operator.trust.candidates import File, SourceError, UnknownKindError
from doorcheck.operator.trust.sources import find

Progress = Callable[[Sequence[int], str], Iterable[int]]

_READERS: dict[Format, Callable[..., Reader]] = {
    Format.EU: EuReader,
    Format.GERMAN: GermanReader,
    Format.ITALIAN: ItalianReader,
    Format.FRENCH: FrenchReader,
    Format.HASHES: plain.HashReader,
    Format.IDENTIFIERS: partial(plain.IdentifierReader, strict=True),
}


def gather(
    paths: Sequence[Path],
    *,
    at: datetime,
    format: Format | None = None,
    signers: Sequence[bytes] = (),
    keep_going: bool = False,
    progress: Progress = shown,
) -> DenyGathered:
    """Everything that deny lists in files and folders hold. Files of one format are one list.

    `at` decides which batches are expired. `format` reads every file as that format.
    `signers` are certificates, or bare keys, in DER or PEM: one of them must have signed
    each file then, and formats without signatures are refused. `progress` is given a
    count of blocks, and what they are.

    Raises `DenySourcesError` when anything at all was refused: a deny list with a hole
    admits. With `keep_going`, what was refused is left out, but no list is taken whose
    parts do not agree; the error is raised then when nothing could be read.
    """
    files, found = find(paths)
    gathered = DenyGathered(found.sources)
    gathered.refused += [Refused(one.source, one.where, one.reason) for one in found.unreadable]
    try:
        session = _Session(gathered, format, Signers(signers), int(at.timestamp() * 1000))
    except SourceError as error:
        raise DenySourcesError(str(error), gathered) from None
    wanted = [file for file in files if not _is_hidden(file, gathered)]
    ticks = iter(progress(range(sum(map(_blocks, wanted))), "reading deny lists"))
    try:
        for file in wanted:
            session.read(file, partial(next, ticks, None))
    finally:
        for _ in ticks:  # lets a bar be wiped
            pass
    session.finish()
    _judge(gathered, keep_going=keep_going)
    return gathered


class _Session:
    """The readers at work, one a format, made when they are needed."""

    def __init__(self, gathered: DenyGathered, forced: Format | None, signers: Signers, at_ms: int) -> None:
        self._gathered = gathered
        self._forced = forced
        self._signers = signers
        self._at_ms = at_ms
        self._readers: dict[Format, Reader] = {}

    def read(self, file: File, tick: Callable[[], object]) -> None:
        """Read one file; one that can't be is noted as refused."""
        try:
            if not file.named and file.path.exists() and not file.path.is_file():
                raise SourceError("no ordinary file")  # a FIFO would wait for its writer
            with file.path.open("rb") as stream:
                self._take(file, stream, tick)
        except OSError as error:
            reason = f"can not be read: {(error.strerror or type(error).__name__).lower()}"
            self._gathered.refused.append(Refused(file.source, file.where, reason))
        except SourceError as error:
            self._gathered.refused.append(Refused(file.source, file.where, str(error)))

    def _take(self, file: File, stream: BinaryIO, tick: Callable[[], object]) -> None:
        opened = Opened(stream, tick)
        shape, known = recognise(opened.head)
        if shape is Shape.JSON:
            document = json_document(opened.whole(LARGEST_JSON_BYTES))
            reader = self._reader(self._forced or json_format(document))
            reader.add_json(file, document)
        elif shape is Shape.BINARY:
            reader = self._reader(self._forced or known)
            reader.add_bytes(file, opened.whole(LARGEST_BINARY_BYTES))
        else:
            reader = self._reader(self._forced or known)
            reader.add_text(file, opened)
        reader.ledger.totals.files += 1

    def _reader(self, kind: Format | None) -> Reader:
        if kind is None:
            raise UnknownKindError(f"{KINDS}; --format says which one it is")
        if kind not in self._readers:
            ledger = Ledger(kind, self._gathered)
            make = _READERS[kind]
            if kind is Format.IDENTIFIERS and self._forced:
                make = partial(plain.IdentifierReader, strict=False)
            self._readers[kind] = make(ledger, at_ms=self._at_ms, signers=self._signers)
        return self._readers[kind]

    def finish(self) -> None:
        """Put the hashes of all lists together."""
        for reader in self._readers.values():
            try:
                taken = reader.finish()
            except SourceError as error:
                taken = reader.ledger.drop(str(error))
            reader.ledger.totals.taken = len(taken)
            if self._gathered.hashes:
                self._gathered.hashes |= taken
            else:
                self._gathered.hashes = taken


def _judge(gathered: DenyGathered, *, keep_going: bool) -> None:
    """Raise `DenySourcesError` when nothing of it may be used."""
    whole = not gathered.refused and any(totals.files for totals in gathered.totals.values())
    if whole or (keep_going and gathered.hashes):
        return
    gathered.hashes = set()
    if not gathered.refused:
        raise DenySourcesError(f"no deny list in {', '.join(gathered.sources) or 'nothing'}", gathered)
    first = gathered.refused[0]
    place = ", ".join(part for part in (first.source, first.where) if part)
    more = f" (and {len(gathered.refused) - 1} more)" if len(gathered.refused) > 1 else ""
    raise DenySourcesError(f"{place}: {first.reason}{more}", gathered)


def _is_hidden(file: File, gathered: DenyGathered) -> bool:
    if file.named or not any(part.startswith(".") for part in Path(file.where).parts):
        return False
    gathered.ignored[file.source] += 1
    return True


def _blocks(file: File) -> int:
    try:
        return file.path.stat().st_size // BLOCK_BYTES + 1
    except OSError:
        return 1
