"""Authors' keys: who may sign, and that nobody else can with their file."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from doorcheck.operator.record import authors
from doorcheck.operator.record.authors import (
    Author,
    AuthorError,
    AuthorExistsError,
    DamagedKeyError,
    UnknownAuthorError,
    WrongPassphraseError,
)

SECRET = b"five words drawn by lot"


def create(repo: Path, name: str, secret: bytes = SECRET) -> Author:
    """Make an author's key whose passphrase is cheap to guess: tests are many."""
    return authors.create(repo, name, secret, scrypt_n=2)


def key_file(repo: Path) -> Path:
    """The only key's file."""
    (path,) = (repo / "authors").iterdir()
    return path


def test_a_key_opens_again_with_its_passphrase(tmp_path: Path) -> None:
    """What was created is what unlocks, under the name as it was written, however it is asked for."""
    made = create(tmp_path, "  Amélie   Lanterne ", SECRET)
    opened = authors.unlock(tmp_path, "amélie lanterne", SECRET)
    assert opened.author == made == authors.find(tmp_path, "Ame\u0301lie Lanterne")
    assert made.name == "Amélie Lanterne"
    assert Ed25519PrivateKey.from_private_bytes(opened.private).public_key().public_bytes_raw() == made.key
    assert not opened.warnings
    assert authors.known(tmp_path) == (made,)


def test_a_key_file_is_its_owners_alone_and_standard(tmp_path: Path) -> None:
    """Mode 0600 in a folder of mode 0700, whatever the mask; PKCS #8 that other programs can open."""
    before = os.umask(0)
    try:
        create(tmp_path, "Basile", SECRET)
    finally:
        os.umask(before)
    path = key_file(tmp_path)
    assert path.name == "basile.pem"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    key = serialization.load_pem_private_key(path.read_bytes(), SECRET)
    assert isinstance(key, Ed25519PrivateKey)
    assert key.private_bytes_raw() not in path.read_bytes()


@pytest.mark.parametrize("name", ["Basile", "basile", "BASILE "])
def test_a_key_is_never_replaced(tmp_path: Path, name: str) -> None:
    """A second author of the same name is refused, and the first one's file stays as it was."""
    create(tmp_path, "Basile", SECRET)
    before = key_file(tmp_path).read_bytes()
    with pytest.raises(AuthorExistsError, match=r"basile\.pem is there already"):
        create(tmp_path, name, SECRET)
    assert key_file(tmp_path).read_bytes() == before


def test_an_unknown_author_is_told_who_there_is(tmp_path: Path) -> None:
    """The error lists the names, and a damaged file by its name."""
    with pytest.raises(UnknownAuthorError, match="no authors' keys at all"):
        authors.unlock(tmp_path, "Basile", SECRET)
    create(tmp_path, "Amélie", SECRET)
    create(tmp_path, "Célestine", SECRET)
    (tmp_path / "authors" / "damaged.pem").write_bytes(b"nothing")
    with pytest.raises(UnknownAuthorError, match=r"Amélie, Célestine, damaged \(damaged\)"):
        authors.unlock(tmp_path, "Basile", SECRET)


@pytest.mark.parametrize("wrong", [b"", b"x", SECRET + b" ", "é".encode() * 300])
def test_a_wrong_passphrase_is_told_apart(tmp_path: Path, wrong: bytes) -> None:
    """It is named as such, and not quoted."""
    create(tmp_path, "Basile", SECRET)
    with pytest.raises(WrongPassphraseError) as caught:
        authors.unlock(tmp_path, "Basile", wrong)
    assert str(caught.value) == "wrong passphrase for the author Basile"


def test_every_damage_to_a_key_file_is_found(tmp_path: Path) -> None:
    """Whatever byte changes, it is damage, and never taken for a wrong passphrase."""
    create(tmp_path, "Basile", SECRET)
    path = key_file(tmp_path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        with pytest.raises(DamagedKeyError):
            authors.unlock(tmp_path, "Basile", SECRET)
    for damaged in (whole[:-1], whole + b"\n", b"", whole * 100):
        path.write_bytes(damaged)
        with pytest.raises(DamagedKeyError):
            authors.find(tmp_path, "Basile")


def test_a_key_that_is_not_the_one_it_says_is_refused(tmp_path: Path) -> None:
    """A file put together from two keys, or without a passphrase, is refused even if it is consistent."""
    create(tmp_path, "Basile", SECRET)
    path = key_file(tmp_path)
    told = "".join(path.read_text().partition("check: ")[:1])
    for encryption in (serialization.BestAvailableEncryption(SECRET), serialization.NoEncryption()):
        other = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        )
        check = authors._check(told, other.decode())
        path.write_text(f"{told}check: {check}\n{other.decode()}")
        with pytest.raises(DamagedKeyError):
            authors.unlock(tmp_path, "Basile", SECRET)


def test_a_key_that_others_can_read_is_warned_about(tmp_path: Path) -> None:
    """The key opens, with a warning that says what to do."""
    create(tmp_path, "Basile", SECRET)
    key_file(tmp_path).chmod(0o640)
    (warning,) = authors.unlock(tmp_path, "Basile", SECRET).warnings
    assert "chmod 600" in warning


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\x1b[31mb", "a\u202eb", "a\u200bb", "a\ud800"])
def test_a_name_that_can_not_be_seen_is_none(tmp_path: Path, name: str) -> None:
    """Control, invisible and too many characters are refused before anything is written."""
    with pytest.raises(AuthorError, match="no author's name"):
        create(tmp_path, name, SECRET)
    assert not (tmp_path / "authors").exists()


def test_a_key_needs_a_passphrase(tmp_path: Path) -> None:
    """There is no key without one."""
    with pytest.raises(AuthorError, match="needs a passphrase"):
        create(tmp_path, "Basile", b"")


def test_no_private_key_is_in_a_repr(tmp_path: Path) -> None:
    """What is printed of an author is the name."""
    create(tmp_path, "Basile", SECRET)
    opened = authors.unlock(tmp_path, "Basile", SECRET)
    assert repr(opened) == "SigningAuthor(author=Author(name='Basile'), warnings=())"


NAMES = (st.text(max_size=64) | st.text("aA-é .É\u00c5\u212b", max_size=3)).filter(authors.is_name)


@given(NAMES, NAMES)
def test_unlike_names_have_unlike_files_that_are_safe(one: str, other: str) -> None:
    """A file's name is short plain ASCII that leads nowhere, and tells names apart but for capitals."""
    for name in (one, other):
        slug = authors.slug(name)
        assert slug.isascii()
        assert 0 < len(slug) <= 80
        assert all(character.isalnum() or character == "-" for character in slug)
    same = ["-".join(name.lower().split()) for name in (one, other)]
    if authors.slug(one) == authors.slug(other):
        assert len({unicodedata.normalize("NFC", text) for text in same}) == 1


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Anna Muller", "anna-muller"),
        ("../../etc/passwd", "etcpasswd-"),
        ("王芳", "author-"),
        ("Zoé", "zoe-"),
    ],
)
def test_a_file_name_is_readable(name: str, slug: str) -> None:
    """What ASCII has of a name stays; where something went, a hash tells it apart."""
    assert authors.slug(name).startswith(slug)
    assert (authors.slug(name) == slug) is not slug.endswith("-")
