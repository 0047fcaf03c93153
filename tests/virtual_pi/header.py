"""The header's pins, seen from outside of the machine: a word in its memory, and when it changed.

The kernel's gpiochip (`board/gpio.dts`) writes the lines' levels into that word; a program in the
machine that only says that a lamp is lit changes nothing here. A level counts where the line is
an output: an input with a pull-down is low.
"""

from __future__ import annotations

import bisect
import mmap
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.virtual_pi.lens import Lens

from doorcheck.edge import pins

AT_BYTES: Final = 0x3FE00000
"""Where the word is in the machine's memory (`board/gpio.dts`), the levels before the directions."""
WORDS: Final = struct.Struct("<II")
LOOK_S: Final = 0.001
BCM: Final = pins.load().bcm()
LAMPS: Final = ("red", "amber", "ready", "green", "relay", "illuminator")
"""Outputs whose every change is recorded. The buzzer's edges are a tone: only that it sounds is."""
SOUNDS_S: Final = 0.05


class HeaderError(Exception):
    """The pins did not do what was waited for; the text says what they did."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Every output at one instant."""

    at_s: float
    """On the host's monotonic clock."""
    inside_s: float
    """On the machine's own, as it told last."""
    high: frozenset[str]

    def __contains__(self, name: str) -> bool:
        return name in self.high


class Header:
    """The pins; recording from `start` until `close`."""

    def __init__(self, memory: Path, lens: Lens) -> None:
        self._lens = lens
        with memory.open("rb") as file:
            self._page = mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ, offset=AT_BYTES)
        self.changes: list[Levels] = []
        self._ticks: list[tuple[float, float]] = []
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._buzzed_s = 0.0
        self._buzzer = False
        self._thread = threading.Thread(target=self._record, name="header", daemon=True)

    def start(self) -> None:
        """Begin to record."""
        self._thread.start()

    def close(self) -> None:
        """End the record."""
        self._stop.set()
        self._thread.join()
        self._page.close()

    def read(self) -> Levels:
        """The levels now."""
        levels, outputs = WORDS.unpack_from(self._page)
        now_s = time.monotonic()
        buzzer = bool(levels >> BCM["buzzer"] & 1)
        if buzzer != self._buzzer:
            self._buzzer, self._buzzed_s = buzzer, now_s
        high = {name for name in LAMPS if levels & outputs & 1 << BCM[name]}
        if now_s - self._buzzed_s < SOUNDS_S or (buzzer and outputs >> BCM["buzzer"] & 1):
            high.add("buzzer")
        return Levels(now_s, self._lens.inside_s(), frozenset(high))

    def await_levels(self, want: Callable[[Levels], bool], timeout_s: float, since_s: float = 0.0) -> Levels:
        """The first levels, since that time, of which `want` is true. Raises `HeaderError`."""
        until_s = time.monotonic() + timeout_s
        with self._changed:
            seen = bisect.bisect_left(self.changes, since_s, key=lambda levels: levels.at_s)
            while True:
                for levels in self.changes[seen:]:
                    if want(levels):
                        return levels
                seen = len(self.changes)
                left_s = until_s - time.monotonic()
                if left_s <= 0:
                    last = ", ".join(sorted(self.changes[-1].high)) if self.changes else "nothing"
                    raise HeaderError(
                        f"not within {timeout_s:.0f} s; the last that was lit: {last or 'nothing'}"
                    )
                self._changed.wait(left_s)

    def changes_since(self, since_s: float) -> list[Levels]:
        """What changed since then."""
        return self.changes[bisect.bisect_left(self.changes, since_s, key=lambda levels: levels.at_s) :]

    def await_lit(self, name: str, timeout_s: float, since_s: float = 0.0) -> Levels:
        """When that output was first high since then. Raises `HeaderError`."""
        return self.await_levels(lambda levels: name in levels, timeout_s, since_s)

    def lit(self, name: str, since_s: float, until_s: float | None = None) -> Iterator[tuple[float, float]]:
        """The spans in which an output was high, from and to."""
        end_s = time.monotonic() if until_s is None else until_s
        began_s: float | None = None
        for levels in [*self.changes, Levels(end_s, 0.0, frozenset())]:
            at_s = min(max(levels.at_s, since_s), end_s)
            if name in levels and began_s is None:
                began_s = at_s
            elif name not in levels and began_s is not None:
                if at_s > began_s:
                    yield began_s, at_s
                began_s = None

    def inside_s(self, at_s: float) -> float:
        """The machine's time at that time of the host."""
        place = bisect.bisect(self._ticks, (at_s, 0.0))
        if place == 0:
            return self._ticks[0][1] if self._ticks else 0.0
        if place == len(self._ticks):
            return self._ticks[-1][1]
        (from_s, inside_from_s), (to_s, inside_to_s) = self._ticks[place - 1 : place + 1]
        return inside_from_s + (inside_to_s - inside_from_s) * (at_s - from_s) / (to_s - from_s)

    def _record(self) -> None:
        last: frozenset[str] | None = None
        while not self._stop.wait(LOOK_S):
            levels = self.read()
            if not self._ticks or levels.inside_s > self._ticks[-1][1]:
                self._ticks.append((levels.at_s, levels.inside_s))
            if levels.high != last:
                last = levels.high
                with self._changed:
                    self.changes.append(levels)
                    self._changed.notify_all()
