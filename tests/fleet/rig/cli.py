"""The command line of the test hosts."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.fleet.rig import container, disk, fleet, keys, lan, link
from tests.fleet.rig.machine import RigError, tell
from tests.fleet.rig.places import places

EXAMPLES: Final = """\
examples, as root:
  tests/fleet/hosts up                       5 full hosts and 100 light ones
  tests/fleet/hosts up --full 2 --light 0    two full hosts, quickly
  tests/fleet/hosts list                     names, addresses, on or off
  tests/fleet/hosts shell door-1             a root shell within a host
  tests/fleet/hosts exec door-1 systemctl --failed
  tests/fleet/hosts ssh door-1 uptime        as the admin account, over SSH
  tests/fleet/hosts net door-2 --delay 300ms --loss 5% --rate 256kbit
  tests/fleet/hosts off door-3               the power is cut; `on` switches it on
  tests/fleet/hosts rekey door-4             another host key; `--back` is its own again
  tests/fleet/hosts down                     everything goes, also after a crash

Full hosts run systemd as process 1; light ones sshd and a loop. Two fleets live side by side with
another number: `--number 78` (10.78.0.0/16). README.md beside this command tells more.
"""
UNITS: Final = {"": 1.0, "bit": 1.0, "kbit": 1e3, "mbit": 1e6, "ms": 1.0, "s": 1e3, "%": 1.0}


def quantity(*units: str) -> Callable[[str], float]:
    """A reader of numbers with one of these units."""

    def read(text: str) -> float:
        match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([a-z%]*)", text)
        if match is None or match[2] not in units:
            raise argparse.ArgumentTypeError(f"{text!r} is no number with one of {', '.join(units)}")
        return float(match[1]) * UNITS[match[2]]

    return read


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="hosts",
        description="Test hosts with real Debian roots, real sshd and a network of their own.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument(
        "--cache",
        type=Path,
        help="where roots and running hosts are kept (default: ~/.cache/doorcheck-fleet)",
    )
    top.add_argument("--number", type=int, default=77, help="which fleet (default: 77, at 10.77.0.0/16)")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    start = verbs.add_parser("up", help="start a fleet")
    start.add_argument("--full", type=int, default=5, help="hosts with systemd (default: 5)")
    start.add_argument("--light", type=int, default=100, help="hosts with sshd alone (default: 100)")
    verbs.add_parser("down", help="remove the fleet and all that belongs to it")
    verbs.add_parser("list", help="names, addresses, on or off")
    for verb, words in (
        ("shell", "a root shell within a host"),
        ("on", "switch a host on, and wait until it answers"),
        ("off", "cut a host's power"),
        ("plug", "plug a host's cable in"),
        ("unplug", "pull a host's cable out"),
        ("fill", "fill a full host's disk"),
        ("free", "give back what fill took"),
        ("console", "the last lines of a host's console"),
    ):
        verbs.add_parser(verb, help=words).add_argument("host")
    for verb, words in (
        ("exec", "run a command within a host, as root"),
        ("ssh", "run a command over SSH, as admin"),
    ):
        command = verbs.add_parser(verb, help=words)
        command.add_argument("host")
        command.add_argument("words", nargs=argparse.REMAINDER)
    rekey = verbs.add_parser("rekey", help="another host key: as if a stranger's machine were there")
    rekey.add_argument("host")
    rekey.add_argument("--back", action="store_true", help="its own again")
    net = verbs.add_parser("net", help="a bad cable, each way")
    net.add_argument("host")
    net.add_argument("--delay", type=quantity("ms", "s"), default=0.0, metavar="300ms")
    net.add_argument("--loss", type=quantity("", "%"), default=0.0, metavar="5%")
    net.add_argument("--rate", type=quantity("bit", "kbit", "mbit"), default=0.0, metavar="256kbit")
    net.add_argument("--clear", action="store_true", help="a good cable again")
    return top


def main() -> int:
    """Do as told; exit code 0, or 1 with the reason."""
    told = parser().parse_args()
    try:
        where = places(told.number, told.cache)
        match told.verb:
            case "up":
                fleet.up(where, told.full, told.light)
                sys.stdout.write(f"{where.inventory}\n")
            case "down":
                fleet.down(where)
            case "list":
                show(fleet.load(where))
            case _:
                one(fleet.load(where), told)
    except RigError as error:
        tell(str(error))
        return 1
    return 0


def show(hosts: fleet.Fleet) -> None:
    """One line per host."""
    for host, address in hosts.hosts.items():
        state = "off" if container.leader(hosts.places, host) is None else "on"
        sys.stdout.write(f"{host:<12}{address:<14}{state}\n")


def one(hosts: fleet.Fleet, told: argparse.Namespace) -> None:
    """What befalls one host."""
    where, host = hosts.places, str(told.host)
    address = hosts.address(host)
    match told.verb:
        case "shell":
            become(container.inside(where, host, "/bin/bash", "-l"))
        case "exec":
            become(container.inside(where, host, *told.words))
        case "ssh":
            become(
                [
                    "ssh",
                    *keys.ssh_options(where),
                    "-i",
                    str(where.keys / "admin"),
                    f"pi@{address}",
                    *told.words,
                ]
            )
        case "on":
            hosts.on(host)
            tell(f"{host} answers after {hosts.wait([host]):.1f} s")
        case "off":
            hosts.off(host)
        case "plug" | "unplug":
            lan.plug(where, host, plugged=told.verb == "plug")
        case "fill":
            tell(f"{host}: {disk.fill(where, host) >> 20} MB were free, none now")
        case "free":
            disk.free(where, host)
        case "rekey":
            hosts.rekey(host, back=told.back)
        case "console":
            sys.stdout.write(hosts.console(host))
        case "net" if told.clear:
            link.clear(where, host)
        case "net":
            tell(f"{host}: by {link.worsen(where, host, link.Condition(told.delay, told.loss, told.rate))}")
        case verb:
            raise RigError(f"no verb {verb!r}")


def become(argv: list[str]) -> None:
    """Go on as that command, terminal and all."""
    sys.stdout.flush()
    os.execvp(argv[0], argv)  # noqa: S606 a fixed list of words
