"""The parts of a QR symbol that are the same whatever it holds (ISO/IEC 18004, 6.3 and annex E).

Finder patterns, timing, alignment patterns and version bits: some 600 modules of a pass's
8000. Where they are known to be, a picture shows how the symbol lies and how it is blurred.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

VERSIONS = range(1, 41)
FINDER = 7
"""Modules that a finder pattern is wide."""
_VERSION_GENERATOR = 0x1F25


def width_of(version: int) -> int:
    """Modules that a symbol is wide."""
    return 17 + 4 * version


@functools.cache
def structure(version: int) -> npt.NDArray[np.int8]:
    """A square of modules: 1 dark, -1 light, 0 where it depends on what the symbol holds."""
    width = width_of(version)
    modules = np.zeros((width, width), np.int8)
    timing = np.where(np.arange(width) % 2, -1, 1)
    modules[6, :] = modules[:, 6] = timing
    for row, column in _alignment_centres(version):
        _ring(modules, row, column, 2, light={1})
    for row, column in ((3, 3), (3, width - 4), (width - 4, 3)):
        _ring(modules, row, column, 4, light={2, 4})
    if version >= 7:
        _version_bits(modules, version)
    modules.flags.writeable = False
    return modules


def _ring(modules: npt.NDArray[np.int8], row: int, column: int, reach: int, light: set[int]) -> None:
    """Squares within squares around a module, clipped to the symbol."""
    width = len(modules)
    for r in range(max(0, row - reach), min(width, row + reach + 1)):
        for c in range(max(0, column - reach), min(width, column + reach + 1)):
            modules[r, c] = -1 if max(abs(r - row), abs(c - column)) in light else 1


def _alignment_centres(version: int) -> list[tuple[int, int]]:
    if version == 1:
        return []
    count, last = version // 7 + 2, 4 * version + 10
    step = 26 if version == 32 else (4 * version + 2 * count + 1) // (2 * count - 2) * 2
    places = [6, *(last - step * n for n in reversed(range(count - 1)))]
    corners = {(6, 6), (6, last), (last, 6)}
    return [(row, column) for row in places for column in places if (row, column) not in corners]


def _version_bits(modules: npt.NDArray[np.int8], version: int) -> None:
    """Eighteen bits, twice: six of the version, twelve of its check (annex D)."""
    check = version
    for _ in range(12):
        check = check << 1 ^ (check >> 11) * _VERSION_GENERATOR
    bits = version << 12 | check
    for number in range(18):
        row, column = number // 3, len(modules) - 11 + number % 3
        modules[row, column] = modules[column, row] = 1 if bits >> number & 1 else -1
