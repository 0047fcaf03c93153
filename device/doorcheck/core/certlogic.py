"""CertLogic 1.3.3: the language of health pass rules, a small part of JsonLogic.

An expression is validated once and compiled to closures; they are evaluated on plain data
(dict, list, str, int, bool, None), which they never change. Whatever the data, evaluating
returns a value or raises `EvaluationError`, in bounded time.

Source: ehn-dcc-development/eu-dcc-business-rules, certlogic/specification, version 1.3.3.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

from doorcheck.core import datetimes
from doorcheck.core.datetimes import DateTime
from doorcheck.core.expressions import LARGEST_INTEGER, CertLogicError, find_faults, step

LONGEST_REDUCE = 1024
"""Items that a reduce runs over."""

Evaluate = Callable[[Any], Any]
Parts = Sequence[Any]


class EvaluationError(Exception):
    """An expression can't be evaluated on this data. It names the operation, never the data."""


def compile_expression(expression: Any) -> Evaluate:
    """The function that evaluates an expression on a data context.

    Raises `CertLogicError`. The function raises `EvaluationError` and nothing else.
    """
    faults = tuple(find_faults(expression))
    if faults:
        raise CertLogicError(faults)
    return _build(expression, "$")


def _build(node: Any, place: str) -> Evaluate:
    if isinstance(node, dict):
        [(name, operands)] = node.items()
        if name == "var":
            return _look_up(operands)
        return _OPERATIONS[name](operands, place + step(name))
    if isinstance(node, list):
        parts = _build_all(node, place)
        return lambda data: [part(data) for part in parts]
    literal = int(node) if isinstance(node, float) else node
    return lambda _data: literal


def _build_all(nodes: Parts, place: str) -> list[Evaluate]:
    return [_build(node, f"{place}[{n}]") for n, node in enumerate(nodes)]


def _look_up(path: str) -> Evaluate:
    if not path:
        return lambda data: data
    steps = [(name, int(name) if name.isascii() and name.isdecimal() else -1) for name in path.split(".")]

    def run(data: Any) -> Any:
        for name, index in steps:
            if type(data) is dict:
                data = data.get(name)
            elif type(data) is list and 0 <= index < len(data):
                data = data[index]
            else:
                return None
        return data

    return run


def _if(operands: Parts, place: str) -> Evaluate:
    guard, then, otherwise = _build_all(operands, place)

    def run(data: Any) -> Any:
        return then(data) if _truth(guard(data), place) else otherwise(data)

    return run


def _and(operands: Parts, place: str) -> Evaluate:
    *firsts, last = _build_all(operands, place)

    def run(data: Any) -> Any:
        for part in firsts:
            value = part(data)
            if not _truth(value, place):
                return value
        value = last(data)
        _truth(value, place)
        return value

    return run


def _not(operands: Parts, place: str) -> Evaluate:
    [part] = _build_all(operands, place)
    return lambda data: not _truth(part(data), place)


def _truth(value: Any, place: str) -> bool:
    """Truthy or falsy; some values are neither."""
    kind = type(value)
    if kind is bool:
        return bool(value)
    if value is None:
        return False
    if kind is str or kind is list or kind is dict or kind is int:
        return bool(value)
    if kind is float and value.is_integer():
        return bool(value)
    raise EvaluationError(f"{place}: neither true nor false")


def _equal(operands: Parts, place: str) -> Evaluate:
    first, second = _build_all(operands, place)
    return lambda data: _same(first(data), second(data), place)


_SCALARS = frozenset({str, int, bool, type(None)})


def _same(one: Any, other: Any, place: str) -> bool:
    kind = type(one)
    if kind in _SCALARS and kind is type(other):
        return bool(one == other)
    if kind in (int, float) and type(other) in (int, float):
        return bool(one == other)
    if kind in _SCALARS or type(other) in _SCALARS:
        return False
    raise EvaluationError(f"{place}: only texts, integers and booleans can be compared")


def _in(operands: Parts, place: str) -> Evaluate:
    item, members = _build_all(operands, place)

    def run(data: Any) -> bool:
        value, all_ = item(data), members(data)
        if all_ is None:
            return False  # as the official suite has it
        if type(all_) is not list:
            raise EvaluationError(f"{place}: the second operand is no array")
        if type(value) is str:
            return value in all_
        return any(type(one) not in (list, dict) and _same(value, one, place) for one in all_)

    return run


def _integer(value: Any, place: str) -> int:
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise EvaluationError(f"{place}: an operand is no integer")


def _plus(operands: Parts, place: str) -> Evaluate:
    first, second = _build_all(operands, place)

    def run(data: Any) -> int:
        total = _integer(first(data), place) + _integer(second(data), place)
        if abs(total) > LARGEST_INTEGER:
            raise EvaluationError(f"{place}: the sum is larger than 2^53 - 1")
        return total

    return run


def _integer_of(part: Evaluate, place: str) -> Callable[[Any], int]:
    return lambda data: _integer(part(data), place)


Compare = Callable[[int, int], bool]


def _integers(compare: Compare) -> Callable[[Parts, str], Evaluate]:
    def build(operands: Parts, place: str) -> Evaluate:
        return _chain(compare, [_integer_of(part, place) for part in _build_all(operands, place)])

    return build


def _date_times(compare: Compare) -> Callable[[Parts, str], Evaluate]:
    def build(operands: Parts, place: str) -> Evaluate:
        return _chain(compare, [_instant(node, f"{place}[{n}]") for n, node in enumerate(operands)])

    return build


def _chain(compare: Compare, parts: list[Callable[[Any], int]]) -> Evaluate:
    """Whether all are in order, two or three; each is evaluated, so that none hides an error."""
    if len(parts) == 2:
        first, second = parts
        return lambda data: compare(first(data), second(data))
    first, second, third = parts

    def run(data: Any) -> bool:
        one, two, three = first(data), second(data), third(data)
        return compare(one, two) and compare(two, three)

    return run


def _instant(node: Any, place: str) -> Callable[[Any], int]:
    """What evaluates to a date-time, as milliseconds: no value in between for the usual operands."""
    if isinstance(node, dict):
        [(name, operands)] = node.items()
        if name in _INSTANTS:
            return _INSTANTS[name](operands, place + step(name))
    part = _build(node, place)

    def run(data: Any) -> int:
        value = part(data)
        if type(value) is not DateTime:
            raise EvaluationError(f"{place}: no date-time")
        return value.ms

    return run


def _plus_time_ms(operands: Parts, place: str) -> Callable[[Any], int]:
    node, amount, unit = operands
    part = _build(node, f"{place}[0]")

    def run(data: Any) -> int:
        text = part(data)
        ms = datetimes.parse(text) if type(text) is str else None
        if ms is not None and amount:
            ms = datetimes.plus(ms, amount, unit)
        if ms is None:
            raise EvaluationError(f"{place}: no date-time")
        return ms

    if isinstance(node, str):
        constant = run(None)
        return lambda _data: constant
    return run


def _date_of_birth_ms(operands: Parts, place: str) -> Callable[[Any], int]:
    [part] = _build_all(operands, place)

    def run(data: Any) -> int:
        text = part(data)
        day = datetimes.last_day(text) if type(text) is str else None
        ms = None if day is None else datetimes.parse(day)
        if ms is None:
            raise EvaluationError(f"{place}: no date of birth")
        return ms

    return run


_INSTANTS = {"plusTime": _plus_time_ms, "dccDateOfBirth": _date_of_birth_ms}


def _date_time(name: str) -> Callable[[Parts, str], Evaluate]:
    def build(operands: Parts, place: str) -> Evaluate:
        instant = _INSTANTS[name](operands, place)
        return lambda data: DateTime(instant(data))

    return build


def _extract(operands: Parts, place: str) -> Evaluate:
    part, index = _build(operands[0], f"{place}[0]"), operands[1]

    def run(data: Any) -> str | None:
        text = part(data)
        if text is None:
            return None
        if type(text) is not str:
            raise EvaluationError(f"{place}: no identifier")
        fragments = re.split("[/#:]", text)
        if fragments[:2] == ["URN", "UVCI"]:
            del fragments[:2]
        return fragments[index] if 0 <= index < len(fragments) else None

    return run


def _reduce(operands: Parts, place: str) -> Evaluate:
    items, step, initial = _build_all(operands, place)

    def run(data: Any) -> Any:
        values, result = items(data), initial(data)
        if values is None:
            return result
        if type(values) is not list or len(values) > LONGEST_REDUCE:
            raise EvaluationError(f"{place}: no array of at most {LONGEST_REDUCE} items")
        for value in values:
            result = step({"current": value, "accumulator": result})
        return result

    return run


_OPERATIONS: dict[str, Callable[[Parts, str], Evaluate]] = {
    "if": _if,
    "and": _and,
    "!": _not,
    "===": _equal,
    "in": _in,
    "+": _plus,
    "<": _integers(operator.lt),
    ">": _integers(operator.gt),
    "<=": _integers(operator.le),
    ">=": _integers(operator.ge),
    "after": _date_times(operator.gt),
    "before": _date_times(operator.lt),
    "not-after": _date_times(operator.le),
    "not-before": _date_times(operator.ge),
    "plusTime": _date_time("plusTime"),
    "dccDateOfBirth": _date_time("dccDateOfBirth"),
    "extractFromUVCI": _extract,
    "reduce": _reduce,
}
"""What builds each operation but `var`."""
