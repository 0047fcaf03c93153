"""An operator's signed statement of the time, for a box whose own clock nobody vouches for.

The running door asks (`edge/asking.py`): a random question, another every few minutes, readable by
whoever may look at the box. The operator's computer signs the questions of all its boxes with
the time, by the keys of TUF's timestamp role, so that no box needs a key more. An answer to
a question of minutes ago is minutes old at most; a copy of an older statement answers nothing.

    {"signed": {"_type": "doorcheck-time", "questions": [...], "utc": "..."}, "signatures": [...]}

What is signed is the canonical JSON of "signed", as in TUF metadata (TUF specification 1.0,
section 4.2), whose `_type` is never this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import Signature
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from doorcheck.edge import asking
from doorcheck.edge.asking import Stated
from doorcheck.edge.disk import Disk
from doorcheck.edge.store import StoreError, read_bounded, write_atomically
from doorcheck.update.errors import StateError, TimeError
from doorcheck.update.known import Known
from doorcheck.update.metadata import FOLDER, LIMITS
from doorcheck.update.state import State

TYPE: Final = "doorcheck-time"
ROLE: Final = "timestamp"
MOST_QUESTIONS: Final = 5000
LARGEST_BYTES: Final = 256 * 1024
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"

_Question = Annotated[str, msgspec.Meta(pattern=asking.PATTERN)]


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
        if not asking.is_question(question):
            raise ValueError(f"{question!r} is not a question of a box: it has {asking.DIGITS} hex digits")
    if not 0 < len(known) <= MOST_QUESTIONS:
        raise ValueError(f"{len(known)} questions, where 1 to {MOST_QUESTIONS} can be answered at once")
    return _canonical(_Signed(TYPE, known, utc.astimezone(UTC).strftime(_TIME)))


def statement(signed: bytes, signatures: Mapping[str, Signature]) -> bytes:
    """The file: a payload with its signatures."""
    rows = [_Signature(keyid, one.signature) for keyid, one in signatures.items()]
    return msgspec.json.encode(_Statement(msgspec.json.decode(signed, type=_Signed), rows)) + b"\n"


def take(
    state: State, file: Path, folder: Path, runtime: Path, now_ms: int, *, disk: Disk | None = None
) -> Stated | None:
    """Verify the statement in a file and hand it to the running door; None without such a file.

    `folder` is the publication that came with it, whose newer roots count as they would for
    itself; `runtime` is where the door asks. Raises `TimeError`; then nothing was changed.
    """
    try:
        data = read_bounded(file, LARGEST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TimeError(f"{file} can't be read: {(error.strerror or str(error)).lower()}") from error
    try:
        found = msgspec.json.decode(data, type=_Statement)
        utc = datetime.strptime(found.signed.utc, _TIME).replace(tzinfo=UTC)
    except (msgspec.MsgspecError, ValueError) as error:
        raise TimeError(f"{file} is not one: {error}") from error
    if found.signed.type != TYPE:
        raise TimeError(f"{file} is something else that the operator signed")
    question = _answered(found.signed.questions, runtime, now_ms)
    known = Known.of(state)
    _verify(found, _roots(state, known, folder))
    if utc < known.floor:
        raise TimeError(
            f"{utc:{_TIME}} is before {known.floor:%Y-%m-%d %H:%M} UTC, which is past for sure: "
            "set the clock of the operator's computer"
        )
    stated = Stated(question, utc, now_ms)
    try:
        write_atomically(state.path / asking.STATED, asking.encode_stated(stated), disk=disk or Disk())
    except StoreError as error:
        raise StateError(state.path, str(error)) from error
    return stated


def _answered(answers: Iterable[str], runtime: Path, now_ms: int) -> str:
    """The question of this box that is answered, asked lately."""
    asked = asking.read_asked(runtime)
    if not asked:
        raise TimeError("this box asks for no time: the door does not run")
    mine = {one.question: one.at_ms for one in asked}
    fitting = [question for question in answers if question in mine]
    if not fitting:
        raise TimeError("it answers no question of this box, or an older one: ask anew, sign and bring it")
    question = max(fitting, key=mine.__getitem__)
    if not 0 <= now_ms - mine[question] <= asking.ANSWER_WITHIN_MS:
        minutes = asking.ANSWER_WITHIN_MS // 60_000
        raise TimeError(f"it took longer than {minutes} minutes to come: ask anew, sign and bring it")
    return question


def _roots(state: State, known: Known, folder: Path) -> Iterable[Root]:
    """The newest root that this box trusts, then those that follow it in the publication."""
    kept = sorted(
        (int(name.split("/")[1].split(".")[0]), data)
        for name, data in known.metadata.items()
        if name.startswith("root")
    )
    root = Metadata[Root].from_bytes(kept[-1][1] if kept else state.root()).signed
    yield root
    for _ in range(LIMITS.max_root_rotations):
        try:
            data = read_bounded(folder / FOLDER / f"{root.version + 1}.root.json", LIMITS.root_max_length)
            new = Metadata[Root].from_bytes(data)
            for by in (root, new.signed):
                by.verify_delegate(Root.type, new.signed_bytes, new.signatures)
        except (OSError, RepositoryError):
            return
        if new.signed.version != root.version + 1:
            return
        root = new.signed
        yield root


def _verify(found: _Statement, roots: Iterable[Root]) -> None:
    """Raise `TimeError` unless as many timestamp keys signed as one of the roots wants."""
    signatures = {one.keyid: Signature(one.keyid, one.sig) for one in found.signatures}
    why = ""
    for root in roots:
        try:
            root.verify_delegate(ROLE, _canonical(found.signed), signatures)
        except RepositoryError as error:
            why = str(error)
        else:
            return
    raise TimeError(f"it is not signed by the keys that this box trusts ({why})")


def _canonical(signed: _Signed) -> bytes:
    return str(encode_canonical(msgspec.to_builtins(signed))).encode()
