"""`update` and `back`: from what is trusted to what counts, by one rename.

What is trusted is decided first (`metadata.py`), off to the side, then a generation is made
of it beside those that are there (`installation.py`).

The power may go at any time: until the link is turned over the old generation counts, from
then on the new one, and each is whole. What an interrupted update left is removed by the
next one.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from doorcheck.core.moment import Moment
from doorcheck.edge.disk import Disk
from doorcheck.update.errors import (
    DeclinedError,
    NothingBeforeError,
    disk_errors,
)
from doorcheck.update.generation import (
    DamagedError,
)
from doorcheck.update.installation import KEPT, Installation, Installed, Progress
from doorcheck.update.known import Known
from doorcheck.update.metadata import trusted
from doorcheck.update.source import Source
from doorcheck.update.state import State


def update(
    state: State,
    folder: Path,
    moment: Moment,
    *,
    disk: Disk | None = None,
    progress: Progress = lambda _done, _all: None,
) -> Installed:
    """Install the publication in a pushed directory. Raises `UpdateError`."""
    disk, root, source = disk or Disk(), state.root(), Source(folder)
    with state.locked(), disk_errors(state.path):
        known = Known.of(state)
        state.tidy(known.kept(), disk)
        known.check_clock(moment)
        with disk_errors(Path(tempfile.gettempdir())):
            publication = trusted(source, root, known.metadata, moment)
        current = known.current
        if current is not None and current.manifest.declined == publication.version:
            raise DeclinedError(publication.version)
        if current is not None and known.has(publication.version) and known.metadata == publication.metadata:
            return Installed(current.number, current.manifest, False, dict.fromkeys(publication.files, KEPT))
        return Installation(state, disk, known, moment, progress).of(publication, source)


def back(
    state: State,
    moment: Moment,
    *,
    disk: Disk | None = None,
    progress: Progress = lambda _done, _all: None,
) -> Installed:
    """Return to the previous generation's contents, with the newest metadata. Raises `UpdateError`.

    The publication that is gone back from is not installed again; a newer one is.
    """
    disk = disk or Disk()
    with state.locked(), disk_errors(state.path):
        known = Known.of(state)
        state.tidy(known.kept(), disk)
        if known.current is None:
            raise NothingBeforeError("no generation counts here; push a publication")
        number = known.current.manifest.previous
        if number is None:
            raise NothingBeforeError("there is no generation before this one; push a newer publication")
        try:
            before = state.generation(number)
            before.check()
        except DamagedError as error:
            raise NothingBeforeError(
                f"generation {number} is damaged ({error}); push a newer publication"
            ) from error
        return Installation(state, disk, known, moment, progress).of_before(before)
