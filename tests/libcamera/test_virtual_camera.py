"""`PiCamera` on the real libcamera and picamera2, whose virtual pipeline plays pictures of passes.

It runs where Debian's libcamera (0.7 or newer, with its virtual pipeline), picamera2 and a
source of DMA buffers are there, as root, for libcamera reads the list of its virtual cameras
from one file under /usr/share. Three shims make up for what such a machine lacks; they
stand here, and nothing like them in the product.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import Mock

import pytest

from doorcheck.config import CameraTable
from doorcheck.edge.camera import PiCamera, latency_ms
from doorcheck.edge.frame import CameraError, Frame
from doorcheck.edge.reader import DecoderHangError, Reader

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # picamera2's own: Thread.setDaemon
]

CONFIGURATION = Path("/usr/share/libcamera/pipeline/virtual/virtual.yaml")
CAMERAS = """\
%YAML 1.1
---
"Door":
  supported_formats:
  - width: 1280
    height: 960
    frame_rates:
    - 30
  frames:
    path: "{folder}/"
  location: "CameraLocationFront"
  model: "Pictures"
"""
PASSES = [b"HC1:TEST PASS %d:" % number + b"ABCDEFGHIJ" * 40 for number in range(3)]
FRAMES_MOST = 400
STALLING = """
import sys
sys.path.insert(0, sys.argv[1])
from test_virtual_camera import shimmed, stalled
camera = stalled(shimmed())
camera.close()
sys.exit(75)
"""


def now_ms() -> int:
    """The computer's monotonic clock."""
    return time.monotonic_ns() // 1_000_000


def missing() -> str | None:
    """What this machine lacks, in one line; None when nothing is."""
    for module, package in (("libcamera", "python3-libcamera"), ("picamera2", "python3-picamera2")):
        if importlib.util.find_spec(module) is None:
            return f"{package} is not installed"
    sources = [Path("/dev/udmabuf"), *Path("/dev").glob("dma_heap/*")]
    if not any(os.access(source, os.R_OK | os.W_OK) for source in sources):
        return "no DMA buffers: neither /dev/udmabuf nor a /dev/dma_heap can be opened"
    if not os.access(CONFIGURATION.parent, os.W_OK):
        return f"{CONFIGURATION} can't be written: libcamera's virtual pipeline is not there, or needs root"
    if CONFIGURATION.exists():
        return f"{CONFIGURATION} is somebody else's"
    return None


@pytest.fixture(scope="module")
def picamera2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """picamera2 on a libcamera whose one camera plays an empty hall and three passes in turn."""
    why = missing()
    if why is not None:
        pytest.skip(why)
    from PIL import Image

    from doorcheck.lab.scenes import Prop, Scene, render

    folder = tmp_path_factory.mktemp("pictures")  # nothing but numbered JPEGs may be in it
    scenes = [Scene(), *(Scene((Prop(payload, enters_ms=-2000, held_ms=9000),)) for payload in PASSES)]
    for number, scene in enumerate(scenes):
        Image.fromarray(render(scene, 0)).convert("RGB").save(folder / f"{number}.jpg", quality=95)
    CONFIGURATION.write_text(CAMERAS.format(folder=folder))
    try:
        yield shimmed()
    finally:
        CONFIGURATION.unlink()


def shimmed() -> ModuleType:
    """picamera2 for a machine without a display (1), a sensor (2) and a Raspberry Pi's memory (3)."""
    pykms: Any = ModuleType("pykms")  # 1: loaded for previews on a screen, even where none is shown
    pykms.PixelFormat = Mock()
    sys.modules.setdefault("pykms", pykms)
    module = importlib.import_module("picamera2")
    inner: Any = importlib.import_module("picamera2.picamera2")
    allocators: Any = importlib.import_module("picamera2.allocators")
    libcamera: Any = importlib.import_module("libcamera")

    def raw_modes(_camera: Any) -> list[dict[str, Any]]:  # 2: it has none, and libcamera says so by failing
        return [{"format": "NV12", "size": (1280, 960)}]

    def allocator() -> Any:  # 3: libcamera's own buffers: those of a Pi's heap have one plane only
        return allocators.LibcameraAllocator(libcamera.CameraManager.singleton().cameras[0])

    inner.Picamera2._get_raw_modes = raw_modes
    inner.DmaAllocator = allocator
    return module


def stalled(module: ModuleType) -> PiCamera:
    """A camera after its first frame, whose picamera2 thread has died on it."""
    camera = PiCamera(CameraTable(), now_ms)
    frame = camera.next(60_000)
    assert frame is not None
    camera.release(frame)

    def broken(_camera: Any, _display: Any) -> None:
        raise RuntimeError("the camera's thread dies")

    module.Picamera2.process_requests = broken
    return camera


def frames(camera: PiCamera) -> Iterator[Frame]:
    """Frames as they come, each given back."""
    for _ in range(FRAMES_MOST):
        frame = camera.next(60_000)
        assert frame is not None
        try:
            yield frame
        finally:
            camera.release(frame)


def drain(camera: PiCamera) -> None:
    """Take what still comes, for some seconds."""
    until_ms = now_ms() + 20_000
    while now_ms() < until_ms:
        frame = camera.next(100)
        if frame is not None:
            camera.release(frame)


def test_passes_are_read_from_the_cameras_own_buffers(picamera2: ModuleType) -> None:
    """Each pass that the camera plays is read; frames are new ones, in order, and know their age."""
    assert picamera2.Picamera2.global_camera_info(), "this libcamera lists no virtual camera"
    found: set[bytes] = set()
    taken_ms: list[int] = []
    with closing(PiCamera(CameraTable(), now_ms)) as camera, Reader(deadline_ms=20_000) as reader:
        for frame in frames(camera):
            assert (frame.width, frame.height) == (1280, 960)
            assert 0 <= latency_ms(frame, now_ms()) < 10_000
            taken_ms.append(frame.taken_ms)
            with suppress(DecoderHangError):  # an emulated machine may take too long to start one
                found.update(symbol.data for symbol in reader.read(frame))
            if found == set(PASSES) and len(taken_ms) > 60:
                break
    assert found == set(PASSES)
    assert taken_ms == sorted(taken_ms)
    assert camera.opened is not None
    assert camera.opened.model == "Pictures"


def test_a_reader_that_holds_a_frame_does_not_stop_the_camera(picamera2: ModuleType) -> None:
    """While one frame is held, others are taken and given back; the held one keeps its pixels."""
    assert picamera2
    with closing(PiCamera(CameraTable(), now_ms)) as camera:
        held = camera.next(60_000)
        assert held is not None
        pixels = bytes(held.luma)
        for _ in zip(range(40), frames(camera), strict=False):
            assert bytes(held.luma) == pixels
        camera.release(held)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # it is meant to die
def test_a_dead_thread_of_picamera2_is_a_silent_camera(
    picamera2: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception in picamera2's thread is an error within seconds, and closing does not hang on it."""
    monkeypatch.setattr(picamera2.Picamera2, "process_requests", picamera2.Picamera2.process_requests)
    camera = stalled(picamera2)
    with pytest.raises(CameraError, match="silent"):
        drain(camera)
    started_ms = now_ms()
    camera.close()
    assert now_ms() - started_ms < 2_000


def test_a_process_with_a_dead_camera_ends(picamera2: ModuleType) -> None:
    """Leaving with exit code 75 works with a camera that no longer answers: nothing waits for it."""
    assert picamera2
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", STALLING, str(Path(__file__).parent)]
    ended = subprocess.run(command, env=environment, timeout=120, check=False)
    assert ended.returncode == 75
