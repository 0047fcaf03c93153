"""A program: enrol a door, update it, go back, under an audit hook that sees each change of the disk.

    python watched_update.py TIME STATE FOR-DEVICES DIR...

It prints, as JSON, how many changes under STATE came out of `edge/disk.py`, and which did not.
An audit hook can't be taken away again, hence a process of its own.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from doorcheck.core.moment import Basis, Moment
from doorcheck.update import enrolment, install
from doorcheck.update.state import State

PATHS: dict[str, tuple[tuple[int, int | None], ...]] = {
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.link": ((0, 2), (1, 3)),
    "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),),
    "os.removexattr": ((0, None),),
    "os.rename": ((0, 2), (1, 3)),
    "os.rmdir": ((0, 1),),
    "os.setxattr": ((0, None),),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, None),),
    "os.utime": ((0, 3),),
}
"""Audit events that change the disk: which arguments are paths, and which the folders they start from."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
DISK = str(Path("doorcheck", "edge", "disk.py"))


class Watch:
    """The hook. What it can't place under a folder counts as under the door's."""

    def __init__(self, state: Path) -> None:
        self._state = str(state)
        self.through = 0
        self.around: list[str] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """See one event."""
        if event == "open":
            path, _, flags = arguments
            if not flags & WRITING or isinstance(path, int):
                return
            places = [os.fsdecode(path)]
        elif event in PATHS:
            places = [_place(arguments, *numbers) for numbers in PATHS[event]]
        else:
            return
        if not any(place.startswith(self._state) or not place.startswith("/") for place in places):
            return
        if _through_disk(sys._getframe(1)):
            self.through += 1
        else:
            self.around.append(f"{event} {places}")


def _place(arguments: tuple[Any, ...], number: int, folder: int | None) -> str:
    """A path, absolute where that can be known."""
    if isinstance(arguments[number], int):
        return str(_of_handle(arguments[number]))
    place = Path(os.fsdecode(arguments[number]))
    start = -1 if folder is None else arguments[folder]
    return str(place if start < 0 else _of_handle(start) / place)


def _of_handle(handle: int) -> Path:
    return Path(f"/proc/self/fd/{handle}").readlink()


def _through_disk(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.endswith(DISK):
            return True
        frame = frame.f_back
    return False


def main() -> None:
    """Do it, watched."""
    time, *words = sys.argv[1:]
    path, devices, *pushed = map(Path, words)
    state, moment = State(path), Moment(datetime.fromisoformat(time), Basis.OPERATOR)
    watch = Watch(path)
    sys.addaudithook(watch)
    enrolment.enrol(state, devices)
    for one in pushed:
        install.update(state, one, moment)
    install.back(state, moment)
    sys.stdout.write(json.dumps({"through": watch.through, "around": watch.around}))


if __name__ == "__main__":
    main()
