"""French lists: arrays, iterations with what takes entries back, TAC Verif's settings and pages."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from tests.operator.denylists import (
    AT,
    a_pass,
    iteration,
    judged,
    many,
    packed,
    page,
    read,
    short,
    whole,
    write,
)

from doorcheck.core.verdict import Reason
from doorcheck.lab import french
from doorcheck.lab.bench import Bench
from doorcheck.operator.denysources import DenySourcesError, Format, Kind, bounds

DCC, DOCUMENT = "dcc/{}/certlist.pb.gz", "2ddoc/{}/2ddoc_list.pb.gz"


def refused(*paths: Path, **options: Any) -> str:
    """Why an import was refused as a whole."""
    with pytest.raises(DenySourcesError) as caught:
        read(*paths, **options)
    assert not caught.value.gathered.hashes
    return str(caught.value)


def hexed(entries: list[bytes]) -> list[str]:
    """Entries as JSON lists have them."""
    return [entry.hex() for entry in entries]


@pytest.mark.parametrize("form", ["array", "iteration", "settings", "page"])
def test_a_listed_pass_is_refused(tmp_path: Path, form: str) -> None:
    """A pass in a list of any form, by country and identifier, is refused at the door."""
    bench = Bench(AT)
    text, identifier, _ = a_pass(bench)
    listed = [*many(3), whole("XX" + identifier)]
    files: dict[str, dict[str, bytes | object]] = {
        "array": {"certlist.json": hexed(listed)},
        "iteration": {DCC.format(0): packed(listed)},
        "settings": {"sync": {"blacklist": {"blacklistDCC": hexed(listed), "blacklist2DDOC": []}}},
        "page": {"0": page([(entry, True) for entry in listed], 4)},
    }
    assert judged(bench, text, read(write(tmp_path, files[form]))) is Reason.LISTED_COUNTRY


@pytest.mark.parametrize("form", ["array", "iteration", "settings"])
def test_a_listed_document_is_refused(tmp_path: Path, form: str) -> None:
    """A 2D-Doc in a list, by what of it is signed, is refused at the door."""
    bench = Bench(AT)
    document = french.vaccination(bench.person, bench.utc)
    listed = [*many(3), whole(document.signed())]
    files: dict[str, dict[str, bytes | object]] = {
        "array": {"2ddoc_list.json": hexed(listed)},
        "iteration": {DOCUMENT.format(0): packed(listed)},
        "settings": {"sync": {"blacklist": {"blacklist2DDOC": hexed(listed)}}},
    }
    gathered = read(write(tmp_path, files[form]))
    world = {"trust": french.trust_list(bench)}
    assert judged(bench, document.data(), gathered, **world) is Reason.LISTED_DOCUMENT
    assert gathered.totals[Format.FRENCH].kinds[Kind.DOCUMENT] == 4


def test_iterations_in_order(tmp_path: Path) -> None:
    """Iterations count in the order of their numbers; what one takes back a later one may list again."""
    one, two = many(2)
    files = {
        DCC.format(0): packed([one, two, *many(5, "a")]),
        DCC.format(1): packed(many(5, "b"), [one, two]),
        **{DCC.format(number): packed([]) for number in range(2, 9)},
        DCC.format(9): packed([two, *many(1, "d")]),
        DCC.format(10): packed([], [*many(1, "b"), *many(1, "d")]),
        DOCUMENT.format(0): packed(many(3, "c")),
    }
    gathered = read(write(tmp_path, files))
    assert gathered.hashes == short([two, *many(5, "a"), *many(5, "b")[1:], *many(3, "c")])
    totals = gathered.totals[Format.FRENCH]
    assert (totals.entries, totals.removed, totals.taken) == (17, 4, 13)
    assert totals.kinds == {Kind.COUNTRY_UCI: 14, Kind.DOCUMENT: 3}


def test_taking_back_wins_within_an_iteration(tmp_path: Path) -> None:
    """As in the app, an entry that one iteration both lists and takes back is not listed."""
    files = {DCC.format(0): packed(many(2), many(1))}
    assert read(write(tmp_path, files)).hashes == short(many(2)[1:])


def test_iterations_without_gzip_or_folders(tmp_path: Path) -> None:
    """Iterations may be inflated already, and may bear their number as their name."""
    read(write(tmp_path, {"0.pb": iteration(many(2)), "1.pb": iteration([], many(1))}))
    assert read(tmp_path).hashes == short(many(2)[1:])


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({DCC.format(1): packed(many(1))}, "iteration 0 is missing before iteration 1"),
        (
            {DCC.format(0): packed(many(1)), DCC.format(2): packed(many(1))},
            "iteration 1 is missing before iteration 2",
        ),
        ({"dcc/0/a.pb.gz": packed([]), "dcc/x": packed([])}, "without its number"),
        ({DCC.format(0): packed(many(1))[:-3]}, "cut short"),
        ({DCC.format(0): packed(many(1)) + b"x"}, "after the end"),
        ({DCC.format(0): b"\x1f\x8b" + bytes(30)}, "damaged gzip"),
        ({DCC.format(0): gzip.compress(iteration(many(1))[:-1])}, "damaged, or another"),
        ({DCC.format(0): gzip.compress(b"\x12\x01a")}, "damaged, or another"),
        ({DCC.format(0): gzip.compress(b"\n\x02ab")}, "item 1: not a SHA-256"),
        ({DCC.format(0): gzip.compress(iteration([bytes(16)]))}, "item 1: not a SHA-256"),
        ({"a": [*hexed(many(2)), "00"]}, "entry 3: not a SHA-256"),
        ({"a": [*hexed(many(2)), 5]}, "entry 3: not a SHA-256"),
        ({"a": {"elements": [{"hash": "00", "active": True}], "lastIndexBlacklist": 1}}, "element 1"),
        ({"a": {"elements": [{"hash": bytes(32).hex()}], "lastIndexBlacklist": 1}}, "element 1"),
        ({"a": {"elements": {}, "lastIndexBlacklist": 1}}, "not in the form"),
        ({"a": page([(bytes(32), True), (bytes(32), False)], 2)}, "active and inactive"),
        ({"a": page([(bytes(32), True)], 2), "b": page([(bytes(32), False)], 2)}, "active and inactive"),
        ({"a": {"blacklist": {}}}, "not in the form"),
        ({"a": {"blacklist": {"blacklistDCC": "none"}}}, "not in the form"),
    ],
)
def test_what_is_refused(tmp_path: Path, files: dict[str, Any], words: str) -> None:
    """A gap, damage or a malformed entry refuses the import, with where and why."""
    assert words in refused(write(tmp_path, files))


def test_an_iteration_twice(tmp_path: Path) -> None:
    """The same iteration from two folders with the same path is refused, for only one can be right."""
    write(tmp_path, {"dcc/0/list.pb.gz": packed(many(1)), "dcc/00/list.pb.gz": packed(many(2))})
    assert "iteration 0 is here twice" in refused(tmp_path)


def test_a_gap_drops_its_own_stream(tmp_path: Path) -> None:
    """Told to keep going, a gap among passes leaves the list of 2D-Docs, which has none."""
    files = {DCC.format(1): packed(many(2)), DOCUMENT.format(0): packed(many(3, "c"))}
    gathered = read(write(tmp_path, files), keep_going=True)
    assert gathered.hashes == short(many(3, "c"))
    assert gathered.totals[Format.FRENCH].dropped == 2


def test_gzip_bombs_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An iteration that inflates beyond any list's size is refused, having inflated that much and no more."""
    monkeypatch.setattr(bounds, "LARGEST_INFLATED_BYTES", bounds.MIB)
    bomb = gzip.compress(iteration(many(1)) * 100_000)
    assert "inflates to more than 1 MiB" in refused(write(tmp_path, {DCC.format(0): bomb}))


def test_pages_take_back(tmp_path: Path) -> None:
    """An inactive element takes an entry of the settings or of an older page back, never of a newer."""
    kept, gone, back = many(3)
    files = {
        "sync": {"blacklist": {"blacklistDCC": hexed([kept, gone]), "blacklist2DDOC": hexed(many(2, "d"))}},
        "new": page([(gone, False), (back, True)], 9000),
        "old": page([(gone, True), (back, False), *[(one, True) for one in many(4, "e")]], 5000),
    }
    gathered = read(write(tmp_path, files))
    assert gathered.hashes == short([kept, back, *many(2, "d"), *many(4, "e")])
    totals = gathered.totals[Format.FRENCH]
    assert totals.entries == totals.taken + totals.duplicates + totals.removed
