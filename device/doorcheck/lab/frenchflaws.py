"""The named flaws of the French formats: 2D-Doc, light passes, exemptions, wallet links.

Rows are as in `doorcheck.lab.flaws`, which takes them in: a name, the reason expected,
and how to build the case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from doorcheck.core import dcc, denylist, hcert, paris
from doorcheck.core.denylist import DenyList
from doorcheck.core.trust import Scope, TrustList, Usage
from doorcheck.core.twoddoc import GS
from doorcheck.core.verdict import Reason
from doorcheck.lab import french, issuer
from doorcheck.lab.bench import Bench, Case
from doorcheck.lab.french import EX1, HCFR1, TESTS, VACCINATIONS, Document, negative_test, vaccination

Build = Callable[[Bench], Case]
Row = tuple[str, Reason, Build]
Change = Callable[[Document], Document]


def flaws() -> Iterator[Row]:
    """Every flaw of the French formats: its name, the reason expected, and how to build its case."""
    yield from _frames()
    yield from _fields()
    yield from _proofs()
    yield from _document_signers()
    yield from _listed()
    yield from _light()
    yield from _exemptions()
    yield from _prefixes()
    yield from _links()


def _judged(bench: Bench, data: bytes, **world: Any) -> Case:
    return bench.case(data, **{"trust": french.trust_list(bench), **world})


def _l1(change: Change = lambda it: it, redo: Callable[[bytes], bytes] = lambda data: data) -> Build:
    return lambda bench: _judged(bench, redo(change(vaccination(bench.person, bench.utc)).data()))


def _b2(change: Change = lambda it: it) -> Build:
    return lambda bench: _judged(bench, change(negative_test(bench.person, bench.utc)).data())


def _l1_with(**values: str | None) -> Build:
    return _l1(lambda it: it.but(**values))


def _b2_with(**values: str | None) -> Build:
    return _b2(lambda it: it.but(**values))


def _put(**parts: Any) -> Build:
    return _l1(lambda it: replace(it, **parts))


def _frames() -> Iterator[Row]:
    bad, other, ok = Reason.TWO_D_DOC_FRAME, Reason.TWO_D_DOC, Reason.OK
    yield "2D-Doc: vaccination", ok, _l1()
    yield "2D-Doc: negative test", ok, _b2()
    for version, place in (("01", ""), ("02", ""), ("03", "01")):
        yield f"2D-Doc: header version {version}", ok, _put(version=version, place=place)
    yield "2D-Doc: annex after the signature", ok, _put(annex=b"\x1dANNEX 1")
    yield "2D-Doc: header alone", bad, _l1(redo=lambda data: data[:26])
    yield "2D-Doc: header cut short", bad, _l1(redo=lambda data: data[:21])
    yield "2D-Doc: version 04 with the header of 03", bad, _put(place="01")
    yield "2D-Doc: lower-case certificate name", bad, _l1(redo=lambda data: data.replace(b"XX02", b"xx02", 1))
    yield "2D-Doc: no separator before the signature", bad, _l1(redo=lambda data: data.replace(b"\x1f", b""))
    yield "2D-Doc: no signature", bad, _put(signature=b"")
    for size in (63, 65, 96):
        yield f"2D-Doc: signature of {size} bytes", bad, _put(signature=bytes(size))
    yield "2D-Doc: signature in lower case", bad, _l1(redo=_lower_case_signature)
    yield "2D-Doc: signature padded", bad, _l1(redo=lambda data: data + b"=")
    yield "2D-Doc: signature with spare bits set", bad, _l1(redo=spare_bit)
    yield "2D-Doc: a line's end after the signature", bad, _l1(redo=lambda data: data + b"\n")
    yield "2D-Doc: a letter outside ASCII", bad, _l1(redo=lambda data: data.replace(b"L0", b"L0\xc9", 1))
    yield "2D-Doc: a tax notice", other, _put(code="04")
    yield "2D-Doc: a tax notice with a longer signature", other, _put(code="04", signature=bytes(132))
    yield "2D-Doc: another perimeter's L1", other, _put(place="02FR")
    yield "2D-Doc: another country's L1", other, _put(place="01XX")


def _lower_case_signature(data: bytes) -> bytes:
    signed, _, signature = data.partition(b"\x1f")
    return signed + b"\x1f" + signature.lower()


def spare_bit(data: bytes) -> bytes:
    """The same signature in another spelling: the last character has three bits that nobody reads."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    return data[:-1] + bytes([alphabet[alphabet.index(data[-1]) | 1]])


def _fields() -> Iterator[Row]:
    bad, ok = Reason.TWO_D_DOC_FIELDS, Reason.OK
    yield "2D-Doc: fields in another order", ok, _l1(lambda it: replace(it, fields=_reversed(it.fields)))
    yield "2D-Doc: without optional fields", ok, _l1_with(L1=None, L3=None, L4=None, L6=None)
    yield "2D-Doc: without forenames and sex", ok, _b2_with(F0=None, F3=None)
    yield "2D-Doc: with fields of any document", ok, _l1_with(_01="X7", _06="1E69", _09="0001", _0C="GEZDG")
    yield "2D-Doc: empty names", ok, _l1_with(L0="", L1="")
    yield "2D-Doc: empty birth date", ok, _l1_with(L2="")
    yield "2D-Doc: a name cut to fit", ok, _l1_with(L0="N" * 90)
    yield "2D-Doc: a name of the greatest length", ok, _l1_with(L0="N" * 80)
    yield "2D-Doc: the greatest length, and ended", ok, _around("L0" + "N" * 80 + GS)
    yield "2D-Doc: last field not ended", ok, _around(after="L0SURNAME")
    for birth in ("31021962", "00001962", "00061962", "01991962", "00000000", "AB061962", "0606ABCD"):
        yield f"2D-Doc: born {birth}", ok, _l1_with(L2=birth)
    yield "2D-Doc: empty message", bad, _put(message="")
    yield "2D-Doc: unknown field", bad, _around("ZZX" + GS, without="L6")
    yield "2D-Doc: a test's field in a vaccination", bad, _around("F5N", without="L6")
    yield "2D-Doc: a field twice", bad, _around("L72", without="L6")
    yield "2D-Doc: a character left over", bad, _around(after="L", without="L6")
    yield "2D-Doc: fixed field cut short", bad, _around("061E6" + GS, without="L6")
    yield "2D-Doc: fixed field at the end cut short", bad, _around(after="061E6", without="L6")
    for name in ("L0", "L2", "L5", "L7", "L8", "L9", "LA"):
        yield f"2D-Doc: without {name}", bad, _l1_with(**{name: None})
    for name in ("F1", "F2", "F4", "F5", "F6"):
        yield f"2D-Doc: without {name}", bad, _b2_with(**{name: None})
    for name, value in (("L9", "31022021"), ("L9", ""), ("L7", "0"), ("L8", "X"), ("LA", "NO"), ("LA", "")):
        yield f"2D-Doc: {name} {value!r}", bad, _l1_with(**{name: value})
    for value in ("310220211200", "010320262400", "0103 2026120", ""):
        yield f"2D-Doc: sampled {value!r}", bad, _b2_with(F6=value)
    yield "2D-Doc: expiry that is no number", bad, _l1_with(_08="SOON")


def _reversed(fields: Mapping[str, str]) -> dict[str, str]:
    return dict(reversed(list(fields.items())))


def _around(before: str = "", after: str = "", without: str = "L0") -> Build:
    """The message with one field taken out, and text put before and after the rest."""

    def change(document: Document) -> Document:
        return replace(document, message=before + document.but(**{without: None}).text() + after)

    return _l1(change)


def _proofs() -> Iterator[Row]:
    ok, doses, result = Reason.OK, Reason.DOSES, Reason.TEST_RESULT
    for given, expected, state, reason in (
        ("1", "2", "CO", doses),
        ("2", "2", "CO", doses),
        ("3", "2", "CO", doses),
        ("1", "2", "TE", ok),
        ("1", "1", "TE", ok),
        ("3", "2", "TE", ok),
    ):
        yield (
            f"2D-Doc: dose {given} of {expected}, {state}",
            reason,
            _l1_with(L7=given, L8=expected, LA=state),
        )
    for letter in "PIX":
        yield f"2D-Doc: test result {letter}", result, _b2_with(F5=letter)
    yield "2D-Doc: no test result", result, _b2_with(F5="")
    yield "2D-Doc: sampled later than now", Reason.FUTURE, _b2(_sampled_later)


def _sampled_later(test: Document) -> Document:
    sampled = datetime.strptime(test.fields["F6"], "%d%m%Y%H%M") + timedelta(hours=7)
    return test.but(F6=sampled.strftime("%d%m%Y%H%M"))


def _document_signers() -> Iterator[Row]:
    signature, usage = Reason.SIGNATURE, Reason.KEY_USAGE
    yield "2D-Doc: a field altered", signature, _l1(redo=lambda data: data.replace(b"LATE", b"LACO"))
    yield (
        "2D-Doc: the header altered",
        signature,
        _l1(redo=lambda data: data.replace(b"L101FR", b"B201FR", 1)),
    )
    yield (
        "2D-Doc: another document's signature",
        signature,
        _l1(lambda it: _with_signature_of(it, it.but(L7="3"))),
    )
    yield "2D-Doc: signature of zeros", signature, _put(signature=bytes(64))
    yield "2D-Doc: the other s (n - s)", Reason.OK, _l1(lambda it: replace(it, signature=french.other_s(it)))
    yield "2D-Doc: unknown signer", Reason.UNKNOWN_SIGNER, _put(kid=b"TST0XX03")
    yield "2D-Doc: the public test authority", Reason.UNKNOWN_SIGNER, _put(kid=b"FR000001")
    yield "2D-Doc: a vaccination by the signer of tests", usage, lambda b: _judged(b, _by(b, TESTS))
    yield "2D-Doc: a key for EU certificates", Reason.SCOPE, _by_eu_signer
    for shift, reason in ((0, Reason.OK), (1, Reason.SIGNER_EXPIRED)):
        yield f"2D-Doc: signed {shift} days after its signer ended", reason, _signed_late(shift)
    for shift, reason in ((0, Reason.OK), (1, Reason.SIGNER_EARLY)):
        yield f"2D-Doc: signed {shift} days before its signer began", reason, _signed_early(shift)
    yield "2D-Doc: without a date of signature", Reason.TWO_D_DOC_FIELDS, _put(signed_on=None)
    yield "2D-Doc: without a date of issue", Reason.OK, _put(issued_on=None)
    for shift, reason in ((0, Reason.OK), (1, Reason.ISSUED_LATER)):
        yield f"2D-Doc: signed {shift} days from now", reason, _signed_on(shift)
    for shift, reason in ((0, Reason.OK), (-1, Reason.EXPIRED)):
        yield f"2D-Doc: its last day {shift} days from now", reason, _expires(shift)
    yield "2D-Doc: no last day", Reason.OK, _l1_with(_08="FFFF")


def _with_signature_of(document: Document, other: Document) -> Document:
    return replace(document, signature=french.sign(other.authority, other.signed()))


def _by(bench: Bench, kid: bytes) -> bytes:
    return replace(
        vaccination(bench.person, bench.utc), kid=kid, authority=french.authority(kid, bench.utc)
    ).data()


def _by_eu_signer(bench: Bench) -> Case:
    """Trusted for HC1 under a kid that is a 2D-Doc's, and nothing else."""
    signer = replace(french.document_signer(VACCINATIONS, bench.utc), scope=Scope.HC1, usage=Usage.ANY)
    document = vaccination(bench.person, bench.utc)
    return _judged(bench, document.data(), trust=TrustList([signer], 0))


def _signed_late(shift: int) -> Build:
    """By a signer whose last second is the first of a French day."""

    def build(bench: Bench) -> Case:
        signer = french.document_signer(VACCINATIONS, bench.utc)
        last = paris.first_second(_signing_day(bench) - timedelta(days=shift))
        trust = TrustList([replace(signer, not_after=last)], 0)
        return _judged(bench, vaccination(bench.person, bench.utc).data(), trust=trust)

    return build


def _signed_early(shift: int) -> Build:
    """By a signer whose first second is the last of a French day."""

    def build(bench: Bench) -> Case:
        signer = french.document_signer(VACCINATIONS, bench.utc)
        first = paris.first_second(_signing_day(bench) + timedelta(days=shift + 1)) - 1
        trust = TrustList([replace(signer, not_before=first)], 0)
        return _judged(bench, vaccination(bench.person, bench.utc).data(), trust=trust)

    return build


def _signing_day(bench: Bench) -> date:
    signed_on = vaccination(bench.person, bench.utc).signed_on
    assert signed_on  # noqa: S101 (the lab's documents are dated)
    return signed_on


def _signed_on(shift: int) -> Build:
    def build(bench: Bench) -> Case:
        day = paris.day(bench.utc) + timedelta(days=shift)
        document = vaccination(bench.person, bench.utc)
        return _judged(bench, replace(document, issued_on=day, signed_on=day).data())

    return build


def _expires(shift: int) -> Build:
    def build(bench: Bench) -> Case:
        last = french.days(paris.day(bench.utc) + timedelta(days=shift))
        return _judged(bench, vaccination(bench.person, bench.utc).but(_08=last).data())

    return build


def _listed() -> Iterator[Row]:
    def listed(item: Callable[[Document], bytes]) -> Build:
        def build(bench: Bench) -> Case:
            document = vaccination(bench.person, bench.utc)
            return _judged(bench, document.data(), deny=DenyList([denylist.digest(item(document))]))

        return build

    yield "2D-Doc: listed by its signed bytes", Reason.LISTED_DOCUMENT, listed(lambda it: it.signed())
    yield "2D-Doc: listed by its signature", Reason.LISTED_SIGNATURE, _listed_signature
    yield "2D-Doc: nothing is listed for having no identifier", Reason.OK, listed(lambda _: b"")
    yield "2D-Doc: its country alone is listed", Reason.OK, listed(lambda _: b"FR")


def _listed_signature(bench: Bench) -> Case:
    document = vaccination(bench.person, bench.utc)
    signature = french.sign(document.authority, document.signed())
    deny = DenyList([denylist.digest(signature[:32])])
    return _judged(bench, replace(document, signature=signature).data(), deny=deny)


def _signed_light(change: Callable[[dict[int, Any]], Any] = lambda token: token, **groups: Any) -> Build:
    return lambda bench: _judged(
        bench, french.text(bench, change(french.light_token(bench.person, bench.utc, **groups)), HCFR1)
    )


def _light() -> Iterator[Row]:
    kind = Reason.OTHER_KIND
    yield "light pass", Reason.OK, _signed_light()
    yield "light pass with empty groups", Reason.OK, _signed_light(v=None, t=[])
    yield "light pass with a vaccination", kind, lambda b: _judged(b, _light_with(b, "v"))
    yield "light pass with a test", kind, lambda b: _judged(b, _light_with(b, "t"))
    yield "light pass with a recovery", kind, lambda b: _judged(b, _light_with(b, "r"))
    yield "light pass with an exemption", kind, _signed_light(ex={})
    for name, claim, shift, reason in (
        ("expires this second", dcc.EXP, 0, Reason.EXPIRED),
        ("expires in a second", dcc.EXP, 1, Reason.OK),
        ("issued this second", dcc.IAT, 0, Reason.OK),
        ("issued in a second", dcc.IAT, 1, Reason.ISSUED_LATER),
    ):
        yield f"light pass: {name}", reason, _light_at(claim, shift)


def _light_with(bench: Bench, group: str) -> bytes:
    proofs = {"v": issuer.vaccination, "t": issuer.negative_test, "r": issuer.recovery}
    entry = dict(proofs[group](bench.utc, "light").entry)
    return french.text(bench, french.light_token(bench.person, bench.utc, **{group: [entry]}), HCFR1)


def _light_at(claim: int, shift: int) -> Build:
    def build(bench: Bench) -> Case:
        seconds = int(bench.utc.timestamp()) + shift
        return _signed_light(lambda token: {**token, claim: seconds})(bench)

    return build


def _signed_exemption(**fields: Any) -> Build:
    return lambda bench: _judged(
        bench, french.text(bench, french.exemption_token(bench.person, bench.utc, **fields), EX1)
    )


def _exemptions() -> Iterator[Row]:
    yield "exemption", Reason.OK, _signed_exemption()
    yield "exemption that is not one", Reason.CERTIFICATE, _signed_exemption(df=None)
    yield "exemption without an exemption", Reason.OTHER_KIND, lambda b: _judged(b, _bare_exemption(b))
    yield "exemption with a vaccination", Reason.OTHER_KIND, lambda b: _judged(b, _exemption_with(b, "v"))
    yield "exemption from one day to another unknown", Reason.RULE_ERROR, _signed_exemption(du="later")
    for first, last, reason in (
        (0, 0, Reason.OK),
        (-1, -1, Reason.EXEMPTION_DATES),
        (1, 1, Reason.EXEMPTION_DATES),
    ):
        yield f"exemption from day {first} to day {last}", reason, _exempt_on(first, last)
    yield "exemption on the deny list", Reason.LISTED_IDENTIFIER, _listed_exemption


def _bare_exemption(bench: Bench) -> bytes:
    return french.text(bench, french.light_token(bench.person, bench.utc), EX1)


def _exemption_with(bench: Bench, group: str) -> bytes:
    token = french.exemption_token(bench.person, bench.utc)
    entry = dict(issuer.vaccination(bench.utc, "exemption").entry)
    holder = {**token[dcc.HCERT][dcc.EU_DCC], group: [entry]}
    return french.text(bench, {**token, dcc.HCERT: {dcc.EU_DCC: holder}}, EX1)


def _exempt_on(first: int, last: int) -> Build:
    def build(bench: Bench) -> Case:
        df, du = ((paris.day(bench.utc) + timedelta(days=shift)).isoformat() for shift in (first, last))
        return _signed_exemption(df=df, du=du)(bench)

    return build


def _listed_exemption(bench: Bench) -> Case:
    token = french.exemption_token(bench.person, bench.utc)
    identifier = token[dcc.HCERT][dcc.EU_DCC]["ex"]["ci"].encode()
    return _judged(bench, french.text(bench, token, EX1), deny=DenyList([denylist.digest(identifier)]))


def _prefixes() -> Iterator[Row]:
    """A prefix gives no rights: every kind of contents by its own signer, under every other prefix."""
    names = {hcert.HC1: "HC1", HCFR1: "HCFR1", EX1: "EX1"}
    for by, make in _KINDS.items():
        for prefix, name in names.items():
            if prefix != by:
                yield f"{names[by]} under {name}", _CROSSED[by, prefix], _crossed(make, by, prefix)


_KINDS: dict[bytes, Callable[[Bench], Any]] = {
    hcert.HC1: lambda bench: bench.token,
    HCFR1: lambda bench: french.light_token(bench.person, bench.utc),
    EX1: lambda bench: french.exemption_token(bench.person, bench.utc),
}
_CROSSED = {
    (hcert.HC1, HCFR1): Reason.SCOPE,
    (hcert.HC1, EX1): Reason.SCOPE,
    (HCFR1, hcert.HC1): Reason.SCOPE,
    (HCFR1, EX1): Reason.SCOPE,
    (EX1, HCFR1): Reason.SCOPE,
    (EX1, hcert.HC1): Reason.OTHER_KIND,
}
"""A French signer of exemptions signs EU certificates too: under HC1 nobody would look at
an exemption's dates, so it is refused there by its kind."""


def _crossed(make: Callable[[Bench], Any], by: bytes, prefix: bytes) -> Build:
    def build(bench: Bench) -> Case:
        if by == hcert.HC1:
            return _judged(bench, prefix + bench.draft.text().removeprefix(hcert.HC1))
        return _judged(bench, french.text(bench, make(bench), by, prefix))

    return build


def _links() -> Iterator[Row]:
    for path in (b"wallet?v=", b"wallet?q=", b"wallet2d#"):
        name = path.decode()
        yield f"2D-Doc in a link, {name}", Reason.OK, _linked(french.link, path)
        yield f"2D-Doc in a link, {name}, spelled out", Reason.OK, _linked(french.spelled_link, path)
    yield "HC1 in a link", Reason.OK, lambda b: _judged(b, french.link(b.draft.text(), b"walletdcc#"))
    no_pass = Reason.NOT_A_PASS
    yield "a link in a link", no_pass, _l1(redo=lambda data: french.link(french.link(data)))
    yield (
        "a link on another host",
        no_pass,
        _l1(redo=_on_another_host),
    )
    yield "a link without a pass", no_pass, _l1(redo=lambda _: french.link(b""))


def _linked(wrap: Callable[[bytes, bytes], bytes], path: bytes) -> Build:
    return _l1(redo=lambda data: wrap(data, path))


def _on_another_host(data: bytes) -> bytes:
    return french.link(data).replace(b".gouv.fr/", b".gouv.fr.example/")
