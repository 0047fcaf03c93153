"""Searches for bytes that break the fuzz invariant, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorcheck.core import dcc
from doorcheck.core.hcert import ALPHABET
from doorcheck.core.verdict import Reason, Verdict
from doorcheck.lab import invariant, issuer
from doorcheck.lab.bench import Draft
from doorcheck.lab.flaws import catalogue
from doorcheck.lab.invariant import WAYS, WAYS_TO_COMPRESS, WAYS_TO_SIGN, Layer, Witness, check, peel

WITNESS: Final = Witness(seed="the invariant")
PROOFS: Final = (issuer.vaccination, issuer.negative_test, issuer.recovery)
TOKENS: Final = tuple(
    WITNESS.authority.token(WITNESS.person, prove(WITNESS.utc, "searched"), moment=WITNESS.utc)
    for prove in PROOFS
)
PASSES: Final = tuple(peel(WITNESS.text(Layer.PAYLOAD, cbor2.dumps(token))) for token in TOKENS)

ways = st.integers(0, WAYS - 1)


# Bytes without a plan


@settings(max_examples=200)
@given(
    st.sampled_from((b"", b"HC1:", b"HCFR1:", b"shc:/", b"{", b'{"icao.', b"PK\x03\x04", b"DC04")),
    st.binary(max_size=300) | st.text(ALPHABET.decode(), max_size=300).map(str.encode),
)
def test_random_bytes_get_a_verdict_and_no_entry(prefix: bytes, data: bytes) -> None:
    """Whatever bytes arrive under any prefix, the answer is a verdict, and it is not ADMIT."""
    assert check(prefix + data, WITNESS).reason is not Reason.OK


@settings(max_examples=200)
@given(st.sampled_from((Layer.ZLIB, Layer.COSE, Layer.PAYLOAD)), st.binary(max_size=300), ways)
def test_random_bytes_at_every_layer_get_a_verdict_and_no_entry(layer: Layer, body: bytes, how: int) -> None:
    """Random bytes that are well wrapped, and signed if they are a payload, are no pass either."""
    assert check(WITNESS.text(layer, body, how), WITNESS).reason is not Reason.OK


# A pass, broken


@st.composite
def broken(draw: st.DrawFn, whole: bytes) -> bytes:
    """The bytes with one to three bits turned, or runs cut out, put in, or repeated."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        run = draw(st.integers(1, 12))
        match draw(st.sampled_from(("turn", "cut", "end", "put", "repeat"))):
            case "turn" if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[at : at + run]
            case "end":
                del data[at:]
            case "put":
                data[at:at] = draw(st.binary(min_size=1, max_size=12))
            case "repeat":
                data[at:at] = data[at : at + run]
            case _:
                pass
    return bytes(data)


@st.composite
def broken_passes(draw: st.DrawFn) -> tuple[Layer, bytes, int]:
    """A layer, a pass broken at that layer, and how to wrap it."""
    layer = draw(st.sampled_from(Layer))
    return layer, draw(broken(draw(st.sampled_from(PASSES))[layer])), draw(ways)


@settings(max_examples=500)
@given(broken_passes())
def test_a_broken_pass_enters_only_with_a_signed_payload(case: tuple[Layer, bytes, int]) -> None:
    """A pass broken at one layer, with the layers above it made well, keeps the invariant."""
    check(WITNESS.text(*case), WITNESS)


def test_every_named_flaw_keeps_the_invariant() -> None:
    """The catalogue's texts, shown to a world that they were not made for, keep the invariant."""
    for flaw in catalogue():
        check(flaw.build(WITNESS).symbol.data, WITNESS)


# A pass, written in another of the allowed ways


@settings(max_examples=150)
@given(st.sampled_from(TOKENS), ways)
def test_only_allowed_hands_are_admitted_however_they_wrap(token: dict[int, Any], how: int) -> None:
    """Headers here or there, any tag, any compression: the signer alone decides."""
    verdict = check(WITNESS.text(Layer.PAYLOAD, cbor2.dumps(token), how), WITNESS)
    assert (verdict.reason is Reason.OK) == WITNESS.hands[how % len(WITNESS.hands)].allowed


def test_every_compression_is_read() -> None:
    """Ten levels, five strategies, seven windows: all of them are one zlib stream (RFC 1950)."""
    for how in range(WAYS_TO_COMPRESS):
        text = WITNESS.text(Layer.COSE, PASSES[0][Layer.COSE], how * WAYS_TO_SIGN)
        assert check(text, WITNESS).reason is Reason.OK


SIZES: Final = ((1, 24), (2, 25), (4, 26), (8, 27))


def head(major: int, number: int, width: int) -> bytes:
    """A CBOR head (RFC 8949, 3), at least `width` bytes wide: 0, 1, 2, 4 or 8."""
    if number < 24 and not width:
        return bytes((major << 5 | number,))
    size, low = next((size, low) for size, low in SIZES if width <= size and number < 256**size)
    return bytes((major << 5 | low,)) + number.to_bytes(size, "big")


@st.composite
def loosely(draw: st.DrawFn, item: Any) -> bytes:
    """The item in CBOR with numbers any width, maps in any order, lengths definite or not."""
    width = draw(st.sampled_from((0, 0, 0, 1, 2, 4, 8)))
    if isinstance(item, int):
        return head(0, item, width) if item >= 0 else head(1, -1 - item, width)
    if isinstance(item, str):
        return head(3, len(item.encode()), width) + item.encode()
    if isinstance(item, dict):
        pairs = draw(st.permutations(list(item.items())))
        inside = [draw(loosely(key)) + draw(loosely(value)) for key, value in pairs]
    else:
        inside = [draw(loosely(value)) for value in item]
    major = 5 if isinstance(item, dict) else 4
    if draw(st.booleans()):
        return bytes((major << 5 | 31,)) + b"".join(inside) + b"\xff"
    return head(major, len(inside), width) + b"".join(inside)


@settings(max_examples=40)
@given(st.sampled_from(TOKENS).flatmap(loosely))
def test_claims_may_be_written_loosely(payload: bytes) -> None:
    """Map order, indefinite maps and arrays, numbers wider than needed: real issuers write so."""
    assert check(WITNESS.text(Layer.PAYLOAD, payload), WITNESS).reason is Reason.OK


# Hostile content under a good signature

numbers = (
    st.integers(-(2**64), 2**64 - 1) | st.floats() | st.booleans() | st.sampled_from((1, 2, 4, 6, -260, 42))
)
dates = st.sampled_from(
    (
        "1963-00",
        "2026-02-30",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2026-W09-7",
        "20260301",
    )
) | st.datetimes().map(lambda when: when.isoformat())
plain = (
    numbers | st.text(max_size=20) | dates | st.binary(max_size=20) | st.sampled_from((None, cbor2.undefined))
)
odd = (
    st.builds(cbor2.CBORSimpleValue, st.integers(0, 19) | st.integers(32, 255))
    | st.integers(-(2**200), 2**200)
    | st.builds(cbor2.CBORTag, st.integers(0, 70_000), plain)
    | st.text(min_size=1000, max_size=1100)
)
hostile = st.recursive(
    plain | odd,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain, inner, max_size=4),
    max_leaves=6,
)


def places(item: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside of maps and lists."""
    pairs = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
    for key, value in pairs:
        yield (*above, key)
        yield from places(value, (*above, key))


@st.composite
def hostile_tokens(draw: st.DrawFn) -> Any:
    """A good pass' claims with one to three of its values replaced, removed or joined by others."""
    token = cbor2.loads(cbor2.dumps(draw(st.sampled_from(TOKENS))))
    for _ in range(draw(st.integers(1, 3))):
        *above, key = draw(st.sampled_from(list(places(token))))
        inside = token
        for step in above:
            inside = inside[step]
        match draw(st.sampled_from(("replace", "replace", "remove", "join"))):
            case "replace":
                inside[key] = draw(hostile)
            case "remove" if len(token) > 1:
                del inside[key]
            case _:
                inside[draw(plain) if isinstance(inside, dict) else key] = draw(hostile)
    return token


@settings(max_examples=300)
@given(hostile_tokens(), st.sampled_from((0, 1)))
def test_hostile_claims_under_a_good_signature_get_a_verdict(token: Any, how: int) -> None:
    """Wrong types, huge numbers, tags, odd dates in any claim: a reason, never a fault."""
    check(WITNESS.text(Layer.PAYLOAD, cbor2.dumps(token), how), WITNESS)


@settings(max_examples=100)
@given(hostile)
def test_any_signed_item_gets_a_verdict(item: Any) -> None:
    """A signed payload that is no token at all is refused, not tripped over."""
    assert check(WITNESS.text(Layer.PAYLOAD, cbor2.dumps(item)), WITNESS).reason is not Reason.OK


def certificate_with(**fields: Any) -> bytes:
    """The text of a pass with these fields of its certificate changed."""
    token = cbor2.loads(cbor2.dumps(TOKENS[0]))
    token[dcc.HCERT][dcc.EU_DCC].update(fields)
    return WITNESS.text(Layer.PAYLOAD, cbor2.dumps(token))


@pytest.mark.parametrize(
    "bomb",
    [
        b"\x9a\x0f\xff\xff\xff",
        b"\x9b" + b"\x7f" + b"\xff" * 7,
        b"\xbb" + b"\x7f" + b"\xff" * 7,
        b"\x5b" + b"\x7f" + b"\xff" * 7,
        b"\x81" * 30_000,
        b"\xa1" * 30_000,
        b"\x9f" * 30_000,
        b"\xd2" * 30_000,
        b"\xbf" + b"\x19\x00\x01\x00" * 8_000 + b"\xff",
        b"\xb9\x03\x84" + b"".join(b"\x1a" + n.to_bytes(4, "big") + b"\x00" for n in range(900)),
        b"\xb9\x1d\x4c" + b"\xf9\x7e\x00\x00" * 7_500,
    ],
    ids=lambda bomb: bomb[:3].hex(),
)
@pytest.mark.parametrize("layer", [Layer.COSE, Layer.PAYLOAD])
def test_a_bomb_costs_nothing(layer: Layer, bomb: bytes) -> None:
    """Huge announced lengths, deep nests and thousands of keys, before and behind a signature."""
    assert check(WITNESS.text(layer, bomb), WITNESS).reason in (Reason.COSE, Reason.CLAIMS)


@pytest.mark.parametrize(("letters", "expected"), [(1024, Reason.OK), (1025, Reason.CERTIFICATE)])
def test_no_text_of_a_certificate_is_longer_than_a_kilobyte(letters: int, expected: Reason) -> None:
    """The bound on texts holds for names too, whose normalisation takes quadratic time."""
    assert (
        check(
            certificate_with(nam={"fn": "\u0301\u0327" * (letters // 2) + "x" * (letters % 2)}), WITNESS
        ).reason
        is expected
    )


# The invariant can be broken


def admit(*_case: object) -> Verdict:
    """A verifier that lets everybody in."""
    return Verdict(Reason.OK)


def test_a_verifier_that_admits_everything_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check is able to fail: a forged pass that gets in breaks it."""
    monkeypatch.setattr(invariant, "verify", admit)
    forged = Draft(WITNESS.stranger, TOKENS[0]).text()
    with pytest.raises(AssertionError, match="no allowed signer"):
        check(forged, WITNESS)


def test_a_payload_that_the_witness_did_not_sign_is_noticed() -> None:
    """A trusted key alone is not enough: the witness must have signed that payload itself."""
    other = Witness(seed="the invariant")
    text = other.text(Layer.PAYLOAD, cbor2.dumps({**TOKENS[0], 99: "not noted"}))
    assert check(text, other).reason is Reason.OK
    with pytest.raises(AssertionError, match="no allowed signer"):
        check(text, WITNESS)


def test_an_unsigned_text_that_gets_in_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verifier that reads what is no pass breaks the check too."""
    monkeypatch.setattr(invariant, "verify", admit)
    for text in (b"", b"HC1:", PASSES[0][Layer.TEXT] + b"00", PASSES[0][Layer.TEXT].lower()):
        with pytest.raises(ValueError, match=r"."):
            check(text, WITNESS)


def test_a_fault_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`O-BUG` breaks the invariant, for it is a bug by definition."""
    monkeypatch.setattr(invariant, "verify", lambda *_: Verdict(Reason.FAULT))
    with pytest.raises(AssertionError, match="fault"):
        check(b"", WITNESS)


def test_a_slow_verdict_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded time is part of the invariant."""
    monkeypatch.setattr(invariant, "LONGEST_CPU_MS", -1)
    with pytest.raises(AssertionError, match="ms for"):
        check(b"", WITNESS)
