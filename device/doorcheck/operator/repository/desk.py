"""The repository, opened for signing: its settings, its keys, and what is published.

It lies in REPO/repository.toml and REPO/versions.toml (`settings`), REPO/keys (`keys`),
REPO/public (`publicfolder`) and REPO/for-devices, which has what a new door is given: the root
that it pins, and the secret key of the deny list.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tuf.api.metadata import Metadata, Root

from doorcheck.edge.disk import Disk
from doorcheck.edge.store import read_bounded
from doorcheck.operator.repository import keys
from doorcheck.operator.repository.errors import RepositoryError, os_reason
from doorcheck.operator.repository.keys import KeyReference, Passphrases, Unlocked
from doorcheck.operator.repository.publicfolder import PublicFolder, Role, Standing
from doorcheck.operator.repository.settings import Versions, read_settings, read_versions, write_versions

KEYS, PUBLIC, FOR_DEVICES = "keys", "public", "for-devices"
PIN, DENY_KEY = "root.json", "deny.key"


@dataclass(frozen=True, slots=True)
class Desk:
    """An open repository."""

    repo: Path
    public: PublicFolder
    expiry_days: Mapping[str, int]
    keys: tuple[KeyReference, ...]
    standing: Standing
    used: Versions
    """The highest numbers used so far."""
    pinned: bytes
    """The root that new doors are given: one of the chain in public/."""

    def expires(self, role: str, at: datetime) -> datetime:
        """When metadata that the role signs at a time expires."""
        return at + timedelta(days=self.expiry_days[role])

    def name_of(self, keyid: str) -> str:
        """The key's name; the begin of its id when keys.toml does not know it."""
        return next((key.name for key in self.keys if key.keyid == keyid), f"key {keyid[:8]}")

    def unlock(
        self, roles: Iterable[str], folders: Sequence[Path], passphrases: Passphrases, *more: Root
    ) -> Unlocked:
        """Open the keys that sign for some roles, under the newest root and `more`."""
        wanted = {
            keyid
            for root in (self.standing.root, *more)
            for role in roles
            for keyid in root.roles[role].keyids
        }
        found = keys.unlock(
            [key for key in self.keys if key.keyid in wanted],
            [self.repo / KEYS, *folders],
            passphrases,
        )
        unknown = wanted - {key.keyid for key in self.keys}
        missing = {self.name_of(keyid): f"{keys.LIST_NAME} does not list it" for keyid in unknown}
        return replace(found, missing={**found.missing, **missing})

    def sign(self, signed: Role, unlocked: Unlocked, *roots: Root) -> Metadata[Role]:
        """Sign with every unlocked key of the role, in the root's order; each root's threshold must be met.

        Raises `RepositoryError` that names the keys that are missing.
        """
        metadata: Metadata[Role] = Metadata(signed)
        data = metadata.signed_bytes
        for root in roots:
            for keyid in root.roles[signed.type].keyids:
                if keyid in unlocked.signers and keyid not in metadata.signatures:
                    metadata.signatures[keyid] = unlocked.signers[keyid].sign(data)
            if not root.get_verification_result(signed.type, data, metadata.signatures):
                raise self.short(signed.type, unlocked, root)
        return metadata

    def require(self, roles: Iterable[str], unlocked: Unlocked, root: Root | None = None) -> None:
        """Raise `RepositoryError` when a role's threshold can't be reached, before anything is written."""
        root = root or self.standing.root
        for role in sorted(roles):
            here = sum(keyid in unlocked.signers for keyid in root.roles[role].keyids)
            if here < root.roles[role].threshold:
                raise self.short(role, unlocked, root)

    def short(self, role: str, unlocked: Unlocked, root: Root) -> RepositoryError:
        """The error for a role that too few keys can sign for; it names the missing ones."""
        ids, needed = root.roles[role].keyids, root.roles[role].threshold
        names = [self.name_of(keyid) for keyid in ids if keyid not in unlocked.signers]
        reasons = "; ".join(f"{name}: {unlocked.missing.get(name, 'it did not sign')}" for name in names)
        return RepositoryError(
            f"{role} must be signed by {needed} of its {len(ids)} key{'s' * (len(ids) > 1)}, and "
            f"{len(ids) - len(names)} can sign here. Missing: {reasons}. Put in the stick or the token, name "
            "its folder, and give the passphrase; nothing was changed"
        )

    def use(self, versions: Versions) -> None:
        """Use version numbers up, before any metadata carries them."""
        write_versions(self.repo, versions, self.public.disk)


def utc(at: datetime) -> datetime:
    """The time in UTC, whole seconds. Raises `ValueError` for a time without a zone."""
    if at.utcoffset() is None:
        raise ValueError("a time without a zone")
    return at.astimezone(UTC).replace(microsecond=0)


def read(repo: Path, disk: Disk | None = None) -> Desk:
    """Open a repository to look at it. Raises `RepositoryError`."""
    public = PublicFolder(repo / PUBLIC, disk)
    known = keys.read(repo / KEYS)
    days, used = read_settings(repo), read_versions(repo)
    standing = public.read()
    pinned = _read_pin(repo / FOR_DEVICES / PIN, standing)
    return Desk(repo, public, days, known, standing, used, pinned)


@contextmanager
def opened(repo: Path, disk: Disk | None = None) -> Iterator[Desk]:
    """Open a repository to sign in it, alone, and make sure that it is not somebody's older copy.

    Raises `RepositoryError`.
    """
    with locked(repo):
        desk = read(repo, disk)
        check_newest(desk)
        yield desk


@contextmanager
def locked(repo: Path) -> Iterator[None]:
    """Keep other commands from writing in a repository. Raises `RepositoryError`."""
    try:
        handle = os.open(repo, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise RepositoryError(
            f"cannot open {repo}: {os_reason(error)}; `doorcheck operator init` makes a repository"
        ) from error
    try:
        _lock(handle, repo)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, repo: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RepositoryError(f"another command is writing in {repo}: wait until it is done") from error


def published(desk: Desk) -> Versions:
    """The version numbers that public/ holds."""
    publication, root = desk.standing.publication, desk.standing.root.version
    if publication is None:
        return Versions(root)
    return Versions(
        root, publication.targets.version, publication.snapshot.version, publication.timestamp.version
    )


def check_newest(desk: Desk) -> None:
    """Raise `RepositoryError` when public/ holds numbers that this copy never used.

    Doors may know what public/ holds, so what is signed here must be newer.
    """
    there = asdict(published(desk))
    for role, used in asdict(desk.used).items():
        if role != "root" and there[role] > used:
            raise RepositoryError(
                f"{desk.public.folder} holds version {there[role]} of {role}, but this repository remembers "
                f"only {used}: it was restored from an older backup, or another copy of it has published "
                "since. To publish from here would take back what was published there. Find the newest copy "
                "of the whole folder; if there is none, bring lists/ and log/ up to date first, then take "
                "over the numbers of public/"
            )
    if there["root"] < desk.used.root:
        raise RepositoryError(
            f"{desk.public.metadata / f'{desk.used.root}.root.json'} is missing though it was made: public/ "
            "was restored from an older copy; copy the file back from where it was pushed to"
        )


def _read_pin(path: Path, standing: Standing) -> bytes:
    try:
        pinned = read_bounded(path, keys.LARGEST_FILE_BYTES)
    except OSError as error:
        raise RepositoryError(
            f"cannot read {path}: {os_reason(error)}; copy the newest public/metadata/*.root.json there"
        ) from error
    if pinned not in standing.roots:
        raise RepositoryError(
            f"{path} is none of the roots in public/metadata: one of them was replaced. Compare its SHA-256 "
            "with the fingerprint that was noted when it was made, and restore the wrong one"
        )
    return pinned
