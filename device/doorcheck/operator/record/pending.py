"""New contents beside the working state, until the record decides: the steps 2 and 4 of `change.py`.

pending/put/ mirrors lists/; pending/remove/ holds an empty file for each subject that
goes; pending/old/ takes a folder that another replaces, for no rename can do that at once.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from doorcheck.edge.disk import Disk
from doorcheck.edge.store import StoreError
from doorcheck.operator.record import contents, durable

FOLDER = "pending"
PUT, REMOVE, OLD = "put", "remove", "old"

Write = bytes | Path | None
"""New contents: bytes, or a file or folder to copy; None removes."""


class StagingError(StoreError):
    """New contents can't be laid out; nothing has changed."""


class Fate(enum.Enum):
    """What became of a piece that a crash had left."""

    FINISHED = "finished"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Recovered:
    """A subject whose change was cut short, and what became of it."""

    subject: str
    fate: Fate

    def __str__(self) -> str:
        if self.fate is Fate.FINISHED:
            return f"{self.subject}: a change on record that was cut short is finished now"
        return (
            f"{self.subject}: a change that was cut short before it was on record is dropped; make it again"
        )


def stage(
    repo: Path, writes: Mapping[str, Write], before: Mapping[str, bytes], disk: Disk
) -> dict[str, bytes]:
    """Lay the new contents out and flush them; returns the whole state after the change.

    Raises `StagingError`, `ContentsError`.
    """
    if not writes:
        return dict(before)
    folder = repo / FOLDER
    with _storing(folder, StagingError):
        _drop(folder, disk)
        for part in (folder, folder / PUT, folder / REMOVE, folder / OLD):
            disk.make_folder(part)
        for subject, new in writes.items():
            if new is not None and (subject == contents.PROFILE) != (isinstance(new, Path) and new.is_dir()):
                raise StagingError(f"{subject} is a {'folder' if subject == contents.PROFILE else 'file'}")
            _lay(folder, contents.path_of(subject), new, disk)
        for inside, _, _ in os.walk(folder):
            disk.flush_folder(Path(inside))
        disk.flush_folder(repo)
    put = contents.survey(folder / PUT)
    for subject, new in writes.items():
        if new is not None and subject not in put:
            raise StagingError(f"there is no file in the new {subject}")
    kept = {subject: was for subject, was in before.items() if subject not in writes}
    return {**kept, **put}


def recover(repo: Path, on_record: Mapping[str, bytes], disk: Disk) -> tuple[Recovered, ...]:
    """Put in place what the record names, drop the rest; returns what there was.

    Can itself be cut short anywhere and called again. Raises `StoreError`, `ContentsError`.
    """
    folder = repo / FOLDER
    if not folder.is_dir():
        return ()
    found = []
    with _storing(folder, StoreError):
        for subject, digest in contents.survey(folder / PUT).items():
            fits = on_record.get(subject) == digest
            if fits:
                _put(repo, contents.path_of(subject), disk)
            found.append(Recovered(subject, Fate.FINISHED if fits else Fate.DROPPED))
        for subject in contents.survey(folder / REMOVE):
            fits = subject not in on_record
            if fits:
                _remove(repo, contents.path_of(subject), disk)
            found.append(Recovered(subject, Fate.FINISHED if fits else Fate.DROPPED))
        _drop(folder, disk)
    return tuple(found)


def drop(repo: Path, disk: Disk) -> None:
    """Forget what was laid out. Raises `StoreError`."""
    with _storing(repo / FOLDER, StoreError):
        _drop(repo / FOLDER, disk)


def _drop(folder: Path, disk: Disk) -> None:
    if folder.is_dir():
        disk.remove_tree(folder)
        disk.flush_folder(folder.parent)


def _lay(folder: Path, path: Path, new: Write, disk: Disk) -> None:
    target = folder / (REMOVE if new is None else PUT) / path
    _make_folders(target.parent, disk)
    if not isinstance(new, Path):
        with disk.writing(target) as write:
            write(new or b"")
    elif new.is_dir():
        _copy_folder(new, target, disk)
    else:
        durable.copy(new, target, disk)


def _copy_folder(source: Path, target: Path, disk: Disk) -> None:
    disk.make_folder(target)
    for path in sorted(source.iterdir()):
        if path.is_dir():
            _copy_folder(path, target / path.name, disk)
        else:
            durable.copy(path, target / path.name, disk)


def _put(repo: Path, path: Path, disk: Disk) -> None:
    new, place = repo / FOLDER / PUT / path, repo / contents.FOLDER / path
    _make_folders(place.parent, disk)
    if new.is_dir() and place.exists():
        _remove(repo, path, disk)
    disk.rename(new, place)
    disk.flush_folder(place.parent)


def _remove(repo: Path, path: Path, disk: Disk) -> None:
    place, old = repo / contents.FOLDER / path, repo / FOLDER / OLD / path.name
    if place.is_dir():
        if old.is_dir():  # this step was cut short, and somebody restored the folder since
            disk.remove_tree(old)
        disk.rename(place, old)
        disk.flush_folder(old.parent)
    elif place.exists():
        disk.remove(place)
    if place.parent.is_dir():
        disk.flush_folder(place.parent)


def _make_folders(folder: Path, disk: Disk) -> None:
    if not folder.is_dir():
        _make_folders(folder.parent, disk)
        disk.make_folder(folder)
        disk.flush_folder(folder.parent)


@contextmanager
def _storing(folder: Path, kind: type[StoreError]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise kind(f"the change stopped at {error.filename or folder}: {durable.why(error)}") from error
