"""hardware/FAILURES.md keeps its word: every output and failure has its cell, every proof exists."""

from __future__ import annotations

import re
from pathlib import Path

from doorcheck.edge import pins

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "hardware" / "FAILURES.md").read_text(encoding="utf-8")
FAILURES = ["power off", "boot", "crash", "freeze", "cable cut", "short"]


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, its head first, the ruler left out."""
    section = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|") and not line.startswith("|---")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_output_has_every_failure() -> None:
    """Each output of pins.toml has a row, and each row says something about each failure."""
    head, *found = rows("Each output")
    assert head == ["output", *FAILURES]
    assert sorted(row[0] for row in found) == sorted(name for name, _ in pins.load().outputs)
    for row in found:
        assert len(row) == len(head)
        assert all(len(cell) > 3 for cell in row[1:]), row[0]


def test_every_holder_is_listed_and_used() -> None:
    """What a cell relies on is explained, and nothing is explained that no cell relies on."""
    listed = [row[0] for row in rows("What holds")[1:]]
    assert listed == [f"H{number}" for number in range(1, len(listed) + 1)]
    used = set(re.findall(r"H\d+", TEXT.partition("## Each output")[2]))
    assert used | {"H18"} == set(listed)


def test_every_proof_exists() -> None:
    """Each test that is named is there, under that name; each holder names a test or a bench step."""
    for row in rows("What holds")[1:]:
        assert "`tests/" in row[3] or "bench:" in row[3], row[0]
    for path, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT):
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{name}"
    for folder in re.findall(r"`(tests/\w+)`", TEXT):
        assert list((ROOT / folder).glob("test_*.py")), folder
