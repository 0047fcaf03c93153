"""Batches of the EU gateway, as its download endpoints give them.

A batch is JSON, plain or in a CMS envelope (DER, BER or base64): country, expires, kid,
hashType and up to 1000 hashes of 16 bytes. A list of batches beside them says which were
deleted since; a batch has its identifier in its file's name alone.

Source: dgc-gateway, RevocationBatchDto and RevocationBatchListDto.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Any

from doorcheck.core import datetimes
from doorcheck.core.denylist import HASH_BYTES
from doorcheck.operator.denysources import cms
from doorcheck.operator.denysources.bounds import MIB, base64_hash, json_document
from doorcheck.operator.denysources.gathered import Kind
from doorcheck.operator.denysources.readers import Reader
from doorcheck.operator.trust.candidates import File, SourceError

MOST_ENTRIES = 1000
LARGEST_SIGNED_BYTES = MIB
KINDS = {kind.value: kind for kind in (Kind.SIGNATURE, Kind.UCI, Kind.COUNTRY_UCI)}

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_COUNTRY = re.compile(r"[A-Za-z]{2}")
_ARMOUR = re.compile(rb"-----(?:BEGIN|END) [A-Z0-9 ]+-----")


def is_batch(document: Any) -> bool:
    """Whether JSON looks like a batch."""
    return isinstance(document, dict) and "hashType" in document and "entries" in document


def is_batch_list(document: Any) -> bool:
    """Whether JSON looks like a list of batches."""
    return isinstance(document, dict) and "batches" in document and "more" in document


@dataclass(slots=True)
class _Batch:
    identifier: str
    expired: bool
    entries: int
    hashes: set[bytes] = field(repr=False)


class EuReader(Reader):
    """Reads batches and lists of batches."""

    _batches: list[_Batch]
    _events: dict[str, bool]
    """By batch identifier, whether a list calls it deleted."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._batches, self._events = [], {}
        self._lists = self._unchecked = 0
        self._ends = False

    def add_json(self, file: File, document: Any) -> None:
        """Take a list of batches, or a plain batch."""
        if is_batch_list(document):
            self._add_list(document)
            return
        self.must_be_unsigned()
        self._unchecked += 1
        self._add_batch(file, document)

    def add_bytes(self, file: File, data: bytes) -> None:
        """Take a batch in its envelope."""
        if len(data) > LARGEST_SIGNED_BYTES:
            raise SourceError(f"a signed message larger than {LARGEST_SIGNED_BYTES // MIB} MiB; no batch is")
        content = cms.payload(_binary(data), self.signers)
        self._add_batch(file, json_document(content))
        self._unchecked += not self.signers

    def _add_list(self, document: dict[str, Any]) -> None:
        """Note what a page of the list says. Deletion is final: identifiers are never used again."""
        batches, more = document["batches"], document["more"]
        if not isinstance(batches, list) or not isinstance(more, bool):
            raise self.other()
        events = [_event(entry) for entry in batches]
        for identifier, deleted in events:
            self._events[identifier] = self._events.get(identifier, False) or deleted
        self._lists += 1
        self._ends = self._ends or not more

    def _add_batch(self, file: File, document: Any) -> None:
        if not is_batch(document):
            raise self.other()
        kind, entries = KINDS.get(str(document["hashType"])), document["entries"]
        if kind is None:
            raise SourceError(f"a hashType other than {', '.join(KINDS)}")
        if not isinstance(entries, list) or len(entries) > MOST_ENTRIES:
            raise SourceError(f"a batch of more than {MOST_ENTRIES} entries, or without a list of them")
        if not _COUNTRY.fullmatch(str(document.get("country"))):
            raise SourceError("a batch without a country of two letters")
        expired = self._is_expired(document.get("expires"))
        hashes = self._hashes(file, entries)
        self.ledger.count(kind, len(hashes))
        self._batches.append(_Batch(_identifier(file, document), expired, len(hashes), set(hashes)))

    def _is_expired(self, expires: Any) -> bool:
        moment = datetimes.parse(expires) if isinstance(expires, str) and "T" in expires else None
        if moment is None:
            raise SourceError("a batch whose expiry is no date-time")
        return moment < self.at_ms

    def _hashes(self, file: File, entries: list[Any]) -> list[bytes]:
        found = []
        for number, entry in enumerate(entries, 1):
            hashed = base64_hash(entry.get("hash") if isinstance(entry, dict) else None, HASH_BYTES)
            if hashed is None:
                self.ledger.refuse_entry(file, f"entry {number}", "not a hash of 16 bytes in base64")
            else:
                found.append(hashed)
        return found

    def finish(self) -> set[bytes]:
        """All batches but the expired and the deleted. Lists of batches must be whole."""
        self._check_lists()
        totals = self.ledger.totals
        taken: set[bytes] = set()
        deleted = expired = 0
        for batch in self._batches:
            if self._events.get(batch.identifier, False):
                deleted += 1
                totals.removed += batch.entries
            elif batch.expired:
                expired += 1
                totals.expired += batch.entries
            else:
                taken = self.ledger.merge(taken, batch.hashes, batch.entries)
        self._note(deleted, expired)
        return taken

    def _check_lists(self) -> None:
        if self._lists and not self._ends:
            self.ledger.refuse("the list of batches goes on (more: true), and its next page is not here")
        here = {batch.identifier for batch in self._batches}
        missing = sum(not deleted and name not in here for name, deleted in self._events.items())
        if missing:
            self.ledger.refuse(
                f"batches of the list that are not here: {missing}; a batch's file is named by its identifier"
            )

    def _note(self, deleted: int, expired: int) -> None:
        note = self.ledger.note
        if self._unchecked:
            note(f"batches whose signature is not checked, for no certificate is pinned: {self._unchecked}")
        if self._lists and self.signers:
            note("lists of batches are not signed; what they call deleted is left out on their word")
        if deleted:
            note(f"batches left out that the gateway has deleted: {deleted}")
        if expired:
            note(f"expired batches left out: {expired}")
        if self._batches and not self._lists:
            note("no list of batches beside them: deleted batches can't be told from others")


def _binary(data: bytes) -> bytes:
    """DER or BER, out of base64 if it is in it."""
    if data.startswith(b"\x30"):
        return data
    try:
        return base64.b64decode(b"".join(_ARMOUR.sub(b"", data).split()), validate=True)
    except ValueError:
        raise SourceError("a signed message (CMS) in damaged base64") from None


def _event(entry: Any) -> tuple[str, bool]:
    """Which batch an entry of a list speaks of, and whether it is deleted."""
    identifier = entry.get("batchId") if isinstance(entry, dict) else None
    deleted = entry.get("deleted") if isinstance(entry, dict) else None
    if not isinstance(identifier, str) or not isinstance(deleted, bool):
        raise SourceError("a list of batches with a malformed entry")
    return identifier.lower(), deleted


def _identifier(file: File, document: dict[str, Any]) -> str:
    own = document.get("batchId")
    name = own.lower() if isinstance(own, str) else file.path.name.lower()
    found = _UUID.search(name)
    return found[0] if found else file.path.name.lower().split(".")[0]
