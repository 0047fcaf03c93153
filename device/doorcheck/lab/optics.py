"""A camera's lens and sensor: perspective, focus, motion, glare, moire, exposure and noise.

All of it works on 8-bit luma with Pillow's and numpy's own loops, so that a frame takes
some tens of milliseconds on one core. Each function is a pure function of its arguments.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from doorcheck.lab.carriers import Drawing
from doorcheck.lab.hall import HEIGHT, WIDTH

if TYPE_CHECKING:
    import numpy.typing as npt

_FOCAL_PX = 1150.0
"""A lens of 58 degrees across 1280 pixels, like the usual small camera boards."""
_NOISE_MARGIN = 96
_LAMPS_MARGIN = 320
_BAND_ROWS = 16
_HORIZON = np.float32(1e-4)
"""A plane's points in front of the lens have a greater inverse depth than this."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a carrier's code is, in frame pixels, how large, and how it is turned (degrees)."""

    x: float
    y: float
    scale: float
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0


@dataclass(frozen=True, slots=True)
class Layer:
    """A carrier as the lens shows it: premultiplied luma, alpha, and their place in the frame."""

    luma: Image.Image
    alpha: Image.Image
    left: int
    top: int


@dataclass(frozen=True, slots=True)
class Soft:
    """A drawing out of focus, ready to be sampled: `luma << 16 | alpha` in each word.

    It is cut to what is not empty, with two empty pixels around, which `centre` does not
    count. One of its pixels is `shrunk` of the drawing's.
    """

    words: npt.NDArray[np.uint32]
    centre: tuple[float, float]
    shrunk: int


def softened(drawing: Drawing, sigma: float) -> Soft:
    """The drawing out of focus by a Gaussian of `sigma` of its own pixels.

    What is very soft is kept in a half or a quarter of its size: nobody sees a difference,
    and it is four to sixteen times quicker to make.
    """
    shrunk = 1 if sigma < 1.5 else 2 if sigma < 4 else 4
    blur = ImageFilter.GaussianBlur(sigma / shrunk)
    luma, alpha = (
        (image.reduce(shrunk) if shrunk > 1 else image).filter(blur)
        for image in (drawing.luma, drawing.alpha)
    )
    left, top, right, bottom = seen = alpha.getbbox() or (0, 0, 1, 1)
    words = np.zeros((bottom - top + 4, right - left + 4), np.uint32)
    words[2:-2, 2:-2] = np.asarray(luma.crop(seen), np.uint32) << 16 | np.asarray(alpha.crop(seen))
    centre = (drawing.centre[0] / shrunk - left, drawing.centre[1] / shrunk - top)
    return Soft(words, centre, shrunk)


def projected(soft: Soft, pose: Pose, margin: int) -> Layer | None:
    """The flat drawing seen in perspective; None when no part of it is in the frame.

    The layer reaches `margin` pixels beyond the frame, for the blur of what moves.
    """
    flat_to_frame = _homography(replace(pose, scale=pose.scale * soft.shrunk), soft.centre)
    tall, wide = (size - 4 for size in soft.words.shape)
    corners = flat_to_frame @ np.array([[0, wide, wide, 0], [0, 0, tall, tall], [1, 1, 1, 1]], np.float64)
    if corners[2].min() <= 0.05:
        raise ValueError(f"the pose turns the carrier behind the lens: {pose}")
    xs, ys = corners[0] / corners[2], corners[1] / corners[2]
    left, right = max(-margin, math.floor(xs.min())), min(WIDTH + margin, math.ceil(xs.max()))
    top, bottom = max(-margin, math.floor(ys.min())), min(HEIGHT + margin, math.ceil(ys.max()))
    if left >= right or top >= bottom:
        return None
    back = np.linalg.inv(flat_to_frame) @ np.array([[1, 0, left], [0, 1, top], [0, 0, 1]], np.float64)
    sampled = _sampled(soft.words, back.astype(np.float32), right - left, bottom - top)
    luma, alpha = (Image.fromarray(plane.astype(np.uint8)) for plane in (sampled >> 16, sampled))
    return Layer(luma, alpha, left, top)


def _sampled(
    words: npt.NDArray[np.uint32], back: npt.NDArray[np.float32], wide: int, tall: int
) -> npt.NDArray[np.uint32]:
    """Bilinear samples of luma and alpha at once, `back` leading from result to drawing.

    Both are weighed in one word, and bands of rows stay in the processor's cache: that is
    three times as fast as two calls of Pillow's own transform.
    """
    rows, stride = words.shape
    flat = words.ravel()
    result = np.empty((tall, wide), np.uint32)
    (a, b, c), (d, e, f), (g, h, i) = back
    x = np.arange(wide, dtype=np.float32) + np.float32(0.5)
    for top in range(0, tall, _BAND_ROWS):
        y = (np.arange(top, min(tall, top + _BAND_ROWS), dtype=np.float32) + np.float32(0.5))[:, None]
        depth = 1 / np.maximum(g * x + (h * y + i), _HORIZON)
        u = np.clip((a * x + (b * y + c)) * depth + np.float32(1.5), 0, stride - 2)
        v = np.clip((d * x + (e * y + f)) * depth + np.float32(1.5), 0, rows - 2)
        column, row = u.astype(np.int32), v.astype(np.int32)
        right = ((u - column) * 256).astype(np.uint32)
        down = ((v - row) * 256).astype(np.uint32)
        at = (row * stride + column).astype(np.intp)
        upper = _blend(flat.take(at), flat.take(at + 1), right)
        at += stride
        lower = _blend(flat.take(at), flat.take(at + 1), right)
        result[top : top + _BAND_ROWS] = _blend(upper, lower, down)
    return result


def _blend(
    first: npt.NDArray[np.uint32], second: npt.NDArray[np.uint32], share: npt.NDArray[np.uint32]
) -> npt.NDArray[np.uint32]:
    """Two words of two bytes each, mixed by a share of 256ths."""
    second *= share
    first *= 256 - share
    first += second
    first >>= 8
    first &= 0x00FF00FF
    return first


def _homography(pose: Pose, centre: tuple[float, float]) -> npt.NDArray[np.float64]:
    """From the flat drawing's pixels to the frame's, through a pinhole at `_FOCAL_PX`."""
    yaw, pitch, roll = (math.radians(a) for a in (pose.yaw, pose.pitch, pose.roll))
    turn_y = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    turn_x = np.array(
        [[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]]
    )
    turn_z = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    turned = turn_y @ turn_x @ turn_z
    away = _FOCAL_PX / pose.scale
    plane = np.column_stack([turned[:, 0], turned[:, 1], [0, 0, away]]) / away
    lens = np.array([[_FOCAL_PX, 0, pose.x], [0, _FOCAL_PX, pose.y], [0, 0, 1]])
    to_centre = np.array([[1, 0, -centre[0]], [0, 1, -centre[1]], [0, 0, 1]])
    return np.asarray(lens @ plane @ to_centre, np.float64)


def streaked(layer: Layer, dx: float, dy: float) -> Layer:
    """Motion blur: the mean of the layer along the path it takes while the shutter is open."""
    steps = min(24, round(max(abs(dx), abs(dy))))
    if steps < 1:
        return layer
    half_x, half_y = math.ceil(abs(dx) / 2), math.ceil(abs(dy) / 2)
    places = [
        (round(dx * (n / steps - 0.5)) + half_x, round(dy * (n / steps - 0.5)) + half_y)
        for n in range(steps + 1)
    ]
    luma, alpha = (_mean_along(image, places, half_x, half_y) for image in (layer.luma, layer.alpha))
    return Layer(luma, alpha, layer.left - half_x, layer.top - half_y)


def _mean_along(image: Image.Image, places: list[tuple[int, int]], half_x: int, half_y: int) -> Image.Image:
    pixels = np.asarray(image)
    tall, wide = pixels.shape
    total = np.zeros((tall + 2 * half_y, wide + 2 * half_x), np.uint16)
    for x, y in places:
        total[y : y + tall, x : x + wide] += pixels
    return Image.fromarray((total // len(places)).astype(np.uint8))


@functools.lru_cache(maxsize=4)
def _lamps(seed: int, strength: float) -> Image.Image:
    """Lamps as a glossy surface mirrors them, larger than the frame: patches with their glow."""
    rng = np.random.default_rng(seed)
    picture = Image.new("L", (WIDTH + 2 * _LAMPS_MARGIN, HEIGHT + 2 * _LAMPS_MARGIN), 0)
    pen = ImageDraw.Draw(picture)
    for _ in range(12):
        x, y = _LAMPS_MARGIN + rng.uniform(0, WIDTH - 200), _LAMPS_MARGIN + rng.uniform(0, HEIGHT - 100)
        wide, tall = rng.uniform(60, 150), rng.uniform(24, 60)
        lean = rng.uniform(-60, 60)
        patch = [(x, y), (x + wide, y + lean * 0.3), (x + wide + lean, y + tall), (x + lean, y + tall)]
        pen.polygon(patch, fill=255)
    glow = picture.filter(ImageFilter.GaussianBlur(46)).point(lambda v: min(255, v * 2))
    patches = picture.filter(ImageFilter.GaussianBlur(9))
    return ImageChops.add(
        patches.point([min(255, int(2 * v * strength**2)) for v in range(256)]),
        glow.point([min(255, int(1.6 * v * strength)) for v in range(256)]),
    )


def glared(layer: Layer, pose: Pose, strength: float, seed: int) -> Layer:
    """Reflections of lamps on the layer; they slide over it as it turns. At strength 1 they blind."""
    if strength <= 0:
        return layer
    left = _LAMPS_MARGIN + layer.left - int(pose.x - WIDTH / 2 + pose.yaw * 16)
    top = _LAMPS_MARGIN + layer.top - int(pose.y - HEIGHT / 2 + pose.pitch * 16)
    area = (left, top, left + layer.luma.width, top + layer.luma.height)
    shine = ImageChops.multiply(_lamps(seed, strength).crop(area), layer.alpha)
    return Layer(ImageChops.add(layer.luma, shine), layer.alpha, layer.left, layer.top)


def moired(layer: Layer, pose: Pose, strength: float) -> Layer:
    """The beat between a screen's pixels and the sensor's: faint curved bands, 0..1 strong."""
    if strength <= 0:
        return layer
    wide, tall = layer.luma.size
    x = (np.arange(wide, dtype=np.float32) + layer.left - pose.x) / 100
    y = (np.arange(tall, dtype=np.float32) + layer.top - pose.y) / 100
    beat = pose.scale * 23 + pose.yaw * 0.4
    across = (4 + 2 * math.sin(beat)) * x + 0.5 * x * x + beat
    along = (3 + 2 * math.cos(beat)) * y + 0.4 * y * y + pose.pitch
    wave = np.outer(np.sin(along), np.cos(across)) + np.outer(np.cos(along), np.sin(across))
    lit = np.asarray(layer.luma) * (1 + np.float32(0.12 * strength) * wave.astype(np.float32))
    return Layer(Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8)), layer.alpha, layer.left, layer.top)


def bloomed(picture: Image.Image) -> Image.Image:
    """Light that a bright screen or lamp scatters in the lens over what is around it."""
    small = picture.reduce(16).point(lambda v: max(0, v - 110) // 3)
    halo = small.filter(ImageFilter.GaussianBlur(4)).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
    return ImageChops.add(picture, halo)


@functools.lru_cache(maxsize=1)
def _vignette() -> npt.NDArray[np.uint16]:
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    return np.asarray(256 * (1 - 0.17 * (x * x + y * y)), np.uint16)


@functools.lru_cache(maxsize=1)
def _grain() -> npt.NDArray[np.int16]:
    """Noise of unit variance times 32, slightly clumped as a camera's denoising leaves it."""
    rng = np.random.default_rng(20211)
    white = rng.standard_normal((HEIGHT + _NOISE_MARGIN, WIDTH + _NOISE_MARGIN), np.float32)
    mixed = 0.86 * white + 0.36 * np.roll(white, 1, 0) + 0.36 * np.roll(white, 1, 1)
    return np.asarray(np.clip(mixed / mixed.std() * 32, -130, 130), np.int16)


def sensed(
    picture: Image.Image, exposure: float, haze: float, gain: float, seed: int
) -> npt.NDArray[np.uint8]:
    """What the sensor gives for a picture: exposure, haze (0..1), vignette, and noise.

    `gain` 1 is a well lit hall; the noise's deviation grows with it and with the square
    root of the luma. Returns a fresh, contiguous array of shape (960, 1280).
    """
    seen = picture.point([min(255, int(v * exposure * (1 - haze) + 150 * haze)) for v in range(256)])
    lit = ((np.asarray(seen) * _vignette()) >> 8).astype(np.uint8)
    deviations = [min(gain * math.sqrt(1.4 + 0.022 * v), 24.0) for v in range(256)]
    amplitude = np.asarray(Image.fromarray(lit).point([int(v * 8) for v in deviations]))
    rng = np.random.default_rng(seed)
    top, left = rng.integers(0, _NOISE_MARGIN, 2)
    noise = _grain()[top : top + HEIGHT, left : left + WIDTH]
    noisy = ((noise * amplitude) >> 8) + lit
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)
