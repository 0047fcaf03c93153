"""A release on trial: what is remembered of it through power cuts, and when it has passed or failed.

All times are seconds on the monotonic clock of one boot. A trial has two parts: the gate, in
which the door must become ready with the new version, and the probation, in which it must
not restart by itself. Another boot begins both again, and so does stopping and starting the
door by hand; a second boot ends them.
"""

from __future__ import annotations

import enum
import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from releasing.disk import LARGEST_JSON_BYTES, Disk, read_plain, write_whole
from releasing.door import Seen
from releasing.errors import FileError, why

GATE_S = 90
PROBATION_S = 600
MOST_BOOTS = 2
JUDGING = "judging"


class Step(enum.Enum):
    """What follows from a look."""

    WAIT = "wait"
    READY = "ready"
    PAUSED = "paused"
    RESUMED = "resumed"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Trial:
    """`probation.json`.

    `before` is the release to go back to, `older` the one before that. `conditions` and `state`
    are what the door had before, None when it did not run, or ran in another boot. `ready_s`
    is None before the gate was passed. `failed` says why it is being gone back.
    """

    version: str
    sha256: str
    before: str | None
    older: str | None
    since_s: float
    probation_s: int
    conditions: tuple[str, ...] | None
    state: str | None
    boots: int = 0
    ready_s: float | None = None
    paused: bool = False
    failed: str | None = None

    def another_boot(self, now_s: float) -> Trial:
        """Begin again: how the door was before another boot says nothing of this one."""
        begun = replace(self, boots=self.boots + 1, since_s=now_s, ready_s=None, paused=False)
        return replace(begun, conditions=None, state=None)


def judge(trial: Trial, seen: Seen, now_s: float) -> tuple[Step, str]:
    """What follows from a look at the door, and why."""
    if seen.restarts > 0:
        return Step.FAILED, "the door restarted by itself: it crashed, hung or lost its camera"
    if seen.active == "failed":
        return Step.FAILED, f"the door's service failed ({seen.result})"
    if trial.paused:
        if seen.active in ("inactive", ""):
            return Step.WAIT, "stopped"
        return Step.RESUMED, "the door was started again; its trial begins anew"
    if trial.ready_s is None:
        return _at_the_gate(trial, seen, now_s)
    if seen.active == "inactive":
        return Step.PAUSED, "the door was stopped by hand; its trial begins anew when it is started"
    if seen.active != "active":
        return Step.WAIT, f"on probation; the door's service is {seen.active or 'unknown'}"
    if now_s - trial.ready_s >= trial.probation_s:
        return Step.PASSED, f"it ran for {trial.probation_s} seconds without a restart"
    return Step.WAIT, f"on probation, {int(now_s - trial.ready_s)} of {trial.probation_s} seconds"


def _at_the_gate(trial: Trial, seen: Seen, now_s: float) -> tuple[Step, str]:
    missing = _missing(trial, seen)
    waited_s = int(now_s - trial.since_s)
    if missing is None:
        return Step.READY, f"ready after {waited_s} seconds"
    if now_s - trial.since_s > GATE_S:
        return Step.FAILED, f"not ready after {GATE_S} seconds: {missing}"
    return Step.WAIT, f"not ready yet, {waited_s} of {GATE_S} seconds: {missing}"


def _missing(trial: Trial, seen: Seen) -> str | None:
    """What the gate still waits for; None for nothing."""
    report = seen.report
    if seen.active != "active":
        return f"the door's service is {seen.active or 'unknown'}"
    if report is None or report.at_s < trial.since_s:
        return "no report of the door"
    if report.version != trial.version:
        return f"the door that runs is {report.version}"
    new = sorted(report.conditions - set(trial.conditions or ()))
    if trial.conditions is not None and new:
        return f"conditions that were not there before: {', '.join(new)}"
    if trial.state is not None and report.state not in (JUDGING, trial.state):
        return f"the door is {report.state}"
    return None


# On the disk


def read(path: Path) -> Trial | None:
    """The trial that is under way; None without one. Raises `FileError` for a damaged file."""
    try:
        found = json.loads(read_plain(path, LARGEST_JSON_BYTES))
        return _trial(found)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(f"{path}: {why(error)}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileError(f"{path}: damaged ({type(error).__name__})") from error


def _trial(found: Any) -> Trial:
    if found.pop("format") != 1:
        raise ValueError("another format")
    known = {field.name: found[field.name] for field in fields(Trial) if field.name in found}
    conditions = known.pop("conditions")
    trial = Trial(**known, conditions=None if conditions is None else tuple(map(str, conditions)))
    numbers = (trial.since_s, trial.probation_s, trial.boots, trial.ready_s or 0)
    if not all(isinstance(number, int | float) for number in numbers):
        raise TypeError("not a number")
    return trial


def write(disk: Disk, path: Path, trial: Trial) -> None:
    """Remember it. May raise `OSError`."""
    write_whole(disk, path, json.dumps({"format": 1, **asdict(trial)}, indent=1).encode() + b"\n")
