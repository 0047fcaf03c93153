"""The verifier: a symbol, the world and a moment in; one verdict out.

The invariant, which the fuzzers run: whatever bytes arrive, `verify` returns a verdict,
in bounded time, and ADMIT only for a payload that an allowed signer signed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from doorcheck.core import cose, dcc, denylist, hcert
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.passes import Pass, holder_mark, signature_id, symbol_mark
from doorcheck.core.symbol import Symbol
from doorcheck.core.trust import Scope, Signer, TrustList
from doorcheck.core.verdict import PassFormat, Reason, RefusedError, Verdict
from doorcheck.core.world import World

Record = Callable[[int, Any], None]
"""Told each step that passed, by its number in `verify`, and what it produced."""


def verify(symbol: Symbol, world: World, moment: Moment) -> Verdict:
    """Judge one symbol. Always returns a verdict, and holds nothing of it afterwards.

    The steps (`_Judgement.run` carries the same numbers):

     0. Establish the time: the moment is more than a floor and not before the world's.
     1. Recognise the format by its prefix, which is unsigned and gives no rights.
     2. Decode base45, strictly.
     3. Inflate, bounded.
     4. Read the COSE frame and its headers; the payload stays bytes.
     5. Find the signers with that key identifier.
     6. Check the signature, with the algorithm that the signer's key decides.
     7. Check that the signer's certificate is valid at the moment.
     8. Read the claims, from the very bytes that were verified, once.
     9. Read the certificate.
    10. Check that the pass has been issued and has not expired.
    11. Check that the signer may sign this type of proof.
    12. Look the pass up in the deny list.
    13. Apply the rules.
    """
    return trace_with_claims(symbol, world, moment, _forget)


def trace_with_claims(symbol: Symbol, world: World, moment: Moment, record: Record) -> Verdict:
    """`verify`, handing every step's product to `record`: a visitor's data among them.

    For the bench and test passes only; the door calls `verify`.
    """
    judgement = _Judgement(symbol, world, record)
    try:
        reason = judgement.run(moment)
    except RefusedError as refused:
        reason = refused.reason
    except Exception:  # noqa: BLE001 (a bug must not open, nor stop, a door)
        reason = Reason.FAULT
    mark = judgement.mark
    if not mark and judgement.format is not PassFormat.UNKNOWN:
        mark = symbol_mark(symbol.data, world.mark_key)
    return Verdict(reason, judgement.format, judgement.signer, mark, judgement.test)


def _forget(_step: int, _product: object) -> None:
    pass


class _Judgement:
    """One run of the algorithm; it keeps what the verdict says besides the reason."""

    __slots__ = ("format", "mark", "record", "signer", "symbol", "test", "world")

    def __init__(self, symbol: Symbol, world: World, record: Record) -> None:
        self.symbol = symbol
        self.world = world
        self.record = record
        self.format = PassFormat.UNKNOWN
        self.signer = ""
        self.mark = b""
        self.test = False

    def run(self, moment: Moment) -> Reason:
        world, record = self.world, self.record
        # 0. the time
        trust = _fit_to_judge(world, moment)
        record(0, moment)
        # 1. the format
        data = self.symbol.data
        if len(data) > hcert.LONGEST_SYMBOL_BYTES:
            raise RefusedError(Reason.TOO_LARGE)
        self.format = hcert.recognise(data)
        if self.format is PassFormat.UNKNOWN:
            raise RefusedError(Reason.NOT_A_PASS)
        if self.format is not PassFormat.HC1:
            raise RefusedError(hcert.FOREIGN[self.format])
        record(1, data)
        # 2. base45
        compressed = hcert.base45(data[len(hcert.HC1) :])
        record(2, compressed)
        # 3. zlib
        inflated = hcert.inflate(compressed)
        record(3, inflated)
        # 4. the COSE frame
        message = cose.frame(inflated)
        record(4, message)
        # 5. and 6. the signature
        signer = self._signer(message, trust)
        record(6, message.signature)
        # 7. the signer's own period
        now = moment.seconds
        if now > signer.not_after:
            raise RefusedError(Reason.SIGNER_EXPIRED)
        if now < signer.not_before:
            raise RefusedError(Reason.SIGNER_EARLY)
        record(7, signer)
        # 8. the claims
        claims = dcc.claims(message.payload)
        record(8, claims)
        # 9. the certificate
        certificate = dcc.certificate(claims.hcert)
        self.mark = holder_mark(certificate, world.mark_key)
        record(9, certificate)
        # 10. the period
        if now > claims.expires:
            raise RefusedError(Reason.SPECIMEN if claims.expires == dcc.SPECIMEN_EXPIRY else Reason.EXPIRED)
        if now < claims.issued:
            raise RefusedError(Reason.ISSUED_LATER)
        record(10, None)
        # 11. key usage
        if int(certificate.usage) & ~int(signer.usage):
            raise RefusedError(Reason.KEY_USAGE)
        record(11, certificate.usage)
        # 12. the deny list
        shown = Pass(self.format, signer, claims, certificate, signature_id(message))
        denylist.check(shown, world.deny)
        record(12, None)
        # 13. the rules
        return world.rules.judge(shown, moment)

    def _signer(self, message: cose.Unverified, trust: TrustList) -> Signer:
        """The signer whose signature it is, among all with that key identifier.

        The identifier is a hint and collisions are allowed: each is tried, and no other.
        """
        # 5. the signers with that key identifier
        candidates = trust.signers(message.kid)
        if not candidates:
            self.signer = Signer(message.kid, message.algorithm, b"").label
            raise RefusedError(Reason.UNKNOWN_SIGNER)
        self.signer = candidates[0].label
        self.record(5, candidates)
        # 6. the one that signed
        refused = RefusedError(Reason.UNKNOWN_SIGNER)
        for candidate in candidates:
            try:
                cose.check(message, candidate)
            except RefusedError as error:
                if refused.reason is not Reason.SIGNATURE:
                    refused = error
            else:
                self.signer = candidate.label
                self.test = candidate.test
                if not candidate.scope & Scope.HC1:
                    raise RefusedError(Reason.SCOPE)
                return candidate
        raise refused


def _fit_to_judge(world: World, moment: Moment) -> TrustList:
    if moment.basis is Basis.FLOOR or moment.utc < world.floor:
        raise RefusedError(Reason.CLOCK)
    if world.trust is None:
        raise RefusedError(Reason.NO_TRUST)
    return world.trust
