"""The CMS envelope of EU gateway batches (RFC 5652, 5): opened, and checked against pinned keys.

Gateways write BER with indefinite lengths and octet strings in pieces, signed attributes
apart, which are DER (5.4). Only what is needed is read; certificates inside prove
nothing and are stepped over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes

from doorcheck.operator.denysources.signers import Scheme, Signers
from doorcheck.operator.trust import der
from doorcheck.operator.trust.candidates import SourceError
from doorcheck.operator.trust.der import DerError, object_identifier

DEEPEST = 8
_PART = "signed message"
_CONSTRUCTED = 0x20
_EXPLICIT_0, _EXPLICIT_1 = 0xA0, 0xA1

DATA = "1.2.840.113549.1.7.1"
SIGNED_DATA = "1.2.840.113549.1.7.2"
SIGNED_DATA_OID = bytes.fromhex("06092a864886f70d010702")
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"

_SHA256, _SHA384, _SHA512 = hashes.SHA256(), hashes.SHA384(), hashes.SHA512()
_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "2.16.840.1.101.3.4.2.1": _SHA256,
    "2.16.840.1.101.3.4.2.2": _SHA384,
    "2.16.840.1.101.3.4.2.3": _SHA512,
}
# Signature algorithms; those with None take the digest that the signer names beside it.
_SCHEMES: dict[str, tuple[Scheme, hashes.HashAlgorithm | None]] = {
    "1.2.840.113549.1.1.1": (Scheme.PKCS1, None),
    "1.2.840.113549.1.1.11": (Scheme.PKCS1, _SHA256),
    "1.2.840.113549.1.1.12": (Scheme.PKCS1, _SHA384),
    "1.2.840.113549.1.1.13": (Scheme.PKCS1, _SHA512),
    "1.2.840.113549.1.1.10": (Scheme.PSS, None),
    "1.2.840.10045.2.1": (Scheme.ECDSA, None),
    "1.2.840.10045.4.3.2": (Scheme.ECDSA, _SHA256),
    "1.2.840.10045.4.3.3": (Scheme.ECDSA, _SHA384),
    "1.2.840.10045.4.3.4": (Scheme.ECDSA, _SHA512),
}


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its tag, its content, and all of it as it stands."""

    tag: int
    content: bytes = field(repr=False)
    whole: bytes = field(repr=False)


def payload(data: bytes, signers: Signers) -> bytes:
    """What a signed message holds. With signers, one of them must have signed it.

    Raises `SourceError` for another structure, a detached signature, or when none signed.
    """
    try:
        content_type, content, infos = _signed_data(data)
        if signers and not any(_is_signed(info, content_type, content, signers) for info in infos):
            raise SourceError("not signed by a pinned certificate, or damaged")
    except DerError as error:
        raise SourceError(f"a signed message (CMS) that can not be read: {error}") from None
    return content


def elements(data: bytes) -> Iterator[Element]:
    """The elements of a stretch of BER. Raises `DerError`."""
    at = 0
    while at < len(data):
        start, end, after = _extent(data, at, 0)
        yield Element(data[at], data[start:end], data[at:after])
        at = after


def _extent(data: bytes, at: int, depth: int) -> tuple[int, int, int]:
    """Start and end of an element's content, and where the next one is."""
    if data[at + 1 : at + 2] != b"\x80" or not data[at] & _CONSTRUCTED:
        _, start, end = der.header(data, at, _PART)
        return start, end, end
    if depth == DEEPEST:
        raise DerError(f"the {_PART} is nested too deeply")
    inner = at + 2
    while data[inner : inner + 2] != b"\0\0":
        if inner >= len(data):
            raise DerError(f"the {_PART} is cut short")
        inner = _extent(data, inner, depth + 1)[2]
    return at + 2, inner, inner + 2


def _take(parts: Iterator[Element], *tags: int) -> Element:
    part = next(parts, None)
    if part is None or part.tag not in tags:
        raise DerError(f"the {_PART} has another structure")
    return part


def _only(data: bytes, *tags: int) -> Element:
    parts = elements(data)
    part = _take(parts, *tags)
    if next(parts, None) is not None:
        raise DerError(f"bytes after the end of the {_PART}")
    return part


def _signed_data(data: bytes) -> tuple[str, bytes, list[Element]]:
    """Content type, content and signer infos."""
    outer = elements(_only(data, der.SEQUENCE).content)
    if _oid(_take(outer, der.OBJECT_IDENTIFIER)) != SIGNED_DATA:
        raise DerError(f"the {_PART} is none: its content type is another")
    parts = elements(_only(_take(outer, _EXPLICIT_0).content, der.SEQUENCE).content)
    _take(parts, der.INTEGER)
    _take(parts, der.SET)
    inner = elements(_take(parts, der.SEQUENCE).content)
    content_type = _oid(_take(inner, der.OBJECT_IDENTIFIER))
    explicit = next(inner, None)
    if explicit is None:
        raise DerError("it is a detached signature, without the list that it signs")
    content = _octets(_only(explicit.content, der.OCTET_STRING, der.OCTET_STRING | _CONSTRUCTED))
    part = _take(parts, _EXPLICIT_0, _EXPLICIT_1, der.SET)
    while part.tag != der.SET:  # certificates, revocation lists
        part = _take(parts, _EXPLICIT_1, der.SET)
    return content_type, content, list(elements(part.content))


def _oid(part: Element) -> str:
    return object_identifier(part.content, _PART)


def _octets(part: Element) -> bytes:
    if part.tag == der.OCTET_STRING:
        return part.content
    pieces = list(elements(part.content))
    if any(piece.tag != der.OCTET_STRING for piece in pieces):
        raise DerError(f"the {_PART} has another structure")
    return b"".join(piece.content for piece in pieces)


def _is_signed(info: Element, content_type: str, content: bytes, signers: Signers) -> bool:
    parts = elements(info.content)
    _take(parts, der.INTEGER)
    _take(parts, der.SEQUENCE, 0x80, _EXPLICIT_0)  # who: the pinned keys say that
    digest = _DIGESTS.get(_algorithm(_take(parts, der.SEQUENCE)))
    part = _take(parts, _EXPLICIT_0, der.SEQUENCE)
    signed = content
    if part.tag == _EXPLICIT_0:
        if digest is None or not _describe(part, digest, content_type, content):
            return False
        signed = bytes([der.SET]) + part.whole[1:]  # RFC 5652, 5.4
        part = _take(parts, der.SEQUENCE)
    scheme, own = _SCHEMES.get(_algorithm(part), (None, None))
    signature = _octets(_take(parts, der.OCTET_STRING))
    digest = own or digest
    return scheme is not None and digest is not None and signers.signed(signature, signed, scheme, digest)


def _algorithm(part: Element) -> str:
    return _oid(_take(elements(part.content), der.OBJECT_IDENTIFIER))


def _describe(attributes: Element, digest: hashes.HashAlgorithm, content_type: str, content: bytes) -> bool:
    """Whether the signed attributes are those of this content."""
    found: dict[str, list[bytes]] = {}
    for attribute in elements(attributes.content):
        parts = elements(attribute.content)
        name = _oid(_take(parts, der.OBJECT_IDENTIFIER))
        values = _take(parts, der.SET).content
        found.setdefault(name, []).extend(value.content for value in elements(values))
    types = [object_identifier(value, _PART) for value in found.get(_CONTENT_TYPE, [])]
    expected = hashlib.new(digest.name, content).digest()
    return types == [content_type] and found.get(_MESSAGE_DIGEST) == [expected]
