"""The trust list of the WHO's Global Digital Health Certification Network: a DID document.

One document mixes keys that sign passes (DSC) with keys that sign keys (CSCA), lists
(DECA, UP) and connections (TLS), and may mix trust domains: `keyusage` and `domain`
decide. The certificate is the first of `x5c`; the document also spells the key out, and
both must agree. References to other documents are never followed: the production
network's point at the development network's. The document's proof is not checked here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from doorcheck.core.trust import PublicKey
from doorcheck.operator.text import base64_bytes, printable
from doorcheck.operator.trust.candidates import LONGEST_KID_BYTES, Candidate, SourceError, Why
from doorcheck.operator.trust.countries import two_letters

SIGNS_PASSES = "DSC"
DOMAIN = "DCC"
PROOF_NOTE = "a GDHCN document; its proof not checked"


def is_document(document: Mapping[str, object]) -> bool:
    """Whether it is a DID document with keys."""
    return "verificationMethod" in document


def candidates(document: Mapping[str, object], source: str, where: str) -> Iterator[Candidate]:
    """Every entry of a document, with those already ruled out. Raises `SourceError`."""
    methods = document["verificationMethod"]
    if not isinstance(methods, list):
        raise SourceError("a DID document whose verificationMethod is not a list")
    for number, method in enumerate(methods, 1):
        yield _candidate(method, source, f"{where}entry {number}")


def _candidate(method: object, source: str, where: str) -> Candidate:
    if isinstance(method, str):
        return Candidate(source, where, why=Why.REFERENCE)
    if not isinstance(method, dict) or not isinstance(jwk := method.get("publicKeyJwk"), dict):
        return Candidate(source, where, why=Why.ENTRY, detail="no publicKeyJwk")
    try:
        kid = _kid(method, jwk)
    except ValueError:
        return Candidate(source, where, why=Why.KID)
    try:
        certificate = _certificate(jwk)
    except ValueError:
        return Candidate(source, where, kid=kid, why=Why.ENTRY, detail="no certificate in base64 in x5c")
    why, detail = None, ""
    if (domain := _code(method, "domain")) != DOMAIN:
        why, detail = Why.DOMAIN, domain or "none named"
    if (usage := _code(method, "keyusage")) != SIGNS_PASSES:
        why, detail = Why.KEY_USAGE, usage or "no key usage named"
    country = two_letters(_code(method, "participant"))
    return Candidate(source, where, certificate, kid, country, jwk, why, detail)


def _code(method: Mapping[str, object], name: str) -> str:
    """A coded property of an entry, "#DSC" or "DSC"; "" when it is absent."""
    coded = method.get(name)
    code = coded.get("code") if isinstance(coded, dict) else None
    return printable(code.removeprefix("#"), 24) if isinstance(code, str) else ""


def _kid(method: Mapping[str, object], jwk: Mapping[str, object]) -> bytes:
    """The key identifier: the key's own, else what follows the # of the entry's."""
    text = jwk.get("kid")
    if text is None:
        text = str(method.get("id", "")).rpartition("#")[2]
    if not isinstance(text, str):
        raise ValueError("not text")  # noqa: TRY004  callers tell one error apart
    kid = base64_bytes(text)
    if not 0 < len(kid) <= LONGEST_KID_BYTES:
        raise ValueError("no key identifier, or too long")
    return kid


def _certificate(jwk: Mapping[str, object]) -> bytes:
    chain = jwk.get("x5c")
    first = chain[0] if isinstance(chain, list) and chain else None
    if not isinstance(first, str):
        raise ValueError("no x5c")  # noqa: TRY004  callers tell one error apart
    return base64_bytes(first)


def agrees(jwk: Mapping[str, object], key: PublicKey) -> bool:
    """Whether an entry's own numbers are the key's.

    They are compared as numbers: the network's writer pads them with a sign byte, or
    drops a leading zero (31 and 33 bytes for a coordinate of 32).
    """
    if isinstance(key, ec.EllipticCurvePublicKey):
        point = key.public_numbers()
        return (_number(jwk, "x"), _number(jwk, "y")) == (point.x, point.y)
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return (_number(jwk, "n"), _number(jwk, "e")) == (numbers.n, numbers.e)
    return False


def _number(jwk: Mapping[str, object], name: str) -> int | None:
    text = jwk.get(name)
    if not isinstance(text, str):
        return None
    try:
        return int.from_bytes(base64_bytes(text), "big")
    except ValueError:
        return None
