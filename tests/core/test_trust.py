"""The compiled trust list: its file, its keys, and what it says when it can't be used."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import Any, Final

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from doorcheck.core import trust
from doorcheck.core.trust import Algorithm, Scope, Signer, TrustList, TrustListError, Usage
from doorcheck.lab.bench import Bench

BENCH: Final = Bench(seed="trust")
GOOD: Final = BENCH.authority.signer
FILE: Final = TrustList([GOOD], 1_700_000_000).dump()
ROW: Final = [GOOD.kid, -7, GOOD.key, 7, 1, 2, "XX", "lab", True, 1]

signers = st.builds(
    Signer,
    kid=st.binary(min_size=1, max_size=4),
    algorithm=st.sampled_from(Algorithm),
    key=st.binary(max_size=70),
    usage=st.sampled_from([Usage(bits) for bits in range(8)]),
    not_before=st.integers(0, 2**40),
    not_after=st.integers(-(2**33), 2**40),
    country=st.text(max_size=3),
    name=st.text(max_size=20),
    test=st.booleans(),
    scope=st.sampled_from([Scope(bits) for bits in range(16)]),
)


def file(body: bytes, magic: bytes = b"doorcheck trust list 1\n") -> bytes:
    """A file with a right checksum around any body, as the module's docstring describes it."""
    return magic + hashlib.sha256(body).digest() + body


def refusal(data: bytes) -> str:
    """The text of the error that loading raises."""
    with pytest.raises(TrustListError) as error:
        TrustList.load(data)
    return str(error.value)


# The file


@settings(max_examples=60)
@given(st.lists(signers, max_size=6), st.integers(0, 2**40))
def test_a_dumped_list_is_loaded_as_it_was(rows: list[Signer], issued: int) -> None:
    """Every signer comes back, in order under its kid; the same list gives the same bytes."""
    listed = TrustList(rows, issued)
    data = listed.dump()
    loaded = TrustList.load(data)
    assert loaded.issued == issued
    assert len(loaded) == len(rows)
    assert loaded.dump() == data
    for row in rows:
        assert loaded.signers(row.kid) == tuple(other for other in rows if other.kid == row.kid)
    assert loaded.has_test_signer == any(row.test for row in rows)


def test_the_file_is_what_the_docstring_says() -> None:
    """Magic, checksum, and a CBOR array of the time and the rows: written here by hand."""
    loaded = TrustList.load(file(cbor2.dumps([5, [ROW]])))
    (signer,) = loaded.signers(GOOD.kid)
    assert signer == Signer(GOOD.kid, Algorithm.ES256, GOOD.key, Usage.ANY, 1, 2, "XX", "lab", True)
    assert loaded.issued == 5


@pytest.mark.parametrize("size", range(0, len(FILE), 7))
def test_a_truncated_list_is_refused(size: int) -> None:
    """A copy that was cut short is not used, wherever it was cut."""
    text = refusal(FILE[:size])
    assert text.startswith(("not a doorcheck trust list", "damaged: its checksum does not fit"))


@settings(max_examples=100)
@given(st.integers(0, len(FILE) * 8 - 1))
def test_a_list_with_one_turned_bit_is_refused(bit: int) -> None:
    """Every single bit of the file counts."""
    data = bytearray(FILE)
    data[bit // 8] ^= 1 << bit % 8
    assert refusal(bytes(data))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a doorcheck trust list (make one with `doorcheck trust build`)"),
        (b"-----BEGIN CERTIFICATE-----\n", "not a doorcheck trust list"),
        (b"doorcheck trust list 1", "not a doorcheck trust list"),
        (
            b"doorcheck trust list 2\n" + bytes(90),
            "format 2 is not known here; this doorcheck reads format 1",
        ),
        (b"doorcheck trust list 10\n" + bytes(90), "format 10 is not known"),
        (b"doorcheck trust list \xff\n" + bytes(90), "is not known here"),
        (FILE + b"\x00", "damaged: its checksum does not fit (copy or build it again)"),
        (FILE.replace(b"\n", b"\r\n", 1), "is not known here"),
        (file(b""), "damaged: it does not hold signers"),
        (file(b"\xff"), "damaged: it does not hold signers"),
        (file(cbor2.dumps([5])), "does not hold signers"),
        (file(cbor2.dumps([5, [], 0])), "does not hold signers"),
        (file(cbor2.dumps(["5", []])), "does not hold signers"),
        (file(cbor2.dumps([5, [[]]])), "does not hold signers"),
        (file(cbor2.dumps([5, [ROW[:-1]]])), "does not hold signers"),
        (file(cbor2.dumps([5, [[*ROW, 0]]])), "does not hold signers"),
        (file(cbor2.dumps([5, [ROW]]) + b"\x00"), "does not hold signers"),
    ],
)
def test_a_list_that_cannot_be_used_says_why(data: bytes, words: str) -> None:
    """Not a list, a newer format, damaged, or without signers: each in words for an operator."""
    assert words in refusal(data)


@pytest.mark.parametrize("place", range(len(ROW)))
def test_every_field_of_a_row_has_its_type(place: int) -> None:
    """A row with null in any place refuses the list."""
    row = [*ROW[:place], None, *ROW[place + 1 :]]
    assert "does not hold signers" in refusal(file(cbor2.dumps([5, [row]])))


def test_a_list_beyond_any_size_is_refused() -> None:
    """Sixteen megabytes are read, one byte more is not, before anything is decoded."""
    assert "larger than 16777216 bytes" in refusal(FILE + bytes(16 * 1024 * 1024 + 1 - len(FILE)))
    assert "damaged" in refusal(FILE + bytes(16 * 1024 * 1024 - len(FILE)))


@pytest.mark.parametrize(
    "row",
    [[*ROW[:1], -8, *ROW[2:]], [*ROW[:1], -35, *ROW[2:]], [*ROW[:1], 0, *ROW[2:]]],
    ids=["EdDSA", "ES384", "none"],
)
def test_an_algorithm_that_no_pass_uses_is_refused(row: list[Any]) -> None:
    """A list never holds a signer that can't be looked up: `load` says what is wrong."""
    assert refusal(file(cbor2.dumps([5, [row]])))


# Signers


def test_a_kid_may_name_several_signers() -> None:
    """Collisions are allowed: all come, in the list's order; an unknown kid names nobody."""
    second = replace(GOOD, name="second")
    listed = TrustList([GOOD, BENCH.stranger.signer, second], 0)
    assert listed.signers(GOOD.kid) == (GOOD, second)
    assert listed.signers(b"unknown") == ()
    assert len(listed) == len(list(listed)) == 3


def test_a_test_signer_is_noticed_wherever_it_is() -> None:
    """`has_test_signer` is what shows the TEST signal; real signers alone do not."""
    real = replace(GOOD, test=False)
    assert not TrustList([real, replace(real, kid=b"other")], 0).has_test_signer
    assert TrustList([real, GOOD], 0).has_test_signer
    assert TrustList.load(TrustList([real, GOOD], 0).dump()).has_test_signer
    assert not TrustList.load(TrustList([real], 0).dump()).has_test_signer
    assert not TrustList([], 0).has_test_signer


def test_a_signer_is_named_by_country_and_kid() -> None:
    """The label is what lists, logs and verdicts say."""
    assert GOOD.label == f"XX {base64.b64encode(GOOD.kid).decode()}"
    assert replace(GOOD, country="").label.startswith("-- ")


def test_no_key_is_shown() -> None:
    """Neither a signer nor a list shows key bytes."""
    assert repr(GOOD.key)[2:-1] not in repr(GOOD)
    assert repr(TrustList([GOOD], 0)) == "TrustList(1 signers)"


# Keys


def test_keys_become_key_objects() -> None:
    """An uncompressed P-256 point, and modulus and exponent, with or without a leading zero."""
    point = trust.public_key(Algorithm.ES256, GOOD.key)
    assert isinstance(point, ec.EllipticCurvePublicKey)
    assert point.public_numbers() == BENCH.authority.private_key.public_key().public_numbers()
    numbers = rsa.generate_private_key(65537, 2048).public_key().public_numbers()
    for zeros in (0, 1):
        modulus = numbers.n.to_bytes(256 + zeros, "big")
        key = trust.public_key(Algorithm.PS256, cbor2.dumps([modulus, b"\x01\x00\x01"]))
        assert isinstance(key, rsa.RSAPublicKey)
        assert key.public_numbers() == numbers


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        (Algorithm.ES256, b""),
        (Algorithm.ES256, GOOD.key[:-1]),
        (Algorithm.ES256, GOOD.key[1:]),
        (Algorithm.ES256, b"\x04" + bytes(64)),
        (Algorithm.ES256, GOOD.key[:-1] + bytes((GOOD.key[-1] ^ 1,))),
        (Algorithm.PS256, b""),
        (Algorithm.PS256, GOOD.key),
        (Algorithm.PS256, cbor2.dumps([b"\xff" * 256])),
        (Algorithm.PS256, cbor2.dumps([1, 2])),
        (Algorithm.PS256, cbor2.dumps([b"", b""])),
        (Algorithm.PS256, cbor2.dumps([b"\xff" * 256, b"\x02"])),
    ],
)
def test_what_is_no_key_raises_value_error(algorithm: Algorithm, key: bytes) -> None:
    """Too short, off the curve, another kind, a bad exponent: `ValueError`, and nothing else."""
    with pytest.raises(ValueError, match=r"."):
        trust.public_key(algorithm, key)
