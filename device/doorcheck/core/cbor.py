"""The one place that calls the CBOR decoder, with all its doors closed.

RFC 8949 allows more than a pass may use: here one item and no bytes after it, no
duplicate map keys, bounded depth, and no tag but date-time text (0), which some issuers
put around a test's time and which comes out as its text. cbor2's defaults accept all of
it, and compile regular expressions that come from the wire (tag 35).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, NoReturn

import cbor2

DEEPEST = 16
"""Levels of nesting: seven is the deepest seen in an official pass."""


class CborError(Exception):
    """Not one well-formed item of the restricted kind. Carries no bytes of it."""


def _refuse(_value: object, _immutable: bool) -> NoReturn:
    raise ValueError("a tag that no pass uses")


def _text(value: object, _immutable: bool) -> str:
    if not isinstance(value, str):
        raise ValueError("a date-time that is no text")  # noqa: TRY004 (cbor2 wraps ValueError alone)
    return value


# Every tag that cbor2 would give a meaning to; tags without one end in `tag_hook`.
_MEANINGFUL_TAGS = (
    1,
    2,
    3,
    4,
    5,
    25,
    28,
    29,
    30,
    35,
    36,
    37,
    52,
    54,
    100,
    256,
    258,
    260,
    261,
    1004,
    43000,
    55799,
)
_TAGS: dict[int, Callable[[Any, bool], Any]] = {0: _text, **dict.fromkeys(_MEANINGFUL_TAGS, _refuse)}


def decode(data: bytes) -> Any:
    """Decode exactly one item. Raises `CborError` for anything else."""
    stream = io.BytesIO(data)
    try:
        item = cbor2.CBORDecoder(
            stream,
            tag_hook=_refuse,
            semantic_decoders=_TAGS,
            max_depth=DEEPEST,
            allow_duplicate_keys=False,
        ).decode()
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError, MemoryError):
        raise CborError("not well-formed CBOR of the restricted kind") from None  # its text quotes the pass
    if stream.tell() != len(data):
        raise CborError("bytes after the end")
    return item


def encode(item: object) -> bytes:
    """Encode an item, the shortest way, in the order given."""
    return cbor2.dumps(item)
