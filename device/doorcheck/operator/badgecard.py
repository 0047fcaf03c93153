"""A staff badge as a card to print: the code, the name, until when. As large as a bank card."""

from __future__ import annotations

import io
from typing import Final

import zxingcpp
from PIL import Image, ImageDraw, ImageFont

DPI: Final = 300
WIDTH_MM: Final = 85.6
HEIGHT_MM: Final = 54.0
"""ISO/IEC 7810, ID-1."""
FORMATS: Final = {".png": "PNG", ".pdf": "PDF"}

_QUIET_MODULES = 4
_MARGIN_MM = 3.0
FONTS: Final = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "Arial.ttf",
    "arial.ttf",
    "Helvetica.ttc",
)
"""Looked for where the system keeps its fonts; the one that comes along knows no accents."""
_LARGE_MM, _SMALL_MM = 3.6, 2.6
_LARGE_LETTERS = 36
"""A name of more is written small: else the lines below it would not fit."""
_NOT_A_CHARACTER = "\uffff"

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def card(text: bytes, name: str, lines: tuple[str, ...]) -> tuple[Image.Image, bool]:
    """The card's picture, and whether the name is on it: else there is a line to write it on.

    `lines` are printed below the name, in letters that every font has.
    """
    sheet = Image.new("L", (_px(WIDTH_MM), _px(HEIGHT_MM)), 255)
    pen = ImageDraw.Draw(sheet)
    pen.rectangle((0, 0, sheet.width - 1, sheet.height - 1), outline=160)
    code = _code(text, _px(HEIGHT_MM - 2 * _MARGIN_MM))
    sheet.paste(code, (_px(_MARGIN_MM), (sheet.height - code.height) // 2))
    left = _px(_MARGIN_MM) + code.width + _px(1.0)
    room_px = sheet.width - left - _px(_MARGIN_MM)
    top = _px(_MARGIN_MM + 3)
    size_mm = _LARGE_MM if len(name) <= _LARGE_LETTERS else _SMALL_MM
    font = _font(name, _px(size_mm))
    if font is None:
        top += _px(2 * _LARGE_MM)
        pen.line((left, top, left + room_px, top), fill=0, width=2)
    else:
        for row in _wrapped(name, font, room_px):
            pen.text((left, top), row, fill=0, font=font)
            top += _px(1.3 * size_mm)
    top += _px(2.5)
    small = ImageFont.load_default(_px(_SMALL_MM))
    for line in lines:
        for row in _wrapped(line, small, room_px):
            pen.text((left, top), row, fill=0, font=small)
            top += _px(1.4 * _SMALL_MM)
        top += _px(0.6)
    return sheet, font is not None


def encoded(picture: Image.Image, suffix: str) -> bytes:
    """The file's bytes, in the format of that suffix of `FORMATS`."""
    file = io.BytesIO()
    picture.save(file, FORMATS[suffix], dpi=(DPI, DPI), resolution=DPI)
    return file.getvalue()


def _code(text: bytes, most_px: int) -> Image.Image:
    """The QR symbol with its quiet zone, in whole pixels a module."""
    symbol = zxingcpp.create_barcode(text.decode("ascii"), zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    modules = Image.fromarray(
        zxingcpp.write_barcode_to_image(symbol, 1, add_hrt=False, add_quiet_zones=False)
    )
    width, height = modules.size
    module_px = most_px // (width + 2 * _QUIET_MODULES)
    code = modules.resize((width * module_px, height * module_px), Image.Resampling.NEAREST)
    whole = Image.new("L", (code.width + 2 * _QUIET_MODULES * module_px,) * 2, 255)
    whole.paste(code, (_QUIET_MODULES * module_px,) * 2)
    return whole


def _font(name: str, size_px: int) -> Font | None:
    """A font that has every letter of the name; None when this computer has none."""
    for file in FONTS:
        try:
            font = ImageFont.truetype(file, size_px)
        except OSError:
            continue
        if _has_all(font, name):
            return font
    default = ImageFont.load_default(size_px)
    return default if _has_all(default, name) else None


def _has_all(font: Font, text: str) -> bool:
    missing = bytes(font.getmask(_NOT_A_CHARACTER))
    return all(character == " " or bytes(font.getmask(character)) != missing for character in text)


def _wrapped(text: str, font: Font, room_px: int) -> list[str]:
    """The text in rows that fit, broken at spaces, and inside of a word that is wider than a row."""
    rows, row = [], ""
    for character in text:
        row += character
        if font.getlength(row) > room_px:
            head, _, tail = row.rpartition(" ")
            if not head:
                head, tail = row[:-1], row[-1]
            rows.append(head)
            row = tail
    return [*rows, row]


def _px(length_mm: float) -> int:
    return round(length_mm * DPI / 25.4)
