"""The official French wallet's dated cases, as checks of a door: who is let in, on which day.

A case says on which day a proof starts to count and on which it has ended ("exp", the first day
that is not good: where a rule change cuts a proof off, it is the date of the change). Each
becomes up to seven checks, at noon in Paris: the day before the start, the start, three weeks
later, the last day, the end, the day after and the week after that; a proof without an end is
looked at on the last day of the pass vaccinal. What a case says of the next dose ("elg") is the
wallet's advice and no door's business.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.conformance.dgc import CONFORMANCE

from doorcheck.core.ruleset import AnyGenuine, Origin, RuleSet
from doorcheck.core.verdict import Reason
from doorcheck.edge import rulefiles

WAIVERS = CONFORMANCE / "french_waivers.toml"
PARIS = ZoneInfo("Europe/Paris")
DAY = timedelta(days=1)
PASSES = {
    "fr-sanitaire": (date(2021, 6, 9), date(2022, 1, 23)),
    "fr-vaccinal": (date(2022, 1, 24), date(2022, 3, 13)),
    "fr-hospital": (date(2022, 3, 14), date(2022, 9, 30)),
}
"""The profile that speaks for each day, its first and its last."""
ISSUERS = {"TV": "TV DGSAGG"}
"""The wallet's prefix of an issuer, and an issuer that has it; others are issuers by themselves."""


@dataclass(frozen=True, slots=True)
class Check:
    """One visit: `case` names the case, proof and product, `when` the day; `good`: the wallet's word."""

    case: str
    when: str
    day: date
    good: bool
    payload: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.case}, {self.when} {self.day}"


def checks(folder: Path) -> list[Check]:
    """Every check of `wallet-testing.json`."""
    sections = json.loads((folder / "wallet-testing.json").read_text("utf-8"))["sections"]
    found: list[Check] = []
    for s, section in enumerate(sections, 1):
        for c, case in enumerate(section["tests"], 1):
            for proof, payload in payloads(case["input"], case["input"]["dob"]):
                found += _visits(f"{s}.{c} {proof}", payload, case["output"])
    return found


def combined(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Every single proof of `wallet-testing-combo.json`, whose cases only say when the next dose is due."""
    sections = json.loads((folder / "wallet-testing-combo.json").read_text("utf-8"))["sections"]
    tests = [test for section in sections for test in section["tests"]]
    return [one for test in tests for given in test["inputs"] for one in payloads(given, test["dob"])]


def payloads(given: Mapping[str, Any], dob: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A name, and the pass, for each combination that a case means."""
    day, common = given["doi"], {"tg": "840539006"}
    if given["type"] == "v":
        for product in given["products"]:
            for dose in given["doses"]:
                held = common | {"mp": product, "dn": dose["c"], "sd": dose["t"], "dt": day}
                yield f"v {product} {dose['c']}/{dose['t']}", {"dob": dob, "v": [held]}
        return
    for prefix in given["prefixes"]:
        issuer = ISSUERS.get(prefix, prefix)
        if given["type"] == "r":
            yield f"r {prefix}", {"dob": dob, "r": [common | {"fr": day, "is": issuer}]}
        else:
            sampled = datetime.combine(date.fromisoformat(day), time(), PARIS).isoformat()
            held = common | {"tt": "LP6464-4", "sc": sampled, "tr": "260373001", "tc": issuer}
            yield f"p {prefix}", {"dob": dob, "t": [held]}


def _visits(case: str, payload: dict[str, Any], output: Mapping[str, str]) -> Iterator[Check]:
    start = date.fromisoformat(output["start"])
    end = date.fromisoformat(output["exp"]) if "exp" in output else None
    yield Check(case, "before", start - DAY, False, payload)
    yield Check(case, "start", start, True, payload)
    if end is None or start + 21 * DAY < end:
        yield Check(case, "later", start + 21 * DAY, True, payload)
    if end is None:
        yield Check(case, "open", PASSES["fr-vaccinal"][1], True, payload)
        return
    yield Check(case, "last", end - DAY, True, payload)
    yield Check(case, "end", end, False, payload)
    yield Check(case, "after", end + DAY, False, payload)
    yield Check(case, "over", end + 8 * DAY, False, payload)


@dataclass(frozen=True, slots=True)
class Limit:
    """One line of the wallet's table: a proof of such a holder is good for so many days, or has no end."""

    pivot: date
    years: int
    proof: str
    days: int | None
    given: Mapping[str, Any]

    def last_day(self) -> int | None:
        """The oldest proof, in days, that the door accepts two days after the pivot; None: any age.

        Two days: then every vaccine of the wallet's table but Nuvaxovid is on the list.
        """
        day = self.pivot + 2 * DAY
        dob = day.replace(year=day.year - self.years).isoformat()
        good = [n for n in (*range(300), 1000) if judge(self._held(dob, day - n * DAY), day) is Reason.OK]
        return None if good[-1] == 1000 else good[-1]

    def _held(self, dob: str, day: date) -> dict[str, Any]:
        [(_, payload)] = payloads({**self.given, "doi": day.isoformat()}, dob)
        return payload


def limits(folder: Path) -> Iterator[Limit]:
    """Each line of `wallet-validity.json` but those of the first and last pivot; holders a year older."""
    aliases = {"#AR": "EU/1/20/1528", "#AZ": "R-COVI", "#JA": "EU/1/20/1525"}
    for table in json.loads((folder / "wallet-validity.json").read_text("utf-8"))[1:-1]:
        for ages in table["rulesForAge"]:
            about = date.fromisoformat(table["pivot"]), ages["ageMin"] + 1
            for rule in ages["v"]:
                dose = rule.get("doses", {"c": 3, "t": 3})
                for product in rule["products"]:
                    given = {"type": "v", "products": [aliases.get(product, product)], "doses": [dose]}
                    name = f"v {product} {dose['c']}/{dose['t']}"
                    yield Limit(*about, name, rule["valid"].get("e"), given)
            for kind in ("r", "p"):
                for rule in ages[kind]:
                    [prefix] = rule.get("prefix", ["AA"])
                    given = {"type": kind, "prefixes": [prefix]}
                    yield Limit(*about, f"{kind} {prefix}", rule["valid"].get("e"), given)


@cache
def _rules(name: str) -> RuleSet | AnyGenuine:
    return rulefiles.load(rulefiles.find(name)).rule_set()


def judge(payload: Mapping[str, Any], day: date) -> Reason | None:
    """What the profile of that day says at its noon in Paris; None on a day that has no pass."""
    for name, (first, last) in PASSES.items():
        if first <= day <= last:
            noon = datetime.combine(day, time(12), PARIS)
            return _rules(name).judge_payload(dict(payload), noon, Origin("FR"))
    return None


@dataclass(frozen=True, slots=True)
class Waiver:
    """Checks in which the door differs by design. `cases` may hold shell wildcards."""

    cases: str
    when: tuple[str, ...]
    why: str

    def covers(self, check: Check) -> bool:
        """Whether it speaks of that check."""
        return check.when in self.when and fnmatchcase(check.case, self.cases)


@cache
def waivers() -> tuple[Waiver, ...]:
    """The table. Raises `KeyError` for a row that lacks something."""
    rows = tomllib.loads(WAIVERS.read_text("utf-8"))["waiver"]
    return tuple(Waiver(row["cases"], tuple(row["when"]), row["why"]) for row in rows)
