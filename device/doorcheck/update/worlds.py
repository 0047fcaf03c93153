"""The world that a running door judges in: loaded at start, swapped whole when an update came.

A thread of its own looks at the link `current` once a second, loads a new generation, checks
it and passes the known-answer test; then one assignment swaps it. The door's loop takes
whatever is there when a frame comes: it never waits, and no frame sees two worlds.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from doorcheck import RELEASED
from doorcheck.config import Settings
from doorcheck.core.badge import BadgeKeys
from doorcheck.core.denylist import DenyList
from doorcheck.core.rules import Minimum
from doorcheck.core.world import World
from doorcheck.update.errors import StateError, UpdateError
from doorcheck.update.generation import DamagedError
from doorcheck.update.state import State

LOOK_EVERY_S = 1.0
STOP_WITHIN_S = 30.0
"""A large list that is being loaded is loaded to its end."""


class Worlds:
    """The newest generation that is whole and passes the known-answer test.

    Without any, `current()` is a world without a trust list: out of order. `condition` is what
    an operator must know, None when all is well. `told` hears of each new condition and of
    each generation that is taken, on the thread that looks.
    """

    def __init__(
        self,
        state: Path,
        told: Callable[[str], None] = lambda _words: None,
        *,
        every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._state = State(state)
        self._told = told
        self._every_s = every_s
        self._mark_key = os.urandom(32)
        self._world = World(
            trust=None,
            deny=DenyList(),
            rules=Minimum(),
            floor=RELEASED,
            mark_key=self._mark_key,
            published=None,
        )
        self._looked_at: int | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.generation: int | None = None
        """Which one the door judges with."""
        self.settings = Settings()
        """The operator's policy that came with it."""
        self.badges = BadgeKeys()
        """Which staff badges count."""
        self.condition: str | None = None
        self._begin()

    def current(self) -> World:
        """The world now; the same object until another one counts."""
        return self._world

    def start(self) -> None:
        """Watch for updates."""
        self._thread = threading.Thread(target=self._watch, name="worlds", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_S)

    def look(self) -> None:
        """Look once: take a new generation, or keep the world and say why."""
        number = self._state.current_number()
        if number is None or number == self._looked_at:
            return
        self._looked_at = number
        why = self._take(number)
        self._say(why and f"{why}; the door goes on with {self._goes_on_with()}")

    def _begin(self) -> None:
        """At start there is no older world to keep; an older generation will do, if it is whole."""
        self._looked_at = number = self._state.current_number()
        try:
            others = [one for one in self._state.numbers() if one != number]
        except StateError as error:
            self._say(f"{error}; the door goes on with {self._goes_on_with()}")
            return
        if number is None and not others:
            return
        why = "no generation is marked as current" if number is None else self._take(number)
        if why is None:
            return
        declined = self._declined()
        for other in others:
            if other not in declined and self._take(other) is None:
                break
        self._say(f"{why}; the door goes on with {self._goes_on_with()}")

    def _take(self, number: int) -> str | None:
        """Judge with that generation from now on; or say why not."""
        try:
            loaded = self._state.generation(number).load(self._mark_key)
        except (DamagedError, UpdateError) as error:
            return f"generation {number} can't be used ({error})"
        self._world = loaded.world
        self.settings = loaded.settings
        self.badges = loaded.badges
        self.generation = number
        self._told(f"generation {number} is taken")
        return None

    def _declined(self) -> set[int]:
        """The generations whose contents an operator has gone back from."""
        known = list(self._state.known())
        declined = {one.manifest.declined for one in known}
        return {one.number for one in known if one.manifest.contents in declined}

    def _goes_on_with(self) -> str:
        return "none, out of order" if self.generation is None else f"generation {self.generation}"

    def _say(self, condition: str | None) -> None:
        self.condition = condition
        if condition is not None:
            self._told(condition)

    def _watch(self) -> None:
        try:
            while not self._stopping.wait(self._every_s):
                self.look()
        finally:
            if not self._stopping.is_set():
                self._say("updates are not looked for any more: restart the door")
