"""The chart that is held before a camera: codes of known sizes, all TEST, all of invented people.

Sheet 1 is for the eye of the box: nine codes "doorcheck chart 1 <n>" that hold nobody's
data, five of one size where the view's corners and middle are, four that get finer.
`doorcheck camera check` counts them. Sheet 2 is one test pass in many sizes and symbols,
sheet 3 three passes and a menu to cut out, for the lamps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from doorcheck.core.symbol import SymbolFormat
from doorcheck.core.trust import TrustList
from doorcheck.lab import french
from doorcheck.lab.carriers import code_modules
from doorcheck.lab.drawing import Sheet
from doorcheck.lab.issuer import PEOPLE, Authority
from doorcheck.lab.story import passes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FOCUS_TEXT: Final = "doorcheck chart 1 {number}"
"""What a code of sheet 1 says; numbers from 1."""

SCREEN_MODULE_MM: Final = 0.42
"""About a module of an EU pass on a phone: 93 of them on a screen's 40 mm."""

QUIET_MODULES: Final = 4
_GREY: Final = "#555555"


@dataclass(frozen=True, slots=True)
class Code:
    """One code on a sheet: where its upper left module is, and how large a module is."""

    name: str
    data: bytes = field(repr=False)
    symbol: SymbolFormat
    module_mm: float
    at: tuple[float, float]
    inverted: bool = False

    def modules(self) -> npt.NDArray[np.uint8]:
        """The modules, 0 dark."""
        return code_modules(self.data, self.symbol)


@dataclass(frozen=True, slots=True)
class Chart:
    """Three sheets, what is on each, and whom a door must trust to admit it.

    `trust` lists all signers; `authority` is the one of the EU passes, sheet 3 among them.
    """

    sheets: tuple[Sheet, ...]
    codes: tuple[tuple[Code, ...], ...]
    trust: TrustList
    authority: Authority


def make(moment: datetime) -> Chart:
    """A chart whose passes are good from a day before that moment for a year.

    The EU authority's key is forgotten: nobody can issue more. Every signer on the trust
    list is a test signer, so a door that takes it shows TEST.
    """
    authority, stranger = Authority(made=moment), Authority(made=moment)
    texts = passes(authority, stranger, moment, PEOPLE)
    document = french.vaccination(PEOPLE[0], moment).data()
    signers = [authority.signer, french.document_signer(french.VACCINATIONS, moment)]
    trust = TrustList(signers, int(moment.timestamp()))
    pages = (_focus_codes(), _pass_codes(texts["valid"], document), _cut_codes(texts))
    sheets = (_focus_sheet(pages[0]), _pass_sheet(pages[1], moment), _cut_sheet(pages[2], moment))
    return Chart(sheets, pages, trust, authority)


FRAME_MM: Final = (30.0, 62.0, 150.0, 112.0)
"""Sheet 1's frame, x, y, width, height: what a Camera Module 1 sees from 15 cm."""


def _focus_codes() -> tuple[Code, ...]:
    x, y, width, height = FRAME_MM
    codes: list[Code] = []

    def add(middle_x: float, middle_y: float, module_mm: float) -> None:
        text = FOCUS_TEXT.format(number=len(codes) + 1)
        side = code_modules(text.encode(), SymbolFormat.QR).shape[0] * module_mm
        place = (x + middle_x - side / 2, y + middle_y - side / 2)
        codes.append(Code(f"{len(codes) + 1}", text.encode(), SymbolFormat.QR, module_mm, place))

    for middle_x, middle_y in ((18, 18), (width - 18, 18), (width / 2, height / 2)):
        add(middle_x, middle_y, 0.8)
    for middle_x, middle_y in ((18, height - 21), (width - 18, height - 21)):
        add(middle_x, middle_y, 0.8)
    add(width / 2, 17, 0.6)
    add(width / 2, height - 19, 0.5)
    add(20, height / 2, SCREEN_MODULE_MM)
    add(width - 20, height / 2, 0.35)
    return tuple(codes)


def _pass_codes(valid: bytes, document: bytes) -> tuple[Code, ...]:
    """One person's pass: more than one person in view would call the staff."""
    qr, aztec, matrix = SymbolFormat.QR, SymbolFormat.AZTEC, SymbolFormat.DATAMATRIX
    rows = (
        (
            ("QR", valid, qr, 0.6, False),
            ("QR", valid, qr, 0.5, False),
            ("QR", valid, qr, SCREEN_MODULE_MM, False),
        ),
        (
            ("QR, dark mode", valid, qr, 0.5, True),
            ("QR", valid, qr, 0.35, False),
            ("Aztec", valid, aztec, 0.5, False),
        ),
        (
            ("DataMatrix, 2D-Doc", document, matrix, 0.7, False),
            ("DataMatrix, 2D-Doc", document, matrix, 0.5, False),
        ),
    )
    codes, y = [], 62.0
    for row in rows:
        sides = [code_modules(data, symbol).shape[0] * module_mm for _, data, symbol, module_mm, _ in row]
        gap = (186 - sum(sides)) / (len(row) + 1)
        x = 12 + gap
        for (name, data, symbol, module_mm, inverted), side in zip(row, sides, strict=True):
            codes.append(Code(name, data, symbol, module_mm, (x, y + (max(sides) - side) / 2), inverted))
            x += side + gap
        y += max(sides) + 17
    return tuple(codes)


_CUTS: Final = (
    ("valid", "tick, right, green"),
    ("expired", "cross, left, red"),
    ("forged", "cross, left, red"),
    ("menu", "not a pass: cross, left, red"),
)


def _cut_codes(texts: dict[str, bytes]) -> tuple[Code, ...]:
    codes = []
    for number, (name, _) in enumerate(_CUTS):
        side = code_modules(texts[name], SymbolFormat.QR).shape[0]
        module_mm = 0.5 if side > 50 else 1.0
        x, y = 12 + 93 * (number % 2), 52 + 112 * (number // 2)
        place = (x + (93 - side * module_mm) / 2, y + 18 + (70 - side * module_mm) / 2)
        codes.append(Code(name, texts[name], SymbolFormat.QR, module_mm, place))
    return tuple(codes)


def _headed(title: str, lines: tuple[str, ...]) -> Sheet:
    """A sheet with TEST on it, its title, what to do with it, and a bar to check the print's scale."""
    sheet = Sheet()
    sheet.box(12, 10, 32, 13, fill="#000000")
    sheet.text(28, 19.6, "TEST", 24, bold=True, ink="#ffffff", align=0.5)
    sheet.text(49, 19.4, title, 20, bold=True)
    y = 30.0
    for line in lines:
        sheet.text(12, y, line, 10.5)
        y += 5.2
    sheet.line((55, 283), (155, 283), stroke_mm=0.5)
    for x in (55, 105, 155):
        sheet.line((x, 281), (x, 285), stroke_mm=0.5)
    sheet.text(
        105, 290, "100 mm: if a ruler says otherwise, print again at 100 %, not “fit to page”", 9, align=0.5
    )
    return sheet


def _draw(sheet: Sheet, code: Code) -> None:
    modules = code.modules()
    sheet.code(*code.at, modules, code.module_mm, inverted=code.inverted)


def _caption(code: Code, words: str) -> tuple[float, float, str]:
    side = code.modules().shape[0] * code.module_mm
    quiet = QUIET_MODULES * code.module_mm if code.inverted else 0
    return code.at[0] + side / 2, code.at[1] + side + quiet + 5.5, words


def _focus_sheet(codes: tuple[Code, ...]) -> Sheet:
    sheet = _headed(
        "doorcheck chart 1: the camera",
        (
            "1. Hold or stand this sheet where visitors hold their phones, so that the frame fills the view.",
            "2. Run: doorcheck camera check",
            "3. Numbers 1 to 5 are of one size: a corner that is not read is out of focus or out of view.",
            f"4. 6 to 9 get finer: a phone's pass is like 8 ({SCREEN_MODULE_MM} mm a module), print like 9.",
        ),
    )
    sheet.box(*FRAME_MM, stroke_mm=0.6)
    for code in codes:
        _draw(sheet, code)
        x, y, words = _caption(code, f"{code.name}   {code.module_mm:g} mm")
        sheet.text(x, y, words, 9, align=0.5)
    _fans(sheet)
    y = FRAME_MM[1] + FRAME_MM[3] + 60
    words = (
        "The codes hold nothing but their number. The two fans show focus to the eye: the lines should part."
    )
    sheet.paragraph(12, y, words, 10.5, 186, ink=_GREY)
    return sheet


def _fans(sheet: Sheet) -> None:
    """Bars of 1, 0.5, 0.35 and 0.25 mm, upright and lying."""
    x, y = 40.0, FRAME_MM[1] + FRAME_MM[3] + 12
    for bar_mm in (1.0, 0.5, 0.35, 0.25):
        for number in range(8):
            sheet.box(x + 2 * bar_mm * number, y, bar_mm, 16, fill="#000000", stroke=None)
            sheet.box(x, y + 20 + 2 * bar_mm * number, 16, bar_mm, fill="#000000", stroke=None)
        sheet.text(x, y - 2, f"{bar_mm:g} mm", 9)
        x += 34


def _pass_sheet(codes: tuple[Code, ...], moment: datetime) -> Sheet:
    person = PEOPLE[0]
    sheet = _headed(
        "doorcheck chart 2: one pass, many symbols",
        (
            f"All of one invented person, {person.forename} {person.surname}: several in view are one pass.",
            f"Good around {moment:%Y-%m-%d}, with the trust list that was written with this chart.",
            "A door in service refuses it. A door on that list says: green, right, and TEST.",
        ),
    )
    for code in codes:
        _draw(sheet, code)
        x, y, words = _caption(code, f"{code.name}, {code.module_mm:g} mm")
        sheet.text(x, y, words, 9, align=0.5)
    return sheet


def _cut_sheet(codes: tuple[Code, ...], moment: datetime) -> Sheet:
    sheet = _headed(
        "doorcheck chart 3: to cut out",
        (
            f"Show one at a time: two at once call the staff, middle. Good around {moment:%Y-%m-%d}.",
            "Wait for the ready dot in between. The same one again within 15 minutes calls the staff, too.",
        ),
    )
    for number, (code, (name, lamp)) in enumerate(zip(codes, _CUTS, strict=True)):
        x, y = 12 + 93 * (number % 2), 52 + 112 * (number // 2)
        sheet.box(x, y, 93, 112, stroke=_GREY, dash_mm=2)
        sheet.text(x + 46.5, y + 11, f"TEST  {name}", 16, bold=True, align=0.5)
        _draw(sheet, code)
        sheet.text(x + 46.5, y + 105, lamp, 12, align=0.5)
    return sheet
