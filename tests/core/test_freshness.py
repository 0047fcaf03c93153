"""The ladder of the lists' age."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorcheck.config import SettingsError, parse
from doorcheck.core.freshness import Age, Freshness
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.verdict import Outcome, Reason
from doorcheck.core.verify import unfit, verify
from doorcheck.lab import issuer
from doorcheck.lab.bench import Bench

BENCH: Final = Bench(seed="freshness")
MADE: Final = datetime(2026, 3, 1, tzinfo=UTC)
HOURS: Final = st.floats(0.1, 8000)


@given(HOURS, HOURS, st.floats(-100, 20_000))
def test_each_rung_begins_with_its_first_instant(one: float, two: float, passed: float) -> None:
    """Age never goes back as time goes on, and changes at the policy's hours exactly."""
    ageing, too_old = sorted((timedelta(hours=one), timedelta(hours=two)))
    policy = Freshness(ageing, too_old)
    elapsed = timedelta(hours=passed)
    expected = Age.TOO_OLD if elapsed >= too_old else Age.AGEING if elapsed >= ageing else Age.FRESH
    assert policy.age(MADE, MADE + elapsed) is expected


def test_a_policy_lets_nobody_in() -> None:
    """Lists that are too old lead to STAFF or OUT_OF_ORDER, and rungs come in their order."""
    for outcome in (Outcome.ADMIT, Outcome.REFUSE):
        with pytest.raises(ValueError, match="STAFF"):
            Freshness(too_old=outcome)
    with pytest.raises(ValueError, match="no earlier"):
        Freshness(timedelta(hours=2), timedelta(hours=1))
    with pytest.raises(ValueError, match="some time"):
        Freshness(timedelta(0), timedelta(hours=1))


@pytest.mark.parametrize(
    ("hours", "policy", "good", "forged"),
    [
        (71, Outcome.OUT_OF_ORDER, Reason.OK, Reason.SIGNATURE),
        (72, Outcome.OUT_OF_ORDER, Reason.OK, Reason.SIGNATURE),
        (240, Outcome.OUT_OF_ORDER, Reason.LISTS_TOO_OLD, Reason.LISTS_TOO_OLD),
        (239, Outcome.STAFF, Reason.OK, Reason.SIGNATURE),
        (240, Outcome.STAFF, Reason.LISTS_DOUBTFUL, Reason.SIGNATURE),
    ],
)
def test_the_verifier_walks_the_ladder(hours: int, policy: Outcome, good: Reason, forged: Reason) -> None:
    """Fresh and ageing lists judge as ever; lists that are too old do what the policy says."""
    world = replace(
        BENCH.world, published=BENCH.utc - timedelta(hours=hours), freshness=Freshness(too_old=policy)
    )
    text = BENCH.draft.text()
    message = BENCH.draft.message()
    forgery = issuer.text(message[:-1] + bytes([message[-1] ^ 1]))
    assert verify(BENCH.case(text).symbol, world, BENCH.moment).reason is good
    assert verify(BENCH.case(forgery).symbol, world, BENCH.moment).reason is forged


def test_lists_by_hand_have_no_age() -> None:
    """Without a publication's time, as on the bench, no age is counted."""
    late = Moment(BENCH.utc + timedelta(days=3000), Basis.NETWORK)
    assert unfit(BENCH.world, late) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[freshness]\nageing_hour = 1", r"^\[freshness\]: .*ageing_hour"),
        ("[fresh]\n", "fresh"),
        ("[freshness]\nageing_hours = 'x'", r"^\[freshness\] ageing_hours: "),
        ("[freshness]\nageing_hours = 241", r"^\[freshness\] ageing_hours: more than too_old_hours"),
        ("[freshness]\nageing_hours = nan", r"^\[freshness\] ageing_hours: "),
        ("[freshness]\ntoo_old = 'ADMIT'", r"^\[freshness\] too_old: "),
        ("ageing", "not TOML"),
        ("x = " + "1" * 70_000, "larger"),
    ],
)
def test_settings_that_are_not_understood_are_errors(text: str, words: str) -> None:
    """Each names its table and key; none is passed over."""
    with pytest.raises(SettingsError, match=words):
        parse(text.encode())


def test_settings_have_strict_defaults() -> None:
    """An empty file is the policy that the documentation shows."""
    assert parse(b"").freshness_policy() == Freshness()
    spelled = b'[freshness]\nageing_hours = 24\ntoo_old_hours = 48\ntoo_old = "STAFF"\n'
    assert parse(spelled).freshness_policy() == Freshness(timedelta(days=1), timedelta(days=2), Outcome.STAFF)
