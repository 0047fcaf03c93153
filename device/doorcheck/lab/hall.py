"""The hall that the door's camera looks into when nobody holds anything up.

Still parts are drawn once for a seed; people walk through as soft silhouettes, their
places a function of time alone.
"""

from __future__ import annotations

import functools
import math
import random
from itertools import pairwise

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

WIDTH, HEIGHT = 1280, 960


@functools.lru_cache(maxsize=4)
def still(seed: int) -> Image.Image:
    """The empty hall, 1280x960 luma: ceiling lights, a bright doorway, walls, a tiled floor."""
    rng = random.Random(seed)
    picture = Image.new("L", (WIDTH, HEIGHT), 62)
    pen = ImageDraw.Draw(picture)
    horizon, vanish = int(HEIGHT * 0.47), WIDTH * rng.uniform(0.42, 0.6)
    _ceiling(pen, vanish, rng)
    _walls(pen, vanish, horizon, rng)
    _floor(pen, vanish, horizon)
    _furniture(pen, horizon, rng)
    picture = picture.filter(ImageFilter.GaussianBlur(6))
    return _grain_and_light(picture, vanish, seed)


def _ceiling(pen: ImageDraw.ImageDraw, vanish: float, rng: random.Random) -> None:
    pen.rectangle((0, 0, WIDTH, 300), fill=70)
    for row in range(6):
        near, far = 300 - 300 / (1 + row * 0.55), 300 - 300 / (1.25 + row * 0.55)
        spread_near, spread_far = (300 - near) * 1.9, (300 - far) * 1.9
        for lane in (-1.3, -0.15, 1.0):
            if rng.random() < 0.12:
                continue
            corners = [
                (vanish + lane * spread_near, near),
                (vanish + (lane + 0.42) * spread_near, near),
                (vanish + (lane + 0.42) * spread_far, far),
                (vanish + lane * spread_far, far),
            ]
            pen.polygon(corners, fill=236)


def _walls(pen: ImageDraw.ImageDraw, vanish: float, horizon: int, rng: random.Random) -> None:
    back_left, back_right = vanish - 260, vanish + 280
    floor_line = horizon + 90
    pen.rectangle((back_left, 190, back_right, floor_line), fill=96)
    pen.polygon([(0, 0), (back_left, 190), (back_left, floor_line), (0, 860)], fill=78)
    pen.polygon([(WIDTH, 0), (back_right, 190), (back_right, floor_line), (WIDTH, 840)], fill=66)
    pen.rectangle((vanish - 90, 262, vanish + 92, floor_line), fill=40)
    for pane in (-82, 6):
        pen.rectangle((vanish + pane, 270, vanish + pane + 76, floor_line - 6), fill=214)
        pen.line((vanish + pane, 400, vanish + pane + 76, 400), fill=60, width=5)
    for share in (0.28, 0.62):
        x = back_left * share
        top, bottom = 190 * share + 60, 860 - (860 - floor_line) * share - 120 * share
        pen.polygon(
            [(x, top), (x + 90, top + 40), (x + 90, bottom - 34), (x, bottom)], fill=rng.randint(48, 60)
        )
    x = back_right + (WIDTH - back_right) * 0.4
    pen.polygon([(x, 175), (x + 190, 120), (x + 190, 420), (x, 380)], fill=128)
    for line in range(5):
        y = 200 + line * 36
        pen.line((x + 18, y, x + rng.randint(90, 165), y - 14), fill=70, width=8)


def _floor(pen: ImageDraw.ImageDraw, vanish: float, horizon: int) -> None:
    top = horizon + 90
    pen.polygon(
        [(0, 860), (vanish - 260, top), (vanish + 280, top), (WIDTH, 840), (WIDTH, HEIGHT), (0, HEIGHT)],
        fill=84,
    )
    for lane in range(-14, 15):
        pen.line((vanish + lane * 40, top, vanish + lane * 260, HEIGHT), fill=70, width=3)
    for row in range(1, 9):
        y = top + (HEIGHT - top) * (row / 9) ** 1.8
        pen.line((0, y, WIDTH, y), fill=70, width=2 + row // 3)
    pen.polygon(
        [(vanish - 60, top), (vanish + 62, top), (vanish + 190, HEIGHT), (vanish - 170, HEIGHT)], fill=108
    )


def _furniture(pen: ImageDraw.ImageDraw, horizon: int, rng: random.Random) -> None:
    """Posts with a belt between them, and a sign."""
    posts = [(180, 250), (420, 190), (1010, 230)]
    heads = []
    for x, tall in posts:
        bottom = horizon + 90 + tall
        pen.rectangle((x, bottom - tall, x + 14, bottom), fill=34)
        pen.ellipse((x - 22, bottom - 10, x + 36, bottom + 12), fill=30)
        heads.append((x + 7, bottom - tall + 14))
    for (x1, y1), (x2, y2) in pairwise(heads[:2]):
        pen.line((x1, y1, (x1 + x2) / 2, (y1 + y2) / 2 + 26, x2, y2), fill=46, width=9)
    x = rng.randint(1080, 1130)
    pen.rectangle((x, 420, x + 120, 590), fill=168)
    pen.rectangle((x + 14, 440, x + 106, 470), fill=70)
    for line in range(4):
        pen.line((x + 16, 496 + line * 22, x + rng.randint(60, 104), 496 + line * 22), fill=92, width=6)


def _grain_and_light(picture: Image.Image, vanish: float, seed: int) -> Image.Image:
    """Uneven light, reflections on the floor, and texture that is the hall's, not the sensor's."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.normal(128, 34, (60, 80)).clip(0, 255).astype(np.uint8))
    cloud = np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.float32) - 128
    fine = Image.fromarray(rng.normal(128, 40, (480, 640)).clip(0, 255).astype(np.uint8))
    grain = np.asarray(fine.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.float32) - 128
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    pool = 34 * np.exp(-(((x - vanish) / 300) ** 2) - ((y - 640) / 190) ** 2)
    luma = np.asarray(picture, np.float32) + cloud * 0.1 + grain * 0.03 + pool
    halo = np.asarray(picture.filter(ImageFilter.GaussianBlur(28)), np.float32)
    return Image.fromarray((0.82 * luma + 0.18 * halo).clip(0, 255).astype(np.uint8))


@functools.lru_cache(maxsize=16)
def _figure(seed: int, tall: int, blur: int) -> tuple[Image.Image, Image.Image]:
    """One person from head to feet, out of focus: luma times alpha, and alpha."""
    rng = random.Random(seed)
    room, unit = blur * 3, tall / 7.6
    size = (int(unit * 2.6) + 2 * room, tall + 2 * room)
    coat, skin, hair = rng.choice((28, 40, 58, 84, 118)), rng.randint(112, 150), rng.choice((22, 30, 64))
    legs = rng.choice((26, 36, 50))
    parts: list[tuple[tuple[float, float, float, float], float, int]] = [
        ((-0.62, 3.7, -0.04, 7.5), 0.25, legs),
        ((0.04, 3.7, 0.62, 7.4), 0.25, legs - 6),
        ((-1.12, 1.5, -0.72, 4.3), 0.2, coat - 8),
        ((0.72, 1.5, 1.12, 4.2), 0.2, coat - 12),
        ((-0.24, 0.8, 0.24, 1.6), 0.1, skin - 34),
        ((-0.95, 1.32, 0.95, 4.2), 0.5, coat),
        ((-0.47, 0.0, 0.47, 1.05), 0.47, hair),
        ((-0.37, 0.24, 0.37, 1.12), 0.37, skin),
    ]
    if seed % 2:
        parts.append(((-0.35, 0.68, 0.35, 1.1), 0.2, 176))
    luma, alpha = Image.new("L", size, 0), Image.new("L", size, 0)
    for box, radius, tone in parts:
        corners = [room + unit * (v + (1.3 if axis % 2 == 0 else 0)) for axis, v in enumerate(box)]
        ImageDraw.Draw(luma).rounded_rectangle(corners, radius * unit, fill=tone)
        ImageDraw.Draw(alpha).rounded_rectangle(corners, radius * unit, fill=255)
    light = Image.linear_gradient("L").resize(size).point(lambda v: 255 - v // 3)
    soft = ImageFilter.GaussianBlur(blur)
    return ImageChops.multiply(luma, light).filter(soft), alpha.filter(soft)


def with_people(seed: int, t_ms: int) -> Image.Image:
    """A fresh copy of the hall at a time, with those who walk and queue in it."""
    picture = still(seed).copy()
    rng = random.Random(seed * 31 + 5)
    for number in range(5):
        near = number / 4
        tall = int(330 + 420 * near)
        luma, alpha = _figure(seed * 7 + number, tall, int(5 + 4 * near))
        pace, phase = rng.uniform(0.00002, 0.00006), rng.uniform(0, 2 * math.pi)
        home, reach = rng.uniform(0.15, 0.85), rng.uniform(0.05, 0.2)
        x = (home + reach * math.sin(2 * math.pi * pace * t_ms + phase)) * WIDTH
        y = 345 - 10 * near + 3 * math.sin(t_ms * 0.004 + phase)
        over(picture, luma, alpha, int(x - luma.width / 2), int(y - 30))
    return picture


def visitor(picture: Image.Image, seed: int, x: float, nearness: float) -> None:
    """Put the one who stands at the door into the picture: large, behind what is held up."""
    luma, alpha = _figure(seed * 13 + 1, 2300, 13)
    over(picture, luma, alpha, int(x - luma.width / 2), int(150 - 60 * nearness))


def over(picture: Image.Image, luma: Image.Image, alpha: Image.Image, left: int, top: int) -> None:
    """Lay premultiplied luma over a picture in place, clipped to it."""
    box = (max(0, left), max(0, top), min(WIDTH, left + luma.width), min(HEIGHT, top + luma.height))
    if box[0] >= box[2] or box[1] >= box[3]:
        return
    part = (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
    behind = ImageChops.multiply(picture.crop(box), ImageChops.invert(alpha.crop(part)))
    picture.paste(ImageChops.add(behind, luma.crop(part)), box)
