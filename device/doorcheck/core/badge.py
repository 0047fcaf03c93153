"""Staff badges: who is on shift at the door, shown to its camera. A badge opens no door.

    DCB1:<base45 of a COSE_Sign1 message, tag 18 (RFC 9052), EdDSA (Ed25519, RFC 8032)>

    protected    {1: -8, 4: key identifier}, the first 8 bytes of the SHA-256 of the key
    unprotected  {}
    payload      [1, badge's id, name, fleet, authorised since, until]: 16 bytes, text,
                 8 bytes, seconds since 1970 twice, the second excluded

Each part has one form (RFC 8949, 4.2.1), so a badge has one text. It is an identity card
and no secret: whoever photographs it can show it too.

Which keys count, and which badges do no more, is in the publication's `badges.json`.
"""

from __future__ import annotations

import enum
import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from doorcheck.core import cbor, hcert
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.verdict import RefusedError

PREFIX = b"DCB1:"
LONGEST_TEXT_BYTES = 1024
"""A badge of the longest name has 660."""
LARGEST_KEYS_BYTES = 512 * 1024
"""Of `badges.json`; 10 000 withdrawn badges need 360 KB."""
FORMAT = 1
ID_BYTES = 16
FLEET_BYTES = 8
KEY_BYTES = 32
KEY_ID_BYTES = 8
LONGEST_NAME = 64
LATEST = 253402300799
"""The last second of the year 9999."""

_ALG, _KID = 1, 4
_EDDSA = -8
_TAG_SIGN1 = b"\xd2"
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

Second = Annotated[int, msgspec.Meta(ge=0, le=LATEST)]


class Fault(enum.Enum):
    """Why a text is no badge that counts; the values are words for an operator."""

    PREFIX = "not a staff badge"
    SIZE = "larger than any badge"
    BASE45 = "not base45"
    COSE = "not a badge's message, or not in its one form"
    KEY = "made with a key that does not count here"
    SIGNATURE = "forged or damaged"
    CONTENT = "signed, but malformed"
    FLEET = "of another fleet"
    WITHDRAWN = "withdrawn"
    EARLY = "not valid yet"
    EXPIRED = "expired"


class BadgeError(Exception):
    """A text is no badge that counts. It carries the fault, and nothing of the badge."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"a badge is refused: {fault.value}")
        self.fault = fault


class KeysError(Exception):
    """`badges.json` is not one; the text says why."""


@dataclass(frozen=True, slots=True)
class Badge:
    """A controller as their badge says; times are seconds since 1970, `until` excluded."""

    id: bytes = field(repr=False)
    name: str = field(repr=False)
    authorised: int
    until: int


@dataclass(frozen=True, slots=True)
class BadgeKeys:
    """What a fleet's doors know of badges. None listed: no badge counts."""

    fleet: bytes = b""
    keys: frozenset[bytes] = frozenset()
    """Ed25519 public keys, 32 bytes each."""
    withdrawn: frozenset[bytes] = field(default=frozenset(), repr=False)
    """Badges' ids."""


class _Payload(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    format: Literal[1]
    id: Annotated[bytes, msgspec.Meta(min_length=ID_BYTES, max_length=ID_BYTES)]
    name: str
    fleet: Annotated[bytes, msgspec.Meta(min_length=FLEET_BYTES, max_length=FLEET_BYTES)]
    authorised: Second
    until: Second


class _Published(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`badges.json`: small hexadecimal digits, lists sorted, everything once."""

    format: Literal[1]
    fleet: Annotated[str, msgspec.Meta(pattern=rf"\A[0-9a-f]{{{2 * FLEET_BYTES}}}\Z")]
    keys: list[Annotated[str, msgspec.Meta(pattern=rf"\A[0-9a-f]{{{2 * KEY_BYTES}}}\Z")]]
    withdrawn: list[Annotated[str, msgspec.Meta(pattern=rf"\A[0-9a-f]{{{2 * ID_BYTES}}}\Z")]]


def is_badge(data: bytes) -> bool:
    """Whether a symbol claims to be a badge. The prefix is unsigned: it gives no rights."""
    return data.startswith(PREFIX)


def clean_name(text: str) -> str | None:
    """A controller's name in its one form: NFC, single spaces, visible. None for what can't be one.

    It begins with a letter, a digit or an apostrophe: a spreadsheet takes a cell that begins
    with anything else for a formula.
    """
    plain = unicodedata.normalize("NFC", " ".join(text.split()))
    seen = not any(unicodedata.category(character) in _UNSEEN for character in plain)
    right = 1 <= len(plain) <= LONGEST_NAME and seen and (plain[0].isalnum() or plain[0] in "'’")
    return plain if right else None


def is_name(text: str) -> bool:
    """Whether that is a controller's name in its one form."""
    return clean_name(text) == text


def key_id(key: bytes) -> bytes:
    """How badges name the key they are signed with."""
    return hashlib.sha256(key).digest()[:KEY_ID_BYTES]


def payload(badge: Badge, fleet: bytes) -> bytes:
    """The bytes to sign. Raises `ValueError` for what no reader would take."""
    made = cbor.encode([FORMAT, badge.id, badge.name, fleet, badge.authorised, badge.until])
    try:
        _content(made)
    except BadgeError:
        raise ValueError("no badge can say that: see its name, its dates, the lengths of ids") from None
    return made


def read(text: bytes, keys: BadgeKeys, moment: Moment) -> Badge:
    """The badge that a symbol's text holds, once one of the keys has signed it. Raises `BadgeError`.

    1. The prefix; the size.
    2. base45, strictly.
    3. The frame of the message, in its one form; the payload stays bytes.
    4. The key that it names is listed, and signed it.
    5. What the payload says; of this fleet; not withdrawn.
    6. The dates. A moment that is a lower bound only can't tell that a badge is too early.
    """
    # 1. prefix and size
    if not text.startswith(PREFIX):
        raise BadgeError(Fault.PREFIX)
    if len(text) > LONGEST_TEXT_BYTES:
        raise BadgeError(Fault.SIZE)
    # 2. base45
    try:
        message = hcert.base45(text[len(PREFIX) :])
    except RefusedError:
        raise BadgeError(Fault.BASE45) from None
    # 3. and 4. the frame and the signature
    signed = _verified(message, keys)
    # 5. what it says
    said = _content(signed)
    if said.fleet != keys.fleet:
        raise BadgeError(Fault.FLEET)
    if said.id in keys.withdrawn:
        raise BadgeError(Fault.WITHDRAWN)
    # 6. the dates
    if moment.seconds >= said.until:
        raise BadgeError(Fault.EXPIRED)
    if moment.seconds < said.authorised and moment.basis is not Basis.FLOOR:
        raise BadgeError(Fault.EARLY)
    return Badge(said.id, said.name, said.authorised, said.until)


def _verified(message: bytes, keys: BadgeKeys) -> bytes:
    """The payload, once a listed key has signed it."""
    try:
        item = cbor.decode(message.removeprefix(_TAG_SIGN1))
    except cbor.CborError:
        raise BadgeError(Fault.COSE) from None
    kinds = (bytes, dict, bytes, bytes)
    if type(item) is not list or tuple(map(type, item)) != kinds or item[1]:
        raise BadgeError(Fault.COSE)
    protected, _, signed, signature = item
    kid = protected[-KEY_ID_BYTES:]
    if protected != protected_header(kid) or _TAG_SIGN1 + cbor.encode(item) != message:
        raise BadgeError(Fault.COSE)
    key = next((one for one in keys.keys if key_id(one) == kid), None)
    if key is None:
        raise BadgeError(Fault.KEY)
    try:
        to_be_signed = cbor.encode(["Signature1", protected, b"", signed])
        Ed25519PublicKey.from_public_bytes(key).verify(signature, to_be_signed)
    except InvalidSignature:
        raise BadgeError(Fault.SIGNATURE) from None
    return bytes(signed)


def protected_header(kid: bytes) -> bytes:
    """The one form of the protected header."""
    return cbor.encode({_ALG: _EDDSA, _KID: kid})


def _content(signed: bytes) -> _Payload:
    try:
        said = msgspec.convert(cbor.decode(signed), _Payload, builtin_types=(bytes,))
    except (cbor.CborError, msgspec.ValidationError):
        raise BadgeError(Fault.CONTENT) from None  # their texts quote the badge
    if cbor.encode(list(msgspec.structs.astuple(said))) != signed:
        raise BadgeError(Fault.CONTENT)
    if not is_name(said.name) or said.until <= said.authorised:
        raise BadgeError(Fault.CONTENT)
    return said


def dump_keys(keys: BadgeKeys) -> bytes:
    """`badges.json`, in its one form."""
    return msgspec.json.encode(
        {
            "format": FORMAT,
            "fleet": keys.fleet.hex(),
            "keys": _digits(keys.keys),
            "withdrawn": _digits(keys.withdrawn),
        }
    )


def load_keys(data: bytes) -> BadgeKeys:
    """Read `badges.json`, strictly. Raises `KeysError`."""
    if len(data) > LARGEST_KEYS_BYTES:
        raise KeysError(f"larger than {LARGEST_KEYS_BYTES} bytes")
    try:
        said = msgspec.json.decode(data, type=_Published)
    except msgspec.MsgspecError as error:
        raise KeysError(f"not as it should be: {error}") from error
    keys = BadgeKeys(
        bytes.fromhex(said.fleet),
        frozenset(map(bytes.fromhex, said.keys)),
        frozenset(map(bytes.fromhex, said.withdrawn)),
    )
    if dump_keys(keys) != data:
        raise KeysError("not in its one form: lists are sorted, nothing stands twice, nothing is spaced")
    return keys


def _digits(items: Iterable[bytes]) -> list[str]:
    return sorted(one.hex() for one in items)
