"""Planes seen in perspective: homographies between quadrilaterals, and pictures sampled through them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

Plane: TypeAlias = "npt.NDArray[np.float32]"
"""A picture: rows of luma, any scale."""
Points: TypeAlias = "npt.NDArray[np.float64]"
"""(x, y) pairs: shape (n, 2), or (sets, n, 2)."""
Homography: TypeAlias = "npt.NDArray[np.float64]"
"""Shape (3, 3), or (sets, 3, 3)."""

_HORIZON = 1e-6
_NOISE_VARIANCE = 4.0


def homography(source: Points, target: Points) -> Homography:
    """What leads from four points to four others; many at once when both have three dimensions.

    Raises `numpy.linalg.LinAlgError` where three of the points are on one line.
    """
    x, y = source[..., 0], source[..., 1]
    u, v = target[..., 0], target[..., 1]
    one, zero = np.ones_like(x), np.zeros_like(x)
    upper = np.stack([x, y, one, zero, zero, zero, -u * x, -u * y], -1)
    lower = np.stack([zero, zero, zero, x, y, one, -v * x, -v * y], -1)
    equations = np.concatenate([upper, lower], -2)
    found = np.linalg.solve(equations, np.concatenate([u, v], -1)[..., None])[..., 0]
    return np.concatenate([found, np.ones((*found.shape[:-1], 1))], -1).reshape(*found.shape[:-1], 3, 3)


def through(by: Homography, points: Points) -> Points:
    """The points where the homography leads them."""
    x, y = points[..., 0], points[..., 1]
    (a, b, c), (d, e, f), (g, h, i) = np.moveaxis(by[..., None], (-3, -2), (0, 1))
    depth = g * x + h * y + i
    depth[np.abs(depth) < _HORIZON] = _HORIZON
    led = np.empty((*depth.shape, 2))
    np.divide(a * x + b * y + c, depth, out=led[..., 0])
    np.divide(d * x + e * y + f, depth, out=led[..., 1])
    return led


def sampled(picture: Plane, points: Points) -> npt.NDArray[np.float32]:
    """Bilinear samples; a pixel's centre is at its index plus a half. Outside counts the nearest edge."""
    tall, wide = picture.shape
    x = np.clip(points[..., 0] - 0.5, 0, wide - 1.001).astype(np.float32)
    y = np.clip(points[..., 1] - 0.5, 0, tall - 1.001).astype(np.float32)
    column, row = x.astype(np.intp), y.astype(np.intp)
    x -= column
    y -= row
    flat, at = picture.ravel(), row * wide + column
    upper = flat[at] * (1 - x) + flat[at + 1] * x
    at += wide
    lower = flat[at] * (1 - x) + flat[at + 1] * x
    return np.asarray(upper * (1 - y) + lower * y, np.float32)


def centres(wide: int, tall: int, step: float = 1.0, start: float = 0.0) -> Points:
    """The centres of a lattice's cells, row by row; a cell is `step` wide."""
    x, y = (start + step * (np.arange(count) + 0.5) for count in (wide, tall))
    grid = np.broadcast_to(x, (tall, wide)), np.broadcast_to(y[:, None], (tall, wide))
    return np.stack(grid, -1).reshape(-1, 2)


def side_of(quad: Points) -> float:
    """The side of the square that is as large as a quadrilateral."""
    return float(np.sqrt(abs(signed_area(quad))))


def signed_area(polygon: Points) -> float:
    """Positive when the corners go clockwise, as pictures have their y axis."""
    x, y = polygon[:, 0], polygon[:, 1]
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def holds(quad: Points, point: Points) -> bool:
    """True when a point is inside a convex quadrilateral whose corners go clockwise."""
    edges, to_point = np.roll(quad, -1, 0) - quad, point - quad
    return bool((edges[:, 0] * to_point[:, 1] - edges[:, 1] * to_point[:, 0] >= 0).all())


def integral(plane: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Sums of all that is above and left: shape one larger each way."""
    return np.pad(plane, ((1, 0), (1, 0))).cumsum(0, np.float64).cumsum(1)


def window_sums(sums: npt.NDArray[np.float64], reach: int) -> npt.NDArray[np.float64]:
    """From an integral, the sums over squares of `2 * reach + 1`; smaller by `reach` at each edge."""
    width = 2 * reach + 1
    return sums[width:, width:] - sums[:-width, width:] - sums[width:, :-width] + sums[:-width, :-width]


def evened(plane: Plane, reach: int) -> Plane:
    """Light and contrast made even over squares around each pixel, so that gloss and shade count little."""
    padded = np.pad(plane, reach, mode="edge")
    count = (2 * reach + 1) ** 2
    mean = window_sums(integral(padded), reach) / count
    variance = window_sums(integral(padded * padded), reach) / count - mean * mean
    return np.asarray((plane - mean) / np.sqrt(np.maximum(variance, 0) + _NOISE_VARIANCE), np.float32)
