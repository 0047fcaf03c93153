"""What a publication consists of: the working state, in the form that doors take.

The deny list is keyed with the secret that doors share. Beside it stand deltas from the
last lists that were published, so that a door which has one of them takes a few kilobytes:
those lists are kept in REPO/previous/, oldest first.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from doorcheck import config
from doorcheck.core import denyfile
from doorcheck.core.denytable import DenyTable
from doorcheck.edge.store import StoreError, read_bounded, write_atomically
from doorcheck.operator import badges, releases
from doorcheck.operator.progress import shown
from doorcheck.operator.record.logchain import Head, HeadError
from doorcheck.operator.repository import DENY_KEY, FOR_DEVICES
from doorcheck.operator.repository.errors import RepositoryError, os_reason
from doorcheck.operator.repository.publicfolder import PublicFolder
from doorcheck.operator.workspace import LISTS, Workspace

PREVIOUS = "previous"
WORLD = "world.json"
BADGES = "badges.json"
MOST_PREVIOUS = 5
LARGEST_KEY_BYTES = 1024
LARGEST_WORLD_BYTES = 64 * 1024


@dataclass(slots=True)
class Composed:
    """The files of a publication by their published names, and what the operator ought to know."""

    targets: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    signers: int = 0
    denied: int = 0


def compose(repo: Path, at: datetime, head: Head, scratch: Path) -> Composed:
    """Make every file of a publication in a scratch folder.

    The same working state, time and head give the same bytes. Raises `RepositoryError`,
    `WorkspaceError`, `DenyListError`, `StoreError`.
    """
    made = Composed()
    workspace = Workspace(repo)
    _trust(made, workspace, at, scratch)
    _deny(made, workspace, repo, scratch)
    _rules(made, workspace)
    settings = scratch / "settings.toml"
    settings.write_bytes(
        b"" if workspace.settings is None else read_bounded(workspace.settings, config.LARGEST_BYTES)
    )
    made.targets["settings.toml"] = settings
    _badges(made, repo, at, scratch)
    if releases.load(repo) is not None:
        made.targets[releases.FILE] = repo / LISTS / releases.FILE
    world = {"format": 1, "published": _text(at), "log": head.to_object()}
    path = scratch / WORLD
    path.write_bytes(json.dumps(world, sort_keys=True).encode() + b"\n")
    made.targets[WORLD] = path
    return made


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _trust(made: Composed, workspace: Workspace, at: datetime, scratch: Path) -> None:
    seconds = int(at.timestamp())
    trust = workspace.trust()
    made.signers = len(trust)
    alive = sum(signer.not_after >= seconds for signer in trust)
    if not alive:
        made.notes.append(
            "no signer that still counts is in the trust lists: doors will refuse every pass (`import-trust`)"
        )
    path = scratch / "trust.dctl"
    path.write_bytes(trust.dump())
    made.targets["trust.dctl"] = path


def _deny(made: Composed, workspace: Workspace, repo: Path, scratch: Path) -> None:
    path = scratch / "deny.dcdl"
    with path.open("wb") as file:
        entries = shown(workspace.denied(), "the deny list", total=workspace.most_denied())
        digest = denyfile.write_list(entries, file.write, _key(repo))
    made.targets["deny.dcdl"] = path
    with _mapped(path) as new:
        table = DenyTable(new)
        made.denied = len(table)
        for number, older in enumerate(previous(repo)):
            with _mapped(older) as old:
                before = hashlib.sha256(old).hexdigest()
                if before == digest or DenyTable(old).key_id != table.key_id:
                    continue
                delta = denyfile.make_delta(old, new)
            if len(delta) < len(new) // 2:
                target = scratch / f"{number}.dcdd"
                target.write_bytes(delta)
                made.targets[f"deny/{before[:12]}-{digest[:12]}.dcdd"] = target


def _key(repo: Path) -> bytes:
    path = repo / FOR_DEVICES / DENY_KEY
    try:
        return read_bounded(path, LARGEST_KEY_BYTES)
    except OSError as error:
        raise RepositoryError(
            f"cannot read {path}: {os_reason(error)}; take it from your backup, or from any door"
        ) from error


def _rules(made: Composed, workspace: Workspace) -> None:
    folder = workspace.profile
    if folder is None:
        made.notes.append("no rules are chosen: doors judge by the minimum alone (`use-rules`)")
        return
    for path in sorted(folder.rglob("*.json")):
        made.targets[f"profile/{path.relative_to(folder).as_posix()}"] = path


def _badges(made: Composed, repo: Path, at: datetime, scratch: Path) -> None:
    """The badge key and the withdrawn badges, once there are any; no name is among them."""
    data = badges.published(badges.load(repo), int(at.timestamp()))
    if data is not None:
        made.targets[BADGES] = scratch / BADGES
        made.targets[BADGES].write_bytes(data)


def previous(repo: Path) -> list[Path]:
    """The deny lists that were published last, oldest first."""
    return sorted((repo / PREVIOUS).glob("*.dcdl"))


def remember(repo: Path, made: Composed) -> None:
    """Keep the deny list that was just published, and forget the oldest. Raises `StoreError`."""
    kept = previous(repo)
    new = made.targets["deny.dcdl"]
    if kept and _digest(kept[-1]) == _digest(new):
        return
    number = int(kept[-1].stem) + 1 if kept else 1
    folder = repo / PREVIOUS
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        write_atomically(folder / f"{number:06d}.dcdl", new.read_bytes())
        for old in [*kept][: max(0, len(kept) + 1 - MOST_PREVIOUS)]:
            old.unlink()
    except OSError as error:
        raise StoreError(f"cannot keep the deny list in {folder}: {os_reason(error)}") from error


def published_head(public: Path) -> Head:
    """The record's head that a copy of public/ holds, by its signed hash. Raises `RepositoryError`."""
    publication = PublicFolder(public).read().publication
    if publication is None or WORLD not in publication.targets.targets:
        raise RepositoryError(f"nothing is published in {public}")
    wanted = publication.targets.targets[WORLD].hashes["sha256"]
    path = public / "targets" / f"{wanted}.{WORLD}"
    try:
        data = read_bounded(path, LARGEST_WORLD_BYTES)
        if hashlib.sha256(data).hexdigest() != wanted:
            raise RepositoryError(f"{path} is not what was signed: copy it again")
        return Head.from_object(json.loads(data)["log"])
    except (OSError, ValueError, LookupError, HeadError) as error:
        reason = os_reason(error) if isinstance(error, OSError) else "it is no such file"
        raise RepositoryError(f"cannot read {path}: {reason}; copy it again") from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with mmap.mmap(handle, 0, access=mmap.ACCESS_READ) as mapped:
            yield mapped
    finally:
        os.close(handle)
