"""What the pictures show: values over time, from a box's contacts and from the hours it counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from deploy.report.contact import HOUR, Contact, Told
from deploy.report.standing import Box

from doorcheck.core.verdict import Outcome

Point = tuple[datetime, float]
Line = list[Point]
MOST_POINTS: Final = 60


@dataclass(frozen=True, slots=True)
class Window:
    """The time that pictures show: some days up to now, in whole hours."""

    end: datetime
    days: int

    @property
    def start(self) -> datetime:
        """Its first instant."""
        return self.end - timedelta(days=self.days)

    @property
    def hours(self) -> int:
        """How many it has."""
        return self.days * 24

    @classmethod
    def before(cls, now: datetime, days: int) -> Window:
        """The days before the end of this hour."""
        return cls(now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + HOUR, days)

    def share(self, at: datetime) -> float:
        """Where in it that is: 0 at its start, 1 at its end."""
        return (at - self.start) / (self.end - self.start)


Hourly = dict[Outcome, list[float]]
"""For each outcome the decisions in each hour of a window, oldest first."""


def decisions(box: Box, window: Window) -> Hourly | None:
    """A box's; None where it told nothing."""
    answer = box.counted
    if answer is None or answer.counters is None:
        return None
    minutes = answer.status.bin_minutes if answer.status else 60
    wide = max(1, round(minutes / 60))  # a bin of six hours is told as six hours alike
    start, hours = window.start, window.hours
    found: Hourly = {outcome: [0.0] * hours for outcome in Outcome}
    for one in answer.counters.bins:
        first = (one.since - start) // HOUR
        for hour in range(max(0, first), min(hours, first + wide)):
            for outcome, number in one.outcomes.items():
                found[outcome][hour] += number / wide
    return found


def together(several: Iterable[Hourly]) -> Hourly:
    """The sum of them, hour by hour."""
    columns = list(several)
    return {
        outcome: [sum(hour) for hour in zip(*(one[outcome] for one in columns), strict=True)]
        for outcome in Outcome
    }


def last_hour(box: Box) -> Counter[Outcome] | None:
    """Decisions in the last hour that was over when the box told them; None where that can't be said."""
    answer = box.counted
    if answer is None or answer.status is None:
        return None
    window = Window.before(answer.at, 1)
    hourly = decisions(box, window)
    if hourly is None:
        return None
    return Counter({outcome: round(hours[-2]) for outcome, hours in hourly.items()})


def values(box: Box, window: Window, value: Callable[[Told], float | None]) -> list[Line]:
    """One value over time: a line for each stretch in which the box answered."""
    lines: list[Line] = [[]]
    for contact in box.contacts:
        if contact.at < window.start:
            continue
        found = value(contact.status) if contact.status is not None else None
        if found is None:
            lines.append([])
        else:
            lines[-1].append((contact.at, found))
    return [_fewer(line) for line in lines if line]


def _fewer(line: Line) -> Line:
    """At most so many points: of each stretch the highest, for a peak is what one looks for."""
    if len(line) <= MOST_POINTS:
        return line
    step = -(-len(line) // (MOST_POINTS - 1))
    stretches = [line[first : first + step] for first in range(0, len(line) - 1, step)]
    return [max(stretch, key=lambda point: point[1]) for stretch in stretches] + [line[-1]]


def answers(contacts: list[Contact], window: Window) -> tuple[list[datetime], list[datetime]]:
    """When it answered, and when it did not."""
    seen = [contact for contact in contacts if contact.at >= window.start]
    return [one.at for one in seen if one.reachable], [one.at for one in seen if not one.reachable]
