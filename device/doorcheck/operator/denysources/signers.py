"""The certificates that an operator pins: who may sign the lists that are imported."""

from __future__ import annotations

import base64
import enum
import re
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from doorcheck.operator.trust.candidates import SourceError
from doorcheck.operator.trust.certificates import UnfitKeyError, load_key, parse
from doorcheck.operator.trust.der import DerError

_PEM = re.compile(rb"-----BEGIN [A-Z0-9 ]+-----(.*?)-----END ", re.DOTALL)


class Scheme(enum.Enum):
    """How a signature is made."""

    PKCS1 = "RSASSA-PKCS1-v1_5"
    PSS = "RSASSA-PSS"
    ECDSA = "ECDSA"


class Signers:
    """Public keys, from certificates or bare (SubjectPublicKeyInfo), each in DER or PEM.

    Dates, names and chains don't count: the operator chose these very keys. Raises
    `SourceError` for what is no certificate and no key of RSA or on an elliptic curve.
    """

    def __init__(self, certificates: Sequence[bytes] = ()) -> None:
        self._keys = [_key(number, data) for number, data in enumerate(certificates, 1)]

    def __bool__(self) -> bool:
        return bool(self._keys)

    def signed(self, signature: bytes, data: bytes, scheme: Scheme, digest: hashes.HashAlgorithm) -> bool:
        """Whether one of them signed these bytes. ECDSA signatures are in DER."""
        return any(_signed(key, signature, data, scheme, digest) for key in self._keys)


def _key(number: int, data: bytes) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    try:
        if block := _PEM.search(data):
            data = base64.b64decode(block[1])
        key = load_key(_key_info(data))
    except (UnfitKeyError, ValueError):
        raise SourceError(
            f"pinned certificate {number} can not be read: neither certificate nor key"
        ) from None
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise SourceError(f"pinned certificate {number} has a key that signs no deny list")
    return key


def _key_info(data: bytes) -> bytes:
    try:
        return parse(data).key_info
    except DerError:
        return data  # a bare key, or nothing


def _signed(
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    signature: bytes,
    data: bytes,
    scheme: Scheme,
    digest: hashes.HashAlgorithm,
) -> bool:
    if isinstance(key, ec.EllipticCurvePublicKey) is not (scheme is Scheme.ECDSA):
        return False
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(digest))
        elif scheme is Scheme.PSS:
            key.verify(signature, data, padding.PSS(padding.MGF1(digest), padding.PSS.AUTO), digest)
        else:
            key.verify(signature, data, padding.PKCS1v15(), digest)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True
