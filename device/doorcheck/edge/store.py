"""Files that are there whole or not at all, whenever the power goes."""

from __future__ import annotations

import errno
import secrets
import stat
from pathlib import Path

from doorcheck.edge.disk import Disk


class StoreError(Exception):
    """A file can't be written; the text says which, and why."""


def write_atomically(
    path: Path, data: bytes, *, permissions: int | None = None, disk: Disk | None = None
) -> None:
    """Write a file so that a reader, or a power cut, finds the old content or the new, never a part.

    A temporary file in the same folder is written, flushed to the disk, renamed over
    `path`, and the folder is flushed too; without the last, the new name may be lost.
    An existing file's permissions are kept, a new one gets `permissions`, or the process's
    default ones; a symbolic link is replaced, not followed.
    Raises `StoreError`; nothing is left behind then, and an older file stays as it was.
    """
    disk = disk or Disk()
    temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        try:
            with disk.writing(temporary, _permissions(path, permissions)) as write:
                write(data)
            disk.rename(temporary, path)
        except BaseException:
            if temporary.exists():
                disk.remove(temporary)
            raise
        disk.flush_folder(path.parent)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error


def _permissions(path: Path, of_a_new_one: int | None) -> int | None:
    """The permissions to keep, or those of a new file; None for the process's default ones."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return of_a_new_one
    return stat.S_IMODE(status.st_mode) if stat.S_ISREG(status.st_mode) else of_a_new_one


def read_bounded(path: Path, most_bytes: int) -> bytes:
    """Read a whole file of at most that size. Raises `OSError`, also when it is larger."""
    with path.open("rb") as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, f"larger than {most_bytes} bytes")
    return data
