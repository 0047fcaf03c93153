"""Where the rig keeps things, and what it calls them: everything of one fleet carries its number."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tests.fleet.rig.machine import RigError

CHECKOUT = Path(__file__).resolve().parents[3]
NETNS = Path("/run/netns")


@dataclass(frozen=True, slots=True)
class Places:
    """One fleet of test hosts: its number is the second byte of its addresses (10.NUMBER.0.0/16)."""

    cache: Path
    number: int = 77

    @property
    def run(self) -> Path:
        """All that belongs to the running fleet; removed by `down`."""
        return self.cache / f"run-{self.number}"

    @property
    def prefix(self) -> str:
        """What names of this fleet's namespaces, links and control groups begin with."""
        return f"dcf{self.number}"

    @property
    def bridge(self) -> str:
        """The fleet's switch."""
        return f"{self.prefix}br"

    @property
    def laptop(self) -> str:
        """The operator's address on the fleet's network."""
        return f"10.{self.number}.0.1"

    @property
    def keys(self) -> Path:
        """Private SSH keys: admin, push, status."""
        return self.run / "keys"

    @property
    def known_hosts(self) -> Path:
        """The true host keys."""
        return self.inventory.with_name("known_hosts")

    @property
    def inventory(self) -> Path:
        """For Ansible."""
        return self.run / "inventory" / "hosts.json"

    @property
    def cgroup(self) -> list[Path]:
        """The fleet's control groups: one for killing and, on a hybrid machine, systemd's own beside it."""
        mounts = [Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup/systemd")]
        if not mounts[0].is_dir():
            mounts = [Path("/sys/fs/cgroup")]
        return [mount / self.prefix for mount in mounts if mount.is_dir()]


def places(number: int = 77, cache: Path | None = None) -> Places:
    """The places of a fleet; the cache is shared by all of them.

    Raises `RigError`: the number is none.
    """
    if not 1 <= number <= 254:
        raise RigError(f"a fleet's number is the second byte of its addresses, 1 to 254, not {number}")
    if cache is None:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        cache = Path(base) / "doorcheck-fleet"
    return Places(cache, number)
