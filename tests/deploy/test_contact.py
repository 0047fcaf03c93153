"""Routine contact over real SSH: what each account may do, and each failure with its own message."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy.boxes import parcel, said
from deploy.boxes.errors import (
    BusyError,
    ContactError,
    ForbiddenError,
    HostKeyError,
    KeyFileError,
    KeyRefusedError,
    NonsenseError,
    UnreachableError,
)
from deploy.boxes.line import identities
from deploy.boxes.parcel import Parcel
from deploy.boxes.verdict import Wanted
from tests.deploy.desk_box import DeskBox, desk_box, new_key

WITHIN_S = 20.0


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskBox]:
    """One box for all tests here."""
    with desk_box(tmp_path_factory.mktemp("box")) as one:
        yield one


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """A publication's folder; what is in it does not matter here."""
    folder = tmp_path / "public"
    (folder / "metadata").mkdir(parents=True)
    (folder / "metadata" / "timestamp.json").write_text("{}")
    (folder / "targets").mkdir()
    (folder / "targets" / "list").write_bytes(bytes(range(256)) * 100)
    return folder


def test_the_status_account_tells_and_does_nothing_else(box: DeskBox) -> None:
    """One word gets the report; a command is not run."""
    line = box.lines().status
    assert said.read(line.ask("status", WITHIN_S), "desk").status is None
    with pytest.raises(ForbiddenError):
        line.ask("touch /tmp/never", WITHIN_S)
    with pytest.raises(ContactError):
        line.send(["-r"], ["/dev/null"], "x", WITHIN_S)


def test_a_parcel_arrives_whole_and_old_files_go(box: DeskBox, public: Path) -> None:
    """What is in the folder is in the inbox, readable; what is not is gone; the mark has its word."""
    line = box.lines().push
    (box.inbox / "public" / "targets").mkdir(parents=True, exist_ok=True)
    (box.inbox / "public" / "targets" / "old").touch()
    time = public.parent / parcel.TIME
    time.write_text("it is late")
    sent = Parcel(public, Wanted(1, 1), time=time).bring(line, WITHIN_S)
    wanted = ["time.json", "public/metadata/timestamp.json", "public/targets/list"]
    assert sorted(sent) == sorted([*wanted, "deleting public/targets/old"])
    assert not (box.inbox / "public" / "targets" / "old").exists()
    assert (box.inbox / "public" / "targets" / "list").read_bytes() == (
        public / "targets" / "list"
    ).read_bytes()
    assert (box.inbox / "public" / "targets" / "list").stat().st_mode & 0o777 == 0o644
    assert not (box.inbox / parcel.FINISHED).exists()
    for word in ("a" * 16, "b" * 16):
        parcel.mark(line, word, WITHIN_S)
        assert (box.inbox / parcel.FINISHED).read_text() == word
    assert Parcel(public, Wanted(1, 1)).bring(line, WITHIN_S) == []


def test_looking_brings_nothing(box: DeskBox, public: Path) -> None:
    """--check names what would be brought, and leaves the box as it was."""
    (public / "targets" / "new").touch()
    line = box.lines().push
    before = sorted(box.inbox.rglob("*"))
    assert "public/targets/new" in Parcel(public, Wanted(1, 1)).bring(line, WITHIN_S, look_only=True)
    assert sorted(box.inbox.rglob("*")) == before


def test_the_push_account_stays_in_its_inbox(box: DeskBox, public: Path) -> None:
    """It opens no shell, reads nothing, and can't write beside the inbox."""
    line = box.lines().push
    with pytest.raises(ForbiddenError):
        line.ask("status", WITHIN_S)
    for to in ("../escaped", f"{box.folder}/escaped"):
        with pytest.raises(ContactError):
            line.send(["-r"], [str(public / "targets" / "list")], to, WITHIN_S)
    assert not (box.folder / "escaped").exists()


def test_one_copy_at_a_time(box: DeskBox, public: Path) -> None:
    """While another copy holds the inbox ours is told that it is busy, and nothing is changed."""
    line = box.lines().push
    before = sorted(box.inbox.rglob("*"))
    held = os.open(box.inbox, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        (public / "targets" / "later").touch()
        with pytest.raises(BusyError):
            Parcel(public, Wanted(1, 1)).bring(line, WITHIN_S)
        assert sorted(box.inbox.rglob("*")) == before
    finally:
        os.close(held)
    assert "public/targets/later" in Parcel(public, Wanted(1, 1)).bring(line, WITHIN_S)


def test_another_host_key_gets_nothing(box: DeskBox, tmp_path: Path, public: Path) -> None:
    """Whoever answers with another key than the known one is refused before anything is sent."""
    new_key(tmp_path / "other")
    key = (tmp_path / "other.pub").read_text().split()
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{box.port} {key[0]} {key[1]}\n")
    lines = box.lines(known_hosts=str(known), control=str(box.control / "b"))
    before = sorted(box.inbox.rglob("*"))
    with pytest.raises(HostKeyError, match="ANOTHER KEY"):
        lines.status.ask("status", WITHIN_S)
    with pytest.raises(HostKeyError, match="ANOTHER KEY"):
        Parcel(public, Wanted(1, 1)).bring(lines.push, WITHIN_S)
    known.write_text("")
    with pytest.raises(HostKeyError, match="is not in"):
        lines.status.ask("status", WITHIN_S)
    assert sorted(box.inbox.rglob("*")) == before


def test_each_failure_says_what_it_is(box: DeskBox, tmp_path: Path) -> None:
    """A refused key, a missing one, one that others can read, a box that is off: each by its name."""
    fresh = str(box.control / "c")
    with pytest.raises(KeyRefusedError):
        box.lines(status_key=str(box.folder / "stranger"), control=fresh).status.ask("status", WITHIN_S)
    with pytest.raises(KeyFileError, match="no such file"):
        box.lines(status_key=str(tmp_path / "none"), control=fresh).status.ask("status", WITHIN_S)
    open_to_all = tmp_path / "open"
    shutil.copy(box.folder / "status", open_to_all)
    open_to_all.chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        box.lines(status_key=str(open_to_all), control=fresh).status.ask("status", WITHIN_S)
    with pytest.raises(UnreachableError) as caught:
        box.lines(port=1, control=fresh).status.ask("status", WITHIN_S)
    assert caught.value.off


def test_one_connection_serves_many_calls(box: DeskBox) -> None:
    """A handshake costs more than everything else: the second call makes none."""
    control = box.control / "d"
    line = box.lines(control=str(control)).status
    log = box.folder / "sshd.log"
    before = log.read_bytes().count(b"Accepted publickey")
    for _ in range(3):
        line.ask("status", WITHIN_S)
    assert log.read_bytes().count(b"Accepted publickey") == before + 1
    line.hang_up()


def test_an_answer_is_read_with_bounds() -> None:
    """What a broken or hostile box says stops at the reader, in words without its contents."""
    for data in (
        b"",
        b"[]",
        b"{",
        b'{"format": 2}',
        b'{"format": 1, "status": 7}',
        b'{"format":1,"x":"' + b"a" * (1 << 20),
    ):
        with pytest.raises(NonsenseError):
            said.read(data, "desk")


def test_a_key_that_is_being_changed_has_two_files(tmp_path: Path) -> None:
    """Boxes have the new key or the old one: both are tried, the plain name first."""
    key = tmp_path / "push"
    assert identities(key) == (key,)
    for name in ("push", "push.next", "push.old"):
        (tmp_path / name).touch()
    assert [path.name for path in identities(key)] == ["push", "push.next", "push.old"]
