"""The self-test passes a verifier that knows its job, and no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest

from doorcheck.core import selftest
from doorcheck.core.denylist import DenyList
from doorcheck.core.moment import Moment
from doorcheck.core.selftest import FORGED, MOMENT, PASS, SIGNER
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.core.verdict import Reason, Verdict
from doorcheck.core.verify import verify
from doorcheck.core.world import World
from doorcheck.lab.bench import Bench
from doorcheck.lab.invariant import Layer, peel

WORLD: Final = Bench(seed="self-test").world


def known(symbol: Symbol, world: World, moment: Moment) -> Reason:
    """What a good verifier answers."""
    return verify(symbol, world, moment).reason


def swapped(symbol: Symbol, world: World, moment: Moment) -> Verdict:
    """A verifier that admits the forged and refuses the good."""
    return Verdict({Reason.OK: Reason.SIGNATURE, Reason.SIGNATURE: Reason.OK}[known(symbol, world, moment)])


def test_a_good_verifier_passes() -> None:
    """The verifier that ships gives the known answers, in any world that can be read."""
    assert selftest.run(WORLD) is None
    assert selftest.run(replace(WORLD, trust=None, floor=datetime(2099, 1, 1, tzinfo=UTC))) is None


@pytest.mark.parametrize("reason", Reason)
def test_a_verifier_with_one_answer_fails(reason: Reason) -> None:
    """Always admitting, always refusing, always out of order: none is fit for a door."""
    assert selftest.run(WORLD, lambda *_: Verdict(reason)) is Reason.SELF_TEST


@pytest.mark.parametrize(
    "judge",
    [
        swapped,
        lambda s, w, m: Verdict(Reason.OK if known(s, w, m) is Reason.OK else Reason.UNKNOWN_SIGNER),
        lambda s, w, m: Verdict(
            Reason.SIGNATURE if known(s, w, m) is Reason.SIGNATURE else Reason.SHOWN_BEFORE
        ),
        lambda s, w, m: verify(replace(s, data=PASS), w, m),
        lambda s, w, m: verify(replace(s, data=FORGED), w, m),
        lambda s, w, m: verify(s, replace(w, trust=WORLD.trust), m),
    ],
    ids=[
        "swaps",
        "refuses for another reason",
        "admits to staff",
        "sees one",
        "sees the other",
        "trusts others",
    ],
)
def test_a_wrong_verifier_fails(judge: Callable[[Symbol, World, Moment], Verdict]) -> None:
    """The good pass must be admitted, and its twin refused for its signature and nothing else."""
    assert selftest.run(WORLD, judge) is Reason.SELF_TEST


class Unreadable(DenyList):
    """A deny list whose file can't be read any more."""

    def __contains__(self, digest: bytes) -> bool:
        raise OSError("the card is gone")

    def __len__(self) -> int:
        return 1


class Everybody(DenyList):
    """A deny list that refuses everything."""

    def __contains__(self, digest: bytes) -> bool:
        return True

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize("deny", [Unreadable(), Everybody()], ids=["unreadable", "everybody"])
def test_a_broken_deny_list_is_found(deny: DenyList) -> None:
    """The world lends its deny list: one that fails, or lists everybody, fails the test."""
    assert selftest.run(replace(WORLD, deny=deny)) is Reason.SELF_TEST


def test_the_twin_differs_in_one_bit_of_its_payload() -> None:
    """Both are well made, and only a signature check can tell them apart."""
    good, twin = peel(PASS)[Layer.COSE], peel(FORGED)[Layer.COSE]
    turned = [(a ^ b).bit_count() for a, b in zip(good, twin, strict=True)]
    assert sum(turned) == 1
    start = good.index(peel(PASS)[Layer.PAYLOAD])
    assert start <= turned.index(1) < start + len(peel(PASS)[Layer.PAYLOAD])


def test_the_pass_is_of_nobody() -> None:
    """No real trust list holds its signer, and no door admits it."""
    assert SIGNER.test
    assert SIGNER.country == "XX"
    assert verify(Symbol(SymbolFormat.QR, PASS), WORLD, MOMENT).reason is not Reason.OK


class Asked(DenyList):
    """A deny list of somebody else's pass, which counts the questions."""

    __slots__ = ("questions",)

    def __init__(self) -> None:
        super().__init__([bytes(16)])
        self.questions = 0

    def __contains__(self, digest: bytes) -> bool:
        self.questions += 1
        return super().__contains__(digest)


def test_the_deny_list_is_really_asked() -> None:
    """For identifier, country and signature: a list that can't answer one of them is found."""
    deny = Asked()
    assert selftest.run(replace(WORLD, deny=deny)) is None
    assert deny.questions >= 3
