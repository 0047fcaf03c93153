"""The wiring: WireViz source written from `hardware/pins.toml`, and its picture."""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path
from typing import Final

from hardware.making import parts
from hardware.making.tools import ToolError, run, tool

from doorcheck.edge.pins import Output, Pins

FOLDER: Final = Path(__file__).parents[1] / "wiring"
SOURCE: Final = FOLDER / "doorcheck.yml"
PICTURE: Final = FOLDER / "doorcheck.svg"

SUPPLIES: Final = ((2, "5 V", "BN"), (4, "5 V", "BN"), (17, "3.3 V", "YE"))
GROUNDS: Final = (14, 20, 34)
"""Header pins, names and colours of what is no signal; the colours are no output's."""

CLOCK: Final = ((1, "3.3 V", "YE"), (3, "SDA", "WHBU"), (5, "SCL", "WHGN"), (9, "GND", "BK"))
"""The DS3231 of boards without a clock of their own, on a plug of its own."""

NAMES: Final = {
    "red": "Lamp, cross, left",
    "amber": "Lamp, exclamation mark, middle",
    "green": "Lamp, tick, right",
    "ready": "Ready dot",
    "buzzer": "Sounder",
    "illuminator": "Illuminator",
}


def yaml(table: Pins) -> str:
    """`wiring/doorcheck.yml`: header, driver board, one plug for each load, the door's contact."""
    outputs = sorted(table.outputs, key=lambda each: each[1].driver)
    return (
        "\n".join(
            [
                "# Generated from hardware/pins.toml by `hardware/make wiring`: change nothing here.",
                "metadata:",
                "  title: doorcheck, wiring",
                "",
                "connectors:",
                *_header(outputs),
                *_driver(outputs),
                *(line for name, output in outputs for line in _load(name, output)),
                *_door(),
                *_clock(),
                "",
                "cables:",
                *_cable(
                    "W1",
                    [output.wire for _, output in outputs] + _rail_colours(),
                    "to the driver, 0.14 mm2",
                    0.2,
                ),
                *(
                    line
                    for number, (name, output) in enumerate(_loads(outputs), 2)
                    for line in _cable(f"W{number}", ["BN", output.wire], _amount(output), 0.25)
                ),
                *_cable("W8", ["WH", "BN"], "two wires, up to 24 V and 0.5 A", 5),
                *_cable("W9", [colour for _, _, colour in CLOCK], "not on a Pi 5, which has a clock", 0.15),
                "",
                "connections:",
                *_joined("X1", _header_pins(outputs), "W1", "X2", range(1, len(outputs) + 7)),
                *(
                    line
                    for number, (name, _) in enumerate(_loads(outputs), 2)
                    for line in _joined("X2", [f"+{name}", f"-{name}"], f"W{number}", f"X_{name}", (1, 2))
                ),
                *_joined("X2", ["NO", "COM"], "W8", "X_door", (1, 2)),
                *_joined("X1", [pin for pin, _, _ in CLOCK], "W9", "X_clock", (1, 2, 3, 4)),
            ]
        )
        + "\n"
    )


def _loads(outputs: list[tuple[str, Output]]) -> list[tuple[str, Output]]:
    return [(name, output) for name, output in outputs if name in NAMES]


def _amount(output: Output) -> str:
    return f"at most {output.load_max_ma} mA"


def _rail_colours() -> list[str]:
    return [colour for _, _, colour in SUPPLIES] + ["BK"] * len(GROUNDS)


def _header_pins(outputs: list[tuple[str, Output]]) -> list[int]:
    return [output.header for _, output in outputs] + [pin for pin, _, _ in SUPPLIES] + list(GROUNDS)


def _header(outputs: list[tuple[str, Output]]) -> list[str]:
    labels = {output.header: f"GPIO {output.bcm} {name}" for name, output in outputs}
    labels |= {pin: name for pin, name, _ in (*SUPPLIES, *CLOCK)}
    labels |= dict.fromkeys(GROUNDS, "GND")
    pins = sorted(labels)
    return _connector("X1", "Raspberry Pi, 40-pin header", "socket 2x20", pins, [labels[pin] for pin in pins])


def _driver(outputs: list[tuple[str, Output]]) -> list[str]:
    ways: dict[int | str, str] = {
        number: f"{'one-shot, then ' if name == 'relay' else ''}IN{output.driver} {name}"
        for number, (name, output) in enumerate(outputs, 1)
    }
    rails = [name for _, name, _ in SUPPLIES] + ["GND"] * len(GROUNDS)
    ways |= dict(enumerate(rails, len(outputs) + 1))
    for name, output in _loads(outputs):
        ways[f"+{name}"] = "5 V"
        ways[f"-{name}"] = f"OUT{output.driver}{' through R' if name in _WITH_RESISTORS else ''}"
    ways |= {"NO": "relay, normally open", "COM": "relay, common"}
    return _connector("X2", "Driver board", "ULN2003A, one-shot, relay", list(ways), list(ways.values()))


_WITH_RESISTORS: Final = ("red", "amber", "green", "ready")


def _load(name: str, output: Output) -> list[str]:
    return [] if name not in NAMES else _connector(f"X_{name}", NAMES[name], output.part, [1, 2], ["+", "-"])


def _door() -> list[str]:
    words = "a dry contact into the door controller's request input; never the lock's own current"
    return _connector("X_door", "Door controller", words, [1, 2], ["request", "common"])


def _clock() -> list[str]:
    return _connector(
        "X_clock", "DS3231", "clock with its cell", [1, 2, 3, 4], [name for _, name, _ in CLOCK]
    )


def _connector(
    name: str, kind: str, notes: str, pins: list[int] | list[int | str], labels: list[str]
) -> list[str]:
    return [
        f"  {name}:",
        f"    type: {_quoted(kind)}",
        f"    notes: {_quoted(notes)}",
        f"    pins: [{', '.join(_quoted(pin) if isinstance(pin, str) else str(pin) for pin in pins)}]",
        f"    pinlabels: [{', '.join(map(_quoted, labels))}]",
    ]


def _cable(name: str, colours: list[str], notes: str, metres: float) -> list[str]:
    return [
        f"  {name}:",
        f"    wirecount: {len(colours)}",
        f"    length: {metres:g}",
        f"    colors: [{', '.join(colours)}]",
        f"    notes: {_quoted(notes)}",
    ]


def _joined(
    left: str, left_pins: list[int] | list[str], cable: str, right: str, right_pins: range | tuple[int, ...]
) -> list[str]:
    ends = (left_pins, range(1, len(left_pins) + 1), right_pins)
    told = [
        f"[{', '.join(_quoted(end) if isinstance(end, str) else str(end) for end in way)}]" for way in ends
    ]
    return ["  -", *(f"    - {name}: {way}" for name, way in zip((left, cable, right), told, strict=True))]


def _quoted(words: str) -> str:
    return '"' + words.replace("\\", "\\\\").replace('"', '\\"') + '"'


def mark(source: str) -> str:
    """What the picture says of the source it was drawn from."""
    return f"drawn from doorcheck.yml, SHA-256 {hashlib.sha256(source.encode()).hexdigest()}"


def draw(source: str) -> str:
    """The source as SVG, the same on every day: without dates and paths. Raises `ToolError`."""
    tool("dot")
    with tempfile.TemporaryDirectory(prefix="doorcheck-wiring-") as folder:
        path = Path(folder) / "doorcheck.yml"
        path.write_text(source, encoding="utf-8")
        run([tool("wireviz"), "-f", "s", path])
        drawn = path.with_suffix(".svg")
        if not drawn.is_file():
            raise ToolError(
                "wireviz said nothing and drew nothing: try `wireviz hardware/wiring/doorcheck.yml`"
            )
        picture = drawn.read_text(encoding="utf-8")
    picture = re.sub(r"<!--.*?-->\s*", "", picture, flags=re.DOTALL)
    return re.sub(r"(<svg\b)", f"<!-- {mark(source)} -->\n\\1", picture, count=1)


def write() -> list[Path]:
    """Write the source, then the picture; the source needs no tool. Raises `ToolError`."""
    source = yaml(parts.pins())
    SOURCE.write_text(source, encoding="utf-8")
    PICTURE.write_text(draw(source), encoding="utf-8")
    return [SOURCE, PICTURE]
