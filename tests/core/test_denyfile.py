"""The deny list's file: what is looked up in it, what damages it, and deltas between two."""

from __future__ import annotations

import hashlib
import random
import struct
from bisect import bisect_left
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorcheck.core import denyfile, denytable
from doorcheck.core.denyfile import apply_delta, build, make_delta
from doorcheck.core.denylist import DenyList, DenyListError
from doorcheck.core.denytable import HASHES_AT, DenyTable

KEY: Final = bytes(range(32))
OTHER_KEY: Final = bytes(range(1, 33))
RNG: Final = random.Random("deny file")
FEW: Final = [RNG.randbytes(16) for _ in range(9)]
FILE: Final = build(FEW)

# Few different bytes: prefixes meet in buckets, and hashes have neighbours that differ by little.
crowded = st.builds(
    lambda start, end: bytes(start) + end,
    st.lists(st.sampled_from([0, 1, 254, 255]), min_size=3, max_size=3),
    st.binary(min_size=13, max_size=13) | st.just(bytes(13)) | st.just(b"\xff" * 13),
)
hashes = st.sets(crowded | st.binary(min_size=16, max_size=16), max_size=40)
keys = st.sampled_from([b"", KEY])


def neighbours(digest: bytes) -> list[bytes]:
    """The digests just before and after one, and one with its last byte turned."""
    number = int.from_bytes(digest, "big")
    near = [max(number - 1, 0), min(number + 1, (1 << 128) - 1), number ^ 0xFF]
    return [one.to_bytes(16, "big") for one in near]


def sealed(body: bytes | bytearray) -> bytes:
    """A body with its right checksum: as a careless or hostile publisher would make it."""
    return bytes(body) + hashlib.sha256(body).digest()


def refusal(data: bytes, key: bytes = b"") -> str:
    """The text of the error that opening or verifying raises."""
    with pytest.raises(DenyListError) as error:
        DenyList.open(data, key).verify()
    return str(error.value)


# Look-ups


@settings(max_examples=40, deadline=None)
@given(hashes, st.lists(crowded, max_size=10), keys)
def test_a_file_holds_what_it_was_built_of_and_nothing_else(
    listed: set[bytes], asked: list[bytes], key: bytes
) -> None:
    """Every digest in, no other, keyed or not: there are no false alarms and no misses."""
    deny = DenyList.open(build(listed, key), key)
    deny.verify()
    assert len(deny) == len(listed)
    for digest in [*listed, *asked, *(near for one in listed for near in neighbours(one))]:
        assert (digest in deny) == (digest in listed)


@pytest.mark.parametrize(
    "start",
    [b"", b"\x07", b"\x07\x07", b"\x07\x07\x00\x00\x00", b"\x07\x07\xff\xff\xff", b"\x07\x07\x80\x00\x00"],
    ids=["even", "a few buckets", "one bucket", "at its start", "at its end", "in its middle"],
)
def test_a_list_of_thousands_is_as_exact(start: bytes) -> None:
    """However uneven the hashes are: all found, no neighbour of one, in a handful of reads."""
    rng = random.Random(start)
    listed = {start + rng.randbytes(16 - len(start)) for _ in range(5000)}
    ordered, file = sorted(listed), Counted(build(listed))
    deny = DenyTable(file)
    for digest in listed:
        for asked in (digest, *neighbours(digest)):
            file.reads.clear()
            assert deny.holds(asked) == (asked in listed)
            assert deny.place(asked) == (bisect_left(ordered, asked), asked in listed)
            assert len(file.reads) < 40


class Counted(bytes):
    """Bytes that keep count of what is read of them."""

    def __init__(self, _data: bytes) -> None:
        self.reads: list[range] = []

    def __getitem__(self, part: object) -> bytes:  # type: ignore[override] # only slices are read
        assert isinstance(part, slice)
        self.reads.append(range(*part.indices(len(self))))
        return super().__getitem__(part)


def test_a_look_up_in_a_large_list_touches_two_pages() -> None:
    """One of the index and, nearly always, one of the hashes, though a bucket covers several."""
    rng = random.Random(1)
    file = Counted(build(b"\x07\x07" + rng.randbytes(14) for _ in range(1000)))
    deny = DenyTable(file)
    touched = []
    for _ in range(500):
        file.reads.clear()
        deny.holds(b"\x07\x07" + rng.randbytes(14))
        touched.append(len({at // 4096 for read in file.reads for at in read}))
    assert sum(touched) / len(touched) < 1.3


def test_a_match_across_two_hashes_is_none() -> None:
    """The end of one hash and the start of the next are no entry."""
    first, second = b"\1" * 16, b"\1" * 8 + b"\2" * 8
    deny = DenyList.open(build([first, second]))
    assert b"\1" * 12 + b"\2" * 4 not in deny
    assert first in deny
    assert second in deny
    third = b"\1" * 12 + b"\2" * 4
    assert third in DenyList.open(build([first, second, third]))


def test_a_list_hands_out_its_hashes_in_order() -> None:
    """What the next list is made of; a keyed one gives what it holds, not digests."""
    assert list(DenyList.open(FILE)) == sorted(FEW)
    keyed = [hashlib.blake2b(one, key=KEY, digest_size=16).digest() for one in FEW]
    assert list(DenyList.open(build(FEW, KEY), KEY)) == sorted(keyed)


def test_a_list_shows_its_size_alone() -> None:
    """No `repr` shows an entry."""
    assert repr(DenyList.open(FILE)) == "DenyList(9 hashes)"
    assert repr(DenyTable(FILE)) == "DenyTable(9 hashes)"


# The file


@pytest.mark.parametrize("key", [b"", KEY])
def test_the_file_is_what_the_docstring_says(key: bytes) -> None:
    """Magic, count, key, index, hashes, checksum: written here by hand."""
    held = sorted(hashlib.blake2b(one, key=key, digest_size=16).digest() if key else one for one in FEW)
    name = hashlib.blake2b(key, digest_size=8, person=b"doorcheck deny").digest() if key else bytes(8)
    index = [sum(int.from_bytes(one[:2], "big") < prefix for one in held) for prefix in range(65537)]
    body = b"doorcheck deny list 1\n".ljust(32, b"\0") + struct.pack("<Q", 9) + name + bytes(16)
    body += struct.pack("<65537I", *index)
    body = body.ljust(266_240, b"\0") + b"".join(held)
    assert build(FEW, key) == sealed(body)


@settings(max_examples=10, deadline=None)
@given(hashes, keys, st.randoms())
def test_the_same_hashes_are_the_same_bytes(listed: set[bytes], key: bytes, rng: random.Random) -> None:
    """In whatever order and however often they come; and the file's SHA-256 is told."""
    shuffled = [*listed, *listed]
    rng.shuffle(shuffled)
    made = bytearray()
    told = denyfile.write_list(shuffled, made.extend, key)
    assert made == build(listed, key)
    assert told == hashlib.sha256(made).hexdigest()


@pytest.mark.parametrize("length", [0, 15, 17, 32])
def test_a_digest_of_another_length_is_refused(length: int) -> None:
    """Sixteen bytes, or it is no entry; which one is said, not what it is."""
    with pytest.raises(DenyListError, match=rf"entry 10 has {length} bytes"):
        build([*FEW, bytes(length)])


PLACES = [*range(64), *range(HASHES_AT, len(FILE)), *range(64, HASHES_AT, 7919), 262_211, HASHES_AT - 1]


def test_every_byte_counts() -> None:
    """A file with one turned bit is refused when it is opened or verified."""
    data = bytearray(FILE)
    for at in PLACES:
        data[at] ^= 1 << at % 8
        assert refusal(bytes(data))
        data[at] ^= 1 << at % 8
    DenyList.open(bytes(data)).verify()


@pytest.mark.parametrize("size", [0, 1, 21, 22, 63, 64, 65, 4096, HASHES_AT, HASHES_AT + 32, len(FILE) - 1])
def test_a_truncated_list_is_refused_when_opened(size: int) -> None:
    """A copy that was cut short is not used, wherever it was cut: its head tells its length."""
    with pytest.raises(DenyListError):
        DenyList.open(FILE[:size])


@pytest.mark.parametrize("more", [b"\0", bytes(16), FILE])
def test_a_list_with_something_behind_it_is_refused_when_opened(more: bytes) -> None:
    """Nothing may follow the checksum."""
    with pytest.raises(DenyListError, match="copy it again"):
        DenyList.open(FILE + more)


def altered(at: int, data: bytes, file: bytes = FILE) -> bytes:
    """The file with other bytes in one place, and a checksum that fits."""
    body = bytearray(file[:-32])
    body[at : at + len(data)] = data
    return sealed(body)


LAST_HASH = HASHES_AT + 8 * 16
ORDERED = sorted(FEW)
TWINS = [b"\3" * 16, b"\3" * 15 + b"\4"]
START = denytable.head(1, bytes(8)) + bytes(HASHES_AT - 64)
HIDING = START + b"\3" * 16 + hashlib.sha256(START).digest()  # neither index nor checksum know its hash
BESIDE = build([b"\3\3" + bytes(14), b"\3\4" + bytes(14)])
PREFIX = int.from_bytes(ORDERED[4][:2], "big")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a doorcheck deny list"),
        (b"0123456789abcdef\n", "not a doorcheck deny list"),
        (b"doorcheck trust list 1\n".ljust(len(FILE)), "not a doorcheck deny list"),
        (FILE.replace(b"list 1\n", b"list 2\n"), "format 2 is not known here"),
        (FILE[:-1], f"{len(FILE) - 1} bytes, where 9 hashes take {len(FILE)}"),
        (altered(32, struct.pack("<Q", 8)), f"{len(FILE)} bytes, where 8 hashes take {len(FILE) - 16}"),
        (altered(32, struct.pack("<Q", 1 << 63)), "9223372036854775808 hashes"),
        (altered(50, b"x"), "its head is not what it should be"),
        (altered(30, b"x"), "its head is not what it should be"),
        (FILE[:-1] + bytes((FILE[-1] ^ 1,)), "its checksum does not fit"),
        (altered(LAST_HASH, ORDERED[7]), "not in order"),
        (altered(HASHES_AT, ORDERED[1] + ORDERED[0]), "not in order"),
        (altered(HASHES_AT, TWINS[1] + TWINS[0], build(TWINS)), "not in order at prefix 0303"),
        (altered(HASHES_AT, TWINS[0] + TWINS[0], build(TWINS)), "not in order at prefix 0303"),
        (altered(LAST_HASH, b"\xff" * 16), "its index is wrong"),
        (altered(64 + 4 * 65536, struct.pack("<I", 8)), "its index is wrong"),
        (altered(64 + 4 * 65536, struct.pack("<I", 10)), "its index is wrong at prefix ffff"),
        (altered(64, struct.pack("<I", 1)), "its index is wrong at prefix 0000"),
        (altered(64 + 4 * PREFIX, struct.pack("<I", 5)), f"its index is wrong at prefix {PREFIX - 1:04x}"),
        (altered(64 + 4 * PREFIX, struct.pack("<I", (1 << 32) - 1)), "its index is wrong"),
        (altered(64 + 4 * 0x0304, struct.pack("<I", 0), BESIDE), "its index is wrong at prefix 0303"),
        (altered(64 + 4 * 0x0304, struct.pack("<I", 2), BESIDE), "its index is wrong at prefix 0303"),
        (HIDING, "its index is wrong at prefix 0303"),
        (altered(HASHES_AT - 1, b"x"), "its index is wrong at prefix 10000"),
    ],
)
def test_a_list_that_cannot_be_used_says_why(data: bytes, words: str) -> None:
    """Each in words for an operator, also where a checksum was made to fit."""
    assert words in refusal(data)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, (1 << 32) - 1)), min_size=1), hashes)
def test_a_wild_index_is_an_error_or_an_answer(wild: list[tuple[int, int]], asked: set[bytes]) -> None:
    """Whatever the index says, a look-up ends, inside of the file; `verify` refuses it."""
    body = bytearray(FILE[:-32])
    for number, value in wild:
        prefix = int.from_bytes(ORDERED[number][:2], "big")
        body[64 + 4 * prefix : 68 + 4 * prefix] = struct.pack("<I", value)
    deny = DenyList.open(sealed(body))
    assert not any(answer(deny, digest) and digest not in FEW for digest in [*FEW, *asked])
    if bytes(body) != FILE[:-32]:
        with pytest.raises(DenyListError, match=r"its index is wrong|not in order"):
            deny.verify()


def answer(deny: DenyList, digest: bytes) -> bool:
    """What a look-up says, if anything."""
    try:
        return digest in deny
    except DenyListError:
        return False


# The key


def test_a_keyed_list_wants_its_key() -> None:
    """Without it, or with another, nothing of the list is used: everybody would be unlisted."""
    keyed = build(FEW, KEY)
    assert all(one in DenyList.open(keyed, KEY) for one in FEW)
    name = denytable.key_id(KEY).hex()
    assert refusal(keyed) == f"it is keyed with {name}, and the key given is none"
    told = refusal(keyed, OTHER_KEY)
    assert (
        told == f"it is keyed with {name}, and the key given is another, {denytable.key_id(OTHER_KEY).hex()}"
    )
    assert OTHER_KEY.hex() not in told


def test_a_list_that_is_not_keyed_needs_none() -> None:
    """A fleet that has a key can still use a list from before it had one."""
    deny = DenyList.open(FILE, KEY)
    assert all(one in deny for one in FEW)


@pytest.mark.parametrize("key", [b"k", bytes(15), bytes(65)])
def test_a_key_of_another_length_is_refused(key: bytes) -> None:
    """A file that was cut short, or is something else, is no key."""
    with pytest.raises(DenyListError, match="16 to 64 bytes"):
        build(FEW, key)
    with pytest.raises(DenyListError, match="16 to 64 bytes"):
        DenyList.open(FILE, key)


# Deltas


def applied(old: bytes, delta: bytes) -> bytes:
    """The file that a delta makes."""
    made = bytearray()
    told = apply_delta(old, delta, made.extend)
    assert told == hashlib.sha256(made).hexdigest()
    return bytes(made)


@settings(max_examples=25, deadline=None)
@given(hashes, hashes, st.data(), keys)
def test_a_delta_makes_the_very_file(
    old: set[bytes], more: set[bytes], data: st.DataObject, key: bytes
) -> None:
    """Byte for byte what building the newer list makes: its signature vouches for both."""
    kept = set(data.draw(st.lists(st.sampled_from(sorted(old))))) if old else set()
    before, after = build(old, key), build(kept | more, key)
    assert applied(before, make_delta(before, after)) == after
    assert applied(after, make_delta(after, before)) == before


def test_a_delta_of_thousands_makes_the_very_file() -> None:
    """Runs between changes are longer than the pieces that are copied, and shorter."""
    rng = random.Random(2)
    listed = [rng.randbytes(16) for _ in range(30_000)]
    before = build(listed)
    after = build([*listed[40:], *(rng.randbytes(16) for _ in range(40))])
    delta = make_delta(before, after)
    assert len(delta) == 104 + 80 * 17 + 32
    pieces: list[int] = []
    apply_delta(before, delta, lambda piece: pieces.append(len(piece)))
    assert max(pieces[1:]) <= 2 * denytable.CHUNK_BYTES
    assert applied(before, delta) == after
    assert applied(after, make_delta(after, after)) == after


def test_a_delta_needs_no_key() -> None:
    """A carrier who has no key can apply it; lists of two keys have no delta."""
    before, after = build(FEW[1:], KEY), build(FEW, KEY)
    assert applied(before, make_delta(before, after)) == after
    for other in (build(FEW), build(FEW, OTHER_KEY)):
        with pytest.raises(DenyListError, match="publish the whole list"):
            make_delta(before, other)


OLD: Final = build(FEW[:6])
NEW: Final = build(FEW[3:])
DELTA: Final = make_delta(OLD, NEW)


def delta_refusal(delta: bytes, old: bytes = OLD) -> str:
    """The text of the error that applying raises."""
    with pytest.raises(DenyListError) as error:
        applied(old, delta)
    return str(error.value)


@pytest.mark.parametrize("turned", [0x01, 0x80])
def test_every_byte_of_a_delta_counts(turned: int) -> None:
    """One turned bit, and it is refused before anything is written."""
    for at in range(len(DELTA)):
        data = bytearray(DELTA)
        data[at] ^= turned
        with pytest.raises(DenyListError):
            apply_delta(OLD, bytes(data), refuse)


def refuse(_piece: bytes) -> None:
    """A file that nobody may write to."""
    raise AssertionError("something was written")


def test_a_delta_that_was_cut_short_is_refused() -> None:
    """Wherever it was cut."""
    for size in range(len(DELTA)):
        with pytest.raises(DenyListError):
            apply_delta(OLD, DELTA[:size], refuse)


def test_the_delta_is_what_the_docstring_says() -> None:
    """Magic, key, both checksums, changes in order, checksum: written here by hand."""
    body = b"doorcheck deny delta 1\n".ljust(32, b"\0") + bytes(8) + OLD[-32:] + NEW[-32:]
    signs = dict.fromkeys(FEW[:3], b"-") | dict.fromkeys(FEW[6:], b"+")
    assert sealed(body + b"".join(one + signs[one] for one in sorted(signs))) == DELTA


def changes(*changed: bytes, goal: bytes = NEW, old: bytes = OLD) -> bytes:
    """A delta of any changes, with a checksum that fits."""
    head = b"doorcheck deny delta 1\n".ljust(32, b"\0") + bytes(8)
    return sealed(head + old[-32:] + goal[-32:] + b"".join(changed))


LISTED, ABSENT = sorted(FEW[:6]), sorted(FEW[6:])


@pytest.mark.parametrize(
    ("delta", "words"),
    [
        (changes(ABSENT[0] + b"-"), "more than is in the list"),
        (changes(neighbours(LISTED[0])[1] + b"-"), "takes out a hash that is not in the list"),
        (changes(LISTED[0] + b"+"), "adds a hash that is in the list"),
        (changes(*(one + b"+" for one in LISTED)), "adds a hash that is in the list"),
        (changes(LISTED[1] + b"-", LISTED[0] + b"-"), "not in order"),
        (changes(LISTED[0] + b"-", LISTED[0] + b"-"), "not in order"),
        (changes(LISTED[0] + b"-", LISTED[0] + b"+"), "not in order"),
        (changes(LISTED[0] + b"*"), "not in order"),
        (changes(LISTED[0] + b"-"), "does not make the list that it says"),
        (changes(), "does not make the list that it says"),
        (changes(old=NEW), "made for another list"),
        (make_delta(NEW, OLD), "made for another list"),
        (changes(b"half"), "checksum does not fit"),
        (b"", "not a delta of a doorcheck deny list"),
        (NEW, "not a delta of a doorcheck deny list"),
        (b"doorcheck deny delta 2\n" + bytes(200), "a delta of format 2 is not known here"),
    ],
)
def test_a_delta_that_cannot_be_applied_says_why(delta: bytes, words: str) -> None:
    """For another list, damaged, or at odds with the list: each in words for an operator."""
    assert words in delta_refusal(delta)


def test_a_delta_does_not_hide_a_damaged_list() -> None:
    """What comes out of a list that is damaged inside is not what the delta says."""
    damaged = bytearray(OLD)
    damaged[HASHES_AT + 3 * 16 + 9] ^= 1
    assert "does not make the list" in delta_refusal(DELTA, bytes(damaged))


def test_a_damaged_index_does_not_crash_a_delta() -> None:
    """An index out of range is told, and nothing else happens."""
    wild = bytearray(OLD)
    prefix = int.from_bytes(FEW[0][:2], "big")
    wild[64 + 4 * prefix : 68 + 4 * prefix] = b"\xff" * 4
    assert "more than is in the list" in delta_refusal(DELTA, bytes(wild))
