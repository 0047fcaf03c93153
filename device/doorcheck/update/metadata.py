"""The Update Framework's client (python-tuf) on a pushed directory: what is trusted, and why not.

Nothing here touches the door's state: the client works on a copy of the metadata that the
door trusts so far, in a temporary folder, and what it trusts in the end is handed out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from doorcheck.core.moment import Moment
from doorcheck.update import names
from doorcheck.update.diagnosis import Diagnosis
from doorcheck.update.errors import MalformedError, StateError
from doorcheck.update.source import AbsentError, Source, plain_parts
from doorcheck.update.state import ROOT
from doorcheck.update.target import Target

FOLDER = "metadata/"
TARGETS = "targets/"
LARGEST_METADATA_BYTES = 2 * 1024 * 1024
"""Whatever length is signed: no metadata of a publication is larger."""
LIMITS = UpdaterConfig(
    max_root_rotations=256,
    root_max_length=256 * 1024,
    timestamp_max_length=16 * 1024,
    snapshot_max_length=64 * 1024,
    targets_max_length=1024 * 1024,
)


@dataclass(frozen=True, slots=True)
class Publication:
    """What the operator signed, as far as this door has a use for it.

    `files` are those of a generation, `deltas` lead to its deny list from earlier ones.
    `metadata` is what was trusted, by names from its folder. `unknown` counts signed files of
    kinds that this doorcheck does not know; they are left alone.
    """

    version: int
    files: Mapping[str, Target]
    deltas: Mapping[str, Target]
    metadata: Mapping[str, bytes]
    unknown: int


class DirectoryFetcher(FetcherInterface):
    """Fetches from a directory, whole and bounded; remembers what was asked for last."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.asked = ""

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """A file's bytes. Raises `DownloadHTTPError` for one that is not there, and `UpdateError`."""
        self.asked = url
        try:
            return self._source.read(url, min(max_length, LARGEST_METADATA_BYTES))
        except AbsentError:
            raise DownloadHTTPError(f"{url} is not there", 404) from None

    def _fetch(self, url: str) -> Iterator[bytes]:
        yield self.download_bytes(url, LARGEST_METADATA_BYTES)


def trusted(source: Source, root: bytes, known: Mapping[str, bytes], moment: Moment) -> Publication:
    """The publication in that directory, trusted from that root on and no older than what is known.

    `known` is the metadata of an earlier `Publication`. Raises `UpdateError`.
    """
    with TemporaryDirectory(prefix="doorcheck-") as folder:
        cache = Path(folder)
        for name, data in known.items():
            path = cache / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        fetcher = DirectoryFetcher(source)
        try:
            updater = Updater(folder, FOLDER, fetcher=fetcher, config=LIMITS, bootstrap=root)
        except RepositoryError as error:
            raise StateError(Path(ROOT), f"damaged ({error}); enrol the door again") from error
        # python-tuf has no parameter for the time: it reads the system's clock once, while it is
        # made. Nothing has been compared with that yet, so this is where our moment goes in.
        updater._trusted_set.reference_time = moment.utc
        try:
            updater.refresh()
        except (RepositoryError, DownloadError) as error:
            found = Diagnosis(fetcher.asked, LARGEST_METADATA_BYTES, cache, source, moment.utc)
            raise found.of(error) from error
        return _publication(cache)


def _publication(cache: Path) -> Publication:
    """What the client left in its folder: all of it verified."""
    consistent = Metadata[Root].from_file(str(cache / "root.json")).signed.consistent_snapshot
    targets = Metadata[Targets].from_file(str(cache / "targets.json")).signed
    for name in targets.targets:
        plain_parts(name)
    found = {name: _target(file, bool(consistent)) for name, file in targets.targets.items()}
    files = {name: target for name, target in found.items() if names.largest_bytes(name) is not None}
    deltas = {name: target for name, target in found.items() if names.is_delta(name)}
    _check(files, deltas)
    unknown = len(found) - len(files) - len(deltas)
    return Publication(targets.version, files, deltas, _metadata(cache), unknown)


def _target(file: TargetFile, consistent: bool) -> Target:
    digest = file.hashes.get("sha256", "")
    folder, slash, name = file.path.rpartition("/")
    place = f"{folder}{slash}{digest}.{name}" if consistent else file.path
    return Target(file.path, TARGETS + place, file.length, digest)


def _check(files: Mapping[str, Target], deltas: Mapping[str, Target]) -> None:
    """Raise `MalformedError` for a publication that no door can take."""
    for name in names.REQUIRED:
        if name not in files:
            raise MalformedError("targets.json", f"it does not name {name}")
    if sum(map(names.is_rules, files)) > names.MOST_PROFILE_FILES:
        raise MalformedError("targets.json", f"it names more than {names.MOST_PROFILE_FILES} files of rules")
    for name, target in {**files, **deltas}.items():
        most = names.largest_bytes(name) or names.LARGEST_DELTA_BYTES
        if target.length > most:
            raise MalformedError(name, f"{target.length} bytes, where {most} are the most")
        if not names.is_sha256(target.sha256):
            raise MalformedError(name, "it is signed without a SHA-256")


def _metadata(cache: Path) -> dict[str, bytes]:
    kept = sorted((cache / "root_history").iterdir())
    kept += [cache / f"{role.type}.json" for role in (Timestamp, Snapshot, Targets)]
    return {str(path.relative_to(cache)): path.read_bytes() for path in kept}
