"""Why an update is not taken: one class and one message each, for the operator who reads it.

After each of these the door is as it was. `code` is for programs and stays the same.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import ClassVar


class UpdateError(Exception):
    """An update is refused, or can't be tried; nothing was changed."""

    code: ClassVar[str]
    unusable: ClassVar[bool] = False
    """Whether what was given can't be used at all, rather than being refused."""


# The directory


class UnreadableError(UpdateError):
    """The pushed directory, or a file in it, can't be read."""

    code = "unreadable"
    unusable = True

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"cannot read {path}: {why}; push it again, or put the stick back in and wait for it"
        )


class NoPublicationError(UpdateError):
    """The directory holds no publication."""

    code = "no-publication"
    unusable = True

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} holds no publication: give the directory that has metadata/ and targets/ in it "
            "(the operator's public/)"
        )


class UnsafeFileError(UpdateError):
    """Something in the directory is no plain file."""

    code = "unsafe-file"

    def __init__(self, file: str, what: str) -> None:
        super().__init__(
            f"{file} is {what}: a publication has plain files only; make the copy again without links"
        )


class MissingFileError(UpdateError):
    """A signed file is not in the directory."""

    code = "missing"

    def __init__(self, file: str) -> None:
        super().__init__(
            f"{file} is missing: the publication was not copied whole, or the stick was pulled out; "
            "copy it again"
        )


class TruncatedError(UpdateError):
    """A file is shorter than what was signed."""

    code = "truncated"

    def __init__(self, file: str, length: int, signed: int | None) -> None:
        wanted = "it ends in the middle" if signed is None else f"{signed} were signed"
        super().__init__(f"{file} is cut short: {length} bytes, {wanted}; copy it again")


class TooLongError(UpdateError):
    """A file goes on after the length that was signed, or that is allowed; perhaps for ever."""

    code = "too-long"

    def __init__(self, file: str, most: int) -> None:
        super().__init__(f"{file} goes on after {most} bytes, the most it may have; reading stopped there")


class AlteredError(UpdateError):
    """A file is not what was signed."""

    code = "altered"

    def __init__(self, file: str) -> None:
        super().__init__(f"{file} was altered after it was signed: copy it again, and ask who else had it")


# The signatures


class WrongRootError(UpdateError):
    """The publication is another operator's."""

    code = "wrong-root"

    def __init__(self, file: str) -> None:
        super().__init__(
            f"{file} is signed by another repository than the one this door was enrolled with; "
            "push from the right one (a door changes its operator by a new enrolment alone)"
        )


class ThresholdError(UpdateError):
    """Fewer have signed than must."""

    code = "threshold"

    def __init__(self, file: str, valid: int, needed: int) -> None:
        super().__init__(
            f"{file} has {valid} of the {needed} signatures that it needs; let the others sign, "
            "and publish again"
        )


class RolledBackError(UpdateError):
    """An older publication than the one that this door knows."""

    code = "rolled-back"

    def __init__(self, role: str, offered: int, trusted: int) -> None:
        super().__init__(
            f"this is an old copy: its {role} has version {offered}, and this door knows version {trusted}; "
            "push the newest publication"
        )


class FrozenError(UpdateError):
    """The publication is past its expiry: a newer one may be held back."""

    code = "expired"

    def __init__(self, role: str, expires: datetime, now: datetime) -> None:
        super().__init__(
            f"its {role} expired on {_time(expires)} (it is {_time(now)} here): a newer publication may be "
            "held back; publish again (`doorcheck operator publish`) and push that"
        )


class MixedError(UpdateError):
    """Files of different publications side by side."""

    code = "mixed"

    def __init__(self, file: str, role: str) -> None:
        super().__init__(
            f"{file} is genuine, but not the {role} that this publication names: files of two publications "
            "are mixed; copy one of them whole"
        )


class MalformedError(UpdateError):
    """Signed, and yet not what a door can take."""

    code = "malformed"

    def __init__(self, file: str, why: str) -> None:
        super().__init__(
            f"{file} is signed, but no door can take it: {why}; publish again with the same doorcheck"
        )


class UnsafeNameError(UpdateError):
    """A signed file's name leads out of its folder."""

    code = "unsafe-name"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the signed file name {name!r} leads out of the door's folder: nobody publishes such names by "
            "mistake; find out who holds the targets keys"
        )


# The time


class ClockError(UpdateError):
    """The door's clock can't be believed."""

    code = "clock"

    def __init__(self, now: datetime, why: str) -> None:
        super().__init__(
            f"this door's clock shows {_time(now)}, which {why}: expiry can't be judged; set the clock, "
            "bring a signed statement of the time (`doorcheck operator tell-time`), or give --at"
        )


class TimeError(UpdateError):
    """A statement of the time is not taken."""

    code = "time"

    def __init__(self, why: str) -> None:
        super().__init__(f"the statement of the time: {why}")


class FutureError(UpdateError):
    """Published later than now."""

    code = "future"

    def __init__(self, what: str, made: datetime, now: datetime) -> None:
        super().__init__(
            f"{what} says that it was made on {_time(made)}, and it is {_time(now)} here: one of the two "
            "clocks is wrong; set this door's, or the operator's and publish again"
        )


# The contents


class UnusableError(UpdateError):
    """A list or the rules can't be loaded."""

    code = "unusable"

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what} can't be used: {why}; publish a good one")
        self.what = what


class DenyKeyError(UpdateError):
    """The deny list is keyed with a key that this door does not have."""

    code = "deny-key"

    def __init__(self, wanted: str, given: str | None) -> None:
        has = "has none" if given is None else f"has key {given}"
        super().__init__(
            f"the deny list is keyed with {wanted}, and this door {has}; enrol it again with the operator's "
            "for-devices/ (`doorcheck update --enrol FOLDER`)"
        )


class NoDeltaError(UpdateError):
    """Neither the whole deny list, nor a delta from the one that the door has."""

    code = "no-delta"

    def __init__(self, file: str) -> None:
        super().__init__(
            f"{file}, the whole deny list, is missing, and no delta leads from the one on this door to it; "
            "push the whole publication"
        )


class KnownAnswerError(UpdateError):
    """The door's known-answer test failed with the new contents."""

    code = "known-answer"

    def __init__(self, what: str) -> None:
        super().__init__(f"the known-answer test failed with the new contents: {what}; publish a good one")


class HistoryError(UpdateError):
    """The log of who did what lost entries, or has others."""

    code = "history"

    def __init__(self, offered: int, known: int) -> None:
        what = f"ends after {offered} entries" if offered < known else f"has another entry {offered}"
        super().__init__(
            f"the log of who changed what {what}, and this door knows {known}: history was altered; "
            "look for it with `doorcheck operator log verify`"
        )


class DeclinedError(UpdateError):
    """The publication that an operator has gone back from."""

    code = "declined"

    def __init__(self, version: int) -> None:
        super().__init__(
            f"publication {version} was declined here with --back; the next newer one will be taken "
            "(--back again returns to this one)"
        )


# The door


class NotEnrolledError(UpdateError):
    """The door has no root to trust."""

    code = "not-enrolled"
    unusable = True

    def __init__(self, state: Path) -> None:
        super().__init__(
            f"{state} has no root.json: enrol the door first, with the operator's for-devices/ "
            "(`doorcheck update --enrol FOLDER`)"
        )


class EnrolmentError(UpdateError):
    """What was given can't enrol a door."""

    code = "enrolment"
    unusable = True


class OtherRootError(UpdateError):
    """The door is enrolled with another root."""

    code = "other-root"

    def __init__(self, state: Path) -> None:
        super().__init__(
            f"{state} is enrolled with another root, and keeps it: to change the operator of a door, "
            "give it a new, empty state folder"
        )


class BusyError(UpdateError):
    """Another update is running."""

    code = "busy"

    def __init__(self, state: Path) -> None:
        super().__init__(f"another update of {state} is running; wait for it, and try again")


class DiskFullError(UpdateError):
    """There is no room for a new generation."""

    code = "disk-full"

    def __init__(self, state: Path, needed: int | None = None, free: int | None = None) -> None:
        numbers = "" if needed is None else f": {needed} bytes are needed, {free} are free"
        super().__init__(f"the disk of {state} is full{numbers}; make room, and push again")


class StateError(UpdateError):
    """The door's own folder can't be used."""

    code = "state"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}; look at the disk (`dmesg`), it may be read-only or worn out")


class NothingBeforeError(UpdateError):
    """There is no whole previous generation."""

    code = "nothing-before"

    def __init__(self, why: str) -> None:
        super().__init__(f"cannot go back: {why}")


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Say what the system says of the disk under that path as an `UpdateError`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(path) from error
        raise state_error(Path(error.filename or path), error) from error


def state_error(path: Path, error: OSError) -> StateError:
    """What the system said of a path of the door's own."""
    return StateError(path, (error.strerror or str(error)).lower())


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
