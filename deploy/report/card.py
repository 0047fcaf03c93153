"""One box on the page: how it is, what to do about it, and its last days as small pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

from deploy.report import series, spark
from deploy.report.markup import Html, join, tag, with_commands
from deploy.report.series import Hourly, Line, Window
from deploy.report.standing import Box, Finding, Level
from deploy.report.words import NOTHING, counted, lasted

from doorcheck.core.health import HOT_C
from doorcheck.core.verdict import Outcome

OUTCOMES: Final = {
    Outcome.ADMIT: "Admitted",
    Outcome.REFUSE: "Refused",
    Outcome.STAFF: "To staff",
    Outcome.OUT_OF_ORDER: "Out of order",
}
COOLEST_C: Final = 20.0


@dataclass(frozen=True, slots=True)
class Page:
    """What all parts of one page share."""

    now: datetime
    zone: tzinfo | None
    window: Window


def shape(level: Level) -> Html:
    """The level's sign; its word always stands beside it."""
    name = level.name.lower()
    use = tag("use", href=f"#s-{name}")
    return tag("svg", use, class_=f"sign {name}", viewBox="0 0 20 20", aria_hidden="true")


def card(box: Box, number: int, page: Page) -> Html:
    """An open card."""
    return tag(
        "article",
        tag(
            "h3",
            shape(box.level),
            tag("span", box.host, class_="name"),
            tag("span", box.level.words, class_="level"),
        ),
        contents(box, series.decisions(box, page.window), page),
        class_=f"box card {box.level.name.lower()}",
        id=f"b{number}",
    )


def row(box: Box, number: int, page: Page) -> Html:
    """A line that opens to the same."""
    hourly = series.decisions(box, page.window)
    told = box.answer.status if box.answer else None
    busy = series.last_hour(box)
    first = box.findings[0].words if box.findings else None
    return tag(
        "details",
        tag(
            "summary",
            tag("span", shape(box.level), tag("b", box.host), class_="name"),
            tag("span", first, class_="what") if first else _busy(hourly),
            tag("span", told.version if told else NOTHING, class_="v"),
            tag("span", "lists ", _age(box, page), class_="v"),
            tag("span", NOTHING if busy is None else f"{busy.total()} /h", class_="v"),
            tag("span", _degrees(told.temperature_c if told else None), class_="v"),
        ),
        contents(box, hourly, page),
        class_=f"box row {box.level.name.lower()}",
        id=f"b{number}",
    )


def _busy(hourly: Hourly | None) -> Html | None:
    """All decisions, where a line of a well box would be empty."""
    if hourly is None:
        return None
    hours = [sum(hour) for hour in zip(*hourly.values(), strict=True)]
    return tag("span", spark.bars(hours, max(hours) or 1), class_="busy")


def contents(box: Box, hourly: Hourly | None, page: Page) -> Html:
    """What is wrong, the facts, and the pictures."""
    findings = tag("ul", *(finding(one) for one in box.findings), class_="findings") if box.findings else None
    return join(
        findings, tag("p", " · ".join(_facts(box, page)), class_="facts"), _pictures(box, hourly, page)
    )


def finding(one: Finding) -> Html:
    """What is wrong, and what to do."""
    return tag(
        "li",
        tag("p", tag("span", one.code, class_="code"), Html(" "), one.words),
        tag("p", Html("→ "), with_commands(one.advice), class_="advice"),
    )


def _facts(box: Box, page: Page) -> Iterator[str]:
    answer = box.answer
    if answer is None:
        yield f"asked {lasted(page.now - box.last.at)} ago"
        return
    told, update = answer.status, answer.update
    yield f"{'seen' if box.last.reachable else 'last seen'} {lasted(page.now - answer.at)} ago"
    if told is not None:
        yield f"version {told.version or 'not told'}"
    if answer.release is not None and answer.release.on_trial:
        yield f"release {answer.release.version} on trial"
    generation = (told.generation if told else None) or (update.generation if update else None)
    yield f"generation {generation}" if generation else "no generation"
    if box.publication is not None:
        yield f"publication {box.publication}"
    if told is not None and told.clock:
        yield f"clock by {told.clock}"
    if told is not None and told.latency_ms is not None:
        yield f"{told.latency_ms} ms to the lamps"
    if told is not None and told.free_bytes is not None:
        yield _room(told.free_bytes)
    if told is not None and told.board:
        yield told.board


def _pictures(box: Box, hourly: Hourly | None, page: Page) -> Html:
    rows = [*_decisions(hourly, box, page), *_values(box, page), _answers(box, page)]
    return tag("table", tag("tbody", *rows), class_="pictures")


def _picture(name: str, drawn: Html, now: str, of: str = "") -> Html:
    more = tag("small", of) if of else None
    return tag("tr", tag("th", name, scope="row"), tag("td", drawn), tag("td", now, more))


def _decisions(hourly: Hourly | None, box: Box, page: Page) -> Iterator[Html]:
    if hourly is None:
        yield _picture("Decisions", spark.bars([0.0] * page.window.hours, 1), NOTHING, "not told")
        return
    last = series.last_hour(box)
    for outcome, name in OUTCOMES.items():
        hours = hourly[outcome]
        peak = max(hours)
        most = f"most {round(peak)}" if peak else ""
        now = NOTHING if last is None else f"{last[outcome]} /h"
        yield _picture(name, spark.bars(hours, peak or 1), now, most)


def _values(box: Box, page: Page) -> Iterator[Html]:
    window = page.window
    heat = series.values(box, window, lambda told: told.temperature_c)
    told = box.answer.status if box.answer else None
    drawn = spark.lines(heat, window, COOLEST_C, HOT_C + 5)
    yield _picture("Temperature", drawn, _degrees(told.temperature_c if told else None), _range(heat))
    ages = series.values(box, window, lambda told: told.age_hours)
    longest = max((age for line in ages for _, age in line), default=0.0)
    yield _picture(
        "Age of lists",
        spark.lines(ages, window, 0, max(24.0, longest)),
        _age(box, page),
        f"most {lasted(timedelta(hours=longest))}" if longest else "",
    )
    restarts = series.values(box, window, lambda told: told.restarts)
    most = max((number for line in restarts for _, number in line), default=0.0)
    now = NOTHING if told is None or told.restarts is None else str(told.restarts)
    yield _picture("Restarts", spark.lines(restarts, window, 0, max(4.0, most)), now)


def _answers(box: Box, page: Page) -> Html:
    up, down = series.answers(box.contacts, page.window)
    told = f"{len(up)} of {len(up) + len(down)}"
    return _picture("Answers", spark.ticks(up, down, page.window), told, counted(len(down), "miss", "misses"))


def _room(free_bytes: int) -> str:
    return f"{free_bytes >> 30} GB free" if free_bytes >= 10 << 30 else f"{free_bytes >> 20} MB free"


def _age(box: Box, page: Page) -> str:
    age = box.lists_age(page.now)
    return NOTHING if age is None else lasted(age)


def _degrees(celsius: float | None) -> str:
    return NOTHING if celsius is None else f"{celsius:.0f} °C"


def _range(found: list[Line]) -> str:
    every = [value for line in found for _, value in line]
    return f"{min(every):.0f} to {max(every):.0f}" if every else ""
