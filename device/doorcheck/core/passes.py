"""A verified pass: what the deny list, the rules and the view at the door work on."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from doorcheck.core.cose import Unverified
from doorcheck.core.dcc import Certificate, Claims, Entry
from doorcheck.core.light import Exemption
from doorcheck.core.trust import Algorithm, Signer
from doorcheck.core.verdict import PassFormat

MARK_BYTES = 16
_NO_PUNCTUATION = {code: None for code in range(128) if not chr(code).isalnum()}


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass that a trusted signer signed. It never leaves `verify`."""

    format: PassFormat
    signer: Signer
    claims: Claims
    certificate: Certificate = field(repr=False)
    signature_id: bytes = field(repr=False)
    """The part of the signature that nobody can vary: R of ES256, all of PS256."""
    exemption: Exemption | None = field(default=None, repr=False)
    document: bytes = field(default=b"", repr=False)
    """The signed bytes of a 2D-Doc, which lists know it by: it has no identifier."""

    @property
    def entry(self) -> Entry:
        """The one entry; only after the rule `N-ONE` has seen that there is one."""
        return self.certificate.entries[0]

    @property
    def identifiers(self) -> Iterator[tuple[str, str]]:
        """Country and identifier of everything in it that has one."""
        for entry in (*self.certificate.entries, *((self.exemption,) if self.exemption else ())):
            if entry.ci:
                yield entry.co, entry.ci


def signature_id(message: Unverified) -> bytes:
    """What of a signature identifies it: (r, n - s) is as valid as (r, s), R is the same."""
    return message.signature[:32] if message.algorithm is Algorithm.ES256 else message.signature


def holder_mark(certificate: Certificate, key: bytes) -> bytes:
    """A keyed hash of the holder's names and birth date: equal for one person's passes.

    Names count as transliterated (fnt, gnt), else as written; case, accents and spaces
    do not. Without the key nobody can guess a person's mark.
    """
    name = certificate.nam
    parts = (name.fnt or name.fn or "", name.gnt or name.gn or "", certificate.dob[:10])
    plain = "\x1f".join(map(_bare, parts))
    return _mark(plain.encode("utf-8", "surrogatepass"), key)


def _bare(text: str) -> str:
    """Letters and digits alone, without case and accents."""
    if text.isascii():
        return text.lower().translate(_NO_PUNCTUATION)
    return "".join(c for c in unicodedata.normalize("NFKD", text).casefold() if c.isalnum())


def symbol_mark(data: bytes, key: bytes) -> bytes:
    """A keyed hash of an unverified symbol, to tell two of them apart."""
    return _mark(b"\x00" + data, key)


def _mark(data: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=MARK_BYTES, key=key).digest()
