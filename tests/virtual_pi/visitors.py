"""Visitors at a door on the virtual Pi, and what they may expect of its lamps."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from tests.virtual_pi.header import Header, Levels
from tests.virtual_pi.machine import MachineError, VirtualPi

ANSWERS: Final = frozenset({"green", "red", "amber"})
ANSWER_S: Final = 300
SIGNAL_S: Final = 300
"""A signal ends by then, in the host's time."""
MOST_STARTS: Final = 4
"""More starts in a row than that without a good run: the ladder is given a rest before the next fault."""
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


# What a door tells of itself, and how long it takes


def report(pi: VirtualPi) -> dict[str, Any]:
    """The running door's report: conditions, generation, clock."""
    return dict(json.loads(pi.ssh("cat /run/doorcheck/status.json").out))


def await_report(
    pi: VirtualPi, want: Callable[[dict[str, Any]], bool], timeout_s: float = 600
) -> dict[str, Any]:
    """The first report of which `want` is true. Raises `TimeoutError`."""
    until_s = time.monotonic() + timeout_s
    told: dict[str, Any] = {}
    while time.monotonic() < until_s:
        with contextlib.suppress(MachineError, ValueError):  # none there just now
            told = report(pi)
            if want(told):
                return told
        time.sleep(1)
    raise TimeoutError(f"not within {timeout_s:.0f} s; the door told last: {told}")


def await_condition(pi: VirtualPi, code: str, *, there: bool = True) -> dict[str, Any]:
    """The first report with that condition, or without it."""
    return await_report(pi, lambda told: (code in told["conditions"]) is there)


def await_judging(pi: VirtualPi, after_s: float, timeout_s: float = 900) -> float:
    """When, after that time of the machine's, the service became active: READY, so it can judge."""
    then_us = round(after_s * 1e6)
    words = (
        "until at=$(systemctl show doorcheck -P ActiveEnterTimestampMonotonic); "
        f'[ "$(systemctl is-active doorcheck)" = active ] && [ "$at" -gt {then_us} ]; '
        'do sleep 1; done; echo "$at"'
    )
    return int(pi.ssh(words, timeout_s=timeout_s).out) / 1e6


def said(pi: VirtualPi, since_s: float, words: str = "-u doorcheck") -> str:
    """The journal since that time of the machine's."""
    lines = pi.journal("-b", "--no-hostname", words).splitlines()
    stamped = ((re.match(r"\[ *(\d+\.\d+)\]", line), line) for line in lines)
    return "\n".join(line for stamp, line in stamped if stamp and float(stamp[1]) >= since_s)


def await_said(pi: VirtualPi, pattern: str, since_s: float, timeout_s: float = 600) -> float:
    """When, since then, the door first said what the pattern is found in. Raises `TimeoutError`."""
    until_s = time.monotonic() + timeout_s
    while time.monotonic() < until_s:
        for line in said(pi, since_s).splitlines():
            if re.search(pattern, line):
                return float(line[1:].split("]")[0])
        time.sleep(1)
    raise TimeoutError(f"{pattern!r} not within {timeout_s:.0f} s; said:\n{said(pi, since_s)[-2000:]}")


def strike(pi: VirtualPi, command: str, timeout_s: float = 300) -> float:
    """Run a shell command as root; the machine's time just before."""
    done = pi.ssh(
        "sudo sh -c 'cut -d\" \" -f1 /proc/uptime; exec sh' ", input=f"{command}\n", timeout_s=timeout_s
    )
    return float(done.out.split()[0])


@contextlib.contextmanager
def armed(pi: VirtualPi, command: str) -> Iterator[Callable[[], float]]:
    """A command of root's that waits inside the machine; what is handed out lets it go, and tells when."""
    script = f"echo waiting; read -r _; cut -d' ' -f1 /proc/uptime; {command}"
    words = [*pi.ssh_command(), f"sudo sh -c {shlex.quote(script)}"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as waiting:
        if waiting.stdin is None or waiting.stdout is None:
            raise RuntimeError("no pipes")
        put, said = waiting.stdin, waiting.stdout
        said.readline()

        def go() -> float:
            put.write("\n")
            put.flush()
            return float(said.readline())

        try:
            yield go
        finally:
            put.close()
            waiting.wait(60)


def went_off_s(pi: VirtualPi, names: frozenset[str], since_s: float) -> float:
    """When the last of those outputs went off for good, on the machine's clock; not before `since_s`."""
    at_s = since_s
    for before, after in itertools.pairwise(header_of(pi).changes):
        if before.high & names and not after.high & names:
            at_s = max(at_s, after.inside_s)
    return at_s


def let_ladder_rest(pi: VirtualPi) -> None:
    """Forget earlier failures, as an operator does who has mended something: the next is the first."""
    pi.ssh("sudo systemctl reset-failed doorcheck")
    starts = json.loads(pi.ssh("sudo cat /var/lib/doorcheck/door/starts.json").out)
    if starts["in_a_row"] > MOST_STARTS:
        at_s = strike(pi, "systemctl restart doorcheck")
        await_judging(pi, at_s)
        await_quiet(pi)
