"""The virtual Pi for its tests: made when needed, its figures in one table at the end."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from tests.virtual_pi import image as images
from tests.virtual_pi.installed import Installed, installed
from tests.virtual_pi.machine import MachineError, VirtualPi
from tests.virtual_pi.provision import Office
from tests.virtual_pi.venue import Venue

READY_S: Final = 900
ROWS: Final = pytest.StashKey[list[tuple[str, str]]]()
Figures = Callable[[str, str], None]


def artefacts() -> Path:
    """Where logs and pictures of the runs go."""
    folder = Path(os.environ.get("DOORCHECK_ARTEFACTS", images.cache() / "artefacts"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def pytest_configure(config: pytest.Config) -> None:
    """The marker, and an empty table."""
    config.addinivalue_line("markers", "virtual_pi: on an emulated board; minutes")
    config.stash[ROWS] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave these tests out unless they are asked for by name: they take the better part of an hour."""
    if "virtual_pi" not in config.option.markexpr:
        left_out = [item for item in items if item.get_closest_marker("virtual_pi")]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
    # What is left behind is searched for when all has been done; the order of all else stays.
    items.sort(key=lambda item: item.path.name == "test_privacy.py")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table of what was measured."""
    rows = config.stash[ROWS]
    if not rows:
        return
    terminalreporter.section("virtual Pi")
    wide = max(len(name) for name, _ in rows)
    for name, value in rows:
        terminalreporter.write_line(f"{name:<{wide}}  {value}")


@pytest.fixture(scope="session")
def figure(pytestconfig: pytest.Config) -> Figures:
    """Puts a line into the table: what, and how much."""
    rows = pytestconfig.stash[ROWS]
    return lambda name, value: rows.append((name, value))


@pytest.fixture(scope="session")
def tell(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Says what goes on, past pytest's capture."""
    reporter: Any = pytestconfig.pluginmanager.get_plugin("terminalreporter")

    def say(words: str) -> None:
        capture: Any = pytestconfig.pluginmanager.get_plugin("capturemanager")
        with capture.global_and_fixture_disabled():
            reporter.write_line(f"  virtual Pi: {words}")

    return say


@pytest.fixture(scope="session")
def made(tell: Callable[[str], None]) -> Installed:
    """The image with the door on it; skips where it is not made and can't be."""
    why = None if images.is_made() else images.missing()
    if why is not None:
        pytest.skip(why)
    return installed(images.image(tell), tell)


@pytest.fixture(scope="session")
def machines(
    made: Installed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], VirtualPi]]:
    """Makes machines with the door on them, switched off; their logs are kept."""
    running: list[VirtualPi] = []

    def make(name: str) -> VirtualPi:
        pi = made.machine(tmp_path_factory.mktemp(name))
        running.append(pi)
        return pi

    yield make
    for pi in running:
        if pi.is_on:
            with contextlib.suppress(MachineError, subprocess.TimeoutExpired):
                journal = pi.journal("-b", "--no-hostname")
                (artefacts() / f"{pi.folder.name}-journal.log").write_text(journal)
        pi.close()
        for log in ("console.log", "qemu.log"):
            if (pi.folder / log).exists():
                shutil.copy(pi.folder / log, artefacts() / f"{pi.folder.name}-{log}")


@pytest.fixture(scope="session")
def venue(made: Installed, tmp_path_factory: pytest.TempPathFactory) -> Venue:
    """The operator of the door that the tests share."""
    return made.venue(tmp_path_factory.mktemp("venue") / "venue")


@pytest.fixture(scope="session")
def office(door: VirtualPi, venue: Venue, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """That operator's computer, for `deploy/fleet` on the shared door."""
    return Office(door, venue.repository, tmp_path_factory.mktemp("office"))


@pytest.fixture(scope="session")
def door(machines: Callable[[str], VirtualPi]) -> VirtualPi:
    """A door that judges, which tests share: each leaves it judging, its lens on an empty hall."""
    pi = machines("door")
    pi.boot()
    assert pi.header is not None
    pi.header.await_lit("ready", READY_S)
    pi.await_ssh()
    return pi
