"""Sheets of paper: shapes and words in millimetres, written as PDF or as SVG.

Lengths are millimetres from the upper left corner, y downwards; type sizes are points.
Vectors only, and fonts that every viewer has, so a module is exactly as large as it says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from doorcheck.lab.typesetting import POINT_MM, encoded, width_mm

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

A4_MM: Final = (210.0, 297.0)
BLACK: Final = "#000000"
WHITE: Final = "#ffffff"

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Outline:
    """A closed or open line: filled, stroked or both. Each ring starts anew."""

    rings: tuple[tuple[Point, ...], ...]
    fill: str | None
    stroke: str | None
    stroke_mm: float
    closed: bool
    dash_mm: float


@dataclass(frozen=True, slots=True)
class Words:
    """One line of text; `at` is a point of its baseline, `align` of the way from its left end."""

    at: Point
    text: str
    size_pt: float
    bold: bool
    ink: str
    align: float


@dataclass(slots=True)
class Sheet:
    """One page; what is drawn later lies on top."""

    width_mm: float = A4_MM[0]
    height_mm: float = A4_MM[1]
    shapes: list[Outline | Words] = field(default_factory=list)

    def polygon(
        self,
        *rings: Sequence[Point],
        fill: str | None = BLACK,
        stroke: str | None = None,
        stroke_mm: float = 0.3,
    ) -> None:
        """A shape of straight edges; several rings make one shape."""
        self.shapes.append(Outline(tuple(map(tuple, rings)), fill, stroke, stroke_mm, True, 0))

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str | None = None,
        stroke: str | None = BLACK,
        stroke_mm: float = 0.3,
        dash_mm: float = 0,
    ) -> None:
        """A rectangle."""
        ring = ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
        self.shapes.append(Outline((ring,), fill, stroke, stroke_mm, True, dash_mm))

    def circle(
        self,
        at: Point,
        radius: float,
        *,
        fill: str | None = None,
        stroke: str | None = BLACK,
        stroke_mm: float = 0.3,
    ) -> None:
        """A circle, as a polygon fine enough for print."""
        turns = [2 * math.pi * step / 72 for step in range(72)]
        ring = tuple((at[0] + radius * math.cos(t), at[1] + radius * math.sin(t)) for t in turns)
        self.shapes.append(Outline((ring,), fill, stroke, stroke_mm, True, 0))

    def line(self, *points: Point, stroke: str = BLACK, stroke_mm: float = 0.3, dash_mm: float = 0) -> None:
        """A line through these points."""
        self.shapes.append(Outline((points,), None, stroke, stroke_mm, False, dash_mm))

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size_pt: float,
        *,
        bold: bool = False,
        ink: str = BLACK,
        align: float = 0,
    ) -> None:
        """One line of text with its baseline at y; `align` 0 puts x at its left, 0.5 at its middle, 1 right.

        Raises `ValueError` for a character that the fonts don't have.
        """
        encoded(words)
        self.shapes.append(Words((x, y), words, size_pt, bold, ink, align))

    def paragraph(
        self,
        x: float,
        y: float,
        words: str,
        size_pt: float,
        wide_mm: float,
        *,
        bold: bool = False,
        ink: str = BLACK,
    ) -> float:
        """Text broken into lines; returns the y below the last one."""
        step = size_pt * POINT_MM * 1.22
        for line in broken(words, size_pt, wide_mm, bold=bold):
            self.text(x, y, line, size_pt, bold=bold, ink=ink)
            y += step
        return y

    def code(
        self, x: float, y: float, modules: npt.NDArray[np.uint8], module_mm: float, *, inverted: bool = False
    ) -> None:
        """The dark modules of a code (0 is dark), its upper left at (x, y), without a quiet zone.

        One shape for all modules: separate ones would leave hairlines between them.
        Inverted, the light modules are left white on a black ground of four modules around.
        """
        rings = []
        rows, columns = modules.shape
        for row in range(rows):
            column = 0
            while column < columns:
                start = column
                while column < columns and modules[row, column] < 128:
                    column += 1
                if column > start:
                    left, right = x + start * module_mm, x + column * module_mm
                    top, bottom = y + row * module_mm, y + (row + 1) * module_mm
                    rings.append(((left, top), (right, top), (right, bottom), (left, bottom)))
                column += 1
        if inverted:
            quiet = 4 * module_mm
            self.box(
                x - quiet,
                y - quiet,
                columns * module_mm + 2 * quiet,
                rows * module_mm + 2 * quiet,
                fill=BLACK,
            )
        self.polygon(*rings, fill=WHITE if inverted else BLACK)


def broken(words: str, size_pt: float, wide_mm: float, *, bold: bool = False) -> list[str]:
    """The words in lines that are not wider than that, broken at spaces, not at no-break ones."""
    lines = [""]
    for word in words.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and width_mm(longer, size_pt, bold=bold) > wide_mm:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
