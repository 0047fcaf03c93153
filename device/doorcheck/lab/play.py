"""Plays the story before an audience, through the door's real loop."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TextIO

from doorcheck.core.session import Decision
from doorcheck.core.verdict import Reason
from doorcheck.core.world import World
from doorcheck.daemon import Door
from doorcheck.edge.frame import Frame
from doorcheck.edge.panel import PanelDriver, TimelineRecorder
from doorcheck.edge.reader import Reader
from doorcheck.lab import story as stories
from doorcheck.lab.audience import Audience
from doorcheck.lab.issuer import PEOPLE, Person
from doorcheck.lab.stage import PlayedCamera, StoryClock, scenes
from doorcheck.lab.story import Visitor

INTRODUCTION = (
    "The simulated door: the real loop, a camera that shows rendered scenes, and a panel drawn here.\n"
    "All visitors are invented; a test authority signed their passes, which the panel marks TEST."
)
STORED = (
    "Stored about the visitors: nothing. No frame, no pass, no name, no list of who came; "
    "the marks that noticed the shared pass were in memory alone, under a key that is gone now."
)


def story(
    audience: Audience,
    record: TextIO | None,
    moment: datetime,
    speed: float | None,
    seed: str | None = None,
    people: Sequence[Person] = PEOPLE,
) -> int:
    """Play it all; returns the exit code: 0 when the door said what the story expects.

    `speed` None: as fast as the machine goes. Ctrl-C ends it with the lamps dark (130).
    """
    told = stories.compose(moment, secrets.token_bytes(32), seed, people)
    clock = StoryClock(moment)
    heard = _Heard(audience)
    audience.tell(INTRODUCTION)
    frames = scenes(told.visitors, clock, heard.enter)
    code = watch(audience, record, frames, clock, told.world, speed, heard.decide)
    for visitor, reasons in heard.surprises if code == 0 else ():
        said = ", ".join(reasons) or "nothing"
        audience.tell(f"{visitor.name}: the story expects {visitor.expected.code}, the door said {said}.")
        code = 1
    return code


def watch(
    audience: Audience,
    record: TextIO | None,
    frames: Iterator[Frame],
    clock: StoryClock,
    world: World,
    speed: float | None,
    decided: Callable[[Decision], None],
) -> int:
    """The door's loop over frames, in their own time, until they end; returns the exit code."""
    audience.now_ms = clock.now_ms
    with contextlib.ExitStack() as stack:
        stack.callback(audience.close)
        reader = stack.enter_context(Reader())
        driver = PanelDriver(audience if record is None else TimelineRecorder(audience, record, clock.now_ms))
        stack.callback(driver.close)
        clock.tick = driver.tick
        if speed is not None:
            clock.pace = _Pace(speed).wait
        camera = PlayedCamera(frames, clock, audience.see)
        door = Door(camera, reader, clock, driver, lambda: world, decided=decided)
        return run(door, audience, driver)


def run(door: Door, audience: Audience, driver: PanelDriver) -> int:
    """Turn the loop until the camera ends (0) or Ctrl-C (130); then counters, and the lamps dark."""
    code = 0
    try:
        door.start()
        while True:
            door.turn()
    except EOFError:
        pass
    except KeyboardInterrupt:
        audience.tell("Stopped by Ctrl-C; the lamps are dark.")
        code = 130
    driver.close()
    audience.end(door.counters, STORED)
    return code


class _Heard:
    """What the door said to each visitor."""

    def __init__(self, audience: Audience) -> None:
        self._audience = audience
        self._said: list[tuple[Visitor, list[Reason]]] = []

    def enter(self, visitor: Visitor) -> None:
        self._said.append((visitor, []))
        self._audience.tell(f"{len(self._said):2}. {visitor.name} {visitor.narration}")

    def decide(self, decision: Decision) -> None:
        if decision.reason is not None and self._said:
            self._said[-1][1].append(decision.reason)
        self._audience.hear(decision)

    @property
    def surprises(self) -> list[tuple[Visitor, list[str]]]:
        """Visitors to whom the door said anything but the expected, once."""
        return [(v, [r.code for r in said]) for v, said in self._said if said != [v.expected]]


class _Pace:
    """Waits so that the story goes as fast as it would, times `speed`, however long frames take."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._due = time.monotonic()

    def wait(self, duration_ms: int) -> None:
        self._due += duration_ms / 1000 / self._speed
        late = time.monotonic() - self._due
        if late < 0:
            time.sleep(-late)
        elif late > 1:
            self._due = time.monotonic()  # the machine can't keep up: go on from here
