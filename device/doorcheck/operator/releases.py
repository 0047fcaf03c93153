"""Which version of the program the doors of a fleet shall run: a wheelhouse, checked and named.

A wheelhouse is a folder of wheels with a `release.json` (`deploy/wheelhouse` makes one). What goes
on record, and is signed with every publication, is that small file; the wheels are pushed
beside it, and count by their hashes alone.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from doorcheck.edge.store import read_bounded
from doorcheck.operator.record import durable
from doorcheck.operator.workspace import LISTS, WorkspaceError
from doorcheck.update import release
from doorcheck.update.release import Release, ReleaseError

SUBJECT = "release"
FILE = "release.json"
LARGEST_WHEEL_BYTES = 64 * 1024 * 1024
"""Doors take no larger one."""


class ReleaseFolderError(WorkspaceError):
    """A folder is no release; the text says why, and what to do."""


def load(repo: Path) -> Release | None:
    """What the doors shall run; None while they keep what they have. Raises `ReleaseFolderError`."""
    path = repo / LISTS / FILE
    return _read(path) if path.exists() else None


def of_folder(folder: Path) -> Release:
    """The release in a wheelhouse, every wheel of it whole. Raises `ReleaseFolderError`."""
    found = _read(folder / FILE)
    for wheel in sorted(
        {one for wheels in found.wheels.values() for one in wheels}, key=lambda one: one.name
    ):
        path = folder / wheel.name
        try:
            data = read_bounded(path, LARGEST_WHEEL_BYTES)
        except OSError as error:
            raise ReleaseFolderError(
                f"cannot read {path}: {durable.why(error)}; make the folder again with `deploy/wheelhouse`"
            ) from error
        if hashlib.sha256(data).hexdigest() != wheel.sha256:
            raise ReleaseFolderError(
                f"{path} is not the wheel that {FILE} names; make the folder again with `deploy/wheelhouse`"
            )
    return found


def next_attempt(new: Release, before: Release | None) -> Release:
    """The same release for doors on which it failed: a file that differs from the one they declined."""
    attempt = before.attempt + 1 if before is not None else 1
    return msgspec.structs.replace(new, attempt=attempt)


def is_same(new: Release, before: Release | None) -> bool:
    """Whether doors would take it for what they have."""
    return before is not None and msgspec.structs.replace(new, attempt=before.attempt) == before


def is_other_under_that_version(new: Release, before: Release | None) -> bool:
    """Whether one of both is not what its version says; another kind of machine may be added."""
    if before is None or before.version != new.version:
        return False
    return any(set(before.wheels[one]) != set(new.wheels[one]) for one in before.wheels.keys() & new.wheels)


def _read(path: Path) -> Release:
    try:
        return release.read(read_bounded(path, release.LARGEST_BYTES))
    except OSError as error:
        raise ReleaseFolderError(f"cannot read {path}: {durable.why(error)}") from error
    except ReleaseError as error:
        raise ReleaseFolderError(f"{path}: {error}") from error
