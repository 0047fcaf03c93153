"""Boxes: what the panel's lines are tried on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.edge.boxes import PRETEND, PRETENDING, Box, simulated, simulated_high

from doorcheck.edge.gpio import COMMAND_LINE
from doorcheck.lab import filechip


@pytest.fixture
def file_chip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A chip that is a file, with a log; it stands for the real bindings in this process."""
    monkeypatch.setitem(sys.modules, "gpiod", filechip)
    return filechip.make(tmp_path / "gpiochip0", log=True)


@pytest.fixture(params=["file", "gpio-sim"])
def box(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Box]:
    """A box on each kind of chip that this machine has."""
    if request.param == "file":
        path: Path = request.getfixturevalue("file_chip")
        box = Box(str(path), PRETENDING, PRETEND, lambda: filechip.high(path))
        yield box
    else:
        configuration = Path("/sys/kernel/config/gpio-sim")
        if not os.access(configuration, os.W_OK):
            pytest.skip("no gpio-sim in this kernel, or not ours to use: the virtual Pi runs this")
        chips = simulated(configuration / f"doorcheck-{tmp_path.name}")
        device = next(chips)
        box = Box(f"/dev/{device.name}", COMMAND_LINE, "", lambda: simulated_high(device))
        yield box
        next(chips, None)
    for sink in box.sinks:
        sink.close()
