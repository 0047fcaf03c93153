"""A slow and lossy cable for kernels without netem: frames pass through this process, late or never.

Run by `link.py` as `python3 slowlink.py HERE THERE DELAY_MS LOSS_PERCENT RATE_BIT`. It makes the two
taps HERE and THERE, prints the number of the process that carries frames between them until it
is ended, and leaves that behind. Standard library alone.
"""

from __future__ import annotations

import fcntl
import os
import random
import select
import struct
import sys
import time
from collections import deque
from typing import Final

TUNSETIFF: Final = 0x400454CA
IFF_TAP: Final = 0x0002
IFF_NO_PI: Final = 0x1000
LARGEST_FRAME_BYTES: Final = 65_536
MOST_WAITING: Final = 200
"""Frames in a full queue are dropped, as a modem does it."""


def tap(name: str) -> int:
    """Make a tap of that name, and give its file."""
    file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return file


class Direction:
    """One way through the cable."""

    def __init__(self, source: int, target: int, delay_s: float, loss: float, rate_bit: float) -> None:
        self.source = source
        self._target = target
        self._delay_s = delay_s
        self._loss = loss
        self._rate_bit = rate_bit
        self._busy_until = 0.0
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._random = random.Random(1)  # the same losses every time

    def take(self, now: float) -> None:
        """Read one frame, and plan when it arrives; or lose it."""
        frame = os.read(self.source, LARGEST_FRAME_BYTES)
        if self._random.random() < self._loss or len(self._waiting) >= MOST_WAITING:
            return
        on_the_line_s = len(frame) * 8 / self._rate_bit if self._rate_bit else 0.0
        self._busy_until = max(now, self._busy_until) + on_the_line_s
        self._waiting.append((self._busy_until + self._delay_s, frame))

    def give(self, now: float) -> None:
        """Deliver what is due."""
        while self._waiting and self._waiting[0][0] <= now:
            frame = self._waiting.popleft()[1]
            try:
                os.write(self._target, frame)
            except OSError:
                continue  # the other end is down: a frame lost, as on any cable

    def due(self) -> float | None:
        """When the next frame arrives."""
        return self._waiting[0][0] if self._waiting else None


def leave() -> None:
    """Go on as a process of nobody's, whose number is printed."""
    if child := os.fork():
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        os._exit(0)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for file in (0, 1, 2):
        os.dup2(nothing, file)


def main() -> None:
    """Carry frames until ended."""
    here, there = tap(sys.argv[1]), tap(sys.argv[2])
    delay_s, loss, rate_bit = float(sys.argv[3]) / 1000, float(sys.argv[4]) / 100, float(sys.argv[5])
    ways = [Direction(a, b, delay_s, loss, rate_bit) for a, b in ((here, there), (there, here))]
    leave()
    while True:
        now = time.monotonic()
        times = [due for way in ways if (due := way.due()) is not None]
        timeout_s = max(0.0, min(times) - now) if times else None
        ready, _, _ = select.select([way.source for way in ways], [], [], timeout_s)
        now = time.monotonic()
        for way in ways:
            if way.source in ready:
                way.take(now)
            way.give(now)


if __name__ == "__main__":
    main()
