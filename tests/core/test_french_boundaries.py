"""The French domestic profiles' cases: break a rule anywhere, and one of them fails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.core.french import compiled, histories, loaded, number, profiles

from doorcheck.core.ruleform import Rule
from doorcheck.edge import rulefiles

FLIPPED = {"before": "not-after", "not-after": "before", "after": "not-before", "not-before": "after"}

SAME_EITHER_WAY = {
    # The day that tells old boosters from new ones: the new ones are still to come on the day before,
    ("fr-sanitaire", "VR006", "1.3.0 begins an hour early"),
    ("fr-hospital", "VR006", "1.3.0 begins an hour early"),
    # and all the old ones are older than seven days when the pass vaccinal begins.
    ("fr-vaccinal", "VR006", "1.3.0 before becomes not-after"),
    # Until then Nuvaxovid is not accepted at all.
    ("fr-vaccinal", "VR010", "1.0.0 begins an hour early"),
    ("fr-hospital", "VR010", "1.0.0 begins an hour early"),
}
"""Breaks that no pass can show, each with its reason."""


def bent(logic: Any) -> Iterator[tuple[str, Any]]:
    """An expression with one limit moved by one, one bound more or less inclusive, or one code less."""
    if isinstance(logic, list):
        codes = len(logic) > 1 and all(isinstance(one, str) for one in logic)
        for n, part in enumerate(logic):
            if codes:
                yield f"lacks {part}", logic[:n] + logic[n + 1 :]
            yield from ((what, [*logic[:n], other, *logic[n + 1 :]]) for what, other in bent(part))
    elif isinstance(logic, dict):
        [(name, operands)] = logic.items()
        if name in FLIPPED:
            yield f"{name} becomes {FLIPPED[name]}", {FLIPPED[name]: operands}
        if name == "plusTime":
            text, amount, unit = operands
            for other in (amount - 1, amount + 1) if amount else ():
                yield f"{amount} {unit} becomes {other}", {name: [text, other, unit]}
        elif name != "var":
            yield from ((what, {name: other}) for what, other in bent(operands))


def broken(rule: Rule, *, last: bool) -> Iterator[tuple[str, Rule]]:
    """The rule with one thing wrong; `last`: no later version covers its end."""
    hour, change = timedelta(hours=1), msgspec.structs.replace
    yield from ((what, change(rule, logic=logic)) for what, logic in bent(rule.logic))
    yield "begins an hour early", change(rule, valid_from=rule.valid_from - hour)
    yield "begins an hour late", change(rule, valid_from=rule.valid_from + hour)
    yield "ends an hour early", change(rule, valid_to=rule.valid_to - hour)
    if last:
        yield "ends an hour late", change(rule, valid_to=rule.valid_to + hour)


@pytest.mark.slow
@profiles
def test_every_boundary_has_a_case_on_both_sides(name: str) -> None:
    """Break any rule anywhere, and some case of its profile fails.

    Each limit is moved by one, each bound in- or excluded, each code left out, each date moved by an hour.
    """
    of, unseen = loaded(name), set()
    for n, rule in enumerate(of.rules):
        last = rule is histories(name)[number(rule)][-1]
        for what, variant in broken(rule, last=last):
            rules = compiled((*of.rules[:n], variant, *of.rules[n + 1 :]), name)
            if all(rulefiles.is_met(case, rulefiles.try_case(of, rules, case)) for case in of.cases):
                unseen.add((name, number(rule), f"{rule.version} {what}"))
    assert unseen == {one for one in SAME_EITHER_WAY if one[0] == name}
