"""A roll-out's stages: few boxes first, stopping by itself, going on from where it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from deploy.boxes import stages
from deploy.boxes.stages import Limits, Outcome, Result, RollOut, StageError

HOSTS = [f"door-{number}" for number in range(1, 21)]
LIMITS = Limits(canary_count=2, share_percent=25, failed_percent=10)


def rolled(**outcomes: str) -> RollOut:
    """A roll-out with these results: `door_3="failed"`."""
    results = {host.replace("_", "-"): Result(Outcome(one), "", "") for host, one in outcomes.items()}
    return RollOut("release 1", results)


def test_every_box_is_in_one_stage() -> None:
    """Nobody is forgotten, nobody comes twice, and the plan is the same each time."""
    for limits in (LIMITS, Limits(canaries=("door-7", "door-3")), Limits(canary_count=0, share_percent=0)):
        plan = stages.plan(HOSTS, limits)
        assert sorted(host for members in plan.values() for host in members) == sorted(HOSTS)
    assert stages.plan(HOSTS, Limits(canaries=("door-7",)))["canary"] == ["door-7"]
    assert stages.plan(["a"], LIMITS) == {"canary": ["a"], "share": [], "all": []}


def test_a_canary_that_is_no_box_is_an_error() -> None:
    """A misspelt name must not mean that there is no canary."""
    with pytest.raises(StageError, match="door-99"):
        stages.plan(HOSTS, Limits(canaries=("door-99",)))


def test_one_failed_canary_stops_it() -> None:
    """None of the canaries may fail."""
    assert rolled(door_1="done", door_2="done").verdict("canary", HOSTS, LIMITS) is None
    why = rolled(door_1="done", door_2="failed").verdict("canary", HOSTS, LIMITS)
    assert why is not None
    assert "door-2" in why


def test_a_stage_stops_when_too_many_fail() -> None:
    """A tenth of the five boxes of the share is none; of the thirteen others, one."""
    assert rolled(door_3="failed", door_4="done", door_5="done").verdict("share", HOSTS, LIMITS) is not None
    assert rolled(door_9="failed").verdict("all", HOSTS, LIMITS) is None
    assert rolled(door_9="failed", door_10="failed").verdict("all", HOSTS, LIMITS) is not None


def test_boxes_that_are_off_prove_nothing() -> None:
    """They are no failure, and enough others must have answered before it goes on."""
    assert rolled(door_1="done", door_2="off").verdict("canary", HOSTS, LIMITS) is None
    assert rolled(door_1="off", door_2="off").verdict("canary", HOSTS, LIMITS) is not None
    assert rolled(**{f"door_{n}": "off" for n in range(8, 21)}).verdict("all", HOSTS, LIMITS) is None


def test_it_goes_on_from_where_it_was(tmp_path: Path) -> None:
    """What is done is not done again; what was off or failed is; another release begins anew."""
    path = tmp_path / "state" / "roll-out.json"
    for host, outcome in (("door-1", Outcome.DONE), ("door-2", Outcome.OFF)):
        with stages.changing(path, "release 1") as current:
            current.results[host] = Result(outcome, "words", "2026-11-24T09:00:00Z")
    again = stages.read(path, "release 1")
    assert again.todo("canary", HOSTS, LIMITS) == ["door-2"]
    assert again.results["door-1"].words == "words"
    assert stages.read(path, "release 2").todo("canary", HOSTS, LIMITS) == ["door-1", "door-2"]


def test_a_damaged_state_is_said(tmp_path: Path) -> None:
    """It is not taken for an empty one."""
    path = tmp_path / "roll-out.json"
    path.write_text('{"what": "release 1", "boxes": {"door-1": {}}}')
    with pytest.raises(StageError, match="remove it"):
        stages.read(path, "release 1")
