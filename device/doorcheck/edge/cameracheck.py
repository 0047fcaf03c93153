"""What a camera's check counts: rate, sharpness, light, decoded frames; never what was decoded."""

from __future__ import annotations

import io
import re
import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from PIL import Image

from doorcheck.core.symbol import Symbol
from doorcheck.edge.decoder import FORMATS, Attempt
from doorcheck.edge.frame import Frame
from doorcheck.edge.reader import DecoderHangError
from doorcheck.edge.sharpness import SHARP, SOFT, Look, around

CHART: Final = re.compile(rb"doorcheck chart \d{1,3} (\d{1,3})")
"""The whole content of a test chart's code; nothing else in view may ever be kept."""
MARGIN: Final = 0.15
"""Of a picture that is kept, so much around the chart's codes."""
LATELY: Final = 10
"""Frames that the meter speaks of."""


class Looks(Protocol):
    """The part of a reader that looks at a picture a second time."""

    def look(self, frame: Frame, attempt: Attempt) -> Sequence[Symbol]:
        """Every symbol that one attempt finds. Raises `DecoderHangError`."""


class NoChartError(Exception):
    """No picture may be kept; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The medians of what was seen; None where no frame was read."""

    frames: int
    decoded_share: float
    chart_share: float
    chart_codes: tuple[int, ...]
    """The numbers of the chart's codes that were read."""
    sharpness: float | None
    brightness: float | None
    dark: float | None
    burnt: float | None
    latency_ms: float | None


@dataclass(slots=True)
class Rate:
    """How often frames come, by the times at which they were taken."""

    frames: int = 0
    longest_gap_ms: int = 0
    _first_ms: int = 0
    _last_ms: int = 0

    def add(self, taken_ms: int) -> None:
        """One more frame."""
        if self.frames == 0:
            self._first_ms = taken_ms
        else:
            self.longest_gap_ms = max(self.longest_gap_ms, taken_ms - self._last_ms)
        self._last_ms = taken_ms
        self.frames += 1

    @property
    def per_second(self) -> float:
        """Frames a second; 0 with fewer than two."""
        lasted_ms = self._last_ms - self._first_ms
        return (self.frames - 1) * 1000 / lasted_ms if lasted_ms > 0 else 0.0


@dataclass(slots=True)
class Findings:
    """What was seen in the frames that were read."""

    decoded: int = 0
    charts: int = 0
    chart_codes: set[int] = field(default_factory=set)
    hangs: int = 0
    looks: list[Look] = field(default_factory=list)
    latencies_ms: list[int] = field(default_factory=list)
    lately: deque[bool] = field(default_factory=lambda: deque(maxlen=LATELY))

    def add(self, seen: Look, symbols: Sequence[Symbol], latency_ms: int) -> None:
        """One frame that was read."""
        self.looks.append(seen)
        self.latencies_ms.append(latency_ms)
        self.lately.append(bool(symbols))
        self.decoded += bool(symbols)
        if is_chart(symbols):
            self.charts += 1
            self.chart_codes.update(int(symbol.data.rpartition(b" ")[2]) for symbol in symbols)

    def figures(self) -> Figures:
        """The medians and shares."""
        count = len(self.looks)

        def median(values: list[Any]) -> float | None:
            return float(statistics.median(values)) if values else None

        return Figures(
            count,
            self.decoded / count if count else 0.0,
            self.charts / count if count else 0.0,
            tuple(sorted(self.chart_codes)),
            median([seen.sharpness for seen in self.looks]),
            median([seen.brightness for seen in self.looks]),
            median([seen.dark for seen in self.looks]),
            median([seen.burnt for seen in self.looks]),
            median(self.latencies_ms),
        )


def is_chart(symbols: Sequence[Symbol]) -> bool:
    """True when test chart codes are in view, and nothing else."""
    return bool(symbols) and all(CHART.fullmatch(symbol.data) for symbol in symbols)


def focus_words(sharpness: float) -> str:
    """What a sharpness means for whoever turns the lens."""
    if sharpness == 0:
        return "nothing in view to be sharp"
    if sharpness >= SHARP:
        return "sharp"
    return "usable, yet not sharp" if sharpness >= SOFT else "out of focus"


class ChartPicture:
    """Keeps the picture of a test chart: its codes with a margin, of the first frame that may be kept."""

    def __init__(self) -> None:
        self.png: bytes | None = None

    def offer(self, frame: Frame, symbols: Sequence[Symbol], reader: Looks) -> None:
        """Keep this frame's chart, if it is one, none is kept yet, and no other code is near it."""
        if self.png is not None or not is_chart(symbols):
            return
        box = around([corner for symbol in symbols for corner in symbol.corners], frame, MARGIN)
        luma: Any = frame.luma  # Pillow takes any buffer; its types name some
        whole = Image.frombuffer("L", (frame.width, frame.height - 1), luma, "raw", "L", frame.stride, 1)
        part = whole.crop(box)
        pixels = memoryview(part.tobytes())
        try:
            near = reader.look(Frame(pixels, part.width, part.height, part.width, 0), FORMATS)
        except DecoderHangError:
            return
        if is_chart(near):
            written = io.BytesIO()
            part.save(written, "PNG")
            self.png = written.getvalue()

    def taken(self) -> bytes:
        """The picture, as PNG. Raises `NoChartError`."""
        if self.png is None:
            raise NoChartError(
                "no picture was saved: only that of a test chart may be (`doorcheck chart`), "
                "alone in view and read; a visitor's never"
            )
        return self.png
