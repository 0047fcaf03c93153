"""The operator's repository, seen by doors: python-tuf's own client reads what is published."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.operator.cutting import CutError, CuttingDisk
from tests.operator.tufdoor import (
    ALL,
    AT,
    CHEAP,
    DAILY_ONLY,
    DAY,
    PUBLISHING,
    Contents,
    Door,
    make,
    publish,
    sources,
    tree,
)
from tuf.api.exceptions import BadVersionNumberError, ExpiredMetadataError

from doorcheck.edge.disk import Disk
from doorcheck.operator import repository
from doorcheck.operator.repository import Layout, RepositoryError, Versions

FIRST = {
    "trust.dctl": b"signers",
    "deny.dcdl": b"hashes",
    "profile/rules/GR-1.json": b"{}",
    "world.json": b"1",
}
SECOND = {
    "trust.dctl": b"signers",
    "deny.dcdl": b"hashes and one more",
    "world.json": b"2",
    "deny/a-b.dcdd": b"+",
}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disks are slow; what is lost without a flush, `CuttingDisk` knows by itself."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A new repository, with nothing published."""
    return make(tmp_path)


def copy_of(repo: Path, name: str) -> Path:
    """The whole folder, copied beside it."""
    copy = repo.parent / name / "repo"
    shutil.copytree(repo, copy)
    return copy


# Making one


def test_a_new_repository_is_whole(tmp_path: Path) -> None:
    """Init tells the root's fingerprint, writes secrets for their owner alone, and says where keys belong."""
    made = repository.init(tmp_path / "new", AT, ALL, scrypt_n=CHEAP)
    root = made.root.read_bytes()
    assert made.fingerprint == hashlib.sha256(root).hexdigest()
    assert (made.repo / "public/metadata/1.root.json").read_bytes() == root
    assert len(made.deny_key.read_bytes()) == 32
    secrets = [made.deny_key, *(made.repo / "keys").glob("*.pem")]
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}
    assert [key.name for key in made.keys] == ["root-1", "root-2", "root-3", "targets-1", "daily-1"]
    assert [key.name for key in made.keys] == list(Layout().key_names())
    assert made.fingerprint in "\n".join(made.lines())
    assert any("any 2 of these 3 together" in line for line in made.custody)
    assert made.as_object()["root_expires"] == "2036-11-23T21:00:00Z"


def test_a_folder_with_something_in_it_is_refused(repo: Path) -> None:
    """Init never writes beside other files, which may be keys."""
    before = tree(repo)
    with pytest.raises(RepositoryError, match="is not empty"):
        repository.init(repo, AT, ALL, scrypt_n=CHEAP)
    assert tree(repo) == before


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        (Layout(root_keys=2, root_threshold=3), "root: 3 of 2 keys"),
        (Layout(root_keys=1, root_threshold=0), "root: 0 of 1 keys"),
        (Layout(targets_keys=0), "targets: 1 of 0 keys"),
        (Layout(expiry_days={"timestamp": 0}), "expiry: timestamp"),
        (Layout(expiry_days={"mirrors": 3}), "expiry: mirrors"),
        (Layout(tokens={"root-4": "hsm:2"}), "no key is called root-4"),
        (Layout(tokens={"root-1": "usb:2"}), "root-1: usb:2 names no key on a token"),
    ],
)
def test_numbers_that_do_not_fit_leave_nothing(tmp_path: Path, layout: Layout, words: str) -> None:
    """A wish that can't be fulfilled is explained, and the folder stays empty for the next try."""
    with pytest.raises(RepositoryError, match=words):
        repository.init(tmp_path / "new", AT, ALL, layout, scrypt_n=CHEAP)
    assert not tree(tmp_path)
    repository.init(tmp_path / "new", AT, ALL, scrypt_n=CHEAP)


def test_a_missing_passphrase_leaves_nothing(tmp_path: Path) -> None:
    """No key is ever written without a passphrase; the keys made before it are removed again."""
    with pytest.raises(RepositoryError, match="targets-1 needs a passphrase"):
        repository.init(tmp_path / "new", AT, {"root": b"words", "targets": b""}, scrypt_n=CHEAP)
    assert not tree(tmp_path)


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        (Layout(root_keys=1, root_threshold=1), ["two safes", "1 root key: no key can be replaced"]),
        (Layout(root_keys=5, root_threshold=3), ["up to 2 root keys: nothing breaks", "3 root keys with"]),
        (Layout(root_keys=2, root_threshold=2), ["all 2 together", "one root key: it opens nothing alone"]),
        (Layout(shared_daily_key=False), ["snapshot-1 and timestamp-1", "every 14 days"]),
        (
            Layout(targets_keys=3, targets_threshold=2),
            ["any 2 of these 3", "targets-1, targets-2, targets-3"],
        ),
        (Layout(expiry_days={"timestamp": 5, "root": 400}), ["every 5 days", "every 400 days"]),
    ],
)
def test_custody_speaks_of_the_real_numbers(tmp_path: Path, layout: Layout, words: list[str]) -> None:
    """Whoever has other keys than the usual is told of those, after init and at any time."""
    repo = make(tmp_path, layout)
    text = "\n".join(repository.key_custody(repo))
    assert all(one in text for one in words), text
    publish(repo, FIRST)
    assert Door.enrolled(repo).pull(repo) == FIRST


# Publishing


def test_a_door_gets_what_is_published(repo: Path) -> None:
    """Every file arrives under its name with its bytes; the report tells numbers and dates."""
    told = publish(repo, FIRST)
    assert Door.enrolled(repo).pull(repo) == FIRST
    assert told.checked.versions == Versions(root=1, targets=1, snapshot=1, timestamp=1)
    assert told.checked.expires == AT + 14 * DAY
    assert told.added == tuple(sorted(FIRST))
    assert (told.checked.files, told.checked.total_bytes) == (4, sum(map(len, FIRST.values())))
    assert told.as_object()["expires"] == "2026-12-07T21:00:00Z"
    assert "targets version 1" in "\n".join(told.lines())


def test_a_second_publication_replaces_the_first(repo: Path) -> None:
    """A door that has the first gets the second, and refuses to go back to a copy of the first."""
    publish(repo, FIRST)
    door, old = Door.enrolled(repo), copy_of(repo, "old")
    door.pull(repo)
    told = publish(repo, SECOND, AT + DAY)
    assert door.pull(repo, AT + DAY) == SECOND
    assert told.added == ("deny/a-b.dcdd",)
    assert told.changed == ("deny.dcdl", "world.json")
    assert told.removed == ("profile/rules/GR-1.json",)
    with pytest.raises(BadVersionNumberError):
        door.pull(old, AT + DAY)


def test_doors_refuse_it_once_its_time_is_over(repo: Path) -> None:
    """The settings' days are what doors go by, also after the operator edited them."""
    settings = repo / "repository.toml"
    settings.write_text(settings.read_text().replace("timestamp = 14", "timestamp = 3"))
    assert publish(repo, FIRST).checked.expires == AT + 3 * DAY
    door = Door.enrolled(repo)
    assert door.pull(repo, AT + 3 * DAY - DAY / 86400) == FIRST
    with pytest.raises(ExpiredMetadataError):
        door.pull(repo, AT + 3 * DAY)


def test_the_same_input_gives_the_same_bytes(repo: Path) -> None:
    """Two copies of a repository publish the same files at the same time, in any order: one tree."""
    publish(repo, FIRST)
    copy = copy_of(repo, "copy")
    for one, contents in ((repo, SECOND), (copy, dict(reversed(SECOND.items())))):
        publish(one, contents, AT + DAY)
        repository.refresh(one, AT + 2 * DAY, DAILY_ONLY)
    assert tree(copy) == tree(repo)


def strings(value: object) -> Iterator[str]:
    """Every string in a JSON value, keys too."""
    if isinstance(value, dict):
        for key, inside in value.items():
            yield key
            yield from strings(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from strings(inside)
    elif isinstance(value, str):
        yield value


def test_nothing_in_public_names_the_operator(repo: Path) -> None:
    """Metadata holds file names, hashes, keys and dates, and words of its format; no other string at all."""
    publish(repo, FIRST)
    words = """_type consistent_snapshot ed25519 expires hashes keyid keyids keys keytype keyval length meta
        public role roles root scheme sha256 sig signatures signed snapshot spec_version targets threshold
        timestamp version 1.0.31 snapshot.json targets.json"""
    known = {*words.split(), *FIRST}
    for path in (repo / "public" / "metadata").iterdir():
        for text in strings(json.loads(path.read_bytes())):
            assert text in known or re.fullmatch(r"[0-9a-f]{64,128}|20\d\d-\d\d-\d\dT21:00:00Z", text)


def test_one_older_publication_stays_for_doors_that_are_reading_it(repo: Path) -> None:
    """A door that began before a publication can end after it; the one before that is gone."""
    publish(repo, FIRST)
    publish(repo, SECOND, AT + DAY)
    door = Door.enrolled(repo)

    def meanwhile(name: str) -> None:
        if name.endswith("snapshot.json"):
            publish(repo, {"world.json": b"3"}, AT + DAY)

    assert door.pull(repo, AT + DAY, meanwhile) == SECOND
    assert door.pull(repo, AT + DAY) == {"world.json": b"3"}
    names = list(tree(repo / "public"))
    assert not [name for name in names if "GR-1.json" in name or name.endswith("/1.targets.json")]
    assert not (repo / "public/targets/profile").exists()
    assert "metadata/1.root.json" in names


def test_a_stranger_in_public_stays(repo: Path) -> None:
    """Only files that publishing wrote are ever removed from public/."""
    publish(repo, FIRST)
    note = repo / "public" / "targets" / "README.txt"
    note.write_text("served by the venue's computer")
    publish(repo, SECOND)
    publish(repo, FIRST)
    assert note.exists()


def test_editing_a_source_in_place_does_not_edit_what_is_published(repo: Path) -> None:
    """What was signed is a copy: a list that is edited afterwards changes nothing for doors."""
    publish(repo, FIRST)
    with (repo.parent / "sources" / "deny.dcdl").open("r+b") as stream:
        stream.write(b"HASHES")
    assert Door.enrolled(repo).pull(repo) == FIRST
    assert publish(repo, FIRST | {"deny.dcdl": b"HASHES"}).changed == ("deny.dcdl",)


def test_a_large_file_is_never_held_whole(repo: Path) -> None:
    """Publishing 48 MiB, twice, takes a few MiB of memory."""
    large = repo.parent / "large"
    with large.open("wb") as stream:
        for number in range(48):
            stream.write(bytes([number]) * 2**20)
    tracemalloc.start()
    try:
        for day in range(2):
            repository.publish(repo, {"deny.dcdl": large}, AT + day * DAY, PUBLISHING)
        assert tracemalloc.get_traced_memory()[1] < 12 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "name", ["../keys.pem", "/etc/x", "a//b", "a b", "", "a/", "deny\\x", ".hidden", "é"]
)
def test_a_name_that_is_not_safe_everywhere_is_refused(repo: Path, name: str) -> None:
    """No published name can lead out of a folder or needs quoting."""
    with pytest.raises(RepositoryError, match="can't be the name"):
        repository.publish(repo, {name: repo / "repository.toml"}, AT, PUBLISHING)


def test_a_file_that_is_not_there_is_named(repo: Path) -> None:
    """A publication with a hole in it is not made."""
    before = tree(repo)
    with pytest.raises(RepositoryError, match=r"cannot publish trust.dctl: .*/nowhere"):
        repository.publish(repo, {"trust.dctl": repo / "nowhere"}, AT, PUBLISHING)
    assert tree(repo) == before


def test_a_time_without_a_zone_is_refused(repo: Path) -> None:
    """Dates are in UTC; a time that could be local is a fault in the caller."""
    with pytest.raises(ValueError, match="without a zone"):
        repository.publish(repo, {}, AT.replace(tzinfo=None), PUBLISHING)


# Refreshing


def test_refreshing_gives_doors_the_full_time_again(repo: Path) -> None:
    """Only the daily key is needed, the files' metadata stays, and doors go on for 14 days."""
    publish(repo, FIRST)
    door = Door.enrolled(repo)
    door.pull(repo)
    told = repository.refresh(repo, AT + 10 * DAY, DAILY_ONLY)
    assert told.renewed == ("snapshot", "timestamp")
    assert told.checked.expires == AT + 24 * DAY
    assert told.checked.versions == Versions(1, 1, 2, 2)
    assert door.pull(repo, AT + 23 * DAY) == FIRST


def test_a_snapshot_that_lasts_is_kept(tmp_path: Path) -> None:
    """With longer days for snapshots, most refreshes sign the timestamp alone."""
    repo = make(tmp_path, Layout(expiry_days={"snapshot": 28}))
    publish(repo, FIRST)
    assert repository.refresh(repo, AT + 14 * DAY, DAILY_ONLY).renewed == ("timestamp",)
    assert repository.refresh(repo, AT + 15 * DAY, DAILY_ONLY).renewed == ("snapshot", "timestamp")
    repository.refresh(repo, AT + 40 * DAY, DAILY_ONLY)
    names = [name for name in tree(repo / "public/metadata") if name.endswith("snapshot.json")]
    assert names == ["2.snapshot.json", "3.snapshot.json"]


def test_publishing_the_same_is_a_refresh(repo: Path) -> None:
    """When no file has changed, the key of targets is not needed, and its version stays."""
    publish(repo, FIRST)
    paths = sources(repo.parent, FIRST)
    told = repository.publish(repo, paths, AT + DAY, DAILY_ONLY)
    assert told.renewed == ("snapshot", "timestamp")
    assert (told.checked.versions.targets, told.changed) == (1, ())
    with pytest.raises(RepositoryError, match=r"targets must be signed by 1 of.* targets-1: its pass"):
        repository.publish(repo, {"world.json": paths["world.json"]}, AT + DAY, DAILY_ONLY)


def test_what_nears_its_end_is_signed_anew(repo: Path) -> None:
    """Publishing the same files renews targets when they would expire before the timestamp does."""
    publish(repo, FIRST)
    assert "targets" not in publish(repo, FIRST, AT + 351 * DAY).renewed
    assert "targets" in publish(repo, FIRST, AT + 352 * DAY).renewed


def test_refreshing_can_not_do_a_publication_s_work(repo: Path) -> None:
    """With nothing published, or all of it expired, refresh says what to do instead."""
    with pytest.raises(RepositoryError, match="nothing is published"):
        repository.refresh(repo, AT, DAILY_ONLY)
    publish(repo, FIRST)
    with pytest.raises(RepositoryError, match=r"expired on 2027-11-23.*publish"):
        repository.refresh(repo, AT + 366 * DAY, DAILY_ONLY)
    assert publish(repo, FIRST, AT + 366 * DAY).renewed == ("targets", "snapshot", "timestamp")


# Keys that are missing, wrong, or elsewhere


def test_a_missing_key_is_named_before_anything_is_written(repo: Path) -> None:
    """Which key, where it was looked for, and how many are needed; and nothing has changed."""
    (repo / "keys" / "daily-1.pem").rename(repo.parent / "daily-1.pem")
    before = tree(repo)
    words = (
        rf"snapshot must be signed by 1 of its 1 key.*daily-1: daily-1.pem is not in {repo}/keys or .*stick"
    )
    with pytest.raises(RepositoryError, match=words):
        repository.publish(repo, sources(repo.parent, FIRST), AT, PUBLISHING, folders=[repo.parent / "stick"])
    assert tree(repo) == before
    repository.publish(repo, sources(repo.parent, FIRST), AT, PUBLISHING, folders=[repo.parent])
    assert Door.enrolled(repo).pull(repo) == FIRST


def test_a_wrong_passphrase_is_named(repo: Path) -> None:
    """It tells which key did not open, and not what was typed."""
    with pytest.raises(
        RepositoryError, match=r"targets-1.pem does not open: the passphrase of targets-1"
    ) as told:
        repository.publish(repo, {}, AT, PUBLISHING | {"targets-1": b"mistyped"})
    assert "mistyped" not in str(told.value)


def test_another_key_s_file_is_noticed(repo: Path) -> None:
    """Sticks that were swapped are told apart."""
    shutil.copy(repo / "keys/root-1.pem", repo / "keys/targets-1.pem")
    with pytest.raises(RepositoryError, match=r"targets-1.pem is not the key that keys.toml lists"):
        repository.publish(repo, {}, AT, {"daily": ALL["daily"], "targets": ALL["root"]})


def test_the_keys_to_ask_for(tmp_path: Path) -> None:
    """Commands learn which passphrases to ask for."""
    repo = make(tmp_path, Layout(root_keys=2, shared_daily_key=False))
    assert repository.publishing_keys(repo) == ("targets-1", "snapshot-1", "timestamp-1")
    assert repository.refreshing_keys(repo) == ("snapshot-1", "timestamp-1")
    assert repository.root_keys(repo) == ("root-1", "root-2")


# Interruptions


def published_names(repo: Path, seen: dict[str, bytes]) -> None:
    """Note metadata by file name; a name that comes with other bytes is a number used twice."""
    for name, data in tree(repo / "public" / "metadata").items():
        if name[0].isdigit():
            assert seen.setdefault(name, data) == data, f"{name} was written twice"


@pytest.mark.parametrize(
    "power", ["the power fails", pytest.param("the process dies", marks=pytest.mark.slow)]
)
def test_a_publication_cut_short_anywhere_leaves_a_whole_one(tmp_path: Path, power: str) -> None:
    """At each write, rename, removal and flush: doors get the old or the new, and the next one repairs.

    When the power fails, names that were not flushed to the disk are lost as well.
    """
    repo = make(tmp_path, Layout(root_keys=1, root_threshold=1))
    second, third, fourth = {"trust.dctl": b"2"}, {"trust.dctl": b"3", "deny/b-c.dcdd": b"-"}, {"x": b"4"}
    publish(repo, {"trust.dctl": b"1"})
    publish(repo, second, AT + DAY)
    results, steps = [], 0
    while True:
        work = copy_of(repo, f"cut-{steps}")
        door = Door.enrolled(work)
        door.pull(work, AT + DAY)
        disk = CuttingDisk(steps)
        try:
            repository.publish(work, sources(work.parent, third), AT + 2 * DAY, PUBLISHING, disk=disk)
            break
        except CutError:
            if power == "the power fails":
                disk.lose()
        finally:
            disk.close()
        seen: dict[str, bytes] = {}
        published_names(work, seen)
        results.append(door.pull(work, AT + 2 * DAY) == third)
        assert results[-1] or door.pull(work, AT + 2 * DAY) == second
        publish(work, fourth, AT + 3 * DAY)
        published_names(work, seen)
        assert door.pull(work, AT + 3 * DAY) == fourth
        assert not [name for name in tree(work) if name.endswith(".tmp") and name.startswith("public")]
        shutil.rmtree(work.parent)
        steps += 1
    assert results == sorted(results), "a later cut gave an older state"
    assert steps > 25
    assert set(results) == {False, True}


class FullDisk(Disk):
    """Takes so many files, and then is full."""

    def __init__(self, files: int) -> None:
        self.left = files

    @contextmanager
    def writing(self, path: Path, permissions: int | None = None) -> Iterator[Callable[[bytes], object]]:
        """Fail like a full disk, in the middle of a file."""
        with super().writing(path, permissions) as write:
            self.left -= 1
            if self.left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            yield write


def test_a_full_disk_is_told_and_changes_nothing_for_doors(repo: Path) -> None:
    """Whichever file does not fit: the text says so, and no part of a file is left."""
    publish(repo, FIRST)
    door, files = Door.enrolled(repo), 0
    while True:
        try:
            repository.publish(repo, sources(repo.parent, SECOND), AT, PUBLISHING, disk=FullDisk(files))
            break
        except RepositoryError as error:
            assert "no space left on device" in str(error)  # noqa: PT017 - the loop ends without one
            assert door.pull(repo) == FIRST
            assert not [name for name in tree(repo) if name.endswith(".tmp")]
        files += 1
    assert files == 7  # three files, versions.toml, three of metadata
    assert door.pull(repo) == SECOND


def test_two_at_once_are_kept_apart(repo: Path) -> None:
    """While one command writes, another says so and ends."""
    handle = os.open(repo, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(RepositoryError, match="another command is writing"):
            publish(repo, FIRST)
    finally:
        os.close(handle)
    publish(repo, FIRST)


# Older copies


def test_an_older_backup_under_a_newer_public_is_refused(repo: Path) -> None:
    """Doors know newer numbers: nothing is signed until they are taken over, and then doors follow."""
    publish(repo, FIRST)
    backup, door = copy_of(repo, "backup"), Door.enrolled(repo)
    publish(repo, SECOND, AT + DAY)
    door.pull(repo, AT + DAY)
    shutil.rmtree(backup / "public")
    shutil.copytree(repo / "public", backup / "public")
    for passphrases in (PUBLISHING, DAILY_ONLY):
        with pytest.raises(RepositoryError, match=r"holds version 2 of targets, but .* remembers only 1"):
            repository.refresh(backup, AT, passphrases)
    with pytest.raises(RepositoryError, match=r"To publish from here would take back"):
        publish(backup, FIRST)
    assert any("remembers only 1" in note for note in repository.status(backup, AT).notes)
    assert repository.take_over_numbers(backup, backup / "public") == Versions(1, 2, 2, 2)
    publish(backup, FIRST, AT + 2 * DAY)
    assert door.pull(backup, AT + 2 * DAY) == FIRST


def test_a_whole_older_backup_goes_on_from_a_pushed_copy(repo: Path) -> None:
    """Doors refuse what the backup publishes, until it takes the numbers and roots of the copy they have."""
    publish(repo, FIRST)
    backup, door = copy_of(repo, "backup"), Door.enrolled(repo)
    for day in range(3):
        publish(repo, SECOND | {"world.json": b"%d" % day}, AT + DAY)
    repository.renew_root(repo, AT + DAY, ALL)
    door.pull(repo, AT + DAY)
    publish(backup, FIRST, AT + 2 * DAY)
    with pytest.raises(BadVersionNumberError):
        door.pull(backup, AT + 2 * DAY)
    assert repository.take_over_numbers(backup, repo / "public") == Versions(2, 4, 4, 4)
    publish(backup, FIRST, AT + 2 * DAY)
    assert door.pull(backup, AT + 2 * DAY) == FIRST


def test_another_repository_s_numbers_are_not_taken(repo: Path, tmp_path: Path) -> None:
    """Only a copy of this repository's public/ counts."""
    other = make(tmp_path / "other")
    publish(other, FIRST)
    with pytest.raises(RepositoryError, match="is of another repository"):
        repository.take_over_numbers(repo, other / "public")


@pytest.mark.parametrize("contents", [FIRST, SECOND])
def test_an_older_public_is_written_anew(repo: Path, contents: Contents) -> None:
    """When public/ alone is older than what is remembered, all is signed under higher numbers."""
    publish(repo, FIRST)
    old, door = copy_of(repo, "old"), Door.enrolled(repo)
    publish(repo, SECOND)
    door.pull(repo)
    shutil.rmtree(repo / "public")
    shutil.copytree(old / "public", repo / "public")
    with pytest.raises(RepositoryError, match=r"version 1 of targets, but 2 was begun.*publish` mends that"):
        repository.refresh(repo, AT, DAILY_ONLY)
    assert publish(repo, contents).checked.versions == Versions(1, 3, 3, 3)
    assert door.pull(repo) == contents


def test_an_older_snapshot_is_not_built_on(repo: Path) -> None:
    """A refresh over an older copy of public/ signs the snapshot under a higher number, too."""
    publish(repo, FIRST)
    old, door = copy_of(repo, "old"), Door.enrolled(repo)
    repository.refresh(repo, AT + DAY, DAILY_ONLY)
    door.pull(repo, AT + DAY)
    shutil.rmtree(repo / "public")
    shutil.copytree(old / "public", repo / "public")
    assert repository.refresh(repo, AT, DAILY_ONLY).checked.versions == Versions(1, 1, 3, 3)
    assert door.pull(repo, AT) == FIRST


def test_a_root_that_is_missing_is_asked_for(repo: Path) -> None:
    """Roots count without a gap: one that doors may know is not made a second time."""
    publish(repo, FIRST)
    old = copy_of(repo, "old")
    repository.renew_root(repo, AT + DAY, ALL)
    shutil.copy(old / "for-devices/root.json", repo / "for-devices/root.json")
    (repo / "public/metadata/2.root.json").rename(repo.parent / "2.root.json")
    with pytest.raises(RepositoryError, match=r"2.root.json is missing though it was made"):
        repository.renew_root(repo, AT + 2 * DAY, ALL)
    (repo.parent / "2.root.json").rename(repo / "public/metadata/2.root.json")
    assert repository.renew_root(repo, AT + 2 * DAY, ALL).versions.root == 3
    (repo / "public/metadata/2.root.json").unlink()
    with pytest.raises(RepositoryError, match=r"2.root.json is missing: doors that know an earlier root"):
        publish(repo, SECOND)


# Damage


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("metadata/timestamp.json", "not metadata of that kind"),
        ("metadata/1.snapshot.json", "not the file that was published"),
        ("metadata/1.targets.json", "not the file that was published"),
        ("metadata/1.root.json", "not a root of that version"),
    ],
)
def test_damaged_metadata_is_named(repo: Path, name: str, words: str) -> None:
    """Nothing is built on a file that is not what was signed; the text says how to go on."""
    publish(repo, FIRST)
    (repo / "public" / name).write_bytes(b"{}")
    with pytest.raises(RepositoryError, match=rf"{name}: {words}; copy public/ back"):
        publish(repo, SECOND)


def test_without_a_timestamp_publishing_goes_on(repo: Path) -> None:
    """The advice that the damage's text gives works, and uses no number twice."""
    publish(repo, FIRST)
    door = Door.enrolled(repo)
    door.pull(repo)
    (repo / "public/metadata/timestamp.json").unlink()
    assert publish(repo, SECOND).checked.versions == Versions(1, 2, 2, 2)
    assert door.pull(repo) == SECOND


def test_metadata_signed_by_others_is_not_built_on(repo: Path, tmp_path: Path) -> None:
    """Another repository's timestamp in public/ is refused."""
    other = make(tmp_path / "other")
    publish(other, FIRST)
    publish(repo, FIRST)
    shutil.copy(other / "public/metadata/timestamp.json", repo / "public/metadata/timestamp.json")
    with pytest.raises(RepositoryError, match="not signed by this repository's keys"):
        publish(repo, SECOND)


def test_a_root_without_enough_signatures_is_not_built_on(repo: Path) -> None:
    """A newer root that too few root keys signed is refused, whoever put it there."""
    repository.renew_root(repo, AT, dict.fromkeys(("root-1", "root-2"), ALL["root"]))
    path = repo / "public/metadata/2.root.json"
    forged = json.loads(path.read_bytes())
    forged["signatures"].pop()
    path.write_text(json.dumps(forged))
    with pytest.raises(RepositoryError, match=r"2.root.json: not signed by enough keys"):
        publish(repo, FIRST)


def test_a_replaced_pin_is_noticed(repo: Path, tmp_path: Path) -> None:
    """The root that new doors get must be one of this repository's."""
    other = make(tmp_path / "other")
    shutil.copy(other / "for-devices/root.json", repo / "for-devices/root.json")
    with pytest.raises(RepositoryError, match=r"none of the roots in .*public/metadata"):
        publish(repo, FIRST)


def test_a_published_file_that_was_altered_stops_the_next_publication(repo: Path) -> None:
    """A door's own client tries each publication before it is made: the old timestamp stays."""
    publish(repo, FIRST)
    [path] = (repo / "public/targets").glob("*.trust.dctl")
    path.write_bytes(b"SIGNERS")
    with pytest.raises(RepositoryError, match=r"a door would refuse .*trust.dctl"):
        repository.verify(repo, AT)
    before = tree(repo / "public/metadata")
    with pytest.raises(RepositoryError, match=r"a door would refuse .*trust.dctl"):
        publish(repo, SECOND)
    assert tree(repo / "public/metadata") == before
    path.unlink()
    publish(repo, SECOND)
    assert repository.verify(repo, AT).files == len(SECOND)


def test_verify_goes_by_the_given_time(repo: Path) -> None:
    """What is whole today and expired in a month is told so."""
    with pytest.raises(RepositoryError, match="nothing is published"):
        repository.verify(repo, AT)
    publish(repo, FIRST)
    assert repository.verify(repo, AT).versions == Versions(1, 1, 1, 1)
    with pytest.raises(RepositoryError, match=r"timestamp.json is expired"):
        repository.verify(repo, AT + 15 * DAY)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("repository.toml", "format = 1\n[expiry_days]\ntimestamp = 'long'", "days must be a number"),
        ("repository.toml", "format = 2", "format 2 is not known"),
        ("versions.toml", "format = 1\nroot = 1\ntargets = -1\nsnapshot = 0\ntimestamp = 0", "whole number"),
        ("versions.toml", "", "damaged"),
        ("keys/keys.toml", "format = 1\n[[key]]\nname = 'root-1'", "damaged"),
        ("keys/keys.toml", "not toml", "damaged"),
    ],
)
def test_a_file_that_can_not_be_read_is_named(repo: Path, name: str, text: str, words: str) -> None:
    """Each of the repository's own files is checked when it is read."""
    (repo / name).write_text(text)
    with pytest.raises(RepositoryError, match=rf"{name} .*{words}"):
        publish(repo, FIRST)


def test_a_folder_that_is_no_repository(tmp_path: Path) -> None:
    """The text says how a repository is made."""
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(RepositoryError, match="operator init"):
            repository.status(folder, AT)
        with pytest.raises(RepositoryError, match="operator init"):
            publish(folder, FIRST)


# Status


def test_status_tells_dates_and_what_to_see_to(repo: Path) -> None:
    """Versions, days left and keys, and notes that come and go with their reasons."""
    new = repository.status(repo, AT)
    assert "nothing is published yet" in new.notes
    assert any("root-1, root-2, root-3" in note and "sticks" in note for note in new.notes)
    publish(repo, FIRST)
    stick = repo.parent / "stick"
    stick.mkdir()
    for name in ("root-1.pem", "root-2.pem"):
        (repo / "keys" / name).rename(stick / name)
    told = repository.status(repo, AT + DAY / 2)
    assert told.notes == ()
    assert [(one.role, one.version, one.days_left) for one in told.roles] == [
        ("root", 1, 3652),
        ("targets", 1, 364),
        ("snapshot", 1, 13),
        ("timestamp", 1, 13),
    ]
    assert [key.here for key in told.roles[0].keys] == [False, False, True]
    assert (told.files, told.pinned_version) == (4, 1)
    late = repository.status(repo, AT + 15 * DAY)
    assert [note for note in late.notes if "timestamp has expired" in note]
    assert "EXPIRED" in "\n".join(late.lines())
    roles = late.as_object()["roles"]
    assert isinstance(roles, dict)
    assert roles["timestamp"]["days_left"] == -1


def test_status_writes_nothing(repo: Path) -> None:
    """To look changes nothing, whatever there is to see."""
    publish(repo, FIRST)
    before: Contents = tree(repo)
    repository.status(repo, AT)
    repository.verify(repo, AT)
    assert tree(repo) == before
