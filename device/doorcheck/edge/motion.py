"""Rest while nothing moves: few frames are read, until something moves in view or a symbol is seen.

Looking whether something moved costs some hundredths of what reading costs. So each frame
is looked at, and while the view is calm only a few a second are read. The frame that shows
a movement is itself read, and from it on frames are read at the full rate.

What moves is told from light that changes by what light does: it changes all the cells of
one row of the picture by the same share (lamps flicker faster than a picture is read out,
in bands; a sensor that is exposed anew changes them all). A hand does not.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import sub
from typing import Any, Final, Protocol

from PIL import Image

from doorcheck.core.symbol import Symbol
from doorcheck.edge.frame import Camera, Frame

CELLS_ACROSS: Final = 20
LINES_A_CELL: Final = 8
"""Of a cell's rows of pixels, so many are looked at."""
APART_MS: Final = 50
"""Two looks are that far apart at least: nothing moves much in less."""
STEPS_MOST: Final = 12
"""A cell that grew brighter or darker by a fifth, against its row, has changed."""
CELLS_SHARE: Final = 0.04
"""That share of the cells has changed: something moved. A hand with a phone covers 0.2 and more."""
CALM_MS: Final = 5_000
"""Without movement and symbols for that long, the door rests again."""
_LOGARITHMS: Final = [round(64 * math.log(1 + value / 16)) for value in range(256)]
"""A luma on a scale on which a change of light is a shift; flattened where noise is all there is."""


class Motion:
    """Whether something moved between two frames of one camera, at least `APART_MS` apart."""

    def __init__(self) -> None:
        self._before: tuple[bytes, int] | None = None
        self._before_ms = 0

    def moved(self, frame: Frame) -> bool:
        """True when something moved since the frame it is compared with; False for the first."""
        if self._before is not None and 0 <= frame.taken_ms - self._before_ms < APART_MS:
            return False
        now, before = _cells(frame), self._before
        self._before, self._before_ms = now, frame.taken_ms
        if before is None or before[1] != now[1] or len(before[0]) != len(now[0]):
            return False
        return _changed(before[0], now[0], now[1]) >= CELLS_SHARE * len(now[0])


def _cells(frame: Frame) -> tuple[bytes, int]:
    """The frame's cells, each the mean of some of its pixels, on the logarithmic scale; cells in a row."""
    size_px = max(1, frame.width // CELLS_ACROSS)
    every = max(1, size_px // LINES_A_CELL)
    # Every so many rows, by a stride so many times as long: no pixel is copied. The last is
    # left out, for behind it a buffer need not hold a whole stride.
    rows = max(1, frame.height // every - 1)
    luma: Any = frame.luma  # Pillow takes any buffer; its types name some
    lines = Image.frombuffer("L", (frame.width, rows), luma, "raw", "L", frame.stride * every, 1)
    cells = lines.reduce((size_px, max(1, size_px // every))).point(_LOGARITHMS)
    return cells.tobytes(), cells.width


def _changed(before: bytes, now: bytes, across: int) -> int:
    """How many cells changed otherwise than the middle one of their row."""
    changed = 0
    for start in range(0, len(now), across):
        steps = sorted(map(sub, now[start : start + across], before[start : start + across]))
        common = steps[len(steps) // 2]
        if steps[-1] - common > STEPS_MOST or common - steps[0] > STEPS_MOST:
            changed += sum(abs(step - common) > STEPS_MOST for step in steps)
    return changed


class Pace:
    """Which frames are read: `idle_fps` a second of a calm view, `full_fps` once something stirs.

    Times are milliseconds on the scale of the frames' `taken_ms`.
    """

    def __init__(self, idle_fps: int, full_fps: int, calm_ms: int = CALM_MS) -> None:
        self._idle_ms = 1000 / idle_fps
        self._full_ms = 1000 / full_fps
        self._calm_ms = calm_ms
        self._awake_until_ms: float = -math.inf
        self._due_ms: float = -math.inf

    def stir(self, now_ms: int) -> None:
        """Something moved, or a symbol was seen: the next frame is read, and all at the full rate."""
        if not self.awake(now_ms):
            self._due_ms = now_ms
        self._awake_until_ms = now_ms + self._calm_ms

    def awake(self, now_ms: int) -> bool:
        """True from something that stirred until the view has been calm for long."""
        return now_ms < self._awake_until_ms

    def due(self, now_ms: int) -> bool:
        """True when the frame taken now is to be read; says so once."""
        if now_ms < self._due_ms:
            return False
        every_ms = self._full_ms if self.awake(now_ms) else self._idle_ms
        late = now_ms - self._due_ms >= every_ms
        self._due_ms = (now_ms if late else self._due_ms) + every_ms
        return True


@dataclass(slots=True)
class SparingCamera:
    """A camera of which only the frames that are due come out; the others go back unread.

    `rest` is told when the view grew calm (True) or woke (False).
    """

    camera: Camera
    pace: Pace
    rest: Callable[[bool], None] = lambda _calm: None
    _motion: Motion = field(default_factory=Motion)
    _resting: bool = False

    def next(self, timeout_ms: int) -> Frame | None:
        """The newest frame, if it is due; None for one that is not. Raises as its camera does."""
        frame = self.camera.next(timeout_ms)
        if frame is None:
            return None
        try:
            due = self._due(frame)
        except BaseException as error:
            # A signal's handler may end the door here, in the middle of Pillow: what looked at the
            # frame would hold its buffer for as long as the exception lasts.
            traceback.clear_frames(error.__traceback__)
            self.camera.release(frame)
            raise
        if not due:
            self.camera.release(frame)
            return None
        return frame

    def _due(self, frame: Frame) -> bool:
        if self._motion.moved(frame):
            self.pace.stir(frame.taken_ms)
        resting = not self.pace.awake(frame.taken_ms)
        if resting != self._resting:
            self._resting = resting
            self.rest(resting)
        return self.pace.due(frame.taken_ms)

    def release(self, frame: Frame) -> None:
        """Give the frame back to its camera."""
        self.camera.release(frame)

    def close(self) -> None:
        """Close the camera."""
        self.camera.close()


class _Reads(Protocol):
    def read(self, frame: Frame) -> list[Symbol]: ...


@dataclass(frozen=True, slots=True)
class SparingReader:
    """A reader that keeps the door awake while there are symbols in view."""

    reader: _Reads
    pace: Pace

    def read(self, frame: Frame) -> list[Symbol]:
        """Every symbol that the reader finds. Raises `DecoderHangError` as it does."""
        symbols = self.reader.read(frame)
        if symbols:
            self.pace.stir(frame.taken_ms)
        return symbols
