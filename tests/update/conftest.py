"""The fleet of one door that every test of updates begins with."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.update.fleet import Fleet

REPORT = pytest.StashKey[list[str]]()


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """An enrolled door without lists."""
    return Fleet(tmp_path)


@pytest.fixture
def running(fleet: Fleet) -> Fleet:
    """A door with its first publication."""
    fleet.begin()
    return fleet


@pytest.fixture
def report(pytestconfig: pytest.Config) -> list[str]:
    """Lines for the summary of the test run."""
    return pytestconfig.stash.setdefault(REPORT, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print them."""
    for line in config.stash.get(REPORT, []):
        terminalreporter.write_line(line)
