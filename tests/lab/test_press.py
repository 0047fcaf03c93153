"""The press photographs: repeatable, of the size and kind they claim, and as hard as their level says."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import numpy as np
import pytest
import zxingcpp
from PIL import Image

from doorcheck.core.denylist import DenyList
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.rules import Minimum
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.core.verdict import Outcome
from doorcheck.core.verify import verify
from doorcheck.core.world import World
from doorcheck.lab import measurepress, press
from doorcheck.lab.issuer import Authority, trust_list
from doorcheck.lab.press import Difficulty
from doorcheck.lab.shots import HEIGHT, NARROWEST_PX, WIDTH, shot

MADE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def picture(difficulty: Difficulty, seed: int) -> Image.Image:
    """A photograph of the seed's pass."""
    return Image.open(io.BytesIO(press.press_picture(press.leaked(seed), difficulty, seed)))


def is_read_plainly(difficulty: Difficulty, seed: int) -> bool:
    """Whether one plain call of zxing-cpp reads the pass."""
    found = zxingcpp.read_barcodes(picture(difficulty, seed))
    return any(bytes(one.bytes) == press.leaked(seed) for one in found)


def test_leaked_passes_are_genuine_and_as_long_as_real_ones() -> None:
    """Each has a signature that verifies, some 600 characters, and its own bytes, always the same."""
    authority = Authority("press", made=MADE)
    world = World(trust_list(authority, issued=MADE), DenyList(), Minimum(), MADE, bytes(32), None)
    texts = [press.leaked(seed) for seed in range(40)]
    for text in texts:
        verdict = verify(Symbol(SymbolFormat.QR, text), world, Moment(MADE, Basis.NETWORK))
        assert verdict.outcome is Outcome.ADMIT, verdict.reason
    assert all(530 <= len(text) <= 660 for text in texts)
    assert len(set(texts)) == len(texts)
    assert texts == [press.leaked(seed) for seed in range(40)]


def test_the_same_arguments_give_the_same_bytes() -> None:
    """Nothing but payload, difficulty and seed counts."""
    first = press.press_picture(press.leaked(1), Difficulty.MEDIUM, 1)
    assert press.press_picture(press.leaked(1), Difficulty.MEDIUM, 1) == first
    assert press.press_picture(press.leaked(2), Difficulty.MEDIUM, 1) != first


def test_a_press_picture_is_a_compressed_photograph() -> None:
    """A grey JPEG of the published size, with a busy place around the pass."""
    shown = picture(Difficulty.HARD, 4)
    assert (shown.format, shown.mode) == ("JPEG", "L")
    assert shown.size[0] == shot(Difficulty.HARD, 4, 93).width
    tones = np.asarray(shown, np.float32)
    assert tones.std() > 30
    steps = np.abs(np.diff(tones))
    assert np.quantile(steps, 0.9) > 10


@pytest.mark.parametrize("difficulty", list(Difficulty))
def test_a_code_covers_a_few_per_cent(difficulty: Difficulty) -> None:
    """Seen straight on, 1 to 7 % of the picture; modules as small as the level says."""
    for seed in range(200):
        taken = shot(difficulty, seed, 93)
        assert NARROWEST_PX <= taken.width <= WIDTH
        share = (93 * taken.module_px) ** 2 / (taken.width**2 * HEIGHT / WIDTH)
        assert 0.01 < share < 0.075


def test_a_picture_without_a_pass_has_no_code() -> None:
    """The same place, and nothing to find in it."""
    shown = Image.open(io.BytesIO(press.empty_picture(Difficulty.EASY, 5)))
    assert zxingcpp.read_barcodes(shown) == []


def test_a_payload_too_long_for_a_symbol_is_refused() -> None:
    """No picture is made up of what can't be drawn."""
    with pytest.raises(ValueError, match=r".+"):
        press.press_picture(bytes(5000), Difficulty.EASY, 1)


def test_the_easiest_is_read_plainly_and_the_worst_is_not() -> None:
    """One of each end of the scale."""
    assert is_read_plainly(Difficulty.EASY, 1)
    assert not is_read_plainly(Difficulty.EXTREME, 1)


@pytest.mark.slow
def test_levels_are_as_hard_as_they_say() -> None:
    """A plain call reads nearly all easy pictures, few extreme ones, and the others between them."""
    reads = [sum(is_read_plainly(difficulty, seed) for seed in range(100, 112)) for difficulty in Difficulty]
    assert reads[0] >= 11
    assert reads[3] <= 3
    assert reads == sorted(reads, reverse=True)


@pytest.mark.slow
def test_the_measurement_names_both_and_counts_by_difficulty() -> None:
    """A row for each candidate and level, and for all; recall and time."""
    recall, times = measurepress.tables(pictures=4, workers=2)
    levels = [*(difficulty.value for difficulty in Difficulty), "ALL"]
    names = [f"{level}: {who}" for level in levels for who in (measurepress.PLAIN, measurepress.SEARCH)]
    assert [row.name for row in recall.rows] == names
    assert [row.name for row in times.rows] == names
    assert recall.rows[-1].median >= recall.rows[-2].median
    assert recall.rows[-1].note.endswith("of 4")


def test_too_few_pictures_are_refused() -> None:
    """Each difficulty has one at least."""
    with pytest.raises(ValueError, match="at least"):
        measurepress.tables(pictures=3)
