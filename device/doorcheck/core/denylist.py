"""The deny list: which passes are refused although genuine, because they leaked.

A listed pass must be caught under every encoding that its finder can make of it. So an
entry is never a hash of its text: it is a hash of its identifier, of country and
identifier (with the issuer claim's country, as the German list has it, and with the
entry's, as the French one), or of the part of the signature that can't be varied.
Hashes are SHA-256, cut to 16 bytes (EU gateway, revocation batches).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from doorcheck.core.passes import Pass
from doorcheck.core.verdict import Reason, RefusedError

HASH_BYTES = 16


class DenyListError(Exception):
    """A deny list can't be used: nothing of it is, for a list that is half read admits.

    The text says which line and why.
    """


class DenyList:
    """A set of 16-byte hashes."""

    __slots__ = ("_hashes",)

    def __init__(self, hashes: Iterable[bytes] = ()) -> None:
        self._hashes = frozenset(hashes)

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._hashes

    def __len__(self) -> int:
        return len(self._hashes)

    def __repr__(self) -> str:
        return f"DenyList({len(self)} hashes)"

    @classmethod
    def load(cls, data: bytes) -> DenyList:
        """Read text: one hexadecimal SHA-256 a line, whole or its first 16 bytes.

        Empty lines and lines that start with # are skipped. Raises `DenyListError` for
        any other line.
        """
        return cls(_hash(number, line) for number, line in _lines(data))


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
