"""Other people's programs: found or named with the package that has them, run, their words kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import Image

PACKAGES: Final = {
    "openscad": "openscad",
    "wireviz": "wireviz",
    "dot": "graphviz",
    "xvfb-run": "xvfb xauth",
    "pdftoppm": "poppler-utils",
}
"""Programs, and the Debian packages that hold them."""

LONGEST_S: Final = 600


class ToolError(Exception):
    """A program is missing or failed; the text says which, and what to do."""


def tool(name: str) -> str:
    """The program's path. Raises `ToolError`, which names the package to install."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise ToolError(f"{name} is not installed: sudo apt-get install {PACKAGES[name]}")
    return found


def virtual_screen() -> list[str]:
    """What goes before a program that wants a screen, where there is none."""
    return [] if os.environ.get("DISPLAY") else [tool("xvfb-run"), "-a"]


def run(command: Sequence[str | Path]) -> str:
    """Run it; its words. Raises `ToolError` with their last lines when it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - found programs, our own arguments
            list(command), capture_output=True, text=True, check=False, timeout=LONGEST_S
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{Path(command[0]).name}: no end after {LONGEST_S} s") from error
    if done.returncode:
        told = (done.stderr or done.stdout).strip().splitlines()[-6:]
        raise ToolError("\n  ".join([f"{' '.join(map(str, command))}: exit code {done.returncode}", *told]))
    return done.stdout


def shrink(path: Path, colours: int = 64) -> None:
    """A rendered picture with a palette: a few flat colours need no more."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    small.save(path, "PNG", optimize=True)
