"""2D-Doc: the frame is strict, the signature covers what it must, the fields say what they say."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from doorcheck.core import attestation, cbor, dcc, twoddoc
from doorcheck.core.dcc import Vaccination
from doorcheck.core.passes import holder_mark
from doorcheck.core.trust import Algorithm, Signer, Usage
from doorcheck.core.twoddoc import GS, RS, US, DocumentType
from doorcheck.core.verdict import Reason, RefusedError
from doorcheck.lab import french, issuer
from doorcheck.lab.french import Document

UTC_NOW: Final = datetime(2021, 7, 1, 12, 0, tzinfo=UTC)
PERSON: Final = issuer.PEOPLE[0]
L1: Final = french.vaccination(PERSON, UTC_NOW)
B2: Final = french.negative_test(PERSON, UTC_NOW)


def refused(data: bytes) -> Reason | None:
    """Why the frame is refused; None when it is not."""
    try:
        twoddoc.frame(data)
    except RefusedError as error:
        return error.reason
    return None


def framed(document: Document) -> twoddoc.Document:
    """The frame of a document that the lab made."""
    return twoddoc.frame(document.data())


def vaccinated(**values: str | None) -> Vaccination:
    """The entry of a vaccination with some fields changed."""
    entry = attestation.certificate(framed(L1.but(**values))).entries[0]
    assert isinstance(entry, Vaccination)
    return entry


def examined(**values: str | None) -> dcc.Test:
    """The entry of a test with some fields changed."""
    entry = attestation.certificate(framed(B2.but(**values))).entries[0]
    assert isinstance(entry, dcc.Test)
    return entry


# The frame


def test_the_header_says_who_signed_what_and_when() -> None:
    """The specification's own dates: 1337 is 2013-06-20, 1E6D is 2021-04-29."""
    data = L1.data().replace(french.days(L1.signed_on).encode() * 2, b"13371E6D", 1)
    document = twoddoc.frame(data)
    assert document.kid == b"TST0XX02"
    assert document.type is DocumentType.VACCINATION
    assert (document.issued_on, document.signed_on) == (date(2013, 6, 20), date(2021, 4, 29))
    assert len(document.signature) == 64


def test_what_is_signed_is_everything_before_the_separator() -> None:
    """Header and message, byte for byte, and neither the separator nor what follows it."""
    data = replace(L1, annex=b"\x1dANNEX").data()
    assert framed(L1).signed == data[: data.index(b"\x1f")] == L1.signed()


@pytest.mark.parametrize(("version", "place", "size"), [("01", "", 22), ("02", "", 22), ("03", "01", 24)])
def test_older_headers_are_shorter(version: str, place: str, size: int) -> None:
    """Without country, and before that without perimeter; the message begins where the header ends."""
    document = framed(replace(L1, version=version, place=place))
    assert document.header_bytes == size
    assert attestation.fields(document) == dict(L1.fields)


def test_no_date_is_none() -> None:
    """FFFF in the header."""
    document = framed(replace(L1, issued_on=None, signed_on=None))
    assert (document.issued_on, document.signed_on) == (None, None)


@pytest.mark.parametrize("document", [L1, B2], ids=["L1", "B2"])
def test_every_truncation_is_refused(document: Document) -> None:
    """A code that was cut short anywhere is none."""
    data = document.data()
    for size in range(len(data)):
        assert refused(data[:size]) is Reason.TWO_D_DOC_FRAME


def test_a_signature_has_one_spelling() -> None:
    """Of the other characters that decode to the same bytes, in its last place, none is taken."""
    data, alphabet = L1.data(), b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    taken = [bytes([c]) for c in range(256) if refused(data[:-1] + bytes([c])) is None]
    assert [alphabet.index(c) % 8 for c in taken] == [0] * 4
    assert data[-1:] in taken


@pytest.mark.parametrize("code", ["00", "04", "A4", "B0", "B1", "L2", "08"])
def test_other_documents_are_named_whatever_is_in_them(code: str) -> None:
    """A tax notice is shown by mistake, not in bad faith: staff explain. Its body is not read."""
    assert refused(replace(L1, code=code).data()) is Reason.TWO_D_DOC
    assert refused(replace(L1, code=code).signed()) is Reason.TWO_D_DOC


@pytest.mark.parametrize("place", ["00FR", "02FR", "A1FR", "01BE", "01XX"])
def test_another_perimeter_gives_types_another_meaning(place: str) -> None:
    """B2 and L1 are health documents in perimeter 01 of France alone."""
    assert refused(replace(L1, place=place).data()) is Reason.TWO_D_DOC


@given(st.binary(max_size=300))
def test_any_bytes_are_framed_or_refused(data: bytes) -> None:
    """Nothing but a refusal is ever raised, for bytes alone and after a good header."""
    for start in (b"", b"DC04", L1.signed()[:26], L1.signed(), L1.signed() + b"\x1f"):
        assert refused(start + data) in (None, Reason.TWO_D_DOC, Reason.TWO_D_DOC_FRAME)


def test_no_repr_shows_a_visitor() -> None:
    """Neither the message nor what kind of proof it is, nor when it was made."""
    shown = repr(framed(L1))
    assert "LANTERNE" not in shown
    assert "L1" not in shown
    assert "VACCINATION" not in shown
    assert "2021" not in shown


# The signature


def test_the_signer_signed_it() -> None:
    """Each document with its own signer's key, high s or low, to the last space and separator."""
    spaced = replace(L1, message=L1.text() + "01X ")
    for document in (L1, B2, spaced, L1.but(_01="X"), replace(L1, signature=french.other_s(L1))):
        twoddoc.check(framed(document), french.document_signer(document.kid, UTC_NOW))


def test_nobody_else_signed_it() -> None:
    """Not another key, not for another message, and no signature of zeros."""
    with pytest.raises(RefusedError, match="S-SIG"):
        twoddoc.check(framed(L1), french.document_signer(B2.kid, UTC_NOW))
    for signature in (bytes(64), b"\xff" * 64, french.sign(L1.authority, L1.signed() + b"\x1f")):
        with pytest.raises(RefusedError, match="S-SIG"):
            twoddoc.check(framed(replace(L1, signature=signature)), french.document_signer(L1.kid, UTC_NOW))


def test_every_byte_is_signed() -> None:
    """One bit turned anywhere before the separator, and the frame or the signature is refused."""
    signed, separator, rest = L1.data().partition(US.encode())
    signer = french.document_signer(L1.kid, UTC_NOW)
    for at in range(len(signed)):
        changed = bytearray(signed)
        changed[at] ^= 1
        with pytest.raises(RefusedError):
            twoddoc.check(twoddoc.frame(bytes(changed) + separator + rest), signer)


def test_the_annex_is_not_signed_and_says_nothing() -> None:
    """The same document with an annex and without it is equal in everything."""
    assert framed(replace(L1, signature=bytes(64), annex=b"\x1dX")) == framed(
        replace(L1, signature=bytes(64))
    )


def test_a_key_of_another_kind_signs_no_2d_doc() -> None:
    """RSA signers are for EU certificates."""
    numbers = rsa.generate_private_key(65537, 2048).public_key().public_numbers()
    key = cbor.encode([numbers.n.to_bytes(256, "big"), numbers.e.to_bytes(3, "big")])
    with pytest.raises(RefusedError, match="S-ALG"):
        twoddoc.check(framed(L1), Signer(L1.kid, Algorithm.PS256, key))


def test_types_need_their_own_signers() -> None:
    """The usage asked of the signer is the document's type."""
    assert twoddoc.usage(framed(L1)) is Usage.VACCINATION
    assert twoddoc.usage(framed(B2)) is Usage.TEST


SIGNED_ON: Final = date(2021, 4, 23)
DAY_BEGINS: Final = int(datetime(2021, 4, 22, 22, tzinfo=UTC).timestamp())
"""In France, in summer."""


@pytest.mark.parametrize(
    ("not_before", "not_after", "reason"),
    [
        (DAY_BEGINS, DAY_BEGINS + 10**8, None),  # AV01's own: from midnight
        (DAY_BEGINS + 86399, DAY_BEGINS + 10**8, None),
        (DAY_BEGINS + 86400, DAY_BEGINS + 10**8, Reason.SIGNER_EARLY),
        (0, DAY_BEGINS, None),
        (0, DAY_BEGINS - 1, Reason.SIGNER_EXPIRED),
    ],
)
def test_the_signer_was_valid_on_the_day(not_before: int, not_after: int, reason: Reason | None) -> None:
    """One second of the French day of signing is enough, and one must be there."""
    signer = replace(french.document_signer(L1.kid, UTC_NOW), not_before=not_before, not_after=not_after)
    document = framed(replace(L1, signed_on=SIGNED_ON))
    if reason is None:
        twoddoc.check_signer_period(document, signer)
    else:
        with pytest.raises(RefusedError, match=reason.code):
            twoddoc.check_signer_period(document, signer)


def test_a_signature_without_a_date_has_no_signer_in_time() -> None:
    """The date of issue does not stand in."""
    with pytest.raises(RefusedError, match="D-2DV"):
        twoddoc.check_signer_period(
            framed(replace(L1, signed_on=None)), french.document_signer(L1.kid, UTC_NOW)
        )


# The document's own period


def test_a_document_begins_on_the_day_of_its_signature_and_has_no_end() -> None:
    """At midnight in France."""
    claims = attestation.claims(framed(replace(L1, signed_on=SIGNED_ON)))
    assert (claims.issuer, claims.issued, claims.expires) == ("FR", DAY_BEGINS, float("inf"))


def test_an_expiry_is_its_days_last_second() -> None:
    """The day itself is in, as a date of expiry is understood."""
    claims = attestation.claims(framed(L1.but(_08=french.days(SIGNED_ON))))
    assert claims.expires == DAY_BEGINS + 86399
    assert attestation.claims(framed(L1.but(_08="FFFF"))).expires == float("inf")
    assert attestation.claims(framed(L1.but(_08=""))).expires == float("inf")
    with pytest.raises(RefusedError, match="D-2DV"):
        attestation.claims(framed(L1.but(_08="20-1")))


# The fields

VALUES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ./-", max_size=90)


def legal(name: str, value: str) -> str:
    """A value as the field of that name may hold it."""
    length = attestation.LENGTHS[DocumentType.VACCINATION][name]
    assert length.longest is None or length.longest <= 90
    return (value + "0" * 90)[: length.longest] if length.fixed else value


@given(st.data())
def test_fields_are_found_by_their_names(data: st.DataObject) -> None:
    """In any order, with any optional ones, of any length, cut to fit when too long."""
    names = data.draw(st.permutations(sorted(attestation.LENGTHS[DocumentType.VACCINATION])))
    optional = {"L1", "L3", "L4", "L6", *(name for name in names if name.startswith("0"))}
    left_out = data.draw(st.sets(st.sampled_from(sorted(optional))))
    values = {name: legal(name, data.draw(VALUES)) for name in names if name not in left_out}
    found = attestation.fields(framed(replace(L1, fields=values)))
    lengths = attestation.LENGTHS[DocumentType.VACCINATION]
    assert found == {name: value[: lengths[name].longest] for name, value in values.items()}
    assert list(found) == list(values)


@given(
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]) | st.sampled_from([GS, RS]), max_size=80)
)
def test_any_signed_message_is_read_or_refused(message: str) -> None:
    """A signer's mistake is a refusal too, of one kind, whatever follows the needed fields."""
    for text in (message, L1.text() + message, message + L1.text()):
        try:
            document = framed(replace(L1, message=text))
            attestation.claims(document)
            attestation.certificate(document)
        except RefusedError as error:
            assert error.reason is Reason.TWO_D_DOC_FIELDS  # noqa: PT017 (the other branch is fine, too)


@pytest.mark.parametrize(
    ("message", "name", "value"),
    [
        ("L3COVID-19" + GS, "L3", "COVID-19"),
        ("L3" + "C" * 30, "L3", "C" * 30),
        ("L3" + "C" * 30 + GS, "L3", "C" * 30),
        ("L3" + "C" * 30 + RS, "L3", "C" * 30),
        ("L3COV" + RS, "L3", "COV"),
        ("L3" + GS, "L3", ""),
        ("07" + GS, "07", ""),
        ("07120000", "07", "120000"),
        ("07120000" + GS, "07", "120000"),
        ("0CGEZDGNBVGY3TQOJQ" * 1 + GS, "0C", "GEZDGNBVGY3TQOJQ"),
    ],
)
def test_how_a_field_ends(message: str, name: str, value: str) -> None:
    """By GS, by RS when it was cut, by its length; a terminator that need not be there does no harm."""
    kept = replace(L1.but(**{"L3": None}), message=message + L1.but(L3=None).text())
    found = attestation.fields(framed(kept))
    assert found[name] == value
    assert found["LA"] == "TE"


# What they say


def test_a_vaccination_says_what_an_eu_certificate_says() -> None:
    """One entry with the EU's codes, and no identifier."""
    certificate = attestation.certificate(framed(L1))
    entry = vaccinated()
    assert certificate.entries == (entry,)
    assert certificate.usage is Usage.VACCINATION
    assert certificate.dob == "1984-02-29"
    assert (entry.tg, entry.vp, entry.mp, entry.ma) == (
        "840539006",
        "J07BX03",
        "EU/1/20/1528",
        "ORG-100030215",
    )
    assert (entry.dn, entry.sd, entry.dt) == (2, 2, "2021-05-02")
    assert (entry.co, entry.issuer, entry.ci) == ("FR", "TST0XX02", "")


def test_a_test_says_what_an_eu_certificate_says() -> None:
    """Sampled at French civil time, with its offset."""
    entry = examined()
    assert attestation.certificate(framed(B2)).usage is Usage.TEST
    assert (entry.tg, entry.tt, entry.tr) == ("840539006", "LP6464-4", "260415000")
    assert (entry.sc, entry.co, entry.ci) == ("2021-07-01T08:00:00+02:00", "FR", "")
    assert examined(F6="010120211530").sc == "2021-01-01T15:30:00+01:00"


def test_one_person_has_one_mark() -> None:
    """A 2D-Doc and an EU certificate of one person stand for the same visitor."""
    eu = dcc.Certificate(ver="1.3.0", nam=dcc.Name(**PERSON.name), dob=PERSON.birth)
    for document in (L1, B2):
        holder = attestation.certificate(framed(document))
        assert holder_mark(holder, bytes(32)) == holder_mark(eu, bytes(32))


def test_forenames_are_parted_by_slashes() -> None:
    """And punctuation becomes the filler of machine-readable names."""
    name = attestation.certificate(framed(B2.but(F0="JEAN LOUIS/ZOE", F1="D ARC-EN.CIEL"))).nam
    assert (name.fnt, name.gnt) == ("D<ARC<EN<CIEL", "JEAN<LOUIS<ZOE")
    assert (name.fn, name.gn) == ("D ARC-EN.CIEL", "JEAN LOUIS/ZOE")


@pytest.mark.parametrize(
    ("written", "codes"),
    [
        ("COMIRNATY PFIZER/BIONTECH", ("EU/1/20/1528", "ORG-100030215")),
        ("COVID-19 VACCINE MODERNA", ("EU/1/20/1507", "ORG-100031184")),
        ("SPIKEVAX", ("EU/1/20/1507", "ORG-100031184")),
        ("VAXZEVRIA", ("EU/1/21/1529", "ORG-100001699")),
        ("COVID-19 VACCINE JANSSEN", ("EU/1/20/1525", "ORG-100001417")),
        ("NUVAXOVID", ("EU/1/21/1618", "ORG-100032020")),
        ("ELIXIR", ("ELIXIR", "MAKER")),
        ("COMIRNATY OR JANSSEN", ("COMIRNATY OR JANSSEN", "MAKER")),
        ("", ("", "MAKER")),
    ],
)
def test_products_by_their_word(written: str, codes: tuple[str, str]) -> None:
    """A product that is named in words gets the EU's code; what is unknown, or two at once, stays."""
    entry = vaccinated(L5=written, L6="MAKER")
    assert (entry.mp, entry.ma) == codes


@pytest.mark.parametrize(
    ("loinc", "code"),
    [
        ("943092", "LP6464-4"),
        ("945006", "LP6464-4"),
        ("948455", "LP6464-4"),
        ("94309", "LP6464-4"),
        ("945584", "LP217198-3"),
        ("945071", "945071"),  # serology
        ("3333", "3333"),
        ("abc", "ABC"),
        ("", ""),
    ],
)
def test_kinds_of_tests(loinc: str, code: str) -> None:
    """PCR and antigen have the EU's codes; any other stays what it is, which no rule knows."""
    assert examined(F4=loinc).tt == code


@pytest.mark.parametrize(
    ("letter", "code"),
    [("N", "260415000"), ("P", "260373001"), ("I", "I"), ("X", "X"), ("n", "N"), ("", "")],
)
def test_results(letter: str, code: str) -> None:
    """Only N is negative: what is indeterminate, was not examined or is not known is no result."""
    assert examined(F5=letter).tr == code


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("29021984", "1984-02-29"),
        ("31021962", "1962-02"),
        ("00061962", "1962-06"),
        ("31001962", "1962"),
        ("00001962", "1962"),
        ("01991962", "1962"),
        ("29021900", "1900-02"),
        ("01010000", ""),
        ("00000000", ""),
        ("AB061962", "1962-06"),
        (" 1061962", "1962-06"),
        ("0606196A", ""),
        ("", ""),
    ],
)
def test_births(written: str, read: str) -> None:
    """As much of a birth date as the calendar knows; lunar and unknown ones never break anything."""
    assert attestation.certificate(framed(L1.but(L2=written))).dob == read


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=8, max_size=8))
def test_any_birth_is_read(written: str) -> None:
    """A date, a month, a year or nothing, for any eight characters."""
    read = attestation.certificate(framed(L1.but(L2=written))).dob
    assert len(read) in (0, 4, 7, 10)
    assert len(read) < 10 or date.fromisoformat(read).strftime("%d%m%Y") == written


@pytest.mark.parametrize("state", ["TE", "CO"])
@pytest.mark.parametrize("given_doses", "123456789")
@pytest.mark.parametrize("expected", "129")
def test_the_state_decides_whether_it_is_complete(state: str, given_doses: str, expected: str) -> None:
    """Whatever the two numbers are: rules that compare them find what the issuer said."""
    entry = vaccinated(L7=given_doses, L8=expected, LA=state)
    assert entry.dn == int(given_doses)
    assert (entry.dn >= entry.sd) == (state == "TE")


def test_one_dose_after_an_infection_is_one_of_one() -> None:
    """Written "1 of 2, complete"; the EU writes it 1/1."""
    entry = vaccinated(L7="1", L8="2", LA="TE")
    assert (entry.dn, entry.sd) == (1, 1)
    assert (vaccinated(L7="3", L8="2", LA="TE").sd, vaccinated(L7="3", L8="3", LA="TE").sd) == (2, 3)


def test_specimens_are_built_as_their_issuer_builds_them() -> None:
    """The lab's encoder and the specification's sample agree, byte for byte (v3.1.3, example 17)."""
    sample = (
        "DC04FR0000011E6D1E6DL101FRL0THEOULE SUR MER\x1dL1JEAN PAUL\x1dL231051962L3COVID-19\x1d"
        "L4J07BX03\x1dL5COMIRNATY PFIZER/BIONTECH\x1dL6COMIRNATY PFIZER/BIONTECH\x1dL71L82L901032021LACO"
    )
    day = date(2021, 4, 29)
    product = "COMIRNATY PFIZER/BIONTECH"
    values = {
        **{"L0": "THEOULE SUR MER", "L1": "JEAN PAUL", "L2": "31051962", "L3": "COVID-19", "L4": "J07BX03"},
        **{"L5": product, "L6": product, "L7": "1", "L8": "2", "L9": "01032021", "LA": "CO"},
    }
    made = replace(L1, kid=b"FR000001", issued_on=day, signed_on=day, fields=values)
    assert made.signed().decode() == sample


def test_the_signature_is_base32_without_padding() -> None:
    """As the specification spells it."""
    signature = french.sign(L1.authority, b"x")
    data = replace(L1, signature=signature).data()
    assert base64.b32decode(data.partition(b"\x1f")[2] + b"=") == signature
    assert len(data) - len(L1.signed()) == 104


def test_days_count_from_2000() -> None:
    """In four hexadecimal digits, to the year 2179."""
    assert twoddoc.day_of(b"0000") == date(2000, 1, 1)
    assert twoddoc.day_of(b"FFFE") == date(2000, 1, 1) + timedelta(days=0xFFFE)
    assert twoddoc.day_of(b"FFFF") is None
