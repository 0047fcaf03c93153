"""Who watches the simulated door: a terminal that draws it, or plain lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TextIO

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
    "O": "out of order",
}
VIEW_COLUMNS = 64
VIEW_LINES = 12
"""The thumbnail of the camera's view: two pixels to a character cell."""
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
            test = " (TEST)" if decision.test else ""
            reason = decision.reason
            self._line(f"{self._time()}  => {reason.outcome.value}{test}, {reason.code}: {reason.words}")

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
        self._view: RenderableType = Text("\n" * (VIEW_LINES - 1))
        self._told = ""
        self._heard = ""
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
        self._live.start()

    def tell(self, text: str) -> None:
        """Keep what was said above the picture, and say the new line in it."""
        if self._heard:
            self._console.print(Text.assemble((self._told, "dim"), "\n    ", (self._heard, "bold")))
        self._told, self._heard = text, ""
        self._draw()

    def see(self, frame: Frame) -> None:
        """Draw the thumbnail."""
        self._view = thumbnail(frame)
        self._draw()

    def hear(self, decision: Decision) -> None:
        """Say outcome and reason."""
        if decision.reason:
            test = " (TEST)" if decision.test else ""
            self._heard = (
                f"{decision.reason.outcome.value}{test}: {decision.reason.words} ({decision.reason.code})"
            )
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
        console = self._console
        roomy = console.height >= VIEW_LINES + 12 and console.width >= VIEW_COLUMNS
        roomy = roomy and console.color_system in ("256", "truecolor")  # a picture needs its greys
        parts: list[RenderableType] = [self._view] if roomy else []
        parts += [Text(self._told, "bold"), panels.draw(self._panel, self._heard, self._test)]
        return Group(*parts)

    def _draw(self) -> None:
        self._live.update(self.picture(), refresh=True)


def thumbnail(frame: Frame) -> Text:
    """The frame as grey half blocks, 64 by 24 pixels: enough to see what is held up."""
    text = Text(no_wrap=True)
    rows = 2 * VIEW_LINES
    for line in range(VIEW_LINES):
        upper = _greys(frame, (2 * line) * frame.height // rows)
        lower = _greys(frame, (2 * line + 1) * frame.height // rows)
        for above, below in zip(upper, lower, strict=True):
            text.append("▀", f"rgb({above},{above},{above}) on rgb({below},{below},{below})")
        text.append("\n")
    text.rstrip()
    return text


def _greys(frame: Frame, row: int) -> list[int]:
    """One row of the thumbnail: means of a few pixels each, in 24 steps."""
    start, step = row * frame.stride, frame.width // VIEW_COLUMNS
    pixels = frame.luma[start : start + frame.width].tobytes()
    means = (
        sum(pixels[x : x + step : 4]) // len(pixels[x : x + step : 4])
        for x in range(0, step * VIEW_COLUMNS, step)
    )
    return [mean * _GREYS // 256 * 255 // (_GREYS - 1) for mean in means]


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
