"""The simulated door's time and cameras: a story, pictures or a video, played frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from doorcheck.core.moment import Basis, Moment
from doorcheck.edge.frame import Frame
from doorcheck.edge.pictures import PictureError, load_luma
from doorcheck.lab.scenes import HEIGHT, WIDTH, Scene, render
from doorcheck.lab.story import Visitor

FRAME_MS = 100
"""Ten frames a second."""
TICK_MS = 20
HELD_MS = 1000
AWAY_MS = 2000


class StoryClock:
    """A clock that moves only when it is moved, and can be made to lie.

    `tick` is called every 20 ms of the story, in order, and drives the panel; `pace`
    after it, and may wait for people who watch.
    """

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._now_ms = 0
        self._lies = False
        self.tick: Callable[[int], None] = lambda _now_ms: None
        self.pace: Callable[[int], None] = lambda _duration_ms: None

    def now_ms(self) -> int:
        """Milliseconds since the story began."""
        return self._now_ms

    def moment(self) -> Moment:
        """The story's wall time; once the clock lies, seconds after 1970 and a mere floor."""
        if self._lies:
            return Moment(
                datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=self._now_ms), Basis.FLOOR
            )
        return Moment(self._start + timedelta(milliseconds=self._now_ms), Basis.NETWORK)

    def advance(self, duration_ms: int) -> None:
        """Let time pass, at the pace of whoever watches."""
        for _ in range(duration_ms // TICK_MS):
            self._now_ms += TICK_MS
            self.tick(self._now_ms)
            self.pace(TICK_MS)

    def skip(self, duration_ms: int) -> None:
        """Let time pass at once."""
        for _ in range(duration_ms // TICK_MS):
            self._now_ms += TICK_MS
            self.tick(self._now_ms)

    def lie(self) -> None:
        """The battery died."""
        self._lies = True


class PlayedCamera:
    """Plays frames in the story's time: it moves the clock to when each was taken.

    `sees` is shown every frame.
    """

    def __init__(
        self, frames: Iterator[Frame], clock: StoryClock, sees: Callable[[Frame], None] = lambda _frame: None
    ) -> None:
        self._frames = frames
        self._clock = clock
        self._sees = sees

    def next(self, timeout_ms: int) -> Frame | None:  # noqa: ARG002 (a played frame is always ready)
        """The next frame; raises `EOFError` after the last."""
        frame = next(self._frames, None)
        if frame is None:
            raise EOFError
        self._clock.advance(frame.taken_ms - self._clock.now_ms())
        self._sees(frame)
        return frame

    def release(self, frame: Frame) -> None:
        """Drop the frame's pixels."""
        frame.luma.release()

    def close(self) -> None:
        """Stop playing."""
        self._frames = iter(())


def scenes(
    visitors: Iterable[Visitor], clock: StoryClock, enters: Callable[[Visitor], None]
) -> Iterator[Frame]:
    """The visitors' scenes, ten frames of 1280 by 960 pixels a second.

    `enters` is told of each visitor before the first frame.
    """
    for visitor in visitors:
        if visitor.waits_ms:
            yield from _scene(Scene(duration_ms=1000, hall_ms=visitor.scene.hall_ms), clock)
            clock.skip(visitor.waits_ms)
        if visitor.clock_lies:
            clock.lie()
        enters(visitor)
        yield from _scene(visitor.scene, clock)


def _scene(scene: Scene, clock: StoryClock) -> Iterator[Frame]:
    for t_ms in range(0, scene.duration_ms, FRAME_MS):
        yield Frame(render(scene, t_ms).data.cast("B"), WIDTH, HEIGHT, WIDTH, clock.now_ms() + FRAME_MS)


def pictures(files: Iterable[Path], clock: StoryClock, names: Callable[[str], None]) -> Iterator[Frame]:
    """Each picture held up for a second, then nothing for two. `names` is told each file's name.

    A file that is no picture is named too, with the reason, and passed over.
    """
    for path in files:
        try:
            with path.open("rb") as file:
                shown = load_luma(file)
        except (OSError, PictureError) as error:
            names(f"{path.name}: {error}; passed over")
            continue
        names(path.name)
        pixels = bytes(shown.luma)
        grey = bytes([128]) * len(pixels)
        for luma, lasts_ms in ((pixels, HELD_MS), (grey, AWAY_MS)):
            for _ in range(0, lasts_ms, FRAME_MS):
                now_ms = clock.now_ms() + FRAME_MS
                yield Frame(memoryview(luma), shown.width, shown.height, shown.stride, now_ms)
