"""The Italian list (DRL): a snapshot in chunks, deltas in chunks, and totals that must agree.

A snapshot's chunks have `revokedUcvi`, a delta's have `delta` with insertions and
deletions and say from which version they lead to which; all entries are SHA-256 of the
identifier in base64. Chunk 1 to the last must be here, of one version; deltas must lead
on without a gap; and after each version the number of entries must be the total that
the chunks, or the answer of /drl/check, name. Otherwise nothing of it is taken.

Source: it-dgc-documentation, DRL.md; `totalNumberUCVI` is spelled as it is there.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from doorcheck.operator.denysources.bounds import SHA256_BYTES, base64_hash, whole_number
from doorcheck.operator.denysources.gathered import Kind
from doorcheck.operator.denysources.readers import Reader
from doorcheck.operator.trust.candidates import File, SourceError

_TOTALS = ("totalNumberUCVI", "totalNumberUVCI")
_LASTS = ("lastChunk", "totalChunk")


def is_chunk(document: Any) -> bool:
    """Whether JSON looks like a chunk, or like the answer of /drl/check."""
    if not isinstance(document, dict) or "version" not in document:
        return False
    return any(name in document for name in ("revokedUcvi", "delta", *_TOTALS))


@dataclass(frozen=True, slots=True)
class _Chunk:
    number: int
    last: int
    list_id: object
    total: int | None
    insertions: list[bytes] = field(repr=False)
    deletions: list[bytes] = field(repr=False)


@dataclass(frozen=True, slots=True, order=True)
class _Step:
    """From no version (a snapshot) or one, to another."""

    start: int
    version: int

    @property
    def words(self) -> str:
        return f"version {self.version}" if self.start < 0 else f"versions {self.start} to {self.version}"


class ItalianReader(Reader):
    """Reads chunks of one snapshot and of the deltas that follow it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._steps: dict[_Step, dict[int, _Chunk]] = defaultdict(dict)
        self._answers: dict[int, int] = {}
        """Totals by version, from answers of /drl/check."""

    def add_json(self, file: File, document: Any) -> None:
        """Take a chunk or an answer of /drl/check."""
        self.must_be_unsigned()
        version = whole_number(document.get("version")) if is_chunk(document) else None
        if version is None:
            raise self.other()
        revoked, delta = document.get("revokedUcvi"), document.get("delta")
        if revoked is None and delta is None:
            self._add_answer(version, document)
        elif revoked is not None and delta is not None:
            raise SourceError("a chunk of a snapshot and of a delta at once")
        elif revoked is not None:
            self._add_chunk(file, _Step(-1, version), document, revoked, [])
        else:
            start = whole_number(document.get("fromVersion"))
            if not isinstance(delta, dict) or start is None or start >= version:
                raise SourceError("a delta that does not say which version it starts from")
            insertions, deletions = delta.get("insertions") or [], delta.get("deletions") or []
            self._add_chunk(file, _Step(start, version), document, insertions, deletions)

    def _add_answer(self, version: int, document: dict[str, Any]) -> None:
        total = _number(document, _TOTALS)
        if total is None or self._answers.setdefault(version, total) != total:
            raise SourceError("an answer of /drl/check without a total, or with another than one before")

    def _add_chunk(
        self, file: File, step: _Step, document: dict[str, Any], insertions: Any, deletions: Any
    ) -> None:
        number, last = whole_number(document.get("chunk"), 1), _number(document, _LASTS)
        if number is None or last is None or number > last:
            raise SourceError("a chunk without its number, or without that of the last one")
        if number in self._steps.get(step, {}):
            raise SourceError(f"chunk {number} of {step.words} is here twice")
        added, removed = self._hashes(file, insertions), self._hashes(file, deletions)
        if not set(added).isdisjoint(removed):
            raise SourceError("a delta that inserts and deletes the same entry")
        self.ledger.count(Kind.UCI, len(added))
        total = _number(document, _TOTALS)
        self._steps[step][number] = _Chunk(number, last, document.get("id"), total, added, removed)

    def _hashes(self, file: File, entries: Any) -> list[bytes]:
        if not isinstance(entries, list):
            raise SourceError("a chunk without a list of entries")
        found = []
        for number, entry in enumerate(entries, 1):
            hashed = base64_hash(entry, SHA256_BYTES)
            if hashed is None:
                self.ledger.refuse_entry(file, f"entry {number}", "not a SHA-256 in base64")
            else:
                found.append(hashed)
        return found

    def finish(self) -> set[bytes]:
        """The last version's entries. Raises `SourceError` when a part is missing or does not agree."""
        snapshots = sorted(step for step in self._steps if step.start < 0)
        if not snapshots:
            raise SourceError("there is no chunk of a snapshot, so nothing that a delta could change")
        if len(snapshots) > 1:
            versions = ", ".join(str(step.version) for step in snapshots)
            raise SourceError(f"snapshots of several versions are mixed: {versions}")
        taken: set[bytes] = set()
        step, chunks = snapshots[0], self._steps.pop(snapshots[0])
        while True:
            self._apply(taken, step, chunks)
            onward = [other for other in self._steps if other.start == step.version]
            if len(onward) != 1:
                break
            step, chunks = onward[0], self._steps.pop(onward[0])
        self._check_end(step.version)
        return taken

    def _apply(self, taken: set[bytes], step: _Step, chunks: dict[int, _Chunk]) -> None:
        first = next(iter(chunks.values()))
        if any(
            (one.last, one.list_id, one.total) != (first.last, first.list_id, first.total)
            for one in chunks.values()
        ):
            raise SourceError(f"the chunks of {step.words} are of different lists")
        missing = first.last - len(chunks)
        if missing:
            raise SourceError(f"{missing} of {first.last} chunks of {step.words} are missing")
        totals = self.ledger.totals
        for number in sorted(chunks):
            before = len(taken)
            taken.difference_update(chunks[number].deletions)
            totals.removed += before - len(taken)
            before = len(taken)
            taken.update(chunks[number].insertions)
            totals.duplicates += len(chunks[number].insertions) - (len(taken) - before)
        self._check_total(len(taken), step, first.total)

    def _check_total(self, entries: int, step: _Step, total: int | None) -> None:
        answer = self._answers.pop(step.version, None)
        for expected in (total, answer):
            if expected is not None and expected != entries:
                raise SourceError(
                    f"version {step.version} has {entries} entries here, and {expected} by its total"
                )
        if total is None and answer is None:
            self.ledger.note(f"no total says how many entries version {step.version} has")

    def _check_end(self, version: int) -> None:
        if self._steps:
            raise SourceError(f"{min(self._steps).words}: a delta that does not follow version {version}")
        newer = [other for other in self._answers if other > version]
        if newer:
            raise SourceError(f"version {max(newer)} is out, by the answer of /drl/check; here is {version}")


def _number(document: dict[str, Any], names: tuple[str, ...]) -> int | None:
    return next((value for name in names if (value := whole_number(document.get(name))) is not None), None)
