"""CertLogic beyond its official suite: bounds, errors, dates that are none."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorcheck.core import certlogic, datetimes, expressions
from doorcheck.core.certlogic import EvaluationError, compile_expression
from doorcheck.core.expressions import CertLogicError, find_faults

MARK: Final = "Zqxsurname"
IT: Final = {"var": ""}
A: Final = {"var": "a"}
B: Final = {"var": "b"}


def evaluated(expression: Any, data: Any = None) -> Any:
    """What comes of an expression."""
    return compile_expression(expression)(data)


def failure(expression: Any, data: Any) -> EvaluationError | None:
    """The error that evaluating ends with; None if it doesn't."""
    try:
        evaluated(expression, data)
    except EvaluationError as error:
        return error
    return None


def places(expression: Any) -> list[str]:
    """Where an expression's faults are."""
    return [fault.place for fault in find_faults(expression)]


# Arbitrary JSON, and expressions that are nearly or wholly valid

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["2021-02-29", "1963-00", "1963", "2021-07-01T10:00:00+02:00", "URN:UVCI:01:FR:X#1"]),
)
NAMES = st.one_of(st.sampled_from(["payload", "external", "v", "current", "a"]), st.text(max_size=5))
JSON = st.recursive(
    SCALARS,
    lambda below: st.one_of(st.lists(below, max_size=4), st.dictionaries(NAMES, below, max_size=3)),
    max_leaves=20,
)
PATHS = st.sampled_from(["", "a", "b", "payload.v.0", "payload.dob", "current", "accumulator", "0", "x.1.y"])


def operands(below: st.SearchStrategy[Any], name: str) -> st.SearchStrategy[Any]:
    """As many as the operation takes; of `and`, up to four."""
    fewest, most = expressions.OPERANDS[name]
    return st.lists(below, min_size=fewest, max_size=4 if most > 4 else int(most))


def operations(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Each operation with as many operands as it takes."""
    units = st.sampled_from(datetimes.UNITS)
    amounts = st.integers(-(10**7), 10**7)
    names = [name for name in expressions.OPERANDS if name not in ("plusTime", "extractFromUVCI")]
    free = [st.fixed_dictionaries({name: operands(below, name)}) for name in names]
    times = st.tuples(below, amounts, units).map(lambda o: {"plusTime": list(o)})
    extracts = st.tuples(below, st.integers(-3, 9)).map(lambda o: {"extractFromUVCI": list(o)})
    return st.one_of(*free, times, extracts, st.lists(below, max_size=3))


LITERALS = st.one_of(
    st.booleans(), st.integers(-100, 100), st.text(max_size=8), PATHS.map(lambda p: {"var": p})
)
EXPRESSIONS = st.recursive(LITERALS, operations, max_leaves=25)


@given(JSON)
def test_any_json_compiles_or_says_where_it_is_wrong(expression: Any) -> None:
    """Arbitrary JSON gives a function, or `CertLogicError` with a place for each fault."""
    faults = tuple(find_faults(expression))
    assert all(fault.place.startswith("$") and fault.words for fault in faults)
    if not faults:
        assert callable(compile_expression(expression))
        return
    with pytest.raises(CertLogicError) as caught:
        compile_expression(expression)
    assert caught.value.faults == faults


@given(EXPRESSIONS, JSON)
def test_evaluating_raises_nothing_else(expression: Any, data: Any) -> None:
    """On arbitrary data: a value, or `EvaluationError`."""
    if not places(expression):
        error = failure(expression, data)
        assert error is None or str(error).startswith("$")


@pytest.mark.parametrize(
    "expression",
    [
        {"plusTime": [IT, 0, "day"]},
        {"plusTime": [{"var": "0"}, 0, "day"]},
        {"dccDateOfBirth": [{"var": "0"}]},
        {"+": [{"var": "0"}, 1]},
        {"<": [{"var": "0"}, 1]},
        {"in": [1, {"var": "0"}]},
        {"extractFromUVCI": [IT, 0]},
        {"reduce": [{"var": "0"}, 1, 1]},
        {"===": [IT, IT]},
        {"after": [{"var": "0"}, {"plusTime": ["2021-01-01", 0, "day"]}]},
        {"and": [True, {"plusTime": ["2021-01-01", 0, "day"]}]},
    ],
)
def test_an_error_carries_nothing_of_the_data(expression: Any) -> None:
    """It names the operation; neither its text nor what it was raised from holds the data."""
    error = failure(expression, [MARK])
    assert error is not None
    assert MARK not in repr((error, error.__context__, error.__cause__))
    assert str(error).startswith("$")


@pytest.mark.parametrize(
    ("expression", "place", "words"),
    [
        ({"and": [True]}, "$", "2 or more operands"),
        ({"and": [True, {"!": [None]}]}, '$.and[1]["!"][0]', "no expression"),
        ({"if": [True, {"foo": []}, 2.5]}, "$.if[1]", "no operation 'foo'"),
        ({"if": [True, 1, 2.5]}, "$.if[2]", "no integer"),
        ({"===": [1]}, "$", "takes 2 operands; here are 1"),
        ({"<": [1, 2, 3, 4]}, "$", "2 or 3"),
        ({"var": "a..b"}, "$", "needs a path"),
        ({"var": ["a"]}, "$", "needs a path"),
        ({"plusTime": [A, 1, "week"]}, "$", "year, month, day, hour"),
        ({"plusTime": [A, {"+": [1, 1]}, "day"]}, "$", "an integer second"),
        ({"plusTime": ["2021-02-30", 1, "day"]}, "$", "'2021-02-30' is no date-time"),
        ({"extractFromUVCI": [A, "0"]}, "$", "an integer second"),
        ({1: []}, "$", "a text"),
        (2**53, "$", "2^53"),
    ],
)
def test_a_fault_has_its_place(expression: Any, place: str, words: str) -> None:
    """A JSON path, and what is wrong there."""
    fault = next(find_faults(expression))
    assert (fault.place.replace("'", '"'), words in fault.words) == (place, True)
    with pytest.raises(CertLogicError, match=re.escape(fault.words)):
        compile_expression(expression)


def test_every_fault_is_told() -> None:
    """In the order they stand, not the first alone."""
    wrong = [None, {"!": [None, 1]}, {"and": [1.5, {"x": []}]}]
    assert places(wrong) == ["$[0]", "$[1]", "$[2].and[0]", "$[2].and[1]"]


def nested(levels: int) -> Any:
    """As many negations of true."""
    expression: Any = True
    for _ in range(levels):
        expression = {"!": [expression]}
    return expression


def test_size_and_depth_are_bounded() -> None:
    """At the bound it works; beyond, it is a fault, however far beyond."""
    assert evaluated(nested(expressions.DEEPEST)) is True
    assert "deeper" in next(find_faults(nested(expressions.DEEPEST + 1))).words
    assert "deeper" in next(find_faults(nested(100_000))).words
    assert "larger" in next(find_faults([1] * (expressions.LARGEST_NODES + 1))).words


def reduced(operand: Any, step: Any) -> Any:
    """A reduction from 0."""
    return {"reduce": [operand, step, 0]}


def test_reductions_are_bounded() -> None:
    """In length, in depth, and in the numbers that they count up."""
    count = reduced(IT, {"+": [{"var": "accumulator"}, 1]})
    assert evaluated(count, [7] * certlogic.LONGEST_REDUCE) == certlogic.LONGEST_REDUCE
    with pytest.raises(EvaluationError, match="no array"):
        evaluated(count, [7] * (certlogic.LONGEST_REDUCE + 1))
    two = reduced(IT, reduced(IT, 1))
    assert not places(two)
    assert "reduces" in next(find_faults(reduced(IT, two))).words
    double = {"+": [{"+": [{"var": "accumulator"}, {"var": "accumulator"}]}, 1]}
    with pytest.raises(EvaluationError, match="larger"):
        evaluated(reduced(IT, double), [0] * 60)


# Values


@pytest.mark.parametrize("value", [True, 1, -1, "0", " ", [0], {"a": None}, 2.0])
def test_truthy(value: Any) -> None:
    """True, and whatever is not empty and not zero."""
    assert evaluated({"!": [IT]}, value) is False


@pytest.mark.parametrize("value", [False, 0, "", [], {}, None, 0.0])
def test_falsy(value: Any) -> None:
    """False, null, empty and zero."""
    assert evaluated({"!": [IT]}, value) is True


@pytest.mark.parametrize("value", [0.5, float("nan"), float("inf"), b"1"])
def test_neither(value: Any) -> None:
    """What is neither is an error in every condition."""
    for expression in ({"!": [IT]}, {"if": [IT, 1, 2]}, {"and": [IT, 1]}, {"and": [1, IT]}):
        with pytest.raises(EvaluationError):
            evaluated(expression, value)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        *[(1, 1, True), (1, "1", False), (1, True, False), (0, False, False), (1, 1.0, True)],
        *[("", None, False), (None, 0, False), ("a", ["a"], False), ({}, None, False), (None, None, True)],
    ],
)
def test_equality_has_no_coercion(one: Any, other: Any, same: bool) -> None:
    """Type and value; a boolean is no number; an integer may come as 1.0."""
    assert evaluated({"===": [A, B]}, {"a": one, "b": other}) is same
    assert evaluated({"===": [A, B]}, {"a": other, "b": one}) is same
    assert evaluated({"in": [A, B]}, {"a": one, "b": [[], other]}) is (same and not isinstance(other, list))


def test_a_path_leads_into_objects_and_arrays_alone() -> None:
    """A digit is an index of an array or a key of an object; a text has no parts."""
    assert evaluated({"var": "a.0"}, {"a": {"0": 1}}) == 1
    assert evaluated({"var": "a.0"}, {"a": [1]}) == 1
    assert evaluated({"var": "a.0"}, {"a": "text"}) is None
    assert evaluated({"var": "a.-1"}, {"a": [1]}) is None
    assert evaluated({"var": "a.length"}, {"a": [1]}) is None


def test_an_error_is_not_hidden_by_what_stands_before_it() -> None:
    """A comparison of three evaluates all three."""
    with pytest.raises(EvaluationError):
        evaluated({"<": [2, 1, A]}, {"a": "x"})


# Date-times


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("2021-07-01", "2021-07-01T00:00:00Z"),
        ("2021-07-01T10:00:00", "2021-07-01T10:00:00Z"),
        ("2021-07-01T10:00:00.5", "2021-07-01T10:00:00.500Z"),
        ("2021-07-01T10:00:00.123999999Z", "2021-07-01T10:00:00.123Z"),
        *[(f"2021-07-01T10:00:00{zone}", "2021-07-01T08:00:00Z") for zone in ("+2", "+02", "+200", "+0200")],
        *[(f"2021-07-01T10:00:00.0{zone}", "2021-07-01T08:30:00Z") for zone in ("+1:30", "+01:30", "+130")],
        ("2021-07-01T10:00:00-0230", "2021-07-01T12:30:00Z"),
        ("2020-02", "2020-02-29T00:00:00Z"),
        ("1963", "1963-12-31T00:00:00Z"),
    ],
)
def test_a_text_of_each_allowed_shape(text: str, same_as: str) -> None:
    """No zone is UTC, no time is midnight, digits below a millisecond go, a part of a date is its end."""
    assert datetimes.parse(text) == datetime.fromisoformat(same_as).timestamp() * 1000


NO_DATES: Final = [
    "", "soon", "0000", "1963-00", "1963-13", "1963-00-00", "1980-02-31", "2021-02-29", "21-07-01",
    "2021-7-1", "2021-W26-4", "20210701", "2021-07-01T", "2021-07-01T10:00", "2021-07-01T24:00:00Z",
    "2021-07-01T10:60:00Z", "2021-07-01T10:00:60Z", "2021-07-01T10:00:00+24:00", "2021-07-01T10:00:00+01:60",
    "2021-07-01T10:00:00.Z", "2021-07-01T10:00:00z", "2021-07-01T10:00:00+", "2021-07-01T10:00:00+1:",
    "2021-07-01 10:00:00", " 2021-07-01", "2021-07-01\n", "٢٠٢١-07-01", "１９６３", "XX/XX/1963",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_DATES)
def test_a_text_that_is_no_date_is_an_error(text: str) -> None:
    """Impossible, partial in a way that means nothing, of another shape: never a crash, never a guess."""
    assert datetimes.parse(text) is None
    with pytest.raises(EvaluationError):
        evaluated({"plusTime": [IT, 0, "day"]}, text)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        *[("1963", "1963-12-31"), ("1964-02", "1964-02-29"), ("1964-02-28", "1964-02-28")],
        *[("1964-02-28T00:00:00", "1964-02-28"), ("1964-02-28T", None), ("1963-02-30T00:00:00Z", None)],
        *[(text, None) for text in ("", "1963-00", "1963-00-00", "1963-02-30", "1964-02-28x", "19640228")],
    ],
)
def test_a_date_of_birth_is_the_last_day_it_can_be(text: str, day: str | None) -> None:
    """Else somebody would be of age too early; what is no date at all is an error."""
    assert datetimes.last_day(text) == day
    expression = {"not-after": [{"dccDateOfBirth": [IT]}, {"plusTime": [day or "2021", 0, "day"]}]}
    if day is None:
        with pytest.raises(EvaluationError):
            evaluated(expression, text)
    else:
        assert evaluated(expression, text) is True


@pytest.mark.parametrize(
    ("start", "amount", "unit", "end"),
    [
        ("2020-02-29", 1, "year", "2021-03-01"),
        ("2020-02-29", 4, "year", "2024-02-29"),
        ("2021-01-31", 1, "month", "2021-03-03"),
        ("2021-03-31", -1, "month", "2021-03-03"),
        ("2021-01-15", -13, "month", "2019-12-15"),
        ("2021-12-31", 1, "day", "2022-01-01"),
        ("2021-03-28T01:30:00+01:00", 24, "hour", "2021-03-29T00:30:00Z"),
        ("1969-12-31T23:59:59.999Z", 1, "month", "1970-01-31T23:59:59.999Z"),
    ],
)
def test_time_is_added_as_javascript_does(start: str, amount: int, unit: str, end: str) -> None:
    """Months and years overflow into the next month; hours know no summer time."""
    ms = datetimes.parse(start)
    assert ms is not None
    assert datetimes.plus(ms, amount, unit) == datetimes.parse(end)


@given(
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(lambda d: d.replace(microsecond=0)),
    st.integers(-4000, 4000),
    st.sampled_from(datetimes.UNITS),
)
def test_time_added_agrees_with_the_calendar(start: datetime, amount: int, unit: str) -> None:
    """Python's own calendar comes to the same day, as far as its years go."""
    ms = datetimes.parse(start.isoformat())
    assert ms is not None
    months = start.year * 12 + start.month - 1 + amount * {"year": 12, "month": 1}.get(unit, 0)
    days = timedelta(**{f"{unit}s": amount}) if unit in ("day", "hour") else timedelta(start.day - 1)
    first = start if unit in ("day", "hour") else start.replace(day=1)
    try:
        expected = first.replace(year=months // 12, month=months % 12 + 1) + days
    except (ValueError, OverflowError):
        return  # beyond year 9999, or before 1
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert datetimes.plus(ms, amount, unit) == (expected.replace(tzinfo=UTC) - epoch) // timedelta(
        milliseconds=1
    )


def test_beyond_the_year_9999_time_goes_on() -> None:
    """A validity that never ends, and something added to it."""
    compare = {"before": [{"plusTime": ["2021-01-01", 0, "day"]}, {"plusTime": [IT, 400, "year"]}]}
    assert evaluated(compare, "9999-12-31") is True
    with pytest.raises(EvaluationError):
        evaluated({"plusTime": [IT, 10**9, "year"]}, "9999-12-31")


def test_a_date_time_is_of_its_own_type() -> None:
    """It compares with date-times alone, is no condition, and shows nothing."""
    time: Any = {"plusTime": ["2021-01-01", 0, "day"]}
    for expression in ({"<": [time, 1]}, {"after": [time, 1]}, {"!": [time]}, {"===": [time, time]}):
        with pytest.raises(EvaluationError):
            evaluated(expression)
    assert repr(evaluated(time)) == "DateTime(…)"
    assert evaluated({"after": [{"if": [True, time, time]}, {"plusTime": ["2020-01-01", 0, "day"]}]}) is True


def test_each_operation_has_its_operands_and_its_meaning() -> None:
    """The table of the validator and that of the compiler are of the same operations."""
    assert certlogic._OPERATIONS.keys() == expressions.OPERANDS.keys()
