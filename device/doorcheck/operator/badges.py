"""The fleet's staff badges: the key that signs them, who has one, and what doors are told.

    lists/badges.json       who has which badge; on record, and never published
    badges/<key id>.pem     the badge key, encrypted: PKCS #8, Ed25519

Doors get the public key and the ids of withdrawn badges; no name leaves but on the badge
itself. A new badge key takes the place of the old one, and every badge made with that.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pycose.algorithms import EdDSA
from pycose.headers import KID
from pycose.headers import Algorithm as AlgorithmHeader
from pycose.keys.curves import Ed25519
from pycose.keys.okp import OKPKey
from pycose.messages.sign1message import Sign1Message

from doorcheck.core import badge, hcert
from doorcheck.core.badge import FLEET_BYTES, ID_BYTES, KEY_BYTES, Badge, BadgeKeys, Second
from doorcheck.edge.store import read_bounded
from doorcheck.operator.record import durable
from doorcheck.operator.repository import keys as repository_keys
from doorcheck.operator.repository.pkcs8 import SCRYPT_N, encrypted_pem
from doorcheck.operator.text import printable
from doorcheck.operator.workspace import LISTS, WorkspaceError

FOLDER = "badges"
SUBJECT = "badges"
FILE = "badges.json"
LARGEST_BYTES = 8 * 1024 * 1024
LARGEST_KEY_FILE_BYTES = 16 * 1024
SHORTEST_ID_DIGITS = 6

Id = Annotated[str, msgspec.Meta(pattern=rf"\A[0-9a-f]{{{2 * ID_BYTES}}}\Z")]


class BadgesError(WorkspaceError):
    """Badges can't be made or changed; the text says why, and what to do."""


class Issued(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One badge that was made; times are seconds since 1970. The name goes before the rest does."""

    id: Id
    name: str
    authorised: Second
    until: Second
    by: str
    withdrawn: Second | None = None

    def __repr__(self) -> str:
        return f"Issued({self.id[:SHORTEST_ID_DIGITS]}…)"

    @property
    def ended(self) -> int:
        """From when it counts no more."""
        return self.until if self.withdrawn is None else min(self.until, self.withdrawn)


class Badges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`lists/badges.json`."""

    format: Literal[1] = 1
    fleet: Annotated[str, msgspec.Meta(pattern=rf"\A[0-9a-f]{{{2 * FLEET_BYTES}}}\Z")]
    key: Annotated[str, msgspec.Meta(pattern=rf"\A[0-9a-f]{{{2 * KEY_BYTES}}}\Z")]
    issued: tuple[Issued, ...] = ()

    @property
    def public(self) -> bytes:
        """The public key."""
        return bytes.fromhex(self.key)


def load(repo: Path) -> Badges | None:
    """The fleet's badges; None before the first. Raises `BadgesError`."""
    path = repo / LISTS / FILE
    try:
        return msgspec.json.decode(read_bounded(path, LARGEST_BYTES), type=Badges)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadgesError(f"cannot read {path}: {durable.why(error)}") from error
    except msgspec.MsgspecError:
        raise BadgesError(f"{path} is damaged; take it back from your backup") from None


def dump(badges: Badges) -> bytes:
    """The file's bytes; the same badges give the same bytes."""
    return msgspec.json.format(msgspec.json.encode(badges), indent=1) + b"\n"


def published(badges: Badges | None, at: int) -> bytes | None:
    """What doors are given as `badges.json`; None when no badge was ever made.

    Of withdrawn badges only those that have not expired: the others are refused anyway.
    """
    if badges is None:
        return None
    gone = (one.id for one in badges.issued if one.withdrawn is not None and one.until > at)
    keys = BadgeKeys(
        bytes.fromhex(badges.fleet), frozenset({badges.public}), frozenset(map(bytes.fromhex, gone))
    )
    return badge.dump_keys(keys)


def make_key(repo: Path, passphrase: bytes, *, scrypt_n: int = SCRYPT_N) -> Ed25519PrivateKey:
    """Make a badge key and write its file, which nobody else can read. Raises `RepositoryError`.

    It counts once it is in `Badges`. `scrypt_n` is the cost of guessing; only tests lower it.
    """
    private = Ed25519PrivateKey.generate()
    path = _key_path(repo, private.public_key().public_bytes_raw())
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise BadgesError(f"cannot make {path.parent}: {durable.why(error)}") from error
    repository_keys.write_secret(path, encrypted_pem(private, passphrase, scrypt_n=scrypt_n))
    return private


def unlock(repo: Path, badges: Badges, passphrase: bytes) -> Ed25519PrivateKey:
    """Open the badge key's file. Raises `BadgesError`."""
    path = _key_path(repo, badges.public)
    try:
        private = load_pem_private_key(read_bounded(path, LARGEST_KEY_FILE_BYTES), passphrase or b"\0")
    except OSError as error:
        raise BadgesError(
            f"cannot read the badge key {path}: {durable.why(error)}; take it from your backup, or make "
            "another with --new-key, after which every badge is made again"
        ) from error
    except ValueError:
        raise BadgesError(f"{path} does not open: a wrong passphrase, or the file is damaged") from None
    except (TypeError, UnsupportedAlgorithm):
        raise BadgesError(f"{path} is no key under a passphrase; take it from your backup") from None
    if not isinstance(private, Ed25519PrivateKey) or private.public_key().public_bytes_raw() != badges.public:
        raise BadgesError(f"{path} holds another key than is on record; take it from your backup")
    return private


def with_key(badges: Badges | None, private: Ed25519PrivateKey, at: int) -> Badges:
    """The fleet's badges under a new key: from then on those made before count no more."""
    key = private.public_key().public_bytes_raw().hex()
    if badges is None:
        return Badges(fleet=secrets.token_hex(FLEET_BYTES), key=key)
    ended = [one if one.ended <= at else msgspec.structs.replace(one, withdrawn=at) for one in badges.issued]
    return msgspec.structs.replace(badges, key=key, issued=tuple(ended))


def new_badge(name: str, authorised: int, until: int) -> Badge:
    """A badge with an id of its own. Raises `BadgesError`."""
    plain = badge.clean_name(name)
    if plain is None:
        raise BadgesError(
            f"no name for a badge: {printable(name, 80)!r}; it has 1 to {badge.LONGEST_NAME} visible "
            "characters and begins with a letter or a digit"
        )
    if not 0 <= authorised < until <= badge.LATEST:
        raise BadgesError("the badge would end before it begins, or not in our time: see --from and --until")
    return Badge(secrets.token_bytes(ID_BYTES), plain, authorised, until)


def sign(made: Badge, badges: Badges, private: Ed25519PrivateKey) -> bytes:
    """The badge's text, as its code holds it; the same badge and key give the same text."""
    payload = badge.payload(made, bytes.fromhex(badges.fleet))
    headers = {AlgorithmHeader: EdDSA, KID: badge.key_id(badges.public)}
    message = Sign1Message(phdr=headers, payload=payload)
    message.key = OKPKey(crv=Ed25519, x=badges.public, d=private.private_bytes_raw())
    return badge.PREFIX + base45(message.encode(tag=True))


def with_badge(badges: Badges, made: Badge, by: str) -> Badges:
    """The fleet's badges and one more."""
    one = Issued(id=made.id.hex(), name=made.name, authorised=made.authorised, until=made.until, by=by)
    return msgspec.structs.replace(badges, issued=(*badges.issued, one))


def find(badges: Badges | None, digits: str) -> Issued:
    """The badge whose id begins with those digits. Raises `BadgesError` for none, and for several."""
    small = digits.lower()
    found = [one for one in (badges.issued if badges else ()) if one.id.startswith(small)]
    if len(small) < SHORTEST_ID_DIGITS or len(found) != 1:
        several = f"{len(found)} badges have" if len(found) > 1 else "no badge has"
        raise BadgesError(
            f"{several} an id that begins with {printable(digits, 40)!r}: give {SHORTEST_ID_DIGITS} digits "
            "or more; `doorcheck operator badges` lists them"
        )
    return found[0]


def withdraw(badges: Badges | None, digits: str, at: int) -> tuple[Badges, Issued]:
    """The fleet's badges without the one that `find` finds, and which that is. Raises `BadgesError`."""
    which = find(badges, digits)
    if badges is None or which.ended <= at:
        raise BadgesError(f"the badge {which.id[:SHORTEST_ID_DIGITS]} counts no more already")
    gone = msgspec.structs.replace(which, withdrawn=at)
    issued = tuple(gone if one is which else one for one in badges.issued)
    return msgspec.structs.replace(badges, issued=issued), gone


def purged(badges: Badges, keep_days: int, at: int) -> Badges:
    """Without the names of what ended longer ago than doors keep theirs, and without what expired then."""
    oldest = at - int(timedelta(days=keep_days).total_seconds())
    kept = (one for one in badges.issued if one.until >= oldest)
    named = (msgspec.structs.replace(one, name="") if one.ended < oldest else one for one in kept)
    return msgspec.structs.replace(badges, issued=tuple(named))


def base45(data: bytes) -> bytes:
    """Encode base45 (RFC 9285)."""
    pairs = (data[start : start + 2] for start in range(0, len(data), 2))
    return bytes(_digits(pairs))


def _digits(pairs: Iterable[bytes]) -> Iterable[int]:
    for pair in pairs:
        value = int.from_bytes(pair, "big")
        for _ in range(len(pair) + 1):
            value, digit = divmod(value, 45)
            yield hcert.ALPHABET[digit]


def _key_path(repo: Path, public: bytes) -> Path:
    return repo / FOLDER / f"{badge.key_id(public).hex()}.pem"
