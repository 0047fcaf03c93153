"""The small files of a running door: whole or not at all, and nothing in them that should not be."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from doorcheck.core.health import Condition
from doorcheck.core.verdict import Outcome
from doorcheck.edge import statefiles
from doorcheck.edge.statefiles import Clerk, Report, Starts, StateFileError
from doorcheck.edge.store import StoreError

NOON = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
REPORT = Report(
    at_ms=50_000,
    pid=7,
    version="0.1.0",
    ready=True,
    state="judging",
    started=NOON,
    uptime_s=50.0,
    board=None,
    board_uptime_s=None,
    restarts=0,
    starts_in_a_row=1,
    generation=3,
    published=NOON,
    age_hours=1.5,
    freshness="fresh",
    clock="network time",
    utc=NOON,
    conditions=["H-HOT"],
    outcomes={"ADMIT": 5},
    bin_minutes=15,
    frames=1_234_567,
    decoder_kills=1,
    fps=14.9,
    latency_ms=None,
    temperature_c=81.5,
    under_voltage=None,
    free_bytes=None,
    memory_bytes=None,
)


def test_a_report_comes_back(tmp_path: Path) -> None:
    """What was written is read, while it is fresh."""
    statefiles.write(tmp_path, statefiles.STATUS, statefiles.encode_report(REPORT))
    for now_ms in (50_000, 50_000 + statefiles.STALE_MS):
        assert statefiles.read_report(tmp_path, now_ms) == REPORT


@pytest.mark.parametrize("now_ms", [50_000 + statefiles.STALE_MS + 1, 49_999])
def test_an_old_report_is_none(tmp_path: Path, now_ms: int) -> None:
    """The door was killed, or is stuck; or the report is of another boot."""
    statefiles.write(tmp_path, statefiles.STATUS, statefiles.encode_report(REPORT))
    assert statefiles.read_report(tmp_path, now_ms) is None
    assert statefiles.read_report(tmp_path / "none", now_ms) is None


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b"\xff", b'{"at_ms":"x"}', b" " * (1 << 21)])
def test_damage_is_named(tmp_path: Path, data: bytes) -> None:
    """Half a file, another one's content, a file that never ends: which file, and why."""
    for name, read in (
        (statefiles.STATUS, lambda folder: statefiles.read_report(folder, 0)),
        (statefiles.COUNTERS, statefiles.read_counters),
        (statefiles.LAST_TIME, statefiles.read_time),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(StateFileError, match=re.escape(str(tmp_path / name))):
            read(tmp_path)


def test_counters_come_back(tmp_path: Path) -> None:
    """Every bin with its outcomes; no file is no bins."""
    assert statefiles.read_counters(tmp_path) == {}
    bins = {
        NOON: Counter({Outcome.ADMIT: 5, Outcome.STAFF: 1}),
        NOON + timedelta(hours=1): Counter[Outcome](),
    }
    data = statefiles.encode_counters(bins)
    statefiles.write(tmp_path, statefiles.COUNTERS, data)
    assert statefiles.read_counters(tmp_path) == bins
    assert json.loads(data)["bins"][0] == {
        "since": "2026-12-01T12:00:00Z",
        "outcomes": {"ADMIT": 5, "STAFF": 1},
    }


@pytest.mark.parametrize(
    "changed", [("ADMIT", "OK"), (":5", ":-5"), ("2026-12-01T12:00:00Z", "2026-12-01T12:00:00")]
)
def test_counters_of_another_kind_are_damage(tmp_path: Path, changed: tuple[str, str]) -> None:
    """An outcome that is none, a negative number, a time without a zone."""
    data = statefiles.encode_counters({NOON: Counter({Outcome.ADMIT: 5})}).decode()
    assert changed[0] in data
    (tmp_path / statefiles.COUNTERS).write_text(data.replace(*changed))
    with pytest.raises(StateFileError):
        statefiles.read_counters(tmp_path)


def test_the_last_time_comes_back(tmp_path: Path) -> None:
    """To the second, in UTC; no file is no time."""
    assert statefiles.read_time(tmp_path) is None
    statefiles.write(
        tmp_path, statefiles.LAST_TIME, statefiles.encode_time(NOON + timedelta(milliseconds=900))
    )
    assert (tmp_path / statefiles.LAST_TIME).read_text() == "2026-12-01T12:00:00Z\n"
    assert statefiles.read_time(tmp_path) == NOON


def test_starts_are_counted_in_a_row_and_in_a_boot() -> None:
    """A new boot begins its own count; what went well ends the row, not the boot's count."""
    starts = Starts()
    for boot, in_boot, in_row in (("a", 1, 1), ("a", 2, 2), ("b", 1, 3), ("b", 2, 4)):
        starts = starts.one_more(boot)
        assert starts == Starts(boot, in_boot, in_row)
    assert starts.went_well() == Starts("b", 2, 0)


def test_starts_come_back(tmp_path: Path) -> None:
    """No file is no start; a damaged one is named."""
    assert statefiles.read_starts(tmp_path) == Starts()
    statefiles.write(tmp_path, statefiles.STARTS, statefiles.encode_starts(Starts("a", 2, 3)))
    assert statefiles.read_starts(tmp_path) == Starts("a", 2, 3)
    (tmp_path / statefiles.STARTS).write_bytes(b"")
    with pytest.raises(StateFileError):
        statefiles.read_starts(tmp_path)


def test_what_power_cuts_left_is_removed(tmp_path: Path) -> None:
    """Half-written files, and nothing else; the folder is made where there is none."""
    folder = tmp_path / "door"
    statefiles.prepare(folder)
    (folder / ".0123.tmp").write_bytes(b"half")
    statefiles.write(folder, statefiles.LAST_TIME, statefiles.encode_time(NOON))
    statefiles.prepare(folder)
    assert [path.name for path in folder.iterdir()] == [statefiles.LAST_TIME]
    with pytest.raises(StoreError, match="cannot use"):
        statefiles.prepare(folder / statefiles.LAST_TIME)


def test_what_is_kept_is_the_doors_alone_and_what_is_told_is_everybodys(tmp_path: Path) -> None:
    """By their permissions."""
    clerk = Clerk()
    clerk.put(tmp_path / "kept", b"")
    clerk.put(tmp_path / "told", b"", statefiles.TOLD_PERMISSIONS)
    assert clerk.close(5)
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "told").stat().st_mode & 0o777 == 0o644


# The clerk


class Desk:
    """A slow disk: it writes when it is told to."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Semaphore(0), threading.Semaphore(0)
        self.written: list[tuple[str, bytes]] = []
        self.broken = False

    def write(self, path: Path, data: bytes, _permissions: int) -> None:
        """Wait, then write."""
        self.begun.release()
        assert self.go_on.acquire(timeout=5)
        if self.broken:
            raise StoreError(f"cannot write {path}: no space left on device")
        self.written.append((path.name, data))


def test_a_slow_disk_holds_nobody_up_and_gets_the_newest() -> None:
    """While it writes, contents for one file replace each other."""
    desk = Desk()
    clerk = Clerk(desk.write)
    clerk.put(Path("a"), b"1")
    assert desk.begun.acquire(timeout=5)
    for number in (2, 3, 4):
        clerk.put(Path("a"), b"%d" % number)
    clerk.put(Path("b"), b"1")
    assert not clerk.close(0.01), "it can't be done yet"
    for _ in range(3):
        desk.go_on.release()
    assert clerk.close(5)
    assert desk.written == [("a", b"1"), ("a", b"4"), ("b", b"1")]


def test_what_cannot_be_written_is_known_until_it_can() -> None:
    """Which file, and why."""
    desk = Desk()
    clerk = Clerk(desk.write)
    desk.broken = True
    clerk.put(Path("a"), b"1")
    desk.go_on.release()
    assert desk.begun.acquire(timeout=5)
    clerk.put(Path("b"), b"1")
    assert desk.begun.acquire(timeout=5), "the second file waits: the first has been dealt with"
    assert list(clerk.trouble) == [Path("a")]
    assert "no space left" in clerk.trouble[Path("a")]
    desk.broken = False
    desk.go_on.release()
    clerk.put(Path("a"), b"2")
    desk.go_on.release()
    assert clerk.close(5)
    assert clerk.trouble == {}


def test_what_could_not_be_written_is_written_later() -> None:
    """Told to try again, it does, with the content that was meant; nothing newer is undone."""
    desk = Desk()
    clerk = Clerk(desk.write)
    desk.broken = True
    for name in ("a", "b", "c"):
        clerk.put(Path(name), b"1")
        desk.go_on.release()
    for _ in range(3):
        assert desk.begun.acquire(timeout=5)
    clerk.put(Path("last"), b"1")
    assert desk.begun.acquire(timeout=5), "the three have been dealt with"
    desk.broken = False
    clerk.put(Path("b"), b"2")
    clerk.again()
    for _ in range(4):
        desk.go_on.release()
    assert clerk.close(5)
    assert sorted(desk.written) == [("a", b"1"), ("b", b"2"), ("c", b"1"), ("last", b"1")]
    assert clerk.trouble == {}


# For collectors


def test_metrics_are_prometheus_text() -> None:
    """A help, a type, and samples with whole numbers left whole; nothing for what is not known."""
    lines = statefiles.metrics(REPORT).decode().splitlines()
    sample = re.compile(r'doorcheck_[a-z_]+(\{[a-z]+="[^"\\]*"\})? -?[0-9.]+')
    assert all(line.startswith(("# HELP ", "# TYPE ")) or sample.fullmatch(line) for line in lines)
    assert "doorcheck_frames_total 1234567" in lines
    assert "doorcheck_lists_age_seconds 5400.0" in lines
    assert 'doorcheck_decisions_total{outcome="ADMIT"} 5' in lines
    assert 'doorcheck_decisions_total{outcome="REFUSE"} 0' in lines
    assert not any("latency" in line for line in lines)


def test_metrics_know_every_condition() -> None:
    """1 for what is so, 0 for what is not."""
    lines = statefiles.metrics(REPORT).decode()
    for one in Condition:
        assert f'doorcheck_condition{{code="{one.code}"}} {int(one is Condition.HOT)}' in lines
