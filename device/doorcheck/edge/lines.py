"""Lines of a gpiochip, through libgpiod's bindings: all outputs in one request, set at once.

The kernel gives a requested line to nobody else. Raspberry Pi kernels keep an output driven
after its process died; with `dtparam=strict_gpiod` it becomes an input again. Either way the
pull-down that is asked for here stays, and whoever asks for the lines next finds them inactive.
"""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from gpiod import LineRequest

CONSUMER: Final = "doorcheck"
"""What `gpioinfo` shows as the lines' user."""

CHIPS: Final = ("pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1")
"""Labels of the chips behind the header: Pi up to 3 and Zero 2 W, Pi 4, Pi 5 (whose
`pinctrl-bcm2712` is another one)."""

BUSY_MS: Final = 2_000
"""How long to wait for lines that another process still holds, for the one before may be ending; and for
the right to use the chip: at boot it is there a moment before its group is."""
_PASSING: Final = frozenset({errno.EBUSY, errno.EACCES})


class GpioError(Exception):
    """The gpiochip can't be used; the text says which, why, and what to do."""


class NoChipError(GpioError):
    """There is no gpiochip here, or nothing to speak to it with."""


class Lines:
    """Lines that are ours until `close`: outputs, inactive at first, and inputs with a pull-down.

    Lines are named by their BCM number. One thread at a time. Everything raises `GpioError`.
    """

    def __init__(
        self,
        chip: str,
        outputs: Collection[int],
        inputs: Collection[int] = (),
        *,
        dev: Path = Path("/dev"),
        busy_ms: int = BUSY_MS,
    ) -> None:
        """Ask for the lines; `chip` is a device's path, or "auto" for the one behind the header."""
        self.outputs = frozenset(outputs)
        value = _gpiod().line.Value
        self._values = {False: value.INACTIVE, True: value.ACTIVE}
        self.path = chip
        self._request: LineRequest | None = self._patiently(lambda: self._ask(chip, dev, inputs), busy_ms)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def set(self, levels: Mapping[int, bool]) -> None:
        """Set outputs, all in one call of the kernel; those not named stay."""
        if levels:
            try:
                self._sound().set_values({bcm: self._values[level] for bcm, level in levels.items()})
            except OSError as error:
                raise GpioError(f"{self.path}: can't set lines {sorted(levels)}: {error.strerror}") from error

    def get(self, bcm: int) -> bool:
        """The level of one line."""
        try:
            return bool(self._sound().get_value(bcm))
        except OSError as error:
            raise GpioError(f"{self.path}: can't read line {bcm}: {error.strerror}") from error

    def close(self) -> None:
        """Make all outputs inactive and give the lines back; a second call does nothing."""
        if self._request is not None:
            try:
                self.set(dict.fromkeys(self.outputs, False))
            finally:
                self._request.release()
                self._request = None

    def _patiently(self, ask: Callable[[], LineRequest], busy_ms: int) -> LineRequest:
        """Ask again while what stands in the way may pass, so long."""
        until = time.monotonic() + busy_ms / 1000
        while True:
            try:
                return ask()
            except FileNotFoundError as error:
                raise NoChipError(f"there is no {self.path}: name another chip in [panel] chip") from error
            except OSError as error:
                if error.errno not in _PASSING or time.monotonic() >= until:
                    raise GpioError(f"{self.path}: {_advice(error)}") from error
            except ValueError as error:
                raise GpioError(f"{self.path}: {error}: is it the chip behind the header?") from error
            time.sleep(0.02)

    def _ask(self, chip: str, dev: Path, inputs: Collection[int]) -> LineRequest:
        self.path = _find(dev) if chip == "auto" else chip
        return _requested(self.path, self.outputs, inputs)

    def _sound(self) -> LineRequest:
        if self._request is None:
            raise GpioError(f"{self.path}: the lines were given back")
        return self._request


def _find(dev: Path) -> str:
    """The chip behind the header, by its label: numbers differ between boards and kernels."""
    gpiod = _gpiod()
    seen, refused = [], None
    for path in sorted(dev.glob("gpiochip*")):
        try:
            with gpiod.Chip(str(path)) as chip:
                label = chip.get_info().label
        except OSError as error:
            seen.append(f"{path.name} ({error.strerror})")
            refused = error if error.errno == errno.EACCES else refused
            continue
        if label in CHIPS:
            return str(path)
        seen.append(f"{path.name} ({label})")
    if refused is not None:
        raise refused
    told = f"only {', '.join(seen)}" if seen else "none"
    raise NoChipError(
        f"no gpiochip of a Raspberry Pi's header in {dev}, {told}: "
        'name the chip in [panel] chip, or set [panel] kind = "none"'
    )


def _requested(path: str, outputs: Collection[int], inputs: Collection[int]) -> LineRequest:
    gpiod = _gpiod()
    down, direction = gpiod.line.Bias.PULL_DOWN, gpiod.line.Direction
    output = gpiod.LineSettings(direction=direction.OUTPUT, output_value=gpiod.line.Value.INACTIVE, bias=down)
    config = dict.fromkeys(outputs, output)
    config |= dict.fromkeys(inputs, gpiod.LineSettings(direction=direction.INPUT, bias=down))
    with gpiod.Chip(path) as chip:
        for bcm in config:
            _check_name(path, bcm, chip.get_line_info(bcm).name)
        request: LineRequest = chip.request_lines(config, CONSUMER)
        return request


def _check_name(path: str, bcm: int, name: str | None) -> None:
    """A chip that names its lines must give the header's names to them; many name none."""
    if name and re.fullmatch(r"GPIO\d+", name) and name != f"GPIO{bcm}":
        raise GpioError(f"{path}: line {bcm} is called {name}: it is not the chip behind the header")


def _advice(error: OSError) -> str:
    told = (error.strerror or str(error)).lower()
    match error.errno:
        case errno.EBUSY:
            return f"{told}: another program holds the lines (`gpioinfo` names it); stop it first"
        case errno.EACCES | errno.EPERM:
            return f"{told}: the user must be in group gpio"
        case _:
            return told


def _gpiod() -> ModuleType:
    """The bindings, when they are needed: a door without lamps does without them."""
    try:
        import gpiod
    except ImportError as error:
        raise NoChipError("the package gpiod is not installed: pip install 'doorcheck[pi]'") from error
    return gpiod
