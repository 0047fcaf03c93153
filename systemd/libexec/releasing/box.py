"""One box: its releases, what is remembered of them, and the order that is kept among them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from releasing import outcome, releasefile, trial
from releasing.disk import LARGEST_JSON_BYTES, Disk, read_plain
from releasing.door import Systemd
from releasing.errors import FileError, RefusedError, why
from releasing.outcome import Last
from releasing.places import MARK, Places
from releasing.releasefile import Release
from releasing.trial import Trial
from releasing.wheels import Base


@dataclass(slots=True)
class Box:
    """Its places, and what the world is to it; `machine` is the kernel's word, such as aarch64."""

    places: Places
    machine: str
    base: Base = field(default_factory=Base.of_this)
    disk: Disk = field(default_factory=Disk)
    systemd: Systemd = field(default_factory=Systemd)
    tell: Callable[[str], object] = print
    now_s: Callable[[], float] = time.monotonic
    utc: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], object] = time.sleep
    probation_s: int = trial.PROBATION_S

    # Releases

    @property
    def current(self) -> str | None:
        """The release that counts."""
        return self.places.version(self.places.current)

    @property
    def previous(self) -> str | None:
        """The one to go back to."""
        return self.places.version(self.places.previous)

    def mark(self, version: str) -> Release | None:
        """What a whole release is made of; None for one that is not whole, or was not made here."""
        try:
            found = releasefile.read(read_plain(self.places.releases / version / MARK, LARGEST_JSON_BYTES))
        except (OSError, RefusedError):
            return None
        return found if found.version == version else None

    def remove(self, version: str) -> None:
        """Remove a release's folder, the mark of being whole first; never one that a link names.

        May raise `OSError`.
        """
        folder = self.places.releases / version
        if version in (self.current, self.previous) or not folder.is_dir() or folder.is_symlink():
            return
        with contextlib.suppress(FileNotFoundError):
            self.disk.remove(folder / MARK)
            self.disk.flush_folder(folder)
        self.disk.remove_tree(folder)
        self.disk.flush_folder(self.places.releases)

    def tidy(self) -> None:
        """Remove half-made releases, and those older than the last two. May raise `OSError`."""
        if self.current is None:
            return  # whatever runs here was not put there by this script
        kept, under_way = {self.current, self.previous}, self.trial()
        if under_way is not None:
            kept |= {under_way.version, under_way.before, under_way.older}
        for version in self.places.installed():
            if version not in kept:
                self.remove(version)
        for path in (self.places.current, self.places.previous, self.places.probation, self.places.last):
            with contextlib.suppress(FileNotFoundError):
                self.disk.remove(path.with_name(f"{path.name}.new"))

    # What is remembered

    def trial_seen(self) -> Trial | None:
        """The trial that is under way, as far as it can be read; nothing is changed."""
        try:
            return trial.read(self.places.probation)
        except FileError:
            return None

    def trial(self) -> Trial | None:
        """The trial that is under way; a damaged file is none, and is said and removed."""
        try:
            return trial.read(self.places.probation)
        except FileError as error:
            self.tell(f"{error}; the release that counts is kept")
            self.end_trial()
            return None

    def remember(self, current: Trial) -> bool:
        """Write the trial; False when it can't be."""
        try:
            trial.write(self.disk, self.places.probation, current)
        except OSError as error:
            self.tell(f"{self.places.probation}: {why(error)}")
            return False
        return True

    def end_trial(self) -> None:
        """Forget it. May raise `OSError`."""
        with contextlib.suppress(FileNotFoundError):
            self.disk.remove(self.places.probation)
        self.disk.flush_folder(self.places.kept)

    def say(self, about: Trial | Release, how: str, words: str) -> bool:
        """To the journal, and to `last.json`; False when that could not be written."""
        return self.note(about.version, about.sha256, how, words)

    def note(self, version: str, sha256: str, how: str, words: str) -> bool:
        """The same of a release that could not be read."""
        self.tell(f"{version or 'the release'}: {how}: {words}")
        at = self.utc().strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            outcome.write(self.disk, self.places, Last(version, sha256, how, words, at))
        except FileError as error:
            self.tell(str(error))
            return False
        return True
