"""Taking a release: the order of changes that a power cut can't break.

1. Unpack its wheels into a folder, flush, mark it whole; nothing counts yet.
2. Try that its program can be loaded, as the door's user, while the door goes on.
3. Write `probation.json`: from now on a boot is counted.
4. Turn `previous` to the release that counts, then `current` to the new one.
5. Restart the door; look until it is ready, or is gone back from (`trying.py`).

What is refused in 1 or 2 left nothing behind; a take that was cut off is simply made again.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from releasing import door, outcome, releasefile, trial, trying, wheels
from releasing.box import Box
from releasing.disk import LARGEST_JSON_BYTES, read_plain, turn_link, write_whole
from releasing.errors import RefusedError, why
from releasing.places import MARK, RELEASES
from releasing.releasefile import Release
from releasing.trial import Trial


def take(box: Box) -> bool:
    """Take the release that the installed publication names; False when it was refused or failed.

    May raise `OSError` when not even the folders can be changed.
    """
    box.tidy()
    under_way = box.trial()
    if under_way is not None:
        box.tell(f"{under_way.version} is on trial; another release is taken when that is over")
        return True
    release: Release | None = None
    try:
        release = signed(box)
        if release is None or not is_news(box, release):
            return True
        make(box, release, box.places.wheels)
        try_start(box, release.version)
    except (RefusedError, OSError) as error:
        words = why(error) if isinstance(error, OSError) else str(error)
        box.note(
            release.version if release else "", release.sha256 if release else "", outcome.REFUSED, words
        )
        return False
    return switch(box, release)


def first(box: Box, folder: Path) -> bool:
    """Install a release on root's word, where none counts yet. Raises `RefusedError`, `OSError`."""
    path = folder / MARK
    try:
        release = releasefile.read(read_plain(path, LARGEST_JSON_BYTES))
    except OSError as error:
        raise RefusedError(f"{path}: {why(error)}") from error
    if box.places.starts(box.current):
        if box.current == release.version:
            box.tell(f"unchanged: {box.current} is installed already")
            return True
        raise RefusedError(f"{box.current} is installed; other releases come signed, with a publication")
    make(box, release, folder)
    turn_link(box.disk, box.places.current, f"{RELEASES}/{release.version}")
    box.say(release, outcome.INSTALLED, "by hand, the first one")
    return True


def signed(box: Box) -> Release | None:
    """The release that was signed with the installed publication. Raises `RefusedError`."""
    path = box.places.signed()
    if path is None:
        return None
    try:
        return releasefile.read(read_plain(path, LARGEST_JSON_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RefusedError(f"{path}: {why(error)}") from error


def is_news(box: Box, release: Release) -> bool:
    """Whether it is to be taken. Raises `RefusedError` for one that never can be."""
    there, last = box.mark(release.version), outcome.read(box.places)
    is_linked = release.version in (box.current, box.previous)
    if is_linked and there and not there.is_made_of(release, box.machine):
        raise RefusedError("made of other wheels than this version here: give it a new version")
    if release.version == box.current:
        box.tell(f"{release.version} is installed already")
        return False
    if last is not None and release.sha256 in last.declined:
        box.tell(f"{release.version} failed its trial here; sign it again (--again) for another attempt")
        return False
    return True


def make(box: Box, release: Release, folder: Path) -> None:
    """Have it whole in its folder. Raises `RefusedError`; may raise `OSError`; nothing is left then."""
    listed = release.wheels_for(box.machine, box.base.minor)
    target, there = box.places.releases / release.version, box.mark(release.version)
    if there is not None and there.is_made_of(release, box.machine):
        return
    pack = wheels.check(folder, listed)
    if not box.places.releases.is_dir():
        box.disk.make_folder(box.places.releases)
        box.disk.flush_folder(box.places.opt)
    box.remove(release.version)
    wheels.check_room(box.disk, box.places.opt, pack)
    box.tell(f"unpacking {release.version}: {len(listed)} wheels, {pack.needed_bytes >> 20} MB")
    try:
        wheels.build(box.disk, pack, target, box.base)
        box.disk.flush_all(target)
        write_whole(box.disk, target / MARK, release.data)
    except (OSError, RefusedError):
        box.remove(release.version)
        raise


def try_start(box: Box, version: str) -> None:
    """Raise `RefusedError` unless its program can be loaded, while the door goes on with the old one."""
    unit = door.TRY.format(version)
    code, _ = box.systemd.call("start", unit)
    if code:
        box.systemd.call("reset-failed", unit)
        box.remove(version)
        raise RefusedError(f"it does not start here; `journalctl -u {unit}` says why")


def switch(box: Box, release: Release) -> bool:
    """Make it count, on trial; look until it is ready. False when it was gone back from."""
    begun = begin(box, release)
    try:
        trial.write(box.disk, box.places.probation, begun)
        if begun.before is not None:
            turn_link(box.disk, box.places.previous, f"{RELEASES}/{begun.before}")
        turn_link(box.disk, box.places.current, f"{RELEASES}/{release.version}")
    except OSError as error:
        undo(box, begun)
        box.say(release, outcome.REFUSED, f"could not be switched to: {why(error)}")
        return False
    box.say(begun, outcome.ON_TRIAL, f"in place of {begun.before}; not ready yet")
    box.systemd.call("start", "--no-block", door.WATCH)
    door.restart(box.systemd)
    return trying.watch(box, begun)


def begin(box: Box, release: Release) -> Trial:
    """The trial, with how the door was before."""
    seen = door.look(box.systemd, box.places.report)
    report = seen.report if seen.active == "active" else None
    return Trial(
        version=release.version,
        sha256=release.sha256,
        before=box.current if box.places.starts(box.current) else None,
        older=box.previous,
        since_s=box.now_s(),
        probation_s=box.probation_s,
        conditions=tuple(sorted(report.conditions)) if report else None,
        state=report.state if report else None,
    )


def undo(box: Box, begun: Trial) -> None:
    """The old release counts still, or again; the trial never was."""
    with contextlib.suppress(OSError):
        if box.current == begun.version and begun.before:
            box.disk.rename(box.places.previous, box.places.current)
        trying.restore_previous(box, begun)
        box.end_trial()
        box.remove(begun.version)
