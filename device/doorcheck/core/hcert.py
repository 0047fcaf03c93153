"""From a symbol's bytes to a COSE message: prefix, base45, zlib.

Hostile bytes meet nothing else before a signature is checked. All of it is strict: a
lenient reader accepts copies of one pass under many texts (bytes after the end of
base45 or zlib), which defeats any list of texts.
"""

from __future__ import annotations

import zlib

from doorcheck.core.verdict import PassFormat, Reason, RefusedError

LONGEST_SYMBOL_BYTES = 4296
"""The most that a QR symbol holds (version 40-L, alphanumeric; ISO/IEC 18004)."""
LARGEST_MESSAGE_BYTES = 32 * 1024
"""35 times the largest official pass; a full QR symbol can inflate to 2.9 MB."""

HC1 = b"HC1:"

_PREFIXES: tuple[tuple[bytes, PassFormat], ...] = (
    (HC1, PassFormat.HC1),
    (b"HCFR1:", PassFormat.HCFR1),
    (b"EX1:", PassFormat.EX1),
    (b"LT1:", PassFormat.LT1),
    (b"NO1:", PassFormat.NO1),
    (b"NL2:", PassFormat.NL2),
    (b"shc:/", PassFormat.SHC),
    (b"NZCP:/1/", PassFormat.NZCP),
    (b"DC01", PassFormat.TWO_D_DOC),
    (b"DC02", PassFormat.TWO_D_DOC),
    (b"DC03", PassFormat.TWO_D_DOC),
    (b"DC04", PassFormat.TWO_D_DOC),
)

FOREIGN: dict[PassFormat, Reason] = {
    PassFormat.LT1: Reason.SWISS_LIGHT,
    PassFormat.NO1: Reason.NORWAY,
    PassFormat.NL2: Reason.NETHERLANDS,
    PassFormat.SHC: Reason.SMART_HEALTH_CARD,
    PassFormat.NZCP: Reason.NEW_ZEALAND,
    PassFormat.VDS_NC: Reason.ICAO,
    PassFormat.DIVOC: Reason.DIVOC,
}
"""Formats that are recognised and named, and not judged."""
PREFIXES = {PassFormat.HC1: HC1, PassFormat.HCFR1: b"HCFR1:", PassFormat.EX1: b"EX1:"}
"""Formats that are base45 behind their prefix."""


def recognise(data: bytes) -> PassFormat:
    """The family that the first bytes claim. The prefix is unsigned: it gives no rights."""
    for prefix, family in _PREFIXES:
        if data.startswith(prefix):
            return family
    if data.startswith(b"{") and b'"icao.' in data:
        return PassFormat.VDS_NC  # ICAO Doc 9303-13: JSON, types icao.test and icao.vacc
    if data.startswith(b"PK\x03\x04") and b"certificate.json" in data:
        return PassFormat.DIVOC  # a zip archive with one signed JSON file
    return PassFormat.UNKNOWN


ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_BAD = 255
_VALUES = bytes(ALPHABET.index(c) if c in ALPHABET else _BAD for c in range(256))


def base45(text: bytes) -> bytes:
    """Decode base45 (RFC 9285), all of it or nothing.

    Refused with `D-B45`: a character outside the alphabet, a length of 3n + 1, a triplet
    above 65535, a pair above 255.

    All triplets are worked out at once, as 32-bit lanes of three long integers: a third
    of the time of a loop, and this is most of what is spent beside the signature.
    """
    values = text.translate(_VALUES)
    whole, rest = divmod(len(values), 3)
    if _BAD in values or rest == 1:
        raise RefusedError(Reason.BASE45)
    end = whole * 3
    lanes = (
        _lanes(values[0:end:3]) + 45 * _lanes(values[1:end:3]) + 2025 * _lanes(values[2:end:3])
    ).to_bytes(4 * whole, "big")
    if any(lanes[1::4]):  # a triplet is at most 91124: byte 0 of a lane is never used
        raise RefusedError(Reason.BASE45)
    decoded = bytearray(2 * whole)
    decoded[0::2] = lanes[2::4]
    decoded[1::2] = lanes[3::4]
    if rest:
        pair = values[-2] + 45 * values[-1]
        if pair > 255:
            raise RefusedError(Reason.BASE45)
        decoded.append(pair)
    return bytes(decoded)


def _lanes(digits: bytes) -> int:
    """Each digit in 32 bits of its own."""
    spread = bytearray(4 * len(digits))
    spread[3::4] = digits
    return int.from_bytes(spread, "big")


def inflate(data: bytes) -> bytes:
    """Inflate exactly one zlib stream (RFC 1950), bounded.

    Refused with `D-ZIP` when it is none, is cut short or has bytes after its end; with
    `D-BIG` above `LARGEST_MESSAGE_BYTES`.
    """
    stream = zlib.decompressobj()
    try:
        message = stream.decompress(data, LARGEST_MESSAGE_BYTES + 1)
    except zlib.error:
        raise RefusedError(Reason.COMPRESSION) from None
    if len(message) > LARGEST_MESSAGE_BYTES:
        raise RefusedError(Reason.TOO_LARGE)
    if not stream.eof or stream.unused_data:
        raise RefusedError(Reason.COMPRESSION)
    return message
