"""What a decoder found in a frame: a symbol's format and its raw bytes."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TypeAlias


class SymbolFormat(enum.Enum):
    """How the bytes reached the camera."""

    QR = "QR"
    AZTEC = "Aztec"
    DATAMATRIX = "DataMatrix"
    TEXT = "text"
    """Not from a picture: a line of a file, or a hand scanner."""


Corner: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Symbol:
    """One candidate: every symbol in a frame is judged, never the first alone.

    `data` is a visitor's, so no `repr` shows it. `corners` are (x, y) pixels of the
    frame, clockwise from the symbol's own top left; empty for text.
    """

    format: SymbolFormat
    data: bytes = field(repr=False)
    corners: tuple[Corner, ...] = ()
