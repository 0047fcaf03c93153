"""Light passes and exemptions: contents, periods, and that neither is the other."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorcheck.core import dcc, light, paris
from doorcheck.core.verdict import Reason, RefusedError
from doorcheck.lab import french, issuer

NOW: Final = datetime(2022, 1, 27, 10, 0, tzinfo=UTC)
PERSON: Final = issuer.PEOPLE[0]
PROOFS: Final = {"v": issuer.vaccination, "t": issuer.negative_test, "r": issuer.recovery}


def hcert(token: dict[int, Any]) -> dict[Any, Any]:
    """The health certificate claim of a token."""
    claim = token[dcc.HCERT]
    assert isinstance(claim, dict)
    return claim


LIGHT: Final = hcert(french.light_token(PERSON, NOW))
EXEMPT: Final = hcert(french.exemption_token(PERSON, NOW))


def with_group(claim: dict[Any, Any], **groups: Any) -> dict[Any, Any]:
    """The claim with something more in its certificate."""
    return {dcc.EU_DCC: {**claim[dcc.EU_DCC], **groups}}


def test_a_light_pass_is_a_name_and_a_birth_date() -> None:
    """And no proof."""
    holder = light.certificate(LIGHT)
    assert (holder.nam.fn, holder.dob, holder.entries) == ("Lanterne", "1984-02-29", ())


@pytest.mark.parametrize("group", PROOFS)
def test_a_light_pass_holds_no_proof(group: str) -> None:
    """With one it is an EU certificate under a wrong prefix: half a vaccination would open the door."""
    entry = dict(PROOFS[group](NOW, "light").entry)
    with pytest.raises(RefusedError, match="D-KND"):
        light.certificate(with_group(LIGHT, **{group: [entry]}))


def test_a_light_pass_is_no_exemption() -> None:
    """Nor the other way round."""
    with pytest.raises(RefusedError, match="D-KND"):
        light.certificate(EXEMPT)
    with pytest.raises(RefusedError, match="D-KND"):
        light.exemption(LIGHT)


def test_empty_groups_are_none() -> None:
    """As in EU certificates, which some issuers write so."""
    light.certificate(with_group(LIGHT, v=None, t=[], ex=None))
    light.exemption(with_group(EXEMPT, v=None, r=[]))


@pytest.mark.parametrize(("shift", "reason"), [(-1, Reason.ISSUED_LATER), (0, None)])
def test_a_light_pass_begins_with_its_first_second(shift: int, reason: Reason | None) -> None:
    """From the second of its issue."""
    claims = dcc.Claims("FR", 1000, 2000, {})
    assert period(claims, 1000 + shift) is reason


@pytest.mark.parametrize(("shift", "reason"), [(-1, None), (-0.001, None), (0, Reason.EXPIRED)])
def test_a_light_pass_ends_before_its_expiry(shift: float, reason: Reason | None) -> None:
    """The second of its expiry is out."""
    claims = dcc.Claims("FR", 1000, 2000, {})
    assert period(claims, 2000 + shift) is reason


def period(claims: dcc.Claims, now: float) -> Reason | None:
    """Why a light pass is refused at a time; None when it is not."""
    try:
        light.check_period(claims, now)
    except RefusedError as error:
        return error.reason
    return None


def test_an_exemption_is_read() -> None:
    """With its holder."""
    holder, exemption = light.exemption(EXEMPT)
    assert (holder.nam.gn, exemption.tg, exemption.es) == ("Amélie", "840539006", "SE/2")
    assert (exemption.df, exemption.du) == ("2021-12-28", "2022-02-26")
    assert exemption.issuer == "doorcheck lab TEST"


@pytest.mark.parametrize("group", PROOFS)
def test_an_exemption_stands_alone(group: str) -> None:
    """A proof beside it makes it neither."""
    entry = dict(PROOFS[group](NOW, "exemption").entry)
    with pytest.raises(RefusedError, match="D-KND"):
        light.exemption(with_group(EXEMPT, **{group: [entry]}))


@pytest.mark.parametrize("broken", [[], "SE/1", 7, {}, {"tg": "840539006"}])
def test_a_malformed_exemption_is_refused(broken: object) -> None:
    """It is one object with all of its fields."""
    with pytest.raises(RefusedError, match="D-DCC"):
        light.exemption(with_group(EXEMPT, ex=broken))


@pytest.mark.parametrize("field", ["tg", "es", "df", "du", "co", "is", "ci"])
@pytest.mark.parametrize("value", [None, 5])
def test_every_field_of_an_exemption_is_text(field: str, value: object) -> None:
    """None may be missing."""
    entry = {**EXEMPT[dcc.EU_DCC]["ex"], field: value}
    with pytest.raises(RefusedError, match="D-DCC"):
        light.exemption(with_group(EXEMPT, ex=entry))


@pytest.mark.parametrize("claim", [{}, {3: {}}, {dcc.EU_DCC: 5}, {dcc.EU_DCC: {"ver": "1.0.0"}}])
def test_what_is_no_certificate_is_neither(claim: dict[Any, Any]) -> None:
    """The reasons are the EU certificate's own."""
    with pytest.raises(RefusedError) as expected:
        dcc.certificate(claim)
    for read in (light.certificate, light.exemption):
        with pytest.raises(RefusedError) as caught:
            read(claim)
        assert caught.value.reason is expected.value.reason


def exempt(first: str, last: str) -> light.Exemption:
    """An exemption between two days."""
    return light.exemption(hcert(french.exemption_token(PERSON, NOW, df=first, du=last)))[1]


@given(st.dates(date(2021, 1, 1), date(2023, 12, 31)), st.integers(0, 400))
def test_an_exemption_holds_from_its_first_day_to_its_last(first: date, length: int) -> None:
    """Whole days in France, both ends in, to the second."""
    last = first + timedelta(days=length)
    shown = exempt(first.isoformat(), last.isoformat())
    begins, ends = paris.first_second(first), paris.first_second(last + timedelta(days=1))
    for seconds, reason in (
        (begins - 1, Reason.EXEMPTION_DATES),
        (begins, Reason.OK),
        (ends - 1, Reason.OK),
        (ends, Reason.EXEMPTION_DATES),
    ):
        assert light.judge_dates(shown, datetime.fromtimestamp(seconds, UTC)) is reason


@pytest.mark.parametrize("day", ["", "later", "2022-02-30", "2022-02-26T00:00:00Z", "26/02/2022"])
def test_an_exemption_without_dates_is_not_guessed(day: str) -> None:
    """A rule error, which refuses."""
    assert light.judge_dates(exempt("2022-01-01", day), NOW) is Reason.RULE_ERROR
    assert light.judge_dates(exempt(day, "2022-12-31"), NOW) is Reason.RULE_ERROR


def test_no_repr_shows_an_exemption() -> None:
    """Least of all that a visitor has one for health's sake."""
    assert repr(light.exemption(EXEMPT)) == "(Certificate(…), Exemption(…))"
