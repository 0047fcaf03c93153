"""One door on the virtual Pi, from power on: its lamps are read from outside of the machine."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from tests.virtual_pi import timeline
from tests.virtual_pi.conftest import READY_S, Figures, artefacts
from tests.virtual_pi.machine import VirtualPi
from tests.virtual_pi.provision import Office
from tests.virtual_pi.venue import Venue
from tests.virtual_pi.visitors import ask, header_of, unsafe

pytestmark = pytest.mark.virtual_pi


def test_power_on_to_the_ready_lamp(machines: Callable[[str], VirtualPi], figure: Figures) -> None:
    """From power on the lamps stay dark until the self-test has passed; then the ready lamp lights."""
    pi = machines("power-on")
    pi.boot()
    header = header_of(pi)
    lit = header.await_lit("ready", READY_S)
    ready_s = header.inside_s(lit.at_s)
    assert not unsafe(header, pi.on_s)
    assert not any(each.high for each in header.changes if each.at_s < lit.at_s)
    pi.await_ssh()
    pi.ssh("systemctl is-system-running --wait", check=False, timeout_s=300)
    told = pi.ssh("systemctl show multi-user.target -P ActiveEnterTimestampMonotonic").out
    multi_user_s = int(told) / 1e6
    assert "result=passed" in pi.journal("-b -u doorcheck")
    host_s = lit.at_s - pi.on_s
    figure("kernel's start to the ready lamp", f"{ready_s:.1f} s of the machine, {host_s:.0f} s of the host")
    figure("  over reaching multi-user", f"{ready_s / multi_user_s:.2f} ({multi_user_s:.1f} s)")
    time.sleep(20)
    marks = [
        (lit.at_s, f"ready {ready_s:.1f} s after the kernel's start: self-test passed, first frame decoded")
    ]
    picture = timeline.svg("power on", pi.lens.shown, header, pi.on_s, lit.at_s + 20, marks)
    (artefacts() / "power-on.svg").write_text(picture)
    pi.close()


def test_a_leaked_pass_at_one_door(
    door: VirtualPi, venue: Venue, office: Office, figure: Figures, tell: Callable[[str], None]
) -> None:
    """Admitted; revoked, pushed by `deploy/fleet push-trust`, refused; its replacement admitted."""
    header = header_of(door)
    began_s = time.monotonic()
    leaked, replacement = venue.issue("leaked"), venue.issue("replacement")
    lit, admitted_ms = ask(door, "leaked", leaked)
    assert "green" in lit
    assert list(header.lit("relay", began_s)), "the relay did not close"
    venue.revoke(leaked, "in today's papers")
    venue.publish("leaked pass")
    marks = [(time.monotonic(), "deploy/fleet push-trust")]
    pushed = office.fleet("push-trust", tell=tell)
    assert pushed.code == 0, pushed
    assert pushed.recap.changed == 1, pushed
    marks.append((time.monotonic(), "in force"))
    lit, refused_ms = ask(door, "leaked again", leaked)
    assert "red" in lit
    assert not unsafe(header, marks[1][0]), "somebody was let in with a revoked pass"
    lit, replaced_ms = ask(door, "replacement", replacement)
    assert "green" in lit
    ended_s = time.monotonic()
    for words, each_ms in (
        ("leaked pass, admitted", admitted_ms),
        ("the same, revoked: refused", refused_ms),
        ("its replacement, admitted", replaced_ms),
    ):
        figure(words, f"{each_ms:.0f} ms from frame to lamp, machine time")
    inside_s = header.inside_s(marks[1][0]) - header.inside_s(marks[0][0])
    figure("deploy/fleet push-trust, until the door judges by it", f"{inside_s:.1f} s of the machine")
    picture = timeline.svg("a leaked pass at one door", door.lens.shown, header, began_s - 2, ended_s, marks)
    (artefacts() / "leak.svg").write_text(picture)
    (artefacts() / "leak.txt").write_text(timeline.words(header.changes, began_s))
