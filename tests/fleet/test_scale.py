"""A hundred boxes take a new deny list, beside a bare rsync of the same bytes to the same boxes."""

from __future__ import annotations

import hashlib
import json
import resource
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from tests.fleet.rig import container, fleet
from tests.fleet.rig.keys import ssh_options
from tests.fleet.rig.office import Office, finish
from tests.fleet.rig.places import Places
from tests.fleet.rig.venue import AS_THE_DOOR, PROGRAM, Venue

BOXES: Final = 100
AT_ONCE: Final = 25
"""Boxes that are spoken to at the same time, by either way: what deploy/ansible.cfg has as `forks`."""
LISTED: Final = 20_000
"""Entries of the deny list before; a thousand more come."""
TARGET: Final = 3.0


@dataclass(frozen=True, slots=True)
class Took:
    """What one way cost: seconds, and the processors' seconds on the laptop and in all boxes."""

    seconds: float
    laptop_cpu_s: float
    boxes_cpu_s: float

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s (CPU: laptop {self.laptop_cpu_s:.1f} s, boxes {self.boxes_cpu_s:.1f} s)"


@pytest.fixture(scope="module")
def venue(lan: Places, tmp_path_factory: pytest.TempPathFactory) -> Venue:
    """A hundred light hosts, enrolled, with a first publication."""
    hosts = fleet.up(lan, 0, BOXES)
    made = Venue(hosts, Office(tmp_path_factory.mktemp("office")))
    made.office.found()
    list_hashes(made.office, LISTED)
    made.office.publish()
    variables = {"doorcheck_repo": str(made.office.repo)}
    path = made.inventory.parent / "group_vars" / "light.json"
    path.parent.mkdir()
    path.write_text(json.dumps(variables) + "\n")
    with ThreadPoolExecutor(4) as some:
        list(some.map(lambda box: enrol(made, box), hosts.light))
    first = made.office.fleet(made.inventory, "push-trust", "--limit", "light")
    assert first.code == 0, first
    return made


def list_hashes(office: Office, number: int) -> None:
    """Take a deny list of that many hashes."""
    path = office.folder / "hashes.txt"
    path.write_text("".join(f"{hashlib.sha256(b'%d' % one).hexdigest()}\n" for one in range(number)))
    office.do("import-deny", str(path), "--as", "scale", "--format", "hashes")


def enrol(venue: Venue, box: str) -> None:
    """Pin the operator's root in a box, as provisioning does it."""
    given = venue.path(box, "srv/for-devices")
    shutil.copytree(venue.office.repo / "for-devices", given)
    for path in (given, *given.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    done = venue.inside(box, *AS_THE_DOOR, PROGRAM, "update", "--enrol", "/srv/for-devices")
    assert done.code == 0, done
    shutil.rmtree(given)


def measured(venue: Venue, way: Callable[[], None]) -> Took:
    """Do it, and see what it cost."""
    laptop, boxes, begin = laptop_cpu_s(), boxes_cpu_s(venue), time.monotonic()
    way()
    return Took(time.monotonic() - begin, laptop_cpu_s() - laptop, boxes_cpu_s(venue) - boxes)


def laptop_cpu_s() -> float:
    """Processor time of all commands that were started here and ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def boxes_cpu_s(venue: Venue) -> float:
    """Processor time of all boxes."""
    stat = (venue.hosts.places.cgroup[0] / "cpu.stat").read_text()
    return int(dict(line.split() for line in stat.splitlines())["usage_usec"]) / 1e6


def bare_rsync(venue: Venue) -> None:
    """The new bytes to every box by rsync alone: to the same account, beside what it has already."""
    where = venue.hosts.places
    shell = " ".join(["ssh", *ssh_options(where), "-i", str(where.keys / "push")])
    options = ["-rt", "--fuzzy", "--delete-after", "--chmod=D755,F644", "-e", shell]

    def bring(address: str) -> int:
        words = ["rsync", *options, f"{venue.office.public}/", f"doorcheck-push@{address}:bare/"]
        return finish(words, venue.office.environment()).code

    with ThreadPoolExecutor(AT_ONCE) as some:
        assert set(some.map(bring, venue.hosts.light.values())) == {0}


def forget_connections(venue: Venue) -> None:
    """End connections that an earlier run left open: both ways begin with none."""
    for box in venue.hosts.light:
        words = ("sh", "-c", "for one in $(pgrep sshd-session); do kill $one; done")
        finish(container.inside(venue.hosts.places, box, *words), venue.office.environment())


def holds(venue: Venue, box: str, version: int) -> bool:
    """Whether a box installed that publication."""
    told = json.loads(venue.path(box, "var/lib/doorcheck/told/update.json").read_bytes())
    return int(told["metadata"]["timestamp"]["version"]) == version


def test_a_hundred_boxes_take_a_new_deny_list(
    venue: Venue, record_property: Callable[[str, object], None]
) -> None:
    """A hundred boxes take a new deny list: the time, beside a bare parallel rsync of the same bytes."""
    bare_rsync(venue)  # so that both have the same old bytes to begin with
    list_hashes(venue.office, LISTED + 1000)
    venue.office.publish()
    forget_connections(venue)
    bare = measured(venue, lambda: bare_rsync(venue))
    forget_connections(venue)
    said = []
    whole = measured(
        venue, lambda: said.append(venue.office.fleet(venue.inventory, "push-trust", "--limit", "light"))
    )
    assert said[0].code == 0, said[0]
    metadata: Path = venue.office.public / "metadata" / "timestamp.json"
    version = int(json.loads(metadata.read_bytes())["signed"]["version"])
    assert [box for box in venue.hosts.light if not holds(venue, box, version)] == []
    ratio = whole.seconds / bare.seconds
    record_property("boxes", BOXES)
    record_property("bare parallel rsync", str(bare))
    record_property("push-trust, verified by every box", str(whole))
    record_property("ratio", round(ratio, 2))
    record_property("target", f"at most {TARGET:g}")
    # Here all boxes share the laptop's processors; at their doors each has its own.
    record_property("ratio of the laptop's own work", round(whole.laptop_cpu_s / bare.laptop_cpu_s, 2))
