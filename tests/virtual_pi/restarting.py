"""A virtual Pi that starts anew where the others end: at a reset. It has a hardware watchdog."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.virtual_pi.header import AT_BYTES
from tests.virtual_pi.machine import Power, VirtualPi

HEADER: Final = 0x4000_0000 + AT_BYTES
"""Where the header's word is for the machine, whose memory begins at 1 GiB."""


class RestartingPi(VirtualPi):
    """The watchdog is an Intel 6300ESB, for which Debian's kernel has the driver.

    Memory outlives a reset here, and so would the header's levels: a loader makes all lines inputs
    again, as the reset of a chip does.
    """

    def _command(self, power: Power, memory: Path) -> list[str]:
        words = super()._command(power, memory)
        words.remove("-no-reboot")
        inputs = f"loader,addr={HEADER:#x},data=0,data-len=8"
        return [*words, "-device", "i6300esb", "-device", inputs]
