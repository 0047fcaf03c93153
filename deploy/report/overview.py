"""The fleet as a whole: decisions over time, and how many boxes have which program and lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from deploy.report import series, spark, words
from deploy.report.card import OUTCOMES, Page
from deploy.report.markup import Html, join, tag
from deploy.report.standing import Box

_DAY: Final = timedelta(days=1)


def overview(fleet: list[Box], told: Page) -> Html | None:
    """Its section; one box alone needs none."""
    if len(fleet) < 2:
        return None
    return tag(
        "section",
        tag("h2", "The fleet"),
        tag("div", _all_decisions(fleet, told), _shares(fleet, told), class_="fleet"),
    )


def _all_decisions(fleet: list[Box], told: Page) -> Html:
    found = [hourly for box in fleet if (hourly := series.decisions(box, told.window)) is not None]
    caption = tag(
        "h3", f"Decisions per hour, {words.counted(told.window.days, 'day')}, {words.boxes(len(found))}"
    )
    if not found:
        return tag("div", caption, tag("p", "No box has told any."), class_="decisions")
    whole = series.together(found)
    rows = []
    for outcome, name in OUTCOMES.items():
        peak = max(whole[outcome])
        rows.append(
            tag(
                "tr",
                tag("th", name, scope="row"),
                tag("td", spark.bars(whole[outcome], peak or 1)),
                tag(
                    "td",
                    words.count(round(sum(whole[outcome]))),
                    tag("small", f"most {words.count(round(peak))} /h"),
                ),
            )
        )
    rows.append(
        tag(
            "tr",
            tag("th"),
            tag("td", _days(told), class_="days"),
            tag("td", tag("small", "in all")),
            aria_hidden="true",
        )
    )
    return tag("div", caption, tag("table", tag("tbody", *rows), class_="pictures tall"), class_="decisions")


def _days(told: Page) -> Html:
    """The names of the days, each where its noon is."""
    first = told.window.start.astimezone(told.zone).replace(hour=12, minute=0)
    form = "%a" if told.window.days <= 8 else "%d"
    noons = [first + _DAY * number for number in range(told.window.days + 1)]
    names = (
        tag("span", f"{noon:{form}}", style=f"left:{share * 100:.1f}%")
        for noon in noons
        if 0.03 <= (share := told.window.share(noon)) <= 0.97
    )
    return join(*names)


def _shares(fleet: list[Box], told: Page) -> Html:
    answers = [(box, box.answer) for box in fleet]
    versions = Counter(
        answer.status.version if answer and answer.status and answer.status.version else "not known"
        for _, answer in answers
    )
    publications = Counter(
        "not known" if box.publication is None else f"number {box.publication}" for box in fleet
    )
    ages = Counter(_bucket(box.lists_age(told.now)) for box in fleet)
    return tag(
        "div",
        _share("Program", versions.most_common()),
        _share("Publication", publications.most_common()),
        _share("Age of lists", [(name, ages[name]) for name in [*_BUCKETS, "not known"] if ages[name]]),
        class_="shares",
    )


_BUCKETS: Final = {
    "under 6 hours": timedelta(hours=6),
    "6 to 24 hours": timedelta(days=1),
    "1 to 3 days": timedelta(days=3),
    "over 3 days": timedelta.max,
}
MOST_SHARES: Final = 6


def _bucket(age: timedelta | None) -> str:
    if age is None:
        return "not known"
    return next(name for name, limit in _BUCKETS.items() if age < limit)


def _share(title: str, counts: Iterable[tuple[str, int]]) -> Html:
    known = list(counts)
    shown, rest = known[:MOST_SHARES], known[MOST_SHARES:]
    if rest:
        shown.append((f"{len(rest)} others", sum(number for _, number in rest)))
    most = max(number for _, number in known)
    rows = (
        tag(
            "tr",
            tag("th", name, scope="row"),
            tag("td", tag("i", style=f"width:{100 * number / most:.0f}%")),
            tag("td", words.count(number)),
        )
        for name, number in shown
    )
    return tag("table", tag("caption", title), tag("tbody", *rows), class_="bars")
