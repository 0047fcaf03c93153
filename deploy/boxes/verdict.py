"""Whether a box has what it was brought: decided from what it says, before and after.

1. The publication: the box trusts a timestamp as new as the one that was brought.
2. It refused: the attempt that bears this push's word ended, and says why.
3. The door that runs has taken it: it judges by the generation that is installed.
4. The release, if one was brought: on trial, kept, gone back from, or refused.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from deploy.boxes.said import Said

CARRY_AGAIN: Final = frozenset({"altered", "missing", "mixed", "no-delta", "too-long", "truncated"})
"""Refusals that a damaged or partial copy explains: the whole is brought again, once."""
UNTIMED: Final = frozenset({"clock"})
"""Refusals that a signed statement of the time would help."""
LAST_STOPPED: Final = "stopped"


class Step(enum.Enum):
    """What follows from a look. `MARK`: somebody else's push came between, and the mark is needed again."""

    WAIT = "wait"
    MARK = "mark"
    DONE = "done"
    ON_TRIAL = "on trial"
    AGAIN = "again"
    REFUSED = "refused"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was brought: the versions of its metadata, and a release's version and identity, if any."""

    timestamp: int
    root: int
    publication: str = ""
    release: str | None = None
    sha256: str | None = None

    def lists_are_on(self, said: Said) -> bool:
        """Whether the publication, or a newer one, is installed."""
        return said.signed("timestamp") >= self.timestamp and said.signed("root") >= self.root

    def program_is_on(self, said: Said) -> bool:
        """Whether the release is installed, on trial or for good."""
        if self.release is None:
            return True
        done = said.release
        return done is not None and self._mine(said) and done.outcome in ("installed", "on-trial", "kept")

    def _mine(self, said: Said) -> bool:
        done = said.release
        return done is not None and (
            done.sha256 == self.sha256 if done.sha256 and self.sha256 else done.version == self.release
        )

    def outcome(self, said: Said) -> str:
        """How this very release went; empty when nothing is told of it yet."""
        return said.release.outcome if said.release is not None and self._mine(said) else ""


def judge(wanted: Wanted, push: str, before: Said, now: Said) -> tuple[Step, str]:
    """What follows, and the box's own words for it."""
    last = now.last
    if not wanted.lists_are_on(now):
        if last.push == push:
            if last.refusal is None:
                return Step.WAIT, "the box has looked at it, and does not say yet what it has now"
            code, words = last.refusal
            return (Step.AGAIN if code in CARRY_AGAIN else Step.REFUSED), f"{code}: {words}"
        if (last.push, last.finished) != (before.last.push, before.last.finished):
            return Step.MARK, "somebody else's push came between"
        return Step.WAIT, "the box has not looked at it yet"
    if now.status is not None and now.update is not None and now.status.state != LAST_STOPPED:
        taken, installed = now.status.generation, now.update.generation
        if taken != installed and wanted.release is None:
            return Step.WAIT, f"the door still judges by generation {taken}, and {installed} is installed"
    return _program(wanted, before, now)


def _program(wanted: Wanted, before: Said, now: Said) -> tuple[Step, str]:
    done = now.release
    if wanted.release is None:
        return Step.DONE, "installed"
    if done is None or not wanted.outcome(now):
        return Step.WAIT, "the box has not begun with the release yet"
    same_as_before = before.release is not None and before.release.at == done.at
    match done.outcome:
        case "installed" | "kept":
            return Step.DONE, done.why
        case "on-trial":
            ready = now.status is not None and now.status.ready and now.status.version == wanted.release
            return (Step.ON_TRIAL if ready else Step.WAIT), done.why
        case "returned":  # now or before: the box does not try it again
            return Step.RETURNED, f"{wanted.release} failed its trial: {done.why}"
        case "refused" if same_as_before:
            return Step.WAIT, "the box has not tried it again yet"
        case "refused":
            return Step.REFUSED, f"release: {done.why}"
        case other:
            return Step.WAIT, f"the box says {other!r}"
