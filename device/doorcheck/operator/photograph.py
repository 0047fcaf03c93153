"""Every pass in a photograph, with effort far beyond a door's: for the press picture of a leak.

The steps go from cheap to dear, in the order of what they find per second. First the whole
picture as decoders like it best: as it is, and twice as large, sharpened. Then the areas
that look like a code, one by one: a QR symbol's grid is fitted to the greys, the blur is
undone, its error correction is told what is doubtful (`doorcheck.operator.faint`). At last
the whole again, at many sizes and contrasts; what is large goes in pieces. Once a pass is
found only the cheap steps go on: there may be a second one.

A decoder sees nothing but single pictures through `Reader`: what hangs it costs that step.
"""

from __future__ import annotations

import enum
import itertools
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from doorcheck.core import hcert, links
from doorcheck.core.symbol import Symbol
from doorcheck.core.verdict import PassFormat
from doorcheck.edge.decoder import FORMATS, Attempt
from doorcheck.edge.frame import Frame
from doorcheck.edge.pictures import load_luma
from doorcheck.edge.reader import DecoderHangError, Reader
from doorcheck.operator.faint.areas import Area, areas, distinct
from doorcheck.operator.faint.perspective import Homography, Points, holds, through
from doorcheck.operator.faint.reading import restored
from doorcheck.operator.treatments import Treatment, treated

PATIENCE_S = 60.0
PASSES = frozenset({PassFormat.HC1, PassFormat.HCFR1, PassFormat.EX1, PassFormat.TWO_D_DOC})

Progress = Callable[[int, int, str], None]
"""Told before each step: how many are done, of how many, and what comes; at the end all are done."""
Box = tuple[int, int, int, int]

_WHOLE, _TEXTURE, _AREA, _AGAIN = "the whole picture", "textures", "areas like a code", "sizes and contrasts"
_LOOK_PX, _LOOK_OVERLAP_PX = 4000, 800
"""What an attempt is given at most, each way, and what neighbours share: a code is whole in one of them."""
_TEXTURE_PX, _TEXTURE_OVERLAP_PX = 3000, 700
_TEXTURE_SCALES = (2.0, 1.0, 0.5, 0.25, 0.125)
"""Modules of 1 to 50 pixels are seen at one of them."""
_COARSEST_PX = 160
_AREAS_CHEAP, _AREAS_DEAR = 5, 24
_QR = Attempt.QR | Attempt.INVERT
_ALL = FORMATS | Attempt.INVERT | Attempt.ROTATE


class Ending(enum.Enum):
    """Why a search ended."""

    FOUND = "a pass was found"
    TRIED_ALL = "everything was tried"
    OUT_OF_TIME = "the time was over"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search found, and what it tried.

    `symbols` are all that were read, the same bytes once, corners in the picture's pixels.
    `noticed` are codes that were seen and could not be read, about. `tried` counts the
    attempts by kind, `hangs` those that a decoder did not survive.
    """

    symbols: tuple[Symbol, ...]
    noticed: int
    tried: dict[str, int]
    hangs: int
    ending: Ending
    seconds: float

    @property
    def passes(self) -> tuple[Symbol, ...]:
        """The symbols that are passes by their first characters, wallet links included."""
        return tuple(symbol for symbol in self.symbols if is_pass(symbol.data))

    def in_words(self) -> str:
        """One line for people; nothing of what was read is in it."""
        count = len(self.passes)
        found = _counted(count, "pass found", "passes found") if count else "no pass found"
        others = len(self.symbols) - count
        parts = [found + (f", and {_counted(others, 'other code', 'other codes')}" if others else "")]
        parts.append("tried: " + ", ".join(f"{what} {times}" for what, times in self.tried.items()))
        if self.noticed and not count:
            parts.append(f"{_counted(self.noticed, 'code', 'codes')} noticed that could not be read")
        if self.hangs:
            parts.append(f"{_counted(self.hangs, 'attempt', 'attempts')} stopped the decoder")
        return "; ".join([*parts, f"{self.ending.value}, after {self.seconds:.0f} s"])


def _counted(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


def is_pass(data: bytes) -> bool:
    """True when a symbol's bytes begin as a pass does that can be judged, or are a wallet link to one."""
    return hcert.recognise(links.unwrap(data)) in PASSES


@dataclass(frozen=True, slots=True)
class _Step:
    what: str
    run: Callable[[], None]
    cheap: bool


@dataclass(frozen=True, slots=True)
class _Look:
    """The whole picture once: its size, what is done to it, what is looked for."""

    scale: float
    treatment: Treatment
    attempt: Attempt
    stretch: float = 1.0


_CHEAP_LOOKS = (
    _Look(1, Treatment.NONE, _QR | Attempt.DOWNSCALE),
    _Look(1, Treatment.NONE, _ALL | Attempt.DOWNSCALE),
    _Look(2, Treatment.SHARP, _QR),
)
_DEAR_LOOKS = (
    _Look(0.5, Treatment.SHARP, _ALL),
    _Look(2, Treatment.DARKER, _QR),
    _Look(3, Treatment.SHARP, _QR),
    _Look(1.5, Treatment.SHARP, _ALL),
    _Look(2, Treatment.SMOOTH_SHARP, _QR),
    _Look(2, Treatment.LIGHTER, _QR),
    _Look(2, Treatment.SHARP, _ALL),
    _Look(3, Treatment.SMOOTH_SHARP, _QR),
    _Look(1, Treatment.EVEN, _ALL),
    _Look(2, Treatment.EVEN, _QR),
    _Look(2, Treatment.SHARP, _ALL, stretch=1.5),
    _Look(2, Treatment.SHARP, _ALL, stretch=1 / 1.5),
    _Look(4, Treatment.SMOOTH_SHARP, _QR),
)
"""By what they read that those before did not, per second, on rendered and real photographs."""


def search(
    picture: Frame | Path,
    *,
    patience_s: float = PATIENCE_S,
    steps_most: int | None = None,
    progress: Progress | None = None,
    reader: Reader | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Look for every symbol in a picture, and longest for passes.

    No step begins after `patience_s` seconds on `clock`, nor after `steps_most` steps; a
    step takes a second or two. Raises `PictureError` for a file that can't be used.
    """
    frame = load_luma(picture) if isinstance(picture, Path) else picture
    started = clock()
    with ExitStack() as stack:
        work = _Search(frame, reader or stack.enter_context(Reader()))
        steps = work.steps()
        ending = Ending.TRIED_ALL
        for number, step in enumerate(steps):
            if work.found_pass and not step.cheap:
                break
            if clock() - started >= patience_s or number == steps_most:
                ending = Ending.OUT_OF_TIME
                break
            if progress:
                progress(number, len(steps), step.what)
            work.take(step)
        ending = Ending.FOUND if work.found_pass else ending
        if progress:
            progress(len(steps), len(steps), ending.value)
    return work.outcome(ending, clock() - started)


@dataclass(slots=True)
class _Search:
    """A search under way."""

    frame: Frame
    reader: Reader
    found: dict[bytes, Symbol] = field(default_factory=dict)
    tried: Counter[str] = field(default_factory=Counter)
    noticed: list[Points] = field(default_factory=list)
    hangs: int = 0
    found_pass: bool = False
    waiting: list[Area] = field(default_factory=list)

    def outcome(self, ending: Ending, seconds: float) -> Outcome:
        symbols = tuple(self.found.values())
        unread = [quad for quad in self.noticed if not any(holds(quad, _middle(one)) for one in symbols)]
        return Outcome(symbols, len(unread), dict(self.tried), self.hangs, ending, seconds)

    def take(self, step: _Step) -> None:
        """One step; a decoder that is lost in it ends that step alone."""
        try:
            step.run()
        except DecoderHangError:
            self.hangs += 1

    def steps(self) -> list[_Step]:
        """All steps for this picture, cheap to dear."""
        size = (self.frame.width, self.frame.height)
        coarse: list[_Step] = []
        fine: list[_Step] = []
        for scale in _TEXTURE_SCALES:
            if scale >= 1 or min(size) * scale >= _COARSEST_PX:
                boxes = list(_pieces(size, round(_TEXTURE_PX / scale), round(_TEXTURE_OVERLAP_PX / scale)))
                few = len(boxes) == 1
                steps = [_Step(_TEXTURE, partial(self._find, box, scale), few) for box in boxes]
                (coarse if few else fine).extend(steps)
        area, later = (_Step(_AREA, self._read_next_area, cheap) for cheap in (True, False))
        dear = itertools.chain.from_iterable(
            itertools.zip_longest([later] * _AREAS_DEAR, self._looks(_AGAIN, _DEAR_LOOKS, cheap=False))
        )
        return [
            *self._looks(_WHOLE, _CHEAP_LOOKS, cheap=True),
            *coarse,
            *[area] * _AREAS_CHEAP,
            *fine,
            *(step for step in dear if step),
        ]

    def _looks(self, what: str, looks: Sequence[_Look], *, cheap: bool) -> list[_Step]:
        size = (self.frame.width, self.frame.height)
        steps = []
        for look in looks:
            source_px, overlap_px = _LOOK_PX / look.scale, _LOOK_OVERLAP_PX / look.scale
            boxes = _pieces(size, round(source_px), round(overlap_px))
            steps += [_Step(what, partial(self._look, what, look, box), cheap) for box in boxes]
        return steps

    def _look(self, what: str, look: _Look, box: Box) -> None:
        self.tried[what] += 1
        part, back = self._part(box, look.treatment, look.scale * look.stretch, look.scale / look.stretch)
        self._ask(part, look.attempt, back)

    def _find(self, box: Box, scale: float) -> None:
        """Look for areas that may hold a code."""
        self.tried[_TEXTURE] += 1
        part, back = self._part(box, Treatment.NONE, scale, scale)
        self.waiting += [replace(area, corners=through(back, area.corners)) for area in areas(part)]
        self.waiting = distinct(sorted(self.waiting, key=lambda area: -area.promise))

    def _part(
        self, box: Box, treatment: Treatment, across: float, down: float
    ) -> tuple[Image.Image, Homography]:
        """A part of the photograph in another size, treated, and what leads back."""
        part = self._photograph().crop(box)
        size = (max(1, round(part.width * across)), max(1, round(part.height * down)))
        back = np.array([[part.width / size[0], 0, box[0]], [0, part.height / size[1], box[1]], [0, 0, 1]])
        return treated(part, treatment, size), back

    def _read_next_area(self) -> None:
        """The most promising area that is left, unless a pass was read there already."""
        while self.waiting:
            area = self.waiting.pop(0)
            if not any(holds(area.corners, _middle(one)) for one in self.found.values() if is_pass(one.data)):
                break
        else:
            return
        self.tried[_AREA] += 1
        noticed = False
        for one in restored(self._photograph(), area):
            noticed |= one.noticed
            if self._ask(one.picture, _QR if one.clean else _ALL, one.to_photograph):
                return
        if noticed and not any(holds(other, area.corners.mean(0)) for other in self.noticed):
            self.noticed.append(area.corners)

    def _ask(self, picture: Image.Image, attempt: Attempt, to_photograph: Homography) -> bool:
        """One attempt of the decoder's; True when it read a pass."""
        luma = memoryview(picture.tobytes())
        frame = Frame(luma, picture.width, picture.height, picture.width, self.frame.taken_ms)
        symbols = self.reader.look(frame, attempt)
        for symbol in symbols:
            places = through(to_photograph, np.array(symbol.corners, np.float64))
            corners = tuple((round(float(x)), round(float(y))) for x, y in places)
            self.found.setdefault(symbol.data, replace(symbol, corners=corners))
        read_pass = any(is_pass(symbol.data) for symbol in symbols)
        self.found_pass |= read_pass
        return read_pass

    def _photograph(self) -> Image.Image:
        """The frame as Pillow has it; its bytes are shared."""
        frame = self.frame
        size = (frame.width, frame.height)
        return Image.frombuffer("L", size, frame.luma, "raw", "L", frame.stride, 1)  # type: ignore[arg-type] # any buffer


def _middle(symbol: Symbol) -> Points:
    return np.asarray(np.mean(symbol.corners, 0), np.float64)


def _pieces(size: tuple[int, int], longest_px: int, overlap_px: int) -> Iterator[Box]:
    """Boxes of like size that cover a picture, at most that long each way, and share an overlap."""
    spans = []
    for length in size:
        count = max(1, math.ceil((length - overlap_px) / (longest_px - overlap_px)))
        long = math.ceil((length + (count - 1) * overlap_px) / count)
        starts = [round(number * (length - long) / max(1, count - 1)) for number in range(count)]
        spans.append([(start, min(length, start + long)) for start in starts])
    for (top, bottom), (left, right) in itertools.product(spans[1], spans[0]):
        yield left, top, right, bottom
