"""The settings: TOML, typed; whatever is not understood is an error, what is not named has its default.

Two files. `settings.toml` is the operator's policy for the whole fleet; it is published,
signed, with the lists. `door.toml` is this one box's own: what is screwed to it.

    settings.toml                   door.toml
    [freshness]                     [camera]
    ageing_hours = 72               kind = "picamera2"          or "webcam", "pictures"
    too_old_hours = 240             device = "/dev/video0"      or the folder of pictures
    too_old = "OUT_OF_ORDER"        preset = "free-hand"        or "stand"
    [clock]                         stand_distance_mm = 150     from lens to pass, on a stand
    on_a_floor = "OUT_OF_ORDER"     flicker_hz = 50             of the mains
    [view]                          width = 1280
    again_minutes = 15              height = 960
    [counters]                      full_fps = 15
    keep_days = 15                  idle_fps = 3
    bin_minutes = 15                [panel]
    [register]                      kind = "gpio"               or "none"
    keep_days = 90                  chip = "auto"               or "/dev/gpiochip0"
                                    buzzer = "tonal"            or "active", "none"
                                    volume = "full"             or "soft", "silent"
                                    relay = true
                                    relay_ms = 2000
                                    illuminator = false

Where one has STAFF or OUT_OF_ORDER to choose from, it is what becomes of a good pass.
"""

from __future__ import annotations

import tomllib
from datetime import timedelta
from typing import Annotated, Literal, TypeVar

import msgspec

from doorcheck.core.freshness import Freshness
from doorcheck.core.verdict import Outcome

LARGEST_BYTES = 64 * 1024
Hours = Annotated[float, msgspec.Meta(gt=0, le=24 * 366)]
Careful = Literal["OUT_OF_ORDER", "STAFF"]


class SettingsError(Exception):
    """Settings can't be used; the text names table and key, and says why."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of either file."""


class FreshnessTable(_Table, frozen=True):
    """The age of lists: see `core/freshness.py`."""

    ageing_hours: Hours = 72
    too_old_hours: Hours = 240
    too_old: Careful = "OUT_OF_ORDER"


class ClockTable(_Table, frozen=True):
    """What to do with a time that is a lower bound only."""

    on_a_floor: Careful = "OUT_OF_ORDER"


class ViewTable(_Table, frozen=True):
    """What the door remembers of passes, in memory."""

    again_minutes: Annotated[float, msgspec.Meta(ge=0, le=60)] = 15
    """A pass that comes back within that time goes to the staff; 0 turns it off."""


class CountersTable(_Table, frozen=True):
    """What is counted, within the law: outcomes only, in coarse bins."""

    keep_days: Annotated[int, msgspec.Meta(ge=1, le=15)] = 15
    bin_minutes: Annotated[int, msgspec.Meta(ge=15, le=1440)] = 15


class RegisterTable(_Table, frozen=True):
    """The register of controllers: staff data only."""

    keep_days: Annotated[int, msgspec.Meta(ge=1, le=3660)] = 90


class Settings(_Table, frozen=True):
    """`settings.toml`."""

    freshness: FreshnessTable = FreshnessTable()
    clock: ClockTable = ClockTable()
    view: ViewTable = ViewTable()
    counters: CountersTable = CountersTable()
    register: RegisterTable = RegisterTable()

    def freshness_policy(self) -> Freshness:
        """The lists' ladder. Raises `SettingsError` when its rungs are in the wrong order."""
        table = self.freshness
        if table.ageing_hours > table.too_old_hours:
            raise SettingsError("[freshness] ageing_hours: more than too_old_hours; make it less")
        return Freshness(
            timedelta(hours=table.ageing_hours), timedelta(hours=table.too_old_hours), Outcome(table.too_old)
        )


class CameraTable(_Table, frozen=True):
    """The camera: modules and webcams are settings, not code."""

    kind: Literal["picamera2", "webcam", "pictures"] = "picamera2"
    device: Annotated[str, msgspec.Meta(pattern=r"^/[A-Za-z0-9/_.-]{1,200}$")] = "/dev/video0"
    """A webcam's device, or the folder of pictures that stands for a camera."""
    preset: Literal["free-hand", "stand"] = "free-hand"
    stand_distance_mm: Annotated[int, msgspec.Meta(ge=50, le=1000)] = 150
    flicker_hz: Literal[50, 60] = 50
    width: Annotated[int, msgspec.Meta(ge=640, le=4608)] = 1280
    height: Annotated[int, msgspec.Meta(ge=480, le=2592)] = 960
    full_fps: Annotated[int, msgspec.Meta(ge=5, le=60)] = 15
    idle_fps: Annotated[int, msgspec.Meta(ge=1, le=60)] = 3
    """Frames that are read a second while nothing moves in view; the sensor itself stays quick."""


class PanelTable(_Table, frozen=True):
    """Lamps, sound, relay; their pins are `hardware/pins.toml`'s."""

    kind: Literal["gpio", "none"] = "gpio"
    chip: Annotated[str, msgspec.Meta(pattern=r"^(auto|/dev/gpiochip[0-9]{1,3})$")] = "auto"
    buzzer: Literal["tonal", "active", "none"] = "tonal"
    volume: Literal["full", "soft", "silent"] = "full"
    relay: bool = True
    relay_ms: Annotated[int, msgspec.Meta(ge=100, le=2000)] = 2000
    illuminator: bool = False


class DoorSettings(_Table, frozen=True):
    """`door.toml`."""

    camera: CameraTable = CameraTable()
    panel: PanelTable = PanelTable()


File = TypeVar("File", Settings, DoorSettings)


def parse(data: bytes) -> Settings:
    """Read `settings.toml`. Raises `SettingsError`."""
    settings = _read(data, Settings)
    settings.freshness_policy()
    return settings


def parse_door(data: bytes) -> DoorSettings:
    """Read `door.toml`. Raises `SettingsError`."""
    settings = _read(data, DoorSettings)
    if settings.camera.idle_fps > settings.camera.full_fps:
        raise SettingsError("[camera] idle_fps: more than full_fps; make it less")
    if settings.camera.kind == "webcam" and not settings.camera.device.startswith("/dev/"):
        raise SettingsError("[camera] device: a webcam is a device like /dev/video0")
    return settings


def _read(data: bytes, kind: type[File]) -> File:
    if len(data) > LARGEST_BYTES:
        raise SettingsError(f"larger than {LARGEST_BYTES} bytes: no settings are")
    try:
        tables = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"not TOML: {error}") from error
    try:
        return msgspec.convert(tables, kind)
    except msgspec.ValidationError as error:
        raise SettingsError(_words(str(error))) from error


def _words(message: str) -> str:
    """What msgspec says, with the place first, as a file has it: "[freshness] ageing_hours: ..."."""
    why, _, path = message.partition(" - at `$")
    names = path.rstrip("`").strip(".").split(".")
    place = " ".join(f"[{name}]" if number == 0 else name for number, name in enumerate(names) if name)
    return f"{place}: {why}" if place else why
