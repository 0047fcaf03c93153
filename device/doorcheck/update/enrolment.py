"""Enrolment: the root that a door trusts from then on, and the key of its deny lists."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from doorcheck.core.denytable import DenyListError, key_id
from doorcheck.edge.disk import Disk
from doorcheck.edge.store import StoreError, read_bounded, write_atomically
from doorcheck.update.errors import EnrolmentError, OtherRootError, StateError, disk_errors
from doorcheck.update.generation import DENY_KEY, KEY_PERMISSIONS, LARGEST_KEY_BYTES
from doorcheck.update.known import Known
from doorcheck.update.metadata import LIMITS
from doorcheck.update.state import ROOT, State

STATE_PERMISSIONS = 0o700


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a door was given; `fingerprint` is the SHA-256 of its root, to compare with the operator's."""

    fingerprint: str
    new_root: bool
    new_key: bool


def enrol(state: State, folder: Path, disk: Disk | None = None) -> Enrolled:
    """Pin the root in that folder and take the deny lists' key, if there is one.

    A door that is enrolled keeps its root; the folder may have that one or one that it
    trusts since. A new key counts for the lists to come, the installed one keeps its own.
    Raises `EnrolmentError`, `OtherRootError`, `BusyError`, `StateError`, `DiskFullError`.
    """
    disk = disk or Disk()
    root, key = _root(folder / ROOT), _key(folder / DENY_KEY)
    with disk_errors(state.path):
        if not state.path.is_dir():
            disk.make_folder(state.path, STATE_PERMISSIONS)
            disk.flush_folder(state.path.parent)
    with state.locked(), disk_errors(state.path):
        pinned = state.root() if (state.path / ROOT).exists() else None
        trusted = {pinned, *Known.of(state).metadata.values()}
        if pinned is not None and root not in trusted:
            raise OtherRootError(state.path)
        new_key = key is not None and _differs(state.path / DENY_KEY, key)
        for left in state.path.glob(".*.tmp"):  # by an enrolment that was cut off
            disk.remove(left)
        try:
            if key is not None and new_key:
                write_atomically(state.path / DENY_KEY, key, permissions=KEY_PERMISSIONS, disk=disk)
            if pinned is None:  # last: with it the door is enrolled
                write_atomically(state.path / ROOT, root, disk=disk)
        except StoreError as error:
            raise StateError(state.path, str(error)) from error
    return Enrolled(hashlib.sha256(root).hexdigest(), pinned is None, new_key)


def _root(path: Path) -> bytes:
    """A root that is signed by as many of its own keys as it says."""
    try:
        data = read_bounded(path, LIMITS.root_max_length)
        found = Metadata[Root].from_bytes(data)
        if not isinstance(found.signed, Root):
            raise EnrolmentError(f"{path}: not a root; give the operator's for-devices/")
        found.signed.verify_delegate(Root.type, found.signed_bytes, found.signatures)
    except OSError as error:
        raise EnrolmentError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except RepositoryError as error:
        raise EnrolmentError(f"{path}: damaged ({error}); copy the operator's for-devices/ again") from error
    return data


def _key(path: Path) -> bytes | None:
    try:
        key = read_bounded(path, LARGEST_KEY_BYTES)
        key_id(key)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EnrolmentError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except DenyListError as error:
        raise EnrolmentError(f"{path}: {error}; copy the operator's for-devices/ again") from error
    return key


def _differs(path: Path, data: bytes) -> bool:
    return not path.exists() or path.read_bytes() != data
