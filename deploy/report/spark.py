"""Small pictures of a value over time, as SVG paths that stretch to the width they get.

All are drawn in a box of one unit an hour by 24, without text: the words and numbers that
say the same stand beside them, so the pictures are hidden from screen readers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from deploy.report.markup import Html, join, tag
from deploy.report.series import Line, Window

HIGH: Final = 24
ROOM: Final = 2
"""Free space at the top and at the bottom, for the width of a line."""


def bars(hours: Sequence[float], top: float) -> Html:
    """A column for each hour; `top` reaches the upper edge."""
    return _picture(len(hours), tag("path", d=_columns(hours, top), class_="bar") if any(hours) else None)


def _columns(hours: Sequence[float], top: float) -> str:
    """One outline for each stretch of hours in which there was something."""
    drawn: list[str] = []
    level = 0.0
    for hour, value in enumerate([*hours, 0.0]):
        height = round(max(0.5, HIGH * value / top), 1) if value else 0.0
        if height == level:
            continue
        if not level:
            drawn.append(f"M{hour} {HIGH}")
        drawn.append(f"{'' if not level else f'H{hour}'}V{_short(HIGH - height)}")
        level = height
    return "".join(drawn)


def lines(found: Iterable[Line], window: Window, low: float, high: float) -> Html:
    """A line for each stretch, a dot where it ends; what is out of bounds stays at the edge."""
    paths, dot = [], ""
    for line in found:
        points = [(_x(at, window), _y(value, low, high)) for at, value in line]
        paths.append("M" + "L".join(f"{x} {y}" for x, y in points))
        dot = f"M{points[-1][0]} {points[-1][1]}h0"
    return _picture(
        window.hours,
        tag("path", d="".join(paths), class_="line") if paths else None,
        tag("path", d=dot, class_="dot") if dot else None,
    )


def ticks(up: Iterable[datetime], down: Iterable[datetime], window: Window) -> Html:
    """Strokes above the middle, and thicker ones below it."""
    above = "".join(f"M{_x(at, window)} 3v8" for at in up)
    below = "".join(f"M{_x(at, window)} 13v8" for at in down)
    return _picture(
        window.hours,
        tag("path", d=above, class_="up") if above else None,
        tag("path", d=below, class_="down") if below else None,
    )


def _picture(wide: int, *paths: Html | None) -> Html:
    return tag(
        "svg",
        join(*paths),
        class_="spark",
        viewBox=f"0 0 {wide} {HIGH}",
        preserveAspectRatio="none",
        aria_hidden="true",
    )


def _x(at: datetime, window: Window) -> str:
    return _short(round(window.share(at) * window.hours, 1))


def _y(value: float, low: float, high: float) -> str:
    share = min(1.0, max(0.0, (value - low) / (high - low)))
    return _short(round(HIGH - ROOM - share * (HIGH - 2 * ROOM), 1))


def _short(number: float) -> str:
    return f"{number:g}"
