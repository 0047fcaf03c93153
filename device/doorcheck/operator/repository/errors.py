"""What goes wrong with the operator's repository: one error for everything."""

from __future__ import annotations


class RepositoryError(Exception):
    """The repository can't be used as asked; the text says what, where, and what to do."""


def os_reason(error: OSError) -> str:
    """An operating system's complaint in a few words ("no space left on device")."""
    return (error.strerror or type(error).__name__).lower()
