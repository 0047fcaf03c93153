"""Atomic writing: the old content or the new, never a part, and nothing left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from doorcheck.edge.store import StoreError, write_atomically


def test_writes_and_replaces(tmp_path: Path) -> None:
    """A new file appears and an old one is replaced; the folder holds nothing else."""
    path = tmp_path / "trust.dctl"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert [one.name for one in tmp_path.iterdir()] == ["trust.dctl"]


def test_flushes_before_and_after_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content reaches the disk before the name does, and the name before the call returns."""
    done: list[str] = []
    flush, rename = os.fsync, Path.replace

    def fsync(handle: int) -> None:
        done.append("flush folder" if Path(f"/proc/self/fd/{handle}").is_dir() else "flush file")
        flush(handle)

    def replace(self: Path, target: Path) -> Path:
        done.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    write_atomically(tmp_path / "list", b"data")
    assert done == ["flush file", "rename", "flush folder"]


def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full, the old file stays as it was and no temporary file remains."""
    path = tmp_path / "list"
    path.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="list: no space left on device"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of writing leaves no temporary file."""

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "list", b"new")
    assert not list(tmp_path.iterdir())


def test_keeps_permissions(tmp_path: Path) -> None:
    """An existing file's permissions survive its replacement."""
    path = tmp_path / "list"
    path.write_bytes(b"old")
    path.chmod(0o640)
    write_atomically(path, b"new")
    assert path.stat().st_mode & 0o777 == 0o640


def test_replaces_a_link_not_its_target(tmp_path: Path) -> None:
    """A symbolic link is replaced by the file; what it pointed at is untouched."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"kept")
    link.symlink_to(target)
    write_atomically(link, b"new")
    assert (target.read_bytes(), link.read_bytes(), link.is_symlink()) == (b"kept", b"new", False)


@pytest.mark.parametrize("name", ["absent/list", "folder"])
def test_impossible_places(tmp_path: Path, name: str) -> None:
    """A missing folder, or a folder in the file's place, is one clear error; nothing is left behind."""
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match=f"cannot write .*{name}: "):
        write_atomically(tmp_path / name, b"new")
    assert [one.name for one in tmp_path.iterdir()] == ["folder"]


def test_long_names_have_room(tmp_path: Path) -> None:
    """A name as long as the file system allows can still be written atomically."""
    path = tmp_path / ("n" * 255)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
