"""The German chunk files: CBOR, as a rule signed (COSE_Sign1), in a tree by key and first bytes.

    kid.lst                              {kid: {type: entries}}
    <kid><type>/index.lst                {byte 1: [time, entries, {byte 2: [time, entries]}]}
    <kid><type>/chunk.lst                [hash, …]
    <kid><type>/<byte 1>/chunk.lst       [hash, …], and the same for <byte 1>/<byte 2>
    chunk.lst                            {kid and type: [hash, …]}, everything in one

Type 0a is of signatures, 0b of identifiers, 0c of country and identifier; hashes have 16
bytes. What a file is, its content says; where it stands says which hashes it may hold.
Counts must agree wherever there are any.

Sources: CovPass, RevocationUtils.kt and CertificateRevocationHTTPDataSourceTests.swift;
cwa-server, SerializationUtils.jsonExtractCosePayload.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from doorcheck.core import cbor
from doorcheck.core.denylist import HASH_BYTES
from doorcheck.core.trust import Algorithm
from doorcheck.operator.denysources.bounds import whole_number
from doorcheck.operator.denysources.gathered import Kind
from doorcheck.operator.denysources.readers import Reader
from doorcheck.operator.denysources.signers import Scheme, Signers
from doorcheck.operator.trust.candidates import File, SourceError

KINDS = {0x0A: Kind.SIGNATURE, 0x0B: Kind.UCI, 0x0C: Kind.COUNTRY_UCI}
LONGEST_KID_BYTES = 32
TAG_SIGN1 = b"\xd2"
_ALG = 1
_GROUP = re.compile(r"(?:[0-9a-f]{2}){1,32}0[abc]")
_BYTE = re.compile(r"[0-9a-f]{2}")

Counts = dict[bytes, int]


class GermanReader(Reader):
    """Reads the files of one tree, or single ones."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._groups: dict[bytes, set[bytes]] = defaultdict(set)
        """Hashes by key identifier and type; those of which neither is known under b""."""
        self._expected: dict[bytes, Counts] = defaultdict(dict)
        """Numbers of entries that the index says, by group and first bytes of the hashes."""
        self._kid_list: Counts | None = None
        self._unchecked = 0

    def add_bytes(self, file: File, data: bytes) -> None:
        """Take a file of the tree."""
        item = self._item(data)
        group, prefix = _place(file)
        if isinstance(item, list):
            if group and not KINDS.get(group[-1]):
                raise self.other()
            self._add(file, group, prefix, item)
        elif not isinstance(item, dict) or not all(isinstance(key, bytes) for key in item):
            raise self.other()
        elif item and all(isinstance(value, dict) for value in item.values()):
            self._add_kid_list(item)
        elif len(group) > 0:
            self._add_index(group, item)
        else:
            self._add_everything(file, item)

    def _item(self, data: bytes) -> Any:
        """What a file holds, its signature checked if certificates are pinned."""
        try:
            item = cbor.decode(data.removeprefix(TAG_SIGN1))
            if not _is_signed(item):
                self.must_be_unsigned()
                self._unchecked += 1
                return item
            protected, _, payload, signature = item
            if not self.signers:
                self._unchecked += 1
            elif not _check(protected, payload, signature, self.signers):
                raise SourceError("not signed by a pinned certificate, or damaged")
            return cbor.decode(payload)
        except cbor.CborError:
            raise SourceError("damaged CBOR, or none") from None

    def _add(self, file: File, group: bytes, prefix: bytes, entries: list[Any]) -> None:
        if any(isinstance(one, bytes) and not one.startswith(prefix) for one in entries):
            raise SourceError("a chunk with a hash that belongs in another")
        found = []
        for number, entry in enumerate(entries, 1):
            if isinstance(entry, bytes) and len(entry) == HASH_BYTES:
                found.append(entry)
            else:
                self.ledger.refuse_entry(file, f"entry {number}", "not a hash of 16 bytes")
        self.ledger.count(KINDS[group[-1]] if group else Kind.UNSAID, len(found))
        self._groups[group] = self.ledger.merge(self._groups[group], set(found), len(found))

    def _add_everything(self, file: File, item: dict[bytes, Any]) -> None:
        for key, entries in item.items():
            if (
                not 1 < len(key) <= LONGEST_KID_BYTES + 1
                or key[-1] not in KINDS
                or not isinstance(entries, list)
            ):
                raise self.other()
        for key, entries in item.items():
            self._add(file, key, b"", entries)

    def _add_kid_list(self, item: dict[bytes, dict[Any, Any]]) -> None:
        counts: Counts = {}
        for kid, types in item.items():
            for kind, value in types.items():
                entries = whole_number(value)
                if not isinstance(kind, bytes) or len(kind) != 1 or kind[0] not in KINDS or entries is None:
                    raise SourceError("a list of keys with a type or a number that is none")
                counts[kid + kind] = entries
        if self._kid_list not in (None, counts):
            raise SourceError("a second list of keys, with other numbers")
        self._kid_list = counts

    def _add_index(self, group: bytes, item: dict[bytes, Any]) -> None:
        counts: Counts = {}
        for first, entry in item.items():
            counts[first], inner = _index_entry(first, entry, 3)
            for second, deeper in inner.items():
                counts[first + second], _ = _index_entry(second, deeper, 2)
        if self._expected.get(group) not in (None, counts):
            raise SourceError("a second index of the same key, with other numbers")
        self._expected[group] = counts

    def finish(self) -> set[bytes]:
        """The hashes of all groups whose counts agree; a group with others is dropped as a whole."""
        taken: set[bytes] = set()
        for group in sorted({*self._groups, *self._expected, *(self._kid_list or {})}):
            found = self._groups[group]
            if wrong := self._disagreement(group, found):
                self.ledger.refuse(f"{_words(group)}: {wrong}")
                self.ledger.totals.dropped += len(found)
            else:
                taken = self.ledger.merge(taken, found, len(found))
        if self._unchecked:
            text = "files whose signature is not checked, for no certificate is pinned"
            self.ledger.note(f"{text}: {self._unchecked}")
        if self._kid_list is None:
            self.ledger.note("no kid.lst: nothing says whether files are missing")
        return taken

    def _disagreement(self, group: bytes, found: set[bytes]) -> str:
        if not group:
            return ""  # a chunk outside its tree: nothing counts it
        if self._kid_list is not None and group not in self._kid_list:
            return "kid.lst does not name it"
        expected = self._kid_list[group] if self._kid_list is not None else len(found)
        if expected != len(found):
            return f"{expected} entries by kid.lst, {len(found)} in the chunks"
        if group in self._expected and not _agrees(self._expected[group], found):
            return "the numbers of entries in its index are not those of the chunks"
        return ""


def _is_signed(item: Any) -> bool:
    return (
        isinstance(item, list)
        and len(item) == 4
        and isinstance(item[1], dict)
        and all(isinstance(item[at], bytes) for at in (0, 2, 3))
    )


def _check(protected: bytes, payload: bytes, signature: bytes, signers: Signers) -> bool:
    """Whether a signer signed the message (RFC 9052, 4.4), with ES256 or PS256."""
    headers = cbor.decode(protected) if protected else {}
    algorithm = headers.get(_ALG) if isinstance(headers, dict) else None
    signed = cbor.encode(["Signature1", protected, b"", payload])
    if algorithm == Algorithm.PS256:
        return signers.signed(signature, signed, Scheme.PSS, hashes.SHA256())
    if algorithm != Algorithm.ES256 or len(signature) != 64:
        return False
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    return signers.signed(encode_dss_signature(r, s), signed, Scheme.ECDSA, hashes.SHA256())


def _place(file: File) -> tuple[bytes, bytes]:
    """Key identifier with type, and first bytes of the hashes, by where a file stands; empty if unsaid."""
    folders = [part.lower() for part in file.path.parts[:-1]]
    prefix = b""
    while len(prefix) < 2 and folders and _BYTE.fullmatch(folders[-1]):
        prefix = bytes.fromhex(folders.pop()) + prefix
    if folders and _GROUP.fullmatch(folders[-1]):
        return bytes.fromhex(folders[-1]), prefix
    return b"", b""


def _index_entry(key: Any, entry: Any, parts: int) -> tuple[int, dict[Any, Any]]:
    """An index entry's number and what is below it."""
    if not isinstance(key, bytes) or len(key) != 1 or not isinstance(entry, list) or len(entry) != parts:
        raise SourceError("an index with a malformed entry")
    entries, inner = whole_number(entry[1]), entry[2] if parts == 3 else {}
    if entries is None or not isinstance(inner, dict):
        raise SourceError("an index with a malformed entry")
    return entries, inner


def _agrees(expected: Counts, found: Iterable[bytes]) -> bool:
    """Whether an index counts these hashes, by their first byte and, where it does, by their second."""
    first: Counter[bytes] = Counter()
    second: Counter[bytes] = Counter()
    for hashed in found:
        first[hashed[:1]] += 1
        second[hashed[:2]] += 1
    by_second = {key[:1] for key in expected if len(key) == 2}
    counted = Counter({key: entries for key, entries in expected.items() if entries})
    return counted == first + Counter({key: n for key, n in second.items() if key[:1] in by_second})


def _words(group: bytes) -> str:
    return f"key {group[:-1].hex()}, type {group[-1:].hex()}" if group else "chunks outside the tree"
