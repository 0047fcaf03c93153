"""The verifier: a symbol, the world and a moment in; one verdict out.

The invariant, which the fuzzers run: whatever bytes arrive, `verify` returns a verdict,
in bounded time, and ADMIT only for a payload that an allowed signer signed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from doorcheck.core import attestation, cose, dcc, denylist, hcert, light, links, twoddoc
from doorcheck.core.freshness import Age
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.passes import Pass, holder_mark, signature_id, symbol_mark
from doorcheck.core.symbol import Symbol
from doorcheck.core.trust import Algorithm, Scope, Signer, TrustList
from doorcheck.core.verdict import Outcome, PassFormat, Reason, RefusedError, Verdict
from doorcheck.core.world import World

Record = Callable[[int, Any], None]
"""Told each step that passed, by its number in `verify`, and what it produced."""


def verify(symbol: Symbol, world: World, moment: Moment) -> Verdict:
    """Judge one symbol. Always returns a verdict, and holds nothing of it afterwards.

    The steps (`_Judgement` carries the same numbers; 2D-Doc has no 2 and 3):

     0. Establish the time: the moment is more than a floor (or the policy takes a floor, for
        the staff) and not before the world's, and the world's lists are not too old for it.
     1. Take the pass out of a wallet link; recognise the format by its prefix, which is
        unsigned and gives no rights.
     2. Decode base45, strictly.
     3. Inflate, bounded.
     4. Read the frame (COSE, 2D-Doc) and its headers; the payload stays bytes.
     5. Find the signers with that key identifier.
     6. Check the signature, with the algorithm that the signer's key decides, and that the
        signer may sign this format.
     7. Check the signer's certificate: valid at the moment (2D-Doc: when it signed).
     8. Read the claims, from the very bytes that were verified, once.
     9. Read the certificate: of the kind that the format says, and of no other.
    10. Check that the pass has been issued and has not expired.
    11. Check that the signer may sign this type of proof.
    12. Look the pass up in the deny list.
    13. Apply the rules.
    14. Hand what is good, by lists that are too old, to the staff, where the policy asks for it;
        and by a clock that is a floor only, also what a later time might make good.
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
    # 14. the clock
    if moment.basis is Basis.FLOOR and reason in _OPEN_ON_A_FLOOR:
        reason = Reason.CLOCK_DOUBTFUL
    mark = judgement.mark
    if not mark and judgement.format is not PassFormat.UNKNOWN:
        mark = symbol_mark(symbol.data, world.mark_key)
    return Verdict(reason, judgement.format, judgement.signer, mark, judgement.test)


def open_with_claims(symbol: Symbol, world: World, moment: Moment) -> Pass:
    """The pass itself, once steps 0 to 11 have found it genuine and current: for listing it.

    For the operator's computer only, which keeps the hashes that deny lists hold of it and
    nothing else; the door calls `verify`. Raises `RefusedError`, and nothing else.
    """
    try:
        return _Judgement(symbol, world, _forget).open(moment)
    except RefusedError:
        raise
    except Exception:  # noqa: BLE001 (its text might hold what the pass holds)
        raise RefusedError(Reason.FAULT) from None


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
        shown = self.open(moment)
        # 12. the deny list
        denylist.check(shown, self.world.deny)
        self.record(12, None)
        # 13. the rules
        if shown.exemption is not None:
            reason = light.judge_dates(shown.exemption, moment.utc)
            if reason is not Reason.OK:
                return reason
        reason = self.world.rules.judge(shown, moment)
        if reason is not Reason.OK:
            return reason
        self.record(13, None)
        # 14. the lists' age
        return Reason.LISTS_DOUBTFUL if self.world.age(moment) is Age.TOO_OLD else reason

    def open(self, moment: Moment) -> Pass:
        # 0. the time
        trust = _fit_to_judge(self.world, moment)
        self.record(0, moment)
        # 1. the format
        data = links.unwrap(self.symbol.data)
        if len(data) > hcert.LONGEST_SYMBOL_BYTES:
            raise RefusedError(Reason.TOO_LARGE)
        self.format = hcert.recognise(data)
        if self.format is PassFormat.UNKNOWN:
            raise RefusedError(Reason.NOT_A_PASS)
        if self.format in hcert.FOREIGN:
            raise RefusedError(hcert.FOREIGN[self.format])
        self.record(1, data)
        # 2. to 10.
        if self.format is PassFormat.TWO_D_DOC:
            shown = self._document(data, trust, moment.seconds)
        else:
            shown = self._message(data, trust, moment.seconds)
        # 11. key usage
        usage = shown.certificate.usage
        if int(usage) & ~int(shown.signer.usage):
            raise RefusedError(Reason.KEY_USAGE)
        self.record(11, usage)
        return shown

    def _message(self, data: bytes, trust: TrustList, now: float) -> Pass:
        """Steps 2 to 10 of a COSE message: HC1, HCFR1, EX1."""
        record = self.record
        # 2. base45
        compressed = hcert.base45(data[len(hcert.PREFIXES[self.format]) :])
        record(2, compressed)
        # 3. zlib
        inflated = hcert.inflate(compressed)
        record(3, inflated)
        # 4. the COSE frame
        message = cose.frame(inflated)
        record(4, message)
        # 5. and 6. the signature
        signer = self._signer(message.kid, message.algorithm, trust, lambda one: cose.check(message, one))
        record(6, message.signature)
        # 7. the signer's own period
        if now > signer.not_after:
            raise RefusedError(Reason.SIGNER_EXPIRED)
        if now < signer.not_before:
            raise RefusedError(Reason.SIGNER_EARLY)
        record(7, signer)
        # 8. the claims
        claims = dcc.claims(message.payload)
        record(8, claims)
        # 9. the certificate
        certificate, exemption = self._certificate(claims)
        self.mark = holder_mark(certificate, self.world.mark_key)
        record(9, certificate)
        # 10. the period
        if self.format is PassFormat.HCFR1:
            light.check_period(claims, now)
        else:
            dcc.check_period(claims, now)
        record(10, None)
        return Pass(self.format, signer, claims, certificate, signature_id(message), exemption)

    def _certificate(self, claims: dcc.Claims) -> tuple[dcc.Certificate, light.Exemption | None]:
        match self.format:
            case PassFormat.HCFR1:
                return light.certificate(claims.hcert), None
            case PassFormat.EX1:
                return light.exemption(claims.hcert)
            case _:
                certificate = dcc.certificate(claims.hcert)
                light.refuse_exemption(claims.hcert)
                return certificate, None

    def _document(self, data: bytes, trust: TrustList, now: float) -> Pass:
        """Steps 4 to 10 of a 2D-Doc."""
        record = self.record
        # 4. the frame
        document = twoddoc.frame(data)
        record(4, document)
        # 5. and 6. the signature
        signer = self._signer(document.kid, Algorithm.ES256, trust, lambda one: twoddoc.check(document, one))
        record(6, document.signature)
        # 7. the signer's own period
        twoddoc.check_signer_period(document, signer)
        record(7, signer)
        # 8. the claims
        claims = attestation.claims(document)
        record(8, claims)
        # 9. the certificate
        certificate = attestation.certificate(document)
        self.mark = holder_mark(certificate, self.world.mark_key)
        record(9, certificate)
        # 10. the period
        dcc.check_period(claims, now)
        record(10, None)
        return Pass(
            self.format, signer, claims, certificate, document.signature[:32], document=document.signed
        )

    def _signer(
        self, kid: bytes, algorithm: Algorithm, trust: TrustList, check: Callable[[Signer], None]
    ) -> Signer:
        """The signer whose signature it is, among all with that key identifier.

        The identifier is a hint and collisions are allowed: each is tried, and no other.
        """
        # 5. the signers with that key identifier
        candidates = trust.signers(kid)
        if not candidates:
            self.signer = Signer(kid, algorithm, b"").label
            raise RefusedError(Reason.UNKNOWN_SIGNER)
        self.signer = candidates[0].label
        self.record(5, candidates)
        # 6. the one that signed
        refused = RefusedError(Reason.SIGNATURE)
        for candidate in candidates:
            try:
                check(candidate)
            except RefusedError as error:
                if error.reason is not Reason.SIGNATURE and len(candidates) == 1:
                    refused = error
            else:
                self.signer = candidate.label
                self.test = candidate.test
                if not int(candidate.scope) & _SCOPES[self.format]:
                    raise RefusedError(Reason.SCOPE)
                return candidate
        raise refused


_SCOPES = {
    PassFormat.HC1: int(Scope.HC1),
    PassFormat.HCFR1: int(Scope.LIGHT),
    PassFormat.EX1: int(Scope.EXEMPTION),
    PassFormat.TWO_D_DOC: int(Scope.TWO_D_DOC),
}


_OPEN_ON_A_FLOOR = frozenset(
    {
        *(Reason.OK, Reason.ISSUED_LATER, Reason.SIGNER_EARLY, Reason.FUTURE),
        *(Reason.RECOVERY, Reason.EXEMPTION_DATES, Reason.RULE, Reason.NO_RULE),
    }
)
"""What another, later time may turn: no verdict when the time is a lower bound only."""


def unfit(world: World, moment: Moment) -> Reason | None:
    """Why no pass at all can be judged in that world at that moment; None when passes can."""
    if moment.basis is Basis.FLOOR and world.on_a_floor is not Outcome.STAFF:
        return Reason.CLOCK
    if moment.utc < world.floor:
        return Reason.CLOCK
    if world.trust is None:
        return Reason.NO_TRUST
    if world.freshness.too_old is not Outcome.STAFF and world.age(moment) is Age.TOO_OLD:
        return Reason.LISTS_TOO_OLD
    return None


def _fit_to_judge(world: World, moment: Moment) -> TrustList:
    reason = unfit(world, moment)
    if reason is not None or world.trust is None:
        raise RefusedError(reason or Reason.NO_TRUST)
    return world.trust
