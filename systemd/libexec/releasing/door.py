"""The door's service, as far as a release depends on it: what systemd and its own report say."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from releasing.disk import LARGEST_JSON_BYTES, read_plain

SERVICE = "doorcheck.service"
TAKE = "doorcheck-release.service"
TRY = "doorcheck-release-try@{}.service"
WATCH = "doorcheck-release-gate.timer"
SYSTEMCTL_WITHIN_S = 120


@dataclass(frozen=True, slots=True)
class Report:
    """Of the running door; `at_s` is on the monotonic clock."""

    version: str
    state: str
    at_s: float
    conditions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Seen:
    """One look. `active` is systemd's word, empty where it does not answer."""

    active: str
    result: str
    restarts: int
    report: Report | None


class Systemd:
    """The service manager, through `systemctl`."""

    def call(self, *words: str) -> tuple[int, str]:
        """Its exit code, and what it said."""
        try:
            done = subprocess.run(  # noqa: S603 (constants and checked versions)
                ["systemctl", "--no-ask-password", *words],  # noqa: S607 (systemd's own units set PATH)
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                timeout=SYSTEMCTL_WITHIN_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return 1, type(error).__name__
        return done.returncode, done.stdout.decode(errors="replace").strip()

    def show(self, unit: str, names: Sequence[str]) -> dict[str, str]:
        """Properties of a unit; none where systemd does not answer."""
        code, said = self.call("show", unit, f"--property={','.join(names)}")
        pairs = (line.partition("=") for line in said.splitlines())
        return {name: value for name, _, value in pairs} if code == 0 else {}


def look(systemd: Systemd, report: Path) -> Seen:
    """How the door is now."""
    shown = systemd.show(SERVICE, ("ActiveState", "Result", "NRestarts"))
    restarts = shown.get("NRestarts", "")
    return Seen(
        shown.get("ActiveState", ""),
        shown.get("Result", ""),
        int(restarts) if restarts.isascii() and restarts.isdigit() else 0,
        read_report(report),
    )


def restart(systemd: Systemd) -> None:
    """Start the door anew, with all its tries; whether it came up is looked at later."""
    systemd.call("reset-failed", SERVICE)
    systemd.call("restart", "--no-block", SERVICE)


def read_report(path: Path) -> Report | None:
    """What the door wrote last; None for nothing, or for what can't be read."""
    try:
        found = json.loads(read_plain(path, LARGEST_JSON_BYTES))
        return _report(found)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _report(found: Any) -> Report:
    return Report(
        str(found["version"]),
        str(found["state"]),
        int(found["at_ms"]) / 1000,
        frozenset(str(code) for code in found["conditions"]),
    )
