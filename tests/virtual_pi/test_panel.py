"""The wiring's own test on the virtual Pi, answered by a robot; and the hardware watchdog."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.virtual_pi import robot, timeline
from tests.virtual_pi.conftest import READY_S, Figures, artefacts
from tests.virtual_pi.header import Header
from tests.virtual_pi.installed import Installed
from tests.virtual_pi.machine import Power, VirtualPi
from tests.virtual_pi.restarting import RestartingPi
from tests.virtual_pi.robot import TRIED
from tests.virtual_pi.venue import Venue
from tests.virtual_pi.visitors import await_quiet, header_of, unsafe

pytestmark = pytest.mark.virtual_pi

DOOR_TOML = """\
[panel]
chip = "/dev/gpiochip0"
illuminator = true
"""
PANEL_TEST = "sudo /opt/doorcheck/current/bin/doorcheck panel test --json --door /run/all-outputs.toml"


def test_the_panels_test_agrees_with_the_pins(door: VirtualPi, figure: Figures) -> None:
    """For each output `doorcheck panel test` drives that pin alone; the dead man lets go by itself."""
    header = header_of(door)
    door.ssh("sudo systemctl stop doorcheck && sudo tee /run/all-outputs.toml", input=DOOR_TOML)
    try:
        code, answers = robot.answer([*door.ssh_command(), PANEL_TEST], _seen(header))
        assert {each.name: each.yes for each in answers} == dict.fromkeys(TRIED, True), answers
        assert code == 0
    finally:
        door.ssh("sudo systemctl start doorcheck", timeout_s=600)
        await_quiet(door)
    figure("doorcheck panel test, answered from outside", f"{len(answers)} of {len(TRIED)} outputs well")


def _seen(header: Header) -> robot.Seen:
    def between(since_s: float, until_s: float) -> list[frozenset[str]]:
        return [each.high for each in header.changes if since_s <= each.at_s <= until_s]

    return between


@pytest.fixture
def restarting(made: Installed, tmp_path: Path) -> Iterator[RestartingPi]:
    """A door on a machine that restarts by itself, with a hardware watchdog."""
    pi = RestartingPi(made.image, tmp_path / "restarting", base=made.disk)
    yield pi
    pi.close()


def test_a_kernel_that_hangs_is_reset_by_the_watchdog(
    restarting: RestartingPi, venue: Venue, figure: Figures, tell: Callable[[str], None]
) -> None:
    """While somebody is admitted the kernel dies, for good: dark at the reset, and ready again by itself."""
    pi = restarting
    pi.boot(Power(kernel_words="panic=0"))
    header = header_of(pi)
    header.await_lit("ready", READY_S)
    pi.await_ssh()
    armed = "/sys/class/watchdog/watchdog0"
    told = pi.ssh(f"cat {armed}/identity {armed}/state {armed}/timeout {armed}/nowayout").out.split("\n")
    assert told[:3] == ["i6300ESB timer", "active", "15"], told
    # The restart after a panic, which the board's settings ask for, would be the kernel's own.
    pi.ssh("sudo sysctl -q kernel.panic=0")
    shown_s = pi.lens.show_pass("good", venue.issue("as the kernel dies"))
    header.await_lit("green", READY_S, shown_s)
    pi.lens.clear()
    began = int(pi.ssh("date +%s").out)
    pi.ssh("sudo sh -c 'sync; (sleep 0.2; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &'")
    hit_s = time.monotonic()
    tell("the kernel is dead; nothing but the watchdog runs")
    dark = header.await_levels(lambda levels: not levels.high, READY_S, hit_s)
    ready = header.await_lit("ready", READY_S, dark.at_s)
    assert not unsafe(header, dark.at_s)
    pi.await_ssh()
    since, up_s = (float(each) for each in pi.ssh("date +%s; cut -d' ' -f1 /proc/uptime").out.split())
    reset_s = since - up_s - began
    figure(
        "kernel dead, reset by the hardware watchdog",
        f"within {reset_s:.0f} s of the machine, dark from then on",
    )
    marks = [(hit_s, "the kernel dies"), (dark.at_s, "reset by the watchdog"), (ready.at_s, "ready")]
    picture = timeline.svg(
        "a kernel that hangs while somebody is admitted",
        *(pi.lens.shown, header, shown_s - 5, ready.at_s + 5, marks),
        restarted=True,
    )
    (artefacts() / "watchdog.svg").write_text(picture)
    assert 5 < reset_s < 20
