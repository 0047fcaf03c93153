"""One signed file of a publication."""

from __future__ import annotations

from dataclasses import dataclass

from doorcheck.update.generation import Entry


@dataclass(frozen=True, slots=True)
class Target:
    """A signed file: its name, where it lies in the directory, its length and hash."""

    name: str
    place: str
    length: int
    sha256: str

    @property
    def entry(self) -> Entry:
        """What a manifest says of it."""
        return Entry(self.length, self.sha256)
