r"""The compiled trust list: which key may sign which type of proof, and when.

The operator's side makes it out of certificates (`doorcheck trust build`); the device
never parses a certificate. A file is

    b"doorcheck trust list 1\n"        magic, with the format's number
    32 bytes                           SHA-256 of all that follows
    CBOR [issued, [row, ...]]          issued: seconds since 1970

and a row is [kid, algorithm, key, usage, not_before, not_after, country, name, test, scope].
Rows become `Signer`s, and keys become key objects, at their first use: loading the
world's whole list costs a fraction of a millisecond.
"""

from __future__ import annotations

import base64
import enum
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from doorcheck.core import cbor

MAGIC = b"doorcheck trust list "
VERSION = 1
LARGEST_BYTES = 16 * 1024 * 1024


class TrustListError(Exception):
    """A trust list can't be used; the text says why, for an operator."""


class Algorithm(enum.IntEnum):
    """COSE algorithm numbers that a pass may be signed with (RFC 9053)."""

    ES256 = -7
    PS256 = -37


class Usage(enum.IntFlag):
    """Types of proof that a signer may sign (hcert specification, annex A.4)."""

    TEST = 1
    VACCINATION = 2
    RECOVERY = 4
    ANY = 7


class Scope(enum.IntFlag):
    """Formats that a signer may sign: a prefix is unsigned and gives no rights, this does."""

    HC1 = 1
    LIGHT = 2
    """French light passes (HCFR1)."""
    EXEMPTION = 4
    """French exemptions (EX1)."""
    TWO_D_DOC = 8
    ALL = 15


@dataclass(frozen=True, slots=True)
class Signer:
    """A document signer's public key and what it may be used for.

    `key` is an uncompressed P-256 point (65 bytes, ES256), or modulus and exponent as a
    CBOR array of two byte strings (PS256). Times are seconds since 1970.
    `country` is two letters; `name` is the certificate's subject, for the operator.
    """

    kid: bytes
    algorithm: Algorithm
    key: bytes = field(repr=False)
    usage: Usage = Usage.ANY
    not_before: int = 0
    not_after: int = 0
    country: str = ""
    name: str = ""
    test: bool = False
    scope: Scope = Scope.HC1

    @property
    def label(self) -> str:
        """Country and kid, in base64 but for 2D-Doc: how lists, logs and verdicts name a signer."""
        if self.scope is Scope.TWO_D_DOC and self.kid.isalnum():
            return f"{self.country or '--'} {self.kid.decode('ascii')}"
        return _label(self.country, self.kid)


@lru_cache(maxsize=512)
def _label(country: str, kid: bytes) -> str:
    return f"{country or '--'} {base64.b64encode(kid).decode()}"


PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@lru_cache(maxsize=512)
def public_key(algorithm: Algorithm, key: bytes) -> PublicKey:
    """The key object of a signer's key bytes; made once and kept.

    Raises `ValueError` for bytes that are no such key.
    """
    if algorithm is Algorithm.ES256:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
    try:
        modulus, exponent = cbor.decode(key)
        numbers = rsa.RSAPublicNumbers(int.from_bytes(exponent, "big"), int.from_bytes(modulus, "big"))
    except (cbor.CborError, TypeError) as error:
        raise ValueError("not an RSA key") from error
    return numbers.public_key()


class TrustList:
    """Signers by kid, read-only. A kid may name several signers (collisions are allowed)."""

    __slots__ = ("_rows", "has_test_signer", "issued")

    def __init__(self, rows: Iterable[Signer | list[Any]], issued: int) -> None:
        self.issued = issued
        self._rows: dict[bytes, list[Signer | list[Any]]] = {}
        for row in rows:
            kid = row.kid if isinstance(row, Signer) else row[0]
            self._rows.setdefault(kid, []).append(row)
        self.has_test_signer = any(_is_test(row) for row in chain.from_iterable(self._rows.values()))

    def signers(self, kid: bytes) -> tuple[Signer, ...]:
        """Every signer with that kid, in the list's order; empty when there is none."""
        rows = self._rows.get(kid)
        if rows is None:
            return ()
        rows[:] = signers = [_signer(row) for row in rows]
        return tuple(signers)

    def __len__(self) -> int:
        return sum(len(rows) for rows in self._rows.values())

    def __iter__(self) -> Iterator[Signer]:
        for rows in self._rows.values():
            yield from (_signer(row) for row in rows)

    def __repr__(self) -> str:
        return f"TrustList({len(self)} signers)"

    def dump(self) -> bytes:
        """The list as a file's bytes; the same signers in the same order give the same bytes."""
        rows = [
            [
                s.kid,
                int(s.algorithm),
                s.key,
                int(s.usage),
                s.not_before,
                s.not_after,
                s.country,
                s.name,
                s.test,
                int(s.scope),
            ]
            for s in self
        ]
        body = cbor.encode([self.issued, rows])
        return MAGIC + b"%d\n" % VERSION + hashlib.sha256(body).digest() + body

    @classmethod
    def load(cls, data: bytes) -> TrustList:
        """Read a file's bytes. Raises `TrustListError` that says what is wrong."""
        head, newline, _ = data[:64].partition(b"\n")
        if not newline or not head.startswith(MAGIC):
            raise TrustListError("not a doorcheck trust list (make one with `doorcheck trust build`)")
        if head != MAGIC + b"%d" % VERSION:
            version = head[len(MAGIC) :].decode("ascii", "replace")
            raise TrustListError(f"format {version} is not known here; this doorcheck reads format {VERSION}")
        body = data[len(head) + 33 :]
        if len(data) > LARGEST_BYTES:
            raise TrustListError(f"larger than {LARGEST_BYTES} bytes")
        if hashlib.sha256(body).digest() != data[len(head) + 1 : len(head) + 33]:
            raise TrustListError("damaged: its checksum does not fit (copy or build it again)")
        try:
            issued, rows = cbor.decode(body)
            if not isinstance(issued, int) or not all(_is_row(row) for row in rows):
                raise TypeError
        except (cbor.CborError, TypeError, ValueError) as error:
            raise TrustListError("damaged: it does not hold signers") from error
        return cls(rows, issued)


_ROW = (bytes, int, bytes, int, int, int, str, str, bool, int)
_ALGORITHMS = frozenset(int(algorithm) for algorithm in Algorithm)


def _is_row(row: object) -> bool:
    if not isinstance(row, list) or len(row) != len(_ROW) or not all(map(isinstance, row, _ROW)):
        return False
    return row[1] in _ALGORITHMS and 0 <= row[3] <= Usage.ANY and 0 <= row[9] <= Scope.ALL


def _is_test(row: Signer | list[Any]) -> bool:
    return row.test if isinstance(row, Signer) else bool(row[8])


def _signer(row: Signer | list[Any]) -> Signer:
    if isinstance(row, Signer):
        return row
    kid, algorithm, key, usage, not_before, not_after, country, name, test, scope = row
    dates = (not_before, not_after)
    return Signer(kid, Algorithm(algorithm), key, Usage(usage), *dates, country, name, test, Scope(scope))
