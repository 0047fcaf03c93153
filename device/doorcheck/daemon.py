"""The door's loop: frames in, decisions out, lamps refreshed, nothing kept.

The same loop runs on the box and in the simulated door; what differs is behind the
protocols it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from doorcheck.core import health
from doorcheck.core.counters import Counters, Tempo
from doorcheck.core.freshness import Age
from doorcheck.core.moment import Moment
from doorcheck.core.session import Decision, Session
from doorcheck.core.signals import Attended, Score, duration_ms
from doorcheck.core.symbol import Symbol
from doorcheck.core.verdict import Outcome, Reason, Verdict
from doorcheck.core.verify import unfit, verify
from doorcheck.core.world import World
from doorcheck.edge.attendance import Attendance
from doorcheck.edge.clock import Clock
from doorcheck.edge.frame import Camera, CameraError, Frame
from doorcheck.edge.reader import DecoderHangError

FRAME_WAIT_MS = 100
"""One turn waits that long for a frame, so that lamps are refreshed in time."""
STALL_MS = health.STALL_MS
"""Without a frame for that long, the camera is out of order."""
MOST_HANGS = health.MOST_HANGS
"""So many frames in a row that the decoder did not come back from: it is out of order."""

ATTENDED_MS = 5000
"""So long may what a badge did wait for a verdict's signal to end; later it would only puzzle."""


class Reader(Protocol):
    """Finds symbols in frames."""

    def read(self, frame: Frame) -> list[Symbol]:
        """Every symbol found, in bounded time. Raises `DecoderHangError`."""


class Lamps(Protocol):
    """What the loop tells the panel."""

    def play(self, score: Score, now_ms: int) -> None:
        """Begin a signal."""

    def refresh(self, now_ms: int) -> None:
        """Say that the loop is alive; without it green and relay drop."""


@dataclass(slots=True)
class Door:
    """Everything one door consists of. `turn` is its loop's body."""

    camera: Camera
    reader: Reader
    clock: Clock
    lamps: Lamps
    world: Callable[[], World]
    session: Session = field(default_factory=Session)
    counters: Counters = field(default_factory=Counters)
    tempo: Tempo = field(default_factory=Tempo)
    standing: Callable[[], Reason | None] = lambda: None
    """Why the door can't judge whatever it sees, found elsewhere; None when it can."""
    wanted: Callable[[], bool] = lambda: False
    """Whether an operator is wanted: the idle signal shows it, as it shows ageing lists."""
    attendance: Attendance | None = None
    """Staff badges and the register; None for a door without, as in the lab."""
    decided: Callable[[Decision], None] = lambda _decision: None
    """Told of every decision, after the lamps."""
    hangs: int = 0
    """Frames in a row that the decoder did not come back from."""
    camera_broken: bool = False
    frame_ms: int | None = None
    """When the last frame came."""
    answered_ms: int | None = None
    """When the decoder last answered."""
    _score: Score = field(default_factory=Score)
    _score_ms: int = 0
    _attended: tuple[Attended, int] | None = None
    """What a badge did, and when, that the lamps have not said yet: no verdict is cut short for it."""

    def start(self) -> None:
        """Show the idle signal and begin to count the camera's silence."""
        now_ms = self.clock.now_ms()
        self.frame_ms = now_ms
        world = self.world()
        self._play(
            None, now_ms, test=self._is_test(world), ageing=self._is_wanted(world, self.clock.moment())
        )

    def turn(self) -> None:
        """Wait for a frame, judge what is in it, tell the lamps. Bounded in time.

        Raises `EOFError` when the camera will never deliver another frame.
        """
        frame, symbols = self._look()
        world, moment, now_ms = self.world(), self.clock.moment(), self.clock.now_ms()
        fault = self._fault(world, moment, now_ms)
        verdicts: list[Verdict] | None = None
        if symbols is not None:
            self.counters.symbols += len(symbols)
            judged = [] if fault else self._without_badges(symbols, moment, now_ms)
            verdicts = [verify(symbol, world, moment) for symbol in judged]
        decision = self.session.observe(now_ms, verdicts, fault)
        ageing = self._is_wanted(world, moment)
        if decision is not None:
            if decision.reason is not None:
                self.counters.decided(decision.reason)
            test = decision.test or self._is_test(world)
            self._play(decision.outcome, now_ms, test=test, ageing=ageing)
        elif self._is_idle(now_ms):
            attended = self._newly_attended(now_ms, fault)
            if attended is not None or ageing != self._score.ageing:
                self._play(None, now_ms, test=self._is_test(world), ageing=ageing, attended=attended)
        if self.attendance is not None:
            self.attendance.tick(now_ms, moment)
        self.lamps.refresh(now_ms)
        if decision is not None:
            if frame is not None and fault is None:
                self.tempo.decided(self.clock.now_ms() - frame.taken_ms)
            self.decided(decision)

    def _without_badges(self, symbols: list[Symbol], moment: Moment, now_ms: int) -> list[Symbol]:
        """The symbols to judge; staff badges that count open and close shifts instead."""
        if self.attendance is None:
            return symbols
        others, events = self.attendance.take(symbols, now_ms, moment)
        for event in events:
            self._attended = (Attended.ON if event.shift.closed is None else Attended.OFF, now_ms)
        return others

    def _newly_attended(self, now_ms: int, fault: Reason | None) -> Attended | None:
        """What a badge did, to be shown now; None for nothing, or nothing of late."""
        waiting, self._attended = self._attended, None
        is_late = waiting is None or fault is not None or now_ms - waiting[1] > ATTENDED_MS
        return None if waiting is None or is_late else waiting[0]

    def _look(self) -> tuple[Frame | None, list[Symbol] | None]:
        """The next frame, given back whatever happens, and the symbols in it; None without them."""
        try:
            frame = self.camera.next(FRAME_WAIT_MS)
        except CameraError:
            self.camera_broken = True
            return None, None
        if frame is None:
            return None, None
        self.frame_ms = self.clock.now_ms()
        self.camera_broken = False
        self.counters.frames += 1
        self.tempo.frame(self.frame_ms)
        try:
            symbols = self.reader.read(frame)
        except DecoderHangError:
            self.hangs += 1
            self.counters.decoder_kills += 1
            return frame, None
        finally:
            self.camera.release(frame)
        self.hangs = 0
        self.answered_ms = self.clock.now_ms()
        return frame, symbols

    def _fault(self, world: World, moment: Moment, now_ms: int) -> Reason | None:
        reason = unfit(world, moment)
        if reason is not None:
            return reason
        reason = self.standing()
        if reason is not None:
            return reason
        if self.camera_broken or self.frame_ms is None or now_ms - self.frame_ms > STALL_MS:
            return Reason.CAMERA
        return Reason.DECODER if self.hangs >= MOST_HANGS else None

    def _play(
        self,
        outcome: Outcome | None,
        now_ms: int,
        *,
        test: bool,
        ageing: bool,
        attended: Attended | None = None,
    ) -> None:
        score = Score(outcome, test=test, ageing=ageing, attended=attended)
        self._score, self._score_ms = score, now_ms
        self.lamps.play(self._score, now_ms)

    def _is_idle(self, now_ms: int) -> bool:
        lasts_ms = duration_ms(self._score)
        if lasts_ms is None:
            return self._score.outcome is None
        return now_ms - self._score_ms >= lasts_ms

    def _is_wanted(self, world: World, moment: Moment) -> bool:
        return self.wanted() or world.age(moment) is not Age.FRESH

    @staticmethod
    def _is_test(world: World) -> bool:
        return world.trust is not None and world.trust.has_test_signer
