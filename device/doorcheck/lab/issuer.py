"""A test authority that mints passes of invented people, as a health ministry would.

Signing is pycose's (RFC 9052 messages, headers, keys). Every signer made here is a test
signer: the panel shows the TEST signal for its passes, whoever trusts it. Keys are made
anew for each authority and never written, unless a seed asks for the same ones again.
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pycose.algorithms import Es256
from pycose.headers import KID
from pycose.headers import Algorithm as AlgorithmHeader
from pycose.keys.curves import P256
from pycose.keys.ec2 import EC2Key
from pycose.messages.sign1message import Sign1Message

from doorcheck.core import cbor, dcc, hcert
from doorcheck.core.trust import Algorithm, Signer, TrustList, Usage

COUNTRY = "XX"
"""User-assigned in ISO 3166: no country's."""
VALIDITY = timedelta(days=365)
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the P-256 group (SEC 2, 2.4.2)."""


@dataclass(frozen=True, slots=True)
class Person:
    """An invented person; nobody's name or birth date."""

    surname: str
    forename: str
    birth: str

    @property
    def name(self) -> dict[str, str]:
        """The name as a certificate has it, with its transliteration (ICAO 9303-3)."""
        written = {"fn": self.surname, "gn": self.forename}
        return {**written, "fnt": _icao(self.surname), "gnt": _icao(self.forename)}


def _icao(name: str) -> str:
    bare = unicodedata.normalize("NFKD", name.upper().replace(" ", "<").replace("-", "<"))
    return "".join(c for c in bare if c.isascii() and (c.isalpha() or c == "<"))


PEOPLE = (
    Person("Lanterne", "Amélie", "1984-02-29"),
    Person("Quarantequatre", "Basile", "1971-11-05"),
    Person("Hublot", "Célestine", "1990-06-17"),
    Person("Passerelle", "Désiré", "1958-01-31"),
    Person("Verrou", "Églantine", "1999-12-24"),
    Person("Tambourin", "Fulgence", "1966-08-08"),
    Person("Marmelade", "Gwendoline", "2001-03-12"),
)


@dataclass(frozen=True, slots=True)
class Proof:
    """What a pass proves: a group letter and its one entry."""

    group: str
    entry: Mapping[str, Any] = field(repr=False)

    def but(self, **changed: Any) -> Proof:
        """The same proof with some fields of its entry changed."""
        return replace(self, entry={**self.entry, **changed})


def identifier(serial: str, country: str = COUNTRY) -> str:
    """A certificate identifier (UVCI) that no issuer has given out."""
    body = hashlib.sha256(serial.encode()).hexdigest()[:12].upper()
    return f"URN:UVCI:01:{country}:{body}"


def _common(serial: str) -> dict[str, Any]:
    return {"tg": "840539006", "co": COUNTRY, "is": "doorcheck lab TEST", "ci": identifier(serial)}


def vaccination(moment: datetime, serial: str) -> Proof:
    """Two doses of two, the second 60 days before the moment."""
    given = (moment - timedelta(days=60)).date().isoformat()
    entry = {"vp": "1119349007", "mp": "EU/1/20/1528", "ma": "ORG-100030215", "dn": 2, "sd": 2, "dt": given}
    return Proof("v", {**_common(serial), **entry})


def negative_test(moment: datetime, serial: str) -> Proof:
    """A negative laboratory test, sampled six hours before the moment."""
    sampled = (moment - timedelta(hours=6)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    entry = {"tt": "LP6464-4", "nm": "lab", "sc": sampled, "tr": "260415000", "tc": "Lab TEST"}
    return Proof("t", {**_common(serial), **entry})


def recovery(moment: datetime, serial: str) -> Proof:
    """A recovery in the middle of its own dates."""
    first, start, end = ((moment + timedelta(days=days)).date().isoformat() for days in (-90, -79, 90))
    return Proof("r", {**_common(serial), "fr": first, "df": start, "du": end})


class Authority:
    """One signer with its private key: issues passes, and publishes its public part."""

    def __init__(self, seed: str | None = None, *, usage: Usage = Usage.ANY, made: datetime) -> None:
        secret = hashlib.sha256(seed.encode()).digest() if seed is not None else secrets.token_bytes(32)
        scalar = int.from_bytes(secret, "big") % (ORDER - 1) + 1
        self.private_key = ec.derive_private_key(scalar, ec.SECP256R1())
        numbers = self.private_key.private_numbers()
        self._cose_key = EC2Key(
            crv=P256,
            x=numbers.public_numbers.x.to_bytes(32, "big"),
            y=numbers.public_numbers.y.to_bytes(32, "big"),
            d=numbers.private_value.to_bytes(32, "big"),
        )
        point = self.private_key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        self.signer = Signer(
            kid=hashlib.sha256(point).digest()[:8],
            algorithm=Algorithm.ES256,
            key=point,
            usage=usage,
            not_before=int((made - VALIDITY).timestamp()),
            not_after=int((made + 2 * VALIDITY).timestamp()),
            country=COUNTRY,
            name="doorcheck lab TEST",
            test=True,
        )

    def token(self, person: Person, *proofs: Proof, moment: datetime) -> dict[int, Any]:
        """The claims of a pass of that person, issued a day before the moment."""
        groups: dict[str, list[Any]] = {}
        for proof in proofs:
            groups.setdefault(proof.group, []).append(dict(proof.entry))
        return {
            dcc.ISS: COUNTRY,
            dcc.IAT: int((moment - timedelta(days=1)).timestamp()),
            dcc.EXP: int((moment + VALIDITY).timestamp()),
            dcc.HCERT: {dcc.EU_DCC: {"ver": "1.3.0", "nam": person.name, "dob": person.birth, **groups}},
        }

    def sign(self, payload: bytes) -> bytes:
        """A COSE_Sign1 message, tag 18, signed with ES256."""
        message = Sign1Message(phdr={AlgorithmHeader: Es256, KID: self.signer.kid}, payload=payload)
        message.key = self._cose_key
        return bytes(message.encode(tag=True))

    def issue(self, person: Person, proof: Proof, moment: datetime) -> bytes:
        """The text of a good pass, as its QR symbol holds it."""
        return text(self.sign(cbor.encode(self.token(person, proof, moment=moment))))


def trust_list(*authorities: Authority, issued: datetime) -> TrustList:
    """A trust list of those test authorities."""
    return TrustList([authority.signer for authority in authorities], int(issued.timestamp()))


def text(message: bytes) -> bytes:
    """A message as the text of an HC1 pass: zlib, base45, prefix."""
    return hcert.HC1 + base45(zlib.compress(message, 9))


def base45(data: bytes) -> bytes:
    """Encode base45 (RFC 9285)."""
    out = bytearray()
    for start in range(0, len(data), 2):
        pair = data[start : start + 2]
        value, digits = int.from_bytes(pair, "big"), 3 if len(pair) == 2 else 2
        for _ in range(digits):
            value, digit = divmod(value, 45)
            out.append(hcert.ALPHABET[digit])
    return bytes(out)
