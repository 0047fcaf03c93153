"""A release on trial: looked at, kept, or gone back from; and what a boot makes of it.

Going back: note in `probation.json` that it failed; rename the link `previous` to `current`,
which needs no free space and can't be half done; turn `previous` to the one before that; tell
it, forget the trial, restart the door, remove the failed release. It may be cut off anywhere:
the next boot goes on with it.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace

from releasing import door, outcome, trial
from releasing.box import Box
from releasing.disk import turn_link
from releasing.errors import RefusedError
from releasing.places import RELEASES
from releasing.trial import Step, Trial

LOOK_EVERY_S = 1.0


def watch(box: Box, begun: Trial) -> bool:
    """Look once a second until the gate is passed or failed; False when it failed."""
    current: Trial | None = begun
    while current is not None and current.ready_s is None:
        box.sleep(LOOK_EVERY_S)
        if not look(box, current):
            return False
        current = box.trial()
    return True


def gate(box: Box) -> bool:
    """One look at the release on trial; False when it was gone back from. May raise `OSError`."""
    current = box.trial()
    if current is None:
        box.systemd.call("stop", "--no-block", door.WATCH)
        return True
    if not look(box, current):
        return False
    if box.trial() is None:  # another may have been signed meanwhile
        box.systemd.call("start", "--no-block", door.TAKE)
    return True


def look(box: Box, current: Trial) -> bool:
    """Judge the trial, and do what follows; False when it was gone back from."""
    now_s = box.now_s()
    step, words = trial.judge(current, door.look(box.systemd, box.places.report), now_s)
    match step:
        case Step.FAILED:
            go_back(box, current, words)
            return False
        case Step.PASSED:
            keep(box, current, words)
        case Step.READY:
            return keep_looking(box, replace(current, ready_s=now_s), words)
        case Step.PAUSED:
            return keep_looking(box, replace(current, paused=True), words)
        case Step.RESUMED:
            again = replace(current, paused=False, since_s=now_s, ready_s=None)
            return keep_looking(box, again, words)
        case Step.WAIT:
            pass
    return True


def keep_looking(box: Box, current: Trial, words: str) -> bool:
    """The trial goes on; what can't be written down would be forgotten by the next look, so it fails."""
    if not box.remember(current):
        go_back(box, current, "its trial could not be written down")
        return False
    box.say(current, outcome.ON_TRIAL, words)
    return True


def keep(box: Box, current: Trial, words: str) -> None:
    """It passed: tell it, end the trial, remove what is older than the one before."""
    box.say(current, outcome.KEPT, words)
    box.end_trial()
    box.systemd.call("stop", "--no-block", door.WATCH)
    box.tidy()


# At boot


def boot(box: Box) -> bool:
    """Before the door starts: count the boot, end what the power cut, leave a release that starts.

    May raise `OSError`.
    """
    current = box.trial()
    if current is not None:
        boot_on_trial(box, current)
    mend(box)
    box.tidy()
    return True


def boot_on_trial(box: Box, current: Trial) -> None:
    """A second boot on trial goes back; so does one that can't be counted."""
    if current.failed is not None:
        go_back(box, current, current.failed, restart=False)
        return
    if box.current != current.version:
        restore_previous(box, current)  # cut off before the switch: it is taken again
        box.end_trial()
        return
    again = current.another_boot(box.now_s())
    if again.boots >= trial.MOST_BOOTS:
        words = f"the board restarted {again.boots} times while it was on trial"
        go_back(box, again, words, restart=False)
    elif not box.remember(again):
        go_back(box, again, "a boot on trial could not be counted", restart=False)
    else:
        box.systemd.call("start", "--no-block", door.WATCH)


def mend(box: Box) -> None:
    """If the link names nothing that starts, turn it to what does."""
    if box.places.starts(box.current):
        return
    whole = [version for version in reversed(box.places.installed()) if box.mark(version) is not None]
    for version in (box.previous, *whole):
        if version is not None and box.places.starts(version):
            box.tell(f"the link `current` named no release that starts; it names {version} now")
            turn_link(box.disk, box.places.current, f"{RELEASES}/{version}")
            return


# Going back


def back(box: Box, words: str) -> bool:
    """By hand: the release before the current one counts again. Raises `RefusedError`, `OSError`."""
    current = box.trial() or trial_of_current(box)
    if current is None or not box.places.starts(current.before):
        raise RefusedError("there is no release to go back to")
    go_back(box, current, words)
    return True


def trial_of_current(box: Box) -> Trial | None:
    """A release that was kept, as if it were on trial still; None without one."""
    version, before = box.current, box.previous
    if version is None or before == version:
        return None
    there = box.mark(version)
    sha256 = there.sha256 if there else ""
    return Trial(version, sha256, before, None, box.now_s(), 0, None, None)


def go_back(box: Box, failed: Trial, words: str, *, restart: bool = True) -> None:
    """The release before counts again, whatever else can't be done. May raise `OSError`."""
    places, before = box.places, failed.before
    if not places.starts(before):
        box.say(failed, outcome.FAILED, f"{words}; there is no release to go back to")
        box.end_trial()
        return
    box.remember(replace(failed, failed=words))
    if box.current != before:
        if box.previous != before:
            turn_link(box.disk, places.previous, f"{RELEASES}/{before}")
        box.disk.rename(places.previous, places.current)
        box.disk.flush_folder(places.opt)
    restore_previous(box, failed)
    is_told = box.say(failed, outcome.RETURNED, words)
    box.end_trial()
    box.systemd.call("stop", "--no-block", door.WATCH)
    if restart:
        door.restart(box.systemd)
    with contextlib.suppress(OSError):
        box.remove(failed.version)
    if not is_told:  # there is room now
        box.say(failed, outcome.RETURNED, words)


def restore_previous(box: Box, failed: Trial) -> None:
    """The way back is what it was before the trial; on a full disk there is none then."""
    older = failed.older
    if older in (failed.before, failed.version, box.previous) or not box.places.starts(older):
        return
    with contextlib.suppress(OSError):
        turn_link(box.disk, box.places.previous, f"{RELEASES}/{older}")
