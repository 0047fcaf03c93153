"""What the finder of a leaked pass can make of it without any key: the same signature, other bytes."""

from __future__ import annotations

import zlib
from urllib.parse import quote

from doorcheck.core import cbor, hcert
from doorcheck.lab.issuer import ORDER, base45

WALLET = b"https://bonjour.tousanticovid.gouv.fr/app/walletdcc#"
TAG_SIGN1 = b"\xd2"
TAG_CWT = b"\xd8\x3d"


def reencoded(text: bytes) -> dict[str, bytes]:
    """Other texts of an HC1 pass that verify as it does, by what was done; the last does not.

    Another prefix gives no rights, so the pass fails under it whether it is listed or not.
    """
    message = zlib.decompress(hcert.base45(text[len(hcert.HC1) :]))
    return {
        "compressed anew": _text(message, level=1),
        "without its tag": _text(message.removeprefix(TAG_SIGN1)),
        "under another tag": _text(TAG_CWT + message),
        "with the other signature, n - s": _text(other_s(message)),
        "with headers added": _text(with_header(message)),
        "as a wallet link": WALLET + quote(text).encode(),
        "under the prefix HCFR1": b"HCFR1:" + text.removeprefix(hcert.HC1),
    }


def _text(message: bytes, level: int = 9) -> bytes:
    return hcert.HC1 + base45(zlib.compress(message, level))


def other_s(message: bytes) -> bytes:
    """The same tagged message with the other valid signature: (r, n - s)."""
    signature = cbor.decode(message[1:])[3]
    other = ORDER - int.from_bytes(signature[32:], "big")
    return with_part(message, 3, signature[:32] + other.to_bytes(32, "big"))


def with_header(message: bytes) -> bytes:
    """The same tagged message with an unprotected header that nobody asked for."""
    return with_part(message, 1, {99: b"anything"})


def with_part(message: bytes, index: int, part: object) -> bytes:
    """The same tagged message with one of its four parts replaced."""
    parts = cbor.decode(message[1:])
    parts[index] = part
    return TAG_SIGN1 + cbor.encode(parts)
