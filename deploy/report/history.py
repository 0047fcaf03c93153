"""The contacts of the last thirty days, in one file of JSON lines that stays small.

What is kept of each box: the newest contact, the newest answer and the newest one with counters
whole, whatever their age, so that no box is ever forgotten; of the others what the pictures
need, one for each half hour of the last day, for each three hours of the week, for each day of
the month. Where several fall into one such slot, the one with trouble stays. Decisions are kept
in hours, as they were told last, and for no longer than a box may keep them itself.

The file is replaced whole, under a lock: two operators at one computer lose nothing, and a
power cut leaves the old one.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Final

from deploy.report.contact import (
    Contact,
    ContactError,
    Told,
    Update,
    decode,
    encode,
    in_hours,
)

from doorcheck.edge.store import StoreError, write_atomically

KEEP: Final = timedelta(days=30)
SLOTS: Final = (
    (timedelta(days=1), timedelta(minutes=30)),
    (timedelta(days=7), timedelta(hours=3)),
    (KEEP, timedelta(days=1)),
)
"""Up to that age, one contact is kept for each stretch of that length."""
AHEAD: Final = timedelta(minutes=5)
"""A contact later than now by more than that was written under a wrong clock."""
PERMISSIONS: Final = 0o600


class HistoryError(Exception):
    """The history can't be read or written; the text says which file, why, and what to do."""


@dataclass(frozen=True, slots=True)
class History:
    """Every box's contacts, oldest first. `left_out` says why lines were not taken, by their number."""

    boxes: dict[str, list[Contact]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


def read(path: Path, now: datetime) -> History:
    """What is on record; nothing where there is no file. Raises `HistoryError`."""
    try:
        with path.open("rb") as file:
            return _sorted(*_decoded(file, path.name, now))
    except FileNotFoundError:
        return History()
    except OSError as error:
        raise HistoryError(f"cannot read {path}: {_why(error)}; is it yours?") from error


def take(path: Path, lines: Iterable[bytes], now: datetime) -> History:
    """Add the contacts of these lines, thin out, write; returns all. Raises `HistoryError`."""
    with _locked(path):
        kept = read(path, now)
        new, left_out = _decoded(lines, "new", now)
        every = [contact for contacts in kept.boxes.values() for contact in contacts]
        whole = _sorted([*every, *new], [*kept.left_out, *left_out])
        return _write(path, whole, now)


def forget(path: Path, hosts: Iterable[str], now: datetime) -> set[str]:
    """Drop all of these boxes, after they were taken out of service; returns those that were there."""
    wanted = set(hosts)
    with _locked(path):
        kept = read(path, now)
        rest = {host: contacts for host, contacts in kept.boxes.items() if host not in wanted}
        _write(path, History(rest), now)
        return wanted & kept.boxes.keys()


def _decoded(lines: Iterable[bytes], name: str, now: datetime) -> tuple[list[Contact], list[str]]:
    contacts, left_out = [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            contact = decode(line)
        except ContactError as error:
            left_out.append(f"{name}, line {number}: {error}")
            continue
        if contact.at > now + AHEAD:
            left_out.append(f"{name}, line {number}: later than now; a clock was wrong")
            continue
        contacts.append(in_hours(contact, now))
    return contacts, left_out


def _sorted(contacts: Iterable[Contact], left_out: Iterable[str]) -> History:
    """By box; of two contacts of one instant the later line counts."""
    unique = {(contact.host, contact.at): contact for contact in contacts}
    ordered = sorted(unique.values(), key=lambda contact: (contact.host, contact.at))
    boxes = {host: list(group) for host, group in groupby(ordered, key=lambda contact: contact.host)}
    return History(boxes, tuple(left_out))


def _write(path: Path, history: History, now: datetime) -> History:
    boxes = {host: thinned(contacts, now) for host, contacts in history.boxes.items()}
    data = b"".join(encode(contact) + b"\n" for contacts in boxes.values() for contact in contacts)
    try:
        write_atomically(path, data, permissions=PERMISSIONS)
    except StoreError as error:
        raise HistoryError(f"{error}; the older history is still there") from error
    return History(boxes, history.left_out)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One writer at a time; the lock is a file of its own, for the history itself is replaced."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(f".{path.name}.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise HistoryError(f"cannot write beside {path}: {_why(error)}; is the folder yours?") from error


# Thinning out


def newest_answer(contacts: list[Contact]) -> Contact | None:
    """The last time that the box answered."""
    return next((contact for contact in reversed(contacts) if contact.reachable), None)


def newest_counters(contacts: list[Contact]) -> Contact | None:
    """The last time that it told its counters; not every command asks for them."""
    return next((contact for contact in reversed(contacts) if contact.counters is not None), None)


def thinned(contacts: list[Contact], now: datetime) -> list[Contact]:
    """Of one box's contacts, oldest first, those that are kept, and as much of each as is kept."""
    if not contacts:
        return []
    counted = newest_counters(contacts)
    special = (contacts[-1], newest_answer(contacts), counted)
    whole = {contact.at for contact in special if contact is not None}
    slots: dict[object, Contact] = {}
    for contact in contacts:
        slot = contact.at if contact.at in whole else _slot(contact.at, now)
        before = slots.get(slot)
        if slot is not None and (before is None or _trouble(contact) >= _trouble(before)):
            slots[slot] = contact
    kept = sorted(slots.values(), key=lambda contact: contact.at)
    return [contact if contact.at in whole else slim(contact) for contact in kept]


def _slot(at: datetime, now: datetime) -> tuple[int, int] | None:
    """Which stretch of time stands for that one; None: too old to be kept."""
    for number, (up_to, length) in enumerate(SLOTS):
        if now - at <= up_to:
            return number, int(at.timestamp() // length.total_seconds())
    return None


def _trouble(contact: Contact) -> int:
    if not contact.reachable:
        return 2
    return int(contact.status is None or bool(contact.status.conditions))


def slim(contact: Contact) -> Contact:
    """What the pictures need of an older contact."""
    told, update = contact.status, contact.update
    return Contact(
        format=1,
        host=contact.host,
        at=contact.at,
        reachable=contact.reachable,
        status=told
        and Told(
            state=told.state,
            version=told.version,
            restarts=told.restarts,
            age_hours=told.age_hours,
            conditions=told.conditions,
            temperature_c=told.temperature_c,
        ),
        update=update and Update(publication=update.publication),
    )


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
