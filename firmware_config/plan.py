"""What applying, or undoing, changes: files of these trees against files of a Pi.

A tree mirrors the Pi's paths: this folder itself, and each folder in `options/`. In
config.txt and fstab our lines are a section, in cmdline.txt words; every other file is ours
alone, under a header that says so.
"""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from firmware_config import configtxt, sections

HERE = Path(__file__).resolve().parent
WIFI_OFF, READ_ONLY_ROOT = "wifi-off", "read-only-root"
CLOCKS = {"ds3231": "rtc-ds3231", "pi5-cell": "rtc-pi5-cell"}
OPTIONS = (WIFI_OFF, *CLOCKS.values(), READ_ONLY_ROOT)
CONFIG, KERNEL, FSTAB = map(Path, ("boot/firmware/config.txt", "boot/firmware/cmdline.txt", "etc/fstab"))
HEADER = b"# doorcheck: put here by firmware_config/apply; `apply --undo` takes it away. New folders: "


class RefusedError(Exception):
    """Nothing was changed, for this reason."""


class FileError(Exception):
    """A file can't be read or written."""


@dataclass(frozen=True, slots=True)
class Change:
    """One file: its bytes now and then, None where there is none; empty folders to go with it."""

    path: Path
    before: bytes | None
    after: bytes | None
    folders: int = 0


@dataclass(slots=True)
class Target:
    """A boot partition, a root, or both; and what their owner should hear."""

    boot: Path | None
    root: Path | None
    warnings: list[str] = field(default_factory=list)

    def path(self, name: Path) -> Path | None:
        """Where a file of that name goes; None when its partition is not there to be changed."""
        if name.is_relative_to("boot/firmware"):
            return self.boot / name.relative_to("boot/firmware") if self.boot else None
        return self.root / name if self.root else None


def files(options: Iterable[str]) -> dict[Path, list[Path]]:
    """The files of the main tree and of these options: path on the Pi, and where its parts are."""
    found: dict[Path, list[Path]] = {}
    for tree in (HERE, *(HERE / "options" / option for option in options)):
        for top in ("boot", "etc"):
            for path in sorted((tree / top).rglob("*")):
                if path.is_file():
                    found.setdefault(path.relative_to(tree), []).append(path)
    return found


def changes(target: Target, options: Iterable[str] | None) -> Iterator[Change]:
    """What would change, so that these options hold and no others; None undoes everything.

    Raises `RefusedError`, `FileError`, `sections.SectionError`; nothing is written.
    """
    wanted = {} if options is None else files(options)
    for name in files(OPTIONS):
        path = target.path(name)
        if path is None:
            continue
        body = b"".join(part.read_bytes() for part in wanted.get(name, ()))
        change = _change(target, name, path, body if name in wanted else None)
        if change.before != change.after:
            yield change


def _change(target: Target, name: Path, path: Path, body: bytes | None) -> Change:
    before = read(path)
    if name in (CONFIG, KERNEL, FSTAB):
        if before is None and body is not None:
            raise FileError(f"{path} is not there: is this a Raspberry Pi's card?")
        if before is None:
            return Change(path, None, None)
        if name == KERNEL:
            after = sections.drop_words(before) if body is None else sections.put_words(before, words(body))
            return Change(path, before, after)
        if name == CONFIG and body is not None:
            target.warnings += _warnings(path, before, body)
            body = b"[all]\n" + body + b"[all]\n"
        return Change(path, before, sections.drop(before) if body is None else sections.put(before, body))
    ours = before is not None and before.startswith(HEADER)
    if before is not None and not ours and body is not None:
        raise RefusedError(f"{path} is there, and is not ours: move it away, or merge it by hand")
    if body is None:
        return Change(path, before, None if ours else before, _folders_of(before or b""))
    new = _folders_of(before) if before is not None else _missing(path)
    return Change(path, before, HEADER + b"%d\n" % new + body, new)


def words(body: bytes) -> list[str]:
    """The kernel's words in a text of ours: one a line, comments left out."""
    return [line for line in body.decode().splitlines() if line and not line.startswith("#")]


def _warnings(path: Path, before: bytes, body: bytes) -> Iterator[str]:
    lines = (one for one in configtxt.settings(body.decode()) if one.key == "gpio")
    ours = frozenset[int]().union(*map(configtxt.pins, lines))
    theirs = sections.others(before).decode(errors="replace")
    try:
        for conflict in configtxt.conflicts(theirs, ours):
            yield f"{path}, {conflict}: change the wiring or that line"
    except configtxt.ConfigError as error:
        yield f"{path}, {error}: its pins were not checked"
    if (
        "camera_auto_detect=1" not in theirs
        and "dtoverlay=imx" not in theirs
        and "dtoverlay=ov" not in theirs
    ):
        yield f"{path} loads no camera: a module needs camera_auto_detect=1 there, a webcam nothing"


def _missing(path: Path) -> int:
    """How many folders above a file are not there yet."""
    return next(number for number, folder in enumerate(path.parents) if folder.is_dir())


def _folders_of(data: bytes) -> int:
    said = data.split(b"\n", 1)[0].removeprefix(HEADER)
    return int(said) if said in (b"0", b"1", b"2", b"3") else 0


def read(path: Path) -> bytes | None:
    """A file's bytes; None where there is none. Raises `FileError`."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from error


def diff(change: Change) -> str:
    """A unified diff of one file, for people."""
    before, after = _lines(change.before), _lines(change.after)
    names = ["/dev/null" if data is None else str(change.path) for data in (change.before, change.after)]
    return "\n".join(difflib.unified_diff(before, after, names[0], names[1], lineterm="")) + "\n"


def _lines(data: bytes | None) -> list[str]:
    lines = (data or b"").decode(errors="replace").split("\n")
    last = lines.pop()
    return [*lines, f"{last}\n\\ No newline at end of file"] if last else lines


def write(change: Change) -> None:
    """Make the change: whole or not at all, whatever the power does. Raises `FileError`."""
    try:
        if change.after is None:
            _remove(change)
        else:
            change.path.parent.mkdir(parents=True, exist_ok=True)
            _replace(change.path, change.after)
    except OSError as error:
        raise FileError(
            f"{change.path}: {error.strerror}; what stands before it is done, the rest is not: run it again"
        ) from error


def _remove(change: Change) -> None:
    change.path.unlink()
    for folder in list(change.path.parents)[: change.folders]:
        if any(folder.iterdir()):
            return
        folder.rmdir()


def _replace(path: Path, data: bytes) -> None:
    mode = path.stat().st_mode & 0o7777 if path.exists() else 0o644
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(handle, mode)
        os.fsync(handle)
    Path(name).replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
