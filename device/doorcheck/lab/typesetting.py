"""Widths of the letters of Helvetica, which every PDF viewer has (ISO 32000-1, 9.6.2.2).

From Adobe's font metrics, for the characters 32 to 126; accented letters are as wide as
their base letters.
"""

from __future__ import annotations

import unicodedata
from typing import Final

POINT_MM: Final = 25.4 / 72

_REGULAR: Final = """
    278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556
    556 556 278 278 584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778
    667 778 722 667 611 722 667 944 667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556
    556 222 222 500 222 833 556 556 556 556 333 500 278 556 500 722 500 500 500 334 260 334 584
"""
_BOLD: Final = """
    278 333 474 556 556 889 722 238 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556
    556 556 333 333 584 584 584 611 975 722 722 722 722 667 611 778 722 278 556 722 611 833 722 778
    667 778 722 667 611 722 667 944 667 667 611 333 278 333 584 556 333 556 611 556 611 556 333 611
    611 278 278 556 278 889 611 611 611 611 389 556 333 611 556 778 556 556 500 389 280 389 584
"""
_WIDTHS: Final = {False: [int(w) for w in _REGULAR.split()], True: [int(w) for w in _BOLD.split()]}
_OTHERS: Final = {
    "’": 250,
    "«": 556,
    "»": 556,
    "–": 556,
    "—": 1000,
    "·": 300,
    "×": 584,
    "œ": 944,
    "°": 400,
    "ß": 611,
    "…": 1000,
    "“": 400,
    "”": 400,
    "„": 400,
    "±": 584,
    "\N{NO-BREAK SPACE}": 278,
}


def width_mm(words: str, size_pt: float, *, bold: bool = False) -> float:
    """How wide a line of text is."""
    return sum(_width(character, _WIDTHS[bold]) for character in words) / 1000 * size_pt * POINT_MM


def encoded(words: str) -> bytes:
    """The text as the fonts' encoding has it. Raises `ValueError` for what it does not have."""
    try:
        return words.encode("cp1252")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{words[error.start]!r} is not in the printed fonts; choose another character"
        ) from error


def _width(character: str, widths: list[int]) -> int:
    if character in _OTHERS:
        return _OTHERS[character]
    base = unicodedata.normalize("NFD", character)[0]
    return widths[ord(base) - 32] if 32 <= ord(base) < 127 else 600
