"""Reading what a decoder can't: areas found by texture, a grid fitted, blur undone, errors corrected."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import zxingcpp
from PIL import Image, ImageDraw, ImageFilter

from doorcheck.core.symbol import SymbolFormat
from doorcheck.lab.carriers import code_modules
from doorcheck.operator.faint.areas import areas
from doorcheck.operator.faint.correction import corrected
from doorcheck.operator.faint.equaliser import cancelled, equalised, surroundings
from doorcheck.operator.faint.fit import GOOD_FIT, Fit, fits
from doorcheck.operator.faint.perspective import centres, evened, holds, homography, sampled, through
from doorcheck.operator.faint.reading import restored
from doorcheck.operator.faint.structure import VERSIONS, structure, width_of

PASS = b"HC1:NCF0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:" * 8
SQUARE = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float64)
TILTED = np.array([(210, 90), (520, 150), (490, 430), (150, 380)], np.float64)


def modules_of(version: int, level: str, seed: int = 0) -> npt.NDArray[np.float32] | None:
    """A symbol of that version as zxing-cpp draws it, 1 for light; None where no text fits it exactly."""
    rng = np.random.default_rng(seed)
    low, high = 1, 4400
    while low < high:
        length = (low + high) // 2
        text = bytes(rng.choice(list(b"ABCDEFGHJKLMNPQRSTUVWXYZ0123456789$%*"), length).astype(np.uint8))
        try:
            modules = code_modules(text, SymbolFormat.QR, level)
        except ValueError:
            high = length
            continue
        if len(modules) == width_of(version):
            return np.where(modules > 127, 1, -1).astype(np.float32)
        low, high = (length + 1, high) if len(modules) < width_of(version) else (low, length)
    return None


def drawn(quad: npt.NDArray[np.float64] = TILTED, bulge_modules: float = 0.0) -> Image.Image:
    """A pass on white paper, in perspective, before plaster; bulging if asked for."""
    modules = code_modules(PASS, SymbolFormat.QR)
    width = len(modules)
    framed = np.pad(modules, 6, constant_values=255).astype(np.float32)
    size = (700, 520)
    places = through(homography(quad, width * SQUARE), centres(*size))
    arc = 4 * (places[:, 0] / width) * (1 - places[:, 0] / width)
    places[:, 1] -= bulge_modules * arc
    tones = sampled(np.kron(framed, np.ones((4, 4), np.float32)), (places + 6) * 4)
    on_paper = ((places > -6) & (places < width + 6)).all(1)
    plaster = np.random.default_rng(3).normal(120, 4, len(places))
    picture = np.where(on_paper, 40 + 0.7 * tones, plaster).reshape(size[1], size[0])
    return Image.fromarray(picture.clip(0, 255).astype(np.uint8))


def errors(light: npt.NDArray[np.float32], fit: Fit) -> float:
    """The share of modules that are wrong."""
    truth = code_modules(PASS, SymbolFormat.QR).ravel() > 127
    assert len(truth) == width_of(fit.version) ** 2
    return float(np.mean((light > 0) != truth))


@pytest.mark.parametrize(
    "version", [2, 5, 7, 14, 21, 32, *(pytest.param(v, marks=pytest.mark.slow) for v in VERSIONS)]
)
@pytest.mark.parametrize("level", ["L", "M", "Q", "H"])
def test_structure_and_error_correction_are_the_standards(version: int, level: str) -> None:
    """Every version and level as zxing-cpp draws it: the structure agrees, and errors are corrected to it."""
    light = modules_of(version, level)
    if light is None:
        pytest.skip("no text is just as long")
    fixed = structure(version)
    assert (light[fixed != 0] == -fixed[fixed != 0]).all()
    noise = np.random.default_rng(version).normal(0, 0.35, light.shape).astype(np.float32)
    for seen in (light, light + noise):
        repaired = corrected(4 * seen, version)
        assert repaired.whole
        assert repaired.sure.sum() >= light.size - 2 * 15 - 1 - 7
        assert (repaired.modules == light).all()


def test_doubt_doubles_what_error_correction_can_do() -> None:
    """A fifth of the symbol hidden is more than a decoder repairs; known as hidden, it comes back."""
    light = modules_of(18, "Q")
    assert light is not None
    hidden = light.copy()
    hidden[30:70, 25:80] = np.random.default_rng(5).normal(0, 0.05, (40, 55))
    repaired = corrected(8 * hidden, 18)
    assert repaired.whole
    assert (repaired.modules == light).all()
    bare = np.kron(np.pad(np.where(hidden > 0, 255, 0), 4, constant_values=255), np.ones((4, 4)))
    assert not zxingcpp.read_barcodes(bare.astype(np.uint8))


def test_what_is_beyond_correction_is_said_to_be() -> None:
    """Noise is no symbol: nothing is whole, and no content is called sure."""
    noise = np.random.default_rng(2).normal(0, 4, (89, 89)).astype(np.float32)
    repaired = corrected(noise, 18)
    assert not repaired.whole
    assert (repaired.sure == (structure(18) != 0)).all()


def test_the_area_of_a_code_comes_first() -> None:
    """Among text and plaster, the code's own four corners, within a few modules."""
    picture = drawn()
    ImageDraw.Draw(picture).text((20, 470), "AND ENTRY PASS THE VENUE RULE " * 3, fill=20)
    first = areas(picture)[0]
    side_px = 4.0 * 300 / width_of(18)
    assert min(np.abs(np.roll(first.corners, turn, 0) - TILTED).max() for turn in range(4)) < 2 * side_px


def test_areas_are_found_in_no_flat_picture() -> None:
    """A wall has none, nor has a picture too small to hold one."""
    assert areas(Image.new("L", (600, 400), 90)) == []
    assert areas(drawn().crop((200, 100, 250, 150))) == []


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("bulge_modules", [0.0, 1.6])
def test_a_grid_is_fitted_to_half_a_module(turn: int, bulge_modules: float) -> None:
    """Whichever way up it is, flat or bent, and from corners that are ten pixels off."""
    quad = np.roll(TILTED, turn, 0)
    plane = np.asarray(drawn(quad, bulge_modules), np.float32)
    off = TILTED + np.array([(-9, 7), (10, -6), (5, 10), (-10, -3)])
    fit = next(fits(plane, off))
    width = width_of(fit.version)
    assert width == len(code_modules(PASS, SymbolFormat.QR))
    assert fit.agreement > 0.8
    modules = np.array([(x, y) for x in (3.5, width / 2, width - 3.5) for y in (3.5, width / 2, width - 3.5)])
    arc = 4 * (modules[:, 0] / width) * (1 - modules[:, 0] / width)
    bent = modules + np.stack([0 * arc, bulge_modules * arc], -1)
    expected = through(homography(width * SQUARE, quad), bent)
    assert np.abs(fit.places(modules) - expected).max() < 0.5 * 300 / width


def test_nothing_is_fitted_to_what_is_no_code() -> None:
    """Random modules have no structure; their area is looked at, and left."""
    noise = 255.0 * np.random.default_rng(4).integers(0, 2, (93, 93))
    plane = np.pad(np.kron(noise, np.ones((4, 4))), 60, constant_values=255).astype(np.float32)
    found = list(fits(plane, 60 + 372 * SQUARE))
    assert all(fit.agreement < GOOD_FIT + 0.05 for fit in found)


def test_a_blur_is_undone() -> None:
    """Half a module out of focus: one in twenty modules is wrong at first, then next to none."""
    picture = drawn().filter(ImageFilter.GaussianBlur(2.3))
    noisy = np.asarray(picture, np.float32) + np.random.default_rng(1).normal(0, 3, (520, 700))
    plane = noisy.astype(np.float32)
    fit = next(fits(plane, TILTED))
    around = surroundings(plane, fit)
    fixed = structure(fit.version).ravel()
    known, truth = fixed != 0, -fixed.astype(np.float32)
    at_first = around[:, around.shape[1] // 2 - 1]
    by_weights = equalised(around, known, truth)
    at_last = cancelled(around, known, truth, by_weights)
    assert errors(at_first, fit) > 0.05
    assert errors(by_weights, fit) < 0.6 * errors(at_first, fit)
    assert errors(at_last, fit) < 0.5 * errors(by_weights, fit)


def test_a_code_with_a_finder_blinded_is_restored() -> None:
    """Gloss over one of the three patterns that decoders need: the clean symbol is drawn all the same."""
    picture = drawn()
    ImageDraw.Draw(picture).ellipse((480, 120, 540, 180), fill=255)
    assert not zxingcpp.read_barcodes(picture)
    clean = next(one for one in restored(picture, areas(picture)[0]))
    assert clean.clean
    (found,) = zxingcpp.read_barcodes(clean.picture)
    assert bytes(found.bytes) == PASS


def test_light_is_evened_and_points_are_placed() -> None:
    """A shade over a pattern leaves the pattern; inside and outside of four corners are told apart."""
    stripes = np.tile(np.where(np.arange(90) // 3 % 2, 200, 50), (90, 1)).astype(np.float32)
    shaded = stripes * np.linspace(0.3, 1, 90, dtype=np.float32)[:, None]
    even = evened(shaded, 12)
    assert ((even > 0) == (stripes > 100))[5:-5, 5:-5].mean() > 0.98
    assert holds(TILTED, TILTED.mean(0))
    assert not holds(TILTED, np.array([150.0, 90.0]))
