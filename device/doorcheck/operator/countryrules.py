"""Official country rules, turned into a profile's files.

Source of the layout: eu-digital-green-certificates/dgc-business-rules-testdata, a folder for
each country with a folder for each rule: `rule.json` and `tests/*.json`; the value sets of
all beside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from doorcheck.core import ruleform
from doorcheck.core.expressions import Fault
from doorcheck.core.ruleform import Rule, RuleType, ValueSets

_NO_ZONE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class OfficialRule:
    """One rule's folder: each file's name and content."""

    file: str
    content: Any
    tests: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Imported:
    """A profile in the making: what each of its files holds, and what was wrong or left out."""

    files: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def convert(name: str, country: str, rules: list[OfficialRule], sets: ValueSets) -> Imported:
    """A profile out of a country's rules. With a fault in any rule it must not be used."""
    made = Imported()
    made.files["profile.json"] = {
        "name": name,
        "title": f"Entry into {country}",
        "description": f"The official entry rules of {country} for holders of a European certificate.",
        "country": country,
        "sources": ["eu-digital-green-certificates/dgc-business-rules-testdata"],
    }
    made.files["valuesets/official.json"] = sets
    for official in rules:
        rule, faults = ruleform.read(Rule, official.content)
        if rule is None:
            made.faults += [f"{official.file}: {fault}" for fault in faults]
            continue
        made.faults += [f"{official.file}: {fault}" for fault in rule.faults()]
        name_of_file = f"{rule.identifier}-{rule.version}.json"
        made.files[f"rules/{name_of_file}"] = official.content
        cases = list(_cases(official, rule, sets, made.left_out))
        if cases:
            made.files[f"cases/{name_of_file}"] = cases
    return made


def _cases(
    official: OfficialRule, rule: Rule, sets: ValueSets, left_out: list[str]
) -> Iterator[dict[str, Any]]:
    for file, test in official.tests.items():
        fault = _test_fault(test)
        if fault is not None:
            left_out.append(f"{official.file}: tests/{file}: {fault}")
            continue
        external = test.get("external", {})
        case = {
            "name": f"{rule.identifier} {file.removesuffix('.json')}: {test.get('name', '')}".strip(": "),
            "payload": test["payload"],
            "clock": _clock(external.get("validationClock", official.content["ValidFrom"])),
            "expected": test["expected"] is (rule.type is RuleType.ACCEPTANCE),
            "rule": rule.identifier,
        }
        own = _own_sets(rule, external.get("valueSets", {}), sets)
        yield case | ({"valueSets": own} if own else {})


def _clock(text: Any) -> Any:
    """A few have no zone; CertLogic reads them as UTC."""
    return f"{text}Z" if isinstance(text, str) and _NO_ZONE.fullmatch(text) else text


def _test_fault(test: Any) -> Fault | None:
    if not isinstance(test, dict) or not isinstance(test.get("payload"), dict):
        return Fault("$.payload", "no certificate")
    if not isinstance(test.get("expected"), bool):
        return Fault("$.expected", "neither true nor false")
    external = test.get("external", {})
    if not isinstance(external, dict) or not isinstance(external.get("valueSets", {}), dict):
        return Fault("$.external", "no data context")
    return None


def _own_sets(rule: Rule, given: ValueSets, sets: ValueSets) -> ValueSets:
    """The sets that the rule reads and that are others in the test than in the profile."""
    read = {path.split(".")[2] for _, path in ruleform.paths(rule.logic) if path.count(".") >= 2}
    return {name: codes for name, codes in given.items() if name in read and codes != sets.get(name)}
