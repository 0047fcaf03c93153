"""The answers of a run, in a file of the run's own: `deploy.report take` adds them to the history.

Each line is one JSON object as `deploy/report/contact.py` has it. Lines of one run are appended
by many processes at once: each with one write.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.boxes.errors import ContactError
from deploy.boxes.said import Said


def contact(host: str, at: datetime, answer: Said | ContactError) -> dict[str, Any]:
    """One contact: what the box said, or why it said nothing."""
    told: dict[str, Any] = {"format": 1, "host": host, "at": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    if isinstance(answer, ContactError):
        return {**told, "reachable": False, "why": f"{answer.code}: {answer}"}
    return {
        **{name: value for name, value in answer.whole.items() if name not in told},
        **told,
        "reachable": True,
        "why": None,
    }


def append(path: Path, one: dict[str, Any]) -> None:
    """Add a line. May raise `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, json.dumps(one, separators=(",", ":")).encode() + b"\n")
    finally:
        os.close(handle)
