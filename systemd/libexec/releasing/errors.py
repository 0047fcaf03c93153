"""What can go wrong with a release; each text says what, where, and what to do."""

from __future__ import annotations


class RefusedError(Exception):
    """A release is not taken, and nothing was changed; the text says why."""


class FileError(Exception):
    """A file of this box's own can't be used; the text says which, and why."""


def why(error: OSError) -> str:
    """The system's words, small."""
    return (error.strerror or str(error)).lower()
