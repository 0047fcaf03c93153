"""The driver board: its circuit, and what its one-shot does over time."""

from __future__ import annotations

from typing import Final

from hardware.making import parts
from hardware.making.wiring import GROUNDS, SUPPLIES

from doorcheck.core.signals import RELAY_MAX_MS
from doorcheck.edge.pins import Output, Pins
from doorcheck.lab.drawing import BLACK, WHITE, Sheet

GREY: Final = "#808080"
ROW_MM: Final = 15.0


def driver(table: Pins) -> Sheet:
    """The circuit: inputs at the left, the ULN2003A in the middle, loads to 5 V at the right."""
    sheet = Sheet(180, 152)
    sheet.text(4, 7, "The driver board", 10, bold=True)
    outputs = sorted(table.outputs, key=lambda each: each[1].driver)
    ohms = {lamp.output: (lamp.leds, lamp.ohm) for lamp in parts.lamps(table)}
    sheet.box(84, 14, 30, ROW_MM * len(outputs) + 6, fill=WHITE, stroke_mm=0.6)
    sheet.text(99, 19, "ULN2003A", 9, bold=True, align=0.5)
    sheet.line((166, 17), (166, 20 + ROW_MM * len(outputs)), stroke_mm=0.8)
    sheet.text(166, 15, "5 V", 9, bold=True, align=0.5)
    for name, output in outputs:
        _channel(sheet, name, output, ohms.get(name))
    foot = 20 + ROW_MM * len(outputs)
    sheet.text(99, foot + 5, "pin 8 to ground, pin 9 (COM) to 5 V", 8, align=0.5)
    supplies = " and ".join(str(pin) for pin, name, _ in SUPPLIES if name == "5 V")
    logic = next(pin for pin, name, _ in SUPPLIES if name == "3.3 V")
    notes = (
        "Each input, the timer's too: 10 kohm to ground. Beside each chip 100 nF; 470 µF where 5 V arrives.",
        f"5 V from header pins {supplies}, 3.3 V from {logic} for the timer alone, "
        f"ground from {', '.join(map(str, GROUNDS))}.",
    )
    for number, words in enumerate(notes):
        sheet.text(4, foot + 12 + 4.5 * number, words, 8)
    return sheet


def _channel(sheet: Sheet, name: str, output: Output, lamp: tuple[int, int] | None) -> None:
    y = 14 + ROW_MM * (output.driver - 0.35)
    sheet.text(4, y + 1.2, f"{name}", 9, bold=True)
    sheet.text(4, y + 5, f"header {output.header}, {output.wire}", 7, ink=GREY)
    if name == "relay":
        sheet.line((24, y), (30, y), stroke_mm=0.5)
        _timer(sheet, 30, y)
        sheet.line((78, y), (84, y), stroke_mm=0.5)
    else:
        sheet.line((28, y), (84, y), stroke_mm=0.5)
        _pull_down(sheet, 60, y)
    sheet.text(86, y + 1.2, f"{output.driver}", 8)
    sheet.text(112, y + 1.2, f"{17 - output.driver}", 8, align=1)
    sheet.line((114, y), (120, y), stroke_mm=0.5)
    sheet.line((158, y), (166, y), stroke_mm=0.5)
    words = {
        "buzzer": ("piezo, 1k across it", "or a 5 V buzzer"),
        "relay": ("relay, 5 V coil", "NO and COM to the door"),
        "illuminator": ("white LED strip", f"at most {output.load_max_ma} mA"),
    }
    if lamp:
        leds, ohm = lamp
        words[name] = (f"{leds} × (LED + {ohm} ohm)", "cathodes to the driver")
    sheet.box(120, y - 5, 38, 10, fill=WHITE, stroke_mm=0.4)
    for number, line in enumerate(words[name]):
        sheet.text(139, y - 0.6 + 3.6 * number, line, 7, align=0.5)


def _pull_down(sheet: Sheet, x: float, y: float) -> None:
    sheet.circle((x, y), 0.6, fill=BLACK)
    sheet.line((x, y), (x, y + 2), stroke_mm=0.4)
    sheet.box(x - 1, y + 2, 2, 4, fill=WHITE, stroke_mm=0.4)
    sheet.line((x, y + 6), (x, y + 7.2), stroke_mm=0.4)
    sheet.line((x - 1.6, y + 7.2), (x + 1.6, y + 7.2), stroke_mm=0.6)
    sheet.text(x + 2, y + 5, "10k", 7)


def _timer(sheet: Sheet, x: float, y: float) -> None:
    """The one-shot as a box with its wiring in words."""
    shot = parts.one_shot()
    sheet.box(x, y - 6.8, 48, 13.6, fill="#f2f2ea", stroke_mm=0.5)
    lines = (
        "CMOS 555: input to pin 4, 10 kohm to 2",
        "pin 2: 100 nF to ground; output is pin 3",
        f"6, 7: {shot.ohm // 1000} kohm to 3.3 V, {shot.farad * 1e6:g} µF to gnd",
        "pin 8 to 3.3 V, pin 1 to ground, 5 open",
    )
    for number, words in enumerate(lines):
        sheet.text(x + 1, y - 3.6 + 3 * number, words, 6)


def one_shot_timeline() -> Sheet:
    """A pin that hangs high, and a relay that opens all the same."""
    shortest, nominal, longest = parts.one_shot().seconds
    sheet = Sheet(150, 62)
    sheet.text(4, 7, "The pin hangs high; the one-shot opens the relay", 10, bold=True)
    left, second = 34.0, 24.0
    for number in range(5):
        x = left + number * second
        sheet.line((x, 50), (x, 52), stroke_mm=0.3)
        sheet.text(x, 56, f"{number} s", 8, align=0.5)
    sheet.line((left - 6, 50), (left + 4.4 * second, 50), stroke_mm=0.3)
    _wave(sheet, 14, "GPIO, hung", (left, left + 4.4 * second))
    _wave(sheet, 26, "relay", (left, left + nominal * second))
    _wave(sheet, 38, "a good opening", (left, left + RELAY_MAX_MS / 1000 * second))
    for at in (shortest, longest):
        sheet.line((left + at * second, 20), (left + at * second, 34), stroke=GREY, dash_mm=1)
    sheet.text(left + longest * second + 2, 28, f"{shortest:.1f} to {longest:.1f} s", 8)
    return sheet


def _wave(sheet: Sheet, y: float, words: str, high: tuple[float, float]) -> None:
    sheet.text(4, y + 6, words, 8)
    end = 34 + 4.4 * 24.0
    points = [(28.0, y + 7), (high[0], y + 7), (high[0], y), (high[1], y)]
    if high[1] < end:
        points += [(high[1], y + 7), (end, y + 7)]
    sheet.line(*points, stroke_mm=0.7)
