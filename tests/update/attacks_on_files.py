"""Attacks on the files: cut short, endless, altered, no files at all, or not there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.update.catalogue import expect, next_files, place, with_content, with_listed
from tests.update.fleet import AT, BENCH, FILLER, KEY, Fleet, QuickDisk
from tests.update.simulator import TIMESTAMP, target_path
from tuf.api.metadata import TargetFile

from doorcheck.core.denyfile import build, make_delta
from doorcheck.core.trust import TrustList
from doorcheck.update import errors

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
