"""A French test authority: 2D-Doc, light passes and exemptions of invented people.

It is TST0, which no trust service is called; its signers are TST0XX01 for tests and
TST0XX02 for vaccinations. All are test signers, as everything the lab makes.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from doorcheck.core import dcc, hcert, paris
from doorcheck.core.attestation import LENGTHS
from doorcheck.core.trust import Scope, Signer, TrustList, Usage
from doorcheck.core.twoddoc import GS, RS, US, DocumentType
from doorcheck.lab import issuer
from doorcheck.lab.bench import Bench
from doorcheck.lab.issuer import ORDER, Authority, Person

TESTS, VACCINATIONS = b"TST0XX01", b"TST0XX02"
HCFR1, EX1 = b"HCFR1:", b"EX1:"
LIGHT_HOURS = 16
"""How long the one known light pass was valid."""
_EPOCH = date(2000, 1, 1)
_WALLET = b"https://bonjour.tousanticovid.gouv.fr/app/"


@cache
def authority(kid: bytes, made: datetime) -> Authority:
    """The authority of a test signer, the same for the same name and time."""
    return Authority(f"doorcheck lab, French: {kid!r}", made=made)


def document_signer(kid: bytes, made: datetime) -> Signer:
    """A 2D-Doc test signer: TESTS or VACCINATIONS."""
    usage = Usage.TEST if kid == TESTS else Usage.VACCINATION
    signer = authority(kid, made).signer
    return replace(signer, kid=kid, usage=usage, scope=Scope.TWO_D_DOC, country="FR")


def light_signer(made: datetime) -> Signer:
    """A test signer of light passes."""
    return replace(authority(HCFR1, made).signer, scope=Scope.LIGHT, country="FR")


def exemption_signer(made: datetime) -> Signer:
    """A French test signer of exemptions and of EU certificates."""
    return replace(authority(EX1, made).signer, scope=Scope.HC1 | Scope.EXEMPTION, country="FR")


def trust_list(bench: Bench) -> TrustList:
    """The bench's authority and all French test signers."""
    made = bench.utc
    documents = [document_signer(kid, made) for kid in (TESTS, VACCINATIONS)]
    return TrustList([bench.authority.signer, *documents, light_signer(made), exemption_signer(made)], 0)


# 2D-Doc


def days(day: date | None) -> str:
    """A date as a header has it."""
    return "FFFF" if day is None else f"{(day - _EPOCH).days:04X}"


@dataclass(frozen=True, slots=True)
class Document:
    """A 2D-Doc in the making. Break one part; `data` builds the rest correctly around it.

    `fields` are values by identifier; `message` stands instead of them when it is given.
    `signature` stands instead of the right one, `kid` is what the header says.
    """

    authority: Authority
    kid: bytes
    type: DocumentType
    fields: Mapping[str, str] = field(repr=False)
    issued_on: date | None
    signed_on: date | None
    version: str = "04"
    code: str = ""
    place: str = "01FR"
    message: str | None = field(default=None, repr=False)
    signature: bytes | None = field(default=None, repr=False)
    annex: bytes = b""

    def but(self, **values: str | None) -> Document:
        """The same with some values changed, None taking a field out. Names as `F5`, `_08` for 08."""
        changed = {**self.fields, **{name.removeprefix("_"): value for name, value in values.items()}}
        return replace(self, fields={name: value for name, value in changed.items() if value is not None})

    def text(self) -> str:
        """The message: fields with their terminators."""
        if self.message is not None:
            return self.message
        return "".join(name + self._value(name, value) for name, value in self.fields.items())

    def _value(self, name: str, value: str) -> str:
        length = LENGTHS[self.type][name]
        if length.longest is None or len(value) < length.longest:
            return value + GS
        cut = RS if len(value) > length.longest else ""
        return value[: length.longest] + cut

    def signed(self) -> bytes:
        """Header and message."""
        dates = days(self.issued_on) + days(self.signed_on)
        header = f"DC{self.version}{self.kid.decode()}{dates}{self.code or self.type.value}{self.place}"
        return (header + self.text()).encode()

    def data(self) -> bytes:
        """The code's bytes."""
        signature = sign(self.authority, self.signed()) if self.signature is None else self.signature
        return self.signed() + US.encode() + base64.b32encode(signature).rstrip(b"=") + self.annex


def sign(authority: Authority, data: bytes) -> bytes:
    """An ES256 signature: r and s, 32 bytes each."""
    r, s = decode_dss_signature(authority.private_key.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def other_s(document: Document) -> bytes:
    """The other valid signature of a document: (r, n - s)."""
    signature = sign(document.authority, document.signed())
    return signature[:32] + (ORDER - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")


def _born(person: Person) -> str:
    year, month, day = person.birth.split("-")
    return day + month + year


def _plain(name: str) -> str:
    """Upper case without accents, as 2D-Doc writes names."""
    written = issuer.Person(name, "", "").name["fnt"]
    return written.replace("<", " ")


def vaccination(person: Person, moment: datetime) -> Document:
    """An L1: two doses of two, the second 60 days before the moment, signed on the day after it."""
    given = paris.day(moment - timedelta(days=60))
    product = "COMIRNATY PFIZER/BIONTECH"
    return _document(
        DocumentType.VACCINATION,
        VACCINATIONS,
        moment,
        given + timedelta(days=1),
        {
            **{"L0": _plain(person.surname), "L1": _plain(person.forename), "L2": _born(person)},
            **{"L3": "COVID-19", "L4": "J07BX03", "L5": product, "L6": product},
            **{"L7": "2", "L8": "2", "L9": given.strftime("%d%m%Y"), "LA": "TE"},
        },
    )


def negative_test(person: Person, moment: datetime) -> Document:
    """A B2: a negative PCR, sampled six hours before the moment and signed on that day."""
    local = paris.wall_clock(moment - timedelta(hours=6))
    return _document(
        DocumentType.TEST,
        TESTS,
        moment,
        local.date(),
        {
            **{"F0": _plain(person.forename), "F1": _plain(person.surname), "F2": _born(person)},
            **{"F3": "U", "F4": "945006", "F5": "N", "F6": local.strftime("%d%m%Y%H%M")},
        },
    )


def _document(
    kind: DocumentType, kid: bytes, moment: datetime, signed_on: date, fields: Mapping[str, str]
) -> Document:
    return Document(authority(kid, moment), kid, kind, fields, signed_on, signed_on)


# Light passes and exemptions


def light_token(person: Person, moment: datetime, **groups: Any) -> dict[int, Any]:
    """The claims of a light pass, issued an hour before the moment; `groups` have no business in it."""
    issued = int(moment.timestamp()) - 3600
    holder = {"ver": "1.0.0", "nam": person.name, "dob": person.birth, **groups}
    return {
        dcc.ISS: "FR",
        dcc.IAT: issued,
        dcc.EXP: issued + LIGHT_HOURS * 3600,
        dcc.HCERT: {dcc.EU_DCC: holder},
    }


def exemption_token(person: Person, moment: datetime, **fields: Any) -> dict[int, Any]:
    """The claims of an exemption from a month before the moment until a month after; some fields changed."""
    first, last = (paris.day(moment + timedelta(days=shift)).isoformat() for shift in (-30, 30))
    entry = {
        **{"tg": "840539006", "es": "SE/2", "df": first, "du": last},
        **{"co": "FR", "is": "doorcheck lab TEST", "ci": issuer.identifier("exemption", "FR")},
        **fields,
    }
    token = light_token(person, moment, ex=entry)
    return {**token, dcc.EXP: int((moment + timedelta(days=365)).timestamp())}


def text(bench: Bench, token: Any, by: bytes, prefix: bytes | None = None) -> bytes:
    """A token signed by the test signer for `by` (HCFR1 or EX1), under that prefix or another."""
    draft = replace(bench.draft, authority=authority(by, bench.utc), token=token)
    return (prefix or by) + draft.text().removeprefix(hcert.HC1)


# Wallet links


def link(data: bytes, path: bytes = b"wallet2d#") -> bytes:
    """A pass in a wallet link, percent-encoded."""
    safe = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"
    escaped = b"".join(bytes([octet]) if octet in safe else b"%%%02X" % octet for octet in data)
    return _WALLET + path + escaped


def spelled_link(data: bytes, path: bytes = b"wallet?v=") -> bytes:
    """A 2D-Doc in a wallet link with its separators spelled out, and nothing escaped."""
    for octet, name in ((b"\x1d", b"<GS>"), (b"\x1e", b"<RS>"), (b"\x1f", b"<US>")):
        data = data.replace(octet, name)
    return _WALLET + path + data
