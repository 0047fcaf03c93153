"""A roll-out's stages and its state on the operator's computer: canaries, then a share, then all.

The state is one file: what is rolled out, and how it went on each box. Another `what` begins anew.
A stage goes on to the next one only if few enough of its boxes failed; boxes that were off are
no failure, they are asked again at the next run.
"""

from __future__ import annotations

import enum
import fcntl
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

STAGES: Final = ("canary", "share", "all")


class StageError(Exception):
    """A roll-out can't begin or go on; the text says why, and what to do."""


class Outcome(enum.Enum):
    """How it went on a box."""

    DONE = "done"
    OFF = "off"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Result:
    """One box's."""

    outcome: Outcome
    words: str
    at: str


@dataclass(frozen=True, slots=True)
class Limits:
    """How many boxes each stage has, and how many may fail."""

    canaries: tuple[str, ...] = ()
    canary_count: int = 1
    share_percent: float = 20
    failed_percent: float = 5
    fewest_answers_percent: float = 50
    """Of the canaries and of the share, so many must have answered: boxes that are off prove nothing."""


@dataclass(slots=True)
class RollOut:
    """What is rolled out, and each box's result by now."""

    what: str
    results: dict[str, Result] = field(default_factory=dict)

    def todo(self, stage: str, hosts: Sequence[str], limits: Limits) -> list[str]:
        """The boxes of a stage that don't have it yet."""
        members = plan(hosts, limits)[stage]
        return [host for host in members if not self._is(host, Outcome.DONE)]

    def verdict(self, stage: str, hosts: Sequence[str], limits: Limits) -> str | None:
        """Why the roll-out must stop after that stage; None to go on."""
        members = plan(hosts, limits)[stage]
        if not members:
            return None
        failed = [host for host in members if self._is(host, Outcome.FAILED)]
        answered = [host for host in members if host in self.results and not self._is(host, Outcome.OFF)]
        allowed = 0 if stage == "canary" else math.floor(len(members) * limits.failed_percent / 100)
        if len(failed) > allowed:
            of = f"of {len(members)} boxes of the stage {stage!r}"
            return f"{len(failed)} {of} failed, {allowed} may: {_some(failed)}"
        needed = math.ceil(len(members) * limits.fewest_answers_percent / 100)
        if stage != STAGES[-1] and len(answered) < needed:
            return (
                f"only {len(answered)} of {len(members)} boxes of the stage {stage!r} answered, "
                f"{needed} must: switch them on, or name other canaries (doorcheck_canaries)"
            )
        return None

    def _is(self, host: str, outcome: Outcome) -> bool:
        return host in self.results and self.results[host].outcome is outcome


def plan(hosts: Sequence[str], limits: Limits) -> dict[str, list[str]]:
    """Which box belongs to which stage, each to one; the same for the same boxes. Raises `StageError`."""
    unknown = [host for host in limits.canaries if host not in hosts]
    if unknown:
        raise StageError(f"doorcheck_canaries names boxes that are not in this roll-out: {_some(unknown)}")
    canaries = list(limits.canaries) or list(hosts)[: limits.canary_count]
    rest = [host for host in hosts if host not in canaries]
    share = math.ceil(len(hosts) * limits.share_percent / 100)
    return {"canary": canaries, "share": rest[:share], "all": rest[share:]}


def _some(hosts: Sequence[str]) -> str:
    named = ", ".join(hosts[:5])
    return named if len(hosts) <= 5 else f"{named} and {len(hosts) - 5} more"


# On the disk


@contextmanager
def changing(path: Path, what: str) -> Iterator[RollOut]:
    """The roll-out, read and written back under a lock. Raises `StageError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(f".{path.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            current = read(path, what)
            yield current
            _write(path, current)
    except OSError as error:
        raise StageError(f"cannot write {path}: {error.strerror}; is the folder yours?") from error


def read(path: Path, what: str) -> RollOut:
    """The state for `what`; an empty one where another was rolled out. Raises `StageError`."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["what"] != what:
            return RollOut(what)
        return RollOut(what, {host: _result(one) for host, one in found["boxes"].items()})
    except FileNotFoundError:
        return RollOut(what)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StageError(
            f"{path} can't be read ({error}); remove it, and the roll-out asks every box again"
        ) from error


def _result(one: Mapping[str, Any]) -> Result:
    return Result(Outcome(one["outcome"]), str(one["words"]), str(one["at"]))


def _write(path: Path, current: RollOut) -> None:
    boxes = {
        host: {"outcome": one.outcome.value, "words": one.words, "at": one.at}
        for host, one in current.results.items()
    }
    new = path.with_name(f".{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        json.dump({"format": 1, "what": current.what, "boxes": boxes}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
