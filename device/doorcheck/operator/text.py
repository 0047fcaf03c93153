"""Text from outside made safe for a terminal, and the forms in which reports name things."""

from __future__ import annotations

import base64
from datetime import UTC, datetime


def printable(text: str, longest: int = 160) -> str:
    """The text on one line, without control, format or surrogate characters, at most that long."""
    kept = "".join(character if character.isprintable() else " " for character in text[: 4 * longest])
    line = " ".join(kept.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def time_text(seconds: int) -> str:
    """A time in ISO 8601, UTC; the bare number of seconds outside the years 1 to 9999."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{seconds} s"


def base64_text(data: bytes) -> str:
    """Bytes in base64, as key identifiers are written."""
    return base64.b64encode(data).decode("ascii")


def base64_bytes(text: str) -> bytes:
    """Decode base64, standard or URL-safe, padded or not, with white space or without.

    Raises `ValueError` for any other character.
    """
    bare = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
