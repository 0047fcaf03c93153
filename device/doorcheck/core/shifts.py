"""Who is on shift: badges in view over time in, shifts opened and closed out.

    shown, not on shift              the shift opens
    held on, or worn in view         nothing: it counts once, until it was away for AGAIN_MS
    shown again soon after           AGAIN: what was said before is said once more
    shown again later, on shift      the shift closes
    never closed                     it ends LONGEST_S after it opened, as forgotten,
                                     or when the badge expires or is withdrawn

Several controllers may be on shift. How long ago a badge was seen is told on the monotonic
scale; the register's times are the moment's, and a shift's length is monotonic where this
process saw it begin: a clock that is set meanwhile ends no shift.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from doorcheck.core.badge import Badge
from doorcheck.core.moment import Basis, Moment

LEFT_MS: Final = 1_500
"""Not seen for that long, a badge has left the view, as a pass has."""
AGAIN_MS: Final = 20_000
"""A badge that comes back within that time is of somebody who was unsure, or wears it: nobody's shift
is that short."""
LONGEST_S: Final = 14 * 3600
"""Nobody controls for longer: eleven hours of rest leave thirteen of a day (directive 2003/88/EC, 3)."""
MOST_ON_SHIFT: Final = 200


class How(enum.Enum):
    """How a shift ended; the values are in the register, and never change their meaning."""

    SHOWN = "badge shown"
    FORGOTTEN = "forgotten"
    EXPIRED = "badge expired"
    WITHDRAWN = "badge withdrawn"


@dataclass(frozen=True, slots=True)
class Shift:
    """One controller's, open while `closed` is None. Times are seconds since 1970.

    `doubtful`: the clock was a lower bound only when it opened or closed.
    """

    badge: Badge
    opened: int
    doubtful: bool = False
    closed: int | None = None
    how: How | None = None


class Kind(enum.Enum):
    """What happened."""

    OPENED = "opened"
    CLOSED = "closed"
    """By the badge, shown to the camera."""
    ENDED = "ended"
    """Without the badge: nobody is there to see a signal."""
    AGAIN = "again"
    """Nothing, but somebody wants to know: say once more whether the shift is open."""


@dataclass(frozen=True, slots=True)
class Event:
    """A change of who is on shift; the register gets all but AGAIN."""

    kind: Kind
    shift: Shift


@dataclass(slots=True)
class _Seen:
    """A badge that was in view lately."""

    seen_ms: int
    acted_ms: int
    """When it last opened or closed a shift."""
    shift: Shift


@dataclass(slots=True)
class Shifts:
    """The shifts of one door. All `now_ms` are on one monotonic scale."""

    _open: dict[bytes, Shift] = field(default_factory=dict)
    _opened_ms: dict[bytes, int] = field(default_factory=dict)
    """When, of those that this process saw open."""
    _seen: dict[bytes, _Seen] = field(default_factory=dict)

    @classmethod
    def resumed(cls, shifts: Iterable[Shift]) -> Shifts:
        """Those that the register has as open, after a restart."""
        return cls({shift.badge.id: shift for shift in shifts if shift.closed is None})

    @property
    def on_shift(self) -> tuple[Shift, ...]:
        """The open shifts, oldest first."""
        return tuple(self._open.values())

    def observe(self, now_ms: int, moment: Moment, badges: Iterable[Badge]) -> list[Event]:
        """Take the badges in one view, all genuine and current."""
        self._forget_seen(now_ms)
        events = [self._show(now_ms, moment, one) for one in {one.id: one for one in badges}.values()]
        return [event for event in events if event is not None]

    def tick(self, now_ms: int, moment: Moment, withdrawn: Collection[bytes] = ()) -> list[Event]:
        """End the shifts that nobody closed and that are over, as of then. Once a second is enough."""
        events = []
        for shift in self.on_shift:
            ended = self._ended(shift, now_ms, moment, withdrawn)
            if ended is not None:
                self._remove(shift)
                events.append(Event(Kind.ENDED, ended))
        return events

    def _show(self, now_ms: int, moment: Moment, badge: Badge) -> Event | None:
        before = self._seen.get(badge.id)
        if before is not None:
            was_away = now_ms - before.seen_ms > LEFT_MS
            before.seen_ms = now_ms
            wants_to_know = was_away and now_ms - before.acted_ms <= AGAIN_MS
            return Event(Kind.AGAIN, before.shift) if wants_to_know else None
        shift = self._open.get(badge.id)
        if shift is None and len(self._open) >= MOST_ON_SHIFT:
            return None
        event = self._begin(now_ms, moment, badge) if shift is None else self._close(moment, shift)
        self._seen[badge.id] = _Seen(now_ms, now_ms, event.shift)
        return event

    def _begin(self, now_ms: int, moment: Moment, badge: Badge) -> Event:
        shift = Shift(badge, int(moment.seconds), moment.basis is Basis.FLOOR)
        self._open[badge.id] = shift
        self._opened_ms[badge.id] = now_ms
        return Event(Kind.OPENED, shift)

    def _close(self, moment: Moment, shift: Shift) -> Event:
        self._remove(shift)
        return Event(Kind.CLOSED, _closed(shift, int(moment.seconds), How.SHOWN, moment))

    def _ended(self, shift: Shift, now_ms: int, moment: Moment, withdrawn: Collection[bytes]) -> Shift | None:
        """The shift as it ended without its badge; None while it lasts."""
        now, badge = int(moment.seconds), shift.badge
        if badge.id in withdrawn:
            return _closed(shift, now, How.WITHDRAWN, moment)
        if now >= badge.until:
            return _closed(shift, badge.until, How.EXPIRED, moment)
        began_ms = self._opened_ms.get(badge.id)
        lasted_s = now - shift.opened if began_ms is None else (now_ms - began_ms) // 1000
        if lasted_s >= LONGEST_S:
            return _closed(shift, shift.opened + LONGEST_S, How.FORGOTTEN, moment)
        return None

    def _remove(self, shift: Shift) -> None:
        del self._open[shift.badge.id]
        self._opened_ms.pop(shift.badge.id, None)

    def _forget_seen(self, now_ms: int) -> None:
        for badge_id, seen in list(self._seen.items()):
            if now_ms - seen.seen_ms > AGAIN_MS:
                del self._seen[badge_id]


def _closed(shift: Shift, at: int, how: How, moment: Moment) -> Shift:
    """The shift, ended; never before it began, whatever the clock says meanwhile."""
    doubtful = shift.doubtful or moment.basis is Basis.FLOOR or at < shift.opened
    return replace(shift, closed=max(at, shift.opened), how=how, doubtful=doubtful)
