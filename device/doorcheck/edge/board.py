"""What the board says of itself, through the kernel's files: heat, supply, model, boot.

Every file is under one root, so that a folder can stand for a board. What a board does not
have is None: a laptop has no under-voltage detector.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

THERMAL: Final = "sys/class/thermal/thermal_zone0/temp"
HWMON: Final = "sys/class/hwmon"
FIRMWARE: Final = "sys/devices/platform/soc*/soc*:firmware/get_throttled"
"""Raspberry Pi's kernel: the firmware's bits, hexadecimal."""
UNDER_VOLTAGE_NOW: Final = 1 << 0
UNDER_VOLTAGE_EVER: Final = 1 << 16
MODEL: Final = "proc/device-tree/model"
UPTIME: Final = "proc/uptime"
BOOT_ID: Final = "proc/sys/kernel/random/boot_id"
MEMORY: Final = "proc/self/statm"


@dataclass(frozen=True, slots=True)
class Board:
    """One board, by the root of its files."""

    root: Path = Path("/")

    def temperature_c(self) -> float | None:
        """The processor's temperature."""
        millidegrees = self._number(self.root / THERMAL)
        return None if millidegrees is None else millidegrees / 1000

    def under_voltage(self) -> bool | None:
        """Whether the supply's voltage is too low, or was since power-on as far as the kernel tells."""
        said = [*self._firmware(), *self._alarms()]
        return any(said) if said else None

    def _firmware(self) -> list[bool]:
        found = []
        for path in sorted(self.root.glob(FIRMWARE)):
            bits = self._number(path, 16)
            if bits is not None:
                found.append(bool(bits & (UNDER_VOLTAGE_NOW | UNDER_VOLTAGE_EVER)))
        return found

    def _alarms(self) -> list[bool]:
        """The driver `rpi_volt` of any kernel: an alarm that lasts as long as the trouble."""
        found = []
        for path in sorted((self.root / HWMON).glob("hwmon*")):
            alarm = self._number(path / "in0_lcrit_alarm")
            if alarm is not None and self._text(path / "name") == "rpi_volt":
                found.append(bool(alarm))
        return found

    def model(self) -> str | None:
        """The board's name, like "Raspberry Pi 4 Model B Rev 1.4"."""
        return self._text(self.root / MODEL)

    def uptime_s(self) -> float | None:
        """Seconds since the kernel started."""
        text = self._text(self.root / UPTIME)
        try:
            return None if text is None else float(text.split()[0])
        except (ValueError, IndexError):
            return None

    def boot(self) -> str:
        """A name for this boot, another one after each; empty where the kernel gives none."""
        return self._text(self.root / BOOT_ID) or ""

    def memory_bytes(self) -> int | None:
        """What this process holds in memory."""
        text = self._text(self.root / MEMORY)
        try:
            return None if text is None else int(text.split()[1]) * os.sysconf("SC_PAGESIZE")
        except (ValueError, IndexError):
            return None

    def _number(self, path: Path, base: int = 10) -> int | None:
        text = self._text(path)
        try:
            return None if text is None else int(text, base)
        except ValueError:
            return None

    @staticmethod
    def _text(path: Path) -> str | None:
        try:
            return path.read_text(encoding="utf-8", errors="replace").strip("\0\n ") or None
        except OSError:
            return None


def free_bytes(folder: Path) -> int | None:
    """How much can still be written there; None where it can't be told."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize


def is_writable(folder: Path) -> bool:
    """Whether files can be made there: it is a folder of ours, on a file system mounted for writing."""
    try:
        read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
    except OSError:
        return False
    return not read_only and os.access(folder, os.W_OK | os.X_OK)
