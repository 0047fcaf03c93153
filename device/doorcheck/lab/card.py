"""The card for the staff: what each signal looks and sounds like, and what to do. One sheet a language.

Lamps, rhythms and notes are drawn from `SIGNALS` and from the panel's order of lamps. A lit
lamp is solid, has rays and stands at its place: a photocopy says as much as a colour print.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from doorcheck.core.signals import AGEING_LAMP, SHIFTS, SIGNALS, TEST_LAMP, Attended, Track
from doorcheck.core.verdict import Outcome
from doorcheck.lab.cardtexts import LANGUAGES, CardText, Row
from doorcheck.lab.drawing import BLACK, WHITE, Sheet
from doorcheck.lab.masks import COLOURS, FRONT_MM, READY_MM, SHAPE_RADIUS_MM, WINDOWS, lamp_mm

ORDER: Final = (None, Outcome.ADMIT, Outcome.REFUSE, Outcome.STAFF, Outcome.OUT_OF_ORDER)
DRAWN_MS: Final = 4_000
"""How much of a signal the strips show."""

SHOWN_MM: Final = 65.0
"""How much of the front the pictures show, from its upper edge."""

LEFT_MM, PICTURE_MM, TEXT_MM = 12.0, 58.0, 76.0
_PALE: Final = "#b0b0b0"
_LIT: Final = {"ready": BLACK, **COLOURS}


def sheets() -> tuple[Sheet, ...]:
    """The card: French, German, English."""
    return tuple(sheet(text) for text in LANGUAGES)


def sheet(text: CardText) -> Sheet:
    """The card in one language, A4 upright."""
    page = Sheet()
    page.text(LEFT_MM, 20, text.title, 25, bold=True)
    page.text(LEFT_MM, 28, text.intro, 12.5)
    y = 33.0
    for outcome in ORDER:
        _row(page, y, text, outcome)
        y += 40.5
    y = _mark(page, y, text.test, {"ready": TEST_LAMP})
    y = _mark(page, y, text.ageing, {"amber": AGEING_LAMP, "ready": SIGNALS[None].ready})
    opened = SHIFTS[Attended.ON]
    y = _mark(page, y, text.badge, {"amber": opened.amber, "ready": opened.ready}, opened.lasts_ms)
    page.line((LEFT_MM, y), (198, y), stroke_mm=0.6)
    page.text(LEFT_MM, y + 8, text.in_charge, 13, bold=True)
    page.line((LEFT_MM + 72, y + 8.5), (198, y + 8.5))
    page.text(198, 292.5, text.footing, 9, align=1)
    return page


def lamps(outcome: Outcome | None) -> dict[str, Track]:
    """The lamps that the signal uses, by name."""
    signal = SIGNALS[outcome]
    tracks = {name: getattr(signal, name) for name in (*(name for name, _ in WINDOWS), "ready")}
    return {name: track for name, track in tracks.items() if track.spans}


def light_words(text: CardText, outcome: Outcome | None) -> str:
    """Where the lamps of the signal are: "left, middle", or the dot."""
    order = [name for name, _ in WINDOWS]
    return ", ".join(
        text.dot if name == "ready" else text.places[order.index(name)] for name in lamps(outcome)
    )


def sound_words(text: CardText, tone: Track) -> str:
    """The notes in words, from the notes themselves."""
    if not tone.spans:
        return text.silent
    pitches = [hertz for _, _, hertz in tone.spans]
    if len(pitches) == 1:
        words = [text.short_one]
    else:
        long = max(end - start for start, end, _ in tone.spans) >= 400
        words = [text.counts[len(pitches) - 1], text.lengths[long]]
        if pitches == sorted(pitches) and pitches[0] < pitches[-1]:
            words.append(text.pitches[0])
        elif max(pitches) < 500:
            words.append(text.pitches[1])
        elif len(set(pitches)) > 1:
            words.append(text.pitches[2])
    if tone.every_ms is not None:
        words.append(text.every.format(seconds=tone.every_ms // 1000))
    return ", ".join(words)


def _row(page: Sheet, y: float, text: CardText, outcome: Outcome | None) -> None:
    headline, meaning, action = text.rows[outcome]
    page.line((LEFT_MM, y), (198, y), stroke_mm=0.6)
    picture(page, LEFT_MM, y + 2.5, PICTURE_MM, lamps(outcome))
    _strips(page, LEFT_MM, y + 27.2, lamps(outcome), SIGNALS[outcome].tone, SIGNALS[outcome].lasts_ms)
    page.text(LEFT_MM + PICTURE_MM, y + 38.8, f"{DRAWN_MS // 1000} {text.seconds}", 7, align=1)
    place = page.paragraph(TEXT_MM, y + 8, headline, 17, 122, bold=True)
    place = page.paragraph(TEXT_MM, place - 0.4, meaning, 11.5, 122)
    place = page.paragraph(TEXT_MM, place + 1, action, 12.5, 122, bold=True)
    light, sound = light_words(text, outcome), sound_words(text, SIGNALS[outcome].tone)
    words = f"{text.light} {light}. {text.sound} {sound}."
    page.paragraph(TEXT_MM, max(place + 0.6, y + 37), words, 10, 122)


def _mark(page: Sheet, y: float, row: Row, tracks: dict[str, Track], lasts_ms: int | None = None) -> float:
    page.line((LEFT_MM, y), (198, y), stroke_mm=0.6)
    _strips(page, LEFT_MM, y + 3, tracks, Track(), lasts_ms)
    page.text(TEXT_MM, y + 6, row[0], 12.5, bold=True)
    page.text(TEXT_MM, y + 11.6, f"{row[1]} {row[2]}", 11)
    return y + 14.3


def picture(page: Sheet, x: float, y: float, width: float, lit: Iterable[str]) -> None:
    """The upper part of the box's front, to scale, with those lamps lit."""
    scale = width / FRONT_MM[0]
    page.box(x, y, width, SHOWN_MM * scale, fill=WHITE, stroke_mm=0.7)

    def place(at: tuple[float, float]) -> tuple[float, float]:
        return x + width / 2 + at[0] * scale, y + (FRONT_MM[1] / 2 - at[1]) * scale

    radius = SHAPE_RADIUS_MM * scale
    for number, (name, rings) in enumerate(WINDOWS):
        middle = place(lamp_mm(number))
        placed = [[(middle[0] + u * radius, middle[1] - v * radius) for u, v in ring] for ring in rings]
        if name in lit:
            page.polygon(*placed, fill=_LIT[name], stroke=BLACK, stroke_mm=0.35)
            _rays(page, middle, radius * 1.15, radius * 1.4)
        else:
            page.polygon(*placed, fill=WHITE, stroke=_PALE, stroke_mm=0.25)
    on = "ready" in lit
    page.circle(place(READY_MM), 1, fill=BLACK if on else WHITE, stroke=BLACK if on else _PALE)
    if on:
        _rays(page, place(READY_MM), 1.7, 2.6)


def _rays(page: Sheet, middle: tuple[float, float], start: float, end: float) -> None:
    for step in range(12):
        turn = math.pi * step / 6
        x, y = math.cos(turn), math.sin(turn)
        page.line(
            (middle[0] + start * x, middle[1] + start * y),
            (middle[0] + end * x, middle[1] + end * y),
            stroke_mm=0.4,
        )


def _strips(
    page: Sheet, x: float, y: float, tracks: dict[str, Track], tone: Track, lasts_ms: int | None
) -> None:
    """Time runs to the right: a strip for each lamp, then the notes, higher for higher."""
    end_ms = DRAWN_MS if lasts_ms is None else min(lasts_ms, DRAWN_MS)
    wide = (PICTURE_MM - 6) / DRAWN_MS
    signs = dict(WINDOWS)
    for name, track in tracks.items():
        if name in signs:
            page.polygon(*[[(x + 2 + u * 1.5, y + 1.5 - v * 1.5) for u, v in ring] for ring in signs[name]])
        else:
            page.circle((x + 2, y + 1.5), 0.8, fill=BLACK)
        page.line((x + 6, y + 3), (x + PICTURE_MM, y + 3), stroke=_PALE)
        for start, end in _spans(track, end_ms):
            page.box(x + 6 + start * wide, y + 0.2, (end - start) * wide, 2.8, fill=_LIT[name], stroke=None)
        y += 4.2
    for start, end, hertz in tone.spans:
        high = 1.2 + 3.2 * math.log2(hertz / 400) / math.log2(1760 / 400)
        page.box(x + 6 + start * wide, y + 3.4 - high, (end - start) * wide, 1.1, fill=BLACK, stroke=None)
    if tone.spans:
        page.circle((x + 1.6, y + 2.6), 0.75, fill=BLACK)
        page.line((x + 2.25, y + 2.6), (x + 2.25, y - 0.2), (x + 3.3, y + 0.5), stroke_mm=0.35)


def _spans(track: Track, end_ms: int) -> list[tuple[int, int]]:
    """When the lamp is on, up to that time, its repetitions written out."""
    every_ms = track.every_ms or end_ms
    times = range(0, end_ms, every_ms)
    spans = ((start + at, min(end + at, end_ms)) for at in times for start, end, _ in track.spans)
    return [(start, end) for start, end in spans if start < end_ms]
