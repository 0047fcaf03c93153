"""From a symbol's bytes to a message: prefix, base45 and zlib, all of it strict."""

from __future__ import annotations

import gzip
import string
import tracemalloc
import zlib
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorcheck.core import hcert
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.core.verdict import PassFormat, Reason, RefusedError
from doorcheck.core.verify import verify
from doorcheck.lab.bench import Bench

BENCH: Final = Bench(seed="hcert")
DIGITS: Final = string.digits + string.ascii_uppercase + " $%*+-./:"
SYMBOL_LIMIT: Final = 4296
MESSAGE_LIMIT: Final = 32 * 1024


def judged(data: bytes) -> Reason:
    """The verifier's reason for a text."""
    return verify(Symbol(SymbolFormat.TEXT, data), BENCH.world, BENCH.moment).reason


# The prefix


@pytest.mark.parametrize(
    ("data", "family"),
    [
        (b"HC1:", PassFormat.HC1),
        (b"HCFR1:", PassFormat.HCFR1),
        (b"EX1:", PassFormat.EX1),
        (b"LT1:", PassFormat.LT1),
        (b"NO1:", PassFormat.NO1),
        (b"NL2:", PassFormat.NL2),
        (b"shc:/1", PassFormat.SHC),
        (b"NZCP:/1/", PassFormat.NZCP),
        (b"DC01", PassFormat.TWO_D_DOC),
        (b"DC04", PassFormat.TWO_D_DOC),
        (b'{"data":{"hdr":{"t":"icao.vacc"}}}', PassFormat.VDS_NC),
        (b"PK\x03\x04..certificate.json", PassFormat.DIVOC),
    ],
    ids=lambda value: value.value if isinstance(value, PassFormat) else "",
)
def test_every_family_is_recognised_by_its_first_bytes(data: bytes, family: PassFormat) -> None:
    """Each prefix names its family, whatever follows it, and only at the very start."""
    assert hcert.recognise(data + b"\x00anything") is family
    assert hcert.recognise(b" " + data) is PassFormat.UNKNOWN


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HC1",
        b"hc1:",
        b"Hc1:",
        b"HC2:",
        b"HCA:",
        b"HC1;",
        b"\xef\xbb\xbfHC1:",
        b"DC05",
        b"DC00",
        b"NZCP:/2/",
        b"shc:",
        b"{}",
        b"PK\x03\x04other.json",
        b"http://",
        bytes(range(256)),
    ],
)
def test_anything_near_a_prefix_is_no_pass(data: bytes) -> None:
    """Prefixes are exact: other case, other versions, something before them are not known."""
    assert hcert.recognise(data) is PassFormat.UNKNOWN


def test_every_family_but_ours_has_a_reason() -> None:
    """No recognised family is without an answer: it is judged, or named and not judged."""
    judged_here = {*hcert.PREFIXES, PassFormat.TWO_D_DOC}
    assert set(hcert.FOREIGN) == set(PassFormat) - judged_here - {PassFormat.UNKNOWN}
    assert len(set(hcert.FOREIGN.values())) == len(hcert.FOREIGN)


@pytest.mark.parametrize(
    ("size", "expected"), [(SYMBOL_LIMIT, Reason.BASE45), (SYMBOL_LIMIT + 1, Reason.TOO_LARGE)]
)
def test_the_longest_symbol_is_read_and_no_longer_one(size: int, expected: Reason) -> None:
    """What fits the largest QR symbol (4,296 characters) is decoded; one byte more is `D-BIG`."""
    assert hcert.LONGEST_SYMBOL_BYTES == SYMBOL_LIMIT
    assert judged(b"HC1:" + b"a" * (size - 4)) is expected
    assert judged(b"?" * size) is (Reason.NOT_A_PASS if size == SYMBOL_LIMIT else Reason.TOO_LARGE)


# base45


def naive(text: str) -> bytes | None:
    """RFC 9285 read aloud: digit by digit, and None where it forbids."""
    out = bytearray()
    while text:
        group, text = text[:3], text[3:]
        if len(group) == 1 or any(digit not in DIGITS for digit in group):
            return None
        number = 0
        for digit in reversed(group):
            number = number * 45 + DIGITS.index(digit)
        size = len(group) - 1
        if number >= 256**size:
            return None
        out += bytes(number // 256**place % 256 for place in reversed(range(size)))
    return bytes(out)


def decoded(text: bytes) -> bytes | None:
    """Our decoder; None where it refuses, and it may refuse for `D-B45` alone."""
    try:
        return hcert.base45(text)
    except RefusedError as refused:
        return None if refused.reason is Reason.BASE45 else b"refused for another reason"


@given(st.text(DIGITS, max_size=40) | st.text(DIGITS + "a~é\n", max_size=12))
def test_base45_agrees_with_the_naive_decoder(text: str) -> None:
    """Over the alphabet and beyond it, both decode to the same bytes or both refuse."""
    assert decoded(text.encode("latin-1")) == naive(text)


def test_base45_agrees_on_every_short_text() -> None:
    """All texts of up to two characters, and every triplet that ends in its highest digits."""
    shorts = ["", *DIGITS, *(a + b for a in DIGITS for b in DIGITS)]
    highs = [a + b + c for a in DIGITS for b in DIGITS for c in "FGH:"]
    for text in shorts + highs:
        assert decoded(text.encode()) == naive(text), text


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (b"BB8", b"AB"),
        (b"%69 VD92EX0", b"Hello!!"),
        (b"UJCLQE7W581", b"base-45"),
        (b"QED8WEX0", b"ietf!"),
        (b"", b""),
        (b"FGW", b"\xff\xff"),
        (b"U5", b"\xff"),
        (b"000", b"\x00\x00"),
        (b"00", b"\x00"),
    ],
)
def test_base45_reads_the_examples(text: bytes, data: bytes) -> None:
    """The examples of RFC 9285 (4.3 and 4.4), and both ends of a group."""
    assert hcert.base45(text) == data


@pytest.mark.parametrize(
    "text",
    [
        b"GGW",
        b":::",
        b"V5",
        b"::",
        b"0",
        b"0000",
        b"00a",
        b"00\n",
        b"00 \n",
        b"\xff\xff\xff",
        b"GGW000",
        b"000GGW",
    ],
)
def test_base45_refuses_what_the_rfc_forbids(text: bytes) -> None:
    """65,536 in three digits, 256 in two, a lone digit, any other character: `D-B45`."""
    assert decoded(text) is None


# zlib


def refusal(data: bytes) -> Reason:
    """The reason that inflating is refused for."""
    with pytest.raises(RefusedError) as refused:
        hcert.inflate(data)
    return refused.value.reason


@given(st.binary(max_size=2000), st.integers(0, 9))
def test_whatever_was_compressed_comes_back(message: bytes, level: int) -> None:
    """One whole stream gives its message; a byte more or less than the stream is `D-ZIP`."""
    stream = zlib.compress(message, level)
    assert hcert.inflate(stream) == message
    assert refusal(stream[:-1]) is refusal(stream + b"\x00") is Reason.COMPRESSION


def test_the_largest_message_is_read_and_no_larger_one() -> None:
    """32 KiB come out; one byte more is `D-BIG`."""
    assert hcert.LARGEST_MESSAGE_BYTES == MESSAGE_LIMIT
    assert len(hcert.inflate(zlib.compress(bytes(MESSAGE_LIMIT)))) == MESSAGE_LIMIT
    assert refusal(zlib.compress(bytes(MESSAGE_LIMIT + 1))) is Reason.TOO_LARGE


def test_a_bomb_takes_no_more_memory_than_the_largest_message() -> None:
    """A stream of 100 MB in 100 kB is refused before it is written out."""
    bomb = zlib.compress(bytes(100_000_000), 9)
    tracemalloc.start()
    try:
        assert refusal(bomb) is Reason.TOO_LARGE
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 8 * MESSAGE_LIMIT


def with_dictionary() -> bytes:
    """A stream that needs a preset dictionary."""
    packer = zlib.compressobj(zdict=b"a word that both know")
    return packer.compress(b"a word that both know") + packer.flush()


def raw() -> bytes:
    """Deflated bytes without the header and the checksum of a stream."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(b"message") + packer.flush()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"x\x9c",
        b"message",
        raw(),
        gzip.compress(b"message"),
        with_dictionary(),
        zlib.compress(b"one") + zlib.compress(b"two"),
        zlib.compress(b"message")[:-4] + bytes(4),
    ],
    ids=[
        "nothing",
        "a byte",
        "a header",
        "plain",
        "raw",
        "gzip",
        "with a dictionary",
        "two streams",
        "checksum",
    ],
)
def test_what_is_not_one_stream_is_refused(data: bytes) -> None:
    """Nothing but one zlib stream (RFC 1950), all of it and nothing after it, is inflated."""
    assert refusal(data) is Reason.COMPRESSION
