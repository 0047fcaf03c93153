"""COSE_Sign1 (RFC 9052) as passes use it: the frame, the headers, the signature.

Nothing here looks into the payload: it stays bytes until a trusted key has signed it.
The frame is read by hand and the signature checked by `cryptography` over the received
bytes: pycose refuses untagged messages and verifies ES256 in pure Python, 34 times
slower (`device/DECISIONS.md`); it is the oracle of the tests and the lab's issuer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from doorcheck.core import cbor
from doorcheck.core.trust import Algorithm, Signer, public_key
from doorcheck.core.verdict import Reason, RefusedError

ALG = 1
CRIT = 2
KID = 4
LONGEST_KID_BYTES = 32

_TAG_SIGN1 = b"\xd2"
_TAG_CWT = b"\xd8\x3d"
_SHA256 = hashes.SHA256()
_ECDSA = ec.ECDSA(_SHA256)
_PSS = padding.PSS(mgf=padding.MGF1(_SHA256), salt_length=32)


@dataclass(frozen=True, slots=True)
class Unverified:
    """A COSE_Sign1 frame whose payload nobody may look into yet.

    `protected` and `payload` are the byte strings as received: they are what was signed.
    """

    protected: bytes = field(repr=False)
    payload: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    algorithm: Algorithm
    kid: bytes


def frame(message: bytes) -> Unverified:
    """Read the frame of a message: untagged, tag 18, or 61(18) (RFC 8392).

    Refused: `D-COS` for another structure, `S-ALG` for an algorithm other than ES256 and
    PS256, `S-KID` when no usable key identifier is there. A protected header wins over
    an unprotected one of the same label.
    """
    bare = message.removeprefix(_TAG_CWT) if message.startswith(_TAG_CWT + _TAG_SIGN1) else message
    try:
        item = cbor.decode(bare.removeprefix(_TAG_SIGN1))
        protected, unprotected, payload, signature = item
        headers = cbor.decode(protected) if protected else {}
    except (cbor.CborError, ValueError, TypeError):
        raise RefusedError(Reason.COSE) from None
    kinds = (
        (item, list),
        (protected, bytes),
        (unprotected, dict),
        (payload, bytes),
        (signature, bytes),
        (headers, dict),
    )
    # A critical header (RFC 9052, 3.1) says: refuse unless you understand me.
    if not all(isinstance(part, kind) for part, kind in kinds) or CRIT in headers:
        raise RefusedError(Reason.COSE)
    return Unverified(
        protected=protected,
        payload=payload,
        signature=signature,
        algorithm=_algorithm(headers.get(ALG, unprotected.get(ALG))),
        kid=_kid(headers.get(KID, unprotected.get(KID))),
    )


def _algorithm(value: Any) -> Algorithm:
    if type(value) is not int or value not in (Algorithm.ES256, Algorithm.PS256):
        raise RefusedError(Reason.ALGORITHM)
    return Algorithm(value)


def _kid(value: Any) -> bytes:
    if not isinstance(value, bytes) or not 1 <= len(value) <= LONGEST_KID_BYTES:
        raise RefusedError(Reason.NO_SIGNER)
    return value


def _byte_string(data: bytes) -> bytes:
    size = len(data)
    if size < 24:
        return bytes((0x40 | size,)) + data
    if size < 256:
        return bytes((0x58, size)) + data
    return b"\x59" + size.to_bytes(2, "big") + data  # the message is below 64 KiB


def to_be_signed(message: Unverified) -> bytes:
    """The Sig_structure (RFC 9052, 4.4) over the bytes as received."""
    return b"\x84\x6aSignature1" + _byte_string(message.protected) + b"\x40" + _byte_string(message.payload)


def check(message: Unverified, signer: Signer) -> None:
    """Return if `signer` signed the message; otherwise refuse.

    The key decides the algorithm: a header that names another one is refused with
    `S-ALG`. `S-SIG`: the signature is not this key's. A high s is as good as a low one
    (ECDSA is malleable; real passes have both).
    """
    if message.algorithm is not signer.algorithm:
        raise RefusedError(Reason.ALGORITHM)
    key = public_key(signer.algorithm, signer.key)
    signature = message.signature
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, to_be_signed(message), _PSS, _SHA256)
        else:
            if len(signature) != 64:
                raise RefusedError(Reason.SIGNATURE)
            der = encode_dss_signature(
                int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            )
            key.verify(der, to_be_signed(message), _ECDSA)
    except InvalidSignature:
        raise RefusedError(Reason.SIGNATURE) from None
