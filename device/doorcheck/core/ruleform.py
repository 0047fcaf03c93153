"""One rule as data: its form, and everything that is wrong with it.

The form is the European one (eu-dcc-business-rules, "Validation rules"), with two keys of
our own; `device/doorcheck/profiles/README.md` is the whole description.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from doorcheck.core import dcc, expressions
from doorcheck.core.expressions import Fault
from doorcheck.core.light import Exemption
from doorcheck.core.verdict import PassFormat, Reason

Form = TypeVar("Form", bound=msgspec.Struct)
VersionText = Annotated[str, msgspec.Meta(pattern=r"^\d{1,9}\.\d{1,9}\.\d{1,9}$")]
Country = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
ValueSets = dict[str, list[str]]
"""Codes by the name of their set."""


class RuleType(enum.Enum):
    """What must come of a rule: true of acceptance, false of invalidation."""

    ACCEPTANCE = "Acceptance"
    INVALIDATION = "Invalidation"


class Proof(enum.Enum):
    """The passes that a rule is for: all with a proof, or those with one kind of it.

    The last two are ours: French passes that have no proof inside. Nothing but a rule of
    their own speaks of them.
    """

    GENERAL = "General"
    VACCINATION = "Vaccination"
    TEST = "Test"
    RECOVERY = "Recovery"
    LIGHT = "Light"
    EXEMPTION = "Exemption"


GROUPS = {"v": Proof.VACCINATION, "t": Proof.TEST, "r": Proof.RECOVERY}
_REASONS = {reason.code: reason for reason in Reason if reason.code.startswith(("N-", "F-"))}
FORMATS = {PassFormat.HCFR1.value: Proof.LIGHT, PassFormat.EX1.value: Proof.EXEMPTION}
_PREFIXES = {
    Proof.GENERAL: "GR",
    Proof.VACCINATION: "VR",
    Proof.TEST: "TR",
    Proof.RECOVERY: "RR",
    Proof.LIGHT: "LR",
    Proof.EXEMPTION: "XR",
}


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule in words of one language."""

    lang: str
    desc: str


class Rule(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """One rule, as in its file; names there are `Identifier`, `ValidFrom` and so on."""

    identifier: Annotated[str, msgspec.Meta(pattern=r"^(GR|VR|TR|RR|LR|XR|IR)-[A-Z]{2}-\d{4}$")]
    type: RuleType
    country: Country
    region: str | None = None
    version: VersionText
    schema_version: VersionText
    engine: Literal["CERTLOGIC"]
    engine_version: VersionText
    certificate_type: Proof
    description: Annotated[list[Description], msgspec.Meta(min_length=1)]
    valid_from: Instant
    valid_to: Instant
    affected_fields: Annotated[list[str], msgspec.Meta(min_length=1)]
    logic: Any
    reason: str = Reason.RULE.code
    sources: list[str] = []

    @property
    def words(self) -> str:
        """What it says, in English where it does, else in its first language."""
        return next((one.desc for one in self.description if one.lang == "en"), self.description[0].desc)

    @property
    def is_supported(self) -> bool:
        """Whether this engine knows its version of the language."""
        return version_of(self.engine_version) <= expressions.VERSION

    @property
    def refusal(self) -> Reason:
        """The reason that it gives. Raises `KeyError` for a code that a rule may not give."""
        return _REASONS[self.reason]

    def faults(self) -> Iterator[Fault]:
        """What is wrong with it though each field has the right form."""
        wanted = "IR" if self.type is RuleType.INVALIDATION else _PREFIXES[self.certificate_type]
        if self.identifier[:5] != f"{wanted}-{self.country}"[:5]:
            yield Fault("$.Identifier", f"begins with {wanted}-{self.country} for its type and country")
        if self.valid_from > self.valid_to:
            yield Fault("$.ValidTo", "earlier than ValidFrom")
        if self.reason not in _REASONS:
            yield Fault("$.Reason", f"{self.reason!r} is no N- or F- code of the table of reasons")
        if not self.is_supported:
            yield Fault("$.EngineVersion", f"{self.engine_version} is newer than this engine, {_NEWEST}")
            return  # its language is not known here
        for fault in expressions.find_faults(self.logic):
            yield fault.under("$.Logic")


_NEWEST = ".".join(map(str, expressions.VERSION))


def version_of(text: str) -> tuple[int, ...]:
    """A version's parts, to compare."""
    return tuple(map(int, text.split(".")))


@cache
def _fields(form: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    """A struct's fields by their names in JSON; to ask for them takes half a millisecond."""
    return {field.encode_name: field for field in msgspec.structs.fields(form)}


def read(form: type[Form], data: Any) -> tuple[Form | None, list[Fault]]:
    """A struct out of decoded JSON, or everything that is wrong with the JSON, field by field."""
    if not isinstance(data, dict):
        return None, [Fault("$", "no object")]
    faults, values = [], {}
    fields = _fields(form)
    faults += [Fault("$" + expressions.step(name), "unknown key") for name in data if name not in fields]
    for name, field in fields.items():
        place = "$" + expressions.step(name)
        if name in data:
            try:
                values[field.name] = msgspec.convert(data[name], field.type)
            except msgspec.ValidationError as error:
                words, _, inner = str(error).partition(" - at `")
                faults.append(Fault(place + inner[1:-1], words))
        elif field.required:
            faults.append(Fault(place, "missing"))
    return (None, faults) if faults else (form(**values), [])


# What an expression reads

EXTERNAL = ("validationClock", "valueSets", "countryCode", "region", "issuerCountryCode", "kid", "iat", "exp")
OWN_EXTERNAL = ("today", "localClock", "birthDate", "format")
"""What we add to the European data context."""
_STRUCTS: dict[str, type[msgspec.Struct]] = {
    "": dcc.Certificate,
    "nam": dcc.Name,
    "v": dcc.Vaccination,
    "t": dcc.Test,
    "r": dcc.Recovery,
    "ex": Exemption,
}
_FIELDS = {name: frozenset(_fields(struct)) for name, struct in _STRUCTS.items()}


def paths(expression: Any, place: str = "$.Logic") -> Iterator[tuple[str, str]]:
    """Every path that a valid expression reads, with its place."""
    waiting = [(expression, place)]
    while waiting:
        node, place = waiting.pop()
        if isinstance(node, dict):
            [(name, node)] = node.items()
            place += expressions.step(name)
            if name == "var":
                yield place, node
        if isinstance(node, list):
            waiting += [(part, f"{place}[{n}]") for n, part in enumerate(node)]


def path_fault(path: str, value_sets: ValueSets) -> str | None:
    """Why nothing can ever be found at a path of the data context; None if something can."""
    first, *rest = path.split(".")
    match first, rest:
        case ("external", [name, *_]) if name not in EXTERNAL + OWN_EXTERNAL:
            return f"there is no external.{name}"
        case ("external", ["valueSets", name, *_]) if name not in value_sets:
            return f"there is no value set {name!r}"
        case ("payload", [group, *_]) if group not in _FIELDS[""] | {"ex"}:
            return f"there is no payload.{group}"
        case ("payload", ["nam" | "ex" as group, field, *_]) if field not in _FIELDS[group]:
            return f"there is no payload.{group}.{field}"
        case ("payload", ["v" | "t" | "r" as group, _, field, *_]) if field not in _FIELDS[group]:
            return f"there is no field {field!r} in payload.{group}"
        case ("external" | "payload" | "current" | "accumulator" | "", _):
            return None
    return f"there is no {first!r}; a path begins with payload or external"
