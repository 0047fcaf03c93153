"""What is asked of each camera module: exposure, focus, and the sensor's mode."""

from __future__ import annotations

from typing import Any

import pytest

from doorcheck.config import CameraTable
from doorcheck.edge.sensor import SENSOR_MODES, controls_for, frame_us, pace_for, sensor_mode

FIXED_FOCUS: dict[str, tuple[Any, Any, Any]] = {
    "AeEnable": (False, True, None),
    "AeExposureMode": (0, 3, 0),
    "AeConstraintMode": (0, 3, 0),
    "ExposureValue": (-8.0, 8.0, 0.0),
    "AeFlickerMode": (0, 1, 0),
    "AeFlickerPeriod": (100, 1_000_000, None),
    "FrameDurationLimits": (17_000, 11_767_556, 33_333),
}
"""What a Camera Module 1, 2 or HQ offers."""
AUTO_FOCUS: dict[str, tuple[Any, Any, Any]] = FIXED_FOCUS | {
    "AfMode": (0, 2, 0),
    "AfRange": (0, 2, 0),
    "AfSpeed": (0, 1, 0),
    "AfMetering": (0, 1, 0),
    "AfWindows": ((0, 0, 0, 0), (65535, 65535, 65535, 65535), (0, 0, 0, 0)),
    "LensPosition": (0.0, 15.0, 1.0),
}
"""And a Camera Module 3."""
WIDEST = (0, 0, 4608, 2592)
EXPOSURE = {
    "AeEnable": True,
    "AeExposureMode": 1,
    "AeConstraintMode": 1,
    "ExposureValue": -0.7,
    "AeFlickerMode": 1,
    "AeFlickerPeriod": 10_000,
    "FrameDurationLimits": (33_333, 33_333),
}


def test_free_hand_focuses_by_itself_near_the_middle() -> None:
    """A module with a motor: always on, near, quick, in the middle quarter of the view."""
    asked = controls_for(CameraTable(), AUTO_FOCUS, WIDEST)
    assert asked.values == EXPOSURE | {
        "AfMode": 2,
        "AfRange": 1,
        "AfSpeed": 1,
        "AfMetering": 1,
        "AfWindows": [(1152, 648, 2304, 1296)],
    }
    assert asked.notes == ()


def test_windows_lie_where_the_widest_view_begins() -> None:
    """A sensor whose view does not begin at its first pixel; and one that does not say."""
    asked = controls_for(CameraTable(), AUTO_FOCUS, (16, 40, 4000, 3000))
    assert asked.values["AfWindows"] == [(1016, 790, 2000, 1500)]
    assert "AfWindows" not in controls_for(CameraTable(), AUTO_FOCUS).values


def test_a_stand_focuses_at_its_distance() -> None:
    """Manual focus, in dioptres: 150 mm are 6.7 of them."""
    asked = controls_for(CameraTable(preset="stand"), AUTO_FOCUS, WIDEST)
    assert asked.values == EXPOSURE | {"AfMode": 0, "LensPosition": pytest.approx(6.667, abs=0.001)}


def test_a_stand_that_is_too_near_is_noted() -> None:
    """The lens goes as near as it can, and the setting that is wrong is named."""
    asked = controls_for(CameraTable(preset="stand", stand_distance_mm=50), AUTO_FOCUS, WIDEST)
    assert asked.values["LensPosition"] == 15.0
    assert asked.notes == ("the lens can't focus at 50 mm, nearest is 67 mm: set stand_distance_mm",)


@pytest.mark.parametrize("preset", ["free-hand", "stand"])
def test_a_fixed_lens_is_noted_and_nothing_is_asked_of_it(preset: Any) -> None:
    """The exposure is set all the same; the note says what to do."""
    asked = controls_for(CameraTable(preset=preset), FIXED_FOCUS, WIDEST)
    assert asked.values == EXPOSURE
    assert len(asked.notes) == 1
    assert "no motor for its focus" in asked.notes[0]


def test_a_camera_without_controls_gets_none() -> None:
    """The virtual pipeline's cameras offer nothing: nothing is set, and all of it noted."""
    asked = controls_for(CameraTable(), {}, None)
    assert asked.values == {}
    assert "AeEnable, AeExposureMode" in asked.notes[1]


@pytest.mark.parametrize(("flicker_hz", "period_us"), [(50, 10_000), (60, 8_333)])
def test_lamps_flicker_twice_a_wave(flicker_hz: Any, period_us: int) -> None:
    """The exposure is a whole number of the lamps' periods, where it is as long as one."""
    asked = controls_for(CameraTable(flicker_hz=flicker_hz), FIXED_FOCUS)
    assert asked.values["AeFlickerPeriod"] == period_us


@pytest.mark.parametrize(("full_fps", "awake_us", "resting_us"), [(5, 33_333, 66_666), (60, 16_666, 66_666)])
def test_no_exposure_smears_a_hand(full_fps: int, awake_us: int, resting_us: int) -> None:
    """However few frames are wanted, none is exposed longer than a thirtieth of a second, but at rest."""
    settings = CameraTable(full_fps=full_fps)
    assert frame_us(settings) == awake_us
    assert frame_us(settings, resting=True) == resting_us


def test_a_pace_beyond_the_sensors_is_its_own() -> None:
    """A sensor that can't be as quick as wanted is as quick as it can; one without the control is left."""
    asked = pace_for(CameraTable(full_fps=60), FIXED_FOCUS, resting=False)
    assert asked == {"FrameDurationLimits": (17_000, 17_000)}
    assert pace_for(CameraTable(), {}, resting=True) == {}


@pytest.mark.parametrize(
    ("model", "mode"),
    [
        ("imx708_wide_noir", (2304, 1296)),
        ("imx219", (1640, 1232)),
        ("ov5647", (1296, 972)),
        ("imx477", (2028, 1520)),
        ("another", None),
    ],
)
def test_each_module_has_its_mode(model: str, mode: tuple[int, int] | None) -> None:
    """The whole view, at least as many pixels as the picture; unknown modules are left to picamera2."""
    assert sensor_mode(model, 1280, 960) == mode


def test_no_picture_is_larger_than_its_mode() -> None:
    """Who wants more pixels than a mode has gets another mode."""
    for model, (width, height) in SENSOR_MODES.items():
        assert sensor_mode(model, width, height) == (width, height)
        assert sensor_mode(model, width + 2, height) is None
