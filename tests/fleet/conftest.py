"""The fleet's tests: when they can run, and the table that they end in."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fleet.rig import fleet, machine
from tests.fleet.rig.places import Places, places

NUMBERS = range(201, 220)
"""Not the ones that people use."""
ROWS = pytest.StashKey[list[dict[str, Any]]]()


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", "fleet: starts test hosts; needs root, and minutes")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts hosts as slow too; say why where none can be started."""
    reason = machine.why_not()
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        item.add_marker(pytest.mark.fleet)
        item.add_marker(pytest.mark.slow)
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note each scenario: its promise, how it went, and how long it took."""
    report = yield
    if report.when == "call" or (report.when == "setup" and report.outcome != "passed"):
        words = (getattr(item, "obj", item).__doc__ or item.name).partition("\n")[0]
        notes = {str(name): value for name, value in item.user_properties}
        row = {"scenario": words, "result": report.outcome, "seconds": round(report.duration, 1), **notes}
        item.config.stash.setdefault(ROWS, []).append({"suite": item.path.stem, **row})
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table; the same as JSON beside the cached roots, or in DOORCHECK_FLEET_ARTEFACTS."""
    rows = config.stash.get(ROWS, [])
    if not rows:
        return
    terminalreporter.section("the fleet's scenarios")
    for row in rows:
        terminalreporter.write_line(f"{row['result']:<8}{row['seconds']:>7.1f} s  {row['scenario']}")
        for name, value in row.items():
            if name not in ("suite", "scenario", "result", "seconds"):
                terminalreporter.write_line(f"{'':<19}{name}: {value}")
    folder = Path(os.environ.get("DOORCHECK_FLEET_ARTEFACTS", places().cache / "artefacts"))
    folder.mkdir(parents=True, exist_ok=True)
    for suite in sorted({row["suite"] for row in rows}):
        path = folder / f"{suite}.json"
        path.write_text(json.dumps([row for row in rows if row["suite"] == suite], indent=1) + "\n")
        terminalreporter.write_line(f"also in {path}")


@pytest.fixture(scope="module")
def lan() -> Iterator[Places]:
    """A fleet's number that nobody uses at the same time; whatever is left of it goes at the end."""
    for number in NUMBERS:
        where = places(number)
        where.cache.mkdir(parents=True, exist_ok=True)
        with where.run.with_suffix(".lock").open("w") as lock, contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield where
            fleet.down(where)
            return
    pytest.skip("every number for test fleets is in use")
