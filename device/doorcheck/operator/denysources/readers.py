"""What the readers of all formats have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from doorcheck.operator.denysources.bounds import Opened
from doorcheck.operator.denysources.gathered import Ledger
from doorcheck.operator.denysources.signers import Signers
from doorcheck.operator.trust.candidates import File, SourceError


class Reader(ABC):
    """Reads all files of one format, which together are one list or several.

    A file is taken whole by one of the three `add` methods, or raises `SourceError` and
    leaves nothing behind. `finish` says what the files come to.
    """

    def __init__(self, ledger: Ledger, *, at_ms: int, signers: Signers) -> None:
        self.ledger = ledger
        self.at_ms = at_ms
        self.signers = signers

    def add_json(self, _file: File, _document: Any) -> None:
        """Take a JSON file."""
        raise self.other()

    def add_bytes(self, _file: File, _data: bytes) -> None:
        """Take a binary file, or a signed message."""
        raise self.other()

    def add_text(self, _file: File, _opened: Opened) -> None:
        """Take a text file, line by line."""
        raise self.other()

    @abstractmethod
    def finish(self) -> set[bytes]:
        """The hashes that all files come to. Raises `SourceError` when they don't fit together."""

    def other(self) -> SourceError:
        """The error for a file of another form."""
        return SourceError(f"not in the form of {self.ledger.format.words}")

    def must_be_unsigned(self) -> None:
        """Raise `SourceError` if certificates are pinned, for here is nothing to check against them."""
        if self.signers:
            raise SourceError("carries no signature, and certificates are pinned")
