"""Our lines for the firmware: documented, understood, and in agreement with the table of pins."""

from __future__ import annotations

import contextlib
import tomllib
from pathlib import Path

import pytest
from firmware_config import configtxt
from firmware_config.plan import CLOCKS, CONFIG, HERE, OPTIONS, READ_ONLY_ROOT, WIFI_OFF, files
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
FRAGMENTS = files(OPTIONS)[CONFIG]


def whole(*options: str) -> str:
    """The section as it gets into config.txt."""
    return "".join(path.read_text(encoding="utf-8") for path in files(options)[CONFIG])


@pytest.fixture(scope="module")
def outputs() -> dict[str, int]:
    """BCM number of each output, by `hardware/pins.toml`."""
    table = tomllib.loads((ROOT / "hardware/pins.toml").read_text(encoding="utf-8"))
    return {name: pin["bcm"] for name, pin in table["outputs"].items()}


@pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: str(path.relative_to(HERE)))
def test_every_line_is_documented(path: Path) -> None:
    """Each setting, parameter and overlay is on the list that names its documentation; no line is cut."""
    assert list(configtxt.complaints(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "line",
    [
        "strict_gpiod=1",
        "dtparam=strict_gpio",
        "dtoverlay=disable-wlan",
        "dtoverlay=i2c-rtc,ds3232",
        "gpio=16=op,low",
        "gpio=16",
        "disable_splash=1" + " " * 99,
    ],
)
def test_a_slip_is_found(line: str) -> None:
    """The firmware says nothing of what it does not know; this list does."""
    assert list(configtxt.complaints(line))


@pytest.mark.parametrize("line", ["[pi6]", "[pi4", "[]", "[all] # really", "strict"])
def test_what_is_no_line_of_config_txt_is_told(line: str) -> None:
    """A filter that there is none of would hide everything after it."""
    with pytest.raises(configtxt.ConfigError, match="line 1"):
        list(configtxt.settings(line))


def test_every_output_is_safe_from_the_firmware_on(outputs: dict[str, int]) -> None:
    """All outputs of pins.toml, and no other pin, are driven low and pulled down, on every board."""
    lines = [one for one in configtxt.settings(whole(WIFI_OFF)) if one.key == "gpio"]
    assert [one.filters for one in lines] == [()]
    assert configtxt.pins(lines[0]) == frozenset(outputs.values())
    assert lines[0].value.partition("=")[2] == "op,dl,pd"


def test_a_pin_goes_back_when_its_program_dies() -> None:
    """`strict_gpiod` holds on every board."""
    assert [one.filters for one in configtxt.settings(whole()) if one.value == "strict_gpiod"] == [()]


@pytest.mark.parametrize("option", [None, *CLOCKS.values(), WIFI_OFF])
def test_no_setting_of_ours_takes_a_pin_of_ours(option: str | None, outputs: dict[str, int]) -> None:
    """Clock and overlays stay off the pins of lamps and relay."""
    for one in configtxt.settings(whole(*([option] if option else []))):
        if one.key != "gpio":
            assert not configtxt.pins(one) & frozenset(outputs.values()), one


def test_filters_do_not_leak() -> None:
    """Each tree ends with no filter in force, so that the next begins with none."""
    for path in FRAGMENTS:
        text = path.read_text(encoding="utf-8")
        (*_, last) = configtxt.settings(text + "\ndisable_splash=1")
        assert last.filters == (), path


def test_the_charger_is_on_for_its_own_board_and_by_choice() -> None:
    """A cell that must not be charged never is by accident."""
    lines = [one for one in configtxt.settings(whole(*OPTIONS)) if "rtc_bbat" in one.value]
    assert [one.filters for one in lines] == [("pi5",)]
    assert "rtc_bbat" not in whole(WIFI_OFF, READ_ONLY_ROOT)


def test_radios_are_off_unless_asked_for() -> None:
    """Without `--wifi` neither radio is there; with it Bluetooth still is not."""
    usual, wifi = ({one.value for one in configtxt.settings(whole(*some))} for some in ((WIFI_OFF,), ()))
    assert {"disable-wifi", "disable-bt"} <= usual
    assert "disable-bt" in wifi
    assert "disable-wifi" not in wifi


@pytest.mark.parametrize(
    ("line", "pins"),
    [
        ("dtparam=i2s=on", {18}),
        ("dtparam=i2s=off", set()),
        ("dtparam=spi=on", set()),
        ("dtparam=audio=on,i2s=on", {18}),
        ("dtoverlay=hifiberry-dacplus", {18}),
        ("dtoverlay=pwm-2chan", {18}),
        ("dtoverlay=pwm,pin=12,func=4", set()),
        ("dtoverlay=gpio-fan", set()),
        ("dtoverlay=gpio-fan,gpiopin=25", {25}),
        ("dtoverlay=w1-gpio,gpiopin=17", {17}),
        ("dtoverlay=spi1-1cs", {16, 17, 18}),
        ("dtoverlay=vc4-kms-v3d", set()),
        ("[pi4]\ngpio=0-27=a2", {16, 17, 18, 22, 23, 25, 27}),
        ("gpio=5,16=ip", {16}),
        ("#dtparam=i2s=on", set()),
    ],
)
def test_an_owners_line_on_a_pin_of_ours_is_told(line: str, pins: set[int], outputs: dict[str, int]) -> None:
    """Whoever has a sound card in the box hears of it before the lamps go wrong."""
    told = list(configtxt.conflicts(line, frozenset(outputs.values())))
    assert len(told) == bool(pins)
    assert all(str(pin) in told[0] for pin in pins)


@given(st.text(alphabet="[]=,#gpio dtparamoverlay0123456789-\n", max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever an owner's file holds, checking its pins ends, and only in the ways it says."""
    with contextlib.suppress(configtxt.ConfigError):
        for told in configtxt.conflicts(text, frozenset(range(28))):
            assert told.startswith("line ")
