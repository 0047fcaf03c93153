"""The table inside a deny list's file: looked up where it lies, never read into memory.

`core/denyfile.py` describes the format. A table is a file's bytes, or a map of the file.
"""

from __future__ import annotations

import hashlib
import operator
import struct
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Protocol

MAGIC = b"doorcheck deny list "
VERSION = 1
HASH_BYTES = 16
CHECKSUM_BYTES = 32
KEY_ID_BYTES = 8
NOT_KEYED = bytes(KEY_ID_BYTES)
SHORTEST_KEY_BYTES = 16
LONGEST_KEY_BYTES = 64
PREFIXES = 1 << 16
PAGE_BYTES = 4096
INDEX_AT = 64
INDEX_END = INDEX_AT + 4 * (PREFIXES + 1)
HASHES_AT = -(-INDEX_END // PAGE_BYTES) * PAGE_BYTES
CHUNK_BYTES = 1 << 16

_BLOCK = 64
"""Hashes that are searched at once: 1 KiB, which never lies across two pages."""
_HEAD = struct.Struct("<32sQ8s16x")
_BOUNDS = struct.Struct("<2I").unpack_from
_PREFIX = struct.Struct(">2H").unpack_from
_HASHES = struct.Struct(f"{HASH_BYTES}s" * _BLOCK).unpack_from
_INDEX = struct.Struct(f"<{PREFIXES + 1}I")


class DenyListError(Exception):
    """A deny list can't be used: nothing of it is, for a list that is half read admits.

    The text says where it is wrong and why; it holds no entry.
    """


class Buffer(Protocol):
    """Bytes, or a file that is mapped: a slice of it is bytes."""

    def __len__(self) -> int: ...
    def __getitem__(self, part: slice, /) -> bytes: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...


def key_id(key: bytes) -> bytes:
    """The name by which a file knows its key: 8 bytes, zeros for none. Raises `DenyListError`."""
    if not key:
        return NOT_KEYED
    if not SHORTEST_KEY_BYTES <= len(key) <= LONGEST_KEY_BYTES:
        raise DenyListError(
            f"a deny list's key has {SHORTEST_KEY_BYTES} to {LONGEST_KEY_BYTES} bytes, not {len(key)}"
        )
    return hashlib.blake2b(key, digest_size=KEY_ID_BYTES, person=b"doorcheck deny").digest()


def hasher(key: bytes) -> Callable[[bytes], bytes]:
    """What turns a digest into what a list under that key holds."""
    if not key:
        return bytes
    started = hashlib.blake2b(key=key, digest_size=HASH_BYTES)

    def hashed(digest: bytes) -> bytes:
        state = started.copy()
        state.update(digest)
        return state.digest()

    return hashed


class DenyTable:
    """A deny list's file in a buffer, of which nothing is copied.

    Raises `DenyListError` when it is not one, is of another format, or has another length
    than its hashes take: that costs two pages. What is inside is `verify`'s work.
    """

    __slots__ = ("_buffer", "_count", "checksum", "key_id")

    def __init__(self, buffer: Buffer) -> None:
        start = buffer[:INDEX_AT]
        line, newline, _ = start.partition(b"\n")
        if not newline or not line.startswith(MAGIC):
            raise DenyListError("not a doorcheck deny list")
        if line != MAGIC + b"%d" % VERSION:
            version = line[len(MAGIC) :].decode("ascii", "replace")
            raise DenyListError(f"format {version} is not known here; this doorcheck reads format {VERSION}")
        if len(buffer) < HASHES_AT + CHECKSUM_BYTES:
            raise DenyListError("cut short within its index (copy it again)")
        fields: tuple[bytes, int, bytes] = _HEAD.unpack(start)
        _, self._count, self.key_id = fields
        if start != head(self._count, self.key_id):
            raise DenyListError("damaged: its head is not what it should be (copy it again)")
        expected = HASHES_AT + self._count * HASH_BYTES + CHECKSUM_BYTES
        if len(buffer) != expected:
            raise DenyListError(
                f"damaged: {len(buffer)} bytes, where {self._count} hashes take {expected} (copy it again)"
            )
        self._buffer = buffer
        self.checksum = buffer[expected - CHECKSUM_BYTES : expected]

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        """Every hash as the file has it, in order."""
        for chunk in self.chunks(0, self._count):
            yield from split(chunk)

    def __repr__(self) -> str:
        return f"DenyTable({self._count} hashes)"

    def holds(self, hashed: bytes) -> bool:
        """Whether those 16 bytes, keyed as the file is, are in it.

        Hashes are spread evenly, so the block where it would be has it, or shows that it is
        not there; otherwise `place` finds it. Raises `DenyListError` when the index is
        damaged: neither yes nor no would be true.
        """
        buffer = self._buffer
        prefix, further = _PREFIX(hashed)
        low, high = first, end = _BOUNDS(buffer, INDEX_AT + 4 * prefix)
        if not first <= end <= self._count:
            raise _bad_index(prefix)
        if end - first > _BLOCK:
            guess = first + ((end - first) * further >> 16)
            low = guess - guess % _BLOCK  # may be in the bucket before, where nothing is wrong
            high = low + _BLOCK
            if high > end:
                high = end
        block = buffer[HASHES_AT + low * HASH_BYTES : HASHES_AT + high * HASH_BYTES]
        at = block.find(hashed)
        while at > 0 and at % HASH_BYTES:  # across two hashes
            at = block.find(hashed, at + 1)
        if at >= 0:
            return True
        if (low > first and block > hashed) or (high < end and block[-HASH_BYTES:] < hashed):
            return self.place(hashed)[1]
        return False

    def place(self, hashed: bytes) -> tuple[int, bool]:
        """How many hashes of the file are smaller, and whether the next one is this one."""
        prefix, further = _PREFIX(hashed)
        first, end = self.bounds(prefix)
        low = max(first + ((end - first) * further >> 16) - _BLOCK // 2, 0)
        if low + _BLOCK <= self._count:
            near = _HASHES(self._buffer, HASHES_AT + low * HASH_BYTES)
            at = bisect_left(near, hashed)
            if 0 < at < _BLOCK:  # between two of them, whether or not they share its prefix
                return low + at, near[at] == hashed
        return self._search(hashed, first, end)

    def bounds(self, prefix: int) -> tuple[int, int]:
        """From which hash up to which those with that prefix lie. Raises `DenyListError`."""
        first, end = _BOUNDS(self._buffer, INDEX_AT + 4 * prefix)
        if not first <= end <= self._count:
            raise _bad_index(prefix)
        return first, end

    def index(self) -> Sequence[int]:
        """The whole index, as the file has it."""
        return _INDEX.unpack_from(self._buffer, INDEX_AT)

    def bucket(self, prefix: int) -> bytes:
        """The hashes with that prefix. Raises `DenyListError`."""
        first, end = self.bounds(prefix)
        return self._buffer[HASHES_AT + first * HASH_BYTES : HASHES_AT + end * HASH_BYTES]

    def chunks(self, first: int, end: int) -> Iterator[bytes]:
        """The hashes from that one up to that one, in pieces of at most 64 KiB."""
        last = HASHES_AT + end * HASH_BYTES
        for at in range(HASHES_AT + first * HASH_BYTES, last, CHUNK_BYTES):
            yield self._buffer[at : min(at + CHUNK_BYTES, last)]

    def verify(self) -> None:
        """Read the whole file, front to back, and check index, order and checksum.

        Raises `DenyListError` that says which is wrong.
        """
        start = self._buffer[:HASHES_AT]
        checksum = hashlib.sha256(start)
        found, last = Counter[int](), b""
        for chunk in self.chunks(0, self._count):
            checksum.update(chunk)
            hashes = split(chunk)
            if last >= hashes[0] or not all(map(operator.lt, hashes, hashes[1:])):
                late = next(second for first, second in pairwise((last, *hashes)) if first >= second)
                raise DenyListError(f"damaged: not in order at prefix {late[:2].hex()} (copy it again)")
            last = hashes[-1]
            found.update(_prefixes(chunk))
        ends = accumulate(map(found.__getitem__, range(PREFIXES)), initial=0)
        for prefix, (end, counted) in enumerate(zip(self.index(), ends, strict=True), start=-1):
            if end != counted:
                raise _bad_index(max(prefix, 0))
        if any(start[INDEX_END:]):
            raise _bad_index(PREFIXES)
        if checksum.digest() != self.checksum:
            raise DenyListError("damaged: its checksum does not fit (copy it again)")

    def _search(self, hashed: bytes, first: int, end: int) -> tuple[int, bool]:
        """`place`, by halving that part of the list."""
        place = first + bisect_left(range(first, end), hashed, key=self._hash)
        return place, place < end and self._hash(place) == hashed

    def _hash(self, number: int) -> bytes:
        at = HASHES_AT + number * HASH_BYTES
        return self._buffer[at : at + HASH_BYTES]


def packed_index(index: Sequence[int]) -> bytes:
    """The index as a file has it, with the zeros behind it."""
    return _INDEX.pack(*index).ljust(HASHES_AT - INDEX_AT, b"\0")


def _bad_index(prefix: int) -> DenyListError:
    return DenyListError(f"damaged: its index is wrong at prefix {prefix:04x} (copy it again)")


def head(count: int, name: bytes) -> bytes:
    """A file's first 64 bytes."""
    return _HEAD.pack(MAGIC + b"%d\n" % VERSION, count, name)


def split(chunk: bytes | bytearray) -> tuple[bytes, ...]:
    """The hashes that a chunk is made of."""
    whole = struct.Struct(f"{HASH_BYTES}s" * (len(chunk) // HASH_BYTES))  # struct.unpack would keep them all
    return whole.unpack(chunk)


def _prefixes(chunk: bytes) -> tuple[int, ...]:
    """The first two bytes of each hash in a chunk."""
    return struct.Struct(">" + "H14x" * (len(chunk) // HASH_BYTES)).unpack(chunk)
