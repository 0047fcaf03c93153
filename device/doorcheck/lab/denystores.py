"""Where a deny list could be kept: our file, SQLite and LMDB, behind one interface.

A process of its own probes a store (`probe`), so that memory and cold reads are the store's
alone: this module imports little.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doorcheck.core import denyfile
from doorcheck.core.denytable import split
from doorcheck.edge import denymap

PAGE_BYTES = 4096
MAP_BYTES = 4 << 30

Look = Callable[[bytes], object]
"""One look-up; what it returns is true for a hash that is there."""
Change = tuple[Sequence[bytes], Sequence[bytes]]
"""Hashes that go, and hashes that come."""


@dataclass(frozen=True, slots=True)
class Store:
    """One way to keep 16-byte hashes in a file."""

    name: str
    build: Callable[[Path, Iterable[bytes]], None]
    """Make the file, and wait until it is on the disk."""
    opened: Callable[[Path], AbstractContextManager[Look]]
    change: Callable[[Path, Change], None]
    """Make a change in place, and wait until it is on the disk."""


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


# Our file


def _build_ours(path: Path, hashes: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        denyfile.write_list(hashes, file.write)
    _flush(path)


@contextmanager
def _opened_ours(path: Path) -> Iterator[Look]:
    yield denymap.open_list(path).__contains__


@contextmanager
def opened_verified(path: Path) -> Iterator[Look]:
    """Our file, read whole and checked before the first look-up."""
    yield denymap.open_verified(path).__contains__


def write_delta(path: Path, change: Change) -> None:
    """The delta that `change` of our store applies, beside the list."""
    gone, come = set(change[0]), change[1]
    newer = path.with_suffix(".newer")
    with denymap.mapped(path) as old:
        kept = (hashed for hashed in denymap.open_list(path) if hashed not in gone)
        _build_ours(newer, (hashed for part in (kept, come) for hashed in part))
        with denymap.mapped(newer) as new:
            path.with_suffix(".delta").write_bytes(denyfile.make_delta(old, new))
    newer.unlink()


def _change_ours(path: Path, _change: Change) -> None:
    newer = path.with_suffix(".newer")
    delta = path.with_suffix(".delta").read_bytes()
    with denymap.mapped(path) as old, newer.open("wb") as file:
        denyfile.apply_delta(old, delta, file.write)
        file.flush()
        os.fsync(file.fileno())
    newer.replace(path)
    denymap.open_list(path)


# SQLite


def _build_sqlite(path: Path, hashes: Iterable[bytes]) -> None:
    with _sqlite(path) as base:
        base.execute("PRAGMA journal_mode=OFF")
        base.execute("PRAGMA synchronous=OFF")
        base.execute("CREATE TABLE deny (hash BLOB PRIMARY KEY) WITHOUT ROWID")
        with base:
            base.executemany("INSERT INTO deny VALUES (?)", ((hashed,) for hashed in hashes))
    _flush(path)


@contextmanager
def _sqlite(path: Path, words: str = "") -> Iterator[sqlite3.Connection]:
    base = sqlite3.connect(f"file:{path}{words}", uri=True)
    try:
        yield base
    finally:
        base.close()


@contextmanager
def _opened_sqlite(path: Path) -> Iterator[Look]:
    with _sqlite(path, "?mode=ro&immutable=1") as base:
        base.execute(f"PRAGMA mmap_size={MAP_BYTES}")
        base.execute("SELECT count(*) FROM sqlite_master").fetchone()  # reads the schema
        run, ask = base.execute, "SELECT 1 FROM deny WHERE hash = ?"
        yield lambda hashed: run(ask, (hashed,)).fetchone()


def _change_sqlite(path: Path, change: Change) -> None:
    gone, come = change
    with _sqlite(path) as base, base:
        base.executemany("DELETE FROM deny WHERE hash = ?", ((hashed,) for hashed in gone))
        base.executemany("INSERT INTO deny VALUES (?)", ((hashed,) for hashed in come))


# LMDB


def _lmdb(path: Path, **settings: Any) -> Any:
    lmdb = importlib.import_module("lmdb")
    return lmdb.open(str(path), subdir=False, map_size=MAP_BYTES, **settings)


def _build_lmdb(path: Path, hashes: Iterable[bytes]) -> None:
    with _lmdb(path) as env, env.begin(write=True) as transaction, transaction.cursor() as cursor:
        cursor.putmulti(((hashed, b"") for hashed in hashes), append=True)


@contextmanager
def _opened_lmdb(path: Path) -> Iterator[Look]:
    with _lmdb(path, readonly=True, lock=False, readahead=False) as env, env.begin() as transaction:
        get = transaction.get
        yield lambda hashed: get(hashed) is not None


def _change_lmdb(path: Path, change: Change) -> None:
    gone, come = change
    with _lmdb(path) as env, env.begin(write=True) as transaction, transaction.cursor() as cursor:
        for hashed in gone:
            transaction.delete(hashed)
        cursor.putmulti((hashed, b"") for hashed in come)


OURS = Store("doorcheck", _build_ours, _opened_ours, _change_ours)
SQLITE = Store("SQLite, WITHOUT ROWID", _build_sqlite, _opened_sqlite, _change_sqlite)
LMDB = Store("LMDB", _build_lmdb, _opened_lmdb, _change_lmdb)
STORES = (SQLITE, LMDB, OURS)


def is_there(store: Store) -> bool:
    """Whether the library is installed that the store needs."""
    return store is not LMDB or importlib.util.find_spec("lmdb") is not None


# What a fresh process sees


def probe(name: str, path: str, asked: str) -> None:
    """Open a store's file and print what that costs, as JSON. The file's hashes are asked for.

    `anonymous_mib`: more memory of its own after look-ups than before it was opened.
    `verified_mib`: the same after the whole file was checked. `pages` and `microseconds`:
    means of a look-up when nothing of the file is in memory but what opening it reads.
    """
    (store,) = (one for one in STORES if one.name == name)
    hashes = split(Path(asked).read_bytes())
    told = {"anonymous_mib": _memory(store.opened, Path(path), hashes)}
    pages, spent = zip(*(_cold(store, Path(path), hashed) for hashed in hashes), strict=True)
    told |= {"pages": sum(pages) / len(pages), "microseconds": sum(spent) / len(spent) * 1e6}
    if store is OURS:
        told["verified_mib"] = _memory(opened_verified, Path(path), hashes)
    print(json.dumps(told))  # noqa: T201 (its process's only answer)


def _memory(
    opened: Callable[[Path], AbstractContextManager[Look]], path: Path, hashes: Sequence[bytes]
) -> float:
    before = _anonymous_kib()
    with opened(path) as look:
        for hashed in hashes:
            look(hashed)
        return (_anonymous_kib() - before) / 1024


def _anonymous_kib() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))


def _cold(store: Store, path: Path, hashed: bytes) -> tuple[float, float]:
    """Pages read and seconds taken by one look-up."""
    _evict(path)
    with store.opened(path) as look:
        _evict(path)
        before, started = _read_bytes(), time.perf_counter()
        look(hashed)
        spent = time.perf_counter() - started
        return (_read_bytes() - before) / PAGE_BYTES, spent


def _evict(path: Path) -> None:
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _read_bytes() -> int:
    """Bytes that this process made the disk read."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("read_bytes:"))
