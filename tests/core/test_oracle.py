"""pycose as the differential oracle of our signature check."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from pycose.exceptions import CoseException
from pycose.keys.curves import P256
from pycose.keys.ec2 import EC2Key
from pycose.keys.rsa import RSAKey
from pycose.messages.sign1message import Sign1Message

from doorcheck.core import cose
from doorcheck.core.trust import Algorithm, Signer
from doorcheck.core.verdict import Reason, RefusedError
from doorcheck.lab.bench import Bench
from doorcheck.lab.reencoding import other_s

ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
BENCH: Final = Bench(seed="the oracle")
ES256: Final = BENCH.authority.signer
RSA: Final = rsa.generate_private_key(65537, 2048)
MODULUS: Final = RSA.public_key().public_numbers().n.to_bytes(256, "big")
PS256: Final = replace(ES256, algorithm=Algorithm.PS256, key=cbor2.dumps([MODULUS, b"\x01\x00\x01"]))

MESSAGES: Final = {
    ES256: BENCH.draft.message(),
    PS256: replace(BENCH.draft, algorithm=Algorithm.PS256, rsa_key=RSA).message(),
}
Parts = list[Any]


def split(message: bytes) -> Parts:
    """Protected header, unprotected header, payload, signature, of a message under tag 18."""
    return list(cbor2.loads(message.removeprefix(b"\xd2")))


def ours(message: Parts, signer: Signer) -> Reason:
    """What our check says of a message under that signer's key."""
    try:
        cose.check(cose.frame(b"\xd2" + cbor2.dumps(message)), signer)
    except RefusedError as refused:
        return refused.reason
    return Reason.OK


def theirs(message: Parts, signer: Signer) -> bool:
    """Whether pycose verifies it; what it can't read, it does not verify."""
    if signer.algorithm is Algorithm.ES256:
        key: Any = EC2Key(crv=P256, x=signer.key[1:33], y=signer.key[33:])
    else:
        key = RSAKey(n=MODULUS, e=b"\x01\x00\x01")
    try:
        read = Sign1Message.from_cose_obj(list(message), True)
        read.key = key
        return bool(read.verify_signature())
    except (CoseException, cbor2.CBORError, TypeError, ValueError, AttributeError):
        return False


def agree(message: Parts, signer: Signer) -> Reason:
    """Our reason; fails when the two verifiers differ."""
    reason = ours(message, signer)
    assert (reason is Reason.OK) == theirs(message, signer)
    return reason


signers = st.sampled_from((ES256, PS256))


@pytest.mark.parametrize("signer", [ES256, PS256], ids=["ES256", "PS256"])
def test_both_accept_a_good_message(signer: Signer) -> None:
    """ES256 and PS256 messages verify under both."""
    assert agree(split(MESSAGES[signer]), signer) is Reason.OK


def test_both_accept_a_high_s() -> None:
    """ECDSA is malleable, and real passes have either s: (r, n - s) verifies under both."""
    low, high = MESSAGES[ES256], other_s(MESSAGES[ES256])
    assert low != high
    assert agree(split(low), ES256) is agree(split(high), ES256) is Reason.OK


@pytest.mark.parametrize(("signer", "other"), [(ES256, PS256), (PS256, ES256)], ids=["ES256", "PS256"])
def test_neither_takes_the_other_algorithms_key(signer: Signer, other: Signer) -> None:
    """The header names one algorithm, the key has another: `S-ALG`, and pycose refuses too."""
    assert agree(split(MESSAGES[signer]), other) is Reason.ALGORITHM


@settings(max_examples=120)
@given(signers, st.sampled_from((0, 2, 3)), st.data())
def test_both_refuse_one_turned_bit(signer: Signer, part: int, data: st.DataObject) -> None:
    """One bit turned in the protected header, the payload or the signature: refused by both."""
    message = split(MESSAGES[signer])
    bit = data.draw(st.integers(0, len(message[part]) * 8 - 1))
    changed = bytearray(message[part])
    changed[bit // 8] ^= 1 << bit % 8
    message[part] = bytes(changed)
    assert agree(message, signer) is not Reason.OK


@settings(max_examples=60)
@given(signers, st.binary(max_size=520))
def test_both_refuse_any_other_signature(signer: Signer, signature: bytes) -> None:
    """No other bytes of any length are a signature."""
    assert agree([*split(MESSAGES[signer])[:3], signature], signer) is Reason.SIGNATURE


@settings(max_examples=30)
@given(
    signers,
    st.booleans(),
    st.dictionaries(st.integers(100, 200) | st.text(max_size=5), st.binary(max_size=9)),
)
def test_both_agree_wherever_the_headers_are(signer: Signer, protected: bool, more: dict[Any, bytes]) -> None:
    """Algorithm and key identifier protected or not, with headers that mean nothing beside them."""
    headers = {1: int(signer.algorithm), 4: signer.kid}
    draft = replace(
        BENCH.draft,
        algorithm=signer.algorithm,
        rsa_key=RSA if signer is PS256 else None,
        protected={**headers, **more} if protected else b"",
        unprotected=more if protected else {**headers, **more},
    )
    assert agree(split(draft.message()), signer) is Reason.OK


R: Final = split(MESSAGES[ES256])[3][:32]
S: Final = split(MESSAGES[ES256])[3][32:]


@pytest.mark.parametrize("value", [0, 1, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1])
@pytest.mark.parametrize("which", ["r", "s", "both"])
def test_both_refuse_r_and_s_at_the_edges(which: str, value: int) -> None:
    """R and s of 0, 1, n - 1, n, n + 1 and all ones (Wycheproof's special cases) are no signature."""
    edge = value.to_bytes(32, "big")
    signature = {"r": edge + S, "s": R + edge, "both": edge + edge}[which]
    assert agree([*split(MESSAGES[ES256])[:3], signature], ES256) is Reason.SIGNATURE


@pytest.mark.parametrize(
    "signature",
    [b"", R, R + S[:-1], R + S + b"\x00", b"\x00" + R + S, S + R, R + R, R + S + R + S, R[::-1] + S[::-1]],
    ids=["none", "r alone", "63", "65, after", "65, before", "swapped", "r twice", "128", "other byte order"],
)
def test_both_refuse_another_length_or_order(signature: bytes) -> None:
    """A signature of ES256 is 64 bytes, r then s, big-endian (RFC 9053, 2.1)."""
    assert agree([*split(MESSAGES[ES256])[:3], signature], ES256) is Reason.SIGNATURE


def test_a_zero_more_or_less_is_refused_by_both() -> None:
    """The same numbers in 65 or 63 bytes: s with a zero before it, or without the one it begins with."""
    assert agree([*split(MESSAGES[ES256])[:3], R + b"\x00" + S], ES256) is Reason.SIGNATURE
    messages = (split(BENCH.draft.message()) for _ in range(10_000))
    short = next(message for message in messages if message[3][32] == 0)
    assert agree(short, ES256) is Reason.OK
    assert agree([*short[:3], short[3][:32] + short[3][33:]], ES256) is Reason.SIGNATURE


def test_a_signature_in_der_is_refused_by_both() -> None:
    """DER is another standard's way to write r and s."""
    data = cose.to_be_signed(cose.frame(MESSAGES[ES256]))
    der = BENCH.authority.private_key.sign(data, cose._ECDSA)
    assert agree([*split(MESSAGES[ES256])[:3], der], ES256) is Reason.SIGNATURE


@pytest.mark.parametrize("salt_bytes", [0, 20, 31, 32, 33, padding.PSS.MAX_LENGTH])
@pytest.mark.parametrize("mgf_hash", [hashes.SHA256(), hashes.SHA1()], ids=["SHA-256", "SHA-1"])  # noqa: S303 (a hash to refuse)
def test_both_want_a_salt_of_32_and_sha_256_twice(salt_bytes: Any, mgf_hash: hashes.HashAlgorithm) -> None:
    """PS256 is PSS with a salt of 32 bytes and MGF1 with SHA-256 (RFC 8230, 2), and nothing near it."""
    message = split(MESSAGES[PS256])
    data = cose.to_be_signed(cose.frame(MESSAGES[PS256]))
    pss = padding.PSS(mgf=padding.MGF1(mgf_hash), salt_length=salt_bytes)
    message[3] = RSA.sign(data, pss, hashes.SHA256())
    good = salt_bytes == 32 and mgf_hash.name == "sha256"
    assert agree(message, PS256) is (Reason.OK if good else Reason.SIGNATURE)


def test_both_refuse_pkcs_1_padding() -> None:
    """RS256 under the name of PS256 is refused."""
    data = cose.to_be_signed(cose.frame(MESSAGES[PS256]))
    message = [*split(MESSAGES[PS256])[:3], RSA.sign(data, padding.PKCS1v15(), hashes.SHA256())]
    assert agree(message, PS256) is Reason.SIGNATURE


@settings(max_examples=100)
@given(st.binary(max_size=70_000), st.binary(max_size=300))
def test_the_signed_structure_is_cbor(payload: bytes, protected: bytes) -> None:
    """The Sig_structure written by hand is what a CBOR encoder writes (RFC 9052, 4.4)."""
    message = cose.Unverified(protected, payload[:65_535], b"", Algorithm.ES256, b"")
    assert cose.to_be_signed(message) == cbor2.dumps(["Signature1", protected, b"", payload[:65_535]])


@pytest.mark.parametrize("size", [0, 23, 24, 255, 256, 65_535])
def test_the_signed_structure_at_the_edges_of_lengths(size: int) -> None:
    """Each length of a byte string's head, at its first and last value."""
    message = cose.Unverified(bytes(size), bytes(size), b"", Algorithm.ES256, b"")
    assert cose.to_be_signed(message) == cbor2.dumps(["Signature1", bytes(size), b"", bytes(size)])
