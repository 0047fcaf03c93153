"""The printed sheets: what a printer gets can be read, and says what it must."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import zxingcpp
from PIL import Image, ImageDraw

from doorcheck.commands import chart as command
from doorcheck.core.denylist import DenyList
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.rules import Minimum
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.core.verdict import Reason
from doorcheck.core.verify import verify
from doorcheck.core.world import World
from doorcheck.edge.cameracheck import CHART
from doorcheck.lab import chart, paper
from doorcheck.lab.drawing import Outline, Sheet
from doorcheck.lab.typesetting import POINT_MM, width_mm

WHEN = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
FORMATS = {
    "QRCode": SymbolFormat.QR,
    "Aztec": SymbolFormat.AZTEC,
    "DataMatrix": SymbolFormat.DATAMATRIX,
}


@pytest.fixture(scope="module")
def made() -> chart.Chart:
    """A chart of that day."""
    return chart.make(WHEN)


def painted(sheet: Sheet, dpi: int) -> Image.Image:
    """The sheet's outlines in luma, four times too fine and then averaged, as a scanner sees it."""
    scale = dpi / 25.4 * 4
    image = Image.new("L", (round(sheet.width_mm * scale), round(sheet.height_mm * scale)), 255)
    pen = ImageDraw.Draw(image)
    for shape in sheet.shapes:
        if isinstance(shape, Outline) and shape.fill:
            for ring in shape.rings:
                corners = [(round(x * scale), round(y * scale)) for x, y in ring]
                last = [max(corner) - 1 for corner in zip(*corners, strict=True)]
                box = len(ring) == 4
                tone = 255 if shape.fill == "#ffffff" else 0
                if box:
                    pen.rectangle((min(corners), tuple(last)), fill=tone)
                else:
                    pen.polygon(corners, fill=tone)
    return image.reduce(4)


def read(image: Image.Image) -> Counter[tuple[str, bytes]]:
    """Every code in a picture: its symbol and its bytes."""
    found = zxingcpp.read_barcodes(np.asarray(image.convert("L")))
    return Counter((str(code.format).replace(" ", "").rpartition(".")[2], code.bytes) for code in found)


def expected(codes: tuple[chart.Code, ...]) -> Counter[tuple[str, bytes]]:
    """What `read` should give."""
    names = {symbol: name for name, symbol in FORMATS.items()}
    return Counter((names[code.symbol], code.data) for code in codes)


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("dpi", [150, 300])
def test_every_code_is_read_from_the_drawn_sheet(made: chart.Chart, number: int, dpi: int) -> None:
    """A scan of each sheet at 150 or 300 dpi gives every code on it, and no other."""
    assert read(painted(made.sheets[number], dpi)) == expected(made.codes[number])


@pytest.mark.parametrize("dpi", [150, 300])
def test_every_code_is_read_from_the_rendered_pdf(made: chart.Chart, tmp_path: Path, dpi: int) -> None:
    """The PDF that goes to the printer holds what was drawn, by somebody else's renderer."""
    renderer = shutil.which("pdftoppm")
    if renderer is None:
        pytest.skip("no pdftoppm here: sudo apt-get install poppler-utils")
    (tmp_path / "chart.pdf").write_bytes(paper.pdf(made.sheets, "chart"))
    words = [renderer, "-r", str(dpi), "-gray", str(tmp_path / "chart.pdf"), str(tmp_path / "sheet")]
    subprocess.run(words, check=True, capture_output=True)
    pages = sorted(tmp_path.glob("sheet-*.pgm"))
    assert len(pages) == len(made.codes)
    for page, codes in zip(pages, made.codes, strict=True):
        with Image.open(page) as image:
            assert read(image) == expected(codes)


def test_the_passes_get_the_verdicts_that_are_printed_under_them(made: chart.Chart) -> None:
    """Sheet 2 is one person's pass in every symbol; sheet 3's captions come true; all say TEST."""
    world = World(made.trust, DenyList([]), Minimum(), WHEN - timedelta(days=1), b"m" * 32, None)
    moment = Moment(WHEN, Basis.OPERATOR)
    sheet2 = [verify(Symbol(code.symbol, code.data), world, moment) for code in made.codes[1]]
    assert {verdict.reason for verdict in sheet2} == {Reason.OK}
    assert all(verdict.test for verdict in sheet2)
    assert len({verdict.mark for verdict in sheet2}) == 1, "two people on one sheet call the staff"
    sheet3 = {code.name: verify(Symbol(code.symbol, code.data), world, moment) for code in made.codes[2]}
    assert [sheet3[name].reason for name in ("valid", "expired", "forged", "menu")] == [
        Reason.OK,
        Reason.EXPIRED,
        Reason.SIGNATURE,
        Reason.NOT_A_PASS,
    ]


def test_the_focus_codes_are_those_that_the_camera_check_counts(made: chart.Chart) -> None:
    """Sheet 1 numbers its codes from 1, in the words that `doorcheck camera check` looks for."""
    found = [CHART.fullmatch(code.data) for code in made.codes[0]]
    assert [int(match[1]) for match in found if match] == list(range(1, 10))


def test_every_sheet_says_test_and_stays_on_the_paper(made: chart.Chart) -> None:
    """No sheet leaves the printer without TEST; no words run over its edge."""
    for sheet in made.sheets:
        words = [shape for shape in sheet.shapes if not isinstance(shape, Outline)]
        assert "TEST" in {each.text for each in words}
        for each in words:
            wide = width_mm(each.text, each.size_pt, bold=each.bold)
            left = each.at[0] - each.align * wide
            assert left >= 10, each.text
            assert left + wide <= sheet.width_mm - 10, each.text
            assert each.at[1] + each.size_pt * POINT_MM / 4 <= sheet.height_mm - 4, each.text


def test_modules_are_as_large_as_the_sheet_says(made: chart.Chart) -> None:
    """A code's drawn width is its modules times the size that is printed under it."""
    for sheet, codes in zip(made.sheets, made.codes, strict=True):
        drawn = [shape for shape in sheet.shapes if isinstance(shape, Outline) and len(shape.rings) > 50]
        assert len(drawn) == len(codes)
        for shape, code in zip(drawn, codes, strict=True):
            right = max(x for ring in shape.rings for x, _ in ring)
            assert right - code.at[0] == pytest.approx(code.modules().shape[1] * code.module_mm, abs=1e-6)


def test_the_pdf_is_well_formed(made: chart.Chart) -> None:
    """Each entry of the table of objects points at its object, so that strict readers open it."""
    data = paper.pdf(made.sheets, "chart (TEST)")
    start = int(re.findall(rb"startxref\n(\d+)\n%%EOF\n$", data)[0])
    places = re.findall(rb"(\d{10}) 00000 n \n", data[start:])
    for number, place in enumerate(places, 1):
        assert data[int(place) :].startswith(b"%d 0 obj\n" % number)
    assert data == paper.pdf(made.sheets, "chart (TEST)"), "the same sheets, the same bytes"


def call(*words: str) -> int:
    """Run the command; its exit code."""
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args(words))


def test_the_command_writes_sheets_and_signers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`doorcheck chart` writes the PDF and what it is asked for beside it; the card takes no signers."""
    names = {"-o": "c.pdf", "--trust": "c.dctl", "--signers": "c.json"}
    words = [word for option, name in names.items() for word in (option, str(tmp_path / name))]
    assert call(*words) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names.values())
    assert call("--card", "--trust", str(tmp_path / "x.dctl")) == 2
    assert "--card" in capsys.readouterr().err
