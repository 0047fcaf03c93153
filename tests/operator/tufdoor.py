"""Doors as python-tuf's own client, and repositories with keys that cost nothing to open."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface, Updater

from doorcheck.operator import repository
from doorcheck.operator.repository import Change, Layout, Published, Rotated

AT = datetime(2026, 11, 23, 21, tzinfo=UTC)
DAY = timedelta(days=1)
CHEAP = 2
"""scrypt's cost, in the tests."""
GROUPS = ("root", "targets", "daily", "snapshot", "timestamp")
ALL = {group: f"the {group} keys' words".encode() for group in GROUPS}
ROOT_ONLY = {"root": ALL["root"]}
DAILY_ONLY = {"daily": ALL["daily"]}
PUBLISHING = {group: ALL[group] for group in GROUPS if group != "root"}

Contents = dict[str, bytes]


def make(folder: Path, layout: Layout | None = None) -> Path:
    """A new repository in a folder."""
    repo = folder / "repo"
    repository.init(repo, AT, ALL, layout, scrypt_n=CHEAP)
    return repo


def sources(folder: Path, contents: Mapping[str, bytes]) -> dict[str, Path]:
    """Files with these contents, by the names they shall be published under."""
    found = {}
    for name, data in contents.items():
        found[name] = folder / "sources" / name
        found[name].parent.mkdir(parents=True, exist_ok=True)
        found[name].write_bytes(data)
    return found


def publish(repo: Path, contents: Mapping[str, bytes], at: datetime = AT) -> Published:
    """Publish these contents, with all that publishing needs and no root key."""
    return repository.publish(repo, sources(repo.parent, contents), at, PUBLISHING)


def rotate(repo: Path, change: Change, at: datetime = AT) -> Rotated:
    """Change keys with every passphrase at hand."""
    return repository.rotate(repo, change, at, ALL, scrypt_n=CHEAP)


def tree(folder: Path) -> Contents:
    """Every file below a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


class Directory(FetcherInterface):
    """Serves a directory; `before` sees each name first."""

    def __init__(self, folder: Path, before: Callable[[str], None]) -> None:
        self.folder = folder
        self.before = before

    def _fetch(self, url: str) -> Iterator[bytes]:
        self.before(url)
        try:
            yield (self.folder / url).read_bytes()
        except FileNotFoundError:
            raise DownloadHTTPError(f"no {url}", 404) from None


class Door:
    """A device that pins a root and keeps what it trusted last."""

    def __init__(self, folder: Path, pin: bytes) -> None:
        self.folder = folder / hashlib.sha256(pin).hexdigest()[:8]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.pin = pin

    @classmethod
    def enrolled(cls, repo: Path, name: str = "door") -> Door:
        """A new door, given what the operator gives."""
        return cls(repo.parent / name, (repo / "for-devices" / "root.json").read_bytes())

    def pull(self, repo: Path, at: datetime = AT, before: Callable[[str], None] = lambda _: None) -> Contents:
        """Take the whole publication; raises python-tuf's own errors when it is not acceptable."""
        metadata, targets = self.folder / "metadata", self.folder / "targets"
        for folder in (metadata, targets):
            folder.mkdir(exist_ok=True)
        fetcher = Directory(repo / "public", before)
        client = Updater(str(metadata), "metadata/", str(targets), "targets/", fetcher, bootstrap=self.pin)
        client._trusted_set.reference_time = at  # the client has no other way to be told the time
        client.refresh()
        infos = client._trusted_set.targets.targets
        return {name: Path(client.download_target(info)).read_bytes() for name, info in infos.items()}
