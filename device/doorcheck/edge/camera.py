"""The Raspberry Pi's camera: the luma plane as the camera wrote it, the latest frame first.

picamera2 and libcamera are Raspberry Pi OS's own packages, loaded when a camera is opened.
One thread of ours is the only one that calls them. It opens, captures, gives buffers back
and closes, while the door's loop takes frames out of a one-slot box: whatever libcamera
or the kernel do, the loop goes on and the lamps say what is the matter. A camera that
stopped is not opened again here; `edge/stall.py` says when the process ends instead.

Times. A frame bears the sensor's time stamp: when its first row had been exposed, in
nanoseconds. libcamera's documentation says CLOCK_BOOTTIME; the Raspberry Pi's pipelines
hand on V4L2's, which is CLOCK_MONOTONIC. The two differ by the time a machine slept, and a
door never sleeps. So a stamp is taken for the monotonic clock's, and one that gives no
believable age is put aside: then the frame was taken when it arrived.
`latency_ms` of a frame when its verdict is there is the time from glass to verdict.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final, assert_never

from doorcheck.config import CameraTable
from doorcheck.edge.frame import Camera, CameraError, Frame
from doorcheck.edge.motion import Pace, SparingCamera
from doorcheck.edge.playback import PicturesCamera
from doorcheck.edge.sensor import controls_for, pace_for, sensor_mode
from doorcheck.edge.stall import FIRST_FRAME_MS, SILENT_MS
from doorcheck.edge.video import WebcamCamera

BUFFERS: Final = 6
"""One with the reader, one in the box, one on its way back, three for the sensor: 11 MB."""
TURN_S: Final = 0.05
"""The camera's thread looks after returned buffers at least that often."""
STOP_WAIT_S: Final = 1.0
"""A camera that has not closed by then is left alone: the process is ending anyway."""
LUMA_FIRST: Final = frozenset({"YUV420", "YVU420", "YUV422", "YVU422", "NV12", "NV21", "R8"})
"""libcamera's formats whose first plane is 8 bits of luma a pixel."""
OLDEST_MS: Final = 10_000
_BROKEN = (
    RuntimeError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    CancelledError,
)
"""What picamera2 raises when libcamera refuses something."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The camera as it was opened; `notes` say what it can't do of what was asked."""

    model: str
    width: int
    height: int
    stride: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What the camera says of its newest frame; None where it does not say."""

    exposure_us: int | None
    gain: float | None
    focus_dioptres: float | None
    transit_ms: int
    """From the exposure until the frame was here."""


def camera_from(settings: CameraTable, now_ms: Callable[[], int]) -> Camera:
    """The camera that `door.toml` names.

    Raises `CameraError` when a webcam can't be opened; the others say it in `next`.
    """
    match settings.kind:
        case "picamera2":
            return PiCamera(settings, now_ms)
        case "webcam":
            return WebcamCamera(settings.device, now_ms, (settings.width, settings.height), settings.full_fps)
        case "pictures":
            return PicturesCamera(Path(settings.device), settings.full_fps, now_ms)
        case _:
            assert_never(settings.kind)


def sparing(camera: Camera, settings: CameraTable) -> tuple[SparingCamera, Pace]:
    """The camera, resting while nothing moves; the pace is for the reader (`SparingReader`)."""
    pace = Pace(settings.idle_fps, settings.full_fps)
    if isinstance(camera, PiCamera):
        return SparingCamera(camera, pace, camera.rest), pace
    return SparingCamera(camera, pace), pace


def latency_ms(frame: Frame, now_ms: int) -> int:
    """How long ago the frame was taken; a frame that was released still knows."""
    return now_ms - frame.taken_ms


@dataclass(frozen=True, slots=True)
class _Lease:
    """A frame and what must be undone to give it back to the camera, in order."""

    frame: Frame
    undo: contextlib.ExitStack


@dataclass(slots=True)
class _Device:
    """picamera2, its camera, how that was opened, and the pace it was told."""

    module: ModuleType
    camera: Any
    opened: Opened
    resting: bool = False


class PiCamera:
    """A camera module on picamera2. Opening goes on in its thread: `next` tells what became of it.

    `now_ms` is the scale of `taken_ms`, `stamp_ns` the clock of the sensor's time stamps.
    One thread uses it.
    """

    def __init__(
        self,
        settings: CameraTable,
        now_ms: Callable[[], int],
        stamp_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.opened: Opened | None = None
        self.reading: Reading | None = None
        self._settings = settings
        self._now_ms = now_ms
        # Once, for all frames: two clocks read again and again would put frames out of order.
        self._ahead_ms = now_ms() - stamp_ns() / 1_000_000
        self._changed = threading.Condition()
        self._box: _Lease | None = None
        self._lent: list[_Lease] = []
        self._returned: deque[_Lease] = deque()
        self._newest_ms = now_ms()
        self._ended: str | None = None
        self._resting = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def next(self, timeout_ms: int) -> Frame | None:
        """The newest frame, or None when none came in time.

        Raises `CameraError` when the camera can't be opened, broke, or has been silent
        for two seconds; a silent one may yet go on.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._box or self._ended, timeout_ms / 1000)
            lease, self._box = self._box, None
            if lease is not None:
                self._lent.append(lease)
                return lease.frame
            if self._ended is not None:
                raise CameraError(self._ended)
            silence_ms = self._now_ms() - self._newest_ms
        if silence_ms > (FIRST_FRAME_MS if self.reading is None else SILENT_MS):
            raise CameraError(f"the camera has been silent for {silence_ms} ms; check its cable")
        return None

    def release(self, frame: Frame) -> None:
        """Put the frame's buffer where the camera's thread takes it back; never waits."""
        frame.luma.release()
        with self._changed:
            for lease in [lease for lease in self._lent if lease.frame is frame]:
                self._lent.remove(lease)
                self._returned.append(lease)

    def rest(self, resting: bool) -> None:
        """Let the sensor be slower while nothing moves, or quick again; done with one of the next frames."""
        self._resting = resting

    def close(self) -> None:
        """Stop the camera, waiting a second at most; a second call does nothing."""
        self._closing.set()
        self._thread.join(STOP_WAIT_S)

    def _run(self) -> None:
        with contextlib.ExitStack() as closing:
            why = self._work(closing)
            with self._changed:  # told before closing, which may take for ever
                if self._box is not None:
                    self._returned.append(self._box)
                self._box, self._ended = None, why
                self._changed.notify_all()

    def _work(self, closing: contextlib.ExitStack) -> str:
        """Open and capture until closing is wanted or the camera breaks; returns why it ended."""
        try:
            device = self._open(_picamera2(), closing)
            closing.callback(self._give_back)
            while not self._closing.is_set():
                self._capture(device)
        except CameraError as error:
            return str(error)
        except _BROKEN as error:
            return f"the camera broke: {_why(error)}; check its cable, then start again"
        return "the camera was stopped"

    def _open(self, module: ModuleType, closing: contextlib.ExitStack) -> _Device:
        settings = self._settings
        try:
            camera = module.Picamera2()
        except _BROKEN as error:
            raise CameraError(
                f"no camera can be opened: {_why(error)}; `rpicam-hello --list-cameras` shows the cameras, "
                "and no other program may be using one"
            ) from error
        # At exit picamera2 would wait for its camera without bound.
        atexit.unregister(camera.close)
        closing.callback(camera.close)
        model = str(camera.camera_properties.get("Model", "unknown"))
        mode = sensor_mode(model, settings.width, settings.height)
        camera.configure(
            camera.create_video_configuration(
                main={"size": (settings.width, settings.height), "format": "YUV420"},
                raw=None,
                buffer_count=BUFFERS,
                queue=False,
                sensor={} if mode is None else {"output_size": mode},
            )
        )
        widest = camera.camera_properties.get("ScalerCropMaximum")
        asked = controls_for(settings, camera.camera_controls, widest)
        camera.set_controls(asked.values)
        self.opened = _opened(model, camera.camera_configuration()["main"], settings, asked.notes)
        camera.start()
        return _Device(module, camera, self.opened)

    def _capture(self, device: _Device) -> None:
        self._keep_pace(device)
        job = device.camera.capture_request(wait=False)
        while not self._closing.is_set():
            self._give_back()
            with contextlib.suppress(TimeoutError):
                self._put(self._lend(device, device.camera.wait(job, timeout=TURN_S)))
                return

    def _keep_pace(self, device: _Device) -> None:
        resting = self._resting
        if resting != device.resting:
            offered = device.camera.camera_controls
            device.camera.set_controls(pace_for(self._settings, offered, resting=resting))
            device.resting = resting

    def _lend(self, device: _Device, request: Any) -> _Lease:
        """The request's luma plane, mapped; the request goes back with it, or at once if anything fails."""
        opened = device.opened
        with contextlib.ExitStack() as undo:
            undo.callback(request.release)
            mapping = device.module.MappedArray(request, "main", reshape=False, write=False)
            mapped = undo.enter_context(mapping)
            luma = memoryview(mapped.array)[: opened.stride * opened.height]
            undo.callback(luma.release)
            metadata = request.get_metadata()
            arrived_ms = self._now_ms()
            taken_ms = self._taken_ms(metadata.get("SensorTimestamp"), arrived_ms)
            self.reading = Reading(
                metadata.get("ExposureTime"),
                metadata.get("AnalogueGain"),
                metadata.get("LensPosition"),
                arrived_ms - taken_ms,
            )
            self._newest_ms = arrived_ms
            frame = Frame(luma, opened.width, opened.height, opened.stride, taken_ms)
            return _Lease(frame, undo.pop_all())

    def _taken_ms(self, stamp_ns: int | None, arrived_ms: int) -> int:
        """The stamp on our scale; the time of arrival when there is none to be believed."""
        taken_ms = int(stamp_ns / 1_000_000 + self._ahead_ms) if stamp_ns else arrived_ms
        return taken_ms if 0 <= arrived_ms - taken_ms < OLDEST_MS else arrived_ms

    def _put(self, lease: _Lease) -> None:
        """The one-slot box: a frame that nobody took goes back to the camera."""
        with self._changed:
            if self._box is not None:
                self._returned.append(self._box)
            self._box = lease
            self._changed.notify_all()
        self._give_back()

    def _give_back(self) -> None:
        while self._returned:
            lease = self._returned.popleft()
            lease.undo.close()


def _picamera2() -> ModuleType:
    try:
        return importlib.import_module("picamera2")
    except ImportError as error:
        raise CameraError(
            f"the Pi's camera needs the system's picamera2 ({error}): `sudo apt install python3-picamera2`, "
            'in an environment made with --system-site-packages; or set kind = "webcam" in door.toml'
        ) from error


def _opened(model: str, stream: dict[str, Any], settings: CameraTable, notes: tuple[str, ...]) -> Opened:
    """The stream as libcamera made it, which may differ from what was asked. Raises `CameraError`."""
    if stream["format"] not in LUMA_FIRST:
        raise CameraError(f"the camera gives {stream['format']} and no luma plane; use another camera")
    width, height = stream["size"]
    if (width, height) != (settings.width, settings.height):
        notes += (f"the camera gives {width}x{height}, not {settings.width}x{settings.height}",)
    return Opened(model, width, height, stream["stride"], notes)


def _why(error: BaseException) -> str:
    """The first cause's words: picamera2 wraps what libcamera said."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__
