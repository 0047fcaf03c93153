"""A pushed directory or a stick, read with care: nobody vouches for what is in it.

Links are not followed, nothing but plain files is opened, no name leads out, and whoever
reads says how much at most.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from doorcheck.update.errors import (
    NoPublicationError,
    TooLongError,
    UnreadableError,
    UnsafeFileError,
    UnsafeNameError,
)

CHUNK_BYTES = 1024 * 1024
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


class AbsentError(Exception):
    """There is no such file."""


class Source:
    """The directory that was pushed. Names are relative to it, with slashes.

    Raises `UnreadableError` or `NoPublicationError` for a directory that is none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            names = {path.name for path in folder.iterdir()}
        except OSError as error:
            raise UnreadableError(folder, _why(error)) from error
        if "metadata" not in names:
            raise NoPublicationError(folder)

    def chunks(self, name: str, most_bytes: int) -> Iterator[bytes]:
        """A file's bytes, piece by piece.

        Raises `AbsentError`, `UnsafeNameError`, `UnsafeFileError`, `UnreadableError`, and
        `TooLongError` once it goes on after `most_bytes`, however long it is.
        """
        left = most_bytes
        with self._opened(name) as handle:
            while True:
                try:
                    chunk = os.read(handle, min(CHUNK_BYTES, left + 1))
                except OSError as error:
                    raise UnreadableError(self.folder / name, _why(error)) from error
                if not chunk:
                    return
                left -= len(chunk)
                if left < 0:
                    raise TooLongError(name, most_bytes)
                yield chunk

    def read(self, name: str, most_bytes: int) -> bytes:
        """A whole file of at most that size. Raises as `chunks` does."""
        return b"".join(self.chunks(name, most_bytes))

    def listing(self, folder: str) -> list[str]:
        """The names in a folder. Raises `UnreadableError`."""
        try:
            return sorted(path.name for path in (self.folder / folder).iterdir())
        except OSError as error:
            raise UnreadableError(self.folder / folder, _why(error)) from error

    @contextmanager
    def _opened(self, name: str) -> Iterator[int]:
        *folders, file = plain_parts(name)
        with ExitStack() as closing:
            try:
                handle = _open(closing, self.folder, os.O_RDONLY | os.O_DIRECTORY)
                for folder in folders:
                    _look(name, folder, handle, stat.S_ISDIR)
                    handle = _open(closing, folder, _FOLDER, handle)
                _look(name, file, handle, stat.S_ISREG)
                handle = _open(closing, file, _FILE, handle)
            except FileNotFoundError:
                raise AbsentError(name) from None
            except OSError as error:
                raise UnreadableError(self.folder / name, _why(error)) from error
            yield handle


def plain_parts(name: str) -> list[str]:
    """The parts of a name that stays in its folder. Raises `UnsafeNameError` for any other."""
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or not all(map(_is_plain, name)) or len(name) > 300:
        raise UnsafeNameError(name)
    return parts


def _is_plain(character: str) -> bool:
    return character.isprintable() and character != "\\"


def _look(name: str, part: str, folder: int, wanted: Callable[[int], bool]) -> None:
    # Before opening, for to open a device can set it off.
    mode = os.stat(part, dir_fd=folder, follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        raise UnsafeFileError(name, "a symbolic link, or lies behind one")
    if not wanted(mode):
        raise UnsafeFileError(name, "no plain file, or does not lie in plain folders")


def _open(closing: ExitStack, path: Path | str, flags: int, folder: int | None = None) -> int:
    handle = os.open(path, flags | os.O_CLOEXEC, dir_fd=folder)
    closing.callback(os.close, handle)
    return handle


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
