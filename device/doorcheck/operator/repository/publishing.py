"""What doors get: files under signed names, numbers and dates, published in one switch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from tuf.api.metadata import TargetFile

from doorcheck.edge.disk import Disk
from doorcheck.operator.repository.desk import PUBLIC, Desk, locked, opened, published, read, utc
from doorcheck.operator.repository.drafting import draft, renewals, try_out, write_out
from doorcheck.operator.repository.errors import RepositoryError
from doorcheck.operator.repository.keys import Passphrases
from doorcheck.operator.repository.publiccheck import Checked, check
from doorcheck.operator.repository.publicfolder import Publication, PublicFolder, check_target_name
from doorcheck.operator.repository.settings import Versions, write_versions

PUBLISHING = ("targets", "snapshot", "timestamp")
REFRESHING = ("snapshot", "timestamp")


@dataclass(frozen=True, slots=True)
class Published:
    """What doors get now."""

    checked: Checked
    renewed: tuple[str, ...]
    """The roles that signed something new: all three, or without "targets" when no file changed."""
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    """Names of files, sorted."""
    pruned: int
    """Old files that were removed from public/."""

    def lines(self) -> list[str]:
        """For people."""
        one = self.checked
        names = [*(f"+ {n}" for n in self.added), *(f"~ {n}" for n in self.changed)]
        return [
            *names,
            *(f"- {name}" for name in self.removed),
            f"{one.files} files, {one.total_bytes} bytes; targets version {one.versions.targets}, snapshot "
            f"{one.versions.snapshot}, timestamp {one.versions.timestamp}, root {one.versions.root}",
            f"checked as a door would; doors take it until {one.expires:%Y-%m-%d %H:%M} UTC",
        ]

    def as_object(self) -> dict[str, object]:
        """For JSON."""
        return {
            "versions": asdict(self.checked.versions),
            "expires": f"{self.checked.expires:%Y-%m-%dT%H:%M:%SZ}",
            "files": self.checked.files,
            "bytes": self.checked.total_bytes,
            "renewed": list(self.renewed),
            "added": list(self.added),
            "changed": list(self.changed),
            "removed": list(self.removed),
            "pruned": self.pruned,
        }


def publishing_keys(repo: Path) -> tuple[str, ...]:
    """The names of the keys that `publish` may use: ask for their passphrases."""
    return _key_names(repo, PUBLISHING)


def refreshing_keys(repo: Path) -> tuple[str, ...]:
    """The names of the keys that `refresh` may use."""
    return _key_names(repo, REFRESHING)


def root_keys(repo: Path) -> tuple[str, ...]:
    """The names of the keys of which a threshold must sign a new root."""
    return _key_names(repo, ("root",))


def token_keys(repo: Path) -> tuple[str, ...]:
    """The names of the keys that are on tokens: each needs its own PIN, under its name."""
    return tuple(key.name for key in read(repo).keys if key.on_token)


def _key_names(repo: Path, roles: Sequence[str]) -> tuple[str, ...]:
    desk = read(repo)
    ids = [keyid for role in roles for keyid in desk.standing.root.roles[role].keyids]
    return tuple(dict.fromkeys(desk.name_of(keyid) for keyid in ids))


def publish(
    repo: Path,
    targets: Mapping[str, Path],
    at: datetime,
    passphrases: Passphrases,
    *,
    folders: Sequence[Path] = (),
    disk: Disk | None = None,
) -> Published:
    """Publish these files, by their published names, and no others.

    When none has changed, only dates are renewed, as `refresh` does. `folders` are searched
    for key files beside REPO/keys. Raises `RepositoryError`; doors then get what they got.
    """
    at = utc(at)
    for name in targets:
        check_target_name(name)
    with opened(repo, disk) as desk:  # 1
        _check_root(desk, at)
        unlocked = desk.unlock(PUBLISHING, folders, passphrases)  # 2
        desk.require(REFRESHING, unlocked)
        before = desk.standing.publication
        old = before.targets.targets if before else {}
        files = {name: desk.public.place(name, path, old.get(name)) for name, path in targets.items()}  # 3
        renew = renewals(desk, at, files)
        desk.require(renew, unlocked)
        made = draft(desk, at, unlocked, renew, files)  # 4
        checked = try_out(desk, at, made.files)
        write_out(desk, made.files, made.versions(desk.used, desk.standing.root.version))  # 5, 6
        keep = made.publication.files() | (before.files() if before else set())
        pruned = desk.public.prune(keep, "" if "targets" in renew else ".snapshot.json")  # 7
    return _told(checked, made.renewed, old, files, pruned)


def refresh(
    repo: Path,
    at: datetime,
    passphrases: Passphrases,
    *,
    folders: Sequence[Path] = (),
    disk: Disk | None = None,
) -> Published:
    """Renew the dates of what is published: the timestamp, and a snapshot that would not last as long.

    Needs the daily key alone. Raises `RepositoryError`.
    """
    at = utc(at)
    with opened(repo, disk) as desk:
        _check_root(desk, at)
        before = desk.standing.publication
        if before is None:
            raise RepositoryError(f"nothing is published in {repo} yet: use `doorcheck operator publish`")
        _check_refreshable(desk, before, at)
        renew = renewals(desk, at, before.targets.targets) - {"targets"}
        unlocked = desk.unlock(renew, folders, passphrases)
        desk.require(renew, unlocked)
        made = draft(desk, at, unlocked, renew, before.targets.targets)
        checked = try_out(desk, at, made.files)
        write_out(desk, made.files, made.versions(desk.used, desk.standing.root.version))
        pruned = desk.public.prune(made.publication.files() | before.files(), ".snapshot.json")
    return _told(checked, made.renewed, before.targets.targets, before.targets.targets, pruned)


def verify(repo: Path, at: datetime) -> Checked:
    """Read public/ as a new door with the pinned root would, every file to its end.

    Raises `RepositoryError` that says what a door would refuse.
    """
    desk = read(repo)
    if desk.standing.publication is None:
        raise RepositoryError(f"nothing is published in {repo} yet: use `doorcheck operator publish`")
    return check(desk.public.folder, desk.pinned, utc(at))


def take_over_numbers(repo: Path, public: Path) -> Versions:
    """After a restored backup: go on from the version numbers of a newer copy of public/.

    `public` may be REPO/public itself, or a copy that was pushed somewhere. Its signatures
    are checked, its roots must continue this repository's, and roots that are missing here
    are copied. Its lists are not: bring lists/ and log/ up to date before, or the next
    publication takes back what that copy published. Raises `RepositoryError`.
    """
    with locked(repo):
        desk, other = read(repo), PublicFolder(public).read()
        own = desk.standing.roots
        if other.roots[: len(own)] != own:
            raise RepositoryError(
                f"{public} is of another repository, or has fewer roots than {repo / PUBLIC}"
            )
        for version in range(len(own) + 1, len(other.roots) + 1):
            desk.public.write_metadata(f"{version}.root.json", other.roots[version - 1])
        there, used = asdict(published(replace(desk, standing=other))), asdict(desk.used)
        numbers = Versions(**{role: max(number, used[role]) for role, number in there.items()})
        write_versions(repo, numbers)
    return numbers


def _check_root(desk: Desk, at: datetime) -> None:
    if desk.standing.root.expires <= at:
        raise RepositoryError(
            f"the root expired on {desk.standing.root.expires:%Y-%m-%d}, and doors take nothing under it: "
            "renew it with the root keys (`doorcheck operator rotate`), then publish"
        )


def _check_refreshable(desk: Desk, before: Publication, at: datetime) -> None:
    if before.targets.expires <= at:
        raise RepositoryError(
            f"what is published expired on {before.targets.expires:%Y-%m-%d}: `doorcheck operator publish` "
            "signs it anew, with the key of targets"
        )
    if before.targets.version < desk.used.targets:
        raise RepositoryError(
            f"{desk.public.folder} has version {before.targets.version} of targets, but {desk.used.targets} "
            "was begun: a publication was cut short, or public/ is an older copy. "
            "`doorcheck operator publish` mends that, with the key of targets"
        )


def _told(
    checked: Checked,
    renewed: tuple[str, ...],
    old: Mapping[str, TargetFile],
    new: Mapping[str, TargetFile],
    pruned: int,
) -> Published:
    return Published(
        checked,
        renewed,
        tuple(sorted(new.keys() - old.keys())),
        tuple(sorted(name for name in new.keys() & old.keys() if new[name] != old[name])),
        tuple(sorted(old.keys() - new.keys())),
        pruned,
    )
