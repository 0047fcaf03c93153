"""The outputs: one suite on gpiozero's own mock and on our factory, and what only ours can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from gpiozero.exc import PinInvalidFunction, PinInvalidPin, PinPWMFixedValue
from gpiozero.pins.mock import MockFactory, MockPWMPin
from tests.edge.boxes import BCM, NAMES

from doorcheck.core.signals import DARK, Panel
from doorcheck.edge.guardian import Orders
from doorcheck.edge.lines import Lines
from doorcheck.edge.outputs import FULL_DUTY, SOFT_DUTY, GpiodFactory, Outputs
from doorcheck.lab import filechip

ORDERS: Final = Orders(BCM, "tonal", "full", relay=True, relay_ms=2_000, illuminator=True)


@pytest.fixture(params=["mock", "lines"])
def made(request: pytest.FixtureRequest) -> Iterator[Callable[[Orders], tuple[Outputs, Any]]]:
    """Makes outputs, and gives the factory that they are on."""
    closing: list[Outputs] = []

    def make(orders: Orders) -> tuple[Outputs, Any]:
        if request.param == "mock":
            factory: Any = MockFactory(pin_class=MockPWMPin)
            outputs = Outputs(orders, factory, nullcontext)
        else:
            chip: Path = request.getfixturevalue("file_chip")
            factory = GpiodFactory(Lines(str(chip), BCM.values()))
            outputs = Outputs(orders, factory, factory.together)
        closing.append(outputs)
        return outputs, factory

    yield make
    for outputs in closing:
        outputs.close()


def on(factory: Any) -> set[str]:
    """The outputs whose pins are not low, by gpiozero's own account."""
    return {NAMES[int(pin.info.name[4:])] for pin in list(factory.pins.values()) if pin.state}


@pytest.mark.parametrize("name", ["green", "red", "amber", "ready", "relay"])
def test_each_level_has_its_pin(made: Callable[[Orders], tuple[Outputs, Any]], name: str) -> None:
    """One level of the panel is one pin, and dark is none."""
    outputs, factory = made(ORDERS)
    assert on(factory) == set()
    outputs.show(replace(DARK, **{name: True}))
    assert on(factory) == {name}
    outputs.show(DARK)
    assert on(factory) == set()


def test_light_for_the_camera_is_apart(made: Callable[[Orders], tuple[Outputs, Any]]) -> None:
    """The illuminator follows its own word."""
    outputs, factory = made(ORDERS)
    outputs.show(DARK, illuminated=True)
    assert on(factory) == {"illuminator"}
    outputs.show(DARK)
    assert on(factory) == set()


def test_what_is_not_there_is_not_driven(made: Callable[[Orders], tuple[Outputs, Any]]) -> None:
    """Without a relay, a buzzer and an illuminator in the settings, only lamps are driven."""
    orders = replace(ORDERS, relay=False, illuminator=False, buzzer="none")
    outputs, factory = made(orders)
    outputs.show(Panel(True, True, True, True, True, 440), illuminated=True)
    assert on(factory) == {"green", "red", "amber", "ready"}


@pytest.mark.parametrize(("volume", "duty"), [("full", FULL_DUTY), ("soft", SOFT_DUTY)])
def test_a_tone_has_pitch_and_loudness(
    made: Callable[[Orders], tuple[Outputs, Any]], volume: Any, duty: float
) -> None:
    """A tonal buzzer plays the pitch that is told; soft is a narrower pulse of the same pitch."""
    outputs, factory = made(replace(ORDERS, volume=volume))
    pin = factory.pin(f"GPIO{BCM['buzzer']}")
    for tone_hz in (400, 1_760):
        outputs.show(Panel(tone_hz=tone_hz))
        assert (pin.frequency, pin.state) == (tone_hz, duty)
    outputs.show(DARK)
    assert pin.state == 0


def test_an_active_buzzer_beeps(made: Callable[[Orders], tuple[Outputs, Any]]) -> None:
    """An active buzzer is on while there is a tone, whatever its pitch."""
    outputs, factory = made(replace(ORDERS, buzzer="active"))
    outputs.show(Panel(tone_hz=400))
    assert on(factory) == {"buzzer"}
    outputs.show(DARK)
    assert on(factory) == set()


@pytest.mark.parametrize("buzzer", ["tonal", "active"])
def test_silence_dims_no_lamp(made: Callable[[Orders], tuple[Outputs, Any]], buzzer: Any) -> None:
    """Silent takes the sound away, and nothing else."""
    outputs, factory = made(replace(ORDERS, buzzer=buzzer, volume="silent"))
    outputs.show(Panel(green=True, relay=True, tone_hz=1_320))
    assert on(factory) == {"green", "relay"}


def test_lamps_change_together(file_chip: Path) -> None:
    """From one panel to the next there is no moment with half of both."""
    factory = GpiodFactory(Lines(str(file_chip), BCM.values()))
    outputs = Outputs(ORDERS, factory, factory.together)
    outputs.show(Panel(green=True, relay=True))
    outputs.show(Panel(red=True, amber=True, ready=True))
    outputs.close()
    seen = [lines for _, lines in filechip.history(file_chip)]
    green, red = {BCM["green"], BCM["relay"]}, {BCM["red"], BCM["amber"], BCM["ready"]}
    changes = [lines for before, lines in zip([None, *seen], seen, strict=False) if lines != before]
    assert changes == [frozenset(), green, red, frozenset()]


def test_a_pin_of_the_factory_is_an_output_of_the_box(file_chip: Path) -> None:
    """No other pin can be had, and none can be made an input or given an impossible pitch."""
    with Lines(str(file_chip), BCM.values()) as lines:
        factory = GpiodFactory(lines)
        with pytest.raises(PinInvalidPin, match=r"hardware/pins\.toml"):
            factory.pin("GPIO26")
        pin = factory.pin("GPIO18")
        with pytest.raises(PinInvalidFunction):
            pin.function = "input"
        with pytest.raises(PinPWMFixedValue):
            pin.frequency = 0
