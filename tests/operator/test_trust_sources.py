"""Sources: content decides what a file is; what is damaged is an error, what is unrelated is counted."""

from __future__ import annotations

import base64
import codecs
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from doorcheck.operator.trust import sources
from doorcheck.operator.trust.building import build
from doorcheck.operator.trust.candidates import Why
from doorcheck.operator.trust.sources import Gathered

Mint = Callable[..., bytes]


def pem(data: bytes, label: str = "CERTIFICATE") -> str:
    """A PEM block."""
    return f"-----BEGIN {label}-----\n{base64.encodebytes(data).decode()}-----END {label}-----\n"


def text64(data: bytes) -> str:
    """Base64 as JSON lists have it."""
    return base64.b64encode(data).decode()


def read(*paths: Path) -> Gathered:
    """Everything that the sources hold."""
    files, gathered = sources.find(paths)
    sources.gather(files, gathered)
    return gathered


def test_der_and_pem_by_content(tmp_path: Path, mint: Mint) -> None:
    """DER and PEM are told by their bytes: misleading names change nothing."""
    first, second = mint(), mint()
    (tmp_path / "a.pem").write_bytes(first)
    (tmp_path / "b.jpg").write_text(f"Subject: two\n{pem(first)}\nnoise\n{pem(second)}")
    gathered = read(tmp_path / "a.pem", tmp_path / "b.jpg")
    assert [one.der for one in gathered.candidates] == [first, first, second]
    assert [one.where for one in gathered.candidates] == ["", "certificate 1", "certificate 2"]
    assert not gathered.unreadable


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
        lambda text: text.replace("\n", "\r\n").encode(),
    ],
)
def test_text_with_marks(tmp_path: Path, mint: Mint, encode: Callable[[str], bytes]) -> None:
    """Text with a byte-order mark, in UTF-16 or with Windows line ends is read, named or found."""
    certificate = mint()
    (tmp_path / "a").write_bytes(encode(pem(certificate)))
    (tmp_path / "b").write_bytes(encode(json.dumps({text64(b"kid"): text64(certificate)}, indent=1)))
    for gathered in (read(tmp_path / "a", tmp_path / "b"), read(tmp_path)):
        assert [one.der for one in gathered.candidates] == [certificate, certificate]


def test_folders_in_the_order_of_names(tmp_path: Path, mint: Mint) -> None:
    """A folder is searched to its depth, in the order of names whatever the order of creation."""
    for name in ("z/b.der", "a/c.der", "a/b/d.der", "m.der"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mint())
    found = [one.where for one in read(tmp_path).candidates]
    assert found == ["a/b/d.der", "a/c.der", "m.der", "z/b.der"]


def test_unrelated_files_are_counted(tmp_path: Path, mint: Mint) -> None:
    """In a folder, whatever holds no certificate is passed over and counted; it never blocks."""
    unrelated: dict[str, bytes] = {
        "empty": b"",
        "text.txt": b"hello",
        "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(1000),
        "settings.json": b'{"a": [1, 2]}',
        "broken.json": b'{"a": ',
        "zero.txt": b"0" * 300,
        "prose.md": b"a line that has -----BEGIN CERTIFICATE----- in its midst",
        "vector.json": json.dumps({"TESTCTX": {"CERTIFICATE": text64(mint())}}).encode(),
    }
    for name, data in unrelated.items():
        (tmp_path / name).write_bytes(data)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "z.der").write_bytes(mint())
    gathered = read(tmp_path)
    assert len(gathered.candidates) == 1
    assert gathered.ignored[str(tmp_path)] == len(unrelated) + 3
    assert not gathered.unreadable


def test_binary_files_are_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of photographs costs their first bytes; JSON without certificates is not even parsed."""
    for number in range(20):
        with (tmp_path / f"{number}.jpg").open("wb") as stream:
            stream.truncate(sources.LARGEST_BYTES)
        (tmp_path / f"{number}.json").write_bytes(b'{"a": 1}')
    monkeypatch.setattr(json, "loads", pytest.fail)
    begun = Path("/proc/self/io").read_text()
    assert read(tmp_path).ignored.total() == 40
    before, after = (int(text.split()[1]) for text in (begun, Path("/proc/self/io").read_text()))
    assert after - before < 10 * sources.LARGEST_BYTES // 20


DAMAGED = [
    ("cut.pem", lambda der: pem(der)[:300].encode(), "no END line"),
    ("two.pem", lambda der: (pem(der)[:300] + "\n" + pem(der)).encode(), "no END line"),
    ("noise.pem", lambda der: pem(der).replace("M", "%").encode(), "not base64"),
    ("cut.der", lambda der: der[:-1], "cut short"),
    ("long.der", lambda der: der + b"\n", "bytes after the end"),
    (
        "cut.json",
        lambda der: b'{"verificationMethod": [{"x5c": ["' + text64(der).encode(),
        "well-formed JSON",
    ),
    ("twice.json", lambda der: (f'{{"a2lk": "{text64(der)}", "a2lk": ""}}').encode(), "comes twice"),
    ("deep.json", lambda _: b'{"verificationMethod": ' + b"[" * 200_000, "nested too deeply"),
    ("list.json", lambda _: b'{"verificationMethod": 5}', "not a list"),
]


@pytest.mark.parametrize(("name", "damage", "words"), DAMAGED)
def test_damage_is_an_error_everywhere(
    tmp_path: Path, mint: Mint, name: str, damage: Callable[[bytes], bytes], words: str
) -> None:
    """A damaged file is named with what is wrong, whether the operator named it or its folder."""
    (tmp_path / name).write_bytes(damage(mint()))
    for gathered in (read(tmp_path / name), read(tmp_path)):
        assert not gathered.candidates
        assert [words in one.reason for one in gathered.unreadable] == [True]
        assert name in gathered.unreadable[0].source + gathered.unreadable[0].where


def test_der_of_another_kind(tmp_path: Path, mint: Mint) -> None:
    """Whole DER that is no certificate is an error where it was named, and listed in a folder."""
    certificate = mint()
    body = b"\x30\x81\x80" + bytes(128)
    (tmp_path / "a.crl").write_bytes(b"\x30\x81\x83" + body)
    (tmp_path / "b.der").write_bytes(certificate)
    [named] = read(tmp_path / "a.crl").unreadable
    assert named.reason.startswith("DER, but not a readable certificate: ")
    built = build(read(tmp_path).candidates)
    assert [(one.where, one.why) for one in built.left_out] == [("a.crl", Why.NOT_CERTIFICATE)]
    assert len(built.signers) == 1


NOTHING = [
    (b"", "empty"),
    (b"hello", "expected certificates"),
    (bytes(5000), "expected certificates"),
    (b"\xff\xfe\x00", "expected certificates"),
    (b"[]", "JSON of another kind"),
    (b'{"a": 1}', "JSON of another kind"),
    (b'{"a": "b"}', "JSON of another kind"),
    (b"{nonsense", "not well-formed JSON: line 1"),
]


@pytest.mark.parametrize(("data", "words"), NOTHING)
def test_a_named_file_must_hold_certificates(tmp_path: Path, data: bytes, words: str) -> None:
    """A file that the operator named and that is nothing is an error that says what was expected."""
    (tmp_path / "file").write_bytes(data)
    gathered = read(tmp_path / "file")
    assert [words in one.reason for one in gathered.unreadable] == [True]


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    """More than 64 MiB is refused by name, and passed over in a folder."""
    with (tmp_path / "huge").open("wb") as stream:
        stream.write(b"-----BEGIN CERTIFICATE-----\n" * 10_000)
        stream.truncate(sources.LARGEST_BYTES + 1)
    assert "larger than 64 MiB" in read(tmp_path / "huge").unreadable[0].reason
    assert read(tmp_path).ignored.total() == 1


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    """A path that does not exist, or a link into nothing, is an error with its name."""
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    missing = read(tmp_path / "absent").unreadable
    assert [(one.source, one.reason) for one in missing] == [
        (str(tmp_path / "absent"), "can not be read: no such file or directory")
    ]
    assert [one.where for one in read(tmp_path).unreadable] == ["dangling"]


def test_a_closed_folder_is_named(tmp_path: Path, mint: Mint, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder within a folder that may not be entered is an error, not a gap."""
    (tmp_path / "closed").mkdir()
    (tmp_path / "a.der").write_bytes(mint())
    scan = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    gathered = read(tmp_path)
    assert [(one.where, one.reason) for one in gathered.unreadable] == [
        ("closed", "can not be read: permission denied")
    ]


def test_many_unfinished_blocks_are_fast(tmp_path: Path) -> None:
    """A file of unfinished PEM blocks is refused at the first, in linear time."""
    (tmp_path / "bomb").write_bytes(b"-----BEGIN CERTIFICATE-----\n" * 100_000)
    assert "PEM block 1 has no END" in read(tmp_path / "bomb").unreadable[0].reason


def test_other_pem_blocks_are_left_out_by_name(tmp_path: Path, mint: Mint, key_info: bytes) -> None:
    """Keys and other things between the certificates are listed with what they are."""
    blocks = [pem(mint()), pem(key_info, "PUBLIC KEY"), pem(b"secret", "PRIVATE KEY"), pem(b"", "X509 CRL")]
    (tmp_path / "bundle").write_text("".join(blocks))
    found = read(tmp_path / "bundle").candidates
    assert [(one.why, one.detail) for one in found] == [
        (None, ""),
        (Why.BARE_KEY, ""),
        (Why.NOT_CERTIFICATE, "a PEM block of PRIVATE KEY"),
        (Why.NOT_CERTIFICATE, "a PEM block of X509 CRL"),
    ]


def test_maps_of_key_identifiers(tmp_path: Path, mint: Mint, key_info: bytes) -> None:
    """A map's values may be text or lists, base64 of DER or of PEM, or PEM; its keys are the identifiers."""
    one, two = mint(), mint()
    document = {
        text64(b"Key1PRO"): text64(one),
        text64(b"\xfb\xff\xfe345678"): [text64(one), text64(pem(two).encode())],
        "-__-NDU2Nzg": pem(two),
        text64(b"bare"): text64(key_info),
        text64(b"odd"): "%%%",
        text64(b"line"): text64(b"-----BEGIN CERTIFICATE-----MII"),
        text64(b"open"): text64(pem(two)[:200].encode()),
        "not base64!": text64(one),
        text64(bytes(33)): text64(one),
    }
    (tmp_path / "map").write_text(json.dumps(document))
    found = read(tmp_path / "map").candidates
    assert [(one.kid, one.where) for one in found[:4]] == [
        (b"Key1PRO", "entry 1"),
        (b"\xfb\xff\xfe345678", "entry 2"),
        (b"\xfb\xff\xfe345678", "entry 2, certificate 1"),
        (b"\xfb\xff\xfe45678", "entry 3, certificate 1"),
    ]
    assert [one.der for one in found[:5]] == [one, one, two, two, key_info]
    assert [one.why for one in found[5:]] == [Why.NOT_CERTIFICATE] * 3 + [Why.KID] * 2
    assert [one.detail for one in found[5:7]] == ["not base64", "PEM in one line"]
