"""The deny list: its file, and what it catches."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorcheck.core import denylist
from doorcheck.core.dcc import Certificate, Claims, Name, Vaccination
from doorcheck.core.denyfile import build
from doorcheck.core.denylist import DenyList, DenyListError
from doorcheck.core.denytable import HASHES_AT
from doorcheck.core.passes import Pass
from doorcheck.core.trust import Algorithm, Signer
from doorcheck.core.verdict import PassFormat, Reason, RefusedError

FIRST: Final = hashlib.sha256(b"first").hexdigest()
SECOND: Final = hashlib.sha256(b"second").hexdigest()
ENTRY: Final = Vaccination(
    tg="1",
    vp="1",
    mp="1",
    ma="1",
    dn=2,
    sd=2,
    dt="2026-01-01",
    co="XX",
    issuer="lab",
    ci="URN:UVCI:01:XX:ABC",
)
SHOWN: Final = Pass(
    format=PassFormat.HC1,
    signer=Signer(b"kid", Algorithm.ES256, b""),
    claims=Claims("XY", 0.0, 1.0, {}),
    certificate=Certificate(ver="1.3.0", nam=Name(), dob="", v=[ENTRY]),
    signature_id=b"R" * 32,
)


def cut(data: bytes) -> bytes:
    """The hash that a list holds, by the standard library alone."""
    return hashlib.sha256(data).digest()[:16]


def refusal(data: bytes) -> str:
    """The text of the error that loading raises."""
    with pytest.raises(DenyListError) as error:
        DenyList.load(data)
    return str(error.value)


# The file


@pytest.mark.parametrize(
    "text",
    [
        f"{FIRST}\n{SECOND}\n",
        f"{FIRST}\n{SECOND}",
        f"{FIRST}\r\n{SECOND}\r\n",
        f"{FIRST.upper()}\n{SECOND.upper()}\n",
        f"{FIRST[:32]}\n{SECOND[:32]}\n",
        f"# listed by the operator\n\n{FIRST}\n   \n#{FIRST[:5]}\n{SECOND}\n\n",
        f"\ufeff{FIRST}\n{SECOND}\n",
        f"\ufeff# a comment\r\n{FIRST}\r\n{SECOND}",
        f"  {FIRST}\t\n\t{SECOND}  \n",
        f"{SECOND}\n{FIRST}\n{FIRST}\n",
    ],
    ids=[
        "plain",
        "no last newline",
        "CRLF",
        "upper case",
        "cut",
        "comments",
        "BOM",
        "BOM, CRLF",
        "indented",
        "twice",
    ],
)
def test_a_list_is_read_however_an_editor_wrote_it(text: str) -> None:
    """One hash a line, whole or its first half, in either case; comments, a BOM and CRLF beside."""
    deny = DenyList.load(text.encode())
    assert len(deny) == 2
    assert cut(b"first") in deny
    assert cut(b"second") in deny
    assert cut(b"third") not in deny


@pytest.mark.parametrize("text", [b"", b"\n", b"# nothing\n", b"\xef\xbb\xbf"])
def test_an_empty_list_lists_nobody(text: bytes) -> None:
    """No line is no entry, and no error."""
    assert len(DenyList.load(text)) == 0


@pytest.mark.parametrize(
    "line",
    [
        FIRST[:-1],
        FIRST + "0",
        FIRST[:31],
        FIRST[:33],
        FIRST[:30],
        FIRST[:-1] + "g",
        "URN:UVCI:01:XX:ABC",
        "HC1:6BF",
        f"{FIRST} # leaked",
        f"{FIRST[:32]} {FIRST[32:]}",
        " ".join(FIRST[i : i + 2] for i in range(0, 32, 2)),
        f"0x{FIRST}",
        " # indented",
        f'"{FIRST}"',
        f"{FIRST},{SECOND}",
    ],
)
def test_a_bad_line_is_named_and_not_quoted(line: str) -> None:
    """Anything else refuses the whole list, by the line's number: it may be somebody's identifier."""
    text = refusal(f"# head\n{SECOND}\n\n{line}\n{SECOND}\n".encode())
    assert "line 4 " in text
    assert "SHA-256" in text
    assert line.strip() not in text


def test_bytes_that_are_no_text_are_named() -> None:
    """A list in another encoding, or a picture: the first line that is no text is named."""
    assert "line 3 is not text" in refusal(f"{FIRST}\n{SECOND}\n".encode() + b"\xff\n")
    assert "line 1 " in refusal(FIRST.encode("utf-16"))


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=8), st.booleans())
def test_what_is_listed_is_found_and_nothing_else(hashes: list[bytes], whole: bool) -> None:
    """Every hash in, no other: there are no false alarms."""
    deny = DenyList.load("\n".join(h.hex() + ("ab" * 16 if whole else "") for h in hashes).encode())
    assert all(h in deny for h in hashes)
    assert len(deny) == len(set(hashes))
    assert bytes(15) + b"?" not in deny or bytes(15) + b"?" in hashes


@pytest.mark.parametrize("key", [b"", bytes(range(32))])
def test_a_list_in_a_file_catches_the_same(key: bytes) -> None:
    """Text in memory and a file that is mapped give the same answers, in the same order."""
    text = DenyList.load(f"{SECOND}\n{FIRST}\n".encode())
    listed = DenyList.open(build(text, key), key)
    listed.verify()
    assert len(listed) == len(text) == 2
    for asked in (cut(b"first"), cut(b"second"), cut(b"third"), bytes(16), b"\xff" * 16):
        assert (asked in listed) == (asked in text)
    if not key:
        assert list(listed) == list(text) == sorted([cut(b"first"), cut(b"second")])


def test_a_list_in_memory_is_whole() -> None:
    """There is nothing of it that could be damaged; an empty one holds nothing."""
    DenyList().verify()
    assert list(DenyList()) == []
    assert bytes(16) not in DenyList()
    assert bytes(16) not in DenyList.open(build([]))


def test_a_damaged_list_gives_no_answer() -> None:
    """Neither admitted nor listed: the error reaches the verifier, which is out of order then."""
    data = bytearray(build([cut(b"R" * 32)]))
    data[64:HASHES_AT] = b"\xff" * (HASHES_AT - 64)
    with pytest.raises(DenyListError, match="its index is wrong"):
        denylist.check(SHOWN, DenyList.open(bytes(data)))


def test_a_list_shows_its_size_alone() -> None:
    """No `repr` shows an entry."""
    assert repr(DenyList.load(FIRST.encode())) == "DenyList(1 hashes)"


# What it catches


def judged(shown: Pass, *listed: bytes) -> Reason:
    """The reason for a pass under a list of these."""
    try:
        denylist.check(shown, DenyList(cut(item) for item in listed))
    except RefusedError as refused:
        return refused.reason
    return Reason.OK


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (b"URN:UVCI:01:XX:ABC", Reason.LISTED_IDENTIFIER),
        (b"XXURN:UVCI:01:XX:ABC", Reason.LISTED_COUNTRY),
        (b"XYURN:UVCI:01:XX:ABC", Reason.LISTED_COUNTRY),
        (b"R" * 32, Reason.LISTED_SIGNATURE),
        (b"urn:uvci:01:xx:abc", Reason.OK),
        (b"URN:UVCI:01:XX:ABD", Reason.OK),
        (b"XZURN:UVCI:01:XX:ABC", Reason.OK),
        (b"xxURN:UVCI:01:XX:ABC", Reason.OK),
        (b"R" * 31, Reason.OK),
        (b"", Reason.OK),
    ],
)
def test_each_entry_catches_what_it_names(listed: bytes, expected: Reason) -> None:
    """Identifier, country and identifier (issuer's or entry's), signature: each with its own reason."""
    assert judged(SHOWN, listed) is expected


@pytest.mark.parametrize(
    ("entry", "listed", "expected"),
    [
        ({"ci": " URN:1\n"}, b"URN:1", Reason.LISTED_IDENTIFIER),
        ({"ci": " URN:1\n"}, b" URN:1\n", Reason.LISTED_IDENTIFIER),
        ({"co": " fr ", "ci": "URN:1"}, b"FRURN:1", Reason.LISTED_COUNTRY),
        ({"co": " fr ", "ci": "URN:1 "}, b"FRURN:1", Reason.LISTED_COUNTRY),
        ({"co": "fr", "ci": "URN:1"}, b"frURN:1", Reason.LISTED_COUNTRY),
        ({"co": "", "ci": "URN:1"}, b"URN:1", Reason.LISTED_IDENTIFIER),
    ],
)
def test_spaces_and_case_do_not_hide_a_pass(entry: dict[str, str], listed: bytes, expected: Reason) -> None:
    """Identifiers count as they are and trimmed, the entry's country also trimmed and in upper case."""
    changed = replace_entry(**entry)
    assert judged(changed, listed) is expected


def replace_entry(**fields: str) -> Pass:
    """The pass with another entry."""
    given = {name: getattr(ENTRY, name) for name in ENTRY.__struct_fields__} | fields
    certificate = Certificate(ver="1.3.0", nam=Name(), dob="", v=[Vaccination(**given)])
    return replace(SHOWN, certificate=certificate)


def test_every_entry_of_a_pass_counts() -> None:
    """A listed identifier is found behind another one."""
    second = replace_entry(ci="SECOND").certificate.entries
    both = Certificate(ver="1", nam=Name(), dob="", v=[ENTRY, *second])  # type: ignore[list-item]
    assert judged(replace(SHOWN, certificate=both), b"SECOND") is Reason.LISTED_IDENTIFIER


def test_what_lists_a_pass_catches_it() -> None:
    """Every single entry that `entries` makes of a pass catches that pass, for the reason it names."""
    for reason, hashed in denylist.entries(SHOWN):
        with pytest.raises(RefusedError, match=reason.code):
            denylist.check(SHOWN, DenyList([hashed]))


def test_hashes_are_what_others_publish() -> None:
    """SHA-256 cut to 16 bytes, as the EU gateway's batches have it."""
    assert denylist.digest(b"abc").hex() == "ba7816bf8f01cfea414140de5dae2223"
    assert denylist.HASH_BYTES == 16
