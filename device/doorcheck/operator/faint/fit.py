"""How a QR symbol lies in a picture, found from the picture's greys.

The area is made square first. Finder patterns near its corners give a guess of version and
corners; these, and how paper may bend, are then moved until all that a symbol's structure
fixes agrees best with the picture.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from doorcheck.operator.faint.finders import MARGIN, SIDE, Peak, correlations, peaks
from doorcheck.operator.faint.perspective import (
    Homography,
    Plane,
    Points,
    centres,
    evened,
    homography,
    sampled,
    through,
)
from doorcheck.operator.faint.structure import FINDER, VERSIONS, structure, width_of

if TYPE_CHECKING:
    import numpy.typing as npt

_VERSIONS = VERSIONS[4:]
"""No pass fits into a smaller one; and its few large modules any decoder reads."""
GOOD_FIT, CERTAIN_FIT = 0.5, 0.56
"""Chance, and a symbol of another version, reach 0.5 at most; a symbol that can be read 0.56 to 0.98."""
_SQUARE = np.array([(0, 0), (SIDE, 0), (SIDE, SIDE), (0, SIDE)], np.float64)
_FINDERS_AT = (0, 1, 3)
"""The corners that have one, of a symbol's four."""
_GUESSES = 3
_CLIMBS_MOST = 16
_POOR_GUESS, _SURE_GUESS = 0.25, 0.45


def _moves(corner: int, count: int, step: float) -> Points:
    """A corner moved about, the others staying: in hundredths of the square's side."""
    moves = np.zeros((count * count, 4, 2))
    moves[:, corner] = centres(count, count, step, -count * step / 2)
    return moves


_LAST_MOVES, _LAST_MOVES_FEW, _HIDDEN_MOVES = _moves(2, 5, 4.0), _moves(2, 3, 5.0), _moves(2, 7, 4.0)
_EVEN_REACH = 26
"""Half the window that light is evened out in: five modules of a pass."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A symbol's version and place: `grid` leads from its modules to the picture's pixels.

    `bend` is how paper's curl moves modules before that (in modules, see `_bent`).
    `agreement` is the correlation of its structure with the picture, 1 at most. `inverted`
    is a symbol in light on dark.
    """

    version: int
    grid: Homography
    bend: Points
    agreement: float
    inverted: bool

    def places(self, modules: Points) -> Points:
        """Where points of the symbol, in modules, are in the picture."""
        return through(self.grid, _bent(modules, self.bend, width_of(self.version)))


@dataclass(frozen=True, slots=True)
class _Guess:
    rating: float
    version: int
    corners: Points
    loose: tuple[int, ...]
    """The corners without a finder pattern."""


@dataclass(frozen=True, slots=True)
class _Known:
    """Structure to compare with: module centres, and what is expected there."""

    centres: Points
    expected: npt.NDArray[np.float32]


def fits(picture: Plane, quad: Points) -> Iterator[Fit]:
    """The ways a QR symbol may lie in about that quadrilateral, best first; few, often none."""
    to_picture = homography(_SQUARE, quad)
    size = SIDE + 2 * MARGIN
    square = sampled(picture, through(to_picture, centres(size, size, 1.0, -MARGIN))).reshape(size, size)
    even = evened(square, _EVEN_REACH)
    alike = correlations(square)
    for inverted in (False, True):
        sign = -1 if inverted else 1
        corners = [peaks(alike, corner, sign) for corner in _SQUARE]
        seen = even * sign
        for guess in _guesses(seen, corners):
            agreement, shape = _settled(seen, guess)
            if agreement >= GOOD_FIT:
                grid = to_picture @ homography(_outline(guess.version), shape[:4])
                yield Fit(guess.version, grid, shape[4:], agreement, inverted)


def _bent(modules: Points, bend: Points, width: int) -> Points:
    """Points of a symbol moved by four arcs that leave its corners where they are; many bends at once.

    The first and second bulge with the way across and down, the third and fourth too, but
    to the other side at the far edge.
    """
    across, down = modules[..., 0] / width, modules[..., 1] / width
    first, second = 4 * across * (1 - across), 4 * down * (1 - down)
    arcs = np.stack([first, second, first * (2 * down - 1), second * (2 * across - 1)], -1)
    return np.asarray(modules + arcs @ bend)


def _outline(version: int) -> Points:
    width = width_of(version)
    return np.array([(0, 0), (width, 0), (width, width), (0, width)], np.float64)


def _guesses(seen: Plane, seen_peaks: list[list[Peak]]) -> list[_Guess]:
    """Versions and corners in the square, the likeliest few: from three finder patterns, or two.

    Where gloss hides the third, the area's own corner stands in, and is moved about.
    """
    whole: list[_Guess] = []
    partly: list[_Guess] = []
    for first in range(4):
        three = [(first + offset) % 4 for offset in _FINDERS_AT]
        for chosen in itertools.product(*(seen_peaks[corner] for corner in three)):
            whole += _rated(seen, first, chosen)
    if max((guess.rating for guess in whole), default=0.0) < _SURE_GUESS:
        for first in range(4):
            three = [(first + offset) % 4 for offset in _FINDERS_AT]
            for hidden in range(3):
                shown: list[list[Peak | None]] = [
                    [None] if n == hidden else [*seen_peaks[corner][:2]] for n, corner in enumerate(three)
                ]
                for some in itertools.product(*shown):
                    partly += _rated(seen, first, some)
    best: dict[int, _Guess] = {}
    for guess in sorted([*whole, *partly], key=lambda guess: -guess.rating):
        best.setdefault(guess.version, guess)
    return [guess for guess in best.values() if guess.rating > _POOR_GUESS][:_GUESSES]


def _rated(seen: Plane, first: int, chosen: tuple[Peak | None, ...]) -> Iterator[_Guess]:
    """The versions that finder patterns of that size and distance allow, with their best corners."""
    sizes = [peak.module_px for peak in chosen if peak]
    if max(sizes) > 1.4 * min(sizes):
        return
    across = SIDE / (sum(sizes) / len(sizes))
    loose = (2, *(corner for corner, peak in zip(_FINDERS_AT, chosen, strict=True) if not peak))
    for version in _VERSIONS:
        width = width_of(version)
        if not 0.8 < width / across < 1.25:
            continue
        near, far = FINDER / 2, width - FINDER / 2
        source, target = _outline(version).copy(), np.roll(_SQUARE, -first, 0)
        places = ((near, near), (far, near), (near, far))
        moves = _LAST_MOVES if len(sizes) == 3 else _LAST_MOVES_FEW
        for at, place, peak in zip(_FINDERS_AT, places, chosen, strict=True):
            if peak:
                source[at], target[at] = place, peak.place
            else:
                moves = (moves[:, None] + np.roll(_HIDDEN_MOVES, at - 2, 1)).reshape(-1, 4, 2)
        tried = target + moves * (SIDE / 100)
        corners = through(homography(np.broadcast_to(source, tried.shape), tried), _outline(version)[None])
        ratings = _agreement(seen, version, corners, edges_only=True)
        at = int(ratings.argmax())
        yield _Guess(float(ratings[at]), version, corners[at], loose)


@functools.cache
def _known(version: int, *, edges_only: bool) -> _Known:
    """The structure, or only what depends on three corners alone: finders, timing, version bits."""
    modules = structure(version)
    counted = modules != 0
    if edges_only:
        counted[8:, 8:] = False
    rows, columns = np.nonzero(counted)
    expected = -modules[rows, columns].astype(np.float32)
    expected -= expected.mean()
    expected /= np.sqrt((expected**2).sum())
    return _Known(np.stack([columns + 0.5, rows + 0.5], -1), expected)


def _agreement(
    seen: Plane, version: int, corners: Points, bends: Points | None = None, *, edges_only: bool = False
) -> npt.NDArray[np.float64]:
    """How well the structure agrees with the square, for many sets of corners at once."""
    known = _known(version, edges_only=edges_only)
    grids = homography(np.broadcast_to(_outline(version), corners.shape), corners)
    modules = known.centres[None] if bends is None else _bent(known.centres, bends, width_of(version))
    values = sampled(seen, through(grids, modules) + MARGIN)
    values -= values.mean(-1, keepdims=True)
    strength = np.sqrt((values**2).sum(-1)) + 1e-6
    return np.asarray(values @ known.expected / strength, np.float64)


def _settled(seen: Plane, guess: _Guess) -> tuple[float, Points]:
    """The agreement and the shape (four corners, four bends) after moving until nothing gets better.

    Corners without a finder pattern are looked for widely first, then how paper may bend.
    """
    module_px = SIDE / width_of(guess.version)
    shape = np.concatenate([guess.corners, np.zeros((4, 2))])
    best = (float(_agreement(seen, guess.version, guess.corners[None])[0]), shape)
    bulges = np.zeros((9, 8, 2))
    bulges[:4, 4, 1] = bulges[4:8, 5, 0] = (-2, -1, 1, 2)  # the last is flat
    moves = np.pad(_moves(2, 11, 1.4) * module_px, ((0, 0), (0, 4), (0, 0)))
    best = _best_of(seen, guess.version, best, (moves[:, None] + bulges).reshape(-1, 8, 2))
    one_each = np.concatenate([np.eye(16), -np.eye(16)]).reshape(32, 8, 2)
    one_each[:, :4] *= module_px
    for widths in ((0.9, 0.4), (0.3,)):
        for step, corner in itertools.product(widths, (*guess.loose, *guess.loose[:-1])):
            moves = np.pad(_moves(corner, 17, step) * module_px, ((0, 0), (0, 4), (0, 0)))
            best = _best_of(seen, guess.version, best, moves)
        for reach, number in itertools.product((2.4, 0.8), range(4, 8)):
            moves = np.zeros((81, 8, 2))
            moves[:, number] = centres(9, 9, reach / 4, -reach * 9 / 8)
            best = _best_of(seen, guess.version, best, moves)
        for step in (0.8, 0.4, 0.2, 0.1, 0.05):
            best = _climbed(seen, guess.version, best, one_each * step)
    return best


def _climbed(seen: Plane, version: int, best: tuple[float, Points], moves: Points) -> tuple[float, Points]:
    for _ in range(_CLIMBS_MOST):
        before = best[0]
        best = _best_of(seen, version, best, moves)
        if best[0] <= before:
            break
    return best


def _best_of(seen: Plane, version: int, best: tuple[float, Points], moves: Points) -> tuple[float, Points]:
    tried = best[1] + moves
    values = _agreement(seen, version, tried[:, :4], tried[:, 4:])
    at = int(values.argmax())
    return (float(values[at]), tried[at]) if values[at] > best[0] else best
