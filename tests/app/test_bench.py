"""`doorcheck bench`: it measures, compares, and says what it compares with."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from doorcheck.cli import main
from doorcheck.lab import measure


def test_passes_are_measured_beside_a_bare_verification(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows of one run: the first is what the others are compared with."""
    monkeypatch.setattr(measure, "ROUNDS", 2)
    assert main(["bench", "passes", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["passes"][0]["rows"]
    assert rows[0]["name"].startswith("bare P-256")
    assert rows[0]["ratio"] == 1
    assert all(row["µs"] > 0 for row in rows)


def test_a_part_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    """Named, with those there are, and exit code 2."""
    assert main(["bench", "speed"]) == 2
    said = capsys.readouterr().err
    assert "speed" in said
    assert "passes" in said


def test_candidates_take_turns() -> None:
    """No candidate runs all its batches before another has begun."""
    called: list[str] = []
    measure.side_by_side({"a": lambda: called.append("a"), "b": lambda: called.append("b")}, 1.0)
    changes = sum(before != after for before, after in pairwise(called))
    assert changes >= 2 * measure.ROUNDS - 1
