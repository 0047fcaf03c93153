"""Looks for what a visitor showed in whatever a box leaves behind: a disk, a memory, a journal, an archive.

What is looked for: the marks that all invented visitors bear (surname, forename, birth date, identifier), in
every form in which a program may hold text; and of chosen passes the text, the bytes that it decodes to,
the signature, and rows of the picture itself, three pieces of each, so that a half overwritten one counts.
"""

from __future__ import annotations

import base64
import mmap
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from tests.virtual_pi.venue import BIRTH, FORENAME, IDENTIFIER, MARK

from doorcheck.core import hcert
from doorcheck.lab.scenes import HEIGHT, WIDTH

BLOCK: Final = 1 << 24
PIECE: Final = 24
ROW_PIECE: Final = 64
PAGE: Final = 4096
PLANTED: Final = "ZZPLANTEDCANARY"
"""Put on purpose where the search must find it."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Something to look for; `kind` is what it tells of a visitor."""

    kind: str
    needle: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """A trace that is there, and at which byte."""

    trace: Trace
    at: int


def spelled(kind: str, text: str) -> Iterator[Trace]:
    """A text in every form: UTF-8, Latin-1, UTF-16 and -32 of both orders, hexadecimal, base64."""
    forms = {text.encode(), text.encode("latin-1"), text.upper().encode(), text.lower().encode()}
    # Without the outermost zeros both byte orders are the same.
    forms |= {text.encode(f"utf-{bits}-le").rstrip(b"\0") for bits in (16, 32)}
    forms |= {text.encode().hex().encode(), text.encode().hex().upper().encode()}
    for skipped in range(3):
        # What comes before has a say in the first characters, what comes after in the last one.
        data = b"?" * skipped + text.encode()
        forms.add(base64.b64encode(data)[(0, 2, 3)[skipped] : len(data) * 8 // 6])
    for form in sorted(forms):
        yield Trace(kind, form)


def marks() -> list[Trace]:
    """What every visitor bears."""
    year, month, day = BIRTH.split("-")
    return [
        *spelled("surname", MARK),
        *spelled("forename", FORENAME),
        *spelled("forename", "ZEPHIRVIRTUELLE"),
        *spelled("birth date", BIRTH),
        Trace("birth date", (day + month + year).encode()),
        *spelled("identifier", IDENTIFIER),
    ]


def of_pass(payload: bytes) -> list[Trace]:
    """A pass's text, and the bytes in it."""
    compressed = hcert.base45(payload[len(hcert.HC1) :])
    message = hcert.inflate(compressed)
    found = [Trace("pass", piece) for piece in _pieces(payload[len(hcert.HC1) :], PIECE)]
    found += [Trace("pass, packed", piece) for piece in _pieces(compressed, PIECE)]
    return [*found, Trace("signature", message[-64:-40]), Trace("signature", message[-24:])]


def of_picture(luma: bytes, beside: bytes) -> list[Trace]:
    """Rows of a picture across its code, where it is unlike the one without."""
    shown = np.frombuffer(luma, np.uint8).reshape(HEIGHT, WIDTH)
    unlike = np.abs(shown.astype(int) - np.frombuffer(beside, np.uint8).reshape(HEIGHT, WIDTH)) > 20
    rows = [row for row in range(HEIGHT) if unlike[row].sum() > 200]
    found = []
    for row in rows[len(rows) // 4 :: max(1, len(rows) // 4)][:3]:
        middle = int(np.median(np.flatnonzero(unlike[row])))
        piece = shown[row, middle : middle + ROW_PIECE].tobytes()
        if len(set(piece)) > 16:
            found.append(Trace("picture", piece))
    return found


def _pieces(data: bytes, length: int) -> Iterator[bytes]:
    """Three pieces: near the beginning, the middle, near the end."""
    for at in (length, len(data) // 2, len(data) - 2 * length):
        yield data[at : at + length]


def planted() -> list[Trace]:
    """What was put there on purpose."""
    return list(spelled("planted", PLANTED))


def search(path: Path, traces: Iterable[Trace]) -> list[Found]:
    """Every trace in a file, holes left out."""
    wanted, found = list(traces), set[Found]()
    with path.open("rb") as file:
        for start, end in _extents(file.fileno()):
            length = end - start // PAGE * PAGE
            view = mmap.mmap(file.fileno(), length, prot=mmap.PROT_READ, offset=start // PAGE * PAGE)
            with view:
                found |= {Found(hit.trace, hit.at + start // PAGE * PAGE) for hit in _in_view(view, wanted)}
    return sorted(found, key=lambda hit: hit.at)


def search_bytes(data: bytes, traces: Iterable[Trace]) -> list[Found]:
    """Every trace in bytes."""
    return [Found(trace, at) for trace in traces for at in _places(data, trace.needle, 0, len(data))]


def _extents(descriptor: int) -> Iterator[tuple[int, int]]:
    size, at = os.fstat(descriptor).st_size, 0
    while at < size:
        try:
            start = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError:
            return
        at = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, at


def _in_view(view: mmap.mmap, wanted: list[Trace]) -> Iterator[Found]:
    """Block by block, so that each is read once; a trace over a border is found in both."""
    for start in range(0, len(view), BLOCK):
        block = view[start : start + BLOCK + PAGE]
        if not block.strip(b"\0"):
            continue
        for trace in wanted:
            for at in _places(block, trace.needle, 0, len(block)):
                yield Found(trace, start + at)


def _places(data: bytes, needle: bytes, start: int, end: int) -> Iterator[int]:
    at = data.find(needle, start, end)
    while at >= 0:
        yield at
        at = data.find(needle, at + 1, end)


def told(found: Iterable[Found]) -> str:
    """How many of each kind."""
    counts = Counter(each.trace.kind for each in found)
    return ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items())) or "nothing"
