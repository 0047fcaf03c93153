"""`tests/virtual_pi/pi`: the virtual Pi by hand."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image as Picture
from tests.virtual_pi import image as images
from tests.virtual_pi.header import Header
from tests.virtual_pi.image import Image, ImageError
from tests.virtual_pi.installed import installed
from tests.virtual_pi.lens import HALL, Lens
from tests.virtual_pi.machine import MachineError, VirtualPi, words_for_ssh

from doorcheck.lab.scenes import HEIGHT, WIDTH

FOLLOW_S = 0.05


def run_folder() -> Path:
    """Where the machine that was switched on by hand is."""
    return images.cache() / "run"


def tell(words: str) -> None:
    """Progress."""
    print(f"virtual Pi: {words}", file=sys.stderr, flush=True)  # noqa: T201 - a command


def up(image: Image) -> int:
    """Switch it on, on a fresh copy of the installed disk; it stays on."""
    folder = run_folder()
    if running() is not None:
        tell("it is on already: `pi ssh`, `pi down`")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    made = installed(image, tell)
    pi = VirtualPi(image, folder, base=made.disk, stays=True)
    pi.boot()
    (folder / "run.json").write_text(json.dumps({"port": pi.port, "pid": pi.pid}))
    tell(f"switched on; SSH after {pi.await_ssh():.0f} s")
    return 0


def running() -> tuple[int, int] | None:
    """Port and process of the machine that is on."""
    try:
        told = json.loads((run_folder() / "run.json").read_text())
        os.kill(told["pid"], 0)
    except (OSError, ValueError):
        return None
    return int(told["port"]), int(told["pid"])


def show(what: str) -> int:
    """Put a picture before the camera."""
    lens = Lens(run_folder() / "lens")
    if what == "hall":
        lens.show(what, HALL)
    else:
        picture = Picture.open(what).convert("L").resize((WIDTH, HEIGHT))
        lens.show(what, np.asarray(picture).tobytes())
    lens.close()
    return 0


def pins(follow: bool) -> int:
    """Print what is lit, once or at each change."""
    lens = Lens(run_folder() / "lens")
    header = Header(run_folder() / "memory", lens)
    last: frozenset[str] | None = None
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            levels = header.read()
            if levels.high != last:
                last = levels.high
                print(f"{levels.inside_s:9.2f}  {' '.join(sorted(last)) or 'dark'}", flush=True)  # noqa: T201
            if not follow:
                break
            time.sleep(FOLLOW_S)
    return 0


def down(image: Image, port: int, pid: int) -> int:
    """Shut it down, and wait."""
    poweroff = [*words_for_ssh(image, port), "sudo systemctl poweroff --no-block"]
    subprocess.run(poweroff, check=False, timeout=120)
    for _ in range(600):
        if running() is None:
            return 0
        time.sleep(0.2)
    tell(f"it does not power off: `pi cut` ends it (process {pid})")
    return 1


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="pi")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("image", "up", "cut", "down"):
        commands.add_parser(name)
    commands.add_parser("ssh").add_argument("words", nargs=argparse.REMAINDER)
    commands.add_parser("show").add_argument("what")
    commands.add_parser("pins").add_argument("--follow", action="store_true")
    arguments = parser.parse_args()
    try:
        return _do(arguments)
    except (ImageError, MachineError) as error:
        tell(str(error))
        return 1


def _do(arguments: argparse.Namespace) -> int:
    image = images.image(tell)
    if arguments.command == "image":
        installed(image, tell)
        return 0
    if arguments.command == "up":
        return up(image)
    on = running()
    if on is None:
        tell("it is off: `pi up` switches it on")
        return 1
    port, pid = on
    match arguments.command:
        case "ssh":
            return subprocess.run([*words_for_ssh(image, port), *arguments.words], check=False).returncode
        case "show":
            return show(arguments.what)
        case "pins":
            return pins(arguments.follow)
        case "cut":
            os.kill(pid, signal.SIGKILL)
            return 0
        case _:
            return down(image, port, pid)


if __name__ == "__main__":
    sys.exit(main())
