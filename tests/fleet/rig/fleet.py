"""A fleet of test hosts: up, down, and what befalls one of them."""

from __future__ import annotations

import json
import shutil
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.fleet.rig import container, disk, image, keys, lan, light, link
from tests.fleet.rig.machine import RigError, call, prepare, tell
from tests.fleet.rig.places import Places

ANSWERS_WITHIN_S: Final = 60.0
AT_ONCE: Final = 10
"""So many light hosts start at the same time; more only wait for each other."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """The hosts of one fleet, by name, with their addresses."""

    places: Places
    full: dict[str, str]
    light: dict[str, str]
    layers: dict[str, tuple[str, ...]]
    """What lies under the disks of `full` and of `light` hosts, topmost first."""

    @property
    def hosts(self) -> dict[str, str]:
        """All of them."""
        return self.full | self.light

    def address(self, host: str) -> str:
        """A host's address.

        Raises `RigError`: there is no such host.
        """
        if host not in self.hosts:
            raise RigError(f"no host {host!r}; there are {', '.join(self.hosts) or 'none'}")
        return self.hosts[host]

    def on(self, host: str) -> None:
        """Switch a host on; it is not waited for."""
        self.address(host)
        if container.leader(self.places, host) is not None:
            return
        is_light = host in self.light
        layers = self.layers["light" if is_light else "full"]
        root = disk.assemble(self.places, host, layers)
        console = disk.folder(self.places, host) / "console.log"
        command = ("--as-pid2", "/usr/local/libexec/doorcheck/light-host") if is_light else ("--boot",)
        container.start(self.places, host, root, console, *command)

    def off(self, host: str) -> None:
        """Cut a host's power."""
        self.address(host)
        container.kill(self.places, host)

    def wait(self, hosts: Iterable[str], within_s: float = ANSWERS_WITHIN_S) -> float:
        """Wait until sshd answers on these hosts; gives the seconds that it took.

        Raises `RigError`: one does not, with the last lines of its console.
        """
        begin = time.monotonic()
        for host in hosts:
            while not self.answers(host):
                if time.monotonic() - begin > within_s:
                    raise RigError(
                        f"{host} is silent after {within_s:.0f} s; its console: {self.console(host)}"
                    )
                time.sleep(0.1)
        return time.monotonic() - begin

    def answers(self, host: str) -> bool:
        """Whether sshd greets."""
        try:
            with socket.create_connection((self.address(host), 22), timeout=2) as line:
                return line.recv(4) == b"SSH-"
        except OSError:
            return False

    def console(self, host: str) -> str:
        """The last lines of a host's console."""
        log = disk.folder(self.places, host) / "console.log"
        return log.read_text(errors="replace")[-1500:] if log.exists() else "it has none"

    def rekey(self, host: str, *, back: bool = False) -> None:
        """Give a running host another host key, as a stranger in its place would have; or its own again."""
        self.address(host)
        key = keys.host_key(self.places, host)
        own = disk.folder(self.places, host) / "own-key"
        if back:
            for suffix in ("", ".pub"):
                shutil.copy(f"{own}{suffix}", f"{key}{suffix}")
        else:
            if not own.exists():
                for suffix in ("", ".pub"):
                    shutil.copy(f"{key}{suffix}", f"{own}{suffix}")
            for suffix in ("", ".pub"):
                Path(f"{key}{suffix}").unlink()
            keys.new_key(key, "stranger")
        # sshd reads its keys anew at SIGHUP; the listening process is the one with its pid here.
        call(container.inside(self.places, host, "/bin/sh", "-c", "kill -HUP $(cat /run/sshd.pid)"))


def load(places: Places) -> Fleet:
    """The fleet that is up.

    Raises `RigError`: none is.
    """
    try:
        told = json.loads((places.run / "fleet.json").read_text())
    except FileNotFoundError:
        raise RigError(f"fleet {places.number} is not up; `tests/fleet/hosts up` starts it") from None
    return Fleet(places, **told)


def up(places: Places, full: int, light_hosts: int) -> Fleet:
    """Start so many full and light hosts; whatever of this fleet was left over goes first.

    Raises `RigError`: this machine refused something; in its words.
    """
    prepare()
    down(places)
    begin = time.monotonic()
    number = places.number
    fleet = Fleet(
        places,
        {f"door-{n}": f"10.{number}.0.{10 + n}" for n in range(1, full + 1)},
        {f"light-{n}": f"10.{number}.1.{n}" for n in range(1, light_hosts + 1)},
        {
            "full": (str(image.debian(places.cache)),),
            "light": tuple(str(layer) for layer in light.layer(places)) if light_hosts else (),
        },
    )
    places.run.mkdir(parents=True)
    told = {"full": fleet.full, "light": fleet.light, "layers": fleet.layers}
    (places.run / "fleet.json").write_text(json.dumps(told))
    keys.operator_keys(places)
    lan.set_up(places)
    for host, address in fleet.hosts.items():
        disk.make(places, host, own_disk=host in fleet.full)
        keys.install(places, host, light=host in fleet.light)
        lan.connect(places, host, address)
    start_all(fleet)
    keys.write_known_hosts(places, fleet.hosts)
    keys.write_inventory(places, {"doors": fleet.full, "light": fleet.light})
    took_s = time.monotonic() - begin
    tell(f"{full} full and {light_hosts} light hosts answer after {took_s:.0f} s; in {places.run}")
    return fleet


def start_all(fleet: Fleet) -> None:
    """Switch all hosts on, some at a time, and wait for them."""
    names = list(fleet.hosts)
    for first in range(0, len(names), AT_ONCE):
        batch = names[first : first + AT_ONCE]
        for host in batch:
            fleet.on(host)
        fleet.wait(batch)
        tell(f"{first + len(batch)} of {len(names)} hosts answer")


def down(places: Places) -> None:
    """Remove the fleet: processes, mounts, namespaces, links, folders; what is not there is no error."""
    for group in places.cgroup:
        for host in sorted(path.name for path in group.glob("*/")) if group.is_dir() else []:
            container.kill(places, host)
        if group.is_dir():
            group.rmdir()
    link.end_all(places)
    disk.unmount_all(places)
    lan.take_down(places)
    if places.run.exists():
        shutil.rmtree(places.run)
