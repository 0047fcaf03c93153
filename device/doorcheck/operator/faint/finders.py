"""Finder patterns by correlation: known through blur, noise and gloss, which take their black and white."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from doorcheck.operator.faint.perspective import Plane, Points, integral, window_sums

if TYPE_CHECKING:
    import numpy.typing as npt

SIDE, MARGIN = 480, 80
"""An area is looked at as a square of that side, with that much around."""
_ZONE = int(0.18 * SIDE)
"""How far from an area's corner a finder pattern may be."""
_LEAST = 0.5
_PEAKS = 3
_MODULE_PX = tuple(2.7 * 1.11**n for n in range(16))
"""The sizes that a module may have in the square: 2.7 (a version 40) to 13 pixels (a version 5)."""


@dataclass(frozen=True, slots=True)
class Peak:
    """A likely finder pattern: how alike (1 at most), its middle in the square, its module's size."""

    value: float
    place: tuple[float, float]
    module_px: float


@functools.lru_cache(maxsize=1)
def _finders() -> list[npt.NDArray[np.complex64]]:
    """The finder pattern with its light border at each size, ready to be correlated with."""
    size = SIDE + 2 * MARGIN
    axis = np.abs(np.fft.fftfreq(size, 1 / size))
    made = []
    for module_px in _MODULE_PX:
        far = np.maximum(axis[:, None], axis) / module_px
        filled = [np.clip((edge - far) * module_px + 0.5, 0, 1) for edge in (1.5, 2.5, 3.5, 4.5)]
        pattern = 2 * (filled[1] - filled[0] - filled[2]) + filled[3]
        pattern -= filled[3] * (pattern.sum() / filled[3].sum())
        pattern /= np.sqrt((pattern**2).sum())
        made.append(np.conj(np.fft.rfft2(pattern.astype(np.float32))))
    return made


def correlations(square: Plane) -> list[Plane]:
    """How like a finder pattern of each size the surroundings of each pixel are: -1 to 1."""
    centred = square - square.mean()
    spectrum = np.fft.rfft2(centred)
    sums, squares = integral(centred), integral(centred * centred)
    least = 0.02 * float(square.var()) + 4
    found = []
    for module_px, pattern in zip(_MODULE_PX, _finders(), strict=True):
        reach = round(4.5 * module_px)
        count = (2 * reach + 1) ** 2
        mean = window_sums(sums, reach) / count
        variance = np.maximum(window_sums(squares, reach) / count - mean * mean, least)
        alike = np.fft.irfft2(spectrum * pattern, square.shape)
        value = np.zeros_like(square)  # near the edge the pattern would wrap around
        inner = (slice(reach, -reach),) * 2
        value[inner] = alike[inner] / np.sqrt(variance * count)
        found.append(value)
    return found


def peaks(correlations: list[Plane], corner: Points, sign: int) -> list[Peak]:
    """The likeliest finder patterns near a corner of the square, a few."""
    left, top = (max(0, int(at) + MARGIN - _ZONE) for at in corner)
    right, bottom = (int(at) + MARGIN + _ZONE for at in corner)
    zone = np.stack([sign * one[top:bottom, left:right] for one in correlations])
    found: list[Peak] = []
    while len(found) < _PEAKS:
        size, y, x = np.unravel_index(int(zone.argmax()), zone.shape)
        value, module_px = float(zone[size, y, x]), _MODULE_PX[size]
        if value < _LEAST:
            break
        found.append(Peak(value, (left + x + 0.5 - MARGIN, top + y + 0.5 - MARGIN), module_px))
        near = int(3 * module_px)
        zone[:, max(0, y - near) : y + near + 1, max(0, x - near) : x + near + 1] = -1
    return found
