"""Deny lists from anywhere: told by content, bounded, counted; nothing half read, nothing shown."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from tests.operator.denylists import (
    AT,
    UUID,
    a_pass,
    as_ber,
    cms,
    cose,
    cut,
    drl_chunk,
    drl_delta,
    eu_batch,
    eu_list,
    german_tree,
    iteration,
    judged,
    lines,
    many,
    packed,
    page,
    read,
    short,
    text64,
    whole,
    write,
)

from doorcheck.core.verdict import Reason
from doorcheck.lab.bench import Bench
from doorcheck.operator.denysources import DenySourcesError, Format, Kind, bounds
from doorcheck.operator.trust.candidates import SourceError

Mint = Callable[..., bytes]

UVCI = "URN:UVCI:01:XX:{}#5"
UVCIS = [UVCI.format(f"ABCDEF{number:04}") for number in range(4)]


def refused(*paths: Path, **options: Any) -> DenySourcesError:
    """The error of an import that was refused as a whole."""
    with pytest.raises(DenySourcesError) as caught:
        read(*paths, **options)
    assert not caught.value.gathered.hashes
    return caught.value


# Plain lists


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (lambda uci, _: whole(uci).hex(), Reason.LISTED_IDENTIFIER),
        (lambda uci, _: whole("XX" + uci).hex().upper(), Reason.LISTED_COUNTRY),
        (lambda _, r: cut(r).hex(), Reason.LISTED_SIGNATURE),
        (lambda uci, _: uci, Reason.LISTED_IDENTIFIER),
        (
            lambda uci, _: json.dumps({"revokedCerts": [uci], "validDuration": 172800000}),
            Reason.LISTED_IDENTIFIER,
        ),
        (
            lambda uci, _: json.dumps(
                [
                    {"name": "vaccine_end_day", "type": "GENERIC", "value": "180"},
                    {"name": "black_list_uvci", "type": "black_list_uvci", "value": f"{UVCIS[0]};{uci};"},
                ]
            ),
            Reason.LISTED_IDENTIFIER,
        ),
        (lambda uci, _: f"{UVCIS[0]};{UVCIS[1]};{uci}", Reason.LISTED_IDENTIFIER),
    ],
    ids=["sha256", "sha256 upper", "16 bytes", "identifier", "swiss", "italian settings", "semicolons"],
)
def test_a_listed_pass_is_refused(tmp_path: Path, entry: Callable[[str, bytes], str], reason: Reason) -> None:
    """A pass in any plain list is refused at the door, for what the list knows it by."""
    bench = Bench(AT)
    text, identifier, r = a_pass(bench)
    write(tmp_path, {"list": entry(identifier, r).encode()})
    assert judged(bench, text, read(tmp_path / "list")) is reason


@pytest.mark.parametrize("block", [70, 100, 4 * bounds.MIB])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_hashes_in_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, end: str) -> None:
    """Comments, empty lines, both lengths and line ends, a mark at the start: wherever blocks end."""
    monkeypatch.setattr(bounds, "BLOCK_BYTES", block)
    monkeypatch.setattr(bounds, "PEEK_BYTES", block)
    rows = ["\ufeff# a list", "", *(one.hex() for one in many(5)), "  ", *(one.hex()[:32] for one in many(9))]
    rows += ["# more", many(1, "x")[0].hex().upper() + " "]
    write(tmp_path, {"list": end.join(rows).encode()})
    gathered = read(tmp_path, format=Format.HASHES)
    assert gathered.hashes == short([*many(9), *many(1, "x")])
    totals = gathered.totals[Format.HASHES]
    assert (totals.entries, totals.duplicates, totals.taken) == (15, 5, 10)


def test_bad_lines_are_placed_and_counted(tmp_path: Path) -> None:
    """A bad line refuses the import with the first one's number; told to keep going, the others count."""
    text = lines(many(7)) + b"abc\n" + lines(many(3, "b")) + b"zz" * 32 + b"\n" + b"5a" * 20
    error = refused(write(tmp_path, {"list": text}))
    (entry,) = error.gathered.refused
    assert (entry.where, entry.entries) == ("list, line 8", 3)
    assert "64 digits" in entry.reason
    assert read(tmp_path, keep_going=True).hashes == short(many(7) + many(3, "b"))


def test_a_file_that_is_given_up_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file beyond its bounds leaves no entry that was read before, even when told to keep going."""
    monkeypatch.setattr("doorcheck.operator.denysources.plain.MOST_ENTRIES", 10)
    write(tmp_path, {"a": lines(many(11)), "b": lines(many(2, "b"))})
    assert "more than 10 entries" in str(refused(tmp_path))
    assert read(tmp_path, keep_going=True).hashes == short(many(2, "b"))


def test_identifiers_are_hashed_as_written(tmp_path: Path) -> None:
    """Identifiers keep their case; comments and white space around them don't count."""
    text = f"# revoked\n {UVCIS[0]} \n\nurn:uvci:01:CH:F0FDABC1708A81BB1A843891\n"
    gathered = read(write(tmp_path, {"list": text.encode()}))
    assert gathered.hashes == {cut(UVCIS[0]), cut("urn:uvci:01:CH:F0FDABC1708A81BB1A843891")}
    assert gathered.totals[Format.IDENTIFIERS].kinds == {Kind.UCI: 2}


@pytest.mark.parametrize(
    "text",
    [
        f"{UVCIS[0]}\nABCDEF0001\n",
        f"{UVCIS[0]};{UVCIS[1]} {UVCIS[2]}",
        f"{UVCIS[0]}\nURN:UVCI:{'X' * 201}\n",
        f"{UVCIS[0]}\nURN:UVCI:01:ÄÖ\n",
        json.dumps({"revokedCerts": [UVCIS[0], 5]}),
        json.dumps({"revokedCerts": [UVCIS[0], "ABC"]}),
    ],
)
def test_malformed_identifiers(tmp_path: Path, text: str) -> None:
    """What is no identifier refuses the import; told to keep going, the good one counts."""
    assert "not an identifier" in str(refused(write(tmp_path, {"list": text.encode()})))
    assert cut(UVCIS[0]) in read(tmp_path, keep_going=True).hashes | {cut(UVCIS[0])}


# What a file is


def test_names_do_not_matter(tmp_path: Path) -> None:
    """Files of all formats in one folder are told by their content, and make one list."""
    files = {
        "a.json": lines(many(3)),
        "b.txt": eu_batch(many(3, "b")),
        "c.lst": drl_chunk(1, 1, many(3, "c"), 3),
        "d.hex": cose([*short(many(3, "d"))]),
        "e/0.json": packed(many(3, "e")),
        "f.csv": "\n".join(UVCIS).encode(),
    }
    gathered = read(write(tmp_path, files))
    expected = short([one for seed in ("", "b", "c", "d", "e") for one in many(3, seed)])
    assert gathered.hashes == expected | {cut(one) for one in UVCIS}
    assert {kind: totals.taken for kind, totals in gathered.totals.items()} == {
        **dict.fromkeys(Format, 3),
        Format.IDENTIFIERS: 4,
    }


def test_ambiguous_files_ask_for_the_format(tmp_path: Path) -> None:
    """A file that could be of two formats is refused until the operator says which."""
    both = {**drl_chunk(1, 1, many(2), 2), "revokedCerts": UVCIS}
    write(tmp_path, {"list": both})
    assert "--format identifiers or italian" in str(refused(tmp_path))
    assert read(tmp_path, format=Format.ITALIAN).hashes == short(many(2))
    assert read(tmp_path, format=Format.IDENTIFIERS).hashes == {cut(one) for one in UVCIS}


def test_a_format_that_is_forced(tmp_path: Path) -> None:
    """Identifiers without their prefix are told by nothing but the operator's word."""
    write(tmp_path, {"list": b"01:CH:ABC\n01:CH:ABD\n"})
    assert "--format" in str(refused(tmp_path))
    assert read(tmp_path, format=Format.IDENTIFIERS).hashes == {cut("01:CH:ABC"), cut("01:CH:ABD")}
    write(tmp_path, {"list": ["01:CH:ABC"]})
    assert read(tmp_path, format=Format.IDENTIFIERS).hashes == {cut("01:CH:ABC")}


@pytest.mark.parametrize("forced", Format)
def test_a_wrong_format_that_is_forced(tmp_path: Path, forced: Format) -> None:
    """A file that isn't of the format that the operator says is refused, whatever it is."""
    files: dict[str, bytes | object] = {
        "pass": b"HC1:6BF+70790T9W JWG.FKY*4GO0",
        "json": {"hello": "world"},
        "cbor": cose("hello"),
        "gzip": packed([])[:-1],
    }
    for name, content in files.items():
        refused(write(tmp_path, {name: content}) / name, format=forced)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"hello", "no known kind"),
        (b"# nothing\n", "no known kind"),
        (b"\x00\x01\x02", "no known kind"),
        (b"PK\x03\x04export.bin", "Corona-Warn-App"),
        ("\ufeff".encode("utf-16-le") + b"a", "UTF-16"),
        (b"{", "not well-formed JSON"),
        (b'{"a": 1, "a": 2}', "comes twice"),
        (b'{"a": NaN}', "NaN"),
        (b"[" * 200_000, "too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too long"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (json.dumps({text64(whole("a")[:16]): True}).encode(), "Dutch"),
        (json.dumps({"x": {"proofIdentifierDenylist": {}}}).encode(), "Dutch"),
        (json.dumps({"a": True}).encode(), "no known kind"),
        (b"MI" + b"A" * 60 + b"!", "damaged base64"),
        (b"\xd2\x84", "damaged CBOR"),
        (b"\x80\x00", "damaged CBOR"),
    ],
)
def test_what_is_no_deny_list(tmp_path: Path, content: bytes, words: str) -> None:
    """A file that is none, or is damaged, refuses the import, in a folder too: it might be a list's part."""
    write(tmp_path, {"good": lines(many(3)), "other": content})
    error = refused(tmp_path)
    assert words in str(error)
    assert "other" in str(error)
    assert read(tmp_path, keep_going=True).hashes == short(many(3))
    assert words in str(refused(tmp_path / "other", keep_going=True))


def test_folders(tmp_path: Path) -> None:
    """Folders are searched to their depth; hidden files are counted; what can't be read refuses."""
    write(tmp_path, {"a/b/c/list": lines(many(2)), ".git/config": b"x", "a/.DS_Store": b"x"})
    gathered = read(tmp_path)
    assert gathered.hashes == short(many(2))
    assert sum(gathered.ignored.values()) == 2
    os.mkfifo(tmp_path / "pipe")
    assert "no ordinary file" in str(refused(tmp_path))
    (tmp_path / "pipe").unlink()
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    assert "no such file" in str(refused(tmp_path))
    assert read(tmp_path, keep_going=True).hashes == short(many(2))


def test_nothing_at_all(tmp_path: Path) -> None:
    """An empty folder, or one that isn't there, is an error and not an empty list."""
    assert "no deny list in" in str(refused(tmp_path))
    assert "no such file" in str(refused(tmp_path / "nowhere"))


def test_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file larger than any list of its kind is refused, having been read that far and no further."""
    monkeypatch.setattr("doorcheck.operator.denysources.reading.LARGEST_JSON_BYTES", bounds.MIB)
    monkeypatch.setattr("doorcheck.operator.denysources.reading.LARGEST_BINARY_BYTES", bounds.MIB)
    for start in (b"[", b"\xd2"):
        error = refused(write(tmp_path, {"list": start + b" " * bounds.MIB}))
        assert "larger than 1 MiB" in str(error)


def test_an_endless_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text without line ends is not collected beyond a block."""
    monkeypatch.setattr(bounds, "BLOCK_BYTES", bounds.MIB)
    text = UVCIS[0].encode() + b"x" * 3 * bounds.MIB
    assert "a line longer than" in str(refused(write(tmp_path, {"list": text})))


def test_progress_counts_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who wait are told of each block, and the bar is always taken to its end."""
    monkeypatch.setattr(bounds, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(bounds, "PEEK_BYTES", 100)
    monkeypatch.setattr("doorcheck.operator.denysources.reading.BLOCK_BYTES", 1000)
    seen: list[int] = []

    def progress(items: Sequence[int], what: str) -> Iterable[int]:
        assert what == "reading deny lists"
        for item in items:
            seen.append(item)
            yield item

    write(tmp_path, {"a": lines(many(100)), "b": b"no list"})
    refused(tmp_path, progress=progress)
    assert seen == list(range(8))


# What must hold whatever is read


@pytest.fixture(scope="module")
def samples(p256: ec.EllipticCurvePrivateKey, mint: Mint) -> dict[str, bytes]:
    """One good file of each form, by names that fit."""
    envelope = cms(json.dumps(eu_batch(many(3))).encode(), p256, mint())
    group = b"12345678\x0b"
    texts: dict[str, object] = {
        "batch": eu_batch(many(3)),
        "batches": eu_list((UUID.format(1), True)),
        "drl": drl_chunk(1, 1, many(3), 3),
        "delta": drl_delta((3, 4), many(1, "b"), many(1), 3),
        "array": [one.hex() for one in many(3)],
        "page": page([(one, True) for one in many(3)], 3),
        "settings": {"blacklist": {"blacklistDCC": [one.hex() for one in many(3)]}},
        "swiss": {"revokedCerts": UVCIS},
        "italian": [{"name": "black_list_uvci", "value": ";".join(UVCIS)}],
    }
    return {
        **{name: json.dumps(text).encode() for name, text in texts.items()},
        **{"cms": envelope, "ber": as_ber(envelope), "0/certlist.pb.gz": packed(many(3), many(1))},
        **{"1.pb": iteration(many(3), many(1)), "hashes": lines(many(3)), "uvci": "\n".join(UVCIS).encode()},
        **{"chunk.lst": cose([*short(many(3))]), "all.lst": cose({group: [*short(many(3))]})},
        **german_tree({group: many(2)}),
    }


def imported(folder: Path, name: str, data: bytes, **options: Any) -> object:
    """Import one file: what it came to, or the error. Any other exception is a failure."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    try:
        return read(path, **options)
    except SourceError as error:
        return error


KEPT = st.fixed_dictionaries({"keep_going": st.booleans(), "format": st.sampled_from([None, *Format])})


@given(data=st.binary(max_size=200), options=KEPT)
def test_random_files(tmp_path_factory: pytest.TempPathFactory, data: bytes, options: dict[str, Any]) -> None:
    """Random bytes end in a list or in a `SourceError`, never in another exception."""
    imported(tmp_path_factory.getbasetemp() / "random", "list", data, **options)


@given(picked=st.data(), options=KEPT)
def test_damaged_files(
    tmp_path_factory: pytest.TempPathFactory,
    samples: dict[str, bytes],
    picked: st.DataObject,
    options: dict[str, Any],
) -> None:
    """A good file cut short, or with bytes changed or added, ends in a list or in a `SourceError`."""
    name = picked.draw(st.sampled_from(sorted(samples)))
    data = bytearray(samples[name])
    for _ in range(picked.draw(st.integers(1, 4))):
        at = picked.draw(st.integers(0, len(data)))
        data[at : at + picked.draw(st.integers(0, 3))] = picked.draw(st.binary(max_size=3))
    if picked.draw(st.booleans()):
        del data[picked.draw(st.integers(0, len(data))) :]
    imported(tmp_path_factory.getbasetemp() / "damaged", name, bytes(data), **options)


@given(picked=st.data())
def test_malformed_json(
    tmp_path_factory: pytest.TempPathFactory, samples: dict[str, bytes], picked: st.DataObject
) -> None:
    """A good JSON list with any part replaced by something else ends in a list or in a `SourceError`."""
    names = sorted(name for name, data in samples.items() if data[:1] in (b"{", b"["))
    document = json.loads(samples[picked.draw(st.sampled_from(names))])
    part: Any = document
    while True:
        keys = list(part) if isinstance(part, dict) else list(range(len(part)))
        key = picked.draw(st.sampled_from(keys))
        if not isinstance(part[key], dict | list) or not part[key] or picked.draw(st.booleans()):
            break
        part = part[key]
    odd = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5))
    part[key] = picked.draw(
        st.one_of(odd, st.lists(odd, max_size=2), st.dictionaries(st.text(max_size=3), odd))
    )
    options = picked.draw(KEPT)
    imported(tmp_path_factory.getbasetemp() / "json", "list", json.dumps(document).encode(), **options)


def test_no_entry_is_shown(tmp_path: Path, samples: dict[str, bytes]) -> None:
    """No hash and no identifier is in a result's `repr`, in an error, a refusal or a note."""
    secrets = {form for one in (*many(3), *many(3, "b")) for form in _spellings(one)} | {*UVCIS}
    results: list[object] = []
    for name, data in samples.items():
        results.append(imported(tmp_path, name, data))
        for at in range(0, len(data), 7):
            changed = data[:at] + b"!" + data[at + 1 :]
            results.append(imported(tmp_path, name, changed, keep_going=at % 2 == 0))
    for result in results:
        shown = f"{result!r} {result}"
        if isinstance(result, DenySourcesError):
            shown += repr(result.gathered)
        assert not any(secret in shown for secret in secrets)


def _spellings(entry: bytes) -> set[str]:
    spelled = {entry.hex()[:16], text64(entry)[:16], text64(entry[:16])[:16], repr(entry[:8])[2:-1]}
    return {one for one in spelled if len(one) > 8}


@pytest.mark.parametrize("forced", [None, *Format])
def test_totals_add_up(tmp_path: Path, samples: dict[str, bytes], forced: Format | None) -> None:
    """Whatever is read, the entries are those taken, twice there, taken back, expired or dropped."""
    for name, data in samples.items():
        for content in (data, data[: len(data) // 2]):
            result = imported(tmp_path, name, content, keep_going=True, format=forced)
            gathered = result.gathered if isinstance(result, DenySourcesError) else result
            for total in gathered.totals.values():  # type: ignore[attr-defined] # either has them
                parts = (total.taken, total.duplicates, total.removed, total.expired, total.dropped)
                assert total.entries == sum(parts)
                assert sum(total.kinds.values()) == total.entries
