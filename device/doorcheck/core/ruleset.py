"""Rule sets: which rules apply to a pass at a moment, and what they say together.

`device/doorcheck/profiles/README.md` describes it all, for those who write rules.
"""

from __future__ import annotations

import base64
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import msgspec

from doorcheck.core import certlogic, datetimes
from doorcheck.core.certlogic import EvaluationError
from doorcheck.core.moment import Moment
from doorcheck.core.passes import Pass
from doorcheck.core.ruleform import FORMATS, GROUPS, Proof, Rule, RuleType, ValueSets, version_of
from doorcheck.core.verdict import PassFormat, Reason


@dataclass(frozen=True, slots=True)
class Origin:
    """What rules may know of a pass besides its certificate; times in seconds since 1970."""

    issuer: str = ""
    format: str = "HC1"
    kid: bytes = b""
    issued: float | None = None
    expires: float | None = None


class AnyGenuine:
    """The rule set of a venue that only needs a genuine and current pass, of any kind."""

    def judge(self, shown: Pass, _moment: Moment) -> Reason:
        """OK for whatever holds something: what is not genuine or not current never comes so far."""
        holds = shown.certificate.entries or shown.format in (PassFormat.HCFR1, PassFormat.EX1)
        return Reason.OK if holds else Reason.NOT_ONE_PROOF

    def judge_payload(self, _payload: dict[str, Any], _at: datetime, _origin: Origin) -> Reason:
        """The same of a bare certificate, for cases."""
        return Reason.OK


@dataclass(frozen=True, slots=True)
class Compiled:
    """A rule, ready to be evaluated."""

    rule: Rule
    evaluate: certlogic.Evaluate
    wanted: bool
    refusal: Reason

    @classmethod
    def of(cls, rule: Rule) -> Compiled:
        """Compile a rule. Raises `CertLogicError` or `KeyError` for one that has faults."""
        evaluate = certlogic.compile_expression(rule.logic) if rule.is_supported else _unsupported
        return cls(rule, evaluate, rule.type is RuleType.ACCEPTANCE, rule.refusal)

    def judge(self, data: dict[str, Any]) -> Reason:
        """OK, or why not; N-ERR when it can't be evaluated, or to no boolean."""
        try:
            value = self.evaluate(data)
        except EvaluationError:
            return Reason.RULE_ERROR
        if type(value) is not bool:
            return Reason.RULE_ERROR
        return Reason.OK if value is self.wanted else self.refusal


def _unsupported(_data: Any) -> Any:
    raise EvaluationError("a newer version of CertLogic")


def select(rules: Iterable[Compiled], at: datetime, fits: Callable[[Rule], bool]) -> tuple[Compiled, ...]:
    """The rules that apply then: of each identifier the highest version, general ones first."""
    chosen: dict[str, Compiled] = {}
    for one in rules:
        rule = one.rule
        if rule.valid_from <= at <= rule.valid_to and fits(rule):
            other = chosen.get(rule.identifier)
            if other is None or version_of(rule.version) > version_of(other.rule.version):
                chosen[rule.identifier] = one
    order = sorted(chosen.values(), key=lambda one: one.rule.identifier)
    return tuple(sorted(order, key=lambda one: one.rule.certificate_type is not Proof.GENERAL))


class RuleSet:
    """A venue's rules, compiled; it judges passes and changes nothing.

    `zone` is the venue's. Raises `CertLogicError` or `KeyError` for a rule with faults.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        country: str,
        region: str | None = None,
        zone: tzinfo = UTC,
        value_sets: ValueSets | None = None,
    ) -> None:
        self.compiled = tuple(map(Compiled.of, rules))
        self.country = country
        self.region = region
        self._zone = zone
        self._value_sets = dict(value_sets or {})
        self._invalidating = {
            one.rule.country for one in self.compiled if one.rule.type is RuleType.INVALIDATION
        }
        periods = [(one.rule.valid_from, one.rule.valid_to) for one in self.compiled]
        self._changes = sorted({start for start, _ in periods} | {_after(end) for _, end in periods})
        self._selected: dict[tuple[int, Proof, str], tuple[Compiled, ...]] = {}

    def judge(self, shown: Pass, moment: Moment) -> Reason:
        """OK, or the first rule's reason that does not accept the pass; never raises."""
        claims, signer = shown.claims, shown.signer
        issuer = signer.country or claims.issuer
        origin = Origin(issuer, shown.format.value, signer.kid, claims.issued, claims.expires)
        payload = msgspec.to_builtins(shown.certificate)
        if shown.exemption is not None:
            payload["ex"] = msgspec.to_builtins(shown.exemption)
        return self.judge_payload(payload, moment.utc, origin)

    def judge_payload(
        self, payload: dict[str, Any], at: datetime, origin: Origin, value_sets: ValueSets | None = None
    ) -> Reason:
        """The same of a certificate in the European form, which may be a part of one, for cases."""
        proof = _proof(payload, origin.format)
        if proof is None:
            return Reason.NOT_ONE_PROOF
        applying = self.applying(at, proof, origin.issuer)
        if not any(one.wanted for one in applying):
            return Reason.NO_RULE
        data = self.context(payload, at, origin, value_sets)
        if data is None:
            return Reason.RULE_ERROR
        for one in applying:
            reason = one.judge(data)
            if reason is not Reason.OK:
                return reason
        return Reason.OK

    def applying(self, at: datetime, proof: Proof, issuer: str) -> tuple[Compiled, ...]:
        """The rules for such a pass at that moment, in the order they are tried."""
        issuer = issuer if issuer in self._invalidating else ""
        key = bisect_right(self._changes, at), proof, issuer
        found = self._selected.get(key)
        if found is None:
            found = self._selected[key] = select(
                self.compiled, at, lambda rule: self._fits(rule, issuer, proof)
            )
        return found

    def _fits(self, rule: Rule, issuer: str, proof: Proof) -> bool:
        of_all = rule.certificate_type is Proof.GENERAL and proof in GROUPS.values()
        if not of_all and rule.certificate_type is not proof:
            return False
        if rule.type is RuleType.INVALIDATION:
            return rule.country == issuer
        return rule.country == self.country and rule.region in (None, self.region)

    def context(
        self, payload: dict[str, Any], at: datetime, origin: Origin, value_sets: ValueSets | None = None
    ) -> dict[str, Any] | None:
        """What the rules see; None at the very ends of time, where no zone can be applied."""
        try:
            utc = at.astimezone(UTC).isoformat(timespec="milliseconds")
            local = at.astimezone(self._zone).replace(tzinfo=None).isoformat(timespec="milliseconds")
        except (OverflowError, ValueError):
            return None
        born = payload.get("dob")
        external = {
            "validationClock": utc[:-6] + "Z",
            "valueSets": self._value_sets if value_sets is None else value_sets,
            "countryCode": self.country,
            "region": self.region,
            "issuerCountryCode": origin.issuer,
            "kid": base64.b64encode(origin.kid).decode() or None,
            "iat": _text(origin.issued),
            "exp": _text(origin.expires),
            "today": local[:10],
            "localClock": local,
            "birthDate": datetimes.last_day(born) if isinstance(born, str) else None,
            "format": origin.format,
        }
        return {"payload": payload, "external": external}


def _after(end: datetime) -> datetime:
    """The first moment at which a rule that is valid until then is not."""
    try:
        return end + timedelta(microseconds=1)
    except OverflowError:
        return end


def _proof(payload: dict[str, Any], format_: str) -> Proof | None:
    """What a pass proves something with: its format, or the one entry inside; None if not one."""
    if format_ in FORMATS:
        return FORMATS[format_]
    groups = {proof: payload.get(name) for name, proof in GROUPS.items()}
    held = [proof for proof, group in groups.items() if isinstance(group, list) for _ in group]
    return held[0] if len(held) == 1 else None


def _text(seconds: float | None) -> str | None:
    try:
        return (
            None
            if seconds is None
            else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")[:19] + "Z"
        )
    except (OverflowError, ValueError, OSError):
        return None  # formats without such a time say infinity
