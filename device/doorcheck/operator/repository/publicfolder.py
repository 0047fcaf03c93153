"""The folder that is pushed to doors: signed metadata and the files it names.

    public/metadata/1.root.json, 2.root.json ...     every root, for a door follows them one by one
    public/metadata/7.targets.json                   the files by name, length and SHA-256
    public/metadata/9.snapshot.json                  which targets
    public/metadata/timestamp.json                   which snapshot: replacing it is the one switch
    public/targets/NAME, as <sha256>.<last part>     the files

Names hold a version or a hash ("consistent snapshots" in TUF's specification, 6.2), so that
writing a publication touches nothing that an older one refers to; only `timestamp.json` is
replaced. Every change goes through one `Disk`, and is there whole or not at all.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from doorcheck.edge.disk import Disk
from doorcheck.edge.store import StoreError, read_bounded, write_atomically
from doorcheck.operator.repository.errors import RepositoryError, os_reason
from doorcheck.operator.text import printable

TIMESTAMP = "timestamp.json"
LARGEST_METADATA_BYTES = 5_000_000
"""What python-tuf's client takes: some 25 000 files in one publication."""
CHUNK_BYTES = 1024 * 1024

_ROOT_NAME = re.compile(r"([1-9][0-9]{0,8})\.root\.json")
_OURS = re.compile(r"[0-9]+\.(snapshot|targets)\.json|[0-9a-f]{64}\..+|\.[0-9a-f]{16}\.tmp")
"""What pruning may remove: names that this module gave. A stranger's file stays."""
_PART = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}"
_TARGET_NAME = re.compile(rf"{_PART}(/{_PART}){{0,9}}")

Role = TypeVar("Role", Root, Timestamp, Snapshot, Targets)


@dataclass(frozen=True, slots=True)
class Publication:
    """One whole set of metadata below a root: signatures checked, dates not."""

    timestamp: Timestamp
    snapshot: Snapshot
    snapshot_data: bytes
    targets: Targets
    targets_data: bytes

    def files(self) -> set[str]:
        """The paths in public/ that it needs, but for the roots and `timestamp.json`."""
        return {
            f"metadata/{self.snapshot.version}.snapshot.json",
            f"metadata/{self.targets.version}.targets.json",
            *(f"targets/{target.get_prefixed_paths()[0]}" for target in self.targets.targets.values()),
        }


@dataclass(frozen=True, slots=True)
class Standing:
    """What public/ holds: an unbroken chain of roots, and what is published under the newest."""

    roots: tuple[bytes, ...]
    """The files' bytes, from version 1 on."""
    root: Root
    publication: Publication | None


def check_target_name(name: str) -> None:
    """Raise `RepositoryError` for a name that is not safe in every folder and address."""
    if not _TARGET_NAME.fullmatch(name):
        raise RepositoryError(
            f"{printable(name)!r} can't be the name of a published file: use letters, digits, dots, dashes, "
            "underscores, and slashes between such parts"
        )


class PublicFolder:
    """Reads and writes one such folder. Every method may raise `RepositoryError`."""

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        self.folder = folder
        self.metadata = folder / "metadata"
        self.disk = disk or Disk()

    def read(self) -> Standing:
        """Read what stands there, and check each signature from the first root down."""
        roots = tuple(self._roots())
        root = self._chained(roots)
        published = (self.metadata / TIMESTAMP).exists()
        return Standing(roots, root, self._publication(root) if published else None)

    def _roots(self) -> Iterator[bytes]:
        try:
            names = [path.name for path in self.metadata.iterdir()]
        except OSError as error:
            raise RepositoryError(f"cannot read {self.metadata}: {os_reason(error)}") from error
        found = {int(match[1]) for name in names if (match := _ROOT_NAME.fullmatch(name))}
        for version in range(1, max(found, default=1) + 1):
            if version not in found:
                raise RepositoryError(
                    f"{self.metadata / f'{version}.root.json'} is missing: doors that know an earlier root "
                    "need it to reach the newest; copy it back from where this repository was pushed to"
                )
            yield self._read(f"{version}.root.json")

    def _chained(self, roots: tuple[bytes, ...]) -> Root:
        before: Root | None = None
        for version, data in enumerate(roots, 1):
            name = f"{version}.root.json"
            loaded = _parse(Root, data)
            if loaded is None or loaded.signed.version != version:
                raise self._damaged(name, "not a root of that version")
            result = loaded.signed.get_root_verification_result(
                before, loaded.signed_bytes, loaded.signatures
            )
            if not result:
                raise self._damaged(name, "not signed by enough keys of its own and of the root before it")
            before = loaded.signed
        if before is None:
            raise self._damaged("1.root.json", "missing")
        return before

    def _publication(self, root: Root) -> Publication:
        timestamp = self._load(Timestamp, TIMESTAMP, self._read(TIMESTAMP), root)
        about = timestamp.snapshot_meta
        snapshot_data = self._read(f"{about.version}.snapshot.json", about)
        snapshot = self._load(Snapshot, f"{about.version}.snapshot.json", snapshot_data, root)
        about = snapshot.meta["targets.json"]
        targets_data = self._read(f"{about.version}.targets.json", about)
        targets = self._load(Targets, f"{about.version}.targets.json", targets_data, root)
        return Publication(timestamp, snapshot, snapshot_data, targets, targets_data)

    def _read(self, name: str, expected: MetaFile | None = None) -> bytes:
        try:
            data = read_bounded(self.metadata / name, LARGEST_METADATA_BYTES)
            if expected:
                expected.verify_length_and_hashes(data)
        except OSError as error:
            raise self._damaged(name, os_reason(error)) from error
        except LengthOrHashMismatchError as error:
            raise self._damaged(name, "not the file that was published") from error
        return data

    def _load(self, kind: type[Role], name: str, data: bytes, root: Root) -> Role:
        loaded = _parse(kind, data)
        if loaded is None:
            raise self._damaged(name, "not metadata of that kind")
        if not root.get_verification_result(kind.type, loaded.signed_bytes, loaded.signatures):
            raise self._damaged(name, "not signed by this repository's keys")
        return loaded.signed

    def _damaged(self, name: str, reason: str) -> RepositoryError:
        advice = "copy public/ back from where it was pushed to last"
        if not name.endswith("root.json"):
            advice += f", or remove {self.metadata / TIMESTAMP} and publish again (no number is used twice)"
        return RepositoryError(f"{self.metadata / name}: {reason}; {advice}")

    def write_metadata(self, name: str, data: bytes) -> None:
        """Write one metadata file, flushed to the disk."""
        try:
            write_atomically(self.metadata / name, data, disk=self.disk)
        except StoreError as error:
            raise RepositoryError(_again(str(error))) from error

    def place(self, name: str, source: Path, before: TargetFile | None) -> TargetFile:
        """Take a file in under its hash; `before` is what the last publication has of that name.

        The file is read once and never held whole: it is hashed while it is copied. One
        that seems unchanged (the same length) is hashed alone first, to spare the copy. It
        is not linked, for who edits the source in place would then edit what is published.
        """
        try:
            if not source.is_file():
                raise RepositoryError(f"cannot publish {name}: {source} is not there, or no file")
            if before and source.stat().st_size == before.length and self._has(before):
                with source.open("rb") as stream:
                    if hashlib.file_digest(stream, "sha256").hexdigest() == before.hashes["sha256"]:
                        return TargetFile(before.length, dict(before.hashes), name)
            return self._copied(name, source)
        except OSError as error:
            raise RepositoryError(
                _again(f"cannot publish {name}: {error.filename or self.folder}: {os_reason(error)}")
            ) from error

    def _has(self, target: TargetFile) -> bool:
        path = self.folder / "targets" / target.get_prefixed_paths()[0]
        return path.is_file() and path.stat().st_size == target.length

    def _copied(self, name: str, source: Path) -> TargetFile:
        folder = self._made(name.split("/")[:-1])
        temporary = folder / f".{secrets.token_hex(8)}.tmp"
        digest, length = hashlib.sha256(), 0
        try:
            with source.open("rb") as stream, self.disk.writing(temporary) as write:
                while chunk := stream.read(CHUNK_BYTES):
                    digest.update(chunk)
                    length += len(chunk)
                    write(chunk)
            target = TargetFile(length, {"sha256": digest.hexdigest()}, name)
            self.disk.rename(temporary, self.folder / "targets" / target.get_prefixed_paths()[0])
        except BaseException:
            with suppress(FileNotFoundError):
                self.disk.remove(temporary)
            raise
        self.disk.flush_folder(folder)
        return target

    def _made(self, parts: list[str]) -> Path:
        folder = self.folder / "targets"
        for part in parts:
            if not (folder / part).is_dir():
                self.disk.make_folder(folder / part)
                self.disk.flush_folder(folder)
            folder /= part
        return folder

    def prune(self, keep: set[str], ending: str = "") -> int:
        """Remove files of that ending that this module wrote and `keep` (paths in public/) does not name.

        Returns how many it removed.
        """
        removed = 0
        try:
            for path in sorted(self.folder.rglob("*"), reverse=True):
                name = path.relative_to(self.folder).as_posix()
                if path.is_dir() and not path.is_symlink():
                    if name.startswith("targets/") and not any(path.iterdir()):
                        self.disk.remove_folder(path)
                elif _OURS.fullmatch(path.name) and name.endswith(ending) and name not in keep:
                    self.disk.remove(path)
                    removed += 1
        except OSError as error:
            raise RepositoryError(
                f"the publication is made, but an older one's {error.filename} can't be removed: "
                f"{os_reason(error)}; the next publication will try again"
            ) from error
        return removed


def _parse(kind: type[Role], data: bytes) -> Metadata[Role] | None:
    try:
        loaded = Metadata[Role].from_bytes(data)
    except DeserializationError:
        return None
    return loaded if isinstance(loaded.signed, kind) else None


def _again(reason: str) -> str:
    return f"{reason}; doors still get what they got before: mend that and do the same again"
