"""Changing the working state and its record: together, or not at all, whenever it is cut short."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.operator.cutting import CutError, CuttingDisk
from tests.operator.record import ANNA, BASILE, START, ZOE

from doorcheck.edge.disk import Disk
from doorcheck.edge.store import StoreError
from doorcheck.operator.record import change, contents, log, pending
from doorcheck.operator.record.change import ChangeError
from doorcheck.operator.record.contents import ContentsError
from doorcheck.operator.record.log import LogBusyError, LogError, LogFaultError
from doorcheck.operator.record.logentry import Action, Entry
from doorcheck.operator.record.logfaults import FaultKind
from doorcheck.operator.record.pending import Fate, Write

INIT: dict[str, Any] = {"action": Action.INIT, "subject": "repository", "whom": ANNA.author}


def commit(repo: Path, writes: Mapping[str, Write], disk: Disk | None = None, **told: Any) -> Entry:
    """One change by the first author, an hour after the one before."""
    with change.begin(repo, disk) as begun:
        given = {
            "action": Action.SET_SETTINGS,
            "time": START + 3600 * begun.head.entries,
            "reason": "because",
        }
        return begun.commit(told.pop("author", ANNA), writes=writes, **{**given, **told})


class _FailingDisk(Disk):
    """Nothing can be renamed to one place."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def rename(self, old: Path, new: Path) -> None:
        """Fail, or do it."""
        if new == self.place:
            raise OSError(errno.ENOSPC, "No space left on device", str(old), None, str(new))
        super().rename(old, new)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What flushing means is modelled by `CuttingDisk`; the test computer's own disk need not flush."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A repository about to start."""
    for folder in (log.FOLDER, contents.FOLDER):
        (tmp_path / "empty" / folder).mkdir(parents=True)
    return tmp_path / "empty"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A folder of rules to bring in."""
    folder = tmp_path / "rules"
    (folder / "rules").mkdir(parents=True)
    (folder / "profile.json").write_text("{}")
    (folder / "rules" / "new.json").write_text("[1]")
    return folder


@pytest.fixture
def repo(tmp_path: Path, empty: Path, rules: Path) -> Path:
    """A repository with two lists, rules and settings."""
    folder = tmp_path / "repo"
    shutil.copytree(empty, folder)
    (rules / "rules" / "old.json").write_text("[0]")
    first: dict[str, Write] = {
        "settings": b"a = 1\n",
        "profile": rules,
        "deny/local": b"old" * 1000,
        "deny/eu": b"eu",
    }
    commit(folder, first, **INIT)
    (rules / "rules" / "old.json").unlink()
    return folder


def state(repo: Path) -> tuple[int, dict[str, bytes]]:
    """The record's length and the working state, which agree."""
    now = contents.survey(repo / contents.FOLDER)
    found = log.verify(repo / log.FOLDER, contents=now)
    assert {fault.kind for fault in found.faults} <= ({FaultKind.EMPTY} if not found.entries else set())
    return found.head.entries, now


def test_a_change_is_there_with_its_entry(repo: Path, rules: Path) -> None:
    """Bytes, a file, a folder and a removal come in, each with the hash that the entry names."""
    big = rules.parent / "big"
    big.write_bytes(os.urandom(3_000_000))
    commit(repo, {"profile": rules}, action=Action.SET_RULES, subject="profile")
    entry = commit(repo, {"deny/local": big, "deny/eu": None, "deny/de": b"de"}, subject="deny")
    lists = repo / contents.FOLDER
    assert (lists / "deny" / "local.dcdl").read_bytes() == big.read_bytes()
    assert {path.name for path in lists.rglob("*") if path.is_file()} == {
        "local.dcdl",
        "de.dcdl",
        "settings.toml",
        "profile.json",
        "new.json",
    }
    assert entry.contents == contents.survey(lists)
    assert entry.contents.keys() == {"settings", "profile", "deny/local", "deny/de"}
    assert state(repo)[0] == 3
    assert not (repo / pending.FOLDER).exists()
    assert big.exists()


def test_a_change_without_contents_is_an_entry_alone(repo: Path) -> None:
    """Adding an author changes no list."""
    before = state(repo)
    commit(repo, {}, action=Action.ADD_AUTHOR, subject="authors", whom=BASILE.author)
    commit(repo, {"settings": b"a = 2\n"}, author=BASILE, subject="settings")
    assert state(repo)[0] == before[0] + 2


SCENARIOS: dict[str, Callable[[Path], tuple[dict[str, Write], dict[str, Any]]]] = {
    "replace a file": lambda _: ({"deny/local": b"new" * 999}, {"subject": "deny/local"}),
    "the same again": lambda _: ({"settings": b"a = 1\n"}, {"subject": "settings"}),
    "a new file in a new folder": lambda _: ({"trust/who": b"who"}, {"subject": "trust/who"}),
    "remove a file": lambda _: ({"deny/eu": None}, {"subject": "deny/eu"}),
    "replace a folder": lambda rules: ({"profile": rules}, {"subject": "profile"}),
    "remove a folder": lambda _: ({"profile": None}, {"subject": "profile"}),
    "several": lambda _: ({"deny/local": b"x", "deny/eu": None, "deny/de": b"de"}, {"subject": "deny"}),
    "an author": lambda _: ({}, {"action": Action.ADD_AUTHOR, "subject": "authors", "whom": BASILE.author}),
}


def _start(rules: Path) -> tuple[dict[str, Write], dict[str, Any]]:
    return {"settings": b"a", "profile": rules}, INIT


def cut(steps: int, work: Callable[[Disk], object], *, lose: bool) -> bool:
    """Do work on a disk that is cut off after so many steps, or right after the end; whether it was."""
    disk = CuttingDisk(steps)
    try:
        work(disk)
        was_cut = False
    except CutError:
        was_cut = True
    if lose:
        disk.lose()
    disk.close()
    return was_cut


@pytest.mark.parametrize("lose", [False, True], ids=["killed", "power cut"])
@pytest.mark.parametrize("scenario", [*SCENARIOS, "start"])
def test_a_change_cut_short_anywhere_is_made_whole(
    repo: Path, empty: Path, rules: Path, tmp_path: Path, scenario: str, lose: bool
) -> None:
    """At every step, killed or with all that was not flushed lost: then all is old or all is new."""
    writes, told = {**SCENARIOS, "start": _start}[scenario](rules)
    repo = empty if scenario == "start" else repo
    whole = tmp_path / "whole"
    shutil.copytree(repo, whole)
    old = state(repo)
    commit(whole, writes, **told)
    new = state(whole)
    assert new[0] == old[0] + 1
    seen, steps = [], 0
    while True:
        again = tmp_path / f"cut-{steps}"
        shutil.copytree(repo, again)
        was_cut = cut(steps, lambda disk, at=again: commit(at, writes, disk, **told), lose=lose)  # type: ignore[misc]
        assert was_cut or not (again / pending.FOLDER).exists()
        change.recover(again)
        seen.append(state(again))
        assert not (again / pending.FOLDER).exists()
        assert not list((again / log.FOLDER).glob("*.tmp"))
        if not was_cut:
            break
        steps += 1
    assert steps > 4
    assert seen[0] == old
    assert seen[-1] == new
    turn = seen.index(new)
    assert seen == [old] * turn + [new] * (len(seen) - turn), "once it is on record it stays"


@pytest.mark.slow
@pytest.mark.parametrize("lose", [False, True], ids=["killed", "power cut"])
@pytest.mark.parametrize("scenario", ["replace a folder", "several"])
def test_a_recovery_cut_short_is_made_whole_too(
    repo: Path, rules: Path, tmp_path: Path, scenario: str, lose: bool
) -> None:
    """Cut in the change, then cut in the recovery, at every pair of steps: recovering again mends it."""
    writes, told = SCENARIOS[scenario](rules)
    whole = tmp_path / "whole"
    shutil.copytree(repo, whole)
    commit(whole, writes, **told)
    whole_states = [state(repo), state(whole)]
    steps, tried = 0, 0
    while True:
        broken = tmp_path / f"cut-{steps}"
        shutil.copytree(repo, broken)
        if not cut(steps, lambda disk, at=broken: commit(at, writes, disk, **told), lose=lose):  # type: ignore[misc]
            break
        for more in range(100):
            again = tmp_path / f"cut-{steps}-{more}"
            shutil.copytree(broken, again)
            was_cut = cut(more, lambda disk, at=again: change.recover(at, disk), lose=lose)  # type: ignore[misc]
            change.recover(again)
            assert state(again) in whole_states
            tried += 1
            shutil.rmtree(again)
            if not was_cut:
                break
        steps += 2
    assert tried > 50


def test_what_became_of_a_change_that_was_cut_short_is_told(repo: Path) -> None:
    """Finished when it was on record, dropped when not; then there is nothing more to tell."""
    fates = set()
    for steps in range(60):
        if not cut(
            steps,
            lambda disk: commit(repo, {"settings": os.urandom(9)}, disk, subject="settings"),
            lose=False,
        ):
            break
        fates |= {(one.subject, one.fate) for one in change.recover(repo)}
        assert change.recover(repo) == ()
    assert fates == {("settings", Fate.FINISHED), ("settings", Fate.DROPPED)}


def test_a_folder_restored_amid_a_change_is_replaced_all_the_same(repo: Path, rules: Path) -> None:
    """Old rules moved away, new ones not there yet, and somebody puts the old ones back: the record wins."""
    place = repo / contents.FOLDER / contents.PROFILE
    backup = rules.parent / "backup"
    shutil.copytree(place, backup)
    disk = _FailingDisk(place)
    with pytest.raises(ChangeError, match="entry 2 is on record"):
        commit(repo, {"profile": rules}, disk, subject="profile")
    assert not place.exists()
    shutil.copytree(backup, place)
    assert [one.fate for one in change.recover(repo)] == [Fate.FINISHED]
    assert state(repo)[0] == 2
    assert contents.digest(place) == contents.digest(rules)


def test_a_change_does_not_hide_one_that_has_no_entry(repo: Path) -> None:
    """Whoever replaces a list that somebody else changed is told so; the other lists can be changed."""
    (repo / contents.FOLDER / "deny" / "local.dcdl").write_bytes(b"without a word")
    with pytest.raises(ChangeError, match="deny/local was changed without an entry"):
        commit(repo, {"deny/local": b"new"}, subject="deny/local")
    commit(repo, {"settings": b"a = 2\n"}, subject="settings")
    found = log.verify(repo / log.FOLDER, contents=contents.survey(repo / contents.FOLDER))
    assert [(fault.kind, fault.words) for fault in found.faults] == [
        (FaultKind.CONTENT, "deny/local was changed without an entry")
    ]


def test_a_refused_change_leaves_nothing(repo: Path, rules: Path) -> None:
    """Whatever is wrong with it, the state, the record and the disk are as before."""
    before = state(repo)
    (rules.parent / "hollow").mkdir()
    (rules / "link").symlink_to("/nowhere")
    refused: tuple[tuple[type[Exception], Mapping[str, Write], dict[str, Any]], ...] = (
        (LogError, {"settings": b"x"}, {"subject": "settings", "author": ZOE}),
        (LogError, {"settings": b"x"}, {"subject": "settings", "reason": ""}),
        (LogError, {"settings": b"x"}, {"subject": "profile"}),
        (ContentsError, {"../settings": b"x"}, {"subject": "settings"}),
        (ContentsError, {"deny/a.b": b"x"}, {"subject": "deny"}),
        (ChangeError, {"deny/none": None}, {"subject": "deny"}),
        (StoreError, {"profile": rules.parent / "hollow"}, {"subject": "profile"}),
        (StoreError, {"profile": rules}, {"subject": "profile"}),
        (StoreError, {"settings": rules.parent / "none"}, {"subject": "settings"}),
        (StoreError, {"settings": rules.parent / "hollow"}, {"subject": "settings"}),
        (StoreError, {"profile": b"x"}, {"subject": "profile"}),
    )
    for error, writes, told in refused:
        with pytest.raises(error):
            commit(repo, writes, **told)
        assert state(repo) == before
        assert not (repo / pending.FOLDER).exists()


def test_an_unsound_record_takes_no_change(repo: Path) -> None:
    """First the record is mended."""
    (repo / log.FOLDER / "notes.txt").touch()
    with pytest.raises(LogFaultError, match="notes"):
        commit(repo, {"settings": b"x"}, subject="settings")


def test_two_changes_at_once_are_one_after_the_other(repo: Path) -> None:
    """Reading and writing are under one lock: no operator undoes what another did meanwhile."""
    with change.begin(repo), pytest.raises(LogBusyError):
        commit(repo, {"settings": b"x"}, subject="settings")
    commit(repo, {"settings": b"x"}, subject="settings")


def test_a_disk_that_fails_after_the_entry_says_what_is_left_to_do(repo: Path) -> None:
    """The change is on record: the error says so, and the next change finishes it."""
    with pytest.raises(ChangeError, match=r"entry 2 is on record, but .*no space left"):
        commit(
            repo,
            {"settings": b"x"},
            _FailingDisk(repo / contents.FOLDER / "settings.toml"),
            subject="settings",
        )
    assert [str(one) for one in change.recover(repo)] == [
        "settings: a change on record that was cut short is finished now"
    ]
    assert (repo / contents.FOLDER / "settings.toml").read_bytes() == b"x"
    assert state(repo)[0] == 2


def test_a_folders_hash_is_of_names_and_contents(rules: Path) -> None:
    """Any change to a file's name, place or bytes changes it; empty folders and times do not."""
    first = contents.digest(rules)
    os.utime(rules / "profile.json", (0, 0))
    (rules / "cases").mkdir()
    assert contents.digest(rules) == first
    seen = {first}
    for work in (
        lambda: (rules / "profile.json").write_text("{ }"),
        lambda: (rules / "profile.json").rename(rules / "profil.json"),
        lambda: (rules / "profil.json").rename(rules / "cases" / "profil.json"),
        lambda: (rules / ".hidden").touch(),
        lambda: (rules / "rules" / "new.json").unlink(),
    ):
        work()
        seen.add(contents.digest(rules))
    assert len(seen) == 6


def test_a_file_that_is_no_subject_is_in_the_survey(repo: Path) -> None:
    """Under its path, so that it shows as changed without an entry; a link is an error."""
    lists = repo / contents.FOLDER
    odd = ("trust/who.txt", "deny/local", "deny/A.dcdl", "revoked", "deny/x/y.dcdl", "settings.toml~")
    for name in odd:
        (lists / name).parent.mkdir(exist_ok=True)
        (lists / name).touch()
    found = contents.survey(lists)
    assert {f"./{name}" for name in odd} <= found.keys()
    faults = log.verify(repo / log.FOLDER, contents=found).faults
    assert {fault.words for fault in faults} == {f"./{name} was added without an entry" for name in odd}
    (lists / "deny" / "other.dcdl").symlink_to(lists / "deny" / "eu.dcdl")
    with pytest.raises(ContentsError, match="not a plain file"):
        contents.survey(lists)


def test_nothing_there_is_an_empty_survey(tmp_path: Path) -> None:
    """Before the first list there is no state."""
    assert contents.survey(tmp_path / "none") == {}
