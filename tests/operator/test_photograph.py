"""The search in a photograph: every pass that can be had, in bounded effort, whatever the picture is."""

from __future__ import annotations

import functools
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zxingcpp
from PIL import Image, ImageFilter

from doorcheck.core.symbol import SymbolFormat
from doorcheck.edge.frame import Frame
from doorcheck.edge.pictures import load_luma
from doorcheck.edge.reader import Reader
from doorcheck.lab import press
from doorcheck.lab.press import Difficulty
from doorcheck.lab.shots import shot
from doorcheck.operator import photograph
from doorcheck.operator.faint.perspective import homography
from doorcheck.operator.photograph import Ending, Outcome, search

PASS = b"HC1:NCF0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:" * 6
DOCUMENT = b"DC04FR0000001E9A1E9A0301L0DOE\x1dL1JANE\x1f" + b"Q7GFMDOFJ2LYBBTUQTWU4SHQDEQ"
LINK = b"https://example.org/menu"
BUSY_S = 300
FORMATS = {
    SymbolFormat.QR: zxingcpp.BarcodeFormat.QRCode,
    SymbolFormat.AZTEC: zxingcpp.BarcodeFormat.Aztec,
    SymbolFormat.DATAMATRIX: zxingcpp.BarcodeFormat.DataMatrix,
}
FRAGILE = """
import sys
from doorcheck.edge import decoder
honest = decoder.decode
def decode(attempt, luma, *rest):
    while luma[0] == 1:
        pass
    return honest(attempt, luma, *rest)
decoder.decode = decode
decoder.serve(int(sys.argv[1]))
"""
"""A decoder that never comes back when the first pixel says so."""


def code(data: bytes, symbol: SymbolFormat = SymbolFormat.QR, module_px: int = 4) -> Image.Image:
    """A code in its quiet zone."""
    barcode = zxingcpp.create_barcode(data, FORMATS[symbol])
    return Image.fromarray(zxingcpp.write_barcode_to_image(barcode, scale=module_px, add_quiet_zones=True))


def plaster(width: int = 900, height: int = 640, seed: int = 1) -> Image.Image:
    """A picture of nothing much."""
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.normal(150, 12, (height, width)).clip(0, 255).astype(np.uint8))


def frame(picture: Image.Image) -> Frame:
    """A picture as files give it."""
    return Frame(memoryview(picture.tobytes()), picture.width, picture.height, picture.width, 0)


@functools.cache
def held(difficulty: Difficulty, seed: int) -> Frame:
    """A press photograph of the seed's pass."""
    return load_luma(io.BytesIO(press.press_picture(press.leaked(seed), difficulty, seed)))


def plainly(shown: Frame) -> list[bytes]:
    """What one call of zxing-cpp's reads."""
    view = shown.luma.cast("B", (shown.height, shown.width))
    return [bytes(found.bytes) for found in zxingcpp.read_barcodes(view)]


def read(outcome: Outcome) -> set[bytes]:
    """What the symbols hold."""
    return {symbol.data for symbol in outcome.symbols}


class Told:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int, str]] = []

    def __call__(self, done: int, total: int, what: str) -> None:
        """As the search calls it."""
        self.steps.append((done, total, what))

    def is_whole(self) -> bool:
        """True when it never went back, and ended where it said it would."""
        done = [step[0] for step in self.steps]
        totals = {step[1] for step in self.steps}
        return done == sorted(done) and len(totals) == 1 and done[-1] == totals.pop()


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """A reader in no hurry: a busy machine must not fail a test."""
    with Reader(still_deadline_ms=60_000) as opened:
        yield opened


@pytest.mark.parametrize(
    ("difficulty", "seed", "steps"),
    [
        (Difficulty.EASY, 1, 2),
        (Difficulty.MEDIUM, 7, 9),
        (Difficulty.HARD, 6, 9),
        (Difficulty.EXTREME, 7, 9),
        *(
            pytest.param(difficulty, seed, None, marks=pytest.mark.slow)
            for difficulty in Difficulty
            for seed in (14, 16, 19)
        ),
    ],
)
def test_a_pass_is_read_from_a_press_photograph(
    reader: Reader, difficulty: Difficulty, seed: int, steps: int | None
) -> None:
    """Small, tilted, blurred, glossy and compressed: that very pass and no other, and where it is."""
    payload = press.leaked(seed)
    shown = held(difficulty, seed)
    told = Told()
    outcome = search(shown, patience_s=BUSY_S, steps_most=steps, reader=reader, progress=told)
    assert [symbol.data for symbol in outcome.passes] == [payload]
    assert outcome.ending is Ending.FOUND
    assert told.is_whole()
    taken = shot(difficulty, seed, 93)
    for x, y in outcome.passes[0].corners:
        assert abs(x - taken.place[0] * shown.width) < 70 * taken.module_px
        assert abs(y - taken.place[1] * shown.height) < 70 * taken.module_px


@pytest.mark.parametrize(("difficulty", "seed"), [(Difficulty.HARD, 6), (Difficulty.EXTREME, 7)])
def test_such_pictures_are_beyond_a_plain_call(difficulty: Difficulty, seed: int) -> None:
    """The pictures above are no easy ones: what the search is for can't be had more cheaply."""
    assert press.leaked(seed) not in plainly(held(difficulty, seed))


def test_a_picture_without_a_code_ends_in_words(reader: Reader) -> None:
    """Everything is tried, and then it is said, with what was tried."""
    picture = Image.open(io.BytesIO(press.empty_picture(Difficulty.MEDIUM, 3))).resize((240, 160))
    told = Told()
    outcome = search(frame(picture), patience_s=BUSY_S, reader=reader, progress=told)
    assert outcome.symbols == ()
    assert outcome.noticed == 0
    assert outcome.ending is Ending.TRIED_ALL
    assert told.is_whole()
    words = outcome.in_words()
    assert words.startswith("no pass found; tried: the whole picture 3, ")
    assert "sizes and contrasts" in words
    assert "everything was tried" in words


def test_what_is_covered_beyond_repair_is_noticed(reader: Reader) -> None:
    """Half of a code under a thumb is no pass; that there is one is told, nothing is made up."""
    drawn = code(PASS)
    for y in range(8, 90, 3):
        drawn.paste(255, (36, 4 * y, drawn.width - 120, 4 * y + 9))
    picture = plaster(drawn.width + 200, drawn.height + 160)
    picture.paste(drawn, (100, 80))
    outcome = search(frame(picture), steps_most=9, reader=reader)
    assert outcome.symbols == ()
    assert outcome.noticed == 1
    assert "1 code noticed that could not be read" in outcome.in_words()


def test_a_code_that_is_no_pass_does_not_end_the_search(reader: Reader) -> None:
    """A menu on the wall is told, and the search goes on to its end."""
    picture = plaster(200, 180)
    picture.paste(code(LINK, module_px=4), (30, 20))
    outcome = search(frame(picture), patience_s=BUSY_S, reader=reader)
    assert read(outcome) == {LINK}
    assert outcome.passes == ()
    assert outcome.ending is Ending.TRIED_ALL
    assert "no pass found, and 1 other code;" in outcome.in_words()


def test_two_passes_are_both_found(reader: Reader) -> None:
    """When one is read at the first glance, the cheap steps still find the one out of focus."""
    other = PASS[::-1].replace(b":1CH", b"").join((b"HC1:", b""))
    picture = plaster(1000, 560)
    picture.paste(code(PASS), (40, 60))
    picture.paste(code(other).filter(ImageFilter.GaussianBlur(2.6)), (560, 60))
    shown = frame(picture)
    assert plainly(shown) == [PASS]
    assert read(search(shown, steps_most=9, reader=reader)) == {PASS, other}


@pytest.mark.parametrize("symbol", [SymbolFormat.AZTEC, SymbolFormat.DATAMATRIX])
def test_a_tilted_symbol_of_another_kind_is_found(reader: Reader, symbol: SymbolFormat) -> None:
    """A 2D-Doc on paper is read askew, byte for byte."""
    drawn = code(DOCUMENT, symbol, module_px=6)
    wide, tall = drawn.size
    flat = np.array([(0, 0), (wide, 0), (wide, tall), (0, tall)], np.float64)
    askew = np.array([(290, 130), (290 + 0.8 * wide, 180), (270 + 0.8 * wide, 200 + tall), (240, 120 + tall)])
    back = homography(askew, flat).ravel()[:8].tolist()
    picture = plaster()
    paper = Image.new("L", drawn.size, 255).transform(picture.size, Image.Transform.PERSPECTIVE, back)
    seen = drawn.transform(picture.size, Image.Transform.PERSPECTIVE, back, Image.Resampling.BICUBIC)
    picture.paste(seen.filter(ImageFilter.GaussianBlur(1.5)), (0, 0), paper)
    (found,) = search(frame(picture), patience_s=BUSY_S, reader=reader).passes
    assert (found.format, found.data) == (symbol, DOCUMENT)


def test_a_picture_that_hangs_the_decoder_costs_those_attempts_alone() -> None:
    """A hostile picture stops the attempts that show it whole; the pass is read from its own area."""
    picture = plaster(760, 560)
    picture.paste(code(PASS), (250, 80))
    picture.putpixel((0, 0), 1)
    with Reader(still_deadline_ms=250, command=(sys.executable, "-I", "-c", FRAGILE)) as fragile:
        outcome = search(frame(picture), steps_most=9, reader=fragile)
    assert read(outcome) == {PASS}
    assert outcome.hangs >= 1
    assert "stopped the decoder" in outcome.in_words()


@pytest.mark.parametrize("most", [0, 1, 2])
def test_no_more_steps_are_taken_than_allowed(reader: Reader, most: int) -> None:
    """The budget counts attempts; when it is spent, that is the reason told."""
    told = Told()
    outcome = search(frame(plaster(300, 200)), steps_most=most, reader=reader, progress=told)
    assert sum(outcome.tried.values()) == most
    assert outcome.ending is Ending.OUT_OF_TIME
    assert len(told.steps) == most + 1
    assert told.is_whole()


def test_no_step_begins_when_the_time_is_over(reader: Reader) -> None:
    """Patience is measured on the clock that is given: here each step takes ten seconds."""
    now_s = iter(range(0, 10_000, 10))
    outcome = search(frame(plaster(300, 200)), patience_s=35, reader=reader, clock=lambda: float(next(now_s)))
    assert sum(outcome.tried.values()) == 3
    assert outcome.ending is Ending.OUT_OF_TIME


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (61, 61), (121, 64)])
@pytest.mark.parametrize("kind", ["black", "noise", "grid"])
def test_no_picture_is_too_strange(reader: Reader, size: tuple[int, int], kind: str) -> None:
    """Slivers, noise and grids end in nothing found, without an error or a warning."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    planes = {
        "black": 0 * x,
        "noise": np.random.default_rng(1).integers(0, 256, x.shape),
        "grid": 255 * ((x // 3 + y // 3) % 2),
    }
    outcome = search(frame(Image.fromarray(planes[kind].astype(np.uint8))), patience_s=BUSY_S, reader=reader)
    assert outcome.symbols == ()
    assert outcome.ending is Ending.TRIED_ALL


def test_a_file_is_read_and_a_large_picture_goes_in_pieces(reader: Reader, tmp_path: Path) -> None:
    """A pass in the corner of a picture larger than one attempt is given: found, at its place."""
    picture = Image.new("L", (6200, 4100), 170)
    picture.paste(code(PASS, module_px=3), (5700, 3650))
    path = tmp_path / "large.png"
    picture.save(path, compress_level=1)
    outcome = search(path, patience_s=BUSY_S, reader=reader, steps_most=4)
    (found,) = outcome.passes
    assert found.data == PASS
    assert all(x > 5700 and y > 3650 for x, y in found.corners)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"HC1:6BF", True),
        (b"HCFR1:6BF", True),
        (b"EX1:6BF", True),
        (b"DC04FR00", True),
        (b"https://bonjour.tousanticovid.gouv.fr/app/walletdcc#HC1:6BF", True),
        (b"https://bonjour.tousanticovid.gouv.fr/app/wallet?v=DC04FR00", True),
        (LINK, False),
        (b"shc:/5676", False),
        (b"", False),
    ],
)
def test_what_counts_as_a_pass(data: bytes, expected: bool) -> None:
    """What a deny list can hold, in any of its wrappings; a menu's address is none."""
    assert photograph.is_pass(data) is expected


def test_an_outcome_shows_nothing_of_a_pass(reader: Reader) -> None:
    """Neither its words nor its `repr` hold a visitor's bytes."""
    picture = plaster(560, 520)
    picture.paste(code(PASS), (60, 60))
    outcome = search(frame(picture), steps_most=2, reader=reader)
    assert outcome.passes
    assert "NCF" not in repr(outcome) + outcome.in_words()


def expected_texts(shared_data: Path) -> Iterator[tuple[Path, bytes]]:
    """Real photographs of QR symbols, each with what it holds."""
    for picture in sorted((shared_data / "photos").glob("qrcode-*/*")):
        text = picture.with_suffix(".txt")
        if picture.suffix != ".txt" and text.exists():
            yield picture, text.read_bytes().strip()


@pytest.mark.slow
def test_real_photographs_are_read_no_worse_than_in_one_look(reader: Reader, shared_data: Path) -> None:
    """Nothing that the reader finds in a real photograph is lost, and a few are found besides."""
    lost, won = [], []
    for picture, text in expected_texts(shared_data):
        shown = load_luma(picture)
        before = text in {symbol.data.strip() for symbol in reader.read_still(shown)}
        after = text in {
            symbol.data.strip() for symbol in search(shown, steps_most=24, reader=reader).symbols
        }
        if before and not after:
            lost.append(picture.name)
        elif after and not before:
            won.append(picture.name)
    assert lost == []
    assert won
