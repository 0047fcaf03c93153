"""Staff badges at a running door: taken out of what the camera sees, told to the register.

The door's loop hands over each frame's symbols and gets back those that are to be judged. A
badge that does not count is among them: to the verifier it is a text without a known
prefix, and refused as such. What opens or closes is written on a thread of its own, so
that a slow memory card never holds up the lamps.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from doorcheck.core import badge
from doorcheck.core.badge import Badge, BadgeError, BadgeKeys
from doorcheck.core.moment import Moment
from doorcheck.core.shifts import Event, Kind, Shift, Shifts
from doorcheck.core.symbol import Symbol
from doorcheck.edge import register
from doorcheck.edge.register import Register, RegisterError

RETRY_S: Final = 60.0
"""What could not be written is tried again that often."""
TICK_MS: Final = 1_000
MOST_WAITING: Final = 1_000
"""Lines that wait for a disk; with so many, newer ones are lost, and `condition` has long said why."""
STOP_WITHIN_S: Final = 0.5
MOST_IN_VIEW: Final = 8
"""Badges that are looked at in one frame: each costs a signature check."""


class Registrar:
    """Writes the register in the background.

    `condition` is what an operator must know, None when all is written. `told` hears of each
    change of it, on the registrar's thread.
    """

    def __init__(self, book: Register, told: Callable[[str], None] = lambda _words: None) -> None:
        self._book = book
        self._told = told
        self._waiting: deque[Shift] = deque()
        self._today: tuple[Moment, int] | None = None
        self._purged: object = None
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self.condition: str | None = None

    def hand(self, shift: Shift) -> None:
        """Have that shift's opening or closing written soon."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(shift)
        self._wake.set()

    def tell_time(self, moment: Moment, keep_days: int) -> None:
        """Say what day it is, and how long days are kept: old ones are thrown away once a day."""
        self._today = (moment, keep_days)

    def start(self) -> None:
        """Work on a thread."""
        self._thread = threading.Thread(target=self._run, name="register", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, and work no longer."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_S)

    def work(self) -> None:
        """Write everything that waits, and throw old days away; what fails waits for the next time."""
        condition = None
        try:
            while self._waiting:
                self._book.add(self._waiting[0])
                self._waiting.popleft()
            self._purge()
        except RegisterError as error:
            condition = f"the register of controllers: {error}"
        if condition != self.condition:
            self.condition = condition
            self._told(condition or "the register of controllers is written again")

    def _purge(self) -> None:
        if self._today is None:
            return
        moment, keep_days = self._today
        done = (moment.utc.date(), moment.basis, keep_days)
        if done != self._purged:
            self._book.purge(keep_days, moment)
            self._purged = done

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(RETRY_S)
            self._wake.clear()
            self.work()
        self.work()  # what was handed over while it worked


@dataclass(slots=True)
class Attendance:
    """A door's badges, shifts and register. The door's loop alone uses it."""

    keys: Callable[[], BadgeKeys]
    keep_days: Callable[[], int]
    registrar: Registrar
    shifts: Shifts = field(default_factory=Shifts)
    _ticked_ms: int | None = None

    @classmethod
    def resumed(
        cls, keys: Callable[[], BadgeKeys], keep_days: Callable[[], int], book: Register, registrar: Registrar
    ) -> Attendance:
        """With the shifts that the register has as open; with none when it can't be read, which is told."""
        try:
            left_open = register.open_shifts(book.read())
        except RegisterError as error:
            left_open = []
            registrar.condition = f"the register of controllers: {error}"
        return cls(keys, keep_days, registrar, Shifts.resumed(left_open))

    def take(
        self, symbols: Sequence[Symbol], now_ms: int, moment: Moment
    ) -> tuple[list[Symbol], list[Event]]:
        """The symbols that are to be judged, all but badges that count; and what a signal should tell."""
        keys = self.keys()
        claimed = [symbol for symbol in symbols if badge.is_badge(symbol.data)][:MOST_IN_VIEW]
        read = [(symbol, _read(symbol, keys, moment)) for symbol in claimed]
        shown = {id(symbol): found for symbol, found in read if found is not None}
        events = self.shifts.observe(now_ms, moment, shown.values())
        self._record(events)
        return [symbol for symbol in symbols if id(symbol) not in shown], events

    def tick(self, now_ms: int, moment: Moment) -> None:
        """End the shifts that nobody closed. May be called on every turn."""
        if self._ticked_ms is not None and now_ms - self._ticked_ms < TICK_MS:
            return
        self._ticked_ms = now_ms
        self._record(self.shifts.tick(now_ms, moment, self.keys().withdrawn))
        self.registrar.tell_time(moment, self.keep_days())

    def _record(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.kind is not Kind.AGAIN:
                self.registrar.hand(event.shift)


def _read(symbol: Symbol, keys: BadgeKeys, moment: Moment) -> Badge | None:
    """The badge, or None when it does not count: then the verifier refuses it."""
    try:
        return badge.read(symbol.data, keys, moment)
    except BadgeError:
        return None
