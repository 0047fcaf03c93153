"""Reading config.txt as the firmware does: filters, settings, and who uses which pin.

Sources, as named below: `config.txt`, `device tree`, `RTC`, `GPIO`: the chapters of
https://www.raspberrypi.com/documentation/computers/; `overlays`: the README in the boot
partition's folder `overlays`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST = 98
"""The firmware ignores what goes beyond, in any line (config.txt, "File format")."""

KEYS = {
    "arm_64bit": "config.txt, Boot options",
    "boot_delay": "config.txt, Boot options",
    "camera_auto_detect": "config.txt, Common hardware configuration options",
    "disable_splash": "config.txt, Boot options",
    "dtoverlay": "config.txt, Common hardware configuration options",
    "dtparam": "config.txt, Common hardware configuration options",
    "enable_uart": "config.txt, Boot options",
    "gpio": "config.txt, GPIO control",
    "kernel_watchdog_timeout": "config.txt, Boot options",
}
"""The settings that ours may use, and where each is documented."""
PARAMETERS = {
    "rtc_bbat_vchg": "RTC, Enable battery charging",
    "strict_gpiod": "GPIO, libgpiod",
    "watchdog": "overlays, The base DTB",
}
"""The same for `dtparam=`."""
OVERLAYS = {
    "disable-bt": frozenset[str](),
    "disable-wifi": frozenset[str](),
    "i2c-rtc": frozenset({"ds3231"}),
}
"""The same for `dtoverlay=`, with its parameters; all are in `overlays`."""

FILTER = re.compile(
    r"all|none|tryboot|pi[0-5]|pi0w|pi02|pi3\+|pi400|pi500|cm[0145]|cm4s|board-type=0x[0-9a-f]+"
    r"|gpio\d+=[01]|0x[0-9a-f]+|EDID=[^\]]+|HDMI:[01]|partition=\d+|boot_partition=\d+",
    re.IGNORECASE,
)
"""Conditional filters (config.txt, "Conditional filters")."""

_PINS_OF = {
    "audremap": (12, 13, 18, 19),
    "enc28j60": (25,),
    "gpio-fan": (12,),
    "gpio-ir": (18,),
    "gpio-ir-tx": (18,),
    "gpio-poweroff": (26,),
    "gpio-shutdown": (3,),
    "i2c-gpio": (23, 24),
    "mcp2515-can0": (25,),
    "mcp2515-can1": (25,),
    "pps-gpio": (18,),
    "pwm": (18,),
    "pwm-2chan": (18, 19),
    "sdio": (22, 23, 24, 25, 26, 27),
    "spi1-1cs": (16, 17, 18, 19, 20, 21),
    "spi1-2cs": (16, 17, 18, 19, 20, 21),
    "spi1-3cs": (16, 17, 18, 19, 20, 21),
    "vc4-kms-dpi-generic": tuple(range(28)),
    "w1-gpio": (4,),
}
"""Header pins that an overlay takes where no parameter says otherwise (`overlays`)."""
_SOUND_CARDS = re.compile(r"(hifiberry|iqaudio|allo|justboom|audioinjector|googlevoicehat|i2s)-?")
_PARAMETER_PINS = {
    "i2c_arm": (2, 3),
    "i2c": (2, 3),
    "i2c1": (2, 3),
    "i2s": (18, 19, 20, 21),
    "spi": (7, 8, 9, 10, 11),
}
_PIN_NAMES = re.compile(
    r"(gpio_?pin|gpio|pin\d?|int_pin|interrupt|act_led_gpio|pwr_led_gpio|i2c_gpio_s(da|cl))"
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One line that says something: `key=value` under these filters."""

    line: int
    filters: tuple[str, ...]
    key: str
    value: str


class ConfigError(Exception):
    """A line of config.txt is not what the firmware understands."""


def settings(text: str) -> Iterator[Setting]:
    """Every setting of the file, in order. Raises `ConfigError` for a filter that there is none of.

    `[all]` ends all filters; of the models only the last one counts (config.txt,
    "Combining conditional filters").
    """
    model, more = "", tuple[str, ...]()
    for number, line in enumerate(text.split("\n"), 1):
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        if words.startswith("["):
            name = words[1:-1]
            if not words.endswith("]") or not FILTER.fullmatch(name):
                raise ConfigError(f"line {number}: {words} is no filter that the firmware knows")
            if name == "all":
                model, more = "", ()
            elif re.fullmatch(r"(pi|cm)[0-9][0-9a-z+]*|board-type=.*", name):
                model = name
            else:
                more = (*more, name)
            continue
        key, equals, value = words.partition("=")
        if not equals and not words.startswith(("include ", "initramfs ")):
            raise ConfigError(f"line {number}: {words!r} is no setting")
        yield Setting(number, (*((model,) if model else ()), *more), key, value)


def complaints(text: str) -> Iterator[str]:
    """What in lines of ours is not on the lists above, or too long for the firmware."""
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > LONGEST:
            yield f"line {number}: {len(line)} characters; the firmware reads {LONGEST}"
    for one in settings(text):
        if one.key not in KEYS:
            yield f"line {one.line}: {one.key} is not on the list of documented settings"
        elif one.key == "dtparam" and one.value.partition("=")[0] not in PARAMETERS:
            yield f"line {one.line}: dtparam={one.value} is not on the list"
        elif one.key == "dtoverlay":
            name, *parameters = one.value.split(",")
            if name not in OVERLAYS or not set(parameters) <= OVERLAYS[name]:
                yield f"line {one.line}: dtoverlay={one.value} is not on the list"
        elif one.key == "gpio" and not re.fullmatch(r"[\d,-]+=((ip|op|a[0-5]|dh|dl|pu|pd|pn),?)+", one.value):
            yield f"line {one.line}: gpio={one.value} is not as documented"


def pins(setting: Setting) -> frozenset[int]:
    """The header's pins (BCM numbers) that a setting claims, as far as is known here."""
    if setting.key == "gpio":
        return frozenset(_numbers(setting.value.partition("=")[0]))
    if setting.key == "dtparam":
        found = set[int]()
        for part in setting.value.split(","):
            name, _, value = part.partition("=")
            if value != "off":
                found |= {*_PARAMETER_PINS.get(name, ()), *_named(part)}
        return frozenset(found)
    if setting.key == "dtoverlay":
        name, *parameters = setting.value.split(",")
        said = {number for part in parameters for number in _named(part)}
        usual = (18, 19, 20, 21) if _SOUND_CARDS.match(name) else _PINS_OF.get(name, ())
        return frozenset(said or usual)
    return frozenset()


def conflicts(text: str, ours: frozenset[int]) -> Iterator[str]:
    """Lines of the owner's that claim pins of ours, whatever their filter."""
    for one in settings(text):
        taken = pins(one) & ours
        if taken:
            numbers = ", ".join(map(str, sorted(taken)))
            yield f"line {one.line}: {one.key}={one.value} uses GPIO {numbers}, which the door needs"


def _named(part: str) -> Iterator[int]:
    name, _, value = part.partition("=")
    if _PIN_NAMES.fullmatch(name) and value.isascii() and value.isdigit():
        yield int(value)


def _numbers(ranges: str) -> Iterator[int]:
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        if first.isascii() and first.isdigit() and (last or first).isdigit():
            yield from range(int(first), min(int(last or first), 57) + 1)
