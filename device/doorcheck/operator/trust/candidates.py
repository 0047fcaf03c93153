"""What sources deliver before anything is trusted: candidates, and why some are left out."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

LONGEST_KID_BYTES = 32
"""Key identifiers are opaque: eight bytes as a rule, seven letters in Britain."""


class SourceError(Exception):
    """A source can't be read; the text says what is wrong with it, for an operator."""


class UnknownKindError(SourceError):
    """Nothing that holds certificates: an error where it was named, no matter in a folder."""


class Why(enum.Enum):
    """Why a candidate is left out: a stable code, and words for an operator."""

    words: str

    def __new__(cls, code: str, words: str) -> Why:
        """Give a member its code as its value, and its words."""
        member = object.__new__(cls)
        member._value_ = code
        member.words = words
        return member

    KEY_USAGE = ("KEY_USAGE", "a key that is not for signing passes")
    DOMAIN = ("DOMAIN", "a key of another trust domain")
    REFERENCE = ("REFERENCE", "a reference to another document; references are never followed")
    AUTHORITY = ("AUTHORITY", "a certificate authority (CA:TRUE), not a document signer; --allow-ca takes it")
    TWO_D_DOC = ("TWO_D_DOC", "a 2D-Doc certificate, but not a health signer")
    LIGHT = ("LIGHT", "it names itself a signer of French light passes, but its key is not a known one")
    KEY_KIND = ("KEY_KIND", "its key can not sign passes")
    KEY_DIFFERS = ("KEY_DIFFERS", "the entry's key is not its certificate's")
    BARE_KEY = ("BARE_KEY", "a bare public key: without a certificate it has no dates and no country")
    NOT_CERTIFICATE = ("NOT_CERTIFICATE", "not a readable certificate")
    KID = ("KID", "its key identifier is malformed")
    ENTRY = ("ENTRY", "a malformed entry")


@dataclass(frozen=True, slots=True)
class File:
    """One file to read. `named` says that the operator named it, not its folder."""

    source: str
    path: Path
    where: str
    named: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """One certificate that a source offers, or an entry that its source already ruled out.

    `where` is the place within the source ("entry 12", "folder/a.pem, certificate 2").
    `kid` is the source's own; None lets the certificate's digest stand. `country` is the
    participant's, for certificates that name none. `jwk` is a second copy of the key
    that must agree with the certificate's.
    """

    source: str
    where: str
    der: bytes = field(default=b"", repr=False)
    kid: bytes | None = None
    country: str = ""
    jwk: Mapping[str, object] | None = field(default=None, repr=False)
    why: Why | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A candidate that is not in the list, and why."""

    source: str
    where: str
    kid: str
    name: str
    why: Why
    detail: str = ""

    @property
    def reason(self) -> str:
        """The reason in words, with its detail."""
        return f"{self.why.words}: {self.detail}" if self.detail else self.why.words
