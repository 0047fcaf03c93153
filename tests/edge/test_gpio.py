"""The panel on lines, by two real processes: nobody's death or sleep leaves the door open."""

from __future__ import annotations

import errno
import itertools
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest
from tests.edge.boxes import BCM, MARGIN_S, PRETEND, PRETENDING, Box, until

from doorcheck import cli
from doorcheck.config import PanelTable
from doorcheck.core.signals import DARK, HOLD_MS, RELAY_MAX_MS, Panel, Score, at
from doorcheck.core.verdict import Outcome
from doorcheck.edge import gpio
from doorcheck.edge.gpio import ANSWER_MS, BEAT_MS, NoPanel, sink_from
from doorcheck.edge.lines import Lines
from doorcheck.edge.panel import PanelDriver, PanelError
from doorcheck.lab import filechip

DOOR: Final = frozenset({"green", "relay", "buzzer"})


def test_the_sink_shows_what_it_is_told(box: Box) -> None:
    """When `show` returns, the lines are set; after `close` they are low and free."""
    sink = box.sink(buzzer="active", illuminator=True)
    assert box.high() == set()
    sink.show(Panel(red=True, amber=True, ready=True))
    assert box.high() == {"red", "amber", "ready", "illuminator"}
    sink.illuminate(False)
    assert box.high() == {"red", "amber", "ready"}
    sink.show(Panel(green=True, relay=True, tone_hz=1_320))
    assert box.high() == {"green", "relay", "buzzer"}
    sink.close()
    sink.close()
    assert box.high() == set()
    Lines(box.chip, BCM.values(), busy_ms=0).close()
    with pytest.raises(PanelError, match="make a new sink"):
        sink.show(DARK)


def test_the_first_change_of_the_lines_is_all_low(file_chip: Path) -> None:
    """Lines become outputs low, in one request: whatever was on before, no relay clicks at a start."""
    filechip.drive(file_chip, {BCM["relay"]: True, BCM["green"]: True})
    sink = sink_from(PanelTable(chip=str(file_chip)), PRETENDING)
    sink.await_ready()
    sink.close()
    assert {lines for _, lines in filechip.history(file_chip)} == {frozenset()}


def test_a_tone_keeps_its_pitch(file_chip: Path) -> None:
    """Half of a tone's periods are within 5 % of the pitch, on a busy machine too."""
    sink = sink_from(PanelTable(chip=str(file_chip)), PRETENDING)
    sink.show(Panel(tone_hz=400))
    until(lambda: len(filechip.history(file_chip)) > 100, HOLD_MS / 1000 + MARGIN_S)
    sink.close()
    seen = [(ns, BCM["buzzer"] in lines) for ns, lines in filechip.history(file_chip)]
    rises = [ns for (_, before), (ns, now) in itertools.pairwise(seen) if now and not before]
    periods = [(later - ns) / 1e6 for ns, later in itertools.pairwise(rises)]
    assert statistics.median(periods) == pytest.approx(2.5, rel=0.05)


def test_each_admit_has_its_own_edge(file_chip: Path) -> None:
    """Somebody admitted every 0.7 s: the relay opens briefly in between, and green does not flicker."""
    box = Box(str(file_chip), PRETENDING, PRETEND, lambda: filechip.high(file_chip))
    relay, green = BCM["relay"], BCM["green"]
    with Door(box):
        until(lambda: _pulses(file_chip, relay) >= 3, 3 * 0.7 + MARGIN_S)
        assert _pulses(file_chip, green) == 1


def _pulses(chip: Path, line: int) -> int:
    levels = [line in lines for _, lines in filechip.history(chip)]
    return sum(now and not before for before, now in itertools.pairwise(levels))


def test_a_stuck_metronome_holds_the_door_for_one_decisions_time(box: Box) -> None:
    """The sink goes on vouching while nobody tells it more: then the guardian's own bound ends it."""
    sink = box.sink(relay_ms=300)
    sink.show(Panel(green=True, relay=True))
    relay_s = until(lambda: "relay" not in box.high(), 0.3 + MARGIN_S)
    assert relay_s > 0.1
    green_s = relay_s + until(lambda: "green" not in box.high(), RELAY_MAX_MS / 1000 + MARGIN_S)
    assert green_s > RELAY_MAX_MS / 1000 - 0.2


def test_silence_between_the_processes_drops_the_door(box: Box) -> None:
    """While the sink says nothing, green and relay go off by themselves and red stays; then it is told on."""
    sink = box.sink()
    sink.show(Panel(green=True, relay=True, red=True))
    with sink.silent():
        waited_s = until(lambda: box.high() == {"red"}, HOLD_MS / 1000 + MARGIN_S)
    assert waited_s > HOLD_MS / 1000 - 2 * BEAT_MS / 1000
    sink.show(Panel(ready=True))
    assert box.high() == {"ready"}


def test_a_broken_chip_reaches_the_main_loop(file_chip: Path) -> None:
    """A GPIO error makes the driver fail, and its next call raises with the kernel's words."""
    sink = sink_from(PanelTable(chip=str(file_chip)), PRETENDING)
    driver = PanelDriver(sink)
    sink.watch(driver.fail)
    driver.play(Score(Outcome.ADMIT), 0)
    driver.tick(0)
    filechip.break_down(file_chip, errno.EIO)
    driver.tick(150)  # the second note's gap: the lines must change
    with pytest.raises(PanelError, match="input/output error"):
        driver.refresh(160)
    filechip.break_down(file_chip, 0)
    with pytest.raises(PanelError):
        driver.close()


def test_no_chip_is_told_before_ready(tmp_path: Path) -> None:
    """A box without its chip says so when it is asked whether it is ready."""
    sink = sink_from(PanelTable(chip=str(tmp_path / "gpiochip0")), PRETENDING)
    with pytest.raises(PanelError, match="there is no"):
        sink.await_ready()
    sink.close()


def test_a_guardian_that_does_not_start_is_told(tmp_path: Path) -> None:
    """A guardian that ends at once is an error, not a panel."""
    sink = sink_from(PanelTable(chip=str(tmp_path / "gpiochip0")), (sys.executable, "-c", "pass"))
    with pytest.raises(PanelError, match=r"ended|did not start"):
        sink.await_ready()
    sink.close()


def test_a_box_without_lamps_shows_nothing() -> None:
    """Kind "none" is a sink like any other, without a process."""
    sink = sink_from(PanelTable(kind="none"))
    assert isinstance(sink, NoPanel)
    sink.watch(lambda _: None)
    sink.await_ready()
    sink.show(at(Score(Outcome.ADMIT), 0))
    sink.illuminate(True)
    with sink.silent():
        sink.close()


def test_what_a_buzzer_can_not_do_is_refused() -> None:
    """An active buzzer has one loudness; nobody gets another one than they asked for."""
    with pytest.raises(PanelError, match="one loudness"):
        sink_from(PanelTable(buzzer="active", volume="soft"))


PROGRAM = """
import json, sys, time
from doorcheck.config import PanelTable
from doorcheck.core.signals import Score
from doorcheck.core.verdict import Outcome
from doorcheck.edge.gpio import sink_from
from doorcheck.edge.panel import Metronome, PanelDriver, monotonic_ms

sink = sink_from(PanelTable(chip=sys.argv[1]), json.loads(sys.argv[2]))
driver = PanelDriver(sink)
sink.watch(driver.fail)
sink.await_ready()
Metronome(driver).start()
print(sink._guardian.pid, flush=True)
next_ms = 0
while True:
    if monotonic_ms() >= next_ms:
        next_ms = monotonic_ms() + 700
        driver.play(Score(Outcome.ADMIT), monotonic_ms())
    driver.refresh(monotonic_ms())
    time.sleep(0.02)
"""
"""A door that admits somebody every 0.7 s: green is always on, and the relay nearly always."""


class Door:
    """The door's process and its guardian; each is ended for good at the end."""

    def __init__(self, box: Box) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-c", box.prelude + PROGRAM, box.chip, json.dumps(box.command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.guardian = int(self.process.stdout.readline())
        until(lambda: {"green", "relay"} <= box.high(), MARGIN_S)

    def __enter__(self) -> Door:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in (self.process.pid, self.guardian):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.communicate()


def at_a_random_moment(seed: int) -> None:
    """Wait, for less than the time from one ADMIT to the next."""
    moment = time.monotonic() + random.Random(seed).uniform(0, 0.7)
    until(lambda: time.monotonic() >= moment, 1 + MARGIN_S)


SEEDS: Final = [
    *range(2),
    *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 20)),
]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_door_is_dark_at_once(box: Box, seed: int) -> None:
    """SIGKILL at any moment: every output is off at once, and the lines are free for the next one."""
    with Door(box) as door:
        at_a_random_moment(seed)
        door.process.kill()
        until(lambda: not box.high(), MARGIN_S)
        Lines(box.chip, BCM.values()).close()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_frozen_door_lets_go(box: Box, seed: int) -> None:
    """SIGSTOP at any moment: green, relay and tone are off within HOLD_MS, and stay off meanwhile."""
    with Door(box) as door:
        at_a_random_moment(seed)
        os.kill(door.process.pid, signal.SIGSTOP)
        until(lambda: not box.high() & DOOR, HOLD_MS / 1000 + MARGIN_S)
        later = time.monotonic() + 0.2
        while time.monotonic() < later:
            assert not box.high() & DOOR


@pytest.mark.parametrize("seed", SEEDS[:3])
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_guardian_ends_the_door_and_leaves_it_dark(box: Box, sent: int, seed: int) -> None:
    """The guardian killed or frozen: the door misses it, clears the lines, and ends with a reason."""
    with Door(box) as door:
        at_a_random_moment(seed)
        os.kill(door.guardian, sent)
        until(lambda: not box.high(), (BEAT_MS + ANSWER_MS) / 1000 + MARGIN_S)
        assert door.process.wait(MARGIN_S) == 1
        assert door.process.stderr is not None
        told = door.process.stderr.read()
    assert "PanelError" in told
    assert "guardian" in told


def test_a_polite_signal_does_not_end_the_guardian(box: Box) -> None:
    """A service manager's SIGTERM to all processes leaves the lamps to the door's own goodbye."""
    with Door(box) as door:
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(door.guardian, each)
        moment = time.monotonic() + 3 * BEAT_MS / 1000
        until(lambda: time.monotonic() > moment, 2 * MARGIN_S)
        assert door.process.poll() is None
        assert "green" in box.high()


def test_clear_ends_what_both_left_on(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    """Both processes killed: a Raspberry Pi keeps lines driven, as the file does; `panel clear` ends it."""
    with Door(box) as door:
        os.kill(door.process.pid, signal.SIGSTOP)
        os.kill(door.guardian, signal.SIGKILL)
        door.process.kill()
        door.process.wait()
        if box.prelude:
            assert {"green", "relay"} <= box.high()
        assert cli.main(["panel", "clear", "--chip", box.chip]) == 0
        assert not box.high()
    assert "inactive" in capsys.readouterr().out


def test_worst_wait_is_below_half_a_watchdog() -> None:
    """The longest `show` leaves room in the five seconds that half of a ten-second watchdog has."""
    assert gpio.WORST_SHOW_MS <= 3_000
