"""How sharp and how bright a frame is: what turns a lens, and places a lamp.

Sharpness is what the steepest edges cover of the picture's contrast from one pixel to the
next: 0.4 where a lens does what it can, 0.12 where modules of four pixels begin to be lost.
Its inverse is an edge's width in pixels. The usual measure, the energy of the Laplacian, is
no use at a door: in a dim hall most of it is the sensor's noise, and it grows with blur.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from PIL import Image, ImageChops, ImageFilter

from doorcheck.edge.frame import Frame

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""

SHARP: Final = 0.25
"""From here on a code is limited by its size, not by the focus."""
SOFT: Final = 0.14
"""Below, codes with modules of four pixels are read by luck."""
DARK, BURNT = 16, 250
"""A luma at most, or at least, that holds no structure any more."""
_FLAT: Final = 20
"""A contrast below which there is nothing to be sharp."""
_ZERO: Final = 128
_SIZE = (3, 3)
_ACROSS: Final = ImageFilter.Kernel(_SIZE, (-1, 0, 1, -2, 0, 2, -1, 0, 1), scale=8, offset=_ZERO)
_DOWN: Final = ImageFilter.Kernel(_SIZE, (-1, -2, -1, 0, 0, 0, 1, 2, 1), scale=8, offset=_ZERO)
_STEEPNESS: Final = [abs(value - _ZERO) for value in range(256)]


@dataclass(frozen=True, slots=True)
class Look:
    """`sharpness` as above, 0 where nothing can be sharp; `brightness` is the mean luma, 0 to 255.

    `dark` and `burnt` are shares of the pixels.
    """

    sharpness: float
    brightness: float
    dark: float
    burnt: float


def look(frame: Frame) -> Look:
    """The figures of the frame's middle, half as wide and half as high."""
    luma: Any = frame.luma  # Pillow takes any buffer; its types name some
    whole = Image.frombuffer("L", (frame.width, frame.height - 1), luma, "raw", "L", frame.stride, 1)
    right, bottom = frame.width * 3 // 4, frame.height * 3 // 4
    part = whole.crop((frame.width // 4, frame.height // 4, right, bottom))
    tones = part.histogram()
    pixels = sum(tones)
    contrast = _percentile(tones, 0.95) - _percentile(tones, 0.05)
    slopes = [part.filter(kernel).point(_STEEPNESS) for kernel in (_ACROSS, _DOWN)]
    inner = ImageChops.lighter(*slopes).crop((1, 1, part.width - 1, part.height - 1))
    steepest = _percentile(inner.histogram(), 0.995)
    return Look(
        sharpness=steepest / contrast if contrast >= _FLAT else 0.0,
        brightness=sum(tone * count for tone, count in enumerate(tones)) / pixels,
        dark=sum(tones[: DARK + 1]) / pixels,
        burnt=sum(tones[BURNT:]) / pixels,
    )


def around(points: Iterable[tuple[int, int]], frame: Frame, margin: float = 0.0) -> Box:
    """The box around points, larger by a share of its size on each side, within the frame."""
    across, down = zip(*points, strict=True)
    left, top, right, bottom = min(across), min(down), max(across), max(down)
    aside, above = round((right - left) * margin), round((bottom - top) * margin)
    return (
        max(0, left - aside),
        max(0, top - above),
        min(frame.width, right + aside + 1),
        min(frame.height - 1, bottom + above + 1),
    )


def _percentile(counts: list[int], share: float) -> int:
    """The value that this share of what was counted does not exceed."""
    left = share * sum(counts)
    for value, count in enumerate(counts):
        left -= count
        if left <= 0:
            return value
    return len(counts) - 1
