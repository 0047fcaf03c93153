"""Each change of the disk does one thing, flushes what it says, and never follows a link away."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from doorcheck.edge.disk import Disk


class Noting(Disk):
    """Writes down what is flushed."""

    def __init__(self) -> None:
        self.flushed: list[tuple[str, int]] = []

    def _flush(self, handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        self.flushed.append((path.name, path.stat().st_size if path.is_file() else -1))
        super()._flush(handle)


def test_a_file_is_flushed_when_it_is_written(tmp_path: Path) -> None:
    """All of its data reaches the card before anybody goes on."""
    disk = Noting()
    with disk.writing(tmp_path / "list") as write:
        write(b"one")
        write(b"two")
        assert disk.flushed == []
    assert disk.flushed == [("list", 6)]
    assert (tmp_path / "list").read_bytes() == b"onetwo"


def test_a_file_is_new(tmp_path: Path) -> None:
    """What is there is not written over, neither a file nor what a link points at."""
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("file", "link"):
        with pytest.raises(FileExistsError), Disk().writing(tmp_path / name) as write:
            write(b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert not (tmp_path / "elsewhere").exists()


def test_what_was_interrupted_is_not_flushed(tmp_path: Path) -> None:
    """Whoever stops in the middle has written nothing that counts."""
    disk = Noting()
    with pytest.raises(ZeroDivisionError), disk.writing(tmp_path / "list") as write:
        write(bytes([1 // len(disk.flushed)]))
    assert disk.flushed == []


def test_permissions_hold_before_the_first_byte(tmp_path: Path) -> None:
    """A secret is nobody else's to read, at no time."""
    with Disk().writing(tmp_path / "key", 0o600) as write:
        assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
        write(b"secret")
    Disk().make_folder(tmp_path / "state", 0o700)
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_names(tmp_path: Path) -> None:
    """Link, symbolic link, rename over another, remove."""
    disk, one, two = Disk(), tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"data")
    disk.link(one, two)
    assert one.samefile(two)
    disk.symlink("one", tmp_path / "link")
    disk.symlink("two", tmp_path / "new")
    disk.rename(tmp_path / "new", tmp_path / "link")
    assert (tmp_path / "link").readlink() == Path("two")
    disk.remove(tmp_path / "link")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_a_folder_is_flushed(tmp_path: Path) -> None:
    """Its names are durable then."""
    disk = Noting()
    disk.flush_folder(tmp_path)
    assert disk.flushed == [(tmp_path.name, -1)]
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        disk.flush_folder(tmp_path / "file")


def test_a_tree_is_removed_and_links_are_not_followed(tmp_path: Path) -> None:
    """Whatever a link in it points at stays."""
    outside, tree = tmp_path / "outside", tmp_path / "tree"
    (tree / "inner").mkdir(parents=True)
    outside.mkdir()
    (outside / "kept").write_bytes(b"kept")
    (tree / "inner" / "file").write_bytes(b"")
    (tree / "inner" / "link").symlink_to(outside)
    (tree / "dangling").symlink_to("nowhere")
    Disk().remove_tree(tree)
    assert not tree.exists()
    assert (outside / "kept").read_bytes() == b"kept"


def test_free_bytes(tmp_path: Path) -> None:
    """What is free for this user, as `df` shows it."""
    disk = os.statvfs(tmp_path)
    assert 0 < Disk().free_bytes(tmp_path) <= disk.f_frsize * disk.f_blocks
