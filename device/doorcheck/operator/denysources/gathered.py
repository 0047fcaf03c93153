"""What an import of deny lists brought: the hashes, and totals that may be shown and logged.

Entries of a deny list are as good as personal data: some can be guessed from a name and
a birth date. So neither a hash nor an identifier is in any text or `repr` from here.
"""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass, field

from doorcheck.operator.trust.candidates import File, SourceError


class Format(enum.Enum):
    """The formats that are read; the values name them on the command line."""

    EU = "eu"
    GERMAN = "german"
    ITALIAN = "italian"
    FRENCH = "french"
    HASHES = "hashes"
    IDENTIFIERS = "identifiers"

    @property
    def words(self) -> str:
        """The format's name for an operator."""
        return _WORDS[self]


_WORDS = {
    Format.EU: "EU gateway batches",
    Format.GERMAN: "German chunk files",
    Format.ITALIAN: "the Italian list",
    Format.FRENCH: "French lists of hashes",
    Format.HASHES: "hashes, one a line",
    Format.IDENTIFIERS: "identifiers in plain text",
}


class Kind(enum.Enum):
    """What an entry is a hash of, as far as its list says."""

    SIGNATURE = "SIGNATURE"
    UCI = "UCI"
    COUNTRY_UCI = "COUNTRYCODEUCI"
    DOCUMENT = "2D-Doc"
    UNSAID = "not said"


@dataclass(slots=True)
class Refused:
    """Something that was not taken, and why.

    `entries` counts the entries of one file that were refused for one reason, `where`
    being the first's place; it is 0 when a file or a whole list was.
    """

    source: str
    where: str
    reason: str
    entries: int = 0


@dataclass(slots=True)
class Totals:
    """What the lists of one format came to. `entries` is the sum of the five after it."""

    files: int = 0
    entries: int = 0
    """Read and well-formed."""
    taken: int = 0
    duplicates: int = 0
    removed: int = 0
    """Taken back by a later delta, an inactive element or a deleted batch."""
    expired: int = 0
    """In batches that are expired."""
    dropped: int = 0
    """In lists that were refused as a whole, for a part is missing or does not agree."""
    kinds: Counter[Kind] = field(default_factory=Counter)
    """Of the entries, before any is taken away."""


@dataclass(slots=True)
class DenyGathered:
    """What the sources hold."""

    sources: list[str]
    """As the operator named them, in that order."""
    hashes: set[bytes] = field(default_factory=set, repr=False)
    """16 bytes each, as `core.denylist.digest` makes them."""
    totals: dict[Format, Totals] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    """Hidden files in folders, by source; they are not opened."""
    notes: list[str] = field(default_factory=list)
    """What the operator ought to know."""


class DenySourcesError(SourceError):
    """An import was refused, and nothing of it may be used.

    `gathered` has the totals and all refusals, and no hash.
    """

    def __init__(self, text: str, gathered: DenyGathered) -> None:
        super().__init__(text)
        self.gathered = gathered


class Ledger:
    """The book that one format's reader keeps: its totals, its refusals, its notes."""

    def __init__(self, kind: Format, gathered: DenyGathered) -> None:
        self.totals = gathered.totals.setdefault(kind, Totals())
        self.format = kind
        self._gathered = gathered
        self._entries: dict[tuple[str, str, str], Refused] = {}

    def count(self, kind: Kind, entries: int) -> None:
        """Count entries that were read."""
        self.totals.entries += entries
        self.totals.kinds[kind] += entries

    def refuse(self, reason: str, file: File | None = None) -> None:
        """A file, or without one the whole list, is not taken."""
        source, where = (file.source, file.where) if file else (self.format.words, "")
        self._gathered.refused.append(Refused(source, where, reason))

    def drop(self, reason: str) -> set[bytes]:
        """The whole list is not taken; returns what is left of it, nothing."""
        totals = self.totals
        totals.dropped = totals.entries - totals.duplicates - totals.removed - totals.expired
        self.refuse(reason)
        return set()

    def refuse_entry(self, file: File, place: str, reason: str, entries: int = 1) -> None:
        """An entry is not taken; entries of one file refused for one reason are counted together."""
        key = (file.source, file.where, reason)
        if key not in self._entries:
            where = f"{file.where}, {place}" if file.where else place
            self._entries[key] = Refused(file.source, where, reason)
            self._gathered.refused.append(self._entries[key])
        self._entries[key].entries += entries

    def note(self, text: str) -> None:
        """Tell the operator something about this format's lists."""
        self._gathered.notes.append(f"{self.format.words}: {text}")

    def merge(self, into: set[bytes], found: set[bytes], entries: int) -> set[bytes]:
        """Both sets in one, which may be either of them; entries that are there twice are counted."""
        if not into:
            self.totals.duplicates += entries - len(found)
            return found
        before = len(into)
        into |= found
        self.totals.duplicates += entries - (len(into) - before)
        return into
