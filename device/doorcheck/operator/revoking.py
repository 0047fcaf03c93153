"""From a leaked pass to the entries that catch it, under every encoding its finder can make.

Of the pass nothing is kept but the hashes that deny lists hold. Only a genuine pass makes
entries: an identifier in a code that nobody signed may be anybody's, and would take an
innocent visitor's pass away.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from doorcheck.core import denylist
from doorcheck.core.moment import Moment
from doorcheck.core.symbol import Symbol
from doorcheck.core.verdict import PassFormat, Reason, RefusedError
from doorcheck.core.verify import open_with_claims
from doorcheck.core.world import World

ID_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Found:
    """A genuine pass, known by hash and type only."""

    format: PassFormat
    entries: tuple[tuple[Reason, bytes], ...] = field(repr=False)

    @property
    def hashes(self) -> list[bytes]:
        """What the deny list will hold of it, each once, sorted."""
        return sorted({hashed for _, hashed in self.entries})

    @property
    def identity(self) -> str:
        """The hash it is shown and taken back by: of its entries, and of nothing else."""
        return identity(self.hashes)

    def kinds(self) -> str:
        """How many entries of which kind, in words."""
        counts = Counter(_KINDS[reason] for reason, _ in {(r, h) for r, h in self.entries})
        return ", ".join(f"{number} by {kind}" for kind, number in counts.items())


_KINDS = {
    Reason.LISTED_SIGNATURE: "signature",
    Reason.LISTED_DOCUMENT: "document",
    Reason.LISTED_IDENTIFIER: "identifier",
    Reason.LISTED_COUNTRY: "country and identifier",
}


def identity(hashes: Iterable[bytes]) -> str:
    """A short name of a set of entries."""
    return hashlib.sha256(b"".join(sorted(hashes))).hexdigest()[:ID_DIGITS]


def genuine(symbols: Sequence[Symbol], world: World, moment: Moment) -> tuple[list[Found], list[Reason]]:
    """The genuine passes among symbols, each once, and why the others are none."""
    found: dict[str, Found] = {}
    others: list[Reason] = []
    for symbol in symbols:
        try:
            shown = open_with_claims(symbol, world, moment)
        except RefusedError as refused:
            others.append(refused.reason)
            continue
        one = Found(shown.format, tuple(denylist.entries(shown)))
        found.setdefault(one.identity, one)
    return list(found.values()), others
