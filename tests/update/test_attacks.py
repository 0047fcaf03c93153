"""Everything that a pushed directory can do to a door: one attack, one message, and nothing changed.

An attack gets a door with its first publication, and a repository that is about to publish
the next one, after a pass leaked. It breaks one thing, and pushes.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.update.fleet import AT, BENCH, FILLER, HOUR, KEY, Fleet, QuickDisk
from tests.update.simulator import TIMESTAMP, Files, Repository, target_path
from tuf.api.metadata import MetaFile, TargetFile

from doorcheck.core import selftest
from doorcheck.core.denyfile import build, make_delta
from doorcheck.core.denylist import entries
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.core.trust import TrustList
from doorcheck.core.verdict import Reason
from doorcheck.core.verify import open_with_claims
from doorcheck.update import errors
from doorcheck.update.errors import UpdateError

Attack = Callable[[Fleet], object]
ATTACKS: dict[str, tuple[type[UpdateError], str, Attack]] = {}
"""By name: the error, words of its message, and what is done."""


def expect(error: type[UpdateError], words: str) -> Callable[[Attack], Attack]:
    """Put an attack into the catalogue."""

    def put(attack: Attack) -> Attack:
        ATTACKS[attack.__name__] = error, words, attack
        return attack

    return put


def next_files(fleet: Fleet, *args: Any, **kwargs: Any) -> Files:
    """The next publication, after the leak."""
    fleet.leak()
    return fleet.repository.publish(*args, **kwargs)


def place(files: Files, name: str) -> str:
    """Where the newest file of that name lies: `targets.json`, `trust.dctl`."""
    return max(one for one in files if one.endswith(f".{name}"))


def with_content(fleet: Fleet, name: str, data: bytes | None) -> Files:
    """The next publication, with another content (or without it), properly signed."""
    fleet.leak()
    if data is None:
        del fleet.repository.contents[name]
    else:
        fleet.repository.contents[name] = data
    return fleet.repository.publish()


def with_listed(fleet: Fleet, change: Callable[[dict[str, TargetFile]], object]) -> Files:
    """The next publication, with something changed in the list of signed files."""
    return next_files(fleet, {"targets": lambda targets: change(targets.targets)})


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


# Truncated, endless, altered


@expect(errors.TruncatedError, r"timestamp\.json is cut short: 200 bytes, it ends in the middle")
def a_truncated_timestamp(fleet: Fleet) -> None:
    """The copy was interrupted in the first file."""
    files = next_files(fleet)
    fleet.update({**files, TIMESTAMP: files[TIMESTAMP][:200]})


@expect(errors.TruncatedError, r"2\.targets\.json is cut short: 300 bytes, \d+ were signed")
def truncated_targets(fleet: Fleet) -> None:
    """The copy was interrupted in the list of signed files."""
    files = next_files(fleet)
    name = place(files, "targets.json")
    fleet.update({**files, name: files[name][:300]})


@expect(errors.TruncatedError, r"world\.json is cut short: 20 bytes, \d+ were signed")
def a_truncated_file(fleet: Fleet) -> None:
    """The copy was interrupted in a small file."""
    files = next_files(fleet)
    name = place(files, "world.json")
    fleet.update({**files, name: files[name][:20]})


@expect(errors.TruncatedError, r"deny\.dcdl is cut short: 266000 bytes, \d+ were signed")
def a_truncated_list(fleet: Fleet) -> None:
    """The copy was interrupted in the large file, of which some was staged already."""
    files = {name: data for name, data in next_files(fleet).items() if "dcdd" not in name}
    name = place(files, "deny.dcdl")
    fleet.update({**files, name: files[name][:266000]})


@expect(errors.TooLongError, r"timestamp\.json goes on after 16384 bytes")
def an_endless_timestamp(fleet: Fleet) -> None:
    """A hole of a terabyte takes no room on a stick, and would fill a door."""
    folder = fleet.push(next_files(fleet))
    with (folder / TIMESTAMP).open("wb") as file:
        file.truncate(1 << 40)
    fleet.update(folder)


@expect(errors.TooLongError, r"2\.root\.json goes on after 262144 bytes")
def an_endless_root(fleet: Fleet) -> None:
    """Whoever can write to the directory can offer a next root, of any length."""
    folder = fleet.push(next_files(fleet))
    with (folder / "metadata" / "2.root.json").open("wb") as file:
        file.truncate(1 << 40)
    fleet.update(folder)


@expect(errors.TooLongError, r"2\.targets\.json goes on after 2097152 bytes")
def huge_targets(fleet: Fleet) -> None:
    """A list of so many files that reading it would take the door's memory."""
    file = TargetFile.from_data("x", b"x", ["sha256"])
    fleet.update(with_listed(fleet, lambda files: files.update({f"x{n:05d}": file for n in range(20_000)})))


@expect(errors.TooLongError, r"deny\.dcdl goes on after \d+ bytes")
def an_endless_list(fleet: Fleet) -> None:
    """The signed list, and then more."""
    folder = fleet.push({name: data for name, data in next_files(fleet).items() if "dcdd" not in name})
    with next(folder.glob("targets/*.deny.dcdl")).open("r+b") as file:
        file.truncate(1 << 40)
    fleet.update(folder)


@expect(errors.AlteredError, r"timestamp\.json was altered after it was signed")
def an_altered_timestamp(fleet: Fleet) -> None:
    """Somebody gave it another year to live."""
    files = next_files(fleet)
    fleet.update({**files, TIMESTAMP: files[TIMESTAMP].replace(b"2026-12-08", b"2027-12-08")})


@expect(errors.AlteredError, r"2\.snapshot\.json was altered after it was signed")
def an_altered_snapshot(fleet: Fleet) -> None:
    """One digit of it."""
    files = next_files(fleet)
    name = place(files, "snapshot.json")
    fleet.update({**files, name: files[name].replace(b'"version":2', b'"version":3')})


@expect(errors.AlteredError, r"trust\.dctl was altered after it was signed")
def an_altered_list(fleet: Fleet) -> None:
    """One bit of a trust list."""
    data = TrustList([BENCH.authority.signer, BENCH.stranger.signer], int(AT.timestamp())).dump()
    files = with_content(fleet, "trust.dctl", data)
    fleet.update({**files, target_path("trust.dctl", data): data[:-1] + bytes([data[-1] ^ 1])})


@expect(errors.AlteredError, r"\.dcdd was altered after it was signed")
def an_altered_delta(fleet: Fleet) -> None:
    """One bit of a delta."""
    files = next_files(fleet)
    name = max(name for name in files if name.endswith("dcdd"))
    fleet.update({**files, name: files[name][:-1] + bytes([files[name][-1] ^ 1])})


@expect(errors.AlteredError, r"timestamp\.json was altered")
def a_timestamp_of_anything(fleet: Fleet) -> None:
    """Whatever is no metadata at all, deeply nested: it ends in a message, not in a crash."""
    fleet.update({**next_files(fleet), TIMESTAMP: b"[" * 8000 + b"]" * 8000})


# No plain files


@expect(errors.UnsafeFileError, r"timestamp\.json is a symbolic link")
def a_link_to_an_endless_device(fleet: Fleet) -> None:
    """/dev/zero never ends."""
    folder = fleet.push(next_files(fleet))
    (folder / TIMESTAMP).unlink()
    (folder / TIMESTAMP).symlink_to("/dev/zero")
    fleet.update(folder)


@expect(errors.UnsafeFileError, "behind one")
def a_folder_that_is_a_link(fleet: Fleet) -> None:
    """The door's own key would be read as a target."""
    folder = fleet.push(next_files(fleet))
    shutil.rmtree(folder / "metadata")
    (folder / "metadata").symlink_to(fleet.state.path)
    fleet.update(folder)


@expect(errors.UnsafeFileError, r"timestamp\.json is no plain file")
def a_pipe(fleet: Fleet) -> None:
    """Nobody writes into it, and whoever opens it waits for ever."""
    folder = fleet.push(next_files(fleet))
    (folder / TIMESTAMP).unlink()
    os.mkfifo(folder / TIMESTAMP)
    fleet.update(folder)


# Missing


@expect(errors.MissingFileError, r"metadata/timestamp\.json is missing")
def no_timestamp(fleet: Fleet) -> None:
    """The copy has begun, no more."""
    files = next_files(fleet)
    fleet.update({name: data for name, data in files.items() if name != TIMESTAMP})


@expect(errors.MissingFileError, r"trust\.dctl is missing")
def no_trust_list(fleet: Fleet) -> None:
    """A signed file was left out."""
    files = with_content(fleet, "trust.dctl", TrustList([], int(AT.timestamp())).dump())
    fleet.update({name: data for name, data in files.items() if not name.endswith("trust.dctl")})


@expect(errors.NoDeltaError, r"deny\.dcdl, the whole deny list, is missing, and no delta leads")
def no_delta_that_fits(fleet: Fleet) -> None:
    """The whole list was left out for a door that is two publications behind."""
    fleet.leak()
    fleet.repository.publish()
    fleet.repository.deny_lists.clear()
    fleet.deny(FILLER[1:])
    fleet.update(fleet.repository.publish(whole=False))


@expect(errors.NoDeltaError, "no delta leads from the one on this door")
def a_delta_that_makes_another_list(fleet: Fleet) -> None:
    """Signed under a name that it does not keep."""
    fleet.leak()
    contents = fleet.repository.contents
    name = next(name for name in contents if name.endswith("dcdd"))
    contents[name] = make_delta(fleet.repository.deny_lists[0], build(FILLER[1:], KEY))
    fleet.update(fleet.repository.publish(whole=False))


@expect(errors.MissingFileError, r"metadata/2\.root\.json is missing")
def a_root_left_out(fleet: Fleet) -> None:
    """Keys were changed twice, and the first of the two roots was not copied."""
    fleet.repository.rotate("root", "timestamp")
    fleet.repository.rotate("root", "timestamp")
    files = next_files(fleet)
    fleet.update({name: data for name, data in files.items() if name != "metadata/2.root.json"})


@expect(errors.UnreadableError, "no such file or directory")
def no_directory(fleet: Fleet) -> None:
    """The stick is not there."""
    fleet.update(fleet.folder / "nowhere")


@expect(errors.NoPublicationError, "holds no publication")
def no_publication(fleet: Fleet) -> None:
    """A stick with holiday pictures."""
    fleet.update({"pictures/1.jpg": b""})


@expect(errors.MissingFileError, "or the stick was pulled out")
def a_stick_that_is_pulled_midway(fleet: Fleet) -> None:
    """After the first staged file the directory is gone."""
    folder = fleet.push({name: data for name, data in next_files(fleet).items() if "dcdd" not in name})

    class Pulling(QuickDisk):
        def link(self, existing: Path, path: Path) -> None:
            shutil.rmtree(folder, ignore_errors=True)
            super().link(existing, path)

    fleet.disk = Pulling()
    fleet.update(folder)


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


# Signed, and yet


@expect(errors.UnsafeNameError, r"'\.\./\.\./root\.json' leads out")
def a_name_that_leads_out(fleet: Fleet) -> None:
    """Who holds the targets keys would replace the pinned root."""
    file = TargetFile.from_data("../../root.json", b"{}", ["sha256"])
    fleet.update(with_listed(fleet, lambda files: files.update({"../../root.json": file})))


@expect(errors.UnsafeNameError, r"'/etc/passwd' leads out")
def an_absolute_name(fleet: Fleet) -> None:
    """The same, from the top."""
    file = TargetFile.from_data("x", b"{}", ["sha256"])
    fleet.update(with_listed(fleet, lambda files: files.update({"/etc/passwd": file})))


@expect(errors.UnsafeNameError, r"'profile/rules/\.\./\.\./\.\./deny\.key' leads out")
def a_name_that_leads_out_further_in(fleet: Fleet) -> None:
    """Not only at the beginning."""
    file = TargetFile.from_data("x", b"{}", ["sha256"])
    name = "profile/rules/../../../deny.key"
    fleet.update(with_listed(fleet, lambda files: files.update({name: file})))


@expect(errors.MalformedError, "it names more than 200 files of rules")
def too_many_files(fleet: Fleet) -> None:
    """More than any venue has rules."""
    file = TargetFile.from_data("x", b"{}", ["sha256"])
    names = [f"profile/rules/{number}.json" for number in range(200)]
    fleet.update(with_listed(fleet, lambda files: files.update(dict.fromkeys(names, file))))


@expect(errors.MalformedError, r"trust\.dctl is signed, but no door can take it: \d+ bytes, where 16777216")
def a_huge_file(fleet: Fleet) -> None:
    """Signed as longer than any of its kind."""
    fleet.update(with_listed(fleet, lambda files: setattr(files["trust.dctl"], "length", 1 << 40)))


@expect(errors.MalformedError, r"trust\.dctl is signed, but no door can take it: it is signed without")
def a_file_without_a_known_hash(fleet: Fleet) -> None:
    """Signed with a hash that the door does not compute."""
    fleet.update(with_listed(fleet, lambda files: setattr(files["trust.dctl"], "hashes", {"md5": "0" * 32})))


@expect(errors.MalformedError, r"it does not name deny\.dcdl")
def no_deny_list(fleet: Fleet) -> None:
    """Without a list of leaked passes, a door would admit them."""
    fleet.update(with_content(fleet, "deny.dcdl", None))


@expect(errors.MalformedError, r"world\.json is signed, but no door can take it: not as it should be")
def a_publication_without_a_date(fleet: Fleet) -> None:
    """Nobody could say how old the lists are."""
    fleet.update(with_content(fleet, "world.json", b'{"format":1}'))


@expect(errors.MalformedError, "format 2 is not known here; this doorcheck reads format 1")
def a_publication_of_tomorrow(fleet: Fleet) -> None:
    """Made by a newer operator's side."""
    fleet.leak()
    world = json.loads(fleet.repository.contents["world.json"])
    fleet.repository.contents["world.json"] = json.dumps({**world, "format": 2}).encode()
    fleet.update(fleet.repository.publish())


@expect(errors.UnusableError, "the trust list can't be used: damaged: its checksum does not fit")
def a_broken_trust_list(fleet: Fleet) -> None:
    """Signed as it is."""
    good = fleet.repository.contents["trust.dctl"]
    fleet.update(with_content(fleet, "trust.dctl", good[:-1] + b"\0"))


@expect(errors.UnusableError, r"the deny list can't be used: .*not in order")
def a_broken_deny_list(fleet: Fleet) -> None:
    """Signed, whole, and unsorted: look-ups would miss what is in it."""
    one, two = b"a" * 15 + b"1", b"a" * 15 + b"2"
    body = build([one, two])[:-32].replace(one + two, two + one)
    fleet.update(with_content(fleet, "deny.dcdl", body + hashlib.sha256(body).digest()))


@expect(errors.UnusableError, r"the rules can't be used: \d+ faults, the first in profile\.json")
def broken_rules(fleet: Fleet) -> None:
    """A profile with a key that nobody knows."""
    fleet.update(with_content(fleet, "profile/profile.json", b'{"name": "x"}'))


@expect(errors.UnusableError, r"settings\.toml can't be used: \[freshness\] ageing_hours")
def broken_settings(fleet: Fleet) -> None:
    """A setting of the wrong type."""
    fleet.update(with_content(fleet, "settings.toml", b"[freshness]\nageing_hours = 'long'\n"))


@expect(errors.DenyKeyError, r"is keyed with [0-9a-f]{16}, and this door has key [0-9a-f]{16}")
def a_list_under_another_key(fleet: Fleet) -> None:
    """The door would look for hashes that can't be in it."""
    fleet.update(with_content(fleet, "deny.dcdl", build(FILLER, b"the key of another fleet, not this")))


@expect(errors.KnownAnswerError, "the new contents: O-TST, ")
def a_list_that_refuses_the_known_pass(fleet: Fleet) -> None:
    """The verifier must admit the pass of its own test with the new lists."""
    trust = TrustList([selftest.SIGNER], int(selftest.MOMENT.utc.timestamp()))
    world = replace(BENCH.world, trust=trust, floor=selftest.MOMENT.utc)
    known = open_with_claims(Symbol(SymbolFormat.TEXT, selftest.PASS), world, selftest.MOMENT)
    listed = [hashed for _, hashed in entries(known)]
    fleet.update(with_content(fleet, "deny.dcdl", build(listed, KEY)))


@expect(errors.KnownAnswerError, "the rules' own case 'wrong' does not come out as it says")
def rules_that_fail_their_own_case(fleet: Fleet) -> None:
    """What the operator expects of the rules is published with them, and tried at the door."""
    cases = json.loads(fleet.repository.contents["profile/cases/all.json"])
    wrong = {**cases[0], "name": "wrong", "expected": not cases[0]["expected"], "reason": None}
    fleet.update(with_content(fleet, "profile/cases/wrong.json", json.dumps([wrong]).encode()))


@expect(errors.HistoryError, "the log of who changed what ends after 1 entries, and this door knows 2")
def a_log_that_lost_its_end(fleet: Fleet) -> None:
    """Who revoked what is taken out of the log, by someone who holds all keys."""
    fleet.update(next_files(fleet))
    fleet.repository.log_entries = 0
    fleet.update(next_files(fleet))


@expect(errors.HistoryError, "the log of who changed what has another entry 1, and this door knows 1")
def a_log_that_was_written_anew(fleet: Fleet) -> None:
    """As long as before, with another end."""
    world = json.loads(fleet.repository.contents["world.json"])
    world["log"]["head"] = "0" * 64
    fleet.leak()
    fleet.repository.contents["world.json"] = json.dumps(world).encode()
    fleet.update(fleet.repository.publish())


# Time


@expect(errors.ClockError, "is only a lower bound, for nobody set it since the power came back")
def a_clock_that_nobody_set(fleet: Fleet) -> None:
    """After a power cut a Pi without a battery has a lower bound, and no time."""
    fleet.update(next_files(fleet), Moment(fleet.now, Basis.FLOOR))


@expect(errors.ClockError, "is before 2026-12-01 11:55 UTC, which is past for sure")
def a_clock_that_goes_back(fleet: Fleet) -> None:
    """Turned back, expired metadata would look fresh."""
    fleet.update(next_files(fleet), Moment(AT - HOUR, Basis.NETWORK))


@expect(errors.FutureError, "the publication says that it was made on 2026-12-01 14:00 UTC")
def a_publication_from_the_future(fleet: Fleet) -> None:
    """Taken, it would put the door out of order until then."""
    files = next_files(fleet)
    fleet.repository.date(fleet.now + HOUR)
    files = fleet.repository.publish()
    fleet.update(files)


@expect(errors.FutureError, "the trust list says that it was made on")
def a_trust_list_from_the_future(fleet: Fleet) -> None:
    """The same, by the list's own date."""
    late = TrustList([BENCH.authority.signer], int((AT + timedelta(days=9)).timestamp()))
    fleet.update(with_content(fleet, "trust.dctl", late.dump()))


# The door's own troubles


@expect(errors.BusyError, "another update of .* is running")
def another_update(fleet: Fleet) -> None:
    """Two pushes at once."""
    pushed = fleet.push(next_files(fleet))
    with fleet.state.locked():
        fleet.update(pushed)


@expect(errors.DiskFullError, r"is full: \d+ bytes are needed, 1000 are free")
def no_room(fleet: Fleet) -> None:
    """Found out before the first byte is written."""

    class Full(QuickDisk):
        def free_bytes(self, path: Path) -> int:  # noqa: ARG002 (wherever it is)
            return 1000

    fleet.disk = Full()
    fleet.update(next_files(fleet))


@expect(errors.DiskFullError, r"the disk of .* is full; make room")
def no_room_left(fleet: Fleet) -> None:
    """Found out with the last byte: what was staged is removed."""

    class Filling(QuickDisk):
        def _flush(self, handle: int) -> None:  # noqa: ARG002 (whatever it is)
            raise OSError(errno.ENOSPC, "No space left on device")

    fleet.disk = Filling()
    fleet.update(next_files(fleet))


@expect(errors.StateError, "read-only file system; look at the disk")
def a_card_that_turned_read_only(fleet: Fleet) -> None:
    """As worn-out cards do."""

    class ReadOnly(QuickDisk):
        def make_folder(self, path: Path, permissions: int = 0o777) -> None:  # noqa: ARG002 (none is made)
            raise OSError(errno.EROFS, "Read-only file system", str(path))

    fleet.disk = ReadOnly()
    fleet.update(next_files(fleet))


# Each of them, and all together


@dataclass(frozen=True)
class Told:
    """What came of an attack: what was said, and what the door's folder was like."""

    error: UpdateError | None
    before: dict[str, str]
    after: dict[str, str]


Tried = Callable[[str], Told]


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    """Tries an attack once, on a door of its own."""

    @cache
    def trying(name: str) -> Told:
        fleet = Fleet(tmp_path_factory.mktemp(name))
        fleet.begin()
        told = None
        try:
            ATTACKS[name][2](fleet)
        except UpdateError as error:
            told = error
        return Told(told, fleet.before, fleet.print())

    return trying


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_has_its_message_and_changes_nothing(name: str, tried: Tried) -> None:
    """Refused by its own error, in plain words; every byte of the door's folder is as it was."""
    error, words, _ = ATTACKS[name]
    told = tried(name)
    assert type(told.error) is error, repr(told.error)
    assert re.search(words, str(told.error)), str(told.error)
    assert told.before == told.after
    assert "current" in told.after


def test_each_message_is_another(tried: Tried) -> None:
    """No two kinds of attack are told by the same words, and each kind of error has its own code."""
    kinds = {error: str(tried(name).error) for name, (error, _, _) in ATTACKS.items()}
    assert len(set(kinds.values())) == len(kinds)
    assert len({error.code for error in kinds}) == len(kinds)
    for error, message in kinds.items():
        others = [words for other, words, _ in ATTACKS.values() if other is not error]
        assert not [words for words in others if re.search(words, message)], message


def test_every_refusal_is_in_the_catalogue() -> None:
    """An error that no attack provokes may be one that nobody would see; the rest is in `test_update.py`."""
    named = {error for error, _, _ in ATTACKS.values()}
    elsewhere = {
        errors.DeclinedError,
        errors.EnrolmentError,
        errors.NotEnrolledError,
        errors.NothingBeforeError,
        errors.OtherRootError,
    }
    assert named | elsewhere == set(UpdateError.__subclasses__())


# What is no attack


def test_keys_changed_twice_while_the_door_was_away(running: Fleet) -> None:
    """Root, timestamp and targets keys were replaced, twice; the door follows from root to root."""
    for _ in range(2):
        running.repository.rotate("root", "timestamp", "targets")
    done = running.update(next_files(running))
    assert done.changed
    assert running.verdict() is Reason.LISTED_SIGNATURE
    roots = running.state.path / "current" / "metadata" / "root_history"
    assert sorted(path.name for path in roots.iterdir()) == ["1.root.json", "2.root.json", "3.root.json"]


def test_names_that_nobody_knows_are_left_alone(running: Fleet) -> None:
    """A newer operator's side may publish more than this door has a use for: that stays where it is."""
    running.repository.contents |= {"badges.dcbl": b"?", "profile/notes.txt": b"?", "more/other": b"?"}
    done = running.update(next_files(running))
    assert done.unknown == 3
    names = {path.name for path in running.state.path.rglob("*")}
    assert not names & {"badges.dcbl", "notes.txt", "other"}


def test_a_delta_that_does_not_fit_is_no_harm_beside_the_whole_list(running: Fleet) -> None:
    """The whole list is taken then."""
    running.leak()
    contents = running.repository.contents
    name = next(name for name in contents if name.endswith("dcdd"))
    contents[name] = make_delta(running.repository.deny_lists[0], build(FILLER[1:], KEY))
    assert running.update(running.repository.publish()).ways["deny.dcdl"] == "copied"
    assert running.verdict() is Reason.LISTED_SIGNATURE


def test_after_a_refusal_the_good_one_is_taken(running: Fleet) -> None:
    """An attack leaves nothing behind that would keep the next publication away."""
    files = next_files(running)
    with pytest.raises(errors.TruncatedError):
        running.update({**files, TIMESTAMP: files[TIMESTAMP][:100]})
    assert running.update(files).changed
    assert running.verdict() is Reason.LISTED_SIGNATURE


def test_two_clocks_may_differ_a_little(running: Fleet) -> None:
    """A door that is four minutes behind takes what was published just now, and is in good order."""
    files = next_files(running)
    behind = Moment(running.now - timedelta(minutes=4), Basis.NETWORK)
    assert running.update(files, behind).changed
    assert running.world().floor <= behind.utc


def test_expiry_counts_by_the_stated_time(running: Fleet) -> None:
    """Not the computer's clock but the moment that is given: the tests themselves run at another time."""
    files = next_files(running)
    late = Moment(running.now + timedelta(days=8), Basis.OPERATOR)
    with pytest.raises(errors.FrozenError):
        running.update(files, late)
    assert running.update(files).changed
