"""2D-Doc, the French signed document codes: the frame and the signature.

A code is a header, a message, US (0x1F), the signature in base32, and perhaps GS (0x1D)
and an unsigned annex. Header and message are signed as they stand (ANTS, "Spécifications
techniques des codes à barres 2D-Doc", v3.1.3, section 3). Two documents are entry passes:
tests (B2) and vaccinations (L1).

Nothing here looks into the message, which `attestation` reads once a trusted key has
signed it.
"""

from __future__ import annotations

import base64
import enum
import re
from dataclasses import dataclass, field
from datetime import date, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from doorcheck.core import paris
from doorcheck.core.trust import Signer, Usage, public_key
from doorcheck.core.verdict import Reason, RefusedError

GS, RS, US = "\x1d", "\x1e", "\x1f"
"""Ends of a field, of a field that was cut to fit, and of the message."""
SIGNATURE_CHARACTERS = 103
"""64 bytes (r, s of P-256) in base32 without its padding."""

_HEADER = re.compile(rb"DC(0[1-4])([A-Z0-9]{8})([0-9A-F]{4})([0-9A-F]{4})([A-Z0-9]{2})")
# What follows the document type: nothing, the perimeter, or perimeter and country.
_REST = {
    b"01": re.compile(rb""),
    b"02": re.compile(rb""),
    b"03": re.compile(rb"[A-Z0-9]{2}"),
    b"04": re.compile(rb"[A-Z0-9]{2}[A-Z]{2}"),
}
_HEALTH = (b"", b"01", b"01FR")
"""Perimeter and country of health documents; another perimeter has document types of its own."""
_MESSAGE = re.compile(rb"[ -~\x1d\x1e]*")
_NO_DATE = 0xFFFF
_EPOCH = date(2000, 1, 1)
_ECDSA = ec.ECDSA(hashes.SHA256())


class DocumentType(enum.Enum):
    """The two documents that are entry passes, by their type in the header."""

    TEST = "B2"
    VACCINATION = "L1"


_TYPES = {one.value.encode(): one for one in DocumentType}


@dataclass(frozen=True, slots=True)
class Document:
    """A framed 2D-Doc whose message nobody may look into yet.

    `kid` is the authority and the certificate's name in it: b"FR03AV01". `signed` is
    everything before US, exactly as received: it is what was signed, and what the French
    deny list hashes.
    """

    kid: bytes
    type: DocumentType = field(repr=False)
    issued_on: date | None = field(repr=False)
    signed_on: date | None = field(repr=False)
    header_bytes: int
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def frame(data: bytes) -> Document:
    """Read the frame of a code, strictly: one document has one text, its annex aside.

    Refused: `F-2DD` for a well-formed header of another document than a test or a
    vaccination, `D-2DF` for anything else that is malformed.
    """
    header = _HEADER.match(data)
    rest = header and _REST[header[1]].match(data, header.end())
    if not header or not rest:
        raise RefusedError(Reason.TWO_D_DOC_FRAME)
    _, kid, issued, signed_on, code = header.groups()
    if code not in _TYPES or rest[0] not in _HEALTH:
        raise RefusedError(Reason.TWO_D_DOC)
    signed, separator, tail = data.partition(US.encode())
    if not separator or not _MESSAGE.fullmatch(signed, rest.end()):
        raise RefusedError(Reason.TWO_D_DOC_FRAME)
    return Document(
        kid=kid,
        type=_TYPES[code],
        issued_on=day_of(issued),
        signed_on=day_of(signed_on),
        header_bytes=rest.end(),
        signed=signed,
        signature=_signature(tail.partition(GS.encode())[0]),
    )


def day_of(digits: bytes) -> date | None:
    """A day in four hexadecimal digits, counted from 2000-01-01; None for FFFF, "none"."""
    days = int(digits, 16)
    return None if days == _NO_DATE else _EPOCH + timedelta(days=days)


def _signature(text: bytes) -> bytes:
    """Base32 (RFC 4648) in one spelling alone: upper case, no padding, no spare bits set."""
    if len(text) != SIGNATURE_CHARACTERS:
        raise RefusedError(Reason.TWO_D_DOC_FRAME)
    try:
        signature = base64.b32decode(text + b"=")
    except ValueError:
        raise RefusedError(Reason.TWO_D_DOC_FRAME) from None
    if base64.b32encode(signature) != text + b"=":
        raise RefusedError(Reason.TWO_D_DOC_FRAME)
    return signature


def usage(document: Document) -> Usage:
    """The type of proof that its signer must be allowed to sign."""
    match document.type:
        case DocumentType.TEST:
            return Usage.TEST
        case DocumentType.VACCINATION:
            return Usage.VACCINATION


def check(document: Document, signer: Signer) -> None:
    """Return if `signer` signed the document; otherwise refuse.

    `S-SIG`: the signature is not this key's. `S-ALG`: its key is not for ES256.
    """
    key = public_key(signer.algorithm, signer.key)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise RefusedError(Reason.ALGORITHM)
    r, s = (int.from_bytes(half, "big") for half in (document.signature[:32], document.signature[32:]))
    try:
        key.verify(encode_dss_signature(r, s), document.signed, _ECDSA)
    except InvalidSignature:
        raise RefusedError(Reason.SIGNATURE) from None


def check_signer_period(document: Document, signer: Signer) -> None:
    """Return if the signer's certificate was valid on some second of the day of signing.

    The documents have no end of their own, and their signers' certificates ended in 2024:
    the day that counts is the signature's. Refused: `S-EXP`, `S-NYV`, and `D-2DV` for a
    document that does not say when it was signed.
    """
    if document.signed_on is None:
        raise RefusedError(Reason.TWO_D_DOC_FIELDS)
    if paris.first_second(document.signed_on) > signer.not_after:
        raise RefusedError(Reason.SIGNER_EXPIRED)
    if paris.first_second(document.signed_on + timedelta(days=1)) <= signer.not_before:
        raise RefusedError(Reason.SIGNER_EARLY)
