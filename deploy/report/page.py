"""The fleet as one file of HTML: no network, no script, whole on a phone, on paper and without colour."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final

from deploy.report import words
from deploy.report.card import Page, card, row, shape
from deploy.report.history import History
from deploy.report.markup import Html, join, listed, tag, text, with_commands
from deploy.report.overview import overview
from deploy.report.series import Window
from deploy.report.standing import Box, Finding, Level, boxes
from deploy.report.words import lasted

MOST_CARDS: Final = 12
"""More boxes than that of one level are lines that open."""
MOST_NAMED: Final = 8
STALE: Final = timedelta(hours=26)
_STYLE: Final = Path(__file__).with_name("style.css")
_SIGNS: Final = Path(__file__).with_name("signs.svg")
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(history: History, now: datetime, days: int, zone: tzinfo | None) -> str:
    """The whole file. `days` is how far back the pictures go; `zone` None: this computer's."""
    told = Page(now, zone, Window.before(now, days))
    fleet = boxes(history.boxes, now)
    numbered = {box.host: number for number, box in enumerate(fleet)}
    body = join(
        Html(_SIGNS.read_text()),
        _header(fleet, history, told),
        tag(
            "main",
            _to_do(fleet, numbered),
            overview(fleet, told),
            _group("In trouble", [box for box in fleet if box.level is not Level.WELL], numbered, told),
            _group("Well", [box for box in fleet if box.level is Level.WELL], numbered, told),
        ),
        _footer(),
    )
    head = join(
        Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        Html('<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">'),
        tag("title", f"doorcheck: {_headline(fleet)}"),
        tag("style", Html(_STYLE.read_text() + f":root{{--days:{days}}}")),
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{body}</body></html>\n'


# At the top


def _headline(fleet: list[Box]) -> str:
    if not fleet:
        return "no box has been asked yet"
    worst = fleet[0].level
    number = sum(box.level is worst for box in fleet)
    if number == len(fleet):
        return (
            f"the only box {_verb(worst, 1)}"
            if number == 1
            else f"all {len(fleet)} boxes {_verb(worst, number)}"
        )
    return f"{number} of {len(fleet)} boxes {_verb(worst, number)}"


def _verb(level: Level, number: int) -> str:
    if level is Level.CARE:
        return level.of(number)
    return f"{'is' if number == 1 else 'are'} {level.of(number)}"


def _header(fleet: list[Box], history: History, told: Page) -> Html:
    headline = _headline(fleet)
    return tag(
        "header",
        tag("p", "doorcheck fleet · ", words.moment(told.now, told.zone), class_="when"),
        tag("h1", headline[0].upper() + headline[1:]),
        *_notices(fleet, history, told),
        _tallies(fleet),
        _map(fleet) if len(fleet) > MOST_CARDS else None,
    )


def _notices(fleet: list[Box], history: History, told: Page) -> Iterator[Html]:
    if not fleet:
        yield tag(
            "p",
            with_commands("Ask them with `deploy/fleet status`, then make this page again."),
            class_="notice",
        )
        return
    newest = max(box.last.at for box in fleet)
    if told.now - newest > STALE:
        yield tag(
            "p",
            with_commands(
                f"Nobody asked for {lasted(told.now - newest)}: this is how it was then. "
                "`deploy/fleet status` asks."
            ),
            class_="notice",
        )
    if history.left_out:
        lines = words.counted(len(history.left_out), "line")
        yield tag("p", f"{lines} of the history could not be used: {history.left_out[0]}", class_="notice")


def _tallies(fleet: list[Box]) -> Html:
    counts = Counter(box.level for box in fleet)
    present = [level for level in reversed(Level) if counts[level]]
    bar = (tag("i", class_=level.name.lower(), style=f"flex-grow:{counts[level]}") for level in present)
    tallies = (
        tag(
            "li",
            shape(level),
            tag("b", counts[level]),
            Html(" "),
            tag("span", level.of(counts[level])),
            class_=level.name.lower(),
        )
        for level in reversed(Level)
    )
    return join(
        tag("div", *bar, class_="share", aria_hidden="true") if fleet else None,
        tag("ul", *tallies, class_="tallies"),
    )


def _map(fleet: list[Box]) -> Html:
    marks = (
        tag(
            "a",
            shape(box.level),
            href=f"#b{number}",
            title=f"{box.host}: {box.level.words}",
            aria_label=f"{box.host}: {box.level.words}",
        )
        for number, box in enumerate(fleet)
    )
    return tag("nav", *marks, class_="map", aria_label="every box, those in trouble first")


# What to do


def _to_do(fleet: list[Box], numbered: dict[str, int]) -> Html | None:
    groups: dict[tuple[int, str, str], list[tuple[Box, Finding]]] = defaultdict(list)
    for box in fleet:
        for one in box.findings:
            groups[one.level.rank, one.code, one.advice].append((box, one))
    if not groups:
        return None
    ordered = sorted(groups.items(), key=lambda group: (group[0][0], -len(group[1]), group[0][1]))
    return tag(
        "section",
        tag("h2", "What to do"),
        tag("ol", *(_task(found, numbered) for _, found in ordered), class_="tasks"),
    )


def _task(found: list[tuple[Box, Finding]], numbered: dict[str, int]) -> Html:
    one = found[0][1]
    alike = len({finding.words for _, finding in found}) == 1
    named = found[:MOST_NAMED]
    links = [
        join(
            tag("a", box.host, href=f"#b{numbered[box.host]}"),
            None if alike else join(Html(": "), finding.words),
        )
        for box, finding in named
    ]
    rest = len(found) - len(named)
    if rest:
        links.append(text(f"and {rest} more"))
    return tag(
        "li",
        shape(one.level),
        tag(
            "div",
            tag(
                "h3",
                tag("span", one.code, class_="code"),
                Html(" "),
                one.words if alike else words.boxes(len(found)),
            ),
            tag("p", Html("→ "), with_commands(one.advice), class_="advice"),
            tag("p", listed(links), class_="named")
            if alike
            else tag("ul", *(tag("li", link) for link in links), class_="named"),
        ),
        class_=one.level.name.lower(),
    )


# Each box


def _group(title: str, members: list[Box], numbered: dict[str, int], told: Page) -> Html | None:
    if not members:
        return None
    as_cards = len(members) <= MOST_CARDS
    draw = card if as_cards else row
    return tag(
        "section",
        tag("h2", f"{title} ", tag("span", words.boxes(len(members)), class_="count")),
        tag(
            "div",
            *(draw(box, numbered[box.host], told) for box in members),
            class_="cards" if as_cards else "rows",
        ),
    )


def _footer() -> Html:
    meanings = (
        tag("li", shape(level), tag("span", tag("b", level.words), f": {level.meaning}.")) for level in Level
    )
    return tag(
        "footer",
        tag("ul", *meanings, class_="key"),
        tag(
            "p",
            "Pictures go from left to right, now is at the right, and a line stands for every 24 hours. "
            "Each has its own height: its highest hour, or the numbers beside it. "
            "In “Answers” a stroke above the middle is an answer, a thick one below it a miss.",
        ),
        tag(
            "p",
            "A box counts outcomes in whole quarters of an hour and more, and this page shows whole hours. "
            "Nothing in it is about a visitor, and a box tells nothing that could be.",
        ),
    )
