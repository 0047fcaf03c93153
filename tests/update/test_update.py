"""`update`, `back`, enrolment and status: what a door has before and after."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from tests.update.fleet import AT, HOUR, Fleet
from tests.update.simulator import Repository

from doorcheck.core.freshness import Age
from doorcheck.core.verdict import Reason
from doorcheck.update import install, status
from doorcheck.update.enrolment import enrol
from doorcheck.update.errors import (
    DeclinedError,
    EnrolmentError,
    NotEnrolledError,
    NothingBeforeError,
    OtherRootError,
    RolledBackError,
)
from doorcheck.update.installation import COPIED, DELTA, KEPT
from doorcheck.update.state import State


def test_the_first_publication_is_installed(fleet: Fleet) -> None:
    """Lists, rules, settings and signed metadata are in one generation, and the door judges with them."""
    done = fleet.update(fleet.repository.publish())
    assert (done.number, done.changed, set(done.ways.values())) == (1, True, {COPIED})
    assert (fleet.state.path / "current").readlink() == Path("generations/1")
    world = fleet.world()
    assert world.published == AT
    assert world.freshness.ageing_after == timedelta(hours=48)
    assert world.trust is not None
    assert len(world.deny) == 50
    assert fleet.verdict() is Reason.OK


def test_a_leaked_pass_is_refused_after_the_next_one(running: Fleet) -> None:
    """The deny list is made by a delta; the whole one need not be in the directory."""
    running.leak()
    done = running.update(running.repository.publish(whole=False))
    assert done.ways["deny.dcdl"] == DELTA
    assert {name for name, way in done.ways.items() if way == COPIED} == {"world.json"}
    assert running.verdict() is Reason.LISTED_SIGNATURE


def test_what_did_not_change_is_not_written_again(running: Fleet) -> None:
    """An SD card wears out: an unchanged file gets a second name, and its data stays where it is."""
    running.leak()
    done = running.update(running.repository.publish())
    one, two = (running.state.generations / number for number in "12")
    kept = [name for name, way in done.ways.items() if way == KEPT]
    assert {"trust.dctl", "settings.toml", "profile/profile.json"} <= set(kept)
    for name in [*kept, "deny.key", "metadata/root_history/1.root.json"]:
        assert (one / name).samefile(two / name), name
    changed = ["deny.dcdl", "world.json", "metadata/timestamp.json", "metadata/snapshot.json"]
    changed += ["metadata/targets.json"]
    assert done.written_bytes == sum((two / name).stat().st_size for name in changed)


def test_the_same_again_changes_nothing(running: Fleet) -> None:
    """What is installed already is not written again, not a byte."""
    pushed = running.push(running.first)
    before = running.print()
    done = running.update(pushed)
    assert not done.changed
    assert running.print() == before


def test_newer_signatures_on_the_same_files_are_kept(running: Fleet) -> None:
    """A renewed timestamp is remembered, so that its forerunner counts as old; --back still goes back."""
    running.leak()
    first = running.repository.publish()
    running.update(first)
    renewed = running.repository.renew(first)
    done = running.update(renewed)
    assert (done.number, done.manifest.contents, done.manifest.previous) == (3, 2, 1)
    assert not running.update(renewed).changed
    with pytest.raises(RolledBackError):
        running.update(first)
    assert running.back().manifest.contents == 1
    assert running.verdict() is Reason.OK


def test_two_generations_are_kept(running: Fleet) -> None:
    """The current one and the one to go back to; older ones and leftovers are removed."""
    (running.state.generations / ".staging" / "deny").mkdir(parents=True)
    (running.state.generations / ".staging" / "deny" / "left").write_bytes(b"over")
    for _ in range(3):
        running.leak()
        running.update(running.repository.publish())
    assert {path.name for path in running.state.generations.iterdir()} == {"3", "4"}
    assert running.state.current_number() == 4


def test_a_damaged_generation_is_mended_by_the_same_publication(running: Fleet) -> None:
    """Every file is looked at: one that rotted on the card is copied anew, not linked."""
    rotten = running.state.generations / "1" / "trust.dctl"
    good = rotten.read_bytes()
    rotten.write_bytes(b"\0" + good[1:])
    done = running.update(running.first)
    assert done.ways["trust.dctl"] == COPIED
    assert (running.state.path / "current" / "trust.dctl").read_bytes() == good
    assert running.verdict() is Reason.OK


@pytest.mark.parametrize("rot", ["altered", "empty", "gone"])
def test_of_a_damaged_list_comes_no_delta(running: Fleet, rot: str) -> None:
    """What a delta makes is compared with what is signed; else the whole list is taken."""
    old = running.state.generations / "1" / "deny.dcdl"
    data = old.read_bytes()
    old.unlink()
    if rot != "gone":
        old.write_bytes(b"" if rot == "empty" else data[:-40] + bytes([data[-40] ^ 1]) + data[-39:])
    running.leak()
    assert running.update(running.repository.publish()).ways["deny.dcdl"] == COPIED
    assert running.verdict() is Reason.LISTED_SIGNATURE


# Going back


def test_back_returns_to_what_was_before(running: Fleet) -> None:
    """The previous contents become a new generation; nothing is written again but what the door remembers."""
    running.leak()
    running.update(running.repository.publish())
    done = running.back()
    assert (done.number, done.manifest.contents, done.manifest.declined) == (3, 1, 2)
    assert done.written_bytes == 0
    assert running.verdict() is Reason.OK


def test_what_was_gone_back_from_is_not_installed_again(running: Fleet) -> None:
    """The next push of the same publication is declined, under a newer timestamp too; a newer one is not."""
    running.leak()
    declined = running.repository.publish()
    running.update(declined)
    running.back()
    for files in (declined, running.repository.renew(declined)):
        with pytest.raises(DeclinedError, match="publication 2 was declined"):
            running.update(files)
    running.leak()
    done = running.update(running.repository.publish())
    assert (done.manifest.contents, done.manifest.declined) == (3, None)
    assert running.verdict() is Reason.LISTED_SIGNATURE


def test_back_again_returns_to_what_was_declined(running: Fleet) -> None:
    """An operator who went back by mistake goes back once more."""
    running.leak()
    running.update(running.repository.publish())
    running.back()
    done = running.back()
    assert (done.manifest.contents, done.manifest.declined, done.manifest.previous) == (2, None, 3)
    assert running.verdict() is Reason.LISTED_SIGNATURE


def test_back_does_not_turn_back_what_is_trusted(running: Fleet) -> None:
    """An old copy of the repository is refused as before, though the door has its contents."""
    running.leak()
    running.update(running.repository.publish())
    running.back()
    with pytest.raises(RolledBackError):
        running.update(running.first)


def test_the_log_is_remembered_across_back(running: Fleet) -> None:
    """Entries that the door has heard of stay known when older contents count again."""
    running.leak()
    running.update(running.repository.publish())
    assert running.back().manifest.log.entries == 2


def test_there_is_nothing_before_the_first(fleet: Fleet) -> None:
    """Without a generation, or with one alone, `back` says so."""
    with pytest.raises(NothingBeforeError, match="no generation counts"):
        fleet.back()
    fleet.update(fleet.repository.publish())
    with pytest.raises(NothingBeforeError, match="no generation before"):
        fleet.back()


def test_a_damaged_generation_is_not_gone_back_to(running: Fleet) -> None:
    """What rotted meanwhile does not count again."""
    running.leak()
    running.update(running.repository.publish())
    (running.state.generations / "1" / "world.json").write_bytes(b"{}")
    with pytest.raises(NothingBeforeError, match=r"generation 1 is damaged \(world\.json"):
        running.back()
    assert running.verdict() is Reason.LISTED_SIGNATURE


# Enrolment


def test_enrolment_pins_the_root_and_hides_the_key(fleet: Fleet) -> None:
    """The folder is the door's alone, and the key is nobody else's to read."""
    state = State(fleet.folder / "another")
    done = enrol(state, fleet.for_devices(fleet.repository))
    assert done.fingerprint == hashlib.sha256(fleet.repository.roots[0]).hexdigest()
    assert (done.new_root, done.new_key) == (True, True)
    assert state.path.stat().st_mode & 0o777 == 0o700
    assert (state.path / "deny.key").stat().st_mode & 0o777 == 0o600
    assert enrol(state, fleet.for_devices(fleet.repository)).new_root is False


def test_another_root_is_refused(fleet: Fleet) -> None:
    """A door keeps its operator."""
    before = fleet.print()
    with pytest.raises(OtherRootError):
        enrol(fleet.state, fleet.for_devices(Repository(AT)))
    assert fleet.print() == before


def test_a_later_root_that_the_door_trusts_enrols_too(running: Fleet) -> None:
    """The operator's folder has the newest root; who followed the rotations knows it."""
    running.repository.rotate("root")
    folder = running.for_devices(running.repository)
    with pytest.raises(OtherRootError):
        enrol(running.state, folder)
    running.update(running.repository.publish())
    assert enrol(running.state, folder).new_root is False


@pytest.mark.parametrize("broken", ["absent", "truncated", "unsigned", "targets", "key"])
def test_what_is_no_root_enrols_nobody(fleet: Fleet, broken: str) -> None:
    """A root must be whole and signed by its own keys, a key must be one."""
    state = State(fleet.folder / "another")
    folder = fleet.for_devices(fleet.repository)
    root = folder / "root.json"
    match broken:
        case "absent":
            root.unlink()
        case "truncated":
            root.write_bytes(root.read_bytes()[:-1])
        case "unsigned":
            root.write_bytes(root.read_bytes().replace(b'"version":1', b'"version":2'))
        case "targets":
            files = fleet.repository.publish()
            root.write_bytes(files["metadata/1.targets.json"])
        case _:
            (folder / "deny.key").write_bytes(b"short")
    with pytest.raises(EnrolmentError):
        enrol(state, folder)
    assert not state.path.exists()


def test_a_new_key_counts_for_the_lists_that_are_made_with_it(running: Fleet) -> None:
    """Doors get it before the first such list; each list keeps the key that it was made with."""
    new = b"another key, after a door was stolen"
    enrol(running.state, running.for_devices(running.repository, new))
    assert running.verdict() is Reason.OK
    running.leak()
    running.update(running.repository.publish())
    assert running.verdict() is Reason.LISTED_SIGNATURE
    running.repository.deny_lists.clear()
    running.now += HOUR
    running.deny([], new)
    running.repository.date(running.now)
    running.update(running.repository.publish())
    assert running.verdict() is Reason.OK
    running.back()
    assert running.verdict() is Reason.LISTED_SIGNATURE
    running.back()
    running.leak(key=new)
    running.update(running.repository.publish())
    assert running.verdict() is Reason.LISTED_SIGNATURE
    key = running.state.path / "current" / "deny.key"
    assert (key.read_bytes(), key.stat().st_mode & 0o777) == (new, 0o600)


def test_a_door_that_is_not_enrolled_takes_nothing(fleet: Fleet) -> None:
    """Without a root there is nobody to believe."""
    with pytest.raises(NotEnrolledError):
        install.update(State(fleet.folder / "nowhere"), fleet.folder, fleet.moment())


# Status


def test_status_tells_what_is_installed(running: Fleet) -> None:
    """Versions, age, what can be gone back to, what was declined."""
    running.leak()
    running.update(running.repository.publish())
    running.back()
    running.now += 50 * HOUR
    seen = status.look(running.state, running.moment())
    assert (seen.enrolled, seen.generation, seen.contents, seen.previous, seen.declined) == (True, 3, 1, 2, 2)
    assert (seen.published, seen.rung) == (AT, Age.AGEING)
    assert seen.age == 51 * HOUR + timedelta(minutes=1)
    assert {role: one.version for role, one in seen.roles.items()} == {
        "root": 1,
        "timestamp": 2,
        "snapshot": 2,
        "targets": 2,
    }
    assert (seen.expired, seen.damage) == ((), None)


def test_expired_metadata_is_a_state(running: Fleet) -> None:
    """Months later the door says what expired; it has its lists still, and its own policy for their age."""
    running.now += timedelta(days=60)
    seen = status.look(running.state, running.moment())
    assert seen.expired == ("snapshot", "targets", "timestamp")
    assert seen.rung is Age.TOO_OLD
    assert running.world().trust is not None


def test_status_before_and_after_the_worst(fleet: Fleet) -> None:
    """A new door, and one whose generation rotted, have a status too."""
    assert status.look(State(fleet.folder / "nowhere"), fleet.moment()).enrolled is False
    assert status.look(fleet.state, fleet.moment()).generation is None
    fleet.update(fleet.repository.publish())
    (fleet.state.generations / "1" / "trust.dctl").write_bytes(b"")
    damaged = status.look(fleet.state, fleet.moment())
    assert damaged.damage == "trust.dctl: not as it was written"
    (fleet.state.generations / "1" / "manifest.json").unlink()
    worse = status.look(fleet.state, fleet.moment())
    assert worse.damage == "generation 1 has no manifest that can be read"
