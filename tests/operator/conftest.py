"""A certificate mint for the operator's tests: every certificate is made here, none is real."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Mint = Callable[..., bytes]
Tlv = Callable[..., bytes]

START = datetime(2021, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def tlv() -> Tlv:
    """A DER element of a tag and its contents' bytes, in the shortest length form."""

    def make(tag: int, *contents: bytes) -> bytes:
        content = b"".join(contents)
        if len(content) < 0x80:
            return bytes([tag, len(content)]) + content
        length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
        return bytes([tag, 0x80 | len(length)]) + length + content

    return make


@pytest.fixture(scope="session")
def p256() -> ec.EllipticCurvePrivateKey:
    """One P-256 key for all tests that do not care which."""
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="session")
def rsa_2048() -> rsa.RSAPrivateKey:
    """One RSA key of the smallest size that signs passes."""
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def mint(p256: ec.EllipticCurvePrivateKey) -> Mint:
    """Make a signer's certificate; returns its DER. Each call has the next serial number."""
    serial = iter(range(1, 1_000_000))

    def make(
        key: CertificatePublicKeyTypes | None = None,
        *,
        usages: Sequence[str] | None = None,
        authority: bool | None = None,
        country: str | None = "FR",
        issuer_country: str | None = None,
        name: str = "Test signer",
        start: datetime = START,
        days: float = 730,
    ) -> bytes:
        attributes = [x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]
        if country:
            attributes.append(x509.NameAttribute(x509.NameOID.COUNTRY_NAME, country))
        issuer = [x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test root")]
        if issuer_country:
            issuer.append(x509.NameAttribute(x509.NameOID.COUNTRY_NAME, issuer_country))
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(attributes))
            .issuer_name(x509.Name(issuer))
            .public_key(key or p256.public_key())
            .serial_number(next(serial))
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=days))
        )
        if usages is not None:
            extension = x509.ExtendedKeyUsage([x509.ObjectIdentifier(usage) for usage in usages])
            builder = builder.add_extension(extension, critical=False)
        if authority is not None:
            builder = builder.add_extension(x509.BasicConstraints(authority, None), critical=True)
        return builder.sign(p256, hashes.SHA256()).public_bytes(Encoding.DER)

    return make


@pytest.fixture(scope="session")
def key_info(p256: ec.EllipticCurvePrivateKey) -> bytes:
    """A bare public key in DER, as some lists in the wild hold instead of a certificate."""
    return p256.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
