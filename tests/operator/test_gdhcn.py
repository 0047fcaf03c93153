"""The WHO network's DID document: which entries may sign passes, and what is left out."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from doorcheck.operator.trust import gdhcn, sources
from doorcheck.operator.trust.building import Built, build
from doorcheck.operator.trust.candidates import Why

Mint = Callable[..., bytes]
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def number(value: int, size: int) -> str:
    """A number of a key as the network writes it: base64url, unpadded."""
    return base64.urlsafe_b64encode(value.to_bytes(size, "big")).rstrip(b"=").decode()


def entry(certificate: bytes, key: Key, kid: str = "a2lka2lkaw==", **changes: object) -> dict[str, object]:
    """An entry as in production, for a document signer of participant FRA."""
    public = key.public_key()
    jwk: dict[str, object] = {"kid": kid, "x5c": [base64.b64encode(certificate).decode(), "ignored"]}
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        jwk |= {"kty": "RSA", "n": number(numbers.n, 257), "e": number(numbers.e, 3)}
    else:
        point = public.public_numbers()
        jwk |= {"kty": "EC", "crv": "P-256", "x": number(point.x, 33), "y": number(point.y, 32)}
    base: dict[str, object] = {
        "id": f"did:web:example.org:trustlist:DCC:FRA:DSC#{kid}",
        "publicKeyJwk": jwk,
        "domain": {"code": "#DCC"},
        "participant": {"code": "#FRA"},
        "keyusage": {"code": "#DSC"},
    }
    return base | changes


def built(*methods: object) -> Built:
    """What a document with these entries gives."""
    return build(gdhcn.candidates({"verificationMethod": list(methods)}, "did.json", ""))


def test_document_signers_are_taken(
    mint: Mint, p256: ec.EllipticCurvePrivateKey, rsa_2048: rsa.RSAPrivateKey
) -> None:
    """A document signer is taken under the document's key identifier, with padded numbers or bare."""
    result = built(entry(mint(), p256), entry(mint(rsa_2048.public_key()), rsa_2048, "Ym90aA=="))
    assert [signer.kid for signer in result.signers] == [b"kidkidk", b"both"]
    assert not result.left_out
    assert all(one.renamed for one in result.entries)


@pytest.mark.parametrize("usage", ["#CSCA", "#SCA", "#DECA", "#TLS", "#UP", "#DESC", "CSCA", "", None])
def test_other_keys_are_left_out(mint: Mint, p256: ec.EllipticCurvePrivateKey, usage: str | None) -> None:
    """Keys that sign keys, lists or connections never sign passes, though their certificate would do."""
    result = built(entry(mint(), p256, keyusage={"code": usage}))
    assert [(one.why, one.name) for one in result.left_out] == [(Why.KEY_USAGE, "Test signer")]
    assert result.left_out[0].detail == ((usage or "").removeprefix("#") or "no key usage named")


def test_other_domains_are_left_out(mint: Mint, p256: ec.EllipticCurvePrivateKey) -> None:
    """A key of another trust domain is left out, and so is one that names none."""
    result = built(entry(mint(), p256, domain={"code": "#IPS"}), entry(mint(), p256, domain=None))
    assert [(one.why, one.detail) for one in result.left_out] == [
        (Why.DOMAIN, "IPS"),
        (Why.DOMAIN, "none named"),
    ]


def test_references_are_not_followed() -> None:
    """A reference to another document is listed, not followed."""
    assert [one.why for one in built("did:web:example.org:trustlist").left_out] == [Why.REFERENCE]


@pytest.mark.parametrize("size", [31, 32, 33])
def test_padding_of_numbers_is_tolerated(mint: Mint, size: int) -> None:
    """A coordinate may come with a sign byte, or without its leading zero."""
    while True:
        key = ec.generate_private_key(ec.SECP256R1())
        point = key.public_key().public_numbers()
        if size != 31 or point.x < 1 << 248:
            break
    method = entry(mint(key.public_key()), key)
    method["publicKeyJwk"] = dict(method["publicKeyJwk"], x=number(point.x, size))  # type: ignore[call-overload]
    assert len(built(method).signers) == 1


@pytest.mark.parametrize("x", ["AAAA", None, 5, "%%", "A" * 4000])
def test_a_key_that_differs_is_left_out(mint: Mint, p256: ec.EllipticCurvePrivateKey, x: object) -> None:
    """An entry whose own key is not its certificate's, or is missing or no number, is left out."""
    method = entry(mint(), p256)
    method["publicKeyJwk"] = dict(method["publicKeyJwk"], x=x)  # type: ignore[call-overload]
    assert [one.why for one in built(method).left_out] == [Why.KEY_DIFFERS]


def test_an_rsa_key_that_differs_is_left_out(
    mint: Mint, p256: ec.EllipticCurvePrivateKey, rsa_2048: rsa.RSAPrivateKey
) -> None:
    """An entry that spells another kind of key out than its certificate holds is left out."""
    result = built(entry(mint(), rsa_2048), entry(mint(rsa_2048.public_key()), p256))
    assert [one.why for one in result.left_out] == [Why.KEY_DIFFERS, Why.KEY_DIFFERS]


def test_the_participant_stands_in_for_the_country(mint: Mint, p256: ec.EllipticCurvePrivateKey) -> None:
    """The participant's country counts only when the certificate names none; a made-up code is no country."""
    result = built(
        entry(mint(country=None), p256, "b25l"),
        entry(mint(country="NL"), p256, "dHdv"),
        entry(mint(country=None), p256, "dGhyZWU=", participant={"code": "#XXH"}),
    )
    assert [signer.country for signer in result.signers] == ["FR", "NL", ""]


def test_malformed_entries_are_listed(mint: Mint, p256: ec.EllipticCurvePrivateKey) -> None:
    """Whatever an entry is, it is listed with its place, and the others are used."""
    good = entry(mint(), p256)
    jwk = dict(good["publicKeyJwk"])  # type: ignore[call-overload]
    result = built(
        5,
        {},
        {"publicKeyJwk": "text"},
        good | {"publicKeyJwk": jwk | {"kid": "!"}},
        good | {"publicKeyJwk": jwk | {"kid": 7}},
        good | {"publicKeyJwk": jwk | {"kid": base64.b64encode(bytes(33)).decode()}},
        good | {"publicKeyJwk": jwk | {"x5c": []}},
        good | {"publicKeyJwk": jwk | {"x5c": ["%"]}},
        good | {"publicKeyJwk": jwk | {"x5c": ["MIIB"]}},
        good,
    )
    assert [one.why for one in result.left_out] == [
        *[Why.ENTRY] * 3,
        *[Why.KID] * 3,
        *[Why.ENTRY] * 2,
        Why.NOT_CERTIFICATE,
    ]
    assert [one.where for one in result.left_out][:2] == ["entry 1", "entry 2"]
    assert len(result.signers) == 1


def test_the_entry_s_name_stands_in_for_the_kid(mint: Mint, p256: ec.EllipticCurvePrivateKey) -> None:
    """Without a key identifier in the key, what follows the # in the entry's name counts."""
    method = entry(mint(), p256, "Ym90aA==")
    method["publicKeyJwk"] = {k: v for k, v in dict(method["publicKeyJwk"]).items() if k != "kid"}  # type: ignore[call-overload]
    assert built(method).signers[0].kid == b"both"


def test_the_proof_is_said_to_be_unchecked(
    tmp_path: Path, mint: Mint, p256: ec.EllipticCurvePrivateKey
) -> None:
    """Reading a document leaves a note that its proof was not checked."""
    path = tmp_path / "did.json"
    path.write_text(json.dumps({"verificationMethod": [entry(mint(), p256)], "proof": {"jws": "forged"}}))
    files, gathered = sources.find([path])
    sources.gather(files, gathered)
    assert gathered.notes == [(str(path), "a GDHCN document; its proof not checked")]
