"""Keys of the repository: encrypted files that standard tools open, and keys that stay on a token."""

from __future__ import annotations

import base64
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner
from tests.operator.tufdoor import ALL, AT, CHEAP, DAY, ROOT_ONLY, Door, sources

from doorcheck.operator import repository
from doorcheck.operator.repository import Change, Layout, RepositoryError, keys, tokens
from doorcheck.operator.repository.keys import KeyReference
from doorcheck.operator.repository.pkcs8 import SCRYPT_N, encrypted_pem

WORDS = b"correct horse battery staple"
SOFTHSM = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
)
OPENSSL = shutil.which("openssl") or ""
SOFTHSM_UTIL = shutil.which("softhsm2-util") or ""
PIN, LABEL = "123456", "Root stick"
TOKEN = {"root-1": "hsm:2?label=Root+stick"}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> tuple[KeyReference, Path]:
    """A key that is cheap to open, and its folder."""
    folder = tmp_path_factory.mktemp("keys")
    return keys.make("root-1", folder, {"root-1": WORDS}, scrypt_n=CHEAP), folder


# Files


def test_a_key_file_opens_with_its_passphrase_alone(key: tuple[KeyReference, Path]) -> None:
    """What the file holds is the private half of what the reference says; a guess is refused."""
    reference, folder = key
    data = (folder / "root-1.pem").read_bytes()
    private = load_pem_private_key(data, WORDS)
    assert CryptoSigner(private, reference.public)
    unlocked = keys.unlock([reference], [folder], {"root": WORDS})
    signature = unlocked.signers[reference.keyid].sign(b"payload")
    reference.public.verify_signature(signature, b"payload")
    assert signature.signature == unlocked.signers[reference.keyid].sign(b"payload").signature
    with pytest.raises(RepositoryError, match="the passphrase of root-1 is wrong"):
        keys.unlock([reference], [folder], {"root": b"guessed"})


def test_guessing_a_passphrase_is_expensive() -> None:
    """The file asks for scrypt with 16 MiB and five passes: OWASP's least, and openssl's most."""
    data = encrypted_pem(Ed25519PrivateKey.generate(), WORDS)
    raw = keys_der(data)
    assert bytes.fromhex("06092b06010401da47040b") in raw  # scrypt's object identifier
    assert bytes.fromhex("02024000 020108 020105") in raw  # N = 2^14, r = 8, p = 5
    assert SCRYPT_N == 0x4000


def keys_der(pem: bytes) -> bytes:
    """The DER inside a PEM block."""
    return base64.b64decode(b"".join(pem.splitlines()[1:-1]))


@pytest.mark.skipif(not OPENSSL, reason="openssl is not installed")
def test_openssl_reads_a_key_file(tmp_path: Path) -> None:
    """An operator can open a key without doorcheck, ten years from now."""
    private = Ed25519PrivateKey.generate()
    path = tmp_path / "key.pem"
    path.write_bytes(encrypted_pem(private, WORDS))
    read = subprocess.run(
        [OPENSSL, "pkey", "-in", path, "-passin", f"pass:{WORDS.decode()}", "-outform", "DER"],
        capture_output=True,
        check=True,
    )
    assert read.stdout.endswith(private.private_bytes_raw())


def test_a_key_file_is_its_owner_s_and_is_never_overwritten(key: tuple[KeyReference, Path]) -> None:
    """Mode 0600, and a second key of that name does not take the place of the first."""
    _, folder = key
    path = folder / "root-1.pem"
    before = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(RepositoryError, match=r"root-1.pem is there already"):
        keys.make("root-1", folder, {"root-1": WORDS}, scrypt_n=CHEAP)
    assert path.read_bytes() == before


def test_a_key_is_on_the_disk_before_anything_counts_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its content and its name are flushed: doors must never know a key that a power cut took away."""
    flushed: list[Path] = []
    monkeypatch.setattr(
        os, "fsync", lambda handle: flushed.append(Path(f"/proc/self/fd/{handle}").readlink())
    )
    keys.make("root-1", tmp_path, {"root": WORDS}, scrypt_n=CHEAP)
    assert flushed == [tmp_path / "root-1.pem", tmp_path]


def test_a_key_that_can_not_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No half key on a full stick."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RepositoryError, match=r"cannot write .*root-1.pem: no space left on device"):
        keys.make("root-1", tmp_path, {"root": WORDS}, scrypt_n=CHEAP)
    assert not list(tmp_path.iterdir())


def test_an_empty_passphrase_is_refused(tmp_path: Path) -> None:
    """There is no key without one."""
    with pytest.raises(RepositoryError, match="not empty"):
        keys.make("root-1", tmp_path, {"root": b""}, scrypt_n=CHEAP)
    with pytest.raises(ValueError, match="protects nothing"):
        encrypted_pem(Ed25519PrivateKey.generate(), b"")


@pytest.mark.parametrize("data", [b"", b"-----BEGIN", b"\xff" * 100])
def test_a_damaged_key_file_is_named(key: tuple[KeyReference, Path], tmp_path: Path, data: bytes) -> None:
    """It says which file, and that it may be the passphrase or the file."""
    reference, _ = key
    (tmp_path / "root-1.pem").write_bytes(data)
    with pytest.raises(RepositoryError, match=r"root-1.pem does not open: .* or the file is damaged"):
        keys.unlock([reference], [tmp_path], {"root": WORDS})


def test_no_repr_shows_a_secret(key: tuple[KeyReference, Path]) -> None:
    """Neither a reference nor what is unlocked prints keys or passphrases."""
    reference, folder = key
    unlocked = keys.unlock([reference], [folder], {"root": WORDS})
    assert "horse" not in repr(unlocked)
    assert reference.public.keyval["public"] not in repr(reference) + repr(unlocked)


# The list of keys


def test_the_list_of_keys_comes_back_as_written(key: tuple[KeyReference, Path], tmp_path: Path) -> None:
    """Names, places and public halves survive, of files and of tokens."""
    reference, _ = key
    elliptic = CryptoSigner.generate_ecdsa().public_key
    both = (reference, KeyReference("root-2", "hsm:2?label=A+%22stick%22", elliptic))
    keys.write(tmp_path, both)
    again = keys.read(tmp_path)
    assert again == both
    assert [(one.group, one.on_token) for one in again] == [("root", False), ("root", True)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("root-1", "boss-1"),
        ("pem:root-1.pem", "pem:../root-1.pem"),
        ("pem:root-1.pem", "file:root-1.pem"),
        ("pem:root-1.pem", "pem:"),
        ("pem:root-1.pem", "pem:.."),
        ('scheme = "ed25519"', ""),
        ("format = 1", "format = 7"),
    ],
)
def test_a_damaged_list_of_keys_is_named(
    key: tuple[KeyReference, Path], tmp_path: Path, old: str, new: str
) -> None:
    """No odd name or place gets in; the text says to restore the file."""
    keys.write(tmp_path, [key[0]])
    path = tmp_path / "keys.toml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(RepositoryError, match=r"keys.toml is damaged .* restore it"):
        keys.read(tmp_path)


def test_names_are_not_used_twice(key: tuple[KeyReference, Path]) -> None:
    """New keys count on from the highest number ever used in their group."""
    reference, _ = key
    gone = KeyReference("root-7", "pem:root-7.pem", reference.public)
    assert keys.new_names("root", 2, [reference, gone]) == ("root-8", "root-9")
    assert keys.new_names("targets", 1, [reference, gone]) == ("targets-1",)


def test_one_key_under_two_names_is_refused(key: tuple[KeyReference, Path]) -> None:
    """Two signatures must be two keys."""
    reference, _ = key
    twin = KeyReference("root-2", "hsm:2", reference.public)
    with pytest.raises(RepositoryError, match="root-2 is the same key as root-1"):
        keys.distinct([reference, twin])


# Tokens


def test_a_group_s_passphrase_is_not_tried_on_a_token() -> None:
    """A token locks after three wrong PINs, so only what was given for that very key is tried."""
    reference = KeyReference("root-1", "hsm:2?label=x", CryptoSigner.generate_ecdsa().public_key)
    unlocked = keys.unlock([reference], [], {"root": WORDS})
    assert unlocked.signers == {}
    assert unlocked.missing == {"root-1": "its PIN was not given"}


@pytest.mark.parametrize("uri", ["hsm:x", "hsm:2?pin=1", "pem:a", "hsm:-1", "hsm:2?label="])
def test_an_address_that_names_no_token_is_refused(uri: str) -> None:
    """The text shows how to write one."""
    with pytest.raises(RepositoryError, match=r"names no key on a token; write hsm:NUMBER"):
        tokens.take_up("root-1", uri)


def test_without_the_library_the_text_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody who has no token needs python-pkcs11; who has one is told."""
    monkeypatch.setattr("securesystemslib.signer._hsm_signer.PKCS11_IMPORT_ERROR", "'python-pkcs11' required")
    with pytest.raises(RepositoryError, match="pip install python-pkcs11"):
        tokens.take_up("root-1", "hsm:2")


@pytest.fixture(scope="module")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """SoftHSM2 with one initialised token that holds two P-256 keys, 2 and 3; the library's path."""
    pkcs11 = pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed")
    library = next(filter(os.path.exists, SOFTHSM), None)
    if library is None or not SOFTHSM_UTIL:
        pytest.skip("SoftHSM2 is not installed (apt install softhsm2)")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        patch.setenv("PYKCS11LIB", library)
        subprocess.run(
            [SOFTHSM_UTIL, "--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "1234"],
            check=True,
            capture_output=True,
        )
        token = pkcs11.lib(library).get_token(token_label=LABEL)
        with token.open(rw=True, user_pin=PIN) as session:
            curve = session.create_domain_parameters(
                pkcs11.KeyType.EC,
                {pkcs11.Attribute.EC_PARAMS: pkcs11.util.ec.encode_named_curve_parameters("secp256r1")},
                local=True,
            )
            for number in (2, 3):
                curve.generate_keypair(store=True, id=bytes([number]), label=f"key {number}")
        yield library


def test_a_root_key_on_a_token_signs(softhsm: str, tmp_path: Path) -> None:
    """A root key that never leaves its token: a repository is made with it, and its keys are changed."""
    assert softhsm
    repo = tmp_path / "repo"
    layout = Layout(root_keys=2, tokens=TOKEN)
    secret = ALL | {"root-1": PIN.encode()}
    made = repository.init(repo, AT, secret, layout, scrypt_n=CHEAP)
    assert [key.uri for key in made.keys][:2] == ["hsm:2?label=Root+stick", "pem:root-2.pem"]
    assert not (repo / "keys/root-1.pem").exists()
    assert repository.token_keys(repo) == ("root-1",)
    repository.publish(repo, sources(tmp_path, {"x": b"1"}), AT, ALL)
    door = Door.enrolled(repo)
    door.pull(repo)
    with pytest.raises(RepositoryError, match=r"Missing: root-1: its PIN was not given"):
        repository.renew_root(repo, AT, ROOT_ONLY)
    change = Change("root", tokens=["hsm:3?label=Root+stick"], remove=["root-2"])
    told = repository.rotate(repo, change, AT + DAY, secret | {"root-3": PIN.encode()})
    assert [key.name for key in told.added] == ["root-3"]
    assert door.pull(repo, AT + DAY) == {"x": b"1"}
    assert "hsm:3" in (repo / "keys/keys.toml").read_text()


def test_a_token_s_signatures_differ_each_time(softhsm: str) -> None:
    """ECDSA draws a random number: what a token signs can be checked, but not made a second time."""
    assert softhsm
    reference = keys.on_token("root-1", TOKEN["root-1"], {})
    [signer] = keys.unlock([reference], [], {"root-1": PIN.encode()}).signers.values()
    both = [signer.sign(b"payload") for _ in range(2)]
    for signature in both:
        reference.public.verify_signature(signature, b"payload")
    assert both[0].signature != both[1].signature


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("hsm:2?label=Other", "root-1, on a token: No PKCS#11 token found for label Other"),
        ("hsm:9?label=Root+stick", "root-1, on a token: could not find ECDSA"),
    ],
)
def test_a_token_or_a_key_that_is_not_there_is_named(softhsm: str, uri: str, words: str) -> None:
    """Another token is in the slot, or it has no such key."""
    assert softhsm
    with pytest.raises(RepositoryError, match=words):
        tokens.take_up("root-1", uri, PIN.encode())


def test_a_wrong_pin_is_told(softhsm: str) -> None:
    """In words, with the key's name, with a warning of the lock, and without the PIN."""
    assert softhsm
    reference = keys.on_token("root-1", TOKEN["root-1"], {})
    [signer] = keys.unlock([reference], [], {"root-1": b"654321"}).signers.values()
    with pytest.raises(
        RepositoryError, match="root-1, on a token: the PIN is wrong; most tokens lock"
    ) as told:
        signer.sign(b"payload")
    assert "654321" not in str(told.value)


def test_one_token_key_can_not_count_twice(softhsm: str, tmp_path: Path) -> None:
    """Two names for one key would make a threshold of two a threshold of one."""
    assert softhsm
    secret = ALL | {"root-1": PIN.encode(), "root-2": PIN.encode()}
    layout = Layout(root_keys=2, tokens=dict(zip(("root-1", "root-2"), itertools.repeat(TOKEN["root-1"]))))
    with pytest.raises(RepositoryError, match="root-2 is the same key as root-1"):
        repository.init(tmp_path / "repo", AT, secret, layout, scrypt_n=CHEAP)


def test_without_a_library_s_path_the_text_says_which_variable(
    softhsm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PYKCS11LIB names the token's own library."""
    assert softhsm
    monkeypatch.delenv("PYKCS11LIB")
    with pytest.raises(RepositoryError, match=r"set the environment variable PYKCS11LIB .*libykcs11.so"):
        tokens.take_up("root-1", "hsm:2")
