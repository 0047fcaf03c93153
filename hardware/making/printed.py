"""What is drawn on paper: the guide's pictures, the chart, the staff's card."""

from __future__ import annotations

import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from hardware.making import case, parts, steps
from hardware.making.tools import run, shrink, tool

from doorcheck.config import CameraTable
from doorcheck.lab import card, chart, paper
from doorcheck.lab.cardtexts import LANGUAGES

FOLDER: Final = Path(__file__).parents[1]
CARD_DPI: Final = 75


def lens_to_face_mm() -> float:
    """From the lens to the front's outer face, as the case's source adds it up."""
    source = case.SOURCE.read_text(encoding="utf-8")

    def value(name: str) -> float:
        found = re.search(rf"^{name} = ([\d.]+);", source, re.MULTILINE)
        if not found:
            raise ValueError(f"{case.SOURCE.name}: {name} is not given as a number")
        return float(found[1])

    return value("face") + value("window_t") + value("lens_gap")


def guide_pictures() -> dict[Path, str]:
    """The pictures in `bringup/`: file and text."""
    drawn = steps.pictures(parts.pins(), lens_to_face_mm(), CameraTable().stand_distance_mm)
    return {steps.FOLDER / f"{name}.svg": paper.svg(sheet) for name, sheet in drawn.items()}


def guide() -> list[Path]:
    """Write them."""
    files = guide_pictures()
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return list(files)


def chart_sheets() -> list[Path]:
    """The chart and its trust list, good for a year from today; not for keeping in the repository."""
    folder = FOLDER / "chart"
    folder.mkdir(exist_ok=True)
    made = chart.make(datetime.now(UTC))
    (folder / "chart.pdf").write_bytes(paper.pdf(made.sheets, "doorcheck chart TEST"))
    (folder / "chart.dctl").write_bytes(made.trust.dump())
    return [folder / "chart.pdf", folder / "chart.dctl"]


def card_sheets() -> list[Path]:
    """The card, and a picture of each of its sheets. Raises `ToolError`."""
    folder = FOLDER / "card"
    folder.mkdir(exist_ok=True)
    path = folder / "card.pdf"
    path.write_bytes(paper.pdf(card.sheets(), "doorcheck card"))
    made = [path]
    with tempfile.TemporaryDirectory(prefix="doorcheck-card-") as scratch:
        run([tool("pdftoppm"), "-r", str(CARD_DPI), "-png", path, Path(scratch) / "sheet"])
        for text, picture in zip(LANGUAGES, sorted(Path(scratch).glob("*.png")), strict=True):
            shrink(picture)
            made.append(folder / f"card-{text.code}.png")
            made[-1].write_bytes(picture.read_bytes())
    return made
