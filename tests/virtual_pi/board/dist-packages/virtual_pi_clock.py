"""Tells the host this machine's time: its monotonic clock, in the memory of the lens, as it goes.

The machine's time is its instructions, counted, and no clock of the host's shows it. 8 bytes at
TIME, nanoseconds, 100 times a second.
"""

from __future__ import annotations

import mmap
import os
import time
from typing import Final

LENS: Final = "/dev/virtual-lens"
TIME: Final = 64
EVERY_S: Final = 0.01


def main() -> None:
    """Until power ends."""
    while not os.path.exists(LENS):  # noqa: PTH110 - pathlib takes a second to load here
        time.sleep(0.1)
    descriptor = os.open(LENS, os.O_RDWR)
    memory = mmap.mmap(descriptor, 4096)
    now = memoryview(memory).cast("Q")
    while True:
        now[TIME // 8] = time.monotonic_ns()
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
