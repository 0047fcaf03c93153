"""The Italian list: chunks, deltas and totals that must agree, or nothing is taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.operator.denylists import (
    AT,
    a_pass,
    drl_chunk,
    drl_delta,
    judged,
    many,
    read,
    short,
    text64,
    whole,
    write,
)

from doorcheck.core.verdict import Reason
from doorcheck.lab.bench import Bench
from doorcheck.operator.denysources import DenySourcesError, Format

CHECK = {"id": "61bcc7c3da0f876422c6a67f", "version": 3, "chunk": 1, "totalChunk": 2, "totalNumberUCVI": 20}


def snapshot(**changed: Any) -> dict[str, Any]:
    """Version 3: 20 entries in two chunks."""
    first, second = many(20)[:10], many(20)[10:]
    return {
        "chunk1": drl_chunk(1, 2, first, 20, **changed),
        "chunk2": drl_chunk(2, 2, second, 20, **changed),
    }


def refused(*paths: Path, **options: Any) -> str:
    """Why an import was refused as a whole, whether told to keep going or not."""
    for keep_going in (True, False):
        with pytest.raises(DenySourcesError) as caught:
            read(*paths, keep_going=keep_going, **options)
        assert not caught.value.gathered.hashes
    return str(caught.value)


def test_a_listed_pass_is_refused(tmp_path: Path) -> None:
    """A pass whose identifier's hash is in a chunk is refused at the door; after a deletion it is not."""
    bench = Bench(AT)
    text, identifier, _ = a_pass(bench)
    entry = whole(identifier)
    write(tmp_path, {"chunk1": drl_chunk(1, 1, [*many(3), entry], 4)})
    assert judged(bench, text, read(tmp_path)) is Reason.LISTED_IDENTIFIER
    write(tmp_path, {"delta": drl_delta((3, 4), many(2, "b"), [entry], 5)})
    assert judged(bench, text, read(tmp_path)) is Reason.OK


def test_snapshot_and_deltas(tmp_path: Path) -> None:
    """Deltas lead on from the snapshot, in the order of versions, and are counted."""
    deltas = {
        "a": drl_delta((5, 6), many(1, "c"), many(1, "b"), 22),
        "b": drl_delta((3, 5), many(4, "b"), many(2), 22),
    }
    gathered = read(
        write(tmp_path, {**deltas, **snapshot(), "check": {**CHECK, "version": 6, "totalNumberUCVI": 22}})
    )
    assert gathered.hashes == short(many(20)[2:] + many(4, "b")[1:] + many(1, "c"))
    totals = gathered.totals[Format.ITALIAN]
    assert (totals.entries, totals.removed, totals.taken, totals.files) == (25, 3, 22, 5)
    assert gathered.notes == []


def test_a_delta_in_chunks(tmp_path: Path) -> None:
    """A delta's chunks are applied in their order: what one deletes a later one may insert again."""
    again = many(1)
    deltas = {
        "d1": drl_delta((3, 4), again, [], 20, chunk=2, lastChunk=2),
        "d2": drl_delta((3, 4), [], again, 20, chunk=1, lastChunk=2),
    }
    gathered = read(write(tmp_path, {**snapshot(), **deltas}))
    assert gathered.hashes == short(many(20))
    assert gathered.totals[Format.ITALIAN].removed == 1


def test_files_may_be_named_one_by_one(tmp_path: Path) -> None:
    """Chunks that are named one by one make the same list as their folder."""
    folder = write(tmp_path, snapshot())
    assert read(folder / "chunk2", folder / "chunk1").hashes == read(folder).hashes


def test_a_missing_total_is_said(tmp_path: Path) -> None:
    """Without a total the list is taken, for its chunks are complete, and a note says so."""
    files = {name: {**chunk, "totalNumberUCVI": None} for name, chunk in snapshot().items()}
    assert any("no total" in note for note in read(write(tmp_path, files)).notes)
    assert read(write(tmp_path, {"check": CHECK})).notes == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"chunk2": None}, "1 of 2 chunks of version 3 are missing"),
        ({"chunk1": None}, "1 of 2 chunks of version 3 are missing"),
        ({"chunk2": drl_chunk(2, 2, many(9, "b"), 20)}, "19 entries here, and 20 by its total"),
        ({"chunk2": drl_chunk(2, 2, many(10), 20)}, "10 entries here, and 20 by its total"),
        ({"chunk2": drl_chunk(2, 2, many(20)[10:], 20, version=4)}, "several versions are mixed: 3, 4"),
        ({"chunk2": drl_chunk(2, 2, many(20)[10:], 20, id="x")}, "different lists"),
        ({"chunk2": drl_chunk(2, 3, many(20)[10:], 20)}, "different lists"),
        ({"chunk2": drl_chunk(2, 2, many(20)[10:], 21)}, "different lists"),
        ({"check": {**CHECK, "totalNumberUCVI": 21}}, "20 entries here, and 21 by its total"),
        ({"check": {**CHECK, "version": 4}}, "version 4 is out"),
        ({"d": drl_delta((4, 5), many(1, "b"), [], 21)}, "does not follow version 3"),
        ({"d": drl_delta((3, 4), many(1, "b"), [], 22)}, "21 entries here, and 22 by its total"),
        ({"d": drl_delta((3, 4), [], many(1, "b"), 19)}, "20 entries here, and 19 by its total"),
        (
            {"d": drl_delta((3, 4), many(1, "b"), [], 21), "e": drl_delta((3, 5), many(2, "b"), [], 22)},
            "does not follow version 3",
        ),
        ({"chunk1": None, "chunk2": None, "d": drl_delta((3, 4), many(1), [], 1)}, "no chunk of a snapshot"),
        ({"chunk2": drl_chunk(2, 2, many(20)[10:], 20, revokedUcvi=["?"])}, "entry 1: not a SHA-256"),
        ({"chunk2": drl_chunk(2, 2, [one[:16] for one in many(10)], 20)}, "entry 1: not a SHA-256"),
    ],
)
def test_what_does_not_agree_is_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    """A chunk missing, versions mixed, a gap or a wrong total: nothing is taken, keeping going or not."""
    files = {name: content for name, content in {**snapshot(), **change}.items() if content is not None}
    assert words in refused(write(tmp_path, files))


@pytest.mark.parametrize(
    ("chunk", "words"),
    [
        (drl_chunk(3, 2, [], 20), "without its number"),
        (drl_chunk(0, 2, [], 20), "without its number"),
        (drl_chunk(1, 2, [], 20, lastChunk="2"), "without its number"),
        (drl_chunk(1, 2, [], 20), "here twice"),
        (drl_chunk(1, 2, [], 20, version="3"), "not in the form"),
        (drl_chunk(1, 2, [], 20, version=4, revokedUcvi=5), "without a list"),
        (drl_chunk(1, 2, [], 20, delta={}), "at once"),
        (drl_delta((3, 3), [], [], 20), "which version it starts from"),
        (drl_delta((3, 4), [], [], 20, delta=[1]), "which version it starts from"),
        (drl_delta((3, 4), many(1), many(1), 20), "inserts and deletes the same"),
        ({**CHECK, "totalNumberUCVI": "20"}, "without a total"),
    ],
)
def test_malformed_chunks_refuse_the_import(tmp_path: Path, chunk: object, words: str) -> None:
    """A chunk that doesn't say what it is refuses the import; the others are whole without it."""
    write(tmp_path, {**snapshot(), "z": chunk})
    with pytest.raises(DenySourcesError, match=words):
        read(tmp_path)
    assert read(tmp_path, keep_going=True).hashes == short(many(20))


def test_entries_are_as_documented(tmp_path: Path) -> None:
    """The documentation's own example of an entry is what is looked up: SHA-256 of the bare text."""
    assert text64(whole("Hello!")) == "M00Bb3Vc1txYxTqG4YOIL47BT1L7BTRYh8il7dQsh7c="
    write(
        tmp_path, {"c": drl_chunk(1, 1, [], 1, revokedUcvi=["M00Bb3Vc1txYxTqG4YOIL47BT1L7BTRYh8il7dQsh7c="])}
    )
    assert read(tmp_path).hashes == short([whole("Hello!")])
