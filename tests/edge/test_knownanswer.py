"""The self-test proves the whole path: a picture, the decoder's process, the verifier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from doorcheck.core import selftest
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.core.verdict import Reason
from doorcheck.edge import knownanswer
from doorcheck.edge.frame import Frame
from doorcheck.edge.reader import START_MOST_MS, START_MS, DecoderHangError, Reader
from doorcheck.lab.bench import Bench

WORLD = Bench(seed="known answer").world
GOOD, TWIN = Symbol(SymbolFormat.QR, selftest.PASS), Symbol(SymbolFormat.QR, selftest.FORGED)


def test_the_box_gives_the_known_answers() -> None:
    """The real decoder reads both codes of the stored picture, and the verifier tells them apart."""
    with Reader() as reader:
        assert {one.data for one in reader.read_still(knownanswer.picture())} == {GOOD.data, TWIN.data}
        assert knownanswer.run(reader, WORLD) is None


class Told:
    """A reader that finds what the test says."""

    def __init__(self, *found: Callable[[], list[Symbol]]) -> None:
        self.found = list(found)

    def read_still(self, _frame: Frame, /) -> list[Symbol]:
        """The next of it."""
        return self.found.pop(0)()


def hang() -> list[Symbol]:
    """It does not come back."""
    raise DecoderHangError


@pytest.mark.parametrize(
    "found",
    [
        [],
        [GOOD],
        [TWIN],
        [GOOD, replace(TWIN, data=TWIN.data[:-1] + b"0")],
        [GOOD, TWIN, replace(TWIN, data=b"another")],
    ],
)
def test_a_decoder_that_reads_anything_else_fails(found: list[Symbol]) -> None:
    """Nothing, one of two, a letter off, one too many: `O-TST`."""
    assert knownanswer.run(Told(lambda: found), WORLD) is Reason.SELF_TEST


def test_a_decoder_that_is_slow_to_load_is_asked_again() -> None:
    """For as long as one may take to start; one that never comes fails."""
    late = [hang] * (knownanswer.TRIES - 1)
    assert knownanswer.TRIES * START_MS > START_MOST_MS
    assert knownanswer.run(Told(*late, lambda: [GOOD, TWIN]), WORLD) is None
    assert knownanswer.run(Told(*late, hang, lambda: [GOOD, TWIN]), WORLD) is Reason.SELF_TEST
