"""The history of the French passes, and visitors of each of its days.

`CHANGES` and `PERIODS` are written down here a second time, apart from the rules, from the
public history of the passes.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from doorcheck.core.ruleform import Rule, version_of
from doorcheck.core.ruleset import RuleSet
from doorcheck.edge import rulefiles

PARIS = ZoneInfo("Europe/Paris")

PERIODS = {
    "fr-sanitaire": ("2021-06-09", "2022-01-24"),  # then the pass vaccinal takes its place
    "fr-vaccinal": ("2022-01-24", "2022-03-14"),  # then it is suspended
    "fr-hospital": ("2021-08-09", "2022-10-01"),  # hospitals asked for none before
}
"""First day, and first day after: outside of them no rule applies, whatever the proof."""

CHANGES = {
    "2021-07-13": "VR003 VR006",  # 14 days become 7
    "2021-07-18": "VR001",  # Covishield
    "2021-08-09": "TR004 TR005 TR007 RR001",  # 72 hours; 15 days become 11; supervised self-tests
    "2021-10-15": "TR009",  # no supervised self-tests
    "2021-10-30": "TR009",  # and yet again
    "2021-11-29": "TR004 VR006",  # 24 hours; boosters at once
    "2021-12-15": "VR007 VR008 VR009",  # boosters from 65 on; Janssen 2 months
    "2021-12-17": "VR001",  # other licensed equivalents of Vaxzevria
    "2021-12-21": "VR006",  # boosters after 7 days
    "2022-01-15": "VR007",  # boosters from 18 years and 1 month on
    "2022-02-15": "VR007 VR009 TR006 RR002",  # 4 months
    "2022-02-18": "VR001 VR010 VR011",  # Nuvaxovid
    "2022-03-02": "VR005 VR009",  # a second dose of Janssen as a single one
    "2022-03-14": "VR007 TR006 RR002",  # 7 and 6 months again
    "2022-09-14": "VR005 VR009 VR011",  # a second dose of Janssen as others
}
"""The rules, by kind and number, that begin, change or end at that day's midnight in Paris."""


def midnight(day: str) -> datetime:
    """A day's first instant in Paris, in UTC."""
    return datetime.combine(date.fromisoformat(day), time(), PARIS).astimezone(UTC)


@cache
def loaded(name: str) -> rulefiles.Loaded:
    """A shipped profile."""
    return rulefiles.load(rulefiles.find(name))


def compiled(rules: tuple[Rule, ...], name: str) -> RuleSet:
    """Rules as those of a profile."""
    of = loaded(name)
    return RuleSet(rules, of.profile.country, of.profile.region, of.zone, of.value_sets)


def number(rule: Rule) -> str:
    """VR-FR-1003, VR-FR-2003 and VR-FR-3003 are one rule in three profiles: VR003."""
    return rule.identifier[:2] + rule.identifier[-3:]


def changes(name: str) -> dict[datetime, set[str]]:
    """The table's changes inside a profile's period."""
    first, after = PERIODS[name]
    return {midnight(day): set(rules.split()) for day, rules in CHANGES.items() if first < day < after}


def histories(name: str) -> dict[str, list[Rule]]:
    """Each rule's versions, in their order."""
    found: dict[str, list[Rule]] = {}
    for rule in sorted(loaded(name).rules, key=lambda rule: version_of(rule.version)):
        found.setdefault(number(rule), []).append(rule)
    return found


def days() -> list[datetime]:
    """Each noon from the day before the first pass to the day after the last."""
    start = midnight("2021-06-08") + timedelta(hours=12)
    return [start + timedelta(days=n) for n in range(482)]


class Visit(NamedTuple):
    """Somebody who shows a proof: the holder's age and the proof's age are those at the moment."""

    kind: str
    product: str
    doses: tuple[int, int]
    days: int
    born_days_ago: int
    detail: str = ""


YEAR = 365.25
AGES = [int(years * YEAR) for years in (10, 17.5, 18.05, 30, 70)]
PLAIN, TV = "APHP", "TV APHP"


def visits() -> list[Visit]:
    """Proofs on both sides of every limit that there ever was."""
    first = (0, 6, 7, 13, 14, 27, 28, 68, 69, 129, 130, 221, 222)
    booster = (0, 7, 13, 14, 68, 69, 129, 130, 400)  # on days 1 to 6 it is the injection's date that counts
    found = [Visit("v", "EU/1/20/1528", (1, 2), 40, AGES[3]), Visit("v", "R-COVI", (2, 2), 40, AGES[3])]
    found += [Visit("v", "Covishield", (2, 2), 40, AGES[3])]
    for product in ("EU/1/20/1528", "EU/1/20/1525", "EU/1/21/1618"):
        ages = AGES if product == "EU/1/20/1528" else AGES[:1] + AGES[3:4]
        for doses, days in (((1, 1), first), ((2, 2), first), ((3, 3), booster), ((2, 1), booster)):
            found += [Visit("v", product, doses, n, age) for n in days for age in ages]
    hours = (0, 23, 24, 47, 48, 71, 72)
    found += [Visit("neg", "LP6464-4", (0, 0), n, age) for n in hours for age in AGES[:3]]
    found += [Visit("self", "LP217198-3", (0, 0), 12, AGES[0])]
    ends = (10, 11, 14, 15, 122, 123, 183, 184)
    for kind in ("pos", "rec"):
        found += [Visit(kind, "", (0, 0), n, age, PLAIN) for n in ends for age in AGES[1:4]]
        found += [Visit(kind, "", (0, 0), 400, AGES[3], TV)]
    return found


def payload(visit: Visit, at: datetime) -> dict[str, Any]:
    """The pass that this visitor holds at that moment."""
    today = at.astimezone(PARIS).date()
    given = (today - timedelta(days=visit.days)).isoformat()
    born = {"dob": (today - timedelta(days=visit.born_days_ago)).isoformat()}
    common = {"tg": "840539006"}
    match visit.kind:
        case "v":
            dn, sd = visit.doses
            return born | {"v": [common | {"mp": visit.product, "dn": dn, "sd": sd, "dt": given}]}
        case "rec":
            return born | {"r": [common | {"fr": given, "is": visit.detail}]}
        case "pos":
            sampled, result, ma = at - timedelta(days=visit.days), "260373001", None
        case kind:
            sampled, result = at - timedelta(hours=visit.days), "260415000"
            ma = "AUTOTEST" if kind == "self" else None
    test = {"tt": visit.product or "LP6464-4", "sc": sampled.isoformat(), "tr": result}
    return born | {"t": [common | test | {"ma": ma, "tc": visit.detail}]}


profiles = pytest.mark.parametrize("name", PERIODS)
