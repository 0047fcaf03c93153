"""What a door on the virtual Pi does when its parts fail while it runs. All on one boot.

Of each fault: nobody is let in by it, the door says what is wrong or is back, and it judges in the end.

Three are not what happens to a box, but the nearest that the emulator lets be done:

- The virtual camera is made inside of the door's own process, so there is no plug to pull. Its threads
  are held still by a debugger, as a sensor that stopped holds them; its description is taken away
  meanwhile, so that a new start finds no camera.
- The gpiochip's driver is unbound through /sys, as if the chip had gone. The word of memory that its
  lines are stays as it was left, as pins do whose driver is gone: no program can reach them then.
- The root is made read-only by the kernel's own emergency remount, which is what ext4 does after errors.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from tests.virtual_pi import provision
from tests.virtual_pi.conftest import Figures
from tests.virtual_pi.machine import VirtualPi
from tests.virtual_pi.venue import Venue
from tests.virtual_pi.visitors import (
    armed,
    ask,
    await_condition,
    await_judging,
    await_quiet,
    await_report,
    await_said,
    header_of,
    is_out_of_order,
    let_ladder_rest,
    report,
    said,
    strike,
    unsafe,
    went_off_s,
)

pytestmark = pytest.mark.virtual_pi

MAIN_PID = "$(systemctl show doorcheck -P MainPID)"
OPEN = frozenset({"green", "relay"})
GRACE_S = 1.0
"""So soon after a fault green and relay are off: HOLD_MS, and a tick of everything."""
CHIP = "/sys/bus/platform/drivers/basic-mmio-gpio"
CAMERA = "/usr/share/libcamera/pipeline/virtual/virtual.yaml"
HOLD_CAMERA = """\
import ctypes, os, pathlib, sys
trace = ctypes.CDLL(None, use_errno=True).ptrace
trace.argtypes = [ctypes.c_long] * 4
tasks = pathlib.Path(f"/proc/{sys.argv[1]}/task")
names = "CameraManager", "VirtualCamera"
mine = [each for each in tasks.iterdir() if (each / "comm").read_text().strip() in names]
assert mine, sorted((each / "comm").read_text() for each in tasks.iterdir())
for each in mine:
    assert trace(0x4206, int(each.name), 0, 0) == 0, ctypes.get_errno()
    assert trace(0x4207, int(each.name), 0, 0) == 0, ctypes.get_errno()
try:
    while True:  # the dead must be taken note of, or the process is never over
        os.waitpid(-1, 0x40000000)
except ChildProcessError:
    pass
"""


@pytest.fixture(autouse=True)
def rested(door: VirtualPi) -> Iterator[None]:
    """Each fault meets a door that judges, whose ladder is on its lowest rung."""
    let_ladder_rest(door)
    yield
    door.lens.clear()


def admits(door: VirtualPi, venue: Venue, name: str) -> float:
    """See that a good pass is admitted; milliseconds of the machine."""
    lit, took_ms = ask(door, name, venue.issue(name))
    assert "green" in lit, f"{name}: {sorted(lit)}"
    return took_ms


@pytest.mark.parametrize("signal", ["KILL", "STOP"])
def test_a_door_that_was_killed_or_stopped_comes_back(
    door: VirtualPi, venue: Venue, figure: Figures, signal: str
) -> None:
    """While it admits: relay and green go off by themselves; the service comes back and judges."""
    header = header_of(door)
    with armed(door, f"kill -{signal} {MAIN_PID}") as go:
        shown_s = door.lens.show_pass(signal, venue.issue(signal))
        header.await_levels(lambda levels: levels.high >= OPEN, 120, shown_s)
        hit_s = go()
        struck_s = time.monotonic()
    door.lens.clear()
    back_s = await_judging(door, hit_s)
    off_s = went_off_s(door, OPEN, hit_s)
    assert off_s < hit_s + GRACE_S
    assert not [each for each in unsafe(header, struck_s) if each.inside_s > hit_s + GRACE_S]
    assert ("watchdog" in said(door, hit_s).lower()) is (signal == "STOP")
    admits(door, venue, f"after {signal}")
    words = f"off {off_s - hit_s:.2f} s, judges again {back_s - hit_s:.1f} s after"
    figure(f"SIG{signal} while it admits", words)


def test_out_of_its_own_memory(door: VirtualPi, venue: Venue, figure: Figures) -> None:
    """The kernel ends what is in the service's limit; nobody is let in, and a new door judges."""
    header, began_s = header_of(door), time.monotonic()
    before = int(door.ssh("systemctl show doorcheck -P NRestarts").out)
    hit_s = strike(
        door,
        """killed=$(grep '^oom_kill ' /proc/vmstat)
        systemctl set-property --runtime doorcheck.service MemoryMax=40M
        while [ "$killed" = "$(grep '^oom_kill ' /proc/vmstat)" ]; do sleep 0.1; done
        systemctl set-property --runtime doorcheck.service MemoryMax=320M""",
    )
    await_quiet(door)
    killed = [line for line in said(door, hit_s, "-k").splitlines() if "oom-kill" in line]
    restarted = int(door.ssh("systemctl show doorcheck -P NRestarts").out) - before
    words = "the decoder, replaced"
    if restarted:
        words = f"the door, judges again {await_judging(door, hit_s) - hit_s:.1f} s after"
    assert not unsafe(header, began_s)
    admits(door, venue, "after its memory")
    assert any("doorcheck" in line for line in killed), killed
    figure("its own memory is full: killed", words)


def test_out_of_the_boards_memory(door: VirtualPi, venue: Venue, figure: Figures) -> None:
    """Another program takes all there is: that one is ended, and the door goes on, or comes back."""
    header, began_s = header_of(door), time.monotonic()
    pid = door.ssh("systemctl show doorcheck -P MainPID").out
    hog = "taken = []\nwhile True: taken.append(b'x' * (8 << 20))\n"
    hit_s = door.uptime_s()
    done = door.ssh("python3 -", input=hog, check=False, timeout_s=900)
    assert done.code in (137, 255), done
    assert "Out of memory" in said(door, hit_s, "-k")
    assert not unsafe(header, began_s)
    await_report(door, lambda told: told["ready"] and not told["conditions"])
    same = pid == door.ssh("systemctl show doorcheck -P MainPID").out
    admits(door, venue, "after the hog")
    figure("the board's memory is full", "the door went on" if same else "the door came back")


def test_disk_full(door: VirtualPi, venue: Venue, figure: Figures) -> None:
    """It judges and calls an operator; an update is refused and says so; with room again it is taken."""
    before = report(door)["generation"]
    full_s = strike(
        door,
        """rm -f /var/filler
        room=$(df -B1 --output=avail / | tail -1)
        fallocate -l "$room" /var/filler
        df -B1 --output=avail / >&2""",
    )
    try:
        await_condition(door, "H-DSK")
        admits(door, venue, "on a full disk")
        venue.publish("on a full disk")
        provision.push(door, venue.public)
        door.ssh("while [ -e /var/lib/doorcheck/inbox/finished ]; do sleep 1; done")
        state = "systemctl is-active doorcheck-update"
        door.ssh(f'while [ "$({state})" = activating ]; do sleep 1; done', timeout_s=600)
        words = said(door, full_s, "-u doorcheck-update")
        told = door.ssh("sudo cat /var/lib/doorcheck/told/last.json", check=False).out
        assert "disk-full" in words, f"{words}\n{told}"
        assert report(door)["generation"] == before
        admits(door, venue, "after the refusal")
    finally:
        door.ssh("sudo rm -f /var/filler")
    await_condition(door, "H-DSK", there=False)
    door.ssh("sudo touch /var/lib/doorcheck/inbox/finished")
    told_after = await_report(door, lambda told: told["generation"] == before + 1)
    assert not told_after["conditions"]
    admits(door, venue, "with room again")
    last = json.loads(door.ssh("sudo cat /var/lib/doorcheck/told/last.json").out)
    assert last["exit"] == 0
    figure("disk full", f"judged; the update was refused: {told.strip()[:60] or 'in the journal alone'}")


def test_read_only_root(door: VirtualPi, venue: Venue, figure: Figures) -> None:
    """It judges and calls an operator; killed on top of it, it comes back without being able to count."""
    hit_s = strike(door, "sync; echo u >/proc/sysrq-trigger; sleep 1; ! touch /var/lib/doorcheck/probe")
    try:
        await_condition(door, "H-ROF")
        admits(door, venue, "on a read-only root")
        hit_s = strike(door, f"kill -KILL {MAIN_PID}")
        back_s = await_judging(door, hit_s)
        admits(door, venue, "started on a read-only root")
        assert "starts-not-counted" in said(door, hit_s)
    finally:
        door.ssh("sudo mount -o remount,rw /")
    await_condition(door, "H-ROF", there=False)
    admits(door, venue, "written again")
    figure("read-only root", f"judged; killed, it judged again {back_s - hit_s:.1f} s after")


def test_camera_gone(door: VirtualPi, venue: Venue, figure: Figures) -> None:
    """The lamps say out of order, with a good pass before it too; with the camera back it judges."""
    header = header_of(door)
    door.ssh("cat >/tmp/hold.py", input=HOLD_CAMERA)
    began_s = time.monotonic()
    hit_s = strike(door, f"mv {CAMERA} /root/; nohup python3 /tmp/hold.py {MAIN_PID} >/tmp/held 2>&1 &")
    try:
        told = header.await_levels(is_out_of_order, 600, began_s)
        door.lens.show_pass("unseen", venue.issue("unseen"))
        given_up_s = await_said(door, "event=camera-given-up", hit_s)
        await_said(door, "condition-began code=H-CAM", given_up_s)
        header.await_levels(is_out_of_order, 600, time.monotonic() + 5)
        assert "H-CAM" in await_condition(door, "H-CAM")["conditions"]
        assert not unsafe(header, began_s)
    finally:
        door.lens.clear()
        door.ssh(f"sudo mv /root/{CAMERA.rpartition('/')[2]} {CAMERA}")
    put_back_s = door.uptime_s()
    back_s = await_judging(door, put_back_s)
    admits(door, venue, "the camera is back")
    words = f"out of order {told.inside_s - hit_s:.1f} s after"
    figure("camera gone", f"{words}; judges {back_s - put_back_s:.1f} s after it is back")


def test_gpiochip_gone(door: VirtualPi, venue: Venue, figure: Figures) -> None:
    """Nobody is let in, the service says which chip is missing; with the chip back it judges."""
    header = header_of(door)
    began_s = time.monotonic()
    device = door.ssh(f"basename $(ls -d {CHIP}/*.header* {CHIP}/header* 2>/dev/null | head -1)").out.strip()
    hit_s = strike(door, f"echo {device} >{CHIP}/unbind; ! test -e /dev/gpiochip0")
    try:
        door.lens.show_pass("without a chip", venue.issue("without a chip"))
        await_said(door, "event=ended why=./dev/gpiochip0", hit_s)
        left = header.read().high
        door.lens.clear()
        assert not unsafe(header, began_s)
    finally:
        door.ssh(f"echo {device} | sudo tee {CHIP}/bind >/dev/null")
    bound_s = door.uptime_s()
    back_s = await_judging(door, bound_s)
    admits(door, venue, "the chip is back")
    words = f"left lit: {', '.join(sorted(left)) or 'nothing'}"
    figure("gpiochip gone", f"{words}; judges {back_s - bound_s:.1f} s after it is bound")
