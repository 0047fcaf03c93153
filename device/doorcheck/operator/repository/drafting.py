"""A new publication: drafted in memory, tried on a door's own client, then written, the switch last."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from tuf.api.metadata import MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from doorcheck.operator.repository.desk import Desk
from doorcheck.operator.repository.keys import Unlocked
from doorcheck.operator.repository.publiccheck import Checked, check
from doorcheck.operator.repository.publicfolder import TIMESTAMP, Publication
from doorcheck.operator.repository.settings import Versions


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be written: metadata files by name, `timestamp.json` last."""

    publication: Publication
    files: Mapping[str, bytes]
    renewed: tuple[str, ...]
    """The roles that signed something new, from above."""

    def versions(self, used: Versions, root: int) -> Versions:
        """The numbers used up once this is written."""
        one = self.publication
        return Versions(
            root,
            max(used.targets, one.targets.version),
            max(used.snapshot, one.snapshot.version),
            one.timestamp.version,
        )


def renewals(desk: Desk, at: datetime, files: Mapping[str, TargetFile]) -> set[str]:
    """The roles that a publication of these files must sign anew.

    The timestamp always; what changed; what would expire before the new timestamp does, so
    that doors can count on the whole of its time; and what has a lower number than was used
    already, for doors may know that one.
    """
    before, until = desk.standing.publication, desk.expires("timestamp", at)
    if before is None or dict(files) != before.targets.targets or before.targets.expires < until:
        return {"targets", "snapshot", "timestamp"}
    if before.targets.version < desk.used.targets:
        return {"targets", "snapshot", "timestamp"}
    if before.snapshot.version < desk.used.snapshot or before.snapshot.expires < until:
        return {"snapshot", "timestamp"}
    return {"timestamp"}


def draft(
    desk: Desk,
    at: datetime,
    unlocked: Unlocked,
    renew: Collection[str],
    files: Mapping[str, TargetFile],
    *roots: Root,
) -> Draft:
    """Sign what is to be renewed, so that each of the roots accepts it. Raises `RepositoryError`."""
    roots = roots or (desk.standing.root,)
    before, written = desk.standing.publication, {}
    if before and "targets" not in renew:
        targets, targets_data = before.targets, before.targets_data
    else:
        targets = Targets(
            version=desk.used.targets + 1,
            expires=desk.expires("targets", at),
            targets=dict(files),
        )
        targets_data = desk.sign(targets, unlocked, *roots).to_bytes()
        written[f"{targets.version}.targets.json"] = targets_data
    if before and "snapshot" not in renew:
        snapshot, snapshot_data = before.snapshot, before.snapshot_data
    else:
        snapshot = Snapshot(
            version=desk.used.snapshot + 1,
            expires=desk.expires("snapshot", at),
            meta={"targets.json": _about(targets.version, targets_data)},
        )
        snapshot_data = desk.sign(snapshot, unlocked, *roots).to_bytes()
        written[f"{snapshot.version}.snapshot.json"] = snapshot_data
    timestamp = Timestamp(
        version=desk.used.timestamp + 1,
        expires=desk.expires("timestamp", at),
        snapshot_meta=_about(snapshot.version, snapshot_data),
    )
    written[TIMESTAMP] = desk.sign(timestamp, unlocked, *roots).to_bytes()
    publication = Publication(timestamp, snapshot, snapshot_data, targets, targets_data)
    return Draft(publication, written, tuple(sorted(renew, key=("targets", "snapshot", "timestamp").index)))


def _about(version: int, data: bytes) -> MetaFile:
    return MetaFile.from_data(version, data, ["sha256"])


def try_out(desk: Desk, at: datetime, files: Mapping[str, bytes]) -> Checked:
    """Let a door's own client read public/ as it will be. Raises `RepositoryError` when it refuses."""
    instead = {f"metadata/{name}": data for name, data in files.items()}
    return check(desk.public.folder, desk.pinned, at, instead)


def write_out(desk: Desk, files: Mapping[str, bytes], used: Versions) -> None:
    """Write metadata files in their order; `used` are the version numbers that they use up.

    A root's number is used up when its file is there: roots count on without a gap.
    Raises `RepositoryError`.
    """
    desk.use(replace(used, root=desk.standing.root.version))
    for name, data in files.items():
        desk.public.write_metadata(name, data)
    if used.root != desk.standing.root.version:
        desk.use(used)
