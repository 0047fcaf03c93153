"""Wiring, parts and the guide follow from the one table of pins."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from hardware.making import bom, parts, printed, tools, wiring
from hardware.making.tools import ToolError

from doorcheck.core.signals import RELAY_MAX_MS

HARDWARE = Path(__file__).parents[2] / "hardware"
GROUND_PINS = {6, 9, 14, 20, 25, 30, 34, 39}
SUPPLY_PINS = {"3.3 V": {1, 17}, "5 V": {2, 4}}


def text(name: str) -> str:
    """A file of hardware/."""
    return (HARDWARE / name).read_text(encoding="utf-8")


def test_the_wiring_is_up_to_date() -> None:
    """wiring/doorcheck.yml is what pins.toml makes, and the picture was drawn from it."""
    source = wiring.yaml(parts.pins())
    assert text("wiring/doorcheck.yml") == source, "not up to date: run hardware/make wiring"
    assert wiring.mark(source) in text("wiring/doorcheck.svg"), "not drawn anew: run hardware/make wiring"


def test_the_bill_is_up_to_date() -> None:
    """BOM.md is what the pins, the signals and the parts make."""
    assert text("BOM.md") == bom.bill(parts.pins()), "not up to date: run hardware/make bom"


def test_the_guides_pictures_are_up_to_date() -> None:
    """Each picture in bringup/ is what the pins and the case make, and the guide shows each."""
    drawn = printed.guide_pictures()
    for path, drawing in drawn.items():
        assert path.read_text(encoding="utf-8") == drawing, f"{path.name}: run hardware/make guide"
        assert f"bringup/{path.name}" in text("BRINGUP.md")
    assert sorted(drawn) == sorted((HARDWARE / "bringup").glob("*.svg"))


@pytest.mark.parametrize("name", ["README.md", "BRINGUP.md"])
def test_every_picture_of_a_document_is_there(name: str) -> None:
    """No document shows a picture that is not in the folder."""
    for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", text(name)):
        assert (HARDWARE / path).is_file(), path


def test_every_step_of_the_guide_has_a_picture_and_an_end() -> None:
    """Eleven steps: each shows something and says what to see before one goes on."""
    steps = re.split(r"^## \d+\. .*$", text("BRINGUP.md").partition("## What only")[0], flags=re.MULTILINE)[
        1:
    ]
    assert len(steps) == 11
    for step in steps:
        assert "![" in step
        assert "To see" in step


def test_each_output_goes_from_its_header_pin_to_its_channel() -> None:
    """Every output has its own wire, in its colour, to the driver's channel that pins.toml names."""
    table = parts.pins()
    source = wiring.yaml(table)
    outputs = sorted(table.outputs, key=lambda each: each[1].driver)
    joined = re.search(r"- X1: \[(.*)\]\n    - W1: \[(.*)\]\n    - X2: \[(.*)\]", source)
    assert joined
    header, wires, driver = ([int(word) for word in group.split(", ")] for group in joined.groups())
    colours = re.search(r"  W1:\n.*\n.*\n    colors: \[(.*)\]", source)
    assert colours
    assert wires == list(range(1, len(header) + 1))
    assert driver == wires
    for place, (name, output) in enumerate(outputs):
        assert header[place] == output.header
        assert colours[1].split(", ")[place] == output.wire
        assert f"IN{output.driver} {name}" in source
        assert f"GPIO {output.bcm} {name}" in source


def test_supplies_and_grounds_are_where_the_header_has_them() -> None:
    """5 V, 3.3 V and ground come from pins that are that on every board, and from no output's pin."""
    taken = {output.header for _, output in parts.pins().outputs}
    for pin, name, _ in wiring.SUPPLIES:
        assert pin in SUPPLY_PINS[name]
        assert pin not in taken
    assert set(wiring.GROUNDS) <= GROUND_PINS
    colours = {colour for _, _, colour in wiring.SUPPLIES} | {"BK"}
    assert not colours & {output.wire for _, output in parts.pins().outputs}


def test_resistors_keep_every_led_below_its_limit() -> None:
    """At the highest supply and the lowest drops no LED, lamp or pin is over its limit; none is dark."""
    for lamp in parts.lamps(parts.pins()):
        least, typical, most = lamp.led_ma
        assert most <= lamp.led_max_ma
        assert most * lamp.leds <= lamp.load_max_ma
        assert least < typical < most
        assert least >= 1.5, f"{lamp.output} may stay dark"


def test_the_resistor_is_the_smallest_that_will_do() -> None:
    """E24: the next value down would be over the limit."""
    assert [parts.e24_above(ohm) for ohm in (1, 99, 100, 101, 911, 457_000)] == [
        1,
        100,
        100,
        110,
        1000,
        470_000,
    ]
    with pytest.raises(ValueError, match="nothing is left"):
        parts.e24_above(0.2)


def test_the_one_shot_outlasts_a_good_opening_and_no_more() -> None:
    """Its shortest pulse is longer than a verdict's; its longest is below one and a half times that."""
    shortest, nominal, longest = parts.one_shot().seconds
    assert RELAY_MAX_MS / 1000 < shortest < nominal < longest < 1.5 * RELAY_MAX_MS / 1000
    assert parts.one_shot().trigger_ms < 1


def test_the_driver_is_within_its_limits() -> None:
    """Heat, channel currents, the coil's voltage and the GPIO's current are within the data sheets'."""
    table = parts.pins()
    assert parts.driver_w(table) <= parts.DRIVER_PACKAGE_W
    assert all(output.load_max_ma <= 500 for _, output in table.outputs)
    assert parts.coil_least_v() >= 3.75
    assert parts.gpio_ma() < 1


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is installed silently: the error says what to install."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    for name, package in tools.PACKAGES.items():
        with pytest.raises(ToolError, match=f"{name} is not installed: sudo apt-get install {package}"):
            tools.tool(name)


def test_make_goes_on_and_fails_when_a_part_can_not_be_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One missing program does not hide the other parts, nor the failure."""
    make = script()

    def missing() -> list[Path]:
        raise ToolError("dot is not installed: sudo apt-get install graphviz")

    monkeypatch.setattr(make, "MAKERS", {"wiring": missing, "bom": lambda: [HARDWARE / "BOM.md"]})
    monkeypatch.setattr("sys.argv", ["hardware/make"])
    assert make.main() == 1
    told = capsys.readouterr()
    assert "graphviz" in told.err
    assert "hardware/BOM.md" in told.out


def script() -> ModuleType:
    """hardware/make as a module."""
    loader = importlib.machinery.SourceFileLoader("hardware_make", str(HARDWARE / "make"))
    spec = importlib.util.spec_from_loader("hardware_make", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.skipif(shutil.which("dot") is None, reason="no dot here: sudo apt-get install graphviz")
def test_wireviz_draws_the_source() -> None:
    """The source is WireViz's: it draws every connector, and the picture holds no path and no date."""
    try:
        tools.tool("wireviz")
    except ToolError as error:
        pytest.skip(str(error))
    drawn = wiring.draw(wiring.yaml(parts.pins()))
    for name in ("X1", "X2", "X_door", "X_clock", *(f"X_{name}" for name in wiring.NAMES)):
        assert f">{name}<" in drawn
    assert "/tmp" not in drawn  # noqa: S108 - a search, not a file
