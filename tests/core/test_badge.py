"""Staff badges: only what a listed key signed, in its one form, in its time; and no door opens for one."""

from __future__ import annotations

import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

from doorcheck.core import badge, cbor, hcert
from doorcheck.core.badge import PREFIX, Badge, BadgeError, BadgeKeys, Fault, KeysError
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.core.verdict import Outcome, Reason
from doorcheck.core.verify import verify
from doorcheck.lab.bench import Bench
from doorcheck.lab.issuer import base45

AT: Final = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
NOW: Final = Moment(AT, Basis.NETWORK)
SECONDS: Final = int(AT.timestamp())
FLEET: Final = bytes(range(8))
NOOR: Final = Badge(bytes(range(16)), "Noor Lämp", SECONDS - 86400, SECONDS + 86400)
KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER: Final = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)


def public(key: Ed25519PrivateKey) -> bytes:
    """The public half."""
    return key.public_key().public_bytes_raw()


KEYS: Final = BadgeKeys(FLEET, frozenset({public(KEY)}))


def parts(payload: bytes, key: Ed25519PrivateKey = KEY, *, header: dict[Any, Any] | None = None) -> list[Any]:
    """A signed message's four parts."""
    kid = badge.key_id(public(key))
    protected = cbor.encode({1: -8, 4: kid} if header is None else header)
    return [protected, {}, payload, key.sign(cbor.encode(["Signature1", protected, b"", payload]))]


def text_of(item: object) -> bytes:
    """A message as a badge's text."""
    return PREFIX + base45(b"\xd2" + cbor.encode(item))


def made(one: Badge = NOOR, key: Ed25519PrivateKey = KEY, fleet: bytes = FLEET) -> bytes:
    """A badge's text, made with a key."""
    return text_of(parts(badge.payload(one, fleet), key))


def fault(text: bytes, keys: BadgeKeys = KEYS, moment: Moment = NOW) -> Fault:
    """Why a text is no badge."""
    with pytest.raises(BadgeError) as refused:
        badge.read(text, keys, moment)
    return refused.value.fault


GOOD: Final = made()


# What counts


def test_a_badge_is_read() -> None:
    """The badge comes out as it went in."""
    assert badge.read(GOOD, KEYS, NOW) == NOOR


def test_any_of_several_keys_counts() -> None:
    """While keys change, badges of both are good."""
    keys = replace(KEYS, keys=frozenset({public(OTHER), public(KEY)}))
    assert badge.read(GOOD, keys, NOW) == badge.read(made(key=OTHER), keys, NOW) == NOOR


@pytest.mark.parametrize(
    ("text", "keys", "expected"),
    [
        (b"", KEYS, Fault.PREFIX),
        (GOOD.lower(), KEYS, Fault.PREFIX),
        (b" " + GOOD, KEYS, Fault.PREFIX),
        (GOOD.removeprefix(PREFIX), KEYS, Fault.PREFIX),
        (PREFIX + b"0" * 2000, KEYS, Fault.SIZE),
        (GOOD + b"\n", KEYS, Fault.BASE45),
        (GOOD[:-1], KEYS, Fault.BASE45),
        (GOOD[:-3], KEYS, Fault.COSE),
        (PREFIX, KEYS, Fault.COSE),
        (GOOD, BadgeKeys(), Fault.KEY),
        (made(key=OTHER), KEYS, Fault.KEY),
        (made(fleet=bytes(8)), KEYS, Fault.FLEET),
        (GOOD, replace(KEYS, withdrawn=frozenset({NOOR.id})), Fault.WITHDRAWN),
        (made(replace(NOOR, authorised=SECONDS + 1)), KEYS, Fault.EARLY),
        (made(replace(NOOR, until=SECONDS)), KEYS, Fault.EXPIRED),
    ],
    ids=repr,
)
def test_what_does_not_count_is_named(text: bytes, keys: BadgeKeys, expected: Fault) -> None:
    """Each way not to be a badge has its own fault."""
    assert fault(text, keys) is expected


def test_the_period_has_sharp_edges() -> None:
    """Good from the first second, no more at `until`."""
    assert badge.read(made(replace(NOOR, authorised=SECONDS)), KEYS, NOW)
    assert badge.read(made(replace(NOOR, until=SECONDS + 1)), KEYS, NOW)


def test_a_floor_can_tell_that_a_badge_has_expired_and_no_more() -> None:
    """On a clock that is a lower bound a badge is not called early: the true time may be later."""
    floor = Moment(AT - timedelta(days=300), Basis.FLOOR)
    assert badge.read(GOOD, KEYS, floor) == NOOR
    late = Moment(AT + timedelta(days=2), Basis.FLOOR)
    assert fault(GOOD, moment=late) is Fault.EXPIRED


# Forgeries


@given(place=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
def test_a_turned_bit_is_refused(place: int, bit: int) -> None:
    """No bit of the message can change without the badge being refused."""
    message = bytearray(hcert.base45(GOOD.removeprefix(PREFIX)))
    message[place % len(message)] ^= 1 << bit
    assert fault(PREFIX + base45(bytes(message))) in {Fault.COSE, Fault.KEY, Fault.SIGNATURE}


@given(cut=st.integers(min_value=1, max_value=len(GOOD) - 1))
def test_a_truncated_badge_is_refused(cut: int) -> None:
    """No beginning of a badge is one."""
    assert fault(GOOD[:-cut]) in {Fault.PREFIX, Fault.BASE45, Fault.COSE}


def reencodings() -> dict[str, bytes]:
    """The same signed badge in other forms of CBOR and COSE."""
    protected, _, payload, signature = parts(badge.payload(NOOR, FLEET))
    message = b"\xd2" + cbor.encode([protected, {}, payload, signature])

    def long(data: bytes) -> bytes:
        return b"\x59" + struct.pack(">H", len(data)) + data

    return {
        "untagged": message[1:],
        "tagged as a CWT": b"\xd8\x3d" + message,
        "an endless array": b"\xd2\x9f" + message[2:] + b"\xff",
        "long lengths": b"\xd2\x84" + long(protected) + b"\xa0" + long(payload) + long(signature),
        "a header beside": b"\xd2" + cbor.encode([protected, {4: bytes(8)}, payload, signature]),
        "a byte behind": message + b"\0",
        "five parts": b"\xd2" + cbor.encode([protected, {}, payload, signature, b""]),
        "a longer signature": b"\xd2" + cbor.encode([protected, {}, payload, signature + b"\0"]),
    }


@pytest.mark.parametrize("message", reencodings().values(), ids=reencodings())
def test_a_reencoded_badge_is_refused(message: bytes) -> None:
    """A badge has one form: nobody makes another text of it."""
    assert fault(PREFIX + base45(message)) in {Fault.COSE, Fault.SIGNATURE}


@pytest.mark.parametrize(
    "header",
    [
        {4: badge.key_id(public(KEY)), 1: -8},
        {1: -8},
        {1: -7, 4: badge.key_id(public(KEY))},
        {1: -8, 4: badge.key_id(public(KEY)), 2: [99]},
        {},
    ],
    ids=repr,
)
def test_another_header_is_refused_though_signed(header: dict[int, object]) -> None:
    """Neither another algorithm nor another order nor a critical header is taken, whoever signed it."""
    assert fault(text_of(parts(badge.payload(NOOR, FLEET), header=header))) is Fault.COSE


LINES: Final = [1, NOOR.id, NOOR.name, FLEET, NOOR.authorised, NOOR.until]


@pytest.mark.parametrize(
    "said",
    [
        {"format": 1},
        [2, *LINES[1:]],
        LINES[:-1],
        [*LINES, 0],
        [1, NOOR.id[:-1], *LINES[2:]],
        [1, NOOR.id.hex(), *LINES[2:]],
        [*LINES[:4], float(NOOR.authorised), NOOR.until],
        [*LINES[:4], NOOR.authorised, 2**60],
        [*LINES[:4], -1, NOOR.until],
        [*LINES[:4], NOOR.until, NOOR.until],
        *(
            [*LINES[:2], name, *LINES[3:]]
            for name in ("", " Noor", "Noor  Lamp", "La\u0308mp", "N\x1b[2J", "=1+1")
        ),
        [*LINES[:2], "N" * 65, *LINES[3:]],
        [*LINES[:2], "a\u202eb", *LINES[3:]],
    ],
    ids=repr,
)
def test_what_is_signed_must_be_a_badge(said: object) -> None:
    """A listed key's signature under anything else makes no badge."""
    assert fault(text_of(parts(cbor.encode(said)))) is Fault.CONTENT


def test_the_payload_s_form_counts_too() -> None:
    """A length in a longer form is refused, though it was signed so."""
    payload = badge.payload(NOOR, FLEET)
    assert payload[2:3] == b"\x50", "the id's length stands in its head"
    assert fault(text_of(parts(payload[:2] + b"\x58\x10" + payload[3:]))) is Fault.CONTENT


def test_no_badge_is_made_that_nobody_takes() -> None:
    """Signing refuses what reading would."""
    for wrong in (replace(NOOR, name="=x"), replace(NOOR, id=b""), replace(NOOR, until=NOOR.authorised)):
        with pytest.raises(ValueError, match="no badge can say that"):
            badge.payload(wrong, FLEET)


@st.composite
def hostile(draw: st.DrawFn) -> bytes:
    """Bytes that go as deep as they can: random, or base45, or COSE, or signed by somebody."""
    depth = draw(st.integers(min_value=0, max_value=4))
    data = draw(st.binary(max_size=200))
    if depth == 0:
        return data
    if depth == 1:
        return PREFIX + data
    if depth == 2:
        return PREFIX + base45(data)
    leaf = (
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63)
        | st.binary(max_size=70)
        | st.text(max_size=70)
    )
    if depth == 3:
        item = st.recursive(leaf, lambda inner: st.lists(inner, max_size=6), max_leaves=12)
        return text_of(draw(item))
    said = draw(st.lists(leaf, max_size=7) | st.just(LINES))
    key = draw(st.sampled_from([KEY, OTHER]))
    return text_of(parts(cbor.encode(said), key))


@given(text=hostile())
@example(text=GOOD)
@example(text=made(key=OTHER))
def test_any_bytes_are_refused_or_a_badge_that_a_listed_key_signed(text: bytes) -> None:
    """The invariant: whatever is read says exactly what a listed key signed, in the badge's one text."""
    try:
        found = badge.read(text, KEYS, NOW)
    except BadgeError:
        return
    assert text == made(found)


# Doors


@pytest.mark.parametrize("text", [GOOD, made(key=OTHER), PREFIX], ids=["good", "another fleet's", "bare"])
def test_a_badge_opens_no_door(text: bytes) -> None:
    """To the verifier it is a text without a known prefix, whatever it holds."""
    bench = Bench(seed="badge")
    verdict = verify(Symbol(SymbolFormat.QR, text), bench.world, bench.moment)
    assert (verdict.reason, verdict.outcome) == (Reason.NOT_A_PASS, Outcome.REFUSE)


def test_a_badge_under_a_pass_s_prefix_opens_no_door() -> None:
    """Neither as it is nor compressed as passes are."""
    bench = Bench(seed="badge")
    for prefix in (b"HC1:", b"HCFR1:", b"EX1:"):
        verdict = verify(
            Symbol(SymbolFormat.QR, prefix + GOOD.removeprefix(PREFIX)), bench.world, bench.moment
        )
        assert verdict.reason is Reason.COMPRESSION


def test_a_pass_is_no_badge() -> None:
    """A good pass, as it is or under the badge's prefix, is none."""
    bench = Bench(seed="badge")
    text = bench.draft.text()
    assert not badge.is_badge(text)
    assert fault(text) is Fault.PREFIX
    assert fault(PREFIX + text.removeprefix(b"HC1:")) in {Fault.COSE, Fault.SIZE}


def test_nothing_of_a_person_shows() -> None:
    """No name or id is in a repr, nor in an error's text or context."""
    assert "Noor" not in repr(NOOR)
    with pytest.raises(BadgeError) as refused:
        badge.read(text_of(parts(cbor.encode([*LINES, "x"]))), KEYS, NOW)
    assert refused.value.__context__ is None or refused.value.__suppress_context__
    assert "Noor" not in str(refused.value)


# badges.json


def test_the_keys_file_comes_back() -> None:
    """What is written is read."""
    keys = BadgeKeys(FLEET, frozenset({public(KEY), public(OTHER)}), frozenset({bytes(16), NOOR.id}))
    assert badge.load_keys(badge.dump_keys(keys)) == keys


DATA: Final = badge.dump_keys(replace(KEYS, withdrawn=frozenset({NOOR.id})))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        DATA + b"\n",
        DATA.replace(b'"format":1', b'"format":2'),
        DATA.replace(b'"format":1', b'"format":1,"more":1'),
        DATA.replace(b'"withdrawn"', b'"taken"'),
        DATA.replace(b'":', b'": '),
        DATA.replace(b'"0001', b'"001'),
        DATA.replace(NOOR.id.hex().encode(), NOOR.id.hex().upper().encode()),
        DATA.replace(b'"withdrawn":[', b'"withdrawn":["' + NOOR.id.hex().encode() + b'",'),
        DATA + b" " * badge.LARGEST_KEYS_BYTES,
        b"\xff",
    ],
    ids=lambda data: repr(data[:60]),
)
def test_another_keys_file_is_refused(data: bytes) -> None:
    """Whatever is not the one form of such a file is none."""
    with pytest.raises(KeysError):
        badge.load_keys(data)


@given(
    data=st.binary(max_size=100)
    | st.builds(lambda at: DATA[:at] + DATA[at + 1 :], st.integers(0, len(DATA) - 1))
)
def test_any_bytes_are_refused_or_the_keys_of_one_form(data: bytes) -> None:
    """The invariant of the parser."""
    try:
        keys = badge.load_keys(data)
    except KeysError:
        return
    assert badge.dump_keys(keys) == data
