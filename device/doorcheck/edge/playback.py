"""A folder of pictures as a camera: the simulated door's eyes, in real time, over and over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from doorcheck.edge.frame import CameraError, Frame
from doorcheck.edge.pictures import PictureError, load_luma

HELD_MS: Final = 1000
"""So long each picture is held up."""
AWAY_MS: Final = 2000
"""And so long nothing is there after it: the next one is another visitor's."""
GREY: Final = bytes([128])


class PicturesCamera:
    """Shows the folder's pictures in the order of their names, `fps` frames a second.

    The folder is looked at anew for each picture. An empty one is a camera that delivers
    nothing. Files that are no pictures are passed over. `wait` takes seconds.
    """

    def __init__(
        self,
        folder: Path,
        fps: int,
        now_ms: Callable[[], int],
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._folder = folder
        self._every_ms = 1000 // fps
        self._now_ms = now_ms
        self._wait = wait
        self._frames: Iterator[Frame | None] = self._shown()
        self._due_ms = now_ms()

    def next(self, timeout_ms: int) -> Frame | None:
        """The next frame when it is due. Raises `CameraError` when there is no such folder."""
        until_ms = self._due_ms - self._now_ms()
        self._wait(min(max(until_ms, 0), timeout_ms) / 1000)
        if until_ms > timeout_ms:
            return None
        # A door that was late takes the frame of now: the latest wins.
        self._due_ms = max(self._due_ms, self._now_ms() - self._every_ms) + self._every_ms
        try:
            shown = next(self._frames, None)
        except CameraError:
            self._frames = self._shown()
            raise
        if shown is None:
            return None
        return Frame(memoryview(shown.luma), shown.width, shown.height, shown.stride, self._now_ms())

    def release(self, frame: Frame) -> None:
        """Drop the frame's view of the pixels."""
        frame.luma.release()

    def close(self) -> None:
        """Show nothing more."""
        self._frames = iter(())

    def _shown(self) -> Iterator[Frame | None]:
        """For each frame that is due the picture of then; None where there is none."""
        last = ""
        while True:
            names = self._names()
            name = next((one for one in names if one > last), names[0] if names else "")
            last = name
            picture = self._picture(name) if name else None
            if picture is None:
                yield None
                continue
            grey = GREY * len(picture.luma)
            away = Frame(memoryview(grey), picture.width, picture.height, picture.stride, 0)
            for shown, lasts_ms in ((picture, HELD_MS), (away, AWAY_MS)):
                for _ in range(0, lasts_ms, self._every_ms):
                    yield shown

    def _names(self) -> list[str]:
        try:
            return sorted(path.name for path in self._folder.iterdir() if path.is_file())
        except OSError as error:
            raise CameraError(
                f"{self._folder}: {(error.strerror or str(error)).lower()}; give a folder of pictures"
            ) from error

    def _picture(self, name: str) -> Frame | None:
        try:
            return load_luma(self._folder / name)
        except PictureError:
            return None
