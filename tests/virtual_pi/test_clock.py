"""What a door on the virtual Pi makes of its clock: nobody is judged by a time that nothing vouches for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from tests.virtual_pi.conftest import READY_S, Figures
from tests.virtual_pi.machine import AHEAD, Power, VirtualPi
from tests.virtual_pi.venue import Venue
from tests.virtual_pi.visitors import ask, await_report, header_of, is_out_of_order, report, unsafe

from doorcheck import RELEASED

pytestmark = pytest.mark.virtual_pi

HELD_S = 8.0
"""So long, on the machine's clock, a good pass is held before a door that must not judge it."""
FLOOR = max(RELEASED, datetime.now(UTC).replace(hour=0, minute=0, second=0) - timedelta(hours=1))
"""After the program's release, and before this day's publication: only what was signed refuses it."""


def is_refused(pi: VirtualPi, venue: Venue, words: str) -> float:
    """Power on; see the lamps say out of order, and a good pass change nothing. When they said so first."""
    header = header_of(pi)
    told = header.await_levels(is_out_of_order, READY_S)
    pi.await_ssh()
    held_s = pi.lens.show_pass(words, venue.issue(words))
    header.await_levels(lambda levels: levels.inside_s > told.inside_s + HELD_S, 600, held_s)
    seen = frozenset().union(*(each.high for each in header.changes_since(held_s)))
    assert {"red", "amber"} <= seen, "the two lamps of that signal, in turn"
    assert not unsafe(header, pi.on_s)
    found = await_report(pi, lambda told: "H-CLK" in told["conditions"])
    assert found["state"] == "out of order"
    assert "doubt=none" not in pi.journal("-b -u doorcheck | grep event=clock")
    return told.inside_s


@pytest.mark.parametrize(
    ("power", "words"),
    [
        (Power(clock="1970-01-01T00:00:00"), "1970 by its battery-backed clock"),
        (Power(battery=False), "no clock, no network"),
    ],
    ids=["1970", "no-battery"],
)
def test_without_a_time_nobody_is_judged(
    machines: Callable[[str], VirtualPi], venue: Venue, figure: Figures, power: Power, words: str
) -> None:
    """The lamps say out of order, and a good pass changes nothing; when network time comes, it judges.

    There is no network: what systemd-timesyncd would do is done by hand, the clock set and its mark made.
    """
    pi = machines(f"clock-{words.split()[0]}")
    pi.boot(power)
    told_s = is_refused(pi, venue, words)
    pi.lens.clear()
    now = datetime.now(UTC) + AHEAD
    pi.ssh(
        f"sudo date -s @{now.timestamp():.0f} >/dev/null && sudo mkdir -p /run/systemd/timesync "
        "&& sleep 1 && sudo touch /run/systemd/timesync/synchronized"
    )
    await_report(pi, lambda told: told["clock"] == "network time" and not told["conditions"])
    lit, _ = ask(pi, "network time", venue.issue(f"{words}, later"))
    assert "green" in lit
    figure(words, f"out of order {told_s:.1f} s after the kernel's start; judges by network time")
    pi.close()


def test_a_clock_that_shows_a_time_before_what_was_signed(
    machines: Callable[[str], VirtualPi], venue: Venue, figure: Figures
) -> None:
    """It is battery-backed and looks right, and is an hour before the publication: past for certain."""
    pi = machines("clock-floor")
    pi.boot(Power(clock=f"{FLOOR:%Y-%m-%dT%H:%M:%S}"))
    told_s = is_refused(pi, venue, "before the floor")
    assert "H-PST" in report(pi)["conditions"]
    assert "past for certain" in pi.journal("-b -u doorcheck | grep event=clock")
    figure("a clock before the signed floor", f"out of order {told_s:.1f} s after the kernel's start")
    pi.close()


def test_a_battery_backed_clock_is_believed(door: VirtualPi, venue: Venue, figure: Figures) -> None:
    """With the time in it and no network at all, the door judges."""
    told = report(door)
    assert told["clock"] == "battery-backed clock"
    assert "doubt=none" in door.journal("-b -u doorcheck | grep event=clock")
    lit, _ = ask(door, "by its clock", venue.issue("by its clock"))
    assert "green" in lit
    figure("a battery-backed clock with the time", "judges")
