"""One entry of the record: who changed what, when and why, in signed bytes.

A file is a COSE_Sign1 message (RFC 9052), tag 18, signed with EdDSA (Ed25519, which is
deterministic), protected header {alg: EdDSA, kid: the author's key}, no other header. Its
payload is a CBOR map in the one deterministic form (RFC 8949, 4.2.1). Bytes that say the
same in another form are no entry: nothing in a file can change unnoticed.

Nothing here speaks of visitors: a list's hash goes in, its hashes do not.
"""

from __future__ import annotations

import enum
import hashlib
from typing import Annotated, Any, Literal

import msgspec
from pycose.algorithms import EdDSA
from pycose.headers import KID
from pycose.headers import Algorithm as AlgorithmHeader
from pycose.keys.curves import Ed25519
from pycose.keys.okp import OKPKey
from pycose.messages.sign1message import Sign1Message

from doorcheck.core import cbor
from doorcheck.operator.record.authors import KEY_BYTES, KEY_ID_BYTES, Author, SigningAuthor, is_name, visible
from doorcheck.operator.text import printable

LARGEST_BYTES = 64 * 1024
LONGEST_REASON = 500
HASH_BYTES = 32
NOTHING = bytes(HASH_BYTES)
"""Stands for the entry before the first."""
LATEST = 253402300799
"""The last second of the year 9999."""

SUBJECT = r"[a-z0-9][a-z0-9.-]*(/[a-z0-9][a-z0-9.-]*)*"
_TAG_SIGN1 = b"\xd2"

Hash = Annotated[bytes, msgspec.Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]
Subject = Annotated[str, msgspec.Meta(pattern=rf"\A{SUBJECT}\Z", max_length=100)]
Count = Annotated[int, msgspec.Meta(ge=0, lt=10**12)]
CountName = Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z ]*\Z", max_length=32)]


class EntryError(Exception):
    """Bytes are no entry, or an entry can't be; the text says why."""


class Action(enum.Enum):
    """What was done; the values are in the entries, and never change their meaning."""

    INIT = "init"
    ADD_AUTHOR = "add-author"
    RETIRE_AUTHOR = "retire-author"
    IMPORT_TRUST = "import-trust"
    REMOVE_TRUST = "remove-trust"
    IMPORT_DENY = "import-deny"
    REMOVE_DENY = "remove-deny"
    REVOKE = "revoke"
    UNREVOKE = "unrevoke"
    SET_RULES = "set-rules"
    SET_SETTINGS = "set-settings"
    ISSUE_BADGE = "issue-badge"
    WITHDRAW_BADGE = "withdraw-badge"
    SET_RELEASE = "set-release"
    PUBLISH = "publish"


ON_AUTHORS = frozenset({Action.INIT, Action.ADD_AUTHOR, Action.RETIRE_AUTHOR})


class Whom(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The author whom an entry adds or retires."""

    name: str
    key: Annotated[bytes, msgspec.Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise ValueError("not an author's name")

    @property
    def author(self) -> Author:
        """The same as an author."""
        return Author(self.name, self.key)


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One change. Times are seconds since 1970; `contents` is the whole state after it."""

    format: Literal[1] = 1
    sequence: Annotated[int, msgspec.Meta(ge=1, lt=10**9)]
    previous: Hash
    """SHA-256 of the file of the entry before."""
    author: str
    key_id: Annotated[bytes, msgspec.Meta(min_length=KEY_ID_BYTES, max_length=KEY_ID_BYTES)]
    time: Annotated[int, msgspec.Meta(ge=0, le=LATEST)]
    action: Action
    reason: str
    subject: Subject
    """What changed: nothing outside of it does, but at the first entry."""
    counts: dict[CountName, Count]
    contents: dict[Subject, Hash]
    whom: Whom | None = None

    def __post_init__(self) -> None:
        if not is_name(self.author):
            raise ValueError("not an author's name")
        if not 1 <= len(self.reason) <= LONGEST_REASON or not visible(self.reason):
            raise ValueError(f"a reason has 1 to {LONGEST_REASON} visible characters")
        if (self.action in ON_AUTHORS) != (self.whom is not None):
            raise ValueError("entries on authors name one, and no others do")

    def __repr__(self) -> str:
        return f"Entry({self.sequence}, {self.action.value}, {self.subject})"


class Signed(msgspec.Struct, frozen=True):
    """An entry as read from a file whose signature nobody has checked yet."""

    entry: Entry
    signature: bytes

    def is_by(self, author: Author) -> bool:
        """Whether that author's key signed it."""
        message = _message(self.entry)
        message.key = OKPKey(crv=Ed25519, x=author.key)
        message.signature = self.signature
        return bool(message.verify_signature())


def clean_reason(text: str) -> str:
    """A reason as people type it, on one line. Raises `EntryError` for an empty, endless or unseen one."""
    reason = " ".join(text.split())
    if not 1 <= len(reason) <= LONGEST_REASON or not visible(reason):
        raise EntryError(
            f"no reason: {printable(reason, 80)!r}; write 1 to {LONGEST_REASON} visible characters, "
            "and nothing of a visitor: the record is kept for ever"
        )
    return reason


def sign(entry: Entry, author: SigningAuthor) -> bytes:
    """The file's bytes; the same entry and author give the same bytes. Raises `EntryError`."""
    message = _message(entry)
    message.key = OKPKey(crv=Ed25519, x=author.author.key, d=author.private)
    data = bytes(message.encode(tag=True))
    read(data)
    return data


def read(data: bytes) -> Signed:
    """An entry out of a file's bytes, its signature unchecked. Raises `EntryError`."""
    if len(data) > LARGEST_BYTES:
        raise EntryError(f"larger than {LARGEST_BYTES} bytes")
    try:
        _, _, payload, signature = cbor.decode(data.removeprefix(_TAG_SIGN1))
        entry = msgspec.convert(cbor.decode(payload), Entry, builtin_types=(bytes,))
        message = _message(entry)
        message.signature = signature
        canonical = message.encode(tag=True, sign=False)
    except msgspec.ValidationError as error:
        raise EntryError(f"not an entry: {printable(str(error))}") from error
    except (cbor.CborError, TypeError, ValueError) as error:
        raise EntryError("not an entry: no signed message of the form") from error
    if canonical != data:
        raise EntryError("not an entry: not in the one form")
    return Signed(entry, signature)


def digest(data: bytes) -> bytes:
    """How the next entry, and a published head, name a file."""
    return hashlib.sha256(data).digest()


def canonical(item: Any) -> bytes:
    """CBOR in the deterministic form of RFC 8949, 4.2.1, of maps, arrays, text, bytes and integers."""
    return cbor.encode(_sorted(item))


def _sorted(item: Any) -> Any:
    if isinstance(item, dict):
        return {key: _sorted(item[key]) for key in sorted(item, key=cbor.encode)}
    return [_sorted(one) for one in item] if isinstance(item, list) else item


def _message(entry: Entry) -> Sign1Message:
    payload = canonical(msgspec.to_builtins(entry, builtin_types=(bytes,)))
    return Sign1Message(phdr={AlgorithmHeader: EdDSA, KID: entry.key_id}, payload=payload)
