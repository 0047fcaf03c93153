"""A pushed directory is read with care: plain files, plain names, and never more than was asked for."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from doorcheck.update import errors
from doorcheck.update.source import CHUNK_BYTES, AbsentError, Source, plain_parts


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """A directory with one file in it."""
    folder = tmp_path / "pushed"
    (folder / "metadata").mkdir(parents=True)
    (folder / "metadata" / "file").write_bytes(b"x" * 10)
    return Source(folder)


def test_a_file_is_read_up_to_its_length_and_no_further(source: Source) -> None:
    """Exactly as long is well, one byte more is not."""
    assert source.read("metadata/file", 10) == b"x" * 10
    assert source.read("metadata/file", 11) == b"x" * 10
    with pytest.raises(errors.TooLongError, match="after 9 bytes"):
        source.read("metadata/file", 9)


def test_a_large_file_comes_in_pieces(source: Source) -> None:
    """A list of 300 MB is never held whole."""
    data = bytes(range(256)) * (CHUNK_BYTES // 100)
    (source.folder / "large").write_bytes(data)
    pieces = list(source.chunks("large", len(data)))
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) == CHUNK_BYTES


def test_an_endless_file_costs_what_was_asked_for(source: Source) -> None:
    """A hole of a terabyte is read as far as it may reach, and then left."""
    with (source.folder / "endless").open("wb") as file:
        file.truncate(1 << 40)
    pieces = source.chunks("endless", 3 * CHUNK_BYTES)
    assert [len(next(pieces)) for _ in range(3)] == [CHUNK_BYTES] * 3
    with pytest.raises(errors.TooLongError):
        next(pieces)


def test_the_directory_itself_may_be_a_link(source: Source, tmp_path: Path) -> None:
    """An operator's own link to a stick is followed; what is inside is not."""
    (tmp_path / "stick").symlink_to(source.folder)
    assert Source(tmp_path / "stick").read("metadata/file", 10)


@pytest.mark.parametrize(
    "what", ["link", "dangling link", "linked folder", "pipe", "socket", "folder", "device"]
)
def test_nothing_but_plain_files_is_opened(source: Source, what: str) -> None:
    """Not even to look: to open a device can set it off, to open a pipe can wait for ever."""
    path, name = source.folder / "odd", "odd"
    match what:
        case "link":
            path.symlink_to(source.folder / "metadata" / "file")
        case "dangling link":
            path.symlink_to("nowhere")
        case "linked folder":
            path.symlink_to(source.folder / "metadata")
            name = "odd/file"
        case "pipe":
            os.mkfifo(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as one:
                one.bind(str(path))
        case "folder":
            path.mkdir()
        case _:
            try:
                os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))
            except PermissionError:
                pytest.skip("only root makes devices")
    with pytest.raises(errors.UnsafeFileError):
        source.read(name, 100)


@pytest.mark.parametrize("name", ["absent", "absent/file", "metadata/absent"])
def test_an_absent_file_is_absent(source: Source, name: str) -> None:
    """python-tuf asks for the next root until there is none."""
    with pytest.raises(AbsentError):
        source.read(name, 100)


def test_a_file_where_a_folder_should_be(source: Source) -> None:
    """Is no folder."""
    with pytest.raises(errors.UnsafeFileError):
        source.read("metadata/file/more", 100)


@pytest.mark.parametrize(
    "name", ["", "/", "/etc/passwd", "..", "a/../b", "a//b", "a/", "./a", "a\\b", "a\0b", "a\nb", "a" * 301]
)
def test_names_that_lead_out_are_refused(name: str) -> None:
    """Or that are read differently by different systems, or break a line of the log."""
    with pytest.raises(errors.UnsafeNameError):
        plain_parts(name)


def test_a_directory_that_cannot_be_read(tmp_path: Path) -> None:
    """Absent, or a file: told with its path."""
    (tmp_path / "file").touch()
    for name in ("absent", "file"):
        with pytest.raises(errors.UnreadableError, match=name):
            Source(tmp_path / name)
    with pytest.raises(errors.NoPublicationError):
        Source(tmp_path)
