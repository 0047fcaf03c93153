"""The door's view, played: passes held up to a camera that does not exist.

A `Scene` says what is held into view, and how; `render` gives the camera's frame at any
time in it. Both are pure: the same scene and time give the same bytes, on every run.
`hard_stream` makes the difficult scenes that decoders are compared on.
"""

from __future__ import annotations

import enum
import functools
import math
import random
import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, assert_never

import numpy as np

from doorcheck.core.symbol import SymbolFormat
from doorcheck.lab import hall, optics
from doorcheck.lab.carriers import Carrier, Drawing, Look, Point, code_modules, draw
from doorcheck.lab.hall import HEIGHT, WIDTH

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "HEIGHT",
    "WIDTH",
    "Carrier",
    "Condition",
    "Prop",
    "Scene",
    "Side",
    "View",
    "hard_stream",
    "render",
]

_LENS_SIGMA_PX = 0.5
_BLUR_STEP_PX = 0.25


class Side(enum.Enum):
    """The edge of the frame that a prop crosses."""

    LEFT = "left"
    RIGHT = "right"
    BELOW = "below"


class Condition(enum.Enum):
    """What makes a scene hard to read."""

    DEFOCUS = "defocus"
    MOTION = "motion"
    GLARE = "glare"
    TILT = "tilt"
    LOW_LIGHT = "low_light"
    INVERTED = "inverted"
    SMALL = "small"
    LOW_CONTRAST = "low_contrast"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class Prop:
    """Something with a code that is brought into view, held there, and taken away.

    `payload` is the code's content, and no `repr` shows it. `module_px` is the size of a
    module while held, in frame pixels; `place` the code's centre, as shares of the frame.
    `enters_ms` may be negative: then it is held already when the scene begins. A poster
    hangs where it is all the time. `waving_px` is the reach of a hand that does not keep
    still. `glare` and `moire` go from 0 to 1, `contrast` from 1 (good) to 0.
    """

    payload: bytes = field(repr=False)
    symbol: SymbolFormat = SymbolFormat.QR
    ec_level: str = "Q"
    carrier: Carrier = Carrier.PHONE
    inverted: bool = False
    module_px: float = 4.2
    place: Point = (0.5, 0.45)
    yaw: float = 6.0
    pitch: float = -8.0
    roll: float = 3.0
    enters_ms: int = 300
    moving_ms: int = 500
    held_ms: int = 1500
    enters_from: Side = Side.BELOW
    leaves_to: Side = Side.BELOW
    glare: float = 0.15
    moire: float = 0.0
    contrast: float = 1.0
    defocus_px: float = 0.0
    waving_px: float = 0.0
    seed: int = 0

    @property
    def still_from_ms(self) -> int:
        """When it has arrived, in the scene's time."""
        return self.enters_ms + self.moving_ms

    @property
    def still_until_ms(self) -> int:
        """When it begins to leave, in the scene's time."""
        return self.still_from_ms + self.held_ms

    @property
    def gone_ms(self) -> int:
        """When it is out of view again, in the scene's time."""
        return self.still_until_ms + self.moving_ms


@dataclass(frozen=True, slots=True)
class View:
    """The hall and the camera: light 1 is a dim but usable hall, `haze` a dirty window."""

    light: float = 1.0
    exposure: float = 1.0
    haze: float = 0.0
    noise_gain: float = 1.0
    shutter_ms: float = 10.0
    hall: int = 1


@dataclass(frozen=True, slots=True)
class Scene:
    """Up to two props before a hall, for a while.

    `hall_ms` is how long the hall has lived before the scene begins: count it up, and
    people walk on from scene to scene. Raises ValueError for more than two props.
    """

    props: tuple[Prop, ...] = ()
    duration_ms: int = 3000
    view: View = View()
    hall_ms: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.props) > 2:
            raise ValueError(f"a scene has at most two props, this one has {len(self.props)}")


def render(scene: Scene, t_ms: int) -> npt.NDArray[np.uint8]:
    """The camera's frame at a time of the scene: luma, shape (960, 1280), contiguous.

    A pure function of its arguments. Raises ValueError for a payload that does not fit
    its symbol.
    """
    view = scene.view
    picture = hall.with_people(view.hall, scene.hall_ms + t_ms)
    for prop in scene.props:
        if prop.carrier is not Carrier.POSTER and (near := _presence(prop, t_ms)) > 0:
            beside = (260 if prop.seed % 3 else -290) + 500 * (1 - near)
            hall.visitor(picture, prop.seed, prop.place[0] * WIDTH + beside, near)
    dimmed = picture.point([min(255, int(v * view.light)) for v in range(256)])
    for prop in sorted(scene.props, key=lambda p: p.carrier is not Carrier.POSTER):
        layer = _seen(prop, view, t_ms)
        if layer is not None:
            hall.over(dimmed, layer.luma, layer.alpha, layer.left, layer.top)
    shade = view.exposure * (1 - 0.12 * max((_presence(p, t_ms) for p in scene.props), default=0.0))
    return optics.sensed(optics.bloomed(dimmed), shade, view.haze, view.noise_gain, _mix(scene.seed, t_ms))


def _seen(prop: Prop, view: View, t_ms: int) -> optics.Layer | None:
    """One prop through the lens at a time; None when it is out of view."""
    if _presence(prop, t_ms) <= 0:
        return None
    pose = _pose(prop, t_ms)
    before, after = _pose(prop, t_ms - 2), _pose(prop, t_ms + 2)
    share = view.shutter_ms / 4
    dx, dy = (after.x - before.x) * share, (after.y - before.y) * share
    layer = optics.projected(
        _soft(_pure(prop), _blur_steps(prop, pose, t_ms)), pose, math.ceil(max(abs(dx), abs(dy)))
    )
    if layer is None:
        return None
    layer = optics.streaked(layer, dx, dy)
    if prop.carrier is not Carrier.PHONE and view.light != 1:
        lit = layer.luma.point([min(255, int(v * view.light)) for v in range(256)])
        layer = replace(layer, luma=lit)
    layer = optics.moired(layer, pose, prop.moire)
    return optics.glared(layer, pose, prop.glare, prop.seed)


def _scale(prop: Prop) -> int:
    """Pixels a module in the flat drawing: near those of the frame, so that little is lost."""
    return max(2, min(8, round(prop.module_px)))


def _pure(prop: Prop) -> tuple[bytes, SymbolFormat, str, Look]:
    """All that the flat drawing depends on."""
    look = Look(prop.carrier, _scale(prop), prop.inverted, prop.contrast, prop.seed)
    return prop.payload, prop.symbol, prop.ec_level, look


@functools.lru_cache(maxsize=4)
def _flat(pure: tuple[bytes, SymbolFormat, str, Look]) -> Drawing:
    payload, symbol, ec_level, look = pure
    return draw(code_modules(payload, symbol, ec_level), look)


@functools.lru_cache(maxsize=12)
def _soft(pure: tuple[bytes, SymbolFormat, str, Look], steps: int) -> optics.Soft:
    return optics.softened(_flat(pure), steps * _BLUR_STEP_PX)


def _blur_steps(prop: Prop, pose: optics.Pose, t_ms: int) -> int:
    """How far out of focus, in steps of the flat drawing's pixels."""
    present = _presence(prop, t_ms)
    since = t_ms - prop.still_from_ms
    hunting = 1.7 * math.exp(-since / 130) * abs(math.cos(since / 48)) if since >= 0 else 1.7
    if prop.carrier is Carrier.POSTER:
        hunting, present = 0.0, 1.0
    wander = prop.defocus_px * (1 + 0.22 * _wobble(prop.seed, 7, 0.9, t_ms))
    sigma = math.hypot(_LENS_SIGMA_PX, wander, hunting, 6.0 * (1 - present))
    steps = sigma / pose.scale / _BLUR_STEP_PX
    return max(2, round(steps) if steps < 16 else 4 * round(steps / 4))


def _presence(prop: Prop, t_ms: float) -> float:
    """0 out of view, 1 held; smooth in between."""
    if prop.carrier is Carrier.POSTER:
        return 1.0
    come = _ease((t_ms - prop.enters_ms) / prop.moving_ms)
    gone = _ease((t_ms - prop.still_until_ms) / prop.moving_ms)
    return come * (1 - gone)


def _ease(share: float) -> float:
    share = min(1.0, max(0.0, share))
    return share**3 * (10 - 15 * share + 6 * share**2)


def _pose(prop: Prop, t_ms: float) -> optics.Pose:
    """Where the prop is: on its way, or held by a hand that trembles."""
    scale = prop.module_px / _scale(prop)
    x, y = prop.place[0] * WIDTH, prop.place[1] * HEIGHT
    if prop.carrier is Carrier.POSTER:
        return optics.Pose(x, y, scale, prop.yaw, prop.pitch, prop.roll)
    present = _presence(prop, t_ms)
    side = prop.enters_from if t_ms < prop.still_until_ms else prop.leaves_to
    away_x, away_y = _outside(side, x, y)
    tremble = [_wobble(prop.seed, n, hz, t_ms) for n, hz in enumerate((0.7, 0.5, 8.3, 9.1, 0.6, 0.45, 0.8))]
    turn = 2 * math.pi * 2.1 * t_ms / 1000 + prop.seed
    x += 5 * tremble[0] + 0.5 * tremble[2] + prop.waving_px * math.sin(turn)
    y += 4 * tremble[1] + 0.5 * tremble[3] + prop.waving_px * 0.7 * math.cos(turn)
    return optics.Pose(
        x=away_x + (x - away_x) * present,
        y=away_y + (y - away_y) * present,
        scale=scale * (0.72 + 0.28 * present) * (1 + 0.012 * tremble[6]),
        yaw=prop.yaw + 1.5 * tremble[4] + 14 * (1 - present) * (1 if side is Side.LEFT else -1),
        pitch=prop.pitch + 1.5 * tremble[5] - 18 * (1 - present),
        roll=prop.roll + 0.8 * tremble[0] + 12 * (1 - present),
    )


def _outside(side: Side, x: float, y: float) -> Point:
    """Where a code's centre is when its carrier is just out of view."""
    match side:
        case Side.LEFT:
            return -420.0, y + 260
        case Side.RIGHT:
            return WIDTH + 420.0, y + 260
        case Side.BELOW:
            return x + 90, HEIGHT + 330.0
    assert_never(side)


def _wobble(seed: int, number: int, hz: float, t_ms: float) -> float:
    """A smooth wander between -1 and 1, about `hz` times a second."""
    rng = random.Random(seed * 101 + number)
    first, second = rng.uniform(0, 2 * math.pi), rng.uniform(0, 2 * math.pi)
    turn = 2 * math.pi * hz * t_ms / 1000
    return 0.6 * math.sin(turn + first) + 0.4 * math.sin(1.62 * turn + second)


def _mix(seed: int, t_ms: int) -> int:
    return zlib.crc32(b"%d %d" % (seed, t_ms))


def hard_stream(payload: bytes, condition: Condition, seed: int, difficulty: float = 0.5) -> Scene:
    """One second of a pass that is held up from the start, under one condition.

    `difficulty` goes from 0, where zxing-cpp reads every frame, to 1, where it reads few or
    none (but still two of three that are only tilted or only small, and half of the glared).
    The rest (carrier, size, pose) varies with the seed as it does among visitors. Raises
    ValueError for a difficulty outside 0..1.
    """
    if not 0 <= difficulty <= 1:
        raise ValueError(f"difficulty is a number from 0 to 1, not {difficulty}")
    rng = random.Random(_mix(seed, zlib.crc32(condition.value.encode())))
    prop = Prop(
        payload,
        carrier=rng.choice((Carrier.PHONE, Carrier.SHEET)),
        module_px=rng.uniform(3.6, 4.4),
        yaw=rng.uniform(-10, 10),
        pitch=rng.uniform(-12, 4),
        roll=rng.uniform(-8, 8),
        enters_ms=-2000,
        held_ms=60_000,
        seed=rng.randrange(10_000),
    )
    prop, view = _harden(prop, View(hall=rng.randrange(1, 4)), condition, difficulty, rng)
    return Scene((prop,), duration_ms=1000, view=view, hall_ms=rng.randrange(60_000), seed=seed)


def _harden(
    prop: Prop, view: View, condition: Condition, difficulty: float, rng: random.Random
) -> tuple[Prop, View]:
    d = difficulty
    match condition:
        case Condition.DEFOCUS:
            return replace(prop, defocus_px=1.2 + 1.1 * d), view
        case Condition.MOTION:
            return replace(prop, waving_px=22 + 56 * d), view
        case Condition.GLARE:
            return replace(prop, glare=0.3 + 0.5 * d), view
        case Condition.TILT:
            lean = 28 + 32 * d
            return replace(prop, yaw=lean * rng.choice((-1, 1)), pitch=-lean * rng.uniform(0.2, 0.6)), view
        case Condition.LOW_LIGHT:
            dim = 0.42 - 0.3 * d
            sheet = replace(prop, carrier=Carrier.SHEET, glare=0.0)
            return sheet, replace(view, light=dim, noise_gain=2.5 + 4 * d)
        case Condition.INVERTED:
            dark = replace(prop, carrier=Carrier.PHONE, inverted=True, defocus_px=0.6 + 1.3 * d)
            return dark, replace(view, noise_gain=1.5 + 2 * d)
        case Condition.SMALL:
            return replace(prop, module_px=2.9 - 1.5 * d), view
        case Condition.LOW_CONTRAST:
            return replace(prop, contrast=0.4 - 0.3 * d), replace(view, haze=0.3 + 0.2 * d)
        case Condition.MIXED:
            return _mixed(prop, view, d, rng)
    assert_never(condition)


def _mixed(prop: Prop, view: View, d: float, rng: random.Random) -> tuple[Prop, View]:
    """A bit of everything, as at a real door on a bad evening."""
    worse = replace(
        prop,
        module_px=rng.uniform(3.4 - 0.8 * d, 4.2),
        yaw=rng.uniform(-1, 1) * (15 + 20 * d),
        pitch=-rng.uniform(0, 1) * (12 + 16 * d),
        defocus_px=rng.uniform(0.3, 0.7 + 1.1 * d),
        waving_px=rng.uniform(0, 14 + 26 * d),
        glare=rng.uniform(0.1, 0.3 + 0.5 * d),
        moire=rng.choice((0.0, 0.5)),
        contrast=1 - rng.uniform(0, 0.6) * d,
        inverted=prop.carrier is Carrier.PHONE and rng.random() < 0.2,
    )
    return worse, replace(view, light=1 - 0.5 * d * rng.random(), noise_gain=1 + 3 * d * rng.random())
