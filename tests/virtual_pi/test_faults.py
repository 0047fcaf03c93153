"""What a door on the virtual Pi does when its parts fail, its clock is wrong, its power goes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.virtual_pi import provision
from tests.virtual_pi.conftest import READY_S, Figures
from tests.virtual_pi.installed import Installed
from tests.virtual_pi.machine import Power, VirtualPi
from tests.virtual_pi.venue import Venue
from tests.virtual_pi.visitors import ask, await_quiet, header_of, is_out_of_order, unsafe
from tests.virtual_pi.volatile import VolatileDisk

pytestmark = pytest.mark.virtual_pi

MAIN_PID = "$(systemctl show doorcheck -P MainPID)"
CUTS = 10


def recovered_s(door: VirtualPi, since_s: float) -> tuple[float, float]:
    """When all lamps went dark, and when the ready lamp was lit again; seconds of the machine."""
    header = header_of(door)
    dark = header.await_levels(lambda levels: not levels.high, READY_S, since_s)
    ready = header.await_lit("ready", READY_S, dark.at_s + 0.5)
    return tuple(header.inside_s(at_s) - header.inside_s(since_s) for at_s in (dark.at_s, ready.at_s))  # type: ignore[return-value] # two


@pytest.mark.parametrize("signal", ["KILL", "STOP"])
def test_a_door_that_was_killed_or_stopped_comes_back(
    door: VirtualPi, venue: Venue, figure: Figures, signal: str
) -> None:
    """While it admits: relay and green go off by themselves; the service comes back and judges."""
    header = header_of(door)
    shown_s = door.lens.show_pass(signal, venue.issue(signal))
    header.await_lit("green", 90, shown_s)
    door.lens.clear()
    door.ssh(f"sudo kill -{signal} {MAIN_PID}")
    hit_s = time.monotonic()
    header.await_levels(lambda levels: not levels.high & {"green", "relay"}, 60, hit_s - 5)
    dark_s, ready_s = recovered_s(door, hit_s)
    figure(f"SIG{signal}: dark, and ready again after", f"{dark_s:.1f} s, {ready_s:.1f} s of the machine")
    await_quiet(door)
    lit, _ = ask(door, f"after {signal}", venue.issue(f"after {signal}"))
    assert "green" in lit


@pytest.mark.parametrize(
    ("power", "words"),
    [
        (Power(clock="1970-01-01T00:00:00"), "battery-backed clock at 1970"),
        (Power(battery=False), "no clock, no network"),
    ],
    ids=["1970", "no-battery"],
)
def test_without_a_time_nobody_is_admitted(
    machines: Callable[[str], VirtualPi], venue: Venue, figure: Figures, power: Power, words: str
) -> None:
    """The lamps say out of order, and a good pass changes nothing."""
    pi = machines(f"clock-{words.split()[0]}")
    pi.boot(power)
    header = header_of(pi)
    told = header.await_levels(is_out_of_order, READY_S)
    pi.lens.show_pass("good", venue.issue(words))
    header.await_levels(is_out_of_order, 120, time.monotonic() + 40)
    assert not unsafe(header, pi.on_s)
    pi.await_ssh()
    figure(words, f"out of order {header.inside_s(told.at_s):.1f} s after the kernel's start")
    assert "doubt=none" not in pi.journal("-b -u doorcheck | grep event=clock")
    pi.close()


def test_power_cuts(made: Installed, tmp_path: Path, figure: Figures) -> None:
    """Cut at random moments, half of them while an update is taken: it comes back whole, each time."""
    chance = random.Random(7)
    raw = tmp_path / "installed.raw"
    made.image.tools.run("qemu-img", "convert", "-O", "raw", made.disk, raw)
    disk = VolatileDisk(raw, raw.stat().st_size)
    pi = VirtualPi(made.image, tmp_path / "cuts", volatile=disk)
    venue = made.venue(tmp_path / "venue")
    lost_blocks, slowest_s = 0, 0.0
    try:
        for number in range(CUTS):
            pi.boot()
            header = header_of(pi)
            if number % 2:
                header.await_lit("ready", READY_S)
                pi.await_ssh()
                venue.publish(f"cut {number}")
                provision.push(pi, venue.public)
                time.sleep(chance.uniform(0, 25))
            else:
                time.sleep(chance.uniform(1, 100))
            assert not unsafe(header, pi.on_s), "somebody was let in by a box that was only starting"
            pi.power_cut()
            _, lost = disk.cut(chance)
            lost_blocks += lost
        pi.boot()
        header = header_of(pi)
        lit = header.await_lit("ready", READY_S)
        slowest_s = header.inside_s(lit.at_s)
        lit_high, _ = ask(pi, "after the cuts", venue.issue("after the cuts"))
        assert "green" in lit_high
        pi.await_ssh()
        told = pi.ssh("/opt/doorcheck/current/bin/doorcheck status").out
        assert "generation" in told
    finally:
        pi.close()
        disk.close()
    figure(
        f"{CUTS} power cuts", f"{lost_blocks} unflushed blocks lost; ready {slowest_s:.1f} s after the last"
    )
