"""The one module that reads clocks."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

from doorcheck.core.moment import Basis, Moment


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
