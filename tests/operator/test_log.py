"""The record: what it takes, and that nothing in it can be changed unseen."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.operator.record import (
    ANNA,
    BASILE,
    DENY,
    LAST,
    PLAN,
    START,
    TRUST,
    ZOE,
    append,
    build,
    head_of,
    judged,
    kinds,
    laid,
    of,
    resigned,
    signer,
    sound,
)

from doorcheck.core import cbor
from doorcheck.operator.record import log, logentry
from doorcheck.operator.record.authors import SigningAuthor
from doorcheck.operator.record.log import LogError, LogFaultError
from doorcheck.operator.record.logchain import Chain, Head
from doorcheck.operator.record.logentry import Action, EntryError, Whom
from doorcheck.operator.record.logfaults import FaultKind

F = FaultKind


@pytest.fixture(scope="session")
def files() -> list[bytes]:
    """The files of a sound record of seven entries by two authors, in order."""
    return sound()


def test_a_sound_record_has_no_fault_and_tells_everything(tmp_path: Path, files: list[bytes]) -> None:
    """Entries come back as they were given, with the head that is published."""
    found = log.verify(laid(tmp_path / "log", dict(enumerate(files, 1))), head=head_of(files)).sound()
    assert [(e.sequence, e.author, e.action) for e in found.entries] == [
        (number, author.author.name, told["action"]) for number, (author, told) in enumerate(PLAN, 1)
    ]
    assert found.entries[1].counts == {"added": 12, "removed": 3, "expired": 4}
    assert found.entries[3].reason == "leaked «on a photograph»"
    assert found.entries[-1].contents.keys() == {"trust/who", "revoked", "deny/local"}
    assert (found.head, found.authors) == (head_of(files), (ANNA.author,))
    assert logentry.read(files[2]).entry.whom == Whom("Basile", BASILE.author.key)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, files: list[bytes]) -> None:
    """A record made again from the same input is the same, byte for byte."""
    build(tmp_path / "log")
    again = [(tmp_path / "log" / log.file_name(number)).read_bytes() for number in range(1, LAST + 1)]
    assert again == files


def test_an_entry_is_a_standard_message(files: list[bytes]) -> None:
    """A COSE_Sign1 with EdDSA and the key's identifier in its protected header, and nothing else."""
    protected, unprotected, payload, signature = cbor.decode(files[0].removeprefix(b"\xd2"))
    assert cbor.decode(protected) == {1: -8, 4: ANNA.author.key_id}
    assert (unprotected, len(signature)) == ({}, 64)
    assert cbor.decode(payload)["previous"] == bytes(32)
    assert payload == logentry.canonical(cbor.decode(payload))


@pytest.mark.parametrize("gone", range(1, LAST))
def test_a_removed_file_is_a_gap(tmp_path: Path, files: list[bytes], gone: int) -> None:
    """Whichever but the last: its number is named."""
    kept = {number: data for number, data in enumerate(files, 1) if number != gone}
    assert (F.GAP, gone) in kinds(log.verify(laid(tmp_path / "log", kept)).faults)


@pytest.mark.parametrize("gone", range(1, LAST))
def test_a_removed_entry_is_found_when_the_rest_move_up(files: list[bytes], gone: int) -> None:
    """Renaming the later files does not hide it: the next one stands in the wrong place."""
    faults = kinds(judged(files[: gone - 1] + files[gone:]))
    assert {(F.PLACE, gone), (F.CHAIN, gone)} <= faults


@pytest.mark.parametrize("left", range(LAST))
def test_a_truncated_record_is_found_by_its_published_head(
    tmp_path: Path, files: list[bytes], left: int
) -> None:
    """Entries gone from the end show against any head that counted them, and an empty record always."""
    folder = laid(tmp_path / "log", dict(enumerate(files[:left], 1)))
    assert (F.TRUNCATED, None) in kinds(log.verify(folder, head=head_of(files)).faults)
    alone = kinds(log.verify(folder).faults)
    assert alone == (set() if left else {(F.EMPTY, None)})


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(range(1, LAST + 1), 2)))
def test_two_swapped_entries_are_found(files: list[bytes], one: int, other: int) -> None:
    """Each of them is named as out of its place."""
    swapped = list(files)
    swapped[one - 1], swapped[other - 1] = files[other - 1], files[one - 1]
    assert {(F.PLACE, one), (F.PLACE, other)} <= kinds(judged(swapped))


@pytest.mark.parametrize(("which", "place"), list(itertools.product(range(1, LAST + 1), range(1, LAST + 2))))
def test_an_inserted_copy_is_found(files: list[bytes], which: int, place: int) -> None:
    """Wherever it is put: it, or the entry that it displaces, is named; at the end it is called a copy."""
    with_copy = [*files[: place - 1], files[which - 1], *files[place - 1 :]]
    faults = judged(with_copy)
    assert {fault.kind for fault in faults} & {F.PLACE}
    if place == LAST + 1:
        assert faults[0].words == f"the file holds a copy of entry {which}"


@pytest.mark.parametrize("number", range(1, LAST + 1))
def test_every_changed_byte_of_an_entry_is_found(files: list[bytes], number: int) -> None:
    """In that entry itself, not only by the next one: also the last entry can't be changed."""
    before = Chain()
    for data in files[: number - 1]:
        assert not before.take(data)
    whole = files[number - 1]
    for place in range(len(whole)):
        changed = whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :]
        assert before.copy().take(changed), f"byte {place}"
    for changed in (whole[:-1], whole + b"\0", b"", whole[1:], b"\xd8\x3d" + whole):
        assert kinds(before.copy().take(changed)) == {(F.UNREADABLE, number)}


@given(data=st.data())
def test_no_bit_can_be_changed_anywhere(files: list[bytes], data: st.DataObject) -> None:
    """Whichever bit, wherever: the record is not sound, and the faults name that entry or the next."""
    number = data.draw(st.integers(0, LAST - 1))
    bit = data.draw(st.integers(0, len(files[number]) * 8 - 1))
    changed = bytearray(files[number])
    changed[bit // 8] ^= 1 << bit % 8
    faults = judged([*files[:number], bytes(changed), *files[number + 1 :]])
    assert faults
    assert {fault.entry for fault in faults} & {number + 1, number + 2}


@given(st.binary(max_size=300))
def test_no_bytes_make_reading_an_entry_crash(data: bytes) -> None:
    """Whatever a file holds, it is an entry or it is not."""
    for one in (data, b"\xd2\x84" + data, logentry.canonical([b"", {}, data, b""])):
        with pytest.raises(EntryError):
            logentry.read(one)


@pytest.mark.parametrize("number", range(1, LAST + 1))
def test_another_forms_of_an_entry_are_none(files: list[bytes], number: int) -> None:
    """The same said in other bytes, with its good signature, is refused: there is one form."""
    protected, _, payload, signature = cbor.decode(files[number - 1].removeprefix(b"\xd2"))
    forms = (
        cbor.encode([protected, {}, payload, signature]),  # no tag
        b"\xd2" + cbor.encode([protected, {4: b"12345678"}, payload, signature]),
        b"\xd2" + cbor.encode([protected, {}, payload, signature + b"\0"])[:-1],
        b"\xd2\x9f" + files[number - 1][2:] + b"\xff",  # an array without its length
    )
    for form in forms:
        with pytest.raises(EntryError):
            logentry.read(form)


@pytest.mark.parametrize("number", range(1, LAST + 1))
@pytest.mark.parametrize("thief", [BASILE, ZOE, signer("Anna Muller ii")])
def test_an_entry_signed_anew_by_another_is_found(
    files: list[bytes], number: int, thief: SigningAuthor
) -> None:
    """In the author's name the signature is wrong; in the thief's own, the record was rewritten."""
    whole = files[number - 1]
    if logentry.read(whole).entry.author == thief.author.name:
        return
    in_anothers_name = resigned(whole, thief, reason="nothing happened")
    faults = judged([*files[: number - 1], in_anothers_name, *files[number:]])
    assert (F.SIGNATURE, number) in kinds(faults)
    own = resigned(whole, thief, own_name=True)
    faults = judged([*files[: number - 1], own, *files[number:]], head_of(files))
    assert {fault.entry for fault in faults} & {number, number + 1}
    assert faults


@pytest.mark.parametrize("number", range(1, LAST + 1))
def test_an_author_who_rewrites_the_past_is_found(files: list[bytes], number: int) -> None:
    """With a key that was good then: by the next entry, or, if all are signed anew, by the published head."""
    author, _ = PLAN[number - 1]
    altered = resigned(files[number - 1], author, reason="nothing happened")
    faults = kinds(judged([*files[: number - 1], altered, *files[number:]], head_of(files)))
    assert faults == ({(F.CHAIN, number + 1)} if number < LAST else {(F.REWRITTEN, LAST)})
    rest = [altered]
    for later, (signing, _) in zip(files[number:], PLAN[number:], strict=True):
        rest.append(resigned(later, signing, previous=logentry.digest(rest[-1])))
    assert not judged([*files[: number - 1], *rest]), "a chain alone can't show it"
    again = judged([*files[: number - 1], *rest], head_of(files))
    assert kinds(again) == {(F.REWRITTEN, LAST)}


def test_a_record_that_starts_anew_is_found_by_its_published_head(tmp_path: Path, files: list[bytes]) -> None:
    """Another record, sound in itself, of other authors: not the one that was published."""
    folder = tmp_path / "log"
    folder.mkdir()
    append(folder, ZOE, 1, action=Action.INIT, subject="repository", whom=ZOE.author)
    append(folder, ZOE, 2, action=Action.PUBLISH, subject="published")
    assert kinds(log.verify(folder, head=head_of(files[:2])).faults) == {(F.REWRITTEN, 2)}
    assert not log.verify(folder).faults


def test_time_does_not_run_backwards(files: list[bytes]) -> None:
    """An earlier time than an entry before is a fault of its own kind, and only that entry's."""
    chain = Chain()
    for data in files[:5]:
        chain.take(data)
    earlier = resigned(files[5], ANNA, time=START + 3600 * 5 - 1)
    same = resigned(files[5], ANNA, time=START + 3600 * 5)
    assert kinds(chain.copy().take(earlier)) == {(F.TIME, 6)}
    assert not chain.copy().take(same)
    chain.take(earlier)
    after = logentry.digest(earlier)
    assert not chain.copy().take(resigned(files[6], ANNA, previous=after))
    between = resigned(files[6], ANNA, previous=after, time=START + 3600 * 5 - 1)
    assert kinds(chain.take(between)) == {(F.TIME, 7)}, "one wrong time does not set a new start"


def test_a_retired_author_signs_no_more(files: list[bytes]) -> None:
    """Before retiring an entry is good; after, with the same key, it is a fault of its own kind."""
    late = resigned(files[5], BASILE, own_name=True)
    assert kinds(judged([*files[:5], late])) == {(F.RETIRED_AUTHOR, 6)}
    assert not judged(files[:4])


def test_a_borrowed_name_is_found(files: list[bytes]) -> None:
    """A known key under another known name is no author."""
    chain = Chain()
    for data in files[:3]:
        chain.take(data)
    entry = msgspec.structs.replace(logentry.read(files[3]).entry, author="Anna Muller")
    assert kinds(chain.take(logentry.sign(entry, BASILE))) == {(F.UNKNOWN_AUTHOR, 4)}


IMPOSSIBLE: dict[str, tuple[int, dict[str, Any]]] = {
    "starts again": (5, {"action": Action.INIT, "whom": Whom("Anna Muller", ANNA.author.key)}),
    "starts again by another": (5, {"action": Action.INIT, "whom": Whom("Zoé", ZOE.author.key)}),
    "an author twice": (5, {"action": Action.ADD_AUTHOR, "whom": Whom("anna MULLER", ZOE.author.key)}),
    "a key twice": (5, {"action": Action.ADD_AUTHOR, "whom": Whom("Zoé", ANNA.author.key)}),
    "a retired key": (6, {"action": Action.ADD_AUTHOR, "whom": Whom("Zoé", BASILE.author.key)}),
    "retires nobody": (5, {"whom": Whom("Zoé", ZOE.author.key)}),
    "retires by a wrong name": (5, {"whom": Whom("Zoé", BASILE.author.key)}),
    "retires the last": (6, {"action": Action.RETIRE_AUTHOR, "whom": Whom("Anna Muller", ANNA.author.key)}),
    "changes a list aside": (6, {"contents": {"trust/who": of("else"), "revoked": of("one pass")}}),
    "drops a list aside": (6, {"contents": {"deny/local": of("a deny list")}}),
    "tells of a part": (6, {"subject": "deny/loc"}),
    "publishes a change": (
        7,
        {"contents": {"trust/who": TRUST, "deny/local": DENY}, "subject": "revoked"},
    ),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_what_can_not_be_done_is_a_fault_even_when_signed(files: list[bytes], what: str) -> None:
    """An author's own tool may sign anything; the record takes what makes sense only."""
    number, changed = IMPOSSIBLE[what]
    if changed.get("action") in (Action.ADD_AUTHOR, Action.RETIRE_AUTHOR, Action.INIT):
        contents = logentry.read(files[number - 2]).entry.contents
        changed = {"contents": contents, "subject": "authors", **changed}
    forged = resigned(files[number - 1], ANNA, **changed)
    assert kinds(judged([*files[: number - 1], forged])) == {(F.IMPOSSIBLE, number)}


def test_a_first_entry_that_starts_nothing_is_a_fault(files: list[bytes]) -> None:
    """Nobody is an author before the first entry says so."""
    assert (F.UNKNOWN_AUTHOR, 1) in kinds(judged([resigned(files[1], ANNA, sequence=1, previous=bytes(32))]))
    vouching = resigned(files[0], ANNA, whom=Whom("Basile", BASILE.author.key))
    assert (F.UNKNOWN_AUTHOR, 1) in kinds(judged([vouching]))


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "000008.cose~",
        "8.cose",
        "0000008.cose",
        "000000.cose",
        "000008.COSE",
        ".hidden",
        "000008",
    ],
)
def test_a_file_that_is_no_entry_is_named(tmp_path: Path, files: list[bytes], name: str) -> None:
    """Whatever else is in the folder is a fault."""
    folder = laid(tmp_path / "log", dict(enumerate(files, 1)))
    (folder / name).write_bytes(files[0])
    (fault,) = log.verify(folder).faults
    assert fault.kind is F.STRAY
    assert name in fault.words


def test_what_is_no_plain_file_is_a_fault(tmp_path: Path, files: list[bytes]) -> None:
    """A link, a pipe, a folder or a huge file in an entry's place is named, and does not block."""
    kept = {number: data for number, data in enumerate(files, 1) if number != 3}
    folder = laid(tmp_path / "log", kept)
    place = folder / log.file_name(3)
    (tmp_path / "aside").write_bytes(files[2])
    makers: tuple[Callable[[], object], ...] = (
        lambda: place.symlink_to(tmp_path / "aside"),
        lambda: os.mkfifo(place),
        lambda: place.write_bytes(bytes(logentry.LARGEST_BYTES + 1)),
    )
    for make in makers:
        make()
        assert (F.UNREADABLE, 3) in kinds(log.verify(folder).faults)
        place.unlink()
    place.mkdir()
    assert (F.UNREADABLE, 3) in kinds(log.verify(folder).faults)


def test_a_number_far_away_is_one_gap(tmp_path: Path, files: list[bytes]) -> None:
    """A forged name costs neither time nor memory."""
    folder = laid(tmp_path / "log", {1: files[0], 999_999_999: files[1]})
    faults = log.verify(folder).faults
    assert (F.GAP, 2) in kinds(faults)
    assert len(faults) < 5


def test_all_faults_are_told_at_once(tmp_path: Path, files: list[bytes]) -> None:
    """Not only the first, each with its entry and what to do; who must have a sound record gets an error."""
    damaged = {**dict(enumerate(files, 1)), 2: b"damaged", 7: files[6][:-1]}
    del damaged[5]
    folder = laid(tmp_path / "log", damaged)
    (folder / "notes.txt").touch()
    faults = log.verify(folder, head=Head(9, of("x")), contents={"trust/who": TRUST}).faults
    expected = {(F.UNREADABLE, 2), (F.CHAIN, 3), (F.GAP, 5), (F.UNREADABLE, 7), (F.STRAY, None)}
    assert expected <= kinds(faults)
    assert {(F.TRUNCATED, None), (F.CONTENT, None)} <= kinds(faults)
    assert all(fault.advice for fault in faults)
    with pytest.raises(LogFaultError, match=r"not sound: .*; \d+ more") as caught:
        log.verify(folder).sound()
    assert len(caught.value.faults) > 4


def test_content_changed_without_an_entry_is_found(tmp_path: Path, files: list[bytes]) -> None:
    """Changed, added, removed: each is named; the state as recorded is no fault."""
    folder = laid(tmp_path / "log", dict(enumerate(files, 1)))
    state = dict(log.verify(folder).entries[-1].contents)
    assert not log.verify(folder, contents=state).faults
    changed = {"trust/who": of("else"), "revoked": state["revoked"], "deny/new": of("new")}
    faults = log.verify(folder, contents=changed).faults
    assert [fault.words for fault in faults] == [
        "deny/local is gone without an entry",
        "deny/new was added without an entry",
        "trust/who was changed without an entry",
    ]


def test_nothing_is_a_fault_not_a_sound_record(tmp_path: Path) -> None:
    """An empty folder has lost its entries; a missing one is an error that says what to name."""
    (tmp_path / "log").mkdir()
    assert kinds(log.verify(tmp_path / "log").faults) == {(F.EMPTY, None)}
    with pytest.raises(LogError, match="doorcheck operator init"):
        log.verify(tmp_path / "none")
    with pytest.raises(LogError, match="doorcheck operator init"), log.writing(tmp_path / "none"):
        pass
    assert not (tmp_path / "none").exists()
