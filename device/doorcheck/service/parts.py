"""The parts of a box: what is made from its settings, and what stands in where nothing is to be had."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from doorcheck.config import CameraTable, DoorSettings, PanelTable, SettingsError, parse_door
from doorcheck.edge import statefiles
from doorcheck.edge.camera import camera_from, sparing
from doorcheck.edge.frame import Camera, CameraError, Frame
from doorcheck.edge.gpio import sink_from
from doorcheck.edge.motion import SparingReader
from doorcheck.edge.panel import Metronome, PanelDriver, PanelError, monotonic_ms
from doorcheck.edge.pins import PinsError
from doorcheck.edge.reader import Reader
from doorcheck.edge.statefiles import Starts, StateFileError
from doorcheck.edge.store import StoreError, read_bounded
from doorcheck.edge.systemd import ERROR, WARNING, Log

MOST_STARTS_IN_A_ROW: Final = 8
"""After more than this without one that went well, the door stops trying. The service manager's
own limit is lower: it restarts the board in between, which may help a camera."""
LARGEST_SETTINGS_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are: the settings' file, the door's folder, the runtime folder, the system's root."""

    settings: Path
    state: Path
    runtime: Path
    root: Path = Path("/")

    @property
    def kept(self) -> Path:
        """Where the running door keeps its own files."""
        return self.state / statefiles.FOLDER


class NoCamera:
    """Stands where no camera is to be opened."""

    def next(self, timeout_ms: int) -> Frame | None:
        """No frame, after the whole wait."""
        time.sleep(timeout_ms / 1000)
        return None

    def release(self, frame: Frame) -> None:
        """Nothing to give back."""

    def close(self) -> None:
        """Nothing to close."""


class BrokenCamera:
    """Stands for a camera that could not be opened: the ladder counts its silence."""

    def __init__(self, error: CameraError) -> None:
        self._error = error

    def next(self, timeout_ms: int) -> Frame | None:
        """Say why, after the whole wait."""
        time.sleep(timeout_ms / 1000)
        raise self._error

    def release(self, frame: Frame) -> None:
        """Nothing to give back."""

    def close(self) -> None:
        """Nothing to close."""


@dataclass(frozen=True, slots=True)
class Eyes:
    """A camera that rests while nothing moves, and the reader that wakes it."""

    camera: Camera
    reader: Reader | SparingReader

    @classmethod
    def open(cls, table: CameraTable, reader: Reader, now_ms: Callable[[], int]) -> Eyes:
        """The camera of those settings, before that reader. Raises `CameraError`."""
        resting, pace = sparing(camera_from(table, now_ms), table)
        return cls(resting, SparingReader(reader, pace))


class Lamps:
    """A panel's driver with its metronome, and the time of the last beat.

    Raises `PanelError`; outputs of a process of their own are still starting: `await_ready`.
    """

    def __init__(self, table: PanelTable) -> None:
        try:
            self._outputs = sink_from(table)
        except PinsError as error:
            raise PanelError(f"{error}; install the release again") from error
        self.driver = PanelDriver(self._outputs)
        self._outputs.watch(self.driver.fail)
        self.beat_ms = monotonic_ms()
        self._metronome = Metronome(self.driver, self._beat)

    def await_ready(self) -> None:
        """Wait until the outputs are there, and begin to beat. Raises `PanelError`."""
        self._outputs.await_ready()
        self._metronome.start()

    def _beat(self) -> int:
        """The metronome asks for the time before each tick: so the tick before it has returned."""
        self.beat_ms = monotonic_ms()
        return self.beat_ms

    def close(self) -> None:
        """Dark, then closed; a second call does nothing."""
        try:
            self.driver.close()
        finally:
            self._metronome.close()


NO_PANEL: Final = PanelTable(kind="none")


def settings(path: Path) -> DoorSettings:
    """What `door.toml` says; every default where there is no such file. Raises `SettingsError`."""
    try:
        data = read_bounded(path, LARGEST_SETTINGS_BYTES)
    except FileNotFoundError:
        data = b""
    except OSError as error:
        raise SettingsError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    try:
        return parse_door(data)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error


def one_more_start(kept: Path, boot: str, log: Log) -> Starts | None:
    """Count this start, durably, before anything that may end it; None where it can't be counted.

    A door that can't count must not end itself: it might do so for ever.
    """
    try:
        statefiles.prepare(kept)
        before = statefiles.read_starts(kept)
    except StateFileError as error:
        log("starts-forgotten", WARNING, why=error)
        before = Starts()
    except StoreError as error:
        log("starts-not-counted", ERROR, why=error)
        return None
    now = before.one_more(boot)
    try:
        statefiles.write(kept, statefiles.STARTS, statefiles.encode_starts(now))
    except StoreError as error:
        log("starts-not-counted", ERROR, why=error)
        return None
    return now


def is_held(starts: Starts) -> bool:
    """Whether to open no camera: too many starts came to nothing, and this boot has had its try."""
    return starts.in_a_row > MOST_STARTS_IN_A_ROW and starts.in_this_boot > 1
