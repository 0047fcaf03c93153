"""The catalogue of named flaws: a good pass, one thing broken, one reason expected.

Each flaw builds its case from a `Bench` and the code under test judges it; together they
produce every reason code. The catalogue ships: an auditor can run it against a door, and
`doorcheck lab` makes pictures of it.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from doorcheck.core import cbor, cose, dcc, denylist, hcert
from doorcheck.core.denylist import DenyList
from doorcheck.core.freshness import Freshness
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.ruleset import RuleSet
from doorcheck.core.trust import Algorithm, Scope, TrustList, Usage
from doorcheck.core.verdict import Outcome, Reason
from doorcheck.lab import frenchflaws, issuer, venue
from doorcheck.lab.bench import Bench, Case
from doorcheck.lab.issuer import Proof
from doorcheck.lab.reencoding import other_s, with_part

Build = Callable[[Bench], Case]
Prove = Callable[[datetime, str], Proof]


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is broken, or that looks broken and is not (`Reason.OK`)."""

    name: str
    expected: Reason
    build: Build


def catalogue() -> Iterator[Flaw]:
    """Every flaw that a single symbol can show."""
    for group in (
        _encoding,
        _frame,
        _signatures,
        _signers,
        _claims,
        _certificates,
        _denied,
        _foreign,
        _proofs,
        _profiles,
        _doors,
    ):
        for name, expected, build in group():
            yield Flaw(name, expected, build)
    for name, expected, build in frenchflaws.flaws():
        yield Flaw(name, expected, build)


_Row = tuple[str, Reason, Build]


def _claims_with(**claims: Any) -> Build:
    return lambda bench: bench.with_claims(**claims)


def _certificate_with(**fields: Any) -> Build:
    return lambda bench: bench.with_certificate(**fields)


def _proof_with(prove: Prove, **entry: Any) -> Build:
    return lambda bench: bench.with_proof(prove(bench.utc, "flaw").but(**entry))


def _token_with(claims: dict[Any, Any]) -> Build:
    return lambda bench: bench.case(replace(bench.draft, token={**bench.token, **claims}).text())


def _payload(change: Callable[[bytes], bytes]) -> Build:
    return lambda bench: bench.case(replace(bench.draft, payload=change(cbor.encode(bench.token))).text())


def _headers(protected: Callable[[bytes], Any], unprotected: Callable[[bytes], Any] = lambda _: {}) -> Build:
    """Headers made from the good key identifier."""
    return lambda bench: bench.with_headers(
        protected(bench.authority.signer.kid), unprotected(bench.authority.signer.kid)
    )


def _text(data: bytes) -> Build:
    return lambda bench: bench.case(data)


def _prefixed(prefix: bytes) -> Build:
    return lambda bench: bench.case(prefix + bench.draft.text()[4:])


def _retext(change: Callable[[bytes], bytes]) -> Build:
    return lambda bench: bench.case(change(bench.draft.text()))


def _recompress(change: Callable[[bytes], bytes]) -> Build:
    return lambda bench: bench.case(hcert.HC1 + issuer.base45(change(bench.draft.message())))


def _recompressed(level: int) -> Build:
    return _recompress(lambda message: zlib.compress(message, level))


def _last_bit_flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _reframe(change: Callable[[bytes], bytes]) -> Build:
    return lambda bench: bench.case(issuer.text(change(bench.draft.message())))


def _encoding() -> Iterator[_Row]:
    ok = Reason.OK
    yield "nothing", ok, _retext(lambda text: text)
    yield "lower-case prefix", Reason.NOT_A_PASS, _retext(lambda text: b"hc1:" + text[4:])
    yield "no prefix", Reason.NOT_A_PASS, _retext(lambda text: text[4:])
    yield "reserved prefix HC2", Reason.NOT_A_PASS, _retext(lambda text: b"HC2:" + text[4:])
    yield "a web address", Reason.NOT_A_PASS, _retext(lambda _: b"https://example.org/menu")
    yield "nothing at all", Reason.NOT_A_PASS, _retext(lambda _: b"")
    yield "longer than a symbol", Reason.TOO_LARGE, _retext(lambda text: text + b"0" * 4296)
    yield "character outside base45", Reason.BASE45, _retext(lambda text: text[:-1] + b"a")
    yield "base45 of length 3n+1", Reason.BASE45, _retext(lambda _: b"HC1:0000")
    yield "base45 triplet above 65535", Reason.BASE45, _retext(lambda _: b"HC1::::")
    yield "base45 pair above 255", Reason.BASE45, _retext(lambda _: b"HC1:::")
    yield "text after base45", Reason.BASE45, _retext(lambda text: text + b"\nx")
    yield "zlib replaced by nothing", Reason.COMPRESSION, _recompress(lambda message: message)
    yield "zlib cut short", Reason.COMPRESSION, _recompress(lambda message: zlib.compress(message)[:-3])
    yield (
        "bytes after zlib",
        Reason.COMPRESSION,
        _recompress(lambda message: zlib.compress(message) + b"\x00"),
    )
    yield (
        "zlib checksum wrong",
        Reason.COMPRESSION,
        _recompress(lambda message: _last_bit_flipped(zlib.compress(message))),
    )
    yield "zlib bomb", Reason.TOO_LARGE, _recompress(lambda _: zlib.compress(bytes(1_000_000), 9))
    yield "nothing compressed", Reason.COSE, _recompress(lambda _: zlib.compress(b""))
    for level in range(10):
        yield f"zlib level {level}", ok, _recompressed(level)


def _frame() -> Iterator[_Row]:
    yield "no tag", Reason.OK, _reframe(lambda message: message[1:])
    yield "tag 61 around 18", Reason.OK, _reframe(lambda message: b"\xd8\x3d" + message)
    yield "tag 61 alone", Reason.COSE, _reframe(lambda message: b"\xd8\x3d" + message[1:])
    yield "tag 18 twice", Reason.COSE, _reframe(lambda message: b"\xd2" + message)
    yield "tag 17 (MAC0)", Reason.COSE, _reframe(lambda message: b"\xd1" + message[1:])
    yield "bytes after COSE", Reason.COSE, _reframe(lambda message: message + b"\x00")
    yield "array of three", Reason.COSE, _reframe(lambda message: b"\x83" + message[2:])
    yield "a map for a frame", Reason.COSE, _reframe(lambda _: b"\xa4\x00\x00\x01\x01\x02\x02\x03\x03")
    yield "a number for a frame", Reason.COSE, _reframe(lambda _: b"\x00")
    yield (
        "protected header not a byte string",
        Reason.COSE,
        _reframe(lambda frame: with_part(frame, 0, {})),
    )
    yield "protected header malformed", Reason.COSE, _reframe(lambda message: with_part(message, 0, b"\xa1"))
    yield "payload missing", Reason.COSE, _reframe(lambda message: with_part(message, 2, None))
    yield "depth bomb", Reason.COSE, _reframe(lambda message: with_part(message, 1, _nested(40)))
    yield "unprotected header with a regular expression (tag 35)", Reason.COSE, _reframe(_with_tag_35)
    yield "duplicate unprotected key", Reason.COSE, _reframe(_with_duplicate_key)
    yield "indefinite-length frame", Reason.OK, _reframe(lambda message: b"\x9f" + message[2:] + b"\xff")
    alg, kid = cose.ALG, cose.KID
    yield "a critical header", Reason.COSE, _headers(lambda k: {alg: -7, 2: [99], kid: k})
    yield "no algorithm", Reason.ALGORITHM, _headers(lambda k: {kid: k})
    yield "algorithm ES384", Reason.ALGORITHM, _headers(lambda k: {alg: -35, kid: k})
    yield "algorithm as text", Reason.ALGORITHM, _headers(lambda k: {alg: "ES256", kid: k})
    yield "algorithm PS256 with a P-256 key", Reason.ALGORITHM, _headers(lambda k: {alg: -37, kid: k})
    yield "algorithm unprotected", Reason.OK, _headers(lambda k: {kid: k}, lambda _: {alg: -7})
    yield "kid unprotected", Reason.OK, _headers(lambda _: {alg: -7}, lambda k: {kid: k})
    yield "all headers unprotected", Reason.OK, _headers(lambda _: b"", lambda k: {alg: -7, kid: k})
    yield (
        "kid twice, protected right",
        Reason.OK,
        _headers(lambda k: {alg: -7, kid: k}, lambda _: {kid: bytes(8)}),
    )
    yield (
        "kid twice, protected wrong",
        Reason.UNKNOWN_SIGNER,
        _headers(lambda _: {alg: -7, kid: bytes(8)}, lambda k: {kid: k}),
    )
    yield "no kid", Reason.NO_SIGNER, _headers(lambda _: {alg: -7})
    yield "kid as text", Reason.NO_SIGNER, _headers(lambda _: {alg: -7, kid: "12345678"})
    yield "kid of no bytes", Reason.NO_SIGNER, _headers(lambda _: {alg: -7, kid: b""})
    yield "kid of 33 bytes", Reason.NO_SIGNER, _headers(lambda _: {alg: -7, kid: bytes(33)})
    yield "kid of 9 bytes", Reason.UNKNOWN_SIGNER, _headers(lambda k: {alg: -7, kid: k + b"\x00"})
    yield "kid of 7 bytes, as listed", Reason.OK, _seven_byte_kid


def _nested(levels: int) -> Any:
    item: Any = {}
    for _ in range(levels):
        item = {0: item}
    return item


def _with_tag_35(message: bytes) -> bytes:
    return message.replace(b"\xa0", b"\xa1\x00\xd8\x23\x61a", 1)


def _with_duplicate_key(message: bytes) -> bytes:
    return message.replace(b"\xa0", b"\xa2\x00\x00\x00\x00", 1)


def _seven_byte_kid(bench: Bench) -> Case:
    kid = b"Key1PRO"
    draft = replace(bench.draft, protected={cose.ALG: -7, cose.KID: kid})
    return bench.with_signer(replace(bench.authority.signer, kid=kid), draft.text())


def _signatures() -> Iterator[_Row]:
    def cut(size: int) -> Build:
        return _reframe(lambda message: with_part(message, 3, (cbor.decode(message[1:])[3] * 2)[:size]))

    yield (
        "payload altered after signing",
        Reason.SIGNATURE,
        _reframe(lambda message: message.replace(b"Lanterne", b"Lantorne")),
    )
    yield (
        "signed by a stranger under a trusted kid",
        Reason.SIGNATURE,
        lambda b: b.case(
            replace(
                b.draft, authority=b.stranger, protected={cose.ALG: -7, cose.KID: b.authority.signer.kid}
            ).text()
        ),
    )
    for size in (0, 63, 65, 71, 128):
        yield f"signature of {size} bytes", Reason.SIGNATURE, cut(size)
    yield "signature of zeros", Reason.SIGNATURE, _reframe(lambda message: with_part(message, 3, bytes(64)))
    yield "signature with the other s (n - s)", Reason.OK, _reframe(other_s)
    yield "RSA signature (PS256)", Reason.OK, lambda b: _rsa_case(b, 2048)
    yield "RSA key, header says ES256", Reason.ALGORITHM, lambda b: _rsa_case(b, 2048, Algorithm.ES256)


def _rsa_case(bench: Bench, bits: int, header: Algorithm = Algorithm.PS256) -> Case:
    key = rsa.generate_private_key(65537, bits)
    numbers = key.public_key().public_numbers()
    public = cbor.encode([numbers.n.to_bytes(bits // 8, "big"), numbers.e.to_bytes(3, "big")])
    signer = replace(bench.authority.signer, algorithm=Algorithm.PS256, key=public)
    draft = replace(bench.draft, rsa_key=key, algorithm=header)
    return bench.with_signer(signer, draft.text())


def _scope(scope: Scope) -> Build:
    return lambda bench: bench.with_signer(replace(bench.authority.signer, scope=scope))


def _signers() -> Iterator[_Row]:
    for scope in (Scope.LIGHT, Scope.EXEMPTION, Scope.TWO_D_DOC):
        yield f"signer for {scope.name} signs a good pass", Reason.SCOPE, _scope(scope)
    yield (
        "signer not in the trust list",
        Reason.UNKNOWN_SIGNER,
        lambda b: b.case(b.stranger.issue(b.person, b.proof, b.utc)),
    )
    yield (
        "two signers with one kid, the second signed",
        Reason.OK,
        lambda b: b.case(
            b.draft.text(),
            trust=TrustList([replace(b.stranger.signer, kid=b.authority.signer.kid), b.authority.signer], 0),
        ),
    )

    def now(bench: Bench) -> int:
        return int(bench.utc.timestamp())

    yield (
        "signer expires this second",
        Reason.OK,
        lambda b: b.with_signer(replace(b.authority.signer, not_after=now(b))),
    )
    yield (
        "signer expired a second ago",
        Reason.SIGNER_EXPIRED,
        lambda b: b.with_signer(replace(b.authority.signer, not_after=now(b) - 1)),
    )
    yield (
        "signer valid from this second",
        Reason.OK,
        lambda b: b.with_signer(replace(b.authority.signer, not_before=now(b))),
    )
    yield (
        "signer valid in a second",
        Reason.SIGNER_EARLY,
        lambda b: b.with_signer(replace(b.authority.signer, not_before=now(b) + 1)),
    )
    proofs = {
        Usage.VACCINATION: issuer.vaccination,
        Usage.TEST: issuer.negative_test,
        Usage.RECOVERY: issuer.recovery,
    }
    for allowed in proofs:
        for shown, prove in proofs.items():
            expected = Reason.OK if allowed is shown else Reason.KEY_USAGE
            yield f"signer for {allowed.name} signs {shown.name}", expected, _usage(allowed, prove)


def _usage(allowed: Usage, prove: Callable[[datetime, str], Proof]) -> Build:
    def build(bench: Bench) -> Case:
        case = bench.with_proof(prove(bench.utc, "usage"))
        return replace(
            case,
            world=replace(bench.world, trust=TrustList([replace(bench.authority.signer, usage=allowed)], 0)),
        )

    return build


def _claims() -> Iterator[_Row]:
    exp, iat = dcc.EXP, dcc.IAT
    bad = Reason.CLAIMS
    yield "expires this second", Reason.OK, lambda b: b.at(b.token[exp])
    yield "expired a second ago", Reason.EXPIRED, lambda b: b.with_claims(exp=int(b.utc.timestamp()) - 1)
    yield "issued this second", Reason.OK, lambda b: b.with_claims(iat=int(b.utc.timestamp()))
    yield "issued in a second", Reason.ISSUED_LATER, lambda b: b.with_claims(iat=int(b.utc.timestamp()) + 1)
    yield (
        "times as floats",
        Reason.OK,
        lambda b: b.with_claims(iat=float(b.token[iat]), exp=b.token[exp] + 0.5),
    )
    yield "expiry not a number (NaN)", bad, _claims_with(exp=math.nan)
    yield "expiry infinite", bad, _claims_with(exp=math.inf)
    yield "expiry negative", Reason.EXPIRED, _claims_with(exp=-1)
    yield "expiry as text", bad, _claims_with(exp="2030")
    yield "expiry true", bad, _claims_with(exp=True)
    yield "no expiry", bad, _claims_with(exp=None)
    yield "no issue time", bad, _claims_with(iat=None)
    yield "no issuer", Reason.OK, _claims_with(iss=None)
    yield "issuer a ministry's long name", Reason.OK, _claims_with(iss="Ministry of Invented Affairs")
    yield "issuer another country", Reason.OK, _claims_with(iss="XY")
    yield "issuer not text", bad, _claims_with(iss=7)
    yield "issuer of 2000 characters", bad, _claims_with(iss="X" * 2000)
    yield (
        "extra claims",
        Reason.OK,
        lambda b: b.case(replace(b.draft, token={**b.token, 2: "x", 7: b"x"}).text()),
    )
    yield "specimen (expiry 42)", Reason.SPECIMEN, _claims_with(exp=42)
    yield "no health certificate", bad, _claims_with(hcert=None)
    yield "claims not a map", bad, lambda b: b.case(replace(b.draft, token=[1, 2]).text())
    yield "payload not CBOR", bad, lambda b: b.case(replace(b.draft, payload=b"\xff").text())
    yield (
        "bytes after the payload",
        bad,
        lambda b: b.case(replace(b.draft, payload=cbor.encode(b.token) + b"\x00").text()),
    )
    yield (
        "duplicate claim",
        bad,
        lambda b: b.case(replace(b.draft, payload=b"\xa5\x01\x61X" + cbor.encode(b.token)[1:]).text()),
    )
    yield (
        "duplicate claim hidden by a float",
        bad,
        lambda b: b.case(
            replace(
                b.draft, payload=b"\xa5\xfa" + struct.pack(">f", 4.0) + b"\x00" + cbor.encode(b.token)[1:]
            ).text()
        ),
    )
    yield (
        "claims nested too deep",
        bad,
        lambda b: b.case(replace(b.draft, token={**b.token, 9: _nested(40)}).text()),
    )
    yield (
        "indefinite-length claims",
        Reason.OK,
        lambda b: b.case(replace(b.draft, payload=b"\xbf" + cbor.encode(b.token)[1:] + b"\xff").text()),
    )
    yield (
        "claims with a tag",
        bad,
        lambda b: b.case(replace(b.draft, payload=b"\xa5\x09\xc2\x41\x01" + cbor.encode(b.token)[1:]).text()),
    )


def _certificates() -> Iterator[_Row]:
    bad = Reason.CERTIFICATE
    yield "certificate not a map", bad, _claims_with(hcert={1: "v"})
    yield "unknown claim key", bad, _claims_with(hcert={2: {}})
    yield "certificate without a name", bad, _certificate_with(nam=None)
    yield "certificate without a birth date", bad, _certificate_with(dob=None)
    for partial in ("1963", "1963-00", "1963-02", "", "1963-02-30", "1963-02-03T00:00:00"):
        yield f"birth date {partial!r}", Reason.OK, _certificate_with(dob=partial)
    yield "groups null and empty", Reason.OK, _certificate_with(t=None, r=[])
    yield "no group", Reason.NOT_ONE_PROOF, _certificate_with(v=None)
    yield (
        "two groups",
        Reason.NOT_ONE_PROOF,
        lambda b: b.with_proof(b.proof, issuer.recovery(b.utc, "second")),
    )
    yield "two entries", Reason.NOT_ONE_PROOF, lambda b: b.with_proof(b.proof, b.proof)
    yield (
        "a number of doses too long for a machine word",
        Reason.CLAIMS,
        lambda b: b.case(
            replace(
                b.draft, payload=cbor.encode(b.token).replace(b"bdn\x02", b"bdn\xc2\x49" + b"\xff" * 9)
            ).text()
        ),
    )
    yield "a hundred doses", bad, _proof_with(issuer.vaccination, dn=100)
    yield "doses as text", bad, _proof_with(issuer.vaccination, dn="2")
    yield "WHO DDCC:VS", Reason.DDCC, _claims_with(hcert={3: {}})
    yield "WHO DDCC:TR", Reason.DDCC, _claims_with(hcert={4: {}})
    yield "health link", Reason.HEALTH_LINK, _claims_with(hcert={5: [{"u": "vhlink:/x"}]})
    yield "vaccination card (ICVP)", Reason.YELLOW_CARD, _claims_with(hcert={-6: {"n": "x"}})


def _denied() -> Iterator[_Row]:
    def listed(*hashed: bytes, change: Callable[[bytes], bytes] = lambda m: m) -> Build:
        def build(bench: Bench) -> Case:
            message = bench.draft.message()
            marks = {b"R": cbor.decode(message[1:])[3][:32]}
            deny = DenyList(denylist.digest(marks.get(item, item)) for item in hashed)
            return bench.case(issuer.text(change(message)), deny=deny)

        return build

    ci = issuer.identifier("bench").encode()
    identifier, country, signature = Reason.LISTED_IDENTIFIER, Reason.LISTED_COUNTRY, Reason.LISTED_SIGNATURE
    yield "another pass is listed", Reason.OK, listed(b"URN:UVCI:01:XX:SOMEBODY")
    yield "listed by identifier", identifier, listed(ci)
    yield "listed by country and identifier", country, listed(b"XX" + ci)
    yield "listed by signature", signature, listed(b"R")
    yield "listed by signature, shown with n - s", signature, listed(b"R", change=other_s)
    yield "listed by signature, shown untagged", signature, listed(b"R", change=lambda message: message[1:])
    yield (
        "listed by issuer's country, entry has another",
        country,
        lambda b: replace(
            b.with_claims(iss="XY"), world=replace(b.world, deny=DenyList([denylist.digest(b"XY" + ci)]))
        ),
    )
    yield (
        "listed by entry's country, issuer is another",
        country,
        lambda b: replace(
            b.with_claims(iss="XY"), world=replace(b.world, deny=DenyList([denylist.digest(b"XX" + ci)]))
        ),
    )
    yield (
        "listed in upper case and trimmed",
        country,
        lambda b: replace(
            b.with_proof(b.proof.but(co=" xx", ci=f" {ci.decode()} ")),
            world=replace(b.world, deny=DenyList([denylist.digest(b"XX" + ci)])),
        ),
    )


def _foreign() -> Iterator[_Row]:
    for prefix, reason in (
        (b"HCFR1:", Reason.SCOPE),
        (b"EX1:", Reason.SCOPE),
        (b"LT1:", Reason.SWISS_LIGHT),
        (b"NO1:", Reason.NORWAY),
        (b"NL2:", Reason.NETHERLANDS),
    ):
        yield f"a good pass under {prefix.decode()}", reason, _prefixed(prefix)
    for sample, reason in (
        (b"shc:/5676290952432060346029243740", Reason.SMART_HEALTH_CARD),
        (b"NZCP:/1/2KCEVIQEIVVWK6JNGEASNICZ", Reason.NEW_ZEALAND),
        (b'{"data":{"hdr":{"t":"icao.vacc","v":1,"is":"UTO"}}}', Reason.ICAO),
        (b"PK\x03\x04\x14\x00\x00\x00\x08\x00certificate.json", Reason.DIVOC),
        (b"DC04FR0000011E691E690001FR", Reason.TWO_D_DOC),
    ):
        yield f"a {reason.code} code", reason, _text(sample)


def _proofs() -> Iterator[_Row]:
    test = issuer.negative_test
    now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    for dose, doses, expected in (
        (1, 2, Reason.DOSES),
        (0, 0, Reason.DOSES),
        (1, 1, Reason.OK),
        (3, 2, Reason.OK),
    ):
        yield f"dose {dose} of {doses}", expected, _proof_with(issuer.vaccination, dn=dose, sd=doses)
    yield "negative test", Reason.OK, _proof_with(test)
    yield "positive test", Reason.TEST_RESULT, _proof_with(test, tr="260373001")
    for written, expected in (
        (now.isoformat(), Reason.OK),
        ((now + timedelta(seconds=1)).isoformat(), Reason.FUTURE),
        ("2026-03-01T13:00:00+0100", Reason.OK),
        ("2026-03-01T11:59:59.123456789Z", Reason.OK),
        ("2026-02-28", Reason.OK),
        ("2026-02-30T10:00:00Z", Reason.RULE_ERROR),
        ("yesterday", Reason.RULE_ERROR),
        ("0001-01-01T00:00:00+14:00", Reason.RULE_ERROR),
    ):
        yield f"sampled {written}", expected, _proof_with(test, sc=written)
    yield "sampled at a CBOR date-time", Reason.OK, _tagged_sample
    recovery = issuer.recovery
    yield "recovery", Reason.OK, _proof_with(recovery)
    for start, end, expected in (
        ("2026-03-01", "2026-03-01", Reason.OK),
        ("2026-03-02", "2026-04-01", Reason.RECOVERY),
        ("2026-01-01", "2026-02-28", Reason.RECOVERY),
        ("2026-01-01T00:00:00Z", "2026-03-01T12:00:01Z", Reason.OK),
        ("2026-01-01", "9999-12-31", Reason.OK),
        ("soon", "later", Reason.RULE_ERROR),
    ):
        yield f"recovery from {start} until {end}", expected, _proof_with(recovery, df=start, du=end)


def _tagged_sample(bench: Bench) -> Case:
    token = bench.authority.token(bench.person, issuer.negative_test(bench.utc, "test"), moment=bench.utc)
    plain = cbor.encode(token)
    at = plain.index(b"bsc") + 3
    return bench.case(replace(bench.draft, payload=plain[:at] + b"\xc0" + plain[at:]).text())


def _profiles() -> Iterator[_Row]:
    yield "a rule that accepts", Reason.OK, _ruled(True)
    yield "a rule that does not", Reason.RULE, _ruled(False)
    yield "a rule with a reason of its own", Reason.DOSES, _ruled(False, Reason="N-DOS")
    yield "a rule whose result is no boolean", Reason.RULE_ERROR, _ruled("yes")
    yield "a rule on a date that is none", Reason.RULE_ERROR, _ruled(_NO_DATE)
    other = {"Identifier": "TR-XX-0001", "CertificateType": "Test"}
    yield "no rule for such a proof", Reason.NO_RULE, _ruled(True, **other)
    yield "no rule at this time", Reason.NO_RULE, _ruled(True, ValidTo="2021-01-01T00:00:00Z")


_NO_DATE = {"after": [{"plusTime": [{"var": "payload.nam.fnt"}, 0, "day"]}, {"plusTime": ["2021", 0, "day"]}]}


def _ruled(logic: Any, **changed: Any) -> Build:
    """A good pass at a venue with that rule alone."""
    return lambda b: b.case(b.draft.text(), rules=RuleSet([venue.rule(logic, **changed)], venue.COUNTRY))


def _doors() -> Iterator[_Row]:
    yield (
        "the clock is only a floor",
        Reason.CLOCK,
        lambda b: replace(b.case(b.draft.text()), moment=Moment(b.utc, Basis.FLOOR)),
    )
    yield (
        "the clock is only a floor, and the policy says STAFF",
        Reason.CLOCK_DOUBTFUL,
        lambda b: replace(
            b.case(b.draft.text(), on_a_floor=Outcome.STAFF), moment=Moment(b.utc, Basis.FLOOR)
        ),
    )
    yield "the clock is before the world's floor", Reason.CLOCK, lambda b: b.at(0)
    yield "there is no trust list", Reason.NO_TRUST, lambda b: b.case(b.draft.text(), trust=None)
    for outcome, reason in _TOO_OLD.items():
        yield f"the lists are too old, and the policy says {outcome.value}", reason, _too_old(outcome)
    yield (
        "a key in the trust list that is none",
        Reason.FAULT,
        lambda b: b.with_signer(replace(b.authority.signer, key=b"\x04" + bytes(64))),
    )


_TOO_OLD = {Outcome.OUT_OF_ORDER: Reason.LISTS_TOO_OLD, Outcome.STAFF: Reason.LISTS_DOUBTFUL}


def _too_old(outcome: Outcome) -> Callable[[Bench], Case]:
    policy = Freshness(too_old=outcome)
    return lambda b: b.case(b.draft.text(), published=b.utc - policy.too_old_after, freshness=policy)
