"""The rendered scenes: repeatable camera frames that a decoder has work with, and can read."""

from __future__ import annotations

import numpy as np
import pytest
import zxingcpp

from doorcheck.core.symbol import SymbolFormat
from doorcheck.lab import optics
from doorcheck.lab.scenes import HEIGHT, WIDTH, Carrier, Condition, Prop, Scene, hard_stream, render

PAYLOAD = (
    b"HC1:" + b"6BF+70790T9WJWG.FKY*4GO0.O1CV2 O5 N2FBBRW1*70HS8WY04AC*WIFN0AHCD8KD97TK0F90KECTHGWJC0FDC" * 5
)
HELD = Prop(PAYLOAD, enters_ms=300, held_ms=1600)


def read(scene: Scene, t_ms: int) -> list[bytes]:
    """What zxing-cpp reads in one frame, with its defaults."""
    return [bytes(found.bytes) for found in zxingcpp.read_barcodes(render(scene, t_ms))]


def test_a_frame_is_a_cameras_luma_plane() -> None:
    """1280 by 960 pixels, 8 bits, rows one after the other."""
    frame = render(Scene((HELD,)), 1000)
    assert frame.shape == (HEIGHT, WIDTH)
    assert frame.dtype == np.uint8
    assert frame.flags.c_contiguous
    assert (HEIGHT, WIDTH) == (960, 1280)


def test_the_same_scene_and_time_give_the_same_frame() -> None:
    """Nothing but the arguments counts: not the order of calls, not the clock."""
    scene = Scene((HELD,), seed=7)
    first = render(scene, 1000)
    render(scene, 1100)
    assert np.array_equal(render(scene, 1000), first)


def test_time_and_seed_change_the_frame() -> None:
    """Hands tremble and sensors are noisy: no two frames are alike."""
    frames = [render(Scene((HELD,), seed=seed), t_ms) for seed, t_ms in ((1, 1000), (1, 1100), (2, 1000))]
    assert not np.array_equal(frames[0], frames[1])
    assert not np.array_equal(frames[0], frames[2])


def test_the_empty_hall_is_no_flat_grey() -> None:
    """Long stretches without a code look like a place: tones, edges, movement."""
    scene = Scene(duration_ms=5000)
    early, late = (render(scene, t_ms).astype(int) for t_ms in (0, 4000))
    assert early.std() > 15
    assert np.abs(late - early).mean() > 1
    assert read(scene, 0) == []


@pytest.mark.parametrize("carrier", [Carrier.PHONE, Carrier.SHEET])
def test_a_pass_comes_into_view_is_held_and_leaves(carrier: Carrier) -> None:
    """Before and after nothing is there; while held, at least four of five frames can be read."""
    prop = Prop(PAYLOAD, carrier=carrier, enters_ms=300, held_ms=1600)
    scene = Scene((prop,), duration_ms=prop.gone_ms + 500)
    assert read(scene, 0) == []
    assert read(scene, prop.gone_ms + 400) == []
    held = [read(scene, t_ms) == [PAYLOAD] for t_ms in range(prop.still_from_ms, prop.still_until_ms, 100)]
    assert sum(held) >= 0.8 * len(held)


def test_two_passes_in_one_view() -> None:
    """Both can be read in one frame."""
    other = PAYLOAD[:-5] + b"OTHER"
    left = Prop(PAYLOAD, place=(0.27, 0.46), module_px=3.6, enters_ms=0)
    right = Prop(other, place=(0.72, 0.48), module_px=3.6, enters_ms=0, seed=9)
    assert sorted(read(Scene((left, right)), 1000)) == sorted([PAYLOAD, other])


@pytest.mark.parametrize("symbol", [SymbolFormat.AZTEC, SymbolFormat.DATAMATRIX])
def test_other_symbols_are_held_up_too(symbol: SymbolFormat) -> None:
    """A pass may come as Aztec or DataMatrix; each is read as what it is."""
    assert read(Scene((Prop(PAYLOAD, symbol=symbol, enters_ms=-1000),)), 500) == [PAYLOAD]


def test_a_symbol_that_cannot_be_drawn_is_refused() -> None:
    """A line of text has no picture."""
    with pytest.raises(ValueError, match="text is not a symbol"):
        render(Scene((Prop(PAYLOAD, symbol=SymbolFormat.TEXT, enters_ms=-1000),)), 500)


def test_a_poster_hangs_there_all_the_time() -> None:
    """Its code is in view before, while and after a pass is."""
    poster = Prop(b"https://example.org/menu", carrier=Carrier.POSTER, place=(0.84, 0.3), module_px=3.2)
    scene = Scene((poster, Prop(PAYLOAD, module_px=2.4)), duration_ms=3500)
    assert read(scene, 0) == read(scene, 3400) == [poster.payload]
    assert sorted(read(scene, 1500)) == sorted([PAYLOAD, poster.payload])


def test_three_props_are_refused() -> None:
    """A scene has room for two."""
    with pytest.raises(ValueError, match="at most two"):
        Scene((HELD,) * 3)


@pytest.mark.parametrize("condition", list(Condition))
def test_hard_streams_are_hard_and_not_hopeless(condition: Condition) -> None:
    """At no difficulty the pass is read; and the hardest is another picture."""
    easy, hard = (hard_stream(PAYLOAD, condition, 3, difficulty) for difficulty in (0.0, 1.0))
    at_ms = easy.props[0].still_from_ms + 300
    assert PAYLOAD in read(easy, at_ms)
    difference = np.abs(render(easy, at_ms).astype(int) - render(hard, at_ms).astype(int)).mean()
    assert difference > 1


def test_a_harder_stream_is_read_less_often() -> None:
    """Over all conditions, the easiest streams are read nearly always, the hardest seldom."""
    found = {0.0: 0, 1.0: 0}
    for difficulty in found:
        for condition in Condition:
            scene = hard_stream(PAYLOAD, condition, 5, difficulty)
            found[difficulty] += sum(PAYLOAD in read(scene, t_ms) for t_ms in (100, 600))
    assert found[0.0] >= 0.9 * 2 * len(Condition)
    assert found[1.0] <= 0.6 * 2 * len(Condition)


def test_a_difficulty_out_of_range_is_refused() -> None:
    """It goes from 0 to 1."""
    with pytest.raises(ValueError, match="from 0 to 1"):
        hard_stream(PAYLOAD, Condition.TILT, 1, 1.5)


def test_beyond_a_planes_horizon_nothing_is_seen() -> None:
    """A carrier turned far away ends where its plane does, without a division by zero."""
    words = np.full((8, 8), 0x00FF00FF, np.uint32)
    words[:2] = words[-2:] = words[:, :2] = words[:, -2:] = 0
    horizon_at_4 = np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 4.5]], np.float32)
    assert not optics._sampled(words, horizon_at_4, 10, 4)[:, 4:].any()


def test_no_repr_shows_the_payload() -> None:
    """A prop holds a visitor's pass."""
    assert "6BF+" not in repr(Scene((HELD,)))
