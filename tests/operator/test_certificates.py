"""Reading certificates: usages, keys, dates and names, all by one path."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from doorcheck.core import cbor
from doorcheck.core.trust import Algorithm, Usage, public_key
from doorcheck.operator.trust import certificates, der
from doorcheck.operator.trust.certificates import UnfitKeyError
from doorcheck.operator.trust.der import DerError

Mint = Callable[..., bytes]
Tlv = Callable[..., bytes]

SPECIFIED = "1.3.6.1.4.1.1847.2021.1"
SLIPPED = "1.3.6.1.4.1.0.1847.2021.1"
CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"
ICELAND = "2.23.136.1.1.14.2"

SUBSETS = [
    ((1,), Usage.TEST),
    ((2,), Usage.VACCINATION),
    ((3,), Usage.RECOVERY),
    ((1, 2), Usage.TEST | Usage.VACCINATION),
    ((1, 3), Usage.TEST | Usage.RECOVERY),
    ((2, 3), Usage.VACCINATION | Usage.RECOVERY),
    ((1, 2, 3), Usage.ANY),
    ((2, 2), Usage.VACCINATION),
    ((3, 1), Usage.TEST | Usage.RECOVERY),
]


@pytest.mark.parametrize("arc", [SPECIFIED, SLIPPED])
@pytest.mark.parametrize("foreign", [(), (CLIENT_AUTH,), (CLIENT_AUTH, ICELAND)])
@pytest.mark.parametrize(("numbers", "usage"), SUBSETS)
def test_named_usages_are_the_usages(
    mint: Mint, arc: str, foreign: tuple[str, ...], numbers: tuple[int, ...], usage: Usage
) -> None:
    """In either arc, and whatever foreign usages stand beside them, exactly the named types count."""
    usages = [*foreign, *(f"{arc}.{number}" for number in numbers)]
    assert certificates.parse(mint(usages=list(dict.fromkeys(usages)))).usage == usage


def test_usages_of_both_arcs_add_up(mint: Mint) -> None:
    """A certificate that names one type in each arc may sign both."""
    usages = [f"{SPECIFIED}.1", f"{SLIPPED}.3"]
    assert certificates.parse(mint(usages=usages)).usage == Usage.TEST | Usage.RECOVERY


@pytest.mark.parametrize(
    "usages",
    [None, [CLIENT_AUTH], [ICELAND, CLIENT_AUTH], [f"{SPECIFIED}.4"], [f"{SPECIFIED}.1.1"], [SPECIFIED]],
)
def test_nothing_named_restricts_nothing(mint: Mint, usages: list[str] | None) -> None:
    """Without an extended key usage, or with foreign ones only, a signer may sign every type."""
    assert certificates.parse(mint(usages=usages)).usage == Usage.ANY


VALIDITY, EXTENSIONS = 4, 7
"""Places in a certificate's body, from its version on."""


def _with_part(tlv: Tlv, whole: bytes, place: int, part: bytes) -> bytes:
    """The certificate with one part of its body replaced; nobody checks that its signature fits."""
    outer = der.Cursor(whole, "certificate").inside(der.SEQUENCE, "certificate")
    body = outer.inside(der.SEQUENCE, "body")
    parts = []
    while body:
        parts.append(tlv(*body.take()))
    parts[place : place + 1] = [part]
    return tlv(
        der.SEQUENCE, tlv(der.SEQUENCE, *parts), outer.whole(der.SEQUENCE), outer.whole(der.BIT_STRING)
    )


def _with_extension(tlv: Tlv, whole: bytes, identifier: bytes, value: bytes, times: int = 1) -> bytes:
    extension = tlv(der.SEQUENCE, tlv(der.OBJECT_IDENTIFIER, identifier), tlv(der.OCTET_STRING, value))
    return _with_part(tlv, whole, EXTENSIONS, tlv(0xA3, tlv(der.SEQUENCE, *[extension] * times)))


EKU, BASIC = b"\x55\x1d\x25", b"\x55\x1d\x13"


def test_empty_usages_restrict_nothing(mint: Mint, tlv: Tlv) -> None:
    """An empty extended key usage, which ready-made parsers refuse, leaves the signer unrestricted."""
    assert certificates.parse(_with_extension(tlv, mint(), EKU, b"\x30\x00")).usage == Usage.ANY


def test_encoded_default_of_basic_constraints(mint: Mint, tlv: Tlv) -> None:
    """An encoded CA:FALSE, as in ten Finnish certificates, is read as what it says."""
    whole = _with_extension(tlv, mint(), BASIC, b"\x30\x03\x01\x01\x00")
    with pytest.raises(ValueError, match="EncodedDefault"):
        list(x509.load_der_x509_certificate(whole).extensions)
    assert not certificates.parse(whole).authority


@pytest.mark.parametrize(
    ("value", "authority"),
    [
        (b"\x30\x00", False),
        (b"\x30\x03\x01\x01\xff", True),
        (b"\x30\x03\x01\x01\x01", True),
        (b"\x30\x03\x02\x01\x00", False),
    ],
)
def test_authorities_are_told(mint: Mint, tlv: Tlv, value: bytes, authority: bool) -> None:
    """CA:TRUE in any spelling makes an authority; a path length alone does not."""
    assert certificates.parse(_with_extension(tlv, mint(), BASIC, value)).authority is authority


@pytest.mark.parametrize(
    ("identifier", "value", "times", "words"),
    [
        (EKU, b"", 1, "extended key usage is cut short"),
        (EKU, b"\x30\x02\x06\x00", 1, "extended key usage has a malformed object identifier"),
        (EKU, b"\x30\x02\x04\x00", 1, "extended key usage holds an element of an unexpected type"),
        (EKU, b"\x30\x00\x00", 1, "bytes after the end of the extended key usage"),
        (EKU, b"\x30\x82\x01\x00" + b"\x06\x02\x2b\x06" * 64, 1, None),
        (
            EKU,
            b"\x30\x82\x01\x04" + b"\x06\x02\x2b\x06" * 65,
            1,
            "extended key usage has more than 64 elements",
        ),
        (EKU, b"\x30\x00", 2, "extension 2.5.29.37 comes twice"),
        (BASIC, b"\x30\x04\x01\x02\xff\xff", 1, "basic constraints has a truth value"),
        (BASIC, b"\x04\x00", 1, "basic constraints holds an element of an unexpected type"),
    ],
)
def test_hostile_extensions(
    mint: Mint, tlv: Tlv, identifier: bytes, value: bytes, times: int, words: str | None
) -> None:
    """A malformed extension that matters refuses the certificate, in words; at the bound it is still read."""
    whole = _with_extension(tlv, mint(), identifier, value, times)
    if words is None:
        assert certificates.parse(whole).usage == Usage.ANY
        return
    with pytest.raises(DerError, match=words):
        certificates.parse(whole)


def test_other_extensions_stay_unopened(mint: Mint, tlv: Tlv) -> None:
    """An extension that nobody asked for may hold anything."""
    whole = _with_extension(tlv, mint(), b"\x55\x1d\x11", b"\xff\xff\xff")
    assert certificates.parse(whole).usage == Usage.ANY


def test_fields(mint: Mint) -> None:
    """Key identifier, dates, country and name are the certificate's own."""
    whole = mint(country="NL", name="Health DSC", start=datetime(2021, 6, 1, 12, 30, 5, tzinfo=UTC), days=1)
    certificate = certificates.parse(whole)
    assert certificate.kid == hashlib.sha256(whole).digest()[:8]
    assert certificate.not_before == int(datetime(2021, 6, 1, 12, 30, 5, tzinfo=UTC).timestamp())
    assert certificate.not_after == certificate.not_before + 86400
    assert (certificate.country, certificate.name) == ("NL", "Health DSC")
    assert not certificate.authority


@pytest.mark.parametrize(
    ("subject", "issuer", "country"),
    [(None, "NL", "NL"), ("DE", "NL", "DE"), ("fr", None, "FR"), (None, None, "")],
)
def test_countries(mint: Mint, subject: str | None, issuer: str | None, country: str) -> None:
    """The subject's country counts, else the issuer's, in capitals."""
    assert certificates.parse(mint(country=subject, issuer_country=issuer)).country == country


def test_far_dates_are_in_the_other_form(mint: Mint) -> None:
    """Years from 2050 come as GeneralizedTime, up to the last second of 9999."""
    whole = mint(start=datetime(2049, 12, 31, tzinfo=UTC), days=2)
    certificate = certificates.parse(whole)
    assert certificate.not_after - certificate.not_before == 2 * 86400


@pytest.mark.parametrize(
    ("tag", "time"),
    [
        (der.UTC_TIME, b"210601000000"),
        (der.UTC_TIME, b"2106010000Z"),
        (der.UTC_TIME, b"210601000000+0000"),
        (der.UTC_TIME, b"210631000000Z"),
        (der.UTC_TIME, b"21060100000\xb2Z"),
        (der.UTC_TIME, b"20210601000000Z"),
        (der.GENERALIZED_TIME, b"210601000000Z"),
        (der.GENERALIZED_TIME, b"20210601000000.5Z"),
        (der.GENERALIZED_TIME, b"00000601000000Z"),
        (der.INTEGER, b"\x01"),
    ],
)
def test_hostile_dates(mint: Mint, tlv: Tlv, tag: int, time: bytes) -> None:
    """A time without seconds or zone, with an offset or a fraction, or in no calendar is refused."""
    first = tlv(der.UTC_TIME, b"210601000000Z")
    whole = _with_part(tlv, mint(), VALIDITY, tlv(der.SEQUENCE, first, tlv(tag, time)))
    with pytest.raises(DerError, match="the validity has a time"):
        certificates.parse(whole)


def test_the_last_second_of_all(mint: Mint, tlv: Tlv) -> None:
    """A certificate without a set end, as RFC 5280 spells it, is read; two digits from 50 mean the 1900s."""
    first, last = tlv(der.UTC_TIME, b"500101000000Z"), tlv(der.GENERALIZED_TIME, b"99991231235959Z")
    certificate = certificates.parse(_with_part(tlv, mint(), VALIDITY, tlv(der.SEQUENCE, first, last)))
    assert certificate.not_before == datetime(1950, 1, 1, tzinfo=UTC).timestamp()
    assert certificate.not_after == 253402300799


def test_names_are_safe_for_a_terminal(mint: Mint) -> None:
    """Control and direction characters are gone from a name, and it is bounded."""
    name = certificates.parse(mint(name="Ev\x1b[31mil \u202ecod.exe\n" + "x" * 20)).name
    assert name.startswith("Ev [31mil cod.exe x")
    assert name.isprintable()
    assert len(certificates.parse(mint(name="x" * 64)).name) == 64


@pytest.mark.parametrize("size", [2048, 3072])
def test_rsa_keys_sign_ps256(size: int, rsa_2048: rsa.RSAPrivateKey) -> None:
    """An RSA key comes as modulus and exponent, minimal, and loads the way the door loads it."""
    private = rsa_2048 if size == 2048 else rsa.generate_private_key(65537, size)
    info = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    algorithm, key, _ = certificates.signer_key(info)
    modulus, exponent = cbor.decode(key)
    assert algorithm is Algorithm.PS256
    assert (len(modulus), exponent) == (size // 8, b"\x01\x00\x01")
    loaded = public_key(algorithm, key)
    assert isinstance(loaded, rsa.RSAPublicKey)
    assert loaded.public_numbers() == private.public_key().public_numbers()


def test_p256_keys_sign_es256(p256: ec.EllipticCurvePrivateKey, tlv: Tlv) -> None:
    """A P-256 key comes as an uncompressed point, even when its certificate compresses it."""
    point = p256.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    compressed = p256.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    curve = tlv(der.SEQUENCE, bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06082a8648ce3d030107"))
    for form in (point, compressed):
        info = tlv(der.SEQUENCE, curve, tlv(der.BIT_STRING, b"\0", form))
        assert certificates.signer_key(info)[:2] == (Algorithm.ES256, point)


def _info(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_unfit_keys_are_named() -> None:
    """Other curves, short RSA keys and other kinds are refused, each with its own words."""
    unfit = {
        "on secp384r1; passes use P-256": _info(ec.generate_private_key(ec.SECP384R1()).public_key()),
        "on secp256k1": _info(ec.generate_private_key(ec.SECP256K1()).public_key()),
        "RSA key of 1024 bits": _info(rsa.generate_private_key(65537, 1024).public_key()),  # noqa: S505  short on purpose
        "another kind .Ed25519.": _info(ed25519.Ed25519PrivateKey.generate().public_key()),
        "unknown kind, or malformed": b"\x30\x03\x02\x01\x00",
    }
    for words, info in unfit.items():
        with pytest.raises(UnfitKeyError, match=words):
            certificates.signer_key(info)


def test_enormous_rsa_keys_are_refused(tlv: Tlv) -> None:
    """A key that would slow every check at the door down is refused."""
    modulus = b"\x00" + b"\xff" * 2048
    numbers = tlv(der.SEQUENCE, tlv(der.INTEGER, modulus), tlv(der.INTEGER, b"\x01\x00\x01"))
    kind = bytes.fromhex("300d06092a864886f70d0101010500")
    with pytest.raises(UnfitKeyError, match=r"16384 bits|malformed"):
        certificates.signer_key(tlv(der.SEQUENCE, kind, tlv(der.BIT_STRING, b"\0", numbers)))


def test_enormous_certificates_are_refused() -> None:
    """Nothing larger than 64 KiB is looked at."""
    with pytest.raises(DerError, match="larger than 65536 bytes"):
        certificates.parse(b"\x30\x83\x01\x00\x00" + bytes(65536))
