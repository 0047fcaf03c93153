"""Which pin does what: `hardware/pins.toml`, read and checked.

The file in the repository is the one truth; the package carries a copy of it, `pins.toml`
beside this module, which `.ci/generate` writes with `packaged`.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

PACKAGED: Final = Path(__file__).with_name("pins.toml")
SOURCE: Final = "hardware/pins.toml"

HEADER: Final = {
    **{3: 2, 5: 3, 7: 4, 8: 14, 10: 15, 11: 17, 12: 18, 13: 27, 15: 22, 16: 23, 18: 24, 19: 10, 21: 9},
    **{22: 25, 23: 11, 24: 8, 26: 7, 27: 0, 28: 1, 29: 5, 31: 6, 32: 12, 33: 13, 35: 19, 36: 16, 37: 26},
    **{38: 20, 40: 21},
}
"""The BCM number behind each pin of the 40-pin header that is a GPIO."""

GROUND: Final = (6, 9, 14, 20, 25, 30, 34, 39)
"""The header's ground pins."""

RESERVED: Final = {
    **dict.fromkeys((0, 1), "the identification EEPROM of a HAT"),
    **dict.fromkeys((2, 3), "I2C, where the DS3231 clock is"),
    **dict.fromkeys((7, 8, 9, 10, 11), "SPI, which HATs need"),
    **dict.fromkeys((14, 15), "the UART, for a console on the bench"),
}
"""BCM numbers that belong to others."""

PULLED_DOWN: Final = range(9, 28)
"""BCM numbers that are inputs with a pull-down from power-on; 0 to 8 are pulled up."""

HARDWARE_PWM: Final = (12, 13, 18, 19)
"""BCM numbers with a hardware PWM."""

DRIVER_MAX_MA: Final = 500
"""One channel of the ULN2003A (data sheet: collector current)."""


class PinsError(Exception):
    """The table of pins can't be used; the text names the pin and says why."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file."""


Bcm = Annotated[int, msgspec.Meta(ge=0, le=27)]
HeaderPin = Annotated[int, msgspec.Meta(ge=1, le=40)]
Words = Annotated[str, msgspec.Meta(min_length=8, max_length=120, pattern=r"^[^\n]*$")]


class Jumpered(_Table, frozen=True, kw_only=True):
    """A pin of the loop-back test."""

    bcm: Bcm
    header: HeaderPin
    why: Words


class Output(_Table, frozen=True, kw_only=True):
    """A pin that drives something: active high, through one channel of the driver."""

    bcm: Bcm
    header: HeaderPin
    wire: Annotated[str, msgspec.Meta(pattern=r"^(BK|BN|RD|OG|YE|GN|BU|VT|GY|WH|PK|TQ)$")]
    """Colour by IEC 60757."""
    driver: Annotated[int, msgspec.Meta(ge=1, le=7)]
    part: Words
    load_max_ma: Annotated[int, msgspec.Meta(gt=0, le=DRIVER_MAX_MA)]
    safe: Literal["low"]
    why: Words


class Outputs(_Table, frozen=True, kw_only=True):
    """Every output of the box."""

    red: Output
    amber: Output
    ready: Output
    green: Output
    buzzer: Output
    relay: Output
    illuminator: Output

    def __iter__(self) -> Iterator[tuple[str, Output]]:
        """Name and pin of each, in the file's order."""
        return ((name, getattr(self, name)) for name in self.__struct_fields__)


class LoopBack(_Table, frozen=True, kw_only=True):
    """Two pins that a jumper joins on the bench."""

    drive: Jumpered
    read: Jumpered


class Pins(_Table, frozen=True, kw_only=True):
    """`pins.toml`."""

    format: Literal[1]
    outputs: Outputs
    loop_back: LoopBack

    def __iter__(self) -> Iterator[tuple[str, Output | Jumpered]]:
        """Name and pin of everything that is in use."""
        yield from self.outputs
        yield "loop_back.drive", self.loop_back.drive
        yield "loop_back.read", self.loop_back.read

    def bcm(self) -> dict[str, int]:
        """The BCM number of each output."""
        return {name: output.bcm for name, output in self.outputs}


def parse(data: bytes) -> Pins:
    """Read and check a table of pins. Raises `PinsError`."""
    try:
        pins = msgspec.convert(tomllib.loads(data.decode()), Pins)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise PinsError(f"{SOURCE}: {error}") from error
    for what, of in (("BCM number", "bcm"), ("header pin", "header")):
        _check_unique(what, [getattr(pin, of) for _, pin in pins])
    _check_unique("wire colour", [output.wire for _, output in pins.outputs])
    _check_unique("driver channel", [output.driver for _, output in pins.outputs])
    for name, pin in pins:
        _check_place(name, pin)
    if pins.outputs.buzzer.bcm not in HARDWARE_PWM:
        raise PinsError(f"{SOURCE}: buzzer: GPIO {pins.outputs.buzzer.bcm} has no hardware PWM")
    return pins


def load(path: Path = PACKAGED) -> Pins:
    """The pins of this installation. Raises `PinsError`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PinsError(f"{path}: {error.strerror}; install doorcheck again") from error
    return parse(data)


def packaged(source: str) -> str:
    """The text of the package's copy, made from the text of `hardware/pins.toml`. Raises `PinsError`."""
    parse(source.encode())
    return f"# Generated by `.ci/generate` from {SOURCE}: change it there.\n\n{source}"


def _check_unique(what: str, values: list[int] | list[str]) -> None:
    for value, count in Counter(values).items():
        if count > 1:
            raise PinsError(f"{SOURCE}: {what} {value} is used {count} times")


def _check_place(name: str, pin: Output | Jumpered) -> None:
    if HEADER.get(pin.header) != pin.bcm:
        raise PinsError(f"{SOURCE}: {name}: header pin {pin.header} is not GPIO {pin.bcm}")
    if pin.bcm in RESERVED:
        raise PinsError(f"{SOURCE}: {name}: GPIO {pin.bcm} belongs to {RESERVED[pin.bcm]}")
    if pin.bcm not in PULLED_DOWN:
        raise PinsError(f"{SOURCE}: {name}: GPIO {pin.bcm} is pulled up at power-on")
