"""An operator's signed statement of the time, for a box whose own clock nobody vouches for.

The running door asks (`edge/asking.py`): a random question, another every few minutes, readable by
whoever may look at the box. The operator's computer signs the questions of all its boxes with
the time, by the keys of TUF's timestamp role, so that no box needs a key more; `telling.py`
takes what is brought. An answer to a question of minutes ago is minutes old at most; a copy of
an older statement answers nothing.

    {"signed": {"_type": "doorcheck-time", "questions": [...], "utc": "..."}, "signatures": [...]}

What is signed is the canonical JSON of "signed", as in TUF metadata (TUF specification 1.0,
section 4.2), whose `_type` is never this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import Signature
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Root

from doorcheck.core.question import DIGITS, PATTERN, is_question
from doorcheck.update.errors import TimeError

TYPE: Final = "doorcheck-time"
ROLE: Final = "timestamp"
MOST_QUESTIONS: Final = 5000
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"

_Question = Annotated[str, msgspec.Meta(pattern=PATTERN)]


class _Signed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: str = msgspec.field(name="_type")
    questions: Annotated[list[_Question], msgspec.Meta(min_length=1, max_length=MOST_QUESTIONS)]
    utc: Annotated[str, msgspec.Meta(pattern=r"\A\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z\Z")]


class _Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keyid: str
    sig: Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{2})+\Z")]


class _Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    signed: _Signed
    signatures: Annotated[list[_Signature], msgspec.Meta(max_length=32)]


def payload(questions: Iterable[str], utc: datetime) -> bytes:
    """What the timestamp role's keys sign. Raises ValueError for what is no question."""
    known = sorted(set(questions))
    for question in known:
        if not is_question(question):
            raise ValueError(f"{question!r} is not a question of a box: it has {DIGITS} hex digits")
    if not 0 < len(known) <= MOST_QUESTIONS:
        raise ValueError(f"{len(known)} questions, where 1 to {MOST_QUESTIONS} can be answered at once")
    return _canonical(_Signed(TYPE, known, utc.astimezone(UTC).strftime(_TIME)))


def statement(signed: bytes, signatures: Mapping[str, Signature]) -> bytes:
    """The file: a payload with its signatures."""
    rows = [_Signature(keyid, one.signature) for keyid, one in signatures.items()]
    return msgspec.json.encode(_Statement(msgspec.json.decode(signed, type=_Signed), rows)) + b"\n"


@dataclass(frozen=True, slots=True)
class Statement:
    """What a file says; nobody has verified it yet."""

    questions: frozenset[str]
    utc: datetime
    _signed: bytes
    _signatures: dict[str, Signature]

    @classmethod
    def read(cls, data: bytes) -> Statement:
        """Raises `TimeError` for what is no statement."""
        try:
            found = msgspec.json.decode(data, type=_Statement)
            utc = datetime.strptime(found.signed.utc, _TIME).replace(tzinfo=UTC)
        except (msgspec.MsgspecError, ValueError) as error:
            raise TimeError(f"this is none: {error}") from error
        if found.signed.type != TYPE:
            raise TimeError("this is something else that the operator signed")
        signatures = {one.keyid: Signature(one.keyid, one.sig) for one in found.signatures}
        return cls(frozenset(found.signed.questions), utc, _canonical(found.signed), signatures)

    def verify(self, roots: Iterable[Root]) -> None:
        """Raise `TimeError` unless as many timestamp keys signed as one of the roots wants."""
        why = ""
        for root in roots:
            try:
                root.verify_delegate(ROLE, self._signed, self._signatures)
            except RepositoryError as error:
                why = str(error)
            else:
                return
        raise TimeError(f"it is not signed by the keys that this box trusts ({why})")


def _canonical(signed: _Signed) -> bytes:
    return str(encode_canonical(msgspec.to_builtins(signed))).encode()
