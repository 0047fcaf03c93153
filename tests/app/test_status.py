"""`doorcheck status`: what an operator reads over SSH."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from doorcheck.cli import main
from doorcheck.core.health import Condition
from doorcheck.core.verdict import Outcome
from doorcheck.edge import statefiles
from doorcheck.edge.panel import monotonic_ms
from doorcheck.edge.statefiles import Report

NOON = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


class Door:
    """The files of one that runs."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.state, self.runtime = folder / "state", folder / "run"
        self.state.mkdir()
        self.runtime.mkdir()
        self.capsys = capsys
        self.report = Report(
            at_ms=monotonic_ms(),
            pid=7,
            version="0.1.0",
            ready=True,
            state="judging",
            started=NOON,
            uptime_s=50.0,
            board="Raspberry Pi 5 Model B Rev 1.0",
            board_uptime_s=90_000.0,
            restarts=2,
            starts_in_a_row=1,
            generation=3,
            published=NOON,
            age_hours=1.5,
            freshness="fresh",
            clock="battery-backed clock",
            utc=NOON + timedelta(minutes=20),
            conditions=[],
            outcomes={"ADMIT": 5},
            bin_minutes=15,
            frames=1_234,
            decoder_kills=1,
            fps=14.9,
            latency_ms=180,
            temperature_c=61.5,
            under_voltage=False,
            free_bytes=3 << 30,
            memory_bytes=60 << 20,
        )

    def says(self, **changed: object) -> None:
        """It reports, with those values."""
        report = msgspec.structs.replace(self.report, **changed)
        statefiles.write(self.runtime, statefiles.STATUS, statefiles.encode_report(report))

    def status(self, *words: str) -> tuple[int, str]:
        """The command: exit code and all that it prints."""
        code = main(["status", "--state", str(self.state), "--runtime", str(self.runtime), *words])
        said = self.capsys.readouterr()
        return code, said.out + said.err


@pytest.fixture
def door(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Door:
    """A door's folders."""
    return Door(tmp_path, capsys)


def test_all_is_well(door: Door) -> None:
    """Exit code 0, and the facts in words."""
    door.says()
    code, said = door.status()
    assert code == 0
    for words in (
        "judging, 50 s, 2 restarts since the box was switched on",
        "1.5 hours old (fresh)",
        "battery-backed clock",
        "14.9 frames a second, 180 ms from glass to lamps",
        "1 decoders replaced",
        "Raspberry Pi 5 Model B Rev 1.0, 62 °C, supply good, on 25 h, 3072 MB free, door takes 60 MB",
    ):
        assert words in said


@pytest.mark.parametrize("condition", Condition)
def test_a_condition_comes_with_its_advice(door: Door, condition: Condition) -> None:
    """Exit code 1; code, words and what to do; for programs the lamps too."""
    door.says(conditions=[condition.code])
    code, said = door.status()
    assert code == 1
    assert f"{condition.code}       {condition.words}" in said
    assert condition.advice in said
    code, said = door.status("--json")
    assert (code, json.loads(said)["conditions"]) == (
        1,
        [
            {
                "code": condition.code,
                "words": condition.words,
                "lamps": condition.lamps.value,
                "advice": condition.advice,
            }
        ],
    )


@pytest.mark.parametrize(
    "changed", [{"state": statefiles.STOPPED}, {"at_ms": monotonic_ms() - statefiles.STALE_MS - 1}]
)
def test_a_door_that_does_not_run_is_said(door: Door, changed: dict[str, object]) -> None:
    """It has ended, was killed, or hangs: exit code 2."""
    for _ in range(2):
        code, said = door.status()
        assert (code, "none runs here" in said) == (2, True)
        code, said = door.status("--json")
        assert (code, json.loads(said)["running"], json.loads(said)["report"]) == (2, False, None)
        door.says(**changed)


def test_counters_are_told_when_their_bin_is_over(door: Door) -> None:
    """The file of a door that restarted holds the beginning of the current bin: it is not told."""
    bins = {
        NOON - timedelta(days=1): Counter({Outcome.ADMIT: 100, Outcome.REFUSE: 2}),
        NOON: Counter({Outcome.ADMIT: 7}),
        NOON + timedelta(minutes=15): Counter({Outcome.REFUSE: 1}),
    }
    statefiles.prepare(door.state / statefiles.FOLDER)
    statefiles.write(door.state / statefiles.FOLDER, statefiles.COUNTERS, statefiles.encode_counters(bins))
    door.says()
    _, said = door.status()
    assert "2026-11-30  100 ADMIT, 2 REFUSE" in said
    assert "2026-12-01  7 ADMIT\n" in said
    _, said = door.status("--json")
    assert [one["from"] for one in json.loads(said)["counters"]] == [
        "2026-11-30T12:00:00Z",
        "2026-12-01T12:00:00Z",
    ]


def test_an_update_that_is_not_taken_is_seen(door: Door) -> None:
    """What is installed differs from what the door judges by."""
    (door.state / "generations" / "4").mkdir(parents=True)
    (door.state / "current").symlink_to("generations/4")
    door.says()
    assert "generation  3; 4 is installed and not taken" in door.status()[1]


def test_a_damaged_report_is_named(door: Door) -> None:
    """Exit code 2, and which file."""
    (door.runtime / statefiles.STATUS).write_text("{")
    code, said = door.status()
    assert (code, str(door.runtime / statefiles.STATUS) in said) == (2, True)
