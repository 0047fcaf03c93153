"""Changing keys: a new root, signed by the old root keys and the new, which doors follow by themselves.

A role below the root (targets, or the daily snapshot and timestamp) changes its keys in
steps, each of which leaves a repository that every door accepts, should it end there:

1. a root under which the old keys and the new count;
2. what is published, signed anew, where the last root would not accept it as it is;
3. a root under which only the new keys count.

A change that breaks no signature, such as one more key, needs one new root alone.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tuf.api.metadata import Root

from doorcheck.edge.disk import Disk
from doorcheck.edge.store import StoreError, write_atomically
from doorcheck.operator.repository import keys
from doorcheck.operator.repository.desk import FOR_DEVICES, KEYS, PIN, Desk, opened, utc
from doorcheck.operator.repository.drafting import draft, try_out, write_out
from doorcheck.operator.repository.errors import RepositoryError
from doorcheck.operator.repository.keychange import Change, require_enough, to_renew
from doorcheck.operator.repository.keys import KeyReference, Passphrases, Unlocked
from doorcheck.operator.repository.pkcs8 import SCRYPT_N
from doorcheck.operator.repository.settings import Versions


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a change of keys did."""

    versions: Versions
    """The highest numbers used."""
    fingerprint: str
    """SHA-256 of the newest root, which new doors pin."""
    expires: datetime
    """When that root does."""
    added: tuple[KeyReference, ...]
    removed: tuple[str, ...]

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"root version {self.versions.root}, valid until {self.expires:%Y-%m-%d}",
            *(f"new: {key.name}, {key.uri}" for key in self.added),
            *(f"{name} counts no longer: destroy it once every door has this" for name in self.removed),
            f"new doors pin for-devices/root.json, SHA-256 {self.fingerprint}",
            "doors in service follow by themselves with their next update: push public/ to each",
        ]

    def as_object(self) -> dict[str, object]:
        """For JSON."""
        return {
            "root_version": self.versions.root,
            "root_sha256": self.fingerprint,
            "root_expires": f"{self.expires:%Y-%m-%dT%H:%M:%SZ}",
            "added": [{"name": key.name, "keyid": key.keyid, "uri": key.uri} for key in self.added],
            "removed": list(self.removed),
        }


def renew_root(
    repo: Path,
    at: datetime,
    passphrases: Passphrases,
    *,
    folders: Sequence[Path] = (),
    disk: Disk | None = None,
) -> Rotated:
    """Sign a new root with the same keys, valid for another full period; see `rotate`."""
    return rotate(repo, Change("root"), at, passphrases, folders=folders, disk=disk)


def new_key_names(repo: Path, change: Change) -> tuple[str, ...]:
    """The names that a change's new keys will get: first the made ones, then those on tokens."""
    return keys.new_names(change.group, change.new_keys, keys.read(repo / KEYS))


def rotate(
    repo: Path,
    change: Change,
    at: datetime,
    passphrases: Passphrases,
    *,
    folders: Sequence[Path] = (),
    new_folder: Path | None = None,
    scrypt_n: int = SCRYPT_N,
    disk: Disk | None = None,
) -> Rotated:
    """Change a group's keys or threshold.

    `folders` are searched for key files beside REPO/keys: the root keys' sticks.
    `passphrases` serve the old keys and the new, whose names `new_key_names` tells; new
    files are written to `new_folder`, by default REPO/keys. Raises `RepositoryError`: too
    few keys are here (it names the missing), a name is unknown, the threshold does not fit.
    """
    at = utc(at)
    with opened(repo, disk) as desk:
        renew = to_renew(desk, change)
        unlocked = desk.unlock({"root", *change.roles, *renew}, folders, passphrases)
        desk.require({"root"} | (renew - set(change.roles)), unlocked)
        if renew or change.group == "root":
            require_enough(desk, change, unlocked)
        new_folder = new_folder or repo / KEYS
        added = _new_keys(desk, change, passphrases, new_folder, scrypt_n)
        try:
            desk = replace(desk, keys=keys.distinct([*desk.keys, *added]))
            new = keys.unlock(added, [new_folder], passphrases)
            unlocked = Unlocked({**unlocked.signers, **new.signers}, {**unlocked.missing, **new.missing})
            roots = _roots(desk, change, added, at, split=bool(renew))
            files, used = _signed(desk, at, unlocked, roots, renew)
            if _is_current(desk, at, renew):
                try_out(desk, at, files)
            keys.write(repo / KEYS, desk.keys, disk)
        except BaseException:
            _forget(added, new_folder)
            raise
        newest = files[f"{used.root}.root.json"]
        _write(desk, files, used, newest)
    fingerprint = hashlib.sha256(newest).hexdigest()
    return Rotated(used, fingerprint, roots[-1].expires, added, tuple(change.remove))


def _new_keys(
    desk: Desk, change: Change, passphrases: Passphrases, folder: Path, scrypt_n: int
) -> tuple[KeyReference, ...]:
    names = keys.new_names(change.group, change.new_keys, desk.keys)
    uris: list[str | None] = [*[None] * change.add, *change.tokens]
    made: list[KeyReference] = []
    try:
        for name, uri in zip(names, uris, strict=True):
            made.append(keys.new(name, uri, folder, passphrases, scrypt_n=scrypt_n))
    except BaseException:
        _forget(made, folder)
        raise
    return tuple(made)


def _forget(made: Iterable[KeyReference], folder: Path) -> None:
    """Remove the files of new keys again, which count for nothing yet."""
    for key in made:
        if path := keys.find(key, [folder]):
            path.unlink()


def _roots(
    desk: Desk, change: Change, added: Sequence[KeyReference], at: datetime, *, split: bool
) -> list[Root]:
    """The roots to sign: the last one, and before it, where `split`, one under which all keys count."""
    old = desk.standing.root
    last = copy.deepcopy(old)
    last.version += 1
    last.expires = desk.expires("root", at)
    for key in added:
        for role in change.roles:
            last.add_key(key.public, role)
    between = copy.deepcopy(last)
    for role in change.roles:
        last.roles[role].threshold = change.threshold_of(role, old)
        between.roles[role].threshold = min(last.roles[role].threshold, old.roles[role].threshold)
        for keyid in old.roles[role].keyids:
            if desk.name_of(keyid) in change.remove:
                last.revoke_key(keyid, role)
    if not split:
        return [last]
    last.version += 1
    return [between, last]


def _signed(
    desk: Desk, at: datetime, unlocked: Unlocked, roots: Sequence[Root], renew: set[str]
) -> tuple[dict[str, bytes], Versions]:
    """The files to write, in their order, and the version numbers that they use up."""
    before, signed = desk.standing.root, []
    for root in roots:
        signed.append((f"{root.version}.root.json", desk.sign(root, unlocked, before, root).to_bytes()))
        before = root
    publication = desk.standing.publication
    if not renew or publication is None:
        return dict(signed), replace(desk.used, root=before.version)
    made = draft(desk, at, unlocked, renew, publication.targets.targets, *roots)
    files = {**dict(signed[:-1]), **made.files, **dict(signed[-1:])}
    return files, made.versions(desk.used, before.version)


def _is_current(desk: Desk, at: datetime, renew: set[str]) -> bool:
    """Whether doors take what is published at that time; else their client can't try the new keys on it."""
    one = desk.standing.publication
    return one is not None and all(
        role.expires > at for role in (one.targets, one.snapshot, one.timestamp) if role.type not in renew
    )


def _write(desk: Desk, files: Mapping[str, bytes], used: Versions, pin: bytes) -> None:
    try:
        write_out(desk, files, used)
        write_atomically(desk.repo / FOR_DEVICES / PIN, pin, disk=desk.public.disk)
    except (RepositoryError, StoreError) as error:
        raise RepositoryError(
            f"{error}. The keys may be half changed, in a state that doors accept: look at the repository's "
            "status, and add or remove what is still to be"
        ) from error
