"""The count of boots: a door that can't start does not restart its board for ever."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

BOOTS = Path(__file__).parents[2] / "systemd/libexec/boots"


def boots(folder: Path, what: str = "count") -> int:
    """Run it on that folder; its exit code."""
    done = subprocess.run(
        [BOOTS, what], env={**os.environ, "DOORCHECK_STATE": str(folder)}, capture_output=True, check=False
    )
    return done.returncode


def test_the_fifth_boot_in_a_row_stays_out_of_service(tmp_path: Path) -> None:
    """Four tries; then the door does not start, so that the board is not restarted any more."""
    assert [boots(tmp_path) for _ in range(5)] == [0, 0, 0, 0, 1]


def test_power_off_and_on_gives_one_more_try(tmp_path: Path) -> None:
    """Out of service is left by hand, and one try later it is back: no loop by itself."""
    assert [boots(tmp_path) for _ in range(9)] == [0, 0, 0, 0, 1, 0, 1, 0, 1]


def test_a_steady_door_forgets(tmp_path: Path) -> None:
    """One good run, and all tries are there again."""
    for _ in range(4):
        boots(tmp_path)
    assert boots(tmp_path, "forget") == 0
    assert [boots(tmp_path) for _ in range(5)] == [0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    "damage", [b"", b"\0\0", b"x\n", b"-1\n", b"99\n", b"4" * 100, b"$(reboot)\n", b"1 1\n"]
)
def test_a_damaged_count_is_a_new_one(tmp_path: Path, damage: bytes) -> None:
    """A power cut while writing costs tries nobody; nothing in the file is run."""
    (tmp_path / "boots").write_bytes(damage)
    assert boots(tmp_path) == 0
    assert (tmp_path / "boots").read_bytes().startswith(b"1\n")


def test_a_long_damaged_count_still_counts(tmp_path: Path) -> None:
    """What was longer than a digit does not make every boot the first."""
    (tmp_path / "boots").write_bytes(b"4" * 100 + b"\n")
    assert [boots(tmp_path) for _ in range(5)] == [0, 0, 0, 0, 1]


def test_a_boot_that_cannot_be_counted_starts_no_door(tmp_path: Path) -> None:
    """Without a count nothing would end a loop of restarts."""
    assert boots(tmp_path / "missing") != 0


def test_the_count_is_nobody_elses(tmp_path: Path) -> None:
    """Only the door's user reads or writes it."""
    boots(tmp_path)
    assert (tmp_path / "boots").stat().st_mode & 0o777 == 0o600


def test_counting_needs_no_free_space(tmp_path: Path) -> None:
    """The digit is written over the old one: a full disk is no reason to stay out of service."""
    (tmp_path / "boots").write_text("0\n")
    before = (tmp_path / "boots").stat()
    boots(tmp_path)
    after = (tmp_path / "boots").stat()
    assert (before.st_ino, before.st_size) == (after.st_ino, after.st_size)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing() -> None:
    """The script is plain POSIX shell."""
    done = subprocess.run(
        [str(shutil.which("shellcheck")), BOOTS], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
