"""Passes in press photographs: found, when a patient eye could find them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from doorcheck.edge.pictures import PictureError, load_luma
from doorcheck.lab import press
from doorcheck.lab.press import Difficulty
from doorcheck.operator import photograph
from doorcheck.operator.photograph import Ending


def plain(picture: bytes) -> set[bytes]:
    """What one plain call of the decoder reads."""
    with Image.open(io.BytesIO(picture)) as image:
        found = zxingcpp.read_barcodes(
            image.convert("L"), formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
        )
    return {code.bytes for code in found}


@pytest.mark.parametrize(("difficulty", "seed"), [(Difficulty.EASY, 0), (Difficulty.MEDIUM, 7)])
def test_a_pass_in_a_press_picture_is_found(difficulty: Difficulty, seed: int) -> None:
    """A few per cent of a large picture, tilted and compressed: the bytes of the pass, and no others."""
    payload = press.leaked(seed)
    frame = load_luma(io.BytesIO(press.press_picture(payload, difficulty, seed)))
    outcome = photograph.search(frame)
    assert [symbol.data for symbol in outcome.passes] == [payload]
    assert outcome.ending is Ending.FOUND
    assert "one pass found" in outcome.in_words()


@pytest.mark.slow
def test_the_search_finds_what_a_plain_call_does_not() -> None:
    """Of pictures that one plain call can not read, it reads some, and never a pass that is not there."""
    gained = 0
    for seed in range(6):
        payload = press.leaked(seed)
        picture = press.press_picture(payload, Difficulty.HARD, seed)
        found = {
            symbol.data for symbol in photograph.search(load_luma(io.BytesIO(picture)), patience_s=40).passes
        }
        assert found <= {payload}
        gained += found != plain(picture)
    assert gained >= 2


def test_a_picture_without_a_pass_says_what_was_tried() -> None:
    """It ends by itself, with nothing found, and progress goes up to its end."""
    told: list[tuple[int, int]] = []
    with Image.open(io.BytesIO(press.empty_picture(Difficulty.EASY, 3))) as image:
        small = image.convert("L").resize((600, 400))
    data = io.BytesIO()
    small.save(data, "PNG")
    outcome = photograph.search(
        load_luma(io.BytesIO(data.getvalue())),
        steps_most=6,
        progress=lambda done, of, _what: told.append((done, of)),
    )
    assert outcome.passes == ()
    assert outcome.ending is Ending.OUT_OF_TIME
    assert "nothing found; tried: the whole picture" in outcome.in_words()
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == told[-1][1]


def test_no_step_begins_when_the_time_is_over() -> None:
    """Patience is counted on the clock that is handed in."""
    frame = load_luma(io.BytesIO(press.empty_picture(Difficulty.EASY, 3)))
    seconds = iter(range(100))
    outcome = photograph.search(frame, patience_s=2.5, clock=lambda: float(next(seconds)))
    assert outcome.ending is Ending.OUT_OF_TIME
    assert sum(outcome.tried.values()) <= 3


def test_what_is_no_picture_is_an_error(tmp_path: Path) -> None:
    """A damaged file is told as such."""
    path = tmp_path / "press.jpg"
    path.write_bytes(b"\xff\xd8\xff" + bytes(100))
    with pytest.raises(PictureError):
        photograph.search(path)


def test_nothing_that_was_read_is_in_its_words() -> None:
    """Neither the outcome's words nor its repr show a pass."""
    payload = press.leaked(0)
    frame = load_luma(io.BytesIO(press.press_picture(payload, Difficulty.EASY, 0)))
    outcome = photograph.search(frame)
    assert outcome.passes
    for shown in (outcome.in_words(), repr(outcome)):
        assert payload.decode()[10:40] not in shown
