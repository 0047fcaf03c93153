"""How old the lists may be: the ladder from fresh to too old, and what the door does on it.

A list says nothing of what leaked after it was made. So a door counts the age of what it
has by the publication's own signed time, shows a lamp when that age grows, and in the end
stops admitting on its own (the European lists' readers took 24 to 48 hours, the French
one up to 240).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from doorcheck.core.verdict import Outcome


class Age(enum.Enum):
    """A rung of the ladder."""

    FRESH = "fresh"
    AGEING = "ageing"
    """The door judges as ever, and a lamp asks for an update."""
    TOO_OLD = "too old"
    """The door does not admit any more."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """The operator's policy. `too_old` is what becomes of a good pass then: STAFF or OUT_OF_ORDER.

    Raises `ValueError` for rungs in the wrong order and for an outcome that would let in.
    """

    ageing_after: timedelta = timedelta(hours=72)
    too_old_after: timedelta = timedelta(hours=240)
    too_old: Outcome = Outcome.OUT_OF_ORDER

    def __post_init__(self) -> None:
        if not timedelta(0) < self.ageing_after <= self.too_old_after:
            raise ValueError("lists must age after some time, and be too old no earlier than that")
        if self.too_old not in (Outcome.STAFF, Outcome.OUT_OF_ORDER):
            raise ValueError("too old a list leads to STAFF or OUT_OF_ORDER, to nothing else")

    def age(self, published: datetime, now: datetime) -> Age:
        """The rung that lists of that publication are on now; each begins with its first instant."""
        passed = now - published
        if passed >= self.too_old_after:
            return Age.TOO_OLD
        return Age.AGEING if passed >= self.ageing_after else Age.FRESH
