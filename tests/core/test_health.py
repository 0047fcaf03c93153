"""Measurements in, conditions out: one table, and what is logged of it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorcheck.core import health
from doorcheck.core.freshness import Age
from doorcheck.core.health import (
    FREE_BYTES_LEAST,
    HOT_C,
    MOST_HANGS,
    STALL_MS,
    Change,
    Condition,
    Lamps,
    Measured,
    Wall,
    calls_an_operator,
    changes,
    conditions,
)

WELL = Measured()
ONE_THING_WRONG = [
    (replace(WELL, silent_ms=STALL_MS + 1), {Condition.CAMERA}),
    (replace(WELL, camera_broken=True), {Condition.CAMERA}),
    (replace(WELL, held=True), {Condition.HELD}),
    (replace(WELL, no_settings=True), {Condition.NO_SETTINGS}),
    (replace(WELL, hangs=MOST_HANGS), {Condition.DECODER}),
    (replace(WELL, self_test_failed=True), {Condition.SELF_TEST}),
    (replace(WELL, age=None), {Condition.NO_LISTS}),
    (replace(WELL, age=Age.TOO_OLD), {Condition.LISTS_TOO_OLD}),
    (replace(WELL, age=Age.TOO_OLD, age_goes_to_staff=True), {Condition.LISTS_DOUBTFUL}),
    (replace(WELL, age=Age.AGEING), {Condition.LISTS_AGEING}),
    (replace(WELL, update_trouble=True), {Condition.UPDATE}),
    (replace(WELL, wall=Wall.UNVOUCHED), {Condition.CLOCK}),
    (replace(WELL, wall=Wall.UNVOUCHED, floor_goes_to_staff=True), {Condition.CLOCK_DOUBTFUL}),
    (replace(WELL, wall=Wall.PAST), {Condition.CLOCK, Condition.CLOCK_PAST}),
    (replace(WELL, wall=Wall.JUMPED), {Condition.CLOCK, Condition.CLOCK_JUMPED}),
    (replace(WELL, free_bytes=FREE_BYTES_LEAST - 1), {Condition.DISK_FULL}),
    (replace(WELL, state_writable=False), {Condition.DISK_READ_ONLY}),
    (replace(WELL, temperature_c=HOT_C), {Condition.HOT}),
    (replace(WELL, under_voltage=True), {Condition.UNDER_VOLTAGE}),
    (replace(WELL, panel_failed=True), {Condition.PANEL}),
    (replace(WELL, register_writable=False), {Condition.REGISTER}),
    (replace(WELL, settings_refused=True), {Condition.SETTINGS}),
]

MEASURED = st.builds(
    Measured,
    silent_ms=st.integers(0, 10_000),
    camera_broken=st.booleans(),
    hangs=st.integers(0, 5),
    wall=st.sampled_from(Wall),
    floor_goes_to_staff=st.booleans(),
    age=st.none() | st.sampled_from(Age),
    age_goes_to_staff=st.booleans(),
    held=st.booleans(),
    free_bytes=st.none() | st.integers(0, 1 << 28),
    temperature_c=st.none() | st.floats(0, 120),
    under_voltage=st.none() | st.booleans(),
)


def test_all_is_well() -> None:
    """At rest, at the edges of what is good, and where nothing can be measured."""
    assert conditions(WELL) == frozenset()
    edges = replace(
        WELL,
        silent_ms=STALL_MS,
        hangs=MOST_HANGS - 1,
        free_bytes=FREE_BYTES_LEAST,
        temperature_c=HOT_C - 0.1,
        under_voltage=False,
    )
    assert conditions(edges) == frozenset()


@pytest.mark.parametrize(("measured", "expected"), ONE_THING_WRONG)
def test_one_thing_wrong(measured: Measured, expected: set[Condition]) -> None:
    """Each cause gives its condition and no other."""
    assert conditions(measured) == expected


def test_every_condition_can_come() -> None:
    """None of the table is dead."""
    assert set(Condition) == {one for _, expected in ONE_THING_WRONG for one in expected}


def test_the_table_can_be_read_over_the_telephone() -> None:
    """A code each, words, and an advice that says what to do."""
    assert len({one.code for one in Condition}) == len({one.words for one in Condition}) == len(Condition)
    for one in Condition:
        assert re.fullmatch(r"H-[A-Z]{3}", one.code)
        assert one.words == one.words.strip()
        assert len(one.advice) > 20
        assert {each.value: each for each in Condition}[one.code] is one


@given(MEASURED, st.sets(st.sampled_from(list(Condition))))
def test_conditions_depend_on_what_was_before_by_two_values_only(
    measured: Measured, before: set[Condition]
) -> None:
    """Only heat and room linger; everything else is as it is measured."""
    lingering = {Condition.HOT, Condition.DISK_FULL}
    assert conditions(measured, frozenset(before)) - lingering == conditions(measured) - lingering
    assert conditions(measured) <= conditions(measured, frozenset(before))


@pytest.mark.parametrize(
    ("condition", "worse", "between", "better"),
    [
        (Condition.HOT, {"temperature_c": 80.0}, {"temperature_c": 76.0}, {"temperature_c": 74.9}),
        (
            Condition.DISK_FULL,
            {"free_bytes": FREE_BYTES_LEAST - 1},
            {"free_bytes": FREE_BYTES_LEAST + 1},
            {"free_bytes": FREE_BYTES_LEAST + health.EASE_BYTES},
        ),
    ],
)
def test_a_value_at_its_edge_does_not_flicker(
    condition: Condition, worse: dict[str, float], between: dict[str, float], better: dict[str, float]
) -> None:
    """It begins at one value and ends at a better one."""
    found: frozenset[Condition] = frozenset()
    seen = []
    for values in (between, worse, between, worse, between, better, between):
        found = conditions(replace(WELL, **values), found)  # type: ignore[arg-type]
        seen.append(condition in found)
    assert seen == [False, True, True, True, True, False, False]


def test_changes_are_what_ended_and_what_began() -> None:
    """What lasts is not said again."""
    before = frozenset({Condition.HOT, Condition.CAMERA, Condition.SETTINGS})
    after = frozenset({Condition.HOT, Condition.LISTS_AGEING})
    assert changes(before, after) == [
        Change(Condition.CAMERA, began=False),
        Change(Condition.SETTINGS, began=False),
        Change(Condition.LISTS_AGEING, began=True),
    ]
    assert changes(after, after) == []


def test_an_operator_is_called_for_what_leaves_the_door_judging() -> None:
    """The idle lamp calls; out of order has a signal of its own."""
    for one in Condition:
        assert calls_an_operator(frozenset({one})) is (one.lamps in (Lamps.CALL, Lamps.STAFF))
    assert not calls_an_operator(frozenset())
