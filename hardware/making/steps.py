"""The bring-up guide's pictures of the box: sections, the header, the front, the door."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from hardware.making import schematic
from hardware.making.wiring import CLOCK, GROUNDS, SUPPLIES

from doorcheck.edge.pins import HEADER, Pins
from doorcheck.lab import card, masks
from doorcheck.lab.drawing import BLACK, WHITE, Sheet

FOLDER: Final = Path(__file__).parents[1] / "bringup"
GREY, PALE, GLASS, OPAL, BOARD, METAL = "#59616d", "#c9ced6", "#9fc8dc", "#e9e4d4", "#2e7d4f", "#9a9a9a"

INKS: Final = {
    "RD": "#d7301f", "OG": "#f08a10", "WH": "#ffffff", "GN": "#00875f", "BU": "#2860c8", "VT": "#8a3ab9",
    "GY": "#808080", "BN": "#7a4a21", "YE": "#f5d800", "BK": "#000000",
}  # fmt: skip
"""IEC 60757 colours of wires, for paper."""

Point = tuple[float, float]


def pointed(sheet: Sheet, at: Point, words_at: Point, *lines: str) -> None:
    """Words with a line to what they are about."""
    sheet.line((words_at[0] - 1, words_at[1] - 1), at, stroke=GREY, stroke_mm=0.2)
    sheet.circle(at, 0.5, fill=GREY, stroke=None)
    for number, words in enumerate(lines):
        sheet.text(words_at[0], words_at[1] + 3.6 * number, words, 8)


def lamp_section() -> Sheet:
    """A lamp from above, cut through: face down, as one assembles it."""
    sheet = Sheet(150, 62)
    sheet.text(4, 7, "A lamp, cut through; the front lies on its face", 10, bold=True)
    for left, width in ((8, 22), (48, 22)):
        sheet.box(left, 48, width, 4, fill=GREY, stroke=None)
    for x in (16.0, 58.0):
        sheet.box(x, 16, 2.4, 32, fill=GREY, stroke=None)
    sheet.box(18.8, 45, 38.8, 3, fill=OPAL)
    sheet.box(15, 12.5, 46.4, 3.2, fill=BOARD)
    for x in (25.0, 32.5, 40.0, 47.5):
        sheet.box(x, 15.7, 4, 4.2, fill=WHITE)
        sheet.circle((x + 2, 20.4), 2, fill=WHITE)
    for screw in (17.2, 59.2):
        sheet.box(screw - 1.6, 10.5, 3.2, 2, fill=METAL)
        sheet.line((screw, 12.5), (screw, 22), stroke=METAL, stroke_mm=1)
    sheet.line((64, 22), (64, 45), stroke_mm=0.2)
    sheet.text(65, 34.5, "22 mm", 8)
    pointed(sheet, (52, 46.5), (86, 44), "opal sheet, corners clipped,", "against the front")
    pointed(sheet, (60, 14), (86, 14), "lamp board, LEDs inwards,", "four screws M2.5")
    pointed(sheet, (59, 30), (86, 28), "the chamber keeps its light", "from the next lamp")
    pointed(sheet, (40, 50), (86, 57), "the window: cross, mark or tick")
    return sheet


def camera_section(lens_to_face_mm: float) -> Sheet:
    """The camera, cut through."""
    sheet = Sheet(150, 66)
    sheet.text(4, 7, "The camera, cut through; the front lies on its face", 10, bold=True)
    for left in (8, 52):
        sheet.box(left, 54, 20, 4, fill=GREY, stroke=None)
    sheet.box(22, 50.5, 36, 3.5, fill=GLASS)
    for x in (18, 59.4):
        sheet.box(x, 34, 2.6, 20, fill=GREY, stroke=None)
    for left in (12, 47):
        sheet.box(left, 30, 21, 4, fill=GREY, stroke=None)
    sheet.box(24, 23, 32, 3, fill=BOARD)
    for x in (26, 51):
        sheet.box(x, 26, 3, 4, fill=GREY, stroke=None)
    sheet.box(33.5, 26, 13, 14, fill=BLACK)
    sheet.box(36.5, 40, 7, 4, fill=METAL)
    sheet.box(30, 19.5, 20, 3.5, fill=PALE)
    sheet.line((50, 21), (60, 21), (64, 15), stroke="#d8d8e8", stroke_mm=1.6)
    sheet.line((40, 44), (28, 62), stroke=GREY, stroke_mm=0.2, dash_mm=1)
    sheet.line((40, 44), (52, 62), stroke=GREY, stroke_mm=0.2, dash_mm=1)
    sheet.line((74, 44), (74, 58), stroke_mm=0.2)
    sheet.text(75, 52, f"{lens_to_face_mm:g} mm", 8)
    pointed(sheet, (55, 52.3), (98, 60), "clear sheet, glued at its rim,", "clean before it goes in")
    pointed(sheet, (60.6, 42), (98, 48), "light shield: no lamp shines", "into the lens")
    pointed(sheet, (64, 32), (98, 36), "carrier, four screws M2.5", "into the shield's posts")
    pointed(sheet, (54, 24.5), (98, 24), "camera, four screws M2,", "its plug towards the bottom")
    pointed(sheet, (62, 18), (98, 13), "cable: contacts as the boards say,", "one gentle turn, no kink")
    return sheet


def header(table: Pins) -> Sheet:
    """The 40 pins with what goes on them, seen from above, pin 1 upper left."""
    sheet = Sheet(150, 178)
    sheet.text(4, 7, "The header, seen from above; pin 1 is at the card's end of the board", 10, bold=True)
    used = {output.header: (output.wire, f"{name}   GPIO {output.bcm}") for name, output in table.outputs}
    used |= {pin: (colour, name) for pin, name, colour in SUPPLIES}
    used |= dict.fromkeys(GROUNDS, ("BK", "ground"))
    others = {pin: f"{name}, to the DS3231" for pin, name, _ in CLOCK}
    others |= {
        table.loop_back.drive.header: "for the loop-back jumper",
        table.loop_back.read.header: "the same jumper",
    }
    sheet.box(64, 11, 22, 164, stroke=GREY, fill=PALE)
    for pin in range(1, 41):
        right = pin % 2 == 0
        x, y = 79.0 if right else 71.0, 15.5 + 8.1 * ((pin - 1) // 2)
        wire, words = used.get(pin, (None, others.get(pin, "")))
        if pin == 1:
            sheet.box(x - 3.4, y - 3.4, 6.8, 6.8, stroke_mm=0.5)
        sheet.circle((x, y), 2.7, fill=INKS[wire] if wire else WHITE, stroke=BLACK if wire else GREY)
        sheet.text(x, y + 1.1, str(pin), 7, bold=bool(wire), align=0.5, ink=_readable(wire))
        if wire:
            end = 92.0 if right else 58.0
            sheet.line((x + (2.7 if right else -2.7), y), (end, y), stroke=BLACK, stroke_mm=1.9)
            sheet.line((x + (2.7 if right else -2.7), y), (end, y), stroke=INKS[wire], stroke_mm=1.4)
            words = f"{words}   {wire}" if right else f"{wire}   {words}"
        sheet.text(
            94 if right else 56, y + 1.2, words, 9, bold=bool(wire), align=0 if right else 1, ink=BLACK
        )
    if any(HEADER.get(output.header) != output.bcm for _, output in table.outputs):
        raise ValueError("pins.toml: a header pin is not the GPIO it says")
    return sheet


def _readable(wire: str | None) -> str:
    return WHITE if wire in ("RD", "GN", "BU", "VT", "BN", "BK", "GY") else BLACK


def front(*lit: str, words: str) -> Sheet:
    """The front with those lamps lit."""
    sheet = Sheet(110, 60)
    sheet.text(4, 7, words, 10, bold=True)
    card.picture(sheet, 8, 11, 94, lit)
    return sheet


def stand(lens_to_face_mm: float, lens_to_pass_mm: int) -> Sheet:
    """Box and chart from the side."""
    sheet = Sheet(150, 70)
    sheet.text(4, 7, "The chart where visitors hold their phones, square to the window", 10, bold=True)
    sheet.box(6, 14, 3, 50, fill=PALE, stroke=None)
    sheet.box(9, 17, 22, 44, fill=GREY, stroke=None)
    sheet.box(29.6, 36, 1.6, 9, fill=GLASS, stroke=None)
    lens = (28.0, 40.5)
    for y in (18.5, 62.5):
        sheet.line(lens, (112, y), stroke=GREY, stroke_mm=0.2, dash_mm=1.5)
    sheet.box(112, 15, 1.4, 51, fill=BLACK, stroke=None)
    sheet.line(lens, (112, 40.5), stroke_mm=0.3)
    sheet.text(70, 39, f"{lens_to_pass_mm} mm from the lens", 9, align=0.5)
    sheet.text(70, 45, f"{lens_to_pass_mm - lens_to_face_mm:.0f} mm from the front", 9, align=0.5)
    sheet.text(116, 36, "chart.pdf,", 9)
    sheet.text(116, 40.5, "sheet 1, its", 9)
    sheet.text(116, 45, "frame in view", 9)
    sheet.text(9, 67, "box", 9)
    return sheet


def door() -> Sheet:
    """The contact at the door controller, and the way out that does not depend on the box."""
    sheet = Sheet(150, 66)
    sheet.text(4, 7, "The box asks; the door controller opens; the way out asks nobody", 10, bold=True)

    def block(x: float, y: float, width: float, height: float, *lines: str) -> None:
        sheet.box(x, y, width, height, fill=WHITE, stroke_mm=0.5)
        for number, words in enumerate(lines):
            sheet.text(
                x + width / 2,
                y + height / 2 + 1.2 + 4.2 * (number - (len(lines) - 1) / 2),
                words,
                9,
                align=0.5,
            )

    block(6, 14, 34, 18, "the box", "relay: NO, COM")
    block(62, 14, 38, 18, "door controller", "request input")
    block(118, 14, 26, 18, "lock", "")
    sheet.line((40, 20), (62, 20), stroke_mm=0.8)
    sheet.line((40, 26), (62, 26), stroke_mm=0.8)
    sheet.text(51, 18, "dry contact", 7, align=0.5)
    sheet.line((100, 23), (118, 23), stroke_mm=0.8)
    block(62, 44, 38, 16, "exit button, fire alarm", "cut the lock's power")
    sheet.line((100, 52), (131, 52), (131, 32), stroke_mm=0.8)
    sheet.text(6, 46, "The controller's own time limit", 8)
    sheet.text(6, 50, "is the last line: set it to the", 8)
    sheet.text(6, 54, "shortest that people can use.", 8)
    return sheet


def pictures(table: Pins, lens_to_face_mm: float, lens_to_pass_mm: int) -> dict[str, Sheet]:
    """Every drawn picture of the guide, by file name."""
    every = [name for name, _ in masks.WINDOWS]
    return {
        "driver": schematic.driver(table),
        "one-shot": schematic.one_shot_timeline(),
        "lamp": lamp_section(),
        "camera": camera_section(lens_to_face_mm),
        "header": header(table),
        "panel": front(*every, "ready", words="Cross left, mark middle, tick right, and the dot"),
        "stand": stand(lens_to_face_mm, lens_to_pass_mm),
        "admit": front("green", words="The cut-out “valid”: the tick, right"),
        "door": door(),
    }
