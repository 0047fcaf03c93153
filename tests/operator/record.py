"""A record of several entries and authors, the same each time, for the tests of log and change."""

from __future__ import annotations

import hashlib
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from doorcheck.operator.record import log, logentry
from doorcheck.operator.record.authors import Author, SigningAuthor
from doorcheck.operator.record.logchain import Chain, Head
from doorcheck.operator.record.logentry import Action, Entry
from doorcheck.operator.record.logfaults import FaultKind, LogFault

START = 1_669_237_200
"""2022-11-23T21:00:00Z."""


def signer(name: str) -> SigningAuthor:
    """An author whose key follows from the name."""
    private = hashlib.sha256(name.encode()).digest()
    public = Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    return SigningAuthor(Author(name, public), private)


ANNA, BASILE, ZOE = signer("Anna Muller"), signer("Basile"), signer("Zoé")


def of(text: str) -> bytes:
    """The SHA-256 of a text."""
    return hashlib.sha256(text.encode()).digest()


TRUST, DENY = of("a trust list"), of("a deny list")
PLAN: tuple[tuple[SigningAuthor, dict[str, Any]], ...] = (
    (ANNA, {"action": Action.INIT, "subject": "repository", "whom": ANNA.author}),
    (
        ANNA,
        {
            "action": Action.IMPORT_TRUST,
            "subject": "trust/who",
            "counts": {"added": 12, "removed": 3, "expired": 4},
            "contents": {"trust/who": TRUST},
        },
    ),
    (ANNA, {"action": Action.ADD_AUTHOR, "subject": "authors", "whom": BASILE.author}),
    (
        BASILE,
        {
            "action": Action.REVOKE,
            "subject": "revoked",
            "counts": {"added": 5},
            "contents": {"trust/who": TRUST, "revoked": of("one pass")},
        },
    ),
    (ANNA, {"action": Action.RETIRE_AUTHOR, "subject": "authors", "whom": BASILE.author}),
    (
        ANNA,
        {
            "action": Action.IMPORT_DENY,
            "subject": "deny/local",
            "contents": {"trust/who": TRUST, "revoked": of("one pass"), "deny/local": DENY},
        },
    ),
    (ANNA, {"action": Action.PUBLISH, "subject": "published"}),
)
REASONS = ("first", "monthly list", "second pair of eyes", "leaked «on a photograph»", "left", "weekly", "x")
LAST = len(PLAN)


def append(folder: Path, author: SigningAuthor, number: int, **told: Any) -> Entry:
    """Add an entry to the record in a folder, an hour after the one before."""
    given = {"time": START + 3600 * number, "reason": "because", **told}
    with log.writing(folder) as pen:
        return pen.append(author, **given)


def build(folder: Path, entries: int = LAST) -> Head:
    """Write the plan's first entries; returns the head."""
    folder.mkdir(parents=True)
    for number, (author, told) in enumerate(PLAN[:entries], 1):
        append(folder, author, number, reason=REASONS[number - 1], **told)
    return log.verify(folder).sound().head


@cache
def sound() -> list[bytes]:
    """The files of the whole plan, in order."""
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder) / "log")
        return [(Path(folder) / "log" / log.file_name(number)).read_bytes() for number in range(1, LAST + 1)]


def laid(folder: Path, files: dict[int, bytes]) -> Path:
    """A record's folder of those files."""
    folder.mkdir()
    for number, data in files.items():
        (folder / log.file_name(number)).write_bytes(data)
    return folder


def judged(files: list[bytes], head: Head | None = None) -> list[LogFault]:
    """The faults of files that are numbered as they stand."""
    chain = Chain()
    faults = [fault for data in files for fault in chain.take(data)]
    return faults + ([] if head is None else chain.against(head))


def head_of(files: list[bytes]) -> Head:
    """The head that was published when those were all."""
    return Head(len(files), logentry.digest(files[-1]))


def kinds(faults: list[LogFault] | tuple[LogFault, ...]) -> set[tuple[FaultKind, int | None]]:
    """Kind and entry of each fault."""
    return {(fault.kind, fault.entry) for fault in faults}


def resigned(data: bytes, author: SigningAuthor, *, own_name: bool = False, **changed: Any) -> bytes:
    """An entry's file, changed, and signed by somebody."""
    entry = msgspec.structs.replace(logentry.read(data).entry, **changed)
    if own_name:
        entry = msgspec.structs.replace(entry, author=author.author.name, key_id=author.author.key_id)
    return logentry.sign(entry, author)
