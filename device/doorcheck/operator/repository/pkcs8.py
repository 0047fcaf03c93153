"""Private keys in PEM files under a passphrase that is expensive to guess (PKCS #8, PBES2).

The ready-made encryption of key files stretches a passphrase with 2048 rounds of PBKDF2,
which a graphics card guesses by the million a second. A root key on a lost stick must stand
more than that: scrypt with 16 MiB and five passes (RFC 7914, and the least that OWASP's
password storage sheet asks for), a quarter of a second for each guess on a laptop.
`openssl pkey -in FILE` reads such a file too.
"""

from __future__ import annotations

import base64
import secrets
import textwrap

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from doorcheck.operator.trust.der import INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE

SCRYPT_N = 2**14
"""More would need more than 32 MiB, which openssl refuses."""
SCRYPT_R = 8
SCRYPT_P = 5

_PBES2 = bytes.fromhex("2a864886f70d01050d")  # 1.2.840.113549.1.5.13
_SCRYPT = bytes.fromhex("2b06010401da47040b")  # 1.3.6.1.4.1.11591.4.11
_AES_256_CBC = bytes.fromhex("60864801650304012a")  # 2.16.840.1.101.3.4.1.42


def encrypted_pem(key: PrivateKeyTypes, passphrase: bytes, *, scrypt_n: int = SCRYPT_N) -> bytes:
    """The key as an encrypted PEM file's bytes, with a fresh salt each time.

    `scrypt_n` is scrypt's cost, a power of two; only tests lower it. Raises `ValueError`
    for an empty passphrase.
    """
    if not passphrase:
        raise ValueError("an empty passphrase protects nothing")
    salt, start = secrets.token_bytes(16), secrets.token_bytes(16)
    secret = Scrypt(salt, 32, scrypt_n, SCRYPT_R, SCRYPT_P).derive(passphrase)
    padder = padding.PKCS7(128).padder()
    plain = padder.update(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    encryptor = Cipher(algorithms.AES(secret), modes.CBC(start)).encryptor()
    sealed = encryptor.update(plain + padder.finalize()) + encryptor.finalize()
    cost = _element(OCTET_STRING, salt) + b"".join(map(_integer, (scrypt_n, SCRYPT_R, SCRYPT_P)))
    stretching = _algorithm(_SCRYPT, _element(SEQUENCE, cost))
    cipher = _algorithm(_AES_256_CBC, _element(OCTET_STRING, start))
    scheme = _algorithm(_PBES2, _element(SEQUENCE, stretching + cipher))
    return _pem(_element(SEQUENCE, scheme + _element(OCTET_STRING, sealed)))


def _pem(data: bytes) -> bytes:
    label = "ENCRYPTED PRIVATE KEY"
    lines = textwrap.wrap(base64.b64encode(data).decode("ascii"), 64)
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode("ascii")


def _algorithm(name: bytes, parameters: bytes) -> bytes:
    return _element(SEQUENCE, _element(OBJECT_IDENTIFIER, name) + parameters)


def _integer(value: int) -> bytes:
    return _element(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content
