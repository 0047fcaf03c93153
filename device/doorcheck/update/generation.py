"""A generation on the door's disk: everything of one publication, in one folder, for good.

    metadata/            the signed metadata that was trusted when it was made
    trust.dctl, deny.dcdl, deny.key, world.json, settings.toml, badges.json, release.json, profile/
    manifest.json        length and SHA-256 of every file above, and where this one came from

Nothing in it is ever changed. Files may have names in two generations (hard links).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Annotated

import msgspec

from doorcheck import RELEASED, config
from doorcheck.config import Settings, SettingsError
from doorcheck.core import badge, selftest
from doorcheck.core.badge import BadgeKeys, KeysError
from doorcheck.core.denylist import DenyList
from doorcheck.core.denytable import NOT_KEYED, DenyListError, DenyTable, key_id
from doorcheck.core.rules import Minimum
from doorcheck.core.trust import TrustList, TrustListError
from doorcheck.core.verdict import Outcome
from doorcheck.core.world import World
from doorcheck.edge import rulefiles
from doorcheck.edge.denymap import open_verified
from doorcheck.edge.rulefiles import ProfileError
from doorcheck.edge.store import read_bounded
from doorcheck.update import names, release
from doorcheck.update.errors import DenyKeyError, KnownAnswerError, UnusableError
from doorcheck.update.names import Hexadecimal, LogHead, PublicationError, Published
from doorcheck.update.release import ReleaseError

MANIFEST = "manifest.json"
METADATA = "metadata"
DENY_KEY = "deny.key"
LARGEST_MANIFEST_BYTES = 1024 * 1024
LARGEST_KEY_BYTES = 64
KEY_PERMISSIONS = 0o600
CLOCKS_DIFFER = timedelta(minutes=5)
"""Two good clocks, the operator's and a door's, may be that far apart."""


class DamagedError(Exception):
    """A generation is not whole; the text names the file and says why."""


class Entry(msgspec.Struct, frozen=True):
    """One file of a generation."""

    length: int
    sha256: Hexadecimal


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a generation holds, and what a door must not forget.

    `contents` is the version of the targets that the files are of, which is older than the
    metadata's after --back; then `declined` is the one that was gone back from. `log` is
    the longest log that this door has heard of. `previous` is the generation to go back to.
    """

    format: int = 1
    contents: int
    published: Annotated[datetime, msgspec.Meta(tz=True)]
    declined: int | None = None
    previous: int | None = None
    log: LogHead
    files: dict[str, Entry]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A generation, read: what the door judges with, and what the operator is shown."""

    world: World
    settings: Settings
    profile: rulefiles.Loaded | None
    badges: BadgeKeys


@dataclass(frozen=True, slots=True)
class Generation:
    """A folder with a manifest that can be read; its files may be damaged nevertheless."""

    folder: Path
    manifest: Manifest

    @classmethod
    def read(cls, folder: Path) -> Generation:
        """Read the manifest. Raises `DamagedError`."""
        try:
            manifest = msgspec.json.decode(
                read_bounded(folder / MANIFEST, LARGEST_MANIFEST_BYTES), type=Manifest
            )
        except (OSError, msgspec.MsgspecError) as error:
            raise DamagedError(f"{MANIFEST}: {_why(error)}") from error
        if manifest.format != 1:
            raise DamagedError(f"{MANIFEST}: format {manifest.format} is not known here")
        return cls(folder, manifest)

    @property
    def number(self) -> int:
        """The number that it is known by."""
        return int(self.folder.name)

    def contents(self) -> list[str]:
        """The files that a publication gave, without the metadata."""
        return [name for name in self.manifest.files if not name.startswith(f"{METADATA}/")]

    def metadata(self) -> dict[str, bytes]:
        """The trusted metadata, by names from its folder. Raises `DamagedError`."""
        found = [name for name in self.manifest.files if name.startswith(f"{METADATA}/")]
        self.check(found)
        return {name.removeprefix(f"{METADATA}/"): (self.folder / name).read_bytes() for name in found}

    def check(self, files: Iterable[str] | None = None) -> None:
        """Return if all those files (or all) are as they were made. Raises `DamagedError`."""
        for name in self.manifest.files if files is None else files:
            if self.entry(name) != self.manifest.files[name]:
                raise DamagedError(f"{name}: not as it was written")

    def entry(self, name: str) -> Entry:
        """A file's length and hash as it is now. Raises `DamagedError`."""
        try:
            with (self.folder / name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                return Entry(file.tell(), digest)
        except OSError as error:
            raise DamagedError(f"{name}: {_why(error)}") from error

    def load(self, mark_key: bytes) -> Loaded:
        """Read everything, checked on the way, and pass the known-answer test.

        Raises `DamagedError` when a file is not what was written, `UnusableError` when one
        can't be used, `KnownAnswerError` when the verifier does not do what it must with it.
        """
        self.check(name for name in self.manifest.files if name != names.DENY)
        loaded = self._loaded(mark_key)
        reason = selftest.run(loaded.world)
        if reason is not None:
            raise KnownAnswerError(f"{reason.code}, {reason.words}")
        return loaded

    def _loaded(self, mark_key: bytes) -> Loaded:
        published = self._published()
        trust = self._trust()
        settings = self._settings()
        badges = self._badges()
        self._check_release()
        profile = self._profile()
        deny = self._deny()
        issued = datetime.fromtimestamp(trust.issued, UTC)
        world = World(
            trust=trust,
            deny=deny,
            rules=Minimum() if profile is None else profile.rule_set(),
            floor=max(RELEASED, issued - CLOCKS_DIFFER, published.published - CLOCKS_DIFFER),
            mark_key=mark_key,
            published=published.published,
            freshness=settings.freshness_policy(),
            on_a_floor=Outcome(settings.clock.on_a_floor),
        )
        return Loaded(world, settings, profile, badges)

    def _published(self) -> Published:
        try:
            return names.read_published(self._read(names.WORLD))
        except PublicationError as error:
            raise UnusableError(names.WORLD, str(error)) from error

    def _trust(self) -> TrustList:
        try:
            trust = TrustList.load(self._read(names.TRUST))
            datetime.fromtimestamp(trust.issued, UTC)
        except (TrustListError, OverflowError, ValueError) as error:
            raise UnusableError("the trust list", str(error)) from error
        return trust

    def _settings(self) -> Settings:
        try:
            return config.parse(self._read(names.SETTINGS) if self._has(names.SETTINGS) else b"")
        except SettingsError as error:
            raise UnusableError(names.SETTINGS, str(error)) from error

    def _badges(self) -> BadgeKeys:
        try:
            return badge.load_keys(self._read(names.BADGES)) if self._has(names.BADGES) else BadgeKeys()
        except KeysError as error:
            raise UnusableError(names.BADGES, str(error)) from error

    def _check_release(self) -> None:
        """It is root's script that takes it; here it is only seen to be one."""
        try:
            if self._has(names.RELEASE):
                release.read(self._read(names.RELEASE))
        except ReleaseError as error:
            raise UnusableError(names.RELEASE, str(error)) from error

    def _profile(self) -> rulefiles.Loaded | None:
        if not any(map(names.is_rules, self.manifest.files)):
            return None
        try:
            return rulefiles.load(self.folder / names.PROFILE)
        except ProfileError as error:
            first = f"{len(error.faults)} faults, the first in {error.faults[0]}"
            raise UnusableError("the rules", first) from error

    def _deny(self) -> DenyList:
        path, key = self.folder / names.DENY, self._read(DENY_KEY) if self._has(DENY_KEY) else b""
        try:
            wanted = wanted_key(path)
            if wanted not in (NOT_KEYED, key_id(key)):
                raise DenyKeyError(wanted.hex(), key_id(key).hex() if key else None)
            return open_verified(path, key)
        except DenyListError as error:
            raise UnusableError("the deny list", str(error).removeprefix(f"{path}: ")) from error

    def _has(self, name: str) -> bool:
        return name in self.manifest.files

    def _read(self, name: str) -> bytes:
        try:
            return (self.folder / name).read_bytes()
        except OSError as error:
            raise DamagedError(f"{name}: {_why(error)}") from error


@contextmanager
def mapped(path: Path) -> Iterator[mmap]:
    """A file's bytes, without reading them. Raises `DamagedError`."""
    with ExitStack() as closing:
        try:
            file = closing.enter_context(path.open("rb"))
            data = closing.enter_context(mmap(file.fileno(), 0, access=ACCESS_READ))
        except (OSError, ValueError) as error:  # an empty file can't be mapped
            raise DamagedError(f"{path.name}: {_why(error)}") from error
        yield data


def wanted_key(deny_list: Path) -> bytes:
    """The name of the key that a deny list's file is made with. Raises `DamagedError`, `DenyListError`."""
    with mapped(deny_list) as data:
        name: bytes = DenyTable(data).key_id
    return name


def failed_case(profile: rulefiles.Loaded | None) -> str | None:
    """The name of a case of the rules that does not come out as it says; None if all do."""
    if profile is None:
        return None
    rules = profile.rule_set()
    for case in profile.cases:
        if not rulefiles.is_met(case, rulefiles.try_case(profile, rules, case)):
            return case.name
    return None


def _why(error: Exception) -> str:
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
