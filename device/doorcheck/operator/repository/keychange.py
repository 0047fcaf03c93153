"""A wish to change keys, and whether it makes sense."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

from tuf.api.metadata import Root

from doorcheck.operator.repository.desk import Desk
from doorcheck.operator.repository.errors import RepositoryError
from doorcheck.operator.repository.keys import Unlocked
from doorcheck.operator.text import printable

GROUPS = {
    "root": ("root",),
    "targets": ("targets",),
    "daily": ("snapshot", "timestamp"),
    "snapshot": ("snapshot",),
    "timestamp": ("timestamp",),
}
"""Whose keys can be changed, and the metadata roles that they sign for."""
_AND_BELOW = {
    "targets": {"targets", "snapshot", "timestamp"},
    "snapshot": {"snapshot", "timestamp"},
    "timestamp": {"timestamp"},
}
"""What is signed anew with a role: each file names the next by its hash."""


@dataclass(frozen=True, slots=True)
class Change:
    """Which keys of a group to add and to remove, and the new threshold (None: as it was)."""

    group: str
    add: int = 0
    """How many Ed25519 keys to make."""
    tokens: Sequence[str] = ()
    """Keys to take up, as `hsm:2?label=LABEL`."""
    remove: Sequence[str] = ()
    """Names of keys that shall no longer count."""
    threshold: int | None = None

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that it changes."""
        return GROUPS[self.group]

    @property
    def new_keys(self) -> int:
        """How many keys it adds."""
        return self.add + len(self.tokens)

    def threshold_of(self, role: str, root: Root) -> int:
        """The role's threshold afterwards."""
        return root.roles[role].threshold if self.threshold is None else self.threshold


def kept(desk: Desk, change: Change, role: str) -> list[str]:
    """The ids of the role's present keys that the change leaves."""
    ids = desk.standing.root.roles[role].keyids
    return [keyid for keyid in ids if desk.name_of(keyid) not in change.remove]


def to_renew(desk: Desk, change: Change) -> set[str]:
    """The roles below the root that must sign anew; empty when their signatures stay good.

    Raises `RepositoryError` for a change that can't be made.
    """
    if change.group not in GROUPS:
        raise RepositoryError(f"no group of keys is called {printable(change.group)}: {', '.join(GROUPS)}")
    root = desk.standing.root
    names = {desk.name_of(keyid) for role in change.roles for keyid in root.roles[role].keyids}
    if strangers := set(change.remove) - names:
        raise RepositoryError(
            f"{printable(min(strangers))} is no key of {change.group}; they are {', '.join(sorted(names))}"
        )
    return {below for role in change.roles for below in _to_renew(desk, change, role)}


def _to_renew(desk: Desk, change: Change, role: str) -> set[str]:
    old, needed = desk.standing.root.roles[role], change.threshold_of(role, desk.standing.root)
    stays = kept(desk, change, role)
    count = len(stays) + change.new_keys
    if not 1 <= needed <= count:
        raise RepositoryError(
            f"{role} would have {count} keys, of which {needed} must sign: add keys, or change the threshold"
        )
    if role == "root":
        return set()
    removes = len(stays) < len(old.keyids)
    if removes and needed < old.threshold:
        # For the time between, the keys to be removed would count by the lower threshold.
        raise RepositoryError(f"remove keys of {role} first, and lower its threshold in a second change")
    if desk.standing.publication is None or not (removes or needed > old.threshold):
        return set()
    return _AND_BELOW[role]


def require_enough(desk: Desk, change: Change, unlocked: Unlocked) -> None:
    """The keys that stay and can sign here must, with the new ones, reach the new threshold.

    Raises `RepositoryError` that names the missing.
    """
    for role in change.roles:
        stays = kept(desk, change, role)
        missing = change.threshold_of(role, desk.standing.root) - change.new_keys
        if missing > sum(keyid in unlocked.signers for keyid in stays):
            after = copy.deepcopy(desk.standing.root)
            after.roles[role].keyids, after.roles[role].threshold = stays, missing
            raise desk.short(role, unlocked, after)
