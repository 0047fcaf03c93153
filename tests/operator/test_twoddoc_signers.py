"""French signers in a trust list: the pinned ones for what they are for, and no other."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from doorcheck.core.trust import Scope, Signer, Usage
from doorcheck.operator.trust import certificates, frenchsigners, trustreport
from doorcheck.operator.trust.building import Built, build
from doorcheck.operator.trust.candidates import Candidate, Why
from doorcheck.operator.trust.der import DerError

TEST_COVID, VACCINATION, INVOICE = (f"1.2.250.1.177.101.{number}" for number in (398, 757, 1))
KEY = ec.generate_private_key(ec.SECP256R1())
KEY_HASH = hashlib.sha256(
    KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).hexdigest()
VALUE = b"\x0c\x01x"
"""An otherName's value: the text "x"."""


def made(
    issuer: str,
    subject: str,
    *documents: str,
    organisation: str = "",
    country: str = "FR",
    authority: bool = False,
    names: x509.SubjectAlternativeName | None = None,
) -> bytes:
    """A certificate in DER with those common names and document types."""
    attributes = [x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)]
    if organisation:
        attributes.append(x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, organisation))
    if country:
        attributes.append(x509.NameAttribute(x509.NameOID.COUNTRY_NAME, country))
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(attributes))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2021, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2024, 1, 1, tzinfo=UTC))
    )
    if documents:
        names = x509.SubjectAlternativeName(
            [x509.OtherName(x509.ObjectIdentifier(one), VALUE) for one in documents]
        )
    if names:
        builder = builder.add_extension(names, critical=False)
    if authority:
        builder = builder.add_extension(x509.BasicConstraints(authority, None), critical=True)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)


def built(data: bytes, *, kid: bytes | None = None, test: bool = False, allow_ca: bool = False) -> Built:
    """What becomes of one certificate."""
    return build([Candidate("source", "", data, kid)], test=test, allow_ca=allow_ca)


def signer(data: bytes, *, kid: bytes | None = None, test: bool = False) -> Signer:
    """The signer that it becomes."""
    (one,) = built(data, kid=kid, test=test).signers
    return one


def why(data: bytes, *, test: bool = False, allow_ca: bool = False) -> Why:
    """Why it is left out."""
    (one,) = built(data, test=test, allow_ca=allow_ca).left_out
    return one.why


@pytest.fixture
def pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our key is the one of FR03/AV01."""
    monkeypatch.setitem(frenchsigners._HEALTH_KEYS, KEY_HASH, b"FR03AV01")


@pytest.mark.usefixtures("pinned")
@pytest.mark.parametrize(("document", "usage"), [(TEST_COVID, Usage.TEST), (VACCINATION, Usage.VACCINATION)])
def test_a_pinned_key_signs_the_document_that_its_certificate_names(document: str, usage: Usage) -> None:
    """Under the name that headers call it by, whatever key identifier its source gave it."""
    for kid in (None, b"12345678"):
        one = signer(made("FR03", "AV01", document), kid=kid)
        assert (one.kid, one.scope, one.usage, one.test) == (b"FR03AV01", Scope.TWO_D_DOC, usage, False)
    assert not built(made("FR03", "AV01", document)).entries[0].renamed


@pytest.mark.usefixtures("pinned")
@pytest.mark.parametrize(
    ("issuer", "subject", "documents"),
    [
        ("FR03", "AV02", (VACCINATION,)),
        ("FR02", "AV01", (VACCINATION,)),
        ("FR03", "AV01", ()),
        ("FR03", "AV01", (INVOICE,)),
    ],
)
def test_a_pinned_key_under_another_name_or_for_another_document_is_out(
    issuer: str, subject: str, documents: tuple[str, ...]
) -> None:
    """The pin is key, authority and certificate, and the certificate names a health document."""
    assert why(made(issuer, subject, *documents)) is Why.TWO_D_DOC


@pytest.mark.parametrize(
    ("issuer", "subject", "documents"),
    [
        ("FR03", "AV01", (VACCINATION,)),  # the name of a health signer, and another key
        ("FR03", "AXA0", (INVOICE,)),
        ("FR03", "0000", (INVOICE,)),
        ("FR03", "AHP3", (TEST_COVID,)),
        ("FR00", "0001", ()),
        ("TST0", "XX01", (TEST_COVID,)),
        ("DHI0", "TST1", ()),
    ],
)
def test_no_other_2d_doc_certificate_signs_passes(
    issuer: str, subject: str, documents: tuple[str, ...]
) -> None:
    """Not as a 2D-Doc signer, nor as one of EU certificates; who says that it is an authority neither."""
    assert why(made(issuer, subject, *documents)) is Why.TWO_D_DOC
    assert why(made(issuer, subject, *documents), allow_ca=True) is Why.TWO_D_DOC


@pytest.mark.parametrize(
    ("issuer", "subject", "documents", "usage"),
    [
        ("FR00", "0001", (), Usage.ANY),
        ("TST0", "XX01", (TEST_COVID,), Usage.TEST),
        ("TST0", "XX02", (VACCINATION,), Usage.VACCINATION),
        ("TST0", "XX03", (INVOICE, VACCINATION, TEST_COVID), Usage.TEST | Usage.VACCINATION),
    ],
)
def test_test_authorities_are_taken_as_such(
    issuer: str, subject: str, documents: tuple[str, ...], usage: Usage
) -> None:
    """With --test, by name and document; without any document named, for all."""
    one = signer(made(issuer, subject, *documents), test=True)
    assert (one.kid, one.scope, one.usage) == ((issuer + subject).encode(), Scope.TWO_D_DOC, usage)
    assert one.test


def test_a_test_authority_for_other_documents_is_out() -> None:
    """Its certificate says that it is for something else."""
    assert why(made("FR03", "0000", INVOICE), test=True) is Why.TWO_D_DOC


def test_the_authority_itself_never_signs_passes() -> None:
    """Allowed or not: with its key all of its signers could be forged."""
    authority = made("Certigna Root CA", "FR03", authority=True)
    assert why(authority) is Why.AUTHORITY
    assert why(authority, allow_ca=True) is Why.TWO_D_DOC


@pytest.mark.parametrize(
    ("issuer", "subject"), [("FR03", "DSC_FR_19"), ("CSCA-FRANCE", "AV01"), ("DGCG", "dsc"), ("FR03", "av01")]
)
def test_names_that_are_near_make_no_2d_doc(issuer: str, subject: str) -> None:
    """Signers of EU certificates stay what they are."""
    assert signer(made(issuer, subject)).scope == Scope.HC1 | Scope.EXEMPTION


def test_alternative_names_that_can_not_be_read_leave_it_out() -> None:
    """Of a 2D-Doc signer they decide; nobody else's are opened."""
    hostile = bytearray(made("TST0", "XX01", TEST_COVID))
    mark = bytes.fromhex("0603551d11")
    at = hostile.index(mark) + len(mark) + 4  # past the octet string's and the sequence's headers
    assert hostile[at] == 0xA0
    hostile[at + 2] = 0x05  # where the identifier was
    assert why(bytes(hostile), test=True) is Why.NOT_CERTIFICATE
    with pytest.raises(DerError):
        certificates.other_names(certificates.parse(bytes(hostile)))
    eu = bytes(hostile).replace(b"TST0", b"TSTX")
    assert signer(eu).scope == Scope.HC1 | Scope.EXEMPTION


def test_other_kinds_of_alternative_names_say_nothing() -> None:
    """A host name or an address is no document."""
    names = x509.SubjectAlternativeName([x509.DNSName("example.org"), x509.RFC822Name("a@example.org")])
    assert certificates.other_names(certificates.parse(made("TST0", "XX01", names=names))) == frozenset()
    assert certificates.other_names(certificates.parse(made("TST0", "XX01"))) == frozenset()


# Light passes and exemptions


@pytest.mark.parametrize("authority", [False, True])
def test_a_known_light_key_signs_light_passes_alone(monkeypatch: pytest.MonkeyPatch, authority: bool) -> None:
    """Under any name; that its certificate says it is an authority does not matter, for it is self-signed."""
    monkeypatch.setattr(frenchsigners, "_LIGHT_KEYS", frozenset({KEY_HASH}))
    for name, organisation in (("dcclight.tousanticovid.gouv.fr", "INRIA"), ("renamed", "Somebody")):
        data = made(name, name, organisation=organisation, authority=authority)
        assert signer(data).scope is Scope.LIGHT
        assert built(data, allow_ca=True).signers[0].scope is Scope.LIGHT


@pytest.mark.parametrize(
    ("name", "organisation"),
    [("dcclight.tousanticovid.gouv.fr", ""), ("DCCLIGHT.tousanticovid.gouv.fr", "X"), ("any", "Inria")],
)
def test_who_names_itself_a_light_signer_is_nothing_else(name: str, organisation: str) -> None:
    """An unknown key under the name is out; with --test it signs light passes of a test authority."""
    data = made(name, name, organisation=organisation)
    assert why(data) is Why.LIGHT
    assert why(data, allow_ca=True) is Why.LIGHT
    one = signer(data, test=True)
    assert (one.scope, one.test) == (Scope.LIGHT, True)


@pytest.mark.parametrize("country", ["BE", "DE", "GB", ""])
def test_exemptions_are_french(country: str) -> None:
    """Signers of other countries, or of none, sign EU certificates alone."""
    assert signer(made("CSCA", "DSC", country=country)).scope is Scope.HC1
    assert signer(made("CSCA", "DSC")).scope == Scope.HC1 | Scope.EXEMPTION


def test_a_country_of_the_source_makes_nobody_french() -> None:
    """The certificate itself must say it."""
    candidate = Candidate("source", "", made("CSCA", "DSC", country=""), country="FR")
    (one,) = build([candidate]).signers
    assert (one.country, one.scope) == ("FR", Scope.HC1)


def test_formats_are_shown_as_people_name_them() -> None:
    """In the list of `trust show`, as text and as JSON."""
    one = signer(made("TST0", "XX01", TEST_COVID), test=True)
    (line,) = trustreport.signer_lines([one])
    assert line.split()[2:4] == ["2D-Doc", "test"]
    assert trustreport.signer_object(one)["formats"] == ["2D-Doc"]
    assert trustreport.scope_text(Scope.HC1 | Scope.EXEMPTION) == "HC1+EX1"
    assert trustreport.scope_text(Scope.LIGHT) == "HCFR1"
    assert trustreport.scope_text(Scope(0)) == "none"


def test_the_pinned_keys_are_those_of_the_certificates(shared_data: Path) -> None:
    """Each of the four, read anew from its certificate, is pinned under its own name."""
    found = {}
    for path in (shared_data / "french").glob("FR03_A*.der"):
        oracle = x509.load_der_x509_certificate(path.read_bytes()).public_key()
        info = oracle.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        found[hashlib.sha256(info).hexdigest()] = path.stem.replace("_", "").encode()
    assert found == frenchsigners._HEALTH_KEYS
