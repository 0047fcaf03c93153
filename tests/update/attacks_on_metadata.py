"""Attacks on the signed metadata: older, frozen, mixed, and signed by others."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.update.catalogue import expect, next_files, place
from tests.update.fleet import AT, Fleet
from tests.update.simulator import Repository, target_path
from tuf.api.metadata import MetaFile

from doorcheck.update import errors

# Roll-back


@expect(errors.RolledBackError, "its timestamp has version 1, and this door knows version 2")
def an_older_copy(fleet: Fleet) -> None:
    """Yesterday's directory, byte for byte, to bring the leaked pass back."""
    fleet.update(next_files(fleet))
    fleet.update(fleet.first)


@expect(errors.RolledBackError, "its snapshot has version 1, and this door knows version 2")
def an_older_snapshot(fleet: Fleet) -> None:
    """Who holds the timestamp key vouches for yesterday's snapshot."""
    fleet.update(next_files(fleet))
    data = fleet.first[place(fleet.first, "snapshot.json")]

    def older(timestamp: Any) -> None:
        timestamp.snapshot_meta = MetaFile.from_data(1, data, ["sha256"])

    fleet.update(next_files(fleet, {"timestamp": older}))


@expect(errors.RolledBackError, "its targets has version 1, and this door knows version 2")
def older_targets(fleet: Fleet) -> None:
    """Who holds the timestamp and the snapshot key vouches for yesterday's targets."""
    fleet.update(next_files(fleet))
    data = fleet.first[place(fleet.first, "targets.json")]

    def older(snapshot: Any) -> None:
        snapshot.meta["targets.json"] = MetaFile.from_data(1, data, ["sha256"])

    fleet.update(next_files(fleet, {"snapshot": older}))


# Freeze


@expect(errors.FrozenError, r"its timestamp expired on 2026-12-08 12:00 UTC \(it is 2026-12-09 12:01")
def a_frozen_timestamp(fleet: Fleet) -> None:
    """The same publication is pushed day after day, to keep the next one away."""
    fleet.now += timedelta(days=8)
    fleet.update(fleet.first)


@expect(errors.FrozenError, "its timestamp expired on 2026-12-01 12:00 UTC")
def a_new_timestamp_that_expired(fleet: Fleet) -> None:
    """One that the door did not have, and comes too late."""
    fleet.update(next_files(fleet, {"timestamp": lambda timestamp: setattr(timestamp, "expires", AT)}))


@expect(errors.FrozenError, "its snapshot expired")
def a_frozen_snapshot(fleet: Fleet) -> None:
    """The timestamp is renewed, what it vouches for is not."""
    fleet.update(next_files(fleet, {"snapshot": lambda snapshot: setattr(snapshot, "expires", AT)}))


@expect(errors.FrozenError, "its targets expired")
def frozen_targets(fleet: Fleet) -> None:
    """Timestamp and snapshot are renewed, what they vouch for is not."""
    fleet.update(next_files(fleet, {"targets": lambda targets: setattr(targets, "expires", AT)}))


@expect(errors.FrozenError, "its root expired")
def a_frozen_root(fleet: Fleet) -> None:
    """A newer root may have taken keys away."""
    fleet.now += timedelta(days=400)
    fleet.update(next_files(fleet))


# Mix and match


@expect(errors.MixedError, r"2\.snapshot\.json is genuine, but not the snapshot that this publication names")
def a_snapshot_of_yesterday(fleet: Fleet) -> None:
    """Genuine, and of another publication."""
    files = next_files(fleet)
    fleet.update({**files, place(files, "snapshot.json"): fleet.first[place(fleet.first, "snapshot.json")]})


@expect(errors.MixedError, r"2\.targets\.json is genuine, but not the targets that this publication names")
def targets_of_yesterday(fleet: Fleet) -> None:
    """The old list of signed files under the new snapshot."""
    files = next_files(fleet)
    fleet.update({**files, place(files, "targets.json"): fleet.first[place(fleet.first, "targets.json")]})


@expect(errors.MixedError, r"2\.root\.json is genuine, but not the root that this publication names")
def a_root_under_the_next_name(fleet: Fleet) -> None:
    """The root that the door has, as if it were the next."""
    fleet.update({**next_files(fleet), "metadata/2.root.json": fleet.repository.roots[0]})


@expect(errors.AlteredError, r"deny\.dcdl was altered after it was signed")
def a_deny_list_of_yesterday(fleet: Fleet) -> None:
    """The old list, as long as the new one, under the new one's name."""
    fleet.leak()
    new, old = fleet.repository.contents["deny.dcdl"], fleet.repository.deny_lists[0]
    files = {name: data for name, data in fleet.repository.publish().items() if "dcdd" not in name}
    fleet.update({**files, target_path("deny.dcdl", new): old.ljust(len(new), b"\0")})


# Signatures


@expect(errors.WrongRootError, r"timestamp\.json is signed by another repository")
def another_repository(fleet: Fleet) -> None:
    """Whole, and somebody else's."""
    fleet.leak()
    other = Repository(fleet.now)
    other.contents = fleet.repository.contents
    fleet.update(other.publish())


@expect(errors.WrongRootError, r"2\.root\.json is signed by another repository")
def a_root_of_another_repository(fleet: Fleet) -> None:
    """Somebody else's next root beside our files."""
    other = Repository(AT)
    other.rotate("timestamp")
    fleet.update({**next_files(fleet), "metadata/2.root.json": other.roots[1]})


@expect(errors.ThresholdError, r"2\.targets\.json has 1 of the 2 signatures that it needs")
def one_signature_of_two(fleet: Fleet) -> None:
    """One of the two who must agree did not."""
    fleet.update(next_files(fleet, signers={"targets": fleet.repository.signers["targets"][:1]}))


@expect(errors.ThresholdError, r"2\.targets\.json has 1 of the 2 signatures that it needs")
def one_signer_twice(fleet: Fleet) -> None:
    """A key that signs twice is one key."""
    files = next_files(fleet, signers={"targets": fleet.repository.signers["targets"][:1] * 2})
    fleet.update(files)


@expect(errors.ThresholdError, r"2\.root\.json has 1 of the 2 signatures that it needs")
def a_root_that_one_of_the_old_keys_signed(fleet: Fleet) -> None:
    """A stolen root key alone makes no new root."""
    repository = fleet.repository
    thief = repository.signers["root"][0]
    repository.root.version = 2
    repository.roots.append(repository.sign("root", repository.root, [thief]))
    fleet.update(next_files(fleet))
