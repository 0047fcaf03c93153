"""The small files a running door leaves: its report, its counters, the time it has seen, its starts.

In the runtime folder, in memory: `status.json` and `metrics.prom` every few seconds, and
`counters.json` with the bins that are over. In the door's folder, on the card, rarely, under
`door/`: `counters.json` when a bin is over, `last-time` once an hour, `starts.json` at each
start. All are written whole or not at all; whoever reads one takes a damaged file for none, and
says so.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, TypeVar

import msgspec

from doorcheck.core.counters import Bins
from doorcheck.core.health import Condition
from doorcheck.core.verdict import Outcome
from doorcheck.edge.store import StoreError, read_bounded, write_atomically

FOLDER: Final = "door"
"""In the door's folder: a place that nobody else tidies."""
STATUS: Final = "status.json"
METRICS: Final = "metrics.prom"
COUNTERS: Final = "counters.json"
LAST_TIME: Final = "last-time"
STARTS: Final = "starts.json"
LARGEST_BYTES: Final = 1 << 20
STALE_MS: Final = 15_000
"""A report that old is of a door that does not run any more, or is stuck."""
STOPPED: Final = "stopped"
"""The last state that a door reports when it was told to end."""
TOLD_PERMISSIONS: Final = 0o644
"""Reports hold nothing of a visitor: whoever may look into the folder may read them."""
KEPT_PERMISSIONS: Final = 0o600


File = TypeVar("File")


class StateFileError(Exception):
    """A file of the door's can't be used; the text names it and says why."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a running door says of itself. Times are ISO 8601 in UTC; None: not known.

    `at_ms` is on the monotonic clock that all processes of one boot share. `outcomes` are
    of the bins since the start that are over, and nothing finer.
    """

    format: int = 1
    at_ms: int
    pid: int
    version: str
    ready: bool
    state: str
    started: datetime | None
    uptime_s: float
    board: str | None
    board_uptime_s: float | None
    restarts: int
    starts_in_a_row: int
    generation: int | None
    published: datetime | None
    age_hours: float | None
    freshness: str | None
    clock: str
    utc: datetime
    conditions: list[str]
    outcomes: dict[str, int]
    bin_minutes: int
    frames: int
    decoder_kills: int
    fps: float
    latency_ms: int | None
    temperature_c: float | None
    under_voltage: bool | None
    free_bytes: int | None
    memory_bytes: int | None


def encode_report(report: Report) -> bytes:
    """The file's bytes."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def read_report(runtime: Path, now_ms: int) -> Report | None:
    """The running door's report; None when no door runs. Raises `StateFileError`."""
    path = runtime / STATUS
    report = _read(path, Report)
    if report is None or report.state == STOPPED or not 0 <= now_ms - report.at_ms <= STALE_MS:
        return None
    return report


# Counters


class _Bin(msgspec.Struct, frozen=True):
    since: Annotated[datetime, msgspec.Meta(tz=True)]
    outcomes: dict[str, Annotated[int, msgspec.Meta(ge=0)]]


class _Counters(msgspec.Struct, frozen=True):
    format: int
    bins: list[_Bin]


def encode_counters(bins: Bins) -> bytes:
    """The file's bytes: for each bin its beginning and its outcomes."""
    kept = [
        _Bin(since, {outcome.value: counts[outcome] for outcome in Outcome if counts[outcome]})
        for since, counts in bins.items()
    ]
    return msgspec.json.encode(_Counters(1, kept)) + b"\n"


def read_counters(kept: Path) -> Bins:
    """The bins that were kept; none where there is no file. Raises `StateFileError`."""
    path = kept / COUNTERS
    found = _read(path, _Counters)
    if found is None:
        return {}
    try:
        return {
            one.since.astimezone(UTC): Counter(
                {Outcome(name): number for name, number in one.outcomes.items()}
            )
            for one in found.bins
        }
    except ValueError as error:
        raise StateFileError(f"{path}: {error}") from error


# The last time seen


def encode_time(utc: datetime) -> bytes:
    """The file's bytes."""
    return f"{utc.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}\n".encode()


def read_time(kept: Path) -> datetime | None:
    """The last believed time of an earlier run; None where there is no file. Raises `StateFileError`."""
    path = kept / LAST_TIME
    try:
        return datetime.strptime(read_bounded(path, 64).decode().strip(), "%Y-%m-%dT%H:%M:%SZ").replace(
            tzinfo=UTC
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StateFileError(f"{path}: {_why(error)}") from error


# Starts


class Starts(msgspec.Struct, frozen=True):
    """How often the door was started: in this boot, and in a row without a run that went well.

    No wall clock is asked: at a start it may show anything.
    """

    boot: str = ""
    in_this_boot: int = 0
    in_a_row: int = 0

    def one_more(self, boot: str) -> Starts:
        """A start, in that boot."""
        same = boot == self.boot
        return Starts(boot, (self.in_this_boot if same else 0) + 1, self.in_a_row + 1)

    def went_well(self) -> Starts:
        """It ran for long enough, or was ended by its operator."""
        return Starts(self.boot, self.in_this_boot, 0)


def encode_starts(starts: Starts) -> bytes:
    """The file's bytes."""
    return msgspec.json.encode(starts) + b"\n"


def read_starts(kept: Path) -> Starts:
    """What is on record; nothing where there is no file. Raises `StateFileError`."""
    return _read(kept / STARTS, Starts) or Starts()


def prepare(kept: Path) -> None:
    """Make the folder for what is kept, and remove what power cuts left in it. Raises `StoreError`."""
    try:
        kept.mkdir(0o700, exist_ok=True)
        for left in kept.glob(".*.tmp"):
            left.unlink()
    except OSError as error:
        raise StoreError(f"cannot use {kept}: {_why(error)}") from error


def write(folder: Path, name: str, data: bytes, permissions: int = KEPT_PERMISSIONS) -> None:
    """Write one file, whole or not at all. Raises `StoreError`."""
    write_atomically(folder / name, data, permissions=permissions)


# Writing beside the loop


class Clerk:
    """A thread that writes files, so that no slow card holds the loop: the newest content wins.

    `trouble` tells, for each path that could not be written the last time, why. What it was to hold
    is kept until `again`.
    """

    def __init__(self, written: Callable[[Path, bytes, int], None] | None = None) -> None:
        self._write = written or _write
        self._wake = threading.Condition()
        self._waiting: dict[Path, tuple[bytes, int]] = {}
        self._busy = False
        self._closing = False
        self._trouble: dict[Path, str] = {}
        self._unwritten: dict[Path, tuple[bytes, int]] = {}
        self._thread = threading.Thread(target=self._run, name="clerk", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> Mapping[Path, str]:
        """A copy of what could not be written."""
        with self._wake:
            return dict(self._trouble)

    def put(self, path: Path, data: bytes, permissions: int = KEPT_PERMISSIONS) -> None:
        """Have a file written soon; an older content that still waits is dropped."""
        with self._wake:
            self._waiting[path] = (data, permissions)
            self._wake.notify_all()

    def again(self) -> None:
        """Have what could not be written tried once more, where nothing newer waits."""
        with self._wake:
            for path, what in self._unwritten.items():
                self._waiting.setdefault(path, what)
            self._unwritten.clear()
            self._wake.notify_all()

    def close(self, within_s: float) -> bool:
        """Write what waits, then end; False when it took longer than that."""
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    return
                path = next(iter(self._waiting))
                data, permissions = self._waiting.pop(path)
            try:
                self._write(path, data, permissions)
                why = None
            except StoreError as error:
                why = str(error)
            with self._wake:
                self._trouble.pop(path, None)
                self._unwritten.pop(path, None)
                if why is not None:
                    self._trouble[path] = why
                    self._unwritten[path] = data, permissions


def _write(path: Path, data: bytes, permissions: int) -> None:
    write_atomically(path, data, permissions=permissions)


# For those who collect


def metrics(report: Report) -> bytes:
    """The report in Prometheus's text format: a gauge or counter each, a 0 or 1 for each condition."""
    lines: list[str] = []

    def add(name: str, kind: str, words: str, *samples: tuple[str, float | None]) -> None:
        known = [(labels, value) for labels, value in samples if value is not None]
        if known:
            lines.extend((f"# HELP doorcheck_{name} {words}", f"# TYPE doorcheck_{name} {kind}"))
            lines.extend(f"doorcheck_{name}{labels} {value!r}" for labels, value in known)

    add("info", "gauge", "Constant 1, with the version.", (f'{{version="{report.version}"}}', 1))
    add("ready", "gauge", "1 when the door judges, or could.", ("", int(report.ready)))
    add("uptime_seconds", "gauge", "Since the door started.", ("", report.uptime_s))
    add("restarts", "gauge", "Restarts since the box was switched on.", ("", report.restarts))
    add("generation", "gauge", "What the door judges with.", ("", report.generation))
    hours = report.age_hours
    add("lists_age_seconds", "gauge", "Age of the lists.", ("", None if hours is None else hours * 3600))
    add(
        "clock_believed",
        "gauge",
        "1 by a clock that something vouches for.",
        (f'{{basis="{report.clock}"}}', 1),
    )
    add(
        "condition",
        "gauge",
        "1 while it lasts.",
        *((f'{{code="{one.code}"}}', int(one.code in report.conditions)) for one in Condition),
    )
    add(
        "decisions_total",
        "counter",
        f"Decisions since the start, told every {report.bin_minutes} minutes.",
        *((f'{{outcome="{one.value}"}}', report.outcomes.get(one.value, 0)) for one in Outcome),
    )
    add("frames_total", "counter", "Frames looked at.", ("", report.frames))
    add("decoder_kills_total", "counter", "Decoders that had to be replaced.", ("", report.decoder_kills))
    add("camera_fps", "gauge", "Frames a second.", ("", report.fps))
    latency = report.latency_ms
    add(
        "latency_seconds",
        "gauge",
        "Median from exposure to lamps.",
        ("", None if latency is None else latency / 1000),
    )
    add("temperature_celsius", "gauge", "Of the processor.", ("", report.temperature_c))
    add("free_bytes", "gauge", "Room in the door's folder.", ("", report.free_bytes))
    add("memory_bytes", "gauge", "What the door holds in memory.", ("", report.memory_bytes))
    return ("\n".join(lines) + "\n").encode()


def _read(path: Path, kind: type[File]) -> File | None:
    try:
        return msgspec.json.decode(read_bounded(path, LARGEST_BYTES), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise StateFileError(f"{path}: {_why(error)}") from error


def _why(error: Exception) -> str:
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
