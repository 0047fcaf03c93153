"""Boxes for tests of the panel's lines: a chip in a file, and the kernel's gpio-sim where there is one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from doorcheck.config import PanelTable
from doorcheck.edge import pins
from doorcheck.edge.gpio import COMMAND_LINE, BoxSink, sink_from

BCM: Final = pins.load().bcm()
NAMES: Final = {number: name for name, number in BCM.items()}
MARGIN_S: Final = 2.0
"""What a busy machine may add to any bound."""

PRETEND: Final = "import sys; from doorcheck.lab import filechip; filechip.pretend()\n"
PRETENDING: Final = (
    *COMMAND_LINE[:3],
    PRETEND + "from doorcheck.edge.guardian import serve; sys.exit(serve(*sys.argv[1:]))",
)
"""Starts a guardian that takes a file for a chip."""


@dataclass
class Box:
    """A chip, how to speak to it from another process, and its levels."""

    chip: str
    command: Sequence[str]
    prelude: str
    lines: Callable[[], frozenset[int]]
    sinks: list[BoxSink] = field(default_factory=list)

    def high(self) -> frozenset[str]:
        """The outputs that are high now."""
        return frozenset(NAMES[number] for number in self.lines() if number in NAMES)

    def sink(self, **settings: Any) -> BoxSink:
        """A sink that has the lines."""
        sink = sink_from(PanelTable(chip=self.chip, **settings), self.command)
        self.sinks.append(sink)
        sink.await_ready()
        return sink


def simulated(folder: Path) -> Iterator[Path]:
    """A chip of the kernel's gpio-sim; its device folder is given out."""
    bank = folder / "bank0"
    bank.mkdir(parents=True)
    (bank / "num_lines").write_text("54")
    (bank / "label").write_text("pinctrl-bcm2711")
    (folder / "live").write_text("1")
    device = Path("/sys/devices/platform") / (folder / "dev_name").read_text().strip()
    yield device / (bank / "chip_name").read_text().strip()
    (folder / "live").write_text("0")
    bank.rmdir()
    folder.rmdir()


def simulated_high(device: Path) -> frozenset[int]:
    """The lines of a simulated chip that are high now."""
    return frozenset(n for n in range(54) if (device / f"sim_gpio{n}" / "value").read_text().strip() == "1")


def until(condition: Callable[[], bool], within_s: float) -> float:
    """Seconds until it was so; fails the test when it was not so in time."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within_s, "not in time"
        time.sleep(0.002)
    return time.monotonic() - began
