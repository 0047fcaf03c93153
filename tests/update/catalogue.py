"""What a pushed directory can do to a door: the catalogue, and what every attack in it needs.

An attack gets a door with its first publication, and a repository that is about to publish
the next one, after a pass leaked. It breaks one thing, and pushes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.update.fleet import Fleet
from tests.update.simulator import Files
from tuf.api.metadata import TargetFile

from doorcheck.update.errors import UpdateError

Attack = Callable[[Fleet], object]
ATTACKS: dict[str, tuple[type[UpdateError], str, Attack]] = {}
"""By name: the error, words of its message, and what is done."""


def expect(error: type[UpdateError], words: str) -> Callable[[Attack], Attack]:
    """Put an attack into the catalogue."""

    def put(attack: Attack) -> Attack:
        ATTACKS[attack.__name__] = error, words, attack
        return attack

    return put


def next_files(fleet: Fleet, *args: Any, **kwargs: Any) -> Files:
    """The next publication, after the leak."""
    fleet.leak()
    return fleet.repository.publish(*args, **kwargs)


def place(files: Files, name: str) -> str:
    """Where the newest file of that name lies: `targets.json`, `trust.dctl`."""
    return max(one for one in files if one.endswith(f".{name}"))


def with_content(fleet: Fleet, name: str, data: bytes | None) -> Files:
    """The next publication, with another content (or without it), properly signed."""
    fleet.leak()
    if data is None:
        del fleet.repository.contents[name]
    else:
        fleet.repository.contents[name] = data
    return fleet.repository.publish()


def with_listed(fleet: Fleet, change: Callable[[dict[str, TargetFile]], object]) -> Files:
    """The next publication, with something changed in the list of signed files."""
    return next_files(fleet, {"targets": lambda targets: change(targets.targets)})
