"""The box's benchmark: a real door, measured and ended."""

from __future__ import annotations

import pytest

from doorcheck.lab import measurebox


def test_every_row_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start, memory and processor, each beside what it is compared with; no value is nothing."""
    for name, value in {"STARTS": 1, "LOOK_S": 0.5, "CALM_AFTER_S": 0.1}.items():
        monkeypatch.setattr(measurebox, name, value)
    start, memory, cost = measurebox.tables()
    assert [len(table.rows) for table in (start, memory, cost)] == [2, 3, 2]
    assert start.rows[1].ratio > 1
    assert memory.rows[2].median == pytest.approx(memory.rows[0].median + memory.rows[1].median)
    assert cost.rows[0].median > 0
