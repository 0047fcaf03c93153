"""What a valid CertLogic 1.3.3 expression is, and everything that is wrong with another.

Source: ehn-dcc-development/eu-dcc-business-rules, certlogic/specification, version 1.3.3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from doorcheck.core import datetimes

VERSION = (1, 3, 3)
DEEPEST = 64
"""Levels of arrays and operations in one expression."""
LARGEST_NODES = 10_000
DEEPEST_REDUCE = 2
"""Reduces inside of reduces."""
LARGEST_INTEGER = 2**53 - 1
"""What JavaScript counts exactly."""

OPERANDS: dict[str, tuple[int, float]] = {
    "if": (3, 3),
    "and": (2, math.inf),
    "!": (1, 1),
    "===": (2, 2),
    "in": (2, 2),
    "+": (2, 2),
    "<": (2, 3),
    ">": (2, 3),
    "<=": (2, 3),
    ">=": (2, 3),
    "after": (2, 3),
    "before": (2, 3),
    "not-after": (2, 3),
    "not-before": (2, 3),
    "plusTime": (3, 3),
    "dccDateOfBirth": (1, 1),
    "extractFromUVCI": (2, 2),
    "reduce": (3, 3),
}
"""Each operation but `var`: its fewest and most operands."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an expression, and where: a JSON path from `$`, the expression itself."""

    place: str
    words: str

    def __str__(self) -> str:
        return f"{self.place}: {self.words}"

    def under(self, place: str) -> Fault:
        """The same, of something that stands at a place in something larger."""
        return Fault(place + self.place[1:], self.words)


class CertLogicError(Exception):
    """An expression is no CertLogic; `faults` has every place, and why."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


def find_faults(expression: Any) -> Iterator[Fault]:
    """Everything that is wrong with an expression; nothing for a valid one."""
    nodes = 0
    waiting = [(expression, "$", 0, 0)]
    while waiting:
        node, place, depth, reduces = waiting.pop()
        nodes += 1
        if nodes > LARGEST_NODES:
            yield Fault("$", f"larger than {LARGEST_NODES} parts")
            return
        if depth > DEEPEST:
            yield Fault("$", f"deeper than {DEEPEST} levels")
            return
        if isinstance(node, dict):
            name = next(iter(node), None)
            reduces += name == "reduce"
            words = _operation_fault(node, reduces)
            parts = () if words or name == "var" else node[name]
            below = place + step(name)
        else:
            words = _literal_fault(node)
            parts = node if isinstance(node, list) else ()
            below = place
        if words is not None:
            yield Fault(place, words)
        waiting += reversed([(part, f"{below}[{n}]", depth + 1, reduces) for n, part in enumerate(parts)])


def _literal_fault(node: Any) -> str | None:
    if isinstance(node, float) and not node.is_integer():
        return "a number that is no integer"
    if isinstance(node, float | int) and not isinstance(node, bool) and abs(node) > LARGEST_INTEGER:
        return "an integer larger than 2^53 - 1"
    if isinstance(node, bool | int | float | str | list):
        return None
    return "no expression: neither operation, array, text, integer nor boolean"


def _operation_fault(node: dict[Any, Any], reduces: int) -> str | None:
    if len(node) != 1:
        return f"an operation has exactly one key; this has {len(node)}"
    name, operands = next(iter(node.items()))
    if name == "var":
        fits = isinstance(operands, str) and (not operands or all(operands.split(".")))
        return None if fits else '"var" needs a path such as "payload.v.0.dt"'
    if not isinstance(operands, list):
        return 'an operation has the form {"name": [operands, …]}'
    if name not in OPERANDS:
        return f"no operation {name!r}" if isinstance(name, str) else "an operation's name is a text"
    fewest, most = OPERANDS[name]
    if not fewest <= len(operands) <= most:
        wanted = f"{fewest}" if fewest == most else f"{fewest} or more" if most > 3 else f"{fewest} or {most}"
        return f"{name!r} takes {wanted} operands; here are {len(operands)}"
    if name == "plusTime":
        return _plus_time_fault(operands)
    if name == "extractFromUVCI" and type(operands[1]) is not int:
        return "'extractFromUVCI' takes an integer second"
    if reduces > DEEPEST_REDUCE:
        return f"more than {DEEPEST_REDUCE} reduces inside of each other"
    return None


def _plus_time_fault(operands: Sequence[Any]) -> str | None:
    text, amount, unit = operands
    if type(amount) is not int or unit not in datetimes.UNITS:
        return f"'plusTime' takes an integer second and a unit last: {', '.join(datetimes.UNITS)}"
    if isinstance(text, str) and datetimes.parse(text) is None:
        return f"{text!r} is no date-time"
    return None


def step(name: Any) -> str:
    """A key of an expression, as it stands in a JSON path."""
    return f".{name}" if isinstance(name, str) and name.isidentifier() else f"[{name!r}]"
