"""The French domestic profiles: every change is in force from its date on, and nothing else changes."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from tests.core.french import (
    CHANGES,
    PERIODS,
    changes,
    compiled,
    days,
    histories,
    loaded,
    midnight,
    number,
    payload,
    profiles,
    visits,
)

from doorcheck.core.ruleform import Proof, Rule
from doorcheck.core.ruleset import Origin, RuleSet
from doorcheck.core.verdict import Reason
from doorcheck.core.verify import verify
from doorcheck.edge import rulefiles
from doorcheck.lab import french as french_lab
from doorcheck.lab.bench import Bench

PROOFS = (Proof.VACCINATION, Proof.TEST, Proof.RECOVERY)
FRANCE = Origin("FR")


@profiles
def test_every_case_comes_out(name: str) -> None:
    """A shipped profile loads without a fault and says to each of its cases what the case states."""
    rules = loaded(name).rule_set()
    wrong = [
        f"{case.name}: {reason.code}"
        for case in loaded(name).cases
        if not rulefiles.is_met(case, reason := rulefiles.try_case(loaded(name), rules, case))
    ]
    assert not wrong, wrong[:10]
    assert len(loaded(name).cases) > 250


@profiles
def test_every_rule_says_what_it_wants_and_where_it_is_from(name: str) -> None:
    """Each rule is described in English and French, and names its sources; the profile follows the reader."""
    for rule in loaded(name).rules:
        assert [one.lang for one in rule.description] == ["en", "fr"], rule.identifier
        assert all(one.desc.strip() for one in rule.description), rule.identifier
        assert rule.sources, rule.identifier
        assert all(source.strip() for source in rule.sources), rule.identifier
    assert loaded(name).profile.follows == "reader"


@profiles
def test_a_rules_versions_follow_each_other_without_a_gap(name: str) -> None:
    """A version holds until the very instant when the next one begins, or until the rule's end."""
    for versions in histories(name).values():
        for earlier, later in pairwise(versions):
            assert earlier.valid_to == later.valid_from, later.identifier


def test_the_profiles_hold_one_and_the_same_rules() -> None:
    """A rule that several profiles have says the same in all, at the same time, but for its identifier."""
    seen: dict[tuple[str, str], Rule] = {}
    for name in PERIODS:
        for rule in loaded(name).rules:
            other = seen.setdefault((number(rule), rule.version), rule)
            ours, theirs = (
                msgspec.structs.replace(one, identifier="", valid_from=midnight("2021-06-09"), valid_to=0)
                for one in (rule, other)
            )
            assert ours == theirs, (rule.identifier, rule.version)


@profiles
def test_rules_change_on_the_tables_dates_alone(name: str) -> None:
    """Every change of the history is in the data at its midnight, and the data has no other change."""
    first, after = map(midnight, PERIODS[name])
    rules = compiled(loaded(name).rules, name)
    edges = sorted({rule.valid_from for rule in loaded(name).rules} | set(changes(name)))
    found = {}
    for edge in edges:
        assert first <= edge < after
        was, now = (_in_force(rules, at) for at in (edge - timedelta(milliseconds=1), edge))
        if edge != first:
            found[edge] = {rule for rule, _ in was ^ now}
    assert found == changes(name)


def _in_force(rules: RuleSet, at: datetime) -> set[tuple[str, str]]:
    return {
        (number(one.rule), one.rule.version) for proof in PROOFS for one in rules.applying(at, proof, "FR")
    }


@profiles
def test_every_moment_has_rules_for_every_proof_or_none_at_all(name: str) -> None:
    """Inside its period a profile judges each proof by rules of that proof; outside no rule applies."""
    first, after = map(midnight, PERIODS[name])
    rules = compiled(loaded(name).rules, name)
    last = after - timedelta(milliseconds=1)
    for at in {first, last, first - timedelta(microseconds=1), after, *days()}:
        for proof in PROOFS:
            applying = rules.applying(at, proof, "FR")
            own = [one for one in applying if one.rule.certificate_type is proof]
            assert bool(own) is (first <= at <= last), (at, proof)
            assert bool(applying) is bool(own), (at, proof)


@pytest.mark.slow
@profiles
def test_verdicts_change_on_the_tables_dates_alone(name: str) -> None:
    """The same visits are judged differently from the first second of a date of the table on, and never else.

    Each day is looked at, and each hour around a change.
    """
    first, after = map(midnight, PERIODS[name])
    edges = {first, after, *changes(name)}
    around = {edge + timedelta(hours=n) for edge in edges for n in range(-3, 4)}
    around |= {edge - timedelta(seconds=1) for edge in edges}
    noons = {at for at in days() if first - timedelta(days=2) < at < after + timedelta(days=2)}
    rules = compiled(loaded(name).rules, name)
    crowd, moments = visits(), sorted(around | noons)
    changed = set()
    was: list[bool] = []
    for at in moments:
        now = [rules.judge_payload(payload(one, at), at, FRANCE) is Reason.OK for one in crowd]
        if was and now != was:
            changed.add(at)
        was = now
    assert changed == edges


@pytest.mark.parametrize("dob", ["", "1963", "1963-02", "1963-00", "1950-02-31", "0000-00-00", "x", "9" * 40])
@profiles
def test_no_birth_date_makes_a_rule_fail(name: str, dob: str) -> None:
    """A birth date of any shape is judged, and no rule breaks on it."""
    first, after = map(midnight, PERIODS[name])
    rules = compiled(loaded(name).rules, name)
    for at in (first, after - timedelta(seconds=1), *changes(name)):
        for visit in visits()[::3]:
            reason = rules.judge_payload(payload(visit, at) | {"dob": dob}, at, FRANCE)
            assert reason is not Reason.RULE_ERROR, visit


@profiles
def test_the_readme_names_every_change(name: str) -> None:
    """A profile's README has a line for each date on which its rules begin, change or end."""
    text = (rulefiles.SHIPPED / name / "README.md").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| 20")]
    dated = {line.split("|")[1].strip() for line in lines}
    first, after = PERIODS[name]
    assert dated >= {first, after, *(day for day in CHANGES if first < day < after)}


@pytest.mark.parametrize(
    ("by", "token"),
    [(french_lab.HCFR1, french_lab.light_token), (french_lab.EX1, french_lab.exemption_token)],
)
def test_light_passes_and_exemptions_go_through_the_whole_verifier(by: bytes, token: Any) -> None:
    """Under the pass vaccinal both are admitted while it was asked for, and at no other time."""
    for day, expected in (("2022-01-20", "N-NON"), ("2022-02-01", "OK"), ("2022-03-20", "N-NON")):
        bench = Bench(datetime.fromisoformat(f"{day}T12:00:00+00:00"))
        data = french_lab.text(bench, token(bench.person, bench.utc), by)
        case = bench.case(data, trust=french_lab.trust_list(bench), rules=loaded("fr-vaccinal").rule_set())
        assert verify(case.symbol, case.world, case.moment).reason.code == expected
