"""The operator's counters: decisions by outcome and by stage, and nothing of a visitor.

No kind of proof can be told from them: the stage letter is all that is kept of a reason.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from doorcheck.core.verdict import Outcome, Reason


@dataclass(slots=True)
class Counters:
    """Counts since the start of the process."""

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
