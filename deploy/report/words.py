"""Times, lengths and numbers in words, the same in the terminal and on the page."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Final

NOTHING: Final = "–"
"""Stands where a box told nothing."""


def lasted(time: timedelta) -> str:
    """A length of time in its largest fitting unit: "40 s", "3 min", "5 h", "12 d"."""
    minutes = int(time.total_seconds() // 60)
    if minutes < 2:
        return f"{max(0, int(time.total_seconds()))} s"
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} d"


def count(number: int) -> str:
    """A number, its thousands apart."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def counted(number: int, one: str, several: str = "") -> str:
    """A number with its noun: "1 box", "2 boxes"."""
    return f"{count(number)} {one if number == 1 else several or one + 's'}"


def boxes(number: int) -> str:
    """So many boxes."""
    return counted(number, "box", "boxes")


def moment(at: datetime, zone: tzinfo | None) -> str:
    """A day and its time, with the zone's name."""
    return f"{at.astimezone(zone):%-d %B %Y, %H:%M %Z}"


def shortened(text: str, most: int = 300) -> str:
    """The beginning of a text that somebody else wrote."""
    return text if len(text) <= most else f"{text[:most].rstrip()}…"
