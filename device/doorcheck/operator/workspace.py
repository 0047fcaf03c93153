"""The operator's working state: what the next publication will hold.

    lists/trust/NAME.dctl    an imported trust list; the published one is their union
    lists/deny/NAME.dcdl     an imported deny list, not keyed; the published one is their union
    lists/revoked.json       what the operators themselves revoked
    lists/profile/           the venue's rules, a folder as `edge/rulefiles.py` reads it
    lists/settings.toml      the doors' settings
    lists/badges.json        who has a staff badge (`badges.py`); no name of it is published
    lists/release.json       which version of the program doors shall run (`releases.py`)

Nothing here is written but through `change.commit`, which puts each change on record.
The lists are the operators' secret: the hash of a 2D-Doc can be guessed by who knows its
holder. What is published is keyed.
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec

from doorcheck.core.denylist import HASH_BYTES, DenyList, DenyListError
from doorcheck.core.trust import LARGEST_BYTES, Signer, TrustList, TrustListError
from doorcheck.edge.denymap import open_list
from doorcheck.edge.store import read_bounded

LISTS = "lists"
TRUST, DENY = "trust", "deny"
REVOKED = "revoked.json"
PROFILE = "profile"
SETTINGS = "settings.toml"
SLOT = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
MOST_REVOKED_BYTES = 64 * 1024 * 1024

Hash = Annotated[str, msgspec.Meta(pattern=rf"^[0-9a-f]{{{2 * HASH_BYTES}}}\Z")]


class WorkspaceError(Exception):
    """The working state can't be used; the text says which file, why, and what to do."""


class Revocation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One revoked pass: its entries, and who listed it when and why."""

    identity: str
    format: str
    hashes: list[Hash]
    reason: str
    by: str
    at: str

    def __repr__(self) -> str:
        return f"Revocation({self.identity!r}, {len(self.hashes)} hashes)"


class Workspace:
    """The lists under a repository's folder; reads only what is asked for."""

    def __init__(self, repo: Path) -> None:
        self.folder = repo / LISTS

    def trust_slots(self) -> dict[str, TrustList]:
        """The imported trust lists by name, in the order of names. Raises `WorkspaceError`."""
        return {path.stem: _trust(path) for path in sorted((self.folder / TRUST).glob("*.dctl"))}

    def trust(self) -> TrustList:
        """Their union, as new as the newest; of signers with one key identifier and key the first counts."""
        slots = self.trust_slots().values()
        signers: dict[tuple[bytes, bytes], Signer] = {}
        for one in itertools.chain.from_iterable(slots):
            signers.setdefault((one.kid, one.key), one)
        return TrustList(signers.values(), max((slot.issued for slot in slots), default=0))

    def deny_slots(self) -> dict[str, DenyList]:
        """The imported deny lists by name, mapped. Raises `WorkspaceError`."""
        found = {}
        for path in sorted((self.folder / DENY).glob("*.dcdl")):
            try:
                found[path.stem] = open_list(path, b"")
            except DenyListError as error:
                raise WorkspaceError(f"{error}; import it again") from error
        return found

    def revoked(self) -> list[Revocation]:
        """What the operators revoked, oldest first. Raises `WorkspaceError`."""
        path = self.folder / REVOKED
        try:
            return msgspec.json.decode(read_bounded(path, MOST_REVOKED_BYTES), type=list[Revocation])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.MsgspecError) as error:
            raise WorkspaceError(f"{path}: {error}; take it back from your backup") from error

    def denied(self) -> Iterator[bytes]:
        """Every hash of every list, sorted, each once."""
        own = sorted(bytes.fromhex(text) for one in self.revoked() for text in one.hashes)
        merged = heapq.merge(own, *(iter(slot) for slot in self.deny_slots().values()))
        return (hashed for hashed, _ in itertools.groupby(merged))

    def most_denied(self) -> int:
        """How many hashes `denied` gives at most: those in two lists count twice."""
        return sum(map(len, self.deny_slots().values())) + sum(len(one.hashes) for one in self.revoked())

    @property
    def profile(self) -> Path | None:
        """The rules' folder; None before one was chosen."""
        folder = self.folder / PROFILE
        return folder if folder.is_dir() else None

    @property
    def settings(self) -> Path | None:
        """The settings' file; None before there is one."""
        path = self.folder / SETTINGS
        return path if path.is_file() else None


def revoked_bytes(revocations: Iterable[Revocation]) -> bytes:
    """The file's bytes; the same revocations give the same bytes."""
    lines = b",\n".join(msgspec.json.encode(one, order="deterministic") for one in revocations)
    return b"[\n" + lines + b"\n]\n"


def slot_name(text: str) -> str:
    """A list's name among the others of its kind. Raises `WorkspaceError`."""
    if not SLOT.fullmatch(text):
        raise WorkspaceError(
            f"{text!r} is no name for a list: up to 32 small letters, digits and dashes, such as who"
        )
    return text


def _trust(path: Path) -> TrustList:
    try:
        return TrustList.load(read_bounded(path, LARGEST_BYTES))
    except (OSError, TrustListError) as error:
        raise WorkspaceError(f"{path}: {error}; import it again") from error
