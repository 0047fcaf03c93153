"""A new repository: its keys, its first root, and what new doors are given."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_bytes

from securesystemslib.signer import SSlibKey
from tuf.api.metadata import Metadata, Root
from tuf.api.metadata import Role as Signers

from doorcheck.edge.disk import Disk
from doorcheck.edge.store import StoreError, write_atomically
from doorcheck.operator.repository import keys
from doorcheck.operator.repository.custody import Ring, custody
from doorcheck.operator.repository.desk import DENY_KEY, FOR_DEVICES, KEYS, PIN, PUBLIC, utc
from doorcheck.operator.repository.errors import RepositoryError, os_reason
from doorcheck.operator.repository.keys import KeyReference, Passphrases
from doorcheck.operator.repository.pkcs8 import SCRYPT_N
from doorcheck.operator.repository.settings import (
    SETTINGS,
    VERSIONS,
    Versions,
    check_days,
    write_settings,
    write_versions,
)

DENY_KEY_BYTES = 32
MOST_KEYS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How many keys a new repository has for what, and how many of them must sign together."""

    root_keys: int = 3
    root_threshold: int = 2
    targets_keys: int = 1
    targets_threshold: int = 1
    shared_daily_key: bool = True
    """One key for snapshot and timestamp, for both are signed each day; else one for each."""
    expiry_days: Mapping[str, int] = field(default_factory=dict)
    """By role; what is missing by default (`settings.EXPIRY_DAYS`)."""
    tokens: Mapping[str, str] = field(default_factory=dict)
    """Keys that are on tokens already, by name: {"root-1": "hsm:2?label=Root+stick"}."""

    def names(self) -> dict[str, tuple[str, ...]]:
        """The names of each role's keys."""
        daily = ("daily", "daily") if self.shared_daily_key else ("snapshot", "timestamp")
        return {
            "root": keys.new_names("root", self.root_keys),
            "targets": keys.new_names("targets", self.targets_keys),
            "snapshot": keys.new_names(daily[0], 1),
            "timestamp": keys.new_names(daily[1], 1),
        }

    def key_names(self) -> tuple[str, ...]:
        """The names of all keys, each once: each needs a passphrase, or a PIN."""
        return tuple(dict.fromkeys(name for names in self.names().values() for name in names))

    def check(self) -> None:
        """Raise `RepositoryError` for numbers that do not fit."""
        for role, count, threshold in (
            ("root", self.root_keys, self.root_threshold),
            ("targets", self.targets_keys, self.targets_threshold),
        ):
            if not 1 <= threshold <= count <= MOST_KEYS:
                raise RepositoryError(
                    f"{role}: {threshold} of {count} keys can't be; there are 1 to {MOST_KEYS} keys, and "
                    "from one to all of them must sign"
                )
        if unknown := set(self.tokens) - set(self.key_names()):
            raise RepositoryError(f"no key is called {min(unknown)}; they are {', '.join(self.key_names())}")
        try:
            check_days(self.expiry_days)
        except ValueError as error:
            raise RepositoryError(f"expiry: {error}") from error


@dataclass(frozen=True, slots=True)
class Founded:
    """What `init` made."""

    repo: Path
    keys: tuple[KeyReference, ...]
    root: Path
    """What new doors pin: for-devices/root.json."""
    fingerprint: str
    """Its SHA-256."""
    expires: datetime
    deny_key: Path
    custody: tuple[str, ...]
    """Where the keys belong, in plain words."""

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"made the repository {self.repo}",
            f"doors pin {self.root}, valid until {self.expires:%Y-%m-%d}",
            f"  SHA-256 {self.fingerprint}",
            "  note this on paper: it tells whether a door, or this folder, has the right root",
            "",
            *self.custody,
        ]

    def as_object(self) -> dict[str, object]:
        """For JSON."""
        return {
            "repository": str(self.repo),
            "root": str(self.root),
            "root_sha256": self.fingerprint,
            "root_expires": f"{self.expires:%Y-%m-%dT%H:%M:%SZ}",
            "keys": [{"name": key.name, "keyid": key.keyid, "uri": key.uri} for key in self.keys],
            "custody": list(self.custody),
        }


def init(
    repo: Path,
    at: datetime,
    passphrases: Passphrases,
    layout: Layout | None = None,
    *,
    scrypt_n: int = SCRYPT_N,
) -> Founded:
    """Make a repository in a new or an empty folder.

    Every key that `layout.key_names()` tells needs a passphrase, or on a token its PIN.
    `scrypt_n` is for tests. Raises `RepositoryError`; what was made is removed then.
    """
    at, layout = utc(at), layout or Layout()
    layout.check()
    _make_folder(repo)
    try:
        return _found(repo, at, passphrases, layout, scrypt_n)
    except BaseException as error:
        for name in (KEYS, PUBLIC, FOR_DEVICES):
            shutil.rmtree(repo / name, ignore_errors=True)
        for name in (SETTINGS, VERSIONS):
            with suppress(OSError):
                (repo / name).unlink()
        if isinstance(error, (OSError, StoreError)):
            reason = os_reason(error) if isinstance(error, OSError) else str(error)
            raise RepositoryError(f"cannot make a repository in {repo}: {reason}") from error
        raise


def _make_folder(repo: Path) -> None:
    try:
        repo.mkdir(parents=True, exist_ok=True)
        inside = next(repo.iterdir(), None)
    except OSError as error:
        raise RepositoryError(f"cannot make a repository in {repo}: {os_reason(error)}") from error
    if inside is not None:
        raise RepositoryError(
            f"{repo} is not empty (it has {inside.name}): give a new folder, for what is there may be keys"
        )


def _found(repo: Path, at: datetime, passphrases: Passphrases, layout: Layout, scrypt_n: int) -> Founded:
    folder = repo / KEYS
    for path in (folder, repo / FOR_DEVICES):
        path.mkdir(mode=0o700)
    for path in (repo / PUBLIC / "metadata", repo / PUBLIC / "targets"):
        path.mkdir(parents=True)
    made = {
        name: keys.new(name, layout.tokens.get(name), folder, passphrases, scrypt_n=scrypt_n)
        for name in layout.key_names()
    }
    keys.distinct(made.values())
    days = check_days(layout.expiry_days)
    root = _first_root(layout, made, at + timedelta(days=days["root"]))
    data = _signed(root, [made[name] for name in layout.names()["root"]], folder, passphrases)
    keys.write(folder, made.values())
    write_settings(repo, days)
    write_versions(repo, Versions(root=1))
    write_atomically(repo / PUBLIC / "metadata" / "1.root.json", data)
    pin, deny_key = repo / FOR_DEVICES / PIN, repo / FOR_DEVICES / DENY_KEY
    write_atomically(pin, data)
    keys.write_secret(deny_key, token_bytes(DENY_KEY_BYTES))
    for path in (repo / PUBLIC, repo, repo.parent):
        Disk().flush_folder(path)
    rings = {role: Ring(names, root.roles[role].threshold) for role, names in layout.names().items()}
    return Founded(
        repo,
        tuple(made.values()),
        pin,
        hashlib.sha256(data).hexdigest(),
        root.expires,
        deny_key,
        tuple(custody(rings, days)),
    )


def _first_root(layout: Layout, made: Mapping[str, KeyReference], expires: datetime) -> Root:
    thresholds = {"root": layout.root_threshold, "targets": layout.targets_threshold}
    public: dict[str, SSlibKey] = {key.keyid: key.public for key in made.values()}
    roles = {
        role: Signers([made[name].keyid for name in names], thresholds.get(role, 1))
        for role, names in layout.names().items()
    }
    return Root(version=1, expires=expires, keys=dict(public), roles=roles, consistent_snapshot=True)


def _signed(root: Root, by: Sequence[KeyReference], folder: Path, passphrases: Passphrases) -> bytes:
    metadata = Metadata(root)
    signers = keys.unlock(by, [folder], passphrases).signers
    for key in by:
        if key.keyid not in signers:
            raise RepositoryError(f"{key.name} can't sign: its PIN was not given")
        metadata.signatures[key.keyid] = signers[key.keyid].sign(metadata.signed_bytes)
    root.verify_delegate("root", metadata.signed_bytes, metadata.signatures)
    return metadata.to_bytes()
