"""Rule sets: which rules apply, and what they say together; rules that are wrong."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorcheck.core import ruleform
from doorcheck.core.dcc import Certificate, Claims, Name
from doorcheck.core.light import Exemption
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.passes import Pass
from doorcheck.core.ruleform import Proof, Rule
from doorcheck.core.ruleset import AnyGenuine, Origin, RuleSet
from doorcheck.core.trust import Algorithm, Signer
from doorcheck.core.verdict import PassFormat, Reason
from doorcheck.lab.venue import COUNTRY, rule, rule_object

NOW: Final = datetime(2021, 12, 1, 12, 0, tzinfo=UTC)
VACCINATION: Final = {"v": [{"dn": 2, "sd": 2, "dt": "2021-07-01"}]}
TEST: Final = {"t": [{"sc": "2021-11-30T12:00:00Z"}]}
RECOVERY: Final = {"r": [{"fr": "2021-07-01"}]}
OF: Final = {
    "General": "GR", "Vaccination": "VR", "Test": "TR", "Recovery": "RR", "Light": "LR", "Exemption": "XR"
}  # fmt: skip


def of(proof: str, logic: Any, number: int = 1, **changed: Any) -> Rule:
    """An acceptance rule of the venue for such passes."""
    identifier = f"{OF[proof]}-{COUNTRY}-{number:04}"
    return rule(logic, Identifier=identifier, CertificateType=proof, **changed)


def invalidation(country: str, logic: Any) -> Rule:
    """A rule by which a country takes its own passes back."""
    return rule(logic, Identifier=f"IR-{country}-0001", Type="Invalidation", Country=country)


def venue(*rules: Rule, **settings: Any) -> RuleSet:
    """The venue with these rules."""
    return RuleSet(rules, COUNTRY, **settings)


def judged(rules: RuleSet, payload: dict[str, Any], at: datetime = NOW, issuer: str = COUNTRY) -> Reason:
    """What a rule set says to a certificate."""
    return rules.judge_payload(payload, at, Origin(issuer))


def names(rules: RuleSet, proof: Proof, at: datetime = NOW, issuer: str = COUNTRY) -> list[str]:
    """The rules that apply, in order."""
    return [f"{one.rule.identifier} {one.rule.version}" for one in rules.applying(at, proof, issuer)]


def test_all_acceptance_rules_must_be_true() -> None:
    """One that is false refuses, with its own reason or the general one."""
    assert judged(venue(of("General", True), of("Vaccination", True)), VACCINATION) is Reason.OK
    assert judged(venue(of("General", True), of("Vaccination", False)), VACCINATION) is Reason.RULE
    assert judged(venue(of("General", True), of("Test", False, Reason="N-RES")), TEST) is Reason.TEST_RESULT
    assert judged(venue(of("General", False, Reason="F-DDC")), TEST) is Reason.DDCC


def test_the_first_that_refuses_gives_the_reason() -> None:
    """General rules first, then by identifier, however they stand in files."""
    later = of("Vaccination", False, 2, Reason="N-DOS")
    sooner = of("Vaccination", False, 1, Reason="N-FUT")
    general = of("General", False, 9, Reason="N-SPC")
    assert judged(venue(later, sooner), VACCINATION) is Reason.FUTURE
    assert judged(venue(later, sooner, general), VACCINATION) is Reason.SPECIMEN


def test_rules_of_other_proofs_do_not_apply() -> None:
    """Each proof has its own rules, and the general ones."""
    rules = venue(of("General", True), of("Vaccination", False), of("Test", True))
    assert names(rules, Proof.TEST) == ["GR-XX-0001 1.0.0", "TR-XX-0001 1.0.0"]
    assert judged(rules, TEST) is Reason.OK


@pytest.mark.parametrize("payload", [VACCINATION, TEST, RECOVERY])
def test_silence_never_admits(payload: dict[str, Any]) -> None:
    """No rule for such a proof, or none on that day, or an invalidation alone: `N-NON`."""
    assert judged(venue(), payload) is Reason.NO_RULE
    assert judged(venue(invalidation(COUNTRY, False)), payload) is Reason.NO_RULE
    old = of("General", True, ValidTo="2021-01-01T00:00:00Z")
    assert judged(venue(old), payload) is Reason.NO_RULE
    abroad = rule(True, Identifier="GR-FR-0001", Country="FR")
    assert judged(venue(abroad), payload) is Reason.NO_RULE


@pytest.mark.parametrize(
    "payload", [{}, {"v": []}, {"v": None, "t": "x"}, VACCINATION | TEST, {"r": [{}, {}]}, {"v": 5}]
)
def test_exactly_one_proof(payload: dict[str, Any]) -> None:
    """None or more than one is `N-ONE`, whatever the rules say."""
    assert judged(venue(of("General", True)), payload) is Reason.NOT_ONE_PROOF


def test_an_error_is_a_reason() -> None:
    """A rule that can't be evaluated, or that comes to no boolean, refuses with `N-ERR`."""
    late: Any = {"after": [{"plusTime": [{"var": "payload.dob"}, 0, "day"]}] * 2}
    for dob in ("", "1963-00", "31/02/1980", None):
        assert judged(venue(of("General", late)), {**VACCINATION, "dob": dob}) is Reason.RULE_ERROR
    logics: list[Any] = [1, "true", {"var": "payload.v"}, {"var": "payload.r"}, []]
    for logic in logics:
        assert judged(venue(of("General", logic)), VACCINATION) is Reason.RULE_ERROR


def test_invalidation_belongs_to_the_country_that_issued() -> None:
    """It must be false, for passes of that country alone."""
    rules = venue(of("General", True), invalidation("FR", True), invalidation("DE", False))
    assert judged(rules, VACCINATION, issuer="FR") is Reason.RULE
    assert judged(rules, VACCINATION, issuer="DE") is Reason.OK
    assert judged(rules, VACCINATION, issuer="AT") is Reason.OK


def test_a_region_has_rules_of_its_own() -> None:
    """A rule without a region applies in each, one with a region in its own."""
    rules = [of("General", True), of("General", False, 2, Region="9")]
    assert judged(venue(*rules), VACCINATION) is Reason.OK
    assert judged(venue(*rules, region="8"), VACCINATION) is Reason.OK
    assert judged(venue(*rules, region="9"), VACCINATION) is Reason.RULE


def test_passes_without_a_proof_inside_need_rules_of_their_own() -> None:
    """A light pass or an exemption: general rules say nothing of it, and silence refuses."""
    for format_, proof in (("HCFR1", "Light"), ("EX1", "Exemption")):
        origin = Origin("FR", format_)
        assert venue(of("General", True)).judge_payload({}, NOW, origin) is Reason.NO_RULE
        rules = venue(of("General", False), of(proof, True))
        assert rules.judge_payload({}, NOW, origin) is Reason.OK


# Dates and versions


@pytest.mark.parametrize(
    ("offset_us", "expected"),
    [(-1, Reason.NO_RULE), (0, Reason.OK), (1, Reason.OK)],
)
def test_a_rule_begins_with_its_first_moment(offset_us: int, expected: Reason) -> None:
    """Not a microsecond before it."""
    rules = venue(of("General", True, ValidFrom="2021-12-01T13:00:00+01:00"))
    assert judged(rules, VACCINATION, NOW + timedelta(microseconds=offset_us)) is expected


@pytest.mark.parametrize(
    ("offset_us", "expected"),
    [(-1, Reason.OK), (0, Reason.OK), (1, Reason.NO_RULE)],
)
def test_a_rule_ends_with_its_last_moment(offset_us: int, expected: Reason) -> None:
    """That moment still belongs to it."""
    rules = venue(of("General", True, ValidTo="2021-12-01T12:00:00Z"))
    assert judged(rules, VACCINATION, NOW + timedelta(microseconds=offset_us)) is expected


def test_the_highest_version_of_the_day_applies() -> None:
    """By number, not by text; one that begins later does not count yet."""
    rules = venue(
        of("General", False, Version="1.9.0"),
        of("General", True, Version="1.10.0"),
        of("General", False, Version="2.0.0", ValidFrom="2021-12-02T00:00:00Z"),
    )
    assert names(rules, Proof.TEST) == ["GR-XX-0001 1.10.0"]
    assert judged(rules, TEST) is Reason.OK
    assert judged(rules, TEST, NOW + timedelta(days=1)) is Reason.RULE


MOMENTS = st.datetimes(datetime(2021, 1, 1), datetime(2022, 12, 31)).map(lambda d: d.replace(tzinfo=UTC))


@given(st.lists(st.tuples(MOMENTS, MOMENTS, st.integers(0, 2)), max_size=6), st.lists(MOMENTS, max_size=6))
def test_what_is_remembered_is_what_applies(
    periods: list[tuple[datetime, datetime, int]], moments: list[datetime]
) -> None:
    """In any order of moments, and at the very changes, the rules are those of the moment."""
    rules = [
        of(
            "General",
            True,
            n % 2,
            Version=f"1.{version}.{n}",
            ValidFrom=str(min(a, b)),
            ValidTo=str(max(a, b)),
        )
        for n, (a, b, version) in enumerate(periods)
    ]
    judge = venue(*rules)
    step = timedelta(microseconds=1)
    edges = [edge for a, b, _ in periods for edge in (a, b)]
    for at in [*moments, *(edge + k * step for edge in edges for k in (-1, 0, 1))]:
        assert names(judge, Proof.TEST, at) == names(venue(*rules), Proof.TEST, at)
        assert all(
            one.rule.valid_from <= at <= one.rule.valid_to for one in judge.applying(at, Proof.TEST, "")
        )


# What rules see


def seen(path: str, payload: dict[str, Any], at: datetime = NOW, **settings: Any) -> Any:
    """What a rule finds at a path."""
    rules = venue(of("General", {"var": path}), **settings)
    data = rules.context(payload, at, Origin("FR", "2D-Doc", b"\x01", 0.0, math.inf))
    return rules.compiled[0].evaluate(data)


def test_the_data_context() -> None:
    """The European names, and ours."""
    sets = {"colours": ["red"]}
    assert seen("external.validationClock", {}) == "2021-12-01T12:00:00.000Z"
    assert seen("external.valueSets.colours.0", {}, value_sets=sets) == "red"
    assert (seen("external.countryCode", {}), seen("external.issuerCountryCode", {})) == (COUNTRY, "FR")
    assert (seen("external.kid", {}), seen("external.format", {})) == ("AQ==", "2D-Doc")
    assert (seen("external.iat", {}), seen("external.exp", {})) == ("1970-01-01T00:00:00Z", None)
    assert seen("payload.v.0.dn", VACCINATION) == 2


def test_the_day_and_the_clock_are_the_venues() -> None:
    """An hour before midnight in UTC it is the next day in Paris, in winter and in summer."""
    paris = ZoneInfo("Europe/Paris")
    for at, local in (
        (datetime(2022, 1, 23, 22, 59, tzinfo=UTC), "2022-01-23T23:59:00.000"),
        (datetime(2022, 1, 23, 23, 0, tzinfo=UTC), "2022-01-24T00:00:00.000"),
        (datetime(2021, 7, 1, 22, 0, tzinfo=UTC), "2021-07-02T00:00:00.000"),
    ):
        assert seen("external.localClock", {}, at, zone=paris) == local
        assert seen("external.today", {}, at, zone=paris) == local[:10]
        assert seen("external.today", {}, at) == str(at.date())


@pytest.mark.parametrize(
    ("dob", "date"),
    [("1963", "1963-12-31"), ("1963-02", "1963-02-28"), ("1963-00", None), ("", None), ("1980-02-31", None)],
)
def test_a_birth_date_that_cannot_be_read_is_null(dob: str, date: str | None) -> None:
    """So that a rule can ask for it, and need not fail."""
    assert seen("external.birthDate", {"dob": dob}) == date


def test_the_ends_of_time_are_an_error_and_no_crash() -> None:
    """No zone can be applied there."""
    rules = venue(of("General", True, ValidTo="9999-12-31T23:59:59Z"), zone=ZoneInfo("Europe/Paris"))
    assert judged(rules, TEST, datetime(9999, 12, 31, 23, 30, tzinfo=UTC)) is Reason.RULE_ERROR


# Whole passes

TEXTS = st.text(max_size=12) | st.sampled_from(["1963-00", "", "2021-07-01", "2021-02-31T00:00:00Z"])
MEANT: Final = [
    of("General", {"after": [{"plusTime": [{"var": "external.today"}, 0, "day"]},
                             {"dccDateOfBirth": [{"var": "payload.dob"}]}]}),
    of("Vaccination", {">=": [{"var": "payload.v.0.dn"}, {"var": "payload.v.0.sd"}]}),
    of("Test", {"before": [{"plusTime": [{"var": "external.validationClock"}, 0, "hour"]},
                           {"plusTime": [{"var": "payload.t.0.sc"}, 24, "hour"]}]}),
    of("Recovery", {"in": [{"var": "payload.r.0.co"}, {"var": "external.valueSets.none"}]}),
    of("Exemption", {"===": [{"var": "payload.ex.tg"}, "840539006"]}),
    invalidation("FR", {"===": [{"extractFromUVCI": [{"var": "payload.v.0.ci"}, 0]}, "X"]}),
]  # fmt: skip
FORMATS = st.sampled_from([PassFormat.HC1, PassFormat.HCFR1, PassFormat.EX1, PassFormat.TWO_D_DOC])


def shown(
    certificate: Certificate, country: str = "FR", format_: PassFormat = PassFormat.HC1, **parts: Any
) -> Pass:
    """A pass that holds it."""
    signer = Signer(b"kid", Algorithm.ES256, b"", country=country)
    return Pass(format_, signer, Claims("FR", -math.inf, 1e15, {}), certificate, b"", **parts)


@given(
    st.from_type(Certificate),
    TEXTS,
    st.sampled_from(["FR", ""]),
    FORMATS,
    st.none() | st.from_type(Exemption),
    st.datetimes(timezones=st.timezones()),
)
def test_judging_never_raises(
    certificate: Certificate,
    dob: str,
    country: str,
    format_: PassFormat,
    exemption: Exemption | None,
    at: datetime,
) -> None:
    """Whatever a certificate holds, at any time, there is a reason; and it is one of the rules."""
    certificate = msgspec.structs.replace(certificate, dob=dob)
    one = shown(certificate, country, format_, exemption=exemption)
    reason = venue(*MEANT, zone=ZoneInfo("Europe/Paris")).judge(one, Moment(at, Basis.NETWORK))
    assert reason is Reason.OK or reason.code.startswith("N-")
    assert AnyGenuine().judge(one, Moment(at, Basis.NETWORK)) in (Reason.OK, Reason.NOT_ONE_PROOF)


def test_a_pass_is_judged_by_what_it_holds() -> None:
    """The certificate as the European schema names it, the issuer by its signer."""
    entry = {"tg": "1", "vp": "1", "mp": "1", "ma": "1", "dn": 2, "sd": 2, "dt": "1", "co": "FR", "is": "X"}
    certificate = msgspec.convert(
        {"ver": "1.3.0", "nam": {}, "dob": "1980", "v": [{**entry, "ci": "1"}]}, Certificate
    )
    moment = Moment(NOW, Basis.NETWORK)
    named = of("General", {"===": [{"var": "payload.v.0.is"}, "X"]})
    assert venue(named).judge(shown(certificate), moment) is Reason.OK
    taken_back = venue(named, invalidation("FR", True))
    assert taken_back.judge(shown(certificate), moment) is Reason.RULE
    assert taken_back.judge(shown(certificate, "DE"), moment) is Reason.OK
    assert taken_back.judge(shown(certificate, ""), moment) is Reason.RULE  # the token names its issuer


def test_an_exemption_can_be_asked_for() -> None:
    """Its fields are in the payload beside the holder's."""
    fields = {"tg": "840539006", "es": "1", "df": "1", "du": "1", "co": "FR", "is": "X", "ci": "1"}
    holder = Certificate(ver="1.3.0", nam=Name(), dob="")
    one = shown(holder, format_=PassFormat.EX1, exemption=msgspec.convert(fields, Exemption))
    assert venue(*MEANT).judge(one, Moment(NOW, Basis.NETWORK)) is Reason.OK


# Rules that are wrong


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"Identifier": "XX-1"}, "$.Identifier"),
        ({"Identifier": "VR-XX-0001"}, "$.Identifier"),
        ({"Identifier": "GR-FR-0001"}, "$.Identifier"),
        ({"Type": "Invalidation"}, "$.Identifier"),
        ({"Country": "xx"}, "$.Country"),
        ({"Version": "1.0"}, "$.Version"),
        ({"Engine": "JSONLOGIC"}, "$.Engine"),
        ({"EngineVersion": "1.3.4"}, "$.EngineVersion"),
        ({"CertificateType": "Vaccine"}, "$.CertificateType"),
        ({"Description": []}, "$.Description"),
        ({"Description": [{"lang": "en"}]}, "$.Description[0]"),
        ({"ValidFrom": "2021-01-01"}, "$.ValidFrom"),
        ({"ValidFrom": "2021-01-01T00:00:00"}, "$.ValidFrom"),
        ({"ValidTo": "2019-01-01T00:00:00Z"}, "$.ValidTo"),
        ({"AffectedFields": []}, "$.AffectedFields"),
        ({"Reason": "OK"}, "$.Reason"),
        ({"Reason": "O-BUG"}, "$.Reason"),
        ({"Reason": "N-XYZ"}, "$.Reason"),
        ({"Raison": "N-DOS"}, "$.Raison"),
        ({"Sources": "x"}, "$.Sources"),
        ({"Logic": {"and": [True, {"or": []}]}}, "$.Logic.and[1]"),
    ],
)
def test_a_fault_in_a_rule_has_its_place(changed: dict[str, Any], place: str) -> None:
    """Its field, and where in it."""
    made, faults = ruleform.read(Rule, rule_object(True, **changed))
    assert [fault.place for fault in faults or (made.faults() if made else ())] == [place]


def test_all_faults_of_a_rule_are_told() -> None:
    """Not the first alone."""
    data = rule_object(True, Country="x", Type="y", Extra=1)
    del data["Logic"]
    _, faults = ruleform.read(Rule, data)
    assert {fault.place for fault in faults} == {"$.Country", "$.Type", "$.Extra", "$.Logic"}
    assert [str(fault) for fault in ruleform.read(Rule, [])[1]] == ["$: no object"]


def test_a_newer_engine_is_no_acceptance() -> None:
    """A rule for an engine that is newer than this one, though nobody checked, is `N-ERR`."""
    made, _ = ruleform.read(Rule, rule_object({"or": [True]}, EngineVersion="1.10.0"))
    assert made is not None
    assert judged(venue(made), VACCINATION) is Reason.RULE_ERROR


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("payload.v.0.dt", False), ("payload.v.0", False), ("payload.ex.df", False), ("current.x", False),
        ("accumulator", False), ("", False), ("external.valueSets.a", False), ("external.today", False),
        ("payload.x", True), ("payload.v.0.sc", True), ("payload.nam.x", True), ("external.now", True),
        ("external.valueSets.b", True), ("it", True), ("payload.ex.x", True),
    ],
)  # fmt: skip
def test_a_path_that_leads_nowhere_is_a_fault(path: str, fault: bool) -> None:
    """A misspelt field would be null on every pass."""
    assert (ruleform.path_fault(path, {"a": []}) is not None) is fault


def test_every_path_of_an_expression_is_found() -> None:
    """With its place."""
    logic = {"if": [{"var": "a"}, [{"var": "b"}], {"!": [{"var": "c"}]}]}
    assert set(ruleform.paths(logic)) == {
        ("$.Logic.if[0].var", "a"),
        ("$.Logic.if[1][0].var", "b"),
        ("$.Logic.if[2]['!'][0].var", "c"),
    }
