"""What is signed and yet can't be taken, wrong clocks, and the door's own troubles."""

from __future__ import annotations

import errno
import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.update.catalogue import expect, next_files, with_content, with_listed
from tests.update.fleet import AT, BENCH, FILLER, HOUR, KEY, Fleet, QuickDisk
from tuf.api.metadata import TargetFile

from doorcheck.core import selftest
from doorcheck.core.denyfile import build
from doorcheck.core.denylist import entries
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.core.trust import TrustList
from doorcheck.core.verify import open_with_claims
from doorcheck.update import errors

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
