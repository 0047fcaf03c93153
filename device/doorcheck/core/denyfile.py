r"""The deny list as one file, and as the difference between two of them.

A list is looked up where it lies (`core/denytable.py`): mapped, never read into memory.

    offset
         0  b"doorcheck deny list 1\n", zeros up to 32     magic, with the format's number
        32  u64                                            count: how many hashes
        40  8 bytes                                        the key's name; zeros: not keyed
        48  16 zeros
        64  65537 x u32                                    index
    262212  zeros
    266240  count x 16 bytes                               hashes, each larger than the last
       end  32 bytes                                       SHA-256 of all that precedes it

Numbers are little-endian. Hashes whose first two bytes, read as a big-endian number, are p
lie from index[p] up to index[p + 1]. They start on a page, so that a look-up among 20
million reads two pages: one of the index, one of hashes. A keyed list holds
blake2b(digest, key) in the place of each digest: whoever finds a copy can't try out
identities without the key, which the file only names.

    offset
         0  b"doorcheck deny delta 1\n", zeros up to 32    magic, with the format's number
        32  8 bytes                                        the key's name, of both lists
        40  32 bytes                                       the last 32 bytes of the older list
        72  32 bytes                                       the last 32 bytes of the newer list
       104  n x (16 bytes, b"-" or b"+")                   hashes that go and come, in order
       end  32 bytes                                       SHA-256 of all that precedes it

The same hashes under the same key are the same bytes, so a signed SHA-256 of the newer file
vouches for what a delta made of the older one.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, pairwise

from doorcheck.core.denytable import (
    CHECKSUM_BYTES,
    CHUNK_BYTES,
    HASH_BYTES,
    PREFIXES,
    Buffer,
    DenyListError,
    DenyTable,
    hasher,
    head,
    key_id,
    packed_index,
    split,
)

DELTA_MAGIC = b"doorcheck deny delta "
DELTA_VERSION = 1

_DELTA_HEAD = struct.Struct("<32s8s32s32s")
_CHANGE = struct.Struct(f"{HASH_BYTES}sc")
_GOES, _COMES = b"-", b"+"

Write = Callable[[bytes], object]
"""Takes a file's bytes, front to back."""


def build(digests: Iterable[bytes], key: bytes = b"") -> bytes:
    """A list's bytes; see `write_list`."""
    made = bytearray()
    write_list(digests, made.extend, key)
    return bytes(made)


def write_list(digests: Iterable[bytes], write: Write, key: bytes = b"") -> str:
    """Write a list of digests, in any order, each as often as it comes; return the file's SHA-256.

    Writing begins when all digests have been read: 20 million take 400 MiB of memory until
    then. Raises `DenyListError` for one that has not 16 bytes, and for a key that can't be one.
    """
    name, hashed = key_id(key), hasher(key)
    found: dict[bytes, bytearray] = {}
    for number, digest in enumerate(digests, 1):
        if len(digest) != HASH_BYTES:
            raise DenyListError(f"entry {number} has {len(digest)} bytes: a digest has {HASH_BYTES}")
        kept = hashed(digest)
        prefix = kept[:2]
        if prefix in found:
            found[prefix] += kept
        else:
            found[prefix] = bytearray(kept)
    sizes, ordered = [0] * PREFIXES, []
    for prefix in sorted(found):
        hashes = sorted(set(split(found.pop(prefix))))
        sizes[int.from_bytes(prefix, "big")] = len(hashes)
        ordered.append(b"".join(hashes))
    return _write(name, list(accumulate(sizes, initial=0)), ordered, write)[1]


def _write(name: bytes, index: Sequence[int], hashes: Iterable[bytes], write: Write) -> tuple[bytes, str]:
    """Write a file out of its parts; return its own checksum, and the file's SHA-256."""
    start = head(index[-1], name) + packed_index(index)
    checksum = hashlib.sha256(start)
    write(start)
    for chunk in _gathered(hashes):
        checksum.update(chunk)
        write(chunk)
    last = checksum.digest()
    write(last)
    checksum.update(last)
    return last, checksum.hexdigest()


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of about 64 KiB."""
    kept: list[bytes] = []
    size = 0
    for piece in pieces:
        kept.append(piece)
        size += len(piece)
        if size >= CHUNK_BYTES:
            yield b"".join(kept)
            kept, size = [], 0
    yield b"".join(kept)


# Deltas


def make_delta(old: Buffer, new: Buffer) -> bytes:
    """What makes the newer list's file out of the older one's.

    Raises `DenyListError` when one is not a list, or when their keys differ: then all hashes
    do, and the whole list has to be copied.
    """
    before, after = DenyTable(old), DenyTable(new)
    if before.key_id != after.key_id:
        raise DenyListError(
            f"no delta between lists of two keys ({before.key_id.hex()}, {after.key_id.hex()}): "
            "publish the whole list"
        )
    magic = DELTA_MAGIC + b"%d\n" % DELTA_VERSION
    made = bytearray(_DELTA_HEAD.pack(magic, after.key_id, before.checksum, after.checksum))
    for prefix in range(PREFIXES):
        gone, here = before.bucket(prefix), after.bucket(prefix)
        if gone != here:
            first, second = set(split(gone)), set(split(here))
            for hashed in sorted(first ^ second):
                made += _CHANGE.pack(hashed, _COMES if hashed in second else _GOES)
    return bytes(made + hashlib.sha256(made).digest())


def apply_delta(old: Buffer, delta: bytes, write: Write) -> str:
    """Write the newer list's file out of the older one and a delta; return the file's SHA-256.

    Memory is bounded: the older list is copied in pieces.
    Raises `DenyListError` when the delta is damaged or made for another list, takes out what
    is not in it, adds what is, or makes another list than it says: what has been written
    until then is to be thrown away.
    """
    before = DenyTable(old)
    goal = _check_delta(before, delta)
    index = _index_after(before, delta)
    made, digest = _write(before.key_id, index, _spliced(before, _changes(delta)), write)
    if made != goal:
        raise DenyListError("the delta does not make the list that it says: copy the whole list")
    return digest


def _check_delta(old: DenyTable, delta: bytes) -> bytes:
    """The checksum of what the delta makes of that list. Raises `DenyListError`."""
    line, newline, _ = delta[:32].partition(b"\n")
    if not newline or not line.startswith(DELTA_MAGIC):
        raise DenyListError("not a delta of a doorcheck deny list")
    if line != DELTA_MAGIC + b"%d" % DELTA_VERSION:
        version = line[len(DELTA_MAGIC) :].decode("ascii", "replace")
        raise DenyListError(
            f"a delta of format {version} is not known here; this doorcheck reads format {DELTA_VERSION}"
        )
    body, checksum = delta[:-CHECKSUM_BYTES], delta[-CHECKSUM_BYTES:]
    whole = (len(body) - _DELTA_HEAD.size) % _CHANGE.size == 0 <= len(body) - _DELTA_HEAD.size
    if not whole or hashlib.sha256(body).digest() != checksum:
        raise DenyListError("the delta is damaged: its checksum does not fit (copy it again)")
    _, name, source, goal = _DELTA_HEAD.unpack_from(body)
    if (name, source) != (old.key_id, old.checksum):
        raise DenyListError("the delta was made for another list: copy the whole list")
    return bytes(goal)


def _changes(delta: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each hash of a delta and its sign, in order."""
    last = b""
    records = memoryview(delta)[_DELTA_HEAD.size : -CHECKSUM_BYTES]
    for hashed, sign in _CHANGE.iter_unpack(records):
        if hashed <= last or sign not in (_GOES, _COMES):
            raise DenyListError("the delta is damaged: its changes are not in order (publish it again)")
        yield hashed, sign
        last = hashed


def _index_after(old: DenyTable, delta: bytes) -> list[int]:
    more = [0] * PREFIXES
    for hashed, sign in _changes(delta):
        more[int.from_bytes(hashed[:2], "big")] += 1 if sign == _COMES else -1
    index = [before + by for before, by in zip(old.index(), accumulate(more, initial=0), strict=True)]
    if any(later < earlier for earlier, later in pairwise(index)):
        raise DenyListError("the delta takes out more than is in the list: copy the whole list")
    return index


def _spliced(old: DenyTable, changes: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """The newer list's hashes: what stays is copied in runs, from one change to the next."""
    copied = 0
    for hashed, sign in changes:
        place, found = old.place(hashed)
        if found is (sign == _COMES):
            words = "adds a hash that is" if found else "takes out a hash that is not"
            raise DenyListError(f"the delta {words} in the list: copy the whole list")
        yield from old.chunks(copied, place)
        copied = place
        if found:
            copied += 1
        else:
            yield hashed
    yield from old.chunks(copied, len(old))
