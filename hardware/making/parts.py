"""The parts' electrics: currents and times computed from the pins' limits and the signals' times.

Worst cases are those of the data sheets' corners: the supply at its highest, driver and
LED at their lowest drop, for the most current; the other way round for the least.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from doorcheck.core.signals import RELAY_MAX_MS
from doorcheck.edge.pins import Pins, load

ROOT: Final = Path(__file__).parents[1]
SUPPLY_V: Final = (4.75, 5.0, 5.25)
"""Of the header's 5 V pins: least, nominal, most."""
LOGIC_V: Final = 3.3
DRIVER_V: Final = (0.6, 0.8, 1.0)
"""Across a channel of the ULN2003A at 10 to 50 mA."""
DRIVER_INPUT_OHM: Final = 2700
DRIVER_INPUT_V: Final = 1.4
DRIVER_PACKAGE_W: Final = 1.0
"""What a DIP-16 may turn into heat at 50 °C."""

E24: Final = (10, 11, 12, 13, 15, 16, 18, 20, 22, 24, 27, 30, 33, 36, 39, 43, 47, 51, 56, 62, 68, 75, 82, 91)


@dataclass(frozen=True, slots=True)
class Lamp:
    """LEDs side by side, each with its own resistor. `forward_v`: least, typical, most."""

    output: str
    leds: int
    forward_v: tuple[float, float, float]
    wish_ma: float
    load_max_ma: int

    @property
    def led_max_ma(self) -> float:
        """What one LED may draw at most: the wish, or its share of the pin's limit."""
        return min(self.wish_ma, self.load_max_ma / self.leds)

    @property
    def ohm(self) -> int:
        """The smallest resistor of E24 that keeps every LED below its limit."""
        return e24_above((SUPPLY_V[2] - DRIVER_V[0] - self.forward_v[0]) / self.led_max_ma * 1000)

    @property
    def led_ma(self) -> tuple[float, float, float]:
        """The current of one LED: least, typical, most."""
        (low, middle, high), (near, usual, far) = SUPPLY_V, self.forward_v
        drops = (low - DRIVER_V[2] - far, middle - DRIVER_V[1] - usual, high - DRIVER_V[0] - near)
        least, typical, most = (volt / self.ohm * 1000 for volt in drops)
        return least, typical, most


@dataclass(frozen=True, slots=True)
class OneShot:
    """A CMOS 555 that opens the relay when the software forgets to: high for `seconds` at most.

    Its reset is the GPIO itself, so low means open at once. Its trigger is the GPIO behind
    an RC, so a rising edge starts one pulse and a line that stays high starts no other.
    """

    ohm: int
    farad: float = 4.7e-6
    ohm_tolerance: float = 0.01
    farad_tolerance: float = 0.10
    timer_tolerance: float = 0.03
    trigger_ohm: int = 10_000
    trigger_farad: float = 100e-9

    @property
    def seconds(self) -> tuple[float, float, float]:
        """The pulse: shortest, nominal, longest. ln 3 is the 555's own (2/3 of the supply)."""
        nominal = math.log(3) * self.ohm * self.farad
        spread = (1 + self.ohm_tolerance) * (1 + self.farad_tolerance) * (1 + self.timer_tolerance)
        shrink = (1 - self.ohm_tolerance) * (1 - self.farad_tolerance) * (1 - self.timer_tolerance)
        return nominal * shrink, nominal, nominal * spread

    @property
    def trigger_ms(self) -> float:
        """How long the trigger stays low after the edge: to a third of the supply."""
        return math.log(1.5) * self.trigger_ohm * self.trigger_farad * 1000


def e24_above(ohm: float) -> int:
    """The smallest value of the E24 series that is not below. Raises `ValueError` below 1 ohm."""
    if ohm < 1:
        raise ValueError(f"{ohm:.2f} ohm: nothing is left for a resistor; use fewer or other LEDs")
    decade = 10.0 ** (math.floor(math.log10(ohm)) - 1)
    return round(next(value * decade for value in (*E24, 100) if value * decade >= ohm - 1e-9))


def pins() -> Pins:
    """`hardware/pins.toml`. Raises `PinsError`."""
    return load(ROOT / "pins.toml")


def lamps(table: Pins) -> tuple[Lamp, ...]:
    """The four lamps; red and amber are AlInGaP, green and white InGaN."""

    def lamp(output: str, leds: int, forward_v: tuple[float, float, float], wish_ma: float) -> Lamp:
        return Lamp(output, leds, forward_v, wish_ma, getattr(table.outputs, output).load_max_ma)

    return (
        lamp("red", 4, (1.8, 2.0, 2.4), 15),
        lamp("amber", 4, (1.8, 2.1, 2.4), 15),
        lamp("green", 4, (2.7, 3.0, 3.3), 15),
        lamp("ready", 1, (2.7, 3.0, 3.3), 8),
    )


def one_shot() -> OneShot:
    """The smallest resistor whose shortest pulse still outlasts the longest that a verdict asks for."""
    wanted_s = RELAY_MAX_MS / 1000 * 1.02
    shortest_per_ohm = OneShot(1).seconds[0]
    return OneShot(e24_above(wanted_s / shortest_per_ohm))


def gpio_ma() -> float:
    """What a GPIO gives the driver's input."""
    return (LOGIC_V - DRIVER_INPUT_V) / DRIVER_INPUT_OHM * 1000


def coil_least_v() -> float:
    """What the relay's coil gets in the worst case."""
    return SUPPLY_V[0] - DRIVER_V[1] - 0.1


def driver_w(table: Pins) -> float:
    """The driver's heat with every output on at its limit, 1.2 V across those above 100 mA."""
    loads = [output.load_max_ma / 1000 for _, output in table.outputs]
    return sum(ampere * (1.2 if ampere > 0.1 else DRIVER_V[2]) for ampere in loads)


def supply_ma(table: Pins) -> int:
    """What all loads draw from the header's 5 V pins at their limits."""
    return sum(output.load_max_ma for _, output in table.outputs)
