"""The table of pins: what is shipped is sound, and each mistake in it is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from doorcheck.edge import pins
from doorcheck.edge.pins import PinsError

SOURCE = (Path(__file__).parents[2] / "hardware" / "pins.toml").read_text(encoding="utf-8")


def test_the_shipped_table_is_the_repositorys() -> None:
    """The installed copy is made of hardware/pins.toml, and says so."""
    assert pins.PACKAGED.read_text(encoding="utf-8") == pins.packaged(SOURCE)
    assert pins.load() == pins.parse(SOURCE.encode())


def test_the_header_is_gpiozeros() -> None:
    """Header pins and grounds are those of gpiozero's tables, of every board with 40 pins."""
    from gpiozero.pins.pi import PiBoardInfo

    boards = {"Zero 2 W": 0x902120, "3B": 0xA02082, "4B": 0xC03114, "5B": 0xC04170}
    for board, revision in boards.items():
        found = PiBoardInfo.from_revision(revision).headers["J8"].pins
        gpios = {number: int(pin.name[4:]) for number, pin in found.items() if pin.name.startswith("GPIO")}
        assert gpios == pins.HEADER, board
        assert tuple(number for number, pin in found.items() if pin.name == "GND") == pins.GROUND, board


def test_the_jumper_fits() -> None:
    """The loop-back's two pins are across from each other, so that one jumper cap joins them."""
    drive, read = pins.load().loop_back.drive.header, pins.load().loop_back.read.header
    assert {drive, read} == {min(drive, read), min(drive, read) + 1}
    assert min(drive, read) % 2 == 1


def test_what_opens_the_door_is_away_from_supply() -> None:
    """No neighbour of the relay's or the green lamp's pin is 3.3 V, 5 V or an output that may be high."""
    table = pins.load()
    supplies = {1, 2, 4, 17}
    high = {pin.header for _, pin in table.outputs}
    for name in ("relay", "green"):
        number = getattr(table.outputs, name).header
        across = number + 1 if number % 2 else number - 1
        assert not {number - 2, number + 2, across} & (supplies | high), name


def changed(section: str, key: str, value: str) -> bytes:
    """The shipped table with one value changed."""
    head, found, tail = SOURCE.partition(f"[{section}]\n")
    assert found
    broken, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", tail, count=1)
    assert count == 1
    return (head + found + broken).encode()


@pytest.mark.parametrize(
    ("section", "key", "value", "told"),
    [
        ("outputs.relay", "bcm", "17", "BCM number 17 is used 2 times"),
        ("outputs.relay", "header", "11", "header pin 11 is used 2 times"),
        ("outputs.relay", "header", "35", "relay: header pin 35 is not GPIO 16"),
        ("outputs.relay", "header", "34", "relay: header pin 34 is not GPIO 16"),
        ("outputs.relay", "wire", '"GN"', "wire colour GN is used 2 times"),
        ("outputs.relay", "wire", '"green"', "outputs.relay.wire"),
        ("outputs.relay", "driver", "1", "driver channel 1 is used 2 times"),
        ("outputs.relay", "driver", "8", "outputs.relay.driver"),
        ("outputs.relay", "load_max_ma", "501", "outputs.relay.load_max_ma"),
        ("outputs.relay", "safe", '"high"', "outputs.relay.safe"),
        ("outputs.relay", "why", '""', "outputs.relay.why"),
        ("outputs.relay", "bcm", "28", "outputs.relay.bcm"),
        ("outputs.relay", "bcm", '"16"', "outputs.relay.bcm"),
    ],
)
def test_one_wrong_value_is_named(section: str, key: str, value: str, told: str) -> None:
    """Each rule about a pin can fail, and the text leads to the place."""
    with pytest.raises(PinsError, match=re.escape(told)):
        pins.parse(changed(section, key, value))


@pytest.mark.parametrize(
    ("bcm", "header", "told"),
    [(2, 3, "DS3231"), (10, 19, "SPI"), (14, 8, "UART"), (0, 27, "HAT"), (5, 29, "pulled up")],
)
def test_a_pin_of_others_is_refused(bcm: int, header: int, told: str) -> None:
    """Buses that the clock, HATs and the console need are left alone, and pins that are high at power-on."""
    data = changed("outputs.relay", "bcm", str(bcm)).decode()
    head, found, tail = data.partition("[outputs.relay]\n")
    tail = re.sub(r"(?m)^header = .*$", f"header = {header}", tail, count=1)
    with pytest.raises(PinsError, match=told):
        pins.parse((head + found + tail).encode())


def test_the_buzzer_wants_hardware_pwm() -> None:
    """The buzzer's pin keeps the way to hardware PWM open."""
    data = SOURCE.replace("bcm = 18\nheader = 12", "bcm = 24\nheader = 18")
    with pytest.raises(PinsError, match="no hardware PWM"):
        pins.parse(data.encode())


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"format = ",
        SOURCE.replace("format = 1", "format = 2").encode(),
        SOURCE.encode() + b"\n[outputs.horn]\nbcm = 24\n",
        SOURCE.replace("[outputs.relay]", "[outputs.door]").encode(),
        (SOURCE + "\nvolts = 5\n").encode(),
    ],
)
def test_what_is_not_understood_is_an_error(data: bytes) -> None:
    """No key is ignored, none is missing."""
    with pytest.raises(PinsError, match=r"hardware/pins\.toml"):
        pins.parse(data)


def test_a_missing_copy_is_an_error(tmp_path: Path) -> None:
    """An installation without its pins says so, and what to do."""
    with pytest.raises(PinsError, match="install doorcheck again"):
        pins.load(tmp_path / "pins.toml")
