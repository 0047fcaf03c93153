"""Who answers `doorcheck panel test` here: a robot that looks at the pins from outside of the machine.

The command says which output it tries, shows it, and asks what was seen. The robot compares what
the pins did since its last answer with what it knows of each output, and says yes or no.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

WATCH: Final = re.compile(r"(?m)^(?P<name>[a-z ]+): watch the panel$")
ASKS: Final = "[a]gain: "
TRIED: Final[dict[str, frozenset[str]]] = {
    "dark": frozenset(),
    **{
        name: frozenset({name})
        for name in ("red", "amber", "green", "ready", "buzzer", "relay", "illuminator")
    },
    "dead man": frozenset({"green", "relay"}),
}
"""What must be high during each step, and nothing else."""
LONGEST_S: Final = 900

Seen = Callable[[float, float], Sequence[frozenset[str]]]
"""All that was high together between two times of the host's, in order."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One step: what was seen, and the answer that this gave."""

    name: str
    seen: tuple[frozenset[str], ...]
    yes: bool


def answer(command: Sequence[str], seen: Seen) -> tuple[int, list[Answered]]:
    """Run the command to its end and answer each of its questions; its exit code, and the answers."""
    answers: list[Answered] = []
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdin is not None
    assert process.stdout is not None
    since_s, heard = time.monotonic(), ""
    try:
        while piece := process.stdout.read(1):
            heard += piece.decode(errors="replace")
            if not heard.endswith(ASKS):
                continue
            name = WATCH.findall(heard)[-1].strip()
            now_s = time.monotonic()
            one = judge(name, seen(since_s, now_s))
            answers.append(one)
            process.stdin.write(b"y\n" if one.yes else b"n\n")
            process.stdin.flush()
            since_s, heard = now_s, ""
        return process.wait(LONGEST_S), answers
    finally:
        process.kill()
        process.wait()


def judge(name: str, seen: Sequence[frozenset[str]]) -> Answered:
    """Whether that is what this step should have looked like: its outputs alone, and dark at the end."""
    wanted = TRIED[name]
    lit = [each for each in seen if each]
    alone = all(each <= wanted for each in lit) and frozenset().union(*lit) == wanted
    return Answered(name, tuple(seen), alone and not (seen and seen[-1]))
