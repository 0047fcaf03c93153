"""The silent camera's ladder, as far as one process climbs it: times in, a rung out.

A camera that stopped is never opened again in the same process: libcamera and the kernel
may be in any state, and threads that wait for them can't be ended. What comes above
`HOPELESS` is the service manager's: it starts the process again, then the board.
"""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass
from typing import Final

SILENT_MS: Final = 2_000
HOPELESS_MS: Final = 5_000
FIRST_FRAME_MS: Final = 20_000
"""A small board needs some seconds to import picamera2, open the camera and settle the exposure."""
EXIT_CODE: Final = os.EX_TEMPFAIL
"""The exit code of a process that ends for want of frames: 75, "try again later" (sysexits.h)."""


class Rung(enum.Enum):
    """How long the camera has been silent, as what is to be done about it."""

    WELL = "frames come"
    SILENT = "out of order: the lamps say so"
    HOPELESS = "the process ends with `EXIT_CODE`"


@dataclass(slots=True)
class Stall:
    """Counts a camera's silence. All times are milliseconds on one monotonic scale.

    Until the first frame the process is given `first_frame_ms` instead of `hopeless_ms`.
    """

    started_ms: int
    silent_ms: int = SILENT_MS
    hopeless_ms: int = HOPELESS_MS
    first_frame_ms: int = FIRST_FRAME_MS
    _frame_ms: int | None = None

    def frame(self, now_ms: int) -> None:
        """A frame came."""
        self._frame_ms = now_ms

    def rung(self, now_ms: int) -> Rung:
        """Where on the ladder the camera is now."""
        first = self._frame_ms is None
        silence_ms = now_ms - (self.started_ms if self._frame_ms is None else self._frame_ms)
        if silence_ms > (self.first_frame_ms if first else self.hopeless_ms):
            return Rung.HOPELESS
        return Rung.SILENT if silence_ms > self.silent_ms else Rung.WELL
