"""German chunk files: the tree and its counts, signatures, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.operator.denylists import (
    AT,
    PrivateKey,
    a_pass,
    cose,
    cut,
    german_tree,
    judged,
    many,
    read,
    short,
    write,
)

from doorcheck.core import cbor
from doorcheck.core.verdict import Reason
from doorcheck.lab.bench import Bench
from doorcheck.operator.denysources import DenySourcesError, Format, Kind

Mint = Callable[..., bytes]

KID = bytes.fromhex("f5c5970c3039d854")
SIGNATURE, UCI, COUNTRY_UCI = (KID + bytes([kind]) for kind in (0x0A, 0x0B, 0x0C))
PLACE = f"{UCI.hex()}/{many(1)[0][:1].hex()}"


def refused(*paths: Path, **options: Any) -> str:
    """Why an import was refused as a whole."""
    with pytest.raises(DenySourcesError) as caught:
        read(*paths, **options)
    assert not caught.value.gathered.hashes
    return str(caught.value)


@pytest.mark.parametrize(
    ("group", "reason"),
    [
        (SIGNATURE, Reason.LISTED_SIGNATURE),
        (UCI, Reason.LISTED_IDENTIFIER),
        (COUNTRY_UCI, Reason.LISTED_COUNTRY),
    ],
)
def test_a_listed_pass_is_refused(tmp_path: Path, group: bytes, reason: Reason) -> None:
    """A pass in a tree, under any type, is refused at the door for that type's reason."""
    bench = Bench(AT)
    text, identifier, r = a_pass(bench)
    entry = {SIGNATURE: cut(r), UCI: cut(identifier), COUNTRY_UCI: cut("XX" + identifier)}[group]
    gathered = read(write(tmp_path / "listed", german_tree({group: [*many(30), entry]})))
    assert judged(bench, text, gathered) is reason
    others = read(write(tmp_path / "others", german_tree({group: many(30)})))
    assert judged(bench, text, others) is Reason.OK


@pytest.mark.parametrize("file", [cose, cbor.encode], ids=["signed", "plain"])
def test_a_tree(tmp_path: Path, file: Callable[[object], bytes]) -> None:
    """All chunks of a tree are taken; an entry in the chunks of one and of two bytes counts once."""
    groups = {SIGNATURE: many(300), UCI: many(100, "b"), b"other" + b"\x0b": many(5, "c")}
    gathered = read(write(tmp_path, german_tree(groups, file)))
    totals = gathered.totals[Format.GERMAN]
    assert gathered.hashes == short(many(300) + many(100, "b") + many(5, "c"))
    assert (totals.entries, totals.taken, totals.duplicates) == (810, 405, 405)
    assert totals.kinds == {Kind.SIGNATURE: 600, Kind.UCI: 210}
    assert any("not checked" in note for note in gathered.notes)


def test_everything_in_one_file(tmp_path: Path) -> None:
    """The file with all keys at once is taken, and so is a single chunk, outside its tree."""
    write(tmp_path, {"chunk.lst": cose({SIGNATURE: [*short(many(5))], COUNTRY_UCI: [*short(many(3, "b"))]})})
    gathered = read(tmp_path)
    assert gathered.hashes == short(many(5) + many(3, "b"))
    assert gathered.totals[Format.GERMAN].kinds == {Kind.SIGNATURE: 5, Kind.COUNTRY_UCI: 3}
    assert any("nothing says whether files are missing" in note for note in gathered.notes)
    write(tmp_path, {"chunk.lst": cbor.encode([*short(many(4))])})
    assert read(tmp_path).totals[Format.GERMAN].kinds == {Kind.UNSAID: 4}


@pytest.mark.parametrize("broken", ["missing chunk", "missing group", "unnamed group", "kid.lst", "index"])
def test_counts_must_agree(tmp_path: Path, broken: str) -> None:
    """A tree whose kid.lst, index and chunks disagree is refused; its other keys are whole."""
    groups = {SIGNATURE: many(20), UCI: many(20, "b")}
    files = german_tree(groups)
    first = many(1)[0]
    if broken == "missing chunk":
        del files[f"{SIGNATURE.hex()}/{first[:1].hex()}/{first[1:2].hex()}/chunk.lst"]
        del files[f"{SIGNATURE.hex()}/{first[:1].hex()}/chunk.lst"]
    elif broken == "missing group":
        files = {name: data for name, data in files.items() if not name.startswith(SIGNATURE.hex())}
    elif broken == "unnamed group":
        files["kid.lst"] = cose({KID: {b"\x0b": 20}})
    elif broken == "kid.lst":
        files["kid.lst"] = cose({KID: {b"\x0a": 21, b"\x0b": 20}})
    else:
        other = german_tree({SIGNATURE: [*many(19), *many(1, "x")]})
        files[f"{SIGNATURE.hex()}/index.lst"] = other[f"{SIGNATURE.hex()}/index.lst"]
    write(tmp_path, files)
    assert f"key {KID.hex()}, type 0a" in refused(tmp_path)
    gathered = read(tmp_path, keep_going=True)
    assert gathered.hashes == short(many(20, "b"))
    totals = gathered.totals[Format.GERMAN]
    assert totals.entries == totals.taken + totals.duplicates + totals.dropped


@pytest.mark.parametrize(
    ("name", "item", "words"),
    [
        (f"{PLACE}/chunk.lst", [bytes(16)], "belongs in another"),
        (f"{PLACE}/00/chunk.lst", [many(1)[0][:16]], "belongs in another"),
        ("chunk.lst", [bytes(15)], "entry 1: not a hash of 16 bytes"),
        ("chunk.lst", [bytes(16), "text"], "entry 2: not a hash of 16 bytes"),
        ("chunk.lst", {KID + b"\x0d": [bytes(16)]}, "not in the form"),
        ("chunk.lst", {b"\x0a": [bytes(16)]}, "not in the form"),
        ("chunk.lst", {"text": [bytes(16)]}, "not in the form"),
        ("chunk.lst", {UCI: 5}, "not in the form"),
        ("kid.lst", {KID: {b"\x0d": 1}}, "list of keys"),
        ("kid.lst", {KID: {b"\x0a": -1}}, "list of keys"),
        (f"{UCI.hex()}/index.lst", {b"\x0a": [0, 1]}, "malformed entry"),
        (f"{UCI.hex()}/index.lst", {b"\x0a": [0, 1, {b"ab": [0, 1]}]}, "malformed entry"),
        (f"{UCI.hex()}/index.lst", {b"\x0a": [0, True, {}]}, "malformed entry"),
    ],
)
def test_malformed_files_refuse_the_import(tmp_path: Path, name: str, item: object, words: str) -> None:
    """A hash outside its chunk, or of another size, or another structure refuses everything."""
    assert words in refused(write(tmp_path, {name: cose(item)}))


def test_two_lists_of_one_tree(tmp_path: Path) -> None:
    """Two lists of keys that differ are refused: one of them is of another day."""
    write(tmp_path, {"a/kid.lst": cose({KID: {b"\x0a": 1}}), "b/kid.lst": cose({KID: {b"\x0a": 2}})})
    assert "a second list of keys" in refused(tmp_path)


@pytest.mark.parametrize("bare", [False, True], ids=["certificate", "key"])
@pytest.mark.parametrize("size", [10, 5000])
def test_signatures(
    tmp_path: Path,
    mint: Mint,
    p256: ec.EllipticCurvePrivateKey,
    rsa_2048: rsa.RSAPrivateKey,
    bare: bool,
    size: int,
) -> None:
    """With a pinned certificate or key, files must be signed by its holder, with ES256 or PS256."""
    listed = [*short(many(size))]
    key: PrivateKey
    for key in (p256, rsa_2048):
        public = key.public_key()
        pin = mint(key=public)
        if bare:
            pin = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        data = cose(listed, key)
        gathered = read(write(tmp_path, {"chunk.lst": data}), signers=[pin])
        assert len(gathered.hashes) == size
        assert not any("not checked" in note for note in gathered.notes)
        for wrong in (data[:40] + bytes([data[40] ^ 1]) + data[41:], data[:-1] + bytes([data[-1] ^ 1])):
            assert "chunk.lst: not signed" in refused(write(tmp_path, {"chunk.lst": wrong}), signers=[pin])
        assert "not signed" in refused(write(tmp_path, {"chunk.lst": cose(listed)}), signers=[pin])
        unsigned = write(tmp_path, {"chunk.lst": cbor.encode(listed)})
        assert "no signature" in refused(unsigned, signers=[pin])
