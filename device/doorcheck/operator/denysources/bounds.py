"""Files read within bounds, and the encodings that lists share.

Whatever a file holds, reading it ends in a value or in a `SourceError`, and takes memory
in proportion to its size.
"""

from __future__ import annotations

import binascii
import codecs
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from doorcheck.core.denylist import HASH_BYTES
from doorcheck.operator.text import base64_bytes
from doorcheck.operator.trust.candidates import SourceError

MIB = 1024 * 1024
BLOCK_BYTES = 4 * MIB
PEEK_BYTES = 64 * 1024
LARGEST_JSON_BYTES = 128 * MIB
"""1.9 million hashes in hexadecimal; 300 000 was the most that France announced."""
LARGEST_BINARY_BYTES = 256 * MIB
"""Of the German list in one file: 15 million hashes."""
LARGEST_INFLATED_BYTES = 128 * MIB
MOST_ENTRIES = 40_000_000
"""Of plain text. They take 4 GB while they are sorted out."""
SHA256_BYTES = 32


class Opened:
    """A file that is being read: its start, and the rest block by block.

    `tick` is called for each block, for those who wait.
    """

    def __init__(self, stream: BinaryIO, tick: Callable[[], object]) -> None:
        self._stream = stream
        self._tick = tick
        self.head = stream.read(PEEK_BYTES)

    def whole(self, most_bytes: int) -> bytes:
        """All of it. Raises `SourceError` when it is larger."""
        parts, size = [], 0
        for block in self.blocks():
            parts.append(block)
            size += len(block)
            if size > most_bytes:
                raise SourceError(f"larger than {most_bytes // MIB} MiB; no list of its kind is")
        return b"".join(parts)

    def blocks(self) -> Iterator[bytes]:
        """Its bytes in order, from the beginning."""
        block = self.head
        while block:
            yield block
            self._tick()
            block = self._stream.read(BLOCK_BYTES)

    def lines(self) -> Iterator[tuple[int, list[bytes]]]:
        """Runs of whole lines without their ends, each with its first line's number.

        Raises `SourceError` for a line longer than a block. A byte-order mark is dropped.
        """
        rest, number = b"", 1
        for block in self.blocks():
            joined = rest + block
            if number == 1:
                joined = joined.removeprefix(codecs.BOM_UTF8)
            cut = joined.rfind(b"\n") + 1
            lines, rest = joined[:cut].splitlines(), joined[cut:]
            if len(rest) > BLOCK_BYTES:
                raise SourceError(f"a line longer than {BLOCK_BYTES // MIB} MiB")
            if lines:
                yield number, lines
                number += len(lines)
        if rest:
            yield number, rest.splitlines()


def json_document(data: bytes) -> Any:
    """A file's JSON, strictly: no key twice, no NaN. Raises `SourceError`.

    The text of an error quotes nothing of the document: its keys may be hashes.
    """
    try:
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_constant)
    except UnicodeDecodeError as error:
        raise SourceError(f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise SourceError(f"not well-formed JSON: {error.msg}, line {error.lineno}") from None
    except ValueError:  # an integer of thousands of digits
        raise SourceError("not well-formed JSON: a number that is too long") from None
    except RecursionError:
        raise SourceError("JSON that is nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise SourceError("JSON in which a member comes twice, and only one of the two would count")
    return members


def _constant(_text: str) -> Any:
    raise SourceError("JSON with NaN or Infinity, which is none")


def inflate(data: bytes) -> bytes:
    """The content of one gzip stream. Raises `SourceError`, also when it is too large."""
    stream = zlib.decompressobj(wbits=31)
    try:
        content = stream.decompress(data, LARGEST_INFLATED_BYTES + 1)
    except zlib.error:
        raise SourceError("damaged gzip") from None
    if len(content) > LARGEST_INFLATED_BYTES:
        raise SourceError(f"inflates to more than {LARGEST_INFLATED_BYTES // MIB} MiB; no list does")
    if not stream.eof:
        raise SourceError("gzip that is cut short")
    if stream.unused_data:
        raise SourceError("bytes after the end of the gzip stream")
    return content


def hex_hash(text: object) -> bytes | None:
    """The first 16 bytes of a SHA-256 in 64 hexadecimal digits; None if it is none."""
    if not isinstance(text, str) or len(text) != 2 * SHA256_BYTES:
        return None
    try:
        return binascii.unhexlify(text)[:HASH_BYTES]
    except ValueError:
        return None


def base64_hash(text: object, size_bytes: int) -> bytes | None:
    """The first 16 bytes of a hash of that size in base64; None if it is none."""
    if not isinstance(text, str) or len(text) > 64:
        return None
    try:
        data = base64_bytes(text)
    except ValueError:
        return None
    return data[:HASH_BYTES] if len(data) == size_bytes else None


def whole_number(value: object, least: int = 0) -> int | None:
    """The number if it is a whole one and at least that; None otherwise."""
    return value if type(value) is int and value >= least else None
