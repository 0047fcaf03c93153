"""`release.json`: which version a fleet runs, and the SHA-256 of every wheel that it is made of.

    {"format": 1, "version": "0.7.0", "python": "3.13", "attempt": 1,
     "wheels": {"aarch64": [{"name": "doorcheck-0.7.0-py3-none-any.whl", "sha256": "..."}]}}

`attempt` may be absent. The program checks the same before it installs a publication
(`update/release.py`); here it is checked again, by what works without the program.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from releasing.errors import RefusedError

VERSION = r"[0-9]{1,6}(?:\.[0-9]{1,6}){0,3}(?:(?:a|b|rc|\.post|\.dev)[0-9]{1,6})?"
MOST_WHEELS = 200
MOST_MACHINES = 8
_PYTHON = re.compile(r"3\.[0-9]{1,2}")
_WHEEL = re.compile(r"[A-Za-z0-9][\w.+]{0,99}-[0-9][\w.+!]{0,49}(?:-[\w.]{1,200}){3}\.whl", re.ASCII)
_MACHINE = re.compile(r"[a-z0-9_]{1,32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel: a plain file name, and the hash by which it counts."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Release:
    """A release as it was signed; `sha256` is that of the file itself, its identity."""

    version: str
    python: str
    wheels: dict[str, tuple[Wheel, ...]]
    sha256: str
    data: bytes

    def wheels_for(self, machine: str, python: str) -> tuple[Wheel, ...]:
        """The wheels for such a box. Raises `RefusedError` when there are none."""
        if self.python != python:
            raise RefusedError(f"it is made for Python {self.python}, and this box has {python}")
        found = self.wheels.get(machine)
        if not found:
            raise RefusedError(f"it holds no wheels for {machine}, which this box is")
        return found

    def is_made_of(self, other: Release, machine: str) -> bool:
        """Whether both are the same program here."""
        mine, others = (set(one.wheels.get(machine, ())) for one in (self, other))
        return self.version == other.version and mine == others


def read(data: bytes) -> Release:
    """Read the file. Raises `RefusedError`."""
    try:
        found = json.loads(data, object_pairs_hook=_once)
        return _release(found, data)
    except RecursionError:
        raise RefusedError("release.json: nested too deep") from None
    except (ValueError, KeyError, TypeError) as error:
        raise RefusedError(f"release.json: not as it should be ({_short(error)})") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _release(found: Any, data: bytes) -> Release:
    if not isinstance(found, dict) or found.get("format") != 1:
        raise ValueError("another format than 1")
    version = _text(found["version"], re.compile(VERSION), "a version")
    wheels = found["wheels"]
    if not isinstance(wheels, dict) or not 0 < len(wheels) <= MOST_MACHINES:
        raise ValueError(f"not the wheels of 1 to {MOST_MACHINES} machines")
    return Release(
        version,
        _text(found["python"], _PYTHON, "a version of Python"),
        {_text(name, _MACHINE, "a machine"): _wheels(listed, version) for name, listed in wheels.items()},
        hashlib.sha256(data).hexdigest(),
        data,
    )


def _wheels(listed: Any, version: str) -> tuple[Wheel, ...]:
    if not isinstance(listed, list) or not 0 < len(listed) <= MOST_WHEELS:
        raise ValueError(f"not 1 to {MOST_WHEELS} wheels")
    wheels = tuple(
        Wheel(_text(one["name"], _WHEEL, "a wheel's name"), _text(one["sha256"], _SHA256, "a SHA-256"))
        for one in listed
    )
    if len({one.name for one in wheels}) != len(wheels):
        raise ValueError("a wheel stands twice")
    if sum(one.name.startswith(f"doorcheck-{version}-") for one in wheels) != 1:
        raise ValueError(f"not one wheel of doorcheck {version}")
    return wheels


def _text(value: Any, pattern: re.Pattern[str], what: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"not {what}")
    return value


def _short(error: Exception) -> str:
    return str(error)[:100] if not isinstance(error, KeyError) else f"{error} is missing"
