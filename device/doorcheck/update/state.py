"""A door's own folder: what it was enrolled with, its generations, and which one counts.

root.json, deny.key      given at enrolment
generations/NUMBER/      see `generation.py`; `.staging` is one in the making
current                  a symbolic link to the generation that counts
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from doorcheck.edge.disk import Disk
from doorcheck.update.errors import BusyError, NotEnrolledError, state_error
from doorcheck.update.generation import DamagedError, Generation

ROOT = "root.json"
GENERATIONS = "generations"
STAGING = ".staging"
CURRENT = "current"
NEW_CURRENT = "current.new"
_LINK = re.compile(rf"{GENERATIONS}/([1-9][0-9]{{0,8}})")


@dataclass(frozen=True, slots=True)
class State:
    """The folder."""

    path: Path

    @property
    def generations(self) -> Path:
        """Where generations are."""
        return self.path / GENERATIONS

    @property
    def staging(self) -> Path:
        """Where the next one is made."""
        return self.generations / STAGING

    def root(self) -> bytes:
        """The root that was pinned at enrolment. Raises `NotEnrolledError`, `StateError`."""
        try:
            return (self.path / ROOT).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise NotEnrolledError(self.path) from None
        except OSError as error:
            raise state_error(self.path / ROOT, error) from error

    def current_number(self) -> int | None:
        """The number that the link says; None without a link, or with another one."""
        try:
            link = _LINK.fullmatch(str((self.path / CURRENT).readlink()))
        except OSError:
            return None
        return int(link[1]) if link else None

    def numbers(self) -> list[int]:
        """Every generation there is, newest first."""
        try:
            names = [path.name for path in self.generations.iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise state_error(self.generations, error) from error
        found = [int(name) for name in names if _LINK.fullmatch(f"{GENERATIONS}/{name}")]
        return sorted(found, reverse=True)

    def generation(self, number: int) -> Generation:
        """That generation. Raises `DamagedError`."""
        return Generation.read(self.generations / str(number))

    def current(self) -> Generation | None:
        """The generation that counts; None before the first. Raises `DamagedError`."""
        number = self.current_number()
        return None if number is None else self.generation(number)

    def known(self) -> Iterator[Generation]:
        """The generations whose manifest can be read: the current one, then newest first."""
        current = self.current_number()
        for number in sorted(self.numbers(), key=lambda one: (one != current, -one)):
            try:
                yield self.generation(number)
            except DamagedError:
                continue

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other updates out. Raises `BusyError`, `NotEnrolledError`, `StateError`."""
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise NotEnrolledError(self.path) from None
        except OSError as error:
            raise state_error(self.path, error) from error
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BusyError(self.path) from None
            yield
        finally:
            os.close(handle)

    def activate(self, disk: Disk) -> int:
        """Make the staged generation the one that counts; its number. May raise `OSError`.

        Everything in it is durable by now. Its own name is made so before the link names it.
        """
        number = max(self.numbers(), default=0) + 1
        disk.rename(self.staging, self.generations / str(number))
        disk.flush_folder(self.generations)
        new = self.path / NEW_CURRENT
        disk.symlink(f"{GENERATIONS}/{number}", new)
        disk.rename(new, self.path / CURRENT)
        disk.flush_folder(self.path)
        return number

    def tidy(self, kept: Container[int | None] | None, disk: Disk) -> None:
        """Remove what a finished or interrupted update left: all generations but those, if any are named.

        Where there is nothing to remove, nothing is touched. May raise `OSError`.
        """
        new = self.path / NEW_CURRENT
        if os.path.lexists(new):
            disk.remove(new)
            disk.flush_folder(self.path)
        over = [self.staging] if self.staging.exists() else []
        if kept is not None:
            over += [self.generations / str(number) for number in self.numbers() if number not in kept]
        for folder in over:
            disk.remove_tree(folder)
        if over:
            disk.flush_folder(self.generations)
