"""Files that are there whole or not at all, whenever the power goes."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from pathlib import Path


class StoreError(Exception):
    """A file can't be written; the text says which, and why."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or a power cut, finds the old content or the new, never a part.

    A temporary file in the same folder is written, flushed to the disk, renamed over
    `path`, and the folder is flushed too; without the last, the new name may be lost.
    An existing file's permissions are kept; a symbolic link is replaced, not followed.
    Raises `StoreError`; nothing is left behind then, and an older file stays as it was.
    """
    temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        try:
            _write_new(temporary, data, _permissions(path))
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _flush_folder(path.parent)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error


def _permissions(path: Path) -> int | None:
    """The permissions to keep; None for a new file, which takes the process's default."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return stat.S_IMODE(status.st_mode) if stat.S_ISREG(status.st_mode) else None


def _write_new(path: Path, data: bytes, permissions: int | None) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with os.fdopen(handle, "wb") as stream:
        if permissions is not None:
            os.fchmod(handle, permissions)
        stream.write(data)
        stream.flush()
        os.fsync(handle)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_bounded(path: Path, most_bytes: int) -> bytes:
    """Read a whole file of at most that size. Raises `OSError`, also when it is larger."""
    with path.open("rb") as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, f"larger than {most_bytes} bytes")
    return data
