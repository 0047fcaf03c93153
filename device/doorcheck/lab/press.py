"""Press photographs in which a pass can be seen, as they leak: rendered, and compressed for real.

Somebody in a busy place holds a phone or a sheet up; a photographer is interested in the
face, not in the code. The code is a few per cent of the picture, tilted, a little out of
focus, partly glossy; then the picture is made smaller and compressed, as a news site does.
All of it is a pure function of its arguments.
"""

from __future__ import annotations

import functools
import hashlib
import io
import math
import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image, ImageChops, ImageFilter

from doorcheck.core import cbor, cose
from doorcheck.core.symbol import SymbolFormat
from doorcheck.core.trust import Algorithm
from doorcheck.lab import backdrop, issuer, optics
from doorcheck.lab.carriers import Carrier, Drawing, Look, code_modules, draw
from doorcheck.lab.shots import HEIGHT, WIDTH, Difficulty, Shot, shot

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Difficulty", "developed", "empty_picture", "exposed", "leaked", "press_picture"]

_ISSUERS = ("Ministry of Health TEST", "National Health Insurance Fund TEST", "doorcheck lab TEST")
_MAGNIFIED = 1.6
"""From the flat drawing to the sensor at most, so that an arm reaches beyond the picture's edge."""
_STRIP_PX = 8
_LENS_CENTRE = (640.0, 480.0)
"""Where the lens of `lab/optics.py` looks; the layer is moved to its place afterwards."""


def leaked(seed: int) -> bytes:
    """The text of a test pass with a real signature, as long as many real ones: 530 to 660 characters.

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


@functools.lru_cache(maxsize=1)
def _grain() -> npt.NDArray[np.float32]:
    """Noise of unit deviation, a little clumped; a quarter of the sensor, that is laid beside itself."""
    white = np.random.default_rng(20210913).standard_normal((HEIGHT // 2, WIDTH // 2), np.float32)
    clumped = white + 0.5 * np.roll(white, 1, 0) + 0.5 * np.roll(white, 1, 1)
    return np.asarray(clumped / clumped.std(), np.float32)


def _sensed(picture: Image.Image, taken: Shot) -> Image.Image:
    """Noise as a camera leaves it: more in the lights; some cameras sharpen."""
    rng = np.random.default_rng(taken.seed)
    grain = np.roll(_grain(), tuple(int(v) for v in rng.integers(0, WIDTH // 2, 2)), (0, 1))
    deviations = np.sqrt(0.35 + 0.005 * np.arange(256, dtype=np.float32)) * np.float32(taken.noise)
    luma = np.asarray(picture)
    noisy = np.tile(grain, (2, 2)) * deviations[luma] + luma
    seen = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    return seen.filter(ImageFilter.UnsharpMask(1.2, 70, 2)) if taken.sharpened else seen


def developed(picture: Image.Image, taken: Shot) -> bytes:
    """Made as small as it is published, and compressed: a JPEG file."""
    height = round(taken.width * HEIGHT / WIDTH)
    out = io.BytesIO()
    picture.resize((taken.width, height), Image.Resampling.LANCZOS).save(out, "JPEG", quality=taken.quality)
    return out.getvalue()
