"""The files of a publication that a door knows, how large each may be, and what it signs itself."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

import msgspec

from doorcheck import config
from doorcheck.core import badge, trust
from doorcheck.edge import strictjson
from doorcheck.update import release

TRUST = "trust.dctl"
DENY = "deny.dcdl"
WORLD = "world.json"
SETTINGS = "settings.toml"
BADGES = "badges.json"
RELEASE = "release.json"
PROFILE = "profile"
REQUIRED = (WORLD, TRUST, DENY)
"""Without rules a door judges by the minimum, without settings by the defaults, without badges no
badge counts, without a release the program stays as it is."""
MOST_PROFILE_FILES = 200
LARGEST_DELTA_BYTES = 128 * 1024 * 1024

LARGEST_BYTES = {
    WORLD: 16 * 1024,
    SETTINGS: config.LARGEST_BYTES,
    BADGES: badge.LARGEST_KEYS_BYTES,
    RELEASE: release.LARGEST_BYTES,
    TRUST: trust.LARGEST_BYTES,
    DENY: 1024 * 1024 * 1024,
}
_RULES = re.compile(r"profile/(?:(?:rules|valuesets|cases)/)?[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}\.json")
_DELTA = re.compile(r"deny/[0-9a-f]{12}-[0-9a-f]{12}\.dcdd")

Hexadecimal = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class PublicationError(Exception):
    """`world.json` is not one; the text says why."""


class LogHead(msgspec.Struct, frozen=True):
    """How long the log of who did what was, and the hash of its last entry."""

    entries: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    head: Hexadecimal


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """What `world.json` says: when this was published, and where the log stood."""

    format: int
    published: Annotated[datetime, msgspec.Meta(tz=True)]
    log: LogHead


def largest_bytes(name: str) -> int | None:
    """How large a file of that name may be; None for one that is not installed."""
    if _RULES.fullmatch(name):
        return strictjson.LARGEST_BYTES
    return LARGEST_BYTES.get(name)


def is_rules(name: str) -> bool:
    """Whether the file is one of the rules' folder."""
    return name.startswith(f"{PROFILE}/")


def delta_name(installed_sha256: str, new_sha256: str) -> str:
    """The name of the delta from one deny list to another, by their files' SHA-256."""
    return f"deny/{installed_sha256[:12]}-{new_sha256[:12]}.dcdd"


def is_sha256(text: str) -> bool:
    """Whether that is a SHA-256 in small hexadecimal digits."""
    return re.fullmatch("[0-9a-f]{64}", text) is not None


def is_delta(name: str) -> bool:
    """Whether that is the name of a delta between two deny lists."""
    return _DELTA.fullmatch(name) is not None


def read_published(data: bytes) -> Published:
    """Read `world.json`. Raises `PublicationError`."""
    try:
        read = msgspec.json.decode(data, type=Published)
    except msgspec.MsgspecError as error:
        raise PublicationError(f"not as it should be: {error}") from error
    if read.format != 1:
        raise PublicationError(f"format {read.format} is not known here; this doorcheck reads format 1")
    return read
