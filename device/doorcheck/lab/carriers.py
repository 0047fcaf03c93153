"""What a visitor holds into view: a phone or a sheet with a code, and the hand around it.

A carrier is drawn once, flat and sharp, in the camera's luma; `lab/optics.py` then tilts
and blurs it for each frame. Its size follows from the code: one module is `scale` pixels.
Only the lab draws, so numpy is not needed at the door.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import zxingcpp
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from doorcheck.core.symbol import SymbolFormat

if TYPE_CHECKING:
    import numpy.typing as npt

Point = tuple[float, float]

_FORMATS = {
    SymbolFormat.QR: zxingcpp.BarcodeFormat.QRCode,
    SymbolFormat.AZTEC: zxingcpp.BarcodeFormat.Aztec,
    SymbolFormat.DATAMATRIX: zxingcpp.BarcodeFormat.DataMatrix,
}
_QUIET_MODULES = 4
_ARM_PX = 820
"""How far below the code's centre an arm is drawn, at least: beyond the frame's edge at any size."""
_SKIN = 150
_SLEEVES = (38, 62, 88, 120)
_LABELS = (
    "Surname(s) and forename(s)",
    "Date of birth",
    "Unique certificate identifier",
    "Disease or agent targeted",
    "Certificate issuer",
    "Number in a series",
    "Date of vaccination",
    "Country",
)


class Carrier(enum.Enum):
    """What bears the code."""

    PHONE = "phone"
    SHEET = "sheet"
    POSTER = "poster"
    """Hangs on the wall behind; nobody holds it."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A carrier, flat: luma multiplied by alpha, and alpha; `centre` is the code's, in pixels."""

    luma: Image.Image
    alpha: Image.Image
    centre: Point


@dataclass(frozen=True, slots=True)
class Look:
    """How a carrier looks: everything that its drawing depends on but the code itself.

    `contrast` is 1 for a good screen or fresh print, and goes to 0 for a code of which
    nothing is left. `inverted` is a dark-mode screen: light modules on black.
    """

    carrier: Carrier
    scale: int
    inverted: bool = False
    contrast: float = 1.0
    seed: int = 0


def code_modules(payload: bytes, symbol: SymbolFormat, ec_level: str = "Q") -> npt.NDArray[np.uint8]:
    """The code as a square of modules, 0 dark and 255 light, without a quiet zone.

    `ec_level` is QR's alone. Raises ValueError when the payload does not fit the symbol,
    or the symbol can't be drawn.
    """
    if symbol not in _FORMATS:
        raise ValueError(f"{symbol.value} is not a symbol that can be drawn")
    options = {"ec_level": ec_level} if symbol is SymbolFormat.QR else {}
    barcode = zxingcpp.create_barcode(payload, _FORMATS[symbol], **options)
    return np.array(zxingcpp.write_barcode_to_image(barcode, 1, add_hrt=False, add_quiet_zones=False))


def draw(modules: npt.NDArray[np.uint8], look: Look) -> Drawing:
    """The carrier of these modules, in the size that its code asks for."""
    code = Image.fromarray(modules).resize(
        (modules.shape[1] * look.scale, modules.shape[0] * look.scale), Image.Resampling.NEAREST
    )
    match look.carrier:
        case Carrier.PHONE:
            return _phone(code, look)
        case Carrier.SHEET:
            return _sheet(code, look)
        case Carrier.POSTER:
            return _poster(code, look)


class _Canvas:
    """Luma and alpha that are drawn together."""

    def __init__(self, width: float, height: float) -> None:
        self.luma = Image.new("L", (int(width), int(height)), 0)
        self.alpha = Image.new("L", self.luma.size, 0)

    def box(self, corners: Sequence[float], tone: int, radius: float = 0) -> None:
        ImageDraw.Draw(self.luma).rounded_rectangle(tuple(corners), radius, fill=tone)
        ImageDraw.Draw(self.alpha).rounded_rectangle(tuple(corners), radius, fill=255)

    def limb(self, points: Sequence[Point], width: float, tone: int) -> None:
        """A finger or an arm: a bent tube, lit from above left, that shades what it touches."""
        reach = width * 1.2
        left, top = (int(min(p[axis] for p in points) - reach) for axis in (0, 1))
        right, bottom = (int(max(p[axis] for p in points) + reach) for axis in (0, 1))
        area = (left, top, right, bottom)
        local = [(x - left, y - top) for x, y in points]
        shape = Image.new("L", (right - left, bottom - top), 0)
        _tube(shape, local, width, 255)
        under = shape.filter(ImageFilter.GaussianBlur(width * 0.2)).point(lambda v: int(255 - 0.3 * v))
        shade = Image.new("L", shape.size, int(tone * 0.7))
        for step in range(12):
            share = step / 11
            inner = [(x - share * width * 0.08, y - share * width * 0.06) for x, y in local]
            _tube(shade, inner, width * (1 - 0.85 * share), int(tone * (0.72 + 0.3 * share**0.7)))
        shade = shade.filter(ImageFilter.GaussianBlur(width * 0.1))
        soft = shape.filter(ImageFilter.GaussianBlur(0.8 + width * 0.015))
        touched = ImageChops.multiply(self.luma.crop(area), under)
        self.luma.paste(Image.composite(shade, touched, soft), (left, top))
        self.alpha.paste(ImageChops.lighter(self.alpha.crop(area), soft), (left, top))

    def nail(self, at: Point, thick: float, tone: int) -> None:
        x, y = at
        shape = Image.new("L", self.luma.size, 0)
        oval = (x - thick * 0.3, y - thick * 0.48, x + thick * 0.26, y + thick * 0.22)
        ImageDraw.Draw(shape).ellipse(oval, fill=150)
        self.luma.paste(tone, (0, 0), shape.filter(ImageFilter.GaussianBlur(thick * 0.05)))

    def done(self, centre: Point) -> Drawing:
        return Drawing(ImageChops.multiply(self.luma, self.alpha), self.alpha, centre)


def _tube(image: Image.Image, points: Sequence[Point], width: float, tone: int) -> None:
    pen = ImageDraw.Draw(image)
    pen.line(list(points), fill=tone, width=max(1, int(width)), joint="curve")
    for x, y in points:
        pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=tone)


def _tones(code: Image.Image, look: Look, dark: int, light: int) -> Image.Image:
    """The code between two tones, faded to its contrast, inverted in dark mode."""
    middle = (dark + light) / 2 + (1 - look.contrast) * 12
    half = (light - dark) / 2 * look.contrast
    if look.inverted:
        half = -half
    return code.point(lambda v: int(middle + half * (1 if v > 127 else -1)))


def _text(image: Image.Image, at: Point, words: str, height: float, tone: int) -> None:
    font = ImageFont.load_default(max(4.0, height))
    ImageDraw.Draw(image).text(at, words, fill=tone, font=font)


def _scribble(rng: random.Random, letters: int) -> str:
    """Letters that mean nothing, where a document shows somebody's data."""
    word = "".join(rng.choice("acemnorsuvxz") for _ in range(letters))
    return word.capitalize() if rng.random() < 0.5 else word


def _phone(code: Image.Image, look: Look) -> Drawing:
    rng = random.Random(look.seed)
    card = code.width + 2 * _QUIET_MODULES * look.scale
    screen_width = card * rng.uniform(1.1, 1.2)
    screen_height = screen_width * rng.uniform(1.95, 2.1)
    bezel = screen_width * rng.uniform(0.03, 0.05)
    room = screen_width * 0.5
    body = (room, room * 0.2, room + screen_width + 2 * bezel, room * 0.2 + screen_height + 2 * bezel)
    low = body[1] + bezel + screen_height * 0.22 + code.height / 2 + _ARM_PX
    canvas = _Canvas(body[2] + room, max(body[3] + room * 1.4, low))
    sleeve = rng.choice(_SLEEVES)
    _hand_behind(canvas, body, sleeve)
    canvas.box(body, 34, bezel * 3.4)
    inner = (body[0] + 3, body[1] + 3, body[2] - 3, body[3] - 3)
    canvas.box(inner, 12, bezel * 3.2)
    centre = _app(canvas, (body[0] + bezel, body[1] + bezel), (screen_width, screen_height), code, look, rng)
    _fingers_before(canvas, body)
    return canvas.done(centre)


def _app(canvas: _Canvas, at: Point, size: Point, code: Image.Image, look: Look, rng: random.Random) -> Point:
    """The wallet's screen with its code; returns the code's centre."""
    x, y = at
    width, height = size
    light = int(238 * (0.45 + 0.55 * look.contrast))
    page, ink = (14, 205) if look.inverted else (int(light * 0.93), 40)
    head = 30 if look.inverted else int(light * rng.uniform(0.3, 0.5))
    canvas.box((x, y, x + width, y + height), page, width * 0.06)
    canvas.box((x, y + height * 0.04, x + width, y + height * 0.12), head)
    canvas.box((x + width * 0.36, y + 2, x + width * 0.64, y + height * 0.026), 8, height * 0.013)
    _text(canvas.luma, (x + width * 0.05, y + height * 0.008), "18:42", height * 0.017, ink)
    _text(canvas.luma, (x + width * 0.08, y + height * 0.058), "COVID Certificate", height * 0.03, 235)
    quiet = _QUIET_MODULES * look.scale
    left = int(x + (width - code.width) / 2)
    top = int(y + height * rng.uniform(0.2, 0.24))
    toned = _tones(code, look, 20, 238)
    ground = _ground(toned, inverted=look.inverted)
    card = (left - quiet, top - quiet, left + code.width + quiet, top + code.height + quiet)
    canvas.box(card, ground, look.scale * 2)
    canvas.luma.paste(toned, (left, top))
    line = card[3] + height * 0.03
    for label in rng.sample(_LABELS, 4):
        _text(canvas.luma, (card[0] + 4, line), label, height * 0.015, (ink + page) // 2)
        words = f"{_scribble(rng, 7)} {_scribble(rng, 9)}"
        _text(canvas.luma, (card[0] + 4, line + height * 0.018), words, height * 0.023, ink)
        line += height * 0.058
    return (left + code.width / 2, top + code.height / 2)


def _ground(code: Image.Image, *, inverted: bool) -> int:
    """The tone between a code's modules."""
    tones = [tone for tone, pixels in enumerate(code.histogram()) if pixels]
    return tones[0] if inverted else tones[-1]


def _hand_behind(canvas: _Canvas, body: Sequence[float], sleeve: int) -> None:
    left, top, right, bottom = body
    width, middle = right - left, (left + right) / 2
    low = canvas.luma.height + width * 0.2
    canvas.limb([(middle + width * 0.1, bottom), (middle + width * 0.2, low)], width * 0.5, _SKIN - 25)
    cuff = bottom + width * 0.3
    canvas.limb(
        [(middle + width * 0.2, cuff + width * 0.3), (middle + width * 0.24, low)], width * 0.66, sleeve
    )
    palm = top + (bottom - top) * 0.82
    canvas.limb([(left + width * 0.1, bottom + width * 0.2), (left, palm)], width * 0.36, _SKIN - 6)
    canvas.limb([(middle, palm), (middle + width * 0.1, bottom + width * 0.1)], width * 0.92, _SKIN - 12)


def _fingers_before(canvas: _Canvas, body: Sequence[float]) -> None:
    left, top, right, bottom = body
    width, height = right - left, bottom - top
    thick = width * 0.15
    for share, over in ((0.67, 0.02), (0.755, 0.045), (0.84, 0.04), (0.92, 0.015)):
        y = top + height * share
        canvas.limb([(right + thick * 0.08, y + thick * 0.18), (right - width * over, y)], thick, _SKIN)
    thumb = [(left - width * 0.05, bottom + height * 0.1), (left - width * 0.09, bottom - height * 0.08)]
    thumb += [(left - width * 0.05, top + height * 0.79), (left + width * 0.03, top + height * 0.69)]
    canvas.limb(thumb, thick * 1.25, _SKIN + 8)
    canvas.nail(thumb[-1], thick * 1.1, _SKIN + 26)


def _sheet(code: Image.Image, look: Look) -> Drawing:
    rng = random.Random(look.seed)
    width = code.width * rng.uniform(1.75, 1.95)
    height = width * 1.38
    room = code.width * 0.22
    x, y = room, room * 0.3
    canvas = _Canvas(width + 2 * room, max(height + room * 2.4, y + height * 0.2 + code.height / 2 + _ARM_PX))
    thick = code.width * 0.17
    elbow = (x + width * 0.8, canvas.luma.height + thick)
    canvas.limb([elbow, (x + width * 0.7, y + height * 0.9)], thick * 2.6, _SKIN - 20)
    cuff = (x + width * 0.77, y + height + thick * 5)
    canvas.limb([elbow, cuff], thick * 3.4, _SLEEVES[look.seed % len(_SLEEVES)])
    canvas.box((x, y, x + width, y + height), 214)
    left, top = int(x + (width - code.width) * rng.uniform(0.35, 0.65)), int(y + height * 0.2)
    _text(canvas.luma, (x + width * 0.07, y + height * 0.05), "EU DIGITAL COVID", width * 0.06, 60)
    _text(canvas.luma, (x + width * 0.07, y + height * 0.105), "CERTIFICATE", width * 0.06, 60)
    canvas.luma.paste(_tones(code, look, 46, 214), (left, top))
    line = top + code.height + height * 0.045
    for label in rng.sample(_LABELS, 6):
        if line > y + height * 0.96:
            break
        _text(canvas.luma, (x + width * 0.07, line), label, width * 0.028, 110)
        words = f"{_scribble(rng, 8)} {_scribble(rng, 6)} {_scribble(rng, 5)}"
        _text(canvas.luma, (x + width * 0.07, line + width * 0.034), words, width * 0.038, 62)
        line += height * 0.075
    _paper_shade(canvas, (x, y, x + width, y + height), rng)
    _thumb_on_paper(canvas, (x + width * 0.74, y + height), thick)
    return canvas.done((left + code.width / 2, top + code.height / 2))


def _paper_shade(canvas: _Canvas, box: Sequence[float], rng: random.Random) -> None:
    """Curl, two folds and the grain of paper."""
    width, height = canvas.luma.size
    x = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    curl = 1 - 0.1 * np.cos(3.0 * x + rng.uniform(0, 3)) - 0.1 * y
    fold_x, fold_y = rng.uniform(0.86, 0.9), rng.uniform(0.66, 0.72)
    crease = 1 - 0.16 * np.exp(-(((y - fold_y) * 240) ** 2)) + 0.05 * np.tanh((y - fold_y) * 60)
    crease = crease * (1 - 0.12 * np.exp(-(((x - fold_x) * 200) ** 2)))
    grain = np.random.default_rng(rng.randrange(2**32)).normal(1, 0.012, (height, width))
    shaded = np.asarray(canvas.luma) * curl * crease * grain
    canvas.luma = Image.fromarray(np.clip(shaded, 0, 255).astype(np.uint8))
    ImageDraw.Draw(canvas.luma).rectangle(tuple(box), outline=150)


def _thumb_on_paper(canvas: _Canvas, at: Point, thick: float) -> None:
    x, y = at
    thumb = [(x + thick * 1.6, y + thick * 1.6), (x + thick * 0.5, y + thick * 0.2), (x, y - thick * 1.2)]
    canvas.limb(thumb, thick * 1.15, _SKIN + 6)
    canvas.nail(thumb[-1], thick, _SKIN + 26)


def _poster(code: Image.Image, look: Look) -> Drawing:
    margin = max(code.width * 0.35, _QUIET_MODULES * look.scale)
    width, height = code.width + 2 * margin, code.height * 2.4
    canvas = _Canvas(width + 8, height + 8)
    canvas.box((4, 4, width + 4, height + 4), 150)
    _text(canvas.luma, (4 + margin * 0.4, 4 + height * 0.07), "FREE WIFI", width * 0.15, 50)
    _text(canvas.luma, (4 + margin * 0.4, 4 + height * 0.22), "scan to join", width * 0.1, 70)
    left, top = int(4 + margin), int(4 + height * 0.42)
    canvas.luma.paste(_tones(code, look, 44, 150), (left, top))
    return canvas.done((left + code.width / 2, top + code.height / 2))
