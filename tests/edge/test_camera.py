"""The Pi's camera on a picamera2 of the test's own: what is asked of it, and every way it can fail."""

from __future__ import annotations

import atexit
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from types import ModuleType, TracebackType
from typing import Any

import pytest

from doorcheck.config import CameraTable
from doorcheck.edge import camera as adapter
from doorcheck.edge import stall
from doorcheck.edge.camera import PiCamera, camera_from, latency_ms, sparing
from doorcheck.edge.frame import CameraError, Frame
from doorcheck.edge.motion import SparingCamera
from doorcheck.edge.stall import Rung, Stall

WAIT_S = 10.0
STRIDE, WIDTH, HEIGHT = 1344, 1280, 960
OFFERED = {
    "FrameDurationLimits": (16_000, 200_000, None),
    "ExposureValue": (-8.0, 8.0, 0.0),
    "AeExposureMode": (0, 3, 0),
}


class Request:
    """One completed request: a buffer of one tone, and how often it was given back."""

    def __init__(self, tone: int, metadata: dict[str, Any]) -> None:
        self.buffer = bytearray([tone]) * (STRIDE * HEIGHT * 3 // 2)
        self.metadata = metadata
        self.released = 0
        self.mapped = 0

    def get_metadata(self) -> dict[str, Any]:
        """As picamera2 does."""
        return self.metadata

    def release(self) -> None:
        """Count; nothing of it may be mapped any more."""
        assert self.mapped == 0
        self.released += 1


class MappedArray:
    """picamera2's view of a request's buffer."""

    def __init__(self, request: Request, stream: str, *, reshape: bool, write: bool) -> None:
        assert (stream, reshape, write) == ("main", False, False)
        self._request = request
        self.array: Any = None

    def __enter__(self) -> MappedArray:
        if self._request.metadata.get("unmappable"):
            raise RuntimeError("failed to find buffer")
        self._request.mapped += 1
        self.array = self._request.buffer
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._request.mapped -= 1
        self._request.buffer.append(0)  # fails while somebody still looks at the buffer


class FakeSensor:
    """Behind every `Picamera2()`: what the test delivers, and what was asked of the camera."""

    def __init__(self) -> None:
        self.jobs: queue.Queue[Future[Request]] = queue.Queue()
        self.pending: Future[Request] | None = None
        self.requests: list[Request] = []
        self.asked: dict[str, Any] = {}
        self.controls: list[dict[str, Any]] = []
        self.offered: dict[str, tuple[Any, Any, Any]] = dict(OFFERED)
        self.stream: dict[str, Any] = {"format": "YUV420", "size": (WIDTH, HEIGHT), "stride": STRIDE}
        self.refuses: Exception | None = None
        self.closed = threading.Event()
        self.may_close = threading.Event()
        self.may_close.set()

    def job(self) -> Future[Request]:
        """The capture that the camera's thread waits for now."""
        if self.pending is None:
            self.pending = self.jobs.get(timeout=WAIT_S)
        return self.pending

    def deliver(self, *tones: int, **metadata: Any) -> list[Request]:
        """Frames, one after another, all of them taken by the camera's thread afterwards."""
        for tone in tones:
            job, self.pending = self.job(), None
            self.requests.append(Request(tone, metadata))
            job.set_result(self.requests[-1])
            self.job()
        return self.requests

    def fail(self, error: BaseException) -> None:
        """The next frame never comes: picamera2's thread raised."""
        self.job().set_exception(error)

    def module(self) -> ModuleType:
        """A module as `import picamera2` gives it."""
        sensor = self

        class Picamera2:
            """The part of picamera2's class that a door uses."""

            camera_properties = {"Model": "imx708_wide", "ScalerCropMaximum": (0, 0, 4608, 2592)}  # noqa: RUF012 (as picamera2 has it)

            def __init__(self) -> None:
                if sensor.refuses is not None:
                    raise RuntimeError("Camera __init__ sequence did not complete.") from sensor.refuses
                atexit.register(self.close)

            @property
            def camera_controls(self) -> dict[str, tuple[Any, Any, Any]]:
                return sensor.offered

            def create_video_configuration(self, **asked: Any) -> dict[str, Any]:
                sensor.asked = asked
                return asked

            def configure(self, configuration: dict[str, Any]) -> None:
                assert configuration is sensor.asked

            def camera_configuration(self) -> dict[str, Any]:
                return {"main": sensor.stream}

            def set_controls(self, controls: dict[str, Any]) -> None:
                for name in controls:
                    if name not in sensor.offered:
                        raise RuntimeError(f"Control {name} is not advertised by libcamera")
                sensor.controls.append(controls)

            def start(self) -> None:
                pass

            def capture_request(self, *, wait: bool) -> Future[Request]:
                assert wait is False
                job: Future[Request] = Future()
                sensor.jobs.put(job)
                return job

            def wait(self, job: Future[Request], timeout: float) -> Request:
                return job.result(timeout)

            def close(self) -> None:
                sensor.may_close.wait(WAIT_S)
                sensor.closed.set()

        module = ModuleType("picamera2")
        vars(module).update(Picamera2=Picamera2, MappedArray=MappedArray)
        return module


class Clock:
    """Milliseconds that the test sets."""

    def __init__(self) -> None:
        self.ms = 100_000

    def now_ms(self) -> int:
        """As set."""
        return self.ms


@pytest.fixture
def clock() -> Clock:
    """A clock in the test's hands."""
    return Clock()


@pytest.fixture
def sensor(monkeypatch: pytest.MonkeyPatch) -> FakeSensor:
    """A sensor in the test's hands, behind `import picamera2`."""
    sensor = FakeSensor()
    monkeypatch.setitem(sys.modules, "picamera2", sensor.module())
    return sensor


@pytest.fixture
def camera(sensor: FakeSensor, clock: Clock) -> Iterator[PiCamera]:
    """A camera that waits for its first frame; closed afterwards."""
    camera = PiCamera(CameraTable(), clock.now_ms)
    sensor.job()
    yield camera
    camera.close()


def until(holds: Callable[[], bool]) -> None:
    """Wait for the camera's thread, which looks around twenty times a second."""
    turn, turns = threading.Event(), 0
    while not holds():
        turns += 1
        assert turns < 1000, "the camera's thread did not do it"
        turn.wait(0.01)


def tone(frame: Frame | None) -> int:
    """The tone of a frame."""
    assert frame is not None
    return frame.luma[0]


def test_the_stream_is_one_luma_plane_without_a_copy(sensor: FakeSensor, camera: PiCamera) -> None:
    """One YUV420 stream, no raw one; the frame is the camera's own buffer, with the camera's stride."""
    (request,) = sensor.deliver(7)
    asked = {name: value for name, value in sensor.asked.items() if name != "main"}
    assert asked == {"raw": None, "buffer_count": 6, "queue": False, "sensor": {"output_size": (2304, 1296)}}
    assert sensor.asked["main"] == {"size": (WIDTH, HEIGHT), "format": "YUV420"}
    frame = camera.next(0)
    assert frame is not None
    assert (frame.width, frame.height, frame.stride, len(frame.luma)) == (
        WIDTH,
        HEIGHT,
        STRIDE,
        STRIDE * HEIGHT,
    )
    request.buffer[5] = 99
    assert frame.luma[5] == 99
    camera.release(frame)


def test_the_latest_frame_wins(sensor: FakeSensor, camera: PiCamera) -> None:
    """A slow reader gets the newest frame; those that nobody took have gone back to the camera."""
    requests = sensor.deliver(1, 2, 3)
    frame = camera.next(0)
    assert tone(frame) == 3
    assert camera.next(0) is None
    assert [request.released for request in requests] == [1, 1, 0]


def test_a_frame_goes_back_once(sensor: FakeSensor, camera: PiCamera) -> None:
    """Releasing touches nothing of the camera; its own thread unmaps the buffer and gives it back, once."""
    (request,) = sensor.deliver(1)
    frame = camera.next(0)
    assert frame is not None
    camera.release(frame)
    until(lambda: request.released == 1)
    camera.release(frame)
    sensor.deliver(2)
    assert request.released == 1
    with pytest.raises(ValueError, match="released"):
        frame.luma[0]


def test_closing_gives_everything_back(sensor: FakeSensor, camera: PiCamera) -> None:
    """A frame in the box and one just returned are the camera's again before it is closed, once."""
    sensor.deliver(1)
    held = camera.next(0)
    assert held is not None
    sensor.deliver(2)
    camera.release(held)
    camera.close()
    assert sensor.closed.is_set()
    assert [request.released for request in sensor.requests] == [1, 1]
    camera.close()
    with pytest.raises(CameraError, match="stopped"):
        camera.next(0)


def test_a_camera_that_does_not_close_is_left(
    sensor: FakeSensor, camera: PiCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A close that hangs in libcamera costs a bounded wait, and nothing waits for it at exit."""
    monkeypatch.setattr(adapter, "STOP_WAIT_S", 0.05)
    sensor.may_close.clear()
    camera.close()
    assert not sensor.closed.is_set()
    sensor.may_close.set()
    assert sensor.closed.wait(WAIT_S)


def test_nothing_of_picamera2_runs_at_exit(
    sensor: FakeSensor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What picamera2 registered for the process's end, a wait without bound, is taken away again."""
    registered: list[Any] = []
    monkeypatch.setattr(atexit, "register", registered.append)
    monkeypatch.setattr(atexit, "unregister", registered.remove)
    camera = PiCamera(CameraTable(), clock.now_ms)
    sensor.job()
    camera.close()
    assert registered == []


def test_a_frame_that_cannot_be_mapped_goes_back(sensor: FakeSensor, camera: PiCamera) -> None:
    """A request is given back whatever fails on the way, and the failure is named."""
    job, sensor.pending = sensor.job(), None
    request = Request(1, {"unmappable": True})
    job.set_result(request)
    with pytest.raises(CameraError, match="failed to find buffer"):
        camera.next(10_000)
    assert request.released == 1


def test_a_failure_is_told_before_the_camera_closes(sensor: FakeSensor, camera: PiCamera) -> None:
    """A broken camera may never close: the door hears of it all the same."""
    sensor.may_close.clear()
    sensor.fail(RuntimeError("dequeue failed"))
    with pytest.raises(CameraError, match="dequeue failed"):
        camera.next(10_000)
    assert not sensor.closed.is_set()
    sensor.may_close.set()


def test_a_silent_camera_is_an_error_until_it_goes_on(
    sensor: FakeSensor, camera: PiCamera, clock: Clock
) -> None:
    """Two seconds without a frame are an error at every turn; a frame ends it."""
    sensor.deliver(1)
    frame = camera.next(0)
    assert frame is not None
    camera.release(frame)
    clock.ms += 2_000
    assert camera.next(0) is None
    clock.ms += 1
    for _ in range(2):
        with pytest.raises(CameraError, match="silent for 2001 ms"):
            camera.next(0)
    sensor.deliver(2)
    assert tone(camera.next(0)) == 2
    assert camera.next(0) is None


def test_the_first_frame_may_take_long(camera: PiCamera, clock: Clock) -> None:
    """A small board needs seconds to open its camera: not an error before 20."""
    clock.ms += 20_000
    assert camera.next(0) is None
    clock.ms += 1
    with pytest.raises(CameraError, match="silent for 20001 ms"):
        camera.next(0)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("dequeue failed"), OSError("no such device"), CancelledError("dequeue was cancelled")],
)
def test_a_dead_camera_stays_dead(sensor: FakeSensor, camera: PiCamera, error: BaseException) -> None:
    """An exception from picamera2 ends the camera: the last frame, then the error, at every turn."""
    sensor.deliver(1)
    sensor.fail(error)
    assert sensor.closed.wait(WAIT_S)
    for _ in range(2):
        with pytest.raises(CameraError, match=str(error)):
            camera.next(10_000)
    assert sensor.jobs.empty(), "it is never opened again"


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        (RuntimeError("Device or resource busy"), "Device or resource busy; .*no other program"),
        (IndexError("list index out of range"), "rpicam-hello --list-cameras"),
    ],
)
def test_a_camera_that_cannot_be_opened_is_named(
    sensor: FakeSensor, clock: Clock, refused: Exception, told: str
) -> None:
    """Missing, or used by another program: the first cause, and what to look at."""
    sensor.refuses = refused
    camera = PiCamera(CameraTable(), clock.now_ms)
    with pytest.raises(CameraError, match=told):
        camera.next(10_000)


def test_without_picamera2_the_way_to_it_is_told(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is the system's: how to install it, and what else there is."""
    monkeypatch.setitem(sys.modules, "picamera2", None)
    camera = PiCamera(CameraTable(), clock.now_ms)
    with pytest.raises(CameraError, match=r"apt install python3-picamera2.*webcam"):
        camera.next(10_000)


@pytest.mark.parametrize(
    ("stamp_ms", "age_ms"), [(None, 0), (0, 0), (-70, 70), (5, 0), (-9_999, 9_999), (-10_001, 0)]
)
def test_a_frame_knows_when_it_was_exposed(
    sensor: FakeSensor, clock: Clock, stamp_ms: int | None, age_ms: int
) -> None:
    """The sensor's stamp, on the door's own scale; a stamp of another clock is put aside."""
    now_ns = 5_000_000_000_000
    camera = PiCamera(CameraTable(), clock.now_ms, lambda: now_ns)
    stamp_ns = None if stamp_ms is None else stamp_ms and now_ns + stamp_ms * 1_000_000
    sensor.deliver(1, SensorTimestamp=stamp_ns, ExposureTime=9_990, AnalogueGain=2.0)
    frame = camera.next(0)
    assert frame is not None
    assert frame.taken_ms == clock.ms - age_ms
    camera.release(frame)
    assert latency_ms(frame, clock.ms + 30) == age_ms + 30
    camera.close()
    reading = camera.reading
    assert reading is not None
    assert (reading.exposure_us, reading.gain, reading.focus_dioptres, reading.transit_ms) == (
        9_990,
        2.0,
        None,
        age_ms,
    )


def test_frames_stay_in_order_however_their_clocks_are_read(sensor: FakeSensor, clock: Clock) -> None:
    """The two clocks are read at different instants; the times of frames are a constant apart from stamps."""
    reads = iter([7_000_000, *range(900_000_000, 10**9, 900_000)])
    camera = PiCamera(CameraTable(), clock.now_ms, lambda: next(reads))
    taken_ms = []
    for number in range(3):
        clock.ms += 1
        sensor.deliver(1, SensorTimestamp=7_000_000 + number * 400_000)
        frame = camera.next(0)
        assert frame is not None
        taken_ms.append(frame.taken_ms)
        camera.release(frame)
    camera.close()
    assert taken_ms == [100_000, 100_000, 100_000]


def test_only_what_the_camera_offers_is_set(sensor: FakeSensor, camera: PiCamera) -> None:
    """A control that this camera does not know would stop it: it is left, and noted."""
    sensor.deliver(1)
    assert sensor.controls == [
        {"AeExposureMode": 1, "ExposureValue": -0.7, "FrameDurationLimits": (33_333, 33_333)}
    ]
    assert camera.opened is not None
    assert any("does not offer AeEnable, AeConstraintMode" in note for note in camera.opened.notes)


def test_a_resting_camera_is_slower_and_wakes(sensor: FakeSensor, camera: PiCamera) -> None:
    """Told to rest, and told to wake: each is passed on once, by the camera's thread."""
    sensor.deliver(1)
    for resting in (True, True, False):
        camera.rest(resting)
        sensor.deliver(2, 3)
    assert sensor.controls[1:] == [
        {"FrameDurationLimits": (66_666, 66_666)},
        {"FrameDurationLimits": (33_333, 33_333)},
    ]


def test_a_stream_that_came_out_otherwise_is_noticed(sensor: FakeSensor, clock: Clock) -> None:
    """Another size is used as it is, and noted; a format without a luma plane is an error."""
    sensor.stream["size"] = (1152, 864)
    camera = PiCamera(CameraTable(), clock.now_ms)
    sensor.deliver(1)
    frame = camera.next(0)
    assert frame is not None
    assert (frame.width, frame.height, frame.stride) == (1152, 864, STRIDE)
    assert camera.opened is not None
    assert "the camera gives 1152x864, not 1280x960" in camera.opened.notes
    camera.close()
    sensor.stream["format"] = "BGR888"
    camera = PiCamera(CameraTable(), clock.now_ms)
    with pytest.raises(CameraError, match="BGR888 and no luma plane"):
        camera.next(10_000)


def test_door_toml_chooses_the_camera(sensor: FakeSensor, clock: Clock) -> None:
    """`kind` says which; only the Pi's camera is told to rest."""
    camera = camera_from(CameraTable(), clock.now_ms)
    assert isinstance(camera, PiCamera)
    wrapped, _ = sparing(camera, CameraTable())
    assert isinstance(wrapped, SparingCamera)
    assert wrapped.rest == camera.rest
    wrapped.close()
    assert sensor.closed.is_set()
    with pytest.raises(CameraError, match=r"/dev/video-none|package av"):
        camera_from(CameraTable(kind="webcam", device="/dev/video-none"), clock.now_ms)


def test_the_ladder_of_a_silent_camera() -> None:
    """Two seconds: out of order. Five: the process ends with 75. A frame brings it down again."""
    ladder = Stall(started_ms=1_000)
    ladder.frame(4_000)
    climbed = [ladder.rung(ms) for ms in (4_000, 6_000, 6_001, 9_000, 9_001)]
    assert climbed == [Rung.WELL, Rung.WELL, Rung.SILENT, Rung.SILENT, Rung.HOPELESS]
    ladder.frame(9_002)
    assert ladder.rung(9_002) is Rung.WELL
    assert stall.EXIT_CODE == 75


def test_the_ladder_waits_for_the_first_frame() -> None:
    """A camera that is being opened is out of order, and not hopeless before 20 seconds."""
    ladder = Stall(started_ms=1_000)
    climbed = [ladder.rung(ms) for ms in (3_000, 3_001, 21_000, 21_001)]
    assert climbed == [Rung.WELL, Rung.SILENT, Rung.SILENT, Rung.HOPELESS]
