"""The fuzz invariant, in one place for everything that searches for a way around it.

*Whatever bytes arrive, `verify()` returns a verdict, in bounded time, and ADMIT only for
a payload that an allowed signer signed.*

The witness knows what was signed, for it signed it. What an admitted text holds is found
out without any code of the verifier's: base45 as RFC 9285 words it, zlib and cbor2 as they
come, and the signature checked by pycose.
"""

from __future__ import annotations

import enum
import io
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

import cbor2
from cryptography.hazmat.primitives.asymmetric import rsa
from pycose.algorithms import Es256, Ps256
from pycose.keys.curves import P256
from pycose.keys.ec2 import EC2Key
from pycose.keys.rsa import RSAKey

from doorcheck.core.denylist import HASH_BYTES, DenyList
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.core.trust import Algorithm, Signer, TrustList, Usage
from doorcheck.core.verdict import Outcome, PassFormat, Reason, Verdict
from doorcheck.core.verify import verify
from doorcheck.lab.bench import Bench, Draft
from doorcheck.lab.issuer import Authority, base45

LONGEST_CPU_MS = 250
"""For one symbol, on any machine: a hundred times what a pass takes on a slow one."""

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"  # RFC 9285, table 1
_STRATEGIES = (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED)
_TAGS = (b"\xd2", b"", b"\xd8\x3d\xd2")
_HANDS = 7
_PLACES = 4
WAYS_TO_SIGN = _HANDS * _PLACES * len(_TAGS)
WAYS_TO_COMPRESS = 10 * len(_STRATEGIES) * 7
WAYS = WAYS_TO_SIGN * WAYS_TO_COMPRESS
"""Every `how` below it gives another text of one payload."""


class Layer(enum.IntEnum):
    """What of a pass some bytes are; those above it can be built around them."""

    TEXT = 0
    ZLIB = 1
    COSE = 2
    PAYLOAD = 3


@dataclass(frozen=True, slots=True)
class NotedDraft(Draft):
    """A draft whose payload is noted when it is signed, if this authority signs it."""

    noted_for: Authority | None = None
    notes: set[bytes] = field(default_factory=set, repr=False)

    def message(self) -> bytes:
        """The signed COSE message."""
        message = Draft.message(self)
        if self.authority is self.noted_for:
            self.notes.add(parts(message)[2])
        return message


@dataclass(frozen=True, slots=True)
class Hand:
    """Somebody who signs, and whether the witness' world may admit what they signed."""

    draft: Draft
    signer: Signer
    allowed: bool


class Witness(Bench):
    """A bench with many hands, which remembers every payload that an allowed one signed."""

    def __init__(self, seed: str | None = None) -> None:
        super().__init__(seed=seed)
        self.signed: set[bytes] = set()
        self.hands = tuple(self._hands(seed))
        listed = [hand.signer for hand in self.hands if hand.signer is not self.stranger.signer]
        # The deny list lists nobody's pass, and isn't empty: so it is looked into.
        self.world = replace(self.world, trust=TrustList(listed, 0), deny=DenyList([bytes(HASH_BYTES)]))

    @property
    def draft(self) -> Draft:
        """A good pass in the making; once it is made, its payload counts as signed."""
        return self._draft(self.authority, token=self.token)

    def _draft(self, authority: Authority, **given: Any) -> Draft:
        return NotedDraft(authority, **{"token": None, **given}, noted_for=self.authority, notes=self.signed)

    def _hands(self, seed: str | None) -> Iterator[Hand]:
        """Allowed: one of each algorithm, under one key identifier. Not allowed: all others."""
        good = self.authority.signer
        yield Hand(self._draft(self.authority), good, True)
        key = rsa.generate_private_key(65537, 2048)
        numbers = key.public_key().public_numbers()
        public = cbor2.dumps([numbers.n.to_bytes(256, "big"), numbers.e.to_bytes(3, "big")])
        signer = replace(good, algorithm=Algorithm.PS256, key=public)
        yield Hand(self._draft(self.authority, algorithm=Algorithm.PS256, rsa_key=key), signer, True)
        now = int(self.utc.timestamp())
        for name, changed in (
            ("expired", {"not_after": now - 1}),
            ("early", {"not_before": now + 1}),
            ("may sign nothing", {"usage": Usage(0)}),
        ):
            other = Authority(None if seed is None else f"{seed}, {name}", made=self.utc)
            other.signer = replace(other.signer, **changed)
            yield Hand(self._draft(other), other.signer, False)
        yield Hand(self._draft(self.stranger), self.stranger.signer, False)
        disguised = {1: int(Algorithm.ES256), 4: good.kid}
        yield Hand(self._draft(self.stranger, protected=disguised), self.stranger.signer, False)

    def sign(self, payload: bytes, how: int = 0) -> bytes:
        """A message around the payload. `how` picks hand, headers and tag; 0 is plain."""
        hand, headers, tag = _digits(how, _HANDS, _PLACES, len(_TAGS))
        draft = self.hands[hand].draft
        names = draft.protected or {1: int(draft.algorithm), 4: draft.authority.signer.kid}
        protected: Any = (names, {1: names[1]}, {4: names[4]}, b"")[headers]
        unprotected = {} if headers == 0 else {k: v for k, v in names.items() if k not in (protected or ())}
        return replace(
            draft, protected=protected, unprotected=unprotected, payload=payload, tag=_TAGS[tag]
        ).message()

    def text(self, layer: Layer, body: bytes, how: int = 0) -> bytes:
        """The text with these bytes at that layer, and all above it made as it should be.

        `how` picks one of the ways that the format allows; 0 is the plain one.
        """
        how_compressed, how_signed = divmod(how, WAYS_TO_SIGN)
        message = self.sign(body, how_signed) if layer is Layer.PAYLOAD else body
        packed = compress(message, how_compressed) if layer >= Layer.COSE else message
        return b"HC1:" + base45(packed) if layer >= Layer.ZLIB else packed

    def vouches_for(self, text: bytes) -> bool:
        """Whether an allowed hand signed what the text holds; `ValueError` if it holds no message."""
        protected, _, payload, signature = parts(peel(_out_of_link(text))[Layer.COSE])
        return payload in self.signed and any(
            _signed_by(hand.signer, protected, payload, signature) for hand in self.hands if hand.allowed
        )


def _out_of_link(text: bytes) -> bytes:
    """What a wallet link carries behind `#`, or behind `?v=`; other texts as they are."""
    if not text.startswith(b"https://"):
        return text
    address, mark, fragment = text.partition(b"#")
    carried = fragment if mark else address.partition(b"=")[2].partition(b"&")[0]
    return unquote_to_bytes(carried)


def _digits(number: int, *bases: int) -> Iterator[int]:
    for base in bases:
        number, digit = divmod(number, base)
        yield digit


def compress(message: bytes, how: int = 0) -> bytes:
    """One zlib stream (RFC 1950); `how` picks level, strategy and window."""
    level, strategy, window = _digits(how, 10, len(_STRATEGIES), 7)
    stream = zlib.compressobj(9 - level, zlib.DEFLATED, 15 - window, 8, _STRATEGIES[strategy])
    return stream.compress(message) + stream.flush()


def peel(text: bytes) -> dict[Layer, bytes]:
    """The layers of a pass' text. Raises `ValueError` where it is none."""
    if not text.startswith(b"HC1:"):
        raise ValueError("no HC1 prefix")
    packed = _plain_base45(text[4:].decode("ascii"))
    stream = zlib.decompressobj()
    try:
        message = stream.decompress(packed)
    except zlib.error as error:
        raise ValueError("not a zlib stream") from error
    if not stream.eof or stream.unused_data:
        raise ValueError("not one whole zlib stream")
    return {Layer.TEXT: text, Layer.ZLIB: packed, Layer.COSE: message, Layer.PAYLOAD: parts(message)[2]}


def _plain_base45(text: str) -> bytes:
    out = b""
    for start in range(0, len(text), 3):
        group = text[start : start + 3]
        number = sum(_DIGITS.index(digit) * 45**place for place, digit in enumerate(group))
        if number >= 256 ** (len(group) - 1):
            raise ValueError("a group of base45 beyond its bytes")
        out += number.to_bytes(len(group) - 1, "big")
    return out


def parts(message: bytes) -> tuple[bytes, Any, bytes, bytes]:
    """The four parts of a COSE_Sign1 message. Raises `ValueError` where it is none."""
    stream = io.BytesIO(message)
    try:
        item = cbor2.CBORDecoder(stream).decode()
    except cbor2.CBORError as error:
        raise ValueError("not CBOR") from error
    for tag in (61, 18):
        if isinstance(item, cbor2.CBORTag) and item.tag == tag:
            item = item.value
    if stream.tell() != len(message) or not isinstance(item, list | tuple) or len(item) != 4:
        raise ValueError("not one array of four")
    if not all(isinstance(item[place], bytes) for place in (0, 2, 3)):
        raise ValueError("not the parts of a signed message")
    return (item[0], item[1], item[2], item[3])


@lru_cache(maxsize=1024)
def _signed_by(signer: Signer, protected: bytes, payload: bytes, signature: bytes) -> bool:
    signed = cbor2.dumps(["Signature1", protected, b"", payload])
    if signer.algorithm is Algorithm.ES256:
        return bool(Es256.verify(EC2Key(crv=P256, x=signer.key[1:33], y=signer.key[33:]), signed, signature))
    modulus, exponent = cbor2.loads(signer.key)
    return bool(Ps256.verify(RSAKey(n=modulus, e=exponent), signed, signature))


def check(data: bytes, witness: Witness) -> Verdict:
    """Hold the verifier to the invariant on these bytes; returns the verdict it gave.

    Raises `AssertionError` where the invariant is broken; anything else that comes out of
    here came out of the verifier, and breaks it too.
    """
    began = time.process_time()
    verdict = verify(Symbol(SymbolFormat.TEXT, data), witness.world, witness.moment)
    spent_ms = (time.process_time() - began) * 1000
    if not isinstance(verdict, Verdict) or verdict.reason is Reason.FAULT:
        raise AssertionError(f"a fault in the verifier: {verdict}")
    if spent_ms > LONGEST_CPU_MS:
        raise AssertionError(f"{spent_ms:.0f} ms for {len(data)} bytes: {verdict}")
    if verdict.outcome is not Outcome.ADMIT:
        return verdict
    if not witness.vouches_for(data):
        raise AssertionError("admitted, and no allowed signer signed it")
    if verdict.format is not PassFormat.HC1 or not verdict.mark or not verdict.test:
        raise AssertionError(f"admitted without format, mark or TEST: {verdict}")
    return verdict
