"""How press photographs are taken: from a difficulty and a seed to pose, lens, light and newsroom."""

from __future__ import annotations

import enum
import math
import random
import zlib
from dataclasses import dataclass

from doorcheck.lab import backdrop
from doorcheck.lab.carriers import Carrier, Point

WIDTH, HEIGHT = backdrop.SIZE
"""The sensor's; a published picture is this or smaller."""
NARROWEST_PX = 1000


class Difficulty(enum.Enum):
    """How much effort a picture asks for."""

    EASY = "easy"
    """One plain call of zxing-cpp reads nearly all."""
    MEDIUM = "medium"
    HARD = "hard"
    EXTREME = "extreme"
    """One plain call reads few."""


@dataclass(frozen=True, slots=True)
class Range:
    """From the easiest to the worst of a level."""

    low: float
    high: float

    def pick(self, rng: random.Random) -> float:
        """Anything between, equally likely."""
        return rng.uniform(self.low, self.high)


@dataclass(frozen=True, slots=True)
class Level:
    """What a difficulty means. Blur and a sheet's bend are in modules, angles in degrees."""

    module_px: Range
    tilt: Range
    bend: Range
    defocus: Range
    motion: Range
    glare: Range
    contrast: Range
    noise: Range
    quality: Range


LEVELS = {
    Difficulty.EASY: Level(
        module_px=Range(4.0, 6.0),
        tilt=Range(0, 18),
        bend=Range(0, 0.4),
        defocus=Range(0.05, 0.2),
        motion=Range(0, 0.2),
        glare=Range(0, 0.2),
        contrast=Range(0.8, 1),
        noise=Range(1, 3),
        quality=Range(75, 90),
    ),
    Difficulty.MEDIUM: Level(
        module_px=Range(2.6, 4.0),
        tilt=Range(8, 32),
        bend=Range(0, 1.0),
        defocus=Range(0.18, 0.4),
        motion=Range(0, 0.5),
        glare=Range(0.1, 0.4),
        contrast=Range(0.55, 0.9),
        noise=Range(2, 5),
        quality=Range(60, 85),
    ),
    Difficulty.HARD: Level(
        module_px=Range(2.2, 3.2),
        tilt=Range(15, 42),
        bend=Range(0, 1.5),
        defocus=Range(0.22, 0.45),
        motion=Range(0, 0.8),
        glare=Range(0.2, 0.5),
        contrast=Range(0.4, 0.8),
        noise=Range(3, 6),
        quality=Range(50, 80),
    ),
    Difficulty.EXTREME: Level(
        module_px=Range(1.8, 2.8),
        tilt=Range(20, 50),
        bend=Range(0, 2.0),
        defocus=Range(0.3, 0.6),
        motion=Range(0, 1.0),
        glare=Range(0.25, 0.6),
        contrast=Range(0.3, 0.7),
        noise=Range(4, 9),
        quality=Range(35, 70),
    ),
}


@dataclass(frozen=True, slots=True)
class Shot:
    """One photograph: how the pass was held, and what lens, light and newsroom did to it.

    `module_px` is a module's size in the published picture, seen straight on; `width` that
    picture's. `defocus` and `motion` are in modules.
    """

    carrier: Carrier
    width: int
    module_px: float
    place: Point
    yaw: float
    pitch: float
    roll: float
    bend: float
    bent_sideways: bool
    defocus: float
    motion: float
    motion_degrees: float
    glare: float
    contrast: float
    inverted: bool
    light: float
    noise: float
    sharpened: bool
    quality: int
    decoy: bool
    seed: int

    @property
    def sensor_scale(self) -> float:
        """Sensor pixels for one of the published picture."""
        return WIDTH / self.width


def shot(difficulty: Difficulty, seed: int, code_modules_wide: int) -> Shot:
    """The photograph that a level and a seed stand for; the code covers about 1 to 6 % of it."""
    level, rng = LEVELS[difficulty], random.Random(_mix(difficulty.value, seed))
    module_px = level.module_px.pick(rng)
    share = rng.uniform(0.012, 0.06)
    width = code_modules_wide * module_px / math.sqrt(share * HEIGHT / WIDTH)
    tilt, toward = level.tilt.pick(rng), rng.uniform(0, 2 * math.pi)
    carrier = rng.choice((Carrier.PHONE, Carrier.PHONE, Carrier.SHEET))
    return Shot(
        carrier=carrier,
        width=round(min(WIDTH, max(NARROWEST_PX, width))),
        module_px=module_px,
        place=(rng.uniform(0.2, 0.8), rng.uniform(0.42, 0.7)),
        yaw=tilt * math.cos(toward),
        pitch=tilt * math.sin(toward),
        roll=rng.uniform(-1, 1) * (10 + tilt),
        defocus=level.defocus.pick(rng),
        motion=level.motion.pick(rng),
        motion_degrees=rng.uniform(0, 180),
        glare=level.glare.pick(rng),
        contrast=level.contrast.pick(rng),
        inverted=carrier is Carrier.PHONE and rng.random() < 0.1,
        light=rng.uniform(0.8, 1.15),
        noise=level.noise.pick(rng),
        sharpened=rng.random() < 0.5,
        quality=round(level.quality.pick(rng)),
        decoy=rng.random() < 0.25,
        seed=rng.randrange(1_000_000),
        bend=level.bend.pick(rng) * rng.choice((-1, 1)) if carrier is Carrier.SHEET else 0.0,
        bent_sideways=rng.random() < 0.5,
    )


def _mix(name: str, seed: int) -> int:
    return zlib.crc32(b"%s %d" % (name.encode(), seed))
