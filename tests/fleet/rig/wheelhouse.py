"""Releases for test hosts: this checkout's program as of a version, whole or broken in one way."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.fleet.rig.image import pip_python, wheels
from tests.fleet.rig.machine import call
from tests.fleet.rig.places import CHECKOUT

MACHINE: Final = "x86_64"
PYTHON: Final = "3.13"
IGNORED: Final = shutil.ignore_patterns("__pycache__", "*.egg-info")

Breakage = Callable[[Path], None]


def cannot_load(package: Path) -> None:
    """The program can't even be loaded."""
    box = package / "service" / "box.py"
    box.write_text(box.read_text() + '\n\nraise ImportError("a release that was never tried")\n')


def never_ready(package: Path) -> None:
    """The door's program ends before it is ready, every time."""
    command = package / "commands" / "run.py"
    command.write_text(command.read_text() + '\n\nraise RuntimeError("a release that was never tried")\n')


def dies_later(package: Path) -> None:
    """The door becomes ready, and dies a while later: what only the trial can see."""
    command = package / "commands" / "run.py"
    lines = "\n\nimport os, threading\n\nthreading.Timer(15, os._exit, (3,)).start()\n"
    command.write_text(command.read_text() + lines)


def project_wheel(folder: Path, version: str | None = None, breakage: Breakage | None = None) -> Path:
    """Build the checkout's wheel into a folder, as of another version and broken if that is asked for."""
    source = folder / "source"
    # A copy: setuptools leaves its traces where it builds.
    shutil.copytree(CHECKOUT / "device", source / "device", ignore=IGNORED)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / file, source)
    package = source / "device" / "doorcheck"
    if version is not None:
        init = package / "__init__.py"
        text, found = re.subn(r'(?m)^__version__ = ".*"$', f'__version__ = "{version}"', init.read_text())
        assert found == 1, init
        init.write_text(text)
    if breakage is not None:
        breakage(package)
    call((pip_python(), "-m", "pip", "-q", "wheel", "--no-deps", "-w", str(folder), str(source)))
    shutil.rmtree(source)
    return next(folder.glob("doorcheck-*.whl"))


def wheelhouse(cache: Path, folder: Path, version: str, breakage: Breakage | None = None) -> Path:
    """A folder as deploy/wheelhouse makes it: wheels, and release.json with their hashes."""
    folder.mkdir()
    for wheel in wheels(cache).glob("*.whl"):
        shutil.copy(wheel, folder)
    project_wheel(folder, version, breakage)
    listed = [
        {"name": wheel.name, "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest()}
        for wheel in sorted(folder.glob("*.whl"))
    ]
    release = {"format": 1, "version": version, "python": PYTHON, "wheels": {MACHINE: listed}}
    (folder / "release.json").write_text(json.dumps(release, indent=1) + "\n")
    return folder
