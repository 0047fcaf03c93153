"""The time a decision is made for, and how it is known."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, datetime


class Basis(enum.Enum):
    """Where a moment's time comes from."""

    NETWORK = "network time"
    RTC = "battery-backed clock"
    OPERATOR = "an operator's statement"
    FLOOR = "only a lower bound"
    """The true time is this or later: no period can be judged on it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One decision's time: taken once per symbol, used for every check of it."""

    utc: datetime
    basis: Basis

    def __post_init__(self) -> None:
        if self.utc.tzinfo is None:
            raise ValueError("a moment needs a time zone; got a naive datetime")

    @property
    def seconds(self) -> float:
        """Seconds since 1970-01-01T00:00:00Z."""
        return self.utc.timestamp()

    @classmethod
    def at(cls, seconds: float, basis: Basis) -> Moment:
        """The moment that many seconds after 1970-01-01T00:00:00Z."""
        return cls(datetime.fromtimestamp(seconds, UTC), basis)
