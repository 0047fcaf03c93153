"""`deploy/wheelhouse FOLDER`: everything that boxes need for this version of the program, with hashes.

Packages come from the index that pip is set up for, each in the version and with one of the
SHA-256 that deploy/box.lock holds; the program's own wheel is built from this checkout, by the
setuptools of the same lock. Boxes reach no index: they are brought this folder.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from doorcheck import RELEASED
from doorcheck.operator import releases
from doorcheck.operator.releases import ReleaseFolderError
from doorcheck.update import release
from doorcheck.update.release import Release, Wheel

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "deploy/box.lock"
MACHINES = {
    "aarch64": "Raspberry Pi, 64-bit (arm64)",
    "x86_64": "PCs and test hosts (amd64)",
    "armv7l": "Raspberry Pi, 32-bit (armhf)",
}
USUAL = ("aarch64", "x86_64")
GLIBC = {"3.11": 36, "3.13": 41}
"""What Debian 12 and 13 have, by their Python: 2.36 and 2.41. Wheels for an older one run there too."""
OLDEST_GLIBC = 17
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "device")
TEXT = """\
examples:
  deploy/wheelhouse ~/wheels                      for Raspberry Pis and PCs with Debian 13
  deploy/wheelhouse ~/wheels --python 3.11        for boxes that still have Debian 12
  deploy/wheelhouse ~/wheels --machine aarch64    for Raspberry Pis alone
  deploy/wheelhouse ~/wheels --machine armv7l     whether there are wheels for 32-bit systems

then: doorcheck operator use-release ~/wheels, publish, and deploy/fleet roll-out
exit codes: 0 made; 1 not made: the text says why, and a folder that was there is as it was; 2 bad usage
"""


class NotMadeError(Exception):
    """No wheelhouse; the text says why, and what to do."""


def main(words: Sequence[str] | None = None) -> int:
    """Make one; the exit code."""
    parser = argparse.ArgumentParser(
        prog="deploy/wheelhouse",
        description="A release for the boxes: wheels, and a release.json with their hashes.",
        epilog=TEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    parser.add_argument(
        "--machine",
        choices=MACHINES,
        action="append",
        help=f"may be repeated (default: {' and '.join(USUAL)})",
    )
    parser.add_argument(
        "--python", choices=GLIBC, default="3.13", help="that of the boxes' system (default: 3.13, Debian 13)"
    )
    parser.add_argument(
        "--source", metavar="CHECKOUT", type=Path, default=ROOT, help="another checkout's program"
    )
    arguments = parser.parse_args(words)
    machines = tuple(dict.fromkeys(arguments.machine or USUAL))
    try:
        made = make(arguments.folder, machines, arguments.python, arguments.source)
    except (NotMadeError, ReleaseFolderError) as error:
        say(str(error))
        return 1
    names = {one.name: arguments.folder / one.name for wheels in made.wheels.values() for one in wheels}
    size = sum(path.stat().st_size for path in names.values()) >> 20
    which = f"doorcheck {made.version} for {', '.join(machines)}"
    sys.stdout.write(f"{arguments.folder}: {which}, {len(names)} wheels, {size} MB\n")
    return 0


def make(folder: Path, machines: Sequence[str], python: str, source: Path) -> Release:
    """Make the folder, or make it anew. Raises `NotMadeError`, `ReleaseFolderError`."""
    if folder.exists() and not (folder / releases.FILE).is_file() and any(folder.iterdir()):
        raise NotMadeError(f"{folder} is no wheelhouse, and not empty: name another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        work = Path(scratch)
        fetched = {machine: download(machine, python, work / machine) for machine in machines}
        own = build(source, work, next(iter(fetched.values())))
        made = work / "made"
        made.mkdir(0o755)
        listed = {}
        for machine, wheels in fetched.items():
            listed[machine] = tuple(Wheel(one.name, put(one, made)) for one in (own, *wheels))
        release_ = Release(version=own.name.split("-")[1], python=python, wheels=listed)
        (made / releases.FILE).write_bytes(release.dump(release_))
        found = releases.of_folder(made)
        replace(folder, made, work / "old")
    return found


def download(machine: str, python: str, folder: Path) -> list[Path]:
    """Every package of the lock, for such a machine. Raises `NotMadeError`, which names what there is not."""
    say(f"wheels for {machine}, {MACHINES[machine]}, Python {python}")
    done = pip(*fetching(machine, python, folder), "--requirement", str(LOCK))
    if done.returncode:
        raise NotMadeError(
            missing(machine, python, folder) or f"pip could not fetch them:\n{done.stderr.strip()}"
        )
    return sorted(folder.glob("*.whl"))


def missing(machine: str, python: str, folder: Path) -> str | None:
    """Which packages have no wheel for such a machine; None when that is not what is wrong."""
    lacking = []
    for entry in re.split(r"^(?=[a-z0-9])", LOCK.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        one = folder.with_name("one.lock")
        one.write_text(entry, encoding="utf-8")
        done = pip(*fetching(machine, python, folder), "--no-deps", "--requirement", str(one))
        if "No matching distribution" in done.stderr:
            lacking.append(entry.split(" ", 1)[0].replace("==", " "))
        elif done.returncode:
            return None
    if not lacking:
        return None
    words = (
        f"for {machine} ({MACHINES[machine]}) with Python {python} there is no wheel of {', '.join(lacking)}"
    )
    advice = "use a 64-bit system on these boxes" if machine == "armv7l" else "use another --python"
    return f"{words}; {advice}"


def fetching(machine: str, python: str, folder: Path) -> list[str]:
    """The words for pip: these hashes, for that machine, and nothing that would have to be built."""
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC[python], OLDEST_GLIBC - 1, -1)]
    words = ["download", "--require-hashes", "--only-binary", ":all:", "--dest", str(folder)]
    words += ["--implementation", "cp", "--python-version", python]
    return words + [f"--platform={one}" for one in (*platforms, f"manylinux2014_{machine}")]


def build(source: Path, work: Path, fetched: Sequence[Path]) -> Path:
    """The program's own wheel; the same checkout gives the same bytes. Raises `NotMadeError`."""
    say("the program's own wheel")
    copy, tools, built = work / "source", work / "tools", work / "own"
    copy.mkdir()
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    for name in SOURCES:
        path = source / name
        if path.is_dir():
            shutil.copytree(path, copy / name, ignore=ignore)
        elif path.is_file():
            shutil.copy(path, copy)
        else:
            raise NotMadeError(f"{path} is missing: {source} is no checkout of doorcheck")
    setuptools = [str(path) for path in fetched if path.name.startswith("setuptools-")]
    done = pip("install", "--no-index", "--no-deps", "--target", str(tools), *setuptools)
    if not done.returncode:
        words = (
            "wheel",
            "--no-index",
            "--no-deps",
            "--no-build-isolation",
            "--wheel-dir",
            str(built),
            str(copy),
        )
        done = pip(*words, PYTHONPATH=str(tools), SOURCE_DATE_EPOCH=str(int(RELEASED.timestamp())))
    found = sorted(built.glob("doorcheck-*-py3-none-any.whl"))
    if done.returncode or len(found) != 1:
        raise NotMadeError(f"the program's own wheel could not be built:\n{done.stderr.strip()}")
    return found[0]


def put(wheel: Path, folder: Path) -> str:
    """Copy a wheel, once for all machines that take the same; its SHA-256."""
    data = wheel.read_bytes()
    (folder / wheel.name).write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def replace(folder: Path, made: Path, old: Path) -> None:
    """Put the new folder in the place of the old one."""
    if folder.exists():
        folder.rename(old)
    made.rename(folder)


def pip(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run this environment's pip."""
    return subprocess.run(  # noqa: S603 (our own words)
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "-q", *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def say(words: str) -> None:
    """What takes a while, and what went wrong."""
    sys.stderr.write(f"wheelhouse: {words}\n")


if __name__ == "__main__":
    sys.exit(main())
