"""The French test authority, and its flaws against the verifier."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
import zxingcpp

from doorcheck.core import dcc
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.core.trust import Scope, Signer, TrustList
from doorcheck.core.verdict import Outcome, PassFormat, Reason
from doorcheck.core.verify import verify
from doorcheck.lab import french, frenchflaws
from doorcheck.lab.bench import Bench
from doorcheck.lab.frenchflaws import Row
from doorcheck.lab.issuer import PEOPLE, Person

BENCH: Final = Bench(seed="the French flaws")
ROWS: Final = list(frenchflaws.flaws())
TRUST: Final = french.trust_list(BENCH)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_one_flaw_gives_one_reason(row: Row) -> None:
    """A good French pass with one thing broken is refused for that thing, and for no other."""
    _, expected, build = row
    case = build(BENCH)
    assert verify(case.symbol, case.world, case.moment).reason is expected


def test_flaws_have_names_of_their_own() -> None:
    """A flaw is found by its name."""
    names = [name for name, _, _ in ROWS]
    assert len(names) == len(set(names))


def test_the_reasons_of_the_french_formats_are_produced() -> None:
    """Those that no other format has."""
    wanted = {
        Reason.TWO_D_DOC,
        Reason.TWO_D_DOC_FRAME,
        Reason.TWO_D_DOC_FIELDS,
        Reason.OTHER_KIND,
        Reason.EXEMPTION_DATES,
        Reason.LISTED_DOCUMENT,
    }
    assert wanted <= {expected for _, expected, _ in ROWS}


# What of each format is good, by its prefix and the scope that its signer needs.
GOOD: Final = {
    PassFormat.HC1: (Scope.HC1, BENCH.draft.text(), BENCH.authority.signer),
    PassFormat.HCFR1: (
        Scope.LIGHT,
        french.text(BENCH, french.light_token(BENCH.person, BENCH.utc), french.HCFR1),
        french.light_signer(BENCH.utc),
    ),
    PassFormat.EX1: (
        Scope.EXEMPTION,
        french.text(BENCH, french.exemption_token(BENCH.person, BENCH.utc), french.EX1),
        french.exemption_signer(BENCH.utc),
    ),
    PassFormat.TWO_D_DOC: (
        Scope.TWO_D_DOC,
        french.vaccination(BENCH.person, BENCH.utc).data(),
        french.document_signer(french.VACCINATIONS, BENCH.utc),
    ),
}


def judged(data: bytes, *signers: Signer, moment: Moment = BENCH.moment) -> Reason:
    """The verifier's reason under a trust list of those signers."""
    world = replace(BENCH.world, trust=TrustList(signers, 0))
    return verify(Symbol(SymbolFormat.TEXT, data), world, moment).reason


@pytest.mark.parametrize("scope", [Scope(bits) for bits in range(16)], ids=repr)
@pytest.mark.parametrize("form", GOOD, ids=lambda form: form.value)
def test_only_the_scope_of_a_format_admits_it(form: PassFormat, scope: Scope) -> None:
    """Every format with its signer under every set of scopes: admitted where its own is among them."""
    needed, data, signer = GOOD[form]
    expected = Reason.OK if scope & needed else Reason.SCOPE
    assert judged(data, replace(signer, scope=scope)) is expected


@pytest.mark.parametrize("scope", [Scope(bits) for bits in range(16)], ids=repr)
@pytest.mark.parametrize("prefix", [b"HC1:", b"HCFR1:", b"EX1:"], ids=bytes.decode)
@pytest.mark.parametrize(
    "form", [PassFormat.HC1, PassFormat.HCFR1, PassFormat.EX1], ids=lambda form: form.value
)
def test_no_prefix_admits_what_is_of_another_kind(form: PassFormat, prefix: bytes, scope: Scope) -> None:
    """Format by prefix by scope: no cell admits that should not, for contents count, too."""
    needed, data, signer = GOOD[form]
    body = data.partition(b":")[2]
    prefixed = {b"HC1:": PassFormat.HC1, b"HCFR1:": PassFormat.HCFR1, b"EX1:": PassFormat.EX1}[prefix]
    reason = judged(prefix + body, replace(signer, scope=scope))
    assert (reason is Reason.OK) == (prefixed is form and bool(scope & needed))
    if not scope & GOOD[prefixed][0]:
        assert reason is Reason.SCOPE


def test_every_french_pass_shows_the_test_signal() -> None:
    """Whoever trusts the lab's signers sees it."""
    for _, data, _ in GOOD.values():
        verdict = verify(Symbol(SymbolFormat.TEXT, data), replace(BENCH.world, trust=TRUST), BENCH.moment)
        assert (verdict.outcome, verdict.test) == (Outcome.ADMIT, True)


def test_one_person_has_one_mark_in_every_format() -> None:
    """So that a paper with two codes counts once, in a link or not."""
    world = replace(BENCH.world, trust=TRUST)
    texts = [data for _, data, _ in GOOD.values()]
    texts += [
        french.link(GOOD[PassFormat.TWO_D_DOC][1]),
        french.negative_test(BENCH.person, BENCH.utc).data(),
    ]
    marks = {verify(Symbol(SymbolFormat.TEXT, text), world, BENCH.moment).mark for text in texts}
    assert len(marks) == 1
    other = french.vaccination(PEOPLE[1], BENCH.utc).data()
    assert verify(Symbol(SymbolFormat.TEXT, other), world, BENCH.moment).mark not in marks


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.surname)
def test_every_invented_person_has_good_documents(person: Person) -> None:
    """Accents and all."""
    assert judged(french.vaccination(person, BENCH.utc).data(), *TRUST) is Reason.OK
    assert judged(french.negative_test(person, BENCH.utc).data(), *TRUST) is Reason.OK


def test_a_light_pass_ends_when_it_says() -> None:
    """At its last second and after it."""
    _, data, signer = GOOD[PassFormat.HCFR1]
    last = french.light_token(BENCH.person, BENCH.utc)[dcc.EXP]
    assert judged(data, signer, moment=Moment.at(last - 1, Basis.NETWORK)) is Reason.OK
    assert judged(data, signer, moment=Moment.at(last, Basis.NETWORK)) is Reason.EXPIRED


def test_the_authority_is_nobodys() -> None:
    """No signer bears the name of a real authority, nor of the public test one."""
    kids = {signer.kid for signer in TRUST if signer.scope & Scope.TWO_D_DOC}
    assert kids == {b"TST0XX01", b"TST0XX02"}
    assert all(signer.test for signer in TRUST)


@pytest.mark.parametrize(
    ("symbol", "ec_level"),
    [(zxingcpp.BarcodeFormat.DataMatrix, ""), (zxingcpp.BarcodeFormat.QRCode, "Q")],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_document_survives_its_symbol(symbol: zxingcpp.BarcodeFormat, ec_level: str) -> None:
    """Drawn and read again byte for byte, the separators among them, as DataMatrix and as QR."""
    for document in (
        french.vaccination(BENCH.person, BENCH.utc),
        french.negative_test(BENCH.person, BENCH.utc),
    ):
        data = document.but(**{"_01": "CUT"}).data()
        options = {"ec_level": ec_level} if ec_level else {}
        barcode = zxingcpp.create_barcode(data, symbol, **options)
        (found,) = zxingcpp.read_barcodes(zxingcpp.write_barcode_to_image(barcode, 3))
        assert found.bytes == data
        assert judged(found.bytes, *TRUST) is Reason.OK
