"""Each way a clock lies, on a box whose clocks and system files the test holds in its hands."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from doorcheck.core.moment import Basis, Moment
from doorcheck.edge.asking import Stated
from doorcheck.edge.clock import (
    AHEAD_S,
    BACK_S,
    LOOK_EVERY_MS,
    RTC,
    RTC_WITHIN_S,
    SYNCHRONISED,
    BoxClock,
    Doubt,
    Readings,
)

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
FLOOR = datetime(2026, 11, 1, tzinfo=UTC)


class Computer:
    """A wall clock, a monotonic one, and the files that speak of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.wall = NOW
        self.ms = 5_000
        self.floor = FLOOR
        self.clock: BoxClock | None = None

    def boot(self, seen: datetime | None = None) -> BoxClock:
        """The door starts."""
        readings = Readings(lambda: self.wall.timestamp(), lambda: self.ms)
        self.clock = BoxClock(lambda: self.floor, seen, self.root, readings)
        return self.clock

    def pass_time(self, seconds: float = LOOK_EVERY_MS / 1000) -> Moment:
        """Both clocks go on; the moment after it."""
        self.wall += timedelta(seconds=seconds)
        self.ms += round(seconds * 1000)
        return self.moment()

    def turn(self, seconds: float) -> Moment:
        """Somebody turns the wall clock; a second later."""
        self.wall += timedelta(seconds=seconds)
        return self.pass_time()

    def moment(self) -> Moment:
        """The clock's moment."""
        assert self.clock is not None
        return self.clock.moment()

    @property
    def doubt(self) -> Doubt | None:
        """Why it is not believed."""
        assert self.clock is not None
        return self.clock.doubt

    def synchronise(self, at: datetime | None = None) -> None:
        """The time client has set the clock."""
        path = self.root / SYNCHRONISED
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        seconds = (at or self.wall).timestamp()
        os.utime(path, (seconds, seconds))

    def battery(self, shows: object) -> None:
        """There is a battery-backed clock, and its file says that."""
        path = self.root / RTC
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{shows}\n")


@pytest.fixture
def computer(tmp_path: Path) -> Computer:
    """One without network and battery."""
    return Computer(tmp_path)


# Who vouches for the time


def test_network_time_is_believed(computer: Computer) -> None:
    """The time client has synchronised: the wall time, on that basis."""
    computer.synchronise()
    computer.boot()
    assert computer.moment() == Moment(NOW, Basis.NETWORK)
    assert computer.doubt is None


def test_a_battery_backed_clock_is_believed(computer: Computer) -> None:
    """It is there, it can be read, and the system shows its time."""
    computer.battery(int(NOW.timestamp()))
    computer.boot()
    assert computer.moment() == Moment(NOW, Basis.RTC)


def test_nothing_vouches_for_a_lonely_clock(computer: Computer) -> None:
    """Without network and battery there is only the floor, moved on by the time since the start."""
    computer.boot()
    assert computer.moment() == Moment(FLOOR, Basis.FLOOR)
    assert computer.pass_time(60) == Moment(FLOOR + timedelta(seconds=60), Basis.FLOOR)
    assert computer.doubt is Doubt.NO_EVIDENCE


def test_network_time_that_comes_later_is_believed_from_then_on(computer: Computer) -> None:
    """The box boots in the past; the time client sets it right, however far that is."""
    computer.wall = FLOOR + timedelta(days=1)
    computer.boot()
    assert computer.moment().basis is Basis.FLOOR
    computer.wall = NOW
    computer.synchronise()
    assert computer.moment() == Moment(NOW, Basis.NETWORK)


def test_network_time_lasts_when_the_network_goes(computer: Computer) -> None:
    """What was set right runs on for days."""
    computer.synchronise()
    computer.boot()
    for _ in range(30):
        assert computer.pass_time(86_400 / 30).basis is Basis.NETWORK


# How clocks lie


@pytest.mark.parametrize("shows", [0, int(datetime(2000, 1, 1, tzinfo=UTC).timestamp())])
def test_a_flat_cell_is_not_believed(computer: Computer, shows: int) -> None:
    """The battery-backed clock begins at its own year, and the system took its time over."""
    computer.battery(shows)
    computer.wall = datetime.fromtimestamp(shows, UTC)
    computer.boot()
    assert computer.moment() == Moment(FLOOR, Basis.FLOOR)
    assert computer.doubt is Doubt.BEFORE_FLOOR


@pytest.mark.parametrize("shows", ["", "no number", "0x5", "\xff"])
def test_a_battery_clock_that_cannot_be_read_is_none(computer: Computer, shows: str) -> None:
    """It has stopped: the kernel gives an error, or nothing."""
    computer.battery(shows)
    computer.boot()
    assert computer.moment().basis is Basis.FLOOR


def test_a_battery_clock_that_was_not_taken_over_vouches_for_nothing(computer: Computer) -> None:
    """The system goes by the time of its last shutdown; the battery's clock shows another one."""
    computer.battery(int(NOW.timestamp() + RTC_WITHIN_S + 1))
    computer.boot()
    assert computer.moment().basis is Basis.FLOOR
    computer.battery(int(NOW.timestamp() - RTC_WITHIN_S))
    assert computer.pass_time(LOOK_EVERY_MS / 1000).basis is Basis.FLOOR, "it drifted by a second more"
    computer.battery(int(computer.wall.timestamp() + RTC_WITHIN_S))
    assert computer.pass_time().basis is Basis.RTC


def test_a_synchronisation_in_the_future_vouches_for_nothing(computer: Computer) -> None:
    """Somebody turned the clock back since."""
    computer.synchronise(NOW + timedelta(seconds=BACK_S + 1))
    computer.boot()
    assert computer.moment().basis is Basis.FLOOR


def test_no_time_before_the_floor_is_believed(computer: Computer) -> None:
    """Whoever vouches for it: something was signed later than that."""
    computer.synchronise()
    computer.battery(int(NOW.timestamp()))
    computer.boot()
    computer.floor = NOW
    assert computer.moment().basis is Basis.NETWORK
    computer.floor = NOW + timedelta(seconds=1)
    assert computer.moment() == Moment(NOW + timedelta(seconds=1), Basis.FLOOR)
    assert computer.doubt is Doubt.BEFORE_FLOOR
    assert computer.pass_time(1).basis is Basis.NETWORK


def test_no_time_before_the_last_one_seen_is_believed(computer: Computer) -> None:
    """An earlier run of the door knew a later time."""
    computer.synchronise()
    computer.boot(seen=NOW + timedelta(hours=1))
    assert computer.moment() == Moment(NOW + timedelta(hours=1), Basis.FLOOR)
    assert computer.doubt is Doubt.BEFORE_FLOOR


def test_a_remembered_time_holds_while_the_door_runs(computer: Computer) -> None:
    """A time server that turns the clock back after an hour is not believed either."""
    computer.synchronise()
    clock = computer.boot()
    clock.remember(computer.pass_time(3600))
    computer.wall -= timedelta(hours=2)
    computer.synchronise()
    later = computer.pass_time()
    assert later == Moment(NOW + timedelta(seconds=3601), Basis.FLOOR)
    assert computer.doubt is Doubt.BEFORE_FLOOR


@pytest.mark.parametrize(
    ("seconds", "doubt"),
    [
        (-BACK_S - 0.1, Doubt.TURNED_BACK),
        (-86_400, Doubt.TURNED_BACK),
        (AHEAD_S + 0.1, Doubt.JUMPED_AHEAD),
        (86_400 * 365, Doubt.JUMPED_AHEAD),
    ],
)
@pytest.mark.parametrize("basis", [Basis.NETWORK, Basis.RTC])
def test_a_clock_that_jumps_is_not_believed(
    computer: Computer, seconds: float, doubt: Doubt, basis: Basis
) -> None:
    """Turned back, or ahead, while the door runs; even with the battery's clock along with it."""
    if basis is Basis.NETWORK:
        computer.synchronise()
    computer.battery(int(NOW.timestamp()))
    computer.boot()
    assert computer.moment().basis is basis
    jumped = computer.turn(seconds)
    assert (jumped.basis, computer.doubt) == (Basis.FLOOR, doubt)
    computer.battery(int(computer.wall.timestamp()))
    assert computer.pass_time().basis is Basis.FLOOR, "the battery's clock was set too"
    assert jumped.utc >= FLOOR


def test_network_time_just_before_a_jump_does_not_vouch_for_it(computer: Computer) -> None:
    """The time client set the clock, and within the same second somebody else did."""
    computer.synchronise(NOW - timedelta(seconds=10))
    computer.boot()
    assert computer.moment().basis is Basis.NETWORK
    computer.synchronise()
    assert computer.turn(86_400).basis is Basis.FLOOR
    assert computer.doubt is Doubt.JUMPED_AHEAD


@pytest.mark.parametrize("seconds", [-BACK_S + 0.1, AHEAD_S - 0.1, 0.5])
def test_small_corrections_are_no_jump(computer: Computer, seconds: float) -> None:
    """A time client nudges the clock."""
    computer.synchronise()
    computer.boot()
    assert computer.turn(seconds).basis is Basis.NETWORK


@pytest.mark.parametrize("seconds", [-600.0, 86_400.0])
def test_network_time_after_a_jump_ends_the_doubt(computer: Computer, seconds: float) -> None:
    """It was the time client that set the clock, or it has set it right since."""
    computer.battery(int(NOW.timestamp()))
    computer.boot()
    assert computer.turn(seconds).basis is Basis.FLOOR
    computer.synchronise()
    assert computer.pass_time().basis is Basis.NETWORK
    assert computer.doubt is None


def test_the_next_start_begins_without_doubt(computer: Computer) -> None:
    """An operator set it right by hand, the battery's clock with it, and restarted the door."""
    computer.battery(int(NOW.timestamp()))
    computer.boot()
    computer.turn(86_400)
    computer.battery(int(computer.wall.timestamp()))
    computer.boot()
    assert computer.moment().basis is Basis.RTC


def test_evidence_is_looked_for_once_a_second(computer: Computer) -> None:
    """Reading a battery's clock costs a turn on the bus: not for each frame."""
    computer.battery(int(NOW.timestamp()))
    computer.boot()
    assert computer.moment().basis is Basis.RTC
    (computer.root / RTC).unlink()
    assert computer.pass_time(0.9).basis is Basis.RTC
    assert computer.pass_time(0.1).basis is Basis.FLOOR


def test_a_statement_counts_where_nothing_vouches(computer: Computer) -> None:
    """From when it came, on the monotonic clock alone, whatever the wall clock shows."""
    clock = computer.boot()
    computer.wall = datetime(1970, 1, 1, tzinfo=UTC)
    assert computer.pass_time().basis is Basis.FLOOR
    clock.state(Stated("0a" * 16, NOW, computer.ms - 2_000))
    assert computer.pass_time() == Moment(NOW + timedelta(seconds=3), Basis.OPERATOR)
    assert clock.doubt is None
    assert computer.turn(86_400 * 365) == Moment(NOW + timedelta(seconds=4), Basis.OPERATOR)


def test_a_statement_is_a_floor_for_clocks_that_something_vouches_for(computer: Computer) -> None:
    """Network time before what was stated is not believed; the statement is."""
    computer.synchronise()
    clock = computer.boot()
    assert computer.pass_time().basis is Basis.NETWORK
    later = NOW + timedelta(hours=2)
    clock.state(Stated("0a" * 16, later, computer.ms))
    assert computer.pass_time() == Moment(later + timedelta(seconds=1), Basis.OPERATOR)


def test_a_statement_before_the_floor_is_not_believed(computer: Computer) -> None:
    """What was signed since then shows that it was wrong."""
    clock = computer.boot()
    clock.state(Stated("0a" * 16, FLOOR - timedelta(days=1), computer.ms))
    computer.floor = FLOOR
    assert computer.pass_time().basis is Basis.FLOOR
