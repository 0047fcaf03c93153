"""The test hosts themselves: what they promise to tests that are built on them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fleet.rig import container, disk, fleet, lan, link
from tests.fleet.rig.fleet import Fleet
from tests.fleet.rig.office import Office
from tests.fleet.rig.places import NETNS, Places
from tests.fleet.rig.venue import Venue, wait_for

RATE_BIT = 256e3
SENT_BYTES = 100_000
BOOT = "/proc/sys/kernel/random/boot_id"


@pytest.fixture(scope="module")
def hosts(lan: Places) -> Fleet:
    """One full host and one light one."""
    return fleet.up(lan, 1, 1)


@pytest.fixture
def venue(hosts: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Venue:
    """A way to speak to them."""
    return Venue(hosts, Office(tmp_path_factory.mktemp("office")))


def test_a_full_host_runs_systemd(venue: Venue) -> None:
    """Process 1 is systemd, and no unit failed."""
    said = venue.inside("door-1", "systemctl", "is-system-running", "--wait").said
    assert said.strip() == "running"
    assert venue.inside("door-1", "ps", "-o", "comm=", "1").said.strip() == "systemd"


def test_a_host_restarts_itself(venue: Venue) -> None:
    """`systemctl reboot` within it, and it comes back, as another boot."""
    before = venue.ssh("door-1", "admin", "cat", BOOT).said
    venue.ssh("door-1", "admin", "sudo", "systemctl", "reboot")

    def came_back() -> bool:
        done = venue.ssh("door-1", "admin", "cat", BOOT)
        return done.code == 0 and done.said != before

    wait_for(came_back, "the restart")


def test_power_is_cut_and_files_stay(venue: Venue) -> None:
    """After `off` nothing of it runs; after `on` its files are there, and services start."""
    venue.ssh("door-1", "admin", "echo kept >kept; sync")
    venue.hosts.off("door-1")
    assert not container.members(venue.hosts.places, "door-1")
    venue.hosts.on("door-1")
    venue.hosts.wait(["door-1"])
    assert venue.ssh("door-1", "admin", "cat", "kept").said == "kept\n"
    assert venue.inside("door-1", "systemd-run", "--wait", "--quiet", "/bin/true").code == 0


def test_a_disk_fills(venue: Venue) -> None:
    """A filled disk refuses one more byte, and takes it again when it was freed."""
    where = venue.hosts.places
    disk.fill(where, "door-1")
    assert "No space left" in venue.ssh("door-1", "admin", "echo one >two").said
    disk.free(where, "door-1")
    assert venue.ssh("door-1", "admin", "echo one >two").code == 0


def test_a_cable_is_slow(venue: Venue) -> None:
    """A delay of 100 ms each way is seen in a round trip, and the rate in a transfer."""
    where = venue.hosts.places
    good = venue.ssh("door-1", "admin", "head", "-c", str(SENT_BYTES), "/dev/zero")
    link.worsen(where, "door-1", link.Condition(delay_ms=100, rate_bit=RATE_BIT))
    try:
        bad = venue.ssh("door-1", "admin", "head", "-c", str(SENT_BYTES), "/dev/urandom")
    finally:
        link.clear(where, "door-1")
    assert (good.code, bad.code) == (0, 0)
    assert bad.took_s > SENT_BYTES * 8 / RATE_BIT + 0.2


def test_a_cable_is_pulled(venue: Venue) -> None:
    """Nobody answers without a cable; somebody does as soon as it is plugged in."""
    where = venue.hosts.places
    lan.plug(where, "door-1", plugged=False)
    assert not venue.hosts.answers("door-1")
    lan.plug(where, "door-1", plugged=True)
    venue.hosts.wait(["door-1"])


def test_a_strange_host_key_is_refused(venue: Venue) -> None:
    """After `rekey` ssh refuses the host; with its own key again it does not."""
    venue.hosts.rekey("door-1")
    assert "Host key verification failed" in wait_for(
        lambda: venue.ssh("door-1", "admin", "true").said, "the refusal"
    )
    venue.hosts.rekey("door-1", back=True)
    wait_for(lambda: venue.ssh("door-1", "admin", "true").code == 0, "its own key")


def test_a_light_host_has_accounts_and_program(venue: Venue) -> None:
    """The package runs in it; the status account answers with its report."""
    assert venue.ssh("light-1", "admin", "/opt/doorcheck/current/bin/doorcheck", "--version").code == 0
    assert venue.report("light-1")["host"] == "light-1"


def test_nothing_is_left(lan: Places) -> None:
    """After `down` there is no process, mount, link, namespace or folder of the fleet."""
    fleet.up(lan, 1, 0)
    fleet.down(lan)
    assert not lan.run.exists()
    assert not [group for group in lan.cgroup if group.exists()]
    assert not list(NETNS.glob(f"{lan.prefix}-*"))
    assert str(lan.run) not in Path("/proc/self/mounts").read_text()
