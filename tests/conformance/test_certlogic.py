"""The official CertLogic suites: evaluating, and validating."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doorcheck.core.certlogic import EvaluationError, compile_expression
from doorcheck.core.expressions import find_faults

if TYPE_CHECKING:
    from tests.conformance.conftest import Tally


def assertions(folder: Path) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Every assertion of the test suite: its place, its expression, itself.

    One file is left out: the suite marks the whole of it as no part of the language. Single
    assertions that it marks so are asserted all the same, for they state what we do.
    """
    for file in sorted(folder.glob("*.json")):
        suite = json.loads(file.read_text("utf-8"))
        if suite.get("directive") == "skip":
            continue
        for case in suite["cases"]:
            for number, assertion in enumerate(case["assertions"], 1):
                expression = assertion.get("certLogicExpression", case.get("certLogicExpression"))
                yield f"{file.stem}: {case['name']}: {number}", expression, assertion


def evaluated(expression: Any, data: Any) -> Any:
    """What comes of it; a string in words for an error."""
    try:
        return compile_expression(expression)(data)
    except EvaluationError as error:
        return f"EvaluationError: {error}"


def test_evaluation(shared_data: Path, tally: Tally) -> None:
    """Each assertion of the official test suite holds, type and value."""
    wrong = []
    results = tally.suites.setdefault("CertLogic", [])
    for place, expression, assertion in assertions(shared_data / "certlogic" / "testSuite"):
        got, expected = evaluated(expression, assertion["data"]), assertion["expected"]
        results.append(json.dumps(got) == json.dumps(expected))
        if not results[-1]:
            wrong.append(f"{place}: {got!r}, not {expected!r}")
    assert not wrong, "\n".join(wrong)
    assert len(results) == 222


def at_place(expression: Any, place: str) -> Any:
    """The part of an expression that a fault names; all official ones name the whole."""
    assert place == "$"
    return expression


def test_validation(shared_data: Path, tally: Tally) -> None:
    """Each official case has as many issues as we find faults, with the same parts."""
    wrong = []
    results = tally.suites.setdefault("validation", [])
    for file in sorted((shared_data / "certlogic" / "validation-testSuite").glob("*.json")):
        for case in json.loads(file.read_text("utf-8"))["cases"]:
            expression = case["certLogicExpression"]
            found = [at_place(expression, fault.place) for fault in find_faults(expression)]
            results.append(found == [issue["expr"] for issue in case["issues"]])
            if not results[-1]:
                wrong.append(f"{file.stem}: {expression!r}: {found!r}")
    assert not wrong, "\n".join(wrong)
    assert len(results) == 23
