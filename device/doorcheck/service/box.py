"""The service's main program: it puts the box together, keeps it going, and takes it apart.

How it may end, and what the service manager makes of it:

    SIGTERM, SIGINT    0, within two seconds, the lamps dark before anything else
    no frames          75: a clean process is started; a camera is never opened again in one that lost it
    the panel failed   75, for the same reason
    stuck              no sign of life any more: the watchdog aborts it

After too many starts in a row that came to nothing it opens no camera, plays
OUT_OF_ORDER and stays: that is the ladder's last rung, and it doesn't reboot for ever. A
power cycle gives it one more try.
"""

from __future__ import annotations

import contextlib
import time
from datetime import datetime
from typing import Final

from doorcheck.config import DoorSettings, SettingsError
from doorcheck.core.counters import Bins
from doorcheck.core.verdict import Reason
from doorcheck.daemon import FRAME_WAIT_MS, Door
from doorcheck.edge import knownanswer, statefiles
from doorcheck.edge.attendance import Attendance, Registrar
from doorcheck.edge.board import Board
from doorcheck.edge.clock import BoxClock
from doorcheck.edge.frame import CameraError
from doorcheck.edge.gpio import WORST_SHOW_MS
from doorcheck.edge.panel import PanelError
from doorcheck.edge.reader import START_MS, DecoderHangError, Reader
from doorcheck.edge.register import Register
from doorcheck.edge.stall import EXIT_CODE, Rung, Stall
from doorcheck.edge.statefiles import Clerk, Starts, StateFileError
from doorcheck.edge.systemd import ERROR, NOTICE, WARNING, Log, Notifier
from doorcheck.service import parts
from doorcheck.service.parts import NO_PANEL, BrokenCamera, Eyes, Lamps, NoCamera, Places
from doorcheck.service.upkeep import Findings, Upkeep
from doorcheck.update.worlds import Worlds

WELL_AFTER_MS: Final = 300_000
"""A run that long, with frames, went well."""
DECODER_DEADLINE_MS: Final = 250
PROBE_AFTER_MS: Final = 1_000
"""A decoder that was not asked for that long, for want of frames, is asked about the known picture."""
PANEL_WITHIN_MS: Final = 1_000
"""A sign of life needs a beat of the metronome since then,"""
DECODER_WITHIN_MS: Final = 3_000
"""and an answer of the decoder since then; and it is given at the end of a turn."""
CLERK_WITHIN_S: Final = 0.5

WAITS_MS: Final = {
    "a frame, or the pace of a broken camera": FRAME_WAIT_MS,
    "a decoder that is starting": START_MS,
    "its answer": DECODER_DEADLINE_MS,
    "a panel whose guardian froze": WORST_SHOW_MS,
}
"""All that one turn of the loop can wait for, at most. Files are written by another thread."""


class Ending(BaseException):
    """Raised by a signal's handler out of whatever the loop waits for: it is time to end."""


class Box:
    """One door, put together from its places; `run` is its life, `end` and `reload` are the signals'."""

    def __init__(self, places: Places, log: Log, notifier: Notifier) -> None:
        self._places, self._log, self._notifier = places, log, notifier
        self._hangup = self._ending = self._in_turn = self._went_well = False
        self._alive_ms = self._frames = 0
        self._status = ""
        self._findings = Findings()

    # Signals

    def end(self) -> None:
        """End soon: at once where the loop only waits. For a signal's handler."""
        self._ending = True
        if self._in_turn:
            self._in_turn = False
            raise Ending

    def reload(self) -> None:
        """Take new settings after this turn. For a signal's handler."""
        self._hangup = True

    # Life

    def run(self) -> int:
        """Put it together, judge until it is time to end, take it apart; the exit code.

        Raises `PanelError` when there is no panel to judge with.
        """
        self._log("starting")
        self._notifier.status("starting")
        self._put_together()
        try:
            self._begin()
            while not self._ending:
                self._turn()
                if self._is_given_up():
                    return EXIT_CODE
        except Ending:
            pass
        finally:
            self._take_apart()
        return 0

    def _put_together(self) -> None:
        places, board = self._places, Board(self._places.root)
        starts = parts.one_more_start(places.kept, board.boot(), self._log)
        self._counted, self._starts = starts is not None, starts or Starts(in_this_boot=1)
        self._findings.held = parts.is_held(self._starts)
        self._settings = self._first_settings()
        self._lamps = self._first_lamps()
        self._reader = Reader(DECODER_DEADLINE_MS)
        self._clerk = Clerk()
        self._worlds = Worlds(places.state, lambda words: self._log("lists", NOTICE, words=words))
        self._clock = BoxClock(lambda: self._worlds.current().floor, self._seen(), places.root)
        eyes = self._first_eyes()
        self._stall = Stall(self._clock.now_ms())
        self._door = Door(eyes.camera, eyes.reader, self._clock, self._lamps.driver, self._worlds.current)
        self._registrar, self._door.attendance = self._first_attendance()
        self._upkeep = Upkeep(
            door=self._door,
            clock=self._clock,
            worlds=self._worlds,
            board=board,
            places=places,
            clerk=self._clerk,
            log=self._log,
            starts=self._starts,
            bins=self._bins(),
            findings=self._findings,
            register_trouble=lambda: self._registrar.condition is not None,
        )
        self._door.decided, self._door.wanted = self._upkeep.decided, self._upkeep.wanted
        self._door.standing = self._standing

    def _begin(self) -> None:
        failed = knownanswer.run(self._reader, self._worlds.current())
        self._findings.self_test_failed = failed is not None
        self._log("self-test", ERROR if failed else NOTICE, result="failed" if failed else "passed")
        self._worlds.start()
        self._registrar.start()
        self._await_lamps()
        self._door.start()

    def _turn(self) -> None:
        """One turn of the loop, and what is due after it."""
        began = time.monotonic()
        try:
            self._in_turn = True
            self._door.turn()
            if self._door.camera_broken:  # such a camera may not wait by itself
                time.sleep(max(0.0, FRAME_WAIT_MS / 1000 - (time.monotonic() - began)))
            self._probe()
        except PanelError as error:
            self._go_on_without_panel(error)
        finally:
            self._in_turn = False
        if self._hangup:
            self._hangup = False
            self._reload()
        self._climb()
        self._upkeep.turn()
        self._tell_systemd()

    def _climb(self) -> None:
        """Count the camera's silence, and the steady minutes."""
        now_ms, frames = self._clock.now_ms(), self._door.counters.frames
        if frames != self._frames:
            self._frames = frames
            self._stall.frame(now_ms)
        if not self._went_well and frames and now_ms - self._stall.started_ms > WELL_AFTER_MS:
            self._note_that_it_went_well()

    @property
    def _is_hopeless(self) -> bool:
        return self._has_camera and self._stall.rung(self._clock.now_ms()) is Rung.HOPELESS

    def _is_given_up(self) -> bool:
        """Whether only a new process can help; one that can't count its starts must not try for ever."""
        if not (self._is_hopeless and self._counted):
            return False
        self._log("camera-given-up", ERROR, exit=EXIT_CODE)
        return True

    def _probe(self) -> None:
        """Ask a decoder that gets no frames about the known picture, to see that it is there."""
        now_ms, answered_ms = self._clock.now_ms(), self._door.answered_ms
        is_asked = self._door.counters.frames != self._frames
        if is_asked or (answered_ms is not None and now_ms - answered_ms < PROBE_AFTER_MS):
            return
        try:
            self._reader.read(knownanswer.picture())
        except DecoderHangError:
            return
        self._door.answered_ms = self._clock.now_ms()

    def _tell_systemd(self) -> None:
        now_ms, upkeep = self._clock.now_ms(), self._upkeep
        if not upkeep.ready and self._may_be_ready():
            upkeep.ready = True
            self._status = upkeep.words
            self._notifier.ready(self._status)
            self._log("ready", state=self._status)
        if self._status != upkeep.words:
            self._status = upkeep.words
            self._notifier.status(self._status)
        period_ms = self._notifier.watchdog_ms
        if period_ms is not None and now_ms - self._alive_ms >= period_ms / 8 and self._is_alive(now_ms):
            self._alive_ms = now_ms
            self._notifier.alive()

    def _may_be_ready(self) -> bool:
        """Self-test done and a frame decoded; a door that stays out of order says so as a service."""
        if not self._has_camera or self._is_hopeless:
            return True
        return bool(self._door.counters.frames) and self._door.answered_ms is not None

    def _is_alive(self, now_ms: int) -> bool:
        """Whether all three parts did something lately; the loop is here, at the end of a turn."""
        answered_ms = self._door.answered_ms
        decoder = answered_ms is not None and now_ms - answered_ms <= DECODER_WITHIN_MS
        return decoder and now_ms - self._lamps.beat_ms <= PANEL_WITHIN_MS

    @property
    def _has_camera(self) -> bool:
        return not isinstance(self._door.camera, NoCamera)

    def _standing(self) -> Reason | None:
        """Why the door can't judge, whatever the camera sees."""
        if self._findings.self_test_failed:
            return Reason.SELF_TEST
        return None if self._has_camera else Reason.CAMERA

    # Settings

    def _first_settings(self) -> DoorSettings:
        """At the start there are no old ones to keep: on the default panel it is out of order."""
        try:
            return parts.settings(self._places.settings)
        except SettingsError as error:
            self._log("settings-refused", ERROR, why=error)
            self._findings.no_settings = True
            return DoorSettings()

    def _reload(self) -> None:
        """Take new settings whole, or keep the old ones and say what is wrong."""
        self._notifier.reloading()
        try:
            self._take(parts.settings(self._places.settings))
        except (SettingsError, CameraError, PanelError) as error:
            self._log("settings-refused", WARNING, why=error)
            self._findings.settings_refused = True
        else:
            self._log("settings-taken")
            self._findings.settings_refused = self._findings.no_settings = False
        self._notifier.ready(self._status)

    def _take(self, new: DoorSettings) -> None:
        """Change what differs; back to the old when that fails. Raises `CameraError`, `PanelError`."""
        old = self._settings
        try:
            if new.panel != old.panel or self._findings.panel_failed:
                self._change_panel(new)
            if new.camera != old.camera or self._findings.no_settings:
                self._change_camera(new)
        except (CameraError, PanelError):
            if new.panel != old.panel:
                self._change_panel(old)
            self._change_camera(old)
            raise
        self._settings = new

    def _change_panel(self, settings: DoorSettings) -> None:
        self._lamps.close()
        self._use(Lamps(settings.panel))
        self._lamps.await_ready()
        self._findings.panel_failed = False
        self._door.start()

    def _change_camera(self, settings: DoorSettings) -> None:
        if self._findings.held:
            return
        self._door.camera.close()
        eyes = Eyes.open(settings.camera, self._reader, self._clock.now_ms)
        self._door.camera, self._door.reader = eyes.camera, eyes.reader
        self._stall = Stall(self._clock.now_ms())

    # Parts

    def _first_lamps(self) -> Lamps:
        try:
            return Lamps(self._settings.panel)
        except PanelError as error:
            self._admit_no_panel(error)
            return Lamps(NO_PANEL)

    def _await_lamps(self) -> None:
        try:
            self._lamps.await_ready()
        except PanelError as error:
            self._go_on_without_panel(error)

    def _go_on_without_panel(self, error: PanelError) -> None:
        self._admit_no_panel(error)
        with contextlib.suppress(PanelError):  # it is known to have failed
            self._lamps.close()
        self._use(Lamps(NO_PANEL))
        self._lamps.await_ready()

    def _admit_no_panel(self, error: PanelError) -> None:
        """Raise the error again: a new process may help. Where that is over, the door stays without one."""
        if self._counted and not self._findings.held and not self._findings.no_settings:
            raise error
        self._log("panel-failed", ERROR, why=error)
        self._findings.panel_failed = True

    def _use(self, lamps: Lamps) -> None:
        self._lamps, self._door.lamps = lamps, lamps.driver

    def _first_eyes(self) -> Eyes:
        """The camera; one that can't be opened is a silent one, and the ladder's business."""
        if self._findings.held or self._findings.no_settings:
            return Eyes(NoCamera(), self._reader)
        try:
            return Eyes.open(self._settings.camera, self._reader, self._clock.now_ms)
        except CameraError as error:
            self._log("camera-failed", ERROR, why=error)
            return Eyes(BrokenCamera(error), self._reader)

    def _first_attendance(self) -> tuple[Registrar, Attendance]:
        """Badges and the register, with the shifts that were open when the door last ended."""
        book, worlds = Register(self._places.state), self._worlds
        registrar = Registrar(book, lambda words: self._log("register", NOTICE, words=words))
        attendance = Attendance.resumed(
            lambda: worlds.badges, lambda: worlds.settings.register.keep_days, book, registrar
        )
        return registrar, attendance

    def _seen(self) -> datetime | None:
        try:
            return statefiles.read_time(self._places.kept)
        except StateFileError as error:
            self._log("last-time-forgotten", WARNING, why=error)
            return None

    def _bins(self) -> Bins:
        try:
            return statefiles.read_counters(self._places.kept)
        except StateFileError as error:
            self._log("counters-forgotten", WARNING, why=error)
            return {}

    def _note_that_it_went_well(self) -> None:
        self._went_well = True
        if self._counted:
            path = self._places.kept / statefiles.STARTS
            self._clerk.put(path, statefiles.encode_starts(self._starts.went_well()))

    def _take_apart(self) -> None:
        """Dark first; then what must not be lost; then the rest, none of which may wait long."""
        try:
            self._lamps.close()
        finally:
            self._notifier.stopping()
            if self._ending:
                self._note_that_it_went_well()  # its operator ended it
            self._upkeep.end()
            self._registrar.stop()
            self._reader.close()
            self._door.camera.close()
            if not self._clerk.close(CLERK_WITHIN_S):
                self._log("files-lost", WARNING, why="the disk takes too long")
            self._log("stopped")
