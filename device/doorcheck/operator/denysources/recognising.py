"""What a file is, by how it begins and, for JSON, by its members; never by its name."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import Any

from doorcheck.core.denylist import HASH_BYTES
from doorcheck.operator.denysources import eu, french, italian, plain
from doorcheck.operator.denysources.bounds import base64_hash
from doorcheck.operator.denysources.cms import SIGNED_DATA_OID
from doorcheck.operator.denysources.gathered import Format
from doorcheck.operator.trust.candidates import SourceError

KINDS = "no known kind of deny list"
_ZIP = b"PK\x03\x04"
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_BASE64_CMS = re.compile(rb"-----BEGIN (?:CMS|PKCS7)-----|MI[A-Za-z0-9+/]{30}")
_HASH_LINE = re.compile(rb"(?:[0-9a-fA-F]{32}){1,2}")
_DUTCH = "proofIdentifierDenylist"
# Its exports are zip files of protobuf, and the address of an index is that of a folder too,
# so they can't be kept as files; they are made from the tree of CBOR files.
_CORONA_WARN_APP = "If it is of the Corona-Warn-App, take the CBOR files (kid.lst, …) that it is made from"


_JSON_FORMS: tuple[tuple[Callable[[Any], bool], Format], ...] = (
    (eu.is_batch, Format.EU),
    (eu.is_batch_list, Format.EU),
    (italian.is_chunk, Format.ITALIAN),
    (french.is_array, Format.FRENCH),
    (french.is_page, Format.FRENCH),
    (french.is_settings, Format.FRENCH),
    (plain.is_identifiers, Format.IDENTIFIERS),
)


class Shape(enum.Enum):
    """How a file is written, by its first bytes."""

    JSON = "JSON"
    BINARY = "binary"
    TEXT = "text"


def recognise(head: bytes) -> tuple[Shape, Format | None]:
    """How a file is written that begins like this, and its format where that tells.

    Raises `SourceError` for what can be none.
    """
    if not head:
        raise SourceError("empty")
    if head.startswith(_ZIP):
        raise SourceError(f"a zip file: unpack it. {_CORONA_WARN_APP}")
    if head.startswith(_UTF16_MARKS):
        raise SourceError("text in UTF-16; save it as UTF-8")
    if head.startswith(french.GZIP) or french.ITERATION.match(head):
        return Shape.BINARY, Format.FRENCH
    if head[0] == 0x30 and SIGNED_DATA_OID in head[:32]:
        return Shape.BINARY, Format.EU
    if head[0] >= 0x80 and not head.startswith(_UTF8_MARK):
        return Shape.BINARY, Format.GERMAN
    text = head.removeprefix(_UTF8_MARK).lstrip()
    if text[:1] in (b"{", b"["):
        return Shape.JSON, None
    if _BASE64_CMS.match(text):
        return Shape.BINARY, Format.EU
    return Shape.TEXT, _text_format(text)


def _text_format(text: bytes) -> Format | None:
    line = next((one.strip() for one in text.splitlines() if one.strip() and not one.startswith(b"#")), b"")
    if _HASH_LINE.fullmatch(line):
        return Format.HASHES
    return Format.IDENTIFIERS if line[:9].lower() == b"urn:uvci:" else None


def json_format(document: Any) -> Format | None:
    """A JSON document's format; None if it is of no known one. Raises `SourceError`."""
    formats = {kind for looks_like, kind in _JSON_FORMS if looks_like(document)}
    if len(formats) > 1:
        names = " or ".join(sorted(kind.value for kind in formats))
        raise SourceError(f"it could be of several formats: say which by --format {names}")
    if not formats and _is_dutch(document):
        raise SourceError(
            "the Dutch list has hashes of whole signatures, s made low, and of domestic passes; "
            "a door looks up none of them"
        )
    return next(iter(formats), None)


def _is_dutch(document: Any) -> bool:
    """Whether JSON is the Dutch map of hashes, or the settings around it."""
    if not isinstance(document, dict):
        return False
    inner = [document, *(value for value in document.values() if isinstance(value, dict))]
    if any(_DUTCH in one for one in inner):
        return True
    hashes = [base64_hash(key, HASH_BYTES) for key, value in document.items() if value is True]
    return 0 < len(hashes) == len(document) and None not in hashes
