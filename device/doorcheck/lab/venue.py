"""Rules of an invented venue, made of an expression and nothing else that matters."""

from __future__ import annotations

from typing import Any

from doorcheck.core import ruleform
from doorcheck.core.ruleform import Rule

COUNTRY = "XX"


class InventedRuleError(Exception):
    """An invented rule has faults; they are in the text."""


def rule_object(logic: Any, **changed: Any) -> dict[str, Any]:
    """A rule as in its file: general, of every day, with some keys changed."""
    return {
        "Identifier": f"GR-{COUNTRY}-0001",
        "Type": "Acceptance",
        "Country": COUNTRY,
        "Version": "1.0.0",
        "SchemaVersion": "1.3.0",
        "Engine": "CERTLOGIC",
        "EngineVersion": "1.3.3",
        "CertificateType": "General",
        "Description": [{"lang": "en", "desc": "Invented."}],
        "ValidFrom": "2020-01-01T00:00:00Z",
        "ValidTo": "2100-01-01T00:00:00Z",
        "AffectedFields": ["v.0"],
        "Logic": logic,
        **changed,
    }


def rule(logic: Any, **changed: Any) -> Rule:
    """The same, read. Raises `InventedRuleError`."""
    made, faults = ruleform.read(Rule, rule_object(logic, **changed))
    if made is None or faults:
        raise InventedRuleError("; ".join(map(str, faults)))
    return made
