"""The timeline picture: what was before the lens above, what the lamps did below, on one time axis."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from html import escape
from typing import Final

from PIL import Image as Picture
from tests.virtual_pi.header import Header, Levels
from tests.virtual_pi.lens import Shown

from doorcheck.lab.scenes import HEIGHT, WIDTH

ROWS: Final = {
    "ready": "#9a9a9a",
    "green": "#00a08a",
    "relay": "#7a4fb0",
    "amber": "#e09a00",
    "red": "#d2451e",
    "buzzer": "#3b6fb5",
}
LEFT, WIDE, THUMB_W, ROW_H = 90, 1300, 120, 24
STYLE: Final = "font-family: sans-serif; font-size: 12px"
AXIS_STEPS_S: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)


def svg(
    title: str,
    shown: Sequence[Shown],
    header: Header,
    since_s: float,
    until_s: float,
    marks: Sequence[tuple[float, str]] = (),
) -> str:
    """The picture of that stretch of the host's time; the axis bears the machine's own time."""
    begin, end = _inside(header, since_s), _inside(header, until_s)
    scale = WIDE / max(end - begin, 0.001)

    def x(at_s: float) -> float:
        return LEFT + (_inside(header, at_s) - begin) * scale

    seen = [
        each
        for number, each in enumerate(shown)
        if _ends(shown, number, until_s) > since_s and each.at_s < until_s
    ]
    thumb_h = THUMB_W * HEIGHT // WIDTH
    top = 40
    parts = [f'<text x="{LEFT}" y="20" style="{STYLE}; font-size: 15px">{escape(title)}</text>']
    parts += _frames(seen, x, since_s, until_s, top, thumb_h)
    rows_top = top + thumb_h + 44
    for number, (name, colour) in enumerate(ROWS.items()):
        parts += _row(name, colour, rows_top + number * ROW_H, header, since_s, until_s, x)
    bottom = rows_top + len(ROWS) * ROW_H
    parts += _axis(begin, end, scale, bottom)
    for at_s, words in marks:
        if since_s <= at_s <= until_s:
            at = f'x1="{x(at_s):.1f}" x2="{x(at_s):.1f}"'
            parts.append(f'<line {at} y1="{top}" y2="{bottom}" stroke="#000" stroke-dasharray="3 3"/>')
            parts.append(_text(x(at_s) + 3, bottom - 4, words))
    size = f'width="{LEFT + WIDE + 30}" height="{bottom + 40}"'
    paper = '<rect width="100%" height="100%" fill="#fff"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{paper}{"".join(parts)}</svg>\n'


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="{STYLE}">{escape(words)}</text>'


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    size = f'width="{max(width, 1.0):.1f}" height="{height:.1f}"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="{colour}"/>'


def _inside(header: Header, at_s: float) -> float:
    """The machine's time at that time of the host."""
    return header.inside_s(at_s)


def _ends(shown: Sequence[Shown], number: int, until_s: float) -> float:
    return shown[number + 1].at_s if number + 1 < len(shown) else until_s


def _frames(
    seen: Sequence[Shown], x: Callable[[float], float], since_s: float, until_s: float, top: int, thumb_h: int
) -> list[str]:
    parts, free = [], 0.0
    for number, each in enumerate(seen):
        left, right = x(max(each.at_s, since_s)), x(min(_ends(seen, number, until_s), until_s))
        colour = "#ddd" if each.name == "hall" else "#333"
        parts.append(_box(left, top + thumb_h + 4, right - left, 8, colour))
        if each.name == "hall" or left < free:
            continue
        free = left + THUMB_W + 4
        size = f'width="{THUMB_W}" height="{thumb_h}"'
        parts.append(f'<image x="{left:.1f}" y="{top}" {size} href="{_thumbnail(each.luma)}"/>')
        parts.append(_text(left, top + thumb_h + 26, each.name))
    return parts


def _row(
    name: str,
    colour: str,
    top: float,
    header: Header,
    since_s: float,
    until_s: float,
    x: Callable[[float], float],
) -> list[str]:
    parts = [_text(LEFT - 8, top + 16, name, "end")]
    parts.append(f'<line x1="{LEFT}" x2="{LEFT + WIDE}" y1="{top + 20}" y2="{top + 20}" stroke="#eee"/>')
    for began_s, ended_s in header.lit(name, since_s, until_s):
        parts.append(_box(x(began_s), top + 3, x(ended_s) - x(began_s), 17, colour))
    return parts


def _axis(begin: float, end: float, scale: float, top: float) -> list[str]:
    step = next((each for each in AXIS_STEPS_S if each * scale >= 50), AXIS_STEPS_S[-1])
    parts = []
    for number in range(int((end - begin) / step) + 1):
        at = LEFT + number * step * scale
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{top}" y2="{top + 5}" stroke="#000"/>')
        parts.append(_text(at, top + 18, f"{number * step} s", "middle"))
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
