"""The operator's counters: outcomes in coarse bins, and nothing of a visitor.

The law lets a venue count, not remember: no kind of proof, no time of a scan, and nothing
older than some days. A bin is a quarter of an hour or more, and is told only when it is
over: whoever looked at a running count every second would see each visitor's outcome. Why
a pass was not admitted is not kept in bins at all: in a quiet quarter of an hour, even one
letter would say of the one visitor who came that the pass was forged, or foreign. The
letters are counted in memory, for the simulated door, which shows them when it ends.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from doorcheck.core.verdict import Outcome, Reason

Bins = dict[datetime, Counter[Outcome]]
"""By the instant that each begins at."""


@dataclass(slots=True)
class Counters:
    """Counts since the start of the process, in memory only."""

    frames: int = 0
    symbols: int = 0
    decoder_kills: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)

    def decided(self, reason: Reason) -> None:
        """Count one decision."""
        self.outcomes[reason.outcome] += 1
        if reason is not Reason.OK:
            self.stages[reason.code[0]] += 1


class Ledger:
    """Outcomes in bins: what is kept, and what may be told of it.

    `bins` are those of earlier runs. Moments are wall times; they may go back, then an
    older bin goes on.
    """

    def __init__(self, bin_minutes: int, keep_days: int, bins: Mapping[datetime, Counter[Outcome]]) -> None:
        self.bin_minutes = bin_minutes
        self.keep_days = keep_days
        self._bins: Bins = {start: Counter(counts) for start, counts in bins.items()}

    def count(self, outcome: Outcome, now: datetime) -> None:
        """One decision more."""
        self._bins.setdefault(self._start(now), Counter())[outcome] += 1

    def kept(self, now: datetime) -> Bins:
        """Every bin that is not too old, the current one too: for the door's own file."""
        earliest = now - timedelta(days=self.keep_days)
        self._bins = {start: counts for start, counts in sorted(self._bins.items()) if start >= earliest}
        return {start: Counter(counts) for start, counts in self._bins.items()}

    def told(self, now: datetime) -> Bins:
        """The bins that are over: for people and programs."""
        return over(self.kept(now), self.bin_minutes, now)

    def is_over(self, since: datetime, now: datetime) -> bool:
        """Whether a bin has ended between the two."""
        return self._start(since) != self._start(now)

    def _start(self, now: datetime) -> datetime:
        width_s = self.bin_minutes * 60
        return datetime.fromtimestamp(now.timestamp() // width_s * width_s, UTC)


def over(bins: Bins, bin_minutes: int, now: datetime) -> Bins:
    """The bins that have ended."""
    width = timedelta(minutes=bin_minutes)
    return {start: counts for start, counts in bins.items() if start + width <= now}


FRAMES_LOOKED_BACK: Final = 64
DECISIONS_LOOKED_BACK: Final = 256


@dataclass(slots=True)
class Tempo:
    """How fast the door is: frames a second, and milliseconds from a frame's exposure to the lamps."""

    _frames_ms: deque[int] = field(default_factory=lambda: deque(maxlen=FRAMES_LOOKED_BACK))
    _latencies_ms: deque[int] = field(default_factory=lambda: deque(maxlen=DECISIONS_LOOKED_BACK))

    def frame(self, now_ms: int) -> None:
        """A frame came."""
        self._frames_ms.append(now_ms)

    def decided(self, latency_ms: int) -> None:
        """The lamps were told, so long after the frame was taken."""
        self._latencies_ms.append(latency_ms)

    def fps(self, now_ms: int) -> float:
        """Frames a second over the last ones; 0 when none came for two seconds."""
        if len(self._frames_ms) < 2 or now_ms - self._frames_ms[-1] > 2000:
            return 0.0
        lasted_ms = self._frames_ms[-1] - self._frames_ms[0]
        return (len(self._frames_ms) - 1) * 1000 / lasted_ms if lasted_ms else 0.0

    def latency_ms(self) -> int | None:
        """The median over the last decisions; None before the first."""
        return sorted(self._latencies_ms)[len(self._latencies_ms) // 2] if self._latencies_ms else None
