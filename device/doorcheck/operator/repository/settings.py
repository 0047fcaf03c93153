"""Two small files of the repository: its settings, and the version numbers that are used up.

    REPO/repository.toml     for how many days each role's metadata is valid; the operator may edit it
    REPO/versions.toml       the highest version numbers used so far; never to be lowered

A number is used up here before any metadata carries it, so that a publication which was cut
short leaves a gap in the numbers, and never two files of one number.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from doorcheck.edge.disk import Disk
from doorcheck.edge.store import StoreError, read_bounded, write_atomically
from doorcheck.operator.repository.errors import RepositoryError, os_reason
from doorcheck.operator.text import printable

SETTINGS, VERSIONS = "repository.toml", "versions.toml"
FORMAT = 1
LARGEST_BYTES = 64 * 1024
ROLES = ("root", "targets", "snapshot", "timestamp")
EXPIRY_DAYS: Mapping[str, int] = {"root": 3653, "targets": 365, "snapshot": 14, "timestamp": 14}
"""Ten years, one year, and two weeks for what is renewed with each publication."""
LONGEST_DAYS = 36500

_SETTINGS_TEXT = """\
# Read at each publication: for how many days what a role signs is valid. A door takes no
# publication whose snapshot or timestamp has expired: publish and push more often than that.
format = {format}

[expiry_days]
{days}"""
_VERSIONS_TEXT = """\
# The highest version numbers used so far. Never lower them: doors refuse what seems older.
format = {format}
{numbers}"""


@dataclass(frozen=True, slots=True)
class Versions:
    """The version number of each role's metadata; 0 where there is none yet."""

    root: int = 0
    targets: int = 0
    snapshot: int = 0
    timestamp: int = 0


def check_days(expiry_days: Mapping[str, Any]) -> dict[str, int]:
    """Expiries by role, the missing ones by default. Raises `ValueError`."""
    days = {**EXPIRY_DAYS, **expiry_days}
    for role, count in days.items():
        if role not in ROLES or type(count) is not int or not 1 <= count <= LONGEST_DAYS:
            raise ValueError(f"{printable(role)}: days must be a number from 1 to {LONGEST_DAYS}")
    return days


def read_settings(repo: Path) -> dict[str, int]:
    """The days until expiry by role. Raises `RepositoryError`."""
    path = repo / SETTINGS
    try:
        return check_days(_read(path)["expiry_days"])
    except (ValueError, LookupError, TypeError) as error:
        raise RepositoryError(f"{path} can't be used ({printable(str(error))}): correct it") from error


def write_settings(repo: Path, expiry_days: Mapping[str, int]) -> None:
    """Write repository.toml. Raises `RepositoryError`."""
    days = "".join(f"{role} = {expiry_days[role]}\n" for role in ROLES)
    _write(repo / SETTINGS, _SETTINGS_TEXT.format(format=FORMAT, days=days))


def read_versions(repo: Path) -> Versions:
    """The numbers used so far. Raises `RepositoryError`."""
    path = repo / VERSIONS
    try:
        table = _read(path)
        numbers = {role: table[role] for role in ROLES}
        if not all(type(number) is int and number >= 0 for number in numbers.values()):
            raise ValueError("a version is a whole number")
    except (ValueError, LookupError, TypeError) as error:
        raise RepositoryError(
            f"{path} is damaged ({printable(str(error))}): restore it from the newest copy of the repository"
        ) from error
    return Versions(**numbers)


def write_versions(repo: Path, versions: Versions, disk: Disk | None = None) -> None:
    """Write versions.toml. Raises `RepositoryError`."""
    numbers = "".join(f"{role} = {number}\n" for role, number in asdict(versions).items())
    _write(repo / VERSIONS, _VERSIONS_TEXT.format(format=FORMAT, numbers=numbers), disk)


def _read(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(read_bounded(path, LARGEST_BYTES).decode("utf-8"))
    except OSError as error:
        raise RepositoryError(f"cannot read {path}: {os_reason(error)}") from error
    if table["format"] != FORMAT:
        raise ValueError(f"format {table['format']} is not known here, only {FORMAT}")
    return table


def _write(path: Path, text: str, disk: Disk | None = None) -> None:
    try:
        write_atomically(path, text.encode("utf-8"), disk=disk)
    except StoreError as error:
        raise RepositoryError(f"{error}") from error
