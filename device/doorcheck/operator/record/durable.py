"""New files on disk: whole, flushed, and never in the place of one that is there."""

from __future__ import annotations

import errno
import secrets
from pathlib import Path

from doorcheck.edge.disk import Disk
from doorcheck.edge.store import StoreError

PIECE_BYTES = 1024 * 1024
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


class ExistsError(Exception):
    """There is a file of that name already; it was not touched."""


def create(path: Path, data: bytes, *, permissions: int | None = None, disk: Disk | None = None) -> None:
    """Write a new file so that it is there whole or not at all, also after a power cut.

    The name is given by a hard link, which fails when the name is taken: of two who
    create the same file at once, one gets `ExistsError`. Raises `StoreError`.
    """
    disk = disk or Disk()
    temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        try:
            with disk.writing(temporary, permissions) as write:
                write(data)
            disk.link(temporary, path)
        finally:
            if temporary.exists():
                disk.remove(temporary)
        disk.flush_folder(path.parent)
    except FileExistsError:
        raise ExistsError(f"{path} is there already") from None
    except OSError as error:
        advice = "; this file system has no hard links: keep the repository on another"
        raise StoreError(
            f"cannot write {path}: {why(error)}{advice if error.errno in _NO_LINKS else ''}"
        ) from error


def copy(source: Path, target: Path, disk: Disk) -> None:
    """Copy a file's bytes to a new file and flush them; a large one is never held whole. Raises `OSError`."""
    with source.open("rb") as stream, disk.writing(target) as write:
        while piece := stream.read(PIECE_BYTES):
            write(piece)


def why(error: OSError) -> str:
    """What the system says of an error, to stand after a colon."""
    return (error.strerror or str(error)).lower()
