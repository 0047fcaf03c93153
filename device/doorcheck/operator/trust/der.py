"""A small strict reader of DER: as much of X.690 as a certificate's outside needs.

Ready-made parsers refuse twelve signers of the production list over details of
extensions that nobody asked for. This one walks the elements that are asked for, steps
over the others unopened, and is strict about the encoding itself: definite lengths in
their shortest form, one-byte tags, no element longer than what holds it, nothing after
the end. It never recurses, so nesting costs nothing, and it reads each byte at most once.
"""

from __future__ import annotations

from collections.abc import Iterator

BOOLEAN = 0x01
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
OBJECT_IDENTIFIER = 0x06
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18
SEQUENCE = 0x30
SET = 0x31

LONGEST_LENGTH_BYTES = 4
LONGEST_OID_BYTES = 64
MOST_ELEMENTS = 64
"""In any one list: extensions, key usages, parts of a name."""


class DerError(Exception):
    """Not the DER that was expected; the text says what is wrong, and in which part."""


class Cursor:
    """Reads the elements of one stretch of DER in turn; `part` names it in errors."""

    __slots__ = ("_at", "_data", "part")

    def __init__(self, data: bytes, part: str) -> None:
        self._data = data
        self._at = 0
        self.part = part

    def __bool__(self) -> bool:
        """Whether there are elements left."""
        return self._at < len(self._data)

    def next_is(self, tag: int) -> bool:
        """Whether the next element has that tag; False at the end."""
        return bool(self) and self._data[self._at] == tag

    def take(self, *tags: int) -> tuple[int, bytes]:
        """The next element's tag and content; any tag when none is named. Raises `DerError`."""
        tag, start, end = header(self._data, self._at, self.part)
        if tags and tag not in tags:
            raise DerError(f"the {self.part} holds an element of an unexpected type (tag {tag:#04x})")
        self._at = end
        return tag, self._data[start:end]

    def content(self, tag: int) -> bytes:
        """The next element's content, which must have that tag. Raises `DerError`."""
        return self.take(tag)[1]

    def whole(self, tag: int) -> bytes:
        """The next element with its header, which must have that tag. Raises `DerError`."""
        start = self._at
        self.take(tag)
        return self._data[start : self._at]

    def each(self, tag: int) -> Iterator[bytes]:
        """The contents of all elements left, which must have that tag. Raises `DerError`."""
        for _ in range(MOST_ELEMENTS):
            if not self:
                return
            yield self.content(tag)
        if self:
            raise DerError(f"the {self.part} has more than {MOST_ELEMENTS} elements")

    def inside(self, tag: int, part: str) -> Cursor:
        """A cursor over the next element's content. Raises `DerError`."""
        return Cursor(self.content(tag), part)

    def end(self) -> None:
        """Raise `DerError` when anything is left."""
        if self:
            raise DerError(f"bytes after the end of the {self.part}")


def header(data: bytes, at: int, part: str) -> tuple[int, int, int]:
    """Tag, start and end of the content of the element at `at`. Raises `DerError`."""
    if at + 2 > len(data):
        raise DerError(f"the {part} is cut short")
    tag, length, start = data[at], data[at + 1], at + 2
    if tag & 0x1F == 0x1F:
        raise DerError(f"the {part} has a tag of several bytes, which no certificate uses")
    if length >= 0x80:
        octets = data[start : start + (length & 0x7F)]
        start += length & 0x7F
        length = _long_length(octets, length & 0x7F, part)
    if start + length > len(data):
        raise DerError(f"the {part} is cut short")
    return tag, start, start + length


def _long_length(octets: bytes, count: int, part: str) -> int:
    if count == 0:
        raise DerError(f"the {part} has an indefinite length, which DER forbids")
    if count > LONGEST_LENGTH_BYTES:
        raise DerError(f"the {part} has a length of {count} bytes, more than {LONGEST_LENGTH_BYTES}")
    if len(octets) < count:
        raise DerError(f"the {part} is cut short")
    length = int.from_bytes(octets, "big")
    if octets[0] == 0 or length < 0x80:
        raise DerError(f"the {part} has a length that is not in its shortest form")
    return length


def object_identifier(content: bytes, part: str) -> str:
    """An object identifier in dotted form (X.690, 8.19). Raises `DerError`."""
    if not content or len(content) > LONGEST_OID_BYTES or content[-1] & 0x80:
        raise DerError(f"the {part} has a malformed object identifier")
    arcs: list[int] = []
    arc = 0
    begins = True
    for octet in content:
        if begins and octet == 0x80:
            raise DerError(f"the {part} has a malformed object identifier")
        arc = arc << 7 | octet & 0x7F
        begins = not octet & 0x80
        if begins:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def boolean(content: bytes, part: str) -> bool:
    """A truth value; any byte but zero counts as true, as BER has it. Raises `DerError`."""
    if len(content) != 1:
        raise DerError(f"the {part} has a truth value that is not one byte")
    return content != b"\0"
