"""What is done to a photograph before a decoder sees it: contrast and sharpness, by Pillow and numpy."""

from __future__ import annotations

import enum
from typing import assert_never

import numpy as np
from PIL import Image, ImageFilter

from doorcheck.operator.faint.perspective import evened

_DENOISE_SIGMA_PX = 0.6
_SHARPEN_RADIUS_PX, _SHARPEN_PERCENT = 1.5, 200
_EVEN_REACH_PX = 24
_EVEN_TONES = 60
_BAND_ROWS = 256
_GAMMA = 2.2


class Treatment(enum.Enum):
    """One way to make a code stand out."""

    NONE = "as it is"
    SHARP = "sharpened"
    SMOOTH_SHARP = "denoised and sharpened"
    EVEN = "contrast made even"
    DARKER = "darkened"
    """Against gloss: what is nearly white is spread."""
    LIGHTER = "lightened"
    """Against shade: what is nearly black is spread."""


def treated(picture: Image.Image, treatment: Treatment, size: tuple[int, int]) -> Image.Image:
    """A grey picture in another size, treated."""
    match treatment:
        case Treatment.NONE:
            return _resized(picture, size)
        case Treatment.SHARP:
            return _sharpened(_resized(picture, size), size[0] / picture.width)
        case Treatment.SMOOTH_SHARP:
            smooth = picture.filter(ImageFilter.GaussianBlur(_DENOISE_SIGMA_PX))
            return _sharpened(_resized(smooth, size), size[0] / picture.width)
        case Treatment.EVEN:
            return _resized(_evened(picture), size)
        case Treatment.DARKER:
            return _resized(_bent(picture, _GAMMA), size)
        case Treatment.LIGHTER:
            return _resized(_bent(picture, 1 / _GAMMA), size)
    assert_never(treatment)


def _resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    if size == picture.size:
        return picture
    if size[0] < picture.width:
        return picture.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    return picture.resize(size, Image.Resampling.LANCZOS)


def _sharpened(picture: Image.Image, scale: float) -> Image.Image:
    radius = _SHARPEN_RADIUS_PX * max(1.0, scale)
    return picture.filter(ImageFilter.UnsharpMask(radius, _SHARPEN_PERCENT, 0))


def _bent(picture: Image.Image, gamma: float) -> Image.Image:
    return picture.point([round(255 * (v / 255) ** gamma) for v in range(256)])


def _evened(picture: Image.Image) -> Image.Image:
    """Contrast made even, band by band: the sums need many times the picture's memory."""
    luma = np.asarray(picture)
    tones = np.empty_like(luma)
    for top in range(0, len(luma), _BAND_ROWS):
        first = max(0, top - _EVEN_REACH_PX)
        band = luma[first : top + _BAND_ROWS + _EVEN_REACH_PX].astype(np.float32)
        even = evened(band, _EVEN_REACH_PX)[top - first :][:_BAND_ROWS]
        tones[top : top + _BAND_ROWS] = np.clip(128 + _EVEN_TONES * even, 0, 255)
    return Image.fromarray(tones)
