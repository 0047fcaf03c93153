"""Files that are made out of the code's own tables agree with them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from doorcheck.core.verdict import Reason

ROOT = Path(__file__).parents[1]


def test_generated_files_are_up_to_date() -> None:
    """Nobody changed a table and forgot `.ci/generate`."""
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "generate", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_reason_is_in_the_operators_table() -> None:
    """An operator finds every code that a log can hold in device/REASONS.md, once."""
    rows = (ROOT / "device" / "REASONS.md").read_text(encoding="utf-8").splitlines()
    for reason in Reason:
        assert sum(row.startswith(f"| {reason.code} |") for row in rows) == 1, reason.code
