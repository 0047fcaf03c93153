"""A release's folder, from wheels: a virtual environment (PEP 405) with these wheels in it, unpacked.

pip is not asked: boxes need not have it, and nothing of a release may run as root. A wheel
is an archive of what goes into site-packages; all that pip would add for ours is one script
and the compiled files. What a wheel may not hold here (other scripts, links, paths that lead
out) is refused.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import marshal
import os
import stat
import sys
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from releasing.disk import Disk, read_plain
from releasing.errors import RefusedError, why
from releasing.releasefile import Wheel

LARGEST_WHEEL_BYTES = 64 * 1024 * 1024
LARGEST_RELEASE_BYTES = 512 * 1024 * 1024
MOST_FILES = 20_000
LONGEST_PART_BYTES = 255
ROOM_BYTES = 16 * 1024 * 1024
"""Left free for the door's own files."""
PROGRAM = """\
#!{python} -sP
import sys

from doorcheck.cli import main

sys.exit(main())
"""
SETTINGS = """\
home = {home}
include-system-site-packages = true
version = {version}
executable = {python}
"""
"""The system's packages are in view: camera and systemd come from Debian; the wheels go first."""


@dataclass(frozen=True, slots=True)
class Base:
    """The Python that releases are run by."""

    python: Path
    version: str

    @classmethod
    def of_this(cls) -> Base:
        """The one that runs this script."""
        return cls(Path(sys.executable).resolve(), ".".join(map(str, sys.version_info[:3])))

    @property
    def minor(self) -> str:
        """Such as 3.13."""
        return self.version.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Pack:
    """Wheels whose hashes were right, and what they come to when they are unpacked."""

    folder: Path
    wheels: tuple[Wheel, ...]
    needed_bytes: int


def check(folder: Path, wheels: Iterable[Wheel]) -> Pack:
    """See that every wheel is there, whole, and fit to be unpacked. Raises `RefusedError`."""
    listed, seen, needed, count = tuple(wheels), set[str](), 0, 0
    for wheel in listed:
        for member, _ in _members(wheel.name, _bytes(folder, wheel)):
            if member.filename in seen:
                raise RefusedError(f"{wheel.name}: another wheel holds a file of the same name")
            seen.add(member.filename)
            count += 1
            needed += member.file_size * (2 if member.filename.endswith(".py") else 1) + 4096
            if count > MOST_FILES or needed > LARGEST_RELEASE_BYTES:
                raise RefusedError(f"{wheel.name}: the release is too large when unpacked")
    return Pack(folder, listed, needed)


def check_room(disk: Disk, path: Path, pack: Pack) -> None:
    """Raise `RefusedError` before the first byte is written, not after the last that fits."""
    free, needed = disk.free_bytes(path), pack.needed_bytes + ROOM_BYTES
    if free < needed:
        raise RefusedError(f"the disk is full: {path} needs {needed >> 20} MB free and has {free >> 20} MB")


def build(disk: Disk, pack: Pack, target: Path, base: Base) -> None:
    """Make the virtual environment in a folder that is not there yet; nothing is durable before `flush_all`.

    Raises `RefusedError` for a wheel that was changed since `check`; may raise `OSError`.
    """
    site = target / "lib" / f"python{base.minor}" / "site-packages"
    for folder in (target, target / "bin", target / "lib", site.parent, site):
        disk.make_folder(folder)
    disk.symlink(str(base.python), target / "bin/python")
    settings = SETTINGS.format(home=base.python.parent, version=base.version, python=base.python)
    disk.put(target / "pyvenv.cfg", settings.encode())
    disk.put(target / "bin/doorcheck", PROGRAM.format(python=target / "bin/python").encode(), 0o755)
    made = {site}
    for wheel in pack.wheels:
        for member, data in _members(wheel.name, _bytes(pack.folder, wheel)):
            _put(disk, site, made, member.filename, data)


def _put(disk: Disk, site: Path, made: set[Path], name: str, data: bytes) -> None:
    path = site / name
    _folders(disk, path.parent, made)
    disk.put(path, data)
    compiled = _compiled(path, data) if path.suffix == ".py" else None
    if compiled is not None:
        cached = Path(importlib.util.cache_from_source(str(path)))
        _folders(disk, cached.parent, made)
        disk.put(cached, compiled)


def _folders(disk: Disk, folder: Path, made: set[Path]) -> None:
    if folder not in made:
        _folders(disk, folder.parent, made)
        disk.make_folder(folder)
        made.add(folder)


def _compiled(path: Path, source: bytes) -> bytes | None:
    """The compiled file (PEP 552, unchecked); None for what does not compile, such as a template."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(source, str(path), "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError, RecursionError):
        return None
    unchecked = (1).to_bytes(4, "little")
    return importlib.util.MAGIC_NUMBER + unchecked + importlib.util.source_hash(source) + marshal.dumps(code)


def _bytes(folder: Path, wheel: Wheel) -> bytes:
    """The wheel, read once: what is hashed is what is unpacked, whatever others write meanwhile."""
    path = folder / wheel.name
    try:
        data = read_plain(path, LARGEST_WHEEL_BYTES)
    except FileNotFoundError:
        raise RefusedError(f"{wheel.name} is missing in {folder}: push the wheels again") from None
    except OSError as error:
        raise RefusedError(f"{path}: {why(error)}") from error
    if hashlib.sha256(data).hexdigest() != wheel.sha256:
        raise RefusedError(f"{wheel.name} is not the one that was signed: push the wheels again")
    return data


def _members(name: str, wheel: bytes) -> Iterator[tuple[zipfile.ZipInfo, bytes]]:
    """Each file of a wheel with its data. Raises `RefusedError`."""
    try:
        with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
            for member in archive.infolist():
                if member.is_dir():
                    continue
                _check_member(name, member)
                yield member, archive.read(member)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise RefusedError(f"{name}: not an archive that can be unpacked ({error})") from error


def _check_member(name: str, member: zipfile.ZipInfo) -> None:
    parts = member.filename.split("/")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if any(part in ("", ".", "..") or "\\" in part or not part.isprintable() for part in parts):
        raise RefusedError(f"{name}: holds a path that leads out of the release")
    if any(len(os.fsencode(part)) > LONGEST_PART_BYTES for part in parts) or len(member.filename) > 1000:
        raise RefusedError(f"{name}: holds a path that is too long")
    if kind not in (0, stat.S_IFREG):
        raise RefusedError(f"{name}: holds something else than files")
    if parts[0].endswith(".data"):
        raise RefusedError(f"{name}: holds files for other places than site-packages")
    if member.file_size > LARGEST_RELEASE_BYTES:
        raise RefusedError(f"{name}: holds a file that is too large")
