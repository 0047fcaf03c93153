"""Authors: who may change the record, each with a name and a key behind a passphrase.

A key file, authors/<slug>.pem, holds one Ed25519 key: PKCS #8, encrypted. Lines before the
PEM block (RFC 7468, 5.2 lets them be) say whose it is and give the public key, so that an
author can be added to the log without their passphrase:

    doorcheck author 1
    name: Anna Muller
    key: 64 hexadecimal digits
    check: SHA-256 of the other lines and the block: damage is told from a wrong passphrase

Which keys count is the log's to say, not this folder's (`logchain.py`).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from doorcheck.edge.store import StoreError, read_bounded
from doorcheck.operator.record import durable
from doorcheck.operator.record.passphrase import exposed
from doorcheck.operator.repository.pkcs8 import SCRYPT_N, encrypted_pem
from doorcheck.operator.text import printable

FOLDER = "authors"
LONGEST_NAME = 64
LARGEST_BYTES = 16 * 1024
KEY_BYTES = 32
KEY_ID_BYTES = 8

_MAGIC = "doorcheck author 1"
_FILE = re.compile(
    rf"(?P<told>{_MAGIC}\nname: (?P<name>[^\n]+)\nkey: (?P<key>[0-9a-f]{{64}})\n)"
    r"check: (?P<check>[0-9a-f]{64})\n(?P<pem>-----BEGIN .+)",
    re.DOTALL,
)
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories: controls, invisible format characters, surrogates, line separators."""


class AuthorError(Exception):
    """An author's name or key can't be used; the text says why, and what to do."""


class UnknownAuthorError(AuthorError):
    """There is no key of that author here."""


class AuthorExistsError(AuthorError):
    """There is a key of that author, or of one whose name reads the same; it was not touched."""


class WrongPassphraseError(AuthorError):
    """The passphrase does not open the key."""


class DamagedKeyError(AuthorError):
    """The key's file is not as it was written."""


@dataclass(frozen=True, slots=True)
class Author:
    """A name and an Ed25519 public key (32 bytes)."""

    name: str
    key: bytes = field(repr=False)

    @property
    def key_id(self) -> bytes:
        """How entries name the key: the first 8 bytes of its SHA-256."""
        return hashlib.sha256(self.key).digest()[:KEY_ID_BYTES]


@dataclass(frozen=True, slots=True)
class SigningAuthor:
    """An author whose private key (32 bytes) is at hand, and what there is to warn about."""

    author: Author
    private: bytes = field(repr=False)
    warnings: tuple[str, ...] = ()


def visible(text: str) -> bool:
    """Whether every character can be seen or is a space; private and unknown ones count as seen."""
    return not any(unicodedata.category(character) in _UNPRINTABLE for character in text)


def is_name(text: str) -> bool:
    """Whether that is an author's name in the one form in which the log has it."""
    composed = unicodedata.normalize("NFC", " ".join(text.split()))
    return 1 <= len(text) <= LONGEST_NAME and visible(text) and text == composed


def clean_name(text: str) -> str:
    """A name as people type it, in its one form: NFC, single spaces. Raises `AuthorError`."""
    name = unicodedata.normalize("NFC", " ".join(text.split()))
    if not is_name(name):
        raise AuthorError(
            f"no author's name: {printable(name, 80)!r}; it has 1 to {LONGEST_NAME} visible characters"
        )
    return name


def create(repo: Path, name: str, passphrase: bytes, *, scrypt_n: int = SCRYPT_N) -> Author:
    """Make an author's key and write its file, which nobody else can read.

    Never replaces a file: `AuthorExistsError`. `scrypt_n` is the cost of guessing the
    passphrase; only tests lower it. Raises `AuthorError` for a name that is
    none or an empty passphrase, `StoreError` when the file can't be written.
    """
    if not passphrase:
        raise AuthorError("an author's key needs a passphrase")
    private = Ed25519PrivateKey.generate()
    author = Author(clean_name(name), private.public_key().public_bytes_raw())
    path = _path(repo, author.name)
    pem = encrypted_pem(private, passphrase, scrypt_n=scrypt_n).decode("ascii")
    told = f"{_MAGIC}\nname: {author.name}\nkey: {author.key.hex()}\n"
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        durable.create(path, f"{told}check: {_check(told, pem)}\n{pem}".encode(), permissions=0o600)
    except durable.ExistsError:
        raise AuthorExistsError(
            f"{path} is there already: that author has a key, or one whose name is written almost alike; "
            "if it is of no more use (lost passphrase, retired), move the file away first"
        ) from None
    except OSError as error:
        raise StoreError(f"cannot write {path}: {durable.why(error)}") from error
    return author


def find(repo: Path, name: str) -> Author:
    """The author of that name, as the key's file says; no passphrase is needed.

    Capitals do not matter. Raises `UnknownAuthorError`, `DamagedKeyError`.
    """
    return _load(_existing(repo, name))[0]


def known(repo: Path) -> tuple[Author, ...]:
    """Every author with a key here, by name. Raises `DamagedKeyError`."""
    return tuple(sorted((_load(path)[0] for path in _files(repo)), key=lambda author: author.name))


def unlock(repo: Path, name: str, passphrase: bytes) -> SigningAuthor:
    """Open an author's key with its passphrase; capitals in the name do not matter.

    Raises `UnknownAuthorError` that lists who there is, `WrongPassphraseError`,
    `DamagedKeyError`. A file that others can read is a warning, not an error.
    """
    path = _existing(repo, name)
    author, pem = _load(path)
    try:
        key = load_pem_private_key(pem, passphrase or b"\0")  # it takes b"" for none at all
    except ValueError:
        raise WrongPassphraseError(f"wrong passphrase for the author {author.name}") from None
    except (TypeError, UnsupportedAlgorithm):
        raise DamagedKeyError(f"{path} holds no key encrypted with a passphrase; restore the file") from None
    if not isinstance(key, Ed25519PrivateKey) or key.public_key().public_bytes_raw() != author.key:
        raise DamagedKeyError(f"{path} holds another key than it says; restore the file from a copy")
    warning = exposed(path)
    return SigningAuthor(author, key.private_bytes_raw(), () if warning is None else (warning,))


def slug(name: str) -> str:
    """A name's form in file names: small ASCII letters, digits, hyphens; unlike names get unlike ones.

    Letters that ASCII lacks cost their accents or go; what went comes back as a few
    digits of a hash. Names that differ in capitals and hyphens only share a form.
    """
    small = unicodedata.normalize("NFC", "-".join(name.lower().split()))
    letters = (c for c in unicodedata.normalize("NFKD", small) if c.isascii() and (c.isalnum() or c == "-"))
    bare = "".join(letters)[:LONGEST_NAME]
    return bare if bare == small else f"{bare or 'author'}-{hashlib.sha256(small.encode()).hexdigest()[:8]}"


def _path(repo: Path, name: str) -> Path:
    return repo / FOLDER / f"{slug(name)}.pem"


def _files(repo: Path) -> list[Path]:
    return sorted((repo / FOLDER).glob("[!.]*.pem"))


def _existing(repo: Path, name: str) -> Path:
    path = _path(repo, clean_name(name))
    if path.is_file():
        return path
    names = ", ".join(_told_name(path) for path in _files(repo))
    who = f"there are keys of {names}" if names else "there are no authors' keys at all"
    raise UnknownAuthorError(f"no key of an author {printable(name, 80)!r} in {repo / FOLDER}: {who}")


def _told_name(path: Path) -> str:
    try:
        return _load(path)[0].name
    except DamagedKeyError:
        return f"{path.stem} (damaged)"


def _load(path: Path) -> tuple[Author, bytes]:
    """Whose key a file holds, and its PEM block. Raises `DamagedKeyError`."""
    try:
        found = _FILE.fullmatch(read_bounded(path, LARGEST_BYTES).decode())
    except OSError as error:
        raise DamagedKeyError(f"cannot read {path}: {durable.why(error)}") from error
    except UnicodeDecodeError:
        found = None
    if found is None or found["check"] != _check(found["told"], found["pem"]) or not is_name(found["name"]):
        raise DamagedKeyError(f"{path} is damaged or was edited; restore it from a copy")
    return Author(found["name"], bytes.fromhex(found["key"])), found["pem"].encode()


def _check(told: str, pem: str) -> str:
    return hashlib.sha256((told + pem).encode()).hexdigest()
