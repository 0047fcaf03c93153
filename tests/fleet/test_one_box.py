"""New keys of every kind, a release by its own command, and the end of a box, on a real host."""

from __future__ import annotations

import pytest
from tests.fleet.rig import fleet, wheelhouse
from tests.fleet.rig.office import Done, Office
from tests.fleet.rig.places import Places
from tests.fleet.rig.venue import Venue, wait_for

FIRST, NEXT = "90.0.0", "90.1.0"


@pytest.fixture(scope="module")
def venue(lan: Places, tmp_path_factory: pytest.TempPathFactory) -> Venue:
    """One provisioned door."""
    office = Office(tmp_path_factory.mktemp("office"))
    office.found()
    made = Venue(fleet.up(lan, 1, 0), office)
    made.furnish(wheelhouse.wheelhouse(lan.cache, office.folder / "wheels", FIRST))
    done = made.fleet("provision")
    assert done.code == 0, done
    return made


def well(done: Done) -> Done:
    """It ended well."""
    assert done.code == 0, done
    return done


def secret(venue: Venue, name: str) -> str:
    """An option with that passphrase."""
    return f"--{name}-passphrase-file={venue.office.secret(name)}"


def test_new_ssh_keys(venue: Venue) -> None:
    """New SSH keys: the box takes the new ones, refuses the old ones, and answers as before."""
    keys = venue.hosts.places.keys
    before = (keys / "status").read_bytes()
    well(venue.fleet("rotate-ssh-keys"))
    assert (keys / "status").read_bytes() != before
    assert (keys / "status.old").read_bytes() == before
    well(venue.fleet("status"))
    refused = venue.ssh("door-1", "status.old", "status", account="doorcheck-status")
    assert "Permission denied" in refused.said


def test_new_update_keys(venue: Venue) -> None:
    """New update keys: the box follows the new root, and takes what the new keys sign."""
    words = ("--repo", str(venue.office.repo), secret(venue, "root"), secret(venue, "daily"))
    venue.office.run("operator", "rotate", "daily", "--add", "1", "--remove", "daily-1", *words)
    venue.office.publish()
    assert "trusts root " in well(venue.fleet("rotate-update-keys")).said
    leaked = venue.office.issue("after the rotation")
    venue.office.do("revoke", leaked.decode())
    venue.office.publish()
    well(venue.fleet("push-trust"))
    assert venue.verdict("door-1", leaked) == "REFUSE"


def test_a_new_badge_key(venue: Venue) -> None:
    """New badge key: it is brought, and nobody's name is in what is said."""
    badge = ("--name", "Zqx Controller", "--until", "2099-01-01", secret(venue, "badge"), "--new-key")
    venue.office.do("badge", *badge, "-o", str(venue.office.folder / "badge.txt"))
    venue.office.publish()
    done = well(venue.fleet("rotate-badge-key"))
    assert "Zqx" not in done.said


def test_a_release_by_its_own_command(venue: Venue) -> None:
    """A release, to all boxes at once: tried, and kept."""
    folder = venue.office.folder / "wheels-next"
    wheelhouse.wheelhouse(venue.hosts.places.cache, folder, NEXT)
    venue.office.do("use-release", str(folder))
    venue.office.publish()
    well(venue.fleet("release", "-e", f"doorcheck_wheelhouse={folder}"))

    def is_kept() -> bool:
        told = venue.report("door-1")["release"]
        return (told["current"], told["on_trial"]) == (NEXT, False)

    wait_for(is_kept, "the release is kept")


def test_out_of_service(venue: Venue) -> None:
    """Decommission: only by a typed word; then no state, program, key or account is left, nor its history."""
    history = venue.office.folder / "state" / "status.jsonl"
    assert venue.fleet("decommission", "--limit", "door-1", "-e", "sure=no").code != 0
    assert venue.verdict("door-1", venue.office.issue("still a door")) == "ADMIT"
    assert "door-1" in history.read_text()
    done = well(venue.fleet("decommission", "--limit", "door-1", "-e", "sure=wipe"))
    assert "destroy the card" in done.said
    gone = ("var/lib/doorcheck", "var/lib/doorcheck-release", "opt/doorcheck", "etc/doorcheck")
    assert [name for name in gone if venue.path("door-1", name).exists()] == []
    users = venue.path("door-1", "etc/passwd").read_text()
    assert "doorcheck" not in users
    assert "Permission denied" in venue.ssh("door-1", "status", "status", account="doorcheck-status").said
    assert "door-1" not in history.read_text()
