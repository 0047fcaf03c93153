"""From candidates to signers: which certificates enter the trust list, and why others don't.

For each candidate, in the order of the sources:

0. what its source already ruled out stays out (`Candidate.why`);
1. its DER is read, else it is no certificate;
2. a certificate authority is left out, unless the operator allows them: whoever holds
   its key could sign passes with it, and no door would tell; a light signer whose
   self-signed certificate says so, as openssl makes them, is none;
3. its role decides which formats it may sign, and French ones may leave it out
   (`frenchsigners`);
4. its key must be of a kind that signs passes, and sound;
5. a second copy of the key must agree;
6. a signer with the same key identifier and key as an earlier one is merged into it.

Dates decide nothing here: whether an expired signer counts is the door's policy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from doorcheck.core.trust import Signer
from doorcheck.operator.text import base64_text
from doorcheck.operator.trust import certificates, frenchsigners, gdhcn
from doorcheck.operator.trust.candidates import Candidate, LeftOut, Why
from doorcheck.operator.trust.certificates import Certificate, UnfitKeyError
from doorcheck.operator.trust.der import DerError
from doorcheck.operator.trust.frenchsigners import Role


@dataclass(frozen=True, slots=True)
class Entry:
    """A signer in the list, and where it came from."""

    signer: Signer
    source: str
    where: str
    own_kid: bytes
    """What its certificate's digest gives, or a 2D-Doc's name for it, whatever kid its source gave it."""

    @property
    def renamed(self) -> bool:
        """Whether the source's key identifier is not the certificate's own."""
        return self.signer.kid != self.own_kid


@dataclass(slots=True)
class Built:
    """The signers in order, and what became of the rest."""

    entries: list[Entry] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    merged: Counter[str] = field(default_factory=Counter)
    """Duplicates by source."""
    merged_differing: list[Entry] = field(default_factory=list)
    """Duplicates with other dates or another usage than the one that was kept."""

    @property
    def signers(self) -> list[Signer]:
        """What the trust list holds."""
        return [entry.signer for entry in self.entries]


class _UnfitError(Exception):
    def __init__(self, why: Why, detail: str = "", name: str = "", own_kid: bytes = b"") -> None:
        super().__init__(why.value)
        self.why = why
        self.detail = detail
        self.name = name
        self.own_kid = own_kid


def build(candidates: Iterable[Candidate], *, allow_ca: bool = False, test: bool = False) -> Built:
    """Judge every candidate. `test` marks all signers as a test authority's."""
    built = Built()
    known: dict[tuple[bytes, bytes], Entry] = {}
    for candidate in candidates:
        try:
            entry = _entry(candidate, allow_ca=allow_ca, test=test)
        except _UnfitError as unfit:
            kid = base64_text(candidate.kid or unfit.own_kid)
            out = LeftOut(candidate.source, candidate.where, kid, unfit.name, unfit.why, unfit.detail)
            built.left_out.append(out)
            continue
        first = known.setdefault((entry.signer.kid, entry.signer.key), entry)
        if first is entry:
            built.entries.append(entry)
            continue
        built.merged[entry.source] += 1
        if _terms(first.signer) != _terms(entry.signer):
            built.merged_differing.append(entry)
    return built


def _terms(signer: Signer) -> tuple[int, int, int, int]:
    return signer.usage, signer.not_before, signer.not_after, signer.scope


def _entry(candidate: Candidate, *, allow_ca: bool, test: bool) -> Entry:
    if candidate.why:  # 0
        raise _UnfitError(candidate.why, candidate.detail, _name(candidate.der))
    try:  # 1
        certificate = certificates.parse(candidate.der)
    except DerError as error:
        if _is_key(candidate.der):
            raise _UnfitError(Why.BARE_KEY) from None
        raise _UnfitError(Why.NOT_CERTIFICATE, str(error)) from None
    if certificate.authority and not allow_ca and not frenchsigners.is_light(certificate):  # 2
        raise _UnfitError(Why.AUTHORITY, name=certificate.name, own_kid=certificate.kid)
    role = _role(certificate, test=test)  # 3
    signer = _signer(candidate, certificate, role, test=test)
    return Entry(signer, candidate.source, candidate.where, role.kid or certificate.kid)


def _role(certificate: Certificate, *, test: bool) -> Role:
    try:
        role = frenchsigners.role(certificate, test=test)
    except DerError as error:
        raise _UnfitError(Why.NOT_CERTIFICATE, str(error), certificate.name, certificate.kid) from None
    if isinstance(role, Why):
        raise _UnfitError(role, name=certificate.name, own_kid=certificate.kid)
    return role


def _signer(candidate: Candidate, certificate: Certificate, role: Role, *, test: bool) -> Signer:
    try:  # 4
        algorithm, key, loaded = certificates.signer_key(certificate.key_info)
    except UnfitKeyError as error:
        raise _UnfitError(Why.KEY_KIND, str(error), certificate.name, certificate.kid) from None
    if candidate.jwk is not None and not gdhcn.agrees(candidate.jwk, loaded):  # 5
        raise _UnfitError(Why.KEY_DIFFERS, name=certificate.name, own_kid=certificate.kid)
    return Signer(
        kid=role.kid or candidate.kid or certificate.kid,
        algorithm=algorithm,
        key=key,
        usage=role.usage,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        country=certificate.country or candidate.country,
        name=certificate.name,
        test=test,
        scope=role.scope,
    )


def _name(data: bytes) -> str:
    """The subject of a certificate that is out anyway; "" when it can't be read."""
    try:
        return certificates.parse(data).name
    except DerError:
        return ""


def _is_key(data: bytes) -> bool:
    try:
        certificates.load_key(data)
    except UnfitKeyError:
        return False
    return True
