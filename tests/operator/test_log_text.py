"""The record as people and programs read it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.operator.record import ANNA, BASILE, LAST, TRUST, build, judged, of, sound

from doorcheck.operator.record import log, logentry, logtext
from doorcheck.operator.record.logchain import Head, HeadError


@pytest.fixture(scope="session")
def files() -> list[bytes]:
    """The files of a sound record of seven entries by two authors, in order."""
    return sound()


def test_a_head_survives_json() -> None:
    """What is published comes back; anything else is refused with words."""
    head = Head(12, of("x"))
    assert Head.from_object({**json.loads(json.dumps(head.to_object())), "more": 1}) == head
    assert Head.from_object(Head().to_object()) == Head()
    good = head.to_object()
    bads: tuple[object, ...] = (
        None,
        [],
        {},
        {**good, "entries": "12"},
        {**good, "entries": True},
        {**good, "entries": -1},
        {**good, "entries": 0},
        {**good, "head": "00"},
        {**good, "head": good["head"].upper()},
        {**good, "head": None},
        {**good, "head": "zz" * 32},
    )
    for bad in bads:
        with pytest.raises(HeadError):
            Head.from_object(bad)


def test_people_read_who_did_what(tmp_path: Path) -> None:
    """A line an entry: number, time, author, action, subject, change, reason, in columns."""
    folder = tmp_path / "log"
    build(folder, 4)
    added = f"Basile, key {BASILE.author.key_id.hex()}"
    who = "+12 −3, expired 4"
    first, *rows = logtext.lines(log.verify(folder).entries)
    starts = [first.index(heading) for heading in logtext.HEADINGS]
    cells = [[row[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)] for row in rows]
    assert cells == [
        ["1", "2022-11-23T22:00:00Z", "Anna Muller", "init", "repository", "", "first"],
        ["2", "2022-11-23T23:00:00Z", "Anna Muller", "import-trust", "trust/who", who, "monthly list"],
        ["3", "2022-11-24T00:00:00Z", "Anna Muller", "add-author", added, "", "second pair of eyes"],
        ["4", "2022-11-24T01:00:00Z", "Basile", "revoke", "revoked", "+5", "leaked «on a photograph»"],
    ]
    assert not any(row != row.rstrip() for row in rows)


def test_programs_read_who_did_what(files: list[bytes]) -> None:
    """Objects that JSON can hold, with nothing left out; faults too."""
    entries = [logentry.read(data).entry for data in files]
    told = json.loads(json.dumps(logtext.as_objects(entries)))
    assert [one["entry"] for one in told] == list(range(1, LAST + 1))
    assert told[1] == {
        "entry": 2,
        "time": "2022-11-23T23:00:00Z",
        "author": "Anna Muller",
        "key": ANNA.author.key_id.hex(),
        "action": "import-trust",
        "subject": "trust/who",
        "counts": {"added": 12, "expired": 4, "removed": 3},
        "reason": "monthly list",
        "whom": None,
        "contents": {"trust/who": TRUST.hex()},
        "previous": logentry.digest(files[0]).hex(),
    }
    assert told[2]["whom"] == {"name": "Basile", "key": BASILE.author.key.hex()}
    faults = logtext.faults_as_objects(judged([files[0], files[0]]))
    assert {"kind", "entry", "words", "advice"} == json.loads(json.dumps(faults))[0].keys()


def test_no_operators_words_are_in_a_repr(files: list[bytes]) -> None:
    """What a traceback shows of an entry is its number, action and subject."""
    assert repr(logentry.read(files[3]).entry) == "Entry(4, revoke, revoked)"
