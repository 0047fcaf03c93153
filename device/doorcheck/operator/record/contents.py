"""The working state, lists/, as the record speaks of it: subjects, and the SHA-256 of each.

    subject        in lists/
    trust/NAME     trust/NAME.dctl
    deny/NAME      deny/NAME.dcdl
    revoked        revoked.json
    profile        profile/, a folder
    settings       settings.toml
    badges         badges.json
    release        release.json

A file's hash is that of its bytes; a folder's is that of a CBOR map, in the deterministic
form, of each file's path in it (bytes, with "/") to its hash. Empty folders do not count.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from doorcheck.operator.record.durable import why
from doorcheck.operator.record.logentry import canonical

FOLDER = "lists"

_SLOT = r"[a-z0-9][a-z0-9-]{0,31}"
_PATHS = (
    (re.compile(rf"trust/{_SLOT}"), ".dctl"),
    (re.compile(rf"deny/{_SLOT}"), ".dcdl"),
    (re.compile("revoked"), ".json"),
    (re.compile("profile"), ""),
    (re.compile("settings"), ".toml"),
    (re.compile("badges"), ".json"),
    (re.compile("release"), ".json"),
)
PROFILE = "profile"


class ContentsError(Exception):
    """The working state can't be read or named; the text says what, and why."""


def path_of(subject: str) -> Path:
    """Where a subject is, relative to lists/. Raises `ContentsError` for what is none."""
    for pattern, suffix in _PATHS:
        if pattern.fullmatch(subject):
            return Path(subject + suffix)
    raise ContentsError(f"{subject!r} is not in the working state: see trust/NAME, deny/NAME, revoked, ...")


def survey(lists: Path) -> dict[str, bytes]:
    """The state now: the SHA-256 of each subject. Files are read through, never held whole.

    A file that belongs to no subject stands under "./" and its path, so that comparing with
    the record shows it. Raises `ContentsError`.
    """
    profile = lists / PROFILE
    others = (path for path in _files(lists) if profile not in path.parents)
    found = {_subject(path.relative_to(lists)): digest(path) for path in others}
    rules = state(lists, PROFILE)
    return found if rules is None else {**found, PROFILE: rules}


def state(lists: Path, subject: str) -> bytes | None:
    """The SHA-256 of one subject now; None when it is not there. Raises `ContentsError`."""
    path = lists / path_of(subject)
    there = any(_files(path)) if subject == PROFILE and path.is_dir() else os.path.lexists(path)
    return digest(path) if there else None


def digest(path: Path) -> bytes:
    """The SHA-256 of a file, or of a folder as above. Raises `ContentsError`."""
    if path.is_dir() and not path.is_symlink():
        inside = {os.fsencode(file.relative_to(path)): _hash(file) for file in _files(path)}
        return hashlib.sha256(canonical(inside)).digest()
    return _hash(path)


def _subject(path: Path) -> str:
    for pattern, suffix in _PATHS:
        name = path.as_posix().removesuffix(suffix)
        if pattern.fullmatch(name) and path == Path(name + suffix):
            return name
    return f"./{path.as_posix()}"


def _files(folder: Path) -> Iterator[Path]:
    """Everything in a folder, to its depth, that is not a folder itself."""
    try:
        inside = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise ContentsError(f"cannot read {folder}: {why(error)}") from error
    for path in inside:
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        else:
            yield path


def _hash(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise ContentsError(f"{path} is not a plain file: put the file itself there, not a link")
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError as error:
        raise ContentsError(f"cannot read {path}: {why(error)}") from error
