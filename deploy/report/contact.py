"""One contact with one box: whether it answered, and what it said; the form of a line in the history.

    {"format": 1, "host": "north", "at": "2026-11-24T09:00:00Z", "reachable": true, "why": null,
     "status": {...}, "update": {...}, "release": {...}, "counters": {...}}

`why` says why it was not reached, "CODE: words". The last four are what the box's own `report` command
prints, or null. A box may be broken, old,
newer than this computer, or stolen: only what is named here is read, each text and number
has bounds, and a part that does not fit is left out by name (`unreadable`), never guessed.
So nothing gets into the history that nobody meant to be there.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType, field

from doorcheck.core.verdict import Outcome

LONGEST_LINE_BYTES: Final = 1 << 20
KEEP_DECISIONS: Final = timedelta(days=15)
"""No box keeps its counters for longer, so neither does the operator's computer."""
LONGEST_WHY: Final = 2000
COARSEST_BIN_MINUTES: Final = 1440
HOUR: Final = timedelta(hours=1)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)

Word = Annotated[str, Meta(max_length=40, pattern=r"^[A-Za-z0-9 .,'+_()/~-]*$")]
"""Names, versions, codes: nothing that means anything to a terminal or a browser."""
Host = Annotated[str, Meta(min_length=1, max_length=80)]
Sentence = Annotated[str, Meta(max_length=LONGEST_WHY)]
Instant = Annotated[datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0, le=1 << 53)]
Part = TypeVar("Part")


class ContactError(Exception):
    """A line is no contact; the text says why, and quotes nothing of it."""


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a running door said of itself (`status.json`); the fields of newer boxes are passed over."""

    state: Word = ""
    ready: bool | None = None
    version: Word = ""
    board: Annotated[str, Meta(max_length=80)] | None = None
    restarts: Count | None = None
    generation: Count | None = None
    published: Instant | None = None
    age_hours: Annotated[float, Meta(ge=-1e7, le=1e7)] | None = None
    clock: Word = ""
    utc: Instant | None = None
    conditions: Annotated[list[Word], Meta(max_length=64)] = field(default_factory=list)
    bin_minutes: Annotated[int, Meta(ge=1, le=COARSEST_BIN_MINUTES)] = 15
    temperature_c: Annotated[float, Meta(ge=-100, le=250)] | None = None
    free_bytes: Count | None = None
    latency_ms: Count | None = None


class Signed(msgspec.Struct, frozen=True, omit_defaults=True):
    """One role of the update metadata that a box trusts."""

    version: Count | None = None
    expires: Instant | None = None


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the update said; `refused` is a code, None where it was taken."""

    refused: Word | None = None
    words: Sentence = ""


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the last attempt to install a publication ended."""

    exit: Annotated[int, Meta(ge=-255, le=255)] = 0
    said: Answer | None = None


class Update(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a box said of its lists (as `doorcheck update --status --json`)."""

    enrolled: bool | None = None
    generation: Count | None = None
    publication: Count | None = None
    published: Instant | None = None
    declined: Count | None = None
    damage: Sentence | None = None
    last: Attempt | None = None
    metadata: Annotated[dict[Word, Signed], Meta(max_length=8)] = field(default_factory=dict)


class Release(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the last change of the program on a box went."""

    version: Word = ""
    outcome: Word = ""
    why: Sentence | None = None
    at: Instant | None = None
    on_trial: bool = False


class Bin(msgspec.Struct, frozen=True):
    """Decisions since an instant, by outcome; for at least a quarter of an hour."""

    since: Instant
    outcomes: dict[Outcome, Count]


class Counted(msgspec.Struct, frozen=True):
    """Outcomes in bins that are over, and nothing finer."""

    bins: Annotated[list[Bin], Meta(max_length=4000)] = field(default_factory=list)


class Contact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One contact. `unreadable` names the parts of an answer that could not be read."""

    format: int
    host: Host
    at: Instant
    reachable: bool
    why: Sentence | None = None
    status: Told | None = None
    update: Update | None = None
    release: Release | None = None
    counters: Counted | None = None
    unreadable: list[Word] = field(default_factory=list)


class _Line(msgspec.Struct):
    """A line before its parts are looked at."""

    host: Host
    at: Instant
    reachable: bool
    format: int = 1
    why: str | None = None
    status: Raw | UnsetType = UNSET
    update: Raw | UnsetType = UNSET
    release: Raw | UnsetType = UNSET
    counters: Raw | UnsetType = UNSET
    unreadable: Annotated[list[Word], Meta(max_length=8)] = field(default_factory=list)


_LINE = msgspec.json.Decoder(_Line)
_TOLD = msgspec.json.Decoder(Told | None)
_UPDATE = msgspec.json.Decoder(Update | None)
_RELEASE = msgspec.json.Decoder(Release | None)
_COUNTED = msgspec.json.Decoder(Counted | None)
_ENCODER = msgspec.json.Encoder()


def decode(line: bytes) -> Contact:
    """Read one line. Raises `ContactError` when not even host, time and whether it answered are there."""
    if len(line) > LONGEST_LINE_BYTES:
        raise ContactError(f"longer than {LONGEST_LINE_BYTES} bytes")
    try:
        found = _LINE.decode(line)
    except msgspec.MsgspecError as error:
        raise ContactError(_where(error)) from None
    if found.format != 1:
        raise ContactError("of another format: use the doorcheck that wrote it")
    if not _believable(found.at):
        raise ContactError("its time is before 1970 or after 2200")
    parts = _Parts(list(found.unreadable))
    return Contact(
        format=1,
        host=clean(found.host.strip()),
        at=found.at.astimezone(UTC),
        reachable=found.reachable,
        why=None if found.why is None else clean(found.why.strip())[:LONGEST_WHY],
        status=parts.read("status", found.status, _TOLD),
        update=parts.read("update", found.update, _UPDATE),
        release=parts.read("release", found.release, _RELEASE),
        counters=parts.read("counters", found.counters, _COUNTED),
        unreadable=parts.unreadable,
    )


def encode(contact: Contact) -> bytes:
    """One line, without its end."""
    return _ENCODER.encode(contact)


class _Parts:
    """Reads the parts of an answer, and remembers which could not be read."""

    def __init__(self, unreadable: list[str]) -> None:
        self.unreadable = unreadable

    def read(
        self, name: str, raw: Raw | UnsetType, decoder: msgspec.json.Decoder[Part | None]
    ) -> Part | None:
        if isinstance(raw, UnsetType):
            return None
        try:
            part = decoder.decode(raw)
            fits = all(_believable(moment) for moment in _moments(part))
        except msgspec.MsgspecError:
            fits = False
        if fits:
            return part
        if name not in self.unreadable:
            self.unreadable.append(name)
        return None


def _moments(part: object) -> list[datetime]:
    match part:
        case Told():
            found = [part.published, part.utc]
        case Update():
            found = [part.published, *(one.expires for one in part.metadata.values())]
        case Release():
            found = [part.at]
        case Counted():
            found = [one.since for one in part.bins]
        case _:
            found = []
    return [moment for moment in found if moment is not None]


def _believable(moment: datetime) -> bool:
    return _EARLIEST <= moment <= _LATEST


def _where(error: Exception) -> str:
    """What did not fit, and where; msgspec quotes the place, never the value, but for enums."""
    return str(error) if isinstance(error, msgspec.ValidationError) else "not one whole JSON object"


# In hours


def in_hours(contact: Contact, now: datetime) -> Contact:
    """The same with whole hours for bins: of those that are over, and not older than may be kept."""
    if contact.counters is None:
        return contact
    minutes = contact.status.bin_minutes if contact.status else COARSEST_BIN_MINUTES
    told = min(contact.at, contact.status.utc or contact.at) if contact.status else contact.at
    hours: dict[datetime, dict[Outcome, int]] = {}
    for one in contact.counters.bins:
        since = one.since.astimezone(UTC)
        if now - since > KEEP_DECISIONS or since + timedelta(minutes=minutes) > told:
            continue
        sums = hours.setdefault(since.replace(minute=0, second=0, microsecond=0), {})
        for outcome, number in one.outcomes.items():
            sums[outcome] = sums.get(outcome, 0) + number
    counted = Counted([Bin(since, sums) for since, sums in sorted(hours.items())])
    return msgspec.structs.replace(contact, counters=counted)


# Text of a box

_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
"""What moves a terminal's cursor, turns text round, or can't be seen."""


def clean(text: str) -> str:
    """The text in one line, each character that nobody can see as a mark."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
