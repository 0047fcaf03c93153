"""What the virtual Pi's camera sees: pictures that the host puts into memory shared with the machine.

The other side is `board/dist-packages/virtual_pi_camera.py`, whose docstring is the format.
"""

from __future__ import annotations

import mmap
import struct
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from doorcheck.core.symbol import SymbolFormat
from doorcheck.lab.carriers import code_modules
from doorcheck.lab.scenes import HEIGHT, WIDTH, Prop, Scene, render

MAGIC: Final = b"doorlens"
HEADER: Final = struct.Struct("<8sIIII")
SLOTS: Final = 4096
SIZE_BYTES: Final = 4 << 20
TIME: Final = 64
"""Where the machine tells its time (`board/dist-packages/virtual_pi_clock.py`)."""
KEPT: Final = 400
"""So many pictures are kept for a timeline; of older ones, when they were shown and their names."""
MODULE_PX: Final = 5


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture that was shown: when, on the host's monotonic clock, and what it was called."""

    at_s: float
    name: str
    luma: bytes


class Lens:
    """The shared memory; it outlives the machine's power."""

    def __init__(self, path: Path) -> None:
        path.touch()
        with path.open("r+b") as file:
            file.truncate(SIZE_BYTES)
            self._memory = mmap.mmap(file.fileno(), SIZE_BYTES)
        self.shown: list[Shown] = []
        magic, self._number, *_ = HEADER.unpack_from(self._memory)
        if magic != MAGIC:
            self.show("hall", HALL)

    def show(self, name: str, luma: bytes) -> float:
        """Put a picture of WIDTH x HEIGHT before the lens; when it was there."""
        self._number += 1
        slot = self._number & 1
        start = SLOTS + slot * len(luma)
        self._memory[start : start + len(luma)] = luma
        self._memory[: HEADER.size] = HEADER.pack(MAGIC, self._number, slot, WIDTH, HEIGHT)
        shown = Shown(time.monotonic(), name, luma)
        self.shown.append(shown)
        if len(self.shown) > KEPT:
            old = self.shown[-KEPT - 1]
            self.shown[-KEPT - 1] = replace(old, luma=b"")
        return shown.at_s

    def show_pass(self, name: str, payload: bytes, seed: int = 1) -> float:
        """Hold a pass before the lens, still and well lit."""
        return self.show(name, held(payload, seed))

    def clear(self) -> float:
        """Nobody before the lens."""
        return self.show("hall", HALL)

    def inside_s(self) -> float:
        """The machine's monotonic clock as it told last: it is a hundredth of a second old at most."""
        return int.from_bytes(self._memory[TIME : TIME + 8], "little") / 1e9

    def forget_time(self) -> None:
        """Power is off."""
        self._memory[TIME : TIME + 8] = bytes(8)

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()


def held(payload: bytes, seed: int = 1) -> bytes:
    """The luma of a pass that is held before the camera."""
    scene = Scene((Prop(payload, enters_ms=-2000, held_ms=60_000, seed=seed),))
    return np.ascontiguousarray(render(scene, 0)).tobytes()


def flat(payload: bytes, symbol: SymbolFormat = SymbolFormat.QR) -> bytes:
    """The luma of a code that fills the view, sharp, on grey: quickly drawn, and quickly read."""
    modules = code_modules(payload, symbol, "L")
    size_px = min(MODULE_PX, (HEIGHT - 80) // len(modules))
    code = np.kron(modules, np.ones((size_px, size_px), np.uint8))
    picture = np.full((HEIGHT, WIDTH), GREY, np.uint8)
    high, wide = code.shape
    top, left = (HEIGHT - high) // 2, (WIDTH - wide) // 2
    quiet_px = 4 * size_px
    picture[top - quiet_px : top + high + quiet_px, left - quiet_px : left + wide + quiet_px] = 255
    picture[top : top + high, left : left + wide] = code
    return picture.tobytes()


GREY: Final = 120
COVERED: Final = bytes([GREY]) * (WIDTH * HEIGHT)
"""A lens with nothing to see before it: what is quickest to look at."""
HALL: Final = np.ascontiguousarray(render(Scene(), 0)).tobytes()
