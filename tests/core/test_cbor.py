"""The CBOR decoder's closed doors."""

from __future__ import annotations

import math
import tracemalloc
from contextlib import suppress
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorcheck.core import cbor


def refused(data: bytes) -> str:
    """The text of the refusal."""
    with pytest.raises(cbor.CborError) as error:
        cbor.decode(data)
    return str(error.value)


def tagged(tag: int, content: bytes) -> bytes:
    """The content under a tag."""
    return cbor2.dumps(cbor2.CBORTag(tag, 0))[:-1] + content


small = st.integers(-(2**63), 2**63)


items = st.recursive(
    st.none() | st.booleans() | small | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(small | st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(items)
def test_what_is_encoded_is_decoded(item: Any) -> None:
    """Maps, arrays, text, bytes, numbers and simple values come back as they were."""
    assert cbor.decode(cbor.encode(item)) == item


@given(st.binary(max_size=60))
def test_any_bytes_give_an_item_or_one_error(data: bytes) -> None:
    """`CborError` is the only thing that decoding raises."""
    with suppress(cbor.CborError):
        cbor.decode(data)


@pytest.mark.parametrize("content", [b"\x61a", b"\x41a", b"\x00", b"\x80", b"\xa0", b"\x82\x00\x00", b"\xf6"])
def test_no_tag_but_date_time_text_is_let_in(content: bytes) -> None:
    """Of all tags to 70,000, over each kind of content, tag 0 over text alone passes, as its text."""
    sampled = (
        *range(1200),
        *range(1200, 70_000, 7),
        43_000,
        55_799,
        65_535,
        65_536,
        70_000,
        2**32,
        2**64 - 1,
    )
    let_in = []
    for tag in sampled:
        try:
            let_in.append((tag, cbor.decode(tagged(tag, content))))
        except cbor.CborError:
            continue
    assert let_in == ([(0, "a")] if content == b"\x61a" else [])


@pytest.mark.parametrize("tag", [2, 4, 30, 35, 258, 55_799])
def test_a_tag_is_refused_wherever_it_hides(tag: int) -> None:
    """Inside of an array, as a map's value and as its key."""
    hidden = tagged(tag, b"\x61a")
    for data in (b"\x81" + hidden, b"\xa1\x00" + hidden, b"\xa1" + hidden + b"\x00", tagged(0, hidden)):
        refused(data)


def test_exactly_one_item() -> None:
    """No item, half an item, and bytes after the item are refused."""
    for data in (b"", b"\x82\x00", b"\x62a", b"\x18", b"\xff", b"\x1c"):
        refused(data)
    assert refused(b"\x00\x00") == "bytes after the end"


@pytest.mark.parametrize(
    "pairs",
    [
        b"\xa2\x01\x00\x01\x00",
        b"\xa2\x01\x00\x18\x01\x00",
        b"\xa2\x01\x00\xf5\x00",
        b"\xa2\x04\x00\xf9\x44\x00\x00",
        b"\xa2\x61a\x00\x61a\x01",
        b"\xa2\x61a\x00\x7f\x61a\xff\x01",
        b"\xbf\x01\x00\x01\x00\xff",
        b"\x81\xa1\x00\xa2\x01\x00\x01\x00",
    ],
    ids=["equal", "wider", "true is 1", "4.0 is 4", "text", "text in pieces", "indefinite", "deep inside"],
)
def test_a_key_comes_once(pairs: bytes) -> None:
    """Two keys that are equal, however they are written, are refused: neither value wins."""
    refused(pairs)


@pytest.mark.parametrize(
    "opening", [b"\x81", b"\xa1\x00", b"\x9f", b"\xbf\x00"], ids=["[]", "{}", "[_]", "{_}"]
)
def test_depth_is_bounded(opening: bytes) -> None:
    """Sixteen levels are read, seventeen are not, and thirty thousand cost nothing."""
    closing = b"\xff" if opening[0] & 0x1F == 0x1F else b""
    assert cbor.DEEPEST == 16
    cbor.decode(opening * 16 + b"\x00" + closing * 16)
    refused(opening * 17 + b"\x00" + closing * 17)
    refused(opening * 30_000)


@pytest.mark.parametrize("major", [2, 3, 4, 5], ids=["bytes", "text", "array", "map"])
@pytest.mark.parametrize(
    "size", [b"\x1a\x00\xff\xff\xff", b"\x1a\x7f\xff\xff\xff", b"\x1b" + b"\x7f" + b"\xff" * 7]
)
def test_an_announced_length_costs_nothing(major: int, size: bytes) -> None:
    """Memory is taken for what is there, not for what a head of nine bytes announces."""
    tracemalloc.start()
    try:
        refused(bytes((major << 5 | size[0],)) + size[1:] + bytes(100))
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 1_000_000


@pytest.mark.parametrize(
    ("data", "item"),
    [
        (b"\x9f\x01\x02\xff", [1, 2]),
        (b"\xbf\x01\x02\xff", {1: 2}),
        (b"\x1b\x00\x00\x00\x00\x00\x00\x00\x07", 7),
        (b"\xfb\x7f\xf0\x00\x00\x00\x00\x00\x00", math.inf),
        (b"\xc0\x74" + b"2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"),
        (b"\xc0\x61?", "?"),
    ],
)
def test_real_issuers_habits_are_read(data: bytes, item: object) -> None:
    """Indefinite maps and arrays, wide numbers, floats, and date-times, which stay text unread."""
    assert cbor.decode(data) == item


def test_text_is_utf_8() -> None:
    """Text that is not UTF-8, a lone surrogate among it, is refused."""
    refused(b"\x62\xc3\x28")
    refused(b"\x63\xed\xa0\x80")


def test_a_refusal_quotes_nothing() -> None:
    """No error's text, nor what was raised before it, holds a byte of the pass."""
    for data in (
        b"\x67LANTERN" + b"\x00",
        b"\xc1\x67LANTERN",
        b"\xa2\x67LANTERN\x00\x67LANTERN\x00",
        b"\x69LANTERN",
    ):
        with pytest.raises(cbor.CborError) as error:
            cbor.decode(data)
        assert "LANTERN" not in f"{error.value!r} {error.value.args}"
        assert error.value.__cause__ is None
        assert error.value.__suppress_context__ or error.value.__context__ is None
