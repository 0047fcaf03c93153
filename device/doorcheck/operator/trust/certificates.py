"""What a door needs to know of a signer's certificate, read from its DER.

All certificates take the same path: `parse` walks the certificate's outside (RFC 5280,
4.1), `signer_key` has `cryptography` load the key. Signatures, chains and revocation of
certificates are no matter of this module: a signer is trusted because its certificate
stands in the list that the operator chose (hcert specification, certificate governance).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from doorcheck.core import cbor
from doorcheck.core.trust import Algorithm, PublicKey, Usage
from doorcheck.operator.text import printable
from doorcheck.operator.trust import der
from doorcheck.operator.trust.der import Cursor, DerError

LARGEST_BYTES = 64 * 1024
LONGEST_NAME = 80

RSA_SMALLEST_BITS = 2048
RSA_LARGEST_BITS = 8192
"""Larger keys make every check at the door slow; the largest known signer has 4096."""

EXTENDED_KEY_USAGE = "2.5.29.37"
BASIC_CONSTRAINTS = "2.5.29.19"
ALTERNATIVE_NAMES = "2.5.29.17"
COUNTRY, ORGANISATION, COMMON_NAME = "2.5.4.6", "2.5.4.10", "2.5.4.3"

# hcert specification, annex A.4; the second arc is a slip that whole countries deployed.
_USAGES = {
    f"{arc}.{number}": usage
    for arc in ("1.3.6.1.4.1.1847.2021.1", "1.3.6.1.4.1.0.1847.2021.1")
    for number, usage in ((1, Usage.TEST), (2, Usage.VACCINATION), (3, Usage.RECOVERY))
}

_OTHER_NAME = 0xA0

# Tags of character strings; TeletexString is read as Latin-1, as everyone does.
_ENCODINGS = {
    0x0C: "utf-8",
    0x12: "ascii",
    0x13: "ascii",
    0x14: "latin-1",
    0x16: "ascii",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}


class UnfitKeyError(Exception):
    """A key that no pass may be signed with, or that can't be loaded; the text says which."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate's fields. Times are seconds since 1970; `country` is "" when it names none."""

    kid: bytes
    """The first 8 bytes of the certificate's SHA-256 (hcert specification, "Key Identifier")."""
    key_info: bytes = field(repr=False)
    """SubjectPublicKeyInfo, in DER."""
    usage: Usage
    authority: bool
    """Whether basicConstraints says CA:TRUE."""
    not_before: int
    not_after: int
    country: str
    name: str
    subject: dict[str, str] = field(repr=False)
    """The subject's attributes by identifier; `name` is made of two of them."""
    issuer: dict[str, str] = field(repr=False)
    alternative_names: bytes | None = field(repr=False)
    """The extension, unopened: `other_names` opens it, for those who need it."""


def parse(data: bytes) -> Certificate:
    """Read one certificate in DER. Raises `DerError` for anything else."""
    if len(data) > LARGEST_BYTES:
        raise DerError(f"larger than {LARGEST_BYTES} bytes")
    file = Cursor(data, "certificate")
    outer = file.inside(der.SEQUENCE, "certificate")
    file.end()
    body = outer.inside(der.SEQUENCE, "certificate's body")
    outer.take(der.SEQUENCE)  # the signature's algorithm
    outer.take(der.BIT_STRING)
    outer.end()
    if body.next_is(0xA0):  # version, absent in version 1
        body.take()
    body.take(der.INTEGER)  # serial number
    body.take(der.SEQUENCE)  # the signature's algorithm, again
    issuer = _name(body.inside(der.SEQUENCE, "issuer's name"))
    not_before, not_after = _validity(body.inside(der.SEQUENCE, "validity"))
    subject = _name(body.inside(der.SEQUENCE, "subject's name"))
    key_info = body.whole(der.SEQUENCE)
    extensions = _extensions(body)
    return Certificate(
        kid=hashlib.sha256(data).digest()[:8],
        key_info=key_info,
        usage=_usage(extensions.get(EXTENDED_KEY_USAGE)),
        authority=_is_authority(extensions.get(BASIC_CONSTRAINTS)),
        not_before=not_before,
        not_after=not_after,
        country=_country(subject) or _country(issuer),
        name=_short_name(subject),
        subject=subject,
        issuer=issuer,
        alternative_names=extensions.get(ALTERNATIVE_NAMES),
    )


def other_names(certificate: Certificate) -> frozenset[str]:
    """The identifiers of the subject's alternative names of kind otherName (RFC 5280, 4.2.1.6).

    Raises `DerError`. Nothing else is read of them: the identifier says what a name is.
    """
    if certificate.alternative_names is None:
        return frozenset()
    whole = Cursor(certificate.alternative_names, "alternative names")
    names = whole.inside(der.SEQUENCE, whole.part)
    whole.end()
    found = set()
    while names:
        tag, content = names.take()
        if tag == _OTHER_NAME:
            identifier = Cursor(content, names.part).content(der.OBJECT_IDENTIFIER)
            found.add(der.object_identifier(identifier, names.part))
    return frozenset(found)


def load_key(key_info: bytes) -> object:
    """The key object of a SubjectPublicKeyInfo. Raises `UnfitKeyError` for what isn't a known one."""
    try:
        return load_der_public_key(key_info)
    except (ValueError, UnsupportedAlgorithm):
        raise UnfitKeyError("a key of an unknown kind, or malformed") from None


def signer_key(key_info: bytes) -> tuple[Algorithm, bytes, PublicKey]:
    """The algorithm that passes are signed with under this key, the key as `Signer` holds it, and its object.

    P-256 signs ES256; RSA from 2048 bits signs PS256 (hcert specification, "Signature Algorithm"). Raises
    `UnfitKeyError` for every other key.
    """
    key = load_key(key_info)
    if isinstance(key, ec.EllipticCurvePublicKey):
        if not isinstance(key.curve, ec.SECP256R1):
            raise UnfitKeyError(f"an elliptic-curve key on {key.curve.name}; passes use P-256")
        return Algorithm.ES256, key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint), key
    if isinstance(key, rsa.RSAPublicKey):
        return Algorithm.PS256, _rsa_bytes(key), key
    raise UnfitKeyError(f"a key of another kind ({type(key).__name__.removesuffix('PublicKey')})")


def _rsa_bytes(key: rsa.RSAPublicKey) -> bytes:
    if not RSA_SMALLEST_BITS <= key.key_size <= RSA_LARGEST_BITS:
        raise UnfitKeyError(
            f"an RSA key of {key.key_size} bits; passes use {RSA_SMALLEST_BITS} to {RSA_LARGEST_BITS}"
        )
    numbers = key.public_numbers()
    return cbor.encode(
        [number.to_bytes((number.bit_length() + 7) // 8, "big") for number in (numbers.n, numbers.e)]
    )


def _name(names: Cursor) -> dict[str, str]:
    """The first value of each attribute of a distinguished name."""
    values: dict[str, str] = {}
    for together in names.each(der.SET):
        for pair in Cursor(together, names.part).each(der.SEQUENCE):
            attribute = Cursor(pair, names.part)
            identifier = der.object_identifier(attribute.content(der.OBJECT_IDENTIFIER), names.part)
            tag, text = attribute.take()
            attribute.end()
            if tag in _ENCODINGS:
                values.setdefault(identifier, text.decode(_ENCODINGS[tag], "replace"))
    return values


def _country(name: dict[str, str]) -> str:
    country = name.get(COUNTRY, "").strip().upper()
    return country if re.fullmatch("[A-Z]{2}", country) else ""


def _short_name(name: dict[str, str]) -> str:
    parts = [name[identifier] for identifier in (COMMON_NAME, ORGANISATION) if name.get(identifier)]
    return printable(" / ".join(parts), LONGEST_NAME)


def _validity(times: Cursor) -> tuple[int, int]:
    first, last = _time(*times.take(der.UTC_TIME, der.GENERALIZED_TIME)), _time(*times.take())
    times.end()
    return first, last


def _time(tag: int, content: bytes) -> int:
    """Seconds since 1970 of a time in the two forms of RFC 5280, 4.1.2.5."""
    digits = {der.UTC_TIME: 12, der.GENERALIZED_TIME: 14}.get(tag, 0)
    if not digits or not re.fullmatch(rb"[0-9]{%d}Z" % digits, content):
        raise DerError("the validity has a time that is not YYMMDDhhmmssZ or YYYYMMDDhhmmssZ")
    text = content[:-1].decode("ascii")
    if tag == der.UTC_TIME:
        text = ("20" if text < "50" else "19") + text
    parts = [int(text[:4]), *(int(text[at : at + 2]) for at in range(4, 14, 2))]
    try:
        return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[misc, arg-type]  # six numbers
    except ValueError:
        raise DerError("the validity has a time that no calendar knows") from None


def _extensions(body: Cursor) -> dict[str, bytes]:
    """Extensions by identifier, unopened. One that comes twice is an error (RFC 5280, 4.2)."""
    while body and not body.next_is(0xA3):  # unique identifiers of version 2
        body.take(0x81, 0x82, 0xA1, 0xA2)
    if not body:
        return {}
    wrapper = body.inside(0xA3, "extensions")
    body.end()
    entries = wrapper.inside(der.SEQUENCE, "extensions")
    wrapper.end()
    found: dict[str, bytes] = {}
    for content in entries.each(der.SEQUENCE):
        entry = Cursor(content, "extensions")
        identifier = der.object_identifier(entry.content(der.OBJECT_IDENTIFIER), entry.part)
        if entry.next_is(der.BOOLEAN):  # critical
            entry.take()
        if identifier in found:
            raise DerError(f"extension {identifier} comes twice")
        found[identifier] = entry.content(der.OCTET_STRING)
        entry.end()
    return found


def _usage(extension: bytes | None) -> Usage:
    """Exactly the types of proof that are named; all of them when none is.

    An extension that is absent, is empty, or names only foreign usages restricts nothing:
    else every Spanish and some Belgian signers of the production list could sign nothing.
    """
    if extension is None:
        return Usage.ANY
    whole = Cursor(extension, "extended key usage")
    entries = whole.inside(der.SEQUENCE, whole.part)
    whole.end()
    usage = Usage(0)
    for content in entries.each(der.OBJECT_IDENTIFIER):
        usage |= _USAGES.get(der.object_identifier(content, entries.part), Usage(0))
    return usage or Usage.ANY


def _is_authority(extension: bytes | None) -> bool:
    if extension is None:
        return False
    whole = Cursor(extension, "basic constraints")
    entries = whole.inside(der.SEQUENCE, whole.part)
    whole.end()
    # An encoded FALSE, which DER would leave out, stands in ten Finnish certificates.
    return entries.next_is(der.BOOLEAN) and der.boolean(entries.content(der.BOOLEAN), entries.part)
