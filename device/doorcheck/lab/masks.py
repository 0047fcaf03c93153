"""The box's front: its layout and the shapes of its lamps, drawn on the card, cut into the case.

Each shape lies within a circle of radius 1 around the origin, y upwards, as a visitor sees
it; a shape is one or more rings without islands, so that nothing falls out of a cut.
"""

from __future__ import annotations

import math
from typing import Final

from doorcheck.edge.panel import LAMPS

Point = tuple[float, float]
Rings = tuple[tuple[Point, ...], ...]

_HALF: Final = math.sqrt(0.5)


def _turned(points: list[Point], middle: Point) -> tuple[Point, ...]:
    """The points about `middle`, turned by 45 degrees to the left."""
    moved = ((x - middle[0], y - middle[1]) for x, y in points)
    return tuple(((x - y) * _HALF, (x + y) * _HALF) for x, y in moved)


def _cross() -> Rings:
    end, half = 0.98, 0.2
    quarter = [(half, half), (half, end), (-half, end)]
    ring: list[Point] = []
    for _ in range(4):
        ring += quarter
        quarter = [(-y, x) for x, y in quarter]
    return (_turned(ring, (0, 0)),)


def _tick() -> Rings:
    long, short, thick = 1.75, 0.95, 0.4
    ring: list[Point] = [(0, 0), (long, 0), (long, thick), (thick, thick), (thick, short), (0, short)]
    return (_turned(ring, (long / 2, short / 2 - 0.06)),)


def _exclamation() -> Rings:
    bar = ((-0.27, 0.95), (-0.16, -0.3), (0.16, -0.3), (0.27, 0.95))
    turns = [2 * math.pi * step / 24 for step in range(24)]
    dot = tuple((0.25 * math.cos(turn), -0.7 + 0.25 * math.sin(turn)) for turn in turns)
    return (bar, dot)


SHAPES: Final[dict[str, Rings]] = {"✗": _cross(), "!": _exclamation(), "✓": _tick()}
"""By the sign that the drawn panel has for it."""

WINDOWS: Final[tuple[tuple[str, Rings], ...]] = tuple((name, SHAPES[sign]) for name, sign, *_ in LAMPS)
"""The lamps from left to right, as a visitor sees the box, each with its shape."""

COLOURS: Final[dict[str, str]] = {name: colour for name, _, colour, _ in LAMPS}

FRONT_MM: Final = (160.0, 150.0)
"""The front's width and height. Places on it are (x, y) from its middle, y upwards, as a visitor sees it."""

LAMPS_Y_MM: Final = 48.0
LAMPS_PITCH_MM: Final = 44.0
SHAPE_RADIUS_MM: Final = 17.0
READY_MM: Final[Point] = (-60.0, 16.0)
"""Beside what a held phone hides, and far enough from the exclamation mark's dot."""

CAMERA_MM: Final[Point] = (0.0, -8.0)
APERTURE_MM: Final = 22.0


def lamp_mm(number: int) -> Point:
    """The middle of a lamp, counted from the left."""
    return (number - (len(WINDOWS) - 1) / 2) * LAMPS_PITCH_MM, LAMPS_Y_MM
