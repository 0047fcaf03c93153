"""The minimum that every door applies, and the dates that issuers write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorcheck.core import dcc  # pytest would collect a bare `Test`
from doorcheck.core.dcc import Certificate, Claims, Entry, Name, Recovery, Vaccination
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.passes import Pass
from doorcheck.core.rules import NEGATIVE, Minimum, instant
from doorcheck.core.trust import Algorithm, Signer
from doorcheck.core.verdict import PassFormat, Reason

NOW: Final = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
COMMON: Final[dict[str, Any]] = {"tg": "840539006", "co": "XX", "issuer": "lab", "ci": "URN:UVCI:01:XX:ABC"}


def vaccination(dose: int, doses: int) -> Vaccination:
    """A vaccination of that dose."""
    return Vaccination(**COMMON, vp="1", mp="1", ma="1", dn=dose, sd=doses, dt="2026-01-01")


def sampled(text: str, result: str = NEGATIVE) -> dcc.Test:
    """A test sampled then."""
    return dcc.Test(**COMMON, tt="LP6464-4", sc=text, tr=result)


def recovery(start: str, end: str) -> Recovery:
    """A recovery valid then."""
    return Recovery(**COMMON, fr="2026-01-01", df=start, du=end)


def judged(*entries: Entry, at: datetime = NOW) -> Reason:
    """What the minimum says to a pass with these entries."""
    groups: dict[str, list[Any]] = {"v": [], "t": [], "r": []}
    for entry in entries:
        groups[{Vaccination: "v", dcc.Test: "t", Recovery: "r"}[type(entry)]].append(entry)
    certificate = Certificate(ver="1.3.0", nam=Name(), dob="", **groups)
    shown = Pass(PassFormat.HC1, Signer(b"", Algorithm.ES256, b""), Claims("", 0, 0, {}), certificate, b"")
    return Minimum().judge(shown, Moment(at, Basis.NETWORK))


def test_exactly_one_proof() -> None:
    """None, two of one kind, and two kinds are `N-ONE`, however good each is."""
    good = vaccination(2, 2)
    assert (
        judged()
        is judged(good, good)
        is judged(good, recovery("2026-01-01", "2026-12-31"))
        is Reason.NOT_ONE_PROOF
    )
    assert judged(good) is Reason.OK


@given(st.integers(0, 99), st.integers(0, 99))
def test_a_vaccination_is_complete_from_its_last_dose_on(dose: int, doses: int) -> None:
    """Dose n of m is complete from n = m on, boosters too; a vaccination of no doses never is."""
    assert judged(vaccination(dose, doses)) is (Reason.OK if dose >= doses and doses > 0 else Reason.DOSES)


@pytest.mark.parametrize("result", ["260373001", "", "not detected", " 260415000", "260415000 ", "26041500"])
def test_one_result_alone_is_negative(result: str) -> None:
    """Detected, empty, in words, with a space: anything but the one code is `N-RES`."""
    assert judged(sampled("2026-03-01T06:00:00Z", result)) is Reason.TEST_RESULT
    assert NEGATIVE == "260415000"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T12:00:00Z", Reason.OK),
        ("2026-03-01T12:00:00.000001Z", Reason.FUTURE),
        ("2026-03-01T12:00:01Z", Reason.FUTURE),
        ("2026-03-01T13:00:00+01:00", Reason.OK),
        ("2026-03-01T12:00:00+01:00", Reason.OK),
        ("2026-03-01T12:00:00-00:01", Reason.FUTURE),
        ("2026-03-02", Reason.FUTURE),
        ("2026-03", Reason.RULE_ERROR),
        ("", Reason.RULE_ERROR),
    ],
)
def test_a_test_from_the_future_is_refused(text: str, expected: Reason) -> None:
    """A sample of this very instant is good, a microsecond later is not, in any zone."""
    assert judged(sampled(text)) is expected


def test_a_sample_that_cannot_be_read_is_named_before_its_result() -> None:
    """Whatever a rule can't evaluate is `N-ERR`, never an ADMIT."""
    assert judged(sampled("?", "260373001")) is judged(sampled("?")) is Reason.RULE_ERROR


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-03-01", "2026-03-01", Reason.OK),
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z", Reason.OK),
        ("2026-03-01T12:00:00.000001Z", "2026-12-31", Reason.RECOVERY),
        ("2026-01-01", "2026-03-01T11:59:59.999999Z", Reason.RECOVERY),
        ("2026-01-01", "2026-02-28", Reason.RECOVERY),
        ("2026-03-02", "2026-12-31", Reason.RECOVERY),
        ("2026-12-31", "2026-01-01", Reason.RECOVERY),
        ("2026-01-01", " 2026-03-01 ", Reason.OK),
        ("2026-01-01", "9999-12-31", Reason.OK),
        ("0001-01-01", "9999-12-31T23:59:59Z", Reason.OK),
        ("2026-01-01", "9999-12-31T23:59:59-01:00", Reason.RULE_ERROR),
        ("2026-01-01", "", Reason.RULE_ERROR),
        ("", "2026-12-31", Reason.RULE_ERROR),
    ],
)
def test_a_recovery_counts_in_its_own_dates(start: str, end: str, expected: Reason) -> None:
    """From the first instant of its start to the last of its end; a date counts whole."""
    assert judged(recovery(start, end)) is expected


@pytest.mark.parametrize(("hours", "expected"), [(-1, Reason.OK), (0, Reason.RECOVERY)])
def test_an_end_date_lasts_until_midnight_utc(hours: int, expected: Reason) -> None:
    """The last hour of the day is in, midnight is out."""
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    assert judged(recovery("2026-01-01", "2026-03-01"), at=midnight + timedelta(hours=hours)) is expected


# Dates


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T12:00:00Z", NOW),
        ("2026-03-01T12:00:00", NOW),
        ("2026-03-01T13:00:00+01:00", NOW),
        ("2026-03-01T13:00:00+0100", NOW),
        ("2026-03-01T13:00:00+01", NOW),
        ("2026-03-01 12:00:00Z", NOW),
        (" 2026-03-01T12:00:00Z\n", NOW),
        ("2026-03-01T12:00:00.5Z", NOW + timedelta(milliseconds=500)),
        ("2026-03-01T12:00:00.123456789Z", NOW + timedelta(microseconds=123456)),
        ("2026-02-30", None),
        ("2026-13-01", None),
        ("2026-00", None),
        ("2026", None),
        ("", None),
        ("soon", None),
        ("01/03/2026", None),
        ("2026-03-01T25:00:00Z", None),
        ("0001-01-01T00:00:00+00:01", None),
        ("9999-12-31T23:59:59-00:01", None),
        ("二〇二六-03-01", None),
    ],
)
def test_the_instants_that_issuers_write(text: str, expected: datetime | None) -> None:
    """With and without time, zone and fraction; what is no instant is None."""
    assert instant(text) == expected


@given(st.text(max_size=30) | st.from_regex(r"\d{4}-\d\d-\d\d.?\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?"))
def test_any_text_is_an_instant_or_none(text: str) -> None:
    """No text raises anything; an instant is always in UTC."""
    read = instant(text)
    assert read is None or read.tzinfo is UTC


@given(st.datetimes(timezones=st.timezones() | st.just(UTC)))
def test_an_instant_written_with_its_zone_comes_back(when: datetime) -> None:
    """Whatever the zone, it is the same instant."""
    try:
        expected = when.astimezone(UTC)
    except OverflowError:
        return
    assert instant(when.isoformat()) == expected
