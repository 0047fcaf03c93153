"""The deny list measured beside SQLite and LMDB: look-ups, memory, building, changing."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from doorcheck.core.denytable import HASH_BYTES, DenyTable, hasher, split
from doorcheck.edge import denymap
from doorcheck.lab import denystores
from doorcheck.lab.denystores import OURS, STORES, Look, Store
from doorcheck.lab.measure import Row, Table, side_by_side
from doorcheck.operator.progress import shown

SIZES = (10_000, 1_000_000, 20_000_000)
CHANGES = 100_000
ASKED = 2000
COLD_ASKED = 200
PROBE = "import sys; from doorcheck.lab.denystores import probe; probe(*sys.argv[1:])"


@dataclass(slots=True)
class Lists:
    """The same hashes in every store, in one folder, and some to ask for."""

    folder: Path
    size: int
    hits: list[bytes] = field(default_factory=list)
    misses: list[bytes] = field(default_factory=list)
    probed: dict[str, dict[str, float]] = field(default_factory=dict)

    def path(self, store: Store) -> Path:
        """The store's file."""
        return self.folder / store.name.partition(",")[0]


def tables(sizes: Sequence[int] = SIZES) -> list[Table]:
    """Every measurement of lists of those sizes: each store beside SQLite, in one run.

    Files lie in the system's folder for temporary files, 2 GB of them for 20 million hashes;
    where that is no disk, nothing is ever cold.
    """
    measured = [Table(title, unit) for title, unit, _ in PARTS]
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            lists = Lists(Path(folder), size)
            steps = list(zip(measured, PARTS, strict=True))
            for table, (_, _, part) in shown(steps, f"deny lists of {size:,}"):
                table.rows += part(lists)
    return measured


def _rows(lists: Lists, what: str, values: dict[str, float], notes: dict[str, str]) -> list[Row]:
    """A row for each store, and for each other candidate behind them."""
    first = values[STORES[0].name]
    rows = []
    for name in dict.fromkeys([*(store.name for store in STORES), *values]):
        value = values.get(name, 0.0)
        note = notes.get(name, "") if name in values else "not installed (pip install lmdb)"
        rows.append(Row(f"{lists.size:,}{what}: {name}", value, value / first if first else 0.0, note))
    return rows


def _there() -> list[Store]:
    return [store for store in STORES if denystores.is_there(store)]


def _building(lists: Lists) -> list[Row]:
    """Ours of hashes in any order; the others of the same in order, which is their best case."""
    spent, notes = {}, {}
    for store in sorted(_there(), key=lambda store: store is not OURS):
        path = lists.path(store)
        hashes = _random(lists.size) if store is OURS else iter(denymap.open_list(lists.path(OURS)))
        started = time.perf_counter()
        store.build(path, hashes)
        spent[store.name] = time.perf_counter() - started
        order = "in any order" if store is OURS else "in order"
        notes[store.name] = f"{path.stat().st_size / 1e6:.1f} MB, of hashes {order}"
    rng = random.Random(lists.size)
    lists.hits = _sample(lists, rng, ASKED)
    lists.misses = [rng.randbytes(HASH_BYTES) for _ in range(ASKED)]
    return _rows(lists, "", spent, notes)


def _random(size: int) -> Iterator[bytes]:
    rng = random.Random(f"deny {size}")
    for done in range(0, size, 10_000):
        yield from split(rng.randbytes(HASH_BYTES * min(10_000, size - done)))


def _sample(lists: Lists, rng: random.Random, count: int) -> list[bytes]:
    """Some hashes of the list, none twice."""
    with denymap.mapped(lists.path(OURS)) as buffer:
        table = DenyTable(buffer)
        places = rng.sample(range(lists.size), min(count, lists.size))
        return [hashed for place in places for hashed in table.chunks(place, place + 1)]


def _warm(lists: Lists) -> list[Row]:
    """The look-up of a pass that is listed, and of one that is not, with the file in memory."""
    rows = []
    with ExitStack() as stack:
        looks = {one.name: stack.enter_context(one.opened(lists.path(one))) for one in _there()}
        hashed, ours = hasher(bytes(range(32))), looks[OURS.name]
        keyed = "doorcheck, under a key"
        for what, asked in ((", hit", lists.hits), (", miss", lists.misses)):
            calls: dict[str, Callable[[], object]] = {
                name: partial(_ask, look, asked) for name, look in looks.items()
            }
            if asked is lists.misses:
                calls[keyed] = partial(_ask, lambda digest: ours(hashed(digest)), asked)
            medians = side_by_side(calls, 1e6 / len(asked))
            rows += _rows(lists, what, medians, dict.fromkeys((OURS.name, keyed), "target: at most 2"))
    return rows


def _ask(look: Look, asked: Sequence[bytes]) -> None:
    for hashed in asked:
        look(hashed)


def _cold(lists: Lists) -> list[Row]:
    """Pages that the first look-up after opening reads from the disk; half of them hits."""
    lists.probed = {store.name: _probe(lists, store) for store in _there()}
    notes = {name: f"{one['microseconds']:.0f} µs" for name, one in lists.probed.items()}
    notes[OURS.name] += "; target: at most 2"
    return _rows(lists, "", {name: one["pages"] for name, one in lists.probed.items()}, notes)


def _probe(lists: Lists, store: Store) -> dict[str, float]:
    """What a fresh process sees of that store."""
    asked = lists.folder / "asked"
    half = COLD_ASKED // 2
    asked.write_bytes(b"".join(lists.hits[:half] + lists.misses[:half]))
    command = [sys.executable, "-I", "-c", PROBE, store.name, str(lists.path(store)), str(asked)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 (our own words)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def _memory(lists: Lists) -> list[Row]:
    """A fresh process's own memory for the opened store; mapped pages can be dropped any time."""
    values = {name: one["anonymous_mib"] for name, one in lists.probed.items()}
    values["doorcheck, verified first"] = lists.probed[OURS.name]["verified_mib"]
    return _rows(lists, "", values, {OURS.name: "target: under 1"})


def _changes(lists: Lists) -> list[Row]:
    """Half of the changes take hashes out, where there are so many; the others add new ones."""
    rng = random.Random(lists.size + 1)
    gone = _sample(lists, rng, min(CHANGES // 2, lists.size // 2))
    change = gone, [rng.randbytes(HASH_BYTES) for _ in range(CHANGES - len(gone))]
    denystores.write_delta(lists.path(OURS), change)
    spent, notes = {}, {}
    for store in _there():
        started, computed = time.perf_counter(), time.process_time()
        store.change(lists.path(store), change)
        spent[store.name] = time.perf_counter() - started
        how = "a new file, renamed over the old one; target: under 2" if store is OURS else "in place"
        notes[store.name] = f"{time.process_time() - computed:.2f} s of the processor's time; {how}"
    return _rows(lists, "", spent, notes)


PARTS: tuple[tuple[str, str, Callable[[Lists], list[Row]]], ...] = (
    ("deny: building the list", "s", _building),
    ("deny: a look-up, warm", "µs", _warm),
    ("deny: a look-up, nothing of the file in memory", "pages", _cold),
    ("deny: memory of a process that has opened the list", "MiB", _memory),
    (f"deny: {CHANGES:,} changes, on the disk and in use", "s", _changes),
)
