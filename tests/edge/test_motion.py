"""Resting while nothing moves: what wakes the door, what does not, and which frames are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import PIL.Image
import pytest

from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.edge.frame import Frame
from doorcheck.edge.motion import Motion, Pace, SparingCamera, SparingReader
from doorcheck.lab.carriers import Carrier
from doorcheck.lab.scenes import HEIGHT, WIDTH, Prop, Scene, Side, View, render

LOOK_MS = 67
"""Between two frames of a resting sensor."""
HAND = Prop(b"HC1:" + b"ABCDEFGHIJ" * 40, enters_ms=300, held_ms=600)


def frame_of(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], taken_ms: int) -> Frame:
    """A frame of an array."""
    return Frame(memoryview(pixels.tobytes()), WIDTH, HEIGHT, WIDTH, taken_ms)


def looks(scene: Scene, from_ms: int, until_ms: int, speed: int = 1) -> Iterator[Frame]:
    """What a resting camera sees of a scene; `speed` 10 lets the hall's people walk as people do."""
    for number, t_ms in enumerate(range(from_ms, until_ms, LOOK_MS)):
        hall_ms = scene.hall_ms + (speed - 1) * (t_ms - from_ms)
        yield frame_of(render(replace(scene, hall_ms=hall_ms), t_ms), from_ms + number * LOOK_MS)


def first_moved_ms(frames: Iterator[Frame]) -> int | None:
    """When something moved, for the first time."""
    motion = Motion()
    return next((frame.taken_ms for frame in frames if motion.moved(frame)), None)


def moved_share(frames: Iterator[Frame]) -> float:
    """The share of looks at which something moved."""
    motion = Motion()
    moved = [motion.moved(frame) for frame in frames]
    return sum(moved) / len(moved)


def hand(number: int, carrier: Carrier, side: Side, moving_ms: int, light: float) -> Scene:
    """Somebody comes and brings something into view."""
    view = View(hall=number % 3 + 1, light=light, noise_gain=1 if light == 1 else 2.2)
    module_px = (3.2, 4.2, 5.5)[number % 3]
    prop = replace(
        HAND, carrier=carrier, enters_from=side, moving_ms=moving_ms, module_px=module_px, seed=number
    )
    return Scene((prop,), view=view, hall_ms=number * 999, seed=number)


def banded(scene: Scene, until_ms: int, depth: float) -> Iterator[Frame]:
    """Lamps that flicker faster than the picture is read out: bands that wander."""
    rows = np.arange(HEIGHT)[:, None]
    for number, t_ms in enumerate(range(0, until_ms, LOOK_MS)):
        bands = 1 + depth * np.sin(2 * np.pi * rows / 320 + number * 1.7)
        yield frame_of(np.clip(render(scene, t_ms) * bands, 0, 255).astype(np.uint8), t_ms)


def switched(scene: Scene, until_ms: int) -> Iterator[Frame]:
    """Half of the light goes, and comes back, a few times."""
    for number, t_ms in enumerate(range(0, until_ms, LOOK_MS)):
        exposure = 1.3 if number // 5 % 2 else 0.7
        yield frame_of(render(replace(scene, view=replace(scene.view, exposure=exposure)), t_ms), t_ms)


def test_a_hand_wakes_the_door_before_it_has_arrived() -> None:
    """A phone brought into view at a usual pace is noticed on its way."""
    scene = hand(1, Carrier.PHONE, Side.BELOW, 600, 1.0)
    woke_ms = first_moved_ms(looks(scene, 0, HAND.enters_ms + 600))
    assert woke_ms is not None
    assert HAND.enters_ms <= woke_ms <= HAND.enters_ms + 450


def test_an_empty_hall_does_not() -> None:
    """People in the background, the sensor's noise."""
    assert first_moved_ms(looks(Scene(), 0, 1000)) is None


def test_light_that_changes_does_not() -> None:
    """Bands of flickering lamps, and a light that is switched."""
    assert first_moved_ms(banded(Scene(), 700, 0.15)) is None
    assert first_moved_ms(switched(Scene(), 1000)) is None


@pytest.mark.slow
def test_recall_and_false_wakes() -> None:
    """36 of 36 hands are noticed 160 ms or more before they have arrived; empty halls wake nothing.

    Phones and sheets from three sides, in 0.3, 0.6 and 1.2 seconds, in a lit and a dim
    hall. People that walk by at a real pace, two to four metres off, may wake it: somebody
    is there. The figures: median 60 ms after the first pixel entered, 381 at most; hall,
    flicker and switched light 0 of 900 looks; walkers 0.5 to 0.8 of looks.
    """
    number, arrived = 0, []
    for carrier in (Carrier.PHONE, Carrier.SHEET):
        for side in Side:
            for moving_ms in (300, 600, 1200):
                for light in (1.0, 0.4):
                    number += 1
                    arrival_ms = HAND.enters_ms + moving_ms
                    frames = looks(
                        hand(number, carrier, side, moving_ms, light), number % LOOK_MS, arrival_ms
                    )
                    woke_ms = first_moved_ms(frames)
                    assert woke_ms is not None
                    arrived.append((woke_ms - arrival_ms, woke_ms - HAND.enters_ms))
    assert max(before for before, _ in arrived) <= -160
    assert sorted(after for _, after in arrived)[len(arrived) // 2] <= 70
    halls = [
        Scene(view=View(hall=n, light=light, noise_gain=1 if light == 1 else 2.2), hall_ms=n * 7777, seed=n)
        for n in (1, 2, 3)
        for light in (1.0, 0.4)
    ]
    assert [moved_share(looks(scene, 0, 4000)) for scene in halls] == [0.0] * 6
    assert [moved_share(banded(scene, 3000, 0.15)) for scene in halls] == [0.0] * 6
    assert [moved_share(switched(scene, 3000)) for scene in halls] == [0.0] * 6
    assert max(moved_share(looks(scene, 0, 3000, speed=10)) for scene in halls[::2]) <= 0.9


def blank(taken_ms: int, tone: int = 90, width: int = 640, height: int = 480, stride: int = 704) -> Frame:
    """A frame of one tone, whose last row is not padded."""
    return Frame(memoryview(bytes([tone]) * (stride * (height - 1) + width)), width, height, stride, taken_ms)


def with_square(taken_ms: int) -> Frame:
    """The same with a bright square in it."""
    frame = blank(taken_ms)
    pixels = bytearray(frame.luma)
    for row in range(100, 300):
        pixels[row * frame.stride + 100 : row * frame.stride + 300] = bytes([250]) * 200
    return replace(frame, luma=memoryview(pixels))


def test_looks_are_a_while_apart() -> None:
    """Frames less than 50 ms after the last look are not looked at: the one after them tells."""
    motion = Motion()
    assert [motion.moved(frame) for frame in (blank(0), with_square(49), with_square(50), blank(80))] == [
        False,
        False,
        True,
        False,
    ]
    assert motion.moved(blank(100))


def test_other_frames_than_before_compare_with_nothing() -> None:
    """The first frame, one of another size, and a clock that began anew: no movement, no error."""
    motion = Motion()
    frames = (
        blank(0),
        blank(100, 200, 1280, 960, 1280),
        blank(0, 10),
        blank(60, 10),
        blank(120, 10, 20, 6, 20),
    )
    assert [motion.moved(frame) for frame in frames] == [False] * 5


def read_at(pace: Pace, times_ms: range) -> list[int]:
    """The frames that are read."""
    return [taken_ms for taken_ms in times_ms if pace.due(taken_ms)]


def test_a_calm_view_is_read_a_few_times_a_second() -> None:
    """Thirty frames a second come, three are read."""
    times_ms = read_at(Pace(idle_fps=3, full_fps=15), range(1_000, 11_000, 33))
    assert len(times_ms) == pytest.approx(30, abs=1)
    assert max(later - earlier for earlier, later in pairwise(times_ms)) <= 333 + 33


@pytest.mark.parametrize(("full_fps", "read"), [(15, 15), (30, 30), (60, 30)])
def test_what_stirs_is_read_at_once_and_at_the_full_rate(full_fps: int, read: int) -> None:
    """The very frame that shows it, and from it on as many as are wanted, or come."""
    pace = Pace(idle_fps=3, full_fps=full_fps)
    assert read_at(pace, range(0, 1_700, 33))[-1] == 1_683
    pace.stir(1_716)
    times_ms = read_at(pace, range(1_716, 2_716, 33))
    assert times_ms[0] == 1_716
    assert times_ms[1] - times_ms[0] <= 67 + 33
    assert len(times_ms) == pytest.approx(read, abs=1)


def test_the_door_rests_again_after_five_calm_seconds() -> None:
    """Each new movement begins the time anew."""
    pace = Pace(idle_fps=1, full_fps=10)
    pace.stir(1_000)
    pace.stir(4_000)
    assert [pace.awake(now_ms) for now_ms in (5_000, 8_999, 9_000)] == [True, True, False]


class Playing:
    """A camera that gives the frames it was made with, and remembers what came back."""

    def __init__(self, frames: list[Frame]) -> None:
        self.frames = frames
        self.released: list[int] = []
        self.closed = False

    def next(self, timeout_ms: int) -> Frame | None:  # noqa: ARG002 (the protocol's)
        """The next one; None after the last."""
        return self.frames.pop(0) if self.frames else None

    def release(self, frame: Frame) -> None:
        """Keep when it was taken."""
        self.released.append(frame.taken_ms)

    def close(self) -> None:
        """Keep that it was closed."""
        self.closed = True


def drained(camera: SparingCamera, played: Playing) -> list[int]:
    """When the frames that come out were taken; each is given back."""
    out = []
    while played.frames:
        frame = camera.next(0)
        if frame is not None:
            out.append(frame.taken_ms)
            camera.release(frame)
    return out


def test_frames_that_are_not_due_go_back_unread() -> None:
    """Every frame is given back once; the camera is told once that it may rest, once that it may not."""
    told: list[bool] = []
    frames = [with_square(ms) if 2_000 <= ms < 2_100 else blank(ms) for ms in range(0, 9_000, 50)]
    played = Playing(list(frames))
    camera = SparingCamera(played, Pace(idle_fps=1, full_fps=20), told.append)
    out = drained(camera, played)
    assert sorted(played.released) == [frame.taken_ms for frame in frames]
    assert [ms for ms in out if ms < 2_000] == [0, 1_000]
    assert [ms for ms in out if 2_000 <= ms < 2_200] == [2_000, 2_050, 2_100, 2_150]
    assert told == [True, False, True]
    camera.close()
    assert played.closed


def test_a_frame_goes_back_even_if_looking_fails() -> None:
    """A frame that is not what it says: the error comes out, the buffer goes back."""
    played = Playing([Frame(memoryview(bytes(10)), 640, 480, 640, 5)])
    with pytest.raises(ValueError, match="buffer is not large enough"):
        SparingCamera(played, Pace(3, 15)).next(0)
    assert played.released == [5]


class EndedError(BaseException):
    """As the service raises it from a signal's handler."""


@pytest.mark.parametrize("after", ["reduce", "point", "frombuffer"])
def test_a_buffer_goes_back_when_a_signal_ends_the_look(after: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever in Pillow the handler runs: the camera can unmap the buffer, and the end is told as an end."""

    class Mapped(Playing):
        def release(self, frame: Frame) -> None:
            frame.luma.release()  # fails while anybody holds a view of it
            super().release(frame)

    holder: Any = PIL.Image if after == "frombuffer" else PIL.Image.Image
    run = getattr(holder, after)

    def ended(*arguments: Any, **options: Any) -> Any:
        kept = run(*arguments, **options)
        raise EndedError(str(len(kept.size)))

    monkeypatch.setattr(holder, after, ended)
    played = Mapped([blank(5)])
    with pytest.raises(EndedError):
        SparingCamera(played, Pace(3, 15)).next(0)
    assert played.released == [5]


def test_a_symbol_keeps_the_door_awake() -> None:
    """A pass held still moves nothing: what is read in it does."""

    class Found:
        symbols: list[Symbol] = []  # noqa: RUF012 (the test sets it)

        def read(self, frame: Frame) -> list[Symbol]:  # noqa: ARG002 (the protocol's)
            return self.symbols

    found, pace = Found(), Pace(3, 15)
    reader = SparingReader(found, pace)
    assert reader.read(blank(1_000)) == []
    assert not pace.awake(1_001)
    found.symbols = [Symbol(SymbolFormat.QR, b"x")]
    assert reader.read(blank(2_000)) == found.symbols
    assert pace.awake(6_999)
