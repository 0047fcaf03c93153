"""`last.json`: how the last attempt went, for the operator; readable by all, it holds no secret.

    outcome     installed   by hand, at provisioning
                on-trial    it counts, and may still be gone back from
                kept        it passed its trial
                returned    it failed its trial: the release before it counts again
                failed      it failed its trial, and there is nothing to go back to
    refused     nothing was changed

`declined` are the release.json that failed a trial here, by SHA-256: they are not taken again.
"""

from __future__ import annotations

import contextlib
import errno
import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from releasing.disk import LARGEST_JSON_BYTES, Disk, read_plain, write_whole
from releasing.errors import FileError, why
from releasing.places import Places

INSTALLED, ON_TRIAL, KEPT = "installed", "on-trial", "kept"
RETURNED, FAILED, REFUSED = "returned", "failed", "refused"
NAMES = ("version", "sha256", "outcome", "why", "at")
MOST_DECLINED = 8
BALLAST = "room"
BALLAST_BYTES = 16 * 1024
"""Given up for what must be told when the disk is full."""


@dataclass(frozen=True, slots=True)
class Last:
    """One attempt. `sha256` is that of its release.json; `declined` are those that failed a trial here."""

    version: str
    sha256: str
    outcome: str
    why: str
    at: str
    declined: tuple[str, ...] = ()


def read(places: Places) -> Last | None:
    """How it went; None when nothing was ever attempted, or what is written is damaged."""
    try:
        found: Any = json.loads(read_plain(places.last, LARGEST_JSON_BYTES))
        version, sha256, how, words, at = (str(found[name]) for name in NAMES)
        return Last(version, sha256, how, words, at, tuple(str(one) for one in found["declined"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def write(disk: Disk, places: Places, last: Last) -> None:
    """Tell it; what failed a trial before stays declined. Raises `FileError`."""
    before = read(places)
    declined = before.declined if before else ()
    if last.outcome == RETURNED and last.sha256:
        declined = (*(one for one in declined if one != last.sha256), last.sha256)[-MOST_DECLINED:]
    told = {"format": 1, **asdict(replace(last, declined=declined))}
    data = json.dumps(told, indent=1).encode() + b"\n"
    ballast = places.kept / BALLAST
    try:
        try:
            write_whole(disk, places.last, data)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not ballast.exists():
                raise
            disk.remove(ballast)
            write_whole(disk, places.last, data)
        with contextlib.suppress(OSError):  # the next time there is room
            if not ballast.exists():
                disk.put(ballast, bytes(BALLAST_BYTES), 0o600)
    except OSError as error:
        raise FileError(f"{places.last}: {why(error)}") from error
