"""What a verified 2D-Doc says: its fields, and the EU certificate that says the same.

The message is fields: two characters of identifier, then the value. GS (0x1D) ends a value
of variable length, RS (0x1E) one that was cut to fit; nothing ends one of fixed length, or
one that has reached its greatest (ANTS, "Spécifications techniques des codes à barres
2D-Doc", v3.1.3, sections 3 and 6).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from doorcheck.core import paris
from doorcheck.core.dcc import Certificate, Claims, Name, Test, Vaccination
from doorcheck.core.twoddoc import GS, RS, Document, DocumentType, day_of
from doorcheck.core.verdict import Reason, RefusedError

COUNTRY = "FR"


@dataclass(frozen=True, slots=True)
class Length:
    """How long a field's value is: exactly `longest` characters, or at most; None: any."""

    longest: int | None
    fixed: bool = False


def _fixed(characters: int) -> Length:
    return Length(characters, fixed=True)


_GENERIC = {
    **{name: Length(None) for name in ("01", "02", "03", "04", "05", "0C")},
    **{name: _fixed(characters) for name, characters in (("06", 4), ("07", 6), ("08", 4), ("09", 4))},
    **{name: _fixed(9) for name in ("0A", "0B")},
}
EXPIRY = "08"
LENGTHS: dict[DocumentType, dict[str, Length]] = {
    DocumentType.TEST: {
        **_GENERIC,
        **{"F0": Length(60), "F1": Length(38), "F2": _fixed(8), "F3": _fixed(1)},
        **{"F4": Length(7), "F5": _fixed(1), "F6": _fixed(12)},
    },
    DocumentType.VACCINATION: {
        **_GENERIC,
        **{"L0": Length(80), "L1": Length(80), "L2": _fixed(8), "L3": Length(30), "L4": Length(15)},
        **{"L5": Length(30), "L6": Length(30), "L7": _fixed(1), "L8": _fixed(1), "L9": _fixed(8)},
        "LA": _fixed(2),
    },
}
"""Fields of each document (specification v3.1.3, section 6), those of any document with them."""

# Without these there is nothing to judge; the others may be absent.
_NEEDED = {
    DocumentType.TEST: ("F1", "F2", "F4", "F5", "F6"),
    DocumentType.VACCINATION: ("L0", "L2", "L5", "L7", "L8", "L9", "LA"),
}


def fields(document: Document) -> dict[str, str]:
    """The values by identifier, in the document's order. Refused with `D-2DV`.

    Any field may be empty; identifiers may come in any order, each once.
    """
    text = document.signed[document.header_bytes :].decode("ascii")
    lengths = LENGTHS[document.type]
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        name = text[at : at + 2]
        if name not in lengths or name in found:
            raise RefusedError(Reason.TWO_D_DOC_FIELDS)
        found[name], at = _value(text, at + 2, lengths[name])
    if any(name not in found for name in _NEEDED[document.type]):
        raise RefusedError(Reason.TWO_D_DOC_FIELDS)
    return found


_TERMINATOR = re.compile(rf"[{GS}{RS}]|\Z")


def _value(text: str, start: int, length: Length) -> tuple[str, int]:
    """A field's value, and where the next field begins."""
    terminator = _TERMINATOR.search(text, start)
    end = terminator.start() if terminator else len(text)
    size = end - start
    if length.longest is not None and size > length.longest:
        return text[start : start + length.longest], start + length.longest
    if length.fixed and size not in (0, length.longest):
        raise RefusedError(Reason.TWO_D_DOC_FIELDS)
    return text[start:end], min(end + 1, len(text))


def claims(document: Document) -> Claims:
    """The document's own period, as a token's: from its signature's day to its expiry's, if it has one.

    Days are French, whole, the last one included. Refused with `D-2DV`.
    """
    begins = document.signed_on or document.issued_on
    issued = -math.inf if begins is None else paris.first_second(begins)
    expires = math.inf
    if digits := fields(document).get(EXPIRY):
        if not re.fullmatch("[0-9A-F]{4}", digits):
            raise RefusedError(Reason.TWO_D_DOC_FIELDS)
        if last := day_of(digits.encode()):
            expires = paris.first_second(last + timedelta(days=1)) - 1
    return Claims(COUNTRY, issued, expires, {})


def certificate(document: Document) -> Certificate:
    """What a verified document says, as an EU certificate says it. Refused with `D-2DV`.

    It has no identifier. Codes that have no counterpart stay as they are: no rule knows
    them.
    """
    found = fields(document)
    match document.type:
        case DocumentType.TEST:
            name = _name(found["F1"], found.get("F0", ""))
            return Certificate(ver=_VERSION, nam=name, dob=_birth(found["F2"]), t=[_test(document, found)])
        case DocumentType.VACCINATION:
            name = _name(found["L0"], found.get("L1", ""))
            return Certificate(
                ver=_VERSION, nam=name, dob=_birth(found["L2"]), v=[_vaccination(document, found)]
            )


_VERSION = "1.3.0"
"""Of the EU schema whose codes are used."""
_COVID = "840539006"
_NAAT, _ANTIGEN = "LP6464-4", "LP217198-3"
# LOINC codes without their dash; 94309 lacks its check digit as well, as some laboratories wrote it.
_TEST_TYPES = {"943092": _NAAT, "945006": _NAAT, "948455": _NAAT, "94309": _NAAT, "945584": _ANTIGEN}
_RESULTS = {"N": "260415000", "P": "260373001"}
# Products are written in words that vary: the official reader looked for one word, too.
_PRODUCTS = {
    "COMIRNATY": ("EU/1/20/1528", "ORG-100030215"),
    "SPIKEVAX": ("EU/1/20/1507", "ORG-100031184"),
    "MODERNA": ("EU/1/20/1507", "ORG-100031184"),
    "VAXZEVRIA": ("EU/1/21/1529", "ORG-100001699"),
    "ASTRAZENECA": ("EU/1/21/1529", "ORG-100001699"),
    "JANSSEN": ("EU/1/20/1525", "ORG-100001417"),
    "NUVAXOVID": ("EU/1/21/1618", "ORG-100032020"),
}
_COMPLETE, _BEGUN = "TE", "CO"


def _test(document: Document, found: dict[str, str]) -> Test:
    return Test(
        tg=_COVID,
        tt=_TEST_TYPES.get(found["F4"], found["F4"].upper()),
        sc=paris.aware(_instant(found["F6"])).isoformat(),
        tr=_RESULTS.get(found["F5"], found["F5"].upper()),
        co=COUNTRY,
        issuer=document.kid.decode("ascii"),
        ci="",
    )


def _vaccination(document: Document, found: dict[str, str]) -> Vaccination:
    product = found["L5"].upper()
    known = {codes for word, codes in _PRODUCTS.items() if word in product}
    mp, ma = known.pop() if len(known) == 1 else (product, found.get("L6", "").upper())
    dose, doses = _doses(found["L7"], found["L8"], found["LA"])
    disease = found.get("L3", "").upper()
    return Vaccination(
        tg=_COVID if disease == "COVID-19" else disease,
        vp=found.get("L4", "").upper(),
        mp=mp,
        ma=ma,
        dn=dose,
        sd=doses,
        dt=_instant(found["L9"]).date().isoformat(),
        co=COUNTRY,
        issuer=document.kid.decode("ascii"),
        ci="",
    )


def _doses(given: str, expected: str, state: str) -> tuple[int, int]:
    """Dose and doses so that dose >= doses says what the state says.

    The state is what counts: one dose after an infection is written "1 of 2, complete".
    """
    if not re.fullmatch("[1-9]{2}", given + expected) or state not in (_COMPLETE, _BEGUN):
        raise RefusedError(Reason.TWO_D_DOC_FIELDS)
    dose, doses = int(given), int(expected)
    return dose, min(dose, doses) if state == _COMPLETE else max(dose + 1, doses)


def _instant(digits: str) -> datetime:
    """A French wall clock's time of DDMMYYYY or DDMMYYYYHHMM, which a calendar must know."""
    if not digits.isdecimal():
        raise RefusedError(Reason.TWO_D_DOC_FIELDS)
    day, month, year, hour, minute = (
        int(part or 0) for part in (digits[:2], digits[2:4], digits[4:8], digits[8:10], digits[10:])
    )
    try:
        return datetime(year, month, day, hour, minute)
    except ValueError:
        raise RefusedError(Reason.TWO_D_DOC_FIELDS) from None


def _birth(digits: str) -> str:
    """DDMMYYYY as YYYY-MM-DD, or as much of it, from the year on, as the calendar knows.

    Births are known by year or month alone, and some calendars have other months: 31/02,
    00/00.
    """
    day, month, year = digits[:2], digits[2:4], digits[4:]
    if not re.fullmatch("(?!0000)[0-9]{4}", year):
        return ""
    if not re.fullmatch("0[1-9]|1[0-2]", month):
        return year
    try:
        return date.fromisoformat(f"{year}-{month}-{day}").isoformat()
    except ValueError:
        return f"{year}-{month}"


def _name(surname: str, forenames: str) -> Name:
    return Name(fn=surname, gn=forenames, fnt=_transliterated(surname), gnt=_transliterated(forenames))


def _transliterated(text: str) -> str:
    """As ICAO 9303-3 writes a name; forenames are separated by slashes here."""
    return re.sub("[^A-Z]+", "<", text.upper()).strip("<")
