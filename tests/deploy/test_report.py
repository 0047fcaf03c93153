"""What boxes said, kept and judged: the history stays small, nothing hostile gets in, nobody is forgotten."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deploy.report import cli, contact, history, series, table
from deploy.report.contact import ContactError
from deploy.report.series import Window
from deploy.report.standing import Level, boxes
from hypothesis import given
from hypothesis import strategies as st
from releasing import outcome
from tests.deploy import sample_fleet as sample

from doorcheck.commands import update
from doorcheck.core.freshness import Age
from doorcheck.core.verdict import Outcome
from doorcheck.edge import statefiles
from doorcheck.update.known import Signed
from doorcheck.update.status import Status

NOW = sample.NOW
ROOT = Path(__file__).parents[2]
REPORT: dict[str, Any] = {
    **{"at_ms": 1, "pid": 1, "version": "0.7.0", "ready": True, "state": "judging", "uptime_s": 5.0},
    **{"restarts": 0, "starts_in_a_row": 1, "clock": "network time", "utc": NOW, "conditions": []},
    **{"outcomes": {}, "bin_minutes": 15, "frames": 9, "decoder_kills": 0, "fps": 10.0},
}
"""What a running door can always say; the rest may be unknown."""


# What is read


def test_every_field_of_a_report_that_we_show_is_one_that_a_door_writes() -> None:
    """A field renamed on the box can't vanish here in silence."""
    written = set(statefiles.Report.__struct_fields__)
    assert set(contact.Told.__struct_fields__) <= written


def test_what_the_box_side_writes_is_read_whole(tmp_path: Path) -> None:
    """The door's report and counters, the update's status, the release's outcome, by the box's own script."""
    unknown: dict[str, Any] = dict.fromkeys(statefiles.Report.__struct_fields__)
    report = statefiles.Report(**(unknown | REPORT | {"format": 1}))
    bins = {NOW - timedelta(hours=2): Counter({Outcome.ADMIT: 3})}
    signed = {"root": Signed(2, NOW + timedelta(days=9))}
    installed = update._status_object(Status(True, 7, 41, NOW, timedelta(hours=1), Age.FRESH, roles=signed))
    files = {
        "run/doorcheck/status.json": statefiles.encode_report(report),
        "run/doorcheck/counters.json": statefiles.encode_counters(bins),
        "var/lib/doorcheck/told/update.json": json.dumps(installed).encode(),
        "var/lib/doorcheck/told/last.json": b'{"format":1,"push":"x","finished":"","exit":1,'
        b'"said":{"refused":"clock","words":"no"}}',
        "var/lib/doorcheck-release/last.json": json.dumps(
            {"format": 1, "version": "0.7.0", "sha256": "", "outcome": outcome.RETURNED}
            | {"why": "no frame", "at": sample.iso(NOW), "declined": []}
        ).encode(),
    }
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    script = [sys.executable, "-IS", str(ROOT / "systemd/libexec/report"), str(tmp_path)]
    environment = {"SSH_ORIGINAL_COMMAND": "counters"}
    done = subprocess.run(script, env=environment, capture_output=True, check=True)
    answer = {**json.loads(done.stdout), "host": "north", "at": sample.iso(NOW), "reachable": True}
    found = contact.in_hours(contact.decode(sample.line(answer)), NOW)
    assert found.unreadable == []
    assert found.status is not None
    assert (found.status.state, found.status.version) == ("judging", "0.7.0")
    assert found.counters == contact.Counted(
        [contact.Bin(*one) for one in [(NOW.replace(hour=15, minute=0), {Outcome.ADMIT: 3})]]
    )
    (box,) = boxes({"north": [found]}, NOW)
    assert box.publication == 41
    assert sample.codes(box) == ["refused", "release"]
    assert "no frame" in box.findings[1].words


def test_an_answer_keeps_what_is_known_and_drops_the_rest() -> None:
    """Whatever a box adds to its answer, a visitor's name for one, is not kept."""
    kept = contact.encode(
        contact.decode(sample.line(sample.told(visitor="Jane Canary", status_who="Jane Canary")))
    )
    assert b"Canary" not in kept
    assert contact.encode(contact.decode(kept)) == kept


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"host": "x", "at": "2026-11-24T09:00:00Z"',
        b'{"host": "", "at": "2026-11-24T09:00:00Z", "reachable": true}',
        b'{"host": "x", "at": "2026-11-24T09:00:00", "reachable": true}',
        b'{"host": "x", "at": "0001-01-01T00:00:00Z", "reachable": true}',
        b'{"format": 2, "host": "x", "at": "2026-11-24T09:00:00Z", "reachable": true}',
        b'{"host": "x", "at": "2026-11-24T09:00:00Z", "reachable": true, "why": "' + b"x" * (1 << 20) + b'"}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_contact_is_refused(broken: bytes) -> None:
    """Without host, time and whether it answered there is nothing to keep."""
    with pytest.raises(ContactError):
        contact.decode(broken)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("status", {"state": sample.HOSTILE}),
        ("status", {"version": "<b>"}),
        ("status", {"temperature_c": 1e300}),
        ("status", {"published": "9999-12-31T23:59:59Z"}),
        ("status", {"conditions": ["x"] * 100}),
        ("status", "judging"),
        ("update", {"publication": -1}),
        ("release", {"version": "\u202e"}),
        ("counters", {"bins": [{"since": "2026-11-24T09:00:00Z", "outcomes": {"Jane Canary": 1}}]}),
        ("counters", {"bins": [{"since": "2026-11-24T09:00:00Z", "outcomes": {"ADMIT": -1}}]}),
    ],
)
def test_a_part_that_does_not_fit_is_left_out_by_name(part: str, value: Any) -> None:
    """The rest of the answer counts, and the box needs care."""
    answer = {**sample.told(), part: value}
    found = contact.decode(sample.line(answer))
    assert found.unreadable == [part]
    assert getattr(found, part) is None
    assert contact.decode(contact.encode(found)).unreadable == [part]
    (box,) = sample.judged(answer).values()
    assert "answer" in sample.codes(box)
    assert box.level is Level.CARE


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(_ANYTHING)
def test_any_status_whatever_gives_a_line_in_the_table(value: Any) -> None:
    """No answer of a box, whatever is in it, can end the table or move a cursor."""
    try:
        found = contact.decode(
            sample.line({**sample.told(), "status": value, "update": value, "release": value})
        )
    except ContactError:
        return
    fleet = boxes({found.host: [found]}, NOW)
    assert len(list(table.plain(fleet, NOW))) == 2
    assert all(text.isprintable() for text in table.plain(fleet, NOW))


def test_hours_are_of_bins_that_are_over_and_not_too_old() -> None:
    """The bin that is under way, and what the box itself should have forgotten, are not kept."""

    def bins(*ages_min: int) -> dict[str, Any]:
        starts = (NOW - timedelta(minutes=minutes) for minutes in ages_min)
        return {"format": 1, "bins": [{"since": sample.iso(at), "outcomes": {"ADMIT": 1}} for at in starts]}

    fifteen_days = 15 * 24 * 60
    answer = sample.told(counters=bins(fifteen_days + 60, fifteen_days - 60, 40, 25, 10))
    kept = contact.in_hours(contact.decode(sample.line(answer)), NOW)
    assert kept.counters is not None
    assert [(one.since.minute, sum(one.outcomes.values())) for one in kept.counters.bins] == [(0, 1), (0, 2)]


# What is kept


def test_what_is_taken_is_there_at_the_next_look(tmp_path: Path) -> None:
    """Taking and reading agree, and taking nothing changes nothing."""
    path = tmp_path / "state" / "status.jsonl"
    taken = history.take(path, sample.lines(3), NOW)
    assert history.read(path, NOW).boxes == taken.boxes
    before = path.read_bytes()
    history.take(path, [], NOW)
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_torn_line_costs_that_line_alone(tmp_path: Path) -> None:
    """The others count, and what was left out is told by its number."""
    path = tmp_path / "status.jsonl"
    path.write_bytes(
        sample.line(sample.told())
        + b"\n"
        + sample.line(sample.told())[:100]
        + b"\n\n"
        + sample.line(sample.told(host="south"))
        + b"\n"
    )
    found = history.read(path, NOW)
    assert set(found.boxes) == {"north", "south"}
    assert [why.split(":")[0] for why in found.left_out] == ["status.jsonl, line 2"]


def test_a_contact_from_the_future_does_not_stand_for_now(tmp_path: Path) -> None:
    """A run under a wrong clock can't hide all later ones."""
    path = tmp_path / "status.jsonl"
    ahead = {**sample.told(), "at": sample.iso(NOW + timedelta(days=400)), "reachable": False}
    found = history.take(path, [sample.line(ahead), sample.line(sample.told())], NOW)
    assert [one.reachable for one in found.boxes["north"]] == [True]
    assert "later than now" in found.left_out[0]


def test_the_history_stays_small_however_often_boxes_are_asked(tmp_path: Path) -> None:
    """Asked every five minutes for forty days, a box leaves 30 days, 140 lines and 100 kB at most."""
    path = tmp_path / "status.jsonl"
    for day in range(40):
        now = NOW + timedelta(days=day)
        answers = (
            sample.answer(0, now - timedelta(minutes=5 * step), now, with_counters=step == 0)
            for step in reversed(range(288))
        )
        found = history.take(path, map(sample.line, answers), now)
    contacts = found.boxes["north"]
    assert 100 < len(contacts) < 140
    assert now - contacts[0].at <= history.KEEP
    assert path.stat().st_size < 100_000
    assert [one.at for one in contacts if one.counters] == [contacts[-1].at]


def test_decisions_outlive_a_contact_that_did_not_ask_for_them(tmp_path: Path) -> None:
    """A push asks for the status alone; the counters of the run before it are still there."""
    path = tmp_path / "status.jsonl"
    history.take(path, [sample.line(sample.told(at=sample.iso(NOW - timedelta(hours=1))))], NOW)
    found = history.take(path, [sample.line(sample.told(counters=None))], NOW)
    (box,) = boxes(found.boxes, NOW)
    assert box.counted is not None
    assert box.counted.at == NOW - timedelta(hours=1)
    assert series.decisions(box, Window.before(NOW, 7)) is not None


def test_trouble_is_not_thinned_away(tmp_path: Path) -> None:
    """Of the contacts in one stretch of time the one with trouble stays."""
    path = tmp_path / "status.jsonl"
    start = NOW - timedelta(days=5)
    hour = [sample.told(at=sample.iso(start + timedelta(minutes=minutes))) for minutes in range(0, 60, 10)]
    hour[2]["status"]["conditions"] = ["H-CAM"]
    found = history.take(path, [*map(sample.line, hour), sample.line(sample.told())], NOW)
    assert ["H-CAM"] in [one.status.conditions for one in found.boxes["north"] if one.status]


def test_a_box_that_never_comes_back_is_never_forgotten(tmp_path: Path) -> None:
    """A year of silence: its last answer, and that it does not answer, are both still there."""
    path = tmp_path / "status.jsonl"
    newest = sample.told(counters=None, status_version="0.7.1")
    before = sample.told(at=sample.iso(NOW - timedelta(hours=1)))
    history.take(path, [sample.line(before), sample.line(newest)], NOW)
    later = NOW + timedelta(days=365)
    silent = {"format": 1, "host": "north", "at": sample.iso(later), "reachable": False, "why": "timed out"}
    found = history.take(path, [sample.line(silent)], later)
    (box,) = boxes(found.boxes, later)
    assert box.level is Level.LOST
    assert box.answer is not None
    assert box.answer.status is not None
    assert box.answer.status.version == "0.7.1"
    assert "last answer 365 d ago" in box.findings[0].words
    assert box.counted is not None
    assert box.counted.counters is not None
    assert not box.counted.counters.bins


def test_two_operators_at_once_lose_nothing(tmp_path: Path) -> None:
    """Each of several runs at the same time adds its boxes."""
    path = tmp_path / "status.jsonl"
    runs = []
    for number in range(4):
        new = tmp_path / f"{number}.jsonl"
        new.write_bytes(
            sample.line({**sample.told(), "host": f"box-{number}", "at": sample.iso(datetime.now(UTC))})
            + b"\n"
        )
        command = [sys.executable, "-m", "deploy.report", "take", str(path), str(new)]
        runs.append(subprocess.Popen(command, cwd=ROOT))
    assert [run.wait() for run in runs] == [0] * 4
    assert set(history.read(path, datetime.now(UTC)).boxes) == {f"box-{number}" for number in range(4)}


def test_a_full_or_forbidden_folder_is_told_and_the_old_history_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the disk says, no half of a file takes the place of the whole one."""
    path = tmp_path / "status.jsonl"
    history.take(path, [sample.line(sample.told())], NOW)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    new = tmp_path / "new.jsonl"
    new.write_bytes(sample.line(sample.told(host="south")))
    assert cli.main(["take", str(path), str(new)], NOW) == 2
    assert "no space left on device; the older history is still there" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_a_box_out_of_service_is_forgotten_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nobody else; a name that was never there is told."""
    path = tmp_path / "status.jsonl"
    history.take(path, sample.lines(3), NOW)
    assert cli.main(["forget", str(path), "north"], NOW) == 0
    assert set(history.read(path, NOW).boxes) == {"south", "stage"}
    assert cli.main(["forget", str(path), "north", "south"], NOW) == 1
    assert "north: nothing was kept of it" in capsys.readouterr().err
