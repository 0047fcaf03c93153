"""The page: one file, nothing hostile in it, readable by everybody; looked at in a real browser."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from deploy.report import cli, history
from deploy.report.history import History
from deploy.report.page import page
from deploy.report.standing import Level
from tests.deploy import browser as browsers
from tests.deploy import sample_fleet as sample
from tests.deploy.browser import Browser

NOW = sample.NOW
STYLE = Path(__file__).parents[2] / "deploy" / "report" / "style.css"
ARTEFACTS = Path(os.environ.get("DOORCHECK_ARTEFACTS", Path(__file__).parents[2] / "build" / "fleet-report"))
VOID = frozenset({"meta"})
MEANT = frozenset(
    "html head meta title style body header main footer section nav article div p span b i a h1 h2 h3 "  # noqa: SIM905 - read better so
    "ul ol li table caption tbody tr th td small code details summary svg defs symbol circle path use".split()
)


class Reader(HTMLParser):
    """Every element and text of a page; elements must be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """It closes the innermost."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note it."""
        if not self._open or self._open[-1] != "style":
            self.texts.append(data)


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Twelve boxes, one that never answered, one in other hands."""
    path = tmp_path_factory.mktemp("history") / "status.jsonl"
    return history.take(
        path, [*sample.lines(12), sample.line(sample.never()), sample.line(sample.hostile())], NOW
    )


def made(found: History, **more: Any) -> str:
    """The page of it."""
    return page(found, NOW, more.get("days", 7), more.get("zone", UTC))


# What is in it


def test_the_page_needs_nothing_but_itself(some: History) -> None:
    """No script, no network, no form: only links within it, and a policy that forbids the rest."""
    text = made(some)
    reader = Reader(text)
    assert {name for name, _ in reader.elements} <= MEANT
    for _, attributes in reader.elements:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "action")]
        assert (attributes.get("href") or "#").startswith("#")
        assert "url(" not in (attributes.get("style") or "")
    assert "url(" not in STYLE.read_text()
    assert "@import" not in STYLE.read_text()
    policies = [a["content"] for _, a in reader.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies
    assert "default-src 'none'" in str(policies[0])


def test_what_a_box_says_is_text_and_nothing_else(some: History) -> None:
    """Markup, escape sequences and turned text come out as characters to read."""
    text = made(some)
    assert "<script" not in text
    assert "onerror=alert(1)&gt;\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}" in text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u200b-\u200f\u2028-\u202e]", text)
    assert any("</style><script>alert(1)</script>" in told for told in Reader(text).texts)


@pytest.mark.parametrize("host", [sample.HOSTILE, '"><a href="javascript:alert(1)">', "a" * 80, "&lt;"])
def test_a_box_may_have_any_name(host: str) -> None:
    """Names stand in texts, titles and links, and open none of them."""
    answers = [sample.line(sample.told(host=host[:80], update_damage=host)), sample.line(sample.never())]
    contacts = history._sorted(*history._decoded(answers, "new", NOW))
    reader = Reader(made(contacts))
    assert {name for name, _ in reader.elements} <= MEANT
    assert all((attributes.get("href") or "#").startswith("#") for _, attributes in reader.elements)


def test_every_box_is_on_it_with_its_state_in_words(some: History) -> None:
    """Unreachable ones too; no state is told by a colour alone."""
    texts = "\n".join(Reader(made(some)).texts)
    for number in range(12):
        assert sample.name(number) in texts
    assert "last seen 28 h ago" in texts
    assert "timed out; it has never answered" in texts
    for level in Level:
        assert f"{level.words}\n" in texts


def test_nothing_finer_than_an_hour_is_on_it() -> None:
    """One visitor in a quarter of an hour can't be told from one in another quarter of that hour."""

    def quarter(minute: int) -> str:
        bins = [{"since": f"2026-11-24T15:{minute:02}:00Z", "outcomes": {"REFUSE": 1}}]
        answers = [sample.line(sample.told(counters={"bins": bins}))]
        contacts, _ = history._decoded(answers, "new", NOW)
        return made(history._sorted(contacts, []))

    assert quarter(0) == quarter(15) == quarter(45)
    assert "1 /h" not in quarter(0)


def test_the_headline_says_the_worst(some: History) -> None:
    """In one sentence, the rest in the tallies."""
    assert "<h1>1 of 14 boxes is out of order</h1>" in made(some)
    well = History({"north": some.boxes["north"]})
    assert "<h1>The only box is well</h1>" in made(well)
    assert "<h1>No box has been asked yet</h1>" in made(History())


def test_an_old_history_is_not_shown_as_today(some: History) -> None:
    """Who opens last week's answers is told so before anything else."""
    text = page(some, NOW + timedelta(days=6), 7, UTC)
    assert "Nobody asked for 6 d: this is how it was then." in text
    assert "Nobody asked" not in made(some)


def test_times_are_in_the_zone_that_was_asked_for(some: History) -> None:
    """And say which that is."""
    assert "24 November 2026, 18:40 CET" in made(some, zone=ZoneInfo("Europe/Paris"))


def test_the_command_writes_the_file_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And refuses days and zones that do not exist."""
    status, output = tmp_path / "status.jsonl", tmp_path / "fleet.html"
    history.take(status, sample.lines(2), NOW)
    assert cli.main(["report", str(status), "-o", str(output), "--zone", "UTC"], NOW) == 0
    assert output.read_text().endswith("</html>\n")
    assert cli.main(["report", str(status), "-o", str(output), "--days", "16"], NOW) == 2
    assert cli.main(["report", str(status), "-o", str(output), "--zone", "Europe/Doorcheck"], NOW) == 2
    assert "no such time zone" in capsys.readouterr().err


# Contrast


def tokens() -> Iterator[tuple[str, dict[str, str]]]:
    """The colours of each scheme, by name."""
    style = STYLE.read_text()
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    names = ("light", "dark", "print")
    assert len(blocks) == len(names)
    for name, block in zip(names, blocks, strict=True):
        yield name, dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", block))


def luminance(colour: str) -> float:
    """WCAG 2's relative luminance."""
    digits = colour.removeprefix("#")
    pairs = [digit * 2 for digit in digits] if len(digits) == 3 else re.findall("..", digits)
    red, green, blue = (
        value / 12.92 if (value := int(pair, 16) / 255) <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for pair in pairs
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG 2's ratio, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_text_and_pictures_stand_out_in_every_scheme() -> None:
    """WCAG AA: 4.5 for text on whatever it stands on, 3 for what is drawn."""
    states = [level.name.lower() for level in Level]
    texts = [("ink", on) for on in ("paper", "sheet", "quiet", *(f"{state}-tint" for state in states))]
    texts += [("soft", on) for on in ("paper", "sheet", "quiet")]
    texts += [("link", "sheet"), ("link", "paper")]
    texts += [(state, on) for state in states for on in ("sheet", f"{state}-tint")]
    for scheme, colours in tokens():
        for one, on in texts:
            assert contrast(colours[one], colours[on]) >= 4.5, (scheme, one, on)
        for on in ("paper", "sheet"):
            for one in ("bar", *states):
                assert contrast(colours[one], colours[on]) >= 3, (scheme, one, on)


# In a browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium; skips where there is none."""
    if browsers.found() is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with browsers.browser(tmp_path_factory.mktemp("chromium")) as one:
        yield one


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, some: History) -> Path:
    """The page as a file."""
    path = tmp_path_factory.mktemp("page") / "fleet.html"
    path.write_text(made(some))
    return path


NARROWER = """
[...document.querySelectorAll('body *')].filter(one => {
  const box = one.getBoundingClientRect();
  return box.width && (box.right > innerWidth + 1 || box.left < -1) && !one.closest('svg');
}).map(one => one.tagName + '.' + one.className).join(' ')
"""
SMALLEST = """
Math.min(...[...document.querySelectorAll('body *')]
  .filter(one => one.checkVisibility() && [...one.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
  .map(one => parseFloat(getComputedStyle(one).fontSize)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_fits_a_phone_and_a_desk(browser: Browser, written: Path, width: int, scheme: str) -> None:
    """Nothing sticks out sideways, no text is tiny, the browser has no complaint; a picture is kept."""
    browser.open(written.as_uri(), width, scheme)
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    browser.whole(ARTEFACTS / f"fleet-{width}-{scheme}.png", width)
    assert browser.value("document.documentElement.scrollWidth") == width
    assert browser.value(NARROWER) == ""
    assert browser.value(SMALLEST) >= 13
    assert browser.value("getComputedStyle(document.body).backgroundColor") == (
        "rgb(245, 244, 239)" if scheme == "light" else "rgb(20, 24, 27)"
    )
    assert browser.value("document.querySelectorAll('article').length") == 14
    assert browser.value("document.scripts.length") == 0
    assert browser.troubles() == []


@pytest.mark.slow
def test_a_link_leads_to_its_box_and_a_line_opens(browser: Browser, tmp_path: Path) -> None:
    """From a mark at the top to a box, and from a line to its pictures, without a script."""
    path = tmp_path / "fleet.html"
    path.write_text(made(history.take(tmp_path / "status.jsonl", sample.lines(40, every_h=24), NOW)))
    browser.open(path.as_uri(), 360, "light")
    browser.value("document.querySelector('.map a[title=\"harbour: well\"]').click()")
    browser.drawn()
    assert browser.value("document.querySelector(':target summary b').textContent") == "harbour"
    assert not browser.value("document.querySelector(':target table').checkVisibility()")
    browser.value("document.querySelector(':target summary').click()")
    browser.drawn()
    assert browser.value("document.querySelector(':target table').checkVisibility()")
    assert browser.value("document.documentElement.scrollWidth") == 360


@pytest.mark.slow
def test_the_page_prints(browser: Browser, written: Path) -> None:
    """On paper too all boxes are there: pages enough, and no box cut off by a scroll bar."""
    browser.open(written.as_uri(), 1280, "dark")
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    browser.paper(ARTEFACTS / "fleet.pdf")
    printed = (ARTEFACTS / "fleet.pdf").read_bytes()
    assert printed.startswith(b"%PDF-")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 10


@pytest.mark.slow
def test_a_thousand_boxes_are_quick(browser: Browser, tmp_path: Path) -> None:
    """A page under 10 MB and 100,000 elements, made in 15 seconds of one core; how long it opens is told."""
    ten = list(sample.lines(10, every_h=12, days=7))
    lines = (one.replace(b'"host": "', b'"host": "%d-' % number) for number in range(100) for one in ten)
    found = history.take(tmp_path / "status.jsonl", lines, NOW)
    began = time.process_time()  # other work on the machine does not count
    text = made(found)
    took_s = time.process_time() - began
    path = tmp_path / "fleet.html"
    path.write_text(text)
    began = time.perf_counter()
    browser.open(path.as_uri(), 360, "light")
    browser.drawn()
    opened_s = time.perf_counter() - began
    print(f"1000 boxes: {len(text) / 1e6:.1f} MB, made in {took_s:.1f} s, opened in {opened_s:.1f} s")  # noqa: T201
    assert len(text) < 10_000_000
    assert took_s < 15
    assert browser.value("document.querySelectorAll('*').length") < 100_000
    assert browser.value("document.querySelectorAll('.box').length") == 1000
