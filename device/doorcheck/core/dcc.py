"""The claims of a verified message: CBOR Web Token (RFC 8392) and EU certificate.

Only bytes that a trusted key has signed come here, and they are parsed once. Types are
checked; contents are taken as real issuers write them: partial birth dates, dates with
times, empty or null groups, identifiers of any shape. The official
schema would refuse 52 official passes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec

from doorcheck.core import cbor
from doorcheck.core.trust import Usage
from doorcheck.core.verdict import Reason, RefusedError

ISS, EXP, IAT, HCERT = 1, 4, 6, -260
EU_DCC = 1
OTHER_CLAIMS = {3: Reason.DDCC, 4: Reason.DDCC, 5: Reason.HEALTH_LINK, -6: Reason.YELLOW_CARD}
"""Other certificates under the same roof (WHO SMART Trust, hcert claim keys)."""
LONGEST_TEXT = 1024
SPECIMEN_EXPIRY = 42
"""Dutch issuers mark specimens so: an expiry 42 seconds into 1970."""


Text = Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT)]
Doses = Annotated[int, msgspec.Meta(ge=0, le=99)]


class Silent(msgspec.Struct, frozen=True):
    """A struct whose `repr` shows no field: these hold a visitor's data."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class Name(Silent, frozen=True):
    """A holder's name; names are compared on the transliterated fields alone."""

    fn: Text | None = None
    gn: Text | None = None
    fnt: Text | None = None
    gnt: Text | None = None


class Vaccination(Silent, frozen=True, kw_only=True):
    """One vaccination: dose `dn` of `sd`."""

    tg: Text
    vp: Text
    mp: Text
    ma: Text
    dn: Doses
    sd: Doses
    dt: Text
    co: Text
    issuer: Text = msgspec.field(name="is")
    ci: Text


class Test(Silent, frozen=True, kw_only=True):
    """One test: sampled at `sc`, result `tr`."""

    tg: Text
    tt: Text
    nm: Text | None = None
    ma: Text | None = None
    sc: Text
    tr: Text
    tc: Text | None = None
    co: Text
    issuer: Text = msgspec.field(name="is")
    ci: Text


class Recovery(Silent, frozen=True, kw_only=True):
    """One recovery: first positive at `fr`, valid from `df` until `du`."""

    tg: Text
    fr: Text
    co: Text
    issuer: Text = msgspec.field(name="is")
    df: Text
    du: Text
    ci: Text


Entry = Vaccination | Test | Recovery


class Certificate(Silent, frozen=True, kw_only=True):
    """A EU Digital COVID Certificate, any version 1.x."""

    ver: Text
    nam: Name
    dob: Text
    v: list[Vaccination] | None = None
    t: list[Test] | None = None
    r: list[Recovery] | None = None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries of all groups; a valid certificate has exactly one."""
        return (*(self.v or ()), *(self.t or ()), *(self.r or ()))

    @property
    def usage(self) -> Usage:
        """The types of proof it holds, which its signer must be allowed to sign."""
        return _USAGES[bool(self.v), bool(self.t), bool(self.r)]


# A table, for enum flags take microseconds to combine.
_USAGES = {
    (v, t, r): Usage(Usage.VACCINATION * v | Usage.TEST * t | Usage.RECOVERY * r)
    for v in (False, True)
    for t in (False, True)
    for r in (False, True)
}


@dataclass(frozen=True, slots=True)
class Claims:
    """The token around the certificate. Times are seconds since 1970.

    `hcert` is the undecoded health certificate claim: a map by claim key.
    """

    issuer: str
    issued: float
    expires: float
    hcert: dict[Any, Any] = field(repr=False)


def claims(payload: bytes) -> Claims:
    """Read the token of a verified payload. Refused with `D-CWT`.

    Required: the health certificate claim and, for an EU certificate, expiry and issue
    time (whole or real seconds, finite). The issuer is optional; other claims are ignored.
    """
    try:
        token = cbor.decode(payload)
    except cbor.CborError:
        raise RefusedError(Reason.CLAIMS) from None
    if not isinstance(token, dict):
        raise RefusedError(Reason.CLAIMS)
    issuer, hcert = token.get(ISS, ""), token.get(HCERT)
    if not isinstance(issuer, str) or len(issuer) > LONGEST_TEXT or not isinstance(hcert, dict):
        raise RefusedError(Reason.CLAIMS)
    if EU_DCC not in hcert:
        return Claims(issuer, -math.inf, math.inf, hcert)  # recognised at most; some have no dates
    return Claims(issuer, _seconds(token.get(IAT)), _seconds(token.get(EXP)), hcert)


def _seconds(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise RefusedError(Reason.CLAIMS)
    return float(value) if abs(value) < 1e15 else math.copysign(1e15, value)


def check_period(claims: Claims, now: float) -> None:
    """Return if issued <= now <= expires, in seconds since 1970.

    Refused: `P-EXP`, `P-IAT`, and `N-SPC` for a Dutch specimen.
    """
    if now > claims.expires:
        raise RefusedError(Reason.SPECIMEN if claims.expires == SPECIMEN_EXPIRY else Reason.EXPIRED)
    if now < claims.issued:
        raise RefusedError(Reason.ISSUED_LATER)


def certificate(hcert: dict[Any, Any]) -> Certificate:
    """The EU certificate in a health certificate claim.

    Refused: a reason of its own for a recognised certificate of another kind, `D-DCC`
    for anything else.
    """
    if EU_DCC not in hcert:
        raise RefusedError(
            next((reason for key, reason in OTHER_CLAIMS.items() if key in hcert), Reason.CERTIFICATE)
        )
    try:
        return msgspec.convert(hcert[EU_DCC], Certificate)
    except msgspec.ValidationError:
        raise RefusedError(Reason.CERTIFICATE) from None
