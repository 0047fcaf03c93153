"""Where in a picture a square code may be: areas that are busy both ways, as four corners.

A code is the busiest thing in most pictures, evenly so, up to straight edges, with a quiet
zone around. Nothing of it needs to be legible: it is found by texture alone, however it is
turned and tilted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image

from doorcheck.operator.faint.perspective import Points, integral, signed_area, window_sums

if TYPE_CHECKING:
    import numpy.typing as npt

_CELL_PX = 4
_SHARES = (0.7, 0.8, 0.86, 0.9, 0.93, 0.95, 0.97, 0.98)
"""The shares of the picture that are calmer than what is taken for busy, each tried."""
_LEAST_PX = 60
"""A pass smaller than this has modules of less than a pixel."""
_LARGEST_EACH = 8
_LEAST_FILLED, _LEAST_STRAIGHT, _LEAST_EVEN = 0.5, 0.8, 0.3
_SAME_PLACE_PX, _SAME_SIZE = 12, 0.12

_Cells: TypeAlias = "npt.NDArray[np.float32]"


@dataclass(frozen=True, slots=True)
class Area:
    """Four corners in pixels, clockwise, and how much it promises: more is better."""

    corners: Points
    promise: float


def areas(picture: Image.Image) -> list[Area]:
    """The areas that may be codes of modules between 1.5 and 6 pixels, the most promising first.

    For larger modules, ask again with a smaller picture.
    """
    if min(picture.size) < _LEAST_PX:
        return []
    across, along = _changes(np.asarray(picture))
    found: list[Area] = []
    busy_both_ways = np.sqrt(_averaged(across) * _averaged(along))
    for busy in (busy_both_ways, _opened(busy_both_ways)):
        for threshold in np.quantile(busy, _SHARES):
            found += _regions(busy > threshold)
    found.sort(key=lambda area: -area.promise)
    return distinct(found)


def distinct(found: list[Area]) -> list[Area]:
    """The areas without those that say nearly the same as one before."""
    kept: list[Area] = []
    for area in found:
        if not any(_same(area.corners, other.corners) for other in kept):
            kept.append(area)
    return kept


def _same(one: Points, other: Points) -> bool:
    apart = float(np.abs(one.mean(0) - other.mean(0)).max())
    return apart <= _SAME_PLACE_PX and abs(signed_area(one) / signed_area(other) - 1) <= _SAME_SIZE


def _changes(luma: npt.NDArray[np.uint8]) -> tuple[_Cells, _Cells]:
    """How much luma changes from pixel to pixel, both ways, in cells; band by band, for memory's sake."""
    tall, wide = (size // _CELL_PX for size in luma.shape)
    across, along = np.zeros((2, tall, wide), np.float32)
    band = max(1, 1_000_000 // max(1, luma.shape[1] * _CELL_PX))
    for top in range(0, tall, band):
        rows = min(band, tall - top)
        first = top * _CELL_PX
        part = luma[first : first + rows * _CELL_PX + 1, : wide * _CELL_PX + 1].astype(np.int16)
        part = np.pad(
            part,
            ((0, rows * _CELL_PX + 1 - part.shape[0]), (0, wide * _CELL_PX + 1 - part.shape[1])),
            mode="edge",
        )
        for into, steps in ((across, np.diff(part)[:-1]), (along, np.diff(part, axis=0)[:, :-1])):
            cells = np.abs(steps).reshape(rows, _CELL_PX, wide, _CELL_PX)
            into[top : top + rows] = cells.mean((1, 3), dtype=np.float32)
    return across, along


def _averaged(cells: _Cells) -> _Cells:
    """The mean of a cell and the eight around it."""
    padded = np.pad(cells, 1, mode="edge")
    return np.asarray(np.maximum(window_sums(integral(padded), 1), 0) / 9, np.float32)


def _opened(busy: _Cells) -> _Cells:
    """Without what is narrower than three cells: edges of a phone or page at a code's corners."""
    calmest = _nine(busy, np.minimum)
    return _nine(calmest, np.maximum)


def _nine(cells: _Cells, choose: np.ufunc) -> _Cells:
    padded = np.pad(cells, 1, mode="edge")
    rows = choose(choose(padded[:-2], padded[1:-1]), padded[2:])
    return np.asarray(choose(choose(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:]))


def _regions(busy: npt.NDArray[np.bool_]) -> Iterator[Area]:
    """The largest connected regions that fill a quadrilateral well."""
    row, start, end, label = _connected(busy)
    sizes = np.bincount(label, weights=end - start)
    for one in np.argsort(sizes)[::-1][:_LARGEST_EACH]:
        cells = float(sizes[one])
        if cells * _CELL_PX**2 < _LEAST_PX**2:
            return
        mine = label == one
        hull = _hull(row[mine], start[mine], end[mine])
        filled = cells / max(signed_area(hull), 1)
        quad = _quadrilateral(hull) if filled >= _LEAST_FILLED else None
        if quad is None:
            continue
        sides = np.hypot(*(quad - np.roll(quad, -1, 0)).T)
        even = float(sides.min() / sides.max())
        straight = signed_area(hull) / signed_area(quad)
        if straight >= _LEAST_STRAIGHT and even >= _LEAST_EVEN:
            promise = filled * straight * straight * math.sqrt(even) * math.log(cells)
            yield Area(quad * _CELL_PX, promise)


def _connected(busy: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int64], ...]:
    """The runs of a mask, row by row: row, start, end, and the number of the region it belongs to."""
    edges = np.diff(np.pad(busy, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, start = np.nonzero(edges == 1)
    end = np.nonzero(edges == -1)[1]
    parent = list(range(len(row)))

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    rows, starts, ends = row.tolist(), start.tolist(), end.tolist()
    above = 0
    for here in range(len(rows)):
        while rows[above] < rows[here] - 1 or (rows[above] == rows[here] - 1 and ends[above] <= starts[here]):
            above += 1
        other = above
        while rows[other] == rows[here] - 1 and starts[other] < ends[here]:
            first, second = sorted((root(other), root(here)))
            parent[second] = first
            other += 1
    label = np.array([root(one) for one in range(len(rows))], np.int64)
    return row, start, end, label


def _hull(row: npt.NDArray[np.int64], start: npt.NDArray[np.int64], end: npt.NDArray[np.int64]) -> Points:
    """The convex hull of runs of cells, clockwise in a picture."""
    first = np.flatnonzero(np.diff(row, prepend=-1))
    lefts, rights, tops = start[first], np.maximum.reduceat(end, first), row[first]
    points = sorted(
        {
            (float(x), float(y + edge))
            for xs in (lefts, rights)
            for x, y in zip(xs, tops, strict=True)
            for edge in (0, 1)
        }
    )
    return np.array(_half(points) + _half(points[::-1]))


def _half(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    chain: list[tuple[float, float]] = []
    for x, y in points:
        while len(chain) > 1:
            (x1, y1), (x2, y2) = chain[-2:]
            if (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1) > 0:
                break
            chain.pop()
        chain.append((x, y))
    return chain[:-1]


def _quadrilateral(hull: Points) -> Points | None:
    """Four corners around a hull: edges are left out, the cheapest first, their neighbours prolonged."""
    corners = [(float(x), float(y)) for x, y in hull]
    while len(corners) > 4:
        options = (_without_edge(corners, number) for number in range(len(corners)))
        best = min((option for option in options if option), default=None)
        if best is None:
            return None
        _, number, meeting = best
        corners[number] = meeting
        corners.pop((number + 1) % len(corners))
    return np.array(corners) if len(corners) == 4 else None


def _without_edge(
    corners: list[tuple[float, float]], number: int
) -> tuple[float, int, tuple[float, float]] | None:
    """What it costs to leave out the edge that begins at a corner, and where its neighbours meet."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = (corners[(number + n - 1) % len(corners)] for n in range(4))
    ux, uy, vx, vy = bx - ax, by - ay, cx - dx, cy - dy
    cross = ux * vy - uy * vx
    if abs(cross) < 1e-9:
        return None
    along = ((dx - ax) * vy - (dy - ay) * vx) / cross
    back = ((dx - ax) * uy - (dy - ay) * ux) / cross
    if along < 1 or back < 1:
        return None
    x, y = ax + along * ux, ay + along * uy
    return abs((bx - x) * (cy - y) - (by - y) * (cx - x)) / 2, number, (x, y)
