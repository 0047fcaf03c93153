"""Our lines in an owner's file: put in once, taken out without a trace, whatever the file holds."""

from __future__ import annotations

import pytest
from firmware_config import sections
from firmware_config.sections import BEGIN, END, FROM, TO, SectionError, drop, drop_words, put, put_words
from hypothesis import given
from hypothesis import strategies as st

BODIES = st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b" ")), max_size=5).map(
    lambda lines: b"".join(b"x" + line + b"\n" for line in lines)
)
PIECES = st.sampled_from(
    [b"\n", b"\r\n", b"\r", b"", b"[pi4]", b"# note", b"dtparam=audio=on", b"\xff\xfe", b" ", b"[all]"]
)
FILES = st.one_of(st.binary(max_size=80), st.lists(PIECES, max_size=12).map(b"".join)).filter(
    lambda data: b"doorcheck" not in data
)
MARKED = st.lists(
    st.one_of(PIECES, st.sampled_from([BEGIN, END, BEGIN + b"\n", END + b"\n"])), max_size=8
).map(b"".join)
WORDS = st.lists(st.from_regex(r"[a-z_.]{1,12}=[a-z0-9:=,]{1,8}", fullmatch=True), max_size=4)


@given(FILES, BODIES)
def test_undo_gives_back_every_byte(data: bytes, body: bytes) -> None:
    """What was there before is there after, whatever it was."""
    assert drop(put(data, body)) == data


@given(FILES, BODIES)
def test_applying_twice_is_applying_once(data: bytes, body: bytes) -> None:
    """A second time changes nothing."""
    once = put(data, body)
    assert put(once, body) == once


@given(FILES, BODIES, BODIES)
def test_a_newer_section_takes_the_place_of_the_older(data: bytes, old: bytes, new: bytes) -> None:
    """An upgrade leaves nothing of the version before."""
    assert put(put(data, old), new) == put(data, new)


@given(FILES, BODIES, BODIES, FILES)
def test_edits_after_us_stay(data: bytes, old: bytes, new: bytes, later: bytes) -> None:
    """What the owner adds below our section is kept by applying again and by undoing."""
    edited = put(data, old) + later
    assert put(edited, new) == put(data, new) + later
    undone = drop(edited)
    assert undone.startswith(data)
    assert undone.endswith(later)
    assert undone in (data + later, data + b"\n" + later)


@given(FILES, BODIES)
def test_every_line_of_the_owners_stays_a_line(data: bytes, body: bytes) -> None:
    """Nothing of ours ends up on a line of the owner's."""
    assert [line for line in data.split(b"\n") if line] == [
        line for line in sections.others(put(data, body)).split(b"\n") if line
    ]


@given(MARKED, BODIES)
def test_marks_that_were_touched_are_refused_or_whole(data: bytes, body: bytes) -> None:
    """With marks out of order nothing is guessed; with marks in order the result is stable."""
    try:
        once = put(data, body)
    except SectionError:
        with pytest.raises(SectionError):
            drop(data)
        return
    assert put(once, body) == once
    assert drop(once) == drop(data)


@pytest.mark.parametrize(
    "data", [BEGIN + b"\n", END + b"\n", END + b"\n" + BEGIN + b"\n", 2 * (BEGIN + b"\n" + END + b"\n")]
)
def test_half_a_section_is_refused(data: bytes) -> None:
    """A mark that was lost or doubled by hand is told, not repaired."""
    with pytest.raises(SectionError, match="by hand"):
        put(data, b"x\n")
    with pytest.raises(SectionError, match="by hand"):
        drop(data)


@given(FILES, WORDS)
def test_words_come_and_go_without_a_trace(data: bytes, words: list[str]) -> None:
    """The kernel's line is the owner's again after undoing, to the byte."""
    once = put_words(data, words)
    assert put_words(once, words) == once
    assert drop_words(once) == data


@given(WORDS, WORDS)
def test_newer_words_take_the_place_of_the_older(old: list[str], new: list[str]) -> None:
    """An upgrade leaves no word of the version before, and words added after us stay."""
    line = b"root=/dev/mmcblk0p2 rootwait\n"
    assert put_words(put_words(line, old), new) == put_words(line, new)
    added = put_words(line, old).replace(b"\n", b" quiet\n")
    assert drop_words(put_words(added, new)) == b"root=/dev/mmcblk0p2 rootwait quiet\n"


def test_the_kernel_reads_one_line() -> None:
    """Words go to the first line, which is all that the firmware passes on."""
    assert put_words(b"a b\r\nsecond\n", ["c"]) == b"a b doorcheck.from c doorcheck.to\r\nsecond\n"


@pytest.mark.parametrize(
    "line", [b"a " + FROM, b"a " + TO, b" ".join([b"a", TO, FROM]), b" ".join([b"a", FROM, TO, FROM, TO])]
)
def test_half_a_group_of_words_is_refused(line: bytes) -> None:
    """A mark that was lost by hand is told, and the line is left alone."""
    with pytest.raises(SectionError, match="by hand"):
        put_words(line, ["c"])
    with pytest.raises(SectionError, match="by hand"):
        drop_words(line)
