"""Videos and webcams: luma planes as they are, and a clear word when there is none."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from doorcheck.edge import video
from doorcheck.edge.frame import CameraError, Frame

av: Any = pytest.importorskip("av", reason="the package av is not installed (requirements-video.lock)")


def grey(level: int, width: int = 64, height: int = 48) -> Any:
    """One picture of one tone."""
    frame = av.VideoFrame(width, height, "gray")
    plane = frame.planes[0]
    plane.update(bytes([level]) * plane.buffer_size)
    return frame


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A second of video at ten frames a second, brighter with each."""
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(10):
            for packet in stream.encode(grey(20 * number + 20).reformat(format="yuv420p")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def test_a_video_gives_its_luma_in_its_own_time(clip: Path) -> None:
    """Ten frames, a tenth of a second apart, each with the tone it was made with."""
    frames = list(video.play(clip))
    assert [frame.taken_ms for frame in frames] == list(range(0, 1000, 100))
    assert [(frame.width, frame.height) for frame in frames] == [(64, 48)] * 10
    tones = [frame.luma[frame.stride * 24 + 32] for frame in frames]
    assert tones == sorted(tones)
    assert tones[-1] - tones[0] > 100
    assert all(len(frame.luma) >= frame.stride * 47 + 64 for frame in frames)


def test_other_pixel_formats_are_converted() -> None:
    """A packed picture has no luma plane of its own; its grey is made."""
    frame = video._luma(grey(90).reformat(format="rgb24"), 5)
    assert (frame.width, frame.height, frame.taken_ms) == (64, 48, 5)
    assert abs(frame.luma[frame.stride * 24 + 32] - 90) <= 3


@pytest.mark.parametrize("data", [None, b"", b"no video", bytes(5000)])
def test_what_is_no_video_is_named(tmp_path: Path, data: bytes | None) -> None:
    """Missing, empty or another thing: one line that names the file."""
    path = tmp_path / "film.mp4"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(CameraError, match=r"film\.mp4: .+; give a video file") as told:
        next(video.play(path))
    assert "\n" not in str(told.value)


def test_a_device_that_is_none_is_named(tmp_path: Path) -> None:
    """A missing device, or a file in its place: what, why, and how to find the right one."""
    (tmp_path / "file").write_bytes(b"x")
    for device in ("/dev/video-none", str(tmp_path / "file")):
        with pytest.raises(CameraError, match="ls /dev/video") as told:
            video.WebcamCamera(device, lambda: 0)
        assert device in str(told.value)


def test_this_build_can_read_webcams() -> None:
    """PyAV's own FFmpeg has the input that `--camera` needs."""
    assert av.ContainerFormat("v4l2").is_input


class Feed:
    """A container that gives frames when the test says so."""

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.shown = threading.Semaphore(0)
        self.broken = False
        self.closed = False

    def decode(self, video: int) -> Any:  # noqa: ARG002 (PyAV's name)
        """Frames, one for each `go`."""
        level = 0
        while True:
            self.shown.release()
            self.go.acquire()
            if self.broken:
                raise OSError("no such device")
            level += 1
            yield grey(level)

    def close(self) -> None:
        """Keep that it was closed."""
        self.closed = True


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Feed:
    """A webcam's container in the test's hands."""
    feed = Feed()
    monkeypatch.setattr(video.WebcamCamera, "_open", lambda _self, _av: feed)
    return feed


def deliver(feed: Feed, number: int) -> None:
    """That many frames, all of them in the box afterwards."""
    for _ in range(number):
        feed.shown.acquire()
        feed.go.release()
    feed.shown.acquire()


def level(frame: Frame | None) -> int:
    """The tone of a frame."""
    assert frame is not None
    return frame.luma[0]


def test_the_latest_frame_wins(feed: Feed) -> None:
    """A slow reader gets the newest frame, not the oldest; then waits for another."""
    camera = video.WebcamCamera("/dev/video0", lambda: 42)
    deliver(feed, 3)
    frame = camera.next(0)
    assert (level(frame), frame.taken_ms if frame else None) == (3, 42)
    assert camera.next(0) is None


def test_a_camera_that_stops_is_an_error(feed: Feed) -> None:
    """The last frame is still given out; then the error, each time."""
    camera = video.WebcamCamera("/dev/video0", lambda: 0)
    deliver(feed, 1)
    feed.broken = True
    feed.go.release()
    camera._thread.join(10)
    assert level(camera.next(0)) == 1
    for _ in range(2):
        with pytest.raises(CameraError, match="check its cable"):
            camera.next(0)
    camera.close()
    assert feed.closed
    camera.close()
