"""The staff's card: complete in three languages, true to the signals, readable without colour."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise

import pytest

from doorcheck.core.signals import SIGNALS
from doorcheck.core.verdict import Outcome
from doorcheck.edge.panel import LAMPS
from doorcheck.lab import card, masks
from doorcheck.lab.cardtexts import LANGUAGES, CardText
from doorcheck.lab.drawing import Outline, Sheet, Words
from doorcheck.lab.typesetting import POINT_MM, width_mm

EACH = pytest.mark.parametrize("text", LANGUAGES, ids=lambda text: text.code)


def luma(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def middles(sheet: Sheet, colour: str) -> list[tuple[float, float]]:
    """Where large shapes of that colour are."""
    found = []
    for shape in sheet.shapes:
        if isinstance(shape, Outline) and shape.fill == colour and shape.stroke:
            xs, ys = zip(*(point for ring in shape.rings for point in ring), strict=True)
            if max(ys) - min(ys) > 6:
                found.append(((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2))
    return found


def test_three_languages() -> None:
    """French, German and English, each once."""
    assert sorted(text.code for text in LANGUAGES) == ["de", "en", "fr"]


@EACH
def test_every_signal_has_its_words(text: CardText) -> None:
    """Every outcome and the idle signal: a headline, what it means, what to do; nothing is empty."""
    assert set(text.rows) == {*Outcome, None} == set(SIGNALS) == set(card.ORDER)
    for row in (*text.rows.values(), text.test, text.ageing, text.badge):
        assert all(words.strip() for words in row)
    for field in fields(CardText):
        assert getattr(text, field.name), field.name


def test_no_language_was_copied_from_another() -> None:
    """No two cards share a headline or an instruction."""
    said = [words for text in LANGUAGES for row in text.rows.values() for words in row]
    assert len(said) == len(set(said))


@EACH
def test_words_fit_the_sheet_and_their_row(text: CardText) -> None:
    """No line leaves the paper or runs into the one below it, in the printer's own font."""
    lines = [shape for shape in card.sheet(text).shapes if isinstance(shape, Words)]
    for line in lines:
        wide = width_mm(line.text, line.size_pt, bold=line.bold)
        assert line.at[0] + (1 - line.align) * wide <= 200, line.text
        assert line.at[1] <= 293, line.text
    right = sorted((line for line in lines if line.at[0] == card.TEXT_MM), key=lambda line: line.at[1])
    for above, below in pairwise(right):
        assert below.at[1] - above.at[1] >= below.size_pt * POINT_MM * 0.95, (above.text, below.text)


@EACH
def test_large_type(text: CardText) -> None:
    """What it means and what to do are at least 11.5 points, headlines 17."""
    sizes = {line.text: line.size_pt for line in card.sheet(text).shapes if isinstance(line, Words)}
    for headline, _, _ in text.rows.values():
        assert sizes.get(headline, 17) >= 17
    assert sum(size >= 11.5 for size in sizes.values()) >= 20


@EACH
def test_lit_lamps_stand_where_the_signals_say(text: CardText) -> None:
    """In each row the lamps that SIGNALS lights are drawn lit, at their place, in the panel's order."""
    sheet = card.sheet(text)
    order = [name for name, *_ in LAMPS]
    for name in order:
        rows = [outcome for outcome in card.ORDER if getattr(SIGNALS[outcome], name).spans]
        places = middles(sheet, masks.COLOURS[name])
        assert len(places) == len(rows), name
        scale = card.PICTURE_MM / masks.FRONT_MM[0]
        wanted = card.LEFT_MM + card.PICTURE_MM / 2 + masks.lamp_mm(order.index(name))[0] * scale
        assert all(x == pytest.approx(wanted, abs=1.0) for x, _ in places), name


@EACH
def test_places_in_words_are_those_of_the_lamps(text: CardText) -> None:
    """REFUSE is left, STAFF middle, ADMIT right, OUT_OF_ORDER left and middle, in every language."""
    left, middle, right = text.places
    words = {outcome: card.light_words(text, outcome) for outcome in card.ORDER}
    assert words == {
        None: text.dot,
        Outcome.ADMIT: right,
        Outcome.REFUSE: left,
        Outcome.STAFF: middle,
        Outcome.OUT_OF_ORDER: f"{left}, {middle}",
    }


def test_notes_in_words_are_those_of_the_signals() -> None:
    """The card's words for the sounds follow from the notes themselves."""
    english = next(text for text in LANGUAGES if text.code == "en")
    said = {outcome: card.sound_words(english, SIGNALS[outcome].tone) for outcome in card.ORDER}
    assert said == {
        None: "none",
        Outcome.ADMIT: "two notes, short, rising",
        Outcome.REFUSE: "two notes, long, low",
        Outcome.STAFF: "three notes, short, up and down",
        Outcome.OUT_OF_ORDER: "one short note, every 20 seconds",
    }


def test_shapes_differ_and_hold_together() -> None:
    """No two lamps share a shape; each fits its circle; a tick leans right as a visitor sees it."""
    shapes = [rings for _, rings in masks.WINDOWS]
    assert len(set(shapes)) == len(shapes)
    for rings in shapes:
        for x, y in (point for ring in rings for point in ring):
            assert x * x + y * y <= 1.06
    tick = masks.SHAPES["✓"][0]
    lowest, highest = min(tick, key=lambda point: point[1]), max(tick, key=lambda point: point[1])
    assert lowest[0] < highest[0]


def test_lit_lamps_show_in_grey() -> None:
    """A lit lamp has a black rim, rays, and is filled; an unlit one is white: no colour is needed."""
    assert all(1.05 / (luma(colour) + 0.05) > 1.9 for colour in masks.COLOURS.values())
    sheet = Sheet()
    card.picture(sheet, 0, 0, 58, ["amber"])
    lit = [
        shape for shape in sheet.shapes if isinstance(shape, Outline) and shape.fill == masks.COLOURS["amber"]
    ]
    assert [shape.stroke for shape in lit] == ["#000000"]
    assert sum(isinstance(shape, Outline) and not shape.closed for shape in sheet.shapes) == 12
