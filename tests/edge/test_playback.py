"""A folder of pictures as a camera, on a clock that the test moves."""

from __future__ import annotations

from pathlib import Path

import pytest

from doorcheck.edge.frame import CameraError
from doorcheck.edge.playback import AWAY_MS, HELD_MS, PicturesCamera

FPS = 10
WAIT_MS = 100


class Play:
    """The folder, the clock, the camera; each wait moves the clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ms = 1_000
        self.camera = PicturesCamera(folder, FPS, lambda: self.ms, self.wait)

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.ms += round(seconds * 1000)

    def picture(self, name: str, grey: int, size: int = 4) -> None:
        """A small grey picture."""
        pixels = bytes([grey]) * (size * size)
        (self.folder / name).write_bytes(b"P5 %d %d 255\n" % (size, size) + pixels)

    def shown(self, turns: int) -> list[int | None]:
        """The first pixel of each frame; None for a turn without one."""
        seen: list[int | None] = []
        for _ in range(turns):
            frame = self.camera.next(WAIT_MS)
            seen.append(None if frame is None else frame.luma[0])
            if frame is not None:
                assert frame.taken_ms == self.ms
                self.camera.release(frame)
        return seen


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """An empty folder."""
    return Play(tmp_path)


def test_pictures_are_held_up_one_after_the_other_for_ever(play: Play) -> None:
    """A second each, then two of nothing; in the order of their names; and then from the start."""
    play.picture("b.pgm", 20)
    play.picture("a.pgm", 10)
    held, away = HELD_MS // 1000 * FPS, AWAY_MS // 1000 * FPS
    story = [10] * held + [128] * away + [20] * held + [128] * away
    began_ms = play.ms
    assert play.shown(2 * len(story)) == story * 2
    assert play.ms - began_ms == pytest.approx(2 * len(story) * 1000 / FPS, abs=1000 / FPS)


def test_a_frame_is_waited_for_no_longer_than_asked(play: Play) -> None:
    """The next one is due later: none yet."""
    play.picture("a.pgm", 10)
    assert play.shown(1) == [10]
    began_ms = play.ms
    assert play.camera.next(30) is None
    assert play.ms - began_ms == 30


def test_a_late_door_gets_the_frame_of_now(play: Play) -> None:
    """It is not handed what it missed."""
    play.picture("a.pgm", 10)
    play.shown(1)
    play.ms += 10_000
    assert play.shown(1) == [10]
    began_ms = play.ms
    play.shown(1)
    assert play.ms - began_ms <= 1000 // FPS


def test_an_empty_folder_is_a_silent_camera(play: Play) -> None:
    """And one that is filled while it plays goes on; what is no picture is passed over."""
    assert play.shown(3) == [None] * 3
    (play.folder / "notes.txt").write_text("hello")
    assert play.shown(3) == [None] * 3
    play.picture("a.pgm", 10)
    assert 10 in play.shown(3)


def test_no_folder_is_an_error_until_there_is_one(play: Play, tmp_path: Path) -> None:
    """The text says which folder."""
    play.folder.rename(tmp_path.parent / f"{tmp_path.name}-away")
    for _ in range(2):
        with pytest.raises(CameraError, match=str(tmp_path)):
            play.shown(1)
    tmp_path.mkdir()
    play.picture("a.pgm", 10)
    assert play.shown(1) == [10]


def test_a_closed_camera_shows_nothing(play: Play) -> None:
    """It may be asked nevertheless."""
    play.picture("a.pgm", 10)
    play.camera.close()
    play.camera.close()
    assert play.shown(2) == [None, None]
