"""Profiles on the disk: folders of JSON, read and checked whole.

`device/doorcheck/profiles/README.md` describes the format. Everything that is wrong in a
folder is told at once, with file and place; a profile with a fault is not used at all, for
half a rule set admits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from doorcheck.core import ruleform
from doorcheck.core.expressions import Fault
from doorcheck.core.ruleform import Country, Form, Instant, Rule, RuleType, ValueSets
from doorcheck.core.ruleset import AnyGenuine, Compiled, Origin, RuleSet, select
from doorcheck.core.verdict import Reason
from doorcheck.edge.strictjson import JsonError, read_json

SHIPPED = Path(__file__).parents[1] / "profiles"
PROFILE = "profile.json"
ANY_GENUINE = "any genuine pass"
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]


@dataclass(frozen=True, slots=True)
class FileFault:
    """What is wrong, in which file of a profile (from its folder), and where in it."""

    file: str
    place: str
    words: str

    def __str__(self) -> str:
        return f"{self.file}: {self.place}: {self.words}"


class ProfileError(Exception):
    """A profile can't be used; `faults` has everything that is wrong with it."""

    def __init__(self, folder: Path, faults: list[FileFault]) -> None:
        super().__init__("; ".join(f"{folder}/{fault}" for fault in faults))
        self.folder = folder
        self.faults = faults


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What `profile.json` says."""

    name: Name
    title: str
    description: str
    country: Country
    region: str | None = None
    timezone: str = "UTC"
    follows: Literal["law", "reader"] | None = None
    sources: list[str] = []
    accept: Literal["any genuine pass"] | None = None


class Case(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One case: a certificate, or a part of one, and what the rules say to it."""

    name: str
    payload: dict[str, Any]
    clock: Instant
    expected: bool
    reason: str | None = None
    rule: str | None = None
    issuer: Country | None = None
    format: Literal["HC1", "HCFR1", "EX1", "2D-Doc"] = "HC1"
    value_sets: ValueSets | None = None

    def __repr__(self) -> str:
        return f"Case({self.name!r})"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A profile without a fault."""

    profile: Profile
    zone: tzinfo
    rules: tuple[Rule, ...]
    value_sets: ValueSets
    cases: tuple[Case, ...]

    def rule_set(self) -> RuleSet | AnyGenuine:
        """Compile it."""
        if self.profile.accept is not None:
            return AnyGenuine()
        profile = self.profile
        return RuleSet(self.rules, profile.country, profile.region, self.zone, self.value_sets)


def try_case(loaded: Loaded, rules: RuleSet | AnyGenuine, case: Case) -> Reason:
    """What the profile says to a case: the whole rule set, or the one rule that it names."""
    origin = Origin(case.issuer or loaded.profile.country, case.format)
    if isinstance(rules, AnyGenuine):
        return rules.judge_payload(case.payload, case.clock, origin)
    if case.rule is None:
        return rules.judge_payload(case.payload, case.clock, origin, case.value_sets)
    named = [one for one in rules.compiled if one.rule.identifier == case.rule]
    newest = max(named, key=lambda one: ruleform.version_of(one.rule.version))
    data = rules.context(case.payload, case.clock, origin, case.value_sets)
    return Reason.RULE_ERROR if data is None else newest.judge(data)


def is_met(case: Case, reason: Reason) -> bool:
    """Whether a case came out as it says."""
    return (reason is Reason.OK) is case.expected and case.reason in (None, reason.code)


def applying(rules: RuleSet, country: str, region: str | None, at: datetime) -> tuple[Compiled, ...]:
    """The rules of a moment for passes of every kind: acceptance of this country, all invalidation."""

    def fits(rule: Rule) -> bool:
        if rule.type is RuleType.INVALIDATION:
            return True
        return rule.country == country and rule.region in (None, region)

    return select(rules.compiled, at, fits)


def shipped() -> list[Path]:
    """The folders of the profiles that are part of doorcheck, by name."""
    return sorted(file.parent for file in SHIPPED.glob(f"*/{PROFILE}"))


def find(name: str) -> Path:
    """The folder of a shipped profile's name, or that folder."""
    return next((folder for folder in shipped() if folder.name == name), Path(name))


def load(folder: Path) -> Loaded:
    """Read a profile. Raises `ProfileError` with every fault of every file."""
    reading = _Reading(folder)
    profile = reading.profile()
    rules = tuple(reading.rules())
    sets = reading.value_sets()
    cases = tuple(reading.cases({rule.identifier for rule in rules}))
    reading.check_paths(rules, sets)
    if profile is not None:
        zone = reading.zone(profile)
        unreadable = any(fault.file.startswith("rules/") for fault in reading.faults)
        if profile.accept is None and not reading.has_rules and not unreadable:
            reading.fault(PROFILE, Fault("$", f'no rules: add some, or "accept": "{ANY_GENUINE}"'))
        if profile.accept is not None and reading.has_rules:
            reading.fault(PROFILE, Fault("$.accept", "there are rules too: remove this or them"))
    if reading.faults or profile is None:
        raise ProfileError(folder, reading.faults)
    return Loaded(profile, zone, rules, sets, cases)


@dataclass(slots=True)
class _Reading:
    """One folder being read; it gathers faults."""

    folder: Path
    faults: list[FileFault] = field(default_factory=list)
    places: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """Where each rule stands, file and place, by identifier and version."""
    has_rules: bool = False

    def fault(self, file: str, fault: Fault) -> None:
        self.faults.append(FileFault(file, fault.place, fault.words))

    def read(self, form: type[Form], file: str, data: Any, place: str = "$") -> Form | None:
        value, faults = ruleform.read(form, data)
        for fault in faults:
            self.fault(file, fault.under(place))
        return value

    def json(self, file: str) -> Any:
        try:
            return read_json(self.folder / file)
        except JsonError as error:
            self.fault(file, Fault("$", str(error)))
            return None

    def profile(self) -> Profile | None:
        data = self.json(PROFILE)
        return None if data is None else self.read(Profile, PROFILE, data)

    def zone(self, profile: Profile) -> tzinfo:
        try:
            return UTC if profile.timezone == "UTC" else ZoneInfo(profile.timezone)
        except (OSError, ValueError, KeyError):  # one that is not known is a KeyError
            self.fault(PROFILE, Fault("$.timezone", f"no time zone {profile.timezone!r} on this computer"))
            return UTC

    def items(self, kind: str) -> Iterator[tuple[str, str, Any]]:
        """File, place and content of each item of a sub-folder: a file holds one, or a list."""
        for path in sorted(self.folder.glob(f"{kind}/*.json")):
            file = f"{kind}/{path.name}"
            data = self.json(file)
            if isinstance(data, list):
                yield from ((file, f"$[{n}]", one) for n, one in enumerate(data))
            elif data is not None:
                yield file, "$", data

    def rules(self) -> Iterator[Rule]:
        for file, place, data in self.items("rules"):
            self.has_rules = True
            rule = self.read(Rule, file, data, place)
            if rule is None:
                continue
            faults = list(rule.faults())
            name = rule.identifier, rule.version
            if name in self.places:
                other = ": ".join(self.places[name])
                faults.append(Fault("$.Version", f"this version of {rule.identifier} is in {other} too"))
            self.places.setdefault(name, (file, place))
            for fault in faults:
                self.fault(file, fault.under(place))
            if not faults:
                yield rule

    def value_sets(self) -> ValueSets:
        sets: ValueSets = {}
        for file, place, data in self.items("valuesets"):
            found = _official_set(data) or data
            try:
                read = msgspec.convert(found, ValueSets)
            except msgspec.ValidationError as error:
                self.fault(file, Fault(place, f"no sets of codes: {error}"))
                continue
            for name, codes in read.items():
                if name in sets:
                    self.fault(file, Fault(place, f"another file has the value set {name!r} too"))
                sets[name] = codes
        return sets

    def cases(self, identifiers: set[str]) -> Iterator[Case]:
        names: set[str] = set()
        codes = {reason.code for reason in Reason}
        for file, place, data in self.items("cases"):
            case = self.read(Case, file, data, place)
            if case is None:
                continue
            if case.name in names:
                self.fault(file, Fault(f"{place}.name", f"another case is named {case.name!r} too"))
            names.add(case.name)
            if case.rule not in (None, *identifiers):
                self.fault(file, Fault(f"{place}.rule", f"there is no rule {case.rule!r}"))
            if case.reason is not None and (case.expected or case.reason not in codes):
                self.fault(file, Fault(f"{place}.reason", "no code, or in a case that is accepted"))
            yield case

    def check_paths(self, rules: tuple[Rule, ...], sets: ValueSets) -> None:
        """Name each path that can't lead anywhere: it is null on every pass, and admits or refuses all."""
        for rule in rules:
            file, place = self.places[rule.identifier, rule.version]
            for where, path in ruleform.paths(rule.logic):
                words = ruleform.path_fault(path, sets)
                if words is not None:
                    self.fault(file, Fault(where, words).under(place))


def _official_set(data: Any) -> dict[str, Any] | None:
    """A value set in the official form, as name and codes; None if it is not in that form."""
    if not isinstance(data, dict) or not isinstance(data.get("valueSetId"), str):
        return None
    values = data.get("valueSetValues")
    return {data["valueSetId"]: list(values) if isinstance(values, dict) else values}
