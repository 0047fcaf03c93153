"""A camera's frame, and what every camera promises."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture's luma plane: 8 bits a pixel, rows from the top, `stride` bytes apart.

    `luma` may be the camera's own buffer: it is valid only until `release` of the
    camera that gave it, so nobody keeps a frame. No `repr` shows pixels.
    """

    luma: memoryview = field(repr=False)
    width: int
    height: int
    stride: int
    taken_ms: int
    """Time of exposure on the clock's monotonic scale."""


class CameraError(Exception):
    """The camera can't be used; the text says which, why, and what to do."""


class Camera(Protocol):
    """Anything that delivers frames: a sensor, a file, a story."""

    def next(self, timeout_ms: int) -> Frame | None:
        """The newest frame not yet given out, waiting at most that long; None when none came.

        Raises `EOFError` when there will never be another one, `CameraError` when the
        camera broke.
        """

    def release(self, frame: Frame) -> None:
        """Give the frame's buffer back; the frame must not be touched afterwards."""

    def close(self) -> None:
        """Stop and free the device; a second call does nothing."""
