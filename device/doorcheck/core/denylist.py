"""The deny list: which passes are refused although genuine, because they leaked.

A listed pass must be caught under every encoding that its finder can make of it. So an
entry is never a hash of its text: it is a hash of its identifier, of country and
identifier (with the issuer claim's country, as the German list has it, and with the
entry's, as the French one), or of the part of the signature that can't be varied.
Hashes are SHA-256, cut to 16 bytes (EU gateway, revocation batches).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator

from doorcheck.core.denytable import HASH_BYTES as HASH_BYTES
from doorcheck.core.denytable import NOT_KEYED, Buffer, DenyTable, hasher, key_id
from doorcheck.core.denytable import DenyListError as DenyListError
from doorcheck.core.passes import Pass
from doorcheck.core.verdict import Reason, RefusedError


class DenyList:
    """A set of 16-byte hashes: a few in memory, or millions in a file that is mapped."""

    __slots__ = ("_hashes", "_holds")

    _hashes: frozenset[bytes] | DenyTable
    _holds: Callable[[bytes], bool]

    def __init__(self, hashes: Iterable[bytes] = ()) -> None:
        self._hashes = frozenset(hashes)
        self._holds = self._hashes.__contains__

    def __contains__(self, digest: bytes) -> bool:
        return self._holds(digest)

    def __len__(self) -> int:
        return len(self._hashes)

    def __iter__(self) -> Iterator[bytes]:
        """Every hash in order; of a keyed list as the list has it, which is no digest."""
        return iter(self._hashes if isinstance(self._hashes, DenyTable) else sorted(self._hashes))

    def __repr__(self) -> str:
        return f"DenyList({len(self)} hashes)"

    @classmethod
    def load(cls, data: bytes) -> DenyList:
        """Read text: one hexadecimal SHA-256 a line, whole or its first 16 bytes.

        Empty lines and lines that start with # are skipped. Raises `DenyListError` for
        any other line.
        """
        return cls(_hash(number, line) for number, line in _lines(data))

    @classmethod
    def open(cls, buffer: Buffer, key: bytes = b"") -> DenyList:
        """Look up in a list's file, as bytes or mapped, without reading it (`core/denyfile.py`).

        Its head and length are checked; `verify` reads the rest. A key that the list does not
        use is no error. Raises `DenyListError`, also when the key is missing or another.
        """
        table = DenyTable(buffer)
        opened = cls()
        opened._hashes = table
        opened._holds = table.holds
        given = key_id(key)
        if table.key_id == NOT_KEYED:
            return opened
        if table.key_id != given:
            named = f"another, {given.hex()}" if key else "none"
            raise DenyListError(f"it is keyed with {table.key_id.hex()}, and the key given is {named}")
        opened._holds = _keyed(table, key)
        return opened

    def verify(self) -> None:
        """Read a mapped list whole and check all of it: checksum, order, index.

        Raises `DenyListError` that says what is wrong. A list in memory is always whole.
        """
        if isinstance(self._hashes, DenyTable):
            self._hashes.verify()


def _keyed(table: DenyTable, key: bytes) -> Callable[[bytes], bool]:
    hashed, holds = hasher(key), table.holds
    return lambda digest: holds(hashed(digest))


def _lines(data: bytes) -> Iterator[tuple[int, str]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad = data.count(b"\n", 0, error.start) + 1
        raise DenyListError(
            f"line {bad} is not text: a deny list has one hexadecimal SHA-256 a line"
        ) from None
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            yield number, line.strip()


def _hash(number: int, line: str) -> bytes:
    try:
        digest = bytes.fromhex(line)
    except ValueError:
        digest = b""
    if len(digest) not in (HASH_BYTES, 32) or len(line) != 2 * len(digest):
        raise DenyListError(f"line {number} is not a SHA-256 in hexadecimal: 64 digits, or its first 32")
    return digest[:HASH_BYTES]


def digest(data: bytes) -> bytes:
    """The hash that lists hold."""
    return hashlib.sha256(data).digest()[:HASH_BYTES]


def entries(listed: Pass) -> list[tuple[Reason, bytes]]:
    """Every entry that would catch this pass, with the reason it is then refused for.

    Identifiers count as they are and trimmed, countries as they are and in upper case:
    lists differ (CovPass hashes the issuer's country, TousAntiCovid the entry's, trimmed
    and in upper case; identifiers keep their case everywhere).
    """
    found = [(Reason.LISTED_SIGNATURE, digest(listed.signature_id))]
    if listed.document:
        found.append((Reason.LISTED_DOCUMENT, digest(listed.document)))
    for country, identifier in listed.identifiers:
        countries = {listed.claims.issuer, country, country.strip().upper()}
        for spelling in {identifier, identifier.strip()}:
            found.append((Reason.LISTED_IDENTIFIER, digest(_bytes(spelling))))
            named = (digest(_bytes(country + spelling)) for country in countries if country)
            found += [(Reason.LISTED_COUNTRY, hashed) for hashed in named]
    return found


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def check(shown: Pass, deny: DenyList) -> None:
    """Return if no entry catches the pass; otherwise refuse with the entry's reason."""
    if not len(deny):
        return
    for reason, hashed in entries(shown):
        if hashed in deny:
            raise RefusedError(reason)
