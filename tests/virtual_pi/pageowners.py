"""Tells whose each page of a machine's memory is, and nothing of what is in it; runs inside, as root.

It stands alone: Python's own modules, Linux. Output: JSON, for each process its name and the numbers of
the pages that it maps, and the kernel's flags of every page from `FIRST` on, packed
(`Documentation/admin-guide/mm/pagemap.rst`).
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import sys
import zlib
from array import array
from typing import Final

PAGE: Final = 4096
FIRST: Final = 0x40000000 // PAGE
PAGES: Final = (1 << 30) // PAGE
"""Of the virtual Pi's memory: the first, and how many."""
PRESENT: Final = 1 << 63
NUMBER: Final = (1 << 55) - 1
BUDDY, SLAB, LRU, ANON = 1 << 10, 1 << 7, 1 << 5, 1 << 12


def packed(numbers: bytes) -> str:
    """For JSON."""
    return base64.b64encode(zlib.compress(numbers, 1)).decode()


def unpacked(text: str) -> array[int]:
    """Numbers of 64 bits."""
    return array("Q", zlib.decompress(base64.b64decode(text)))


def pages(pid: int) -> array[int]:
    """The numbers of the pages that a process maps and that are there."""
    found = array("Q")
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/pagemap", "rb") as pagemap:  # noqa: PTH123
        for line in maps:
            start, end = (int(word, 16) // PAGE for word in line.split()[0].split("-"))
            entries = array("Q", os.pread(pagemap.fileno(), (end - start) * 8, start * 8))
            found.extend([entry & NUMBER for entry in entries if entry & PRESENT])
    return found


def main() -> None:
    """Every process, then the flags."""
    processes: dict[str, tuple[str, str]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 - names are what is wanted
        with contextlib.suppress(OSError):
            with open(f"/proc/{name}/comm") as comm:  # noqa: PTH123
                words = comm.read().strip()
            processes[name] = (words, packed(pages(int(name)).tobytes()))
    descriptor = os.open("/proc/kpageflags", os.O_RDONLY)
    # Whole entries only, or it refuses: so no buffered read.
    flags = os.pread(descriptor, PAGES * 8, FIRST * 8)
    json.dump({"processes": processes, "flags": packed(flags)}, sys.stdout)


if __name__ == "__main__":
    main()
