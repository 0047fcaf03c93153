"""The record shown to people and to programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from doorcheck.operator.record.logentry import LONGEST_REASON, Action, Entry
from doorcheck.operator.record.logfaults import LogFault
from doorcheck.operator.text import printable, time_text

HEADINGS = ("entry", "time (UTC)", "author", "action", "subject", "change", "reason")
_SIGNS = {"added": "+", "removed": "−"}


def lines(entries: Iterable[Entry]) -> list[str]:
    """A line an entry, in columns, below a line of headings."""
    rows = [HEADINGS, *(_row(entry) for entry in entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def as_objects(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """An object an entry, for JSON: times in ISO 8601, keys and hashes in hexadecimal."""
    return [_object(entry) for entry in entries]


def faults_as_objects(faults: Iterable[LogFault]) -> list[dict[str, Any]]:
    """An object a fault, for JSON."""
    return [
        {"kind": fault.kind.value, "entry": fault.entry, "words": fault.words, "advice": fault.advice}
        for fault in faults
    ]


def _row(entry: Entry) -> tuple[str, ...]:
    return (
        str(entry.sequence),
        time_text(entry.time),
        printable(entry.author),
        entry.action.value,
        _subject(entry),
        _change(entry.counts),
        printable(entry.reason, LONGEST_REASON),
    )


def _subject(entry: Entry) -> str:
    if entry.whom is None or entry.action is Action.INIT:
        return entry.subject
    return f"{printable(entry.whom.name)}, key {entry.whom.author.key_id.hex()}"


def _change(counts: Mapping[str, int]) -> str:
    """Such as +12 −3, expired 4."""
    signed = " ".join(f"{sign}{counts[name]}" for name, sign in _SIGNS.items() if name in counts)
    others = [f"{name} {counts[name]}" for name in sorted(counts) if name not in _SIGNS]
    return ", ".join(filter(None, [signed, *others]))


def _object(entry: Entry) -> dict[str, Any]:
    whom = entry.whom
    return {
        "entry": entry.sequence,
        "time": time_text(entry.time),
        "author": entry.author,
        "key": entry.key_id.hex(),
        "action": entry.action.value,
        "subject": entry.subject,
        "counts": dict(sorted(entry.counts.items())),
        "reason": entry.reason,
        "whom": None if whom is None else {"name": whom.name, "key": whom.key.hex()},
        "contents": {subject: sha256.hex() for subject, sha256 in sorted(entry.contents.items())},
        "previous": entry.previous.hex(),
    }
