"""What stands behind a pass in a press photograph: a place full of edges, words and patterns.

Nothing in it is a code, unless a poster is asked for; much of it looks like one to a
decoder: printed walls, shelves, checked jackets, tiles. Grey, at the sensor's full size.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from doorcheck.lab import hall

SIZE = (3000, 2000)
_WORDS = (
    "COVID CERTIFICATE",
    "ADMISSION CHECK",
    "ENTRANCE HALL B",
    "PRESS POOL",
    "VACCINATION CENTRE",
    "MORNING EDITION",
    "TOWN HALL",
    "NEWS 24",
)
_VARIETY = 6
"""As many places as there are; people in them differ more."""


def place(seed: int) -> Image.Image:
    """A fresh copy of one of a few places, with people in it: 3000x2000 luma."""
    rng = random.Random(seed)
    picture = _still(seed % _VARIETY).copy()
    for _ in range(rng.randint(2, 4)):
        tall = rng.uniform(700, 1100)
        _person(picture, rng.uniform(0, SIZE[0]), SIZE[1] - tall * rng.uniform(0.9, 1.1), tall, rng, 2.5)
    return picture


def holder(picture: Image.Image, x: float, seed: int) -> None:
    """Put the one who holds the pass up behind it, in focus."""
    rng = random.Random(seed)
    _person(picture, x + rng.choice((-420, 420)), rng.uniform(120, 380), rng.uniform(1500, 1750), rng, 1.0)


@functools.lru_cache(maxsize=_VARIETY)
def _still(number: int) -> Image.Image:
    rng = random.Random(number)
    crop = hall.with_people(number, 1000 * number).crop((0, 53, hall.WIDTH, 906))
    picture = crop.resize(SIZE, Image.Resampling.BICUBIC)
    kinds: tuple[Callable[[Image.Image, random.Random], None], ...] = (_printed_wall, _shelves, _tiles)
    kinds[number % len(kinds)](picture, rng)
    _paper(picture, rng)
    picture = picture.filter(ImageFilter.GaussianBlur(1.2 + number % 3))
    return _textured(picture, number)


def _words(picture: Image.Image, at: tuple[float, float], height: float, tone: int, words: str) -> None:
    ImageDraw.Draw(picture).text(at, words, fill=tone, font=ImageFont.load_default(height))


def _printed_wall(picture: Image.Image, rng: random.Random) -> None:
    """The wall that sponsors pay for: the same few marks over and over, askew."""
    pen = ImageDraw.Draw(picture)
    left, right = sorted((rng.uniform(0, 1200), rng.uniform(1800, 3000)))
    pen.rectangle((left, 0, right, 1500), fill=rng.choice((228, 60)))
    for row in range(9):
        for column in range(7):
            x, y = left + 30 + column * 260 + row % 2 * 120, 40 + row * 165
            tone = rng.choice((20, 90, 170))
            if (row + column) % 2:
                pen.rectangle((x, y, x + 77, y + 77), outline=tone, width=11)
                pen.rectangle((x + 22, y + 22, x + 55, y + 55), fill=tone)
            else:
                _words(picture, (x, y + 10), 44, tone, rng.choice(_WORDS)[:9])


def _shelves(picture: Image.Image, rng: random.Random) -> None:
    """Spines of books and files, most with something printed on them."""
    pen = ImageDraw.Draw(picture)
    for shelf in range(5):
        bottom = 300 + shelf * 290
        pen.rectangle((300, bottom, 2600, bottom + 24), fill=52)
        x = 310.0
        while x < 2550:
            thick, tall = rng.uniform(22, 70), rng.uniform(170, 250)
            tone = rng.randint(30, 220)
            pen.rectangle((x, bottom - tall, x + thick, bottom), fill=tone, outline=24)
            for line in range(rng.randint(0, 5)):
                y = bottom - tall + 20 + line * 22
                pen.line((x + 5, y, x + thick - 5, y), fill=255 - tone, width=5)
            x += thick + rng.choice((0, 0, 2, 26))


def _tiles(picture: Image.Image, rng: random.Random) -> None:
    """A brick wall, and shutters half down."""
    pen = ImageDraw.Draw(picture)
    for row in range(40):
        for column in range(-1, 26):
            x, y = column * 92 + row % 2 * 46, row * 36
            pen.rectangle((x, y, x + 88, y + 32), fill=rng.randint(88, 140))
    for slat in range(24):
        y = 220 + slat * 22
        pen.rectangle((1900, y, 2750, y + 12), fill=205)
        pen.rectangle((1900, y + 12, 2750, y + 21), fill=90)
    _words(picture, (260, 180), 190, 226, rng.choice(_WORDS))


def _paper(picture: Image.Image, rng: random.Random) -> None:
    """Notices on the wall, full of small print."""
    pen = ImageDraw.Draw(picture)
    for _ in range(3):
        x, y = rng.uniform(100, 2500), rng.uniform(80, 900)
        pen.rectangle((x, y, x + 330, y + 460), fill=222)
        _words(picture, (x + 20, y + 16), 34, 40, rng.choice(_WORDS)[:14])
        for line in range(19):
            words = " ".join(rng.choice(("and", "entry", "pass", "the", "venue", "rule")) for _ in range(9))
            _words(picture, (x + 20, y + 70 + line * 19), 15, 70, words[:38])


def _person(picture: Image.Image, x: float, top: float, tall: float, rng: random.Random, blur: float) -> None:
    """Head and body down to the picture's edge, in a jacket with a weave."""
    unit = tall / 4.2
    size = (int(unit * 3), int(SIZE[1] - top + 4))
    luma = _weave(size, rng)
    alpha = Image.new("L", size, 0)
    middle, coat = unit * 1.5, ImageDraw.Draw(alpha)
    body = (middle - unit * 1.2, unit * 1.45, middle + unit * 1.2, size[1] + unit)
    coat.rounded_rectangle(body, unit * 0.6, 255)
    pen, skin, hair = ImageDraw.Draw(luma), rng.randint(150, 195), rng.choice((24, 40, 90))
    for box, tone in (
        ((-0.62, -0.02, 0.62, 1.2), hair),
        ((-0.22, 0.9, 0.22, 1.7), skin - 30),
        ((-0.5, 0.16, 0.5, 1.36), skin),
        ((-0.33, 0.56, -0.1, 0.66), 36),
        ((0.1, 0.56, 0.33, 0.66), 36),
        ((-0.2, 1.06, 0.2, 1.13), skin - 55),
    ):
        corners = [unit * v + (middle if axis % 2 == 0 else 0) for axis, v in enumerate(box)]
        pen.ellipse(corners, fill=tone)
        coat.ellipse(corners, fill=255)
    collar = [(middle, unit * 2.2), (middle - unit * 0.35, unit * 1.42), (middle + unit * 0.35, unit * 1.42)]
    pen.polygon(collar, fill=225)
    light = Image.linear_gradient("L").rotate(90).resize(size).point(lambda v: 165 + int(v * 0.35))
    soft = ImageFilter.GaussianBlur(blur)
    picture.paste(
        ImageChops.multiply(luma, light).filter(soft), (int(x - middle), int(top)), alpha.filter(soft)
    )


def _weave(size: tuple[int, int], rng: random.Random) -> Image.Image:
    """Cloth: plain, striped, or checked finely enough to be taken for modules."""
    x, y = np.arange(size[0])[None, :], np.arange(size[1])[:, None]
    pitch, tone = rng.uniform(7, 22), rng.uniform(40, 130)
    across, down = np.sin(2 * math.pi * x / pitch), np.sin(2 * math.pi * y / pitch)
    pattern = rng.choice((0 * across, across, np.sign(across) * np.sign(down)))
    cloth = np.broadcast_to(tone + rng.uniform(8, 32) * pattern, (size[1], size[0]))
    grain = np.random.default_rng(rng.randrange(2**32)).normal(0, 5, cloth.shape)
    return Image.fromarray(np.clip(cloth + grain, 0, 255).astype(np.uint8))


def _textured(picture: Image.Image, seed: int) -> Image.Image:
    """Fine and coarse structure that is the place's own: leaves, plaster, dirt."""
    rng = np.random.default_rng(seed)
    luma = 20 + 1.25 * np.asarray(picture, np.float32)
    for cell, depth in ((160, 9.0), (40, 7.0), (9, 7.0), (3, 5.0)):
        small = rng.normal(0, depth, (SIZE[1] // cell + 2, SIZE[0] // cell + 2)).astype(np.float32)
        luma += np.asarray(Image.fromarray(small).resize(SIZE, Image.Resampling.BICUBIC))
    return Image.fromarray(np.clip(luma, 0, 255).astype(np.uint8))
