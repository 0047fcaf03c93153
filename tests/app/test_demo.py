"""The simulated door: the story comes out as it is told, and nobody's data with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from doorcheck.cli import main
from doorcheck.core.verdict import Outcome

TOLD = ["ADMIT", *["REFUSE"] * 4, "ADMIT", "STAFF", "STAFF", "REFUSE", "OUT_OF_ORDER"]


def test_the_story_comes_out_as_told(played: Any) -> None:
    """Ten visitors, ten decisions, each as the story expects."""
    assert [one.outcome.value for one in played.decisions if one.outcome] == TOLD
    assert played.code == 0


def test_the_relay_closes_for_the_admitted_alone(played: Any) -> None:
    """The recorded timeline closes the relay twice, once for each ADMIT, and ends dark."""
    timeline = played.timeline
    relay = [bool(change["relay"]) for change in timeline]
    closings = sum(now and not before for before, now in zip([False, *relay], relay, strict=False))
    assert closings == TOLD.count(Outcome.ADMIT.value)
    assert not any(timeline[-1][lamp] for lamp in ("green", "red", "amber", "ready", "relay", "tone_hz"))


def test_it_ends_with_the_counters_and_what_was_stored(played: Any) -> None:
    """The operator sees numbers, and the sentence says: nothing."""
    said = played.lines
    assert "the operator's counters" in said
    assert "Stored about the visitors: nothing." in said
    assert "TEST" in said


def test_pictures_of_a_folder_go_through_the_same_loop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--frames shows the door other pictures, with the operator's own lists."""
    assert main(["lab", str(tmp_path), "--at", "2026-03-01"]) == 0
    for picture in tmp_path.glob("*.png"):
        if picture.stem not in ("valid", "forged"):
            picture.unlink()
    words = ["--trust", str(tmp_path / "trust.dctl"), "--at", "2026-03-01", "--frames", str(tmp_path)]
    assert main(["demo", "--plain", *words]) == 0
    said = capsys.readouterr().out
    assert "REFUSE, S-SIG" in said


def test_pictures_that_are_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    """One clear line and exit code 2."""
    assert main(["demo", "--plain", "--video", "/nowhere/at/all.mp4"]) == 2
    assert "/nowhere/at/all.mp4" in capsys.readouterr().err
