"""The door's loop, with a camera, a reader, a clock and lamps that the test holds in its hands."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import pytest

from doorcheck import daemon
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.session import LEFT_MS, SETTLE_MS, Decision
from doorcheck.core.signals import Score
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.core.verdict import Outcome, Reason
from doorcheck.core.world import World
from doorcheck.daemon import FRAME_WAIT_MS, MOST_HANGS, STALL_MS, Door
from doorcheck.edge.frame import CameraError, Frame
from doorcheck.edge.reader import DecoderHangError
from doorcheck.lab.bench import Bench

BENCH: Final = Bench(seed="daemon")
PASS: Final = Symbol(SymbolFormat.QR, BENCH.draft.text())
FORGED: Final = Symbol(SymbolFormat.QR, replace(BENCH.draft, authority=BENCH.stranger).text())
MENU: Final = Symbol(SymbolFormat.QR, b"https://example.org/menu")


class Hall:
    """Clock, camera, reader and lamps in one, so that every turn's story is told in one place."""

    def __init__(self) -> None:
        self.at_ms = 50_000
        self.utc: datetime = BENCH.utc
        self.basis = Basis.NETWORK
        self.world = BENCH.world
        self.scene: deque[list[Symbol] | Exception] = deque()
        self.camera_error: Exception | None = None
        self.dead = False
        self.out: list[Frame] = []
        self.given = 0
        self.released: list[Frame] = []
        self.waits_ms: list[int] = []
        self.told: list[tuple[str, object, int]] = []
        self.decided: list[Decision] = []
        self.door = Door(self, self, self, self, self.snapshot, decided=self._decided)

    def snapshot(self) -> World:
        """The world as it is now."""
        return self.world

    def _decided(self, decision: Decision) -> None:
        self.told.append(("decided", decision.reason, self.at_ms))
        self.decided.append(decision)

    # Clock

    def moment(self) -> Moment:
        """The wall time."""
        return Moment(self.utc, self.basis)

    def now_ms(self) -> int:
        """The monotonic time."""
        return self.at_ms

    # Camera

    def next(self, timeout_ms: int) -> Frame | None:
        """A frame a tenth of a second, unless the camera is dead or broken."""
        self.waits_ms.append(timeout_ms)
        self.at_ms += timeout_ms
        if self.camera_error is not None:
            raise self.camera_error
        if self.dead:
            return None
        frame = Frame(memoryview(bytes(4)), 2, 2, 2, self.at_ms)
        self.out.append(frame)
        self.given += 1
        return frame

    def release(self, frame: Frame) -> None:
        """Take a frame back."""
        self.out.remove(frame)
        self.released.append(frame)

    def close(self) -> None:
        """Nothing to close."""

    # Reader

    def read(self, frame: Frame) -> list[Symbol]:
        """What the scene says is in the next frame."""
        assert frame in self.out, "read after it was given back"
        found = self.scene.popleft() if self.scene else []
        if isinstance(found, Exception):
            raise found
        return found

    # Lamps

    def play(self, score: Score, now_ms: int) -> None:
        """Keep what is played."""
        self.told.append(("play", score, now_ms))

    def refresh(self, now_ms: int) -> None:
        """Keep that the loop was alive."""
        self.told.append(("refresh", None, now_ms))

    # The story

    def turns(self, number: int = 1, *scene: list[Symbol] | Exception) -> list[Reason | None]:
        """That many turns; the reasons decided in them."""
        self.scene.extend(scene)
        before = len(self.decided)
        for _ in range(number):
            self.door.turn()
        return [decision.reason for decision in self.decided[before:]]

    @property
    def scores(self) -> list[Score]:
        """All that the lamps were told to play."""
        return [score for kind, score, _ in self.told if kind == "play" and isinstance(score, Score)]


@pytest.fixture
def hall() -> Hall:
    """A door that has started, in good order."""
    hall = Hall()
    hall.door.start()
    return hall


# In order


def test_a_door_starts_idle() -> None:
    """Before the first frame the lamps say ready, with TEST on a test trust list."""
    hall = Hall()
    hall.door.start()
    assert hall.told == [("play", Score(None, test=True), 50_000)]
    real = Hall()
    real.world = replace(BENCH.world, trust=None)
    real.door.start()
    assert real.scores == [Score(None, test=False)]


def test_a_pass_is_admitted_and_the_lamps_say_so(hall: Hall) -> None:
    """Frame, symbol, verdict, decision, lamps: in two turns, for the second may show another pass."""
    assert hall.turns(1, [PASS]) == []
    assert hall.turns(1, [PASS]) == [Reason.OK]
    assert hall.scores[-1] == Score(Outcome.ADMIT, test=True)


def test_ageing_lists_show_on_the_idle_signal_alone(hall: Hall) -> None:
    """The lamp comes when the lists begin to age, not in the middle of a verdict, and goes with new lists."""
    policy = hall.world.freshness
    hall.world = replace(hall.world, published=hall.utc - policy.ageing_after)
    hall.turns(1)
    assert hall.scores[-1] == Score(None, test=True, ageing=True)
    hall.turns(2, [PASS], [PASS])
    assert hall.scores[-1] == Score(Outcome.ADMIT, test=True, ageing=True)
    hall.world = replace(hall.world, published=hall.utc)
    hall.turns(5)
    assert hall.scores[-1] == Score(Outcome.ADMIT, test=True, ageing=True), "the verdict is cut short"
    hall.turns(40)
    assert hall.scores[-1] == Score(None, test=True, ageing=False)
    hall.world = replace(hall.world, published=hall.utc - policy.too_old_after)
    assert hall.turns(1) == [Reason.LISTS_TOO_OLD]


def test_lamps_come_before_anybody_is_told(hall: Hall) -> None:
    """Whoever listens to decisions, and is slow, delays no lamp."""
    hall.turns(1, [PASS])
    hall.told.clear()
    hall.turns(1, [PASS])
    assert [kind for kind, _, _ in hall.told] == ["play", "refresh", "decided"]
    assert {at_ms for _, _, at_ms in hall.told} == {hall.at_ms}


def test_every_symbol_of_a_frame_is_judged(hall: Hall) -> None:
    """A sticker beside a pass hides nothing, a second pass is noticed."""
    assert hall.turns(2, [MENU, PASS], [MENU, PASS]) == [Reason.OK]
    assert hall.turns(1, [FORGED, PASS]) == [Reason.TWO_PASSES]


def test_lamps_are_refreshed_every_turn(hall: Hall) -> None:
    """After a pass, nothing, no frame, a hang or a fault the lamps know that the loop is alive."""
    hall.turns(3, [PASS], [], DecoderHangError())
    hall.dead = True
    hall.turns(25)
    hall.camera_error = CameraError("broken")
    hall.turns(2)
    hall.basis = Basis.FLOOR
    hall.turns(2)
    refreshed = [at_ms for kind, _, at_ms in hall.told if kind == "refresh"]
    assert len(refreshed) == 32
    assert max(b - a for a, b in pairwise(refreshed)) == FRAME_WAIT_MS


def test_a_turn_waits_for_a_frame_and_no_longer(hall: Hall) -> None:
    """The wait is short enough for the lamps' dead man."""
    hall.turns(3)
    assert hall.waits_ms == [FRAME_WAIT_MS] * 3
    assert FRAME_WAIT_MS <= 100


def test_the_world_is_taken_anew_each_turn(hall: Hall) -> None:
    """A new trust list counts from the next frame on, without a restart."""
    assert hall.turns(1, [FORGED]) == [Reason.UNKNOWN_SIGNER]
    hall.world = replace(hall.world, trust=Bench(seed="another").world.trust)
    hall.turns(20)
    assert hall.turns(1, [PASS]) == [Reason.UNKNOWN_SIGNER]


# Frames


@pytest.mark.parametrize("found", [[], [PASS], DecoderHangError(), RuntimeError("a bug")], ids=repr)
def test_a_frame_is_given_back_whatever_happens(hall: Hall, found: list[Symbol] | Exception) -> None:
    """Read, hung, or broken: the camera gets its buffer back, once."""
    if isinstance(found, RuntimeError):
        with pytest.raises(RuntimeError):
            hall.turns(1, found)
    else:
        hall.turns(1, found)
    assert hall.out == []
    assert len(hall.released) == hall.given == 1


def test_the_end_of_a_film_ends_the_loop(hall: Hall) -> None:
    """A camera that will never deliver again is told upwards."""
    hall.camera_error = EOFError()
    with pytest.raises(EOFError):
        hall.turns(1)


# Out of order


def test_a_silent_camera_is_out_of_order_and_recovers(hall: Hall) -> None:
    """Two seconds without a frame: `O-CAM`, once; the next frame ends it."""
    hall.turns(1)
    hall.dead = True
    assert hall.turns(STALL_MS // FRAME_WAIT_MS) == []
    assert hall.turns(1) == [Reason.CAMERA]
    assert hall.scores[-1] == Score(Outcome.OUT_OF_ORDER, test=True)
    assert hall.turns(100) == []
    hall.dead = False
    assert hall.turns(3, [], [PASS], [PASS]) == [None, Reason.OK]


def test_a_frame_that_never_comes_is_no_second_look(hall: Hall) -> None:
    """One glimpse of a pass and then no picture, or none that can be read: nobody is admitted."""
    assert hall.turns(3, [PASS], DecoderHangError(), DecoderHangError()) == []
    hall.dead = True
    assert Reason.OK not in hall.turns(30)


def test_a_camera_that_never_delivers_is_out_of_order(hall: Hall) -> None:
    """The silence counts from the start on."""
    hall.dead = True
    assert hall.turns(STALL_MS // FRAME_WAIT_MS + 1) == [Reason.CAMERA]


def test_a_door_that_was_not_started_admits_nobody() -> None:
    """Before `start` there is no camera to believe."""
    hall = Hall()
    hall.dead = True
    assert hall.turns(1) == [Reason.CAMERA]


def test_a_broken_camera_is_out_of_order_at_once_and_recovers(hall: Hall) -> None:
    """An error of the camera needs no two seconds to be believed."""
    hall.camera_error = CameraError("the ribbon is loose")
    assert hall.turns(5) == [Reason.CAMERA]
    hall.camera_error = None
    assert hall.turns(3, [], [PASS], [PASS]) == [None, Reason.OK]


def test_a_decoder_that_hangs_three_times_is_out_of_order(hall: Hall) -> None:
    """Two hangs are bad luck; the third in a row is `O-DEC`, and one good frame ends it."""
    hang = DecoderHangError()
    assert hall.turns(MOST_HANGS - 1, *[hang] * (MOST_HANGS - 1)) == []
    assert hall.turns(1, hang) == [Reason.DECODER]
    assert hall.turns(3, hang, hang, hang) == []
    assert hall.turns(3, [], [PASS], [PASS]) == [None, Reason.OK]
    assert hall.door.counters.decoder_kills == MOST_HANGS + 3


def test_hangs_are_counted_in_a_row(hall: Hall) -> None:
    """A frame that is read between them begins the count anew."""
    hang = DecoderHangError()
    scene: list[list[Symbol] | Exception] = [hang, hang, []]
    assert hall.turns(9, *scene * 3) == []


def test_a_dead_camera_does_not_end_a_hang(hall: Hall) -> None:
    """No frame is no good frame."""
    hall.turns(3, *[DecoderHangError()] * 3)
    hall.dead = True
    assert hall.turns(5) == []
    assert hall.decided[-1].reason is Reason.DECODER


def never(*_case: object) -> object:
    """A verifier that may not be asked."""
    raise AssertionError("the verifier was asked without a believable clock or a trust list")


@pytest.mark.parametrize("broken", ["floor", "past", "untrusting"])
def test_a_door_that_cannot_judge_asks_no_verifier(
    hall: Hall, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a lower bound for a clock, a time before the world's floor, no trust list: no pass is judged."""
    with monkeypatch.context() as patched:
        patched.setattr(daemon, "verify", never)
        if broken == "floor":
            hall.basis = Basis.FLOOR
        elif broken == "past":
            hall.utc = hall.world.floor - timedelta(microseconds=1)
        else:
            hall.world = replace(hall.world, trust=None)
        expected = Reason.NO_TRUST if broken == "untrusting" else Reason.CLOCK
        assert hall.turns(10, *[[PASS]] * 10) == [expected]
    hall.basis, hall.utc, hall.world = Basis.NETWORK, BENCH.utc, BENCH.world
    assert hall.turns(3, [], [PASS], [PASS]) == [None, Reason.OK]


def test_the_floor_itself_is_a_possible_time(hall: Hall) -> None:
    """The floor is the earliest time that can be: at it the clock is believed."""
    hall.utc = hall.world.floor
    assert hall.turns(1, [MENU]) == []


def test_of_several_faults_the_clock_is_said_first(hall: Hall) -> None:
    """Without a time nothing else can be judged; then trust, then the camera, then the decoder."""
    hall.turns(3, *[DecoderHangError()] * 3)
    hall.camera_error = CameraError("broken")
    hall.world = replace(hall.world, trust=None)
    hall.basis = Basis.FLOOR
    assert hall.turns(1) == [Reason.CLOCK]
    hall.basis = Basis.RTC
    assert hall.turns(1) == [Reason.NO_TRUST]
    hall.world = BENCH.world
    assert hall.turns(1) == [Reason.CAMERA]
    hall.camera_error = None
    assert hall.turns(1, DecoderHangError()) == [Reason.DECODER]


# Counters


def test_counters_count(hall: Hall) -> None:
    """Frames, symbols, kills, and decisions by outcome and stage letter: nothing else of a visitor."""
    hall.turns(4, [PASS, MENU], [PASS], DecoderHangError(), [])
    hall.turns(LEFT_MS // FRAME_WAIT_MS)
    hall.turns(2, [FORGED], [FORGED])
    hall.turns(LEFT_MS // FRAME_WAIT_MS + 1)
    hall.turns(SETTLE_MS // FRAME_WAIT_MS + 1, *[[MENU]] * 9)
    counters = hall.door.counters
    assert counters.frames == hall.given
    assert counters.decoder_kills == 1
    assert counters.symbols == 3 + 2 + SETTLE_MS // FRAME_WAIT_MS + 1
    assert counters.outcomes == {Outcome.ADMIT: 1, Outcome.REFUSE: 2}
    assert counters.stages == {"S": 1, "D": 1}


def test_a_fault_is_counted_once_and_its_end_not(hall: Hall) -> None:
    """Out of order counts when it begins."""
    hall.basis = Basis.FLOOR
    hall.turns(50)
    hall.basis = Basis.NETWORK
    hall.turns(5)
    assert hall.door.counters.outcomes == {Outcome.OUT_OF_ORDER: 1}
    assert hall.door.counters.stages == {"O": 1}


def test_symbols_seen_while_out_of_order_are_counted_too(hall: Hall) -> None:
    """The operator sees that people stood there."""
    hall.basis = Basis.FLOOR
    hall.turns(3, [PASS], [PASS], [PASS])
    assert hall.door.counters.symbols == 3
    assert hall.door.counters.outcomes == {Outcome.OUT_OF_ORDER: 1}
