"""Changes of the disk that a power cut may interrupt, one call each.

The program has the same for its lists (`edge/disk.py`); nothing of it may be needed here. A
file's data is durable when `writing` ends, or after `flush_all`; a name is when its folder
is flushed, or after `flush_all`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LARGEST_JSON_BYTES = 256 * 1024


class Disk:
    """The real disk. Every method may raise `OSError`."""

    def free_bytes(self, path: Path) -> int:
        """How much everybody can still write under that path; the system's reserve is not counted."""
        disk = os.statvfs(path)
        return disk.f_bavail * disk.f_frsize

    def make_folder(self, path: Path, permissions: int = 0o755) -> None:
        """Make a folder; the ones above it are there."""
        path.mkdir()
        path.chmod(permissions)

    @contextmanager
    def writing(self, path: Path, permissions: int | None = None) -> Iterator[Callable[[bytes], object]]:
        """Make a file that was not there and write it with what is handed out; flushed at the end."""
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(handle, 0o644 if permissions is None else permissions)
            yield stream.write
            stream.flush()
            self._flush(handle)

    def put(self, path: Path, data: bytes, permissions: int = 0o644) -> None:
        """Make a file that was not there; it is durable after `flush_all`."""
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(handle, permissions)
            stream.write(data)

    def symlink(self, target: str, path: Path) -> None:
        """Make a symbolic link that reads `target`."""
        path.symlink_to(target)

    def rename(self, old: Path, new: Path) -> None:
        """Rename within a folder, at once; a file or link in the new name's place is replaced."""
        old.replace(new)

    def remove(self, path: Path) -> None:
        """Remove a file, or a link."""
        path.unlink()

    def remove_folder(self, path: Path) -> None:
        """Remove an empty folder."""
        path.rmdir()

    def flush_folder(self, path: Path) -> None:
        """Make the names in a folder durable."""
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._flush(handle)
        finally:
            os.close(handle)

    def flush_all(self, _folder: Path) -> None:
        """Make everything durable that was ever written, in that folder too: one wait, not thousands."""
        os.sync()

    def remove_tree(self, path: Path) -> None:
        """Remove a folder with all that is in it; links are removed, not followed."""
        for inside in sorted(path.iterdir()):
            if inside.is_dir() and not inside.is_symlink():
                self.remove_tree(inside)
            else:
                self.remove(inside)
        self.remove_folder(path)

    def _flush(self, handle: int) -> None:
        os.fsync(handle)


def write_whole(disk: Disk, path: Path, data: bytes, permissions: int = 0o644) -> None:
    """Write a file so that a power cut finds the old content or the new. May raise `OSError`."""
    temporary = path.with_name(f"{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        disk.remove(temporary)
    try:
        with disk.writing(temporary, permissions) as write:
            write(data)
        disk.rename(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            disk.remove(temporary)
        raise
    disk.flush_folder(path.parent)


def turn_link(disk: Disk, path: Path, target: str) -> None:
    """Make a symbolic link read `target`, at once. May raise `OSError`."""
    new = path.with_name(f"{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        disk.remove(new)
    disk.symlink(target, new)
    disk.rename(new, path)
    disk.flush_folder(path.parent)


def read_plain(path: Path, most_bytes: int) -> bytes:
    """A plain file's bytes; no link is followed, no pipe waited for. Raises `OSError`, also when larger."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a plain file")
        data = stream.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, f"larger than {most_bytes} bytes")
    return data
