"""`doorcheck register`: what an inspection is shown, in the venue's hours."""

from __future__ import annotations

import argparse
import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from doorcheck.commands import register as command
from doorcheck.core.badge import Badge
from doorcheck.core.shifts import How, Shift
from doorcheck.edge.register import Register

Capture = pytest.CaptureFixture[str]


def at(text: str) -> int:
    """Seconds of a time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


NOOR: Final = Badge(b"n" * 16, "Noor Lämp", at("2026-09-01"), at("2027-09-01"))
BASILE: Final = Badge(b"b" * 16, 'Basile "B", O\'Quarante', at("2026-10-01"), at("2027-09-01"))
SUMMER: Final = Shift(NOOR, at("2026-10-24T17:00"), closed=at("2026-10-24T21:30"), how=How.SHOWN)
LATE: Final = Shift(BASILE, at("2026-11-23T21:00"), closed=at("2026-11-24T11:00"), how=How.FORGOTTEN)
OPEN: Final = Shift(NOOR, at("2026-11-24T18:00"), doubtful=True)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A door's folder with three shifts."""
    book = Register(tmp_path)
    for shift in (replace(SUMMER, closed=None, how=None), SUMMER, LATE, OPEN):
        book.add(shift)
    return tmp_path


def run(state: Path, *words: str) -> int:
    """The command, in Paris."""
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args([*words, "--state", str(state), "--zone", "Europe/Paris"]))


def exported(state: Path, capsys: Capture, *words: str) -> dict[str, Any]:
    """The JSON of an export."""
    assert run(state, "export", "--json", *words) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_the_export_is_what_the_decree_asks_for(state: Path, capsys: Capture) -> None:
    """Who was authorised since when, and days and hours of controls, with the hour's offset."""
    assert run(state, "export") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert rows[0] == {
        "name": "Noor Lämp",
        "badge": NOOR.id.hex(),
        "authorised_since": "2026-09-01T02:00:00+02:00",
        "opened": "2026-10-24T19:00:00+02:00",
        "closed": "2026-10-24T23:30:00+02:00",
        "ended_by": "badge shown",
        "clock": "",
    }
    assert [row["name"] for row in rows] == ["Noor Lämp", BASILE.name, "Noor Lämp"]
    assert (rows[1]["opened"], rows[1]["ended_by"]) == ("2026-11-23T22:00:00+01:00", "forgotten")
    assert (rows[2]["closed"], rows[2]["ended_by"], rows[2]["clock"]) == ("", "", "a lower bound only")


def test_json_says_the_same(state: Path, capsys: Capture) -> None:
    """Each person once, then each shift; nothing is null but what has not happened."""
    told = exported(state, capsys)
    assert told["format"] == 1
    assert [(one["name"], one["authorised_since"]) for one in told["authorised"]] == [
        ("Noor Lämp", "2026-09-01T02:00:00+02:00"),
        (BASILE.name, "2026-10-01T02:00:00+02:00"),
    ]
    assert [one["closed"] for one in told["controls"]] == [
        "2026-10-24T23:30:00+02:00",
        "2026-11-24T12:00:00+01:00",
        None,
    ]
    assert told["damaged_lines"] == 0


@pytest.mark.parametrize(
    ("words", "shifts"),
    [
        ([], 3),
        (["--from", "2026-10-25"], 2),
        (["--to", "2026-10-24"], 1),
        (["--to", "2026-10-23"], 0),
        (["--from", "2026-11-24", "--to", "2026-11-24"], 2),
        (["--from", "2026-11-25"], 1),
        (["--from", "2026-11-23", "--to", "2026-11-23"], 1),
    ],
    ids=str,
)
def test_days_are_the_venue_s(state: Path, capsys: Capture, words: list[str], shifts: int) -> None:
    """A shift belongs to every day it touches, from midnight to midnight of the zone; an open one lasts."""
    assert len(exported(state, capsys, *words)["controls"]) == shifts


def test_show_names_who_is_there(state: Path, capsys: Capture) -> None:
    """Who is on shift now, then the last shifts."""
    assert run(state, "show") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "on shift: Noor Lämp"
    assert lines[1].split() == [
        "2026-10-24T19:00:00+02:00",
        "2026-10-24T23:30:00+02:00",
        "Noor",
        "Lämp,",
        "badge",
        "shown",
    ]
    assert "still open" in lines[3]
    assert run(state, "show", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in told["on_shift"]] == ["Noor Lämp"]


def test_an_empty_register_is_exported(tmp_path: Path, capsys: Capture) -> None:
    """A door where nobody showed a badge has a register with nobody in it."""
    assert run(tmp_path, "export") == 0
    assert capsys.readouterr().out == ",".join(command.COLUMNS) + "\n"
    assert run(tmp_path, "show") == 0
    assert capsys.readouterr().out == "on shift: nobody\n"


def test_damage_is_told(state: Path, capsys: Capture) -> None:
    """The rest is exported, and how much is missing is said, also by the exit code."""
    path = state / "register" / "2026-11-24.lines"
    path.write_bytes(path.read_bytes()[:-5])
    assert run(state, "export", "--json") == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["damaged_lines"] == 1
    assert "1 damaged lines are left out" in captured.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["export", "--from", "yesterday"], "--from 'yesterday' is no date"),
        (["export", "--to", "9999-12-31"], "--to '9999-12-31' is no date"),
        (["export", "--zone", "Mars/Phobos"], "--zone 'Mars/Phobos': no such time zone"),
        (["export", "--zone", "../../etc/passwd"], "no such time zone"),
        (["show", "--state", "nowhere"], "there is no nowhere: name the door's folder with --state"),
    ],
    ids=str,
)
def test_bad_usage_is_named(tmp_path: Path, capsys: Capture, words: list[str], said: str) -> None:
    """What is wrong, and what to do; nothing on standard output."""
    parser = argparse.ArgumentParser()
    command.configure(parser)
    assert command.run(parser.parse_args([words[0], "--state", str(tmp_path), *words[1:]])) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


def test_an_unreadable_register_is_named(tmp_path: Path, capsys: Capture) -> None:
    """Not an empty one: an inspection would be told that nobody controlled."""
    (tmp_path / "register" / "2026-11-24.lines").mkdir(parents=True)
    assert run(tmp_path, "export") == 2
    assert "cannot read" in capsys.readouterr().err
