"""What we expect of a vector in the end: its flags, less the waivers in `waivers.toml`."""

from __future__ import annotations

import enum
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from tests.conformance import running, stages
from tests.conformance.dgc import CONFORMANCE, Vector
from tests.conformance.stages import Finding, Status

from doorcheck.core import cose, dcc
from doorcheck.core.trust import Signer
from doorcheck.core.verdict import Outcome, Reason, RefusedError

WAIVERS = CONFORMANCE / "waivers.toml"
_REFERENCE = re.compile(r"[\w.-]+/[\w.-]+(#[1-9][0-9]*|: \S.+)")


class WaiverError(Exception):
    """A waiver can't stand; the text names it and says what it lacks."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """Flags that state the opposite of what is right, with the reason and who else says so.

    `vectors` may hold shell wildcards. `expected` is the flag's stated value: a flag that
    states the other value is not waived.
    """

    vectors: str
    flags: tuple[str, ...]
    expected: bool
    why: str
    reference: str

    def covers(self, vector: str, flag: str, expected: bool) -> bool:
        """Whether it speaks of that flag."""
        return flag in self.flags and expected is self.expected and fnmatchcase(vector, self.vectors)


def waiver(row: Mapping[str, Any]) -> Waiver:
    """One row of the table. Raises `WaiverError` when anything is missing, the reference above all."""
    try:
        made = Waiver(row["vectors"], tuple(row["flags"]), row["expected"], row["why"], row["reference"])
    except KeyError as missing:
        raise WaiverError(f"waiver {dict(row)}: {missing} is missing") from None
    if not _REFERENCE.fullmatch(made.reference):
        raise WaiverError(
            f"waiver for {made.vectors}: the reference is not owner/repo#N or owner/repo: section"
        )
    if not made.why.strip() or not set(made.flags) <= stages.STAGES.keys():
        raise WaiverError(f"waiver for {made.vectors}: it needs its why, and flags that exist")
    return made


@cache
def waivers() -> tuple[Waiver, ...]:
    """The table. Raises `WaiverError`."""
    return tuple(waiver(row) for row in tomllib.loads(WAIVERS.read_text("utf-8"))["waiver"])


def waived(vector: Vector, flag: str) -> Waiver | None:
    """The waiver that covers a vector's flag."""
    return next((one for one in waivers() if one.covers(vector.name, flag, vector.flags[flag])), None)


@cache
def findings(vector: Vector) -> tuple[Finding, ...]:
    """Every flag of a vector, examined once."""
    return tuple(stages.examine(vector, flag, expected) for flag, expected in vector.flags.items())


def fault(vector: Vector, finding: Finding) -> str:
    """What is wrong with a finding: no waiver for a disagreement, or a stale one; "" when nothing is."""
    excuse = waived(vector, finding.flag)
    if finding.status is Status.FAILED and excuse is None:
        return str(finding)
    if finding.status is Status.PASSED and excuse is not None:
        return f"stale waiver ({excuse.reference}): {vector.name} {finding.flag} agrees now; remove it"
    return ""


class Door(enum.Enum):
    """What the door has to say of a whole vector."""

    GENUINE = "genuine"
    """Every step up to the rules passes: ADMIT, or refused by a rule (`N-`)."""
    REFUSED = "refused"
    UNSTATED = "unstated"


DECIDING = (
    "EXPECTEDUNPREFIX",
    "EXPECTEDB45DECODE",
    "EXPECTEDCOMPRESSION",
    "EXPECTEDVERIFY",
    "EXPECTEDDECODE",
    "EXPECTEDSCHEMAVALIDATION",
    "EXPECTEDEXPIRATIONCHECK",
    "EXPECTEDKEYUSAGE",
)
_TOLERATED = {"EXPECTEDEXPIRATIONCHECK": stages.PERIODS, "EXPECTEDKEYUSAGE": frozenset({Reason.KEY_USAGE})}


def door(vector: Vector) -> Door:
    """What the deciding flags add up to; a waived flag counts as its opposite."""
    stated = {flag for flag in DECIDING if flag in vector.flags}
    true = {flag for flag in stated if vector.flags[flag] is not bool(waived(vector, flag))}
    if true != stated:
        return Door.REFUSED
    return Door.GENUINE if "EXPECTEDVERIFY" in true else Door.UNSTATED


def agrees(vector: Vector, reason: Reason) -> bool:
    """Whether the door's reason is what the vector's flags add up to.

    Where a vector doesn't state whether it is current, or which proofs its signer may
    sign, a refusal for just that is no disagreement.
    """
    match door(vector):
        case Door.REFUSED:
            return reason.outcome is Outcome.REFUSE
        case Door.UNSTATED:
            return reason.outcome in (Outcome.ADMIT, Outcome.REFUSE)
        case Door.GENUINE:
            unstated = (reasons for flag, reasons in _TOLERATED.items() if flag not in vector.flags)
            ruled = reason.code.startswith("N-") and reason is not Reason.RULE_ERROR
            return reason is Reason.OK or ruled or any(reason in reasons for reasons in unstated)


_FORGED = DECIDING[:5]


def stated(vector: Vector, *, key_usage: bool) -> bool | None:
    """Whether a vector states that it is to be accepted, its dates aside; None: it doesn't say."""
    deciding = (*_FORGED, "EXPECTEDKEYUSAGE") if key_usage else _FORGED
    if any(vector.flags.get(flag) is False for flag in deciding):
        return False
    return True if vector.flags.get("EXPECTEDVERIFY") else None


def documented(vectors: Iterable[Vector], *, key_usage: bool) -> set[str]:
    """The names of the vectors whose statement is wrong, by a waiver or by the [[score]] table."""
    flags = ("EXPECTEDVERIFY", "EXPECTEDKEYUSAGE") if key_usage else ("EXPECTEDVERIFY",)
    doubtful = {
        vector.name for vector in vectors if any(f in vector.flags and waived(vector, f) for f in flags)
    }
    others = {row["vectors"] for row in tomllib.loads(WAIVERS.read_text("utf-8"))["score"]}
    return doubtful | others if key_usage else doubtful


def accepted(vector: Vector, crowd: list[Signer], *, key_usage: bool) -> bool:
    """Whether we accept it, its dates aside, with its signer among a crowd."""
    own = running.undated(vector)
    try:
        at = datetime.fromtimestamp(dcc.claims(cose.frame(running.message(vector)).payload).issued, UTC)
    except RefusedError:
        at = vector.clock
    judged = running.judge(vector.text, [*crowd, own], at)
    return (running.USAGE if key_usage else running.CERTIFICATE) in judged.products
