"""A minute of the coverage-guided search, for those who ask with `-m fuzz`."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("fuzz_verify.py")


@pytest.mark.fuzz
@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed")
def test_a_minute_of_search_finds_nothing(tmp_path: Path) -> None:
    """The invariant withstands a minute of mutation guided by coverage."""
    command = [sys.executable, str(PROGRAM), "--minutes", "1", "--folder", str(tmp_path)]
    search = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert search.returncode == 0, search.stderr[-4000:]
    assert "stat::number_of_executed_units" in search.stderr


@pytest.mark.skipif(find_spec("atheris") is not None, reason="atheris is installed")
def test_the_search_says_what_it_misses() -> None:
    """Without atheris the program ends with code 2 and says how to get it."""
    search = subprocess.run(
        [sys.executable, str(PROGRAM)], capture_output=True, text=True, timeout=60, check=False
    )
    assert search.returncode == 2
    assert "pip install atheris" in search.stderr
