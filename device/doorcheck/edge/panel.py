"""The panel's driver, its metronome, and sinks that need no hardware.

The main loop says what to play and, at every turn, that it is alive; the metronome moves
the outputs. So a stuck main loop can't hold the door: green and relay drop out after
`HOLD_MS`. A stuck metronome holds the driver's lock, which stops the main loop too, and
with it the watchdog's food.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Final, Protocol, TextIO

from doorcheck.core.signals import DARK, HOLD_MS, Panel, Score, at, held

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.text import Text

TICK_MS: Final = 20
"""Between two beats of the metronome: 50 Hz."""


class PanelError(Exception):
    """The panel can't be trusted to show what it is told; the text says why and what to do."""


class Sink(Protocol):
    """Outputs of a panel: lamps, relay and buzzer, or a picture of them."""

    def show(self, panel: Panel) -> None:
        """Set every output to the panel's levels."""

    def close(self) -> None:
        """Free the outputs; a second call does nothing."""


def monotonic_ms() -> int:
    """Milliseconds on the clock that never goes back."""
    return time.monotonic_ns() // 1_000_000


class PanelDriver:
    """Plays scores on a sink. Dark until the first score; safe between two threads.

    `play`, `refresh` and `close` belong to the main loop, `tick` to the metronome; all
    take times of one monotonic clock. When the sink raises, the panel goes dark for good
    and the main loop gets a `PanelError` from its next `play` or `refresh`.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._lock = threading.Lock()
        self._score: Score | None = None
        self._started_ms = 0
        self._refreshed_ms = 0
        self._lapsed = False
        self._shown: Panel | None = None
        self._failure: Exception | None = None
        self._closed = False

    def play(self, score: Score, now_ms: int) -> None:
        """Begin a new score. Raises `PanelError` when the panel failed or is closed."""
        with self._lock:
            self._require_sound()
            self._score, self._started_ms, self._refreshed_ms = score, now_ms, now_ms
            self._lapsed = False

    def refresh(self, now_ms: int) -> None:
        """Say that the main loop is alive. Raises `PanelError` when the panel failed or is closed."""
        with self._lock:
            self._require_sound()
            self._refreshed_ms = now_ms

    def tick(self, now_ms: int) -> None:
        """Bring the sink up to date; calls it only on a change, and never raises for its sake."""
        with self._lock:
            if not self._closed:
                self._update(now_ms)

    def fail(self, error: Exception) -> None:
        """Go dark for good, and hand the error to the main loop at its next call."""
        with self._lock:
            self._failure = self._failure or error
            if not self._closed:
                self._update(self._refreshed_ms)

    def close(self) -> None:
        """Show the dark panel and close the sink; a second call does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            try:
                self._sink.show(DARK)
            finally:
                self._sink.close()

    def _update(self, now_ms: int) -> None:
        try:
            panel = self._panel(now_ms)
            if panel != self._shown:
                self._sink.show(panel)
                self._shown = panel
        except Exception as error:  # noqa: BLE001 - kept; the main loop raises it
            self._failure = self._failure or error
            self._shown = None

    def _panel(self, now_ms: int) -> Panel:
        if self._score is None or self._failure is not None:
            return DARK
        # The metronome may have read its clock just before `play` read its own.
        elapsed_ms = max(0, now_ms - self._started_ms)
        # What dropped out stays out until the next score: a relay that closes again after a
        # pause would open the door a second time on one decision.
        self._lapsed = self._lapsed or now_ms - self._refreshed_ms > HOLD_MS
        return held(at(self._score, elapsed_ms), HOLD_MS + 1 if self._lapsed else 0)

    def _require_sound(self) -> None:
        if self._failure is not None:
            told = f"{type(self._failure).__name__}: {self._failure}"
            raise PanelError(
                f"the panel failed and stays dark: {told}; check its wiring, then restart the door"
            ) from self._failure
        if self._closed:
            raise PanelError("the panel is closed; make a new driver to play on")


class Metronome:
    """A thread that ticks the driver at 50 Hz; whatever ends it early reaches the main loop.

    `wait(seconds)` sleeps that long and returns True when it is time to stop.
    """

    def __init__(
        self,
        driver: PanelDriver,
        now_ms: Callable[[], int] = monotonic_ms,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._driver = driver
        self._now_ms = now_ms
        self._stop = threading.Event()
        self._wait = wait or self._stop.wait
        self._thread = threading.Thread(target=self.run, name="metronome", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread and wait for its last tick; the driver stays open."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def run(self) -> None:
        """Tick until told to stop: the thread's body."""
        try:
            while not self._wait(TICK_MS / 1000):
                self._driver.tick(self._now_ms())
        except Exception as error:  # noqa: BLE001 - kept; the main loop raises it
            self._driver.fail(error)


def words(panel: Panel) -> str:
    """The panel in words: "GREEN · relay CLOSED · tone 1760 Hz"."""
    lamps = [name.upper() for name in ("red", "amber", "green", "ready") if getattr(panel, name)]
    parts = [" + ".join(lamps) or "dark"]
    if panel.relay:
        parts.append("relay CLOSED")
    if panel.tone_hz:
        parts.append(f"tone {panel.tone_hz} Hz")
    return " · ".join(parts)


class PlainSink:
    """Writes one line for each change, its time counted from the sink's making."""

    def __init__(self, file: TextIO, now_ms: Callable[[], int] = monotonic_ms) -> None:
        self._file = file
        self._now_ms = now_ms
        self._began_ms = now_ms()

    def show(self, panel: Panel) -> None:
        """Write the line."""
        seconds = (self._now_ms() - self._began_ms) / 1000
        self._file.write(f"{seconds:8.3f} s  {words(panel)}\n")
        self._file.flush()

    def close(self) -> None:
        """Do nothing: the file is its owner's."""


class TimelineRecorder:
    """Wraps a sink and writes each change as a JSON line: `ms`, then the panel's levels.

    `ms` counts from the recorder's making. Without a sink it only records.
    """

    def __init__(self, sink: Sink | None, file: TextIO, now_ms: Callable[[], int] = monotonic_ms) -> None:
        self._sink = sink
        self._file = file
        self._now_ms = now_ms
        self._began_ms = now_ms()

    def show(self, panel: Panel) -> None:
        """Write the line, then pass the panel on."""
        self._file.write(json.dumps({"ms": self._now_ms() - self._began_ms, **asdict(panel)}) + "\n")
        self._file.flush()
        if self._sink is not None:
            self._sink.show(panel)

    def close(self) -> None:
        """Close the wrapped sink; the file is its owner's."""
        if self._sink is not None:
            self._sink.close()


WIDTH: Final = 64
"""Columns of the drawn panel."""

# In the order of the box, left to right: name, mask, lamp colour, colour of the mask when lit.
# Lit lamps bring their own background, so that dark and light terminals show the same.
LAMPS: Final = (
    ("red", "✗", "#d7301f", "#ffffff"),
    ("amber", "!", "#f0a30a", "#000000"),
    ("green", "✓", "#00875f", "#ffffff"),
)


def draw(panel: Panel, caption: str, test: bool) -> RenderableType:
    """The panel as a picture of eight lines and 64 columns, readable without colour.

    The caption stands in the lower edge of the frame, on one line, cut where it is too long.
    """
    from rich.box import DOUBLE, ROUNDED
    from rich.console import Group
    from rich.panel import Panel as Frame
    from rich.table import Table
    from rich.text import Text

    lamps, outputs = Table.grid(expand=True), Table.grid(expand=True)
    for _ in LAMPS:
        lamps.add_column(justify="center", ratio=1)
        outputs.add_column(justify="center", ratio=1)
    lamps.add_row(*(_lamp(name, mask, getattr(panel, name), *colours) for name, mask, *colours in LAMPS))
    outputs.add_row(
        _lettered("● READY", "bold #000000 on #e4e4e4") if panel.ready else _lettered("○ ready", "dim"),
        _lettered("relay CLOSED ●━━●", "bold") if panel.relay else _lettered("relay open   ●╱ ●", "dim"),
        _lettered(f"♪ {panel.tone_hz:4} Hz", "bold") if panel.tone_hz else _lettered("♪  silent", "dim"),
    )
    mark = "[bold reverse] TEST [/]"
    return Frame(
        Group(lamps, Text(), outputs),
        title=f"{mark} not for real visitors {mark}" if test else "doorcheck",
        subtitle=Text(caption, "bold", overflow="ellipsis"),
        box=DOUBLE if test else ROUNDED,
        width=WIDTH,
    )


def _lettered(letters: str, style: str) -> Text:
    """Style the letters alone: a style of the whole text would also fill its column."""
    from rich.text import Text

    return Text.assemble((letters, style))


def _lamp(name: str, mask: str, lit: bool, colour: str, mask_colour: str) -> Text:
    from rich.text import Text

    if not lit:
        return _lettered(f"╭─────╮\n│  {mask}  │\n╰─────╯\n{name}", "dim")
    # Full blocks on their own colour: seamless in a picture, and still there without colour.
    solid = f"{colour} on {colour}"
    return Text.assemble(
        *(("▄", colour), ("█████", solid), ("▄\n", colour)),
        *(("███", solid), (mask, f"bold {mask_colour} on {colour}"), ("███", solid), "\n"),
        *(("▀", colour), ("█████", solid), ("▀\n", colour)),
        (f"{name.upper()} ON", "bold"),
    )


class TerminalSink:
    """Redraws the panel in place on a terminal at each change.

    `caption` and `test` may be set at any time; they show with the next change.
    """

    def __init__(self, caption: str = "", test: bool = False, console: Console | None = None) -> None:
        self.caption = caption
        self.test = test
        self._console = console
        self._live: Live | None = None

    def show(self, panel: Panel) -> None:
        """Draw the panel over the last one."""
        from rich.live import Live

        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        self._live.update(draw(panel, self.caption, self.test), refresh=True)

    def close(self) -> None:
        """Leave the last picture on the screen and give the cursor back."""
        if self._live is not None:
            self._live.stop()
            self._live = None
