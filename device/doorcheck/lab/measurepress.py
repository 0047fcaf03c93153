"""The benchmark of `operator revoke`: how many passes are read from rendered press pictures.

Beside the search stands one plain zxing-cpp call on the same picture, as a program would
make it that knows nothing of press photographs.
"""

from __future__ import annotations

import io
import os
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
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
PATIENCE_S = 30.0
FIRST_SEED = 1000
"""Seeds from here on were not looked at while the search was made."""


@dataclass(frozen=True, slots=True)
class Try:
    """One picture: whether either read its pass, and how long the search took."""

    difficulty: Difficulty
    plain: bool
    searched: bool
    wrong: bool
    """The search read a pass that is not in the picture."""
    seconds: float


def tables(pictures: int = PICTURES) -> list[Table]:
    """Recall by difficulty, the levels in equal numbers."""
    jobs = [(level, FIRST_SEED + seed) for level in Difficulty for seed in range(pictures // len(Difficulty))]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        tries = list(shown(pool.map(_try, *zip(*jobs, strict=True)), "press pictures", total=len(jobs)))
    recall = Table(f"revoke: press pictures whose pass is read, {len(jobs)} rendered ones", "share")
    for level in (*Difficulty, None):
        chosen = [one for one in tries if level in (None, one.difficulty)]
        plain = statistics.mean(one.plain for one in chosen)
        found = statistics.mean(one.searched for one in chosen)
        wrong = sum(one.wrong for one in chosen)
        seconds = sorted(one.seconds for one in chosen)
        name = level.value if level else "ALL"
        note = f"median {statistics.median(seconds):.1f} s, longest {seconds[-1]:.0f} s; wrong: {wrong}"
        recall.rows.append(Row(f"{name}: one plain zxing-cpp call", plain, 1.0))
        recall.rows.append(Row(f"{name}: doorcheck's search", found, found / plain if plain else 0.0, note))
    return [recall]


def _try(difficulty: Difficulty, seed: int) -> Try:
    payload = press.leaked(seed)
    picture = press.press_picture(payload, difficulty, seed)
    with Image.open(io.BytesIO(picture)) as image:
        codes = zxingcpp.read_barcodes(
            image.convert("L"), formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
        )
    began = time.monotonic()
    outcome = photograph.search(load_luma(io.BytesIO(picture)), patience_s=PATIENCE_S)
    read = {symbol.data for symbol in outcome.passes}
    return Try(
        difficulty,
        any(code.bytes == payload for code in codes),
        payload in read,
        bool(read - {payload}),
        time.monotonic() - began,
    )


if __name__ == "__main__":
    for table in tables(*map(int, sys.argv[1:2])):
        sys.stdout.write(table.as_text() + "\n")
