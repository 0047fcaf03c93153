"""Passes read from press photographs: our search beside one plain call of zxing-cpp."""

from __future__ import annotations

import io
import multiprocessing
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import zxingcpp
from PIL import Image

from doorcheck.edge.pictures import load_luma
from doorcheck.lab import press
from doorcheck.lab.measure import Row, Table
from doorcheck.lab.press import Difficulty
from doorcheck.operator import photograph
from doorcheck.operator.progress import shown

PICTURES = 200
FIRST_SEED = 10_000
"""The search was tuned on pictures below: these it has never seen."""
PLAIN, SEARCH = "one plain zxing-cpp call", "doorcheck's search"
_THREADS = "OPENBLAS_NUM_THREADS"


@dataclass(frozen=True, slots=True)
class Result:
    """One picture: whether each found the pass, and in how many seconds; passes that are not in it."""

    difficulty: Difficulty
    plain_found: bool
    plain_s: float
    found: bool
    seconds: float
    invented: int


def tables(
    pictures: int = PICTURES, patience_s: float = photograph.PATIENCE_S, workers: int | None = None
) -> list[Table]:
    """Recall and time by difficulty, a quarter of the pictures each; processes share the work.

    Raises ValueError for fewer than four pictures.
    """
    if pictures < len(Difficulty):
        raise ValueError(f"one picture for each of {len(Difficulty)} difficulties at least, not {pictures}")
    jobs = [
        (difficulty, FIRST_SEED + number, patience_s)
        for number in range(pictures // len(Difficulty))
        for difficulty in Difficulty
    ]
    spawning = multiprocessing.get_context("spawn")
    with _one_thread_each(), ProcessPoolExecutor(workers or os.cpu_count(), spawning) as pool:
        made = shown(pool.map(_measured, jobs), "press pictures", total=len(jobs))
        results = list(made)
    return [_recall(results), _times(results)]


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Workers share the cores: numpy in one that wants all of them waits for the others."""
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = "1"
    try:
        yield
    finally:
        del os.environ[_THREADS]
        if before is not None:
            os.environ[_THREADS] = before


def _measured(job: tuple[Difficulty, int, float]) -> Result:
    difficulty, seed, patience_s = job
    payload = press.leaked(seed)
    jpeg = press.press_picture(payload, difficulty, seed)
    picture = Image.open(io.BytesIO(jpeg))
    picture.load()
    started = time.perf_counter()
    plain = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    plain_s = time.perf_counter() - started
    outcome = photograph.search(load_luma(io.BytesIO(jpeg)), patience_s=patience_s)
    read = [symbol.data for symbol in outcome.passes]
    plain_found = any(bytes(barcode.bytes) == payload for barcode in plain)
    invented = sum(data != payload for data in read)
    return Result(difficulty, plain_found, plain_s, payload in read, outcome.seconds, invented)


def _groups(results: Sequence[Result]) -> Iterator[tuple[str, list[Result]]]:
    for difficulty in Difficulty:
        yield difficulty.value, [one for one in results if one.difficulty is difficulty]
    yield "ALL", list(results)


def _recall(results: Sequence[Result]) -> Table:
    table = Table(f"revoke: the pass read from {len(results)} press pictures, rendered", "share")
    for name, group in _groups(results):
        plain = statistics.mean(one.plain_found for one in group)
        ours = statistics.mean(one.found for one in group)
        invented = sum(one.invented for one in group)
        note = f"{sum(one.found for one in group)} of {len(group)}"
        note += f", and {invented} that are not in it" if invented else ""
        table.rows.append(Row(f"{name}: {PLAIN}", plain, 1.0))
        table.rows.append(Row(f"{name}: {SEARCH}", ours, ours / plain if plain else 0.0, note))
    return table


def _times(results: Sequence[Result]) -> Table:
    table = Table("revoke: time for a press picture, median", "s")
    for name, group in _groups(results):
        plain = statistics.median(one.plain_s for one in group)
        ours = statistics.median(one.seconds for one in group)
        longest = f"longest {max(one.seconds for one in group):.0f} s"
        table.rows.append(Row(f"{name}: {PLAIN}", plain, 1.0))
        table.rows.append(Row(f"{name}: {SEARCH}", ours, ours / plain, longest))
    return table
