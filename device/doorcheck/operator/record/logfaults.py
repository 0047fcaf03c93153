"""What can be wrong with the record, and what to do about it."""

from __future__ import annotations

import enum
from dataclasses import dataclass

RESTORE = "take the log folder from a copy that verifies"


class FaultKind(enum.Enum):
    """What can be wrong with a record: a stable name, and what to do about it."""

    advice: str

    def __new__(cls, name: str, advice: str) -> FaultKind:
        """Make the member; its value is the name."""
        member = object.__new__(cls)
        member._value_ = name
        member.advice = advice
        return member

    EMPTY = ("empty", RESTORE)
    UNREADABLE = ("unreadable", f"the file was altered or damaged; {RESTORE}")
    SIGNATURE = ("signature", f"the entry was altered, or forged in its author's name; {RESTORE}")
    UNKNOWN_AUTHOR = (
        "unknown-author",
        f"forged, or the entry that adds the author is gone or faulty; {RESTORE}",
    )
    RETIRED_AUTHOR = ("retired-author", f"a retired key was used, ask who has it; {RESTORE}")
    GAP = ("gap", f"entries were removed; {RESTORE}")
    PLACE = ("place", f"entries were reordered, inserted, removed or copied; {RESTORE}")
    CHAIN = ("chain", f"this entry or the one before was altered, moved or put in between; {RESTORE}")
    TIME = ("time", "a computer's clock was wrong, or the time is untrue; ask the author")
    IMPOSSIBLE = ("impossible", f"no doorcheck writes this; ask the author, and {RESTORE}")
    STRAY = ("stray", "it is no entry: find out who put it there, and remove it")
    TRUNCATED = ("truncated", f"entries were removed from the end; {RESTORE}")
    REWRITTEN = ("rewritten", f"the record was written anew after it was published; {RESTORE}")
    CONTENT = (
        "content",
        "restore it from a copy, then make the change with `doorcheck operator`, which records it; if a "
        "change was cut short, the next `doorcheck operator` command that changes something finishes it",
    )


@dataclass(frozen=True, slots=True)
class LogFault:
    """One fault: its kind, the entry's number if it is one entry's, and words for an operator."""

    kind: FaultKind
    entry: int | None
    words: str

    @property
    def advice(self) -> str:
        """What to do."""
        return self.kind.advice

    def __str__(self) -> str:
        return f"{self.where}: {self.words} ({self.advice})"

    @property
    def where(self) -> str:
        """The entry, or the whole record."""
        return "the record" if self.entry is None else f"entry {self.entry}"
