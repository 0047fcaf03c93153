"""Wallet links: the pass inside comes out whole, and nothing else is ever a link."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorcheck.core import hcert, links
from doorcheck.core.verdict import PassFormat
from doorcheck.lab import french, issuer
from doorcheck.lab.bench import Bench

MOMENT: Final = datetime(2021, 7, 1, 12, 0, tzinfo=UTC)
DOCUMENT: Final = french.vaccination(issuer.PEOPLE[0], MOMENT).data()
HC1: Final = Bench(seed="links").draft.text()
HOST: Final = "https://bonjour.tousanticovid.gouv.fr/app/"
QUERIES: Final = ["wallet?v=", "wallet?q="]
FRAGMENTS: Final = ["wallet2d#", "walletdcc#"]


@pytest.mark.parametrize("path", [*QUERIES, *FRAGMENTS])
@pytest.mark.parametrize("inside", [DOCUMENT, HC1, b"HCFR1:" + HC1[4:], b"EX1:" + HC1[4:]])
@pytest.mark.parametrize("safe", ["", "/:.-+*$ "])
def test_the_pass_inside_comes_out(path: str, inside: bytes, safe: str) -> None:
    """Percent-encoded, wholly or where it must be; a base45 plus sign stays one."""
    safe = safe if inside.startswith((b"HC", b"EX")) or "#" in path else safe.replace("+", "")
    assert links.unwrap((HOST + path + quote(inside, safe)).encode()) == inside


@pytest.mark.parametrize("path", [*QUERIES, "wallet2d#"])
def test_separators_may_be_spelled_out(path: str) -> None:
    """<GS> and <US>, plain or escaped, or the very bytes."""
    spelled = DOCUMENT.replace(b"\x1d", b"<GS>").replace(b"\x1f", b"<US>")
    assert links.unwrap((HOST + path).encode() + spelled) == DOCUMENT
    assert links.unwrap((HOST + path + quote(spelled)).encode()) == DOCUMENT
    assert links.unwrap((HOST + path).encode() + DOCUMENT) == DOCUMENT
    cut = DOCUMENT.replace(b"\x1d", b"\x1e", 1)
    assert links.unwrap((HOST + path).encode() + cut.replace(b"\x1e", b"<RS>")) == cut


def test_a_plus_is_a_space_in_a_query_of_a_2d_doc() -> None:
    """As forms write it; 2D-Doc has no plus sign, base45 has one."""
    start = (HOST + "wallet?v=").encode()
    assert links.unwrap(start + DOCUMENT.replace(b" ", b"+")) == DOCUMENT
    assert b"+" in HC1
    assert links.unwrap(start + quote(HC1, "+").encode()) == HC1


def test_a_query_ends_where_the_next_begins() -> None:
    """What follows & or # is no part of the pass."""
    link = (HOST + "wallet?v=" + quote(DOCUMENT)).encode()
    assert links.unwrap(link + b"&utm_source=paper") == DOCUMENT
    assert links.unwrap(link + b"#top") == DOCUMENT


@pytest.mark.parametrize(
    "start",
    [
        "http://bonjour.tousanticovid.gouv.fr/app/wallet2d#",
        "HTTPS://BONJOUR.TOUSANTICOVID.GOUV.FR/app/wallet2d#",
        "https://bonjour.tousanticovid.gouv.fr:8443/app/wallet2d#",
        "https://bonjour.tousanticovid.gouv.fr.example/app/wallet2d#",
        "https://bonjour-tousanticovid.gouv.fr/app/wallet2d#",
        "https://bonjour.tousanticovid.gouv.fr@example.org/app/wallet2d#",
        "https://example.org/?https://bonjour.tousanticovid.gouv.fr/app/wallet2d#",
        "https://bonjourxtousanticovid.gouv.fr/app/wallet2d#",
        "https://tousanticovid.gouv.fr/app/wallet2d#",
        "https://bonjour.tousanticovid.gouv.fr/app/wallet#",
        "https://bonjour.tousanticovid.gouv.fr/app/wallet3d#",
        "https://bonjour.tousanticovid.gouv.fr/app/wallet?x=",
        "https://bonjour.tousanticovid.gouv.fr/app/../app/wallet2d#",
        " https://bonjour.tousanticovid.gouv.fr/app/wallet2d#",
        "",
    ],
)
def test_anything_else_stays_as_it_is(start: str) -> None:
    """One host, one scheme, four paths, to the letter."""
    data = start.encode() + DOCUMENT
    assert links.unwrap(data) is data


@pytest.mark.parametrize(
    "inside", [b"", b"%", b"HC2:X", b"shc:/567", b"https://example.org", b"\xff", b"%00"]
)
def test_a_link_without_a_pass_stays_as_it_is(inside: bytes) -> None:
    """What is inside must begin as a pass that a door judges."""
    data = HOST.encode() + b"wallet2d#" + inside
    assert links.unwrap(data) is data


@pytest.mark.parametrize("path", [*QUERIES, *FRAGMENTS])
def test_a_link_in_a_link_stays_as_it_is(path: str) -> None:
    """Nothing is undone twice, whole links or escapes alone."""
    link = (HOST + path + quote(DOCUMENT)).encode()
    twice = (HOST + path + quote(link)).encode()
    assert links.unwrap(twice) is twice
    escaped = (HOST + path + quote(quote(DOCUMENT))).encode()
    assert links.unwrap(escaped) == quote(DOCUMENT).encode()


def test_a_link_longer_than_a_symbol_stays_as_it_is() -> None:
    """No camera can have read it."""
    room = hcert.LONGEST_SYMBOL_BYTES - len(HOST) - len("wallet2d#")
    longest = (HOST + "wallet2d#").encode() + b"HC1:".ljust(room, b"0")
    assert links.unwrap(longest) == longest[len(HOST) + len("wallet2d#") :]
    assert links.unwrap(longest + b"0") == longest + b"0"


@given(st.binary(max_size=120), st.sampled_from(["", *QUERIES, *FRAGMENTS]))
def test_any_bytes_come_out_as_a_pass_or_as_they_are(data: bytes, path: str) -> None:
    """Never longer than they were, and never an error."""
    given_data = (HOST + path).encode() + data if path else data
    out = links.unwrap(given_data)
    assert out == given_data or hcert.recognise(out) is not PassFormat.UNKNOWN
    assert len(out) <= len(given_data)
