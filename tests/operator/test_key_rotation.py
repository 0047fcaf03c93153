"""Keys that are lost, stolen or worn out are replaced, and doors follow by themselves."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.operator.cutting import CutError, CuttingDisk
from tests.operator.tufdoor import (
    ALL,
    AT,
    CHEAP,
    DAILY_ONLY,
    DAY,
    ROOT_ONLY,
    Door,
    make,
    publish,
    rotate,
    sources,
    tree,
)
from tuf.api.exceptions import ExpiredMetadataError, UnsignedMetadataError

from doorcheck.operator import repository
from doorcheck.operator.repository import Change, Layout, RepositoryError, Rotated, Versions

FIRST = {"trust.dctl": b"signers"}
SECOND = {"trust.dctl": b"signers", "deny.dcdl": b"hashes"}
NEW_DAILY = Change("daily", add=1, remove=["daily-1"])


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disks are slow; what is lost without a flush, `CuttingDisk` knows by itself."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with something published."""
    made = make(tmp_path)
    publish(made, FIRST)
    return made


def signers(repo: Path, role: str) -> tuple[int, list[str]]:
    """A role's threshold and the names of its keys."""
    [found] = [one for one in repository.status(repo, AT).roles if one.role == role]
    return found.threshold, [key.name for key in found.keys]


def copy_of(repo: Path, name: str) -> Path:
    """The whole folder, copied beside it."""
    copy = repo.parent / name / "repo"
    shutil.copytree(repo, copy)
    return copy


# The root


def test_one_of_three_root_keys_is_replaced(repo: Path) -> None:
    """A door that pinned the first root follows, a new door pins the new one, the old key counts no more."""
    door = Door.enrolled(repo)
    door.pull(repo)
    told = rotate(repo, Change("root", add=1, remove=["root-2"]), AT + DAY)
    assert signers(repo, "root") == (2, ["root-1", "root-3", "root-4"])
    assert (told.versions.root, told.removed, told.added[0].name) == (2, ("root-2",), "root-4")
    publish(repo, SECOND, AT + DAY)
    assert door.pull(repo, AT + DAY) == SECOND
    new = Door.enrolled(repo, "new")
    assert new.pin != door.pin
    assert new.pull(repo, AT + DAY) == SECOND
    with pytest.raises(RepositoryError, match=r"root must be signed by 2 of its 3 keys, and 1 can sign here"):
        repository.renew_root(repo, AT, dict.fromkeys(("root-1", "root-2"), ALL["root"]))


def test_with_too_few_root_keys_nothing_changes(repo: Path) -> None:
    """The threshold counts: which keys are missing, and where they were looked for, is told."""
    stick = repo.parent / "stick"
    stick.mkdir()
    (repo / "keys/root-1.pem").rename(stick / "root-1.pem")
    (repo / "keys/root-3.pem").rename(repo.parent / "root-3.pem")
    before = tree(repo)
    words = rf"Missing: root-1: root-1.pem is not in {repo}/keys; root-3: root-3.pem is not in {repo}/keys\."
    with pytest.raises(RepositoryError, match=words):
        rotate(repo, NEW_DAILY)
    two = dict.fromkeys(("root-2", "root-3"), ALL["root"])
    words = r"Missing: root-1: its passphrase was not given; root-3: root-3.pem is not in .* or .*stick"
    with pytest.raises(RepositoryError, match=words):
        repository.rotate(repo, NEW_DAILY, AT, two | DAILY_ONLY, folders=[stick])
    assert tree(repo) == before
    told = repository.rotate(repo, NEW_DAILY, AT, ALL, folders=[stick], scrypt_n=CHEAP)
    assert told.versions.root == 3


def test_new_root_keys_must_reach_the_threshold_too(repo: Path) -> None:
    """Replacing needs the old threshold and the new: a stick that is away can not be left out."""
    (repo / "keys/root-3.pem").rename(repo.parent / "root-3.pem")
    before = tree(repo)
    with pytest.raises(
        RepositoryError, match=r"root must be signed by 1 of its 1 key, .*root-3.pem is not in"
    ):
        rotate(repo, Change("root", add=1, remove=["root-1", "root-2"]))
    assert tree(repo) == before


def test_a_new_root_key_can_be_written_to_a_stick(repo: Path) -> None:
    """The private half of a new key need never be on the computer's disk; later it is read from there."""
    stick = repo.parent / "stick"
    stick.mkdir()
    change = Change("root", add=1)
    assert repository.new_key_names(repo, change) == ("root-4",)
    secret = {"root-4": b"another's words"}
    told = repository.rotate(repo, change, AT, ALL | secret, new_folder=stick, scrypt_n=CHEAP)
    assert told.added[0].uri == "pem:root-4.pem"
    assert [path.name for path in stick.iterdir()] == ["root-4.pem"]
    assert not (repo / "keys/root-4.pem").exists()
    repository.renew_root(repo, AT, secret | {"root-1": ALL["root"]}, folders=[stick])
    assert Door.enrolled(repo).pull(repo) == FIRST


def test_the_threshold_of_root_can_change(repo: Path) -> None:
    """Three of three, and back to one of one: old doors follow through all of it."""
    door = Door.enrolled(repo)
    rotate(repo, Change("root", threshold=3))
    assert signers(repo, "root")[0] == 3
    rotate(repo, Change("root", remove=["root-1", "root-3"], threshold=1))
    assert signers(repo, "root") == (1, ["root-2"])
    assert door.pull(repo) == FIRST


def test_an_expired_root_is_renewed(repo: Path) -> None:
    """Under it nothing can be published; with a new one, all goes on, and doors follow."""
    door, later = Door.enrolled(repo), AT + 3654 * DAY
    with pytest.raises(RepositoryError, match=r"the root expired on 2036-11-23.*rotate"):
        publish(repo, SECOND, later)
    with pytest.raises(RepositoryError, match="the root expired"):
        repository.refresh(repo, later, DAILY_ONLY)
    assert [n for n in repository.status(repo, later).notes if n.startswith("root has expired")]
    told = repository.renew_root(repo, later, ROOT_ONLY)
    assert told.expires == later + 3653 * DAY
    publish(repo, SECOND, later)
    assert door.pull(repo, later) == SECOND


# The keys below it


def test_the_daily_key_is_replaced_after_a_theft(repo: Path) -> None:
    """What the thief signs is refused by every door that has the new root; files and targets stay."""
    door, stolen = Door.enrolled(repo), copy_of(repo, "stolen")
    door.pull(repo)
    told = rotate(repo, NEW_DAILY, AT + DAY)
    assert told.versions == Versions(root=3, targets=1, snapshot=2, timestamp=2)
    assert signers(repo, "timestamp") == (1, ["daily-2"])
    assert door.pull(repo, AT + DAY) == FIRST
    for _ in range(5):  # the thief counts ahead, with the old key and all numbers
        repository.refresh(stolen, AT + 2 * DAY, DAILY_ONLY)
    for number in (2, 3):
        name = f"public/metadata/{number}.root.json"
        shutil.copy(repo / name, stolen / name)
    with pytest.raises(UnsignedMetadataError):
        door.pull(stolen, AT + 2 * DAY)
    publish(repo, SECOND, AT + 2 * DAY)
    assert door.pull(repo, AT + 2 * DAY) == SECOND
    assert any("daily-1" in note for note in repository.status(repo, AT).notes)


def test_a_door_that_believed_the_thief_comes_back(repo: Path) -> None:
    """Numbers that the thief counted ahead do not lock a door out once the key is replaced."""
    door, stolen = Door.enrolled(repo), copy_of(repo, "stolen")
    for _ in range(5):
        repository.refresh(stolen, AT + DAY, DAILY_ONLY)
    door.pull(stolen, AT + DAY)
    rotate(repo, NEW_DAILY, AT + DAY)
    assert door.pull(repo, AT + DAY) == FIRST


def test_keys_rotated_twice_while_a_door_was_away(repo: Path) -> None:
    """However many roots it missed, a door takes them one by one and gets the newest lists."""
    door = Door.enrolled(repo)
    door.pull(repo)
    for number in (1, 2):
        at = AT + number * DAY
        rotate(repo, Change("daily", add=1, remove=[f"daily-{number}"]), at)
        rotate(repo, Change("root", add=1, remove=[f"root-{number}"]), at)
        rotate(repo, Change("targets", add=1, remove=[f"targets-{number}"]), at)
        publish(repo, SECOND | {"world.json": b"%d" % number}, at)
    assert door.pull(repo, AT + 2 * DAY) == SECOND | {"world.json": b"2"}
    assert signers(repo, "root") == (2, ["root-3", "root-4", "root-5"])
    assert repository.verify(repo, AT + 2 * DAY).versions.root == 11


def test_targets_can_need_two_people(repo: Path) -> None:
    """A second key, then a threshold of two: one alone can publish nothing any more."""
    door = Door.enrolled(repo)
    assert rotate(repo, Change("targets", add=1)).versions == Versions(2, 1, 1, 1)
    assert rotate(repo, Change("targets", threshold=2)).versions == Versions(4, 2, 2, 2)
    alone = {"targets-1": ALL["targets"]} | DAILY_ONLY
    with pytest.raises(RepositoryError, match=r"targets must be signed by 2 of its 2 keys.*targets-2"):
        repository.publish(repo, sources(repo.parent, SECOND), AT, alone)
    publish(repo, SECOND)
    assert door.pull(repo) == SECOND


def test_one_key_for_both_dates_can_become_two(repo: Path) -> None:
    """Snapshot and timestamp get keys of their own, one after the other."""
    door = Door.enrolled(repo)
    rotate(repo, Change("snapshot", add=1, remove=["daily-1"]))
    rotate(repo, Change("timestamp", add=1, remove=["daily-1"]))
    assert signers(repo, "snapshot") == (1, ["snapshot-1"])
    assert signers(repo, "timestamp") == (1, ["timestamp-1"])
    publish(repo, SECOND)
    assert door.pull(repo) == SECOND


def test_keys_change_before_anything_is_published(tmp_path: Path) -> None:
    """With no metadata to sign anew, one new root does it, and the daily passphrase is not needed."""
    repo = make(tmp_path)
    passphrases = ROOT_ONLY | {"daily-2": b"new words"}
    told = repository.rotate(repo, NEW_DAILY, AT, passphrases, scrypt_n=CHEAP)
    assert told.versions == Versions(2, 0, 0, 0)
    repository.publish(repo, sources(tmp_path, FIRST), AT, ALL | passphrases)
    assert Door.enrolled(repo).pull(repo) == FIRST


def test_a_lost_daily_key_is_replaced_without_it(repo: Path) -> None:
    """Only the root keys and the new key sign; also when all dates have run out meanwhile."""
    (repo / "keys/daily-1.pem").unlink()
    door, later = Door.enrolled(repo), AT + 30 * DAY
    with pytest.raises(ExpiredMetadataError):
        door.pull(repo, later)
    rotate(repo, NEW_DAILY, later)
    assert door.pull(repo, later) == FIRST


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change("weekly"), "no group of keys is called weekly"),
        (Change("root", remove=["root-9"]), "root-9 is no key of root; they are root-1, root-2, root-3"),
        (Change("root", remove=["daily-1"]), "daily-1 is no key of root"),
        (Change("daily", remove=["daily-1"]), "snapshot would have 0 keys, of which 1 must sign"),
        (Change("root", threshold=4), "root would have 3 keys, of which 4 must sign"),
        (Change("root", threshold=0), "root would have 3 keys, of which 0 must sign"),
        (Change("targets", add=1, threshold=1, remove=["targets-1"]), "remove keys of targets first"),
    ],
)
def test_a_change_that_makes_no_sense_is_explained(repo: Path, change: Change, words: str) -> None:
    """And nothing is written."""
    rotate(repo, Change("targets", add=1))
    rotate(repo, Change("targets", threshold=2))
    before = tree(repo)
    with pytest.raises(RepositoryError, match=words):
        rotate(repo, change)
    assert tree(repo) == before


def test_a_new_key_without_a_passphrase_is_not_made(repo: Path) -> None:
    """The first new key is removed again when the second can't be made."""
    before = tree(repo)
    passphrases = ROOT_ONLY | {"targets-2": b"words", "targets-1": ALL["targets"]}
    with pytest.raises(RepositoryError, match="targets-3 needs a passphrase"):
        repository.rotate(repo, Change("targets", add=2), AT, passphrases, scrypt_n=CHEAP)
    assert tree(repo) == before


@pytest.mark.parametrize("days", [1, 30])
def test_a_change_that_a_door_would_refuse_is_not_made(repo: Path, days: int) -> None:
    """A door's own client tries the new keys first: on what does not fit, nothing is written.

    Also when what is published has expired, where the change renews that.
    """
    [path] = (repo / "public/targets").glob("*.trust.dctl")
    path.write_bytes(b"SIGNERS")
    before = tree(repo)
    with pytest.raises(RepositoryError, match="a door would refuse"):
        rotate(repo, NEW_DAILY, AT + days * DAY)
    assert tree(repo) == before


def test_the_report_says_what_to_do(repo: Path) -> None:
    """Which key to destroy, what new doors pin, and that doors in service follow."""
    told: Rotated = rotate(repo, NEW_DAILY)
    text = "\n".join(told.lines())
    assert "daily-1 counts no longer: destroy it" in text
    assert told.fingerprint in text
    assert told.as_object()["removed"] == ["daily-1"]
    assert told.fingerprint == repository.status(repo, AT).fingerprint


@pytest.mark.parametrize(
    "power", ["the power fails", pytest.param("the process dies", marks=pytest.mark.slow)]
)
def test_a_rotation_cut_short_anywhere_is_accepted_by_doors(tmp_path: Path, power: str) -> None:
    """At each step: a door that has the old root takes what is there, and so does a new door.

    When the power fails, names that were not flushed to the disk are lost as well. What is
    left to do is done by a second call, which removes the old key.
    """
    repo = make(tmp_path, Layout(root_keys=1, root_threshold=1))
    publish(repo, FIRST)
    steps, versions = 0, set()
    while True:
        work = copy_of(repo, f"cut-{steps}")
        door = Door.enrolled(work)
        door.pull(work)
        disk = CuttingDisk(steps)
        try:
            repository.rotate(work, NEW_DAILY, AT + DAY, ALL, scrypt_n=CHEAP, disk=disk)
            break
        except CutError:
            if power == "the power fails":
                disk.lose()
        finally:
            disk.close()
        assert door.pull(work, AT + DAY) == FIRST
        assert Door.enrolled(work, "new").pull(work, AT + DAY) == FIRST
        there = repository.status(work, AT)
        versions.add(there.roles[0].version)
        names = [key.name for key in there.roles[3].keys]
        if "daily-1" in names:
            add = 1 if names == ["daily-1"] else 0
            rotate(work, Change("daily", add=add, remove=["daily-1"]), AT + DAY)
        publish(work, SECOND, AT + DAY)
        assert door.pull(work, AT + DAY) == SECOND
        assert signers(work, "timestamp")[1] != ["daily-1"]
        steps += 1
    assert versions == {1, 2, 3}
    assert steps > 25
