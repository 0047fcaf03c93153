"""Videos and webcams (V4L2), both through PyAV, which is there only where it is wanted."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from doorcheck.edge.frame import CameraError, Frame

LUMA_FIRST = frozenset(
    {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "nv21", "gray"}
)
"""Pixel formats whose first plane is the luma: used as it is, without a conversion."""
STOP_WAIT_S = 2.0


def _av() -> ModuleType:
    try:
        return importlib.import_module("av")
    except ImportError as error:
        raise CameraError(
            "videos and webcams need the package av: use `device/demo --video FILE`, which installs it, "
            "or `pip install av`"
        ) from error


def _luma(picture: Any, now_ms: int) -> Frame:
    if picture.format.name not in LUMA_FIRST:
        picture = picture.reformat(format="gray")
    plane = picture.planes[0]
    return Frame(memoryview(plane).cast("B"), picture.width, picture.height, plane.line_size, now_ms)


def play(path: Path) -> Iterator[Frame]:
    """A video file's frames, `taken_ms` counted from its start. Raises `CameraError`."""
    av = _av()
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise CameraError(f"{path}: there is no video in this file")
            for picture in container.decode(video=0):
                yield _luma(picture, round((picture.time or 0.0) * 1000))
    except (av.FFmpegError, OSError) as error:
        raise CameraError(f"{path}: {_why(error)}; give a video file") from error


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).lower()


class WebcamCamera:
    """A V4L2 camera. A thread of its own captures; the latest frame wins.

    Size in pixels and pace are wishes: one that can't do them gives what it gives. Raises
    `CameraError` when the device can't be opened; from `next` when it stopped.
    """

    def __init__(
        self, device: str, now_ms: Callable[[], int], size: tuple[int, int] = (1280, 960), fps: int = 30
    ) -> None:
        self._device = device
        self._wanted = {"video_size": f"{size[0]}x{size[1]}", "framerate": str(fps)}
        self._now_ms = now_ms
        self._changed = threading.Condition()
        self._latest: Frame | None = None
        self._ended: CameraError | None = None
        self._closing = False
        self._container = self._open(_av())
        self._thread = threading.Thread(target=self._capture, name="webcam", daemon=True)
        self._thread.start()

    def _open(self, av: ModuleType) -> Any:
        refused: Exception | None = None
        for options in (self._wanted, {}):  # a camera that can't do what is wanted does what it can
            try:
                return av.open(self._device, format="v4l2", options=options)
            except (av.FFmpegError, OSError, ValueError) as error:
                refused = error
        why = _why(refused) if refused else "it can't be opened"
        raise CameraError(
            f"{self._device}: {why}; `ls /dev/video*` shows the cameras, "
            "and your user must be in the group video"
        ) from refused

    def _capture(self) -> None:
        ended = CameraError(f"{self._device}: it stopped; check its cable, then start again")
        try:
            for picture in self._container.decode(video=0):
                if self._closing:
                    break
                self.put(_luma(picture, self._now_ms()))
        except (_av().FFmpegError, OSError) as error:
            ended = CameraError(f"{self._device}: {_why(error)}; check its cable, then start again")
        finally:
            with self._changed:
                self._ended = ended
                self._changed.notify_all()

    def put(self, frame: Frame) -> None:
        """The one-slot box: a frame nobody took is replaced."""
        with self._changed:
            self._latest = frame
            self._changed.notify_all()

    def next(self, timeout_ms: int) -> Frame | None:
        """The newest frame, or None when none came in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._latest or self._ended, timeout_ms / 1000)
            frame, self._latest = self._latest, None
            if frame is None and self._ended:
                raise self._ended
            return frame

    def release(self, frame: Frame) -> None:
        """Drop the frame's pixels."""
        frame.luma.release()

    def close(self) -> None:
        """Stop capturing; a second call does nothing."""
        self._closing = True
        self._thread.join(STOP_WAIT_S)
        if not self._thread.is_alive():
            self._container.close()
