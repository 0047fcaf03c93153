"""The timeline picture: what was before the lens above, what the outputs did below, on one time axis."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from PIL import Image as Picture
from tests.virtual_pi.header import Header, Levels
from tests.virtual_pi.lens import Shown

from doorcheck.lab.scenes import HEIGHT, WIDTH

ROWS: Final = {
    "ready": ("#8a8a8a", "white dot: ready", "two blinks: on test passes"),
    "green": ("#00a08a", "green tick", "admitted"),
    "relay": ("#7a4fb0", "relay", "asks the door to open"),
    "amber": ("#e09a00", "amber !", "staff must look"),
    "red": ("#d2451e", "red cross", "refused"),
    "buzzer": ("#3b6fb5", "buzzer", "sounds"),
}
"""Each output's colour, its name, and what it says."""
ANSWERS: Final = ("green", "red", "amber")
LEFT, WIDE, THUMB_W, ROW_H = 190, 1300, 120, 34
TOP: Final = 66
STYLE: Final = "font-family: sans-serif; font-size: 12px"
PALE: Final = f"{STYLE}; fill: #555"
AXIS_STEPS_S: Final = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
INSIDE: Final = "seconds of the machine's own time"
OUTSIDE: Final = "seconds of the host's time: the machine started anew, and its own begins again"


@dataclass(frozen=True, slots=True)
class _Paper:
    """A stretch of time on paper."""

    header: Header
    since_s: float
    until_s: float
    clock: Callable[[float], float]

    @property
    def length_s(self) -> float:
        return max(self.clock(self.until_s) - self.clock(self.since_s), 0.001)

    def x(self, at_s: float) -> float:
        """Where that time of the host's is."""
        within_s = min(max(at_s, self.since_s), self.until_s)
        return LEFT + (self.clock(within_s) - self.clock(self.since_s)) * WIDE / self.length_s


def svg(
    title: str,
    shown: Sequence[Shown],
    header: Header,
    since_s: float,
    until_s: float,
    marks: Sequence[tuple[float, str]] = (),
    *,
    restarted: bool = False,
) -> str:
    """The picture of that stretch of the host's time; the axis bears the machine's own time.

    `restarted`: the machine started anew within it, so that only the host's time goes on.
    """
    paper = _Paper(header, since_s, until_s, (lambda at_s: at_s) if restarted else header.inside_s)
    seen = [
        (each, ends_s)
        for number, each in enumerate(shown)
        if (ends_s := _ends(shown, number, until_s)) > since_s and each.at_s < until_s
    ]
    thumb_h = THUMB_W * HEIGHT // WIDTH
    rows_top = TOP + thumb_h + 62
    bottom = rows_top + len(ROWS) * ROW_H
    parts = [
        _text(10, 22, title, style=f"{STYLE}; font-size: 16px; font-weight: bold"),
        _text(LEFT - 10, TOP + thumb_h / 2, "before the lens", "end"),
        _text(LEFT - 10, TOP + thumb_h + 12, "dark: a pass; pale: nobody", "end", PALE),
    ]
    parts += _marks(paper, marks, bottom)
    parts += _frames(paper, seen, thumb_h)
    for number, name in enumerate(ROWS):
        parts += _row(paper, name, rows_top + number * ROW_H)
    parts += _axis(paper, bottom, OUTSIDE if restarted else INSIDE)
    size = f'width="{LEFT + WIDE + 40}" height="{bottom + 52}"'
    ground = '<rect width="100%" height="100%" fill="#fff"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{ground}{"".join(parts)}</svg>\n'


def _text(x: float, y: float, words: str, anchor: str = "start", style: str = STYLE) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="{style}">{escape(words)}</text>'


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    size = f'width="{max(width, 1.0):.1f}" height="{height:.1f}"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="{colour}"/>'


def _ends(shown: Sequence[Shown], number: int, until_s: float) -> float:
    return shown[number + 1].at_s if number + 1 < len(shown) else until_s


def _marks(paper: _Paper, marks: Sequence[tuple[float, str]], bottom: float) -> list[str]:
    """What happened besides, as lines from top to bottom; words that would meet go a line lower."""
    parts, free = [], [0.0, 0.0]
    for at_s, words in sorted(marks):
        if not paper.since_s <= at_s <= paper.until_s:
            continue
        x = paper.x(at_s)
        line = 0 if x >= free[0] else 1
        free[line] = x + 7 * len(words) + 10
        place = f'x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 26}" y2="{bottom}"'
        parts.append(f'<line {place} stroke="#000" stroke-dasharray="3 3"/>')
        parts.append(_text(x + 4, TOP - 16 + 13 * line, words))
    return parts


def _frames(paper: _Paper, seen: Sequence[tuple[Shown, float]], thumb_h: int) -> list[str]:
    """Each picture while it was before the lens, and how long after it which lamp answered."""
    parts, free = [], 0.0
    under = TOP + thumb_h
    has_visitors = any(each.name != "hall" for each, _ in seen)
    for number, (each, ends_s) in enumerate(seen):
        left, right = paper.x(each.at_s), paper.x(ends_s)
        is_hall = each.name == "hall"
        parts.append(_box(left, under + 4, right - left, 8, "#ddd" if is_hall else "#333"))
        if left < free or (is_hall and (number or has_visitors)):
            continue
        free = left + THUMB_W + 4
        if each.luma:
            size = f'width="{THUMB_W}" height="{thumb_h}"'
            parts.append(f'<image x="{left:.1f}" y="{TOP}" {size} href="{_thumbnail(each.luma)}"/>')
        parts.append(_text(left, under + 27, "nobody" if is_hall else each.name))
        answer = None if is_hall else _answer(paper, each)
        if answer is not None:
            parts.append(_text(left, under + 42, answer, style=PALE))
    return parts


def _answer(paper: _Paper, shown: Shown) -> str | None:
    """Which lamp answered a picture, and after what time."""
    for levels in paper.header.changes:
        lamp = next((name for name in ANSWERS if name in levels), None)
        if lamp is not None and shown.at_s <= levels.at_s <= paper.until_s:
            return f"{lamp} after {(paper.clock(levels.at_s) - paper.clock(shown.at_s)) * 1000:.0f} ms"
    return None


def _row(paper: _Paper, name: str, top: float) -> list[str]:
    colour, title, says = ROWS[name]
    parts = [
        _text(LEFT - 10, top + 13, title, "end"),
        _text(LEFT - 10, top + 26, says, "end", f"{PALE}; font-size: 10px"),
        f'<line x1="{LEFT}" x2="{LEFT + WIDE}" y1="{top + 30}" y2="{top + 30}" stroke="#e4e4e4"/>',
    ]
    for began_s, ended_s in paper.header.lit(name, paper.since_s, paper.until_s):
        parts.append(_box(paper.x(began_s), top + 6, paper.x(ended_s) - paper.x(began_s), 22, colour))
    return parts


def _axis(paper: _Paper, top: float, unit: str) -> list[str]:
    scale = WIDE / paper.length_s
    step = next((each for each in AXIS_STEPS_S if each * scale >= 50), AXIS_STEPS_S[-1])
    parts = [_text(LEFT + WIDE / 2, top + 38, unit, "middle", PALE)]
    for number in range(int(paper.length_s / step) + 1):
        at = LEFT + number * step * scale
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{top}" y2="{top + 5}" stroke="#000"/>')
        parts.append(_text(at, top + 19, f"{number * step:g}", "middle"))
    return parts


def _thumbnail(luma: bytes) -> str:
    picture = Picture.frombytes("L", (WIDTH, HEIGHT), luma).resize(
        (THUMB_W * 2, THUMB_W * 2 * HEIGHT // WIDTH)
    )
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=70)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def words(levels: Sequence[Levels], zero_s: float) -> str:
    """The same as text: each change of the pins, with its time."""
    return "".join(f"{each.at_s - zero_s:9.3f}  {' '.join(sorted(each.high)) or '-'}\n" for each in levels)
