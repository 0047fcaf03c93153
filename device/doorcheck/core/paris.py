"""French civil time without a zone database, which is files: the core reads none.

An hour ahead of UTC, and two from the last Sunday of March to the last of October, both
at 01:00 UTC (directive 2000/84/EC; so since 1996, and in Corsica too, but not overseas).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

WINTER = timezone(timedelta(hours=1))
SUMMER = timezone(timedelta(hours=2))


def _last_sunday(year: int, month: int) -> date:
    last = date(year, month, 31)  # March and October have 31 days
    return last - timedelta(days=(last.weekday() + 1) % 7)


def _is_summer(when: datetime, change: time) -> bool:
    first = datetime.combine(_last_sunday(when.year, 3), change)
    last = datetime.combine(_last_sunday(when.year, 10), change)
    return first <= when < last


def aware(local: datetime) -> datetime:
    """The instant of a French wall clock's time, given without a zone.

    The hour that comes twice in October is its first one: a sample then counts as the
    older. The hour that March leaves out is read an hour ahead of UTC, so later than it
    was meant by an hour. (As `zoneinfo` does with fold 0.)
    """
    return local.replace(tzinfo=SUMMER if _is_summer(local, time(3)) else WINTER)


def wall_clock(utc: datetime) -> datetime:
    """What a French clock shows at an instant, without a zone. Raises OverflowError at the end of time."""
    plain = utc.astimezone(UTC).replace(tzinfo=None)
    return plain + timedelta(hours=2 if _is_summer(plain, time(1)) else 1)


def day(utc: datetime) -> date:
    """The date in France at an instant."""
    return wall_clock(utc).date()


def first_second(day: date) -> int:
    """The first second of a French day, in seconds since 1970."""
    return int(aware(datetime.combine(day, time())).timestamp())
