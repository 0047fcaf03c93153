"""What a box says of itself over its status account: one JSON object, of which this is what counts here.

A box may be broken, old, or somebody else's: only what is named is read, with bounds; the whole
object is handed on to the report, which has a stricter reader of its own.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from deploy.boxes.errors import NonsenseError
from msgspec import Meta, field

LARGEST_BYTES: Final = 1 << 20
Count = Annotated[int, Meta(ge=0, le=1 << 53)]
Word = Annotated[str, Meta(max_length=200)]
Sentence = Annotated[str, Meta(max_length=4000)]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What the running door reports."""

    ready: bool = False
    state: Word = ""
    version: Word = ""
    generation: Count | None = None
    clock: Word = ""
    conditions: Annotated[list[Word], Meta(max_length=64)] = field(default_factory=list)


class Role(msgspec.Struct, frozen=True):
    """One role of the signed metadata."""

    version: Count | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the update itself said: why it refused, or nothing of it."""

    refused: Word | None = None
    words: Sentence = ""


class Last(msgspec.Struct, frozen=True, kw_only=True):
    """How the last attempt to install a publication ended; `push` is the word that came with it."""

    push: Word = ""
    finished: Word = ""
    exit: int = 0
    said: Answer | None = None

    @property
    def refusal(self) -> tuple[str, str] | None:
        """The code and the words; None where it was not refused."""
        if self.said is not None and self.said.refused is not None:
            return self.said.refused, self.said.words
        if self.exit:
            return "failed", f"the update ended with exit code {self.exit}; its journal says more"
        return None


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """What is installed."""

    enrolled: bool = True
    generation: Count | None = None
    publication: Count | None = None
    declined: Count | None = None
    metadata: Annotated[dict[Word, Role], Meta(max_length=8)] = field(default_factory=dict)
    last: Last | None = None


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """How the last change of the program went."""

    version: Word = ""
    sha256: Word = ""
    outcome: Word = ""
    why: Sentence = ""
    at: Word = ""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. None: there is nothing of the kind on the box."""

    status: Status | None = None
    update: Update | None = None
    release: Release | None = None
    question: Word | None = None
    whole: dict[str, Any] = field(default_factory=dict)

    def signed(self, role: str) -> int:
        """The version of a role's metadata that the box trusts; 0 for none."""
        found = self.update.metadata.get(role) if self.update else None
        return (found.version or 0) if found else 0

    @property
    def last(self) -> Last:
        """How the last attempt ended; an empty one where there was none."""
        return (self.update.last if self.update else None) or Last()


def read(data: bytes, place: str) -> Said:
    """Read an answer. Raises `NonsenseError`."""
    if len(data) > LARGEST_BYTES:
        raise NonsenseError(place, f"longer than {LARGEST_BYTES} bytes")
    try:
        whole = msgspec.json.decode(data, type=dict[str, Any])
        if whole.get("format") != 1:
            raise NonsenseError(place, "it is of another format than 1; use the doorcheck that it runs")
        said = msgspec.convert(whole, Said, strict=True)
    except (msgspec.MsgspecError, RecursionError) as error:
        why = str(error) if isinstance(error, msgspec.ValidationError) else "it is not one whole JSON object"
        raise NonsenseError(place, why) from None
    return msgspec.structs.replace(said, whole=whole)
