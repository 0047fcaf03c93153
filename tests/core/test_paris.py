"""French civil time by rule: as the zone database has it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorcheck.core import paris

ZONE = ZoneInfo("Europe/Paris")
FIRST, LAST = datetime(1996, 1, 1), datetime(2037, 12, 31)


@pytest.mark.parametrize("year", range(2020, 2025))
def test_every_quarter_of_an_hour_is_what_the_zone_database_says(year: int) -> None:
    """Wall clock to instant, and instant to wall clock, the hours of the two changes included."""
    at = datetime(year, 1, 1)
    while at.year == year:
        assert paris.aware(at).utcoffset() == at.replace(tzinfo=ZONE).utcoffset()
        instant = at.replace(tzinfo=UTC)
        assert paris.wall_clock(instant) == instant.astimezone(ZONE).replace(tzinfo=None)
        at += timedelta(minutes=15)


@given(st.datetimes(FIRST, LAST))
def test_any_time_since_the_rule_is_what_the_zone_database_says(at: datetime) -> None:
    """The rule holds since 1996, to the microsecond."""
    assert paris.aware(at).utcoffset() == at.replace(tzinfo=ZONE).utcoffset()
    instant = at.replace(tzinfo=UTC)
    assert paris.wall_clock(instant) == instant.astimezone(ZONE).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ((2021, 3, 28, 1, 59), (2021, 3, 28, 0, 59)),
        ((2021, 3, 28, 2, 30), (2021, 3, 28, 1, 30)),  # left out by the clock
        ((2021, 3, 28, 3, 0), (2021, 3, 28, 1, 0)),
        ((2021, 10, 31, 2, 30), (2021, 10, 31, 0, 30)),  # comes twice
        ((2021, 10, 31, 3, 0), (2021, 10, 31, 2, 0)),
    ],
)
def test_the_hours_of_the_changes(local: tuple[int, ...], utc: tuple[int, ...]) -> None:
    """Of the hour that comes twice the first counts; the hour left out is read as if it were there."""
    assert paris.aware(datetime(*local)) == datetime(*utc, tzinfo=UTC)  # type: ignore[arg-type, misc]  # five numbers


@given(st.dates(date(1996, 1, 1), date(2037, 12, 31)))
def test_a_day_begins_at_its_first_second(day: date) -> None:
    """The first second is on the day, and the one before it on the day before."""
    first = datetime.fromtimestamp(paris.first_second(day), UTC)
    assert paris.day(first) == day
    assert paris.day(first - timedelta(seconds=1)) == day - timedelta(days=1)


@given(st.datetimes())
def test_any_wall_clock_has_an_instant(at: datetime) -> None:
    """No year is out of reach: what a document says can not make it fail."""
    assert paris.aware(at).utcoffset() in (timedelta(hours=1), timedelta(hours=2))
