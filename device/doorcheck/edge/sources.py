"""Sources of passes on an operator's computer: pictures, folders of them, text, a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from doorcheck.core.hcert import LONGEST_SYMBOL_BYTES
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.edge import pictures
from doorcheck.edge.reader import DecoderHangError, Reader

HEAD_BYTES = 512
"""So much of a file tells a picture from text."""
NOT_READABLE = "neither a picture (PNG, JPEG, WebP, PGM, GIF, BMP, TIFF) nor text"


@dataclass(frozen=True, slots=True)
class Item:
    """One picture or one line, and the symbols in it. Symbols hold a visitor's data.

    `live`: somebody may be waiting at the other end of a pipe.
    """

    source: str
    line: int | None
    symbols: tuple[Symbol, ...] = field(repr=False)
    milliseconds: float
    live: bool = False


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A source that can't be read, and why."""

    source: str
    why: str


def find(sources: list[str]) -> Iterator[str | Unreadable]:
    """The files and pipes that the sources name, in order; a folder gives its pictures, by name."""
    for source in sources:
        path = Path(source)
        if source != "-" and path.is_dir():
            yield from _folder(path)
        else:
            yield source


def _folder(folder: Path) -> Iterator[str | Unreadable]:
    found = False
    try:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
    except OSError as error:
        yield Unreadable(str(folder), (error.strerror or str(error)).lower())
        return
    for path in files:
        try:
            with path.open("rb") as file:
                is_picture = pictures.looks_like_picture(file.read(HEAD_BYTES))
        except OSError as error:
            yield Unreadable(str(path), (error.strerror or str(error)).lower())
            continue
        if is_picture:
            found = True
            yield str(path)
    if not found:
        yield Unreadable(str(folder), "no picture in this folder")


def read(source: str, reader: Reader) -> Iterator[Item | Unreadable]:
    """Everything in one file or pipe (`-`): one item for a picture, one for each line of text."""
    try:
        if source == "-":
            yield from _stream(source, sys.stdin.buffer, reader)
            return
        with Path(source).open("rb") as file:
            yield from _stream(source, file, reader)
    except OSError as error:
        yield Unreadable(source, (error.strerror or str(error)).lower())


def _stream(source: str, stream: BinaryIO, reader: Reader) -> Iterator[Item | Unreadable]:
    head = stream.peek(HEAD_BYTES)[:HEAD_BYTES] if hasattr(stream, "peek") else b""
    if pictures.looks_like_picture(head):
        yield _picture(source, stream, reader)
    elif not head:
        yield Unreadable(source, "empty")
    elif b"\x00" in head:
        yield Unreadable(source, NOT_READABLE)
    else:
        yield from _lines(source, stream)


def _picture(source: str, stream: BinaryIO, reader: Reader) -> Item | Unreadable:
    started = time.perf_counter()
    try:
        frame = pictures.load_luma(stream)
        symbols = tuple(reader.read_still(frame))
    except pictures.PictureError as error:
        return Unreadable(source, str(error))
    except DecoderHangError:
        return Unreadable(source, "the decoder did not come back from this picture; it was given up")
    return Item(source, None, symbols, (time.perf_counter() - started) * 1000)


def _lines(source: str, stream: BinaryIO) -> Iterator[Item | Unreadable]:
    live = source == "-"
    number = 0
    while line := stream.readline(LONGEST_SYMBOL_BYTES + 3):
        number += 1
        whole = line.endswith(b"\n")
        while not whole and (rest := stream.readline(1 << 16)):  # one too long for any symbol: drop its rest
            whole = rest.endswith(b"\n")
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if b"\x00" in line:
            yield Unreadable(f"{source}:{number}", "not text; the rest is not read")
            return
        data = line.rstrip(b"\r\n")  # never spaces: they are base45 digits
        if data:
            yield Item(source, number, (Symbol(SymbolFormat.TEXT, data),), 0.0, live)
