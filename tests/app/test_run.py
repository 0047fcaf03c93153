"""`doorcheck run` as a real process: pictures for a camera, and a notify socket that the test owns."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from configparser import RawConfigParser
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from tests.app.desk import Desk, Running

from doorcheck.core.verdict import Outcome
from doorcheck.edge import clock, statefiles
from doorcheck.edge.stall import EXIT_CODE, HOPELESS_MS
from doorcheck.edge.statefiles import Starts
from doorcheck.lab.issuer import PEOPLE
from doorcheck.service.box import WAITS_MS
from doorcheck.service.parts import MOST_STARTS_IN_A_ROW

UNIT = Path(__file__).parents[2] / "systemd" / "doorcheck.service"
WATCHDOG_S = 2
ENDS_WITHIN_S = 2.0


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A door with lists, a pass before its camera, and network time."""
    desk = Desk(tmp_path)
    desk.hold_up()
    return desk


@pytest.fixture
def door(desk: Desk) -> Iterator[Running]:
    """It runs, and is ready."""
    with desk.run(WATCHDOG_USEC=str(WATCHDOG_S * 1_000_000)) as running:
        running.hear("READY=1")
        yield running


def kept(desk: Desk) -> dict[Outcome, int]:
    """The outcomes on disk, of all bins."""
    sums: dict[Outcome, int] = {}
    for counts in statefiles.read_counters(desk.kept).values():
        for outcome, number in counts.items():
            sums[outcome] = sums.get(outcome, 0) + number
    return sums


def status_line(running: Running, wanted: str) -> None:
    """Wait for a status line that holds those words."""
    running.hear(f"STATUS={wanted}")


def test_it_is_ready_after_the_self_test_and_a_frame(door: Running) -> None:
    """Starting, self-test, READY with what it does; then signs of life, each within a period."""
    assert [message for _, message in door.told] == [
        "STATUS=starting",
        "READY=1\nSTATUS=judging, generation 1",
    ]
    door.wait_for(lambda: "event=ready" in door.log, "the line that says ready")
    log = door.log
    assert 0 < log.index("event=self-test result=passed") < log.index("event=ready")
    times = [door.hear("WATCHDOG=1") for _ in range(6)]
    assert max(b - a for a, b in pairwise(times[1:])) < WATCHDOG_S


def test_it_ends_in_time_and_in_order(desk: Desk, door: Running) -> None:
    """SIGTERM: 0 within two seconds; what it decided is on disk, and what it does not do any more is said."""
    door.wait_for(lambda: door.report()["frames"] > 3, "frames")
    door.send(signal.SIGTERM)
    code, lasted_s = door.ends()
    assert (code, lasted_s < ENDS_WITHIN_S) == (0, True)
    door.hear("STOPPING=1")
    assert kept(desk)[Outcome.ADMIT] == 1
    assert statefiles.read_starts(desk.kept) == Starts("one", 1, 0)
    assert statefiles.read_time(desk.kept) is not None
    assert desk.status()[0] == 2


def test_the_status_command_sees_it(desk: Desk, door: Running) -> None:
    """0 when all is well, for people and for programs; nothing of the bin that is not over."""
    door.wait_for(lambda: door.report()["frames"] > 20, "frames")
    code, said = desk.status()
    assert (code, "judging" in said, "ADMIT" in said) == (0, True, False)
    code, said = desk.status("--json")
    told = json.loads(said)
    assert (code, told["running"], told["conditions"], told["counters"]) == (0, True, [], [])
    assert told["report"]["generation"] == told["installed_generation"] == 1
    assert set(told["report"]["outcomes"].values()) == {0}
    assert told["report"]["clock"] == "network time"
    assert "doorcheck_ready 1\n" in (desk.runtime / statefiles.METRICS).read_text()


def test_nothing_of_a_visitor_is_left(desk: Desk) -> None:
    """Log, state, report and metrics hold no name, birth date, identifier, text or signer of a pass."""
    with desk.run() as running:
        running.hear("READY=1")
        running.wait_for(lambda: running.report()["frames"] > 20, "frames")
        running.send(signal.SIGTERM)
        running.ends()
        person = PEOPLE[0]
        passed = desk.bench.draft.text().decode()
        secrets = [*person.name.values(), person.birth, "URN:UVCI", passed[:40], "HC1"]
        written = [
            path for path in desk.state.rglob("*") if path.is_file() and "generations" not in path.parts
        ]
        files = [running.log_path, *written, *desk.runtime.iterdir()]
        everything = "\n".join(f"{path.name}\n{path.read_text(errors='replace')}" for path in files)
        for secret in secrets:
            assert secret not in everything
        assert not re.search(r"\b[DSPRNFVA]-[A-Z0-9]{3}\b", everything), "a reason"
        assert set(json.loads((desk.kept / "counters.json").read_text())["bins"][0]["outcomes"]) <= {
            outcome.value for outcome in Outcome
        }


# What breaks


@pytest.mark.slow
@pytest.mark.parametrize("how", ["silent", "gone"])
def test_a_camera_that_stops_ends_the_process(desk: Desk, door: Running, how: str) -> None:
    """Out of order within the two seconds and a bit; five after the last frame a clean process is wanted."""
    if how == "silent":
        (desk.pictures / "pass.png").unlink()
    else:
        desk.pictures.rename(desk.folder / "elsewhere")
    began = time.monotonic()
    status_line(door, "out of order: H-CAM")
    assert desk.status()[0] == 1
    code, _ = door.ends()
    lasted_s = time.monotonic() - began
    assert code == EXIT_CODE
    assert HOPELESS_MS / 1000 - 0.5 < lasted_s < HOPELESS_MS / 1000 + 5  # the picture's own three seconds
    assert statefiles.read_starts(desk.kept).in_a_row == 1
    assert kept(desk)[Outcome.OUT_OF_ORDER] == 1


def test_a_killed_decoder_is_replaced(desk: Desk, door: Running) -> None:
    """The frame is forgotten, the event counted, and the door goes on: signs of life as ever."""
    before = door.decoders()
    os.kill(before[0], signal.SIGKILL)
    door.wait_for(lambda: door.decoders() not in ([], before), "another decoder")
    door.wait_for(lambda: door.report()["decoder_kills"] == 1, "it is counted")
    frames = door.report()["frames"]
    door.wait_for(lambda: door.report()["frames"] > frames, "frames go on")
    door.hear("WATCHDOG=1")
    assert desk.status()[0] == 0


def test_a_decoder_that_hangs_costs_less_than_a_second(door: Running) -> None:
    """It is stopped in its tracks: killed at the deadline, replaced, and frames are read again."""
    door.wait_for(lambda: door.report()["frames"] > 20, "it has settled")
    before = door.decoders()
    began = time.monotonic()
    os.kill(before[0], signal.SIGSTOP)
    door.wait_for(lambda: door.decoders() not in ([], before), "another decoder")
    assert time.monotonic() - began < 1.5  # a busy machine's second
    door.wait_for(lambda: door.report()["decoder_kills"] == 1, "it is counted")


@pytest.mark.slow
def test_a_frozen_door_gives_no_sign_of_life(door: Running) -> None:
    """The watchdog would abort it; thawed before that, it goes on."""
    door.hear("WATCHDOG=1")
    door.send(signal.SIGSTOP)
    while not door.is_silent(WATCHDOG_S / 4):
        pass
    assert door.is_silent(WATCHDOG_S / 2)
    door.send(signal.SIGCONT)
    door.hear("WATCHDOG=1")


def test_a_clock_that_nobody_vouches_for_is_out_of_order_until_somebody_does(desk: Desk) -> None:
    """It judges from the second on in which the time client has set the clock; no restart is needed."""
    (desk.root / clock.SYNCHRONISED).unlink()
    with desk.run() as running:
        running.hear("READY=1\nSTATUS=out of order: H-CLK")
        code, said = desk.status()
        assert (code, "battery-backed clock" in said) == (1, True)
        desk.vouch()
        status_line(running, "judging")


def test_without_lists_it_is_out_of_order_until_some_come(tmp_path: Path) -> None:
    """A box fresh from the workshop: it says what is missing, and takes the first publication as it runs."""
    desk = Desk(tmp_path, settings=None)
    desk.hold_up()
    with desk.run() as running:
        running.hear("READY=1\nSTATUS=out of order: H-NOL, generation none")
        desk.publish(b"")
        status_line(running, "judging, generation 1")


def test_lists_that_age_call_an_operator_and_old_ones_stop_the_door(tmp_path: Path) -> None:
    """By the policy that is signed with them."""
    desk = Desk(tmp_path, settings=b"[freshness]\nageing_hours = 0.01\n")
    desk.hold_up()
    with desk.run() as running:
        running.hear("READY=1\nSTATUS=judging: H-AGE")
    other = tmp_path / "other"
    other.mkdir()
    desk = Desk(other, settings=b"[freshness]\nageing_hours = 0.01\ntoo_old_hours = 0.02\n")
    with desk.run() as running:
        running.hear("STATUS=out of order: H-OLD")


def test_a_floor_is_enough_for_the_staff_where_the_policy_says_so(tmp_path: Path) -> None:
    """Signed settings: nobody is admitted, but the door does not stand idle."""
    desk = Desk(tmp_path, settings=b'[clock]\non_a_floor = "STAFF"\n')
    desk.hold_up()
    (desk.root / clock.SYNCHRONISED).unlink()
    with desk.run() as running:
        running.hear("READY=1\nSTATUS=judging: H-CLS")
        running.wait_for(lambda: running.report()["frames"] > 20, "frames")
        running.send(signal.SIGTERM)
        running.ends()
    assert set(kept(desk)) == {Outcome.STAFF}


# Settings


def test_bad_settings_are_refused_and_the_old_ones_kept(desk: Desk, door: Running) -> None:
    """SIGHUP: what is wrong is in the log, the door goes on, an operator is called until it is mended."""
    desk.write_settings("full_fps = 1000\n")
    door.send(signal.SIGHUP)
    door.hear("RELOADING=1")
    door.hear("READY=1")
    status_line(door, "judging: H-SET")
    assert re.search(r"event=settings-refused why=.*\[camera\] full_fps", door.log)
    assert desk.status()[0] == 1
    desk.write_settings("full_fps = 20\n")
    door.send(signal.SIGHUP)
    status_line(door, "judging, ")
    assert "event=settings-taken" in door.log
    door.wait_for(lambda: door.report()["fps"] > 17, "the new frame rate")


def test_a_door_without_usable_settings_waits_for_them(desk: Desk) -> None:
    """At the start there are none to keep: out of order, alive, and a reload is enough."""
    desk.settings.write_text('[camera]\nkind = "telescope"\n')
    with desk.run() as running:
        running.hear("READY=1\nSTATUS=out of order: H-DOT")
        assert re.search(r"event=settings-refused why=.*\[camera\] kind", running.log)
        desk.write_settings()
        running.send(signal.SIGHUP)
        status_line(running, "judging, ")


def test_the_last_rung_is_steady(desk: Desk) -> None:
    """After too many starts that came to nothing: no camera, out of order, alive; and an operator ends it."""
    starts = Starts("one", 3, MOST_STARTS_IN_A_ROW)
    statefiles.write(desk.kept, statefiles.STARTS, statefiles.encode_starts(starts))
    with desk.run(WATCHDOG_USEC=str(WATCHDOG_S * 1_000_000)) as running:
        running.hear("READY=1\nSTATUS=out of order: H-RST")
        for _ in range(4):
            running.hear("WATCHDOG=1")
        assert running.report()["frames"] == 0
        running.send(signal.SIGTERM)
        assert running.ends()[0] == 0
    with desk.run() as running:
        running.hear("READY=1\nSTATUS=judging")


def test_a_power_cycle_gives_one_more_try(desk: Desk) -> None:
    """Somebody has mended the cable and knows of no command."""
    starts = Starts("another boot", 3, MOST_STARTS_IN_A_ROW + 5)
    statefiles.write(desk.kept, statefiles.STARTS, statefiles.encode_starts(starts))
    with desk.run() as running:
        running.hear("READY=1\nSTATUS=judging")


def test_damaged_files_are_told_and_passed_over(desk: Desk) -> None:
    """After a power cut on a bad card: the door judges, and says what it forgot."""
    for name in (statefiles.COUNTERS, statefiles.LAST_TIME, statefiles.STARTS):
        (desk.kept / name).write_bytes(b"")
    with desk.run() as running:
        running.hear("READY=1\nSTATUS=judging")
        for event in ("counters-forgotten", "last-time-forgotten", "starts-forgotten"):
            assert f"event={event}" in running.log


def test_what_cannot_be_written_calls_an_operator_until_it_can(desk: Desk) -> None:
    """It is tried again by itself: the call ends seconds after the disk takes files again."""
    in_the_way = desk.kept / statefiles.LAST_TIME / "in the way"
    in_the_way.mkdir(parents=True)
    with desk.run() as running:
        status_line(running, "judging: H-ROF")
        assert running.log.count("event=not-written") == 1
        in_the_way.rmdir()
        in_the_way.parent.rmdir()
        status_line(running, "judging, ")
        assert (desk.kept / statefiles.LAST_TIME).is_file()
        assert running.log.count("event=not-written") == 1


def test_the_waits_of_a_turn_are_less_than_half_of_the_watchdog() -> None:
    """Read from the unit itself: a door that does all it may is never taken for a dead one."""
    if not UNIT.is_file():
        pytest.skip("the unit is not there")
    unit = RawConfigParser(strict=False, delimiters=("=",))
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(UNIT.read_text())
    seconds = re.fullmatch(r"(\d+)s?", unit["Service"]["WatchdogSec"])
    assert seconds is not None
    assert sum(WAITS_MS.values()) < int(seconds[1]) * 1000 / 2, WAITS_MS


def test_bins_that_are_over_are_told_to_whoever_collects(desk: Desk) -> None:
    """Those of earlier runs at once, and the one that is still filling not at all."""
    hour = timedelta(hours=1)
    bins = {desk.now.replace(minute=0, second=0) - n * hour: Counter({Outcome.ADMIT: 7}) for n in (2, 1)}
    (desk.kept / statefiles.COUNTERS).write_bytes(statefiles.encode_counters(bins))
    with desk.run() as running:
        path = desk.runtime / statefiles.COUNTERS
        running.wait_for(path.exists, "counters")
        assert statefiles.read_counters(desk.runtime) == bins
        assert path.stat().st_mode & 0o777 == statefiles.TOLD_PERMISSIONS
