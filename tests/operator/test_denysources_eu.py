"""EU gateway batches: hashes under three types, envelopes, expiry, deletion, and what is refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from tests.operator.denylists import (
    AT,
    EARLIER,
    UUID,
    PrivateKey,
    a_pass,
    as_ber,
    cms,
    cut,
    eu_batch,
    eu_list,
    judged,
    many,
    pss,
    read,
    short,
    text64,
    write,
)

from doorcheck.core.verdict import Reason
from doorcheck.lab.bench import Bench
from doorcheck.operator.denysources import DenySourcesError, Format, Kind

Mint = Callable[..., bytes]


def refused(*paths: Path, **options: Any) -> str:
    """Why an import was refused as a whole."""
    with pytest.raises(DenySourcesError) as caught:
        read(*paths, **options)
    assert not caught.value.gathered.hashes
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("SIGNATURE", Reason.LISTED_SIGNATURE),
        ("UCI", Reason.LISTED_IDENTIFIER),
        ("COUNTRYCODEUCI", Reason.LISTED_COUNTRY),
    ],
)
def test_a_listed_pass_is_refused(tmp_path: Path, kind: str, reason: Reason) -> None:
    """A pass in a batch of any type is refused at the door, for that type's reason."""
    bench = Bench(AT)
    text, identifier, r = a_pass(bench)
    entry = {"SIGNATURE": cut(r), "UCI": cut(identifier), "COUNTRYCODEUCI": cut("XX" + identifier)}[kind]
    write(tmp_path, {"batch": eu_batch([*many(5), entry], hashType=kind)})
    gathered = read(tmp_path)
    assert judged(bench, text, gathered) is reason
    assert gathered.totals[Format.EU].kinds == {Kind(kind): 6}
    write(tmp_path, {"batch": eu_batch(many(5), hashType=kind)})
    assert judged(bench, text, read(tmp_path)) is Reason.OK


def test_expired_batches_are_left_out_and_counted(tmp_path: Path) -> None:
    """A batch counts until the instant of its expiry, and its entries are counted afterwards."""
    write(tmp_path, {"a": eu_batch(many(3)), "b": eu_batch(many(4, "b"), expires=EARLIER)})
    gathered = read(tmp_path)
    assert gathered.hashes == short(many(3))
    totals = gathered.totals[Format.EU]
    assert (totals.entries, totals.taken, totals.expired) == (7, 3, 4)
    assert any("expired batches left out: 1" in note for note in gathered.notes)
    write(tmp_path, {"b": eu_batch(many(4, "b"), expires="2026-03-01T13:00:00.000+01:00")})
    assert len(read(tmp_path).hashes) == 7
    write(tmp_path, {"b": eu_batch(many(4, "b"), expires="2026-03-01T12:59:59.999+01:00")})
    assert len(read(tmp_path).hashes) == 3


def test_deleted_batches_are_left_out(tmp_path: Path) -> None:
    """What a list of batches calls deleted is left out, by the identifier in the file's name."""
    one, two, gone = (UUID.format(number) for number in range(3))
    files = {f"{name}.cms": eu_batch(many(2, name)) for name in (one, two, gone)}
    pages = {
        "list1": eu_list((one, False), (gone, False), more=True),
        "list2": eu_list((two, False), (gone.upper(), True)),
    }
    gathered = read(write(tmp_path, {**files, **pages}))
    assert gathered.hashes == short(many(2, one) + many(2, two))
    assert gathered.totals[Format.EU].removed == 2
    assert gathered.totals[Format.EU].files == 5


def test_a_list_of_batches_must_be_whole(tmp_path: Path) -> None:
    """A list that goes on, or that names a batch which is not here, refuses the import."""
    one, two = UUID.format(1), UUID.format(2)
    write(tmp_path, {one: eu_batch(many(2)), "list": eu_list((one, False), more=True)})
    assert "goes on" in refused(tmp_path)
    write(tmp_path, {"list": eu_list((one, False), (two, False))})
    assert "batches of the list that are not here: 1" in refused(tmp_path)
    assert read(tmp_path, keep_going=True).hashes == short(many(2))


def test_duplicates_are_counted(tmp_path: Path) -> None:
    """An entry that is there twice, in one batch or in two, is taken once and counted."""
    write(tmp_path, {"a": eu_batch([*many(3), many(1)[0]]), "b": eu_batch(many(5), hashType="SIGNATURE")})
    totals = read(tmp_path).totals[Format.EU]
    assert (totals.entries, totals.taken, totals.duplicates) == (9, 5, 4)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"hashType": "PASSPORT"}, "hashType other than"),
        ({"entries": [{"hash": text64(bytes(16))}] * 1001}, "more than 1000 entries"),
        ({"entries": "many"}, "without a list"),
        ({"entries": [{"hash": text64(bytes(32))}]}, "entry 1: not a hash of 16 bytes"),
        ({"entries": [{"hash": text64(bytes(16))}, {"hash": "!"}]}, "entry 2: not a hash"),
        ({"entries": [None]}, "entry 1: not a hash"),
        ({"entries": [{"hash": 5}]}, "entry 1: not a hash"),
        ({"country": None}, "country of two letters"),
        ({"country": "FRA"}, "country of two letters"),
        ({"expires": None}, "expiry is no date-time"),
        ({"expires": "2026-02-30T00:00:00Z"}, "expiry is no date-time"),
        ({"expires": 1767225600}, "expiry is no date-time"),
    ],
)
def test_malformed_batches_refuse_the_import(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    """One malformed batch or entry refuses everything, and says where and why."""
    write(tmp_path, {"a": eu_batch(many(3)), "b": eu_batch(many(2, "b"), **changed)})
    reason = refused(tmp_path)
    assert f"{tmp_path}, b" in reason
    assert words in reason
    assert short(many(3)) <= read(tmp_path, keep_going=True).hashes


@pytest.fixture(scope="module")
def signed(p256: ec.EllipticCurvePrivateKey, mint: Mint) -> tuple[bytes, bytes]:
    """A batch in its envelope, and the certificate that signed it."""
    certificate = mint()
    return cms(json.dumps(eu_batch(many(40))).encode(), p256, certificate), certificate


@pytest.mark.parametrize(
    "encode",
    [
        lambda data: data,
        as_ber,
        base64.b64encode,
        lambda data: base64.encodebytes(as_ber(data)),
        lambda data: b"-----BEGIN CMS-----\n" + base64.encodebytes(data) + b"-----END CMS-----\n",
    ],
)
def test_envelopes_are_opened(
    tmp_path: Path, signed: tuple[bytes, bytes], mint: Mint, encode: Callable[[bytes], bytes]
) -> None:
    """An envelope in DER, in BER as gateways write it, or in base64 of either is opened and checked."""
    data, certificate = signed
    write(tmp_path, {"batch": encode(data)})
    gathered = read(tmp_path, signers=[mint(), certificate])
    assert gathered.hashes == short(many(40))
    assert not any("not checked" in note for note in gathered.notes)


def test_unchecked_signatures_are_said(tmp_path: Path, signed: tuple[bytes, bytes]) -> None:
    """Without a pinned certificate batches are taken, and a note says that nobody checked who signed."""
    write(tmp_path, {"a": signed[0], "b": eu_batch(many(2))})
    (note,) = [note for note in read(tmp_path).notes if "signature is not checked" in note]
    assert note.endswith("pinned: 2")


def test_another_signer_is_refused(
    tmp_path: Path, signed: tuple[bytes, bytes], mint: Mint, rsa_2048: rsa.RSAPrivateKey
) -> None:
    """With pinned certificates a batch is taken from their holders alone, and never without a signature."""
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    write(tmp_path, {"batch": signed[0]})
    for wrong in (mint(key=other), mint(key=rsa_2048.public_key())):
        assert "not signed by a pinned certificate" in refused(tmp_path, signers=[wrong])
    write(tmp_path, {"batch": eu_batch(many(2))})
    assert "carries no signature" in refused(tmp_path, signers=[signed[1]])
    assert "pinned certificate 2" in refused(tmp_path, signers=[signed[1], b"no certificate"])


def test_a_changed_batch_is_refused(tmp_path: Path, signed: tuple[bytes, bytes]) -> None:
    """No byte of a signed batch can be changed: its hashes, its attributes, its signature."""
    data, certificate = signed
    content = data.index(b'"country"')
    for at in (content + 12, data.rindex(bytes.fromhex("06092a864886f70d010904")) + 20, len(data) - 3):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        write(tmp_path, {"batch": changed})
        refused(tmp_path, signers=[certificate])


@pytest.mark.parametrize("scheme", ["pkcs1", "pss", "sha512", "bare", "p384"])
def test_schemes(
    tmp_path: Path, mint: Mint, p256: ec.EllipticCurvePrivateKey, rsa_2048: rsa.RSAPrivateKey, scheme: str
) -> None:
    """RSA in both paddings, larger hashes and curves, and messages without signed attributes are checked."""
    key: PrivateKey = {"sha512": p256, "p384": ec.generate_private_key(ec.SECP384R1())}.get(scheme, rsa_2048)
    certificate = mint(key=key.public_key())
    data = cms(
        json.dumps(eu_batch(many(2))).encode(),
        key,
        certificate,
        digest=hashes.SHA512() if scheme == "sha512" else None,
        rsa_padding=pss() if scheme == "pss" else None,
        options=[pkcs7.PKCS7Options.NoAttributes] if scheme == "bare" else [],
    )
    write(tmp_path, {"batch": data})
    assert read(tmp_path, signers=[certificate]).hashes == short(many(2))
    other = rsa.generate_private_key(65537, 2048) if isinstance(key, rsa.RSAPrivateKey) else p256
    if scheme != "sha512":
        refused(tmp_path, signers=[mint(key=other.public_key())])


def test_detached_and_foreign_messages(tmp_path: Path, p256: ec.EllipticCurvePrivateKey, mint: Mint) -> None:
    """A detached signature, or an envelope around something else, is refused with its reason."""
    content = json.dumps(eu_batch(many(2))).encode()
    detached = cms(content, p256, mint(), options=[pkcs7.PKCS7Options.DetachedSignature])
    assert "detached signature" in refused(write(tmp_path, {"batch": detached}))
    assert "not well-formed JSON" in refused(write(tmp_path, {"batch": cms(b"hello", p256, mint())}))
    assert "not in the form" in refused(write(tmp_path, {"batch": cms(b"{}", p256, mint())}))
    assert "bytes after the end" in refused(write(tmp_path, {"batch": cms(content, p256, mint()) + b"\4\0"}))
