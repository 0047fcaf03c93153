"""CertLogic's date-times: the texts that are allowed, and time added as JavaScript does.

Source: CertLogic 1.3.3, "Dates and date-times" and "Offset date-time (plusTime)". What that
leaves undefined, a date that does not exist (31 February), is no date here.
"""

from __future__ import annotations

import calendar
import re
from datetime import date

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
FURTHEST_MS = 8_640_000_000_000_000
"""As far from 1970 as a JavaScript date goes, either way."""
UNITS = ("year", "month", "day", "hour")

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DATE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d{1,2})(?::?(\d\d))?)?", re.ASCII
).fullmatch
_PARTIAL_DATE = re.compile(r"(\d{4})(?:-(\d\d))?", re.ASCII).fullmatch


class DateTime:
    """A date-time in CertLogic: a value of its own type, in milliseconds since 1970, UTC."""

    __slots__ = ("ms",)

    def __init__(self, ms: int) -> None:
        self.ms = ms

    def __repr__(self) -> str:
        return "DateTime(…)"  # it may be a visitor's


def parse(text: str) -> int | None:
    """Milliseconds since 1970 of a date or date-time; None if it is none of the allowed texts.

    No zone is UTC, no time is midnight, what is below a millisecond goes; a year or a month
    is its last day.
    """
    if len(text) == 10:
        return _midnight(text)
    parts = _DATE_TIME(text)
    if parts is None:
        return _midnight(_last_of_part(text))
    day, hours, minutes, seconds, fraction, sign, zone_hours, zone_minutes = parts.groups()
    midnight = _midnight(day)
    if midnight is None or hours > "23" or minutes > "59" or seconds > "59":
        return None
    ms = midnight + (int(hours) * 60 + int(minutes)) * 60_000 + int(seconds) * 1000
    if fraction:
        ms += int(fraction[:3].ljust(3, "0"))
    if sign:
        zone = (int(zone_hours) * 60 + int(zone_minutes or 0)) * 60_000
        if zone >= DAY_MS or (zone_minutes or "0") > "59":
            return None
        ms += -zone if sign == "+" else zone
    return ms


def last_day(text: str) -> str | None:
    """The last day that a date, a month or a year can mean, as YYYY-MM-DD; None if it is none.

    Source: CertLogic 1.3.3, dccDateOfBirth. A date-time, as some issuers write it, is its date.
    """
    written = _DATE_TIME(text)
    day = written[1] if written else text if len(text) == 10 else _last_of_part(text)
    return day if _midnight(day) is not None else None


def _last_of_part(text: str) -> str:
    """The last day of YYYY-MM or YYYY; empty when it is neither."""
    parts = _PARTIAL_DATE(text)
    if parts is None or parts[1] == "0000":
        return ""
    month = int(parts[2] or 12)
    return f"{parts[1]}-{month:02}-{calendar.monthrange(int(parts[1]), month)[1]}" if 1 <= month <= 12 else ""


def plus(ms: int, amount: int, unit: str) -> int | None:
    """That many units later, as JavaScript's setUTC… count; None beyond what it can count.

    A day that its month does not have runs over: 2020-02-29 + 1 year is 2021-03-01.
    """
    if unit == "day":
        ms += amount * DAY_MS
    elif unit == "hour":
        ms += amount * HOUR_MS
    else:
        days, rest = divmod(ms, DAY_MS)
        try:
            day = date.fromordinal(days + _EPOCH_DAY)
        except (ValueError, OverflowError):
            return None  # a zone moved it out of the years 1 to 9999
        months = day.year * 12 + day.month - 1 + amount * (12 if unit == "year" else 1)
        ms = (_first_of_month(months) + day.day - 1) * DAY_MS + rest
    return ms if -FURTHEST_MS <= ms <= FURTHEST_MS else None


def _midnight(text: str) -> int | None:
    """Of YYYY-MM-DD; ISO 8601's other ways to write a date are not allowed."""
    if len(text) != 10 or text[4] != "-" or text[7] != "-":
        return None
    try:
        return (date.fromisoformat(text).toordinal() - _EPOCH_DAY) * DAY_MS
    except ValueError:
        return None


def _first_of_month(months: int) -> int:
    """The day since 1970 that a month begins; `months` since the year 0, in any year at all."""
    year, month = divmod(months, 12)
    # Whole 400 years repeat: moved by as many as bring it into what `date` can count.
    cycles, year = divmod(year - 400, 400)
    return date(year + 400, month + 1, 1).toordinal() + cycles * 146_097 - _EPOCH_DAY
