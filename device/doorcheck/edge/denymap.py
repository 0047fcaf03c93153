"""Deny lists on the disk: mapped, so that a look-up reads two pages and none of it is kept.

A mapped file must never be changed in place, only replaced by a rename, as `edge/store.py`
and updates do: a process that looks up in a file which was cut short is killed by the system.
So it is, too, when the disk fails under it, and the door's lamps drop.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from doorcheck.core.denylist import DenyList, DenyListError
from doorcheck.core.denytable import MAGIC

LARGEST_TEXT_BYTES = 256 * 1024 * 1024


def open_list(path: Path, key: bytes = b"") -> DenyList:
    """Map a list's file for look-ups; only its head and length have been checked.

    Raises `DenyListError` that names the path and says what is wrong.
    """
    with _opened(path) as file:
        buffer = _map(file)
        buffer.madvise(mmap.MADV_RANDOM)  # reading ahead would read 32 pages in the place of one
        return DenyList.open(buffer, key)


def open_verified(path: Path, key: bytes = b"") -> DenyList:
    """Map a list's file and read it once, front to back, to check all of it.

    Its pages are given back afterwards. Raises `DenyListError` as `open_list` does.
    """
    with _opened(path) as file:
        return _verified(file, key)


def read_text_or_map(path: Path, key: bytes = b"") -> DenyList:
    """A list from either form: hexadecimal text is read, a list's file is mapped and verified.

    Text may come through a pipe. Raises `DenyListError` as `open_list` does.
    """
    with _opened(path) as file:
        start = file.read(len(MAGIC))
        if start == MAGIC:
            return _verified(file, key)
        data = start + file.read(LARGEST_TEXT_BYTES + 1 - len(start))
        if len(data) > LARGEST_TEXT_BYTES:
            raise DenyListError(f"larger than {LARGEST_TEXT_BYTES} bytes of text (make a list's file of it)")
        return DenyList.load(data)


@contextmanager
def mapped(path: Path) -> Iterator[mmap.mmap]:
    """A list's file as a buffer, for making and applying deltas. Raises `DenyListError`."""
    with _opened(path) as file, _map(file) as buffer:
        yield buffer


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The file, closed again in any case; whatever goes wrong names it."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise DenyListError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except DenyListError as error:
        raise DenyListError(f"{path}: {error}") from error


def _map(file: BinaryIO) -> mmap.mmap:
    if not os.fstat(file.fileno()).st_size:  # nor a pipe or a device, which can't be mapped
        raise DenyListError("not a doorcheck deny list: it is empty, or no file")
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _verified(file: BinaryIO, key: bytes) -> DenyList:
    buffer = _map(file)
    deny = DenyList.open(buffer, key)
    buffer.madvise(mmap.MADV_SEQUENTIAL)
    deny.verify()
    buffer.madvise(mmap.MADV_DONTNEED)  # out of this process; the system may keep or drop them
    buffer.madvise(mmap.MADV_RANDOM)
    return deny
