"""Visitors one after the other, as fast as the door's own rules for its view allow."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from tests.virtual_pi import provision
from tests.virtual_pi.lens import COVERED
from tests.virtual_pi.machine import VirtualPi
from tests.virtual_pi.venue import Venue
from tests.virtual_pi.visitors import header_of

from doorcheck.core.session import TOGETHER_MS

APART_S: Final = TOGETHER_MS / 1000 + 0.06
"""Machine time with nothing in view between two passes, or they count as shown together; with one frame's
time more, for a picture may just have been taken."""
TURN_S: Final = 0.004
OPEN: Final = frozenset({"green", "relay"})
GENERATION: Final = """grep -o '"generation": [0-9]*' /run/doorcheck/status.json"""


@dataclass(frozen=True, slots=True)
class Visit:
    """A pass that was shown and answered; times are the machine's."""

    name: str
    lamp: str
    shown_s: float
    waited_s: float
    """From the picture's appearance to the lamp."""
    let_in: bool
    """Whether green or relay went on: before the lamp that was waited for, when that was not green."""


def visit(pi: VirtualPi, name: str, luma: bytes, lamp: str, *, timeout_s: float = 120) -> Visit:
    """Hold a picture up until its lamp is lit, then nothing for `APART_S`.

    The lamp must not be lit already: no two visits in a row may have the same. Raises `HeaderError`.
    """
    header = header_of(pi)
    open_before = header.read().high & OPEN
    shown_s = pi.lens.show(name, luma)
    lit = header.await_levels(lambda levels: lamp in levels, timeout_s, shown_s)
    covered_s = pi.lens.show("hall", COVERED)
    began_s = header.inside_s(shown_s)
    waited_s = header.inside_s(lit.at_s) - began_s
    steps = [open_before, *(one.high & OPEN for one in header.changes_since(shown_s) if one.at_s <= lit.at_s)]
    let_in = any(now - before for before, now in pairwise(steps))
    until_s = max(header.inside_s(covered_s), pi.lens.inside_s()) + APART_S
    while pi.lens.inside_s() < until_s:
        time.sleep(TURN_S)
    return Visit(name, lamp, began_s, waited_s, let_in)


def bring(pi: VirtualPi, venue: Venue, timeout_s: float = 1800) -> None:
    """Push what the venue published, over SSH; returns when the door judges with it."""
    before = pi.ssh(GENERATION).out.strip()
    provision.push(pi, venue.public)
    pi.ssh(f"while [ '{before}' = \"$({GENERATION})\" ]; do sleep 1; done", timeout_s=timeout_s)
