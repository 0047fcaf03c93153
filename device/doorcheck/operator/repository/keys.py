"""The keys that sign the repository's metadata: where each one is, and how it comes to sign.

A key is an Ed25519 key in an encrypted PEM file (`pem:root-1.pem`, a bare file name: it is
looked for in REPO/keys and in whatever folders the operator names, such as a stick), or an
ECDSA key that never leaves a token (`hsm:2?label=Root+stick`, see `tokens`). REPO/keys/keys.toml
lists them with their public halves; which key counts for which role stands in the signed
root alone.

Ed25519 signatures are a function of key and content, so that publishing the same input
twice gives the same bytes; a token's signatures are not.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.exceptions import KeyMismatchError
from securesystemslib.signer import CryptoSigner, Signer, SSlibKey

from doorcheck.edge.disk import Disk
from doorcheck.edge.store import StoreError, read_bounded, write_atomically
from doorcheck.operator.repository import tokens
from doorcheck.operator.repository.errors import RepositoryError, os_reason
from doorcheck.operator.repository.pkcs8 import SCRYPT_N, encrypted_pem
from doorcheck.operator.text import printable

LIST_NAME = "keys.toml"
LARGEST_FILE_BYTES = 1024 * 1024
FORMAT = 1

Passphrases = Mapping[str, bytes]
"""By a key's name ("root-1"), or by its group ("root") for all in it. A token's PIN by its name
alone: a passphrase that was meant for others would cost one of the three tries it has."""

_NAME = re.compile(r"(root|targets|daily|snapshot|timestamp)-([1-9][0-9]{0,3})")
_URI = re.compile(r"pem:[A-Za-z0-9_-][A-Za-z0-9._-]*|hsm:[^\s]*")
_FIELDS = ("name", "uri", "keyid", "keytype", "scheme", "public")
_HEAD = """\
# The keys of this repository: where each private half is, and the public half.
# pem: a file, looked for here and in the folders that a command names. hsm: a token.
# Which key counts for which role stands in the newest public/metadata/*.root.json.
"""


@dataclass(frozen=True, slots=True)
class KeyReference:
    """One key: its name, where its private half is, and its public half."""

    name: str
    uri: str
    public: SSlibKey = field(repr=False)

    @property
    def keyid(self) -> str:
        """What metadata calls the key: a SHA-256 in hex."""
        return str(self.public.keyid)

    @property
    def group(self) -> str:
        """What its name begins with: "root", "targets", "daily", "snapshot" or "timestamp"."""
        return self.name.rpartition("-")[0]

    @property
    def on_token(self) -> bool:
        """Whether a PIN opens it rather than a passphrase."""
        return self.uri.startswith("hsm:")


@dataclass(frozen=True, slots=True)
class Unlocked:
    """The keys that can sign now, by key id; and the names of the others, with why they can't."""

    signers: Mapping[str, Signer] = field(repr=False)
    missing: Mapping[str, str]


def new_names(group: str, count: int, known: Iterable[KeyReference] = ()) -> tuple[str, ...]:
    """The names that the next `count` keys of a group get: numbers are not used twice."""
    used = (_NAME.fullmatch(key.name) for key in known)
    first = 1 + max((int(match[2]) for match in used if match and match[1] == group), default=0)
    return tuple(f"{group}-{number}" for number in range(first, first + count))


def distinct(references: Iterable[KeyReference]) -> tuple[KeyReference, ...]:
    """The same. Raises `RepositoryError` for a key under two names: it would count as one signature."""
    known: dict[str, KeyReference] = {}
    for key in references:
        if key.keyid in known:
            other = known[key.keyid].name
            raise RepositoryError(f"{key.name} is the same key as {other}: name another key of a token")
        known[key.keyid] = key
    return tuple(known.values())


def passphrase_of(name: str, passphrases: Passphrases) -> bytes | None:
    """What opens a key's file: its own passphrase, else its group's, else None."""
    return passphrases.get(name, passphrases.get(name.rpartition("-")[0]))


def read(folder: Path) -> tuple[KeyReference, ...]:
    """The keys that FOLDER/keys.toml lists. Raises `RepositoryError`."""
    path = folder / LIST_NAME
    try:
        table = tomllib.loads(read_bounded(path, LARGEST_FILE_BYTES).decode("utf-8"))
        if table["format"] != FORMAT:
            raise ValueError(f"format {table['format']} is not known here, only {FORMAT}")
        return tuple(_reference(row) for row in table.get("key", []))
    except OSError as error:
        raise RepositoryError(
            f"cannot read {path}: {os_reason(error)}; `doorcheck operator init` makes a repository"
        ) from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise RepositoryError(
            f"{path} is damaged ({printable(str(error))}): restore it from a copy of the repository"
        ) from error


def _reference(row: Mapping[str, str]) -> KeyReference:
    name, uri, keyid, keytype, scheme, public = (row[key] for key in _FIELDS)
    if not _NAME.fullmatch(name) or not _URI.fullmatch(uri):
        raise ValueError("a key's name or place is not one")
    return KeyReference(name, uri, SSlibKey(keyid, keytype, scheme, {"public": public}))


def write(folder: Path, references: Iterable[KeyReference], disk: Disk | None = None) -> None:
    """Write FOLDER/keys.toml. Raises `RepositoryError`."""
    text = f"{_HEAD}format = {FORMAT}\n"
    for key in references:
        public = key.public
        values = (key.name, key.uri, key.keyid, public.keytype, public.scheme, public.keyval["public"])
        # A JSON string of ASCII is a TOML string too.
        rows = (f"{name} = {json.dumps(value)}\n" for name, value in zip(_FIELDS, values, strict=True))
        text += "\n[[key]]\n" + "".join(rows)
    try:
        write_atomically(folder / LIST_NAME, text.encode("utf-8"), disk=disk)
    except StoreError as error:
        raise RepositoryError(f"{error}") from error


def new(
    name: str, uri: str | None, folder: Path, passphrases: Passphrases, *, scrypt_n: int = SCRYPT_N
) -> KeyReference:
    """A new key: on the token that `uri` names (`on_token`), else in a file (`make`)."""
    if uri is not None:
        return on_token(name, uri, passphrases)
    return make(name, folder, passphrases, scrypt_n=scrypt_n)


def make(name: str, folder: Path, passphrases: Passphrases, *, scrypt_n: int = SCRYPT_N) -> KeyReference:
    """Make an Ed25519 key and write it, encrypted, to FOLDER/NAME.pem, which must not exist.

    Raises `RepositoryError`, also when no passphrase is given for it.
    """
    private = Ed25519PrivateKey.generate()
    passphrase = passphrase_of(name, passphrases)
    if not passphrase:
        raise RepositoryError(f"{name} needs a passphrase that is not empty: several words are best")
    write_secret(folder / f"{name}.pem", encrypted_pem(private, passphrase, scrypt_n=scrypt_n))
    return KeyReference(name, f"pem:{name}.pem", SSlibKey.from_crypto(private.public_key()))


def on_token(name: str, uri: str, passphrases: Passphrases) -> KeyReference:
    """Take up a key that is on a token already (`tokens.take_up`). Raises `RepositoryError`."""
    found, public = tokens.take_up(name, uri, passphrases.get(name))
    return KeyReference(name, found, public)


def write_secret(path: Path, data: bytes) -> None:
    """Write a new file that only its owner may read, flushed to the disk; an existing one stays.

    It may be on a stick whose file system knows no links and no modes, so it is made in
    place; a part of one is removed again. Raises `RepositoryError`.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(handle)
            Disk().flush_folder(path.parent)
        except BaseException:
            path.unlink()
            raise
    except FileExistsError as error:
        raise RepositoryError(f"{path} is there already, and no key is ever overwritten: move it") from error
    except OSError as error:
        raise RepositoryError(f"cannot write {path}: {os_reason(error)}") from error


def unlock(references: Iterable[KeyReference], folders: Sequence[Path], passphrases: Passphrases) -> Unlocked:
    """Open every key that is in one of the folders, or on a token, and whose passphrase is given.

    The others are in `missing`. Raises `RepositoryError` for a wrong passphrase, a damaged
    file, or another key's file.
    """
    signers: dict[str, Signer] = {}
    missing: dict[str, str] = {}
    for key in references:
        passphrase = passphrases.get(key.name) if key.on_token else passphrase_of(key.name, passphrases)
        if passphrase is None:
            missing[key.name] = f"its {'PIN' if key.on_token else 'passphrase'} was not given"
        elif key.on_token:
            signers[key.keyid] = tokens.TokenSigner(key.name, key.uri, key.public, passphrase)
        elif path := find(key, folders):
            signers[key.keyid] = _load(key, path, passphrase)
        else:
            places = " or ".join(str(folder) for folder in folders)
            missing[key.name] = f"{key.uri.removeprefix('pem:')} is not in {places}"
    return Unlocked(signers, missing)


def find(key: KeyReference, folders: Iterable[Path]) -> Path | None:
    """The key's file in the first folder that has it; None for none, and for a token's key."""
    if key.on_token:
        return None
    paths = (folder / key.uri.removeprefix("pem:") for folder in folders)
    return next((path for path in paths if path.is_file()), None)


def _load(key: KeyReference, path: Path, passphrase: bytes) -> Signer:
    try:
        private = load_pem_private_key(read_bounded(path, LARGEST_FILE_BYTES), passphrase)
        return CryptoSigner(private, key.public)
    except KeyMismatchError as error:
        raise RepositoryError(
            f"{path} is not the key that {LIST_NAME} lists as {key.name} (key id {key.keyid[:8]}): "
            "find the right file"
        ) from error
    except OSError as error:
        raise RepositoryError(f"cannot read {path}: {os_reason(error)}") from error
    except (ValueError, TypeError) as error:  # all that cryptography says of either
        raise RepositoryError(
            f"{path} does not open: the passphrase of {key.name} is wrong, or the file is damaged"
        ) from error
