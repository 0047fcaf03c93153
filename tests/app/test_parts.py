"""What a box is put together from, and how often it may be tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from doorcheck.config import SettingsError
from doorcheck.edge import statefiles
from doorcheck.edge.statefiles import Starts
from doorcheck.edge.systemd import NOTICE
from doorcheck.service import parts
from doorcheck.service.parts import MOST_STARTS_IN_A_ROW, Places, is_held, one_more_start


class Told:
    """A log that keeps the events."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def __call__(self, event: str, priority: int = NOTICE, **fields: object) -> None:
        """Keep it."""
        assert 0 <= priority <= 7
        self.events.append(event)
        assert all(str(value) for value in fields.values())


def test_starts_are_on_disk_before_anything_else(tmp_path: Path) -> None:
    """Each one more, so that a door that dies at once is counted too."""
    kept, told = tmp_path / "door", Told()
    assert one_more_start(kept, "a", told) == Starts("a", 1, 1)
    assert one_more_start(kept, "a", told) == statefiles.read_starts(kept) == Starts("a", 2, 2)
    assert told.events == []


def test_a_damaged_record_begins_anew(tmp_path: Path) -> None:
    """It is said; the count goes on from one."""
    told = Told()
    (tmp_path / statefiles.STARTS).write_bytes(b"")
    assert one_more_start(tmp_path, "a", told) == Starts("a", 1, 1)
    assert told.events == ["starts-forgotten"]


@pytest.mark.parametrize("where", ["nowhere/door", "file"])
def test_what_cannot_be_counted_is_said(tmp_path: Path, where: str) -> None:
    """A card that can't be written: the door must know that it may not end itself."""
    (tmp_path / "file").write_bytes(b"")
    told = Told()
    assert one_more_start(tmp_path / where, "a", told) is None
    assert told.events == ["starts-not-counted"]


def test_a_row_of_starts_ends_and_a_power_cycle_gives_one_try() -> None:
    """Boots and restarts until the door stops trying; the next boot may try once."""
    starts, held = Starts(), []
    for boot in ("a",) * 5 + ("b",) * 5 + ("c",) * 3:
        starts = starts.one_more(boot)
        held.append(is_held(starts))
    assert held == [False] * 8 + [True] * 2 + [False] + [True] * 2
    assert MOST_STARTS_IN_A_ROW == 8


def test_a_door_without_settings_has_the_defaults(tmp_path: Path) -> None:
    """No file is no error; a folder in its place, and nonsense in it, are, with the file's name."""
    assert parts.settings(tmp_path / "door.toml").camera.kind == "picamera2"
    with pytest.raises(SettingsError, match=str(tmp_path)):
        parts.settings(tmp_path)
    (tmp_path / "door.toml").write_text("[camera]\nkind = 5\n")
    with pytest.raises(SettingsError, match=r"door\.toml: \[camera\] kind"):
        parts.settings(tmp_path / "door.toml")


def test_what_the_door_keeps_has_a_folder_of_its_own(tmp_path: Path) -> None:
    """Updates tidy the folder above."""
    assert Places(tmp_path, tmp_path, tmp_path).kept == tmp_path / "door"
