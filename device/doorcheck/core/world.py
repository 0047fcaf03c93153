"""Everything a verdict depends on besides the pass and the time: one frozen snapshot."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from doorcheck.core.denylist import DenyList
from doorcheck.core.freshness import Age, Freshness
from doorcheck.core.moment import Moment
from doorcheck.core.rules import Rules
from doorcheck.core.trust import TrustList
from doorcheck.core.verdict import Outcome


@dataclass(frozen=True, slots=True)
class World:
    """Trust list, deny list, rules and the floor of time; swapped whole, never changed.

    `floor` is the earliest time that can be: of building, of signed data, last seen.
    `mark_key` keys the marks of visitors: made at each start, kept in memory only, the
    same in every world of one process. `trust` None: there is no trust list yet.
    `published` is the signed time of the publication that the lists came with; None says
    outright that they came by hand, for one judgement on a bench, and have no age.
    `on_a_floor` is what becomes of a good pass when the time is a lower bound only: STAFF or
    OUT_OF_ORDER; whatever else stands there counts as the latter.
    """

    trust: TrustList | None
    deny: DenyList
    rules: Rules
    floor: datetime
    mark_key: bytes = field(repr=False)
    published: datetime | None
    freshness: Freshness = field(default_factory=Freshness)
    on_a_floor: Outcome = Outcome.OUT_OF_ORDER

    def age(self, moment: Moment) -> Age:
        """How old the lists are at that moment."""
        return Age.FRESH if self.published is None else self.freshness.age(self.published, moment.utc)
