"""The next generation in the making: nothing that counts points at it yet.

Every file is flushed as it is written; names are flushed at the end. A file that did not
change is not written again but gets a second name, which spares the SD card.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from doorcheck.core.denyfile import apply_delta
from doorcheck.core.denytable import DenyListError
from doorcheck.edge.disk import Disk
from doorcheck.update.errors import AlteredError, MissingFileError, TruncatedError
from doorcheck.update.generation import MANIFEST, DamagedError, Entry, Generation, Manifest, mapped
from doorcheck.update.names import DENY
from doorcheck.update.source import AbsentError, Source
from doorcheck.update.state import State
from doorcheck.update.target import Target

Tell = Callable[[int], None]
"""Told of every so many bytes that were read or written."""


class Staging:
    """A folder that is filled file by file, and then becomes a generation. May raise `OSError`."""

    def __init__(self, state: State, disk: Disk, tell: Tell) -> None:
        self.folder = state.staging
        self.files: dict[str, Entry] = {}
        self.written_bytes = 0
        self._disk = disk
        self._tell = tell
        self._folders: list[Path] = []

    def begin(self) -> None:
        """Start from nothing."""
        generations = self.folder.parent
        if not generations.is_dir():
            self._disk.make_folder(generations)
            self._disk.flush_folder(generations.parent)
        self._make_folder(self.folder)

    def discard(self) -> None:
        """Remove all of it."""
        if self.folder.is_dir():
            self._disk.remove_tree(self.folder)

    def link(self, name: str, known: Generation | None, wanted: Entry) -> bool:
        """Take a file from that generation if it has it, whole; whether it did."""
        if known is None or known.manifest.files.get(name) != wanted:
            return False
        try:
            known.check([name])
        except DamagedError:
            return False
        self._make_folder_of(name)
        self._disk.link(known.folder / name, self.folder / name)
        self._tell(wanted.length)
        self.files[name] = wanted
        return True

    def write(self, name: str, data: bytes, known: Generation | None, permissions: int | None = None) -> None:
        """Put a small file there, from that generation if it has the same."""
        wanted = Entry(len(data), hashlib.sha256(data).hexdigest())
        if not self.link(name, known, wanted):
            with self._writing(name, permissions) as file:
                file.write(data)

    def fetch(self, target: Target, source: Source) -> None:
        """Copy a signed file out of the directory, and compare it on the way.

        Raises `MissingFileError`, `TruncatedError`, `AlteredError`, and as `Source.chunks` does.
        """
        with self._writing(target.name) as file:
            for chunk in _chunks(target, source):
                file.write(chunk)
            if file.entry.sha256 != target.sha256:
                raise AlteredError(target.place)

    def apply(self, delta: bytes, known: Generation, wanted: Entry) -> bool:
        """Make the new deny list out of that generation's; whether it came out as it is signed.

        What the older list is like is not looked at: of a damaged one comes no signed one.
        """
        try:
            with mapped(known.folder / DENY) as old, self._writing(DENY) as new:
                apply_delta(old, delta, new.write)
                if new.entry != wanted:
                    raise DenyListError("not what was signed")
        except (DamagedError, DenyListError):
            if (self.folder / DENY).exists():
                self._disk.remove(self.folder / DENY)
            return False
        return True

    def finish(self, manifest: Manifest) -> Generation:
        """Write the manifest and make all names durable; the generation can be loaded then."""
        with self._disk.writing(self.folder / MANIFEST) as write:
            write(msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=1))
        for folder in reversed(self._folders):
            self._disk.flush_folder(folder)
        return Generation(self.folder, manifest)

    @contextmanager
    def _writing(self, name: str, permissions: int | None = None) -> Iterator[_Counted]:
        self._make_folder_of(name)
        with self._disk.writing(self.folder / name, permissions) as write:
            counted = _Counted(write, self._tell)
            yield counted
        self.files[name] = counted.entry
        self.written_bytes += counted.entry.length

    def _make_folder_of(self, name: str) -> None:
        for parent in reversed((self.folder / name).parents):
            if parent.is_relative_to(self.folder):
                self._make_folder(parent)

    def _make_folder(self, path: Path) -> None:
        if path not in self._folders:
            self._disk.make_folder(path)
            self._folders.append(path)


class _Counted:
    """A file being written: its length and hash so far."""

    def __init__(self, write: Callable[[bytes], object], tell: Tell) -> None:
        self._write = write
        self._tell = tell
        self._length = 0
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Write on."""
        self._write(data)
        self._digest.update(data)
        self._length += len(data)
        self._tell(len(data))

    @property
    def entry(self) -> Entry:
        """What was written so far."""
        return Entry(self._length, self._digest.hexdigest())


def read(target: Target, source: Source) -> bytes:
    """A small signed file out of the directory. Raises as `Staging.fetch` does."""
    data = b"".join(_chunks(target, source))
    if hashlib.sha256(data).hexdigest() != target.sha256:
        raise AlteredError(target.place)
    return data


def _chunks(target: Target, source: Source) -> Iterator[bytes]:
    """The file's bytes, exactly as many as were signed."""
    length = 0
    try:
        for chunk in source.chunks(target.place, target.length):
            length += len(chunk)
            yield chunk
    except AbsentError:
        raise MissingFileError(target.place) from None
    if length < target.length:
        raise TruncatedError(target.place, length, target.length)
