"""The proof of a trust list of the WHO's network: whether its DID document is the network's own.

The proof is a JsonWebSignature2020 (W3C CCG, lds-jws2020) over the document's meaning, not
its bytes: JSON-LD turns the document into statements, URDNA2015 orders them, and their
hash is signed, in DER where a JWS has the bare numbers. It is verified thus:

1. the document is of a shape that a proof can cover whole (`didshape`);
2. it is the one expected, under the contexts known here. Until 2026 the network signed
   without its own context, and what a key is for was not covered;
3. the proof names the pinned key, its purpose, and the one algorithm;
4. its statements are as many as its shape gives: none was dropped;
5. the signature fits, by the pinned key.

The contexts ship with this module and hold the terms of such documents, no others.
Nothing is ever fetched.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from importlib import resources
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from doorcheck.operator.text import base64_bytes, printable
from doorcheck.operator.trust import didshape
from doorcheck.operator.trust.didshape import Document, ShapeError

GENERAL_CONTEXTS = {
    "https://www.w3.org/ns/did/v1": "did-v1.json",
    "https://w3id.org/security/suites/jws-2020/v1": "jws-2020-v1.json",
}
NETWORK_CONTEXTS = {
    "https://smart.who.int/trust/tng-context/v1.jsonld": "tng-context-v1.json",
    "https://smart.who.int/trust/tng-context/v1-UAT.jsonld": "tng-context-v1-uat.json",
    "https://smart.who.int/trust/tng-context/v1-DEV.jsonld": "tng-context-v1-dev.json",
}
"""The addresses of contexts, and the files here that stand for them; a document has both general
ones and one of the network's, in this order."""
_FILES = GENERAL_CONTEXTS | NETWORK_CONTEXTS


_HEADER = {"b64": False, "crit": ["b64"], "alg": "ES256"}
_PROOF_STATEMENTS = 5


class ProofError(Exception):
    """A document has no valid proof, or none can be checked; the text says why, for an operator."""


class PinnedKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """A P-256 key whose proofs count, and the one document that it must have signed.

    `did` is the key's own address, `document` the list's; `x` and `y` are base64url.
    """

    name: str
    did: str
    document: str
    x: str
    y: str

    @cached_property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The key object. Raises `ProofError` for numbers that are no P-256 key."""
        try:
            x, y = (int.from_bytes(base64_bytes(text), "big") for text in (self.x, self.y))
            return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        except ValueError:
            name = printable(self.name, 40)
            raise ProofError(f'the pinned key "{name}" is no P-256 key; copy its x and y again') from None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of its SubjectPublicKeyInfo in DER: hexadecimal in groups of four, to compare by eye."""
        info = self.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(info).digest().hex(" ", 2)


WHO_PRODUCTION = PinnedKey(
    name="WHO GDHCN, production",
    did="did:web:raw.githubusercontent.com:WorldHealthOrganization:tng-participants-prod:main:WHO:signing:DID",
    document="did:web:tng-cdn.who.int:v2:trustlist",
    x="ZlMwokmcS8vx0c3mc38eLVUMEVV2BXjdMpvBeueeWZw",
    y="8CGiSXsauiFAbDxvOcmFxyswM07Ld85-ELRcoTbO9Z4",
)
"""Read from the network's public mirror; an operator compares the fingerprint before relying on it."""


def pinned_key(data: bytes) -> PinnedKey:
    """Another key to pin, from a JSON object of the five members. Raises `ProofError`."""
    try:
        key = msgspec.json.decode(data, type=PinnedKey)
    except msgspec.MsgspecError as error:
        members = ", ".join(PinnedKey.__struct_fields__)
        raise ProofError(f"not a key to pin, a JSON object of {members}: {printable(str(error))}") from None
    key.public_key  # noqa: B018  raises for no key
    return key


@dataclass(frozen=True, slots=True)
class Proof:
    """What a valid proof says. `created` is in seconds since 1970, and as trustworthy as the key."""

    created: int
    nonce: str
    verification_method: str
    fingerprint: str


def verify_proof(document: Mapping[str, object], key: PinnedKey = WHO_PRODUCTION) -> Proof:
    """Verify a document as parsed, the very object that is then imported. Raises `ProofError`.

    The parser must have refused members that come twice. Whether `created` is recent, and
    later than the last list's, is for the caller to judge.
    """
    checked = _shape(document)  # 1
    _check_subject(checked, key)  # 2
    created = _check_claims(checked.proof, key)  # 3
    signed = b"".join(hashlib.sha256(part).digest() for part in _canonical(document, checked))  # 4
    header, _, signature = checked.proof.jws.partition("..")
    signed = header.encode() + b"." + signed
    try:  # 5
        key.public_key.verify(base64_bytes(signature), signed, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        raise ProofError(
            f"its signature does not fit the key {key.fingerprint}: the document was changed after it was "
            "signed, or signed by another key; fetch it again"
        ) from None
    return Proof(created, checked.proof.nonce, key.did, key.fingerprint)


def _shape(document: Mapping[str, object]) -> Document:
    if "proof" not in document:
        raise ProofError("it has no proof")
    try:
        return didshape.shape(document)
    except ShapeError as error:
        raise ProofError(f"no proof can cover it as it is: {error}") from None


def _check_subject(document: Document, key: PinnedKey) -> None:
    *general, network = document.context or [""]
    if document.context == list(GENERAL_CONTEXTS):
        raise ProofError(
            "its proof does not cover what its keys are for: the network's own context is missing, as it "
            "was until 2026; fetch a later document"
        )
    if general != list(GENERAL_CONTEXTS) or network not in NETWORK_CONTEXTS:
        raise ProofError("its contexts are not the three known here, so what it means is not known either")
    if document.id != key.document:
        raise ProofError(f"it is the document {document.id}; expected {key.document}")


def _check_claims(proof: didshape.Proof, key: PinnedKey) -> int:
    """Whether the proof is of the one kind that counts; returns when it was made."""
    if proof.type != "JsonWebSignature2020":
        raise ProofError(f"its proof is of an unknown type: {printable(proof.type, 60)}")
    if proof.proof_purpose != "assertionMethod":
        raise ProofError(f"its proof has another purpose: {printable(proof.proof_purpose, 60)}")
    if proof.verification_method != key.did:
        named = printable(proof.verification_method)
        raise ProofError(f"its proof names another key than the pinned one: {named}; expected {key.did}")
    try:
        header = json.loads(base64_bytes(proof.jws.partition("..")[0]))
    except ValueError:
        header = None
    if (words := json.dumps(header, sort_keys=True)) != json.dumps(_HEADER, sort_keys=True):
        raise ProofError(
            f"its proof's header is not an ES256 signature's over unencoded bytes: {printable(words, 100)}"
        )
    try:
        return int(datetime.strptime(proof.created, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise ProofError(f"its proof's time is no time in UTC: {printable(proof.created, 40)}") from None


def _canonical(document: Mapping[str, object], checked: Document) -> tuple[bytes, bytes]:
    """What is signed: the canonical statements of the proof without its signature, and of the rest."""
    context = {"@context": [_context(_FILES[address]) for address in checked.context]}
    claims = {**msgspec.to_builtins(checked.proof), **context}
    del claims["jws"]
    rest = {**document, **context}
    del rest["proof"]
    return _statements(claims, _PROOF_STATEMENTS), _statements(rest, checked.statements)


def _statements(node: Mapping[str, object], count: int) -> bytes:
    """A node's canonical N-Quads. Raises `ProofError` unless they are `count` statements."""
    jsonld = _jsonld()
    options = {"algorithm": "URDNA2015", "format": "application/n-quads", "documentLoader": _refuse}
    try:
        text: str = jsonld.normalize(node, options)
    except jsonld.JsonLdError as error:
        raise ProofError(f"its statements can not be made: {printable(str(error))}") from None
    if (found := text.count("\n")) != count:
        raise ProofError(f"{found} statements come of it instead of {count}: no proof can cover all of it")
    return text.encode()


def _jsonld() -> Any:
    """The JSON-LD processor, which only the operator's computer has."""
    try:
        return importlib.import_module("pyld.jsonld")
    except ImportError as error:
        raise ProofError(
            "checking a proof needs the package pyld: install doorcheck with its extra `operator` "
            "(pip install 'doorcheck[operator]')"
        ) from error


def _refuse(address: str, _options: object) -> dict[str, object]:
    """In place of a loader: contexts are handed over whole, so nothing has to be fetched, ever."""
    raise ProofError(f"it refers to {printable(address)}, which is not fetched")


@cache
def _context(file: str) -> dict[str, object]:
    text = resources.files("doorcheck.operator.trust").joinpath("contexts", file).read_text("utf-8")
    context: dict[str, object] = json.loads(text)["@context"]
    return context
