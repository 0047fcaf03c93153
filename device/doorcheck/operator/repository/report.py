"""Where a repository stands: versions, expiries, keys, and what its holder should see to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from doorcheck.operator.repository import keys
from doorcheck.operator.repository.custody import Ring, custody
from doorcheck.operator.repository.desk import FOR_DEVICES, KEYS, PIN, Desk, check_newest, read, utc
from doorcheck.operator.repository.errors import RepositoryError
from doorcheck.operator.repository.settings import ROLES

SOON_DAYS = {"root": 365, "targets": 60, "snapshot": 3, "timestamp": 3}
"""When less is left, the status says so."""


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """One key of a role."""

    name: str
    keyid: str
    uri: str
    """Empty when keys.toml does not list it."""
    here: bool
    """Whether its file is in REPO/keys."""


@dataclass(frozen=True, slots=True)
class RoleStatus:
    """One role's metadata, and who signs it."""

    role: str
    version: int
    """0: not published yet."""
    expires: datetime | None
    days_left: int | None
    """Whole days; negative once expired."""
    threshold: int
    keys: tuple[KeyStatus, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """A repository at a time."""

    roles: tuple[RoleStatus, ...]
    fingerprint: str
    """SHA-256 of the root that new doors pin."""
    pinned_version: int
    files: int
    total_bytes: int
    notes: tuple[str, ...]
    """What to see to, the most urgent first."""

    def lines(self) -> list[str]:
        """For people."""
        return [
            *(_role_line(role) for role in self.roles),
            f"published: {self.files} files, {self.total_bytes} bytes",
            f"new doors pin root version {self.pinned_version}, SHA-256 {self.fingerprint}",
            *(f"note: {note}" for note in self.notes),
        ]

    def as_object(self) -> dict[str, object]:
        """For JSON."""
        return {
            "roles": {
                one.role: {
                    "version": one.version,
                    "expires": one.expires and f"{one.expires:%Y-%m-%dT%H:%M:%SZ}",
                    "days_left": one.days_left,
                    "threshold": one.threshold,
                    "keys": [
                        {"name": key.name, "keyid": key.keyid, "uri": key.uri, "here": key.here}
                        for key in one.keys
                    ],
                }
                for one in self.roles
            },
            "root_sha256": self.fingerprint,
            "pinned_version": self.pinned_version,
            "files": self.files,
            "bytes": self.total_bytes,
            "notes": list(self.notes),
        }


def status(repo: Path, at: datetime) -> Status:
    """Look at a repository; nothing is written, and no passphrase is needed. Raises `RepositoryError`."""
    desk, at = read(repo), utc(at)
    roles = tuple(_role(desk, role, at) for role in ROLES)
    publication = desk.standing.publication
    files = publication.targets.targets.values() if publication else ()
    return Status(
        roles,
        hashlib.sha256(desk.pinned).hexdigest(),
        desk.standing.roots.index(desk.pinned) + 1,
        len(files),
        sum(file.length for file in files),
        tuple(_notes(desk, roles)),
    )


def key_custody(repo: Path) -> list[str]:
    """Where the repository's keys belong, in plain words. Raises `RepositoryError`."""
    desk = read(repo)
    roles = desk.standing.root.roles
    rings = {
        role: Ring([desk.name_of(keyid) for keyid in roles[role].keyids], roles[role].threshold)
        for role in ROLES
    }
    return custody(rings, desk.expiry_days)


def _role(desk: Desk, role: str, at: datetime) -> RoleStatus:
    publication, signers = desk.standing.publication, desk.standing.root.roles[role]
    metadata = desk.standing.root if role == "root" else getattr(publication, role, None)
    known = {key.keyid: key for key in desk.keys}
    folder = [desk.repo / KEYS]
    rows = tuple(
        KeyStatus(desk.name_of(keyid), keyid, key.uri, keys.find(key, folder) is not None)
        if (key := known.get(keyid))
        else KeyStatus(desk.name_of(keyid), keyid, "", here=False)
        for keyid in signers.keyids
    )
    if metadata is None:
        return RoleStatus(role, 0, None, None, signers.threshold, rows)
    left = (metadata.expires - at) // timedelta(days=1)
    return RoleStatus(role, metadata.version, metadata.expires, left, signers.threshold, rows)


def _role_line(one: RoleStatus) -> str:
    names = ", ".join(key.name for key in one.keys)
    who = f"{one.threshold} of {len(one.keys)} signs: {names}"
    if one.expires is None or one.days_left is None:
        return f"{one.role:<10} not published yet{'':<37}{who}"
    left = f"{one.days_left} days left" if one.days_left >= 0 else "EXPIRED"
    return f"{one.role:<10} version {one.version:<5} until {one.expires:%Y-%m-%d %H:%M} UTC  {left:<15} {who}"


def _notes(desk: Desk, roles: tuple[RoleStatus, ...]) -> Iterator[str]:
    try:
        check_newest(desk)
    except RepositoryError as error:
        yield str(error)
    if desk.standing.publication is None:
        yield "nothing is published yet"
    for one in roles:
        if one.days_left is not None and one.days_left < SOON_DAYS[one.role]:
            what = "has expired, and doors take nothing new" if one.days_left < 0 else "expires soon"
            how = "sign a new root, with the root keys" if one.role == "root" else "publish again"
            yield f"{one.role} {what}: {how}"
    root = roles[0]
    here = [key.name for key in root.keys if key.here]
    if len(here) >= root.threshold:
        yield (
            f"{', '.join(here)}: enough root keys to change everything lie in {desk.repo / KEYS}; move them "
            "to sticks, and keep those apart"
        )
    if desk.pinned != desk.standing.roots[-1]:
        newest = desk.public.metadata / f"{root.version}.root.json"
        yield f"new doors are given an older root: copy {newest} to {desk.repo / FOR_DEVICES / PIN}"
    used = {key.keyid for one in roles for key in one.keys}
    idle = [key.name for key in desk.keys if key.keyid not in used]
    if idle:
        yield f"keys that count for nothing (removed, or never put to use): {', '.join(idle)}"
