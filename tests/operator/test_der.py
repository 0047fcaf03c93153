"""The DER reader: strict about the encoding, bounded, and never anything but `DerError`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from doorcheck.operator.trust import certificates, der
from doorcheck.operator.trust.der import Cursor, DerError


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cut short"),
        (b"\x30", "cut short"),
        (b"\x30\x05\x00", "cut short"),
        (b"\x30\x82\x01", "cut short"),
        (b"\x30\x80\x00\x00", "indefinite length"),
        (b"\x30\x85\x00\x00\x00\x00\x01\x00", "length of 5 bytes"),
        (b"\x30\xff" + bytes(200), "length of 127 bytes"),
        (b"\x30\x84\xff\xff\xff\xff\x00", "cut short"),
        (b"\x30\x81\x05\x00\x00\x00\x00\x00", "shortest form"),
        (b"\x30\x82\x00\x80" + bytes(128), "shortest form"),
        (b"\x3f\x81\x01\x00", "tag of several bytes"),
        (b"\x04\x00", "unexpected type"),
    ],
)
def test_malformed_headers_are_refused(data: bytes, words: str) -> None:
    """Every header that DER forbids is refused, with words that name the fault and the part."""
    with pytest.raises(DerError, match=words) as caught:
        Cursor(data, "seal").content(der.SEQUENCE)
    assert "the seal" in str(caught.value)


def test_elements_are_read_in_turn() -> None:
    """A cursor gives each element once, knows what comes next, and refuses what is left over."""
    cursor = Cursor(b"\x02\x01\x05\x30\x03\x01\x01\xff\x05\x00", "seal")
    assert cursor.next_is(der.INTEGER)
    assert cursor.take() == (der.INTEGER, b"\x05")
    assert cursor.whole(der.SEQUENCE) == b"\x30\x03\x01\x01\xff"
    with pytest.raises(DerError, match="bytes after the end of the seal"):
        cursor.end()
    assert cursor.content(0x05) == b""
    assert not cursor
    assert not cursor.next_is(0)
    cursor.end()


@pytest.mark.parametrize(
    ("content", "dotted"),
    [
        (b"\x2b\x06\x01\x04\x01\x8e\x37\x8f\x65\x01\x02", "1.3.6.1.4.1.1847.2021.1.2"),
        (b"\x2b\x06\x01\x04\x01\x00\x8e\x37\x8f\x65\x01\x02", "1.3.6.1.4.1.0.1847.2021.1.2"),
        (b"\x55\x1d\x25\x00", "2.5.29.37.0"),
        (b"\x27", "0.39"),
        (b"\x88\x37", "2.999"),
    ],
)
def test_object_identifiers(content: bytes, dotted: str) -> None:
    """Identifiers come out in dotted form, with the first two arcs taken apart."""
    assert der.object_identifier(content, "seal") == dotted


@pytest.mark.parametrize("content", [b"", b"\x2b\x86", b"\x2b\x80\x01", b"\x80", b"\x2b" * 65])
def test_malformed_object_identifiers(content: bytes) -> None:
    """Empty, unfinished, padded and endless identifiers are refused."""
    with pytest.raises(DerError, match="malformed object identifier"):
        der.object_identifier(content, "seal")


@pytest.mark.parametrize("content", [b"", b"\0\0"])
def test_malformed_truth_values(content: bytes) -> None:
    """A truth value is one byte."""
    with pytest.raises(DerError, match="not one byte"):
        der.boolean(content, "seal")


def test_nesting_costs_nothing(tlv: Callable[..., bytes]) -> None:
    """Twenty thousand levels of nesting are one unexpected element, not a recursion."""
    data = b""
    for _ in range(12_000):
        data = tlv(der.SEQUENCE, data)
    with pytest.raises(DerError):
        certificates.parse(data)


def test_every_truncation_is_refused(mint: Callable[..., bytes]) -> None:
    """A certificate cut at any byte is refused with `DerError`."""
    whole = mint(usages=["1.3.6.1.4.1.1847.2021.1.1"], authority=False)
    for length in range(len(whole)):
        with pytest.raises(DerError):
            certificates.parse(whole[:length])


def test_no_changed_byte_breaks_the_reader(mint: Callable[..., bytes]) -> None:
    """Whatever one byte of a certificate becomes, it is read or refused with `DerError`."""
    whole = mint(usages=["1.3.6.1.4.1.1847.2021.1.1"], authority=False)
    refused = 0
    for at in range(len(whole)):
        for value in (0x00, 0x7F, 0x80, 0xFF, whole[at] ^ 1):
            try:
                certificates.parse(whole[:at] + bytes([value]) + whole[at + 1 :])
            except DerError:
                refused += 1
    assert refused > 100
