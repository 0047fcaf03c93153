"""What a door asks when it asks for the time: random digits, which an operator signs with the time."""

from __future__ import annotations

from typing import Final

DIGITS: Final = 32
PATTERN: Final = rf"\A[0-9a-f]{{{DIGITS}}}\Z"


def is_question(text: str) -> bool:
    """Whether it could be one."""
    return len(text) == DIGITS and all(digit in "0123456789abcdef" for digit in text)
