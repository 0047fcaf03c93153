"""`doorcheck camera`: whether the camera is quick, sharp and bright enough for passes."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from doorcheck.config import LARGEST_BYTES, CameraTable, DoorSettings, SettingsError, parse_door
from doorcheck.edge.camera import PiCamera, camera_from, latency_ms
from doorcheck.edge.cameracheck import ChartPicture, Findings, NoChartError, Rate, focus_words
from doorcheck.edge.frame import Camera, CameraError, Frame
from doorcheck.edge.panel import monotonic_ms
from doorcheck.edge.reader import DecoderHangError, Reader
from doorcheck.edge.sharpness import look
from doorcheck.edge.stall import FIRST_FRAME_MS
from doorcheck.edge.store import StoreError, read_bounded, write_atomically

EXAMPLES = """\
examples:
  doorcheck camera check                         ten seconds, with a meter on the terminal
  doorcheck camera check --seconds 60            while you turn the lens, chart in hand
  doorcheck camera check --save-chart chart.png  and one picture of the test chart
  doorcheck camera check --webcam /dev/video0    any webcam
  doorcheck camera check --frames pictures/      a folder of pictures, as if a camera saw them

Hold a test chart (`doorcheck chart`) into the middle of the view. The door's own service
must not be running, for a camera serves one program at a time.

Nothing that is in view is kept or shown. With --save-chart one picture is, of a test chart
that is alone in view, cut out of the frame; if none was read, nothing is saved.

exit codes: 0 all is well, 1 the camera is too slow, broke, or no chart could be saved,
2 bad usage or unreadable input
"""
DOOR = Path("/etc/doorcheck/door.toml")
RATE_S = 2
"""Frames are first only counted, that long at most: reading them would slow a slow board's camera."""
SLOW = 0.9
"""Below that share of the frames wanted, the camera is too slow."""
CLEAR = "\r\x1b[K"
METER_CELLS, METER_FULL = 20, 0.4
PLAYED_FPS = 10
"""Of a folder of pictures, in time that is as quick as the machine."""


class UsageError(Exception):
    """An argument can't be used; the text names it, says why, and what to do."""


@dataclass(slots=True)
class Checked:
    """All that one check found."""

    rate: Rate = field(default_factory=Rate)
    findings: Findings = field(default_factory=Findings)
    chart: ChartPicture | None = None
    broke: str | None = None


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = EXAMPLES
    kinds = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    check = kinds.add_parser(
        "check", help="frame rate, exposure, sharpness, light, and how many frames are read"
    )
    check.epilog, check.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
    check.add_argument("--seconds", type=float, default=10, help="how long (default: 10)")
    check.add_argument("--json", action="store_true", help="one JSON object")
    check.add_argument("--save-chart", metavar="FILE", type=Path, help="save a picture of the test chart")
    which = check.add_mutually_exclusive_group()
    which.add_argument("--door", metavar="FILE", type=Path, help=f"the box's settings (default: {DOOR})")
    which.add_argument("--webcam", metavar="DEVICE", help="a webcam, such as /dev/video0")
    which.add_argument("--frames", metavar="FOLDER", type=Path, help="pictures in the camera's place")


def run(arguments: argparse.Namespace) -> int:
    """Look for some seconds, then report."""
    try:
        if not 1 <= arguments.seconds <= 3600:
            raise UsageError("--seconds: from 1 to 3600")
        settings = _settings(arguments)
        camera, now_ms = _camera(arguments, settings)
    except (UsageError, CameraError) as error:
        print(f"doorcheck camera: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    checked = Checked(chart=ChartPicture() if arguments.save_chart else None)
    live = sys.stdout.isatty() and not arguments.json
    meter = _meter if live else lambda _checked: None
    try:
        with contextlib.closing(camera), Reader() as reader:
            _check(camera, reader, now_ms, round(arguments.seconds * 1000), checked, meter)
    except CameraError as error:
        checked.broke = str(error)
    report = _report(checked, camera, settings)
    if live:
        print(CLEAR, end="")
    print(json.dumps(report, indent=2) if arguments.json else _as_text(report))
    return max(_saved(arguments.save_chart, checked), 1 if report["faults"] else 0)


def _settings(arguments: argparse.Namespace) -> CameraTable:
    """The camera's table of the settings that the arguments name. Raises `UsageError`."""
    if arguments.webcam is not None:
        return CameraTable(kind="webcam", device=arguments.webcam)
    if arguments.frames is not None:
        return CameraTable(full_fps=PLAYED_FPS)
    if arguments.door is None and not DOOR.exists():
        return DoorSettings().camera
    path = arguments.door or DOOR
    try:
        return parse_door(read_bounded(path, LARGEST_BYTES)).camera
    except (OSError, SettingsError) as error:
        why = error.strerror or error if isinstance(error, OSError) else error
        raise UsageError(f"--door {path}: {why}") from error


def _camera(arguments: argparse.Namespace, settings: CameraTable) -> tuple[Camera, Callable[[], int]]:
    """The camera and its clock. Raises `UsageError`, or `CameraError` when it can't be opened."""
    if arguments.frames is None:
        return camera_from(settings, monotonic_ms), monotonic_ms
    from doorcheck.lab.stage import PlayedCamera, StoryClock  # only here: it needs numpy

    clock = StoryClock(datetime.now(UTC))
    return PlayedCamera(_played(_pictures(arguments.frames), clock.now_ms), clock), clock.now_ms


def _pictures(folder: Path) -> list[Frame]:
    """The folder's pictures, by name. Raises `UsageError`."""
    from doorcheck.edge.pictures import PictureError, load_luma  # only here

    try:
        frames = [load_luma(path) for path in sorted(folder.iterdir()) if path.is_file()]
    except (OSError, PictureError) as error:
        raise UsageError(f"--frames {folder}: {error}; give a folder with nothing but pictures") from error
    if not frames:
        raise UsageError(f"--frames {folder}: no picture in this folder")
    return frames


def _played(pictures: list[Frame], now_ms: Callable[[], int]) -> Iterator[Frame]:
    """The pictures, one after another, again and again."""
    for shown in itertools.cycle(pictures):
        taken_ms = now_ms() + 1000 // PLAYED_FPS
        yield dataclasses.replace(shown, luma=memoryview(shown.luma), taken_ms=taken_ms)


def _check(
    camera: Camera,
    reader: Reader,
    now_ms: Callable[[], int],
    lasts_ms: int,
    checked: Checked,
    meter: Callable[[Checked], None],
) -> None:
    """Count frames for a while, then read them. Raises `CameraError`."""
    first = camera.next(FIRST_FRAME_MS)
    if first is None:
        raise CameraError("no frame came; check the camera's cable")
    camera.release(first)
    started_ms = now_ms()
    for frame in _frames(camera, now_ms, started_ms + min(RATE_S * 1000, lasts_ms // 2)):
        checked.rate.add(frame.taken_ms)
    for frame in _frames(camera, now_ms, started_ms + lasts_ms):
        try:
            symbols = reader.read(frame)
        except DecoderHangError:
            checked.findings.hangs += 1
            continue
        if checked.chart is not None:
            checked.chart.offer(frame, symbols, reader)
        checked.findings.add(look(frame), symbols, latency_ms(frame, now_ms()))
        meter(checked)


def _frames(camera: Camera, now_ms: Callable[[], int], until_ms: int) -> Iterator[Frame]:
    """Frames until that time, each given back. Raises `CameraError`."""
    with contextlib.suppress(EOFError):
        while now_ms() < until_ms:
            frame = camera.next(100)
            if frame is not None:
                try:
                    yield frame
                finally:
                    camera.release(frame)


def _meter(checked: Checked) -> None:
    """One line on the terminal that follows the lens."""
    findings = checked.findings
    seen = findings.looks[-1]
    filled = min(METER_CELLS, round(seen.sharpness / METER_FULL * METER_CELLS))
    print(
        f"{CLEAR}sharpness {'█' * filled}{'·' * (METER_CELLS - filled)} {seen.sharpness * 100:3.0f}  "
        f"brightness {seen.brightness:3.0f}  read {sum(findings.lately):2} of {len(findings.lately)}",
        end="",
        flush=True,
    )


def _report(checked: Checked, camera: Camera, settings: CameraTable) -> dict[str, Any]:
    """Everything, for programs; `faults` says in words what is not well."""
    figures = dataclasses.asdict(checked.findings.figures())
    report: dict[str, Any] = {
        "frames_per_second": checked.rate.per_second,
        "frames_wanted": settings.full_fps,
        "longest_gap_ms": checked.rate.longest_gap_ms,
        **figures,
        "decoder_kills": checked.findings.hangs,
        "notes": [],
    }
    if isinstance(camera, PiCamera):
        if camera.opened is not None:
            report |= dataclasses.asdict(camera.opened)
        if camera.reading is not None:
            report |= dataclasses.asdict(camera.reading)
    faults = [] if checked.broke is None else [checked.broke]
    if checked.broke is None and checked.rate.per_second < SLOW * settings.full_fps:
        faults.append(
            f"too slow: {checked.rate.per_second:.1f} frames a second, {settings.full_fps} are wanted"
        )
    report["faults"] = faults
    return report


def _as_text(report: dict[str, Any]) -> str:
    """For people: a line for each thing, faults last."""
    lines = []

    def line(name: str, words: str) -> None:
        lines.append(f"{name:12}{words}")

    if "model" in report:
        line("camera", f"{report['model']}, {report['width']}x{report['height']}")
    line(
        "frames",
        f"{report['frames_per_second']:.1f} a second ({report['frames_wanted']} are wanted), "
        f"longest gap {report['longest_gap_ms']} ms",
    )
    if report.get("exposure_us") is not None:
        focus = report["focus_dioptres"]
        at = f", focus at {100 / focus:.0f} cm" if focus else ""
        line("exposure", f"{report['exposure_us'] / 1000:.1f} ms, gain {report['gain'] or 0:.1f}{at}")
    if report["sharpness"] is not None:
        sharpness = report["sharpness"]
        line("sharpness", f"{sharpness * 100:.0f}: {focus_words(sharpness)}")
        line(
            "light",
            f"{report['brightness']:.0f} of 255; {report['dark']:.0%} black, {report['burnt']:.0%} burnt out",
        )
        codes = ", ".join(map(str, report["chart_codes"])) or "none"
        line("read", f"{report['decoded_share']:.0%} of {report['frames']} frames; chart codes: {codes}")
        line("latency", f"{report['latency_ms']:.0f} ms from exposure to read")
    for note in report["notes"]:
        line("note", note)
    for fault in report["faults"]:
        line("FAULT", fault)
    return "\n".join(lines)


def _saved(path: Path | None, checked: Checked) -> int:
    """Save the chart's picture, if one is wanted; returns the exit code."""
    if path is None or checked.chart is None:
        return 0
    try:
        write_atomically(path, checked.chart.taken())
    except (NoChartError, StoreError) as error:
        print(f"doorcheck camera: --save-chart {path}: {error}", file=sys.stderr)
        return 1
    print(f"saved {path}: the test chart, cut out of one frame", file=sys.stderr)
    return 0
