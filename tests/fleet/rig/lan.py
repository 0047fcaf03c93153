"""The fleet's network: a bridge on this machine, and one network namespace with a cable per host."""

from __future__ import annotations

import json

from tests.fleet.rig.machine import attempt, call
from tests.fleet.rig.places import NETNS, Places


def port(places: Places, host: str) -> str:
    """The switch's end of a host's cable; Linux allows 15 letters."""
    kind, _, number = host.rpartition("-")
    return f"{places.prefix}{kind[0]}{number}"


def namespace(places: Places, host: str) -> str:
    """The host's network namespace."""
    return f"{places.prefix}-{host}"


def set_up(places: Places) -> None:
    """Make the bridge, with the operator's address on it."""
    call(("ip", "link", "add", places.bridge, "type", "bridge"))
    call(("ip", "addr", "add", f"{places.laptop}/16", "dev", places.bridge))
    call(("ip", "link", "set", places.bridge, "up"))


def connect(places: Places, host: str, address: str) -> None:
    """Give a host its namespace and address, and plug its cable in."""
    name, ours = namespace(places, host), port(places, host)
    call(("ip", "netns", "add", name))
    call(("ip", "link", "add", ours, "type", "veth", "peer", "name", "eth0", "netns", name))
    lines = ("link set lo up", f"addr add {address}/16 dev eth0", "link set eth0 up")
    call(("ip", "-n", name, "-batch", "-"), feed="\n".join(lines).encode())
    call(("ip", "link", "set", ours, "master", places.bridge, "up"))


def plug(places: Places, host: str, *, plugged: bool) -> None:
    """Pull a host's cable out, or put it in."""
    call(("ip", "link", "set", port(places, host), "up" if plugged else "down"))
    # Who was not there to be asked is asked anew at once, not after seconds.
    attempt(("ip", "neigh", "flush", "dev", places.bridge))


def links(places: Places) -> list[str]:
    """All links of this fleet, as the kernel has them."""
    shown = json.loads(call(("ip", "-j", "link", "show")) or "[]")
    return [link["ifname"] for link in shown if link["ifname"].startswith(places.prefix)]


def take_down(places: Places) -> None:
    """Remove whatever of this fleet's network is there, also after a crash."""
    for link in links(places):
        attempt(("ip", "link", "del", link))  # the other end of a pair is gone already
    for name in sorted(path.name for path in NETNS.glob(f"{places.prefix}-*")) if NETNS.is_dir() else []:
        call(("ip", "netns", "del", name))
