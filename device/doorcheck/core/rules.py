"""The interface of venue rules, and the minimum that every door applies.

A rule set answers with a `Reason`: OK or why not. A rule that can't be evaluated on a
pass is a reason too, never an ADMIT.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from doorcheck.core.dcc import Certificate, Recovery, Test, Vaccination
from doorcheck.core.moment import Moment
from doorcheck.core.passes import Pass
from doorcheck.core.verdict import PassFormat, Reason

NEGATIVE = "260415000"
"""SNOMED CT "not detected": the one result that counts as negative."""


class Rules(Protocol):
    """What a venue accepts."""

    def judge(self, shown: Pass, moment: Moment) -> Reason:
        """OK, or why this genuine and current pass is not accepted at that moment."""


class Minimum:
    """The built-in minimum: one proof, complete, negative, in its own dates.

    It knows no venue, no country's law and no age of a proof; a rule set does.
    """

    def judge(self, shown: Pass, moment: Moment) -> Reason:
        """Apply the minimum."""
        if shown.format in (PassFormat.HCFR1, PassFormat.EX1):
            return Reason.OK  # no proof inside: their signers and dates say all there is
        certificate = shown.certificate
        if not _has_one_proof(certificate):
            return Reason.NOT_ONE_PROOF
        match shown.entry:
            case Vaccination(dn=dose, sd=doses):
                return Reason.OK if dose >= doses >= 1 else Reason.DOSES
            case Test() as test:
                return _judge_test(test, moment)
            case Recovery() as recovery:
                return _judge_recovery(recovery, moment)


def _has_one_proof(certificate: Certificate) -> bool:
    return len(certificate.entries) == 1


def _judge_test(test: Test, moment: Moment) -> Reason:
    sampled = instant(test.sc)
    if sampled is None:
        return Reason.RULE_ERROR
    if test.tr != NEGATIVE:
        return Reason.TEST_RESULT
    return Reason.FUTURE if sampled > moment.utc else Reason.OK


def _judge_recovery(recovery: Recovery, moment: Moment) -> Reason:
    start, end = instant(recovery.df), instant(recovery.du)
    if start is None or end is None:
        return Reason.RULE_ERROR
    # A date without a time counts to that day's end, UTC.
    ended = (
        moment.utc.date() > end.date() if len(recovery.du.strip()) <= len("2021-12-31") else moment.utc > end
    )
    return Reason.RECOVERY if ended or moment.utc < start else Reason.OK


def instant(text: str) -> datetime | None:
    """The instant an issuer wrote, or None if it is none.

    Issuers write dates, times with and without zone, fractions of any length. No zone
    means UTC; no time means the day's first instant; fractions below a microsecond go.
    """
    try:
        read = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    try:
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except OverflowError:
        return None
