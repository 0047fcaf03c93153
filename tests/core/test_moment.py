"""The time that a decision is made for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorcheck.core.moment import Basis, Moment


def test_a_moment_has_a_zone() -> None:
    """A time without a zone means nothing here: it is refused, in words."""
    with pytest.raises(ValueError, match="a moment needs a time zone; got a naive datetime"):
        Moment(datetime(2026, 3, 1), Basis.NETWORK)


@given(st.integers(-(2**31), 2**33), st.sampled_from(Basis))
def test_seconds_come_back(seconds: int, basis: Basis) -> None:
    """Seconds since 1970 make a moment in UTC, and a moment says its seconds."""
    moment = Moment.at(seconds, basis)
    assert moment.seconds == seconds
    assert moment.utc.tzinfo is UTC
    assert moment.basis is basis


def test_seconds_do_not_depend_on_the_zone() -> None:
    """Noon in UTC and one o'clock an hour east are one moment's seconds."""
    noon = Moment(datetime(2026, 3, 1, 12, tzinfo=UTC), Basis.RTC)
    east = Moment(datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1))), Basis.RTC)
    assert noon.seconds == east.seconds == 1772366400


def test_a_moment_does_not_change() -> None:
    """It is taken once per decision, and nobody moves it."""
    moment = Moment.at(0, Basis.FLOOR)
    with pytest.raises(AttributeError):
        moment.utc = datetime(2026, 3, 1, tzinfo=UTC)  # type: ignore[misc]
