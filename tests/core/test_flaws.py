"""The flaw catalogue against the verifier."""

from __future__ import annotations

import pytest

from doorcheck.core.verify import verify
from doorcheck.lab.bench import Bench
from doorcheck.lab.flaws import Flaw, catalogue

BENCH = Bench(seed="the flaw catalogue")


@pytest.mark.parametrize("flaw", list(catalogue()), ids=lambda flaw: flaw.name)
def test_one_flaw_gives_one_reason(flaw: Flaw) -> None:
    """A good pass with one thing broken is refused for that thing, and for no other."""
    case = flaw.build(BENCH)
    assert verify(case.symbol, case.world, case.moment).reason is flaw.expected
