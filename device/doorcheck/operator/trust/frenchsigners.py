"""Which formats a signer may sign, told from its certificate: the French ones need care.

All of it is by our own rules, for no certificate says which of the COSE formats it is
for:

- 2D-Doc signers are known by their names. One authority certifies some 130 of them, for
  wage slips, bank details, customs: genuine all, and health is four of them. No chain is
  checked here, so names prove nothing: the four are pinned by their keys, each for the
  document that its certificate's alternative name says. They ended in 2024 and there
  will be no fifth.
- The two signers of light passes (HCFR1) are self-signed and under no authority, so they
  too are pinned by their keys. They sign light passes and nothing else, and nobody else does.
- Exemptions (EX1) have no signer of their own: any French signer of EU certificates may
  have made one, and they hold in France alone. So every French signer signs them, nobody
  else does.

Test authorities are taken under `--test` alone, by name and alternative name: whoever
shows one of their passes gets the TEST signal.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from doorcheck.core.trust import Scope, Usage
from doorcheck.operator.trust import certificates
from doorcheck.operator.trust.candidates import Why
from doorcheck.operator.trust.certificates import COMMON_NAME, ORGANISATION, Certificate

# Public keys (SHA-256 of SubjectPublicKeyInfo): the certificates' own, of FR03 AHP1, AHP2,
# AV01, AV02; the official wallet had the same keys.
_HEALTH_KEYS = {
    "b77d13b8c93926040219120f9add61cf1b3b7c5e0e918098c781a1e4c713f329": b"FR03AHP1",
    "3a0b48dd12a3fec02c1e439377c0554992c72175b9ddfca4bf1a6cfa2b15d9da": b"FR03AHP2",
    "7c8cb89e8d25eb0ad5410b0f07e8a0bcdf78c79a6f5bdd4765a54633e7f27424": b"FR03AV01",
    "846b8dd32a67de9b4ed70ef43ca04bae79b1884e58ad7e78d92968b3ecf56f36": b"FR03AV02",
}
# Certificates 2021-09-17 (key identifier Qw0ebn8uT4I=) and 2021-12-07 (h3FwCzKaHF8=).
_LIGHT_KEYS = frozenset(
    {
        "0fa9af1201e7bc3227f4651da391c83b841ba49b38a0cf38c3c9cc19678e823a",
        "9ab55f722c999d08af24bc562a4b1119837813b04116fe626f3bc81ba4e257b0",
    }
)
_LIGHT_ORGANISATION = "INRIA"
_LIGHT_NAME = "dcclight.tousanticovid.gouv.fr"
# Certigna's arc, one number for each document type: "Test_COVID" and "Attestation_vaccinale".
_DOCUMENTS = {
    "1.2.250.1.177.101.398": Usage.TEST,
    "1.2.250.1.177.101.757": Usage.VACCINATION,
}
# An authority of the French list is FR and two digits; test authorities have other letters
# and a digit at the end (DHI0). Certificates are four characters.
_AUTHORITY = re.compile(r"FR[0-9]{2}|[A-Z]{3}[0-9]")
_SIGNER = re.compile(r"[A-Z0-9]{4}")


@dataclass(frozen=True, slots=True)
class Role:
    """What a signer may sign; `kid` is its own name for itself, where its format has one."""

    scope: Scope
    usage: Usage
    kid: bytes | None = None


def role(certificate: Certificate, *, test: bool) -> Role | Why:
    """What the signer may sign, or why it is left out.

    `test`: the operator says that all are test authorities. Raises `DerError` when an
    alternative name can't be read.
    """
    if kid := _document_kid(certificate):
        return _document_role(certificate, kid, test=test)
    if is_light(certificate):
        if not test and _key_hash(certificate) not in _LIGHT_KEYS:
            return Why.LIGHT
        return Role(Scope.LIGHT, certificate.usage)
    if certificate.authority and _AUTHORITY.fullmatch(_named(certificate)):
        return Why.TWO_D_DOC  # --allow-ca: its key would vouch for all of its signers
    extra = Scope.EXEMPTION if certificate.country == "FR" else Scope(0)
    return Role(Scope.HC1 | extra, certificate.usage)


def is_light(certificate: Certificate) -> bool:
    """Whether it names itself a signer of light passes, or has the key of one."""
    return (
        certificate.subject.get(ORGANISATION, "").strip().upper() == _LIGHT_ORGANISATION
        or _named(certificate).lower() == _LIGHT_NAME
        or _key_hash(certificate) in _LIGHT_KEYS
    )


def _document_role(certificate: Certificate, kid: bytes, *, test: bool) -> Role | Why:
    if not test and _HEALTH_KEYS.get(_key_hash(certificate)) != kid:
        return Why.TWO_D_DOC
    names = certificates.other_names(certificate)
    usage = Usage.ANY if test and not names else Usage(0)
    for identifier in names:
        usage |= _DOCUMENTS.get(identifier, Usage(0))
    return Role(Scope.TWO_D_DOC, usage, kid) if usage else Why.TWO_D_DOC


def _document_kid(certificate: Certificate) -> bytes | None:
    """The name that 2D-Doc headers call the signer by, if it is one: authority and certificate."""
    issuer, subject = certificate.issuer.get(COMMON_NAME, ""), _named(certificate)
    if _AUTHORITY.fullmatch(issuer) and _SIGNER.fullmatch(subject):
        return (issuer + subject).encode("ascii")
    return None


def _named(certificate: Certificate) -> str:
    return certificate.subject.get(COMMON_NAME, "")


def _key_hash(certificate: Certificate) -> str:
    return hashlib.sha256(certificate.key_info).hexdigest()
