"""Visitors at a door on the virtual Pi, and what they may expect of its lamps."""

from __future__ import annotations

import time
from typing import Final

from tests.virtual_pi.header import Header, Levels
from tests.virtual_pi.machine import VirtualPi

ANSWERS: Final = frozenset({"green", "red", "amber"})
ANSWER_S: Final = 300
SIGNAL_S: Final = 300
"""A signal ends by then, in the host's time."""
PAUSE_S: Final = 2.0
"""Machine time without an answer's lamp after which no signal plays: longer than a signal's own pauses."""


def header_of(pi: VirtualPi) -> Header:
    """The pins of a machine that is switched on."""
    if pi.header is None:
        raise RuntimeError("it is switched off")
    return pi.header


def ask(pi: VirtualPi, name: str, payload: bytes) -> tuple[frozenset[str], float]:
    """Show a pass until a lamp answers, then an empty hall until all is quiet.

    What was lit first, and how long after the picture was there, in milliseconds of the machine.
    """
    header = header_of(pi)
    shown_s = pi.lens.show_pass(name, payload)
    lit = header.await_levels(lambda levels: bool(levels.high & ANSWERS), ANSWER_S, shown_s)
    pi.lens.clear()
    await_quiet(pi)
    return lit.high, (header.inside_s(lit.at_s) - header.inside_s(shown_s)) * 1000


def await_quiet(pi: VirtualPi) -> None:
    """Wait until no signal has played for `PAUSE_S`."""
    header, until_s = header_of(pi), time.monotonic() + SIGNAL_S
    quiet_s: float | None = None
    while time.monotonic() < until_s:
        levels = header.read()
        if levels.high & (ANSWERS | {"relay"}):
            quiet_s = None
        elif quiet_s is None:
            quiet_s = levels.inside_s
        elif levels.inside_s - quiet_s > PAUSE_S:
            return
        time.sleep(0.02)
    raise TimeoutError(f"a signal still plays after {SIGNAL_S} s: {sorted(header.read().high)}")


def is_out_of_order(levels: Levels) -> bool:
    """Whether one of that signal's two lamps is lit, alone."""
    return bool(levels.high & {"red", "amber"}) and not levels.high & {"green", "relay"}


def unsafe(header: Header, since_s: float) -> list[Levels]:
    """Every moment since then at which somebody would have been let in."""
    return [each for each in header.changes if each.at_s >= since_s and each.high & {"green", "relay"}]
