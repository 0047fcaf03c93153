"""The one module that reads clocks, and says how far their time is believed.

A computer without a network and without a battery shows any time at all, and a wrong time
makes every period check meaningless. So the box asks for evidence. Network time: the
system's own client has synchronised since it started, and says so in a file (its system
call for that is one that a confined service may not make). A battery-backed clock: there
is one, it can be read, and the system shows its time. And whatever they say, no time is
before the floor: the newest of what was released, signed, or seen here before. Where nothing
vouches, an operator's signed statement does (`asking.py`), from when it came.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from doorcheck.core.moment import Basis, Moment
from doorcheck.edge.asking import Stated

SYNCHRONISED: Final = "run/systemd/timesync/synchronized"
"""Written by systemd-timesyncd each time it has set the clock by the network."""
RTC: Final = "sys/class/rtc/rtc0/since_epoch"
"""The battery-backed clock, in seconds since 1970; not to be read when it has stopped."""
BACK_S: Final = 2.0
"""A wall clock may be turned back that far at once: time clients do so."""
AHEAD_S: Final = 3600.0
"""And ahead that far."""
RTC_WITHIN_S: Final = 300.0
"""The system's clock was set by the battery-backed one at boot; apart, they drift seconds a day."""
LOOK_EVERY_MS: Final = 1000
"""Evidence is looked for once a second: a battery-backed clock on I2C takes a millisecond to read."""


class Clock(Protocol):
    """Wall time for verdicts, a monotonic scale for everything that lasts."""

    def moment(self) -> Moment:
        """The wall time now, and how it is known."""

    def now_ms(self) -> int:
        """Milliseconds on a scale that never goes back."""


class SystemClock:
    """The computer's clocks; `basis` says how far its wall time is believed."""

    def __init__(self, basis: Basis) -> None:
        self._basis = basis

    def moment(self) -> Moment:
        """The computer's wall time."""
        return Moment(datetime.now(UTC), self._basis)

    def now_ms(self) -> int:
        """The computer's monotonic clock."""
        return time.monotonic_ns() // 1_000_000


class StatedClock(SystemClock):
    """An operator's stated time, which stands still: every pass is judged as at that instant."""

    def __init__(self, stated: datetime) -> None:
        super().__init__(Basis.OPERATOR)
        self._stated = Moment(stated, Basis.OPERATOR)

    def moment(self) -> Moment:
        """The stated time."""
        return self._stated


class Doubt(enum.Enum):
    """Why the wall clock is not believed."""

    NO_EVIDENCE = "neither network time nor a battery-backed clock vouches for it"
    BEFORE_FLOOR = "it shows a time that is past for certain"
    TURNED_BACK = "it was turned back while the door ran"
    JUMPED_AHEAD = "it jumped ahead while the door ran"


@dataclass(frozen=True, slots=True)
class Readings:
    """Where a clock reads: wall time in seconds since 1970, and a monotonic scale in milliseconds."""

    wall_s: Callable[[], float] = time.time
    now_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000


class BoxClock:
    """The box's clock: its moment is believed for a reason, or a floor.

    `floor` gives the newest time that is past for certain by what was signed, `seen` is the
    last believed time of an earlier run. `root` is where `run` and `sys` are. After a jump
    nothing but network time that was taken after it is believed, until the next start. One
    thread uses it.
    """

    def __init__(
        self,
        floor: Callable[[], datetime],
        seen: datetime | None = None,
        root: Path = Path("/"),
        readings: Readings | None = None,
    ) -> None:
        self._floor = floor
        self._root = root
        self._readings = readings or Readings()
        self._began_ms = self._last_ms = self._readings.now_ms()
        self._last_wall_s = self._readings.wall_s()
        self._bound = floor() if seen is None else max(floor(), seen)
        """Past for certain when this clock was made."""
        self._jump: tuple[Doubt, float] | None = None
        self._synchronised_at_s: float | None = None
        self._stated: Stated | None = None
        self._basis = Basis.FLOOR
        self._look_at_ms = self._began_ms
        self.doubt: Doubt | None = Doubt.NO_EVIDENCE
        """Why the last moment was a floor; None when it was more."""

    def now_ms(self) -> int:
        """The computer's monotonic clock."""
        return self._readings.now_ms()

    def moment(self) -> Moment:
        """The wall time where it is believed; otherwise the floor, moved on by the time since start."""
        now_ms, wall_s = self._readings.now_ms(), self._readings.wall_s()
        self._watch(now_ms, wall_s)
        if now_ms >= self._look_at_ms:
            self._look_at_ms = now_ms + LOOK_EVERY_MS
            self._basis = self._evidence(wall_s)
        floor = max(self._floor(), self._bound)
        self.doubt = self._doubt(wall_s, floor.timestamp())
        if self.doubt is None:
            return Moment.at(wall_s, self._basis)
        if self._stated is not None and (by_statement := self._stated.now(now_ms)) >= floor:
            self.doubt = None
            return Moment(by_statement, Basis.OPERATOR)
        passed = timedelta(milliseconds=now_ms - self._began_ms)
        return Moment(max(self._floor(), self._bound + passed), Basis.FLOOR)

    def remember(self, believed: Moment) -> None:
        """From now on, no time before that one is believed, whoever vouches for it."""
        self._bound, self._began_ms = max(self._bound, believed.utc), self._readings.now_ms()

    def state(self, stated: Stated) -> None:
        """Believe a verified statement where nothing else vouches; no earlier time from now on."""
        self._stated = stated
        self.remember(Moment(stated.now(self._readings.now_ms()), Basis.OPERATOR))

    def _watch(self, now_ms: int, wall_s: float) -> None:
        """Notice when the wall clock did not go as the monotonic one did."""
        gap_s = (wall_s - self._last_wall_s) - (now_ms - self._last_ms) / 1000
        self._last_ms, self._last_wall_s = now_ms, wall_s
        if -BACK_S <= gap_s <= AHEAD_S:
            return
        self._jump = (Doubt.TURNED_BACK if gap_s < 0 else Doubt.JUMPED_AHEAD, wall_s)
        self._look_at_ms = now_ms

    def _evidence(self, wall_s: float) -> Basis:
        synchronised_s = self._synchronised_s()
        if synchronised_s is not None and synchronised_s <= wall_s + BACK_S:
            if self._jump is None:
                self._synchronised_at_s = synchronised_s
                return Basis.NETWORK
            if synchronised_s != self._synchronised_at_s and synchronised_s >= self._jump[1] - BACK_S:
                self._jump = None  # it was the time client that set the clock
                return Basis.NETWORK
        rtc_s = self._rtc_s()
        if rtc_s is not None and abs(rtc_s - wall_s) <= RTC_WITHIN_S:
            return Basis.RTC
        return Basis.FLOOR

    def _doubt(self, wall_s: float, floor_s: float) -> Doubt | None:
        if wall_s < floor_s:
            return Doubt.BEFORE_FLOOR
        if self._jump is not None:
            return self._jump[0]
        return Doubt.NO_EVIDENCE if self._basis is Basis.FLOOR else None

    def _synchronised_s(self) -> float | None:
        """When the time client last set the clock; None when it has not."""
        try:
            return (self._root / SYNCHRONISED).stat().st_mtime
        except OSError:
            return None

    def _rtc_s(self) -> int | None:
        """What the battery-backed clock shows; None without one, or when it has stopped."""
        try:
            return int((self._root / RTC).read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None
