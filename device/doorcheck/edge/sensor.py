"""What is asked of a camera module so that phones and paper can be read: exposure, focus, mode.

A phone is a bright rectangle before a dark hall, and it moves; a sheet is dim, and held
by a hand. So: a short exposure that avoids the mains' flicker, an exposure that spares the
highlights, and never one so long that a hand smears. The numbers of libcamera's controls
are its own (control_ids_core.yaml); importing libcamera for their names is not needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from doorcheck.config import CameraTable

Box = tuple[int, int, int, int]
"""Left, top, width, height in the sensor's own pixels."""

LONGEST_EXPOSURE_US: Final = 33_333
"""A hand moves 10 pixels in that time; the frame's duration is what bounds the exposure."""
RESTING_US: Final = 66_666
"""The frame of a resting sensor: 15 looks a second notice a movement within 70 ms."""
EXPOSURE_VALUE: Final = -0.7
"""Stops. A lit phone fills little of the view and would burn out otherwise."""
AE_EXPOSURE_SHORT: Final = 1
AE_CONSTRAINT_HIGHLIGHT: Final = 1
AE_FLICKER_MANUAL: Final = 1
AF_MANUAL, AF_CONTINUOUS = 0, 2
AF_RANGE_MACRO: Final = 1
AF_SPEED_FAST: Final = 1
AF_METERING_WINDOWS: Final = 1

SENSOR_MODES: Final[dict[str, tuple[int, int]]] = {
    "ov5647": (1296, 972),  # Camera Module 1
    "imx219": (1640, 1232),  # Camera Module 2
    "imx708": (2304, 1296),  # Camera Module 3, wide and NoIR too
    "imx477": (2028, 1520),  # HQ Camera
    "imx296": (1456, 1088),  # Global Shutter Camera
    "ov9281": (1280, 800),
}
"""The mode with the whole field of view at 30 frames a second or more, by model.

Left alone, picamera2 takes the mode nearest in size: of the Camera Module 3 that is a
narrower one, with fewer rows than the picture it is then enlarged to.
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """Controls for libcamera by name, and what could not be asked of this camera, in words."""

    values: dict[str, Any]
    notes: tuple[str, ...] = ()


def sensor_mode(model: str, width: int, height: int) -> tuple[int, int] | None:
    """The sensor's mode to ask for; None: the module is unknown, or the picture wants a larger one."""
    for name, (wide, high) in SENSOR_MODES.items():
        if model.startswith(name):
            return (wide, high) if width <= wide and height <= high else None
    return None


def frame_us(settings: CameraTable, *, resting: bool = False) -> int:
    """How long the sensor's frame lasts: never longer than the longest exposure wanted.

    Resting, it is slower, yet as fast as movement must be noticed: a sensor takes up to ten
    frames to change its pace, which at `idle_fps` would be seconds. So the sensor stays
    quick, and it is the reader that gets `idle_fps` only (`edge/motion.py`).
    """
    quick_us = min(1_000_000 // settings.full_fps, LONGEST_EXPOSURE_US)
    return max(quick_us, RESTING_US) if resting else quick_us


def pace_for(
    settings: CameraTable, offered: Mapping[str, tuple[Any, Any, Any]], *, resting: bool
) -> dict[str, Any]:
    """The control that sets the sensor's pace; none when the camera does not offer it."""
    if "FrameDurationLimits" not in offered:
        return {}
    duration_us = frame_us(settings, resting=resting)
    return {"FrameDurationLimits": _within((duration_us, duration_us), offered["FrameDurationLimits"])}


def controls_for(
    settings: CameraTable, offered: Mapping[str, tuple[Any, Any, Any]], widest: Box | None = None
) -> Asked:
    """The controls to set, of those that the camera offers, within the limits that it states.

    `offered` is picamera2's `camera_controls`: (least, most, default) by name. `widest` is
    the largest view of the sensor, in which the focus looks at the middle.
    """
    wanted, notes = _exposure(settings), []
    if "AfMode" in offered:
        wanted |= _focus(settings, widest)
    elif settings.preset == "stand":
        notes.append(
            "this module has no motor for its focus: turn its lens until "
            f"`doorcheck camera check` is sharpest at {settings.stand_distance_mm} mm"
        )
    else:
        notes.append("this module has no motor for its focus: passes are sharp at one distance only")
    missing = [name for name in wanted if name not in offered]
    if missing:
        notes.append(f"this camera does not offer {', '.join(missing)}: left as it is")
    values = {name: _within(value, offered[name]) for name, value in wanted.items() if name in offered}
    if "LensPosition" in values and values["LensPosition"] < wanted["LensPosition"]:
        notes.append(
            f"the lens can't focus at {settings.stand_distance_mm} mm, "
            f"nearest is {1000 / values['LensPosition']:.0f} mm: set stand_distance_mm"
        )
    return Asked(values, tuple(notes))


def _exposure(settings: CameraTable) -> dict[str, Any]:
    duration_us = frame_us(settings)
    return {
        "AeEnable": True,
        "AeExposureMode": AE_EXPOSURE_SHORT,
        "AeConstraintMode": AE_CONSTRAINT_HIGHLIGHT,
        "ExposureValue": EXPOSURE_VALUE,
        "AeFlickerMode": AE_FLICKER_MANUAL,
        "AeFlickerPeriod": 1_000_000 // (2 * settings.flicker_hz),  # lamps flicker at each half wave
        "FrameDurationLimits": (duration_us, duration_us),
    }


def _focus(settings: CameraTable, widest: Box | None) -> dict[str, Any]:
    if settings.preset == "stand":
        return {"AfMode": AF_MANUAL, "LensPosition": 1000 / settings.stand_distance_mm}
    focus: dict[str, Any] = {
        "AfMode": AF_CONTINUOUS,
        "AfRange": AF_RANGE_MACRO,
        "AfSpeed": AF_SPEED_FAST,
    }
    if widest is not None and all(widest[2:]):
        left, top, width, height = widest
        middle = (left + width // 4, top + height // 4, width // 2, height // 2)
        focus |= {"AfMetering": AF_METERING_WINDOWS, "AfWindows": [middle]}
    return focus


def _within(value: Any, limits: tuple[Any, Any, Any]) -> Any:
    """The value, or the camera's limit; what is no plain number has no limits."""
    least, most, _ = limits
    if isinstance(value, tuple):
        return tuple(_within(one, limits) for one in value)
    numbers = all(isinstance(one, int | float) for one in (value, least, most))
    return min(max(value, least), most) if numbers and least < most else value
