"""Changes of the disk that a power cut may interrupt, one call each.

Nothing here is durable by itself: a file's data is when `writing` ends, a name (made,
linked, renamed or removed) when its folder is flushed. Whoever goes through this class
alone can be watched doing it, and cut off after each step.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class Disk:
    """The real disk. Every method may raise `OSError`."""

    def free_bytes(self, path: Path) -> int:
        """How much can still be written under that path."""
        disk = os.statvfs(path)
        return disk.f_bavail * disk.f_frsize

    def make_folder(self, path: Path, permissions: int = 0o777) -> None:
        """Make a folder; the ones above it are there."""
        path.mkdir(permissions)

    @contextmanager
    def writing(self, path: Path, permissions: int | None = None) -> Iterator[Callable[[bytes], object]]:
        """Make a file that was not there, and write it piece by piece with what is handed out.

        At the end its data is flushed to the disk. Without `permissions` it has the process's
        default ones.
        """
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with os.fdopen(handle, "wb") as stream:
            if permissions is not None:
                os.fchmod(handle, permissions)
            yield stream.write
            stream.flush()
            self._flush(handle)

    def link(self, existing: Path, path: Path) -> None:
        """Give a file a second name."""
        path.hardlink_to(existing)

    def symlink(self, target: str, path: Path) -> None:
        """Make a symbolic link that reads `target`."""
        path.symlink_to(target)

    def rename(self, old: Path, new: Path) -> None:
        """Rename within a file system, at once; a file in the new name's place is replaced."""
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
