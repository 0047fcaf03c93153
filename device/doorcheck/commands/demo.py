"""`doorcheck demo`: the simulated door, or the real loop on other pictures."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from doorcheck.commands import arguments as words
from doorcheck.commands.arguments import InputError
from doorcheck.daemon import Door
from doorcheck.edge import sources, video
from doorcheck.edge.frame import CameraError
from doorcheck.edge.panel import Metronome, PanelDriver, TimelineRecorder
from doorcheck.edge.reader import Reader
from doorcheck.lab import play, stage
from doorcheck.lab.audience import Audience, PlainAudience, TerminalAudience

EXAMPLES = """\
examples:
  doorcheck demo                                  the story, with invented visitors
  doorcheck demo --story leak                     a leaked pass, from its photograph to every door
  doorcheck demo --speed 3                        faster
  doorcheck demo --record timeline.jsonl | cat    plain lines, and the panel's timeline
  doorcheck lab passes/ && doorcheck demo --frames passes/ --trust passes/trust.dctl
  doorcheck demo --video hall.mp4 --trust trust.dctl
  doorcheck demo --camera /dev/video0 --trust trust.dctl

exit codes: 0 the story went as told (or the pictures ended), 1 the door said something
else than the story expects, 2 bad usage or no such pictures, 130 Ctrl-C
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "--story",
        choices=("door", "leak"),
        default="door",
        help="ten visitors at a door, or a leak: from its photograph to three doors (default: door)",
    )
    parser.add_argument(
        "--keep", metavar="DIR", type=Path, help="with --story leak: keep all of it in that folder"
    )
    eyes = parser.add_mutually_exclusive_group()
    eyes.add_argument(
        "--frames", metavar="DIR", type=Path, help="pictures of a folder, in the order of their names"
    )
    eyes.add_argument("--video", metavar="FILE", type=Path, help="a video file")
    eyes.add_argument("--camera", metavar="DEVICE", type=Path, help="a V4L2 camera, like /dev/video0")
    words.add_world_arguments(parser)
    parser.add_argument(
        "--record", metavar="FILE", type=Path, help="write the panel's timeline, a JSON object a change"
    )
    parser.add_argument(
        "--speed", metavar="N", type=float, default=1.0, help="play the story N times as fast"
    )
    parser.add_argument("--plain", action="store_true", help="plain lines, as without a terminal")


def run(arguments: argparse.Namespace) -> int:
    """Play until the story or the pictures end."""
    if not 0 < arguments.speed <= 1000:
        print(
            f"doorcheck demo: --speed {arguments.speed:g}: give a number above 0, up to 1000", file=sys.stderr
        )
        return 2
    plain = arguments.plain or not sys.stdout.isatty()
    if arguments.story == "leak":
        return _leak(arguments.keep)
    try:
        with _record(arguments.record) as record:
            if arguments.frames or arguments.video or arguments.camera:
                return _watch(arguments, record, plain=plain)
            return _play(record, speed=None if plain else arguments.speed)
    except (InputError, CameraError) as error:
        print(f"doorcheck demo: {error}", file=sys.stderr)
        return 2


@contextlib.contextmanager
def _record(path: Path | None) -> Iterator[TextIO | None]:
    if path is None:
        yield None
        return
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        raise InputError(f"--record {path}: {(error.strerror or str(error)).lower()}") from error
    with file:
        yield file


def _leak(keep: Path | None) -> int:
    """The story of a leak, each step with its time."""
    from doorcheck.lab import leak  # signing and publishing: seconds that the door's story need not wait

    def tell(text: str) -> None:
        print(text, flush=True)

    try:
        with contextlib.ExitStack() as stack:
            if keep is None:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="doorcheck-leak-")))
            else:
                folder = keep
                folder.mkdir(parents=True)
            tell(leak.INTRODUCTION)
            began = time.monotonic()
            leak.Leak(folder, tell).play()
            tell(f"{time.monotonic() - began:7.2f} s  in all: as the story is told")
    except OSError as error:
        print(f"doorcheck demo: {error.filename}: {(error.strerror or '').lower()}", file=sys.stderr)
        return 2
    except leak.StoryError as error:
        print(f"doorcheck demo: {error}", file=sys.stderr)
        return 1
    return 0


def _play(record: TextIO | None, speed: float | None) -> int:
    """The story; `speed` None: as fast as it goes, in plain lines."""
    audience: Audience = PlainAudience(sys.stdout) if speed is None else TerminalAudience(test=True)
    return play.story(audience, record, datetime.now(UTC), speed)


def _watch(arguments: argparse.Namespace, record: TextIO | None, *, plain: bool) -> int:
    """The same loop on other pictures, with the operator's own lists."""
    bench = words.bench(arguments)
    if arguments.camera:
        return _live(arguments, bench, record, plain=plain)
    clock = stage.StoryClock(bench.clock.moment().utc)
    if arguments.frames:
        files = [Path(one) for one in sources.find([str(arguments.frames)]) if isinstance(one, str)]
        if not files:
            raise InputError(f"--frames {arguments.frames}: no picture there; give a folder of pictures")
        audience = _audience(bench, plain=plain)
        frames = stage.pictures(files, clock, audience.tell)
    else:
        frames = video.play(arguments.video)
        first = next(frames, None)  # a file that is no video is told before the screen is taken
        audience = _audience(bench, plain=plain)
        frames = itertools.chain([first] if first else [], frames)
    speed = None if plain else arguments.speed
    return play.watch(audience, record, frames, clock, bench.world, speed, audience.hear)


def _live(arguments: argparse.Namespace, bench: words.Bench, record: TextIO | None, *, plain: bool) -> int:
    """A real camera, in real time."""
    now_ms = bench.clock.now_ms
    with contextlib.ExitStack() as stack:
        camera = stack.enter_context(contextlib.closing(video.WebcamCamera(str(arguments.camera), now_ms)))
        audience = stack.enter_context(contextlib.closing(_audience(bench, plain=plain)))
        audience.now_ms = now_ms
        reader = stack.enter_context(Reader())
        driver = PanelDriver(audience if record is None else TimelineRecorder(audience, record, now_ms))
        stack.callback(driver.close)
        stack.enter_context(contextlib.closing(Metronome(driver, now_ms))).start()
        door = Door(camera, reader, bench.clock, driver, lambda: bench.world, decided=audience.hear)
        return play.run(door, audience, driver)


def _audience(bench: words.Bench, *, plain: bool) -> Audience:
    trust = bench.world.trust
    test = trust is not None and trust.has_test_signer
    return PlainAudience(sys.stdout) if plain else TerminalAudience(test=test)
