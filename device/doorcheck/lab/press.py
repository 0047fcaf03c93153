"""Press photographs in which a pass can be seen, as they leak: rendered, and compressed for real.

Somebody in a busy place holds a phone or a sheet up; a photographer is interested in the
face, not in the code. The code is a few per cent of the picture, tilted, a little out of
focus, partly glossy; then the picture is made smaller and compressed, as a news site does.
All of it is a pure function of its arguments.
"""

from __future__ import annotations

import enum
import hashlib
import io
import math
import random
import zlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image, ImageChops, ImageFilter

from doorcheck.core import cbor, cose
from doorcheck.core.symbol import SymbolFormat
from doorcheck.core.trust import Algorithm
from doorcheck.lab import backdrop, issuer, optics
from doorcheck.lab.carriers import Carrier, Drawing, Look, Point, code_modules, draw

if TYPE_CHECKING:
    import numpy.typing as npt

WIDTH, HEIGHT = backdrop.SIZE
"""The sensor's; a published picture is this or smaller."""
NARROWEST_PX = 1000
_ISSUERS = ("Ministry of Health TEST", "National Health Insurance Fund TEST", "doorcheck lab TEST")
_MAGNIFIED = 1.6
"""From the flat drawing to the sensor at most, so that an arm reaches beyond the picture's edge."""
_STRIP_PX = 8
_LENS_CENTRE = (640.0, 480.0)
"""Where the lens of `lab/optics.py` looks; the layer is moved to its place afterwards."""


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


def leaked(seed: int) -> bytes:
    """The text of a test pass with a real signature, as long as real ones: 550 to 700 characters.

    The same seed gives the same bytes: the signature's secret number comes from the seed
    too (RFC 6979 does the same from the key and the message).
    """
    rng = random.Random(seed)
    moment = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    authority = issuer.Authority("press", made=moment)
    proof = rng.choice((issuer.vaccination, issuer.negative_test, issuer.recovery))(moment, f"press {seed}")
    body = "".join(rng.choices("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=rng.randint(20, 32)))
    named = rng.choice(_ISSUERS)
    proof = proof.but(ci=f"URN:UVCI:01:{issuer.COUNTRY}:{body}#{rng.randrange(10)}", **{"is": named})
    first, second = rng.sample(issuer.PEOPLE, 2)
    person = replace(first, surname=f"{first.surname}-{second.surname}")
    person = replace(person, forename=f"{first.forename} {second.forename}")
    protected = cbor.encode({cose.ALG: int(Algorithm.ES256), cose.KID: authority.signer.kid})
    payload = cbor.encode(authority.token(person, proof, moment=moment))
    signed = cose.to_be_signed(cose.Unverified(protected, payload, b"", Algorithm.ES256, b""))
    message = cbor.encode([protected, {}, payload, _signature(authority, signed)])
    return issuer.text(b"\xd2" + message)


def _signature(authority: issuer.Authority, signed: bytes) -> bytes:
    """ECDSA on P-256 (FIPS 186-5, 6.4.1), with a secret number that the message alone decides."""
    secret = authority.private_key.private_numbers().private_value
    hashed = int.from_bytes(hashlib.sha256(signed).digest(), "big")
    once = int.from_bytes(hashlib.sha256(b"once" + signed).digest(), "big") % (issuer.ORDER - 1) + 1
    r = ec.derive_private_key(once, ec.SECP256R1()).private_numbers().public_numbers.x % issuer.ORDER
    s = pow(once, -1, issuer.ORDER) * (hashed + r * secret) % issuer.ORDER
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def press_picture(
    payload: bytes, difficulty: Difficulty, seed: int, symbol: SymbolFormat = SymbolFormat.QR
) -> bytes:
    """A published photograph in which a pass with that payload is held up: a JPEG file, grey.

    Raises ValueError for a payload that does not fit its symbol.
    """
    modules = code_modules(payload, symbol)
    taken = shot(difficulty, seed, modules.shape[1])
    return developed(exposed(modules, taken), taken)


def empty_picture(difficulty: Difficulty, seed: int) -> bytes:
    """The same place and people, with nothing held up: a JPEG file, grey."""
    taken = shot(difficulty, seed, 89)
    return developed(_sensed(backdrop.place(taken.seed), taken), taken)


def exposed(modules: npt.NDArray[np.uint8], taken: Shot) -> Image.Image:
    """What the camera's sensor gave: 3000x2000 luma."""
    x, y = taken.place[0] * WIDTH, taken.place[1] * HEIGHT
    picture = backdrop.place(taken.seed)
    backdrop.holder(picture, x, taken.seed)
    if taken.decoy:
        _held(picture, _poster(taken), 0.86 * WIDTH if x < WIDTH / 2 else 0.14 * WIDTH, 0.25 * HEIGHT)
    layer, dim = _pass(modules, taken), [min(255, int(v * taken.light)) for v in range(256)]
    if taken.carrier is Carrier.SHEET:
        layer = replace(layer, luma=layer.luma.point(dim))
    picture = picture.point(dim)
    _held(picture, layer, x, y)
    return _sensed(picture, taken)


def _pass(modules: npt.NDArray[np.uint8], taken: Shot) -> optics.Layer:
    """The carrier through the lens, the code's centre at `_LENS_CENTRE`."""
    native_px = taken.module_px * taken.sensor_scale
    scale = max(2, math.ceil(native_px / _MAGNIFIED))
    pose = optics.Pose(*_LENS_CENTRE, native_px / scale, taken.yaw, taken.pitch, taken.roll)
    drawing = draw(modules, Look(taken.carrier, scale, taken.inverted, taken.contrast, taken.seed))
    drawing = _bent(drawing, taken.bend * scale, modules.shape[1] * scale, sideways=taken.bent_sideways)
    soft = optics.softened(drawing, math.hypot(0.5, taken.defocus * scale))
    layer = optics.projected(soft, pose, WIDTH)
    if layer is None:
        raise ValueError(f"the pose turns the pass out of the picture: {pose}")
    reach, along = taken.motion * native_px, math.radians(taken.motion_degrees)
    layer = optics.streaked(layer, reach * math.cos(along), reach * math.sin(along))
    return optics.glared(layer, pose, taken.glare, taken.seed)


def _bent(drawing: Drawing, bulge_px: float, code_px: int, *, sideways: bool) -> Drawing:
    """A sheet that bends in the hand: seen from a little aside, its straight lines are arcs."""
    if not bulge_px:
        return drawing
    width, height = drawing.luma.size
    length, middle = (height, drawing.centre[1]) if sideways else (width, drawing.centre[0])
    edges = np.append(np.arange(0, length, _STRIP_PX), length)
    shifts = bulge_px * ((edges - middle) * 2 / code_px) ** 2
    mesh = []
    for first, last, before, after in zip(edges[:-1], edges[1:], shifts[:-1], shifts[1:], strict=True):
        if sideways:
            box = (0, first, width, last)
            from_ = (before, first, after, last, width + after, last, width + before, first)
        else:
            box = (first, 0, last, height)
            from_ = (first, before, first, height + before, last, height + after, last, after)
        mesh.append((tuple(int(v) for v in box), tuple(float(v) for v in from_)))
    luma, alpha = (
        image.transform(image.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)
        for image in (drawing.luma, drawing.alpha)
    )
    return Drawing(luma, alpha, drawing.centre)


def _poster(taken: Shot) -> optics.Layer:
    """A code that is no pass, on the wall behind."""
    modules = code_modules(b"https://example.org/menu", SymbolFormat.QR, "M")
    drawing = draw(modules, Look(Carrier.POSTER, 6, seed=taken.seed))
    pose = optics.Pose(*_LENS_CENTRE, 1.3, yaw=14)
    layer = optics.projected(optics.softened(drawing, 1.5), pose, WIDTH)
    if layer is None:
        raise ValueError("the poster hangs out of the picture")
    return layer


def _held(picture: Image.Image, layer: optics.Layer, x: float, y: float) -> None:
    """Lay a layer over the picture in place, its code's centre at (x, y)."""
    left, top = round(layer.left + x - _LENS_CENTRE[0]), round(layer.top + y - _LENS_CENTRE[1])
    area = (left, top, left + layer.luma.width, top + layer.luma.height)
    behind = ImageChops.multiply(picture.crop(area), ImageChops.invert(layer.alpha))
    picture.paste(ImageChops.add(behind, layer.luma), (left, top))


def _sensed(picture: Image.Image, taken: Shot) -> Image.Image:
    """Noise as a camera leaves it: more in the lights, a little clumped; some cameras sharpen."""
    rng = np.random.default_rng(taken.seed)
    luma = np.asarray(picture, np.float32)
    white = rng.standard_normal(luma.shape, np.float32)
    white += 0.5 * np.roll(white, 1, 0) + 0.5 * np.roll(white, 1, 1)
    noisy = luma + white * np.sqrt(0.35 + luma * 0.005) * np.float32(taken.noise / 1.22)
    seen = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    return seen.filter(ImageFilter.UnsharpMask(1.2, 70, 2)) if taken.sharpened else seen


def developed(picture: Image.Image, taken: Shot) -> bytes:
    """Made as small as it is published, and compressed: a JPEG file."""
    height = round(taken.width * HEIGHT / WIDTH)
    out = io.BytesIO()
    picture.resize((taken.width, height), Image.Resampling.LANCZOS).save(out, "JPEG", quality=taken.quality)
    return out.getvalue()


def _mix(name: str, seed: int) -> int:
    return zlib.crc32(b"%s %d" % (name.encode(), seed))
