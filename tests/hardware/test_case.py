"""The case: sane in every combination, its windows where the signals want them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from hardware.making import case
from hardware.making.tools import ToolError, run, tool
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from doorcheck.edge.panel import LAMPS
from doorcheck.lab import masks

OPENSCAD = pytest.mark.skipif(
    shutil.which("openscad") is None, reason="no openscad here: sudo apt-get install openscad"
)
NAMES = [name for name, *_ in LAMPS]


def test_the_layout_is_the_cards() -> None:
    """case/shapes.scad is what the card is drawn from: nobody changed one and forgot the other."""
    text = (case.FOLDER / "shapes.scad").read_text(encoding="utf-8")
    assert text == case.shapes(), "not up to date: run hardware/make case"


def test_every_camera_and_board_of_the_source_is_tried() -> None:
    """A camera or board that is added to the source is added to what is checked and built."""
    source = case.SOURCE.read_text(encoding="utf-8")
    for variable, names in (("cameras", case.CAMERAS), ("boards", case.BOARDS)):
        table = re.search(rf"^{variable} = \[\n(.*?)^\];", source, re.MULTILINE | re.DOTALL)
        assert table
        assert re.findall(r'^\s+\["([^"]+)"', table[1], re.MULTILINE) == list(names)


@OPENSCAD
@pytest.mark.parametrize(("camera", "board"), case.COMBINATIONS)
def test_assertions_hold(camera: str, board: str, tmp_path: Path) -> None:
    """Camera to window, light shield, walls, clearances, vents, screws: the source's own assertions hold."""
    told = case.measure(camera, board, tmp_path)
    assert told[0].startswith(f'ECHO: "case {camera}/{board} '), told


@OPENSCAD
def test_lamps_are_in_the_panels_order(tmp_path: Path) -> None:
    """Seen by a visitor, red is left, amber in the middle, green right."""
    told = [re.search(r"lamp (\w+) x=(-?[\d.]+)", line) for line in case.measure("3", "4B", tmp_path)]
    places = {found[1]: float(found[2]) for found in told if found}
    assert sorted(places, key=places.__getitem__) == NAMES == ["red", "amber", "green"]


# One broken dimension each, and the words of the assertion that must stop it.
BROKEN = {
    "lens_gap=0.5": "behind the window",
    "lens_gap=14": "behind the window",
    "aperture=8": "in the picture",
    "window=23": "2 mm of glue",
    "wall=1": "walls are too thin",
    "post_d=6": "too thin for inserts",
    "shape_r=20": "larger than its chamber",
    "chamber_depth=10": "show as spots",
    "lamps_pitch=40": "light leaks",
    "lamps_y=20": "the ready dot",
    "ready_at=[-30,16]": "the ready dot has no room",
    "light_x=24": "illuminator touches",
    "sound_y=-36": "sounder touches the light shield",
    "plug=50": "touches the driver board",
    "depth=40": "touches the board",
    "vent_n=1": "too few vents",
    "width=260": "printer's bed",
}


@OPENSCAD
@pytest.mark.parametrize("change", BROKEN)
def test_a_broken_dimension_is_stopped(change: str, tmp_path: Path) -> None:
    """Each assertion can fail: a dimension that makes a bad box makes no box, and says why."""
    with pytest.raises(ToolError, match=BROKEN[change]):
        case.measure("3", "4B", tmp_path, "-D", change)


@OPENSCAD
def test_an_unknown_camera_is_an_error(tmp_path: Path) -> None:
    """A mistyped camera builds nothing."""
    with pytest.raises(ToolError, match="choose 1, 2, 3 or HQ"):
        case.measure("4", "4B", tmp_path)


@OPENSCAD
@pytest.mark.slow
def test_the_printed_front_has_the_windows_that_a_visitor_sees(tmp_path: Path) -> None:
    """The solid itself, cut just above its face and seen from outside: cross, mark, tick, from left."""
    case.build(tmp_path / "front.stl", case.set_to("3", "4B", "front"))
    cut = tmp_path / "cut.scad"
    cut.write_text('projection(cut = true) translate([0, 0, -1]) import("front.stl", convexity = 9);')
    run([tool("openscad"), "-o", tmp_path / "cut.svg", cut])
    solid = Cut((tmp_path / "cut.svg").read_text(encoding="utf-8")).solid
    for number, (name, rings) in enumerate(masks.WINDOWS):
        for ring in rings:
            inside = _inside(ring)
            assert not solid(_place(number, inside)), f"{name}: its window is not open"
    right_of_tick = _place(NAMES.index("green"), (0.75, 0.35))
    mirrored = _place(NAMES.index("green"), (-0.75, 0.35))
    assert not solid(right_of_tick)
    assert solid(mirrored), "the tick is mirrored"
    assert not solid(masks.READY_MM)
    assert not solid(masks.CAMERA_MM)
    assert solid((-masks.READY_MM[0], masks.READY_MM[1]))


def _place(number: int, at: tuple[float, float]) -> tuple[float, float]:
    x, y = masks.lamp_mm(number)
    return x + at[0] * masks.SHAPE_RADIUS_MM, y + at[1] * masks.SHAPE_RADIUS_MM


def _inside(ring: tuple[tuple[float, float], ...]) -> tuple[float, float]:
    """The point deepest inside a ring: what is left when it is worn away from its edge."""
    image = Image.new("L", (221, 221))
    ImageDraw.Draw(image).polygon([(110 + x * 100, 110 + y * 100) for x, y in ring], fill=255)
    last = image
    while image.getbbox():
        last, image = image, image.filter(ImageFilter.MinFilter(3))
    at = np.argwhere(np.asarray(last))[0]
    return (int(at[1]) - 110) / 100, (int(at[0]) - 110) / 100


class Cut:
    """Where plastic is at a visitor's (x, y), from OpenSCAD's SVG of a cut."""

    def __init__(self, svg: str) -> None:
        path = re.search(r'<path d="([^"]*)"', svg, re.DOTALL)
        assert path
        self.scale, size = 4, 800
        self.image = Image.new("1", (size, size))
        for ring in path[1].split("z"):
            numbers = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", ring)]
            points = list(zip(numbers[::2], numbers[1::2], strict=True))
            if len(points) > 2:
                layer = Image.new("1", (size, size))
                corners = [(size / 2 + x * self.scale, size / 2 + y * self.scale) for x, y in points]
                ImageDraw.Draw(layer).polygon(corners, fill=1)
                self.image = ImageChops.logical_xor(self.image, layer)

    def solid(self, at: tuple[float, float]) -> bool:
        """The front lies on its face, so a visitor's right is its left; an SVG's y points down."""
        middle = self.image.width / 2
        return bool(self.image.getpixel((int(middle - at[0] * self.scale), int(middle - at[1] * self.scale))))
