"""`doorcheck camera check`: figures that can be believed, and no picture but that of a chart."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from doorcheck.commands import camera as command
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.edge import sharpness
from doorcheck.edge.cameracheck import CHART, ChartPicture, NoChartError, Rate, focus_words, is_chart
from doorcheck.edge.decoder import FORMATS, Attempt
from doorcheck.edge.frame import Frame
from doorcheck.edge.reader import DecoderHangError
from doorcheck.lab.carriers import Carrier
from doorcheck.lab.scenes import HEIGHT, WIDTH, Prop, Scene, View, render

CHART_PROP = Prop(
    b"doorcheck chart 1 3", carrier=Carrier.SHEET, enters_ms=-2000, held_ms=9000, module_px=8, yaw=0, pitch=0
)
PASS_PROP = replace(CHART_PROP, payload=b"HC1:ZQX MARKED VISITOR DATA 0123456789", module_px=6)

Check = Callable[..., tuple[int, str, str]]


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    """Runs `doorcheck camera check` with arguments: exit code, output, errors."""

    def run(*words: object) -> tuple[int, str, str]:
        parser = argparse.ArgumentParser()
        command.configure(parser)
        code = command.run(parser.parse_args(["check", *map(str, words)]))
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def folder_of(tmp_path: Path, *scenes: Scene) -> Path:
    """A folder with a picture of each scene."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, scene in enumerate(scenes):
        Image.fromarray(render(scene, 0)).save(folder / f"{number}.png")
    return folder


def frame(scene: Scene) -> Frame:
    """The scene's first frame."""
    return Frame(memoryview(render(scene, 0).tobytes()), WIDTH, HEIGHT, WIDTH, 0)


def test_the_report_says_how_the_camera_is(tmp_path: Path, check: Check) -> None:
    """Half of the frames hold a chart: the rates, the light, the chart's codes."""
    folder = folder_of(tmp_path, Scene((CHART_PROP,)), Scene())
    code, out, _ = check("--frames", folder, "--seconds", 2, "--json")
    report: dict[str, Any] = json.loads(out)
    assert code == 0
    assert report["faults"] == []
    assert (report["frames_per_second"], report["frames_wanted"], report["frames"]) == (10.0, 10, 10)
    assert report["chart_codes"] == [3]
    assert 0.2 < report["decoded_share"] <= 0.6
    assert 30 < report["brightness"] < 200


def test_the_report_reads_as_lines(tmp_path: Path, check: Check) -> None:
    """For people: a name and its figures a line."""
    code, out, _ = check("--frames", folder_of(tmp_path, Scene((CHART_PROP,))), "--seconds", 1)
    assert code == 0
    names = [line.split()[0] for line in out.splitlines()]
    assert names == ["frames", "sharpness", "light", "read", "latency"]
    assert "chart codes: 3" in out
    assert " 0 ms from exposure" in out


def test_a_terminal_gets_a_meter(tmp_path: Path, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that is written over, frame by frame; the report takes its place."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    code, out, _ = check("--frames", folder_of(tmp_path, Scene((CHART_PROP,))), "--seconds", 1)
    assert code == 0
    *meter, report = out.split(command.CLEAR)
    assert "sharpness ████████████" in meter[-1]
    assert "read  5 of 5" in meter[-1]
    assert report.startswith("frames ")


def test_the_charts_picture_is_saved_without_what_is_around_it(tmp_path: Path, check: Check) -> None:
    """One picture, cut to the chart's codes and a margin."""
    kept = tmp_path / "chart.png"
    folder = folder_of(tmp_path, Scene((CHART_PROP,)))
    code, _, err = check("--frames", folder, "--seconds", 1, "--save-chart", kept)
    assert code == 0
    assert "cut out of one frame" in err
    with Image.open(kept) as picture:
        side = 8 * 29 * (1 + 2 * 0.15)  # a code of 29 modules of 8 pixels, and the margins
        assert picture.width == pytest.approx(side, rel=0.1)
        assert picture.height == pytest.approx(side, rel=0.1)


@pytest.mark.parametrize("beside", [False, True])
def test_a_visitors_picture_is_never_saved(tmp_path: Path, check: Check, beside: bool) -> None:
    """A pass, alone or held beside a chart: nothing is written, and the reason is told."""
    chart = replace(CHART_PROP, place=(0.25, 0.45), module_px=7)
    props = (chart, replace(PASS_PROP, place=(0.72, 0.45))) if beside else (PASS_PROP,)
    kept = tmp_path / "chart.png"
    folder = folder_of(tmp_path, Scene(props))
    code, out, err = check("--frames", folder, "--seconds", 1, "--save-chart", kept)
    assert code == 1
    assert "no picture was saved" in err
    assert list(tmp_path.iterdir()) == [folder]
    assert "ZQX" not in out + err


@pytest.mark.parametrize(
    "data",
    [
        b"doorcheck chart 1 3 HC1:X",
        b"xdoorcheck chart 1 3",
        b"doorcheck chart 1 3\nHC1:X",
        b"doorcheck chart",
    ],
)
def test_only_a_charts_whole_content_makes_a_chart(data: bytes) -> None:
    """A pass that begins like a chart is none; and one foreign code spoils the view."""
    assert not CHART.fullmatch(data)
    chart = Symbol(SymbolFormat.QR, b"doorcheck chart 1 3")
    assert is_chart([chart])
    assert not is_chart([chart, Symbol(SymbolFormat.QR, data)])
    assert not is_chart([])


@pytest.mark.parametrize("near", [[], [b"doorcheck chart 1 3", b"HC1:X"], None])
def test_a_chart_with_something_near_it_is_not_kept(near: list[bytes] | None) -> None:
    """What is cut out is looked at again, for every kind of code; in doubt nothing is kept."""

    class Again:
        def look(self, frame: Frame, attempt: Attempt) -> list[Symbol]:
            assert frame.width < WIDTH / 2
            assert attempt == FORMATS
            if near is None:
                raise DecoderHangError
            return [Symbol(SymbolFormat.AZTEC, data) for data in near]

    picture = ChartPicture()
    corners = ((500, 400), (700, 400), (700, 600), (500, 600))
    shown = Symbol(SymbolFormat.QR, b"doorcheck chart 1 3", corners)
    picture.offer(frame(Scene((CHART_PROP,))), [shown], Again())
    with pytest.raises(NoChartError, match="a visitor's never"):
        picture.taken()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--seconds", "0"], "--seconds: from 1 to 3600"),
        (["--frames", "{tmp}/none"], "give a folder with nothing but pictures"),
        (["--frames", "{tmp}"], "no picture in this folder"),
        (["--door", "{tmp}/none.toml"], "none.toml: No such file"),
    ],
)
def test_bad_usage_is_named(tmp_path: Path, check: Check, words: list[str], told: str) -> None:
    """Exit code 2, and a line with the argument."""
    code, out, err = check(*(word.format(tmp=tmp_path) for word in words))
    assert (code, out) == (2, "")
    assert told in err


def test_a_camera_that_is_not_there_is_a_fault(check: Check) -> None:
    """Exit code 1: which device, and what to do."""
    code, _, err = check("--webcam", "/dev/video-none", "--seconds", 1)
    assert code == 1
    assert "video" in err


def test_the_rate_is_that_of_the_frames_own_times() -> None:
    """Eleven frames in half a second with a gap of 100 ms."""
    rate = Rate()
    for taken_ms in [*range(0, 250, 50), *range(300, 550, 50)]:
        rate.add(taken_ms)
    assert rate.longest_gap_ms == 100
    assert rate.per_second == pytest.approx(18.0)
    assert Rate().per_second == 0


@pytest.mark.parametrize("light", [1.0, 0.4])
def test_sharpness_falls_with_blur_whatever_the_light(light: float) -> None:
    """A lens that is turned out of focus shows it at each step, in a bright hall and a dim one."""
    view = View(light=light, noise_gain=1 if light == 1 else 2)
    steps = [
        sharpness.look(frame(Scene((replace(CHART_PROP, defocus_px=blur),), view=view))).sharpness
        for blur in (0, 1, 2, 4)
    ]
    assert steps == sorted(steps, reverse=True)
    assert steps[0] > 2 * steps[2] > 0
    assert [focus_words(steps[0]), focus_words(steps[3])] == ["sharp", "out of focus"]


def test_a_blank_wall_has_no_sharpness() -> None:
    """Nothing in view: no figure made of noise."""
    blank = Frame(memoryview(bytes([90]) * (64 * 48)), 64, 48, 64, 0)
    seen = sharpness.look(blank)
    assert (seen.sharpness, seen.brightness, seen.dark, seen.burnt) == (0, 90, 0, 0)
    assert focus_words(seen.sharpness) == "nothing in view to be sharp"
