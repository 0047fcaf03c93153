"""From an area of a photograph to pictures that a decoder can read, if it holds a code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from doorcheck.operator.faint import correction, equaliser
from doorcheck.operator.faint.areas import Area
from doorcheck.operator.faint.fit import CERTAIN_FIT, Fit, fits
from doorcheck.operator.faint.perspective import (
    Homography,
    Plane,
    Points,
    centres,
    homography,
    sampled,
    side_of,
    through,
)
from doorcheck.operator.faint.structure import structure

if TYPE_CHECKING:
    import numpy.typing as npt

_RIM_SHARE = 0.2
_SIDE_PX, _LARGEST_PX = 400, 1200
"""An area's side is brought between these: modules of a pass get 4 to 12 pixels."""
_UPRIGHT_PX, _UPRIGHT_RIM_PX = 600, 90
_SHARPEN_RADIUS_PX, _SHARPEN_PERCENT = 6, 300
_DRAWN_MODULE_PX, _QUIET_MODULES = 4, 4
_ROUNDS = 12
_LIKELY, _CERTAIN = 4.0, 50.0
"""Log likelihood ratios for the equaliser's 1, and for what is known."""


@dataclass(frozen=True, slots=True)
class Restored:
    """A picture for a decoder, and what leads from its pixels to the photograph's.

    `clean` is a QR symbol drawn anew, all of it; otherwise it is the area, made upright.
    `noticed` says that the structure of a QR symbol is certainly there.
    """

    picture: Image.Image
    to_photograph: Homography
    clean: bool
    noticed: bool


def restored(photograph: Image.Image, area: Area) -> Iterator[Restored]:
    """What a decoder may read in an area, the likeliest first.

    QR symbols are fitted and repaired; for the other kinds, and those of which the fit says
    nothing, the area itself is made upright and square.
    """
    part, to_photograph = _cut(photograph, area.corners)
    plane = np.asarray(part, np.float32)
    quad = through(np.linalg.inv(to_photograph).astype(np.float64), area.corners)
    noticed = False
    for fit in fits(plane, quad):
        noticed |= fit.agreement >= CERTAIN_FIT
        modules = _modules(plane, fit)
        if modules is not None:
            drawn = Image.fromarray(_drawn(modules))
            yield Restored(drawn, to_photograph @ _from_drawing(fit), clean=True, noticed=True)
    upright, back = _upright(plane, quad)
    sharp = upright.filter(ImageFilter.UnsharpMask(_SHARPEN_RADIUS_PX, _SHARPEN_PERCENT, 0))
    for picture in (upright, sharp):
        yield Restored(picture, to_photograph @ back, clean=False, noticed=noticed)


def _modules(plane: Plane, fit: Fit) -> npt.NDArray[np.float32] | None:
    """A symbol's modules without an error; None when too much is lost.

    What error correction is sure of in one round is known in the next, where it helps to
    judge its neighbours (turbo equalisation, Douillard et al. 1995).
    """
    around = equaliser.surroundings(plane, fit)
    fixed = structure(fit.version)
    known, truth = (fixed != 0).ravel(), -fixed.ravel().astype(np.float32)
    says = equaliser.equalised(around, known, truth)
    likely = _LIKELY * says
    for number in range(_ROUNDS):
        light = np.where(known, _CERTAIN * truth, likely).reshape(fixed.shape)
        found = correction.corrected(light, fit.version)
        if found.whole:
            return found.modules
        sure = found.sure.ravel()
        if number > 1 and not (sure & ~known).any():
            return None
        known, truth = known | sure, np.where(sure, found.modules.ravel(), truth)
        likely = equaliser.cancelled(around, known, truth, says)
        says = likely / _LIKELY
    return None


def _drawn(modules: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """A clean picture of modules in their quiet zone: what any decoder reads."""
    tones = np.where(modules > 0, 255, 0).astype(np.uint8)
    framed = np.pad(tones, _QUIET_MODULES, constant_values=255)
    return np.kron(framed, np.ones((_DRAWN_MODULE_PX, _DRAWN_MODULE_PX), np.uint8))


def _cut(photograph: Image.Image, corners: Points) -> tuple[Image.Image, Homography]:
    """The area with a rim, larger or smaller as the fit likes it, and what leads back."""
    rim = _RIM_SHARE * side_of(corners)
    left, top = (max(0, int(low - rim)) for low in corners.min(0))
    right, bottom = (
        min(size, int(high + rim) + 1) for high, size in zip(corners.max(0), photograph.size, strict=True)
    )
    part, scale = photograph.crop((left, top, right, bottom)), 1.0
    while side_of(corners) * scale < _SIDE_PX and scale < 4:
        scale *= 2
    while side_of(corners) * scale > _LARGEST_PX:
        scale /= 2
    size = (max(1, round(part.width * scale)), max(1, round(part.height * scale)))
    if scale != 1:
        part = part.resize(size, Image.Resampling.LANCZOS if scale > 1 else Image.Resampling.BOX)
    back = np.array([[(right - left) / size[0], 0, left], [0, (bottom - top) / size[1], top], [0, 0, 1]])
    return part, back


def _from_drawing(fit: Fit) -> Homography:
    """From a clean drawing's pixels to its modules, and on to where they were seen."""
    scale = 1 / _DRAWN_MODULE_PX
    return np.asarray(
        fit.grid @ np.array([[scale, 0, -_QUIET_MODULES], [0, scale, -_QUIET_MODULES], [0, 0, 1]])
    )


def _upright(plane: Plane, quad: Points) -> tuple[Image.Image, Homography]:
    """The area as if seen straight on, with a rim, and what leads back to the plane."""
    size = _UPRIGHT_PX + 2 * _UPRIGHT_RIM_PX
    low, high = float(_UPRIGHT_RIM_PX), float(_UPRIGHT_RIM_PX + _UPRIGHT_PX)
    back = homography(np.array([(low, low), (high, low), (high, high), (low, high)]), quad)
    tones = sampled(plane, through(back, centres(size, size))).reshape(size, size)
    return Image.fromarray(np.clip(tones, 0, 255).astype(np.uint8)), back
