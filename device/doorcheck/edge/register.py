"""The register of controllers on the door's disk: who was on shift, and when. No visitor's data.

    STATE/register/2026-11-23.lines    what opened or closed on that day (UTC)

    <16 hexadecimal digits, of the SHA-256 of the rest> {"format":1,"badge":...}

A line that opens a shift and the line that closes it say who and since when in full, so
that days can be thrown away one by one: a shift is known by badge and opening, and the
later line counts. A day is written anew, whole, with each line added (there are a few a
day), so a power cut leaves it with the line or without. A line that does not fit its hash
is counted and left alone, never guessed at.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from doorcheck.core.badge import ID_BYTES, Badge, Second, is_name
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.shifts import How, Shift
from doorcheck.edge.disk import Disk
from doorcheck.edge.store import StoreError, read_bounded, write_atomically

FOLDER = "register"
LARGEST_DAY_BYTES = 1024 * 1024
PERMISSIONS = 0o640
FOLDER_PERMISSIONS = 0o750
CHECK_DIGITS = 16

_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})\.lines")
_LEFT_OVER = re.compile(r"\.[0-9a-f]{16}\.tmp")


class RegisterError(Exception):
    """The register can't be written or read; the text says which file, and why."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a register holds: shifts by opening, oldest first, and how many lines are damaged."""

    shifts: tuple[Shift, ...]
    damaged: int


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A line's JSON; times are seconds since 1970."""

    format: Literal[1] = 1
    badge: Annotated[str, msgspec.Meta(pattern=rf"\A[0-9a-f]{{{2 * ID_BYTES}}}\Z")]
    name: str
    authorised: Second
    until: Second
    opened: Second
    doubtful: bool
    closed: Second | None
    how: How | None

    def __post_init__(self) -> None:
        if not is_name(self.name) or (self.closed is None) != (self.how is None):
            raise ValueError("not a line of the register")
        if self.closed is not None and self.closed < self.opened:
            raise ValueError("it closes before it opens")

    def shift(self) -> Shift:
        """The same as a shift."""
        who = Badge(bytes.fromhex(self.badge), self.name, self.authorised, self.until)
        return Shift(who, self.opened, self.doubtful, self.closed, self.how)


class Register:
    """A door's register. One process writes it; others may read meanwhile."""

    def __init__(self, state: Path, disk: Disk | None = None) -> None:
        self._state = state
        self.folder = state / FOLDER
        self._disk = disk or Disk()

    def add(self, shift: Shift) -> None:
        """Put on disk that a shift opened, or how it closed. Raises `RegisterError`; nothing is lost then."""
        at = shift.opened if shift.closed is None else shift.closed
        path = self.folder / f"{_day(at).isoformat()}.lines"
        try:
            if not self.folder.is_dir():
                self._disk.make_folder(self.folder, FOLDER_PERMISSIONS)
                self._disk.flush_folder(self._state)
            before = read_bounded(path, LARGEST_DAY_BYTES) if path.exists() else b""
        except OSError as error:
            raise RegisterError(f"cannot add to {path}: {_why(error)}") from error
        after = before + (b"\n" if before and not before.endswith(b"\n") else b"") + _line(shift)
        if len(after) > LARGEST_DAY_BYTES:
            raise RegisterError(f"cannot add to {path}: it would be larger than {LARGEST_DAY_BYTES} bytes")
        try:
            write_atomically(path, after, permissions=PERMISSIONS, disk=self._disk)
        except StoreError as error:
            raise RegisterError(str(error)) from error

    def read(self) -> Found:
        """Every shift that is on disk. Raises `RegisterError` for a file that can't be read."""
        shifts: dict[tuple[bytes, int], Shift] = {}
        damaged = 0
        for path, _ in self._days():
            try:
                data = read_bounded(path, LARGEST_DAY_BYTES)
            except FileNotFoundError:
                continue  # thrown away just now
            except OSError as error:
                raise RegisterError(f"cannot read {path}: {_why(error)}") from error
            for shift in _shifts(data):
                if shift is None:
                    damaged += 1
                    continue
                known = shifts.get((shift.badge.id, shift.opened))
                if known is None or known.closed is None:
                    shifts[shift.badge.id, shift.opened] = shift
        ordered = sorted(shifts.values(), key=lambda shift: (shift.opened, shift.badge.id))
        return Found(tuple(ordered), damaged)

    def purge(self, keep_days: int, moment: Moment) -> int:
        """Throw away the days that are older, and what power cuts left; returns how many days.

        Nothing on a clock that is a lower bound only. Raises `RegisterError`.
        """
        if moment.basis is Basis.FLOOR:
            return 0
        oldest = moment.utc.date() - timedelta(days=keep_days)
        gone = [path for path, day in self._days() if day < oldest]
        try:
            left_over = [path for path in self._names() if _LEFT_OVER.fullmatch(path.name)]
            for path in [*gone, *left_over]:
                self._disk.remove(path)
            if gone or left_over:
                self._disk.flush_folder(self.folder)
        except OSError as error:
            raise RegisterError(f"cannot remove old days in {self.folder}: {_why(error)}") from error
        return len(gone)

    def _days(self) -> Iterator[tuple[Path, date]]:
        """The days' files, oldest first."""
        for path in self._names():
            match = _DAY.fullmatch(path.name)
            if match:
                try:
                    yield path, date.fromisoformat(match[1])
                except ValueError:
                    continue  # the 31st of February is nobody's day

    def _names(self) -> list[Path]:
        try:
            return sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        except OSError as error:
            raise RegisterError(f"cannot read {self.folder}: {_why(error)}") from error


def open_shifts(found: Found) -> list[Shift]:
    """Those to go on with after a restart: of each badge the last shift, if it never closed."""
    last = {shift.badge.id: shift for shift in found.shifts}
    return [shift for shift in last.values() if shift.closed is None]


def _line(shift: Shift) -> bytes:
    badge = shift.badge
    line = _Line(
        badge=badge.id.hex(),
        name=badge.name,
        authorised=badge.authorised,
        until=badge.until,
        opened=shift.opened,
        doubtful=shift.doubtful,
        closed=shift.closed,
        how=shift.how,
    )
    return checked(msgspec.json.encode(line))


def checked(data: bytes) -> bytes:
    """A line with its hash before it."""
    return _check(data) + b" " + data + b"\n"


def _shifts(data: bytes) -> Iterable[Shift | None]:
    """A day's lines; None for each that is damaged."""
    for line in data.split(b"\n"):
        if line:
            yield _shift(line)


def _shift(line: bytes) -> Shift | None:
    check, _, data = line.partition(b" ")
    if check != _check(data):
        return None
    try:
        return msgspec.json.decode(data, type=_Line).shift()
    except msgspec.MsgspecError:
        return None


def _check(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest()[:CHECK_DIGITS].encode()


def _day(seconds: int) -> date:
    return datetime.fromtimestamp(seconds, UTC).date()


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
