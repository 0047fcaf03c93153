"""How a box stands, and what the terminal shows of it: nothing wrong is passed over, nothing is made up."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from deploy.report import cli, history, series, table
from deploy.report.series import Window
from deploy.report.standing import Level
from releasing import outcome
from rich.console import Console
from tests.deploy import sample_fleet as sample

from doorcheck.core.health import Condition, Lamps
from doorcheck.core.verdict import Outcome

NOW = sample.NOW


# How a box stands


def test_a_box_is_well_only_when_it_says_so_and_nothing_is_wrong() -> None:
    """Judging, by lists and a clock that are as they should be."""
    assert sample.one().level is Level.WELL
    assert sample.one(status_state="starting").level is Level.CARE
    assert sample.one(status_state="dreaming").level is Level.OUT
    assert sample.one(status_state="stopped").level is Level.OUT
    assert sample.one(status=None).level is Level.OUT


@pytest.mark.parametrize("condition", Condition)
def test_every_condition_of_a_door_is_shown_with_what_to_do(condition: Condition) -> None:
    """By its code, its words and its advice; what darkens the lamps counts as out of order."""
    box = sample.one(status_conditions=[condition.code])
    assert sample.codes(box) == [condition.code]
    assert box.findings[0].words == condition.words
    assert box.findings[0].advice
    dark = condition.lamps in (Lamps.OUT_OF_ORDER, Lamps.DARK)
    assert box.level is (Level.OUT if dark else Level.CARE)


def test_a_condition_of_a_newer_box_is_not_passed_over() -> None:
    """Its code is told as it is."""
    box = sample.one(status_conditions=["H-NEW"])
    assert sample.codes(box) == ["unknown"]
    assert "H-NEW" in box.findings[0].words


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"update_damage": "generation 12 has no manifest"}, "damage"),
        ({"update_enrolled": False}, "enrolment"),
        ({"update_metadata": {"timestamp": {"version": 3, "expires": "2026-11-23T00:00:00Z"}}}, "expired"),
        ({"update_last": {"exit": 1, "said": {"refused": "altered", "words": "cut"}}}, "refused"),
        ({"update_last": {"exit": 2, "said": None}}, "refused"),
        ({"release_outcome": "returned", "release_why": "no frame"}, "release"),
        ({"release_outcome": "refused"}, "release"),
        ({"status_utc": "2026-11-24T16:00:00Z"}, "clock"),
        ({"at": "2026-11-20T16:00:00Z", "status_utc": "2026-11-20T16:00:00Z"}, "not asked"),
    ],
)
def test_what_else_can_be_wrong_is_found(changes: dict[str, Any], code: str) -> None:
    """One thing at a time."""
    assert sample.codes(sample.one(**changes)) == [code]


def test_a_box_that_missed_a_publication_is_behind_and_a_canary_is_not() -> None:
    """Most boxes decide, so that neither a canary nor a liar makes the others look bad."""
    fleet = [sample.told(host=f"box-{number}") for number in range(3)]
    late, canary = (
        sample.told(host="late", update_publication=40),
        sample.told(host="canary", update_publication=10**9),
    )
    found = sample.judged(*fleet, late, canary)
    assert {host: sample.codes(box) for host, box in found.items() if box.findings} == {"late": ["behind"]}


@pytest.mark.parametrize(
    ("why", "code", "advice"),
    [
        ("unreachable: no answer at 10.0.0.7", "no answer", "power and network"),
        ("host-key: at 10.0.0.7 answers somebody with ANOTHER KEY", "host-key", "stolen-box"),
        ("key-refused: no", "key-refused", "ssh-add"),
        (None, "no answer", "power and network"),
    ],
)
def test_why_a_box_was_not_reached_decides_what_to_do(why: str | None, code: str, advice: str) -> None:
    """A wrong host key is not a pulled plug."""
    silent = {"host": "north", "at": sample.iso(NOW), "reachable": False, "why": why}
    (box,) = sample.judged(sample.told(), silent).values()
    assert box.level is Level.LOST
    assert sample.codes(box) == [code]
    assert advice in box.findings[0].advice
    assert "last answer 2 min ago" in box.findings[0].words


def test_the_lists_of_a_silent_box_grow_older() -> None:
    """What counts is how old they are by now, not when it last answered."""
    (box,) = sample.judged(sample.told(), now=NOW + timedelta(days=3)).values()
    age = box.lists_age(NOW + timedelta(days=3))
    assert age is not None
    assert age > timedelta(days=3)


def test_every_outcome_of_a_release_is_known() -> None:
    """Those that leave the box without it are faults, the others are not; a new one is noticed here."""
    ways = {value for name, value in vars(outcome).items() if name.isupper() and isinstance(value, str)}
    ways -= {outcome.BALLAST}
    faulty = {way for way in ways if sample.codes(sample.one(release_outcome=way)) == ["release"]}
    assert faulty == {outcome.RETURNED, outcome.REFUSED, outcome.FAILED}
    assert ways - faulty == {outcome.INSTALLED, outcome.ON_TRIAL, outcome.KEPT}


def test_a_release_on_trial_is_no_fault() -> None:
    """It is told among the facts until it is kept or gone back from."""
    assert sample.one(release_outcome="on-trial", release_on_trial=True).level is Level.WELL


# What is shown


def test_the_last_full_hour_is_what_decisions_per_hour_means() -> None:
    """Four quarters of the hour before; the hour that is under way does not count."""
    answer = sample.told()
    starts = {
        "2026-11-24T15:45:00Z": 100,
        "2026-11-24T16:00:00Z": 1,
        "2026-11-24T16:45:00Z": 2,
        "2026-11-24T17:00:00Z": 50,
    }
    answer["counters"] = {
        "bins": [{"since": at, "outcomes": {"REFUSE": number}} for at, number in starts.items()]
    }
    (box,) = sample.judged(answer).values()
    assert series.last_hour(box) == {
        Outcome.ADMIT: 0,
        Outcome.REFUSE: 3,
        Outcome.STAFF: 0,
        Outcome.OUT_OF_ORDER: 0,
    }


def test_a_wide_bin_is_spread_over_its_hours() -> None:
    """A venue that counts in four hours is not shown as one busy hour in four."""
    answer = sample.told(status_bin_minutes=240)
    answer["counters"] = {"bins": [{"since": "2026-11-24T08:00:00Z", "outcomes": {"ADMIT": 40}}]}
    (box,) = sample.judged(answer).values()
    hourly = series.decisions(box, Window.before(NOW, 1))
    assert hourly is not None
    assert [hours for hours in hourly[Outcome.ADMIT] if hours] == [10.0] * 4


def test_a_line_keeps_its_peak_however_many_points_it_has() -> None:
    """A short heat is what one looks for."""
    answers = [
        sample.told(at=sample.iso(NOW - timedelta(minutes=minutes)), status_temperature_c=50)
        for minutes in range(150, 0, -1)
    ]
    answers[70]["status"]["temperature_c"] = 91
    (box,) = sample.judged(*answers).values()
    (found,) = series.values(box, Window.before(NOW, 7), lambda told: told.temperature_c)
    assert len(found) <= series.MOST_POINTS + 1
    assert max(value for _, value in found) == 91


def test_the_exit_code_tells_trouble(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 all are well, 1 one is not, or nobody was asked, 2 the file can't be read."""
    path = tmp_path / "status.jsonl"
    assert cli.main(["status", str(path)], NOW) == 1
    history.take(path, [sample.line(sample.told())], NOW)
    assert cli.main(["status", str(path)], NOW) == 0
    history.take(path, [sample.line(sample.told(host="south", status_conditions=["H-HOT"]))], NOW)
    assert cli.main(["status", str(path)], NOW) == 1
    assert cli.main(["status", str(tmp_path)], NOW) == 2
    assert "is it yours?" in capsys.readouterr().err


def test_programs_get_an_object_with_every_box(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Unreachable ones too, with why and when they were last seen."""
    path = tmp_path / "status.jsonl"
    history.take(path, [*sample.lines(6), sample.line(sample.never())], NOW)
    assert cli.main(["status", str(path), "--json"], NOW) == 1
    object_ = json.loads(capsys.readouterr().out)
    assert object_["boxes"] == {"out of order": 1, "unreachable": 2, "needs care": 0, "well": 4}
    each = {box["host"]: box for box in object_["each"]}
    assert each["library"]["seen"] == "2026-11-23T13:38:00Z"
    assert "no route to host" in each["library"]["why"]
    assert each["tent"]["seen"] is None
    assert each["north"]["decisions_last_hour"]["ADMIT"] > 0


def test_a_pipe_gets_one_line_for_each_box(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without colour, so that grep and wc do what one expects."""
    path = tmp_path / "status.jsonl"
    history.take(path, [*sample.lines(6), sample.line(sample.never())], NOW)
    cli.main(["status", str(path)], NOW)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 7
    assert "\x1b" not in "".join(lines)
    assert lines[1].startswith("stage    out of order  0.7.0")


def test_a_terminal_gets_the_table_and_what_to_do() -> None:
    """In 80 columns, in words and signs besides colours, and nothing hostile reaches the terminal."""
    fleet = [json.loads(one) for one in sample.lines(8)]
    found = sample.judged(*fleet, sample.never(), sample.hostile())
    screen = StringIO()
    table.show(
        Console(file=screen, width=80, force_terminal=True, highlight=False), list(found.values()), NOW
    )
    text = screen.getvalue()
    assert "✗ out of order" in text
    assert "? unreachable" in text
    assert "→ shade the box, free its vents, or give it a heat sink" in text
    assert "10 in all: 1 out of order, 2 unreachable, 2 need care, 5 well" in text
    assert "\x1b[2J" not in text
    assert "\u202e" not in text
    plain = Console(file=StringIO(), width=80, force_terminal=False, highlight=False)
    table.show(plain, list(found.values()), NOW)
    assert isinstance(plain.file, StringIO)
    assert max(map(len, plain.file.getvalue().splitlines())) <= 80
