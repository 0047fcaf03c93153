"""The door's loop: frames in, decisions out, lamps refreshed, nothing kept.

The same loop runs on the box and in the simulated door; what differs is behind the
protocols it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from doorcheck.core.counters import Counters
from doorcheck.core.freshness import Age
from doorcheck.core.moment import Moment
from doorcheck.core.session import Decision, Session
from doorcheck.core.signals import Score, duration_ms
from doorcheck.core.symbol import Symbol
from doorcheck.core.verdict import Outcome, Reason, Verdict
from doorcheck.core.verify import unfit, verify
from doorcheck.core.world import World
from doorcheck.edge.clock import Clock
from doorcheck.edge.frame import Camera, CameraError, Frame
from doorcheck.edge.reader import DecoderHangError

FRAME_WAIT_MS = 100
"""One turn waits that long for a frame, so that lamps are refreshed in time."""
STALL_MS = 2000
"""Without a frame for that long, the camera is out of order."""
MOST_HANGS = 3
"""So many frames in a row that the decoder did not come back from: it is out of order."""


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
    decided: Callable[[Decision], None] = lambda _decision: None
    """Told of every decision, after the lamps."""
    _frame_ms: int | None = None
    _hangs: int = 0
    _camera_broken: bool = False
    _score: Score = field(default_factory=Score)
    _score_ms: int = 0

    def start(self) -> None:
        """Show the idle signal and begin to count the camera's silence."""
        now_ms = self.clock.now_ms()
        self._frame_ms = now_ms
        world = self.world()
        self._play(
            None, now_ms, test=self._is_test(world), ageing=world.age(self.clock.moment()) is not Age.FRESH
        )

    def turn(self) -> None:
        """Wait for a frame, judge what is in it, tell the lamps. Bounded in time.

        Raises `EOFError` when the camera will never deliver another frame.
        """
        symbols = self._look()
        world, moment, now_ms = self.world(), self.clock.moment(), self.clock.now_ms()
        fault = self._fault(world, moment, now_ms)
        verdicts: list[Verdict] | None = None
        if symbols is not None:
            self.counters.symbols += len(symbols)
            verdicts = [] if fault else [verify(symbol, world, moment) for symbol in symbols]
        decision = self.session.observe(now_ms, verdicts, fault)
        ageing = world.age(moment) is not Age.FRESH
        if decision is not None:
            if decision.reason is not None:
                self.counters.decided(decision.reason)
            test = decision.test or self._is_test(world)
            self._play(decision.outcome, now_ms, test=test, ageing=ageing)
        elif ageing != self._score.ageing and self._is_idle(now_ms):
            self._play(None, now_ms, test=self._is_test(world), ageing=ageing)
        self.lamps.refresh(now_ms)
        if decision is not None:
            self.decided(decision)

    def _look(self) -> list[Symbol] | None:
        """The symbols of the next frame, which is given back whatever happens; None without one."""
        try:
            frame = self.camera.next(FRAME_WAIT_MS)
        except CameraError:
            self._camera_broken = True
            return None
        if frame is None:
            return None
        self._frame_ms = self.clock.now_ms()
        self._camera_broken = False
        self.counters.frames += 1
        try:
            symbols = self.reader.read(frame)
        except DecoderHangError:
            self._hangs += 1
            self.counters.decoder_kills += 1
            return None
        finally:
            self.camera.release(frame)
        self._hangs = 0
        return symbols

    def _fault(self, world: World, moment: Moment, now_ms: int) -> Reason | None:
        reason = unfit(world, moment)
        if reason is not None:
            return reason
        if self._camera_broken or self._frame_ms is None or now_ms - self._frame_ms > STALL_MS:
            return Reason.CAMERA
        return Reason.DECODER if self._hangs >= MOST_HANGS else None

    def _play(self, outcome: Outcome | None, now_ms: int, *, test: bool, ageing: bool) -> None:
        self._score, self._score_ms = Score(outcome, test=test, ageing=ageing), now_ms
        self.lamps.play(self._score, now_ms)

    def _is_idle(self, now_ms: int) -> bool:
        lasts_ms = duration_ms(self._score)
        return self._score.outcome is None or (lasts_ms is not None and now_ms - self._score_ms >= lasts_ms)

    @staticmethod
    def _is_test(world: World) -> bool:
        return world.trust is not None and world.trust.has_test_signer
