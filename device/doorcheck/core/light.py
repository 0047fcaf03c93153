"""The French variants of the EU certificate: light passes (HCFR1) and exemptions (EX1).

Both are what HC1 is, down to the signature, with another prefix and other contents. The
prefix is unsigned: what makes one of them is its signer (`trust.Scope`) and its contents.
Without both checks every partly vaccinated person's certificate would be a light pass
once its prefix is changed.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec

from doorcheck.core import dcc, paris
from doorcheck.core.dcc import Certificate, Claims, Silent, Text
from doorcheck.core.verdict import Reason, RefusedError

_EXEMPTION = "ex"


class Exemption(Silent, frozen=True, kw_only=True):
    """A contra-indication to the vaccine, from `df` until `du`; `es` says temporary or permanent."""

    tg: Text
    es: Text
    df: Text
    du: Text
    co: Text
    issuer: Text = msgspec.field(name="is")
    ci: Text


def certificate(hcert: dict[Any, Any]) -> Certificate:
    """The light certificate in a health certificate claim: a name and a birth date, no proof.

    Refused: `D-KND` when it holds a proof or an exemption, and as `dcc.certificate` does.
    """
    found = dcc.certificate(hcert)
    refuse_exemption(hcert)
    if found.entries:
        raise RefusedError(Reason.OTHER_KIND)
    return found


def refuse_exemption(hcert: dict[Any, Any]) -> None:
    """Return if there is no exemption in it: under HC1 nobody would look at its dates. Else `D-KND`."""
    if hcert[dcc.EU_DCC].get(_EXEMPTION) is not None:
        raise RefusedError(Reason.OTHER_KIND)


def check_period(claims: Claims, now: float) -> None:
    """Return if issued <= now < expires, in seconds since 1970.

    Refused: `P-EXP`, `P-IAT`. A light pass is renewed every two days and its end is
    exclusive, where an EU certificate's is inclusive.
    """
    if now >= claims.expires:
        raise RefusedError(Reason.EXPIRED)
    if now < claims.issued:
        raise RefusedError(Reason.ISSUED_LATER)


def exemption(hcert: dict[Any, Any]) -> tuple[Certificate, Exemption]:
    """The holder and the exemption in a health certificate claim.

    Refused: `D-KND` when there is no exemption, or a proof beside it; `D-DCC` when it is
    malformed; and as `dcc.certificate` does.
    """
    holder = dcc.certificate(hcert)
    entry = hcert[dcc.EU_DCC].get(_EXEMPTION)
    if holder.entries or entry is None:
        raise RefusedError(Reason.OTHER_KIND)
    try:
        return holder, msgspec.convert(entry, Exemption)
    except msgspec.ValidationError:
        raise RefusedError(Reason.CERTIFICATE) from None


def judge_dates(shown: Exemption, utc: datetime) -> Reason:
    """OK from the first of its days to the last, both whole, in France: it holds nowhere else."""
    try:
        first, last = date.fromisoformat(shown.df), date.fromisoformat(shown.du)
    except ValueError:
        return Reason.RULE_ERROR
    return Reason.OK if first <= paris.day(utc) <= last else Reason.EXEMPTION_DATES
