"""The domestic profiles agree with the official French wallet, but for what differs by design."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.conformance import wallet
from tests.conformance.conftest import Tally

from doorcheck.core.verdict import Reason


def test_every_check_agrees_or_is_waived(shared_data: Path, tally: Tally) -> None:
    """On each day of a wallet's case, the door lets in whom the wallet says, or a waiver tells why not."""
    wrong, waived, outside = [], 0, 0
    results = []
    for check in wallet.checks(shared_data / "french"):
        reason = wallet.judge(check.payload, check.day)
        if reason is None:
            outside += 1
            continue
        agrees = (reason is Reason.OK) is check.good
        excused = not agrees and any(one.covers(check) for one in wallet.waivers())
        waived += excused
        results.append(agrees or excused)
        if not results[-1]:
            wrong.append(f"{check}: wallet {check.good}, door {reason.code}")
    tally.suites[f"wallet checks ({waived} waived, {outside} more on days without a pass)"] = results
    assert not wrong, "\n".join(wrong)
    assert len(results) > 400


def test_no_waiver_is_stale_or_without_its_reason(shared_data: Path) -> None:
    """Each waiver says why, and covers nothing but checks in which the door differs."""
    checks = wallet.checks(shared_data / "french")
    for waiver in wallet.waivers():
        assert waiver.why.strip(), waiver
        covered = [check for check in checks if waiver.covers(check)]
        judged = [(check, wallet.judge(check.payload, check.day)) for check in covered]
        inside = [(check, reason) for check, reason in judged if reason is not None]
        assert inside, f"covers nothing: {waiver}"
        stale = [str(check) for check, reason in inside if (reason is Reason.OK) is check.good]
        assert not stale, f"remove or narrow {waiver}: agrees on {stale}"


def test_no_check_has_two_waivers(shared_data: Path) -> None:
    """A difference has one reason."""
    for check in wallet.checks(shared_data / "french"):
        assert sum(waiver.covers(check) for waiver in wallet.waivers()) <= 1, str(check)


def test_the_combined_cases_hold_no_proof_that_breaks_a_rule(shared_data: Path) -> None:
    """Cases of several proofs tell when a dose is due, not who is let in: each proof can be judged alone."""
    proofs = wallet.combined(shared_data / "french")
    assert len(proofs) > 50
    for name, (first, last) in wallet.PASSES.items():
        for n in range((last - first).days + 1):
            for proof, payload in proofs[n % 7 :: 7]:
                reason = wallet.judge(payload, first + timedelta(days=n))
                assert reason in (Reason.OK, Reason.RULE), (name, proof, n, reason)


def test_the_wallets_table_differs_by_the_known_days(shared_data: Path) -> None:
    """Line by line: seven days more for a vaccination, three for six months of recovery, none for four."""
    lines = list(wallet.limits(shared_data / "french"))
    for line in lines:
        assert line.last_day() == _ours(line), line
    assert len(lines) > 40


def _ours(line: wallet.Limit) -> int | None:
    """Our limit for a line of the wallet's."""
    match line.proof.split()[0], line.days:
        case "v", int(days):
            return days + 7
        case _, 180:
            return 183
        case _, 61:  # NV, not vaccinated: the reader has the common limit, 4 months or, for minors, 6
            return 122 if line.years >= 18 else 183
        case _, days:
            return days
