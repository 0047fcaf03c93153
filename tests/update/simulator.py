"""A repository that signs on demand: break one attribute, sign again, expect one message.

It makes what the operator's repository makes, by python-tuf's metadata API alone, and can
be told to do it wrong.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from doorcheck.core.denyfile import build, make_delta
from doorcheck.update.names import delta_name

ROLES = ("root", "timestamp", "snapshot", "targets")
TIMESTAMP = "metadata/timestamp.json"
KEYS = {"root": 2, "timestamp": 1, "snapshot": 1, "targets": 2}
"""How many keys a role has; all must sign."""

Files = dict[str, bytes]
Change = Callable[[Any], object]
"""Breaks one attribute of a role's metadata, in place, before it is signed."""


class Repository:
    """Keys, roots and the counters of versions; everything expires a week after it was made."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.signers = {role: [CryptoSigner.generate_ed25519() for _ in range(KEYS[role])] for role in ROLES}
        self.root = Root(expires=at + timedelta(days=365), consistent_snapshot=True)
        for role in ROLES:
            for signer in self.signers[role]:
                self.root.add_key(signer.public_key, role)
            self.root.roles[role].threshold = KEYS[role]
        self.roots = [self.sign("root", self.root)]
        self.versions = dict.fromkeys(("timestamp", "snapshot", "targets"), 0)
        self.contents: Files = {}
        self.log_entries = 0
        self.deny_lists: list[bytes] = []

    # Contents

    def deny(self, digests: Iterable[bytes], key: bytes = b"") -> None:
        """Publish that deny list from now on, with deltas from the ones before."""
        new = _built(tuple(digests), key)
        self.contents = {name: data for name, data in self.contents.items() if not name.startswith("deny/")}
        for old in self.deny_lists:
            name = delta_name(hashlib.sha256(old).hexdigest(), hashlib.sha256(new).hexdigest())
            self.contents[name] = _delta(old, new)
        self.contents["deny.dcdl"] = new
        self.deny_lists.append(new)

    def date(self, at: datetime) -> None:
        """Publish at that time from now on, after one more entry of the log."""
        self.at = at
        self.log_entries += 1
        head = hashlib.sha256(b"entry %d" % self.log_entries).hexdigest()
        self.contents["world.json"] = json.dumps(
            {
                "format": 1,
                "published": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "log": {"entries": self.log_entries, "head": head},
            }
        ).encode()

    # Keys

    def rotate(self, *roles: str) -> None:
        """Replace the first key of those roles; a new root, signed by the old keys and the new."""
        before = list(self.signers["root"])
        for role in roles:
            new = CryptoSigner.generate_ed25519()
            self.root.revoke_key(self.signers[role][0].public_key.keyid, role)
            self.root.add_key(new.public_key, role)
            self.signers[role][0] = new
        self.root.version += 1
        self.roots.append(self.sign("root", self.root, before + self.signers["root"]))

    def sign(self, role: str, signed: Any, signers: Iterable[CryptoSigner] | None = None) -> bytes:
        """A metadata file's bytes, signed by all keys of the role, or by those."""
        metadata: Metadata[Any] = Metadata(signed)
        for signer in self.signers[role] if signers is None else signers:
            metadata.sign(signer, append=True)
        return metadata.to_bytes()

    # Publications

    def publish(
        self,
        changes: Mapping[str, Change] | None = None,
        signers: Mapping[str, Iterable[CryptoSigner]] | None = None,
        *,
        whole: bool = True,
    ) -> Files:
        """The next publication's files; without the whole deny list unless `whole`."""
        changes, signers = changes or {}, signers or {}
        expires = self.at + timedelta(days=7)
        for role in self.versions:
            self.versions[role] += 1
        listed = {name: TargetFile.from_data(name, data, ["sha256"]) for name, data in self.contents.items()}

        def made(role: str, signed: Any) -> bytes:
            changes.get(role, lambda _signed: None)(signed)
            return self.sign(role, signed, signers.get(role))

        targets = Targets(version=self.versions["targets"], expires=expires, targets=listed)
        targets_data = made("targets", targets)
        about = MetaFile.from_data(targets.version, targets_data, ["sha256"])
        snapshot = Snapshot(version=self.versions["snapshot"], expires=expires, meta={"targets.json": about})
        snapshot_data = made("snapshot", snapshot)
        about = MetaFile.from_data(snapshot.version, snapshot_data, ["sha256"])
        timestamp = Timestamp(version=self.versions["timestamp"], expires=expires, snapshot_meta=about)
        files = {f"metadata/{number}.root.json": data for number, data in enumerate(self.roots, 1)}
        files[TIMESTAMP] = made("timestamp", timestamp)
        files[f"metadata/{snapshot.version}.snapshot.json"] = snapshot_data
        files[f"metadata/{targets.version}.targets.json"] = targets_data
        for name, data in self.contents.items():
            if whole or name != "deny.dcdl":
                files[target_path(name, data)] = data
        return files

    def renew(self, files: Files) -> Files:
        """The same publication under a newer timestamp."""
        timestamp = Metadata[Timestamp].from_bytes(files[TIMESTAMP]).signed
        self.versions["timestamp"] += 1
        timestamp.version = self.versions["timestamp"]
        timestamp.expires = self.at + timedelta(days=7)
        return {**files, TIMESTAMP: self.sign("timestamp", timestamp)}


@lru_cache(maxsize=64)
def _built(digests: tuple[bytes, ...], key: bytes) -> bytes:
    return build(digests, key)


@lru_cache(maxsize=64)
def _delta(old: bytes, new: bytes) -> bytes:
    return make_delta(old, new)


def target_path(name: str, data: bytes) -> str:
    """Where a signed file lies in the directory."""
    folder, slash, base = name.rpartition("/")
    return f"targets/{folder}{slash}{hashlib.sha256(data).hexdigest()}.{base}"


def push(files: Files, folder: Path) -> Path:
    """Write a publication's files into a folder."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder
