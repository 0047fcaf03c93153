"""A release on trial: only a door that is seen running can pass."""

from __future__ import annotations

import pytest
from releasing.door import Seen
from releasing.trial import Step, Trial, judge

READY_S, PROBATION_S = 100.0, 600
TRIAL = Trial("2.0", "00", "1.0", None, 90.0, PROBATION_S, (), "judging", ready_s=READY_S)


@pytest.mark.parametrize(
    ("active", "step"),
    [
        ("active", Step.PASSED),
        ("activating", Step.WAIT),
        ("deactivating", Step.WAIT),
        ("inactive", Step.PAUSED),
        ("failed", Step.FAILED),
        ("", Step.WAIT),
    ],
)
def test_at_the_end_of_the_probation(active: str, step: Step) -> None:
    """Its time is over: it passes if it runs; where systemd does not answer, nothing is known."""
    seen = Seen(active, "success", 0, None)
    assert judge(TRIAL, seen, READY_S + PROBATION_S)[0] is step
    assert judge(TRIAL, seen, READY_S + PROBATION_S - 1)[0] is not Step.PASSED
