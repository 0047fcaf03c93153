"""What the conformance tests share: the crowd of other signers, and the line at the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.conformance.dgc import Vector, load
from tests.conformance.expected import waived
from tests.conformance.stages import Finding, Status, reader

from doorcheck.cli import main
from doorcheck.core.trust import Signer, TrustList
from doorcheck.core.verdict import Reason

PASSED, WAIVED, UNASSERTABLE, FAILED = "passed", "waived", "unassertable", "failed"


@dataclass(slots=True)
class Tally:
    """What the tests saw of the official vectors, for the end of the run."""

    vectors: set[str] = field(default_factory=set)
    flags: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By flag and result."""
    missing: Counter[str] = field(default_factory=Counter)
    """Why flags could not be asserted."""
    reasons: dict[Reason, list[str]] = field(default_factory=dict)
    """The door's reasons for vectors that are genuine."""
    scores: dict[str, str] = field(default_factory=dict)
    suites: dict[str, list[bool]] = field(default_factory=dict)
    """Whether each case of an official suite came out right, by the suite's name."""

    def add(self, vector: Vector, finding: Finding) -> None:
        """Count one flag."""
        self.vectors.add(vector.name)
        result = finding.status.value
        if finding.status is Status.FAILED and waived(vector, finding.flag):
            result = WAIVED
        if finding.status is Status.UNASSERTABLE:
            self.missing[f"{finding.flag}: {finding.words}"] += 1
        self.flags[finding.flag, result] += 1

    def _row(self, flag: str | None = None) -> str:
        counts: Counter[str] = Counter()
        for (counted, result), count in self.flags.items():
            counts[result] += count if flag in (None, counted) else 0
        asserted = counts.total() - counts[UNASSERTABLE]
        failed = f", failed {counts[FAILED]}" if counts[FAILED] else ""
        return (
            f"{counts.total()} flags: asserted {asserted}, passed {counts[PASSED]}, waived {counts[WAIVED]}, "
            f"unassertable {counts[UNASSERTABLE]}{failed}"
        )

    def lines(self, *, verbose: bool) -> list[str]:
        """The summary; verbose: each stage's counts, what is missing, what the rules refused."""
        lines = [f"official vectors: {len(self.vectors)} vectors, {self._row()}"]
        lines += [f"{name}: {score}" for name, score in self.scores.items()]
        if verbose:
            lines += [f"  {flag}: {self._row(flag)}" for flag in sorted({flag for flag, _ in self.flags})]
            lines += [f"  unassertable {count}: {why}" for why, count in sorted(self.missing.items())]
            for reason, names in sorted(self.reasons.items(), key=lambda item: item[0].code):
                words = "ADMIT" if reason is Reason.OK else ", ".join(names)
                lines.append(f"  genuine, {reason.code} {len(names)}: {words}")
        return lines


_TALLY = pytest.StashKey[Tally]()


def pytest_configure(config: pytest.Config) -> None:
    """Start to count."""
    config.stash[_TALLY] = Tally()


def pytest_unconfigure() -> None:
    """End the decoder, if a picture was read."""
    if reader.cache_info().currsize:
        reader().close()


@pytest.fixture(scope="session")
def tally(pytestconfig: pytest.Config) -> Tally:
    """What the summary is made of."""
    return pytestconfig.stash.setdefault(_TALLY, Tally())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many of the official flags were asserted, and with what result."""
    tally = config.stash.get(_TALLY, Tally())
    if tally.vectors or tally.suites:
        terminalreporter.section("conformance")
    if tally.vectors:
        for line in tally.lines(verbose=config.get_verbosity() > 0):
            terminalreporter.write_line(line)
    if tally.suites:
        counts = [f"{name} {sum(cases)}/{len(cases)}" for name, cases in tally.suites.items()]
        terminalreporter.write_line(", ".join(counts))
    if french := [one for kind in ("passed", "failed") for one in _french(terminalreporter, kind)]:
        passed = len(_french(terminalreporter, "passed"))
        terminalreporter.write_line(f"French specimens {passed}/{len(french)}, pictures and links included")


def _french(terminalreporter: pytest.TerminalReporter, kind: str) -> list[str]:
    """The French specimens' tests that ended so."""
    reports = terminalreporter.stats.get(kind, [])
    return [one.nodeid for one in reports if "conformance/test_french.py" in one.nodeid]


@pytest.fixture(scope="session")
def vectors(shared_data: Path) -> tuple[Vector, ...]:
    """All official vectors."""
    return load(shared_data / "dgc-testdata")


@pytest.fixture(scope="session")
def crowd(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Signer]:
    """The signers of the real lists, hundreds of them, among which a vector's own has to be found."""
    file = tmp_path_factory.mktemp("trust") / "crowd.dctl"
    main(["trust", "build", str(shared_data / "trust-lists"), "-o", str(file)])
    signers = list(TrustList.load(file.read_bytes()))
    assert len(signers) >= 500
    return signers
