"""A bench: a world where everything is good, and a pass in the making to break one part of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from doorcheck.core import cbor, cose, dcc
from doorcheck.core.denylist import DenyList
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.rules import Minimum
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.core.trust import Algorithm, Signer, TrustList
from doorcheck.core.world import World
from doorcheck.lab import issuer
from doorcheck.lab.issuer import PEOPLE, Authority, Proof


@dataclass(frozen=True, slots=True)
class Case:
    """What the verifier is given."""

    symbol: Symbol
    world: World
    moment: Moment


@dataclass(frozen=True, slots=True)
class Draft:
    """A pass in the making. Break one part; `text` builds the rest correctly around it."""

    authority: Authority
    token: Any = field(repr=False)
    protected: Any = None
    unprotected: Any = field(default_factory=dict)
    payload: bytes | None = field(default=None, repr=False)
    algorithm: Algorithm = Algorithm.ES256
    tag: bytes = b"\xd2"
    rsa_key: rsa.RSAPrivateKey | None = field(default=None, repr=False)

    def message(self) -> bytes:
        """The signed COSE message."""
        headers = self.protected
        if headers is None:
            headers = {cose.ALG: int(self.algorithm), cose.KID: self.authority.signer.kid}
        protected = headers if isinstance(headers, bytes) else cbor.encode(headers)
        payload = cbor.encode(self.token) if self.payload is None else self.payload
        unsigned = cose.Unverified(protected, payload, b"", self.algorithm, b"")
        signature = self._sign(cose.to_be_signed(unsigned))
        return self.tag + cbor.encode([protected, self.unprotected, payload, signature])

    def _sign(self, data: bytes) -> bytes:
        if self.rsa_key is not None:
            pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
            return self.rsa_key.sign(data, pss, hashes.SHA256())
        r, s = decode_dss_signature(self.authority.private_key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def text(self) -> bytes:
        """The text of the pass."""
        return issuer.text(self.message())


class Bench:
    """A test authority, a world that trusts it, and a moment: everything is good here."""

    def __init__(
        self, moment: datetime = datetime(2026, 3, 1, 12, 0, tzinfo=UTC), seed: str | None = None
    ) -> None:
        self.utc = moment
        self.moment = Moment(moment, Basis.NETWORK)
        self.authority = Authority(seed, made=moment)
        self.stranger = Authority(None if seed is None else f"{seed}, a stranger", made=moment)
        self.person = PEOPLE[0]
        self.proof = issuer.vaccination(moment, "bench")
        self.world = World(
            trust=issuer.trust_list(self.authority, issued=moment),
            deny=DenyList(),
            rules=Minimum(),
            floor=moment - timedelta(days=30),
            mark_key=bytes(32),
            published=None,
        )

    @property
    def token(self) -> dict[int, Any]:
        """The claims of a good pass."""
        return self.authority.token(self.person, self.proof, moment=self.utc)

    @property
    def draft(self) -> Draft:
        """A good pass in the making."""
        return Draft(self.authority, self.token)

    def case(self, data: bytes, **world: Any) -> Case:
        """That text, judged in this world with the given parts replaced."""
        return Case(Symbol(SymbolFormat.QR, data), replace(self.world, **world), self.moment)

    def with_signer(self, signer: Signer, data: bytes | None = None) -> Case:
        """A good pass (or that text) judged with another trust list of one signer."""
        return self.case(data or self.draft.text(), trust=TrustList([signer], 0))

    def with_proof(self, *proofs: Proof) -> Case:
        """A pass with those proofs."""
        return self.case(
            replace(self.draft, token=self.authority.token(self.person, *proofs, moment=self.utc)).text()
        )

    def with_claims(self, **claims: Any) -> Case:
        """A pass with some claims changed: `iss`, `iat`, `exp`, `hcert`; None removes one."""
        numbers = {"iss": dcc.ISS, "iat": dcc.IAT, "exp": dcc.EXP, "hcert": dcc.HCERT}
        token = {**self.token, **{numbers[name]: value for name, value in claims.items()}}
        return self.case(replace(self.draft, token={k: v for k, v in token.items() if v is not None}).text())

    def with_certificate(self, **fields: Any) -> Case:
        """A pass with some fields of its certificate changed."""
        certificate = {**self.token[dcc.HCERT][dcc.EU_DCC], **fields}
        return self.with_claims(hcert={dcc.EU_DCC: certificate})

    def with_headers(self, protected: Any, unprotected: Any = None) -> Case:
        """A pass with those headers."""
        return self.case(replace(self.draft, protected=protected, unprotected=unprotected or {}).text())

    def at(self, seconds: float, case: Case | None = None) -> Case:
        """A case (or a good pass) judged at another time."""
        case = case or self.case(self.draft.text())
        return replace(case, moment=Moment.at(seconds, Basis.NETWORK))
