"""Who watches the simulated door: a terminal that draws it, or plain lines."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby
from typing import Protocol, TextIO

from rich.align import Align
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from doorcheck.core.counters import Counters
from doorcheck.core.session import Decision
from doorcheck.core.signals import DARK, Panel
from doorcheck.core.verdict import Outcome
from doorcheck.edge import panel as panels
from doorcheck.edge.frame import Frame

STAGES = {
    "D": "could not be decoded",
    "S": "signature",
    "P": "period",
    "R": "deny list",
    "N": "rules",
    "F": "another format",
    "V": "the view",
    "A": "the lists' age",
    "O": "out of order",
}
MOST_VIEW_LINES = 18
"""The thumbnail of the camera's view: two pixels to a character cell, four wide to three high."""
LEAST_VIEW_LINES = 8
_OTHER_LINES = 12
_GREYS = 24


class Audience(panels.Sink, Protocol):
    """A panel's sink that also hears the story."""

    now_ms: Callable[[], int]
    """The door's monotonic time; set by whoever plays."""

    def tell(self, text: str) -> None:
        """A line of narration."""

    def see(self, frame: Frame) -> None:
        """What the camera sees; only its thumbnail, and only until the next."""

    def hear(self, decision: Decision) -> None:
        """What the door decided."""

    def end(self, counters: Counters, stored: str) -> None:
        """The operator's counters, and what was stored about the visitors."""


class PlainAudience:
    """Plain lines: narration, decisions, and each change of lamps, relay and sound."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._shown = DARK
        self.now_ms: Callable[[], int] = lambda: 0

    def tell(self, text: str) -> None:
        """Write it after an empty line."""
        self._line(f"\n{text}")

    def see(self, frame: Frame) -> None:
        """Show nothing of it."""

    def hear(self, decision: Decision) -> None:
        """Write outcome and reason."""
        if decision.reason:
            self._line(f"{self._time()}  => {_words(decision)}")

    def show(self, panel: Panel) -> None:
        """Write a change of lamps or relay; the ready lamp's blinking and a melody's notes are none."""
        steady = replace(panel, ready=False, tone_hz=0)
        if steady != self._shown:
            self._shown = steady
            self._line(f"{self._time()}  {panels.words(steady) if steady != DARK else 'idle'}")

    def end(self, counters: Counters, stored: str) -> None:
        """Write the counters and the sentence."""
        console = Console(file=self._file, width=80, highlight=False)
        console.print()
        console.print(counters_table(counters))
        console.print(stored)

    def close(self) -> None:
        """Nothing to free."""

    def _time(self) -> str:
        return f"{self.now_ms() / 1000:9.2f} s"

    def _line(self, text: str) -> None:
        self._file.write(text + "\n")
        self._file.flush()


class TerminalAudience:
    """Draws the door in place: the camera's view, the narration, the panel, the last decisions."""

    def __init__(self, *, test: bool, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._test = test
        self.now_ms: Callable[[], int] = lambda: 0
        self._panel = DARK
        self._view: RenderableType | None = None
        self._told = ""
        self._heard: Decision | None = None
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
        self._live.start()

    def tell(self, text: str) -> None:
        """Keep what was said above the picture, and say the new line in it."""
        if self._heard:
            self._console.print(Text.assemble((self._told, "dim"), "\n    ", (_words(self._heard), "bold")))
        self._told, self._heard = text, None
        self._draw()

    def see(self, frame: Frame) -> None:
        """Draw the thumbnail, as large as the terminal has room for."""
        lines = min(MOST_VIEW_LINES, self._console.height - _OTHER_LINES)
        in_greys = self._console.color_system in ("256", "truecolor")
        if in_greys and lines >= LEAST_VIEW_LINES and self._console.width >= panels.WIDTH:
            self._view = Align.center(thumbnail(frame, lines), width=panels.WIDTH)
        self._draw()

    def hear(self, decision: Decision) -> None:
        """Say outcome and reason."""
        if decision.reason:
            self._heard = decision
            self._draw()

    def show(self, panel: Panel) -> None:
        """Draw the panel."""
        self._panel = panel
        self._draw()

    def end(self, counters: Counters, stored: str) -> None:
        """Leave the counters and the sentence on the screen."""
        self.tell("")
        self._live.update(Text(""), refresh=True)
        self._live.stop()
        self._console.print(counters_table(counters))
        self._console.print(stored)

    def close(self) -> None:
        """Give the cursor back; a second call does nothing."""
        self._live.stop()

    def picture(self) -> RenderableType:
        """The door as it stands."""
        reason = self._heard.reason if self._heard else None
        caption = f"{reason.outcome.value}, {reason.code}" if reason else ""
        panel = panels.draw(self._panel, caption, self._test)
        words = Text(f"    {reason.words}" if reason else "")
        parts = [self._view] if self._view else []
        return Group(*parts, Text(self._told, "bold"), panel, words)

    def _draw(self) -> None:
        self._live.update(self.picture(), refresh=True)


def _words(decision: Decision) -> str:
    if decision.reason is None:
        return "in order again"
    reason, test = decision.reason, " (TEST)" if decision.test else ""
    return f"{reason.outcome.value}{test}, {reason.code}: {reason.words}"


def thumbnail(frame: Frame, lines: int) -> Text:
    """The frame as grey half blocks: enough to see what is held up, and no more."""
    text = Text(no_wrap=True)
    columns = lines * 2 * frame.width // frame.height
    for line in range(lines):
        rows = (_greys(frame, (2 * line + half) * frame.height // (2 * lines), columns) for half in (0, 1))
        for (above, below), cells in groupby(zip(*rows, strict=True)):
            style = f"rgb({above},{above},{above}) on rgb({below},{below},{below})"
            text.append("▀" * len(list(cells)), style)
        text.append("\n")
    text.rstrip()
    return text


def _greys(frame: Frame, row: int, columns: int) -> list[int]:
    """One row of the thumbnail: means of a few pixels each, in 24 steps."""
    start, step = row * frame.stride, frame.width // columns
    pixels = frame.luma[start : start + frame.width].tobytes()
    means = (statistics.fmean(pixels[x : x + step : 4]) for x in range(0, step * columns, step))
    return [int(mean) * _GREYS // 256 * 255 // (_GREYS - 1) for mean in means]


def counters_table(counters: Counters) -> Table:
    """The operator's counters: decisions, and at which stage passes were not admitted."""
    table = Table(title="the operator's counters", title_justify="left", show_edge=False, pad_edge=False)
    table.add_column("what")
    table.add_column("count", justify="right")
    for outcome in Outcome:
        table.add_row(outcome.value, str(counters.outcomes[outcome]))
    for letter, meaning in STAGES.items():
        if counters.stages[letter]:
            table.add_row(f"  {letter}: {meaning}", str(counters.stages[letter]), style="dim")
    table.add_row("frames looked at", str(counters.frames))
    table.add_row("decoder restarts", str(counters.decoder_kills))
    return table
