"""One new generation, from its first file to the link that makes it count.

1. Stage the publication's files beside the generations; keep those that did not change.
2. Load what is staged, pass the known-answer test and the rules' own cases.
3. Rename it into its place, flush; turn the link `current` over to it, flush.
4. Remove the generations that are neither this one nor the one to go back to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from msgspec import structs

from doorcheck.core.denytable import DenyListError, key_id
from doorcheck.core.moment import Moment
from doorcheck.edge.disk import Disk
from doorcheck.update import names
from doorcheck.update.errors import (
    DiskFullError,
    FutureError,
    KnownAnswerError,
    MalformedError,
    MissingFileError,
    NoDeltaError,
    StateError,
)
from doorcheck.update.generation import (
    CLOCKS_DIFFER,
    DENY_KEY,
    KEY_PERMISSIONS,
    METADATA,
    DamagedError,
    Generation,
    Manifest,
    failed_case,
    wanted_key,
)
from doorcheck.update.known import Known
from doorcheck.update.metadata import Publication
from doorcheck.update.names import PublicationError, Published
from doorcheck.update.source import Source
from doorcheck.update.staging import Staging, read
from doorcheck.update.state import State
from doorcheck.update.target import Target

Progress = Callable[[int, int], None]
"""Told of the bytes that are done, and of all that there are to do."""
ROOM_BYTES = 1024 * 1024
"""For metadata, folders and the manifest."""
KEPT, COPIED, DELTA = "kept", "copied", "made by a delta"


@dataclass(frozen=True, slots=True)
class Installed:
    """What counts after an update; `changed` is False when it counted before.

    `ways` says of each signed file whether it was kept, copied, or made by a delta.
    `unknown` counts signed files that this doorcheck has no use for.
    """

    number: int
    manifest: Manifest
    changed: bool
    ways: Mapping[str, str]
    written_bytes: int = 0
    unknown: int = 0


class Installation:
    """The making of one. Every method may raise `UpdateError` or `OSError`; the old one counts then."""

    def __init__(self, state: State, disk: Disk, known: Known, moment: Moment, progress: Progress) -> None:
        self._state = state
        self._disk = disk
        self._known = known
        self._moment = moment
        self._progress = progress
        self._all_bytes = self._done_bytes = 0
        self._staging = Staging(state, disk, self._tell)

    def of(self, publication: Publication, source: Source) -> Installed:
        """From a publication."""
        news = self._news(publication.files[names.WORLD], source)
        self._make_room(publication)
        current = self._known.current
        previous = current.number if current else None
        if current and current.manifest.contents == publication.version:
            previous = current.manifest.previous  # newer signatures on the same: nothing to go back to
        manifest = Manifest(
            contents=publication.version, published=news.published, previous=previous, log=news.log, files={}
        )
        with self._staged():
            ways = {
                name: self._take(publication.files[name], publication, source)
                for name in sorted(publication.files, key=lambda name: (name == names.DENY, name))
            }
            self._put_key()
            done = self._activated(manifest, publication.metadata)
        return replace(done, ways=ways, unknown=publication.unknown)

    def of_before(self, before: Generation) -> Installed:
        """From the generation before, which becomes the newest one."""
        current, newest = self._known.current, self._known.roles()["targets"].version
        contents = before.contents()
        self._all_bytes = sum(before.manifest.files[name].length for name in contents)
        manifest = structs.replace(
            before.manifest,
            declined=None if newest == before.manifest.contents else newest,
            previous=current.number if current else None,
            log=self._known.log or before.manifest.log,
            files={},
        )
        with self._staged():
            for name in contents:
                if not self._staging.link(name, before, before.manifest.files[name]):
                    raise StateError(before.folder / name, "it changed while it was looked at")
            done = self._activated(manifest, self._known.metadata)
        return replace(done, ways=dict.fromkeys(contents, KEPT))

    def _news(self, target: Target, source: Source) -> Published:
        try:
            news = names.read_published(read(target, source))
        except PublicationError as error:
            raise MalformedError(target.name, str(error)) from error
        self._known.check_news(news, self._moment)
        return news

    def _make_room(self, publication: Publication) -> None:
        """Raise `DiskFullError` before the first byte is written, not after the last that fits."""
        kept = self._known.current.manifest.files if self._known.current else {}
        files = publication.files.values()
        self._all_bytes = sum(file.length for file in files)
        needed = ROOM_BYTES + sum(file.length for file in files if kept.get(file.name) != file.entry)
        free = self._disk.free_bytes(self._state.path)
        if free < needed:
            raise DiskFullError(self._state.path, needed, free)

    def _take(self, target: Target, publication: Publication, source: Source) -> str:
        """Keep a file, or make it by a delta, or copy it; say which."""
        if self._staging.link(target.name, self._known.current, target.entry):
            return KEPT
        if target.name != names.DENY:
            self._staging.fetch(target, source)
            return COPIED
        if self._by_delta(target, publication, source):
            return DELTA
        try:
            self._staging.fetch(target, source)
        except MissingFileError:
            if self._known.current is None:
                raise
            raise NoDeltaError(target.place) from None
        return COPIED

    def _by_delta(self, target: Target, publication: Publication, source: Source) -> bool:
        current = self._known.current
        installed = current.manifest.files.get(names.DENY) if current else None
        if current is None or installed is None:
            return False
        delta = publication.deltas.get(names.delta_name(installed.sha256, target.sha256))
        if delta is None:
            return False
        try:
            data = read(delta, source)
        except MissingFileError:
            return False
        return self._staging.apply(data, current, target.entry)

    def _put_key(self) -> None:
        """Keep the deny list's key with it: the door's, or the last list's if that is still the one."""
        current = self._known.current
        folders = [self._state.path, *([current.folder] if current else [])]
        keys = [path.read_bytes() for path in (folder / DENY_KEY for folder in folders) if path.exists()]
        if not keys:
            return
        fitting = keys[:1]
        with suppress(DamagedError, DenyListError):  # then `_try` says what the list is like
            wanted = wanted_key(self._staging.folder / names.DENY)
            fitting = [key for key in keys if key_id(key) == wanted] or fitting
        self._staging.write(DENY_KEY, fitting[0], current, KEY_PERMISSIONS)

    def _activated(self, manifest: Manifest, metadata: Mapping[str, bytes]) -> Installed:
        """Try what is staged, and switch to it."""
        for name, data in sorted(metadata.items()):
            self._staging.write(f"{METADATA}/{name}", data, self._known.current)
        staged = self._staging.finish(structs.replace(manifest, files=self._staging.files))
        self._try(staged)
        number = self._state.activate(self._disk)
        with suppress(OSError):  # it counts already: what is left over goes with the next update
            self._state.tidy({number, manifest.previous}, self._disk)
        return Installed(number, staged.manifest, True, {}, self._staging.written_bytes)

    def _try(self, staged: Generation) -> None:
        try:
            loaded = staged.load(bytes(32))
        except DamagedError as error:
            raise StateError(self._state.path, f"what was just written reads differently: {error}") from error
        if loaded.world.floor > self._moment.utc:
            issued = loaded.world.floor + CLOCKS_DIFFER
            raise FutureError("the trust list", issued, self._moment.utc)
        case = failed_case(loaded.profile)
        if case is not None:
            raise KnownAnswerError(f"the rules' own case {case!r} does not come out as it says")

    @contextmanager
    def _staged(self) -> Iterator[None]:
        self._staging.begin()
        try:
            yield
        except BaseException:
            with suppress(OSError):  # the next update removes it
                self._staging.discard()
            raise

    def _tell(self, done_bytes: int) -> None:
        self._done_bytes += done_bytes
        self._progress(self._done_bytes, max(self._all_bytes, self._done_bytes))
