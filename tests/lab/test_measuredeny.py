"""The deny list's benchmark: every store, side by side, in the same tables."""

from __future__ import annotations

import pytest

from doorcheck.lab import denystores, measure, measuredeny


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """As little work as there can be."""
    monkeypatch.setattr(measure, "ROUNDS", 1)
    monkeypatch.setattr(measuredeny, "CHANGES", 100)
    monkeypatch.setattr(measuredeny, "COLD_ASKED", 4)


@pytest.mark.usefixtures("quick")
def test_every_store_is_measured(capfd: pytest.CaptureFixture[str]) -> None:
    """A row for each in each table, compared with the first; nothing is printed meanwhile."""
    tables = measuredeny.tables([300])
    assert [table.unit for table in tables] == ["s", "µs", "pages", "MiB", "s"]
    for table in tables:
        assert table.rows[0].name.endswith(": SQLite, WITHOUT ROWID")
        assert any(row.name.endswith(": doorcheck") for row in table.rows)
        assert any(row.name.endswith(": LMDB") for row in table.rows)
        assert all(row.name.startswith("300") for row in table.rows)
        assert "doorcheck" in table.as_text()
    assert all(row.median > 0 for row in tables[1].rows if "not installed" not in row.note)
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("quick")
def test_a_store_that_is_not_installed_has_a_row_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """LMDB is no dependency: without it the others are measured all the same."""
    monkeypatch.setattr(denystores, "is_there", lambda store: store is not denystores.LMDB)
    for table in measuredeny.tables([300]):
        (row,) = (row for row in table.rows if "LMDB" in row.name and "miss" not in row.name)
        assert "not installed" in row.note
        assert row.median == 0
