"""Who is on shift, over time: a badge shown opens, shown again later closes, forgotten ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorcheck.core.badge import Badge
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.shifts import AGAIN_MS, LEFT_MS, LONGEST_S, MOST_ON_SHIFT, Event, How, Kind, Shift, Shifts

START: Final = int(datetime(2026, 11, 23, 18, 0, tzinfo=UTC).timestamp())
YEAR: Final = 365 * 86400
HOUR_MS: Final = 3600 * 1000


def badge(number: int, until: int = START + YEAR) -> Badge:
    """A badge of an invented controller."""
    return Badge(bytes([number]) * 16, f"Controller {number}", START - YEAR, until)


NOOR, BASILE, CELESTE = badge(1), badge(2), badge(3)


@dataclass
class Door:
    """Shifts, and the two clocks beside them: `wrong_s` is how far the wall clock is off."""

    shifts: Shifts
    now_ms: int = 0
    wrong_s: int = 0
    basis: Basis = Basis.NETWORK

    @property
    def moment(self) -> Moment:
        """The wall clock's."""
        return Moment.at(START + self.now_ms / 1000 + self.wrong_s, self.basis)

    def see(self, *badges: Badge, after_ms: int = 0) -> list[tuple[Kind, Badge]]:
        """What a frame with those badges in it changes."""
        return [(event.kind, event.shift.badge) for event in self.events(*badges, after_ms=after_ms)]

    def events(self, *badges: Badge, after_ms: int = 0) -> list[Event]:
        """The same, whole."""
        self.now_ms += after_ms
        return self.shifts.observe(self.now_ms, self.moment, badges)

    def hold(self, one: Badge, for_ms: int) -> list[tuple[Kind, Badge]]:
        """The same badge, ten frames a second."""
        return [found for _ in range(for_ms // 100) for found in self.see(one, after_ms=100)]

    def tick(self, withdrawn: frozenset[bytes] = frozenset(), after_ms: int = 0) -> list[Shift]:
        """What ended by itself."""
        self.now_ms += after_ms
        events = self.shifts.tick(self.now_ms, self.moment, withdrawn)
        assert all(event.kind is Kind.ENDED for event in events)
        return [event.shift for event in events]

    @property
    def present(self) -> list[Badge]:
        """Who is on shift."""
        return [shift.badge for shift in self.shifts.on_shift]


@pytest.fixture
def door() -> Door:
    """A door with nobody on shift."""
    return Door(Shifts())


def test_a_badge_opens_and_later_closes_a_shift(door: Door) -> None:
    """Shown once: on shift. Shown hours later: not any more, with both times."""
    assert door.see(NOOR) == [(Kind.OPENED, NOOR)]
    assert door.present == [NOOR]
    (event,) = door.events(NOOR, after_ms=4 * HOUR_MS)
    assert event.kind is Kind.CLOSED
    assert event.shift == Shift(NOOR, START, False, START + 4 * 3600, How.SHOWN)
    assert door.present == []


def test_a_badge_that_is_held_on_counts_once(door: Door) -> None:
    """A minute in view is one showing, also when frames miss it now and then."""
    assert door.hold(NOOR, 60_000) == [(Kind.OPENED, NOOR)]
    assert door.see(NOOR, after_ms=LEFT_MS) == []


def test_a_badge_that_is_worn_in_view_counts_once(door: Door) -> None:
    """Seen now and then for an hour, never away for long: the shift stays as it is."""
    found = [event for _ in range(200) for event in door.see(NOOR, after_ms=AGAIN_MS - 1_000)]
    assert found[0] == (Kind.OPENED, NOOR)
    assert {kind for kind, _ in found[1:]} <= {Kind.AGAIN}
    assert len(found) <= 2
    assert door.present == [NOOR]


def test_somebody_unsure_is_told_the_same_again(door: Door) -> None:
    """Shown again within seconds: nothing changes, and what was said is said again."""
    door.see(NOOR)
    (event,) = door.events(NOOR, after_ms=LEFT_MS + 1)
    assert (event.kind, event.shift.closed) == (Kind.AGAIN, None)
    assert door.see(NOOR, after_ms=AGAIN_MS + 1) == [(Kind.CLOSED, NOOR)]
    (event,) = door.events(NOOR, after_ms=LEFT_MS + 1)
    assert (event.kind, event.shift.how) == (Kind.AGAIN, How.SHOWN)
    assert door.present == []


def test_several_are_on_shift(door: Door) -> None:
    """Each badge is its own; two in one view both count, the same twice once."""
    assert door.see(NOOR, BASILE, NOOR) == [(Kind.OPENED, NOOR), (Kind.OPENED, BASILE)]
    assert door.see(CELESTE, after_ms=HOUR_MS) == [(Kind.OPENED, CELESTE)]
    assert door.see(BASILE) == [(Kind.CLOSED, BASILE)]
    assert door.present == [NOOR, CELESTE]


def test_there_is_a_limit(door: Door) -> None:
    """So many are never on shift: one more opens nothing, and the others are not touched."""
    crowd = [replace(NOOR, id=number.to_bytes(16, "big")) for number in range(MOST_ON_SHIFT)]
    assert len(door.see(*crowd)) == MOST_ON_SHIFT
    assert door.see(NOOR) == []
    assert len(door.present) == MOST_ON_SHIFT


# Ends without the badge


def test_a_forgotten_shift_ends(door: Door) -> None:
    """After fourteen hours, not a second earlier, and it says so."""
    door.see(NOOR)
    assert door.tick(after_ms=LONGEST_S * 1000 - 1) == []
    assert door.tick(after_ms=1) == [Shift(NOOR, START, False, START + LONGEST_S, How.FORGOTTEN)]
    assert door.present == []
    assert door.see(NOOR, after_ms=HOUR_MS) == [(Kind.OPENED, NOOR)], "the next day is a new shift"


def test_a_shift_ends_with_its_badge(door: Door) -> None:
    """When the badge expires, as of then."""
    ending = badge(4, until=START + 3600)
    door.see(ending)
    assert door.tick(after_ms=HOUR_MS - 1) == []
    (shift,) = door.tick(after_ms=50)
    assert (shift.closed, shift.how) == (START + 3600, How.EXPIRED)


def test_a_withdrawn_badge_s_shift_ends(door: Door) -> None:
    """When the door hears of it; other shifts go on."""
    door.see(NOOR, BASILE)
    (shift,) = door.tick(frozenset({NOOR.id}), after_ms=HOUR_MS)
    assert (shift.badge, shift.closed, shift.how) == (NOOR, START + 3600, How.WITHDRAWN)
    assert door.present == [BASILE]


# Restarts and clocks


def test_shifts_go_on_after_a_restart(door: Door) -> None:
    """What the register has as open is open: the badge closes it, or time does."""
    door.see(NOOR, BASILE)
    again = Door(Shifts.resumed([*door.shifts.on_shift, Shift(CELESTE, START, False, START + 1, How.SHOWN)]))
    again.now_ms = HOUR_MS
    assert again.present == [NOOR, BASILE]
    assert again.see(NOOR) == [(Kind.CLOSED, NOOR)]
    again.now_ms = 20 * HOUR_MS
    assert [shift.closed for shift in again.tick()] == [START + LONGEST_S]


def test_a_clock_that_is_set_ahead_ends_no_shift(door: Door) -> None:
    """Two hours on shift are two hours, though the clock now shows a month later."""
    door.see(NOOR)
    door.wrong_s = 30 * 86400
    assert door.tick(after_ms=2 * HOUR_MS) == []
    assert door.present == [NOOR]


def test_no_shift_ends_before_it_began(door: Door) -> None:
    """A clock that is turned back makes a doubtful line, not an impossible one."""
    door.see(NOOR)
    door.wrong_s = -86400
    (event,) = door.events(NOOR, after_ms=HOUR_MS)
    assert event.shift == Shift(NOOR, START, True, START, How.SHOWN)


@pytest.mark.parametrize("when", ["opened", "closed"])
def test_a_lower_bound_is_marked(door: Door, when: str) -> None:
    """A time that is a lower bound only, at either end, is called doubtful."""
    door.basis = Basis.FLOOR if when == "opened" else Basis.RTC
    door.see(NOOR)
    door.basis = Basis.RTC if when == "opened" else Basis.FLOOR
    (event,) = door.events(NOOR, after_ms=HOUR_MS)
    assert event.shift.doubtful


@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, 16 * HOUR_MS) | st.integers(0, 2 * AGAIN_MS),
            st.lists(st.sampled_from([NOOR, BASILE, CELESTE]), max_size=3),
            st.integers(-86400, 86400),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_openings_and_ends_take_turns(steps: list[tuple[int, list[Badge], int, bool]]) -> None:
    """The invariant: of each badge a shift opens, then ends, and so on; none ends before it began."""
    door = Door(Shifts())
    open_now: dict[bytes, Shift] = {}
    for after_ms, badges, wrong_s, floor in steps:
        door.now_ms += after_ms
        door.wrong_s, door.basis = wrong_s, Basis.FLOOR if floor else Basis.NETWORK
        events = door.shifts.tick(door.now_ms, door.moment)
        events += door.shifts.observe(door.now_ms, door.moment, badges)
        for event in events:
            shift = event.shift
            match event.kind:
                case Kind.OPENED:
                    assert shift.badge.id not in open_now
                    assert (shift.closed, shift.how) == (None, None)
                    open_now[shift.badge.id] = shift
                case Kind.CLOSED | Kind.ENDED:
                    opened = open_now.pop(shift.badge.id)
                    assert shift.opened == opened.opened
                    assert shift.closed is not None
                    assert shift.closed >= shift.opened
                case Kind.AGAIN:
                    assert (shift.badge.id in open_now) is (shift.closed is None)
        assert {shift.badge.id for shift in door.shifts.on_shift} == open_now.keys()


def test_no_name_shows() -> None:
    """Controllers are people too: no repr has their names."""
    assert "Controller" not in repr(Event(Kind.OPENED, Shift(NOOR, START)))
