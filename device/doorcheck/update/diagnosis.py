"""From what python-tuf says to what an operator needs to know.

Its client stops at the first file that it can't trust. What it trusted before is in its
folder; the file that it stumbled over is in the pushed directory. Both are looked at again
here, only to find words: nothing that is found here makes anything trusted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import Metadata, Root, Signed, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from doorcheck.update.errors import (
    AlteredError,
    FrozenError,
    MalformedError,
    MissingFileError,
    MixedError,
    RolledBackError,
    ThresholdError,
    TruncatedError,
    UpdateError,
    WrongRootError,
)
from doorcheck.update.source import AbsentError, Source

ROLES = re.compile(r"metadata/(?:(\d+)\.)?(root|timestamp|snapshot|targets)\.json")
Role = TypeVar("Role", Root, Timestamp, Snapshot)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The file that was asked for last, what the client trusted by then, and the time it counted with."""

    asked: str
    most_bytes: int
    trusted: Path
    source: Source
    now: datetime

    def of(self, error: RepositoryError | DownloadError) -> UpdateError:
        """The error for the operator. Raises `UpdateError` when the file can't be read any more."""
        if isinstance(error, DownloadHTTPError):
            return MissingFileError(self.asked)
        if isinstance(error, ExpiredMetadataError):
            return self._expired()
        try:
            data = self.source.read(self.asked, self.most_bytes)
        except AbsentError:
            return MissingFileError(self.asked)
        try:
            found = Metadata[Any].from_bytes(data)
        except DeserializationError:
            return self._damaged(data)
        if isinstance(error, UnsignedMetadataError):
            return self._unsigned(found)
        if isinstance(error, LengthOrHashMismatchError):
            return self._another(found, data)
        if isinstance(error, BadVersionNumberError):
            return self._version(found.signed)
        return MalformedError(self.asked, str(error))

    @property
    def _role(self) -> str:
        named = ROLES.fullmatch(self.asked)
        return named[2] if named else self.asked

    def _of(self, role: type[Role]) -> Role:
        return Metadata[Role].from_file(str(self.trusted / f"{role.type}.json")).signed

    def _expired(self) -> UpdateError:
        """Name the first that is: an expired root is found out at the timestamp, and so on."""
        for role in (Root.type, Timestamp.type):
            path = self.trusted / f"{role}.json"
            if path.exists():
                trusted: Signed = Metadata[Any].from_file(str(path)).signed
                if trusted.is_expired(self.now):
                    return FrozenError(role, trusted.expires, self.now)
        offered: Signed = Metadata[Any].from_bytes(self.source.read(self.asked, self.most_bytes)).signed
        return FrozenError(self._role, offered.expires, self.now)

    def _damaged(self, data: bytes) -> UpdateError:
        signed_bytes = self._signed_bytes()
        cut = data.count(b"{") > data.count(b"}") or not data
        if signed_bytes is not None and len(data) != signed_bytes:
            cut = len(data) < signed_bytes
        return TruncatedError(self.asked, len(data), signed_bytes) if cut else AlteredError(self.asked)

    def _signed_bytes(self) -> int | None:
        """How long the file is by what vouches for it; None when nothing says so."""
        if self._role == Snapshot.type:
            return self._of(Timestamp).snapshot_meta.length
        if self._role == Targets.type:
            return self._of(Snapshot).meta["targets.json"].length
        return None

    def _unsigned(self, found: Metadata[Any]) -> UpdateError:
        root = self._of(Root)
        for delegator in (root, found.signed) if isinstance(found.signed, Root) else (root,):
            result = delegator.get_verification_result(self._role, found.signed_bytes, found.signatures)
            if not result.verified:
                break
        if not {*result.signed, *result.unsigned} & set(found.signatures):
            return self._stranger(root)
        if not result.signed:
            return AlteredError(self.asked)
        return ThresholdError(self.asked, len(result.signed), result.threshold)

    def _stranger(self, root: Root) -> UpdateError:
        """Signed by nobody that is known: another repository's, or a new root's that has been left out."""
        offered = [ROLES.fullmatch(f"metadata/{name}") for name in self.source.listing("metadata")]
        versions = {int(one[1]) for one in offered if one and one[2] == Root.type and one[1]}
        if self._role != Root.type and max(versions, default=0) > root.version:
            return MissingFileError(f"metadata/{root.version + 1}.root.json")
        return WrongRootError(self.asked)

    def _another(self, found: Metadata[Any], data: bytes) -> UpdateError:
        """Not the file whose hash is signed: another publication's, or no publication's."""
        known = self._of(Root).get_verification_result(self._role, found.signed_bytes, found.signatures)
        return MixedError(self.asked, self._role) if known.verified else self._damaged(data)

    def _version(self, offered: Signed) -> UpdateError:
        if isinstance(offered, Timestamp):
            known = self._of(Timestamp)
            if offered.version < known.version:
                return RolledBackError(Timestamp.type, offered.version, known.version)
            snapshots = offered.snapshot_meta.version, known.snapshot_meta.version
            return RolledBackError(Snapshot.type, *snapshots)
        if isinstance(offered, Snapshot) and offered.version == self._of(Timestamp).snapshot_meta.version:
            targets = [snapshot.meta["targets.json"].version for snapshot in (offered, self._of(Snapshot))]
            return RolledBackError("targets", *targets)
        return MixedError(self.asked, self._role)
