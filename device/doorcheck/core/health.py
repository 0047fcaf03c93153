"""What can be wrong with a box, as data: how it shows, and what an operator should do.

The table below is the whole of it. Measurements go in, the set of conditions comes out;
nobody keeps a state but the caller, who hands back the set of before, so that a value at
an edge does not flicker. What is logged are the changes between two sets.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from doorcheck.core.freshness import Age

STALL_MS: Final = 2000
"""Without a frame for that long, the camera is out of order."""
MOST_HANGS: Final = 3
"""So many frames in a row that the decoder did not come back from: it is out of order."""
FREE_BYTES_LEAST: Final = 32 << 20
"""An update of a large list, and its older brother, need more than that."""
HOT_C: Final = 80.0
"""From here on a Raspberry Pi slows itself down."""
EASE_C: Final = 5.0
EASE_BYTES: Final = 16 << 20
"""A condition ends only when the value is so much better than where it began."""


class Lamps(enum.Enum):
    """What the panel does about a condition."""

    NOTHING = "nothing more: it goes with another condition"
    CALL = "the ready lamp as ever, and amber during its dip: an operator is wanted"
    STAFF = "a good pass goes to the staff"
    OUT_OF_ORDER = "out of order"
    DARK = "dark: there is no panel to show it on"


class Condition(enum.Enum):
    """One row: a stable code, words, what the lamps do, what the operator should do."""

    code: str
    words: str
    lamps: Lamps
    advice: str

    def __new__(cls, code: str, words: str, lamps: Lamps, advice: str) -> Condition:
        """Make the member; its value is the code."""
        member = object.__new__(cls)
        member._value_ = code
        member.code, member.words, member.lamps, member.advice = code, words, lamps, advice
        return member

    CAMERA = (
        "H-CAM",
        "the camera delivers no pictures",
        Lamps.OUT_OF_ORDER,
        "switch the box off, seat both ends of the camera's ribbon or plug, switch it on; then `doorcheck "
        "camera check`",
    )
    HELD = (
        "H-RST",
        "the door restarted too often, and has stopped trying",
        Lamps.OUT_OF_ORDER,
        "see `journalctl -u doorcheck` for what ended it; mend that; then `systemctl restart doorcheck`, or "
        "switch the box off and on",
    )
    DECODER = (
        "H-DEC",
        "the decoder does not come back",
        Lamps.OUT_OF_ORDER,
        "look for a poster or sticker with odd codes in the camera's view; otherwise restart the door",
    )
    NO_SETTINGS = (
        "H-DOT",
        "door.toml can't be used, and the door has no other settings",
        Lamps.OUT_OF_ORDER,
        "`journalctl -u doorcheck` says what is wrong with it; mend it, then `systemctl reload doorcheck`",
    )
    SELF_TEST = (
        "H-TST",
        "the self-test failed: a known pass is not judged as it must be",
        Lamps.OUT_OF_ORDER,
        "install the release again; if it stays, replace the memory card, then the board",
    )
    NO_LISTS = (
        "H-NOL",
        "there is no trust list",
        Lamps.OUT_OF_ORDER,
        "push a publication: `doorcheck update DIR`",
    )
    LISTS_TOO_OLD = (
        "H-OLD",
        "the lists are too old",
        Lamps.OUT_OF_ORDER,
        "push a new publication: `doorcheck update DIR`",
    )
    LISTS_DOUBTFUL = (
        "H-OLS",
        "the lists are too old, and good passes go to the staff",
        Lamps.STAFF,
        "push a new publication: `doorcheck update DIR`",
    )
    LISTS_AGEING = (
        "H-AGE",
        "the lists are ageing",
        Lamps.CALL,
        "push a new publication: `doorcheck update DIR`",
    )
    UPDATE = (
        "H-UPD",
        "the newest generation can't be used, or updates are not looked for",
        Lamps.CALL,
        "`doorcheck update --status` says what is damaged; push the publication again",
    )
    CLOCK = (
        "H-CLK",
        "the clock is not believed",
        Lamps.OUT_OF_ORDER,
        "give the box a network with a time server, or a battery-backed clock with a good cell",
    )
    CLOCK_DOUBTFUL = (
        "H-CLS",
        "the clock is not believed, and good passes go to the staff",
        Lamps.STAFF,
        "give the box a network with a time server, or a battery-backed clock with a good cell",
    )
    CLOCK_PAST = (
        "H-PST",
        "the clock shows a time that is past for certain",
        Lamps.NOTHING,
        "set the clock; if it is right, one before it was wrong: remove `door/last-time` from the "
        "door's folder and restart the door",
    )
    CLOCK_JUMPED = (
        "H-JMP",
        "the clock jumped, and no network time has come since",
        Lamps.NOTHING,
        "find out who set it; set it right, then restart the door",
    )
    DISK_FULL = (
        "H-DSK",
        "the disk is nearly full",
        Lamps.CALL,
        "`df` shows what is full; updates will be refused until there is room",
    )
    DISK_READ_ONLY = (
        "H-ROF",
        "the door's folder can't be written",
        Lamps.CALL,
        "counters and updates are lost: check the file system, then replace the memory card",
    )
    HOT = (
        "H-HOT",
        "the board is too hot, and slow",
        Lamps.CALL,
        "shade the box, free its vents, or give it a heat sink",
    )
    UNDER_VOLTAGE = (
        "H-PWR",
        "the supply's voltage is too low, or was since the box was switched on",
        Lamps.CALL,
        "use the board's own supply and a short, thick cable; then switch the box off and on",
    )
    PANEL = (
        "H-PAN",
        "the panel failed",
        Lamps.DARK,
        "`doorcheck panel test` walks through the wiring",
    )
    REGISTER = (
        "H-REG",
        "the register of controllers can't be written",
        Lamps.CALL,
        "keep the register on paper meanwhile; check the disk of the door's folder",
    )
    SETTINGS = (
        "H-SET",
        "the new settings were refused; the old ones count",
        Lamps.CALL,
        "`journalctl -u doorcheck` says what is wrong with them; mend door.toml and reload",
    )


class Wall(enum.Enum):
    """The wall clock, as far as health is concerned."""

    BELIEVED = "believed"
    UNVOUCHED = "unvouched"
    PAST = "past"
    JUMPED = "jumped"


@dataclass(frozen=True, slots=True)
class Measured:
    """One look at the box. None: there is nothing there to measure, and nothing wrong with that.

    Times in milliseconds, sizes in bytes, temperature in degrees Celsius. `age` None: no lists.
    `age_goes_to_staff` and `floor_goes_to_staff` are the operator's policy.
    """

    silent_ms: int = 0
    camera_broken: bool = False
    hangs: int = 0
    wall: Wall = Wall.BELIEVED
    floor_goes_to_staff: bool = False
    age: Age | None = Age.FRESH
    age_goes_to_staff: bool = False
    update_trouble: bool = False
    self_test_failed: bool = False
    held: bool = False
    no_settings: bool = False
    panel_failed: bool = False
    settings_refused: bool = False
    free_bytes: int | None = None
    state_writable: bool = True
    register_writable: bool = True
    temperature_c: float | None = None
    under_voltage: bool | None = None


def conditions(measured: Measured, before: frozenset[Condition] = frozenset()) -> frozenset[Condition]:
    """All that is wrong, from what was measured; `before` is what was wrong at the last look."""
    found = {
        *_camera_and_decoder(measured),
        *_clock(measured),
        *_lists(measured),
        *_board(measured, before),
    }
    simple = {
        Condition.SELF_TEST: measured.self_test_failed,
        Condition.UPDATE: measured.update_trouble,
        Condition.PANEL: measured.panel_failed,
        Condition.SETTINGS: measured.settings_refused,
        Condition.DISK_READ_ONLY: not measured.state_writable,
        Condition.REGISTER: not measured.register_writable,
    }
    return frozenset(found | {condition for condition, is_so in simple.items() if is_so})


def _camera_and_decoder(measured: Measured) -> Iterator[Condition]:
    if measured.held or measured.no_settings:  # there is no camera then, on purpose
        yield Condition.HELD if measured.held else Condition.NO_SETTINGS
    elif measured.camera_broken or measured.silent_ms > STALL_MS:
        yield Condition.CAMERA
    if measured.hangs >= MOST_HANGS:
        yield Condition.DECODER


def _clock(measured: Measured) -> Iterator[Condition]:
    if measured.wall is not Wall.BELIEVED:
        yield Condition.CLOCK_DOUBTFUL if measured.floor_goes_to_staff else Condition.CLOCK
    if measured.wall is Wall.PAST:
        yield Condition.CLOCK_PAST
    if measured.wall is Wall.JUMPED:
        yield Condition.CLOCK_JUMPED


def _lists(measured: Measured) -> Iterator[Condition]:
    match measured.age:
        case None:
            yield Condition.NO_LISTS
        case Age.AGEING:
            yield Condition.LISTS_AGEING
        case Age.TOO_OLD:
            yield Condition.LISTS_DOUBTFUL if measured.age_goes_to_staff else Condition.LISTS_TOO_OLD


def _board(measured: Measured, before: frozenset[Condition]) -> Iterator[Condition]:
    hot_c = HOT_C - (EASE_C if Condition.HOT in before else 0)
    if measured.temperature_c is not None and measured.temperature_c >= hot_c:
        yield Condition.HOT
    least_bytes = FREE_BYTES_LEAST + (EASE_BYTES if Condition.DISK_FULL in before else 0)
    if measured.free_bytes is not None and measured.free_bytes < least_bytes:
        yield Condition.DISK_FULL
    if measured.under_voltage:
        yield Condition.UNDER_VOLTAGE


@dataclass(frozen=True, slots=True)
class Change:
    """One condition that began, or ended."""

    condition: Condition
    began: bool


def changes(before: frozenset[Condition], after: frozenset[Condition]) -> list[Change]:
    """What is logged: what ended, then what began, each in the table's order."""
    ended = [Change(one, began=False) for one in Condition if one in before - after]
    return ended + [Change(one, began=True) for one in Condition if one in after - before]


def calls_an_operator(found: frozenset[Condition]) -> bool:
    """Whether the amber lamp shows in the ready lamp's dip."""
    return any(one.lamps in (Lamps.CALL, Lamps.STAFF) for one in found)
