"""The panel's outputs as gpiozero devices, and gpiozero's pins on our lines.

gpiozero gets one explicit pin factory, ours: its own chain of fallbacks is silent, and one
request for all lines lets lamps change together and begin without a click.

A tone is made by software, edge by edge. So it needs a living process, and one that dies or
freezes is silent; a hardware PWM would sound on, would need its own overlay on each board, and
a way around the service's read-only /sys. One thread does everything: whoever owns the factory
calls `turn` at each `due_s`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

from gpiozero import LED, Buzzer, OutputDevice, PWMOutputDevice
from gpiozero.exc import PinInvalidFunction, PinInvalidPin, PinPWMFixedValue
from gpiozero.pins.pi import PiFactory, PiPin

from doorcheck.core.signals import DARK, Panel
from doorcheck.edge.guardian import Orders
from doorcheck.edge.lines import Lines

REVISION: Final = 0xC03114
"""A board for gpiozero's tables (Pi 4): the 40-pin header is the same on all, and so nothing is
read from /proc."""

SPIN_S: Final = 100e-6
"""The last stretch before an edge is waited for awake: sleeping ends some 90 µs late."""

FULL_DUTY, SOFT_DUTY = 0.5, 1 / 16
"""The loudest share of high in a tone's period, and one of about a fifth of its amplitude: the
fundamental of a pulse train goes with sin(pi * duty)."""

LAMPS: Final = ("red", "amber", "ready", "green")


class GpiodPin(PiPin):  # type: ignore[misc] # gpiozero has no types
    """One output line. With a frequency its state is a duty cycle."""

    def __init__(self, factory: GpiodFactory, info: Any) -> None:
        super().__init__(factory, info)
        self.bcm = int(info.name.removeprefix("GPIO"))
        if self.bcm not in factory.lines.outputs:
            raise PinInvalidPin(f"{info.name} is not an output of this box: see hardware/pins.toml")
        self._hz: float | None = None
        self._duty = 0.0
        self._high = False
        self.due_s: float | None = None
        """When the next edge of a tone is due."""

    def close(self) -> None:
        """End its tone. The factory's `close` makes all lines inactive, at once."""
        self._hz, self.due_s = None, None

    def turn(self, now_s: float) -> None:
        """Make the edge of a tone that is due; edges that were missed are left out."""
        if self._hz is None or self.due_s is None or now_s < self.due_s:
            return
        period_s = 1 / self._hz
        high_s = period_s * self._duty
        self._level(not self._high)
        if self._high and high_s < 2 * SPIN_S:
            while time.monotonic() < now_s + high_s:
                pass
            self._level(False)
            high_s = 0.0
        self.due_s += high_s if self._high else period_s - high_s
        if self.due_s < now_s - period_s:
            self.due_s = now_s

    def _get_function(self) -> str:
        return "output"

    def _set_function(self, value: str) -> None:
        if value != "output":
            raise PinInvalidFunction(f"{self!r} is an output and stays one")

    def _get_state(self) -> float | bool:
        return self._high if self._hz is None else self._duty

    def _set_state(self, value: float) -> None:
        self._drive(value)

    def _get_frequency(self) -> float | None:
        return self._hz

    def _set_frequency(self, value: float | None) -> None:
        if value is not None and value <= 0:
            raise PinPWMFixedValue(f"{value} Hz is no tone")
        self._hz = value
        self._drive(self._duty if value is not None else 0.0)

    def _drive(self, duty: float) -> None:
        self._duty = duty
        sounds = self._hz is not None and 0 < duty < 1
        self.due_s = time.monotonic() if sounds else None
        self._level(duty >= 1 if not sounds else False)

    def _level(self, high: bool) -> None:
        self._high = high
        self._factory.drive(self.bcm, high)


class GpiodFactory(PiFactory):  # type: ignore[misc] # gpiozero has no types
    """gpiozero's pin factory on a request of lines."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self.lines = lines
        self.pin_class = GpiodPin
        self._gathered: dict[int, bool] | None = None

    @contextmanager
    def together(self) -> Iterator[None]:
        """Gather what is driven inside, and set it at once at the end."""
        self._gathered = {}
        try:
            yield
            self.lines.set(self._gathered)
        finally:
            self._gathered = None

    def drive(self, bcm: int, high: bool) -> None:
        """Set a line. Raises `GpioError`."""
        if self._gathered is None:
            self.lines.set({bcm: high})
        else:
            self._gathered[bcm] = high

    def due_s(self) -> float | None:
        """When `turn` wants to be called, on the scale of `time.monotonic`; None while no tone sounds."""
        return min((pin.due_s for pin in self.pins.values() if pin.due_s is not None), default=None)

    def turn(self) -> None:
        """Make the edge of a tone that is due within `SPIN_S`."""
        due_s = self.due_s()
        if due_s is None or due_s - time.monotonic() > SPIN_S:
            return
        while (now_s := time.monotonic()) < due_s:
            pass
        for pin in self.pins.values():
            pin.turn(now_s)

    def close(self) -> None:
        """Make every line inactive and give them back."""
        super().close()
        self.lines.close()

    def _get_revision(self) -> int:
        return REVISION

    def ticks(self) -> float:
        """Seconds on the monotonic clock."""
        return time.monotonic()

    def ticks_diff(self, later: float, earlier: float) -> float:
        """Seconds between two ticks."""
        return later - earlier


class Outputs:
    """The box's outputs on any of gpiozero's factories; inactive until `show`.

    `together` makes what is driven inside one change, where the factory can.
    """

    def __init__(
        self, orders: Orders, factory: Any, together: Callable[[], AbstractContextManager[None]]
    ) -> None:
        bcm = orders.bcm
        self._factory, self._together = factory, together
        self._lamps = {name: LED(bcm[name], pin_factory=factory) for name in LAMPS}
        self._relay = OutputDevice(bcm["relay"], pin_factory=factory) if orders.relay else None
        self._illuminator = LED(bcm["illuminator"], pin_factory=factory) if orders.illuminator else None
        self._duty = SOFT_DUTY if orders.volume == "soft" else FULL_DUTY
        self._tonal = self._active = None
        if orders.volume != "silent" and orders.buzzer == "tonal":
            self._tonal = PWMOutputDevice(bcm["buzzer"], pin_factory=factory)
        elif orders.volume != "silent" and orders.buzzer == "active":
            self._active = Buzzer(bcm["buzzer"], pin_factory=factory)
        others = (self._relay, self._illuminator, self._tonal, self._active)
        self._devices = [*self._lamps.values(), *(device for device in others if device is not None)]
        self._shown = DARK
        self._lit = False

    def show(self, panel: Panel, illuminated: bool = False) -> None:
        """Set every output. Raises `GpioError`."""
        if (panel, illuminated) == (self._shown, self._lit):
            return
        with self._together():
            for name, lamp in self._lamps.items():
                lamp.value = getattr(panel, name)
            if self._relay is not None:
                self._relay.value = panel.relay
            if self._illuminator is not None:
                self._illuminator.value = illuminated
            if panel.tone_hz != self._shown.tone_hz:
                self._sound(panel.tone_hz)
        self._shown, self._lit = panel, illuminated

    def _sound(self, tone_hz: int) -> None:
        if self._tonal is not None:
            self._tonal.value = 0
            if tone_hz:
                self._tonal.frequency = tone_hz
                self._tonal.value = self._duty
        if self._active is not None:
            self._active.value = bool(tone_hz)

    def close(self) -> None:
        """Make every output inactive and close the factory. Raises `GpioError`."""
        try:
            self.show(DARK)
        finally:
            for device in self._devices:
                device.close()
            self._factory.close()
