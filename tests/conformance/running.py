"""The verifier run on a vector: as it is, and with its claims signed anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tests.conformance.dgc import Vector, signer

from doorcheck.core import cose, dcc
from doorcheck.core.denylist import DenyList
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.rules import Minimum
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.core.trust import Signer, TrustList
from doorcheck.core.verdict import Reason, RefusedError
from doorcheck.core.verify import trace_with_claims
from doorcheck.core.world import World
from doorcheck.lab import issuer
from doorcheck.lab.issuer import Authority
from doorcheck.operator.trust import certificates

# Steps of `doorcheck.core.verify.verify`, by its numbers.
RECOGNISE, BASE45, INFLATE, SIGNATURE, CERTIFICATE, PERIOD, USAGE = 1, 2, 3, 6, 9, 10, 11

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
END_OF_TIME = 2**40
"""Seconds: later than any certificate's end."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What `verify` said of a text, and what each of its numbered steps made."""

    reason: Reason
    products: dict[int, Any] = field(repr=False)

    def through(self, step: int) -> Any:
        """What that step made. Raises `RefusedError` when it, or one before it, refused."""
        if step not in self.products:
            raise RefusedError(self.reason)
        return self.products[step]


def judge(text: bytes, signers: Iterable[Signer | None], moment: datetime) -> Judged:
    """Run the verifier as the door does, with those signers, and keep what its stages made."""
    trust = TrustList([one for one in signers if one], 0)
    world = World(
        trust=trust, deny=DenyList(), rules=Minimum(), floor=EPOCH, mark_key=bytes(32), published=None
    )
    products: dict[int, Any] = {}
    symbol = Symbol(SymbolFormat.TEXT, text)
    verdict = trace_with_claims(symbol, world, Moment(moment, Basis.NETWORK), products.__setitem__)
    return Judged(verdict.reason, products)


def as_it_is(vector: Vector, text: bytes | None = None) -> Judged:
    """The vector's text (or another), judged at its clock with its signer alone."""
    return judge(vector.text if text is None else text, [signer(vector.certificate)], vector.clock)


def undated(vector: Vector) -> Signer | None:
    """The vector's signer, with its certificate's dates out of the way."""
    own = signer(vector.certificate)
    return own and replace(own, not_before=0, not_after=END_OF_TIME)


_BENCH = Authority("conformance", made=datetime(2021, 6, 1, tzinfo=UTC))


def signed_anew(vector: Vector, *, at: datetime | None = None, dated: bool = False) -> Judged:
    """The vector's claims under a good signature, so that what comes after it can be judged alone.

    The bench's key stands in for the vector's, with the usage that the vector's certificate
    names and, if `dated`, its dates. Without `at` the token's dates are out of the way
    too: it is judged as of its issue.
    """
    payload = cose.frame(message(vector)).payload
    terms = certificates.parse(vector.certificate)
    first, last = (terms.not_before, terms.not_after) if dated else (0, END_OF_TIME)
    signed = replace(_BENCH.signer, usage=terms.usage, not_before=first, not_after=last)
    when = at or datetime.fromtimestamp(dcc.claims(payload).issued, UTC)
    return judge(issuer.text(_BENCH.sign(payload)), [signed], when)


def message(vector: Vector) -> bytes:
    """COSE, or what we make of PREFIX."""
    held = vector.octets("COSE")
    return held if held is not None else bytes(as_it_is(vector).through(INFLATE))
