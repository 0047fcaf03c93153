"""`doorcheck trust`: from certificates to a list that the door loads, and what is told on the way."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from doorcheck.cli import main
from doorcheck.core.trust import MAGIC, Algorithm, Signer, TrustList, Usage
from doorcheck.operator.trust import certificates, der
from doorcheck.operator.trust.building import build
from doorcheck.operator.trust.candidates import Candidate, Why

Mint = Callable[..., bytes]
Tlv = Callable[..., bytes]
Capture = pytest.CaptureFixture[str]

AT = ["--at", "2022-01-27T10:00:00Z"]
AT_SECONDS = 1643277600


@pytest.fixture
def folder(tmp_path: Path, mint: Mint) -> Path:
    """Four certificates: two signers, one of them expired, an authority, and one on P-384."""
    made = tmp_path / "certificates"
    made.mkdir()
    (made / "1.der").write_bytes(mint(usages=["1.3.6.1.4.1.1847.2021.1.2"], name="Vaccination signer"))
    (made / "2.der").write_bytes(mint(country="NL", name="Expired signer", days=30))
    (made / "3.der").write_bytes(mint(authority=True, name="Authority"))
    (made / "4.der").write_bytes(mint(ec.generate_private_key(ec.SECP384R1()).public_key(), name="Long key"))
    (made / "notes.txt").write_text("unrelated")
    return made


def test_a_list_that_the_door_loads(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    """Signers enter the list with kid, usage, dates and country; the rest is told with its reasons."""
    out = tmp_path / "trust.dctl"
    assert main(["trust", "build", str(folder), "-o", str(out), *AT]) == 0
    trust = TrustList.load(out.read_bytes())
    assert trust.issued == AT_SECONDS
    kid = hashlib.sha256((folder / "1.der").read_bytes()).digest()[:8]
    [signer] = trust.signers(kid)
    assert (signer.algorithm, signer.usage, signer.country) == (Algorithm.ES256, Usage.VACCINATION, "FR")
    assert (signer.name, signer.test) == ("Vaccination signer", False)
    assert [one.name for one in trust] == ["Vaccination signer", "Expired signer"]

    told = capsys.readouterr().out
    assert "taken  merged  left out  ignored files\n" in told
    assert [line.split()[1:] for line in told.splitlines() if line.startswith(str(folder) + " ")] == [
        ["2", "0", "2", "1"]
    ]
    assert "3.der, kid " in told
    assert (
        '"Authority": a certificate authority (CA:TRUE), not a document signer; --allow-ca takes it' in told
    )
    assert '"Long key": its key can not sign passes: an elliptic-curve key on secp384r1' in told
    assert "signers by country: FR 1  NL 1\n" in told
    assert "of these 2, 1 has expired at 2022-01-27T10:00:00Z (--at sets the time, default: now)" in told
    assert f"wrote {out}: 2 signers, issued 2022-01-27T10:00:00Z, {out.stat().st_size} bytes" in told


def test_same_sources_same_bytes(folder: Path, tmp_path: Path) -> None:
    """Two builds from the same sources at the same time give the same bytes."""
    for name in ("one", "two"):
        assert main(["trust", "build", str(folder), "-o", str(tmp_path / name), *AT]) == 0
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_json_tells_the_same(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    """With --json there is one object, uncut, with stable codes."""
    out = tmp_path / "trust.dctl"
    main(["trust", "build", str(folder), "-o", str(out), "--json", *AT])
    told = json.loads(capsys.readouterr().out)
    assert told["written"] == str(out)
    assert told["bytes"] == out.stat().st_size
    assert (told["signers"], told["expired"], told["countries"]) == (2, 1, {"FR": 1, "NL": 1})
    assert [one["code"] for one in told["left_out"]] == ["AUTHORITY", "KEY_KIND"]
    assert told["sources"] == [
        {"source": str(folder), "taken": 2, "merged": 0, "left_out": 2, "ignored_files": 1}
    ]
    assert told["unreadable"] == []


def test_every_source_has_its_row(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    """The sources are told in the order in which they were named, those that gave nothing too."""
    (tmp_path / "empty").mkdir()
    named = [tmp_path / "empty", folder / "2.der", folder, tmp_path / "empty"]
    main(["trust", "build", *map(str, named), "-o", str(tmp_path / "t"), "--json"])
    rows = json.loads(capsys.readouterr().out)["sources"]
    assert [(row["source"], row["taken"], row["merged"]) for row in rows] == [
        (str(named[0]), 0, 0),
        (str(named[1]), 1, 0),
        (str(named[2]), 1, 1),
    ]


def test_authorities_on_demand(folder: Path, tmp_path: Path) -> None:
    """--allow-ca takes certificate authorities too."""
    out = tmp_path / "trust.dctl"
    main(["trust", "build", str(folder), "-o", str(out), "--allow-ca"])
    assert [one.name for one in TrustList.load(out.read_bytes())] == [
        "Vaccination signer",
        "Expired signer",
        "Authority",
    ]


def test_test_authorities_are_marked(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    """--test marks every signer, and build and show say so."""
    out = tmp_path / "trust.dctl"
    main(["trust", "build", str(folder), "-o", str(out), "--test"])
    assert [one.test for one in TrustList.load(out.read_bytes())] == [True, True]
    assert "2 of a test authority: their passes show the TEST signal" in capsys.readouterr().out
    main(["trust", "show", str(out)])
    assert "TEST Vaccination signer" in capsys.readouterr().out


def test_an_unreadable_source_writes_nothing(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    """When one source can't be read the old list stays, and the source is named with what is wrong."""
    out, bad = tmp_path / "trust.dctl", tmp_path / "bad.pem"
    assert main(["trust", "build", str(folder), "-o", str(out), *AT]) == 0
    before = out.read_bytes()
    bad.write_text("-----BEGIN CERTIFICATE-----\nMIIB\n")
    arguments = ["trust", "build", str(folder / "1.der"), str(bad), "-o", str(out), *AT]
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert f"doorcheck trust build: {bad}: PEM block 1 has no END line" in told
    assert "nothing written; mend or remove the above, or use the rest with --keep-going" in told
    assert out.read_bytes() == before
    assert main([*arguments, "--keep-going"]) == 1
    assert len(TrustList.load(out.read_bytes())) == 1


def test_nothing_to_write(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    """Without a signer no list is written: an empty one would put every door out of order."""
    out = tmp_path / "trust.dctl"
    assert main(["trust", "build", str(folder / "3.der"), "-o", str(out)]) == 1
    assert "nothing written: there is no signer" in capsys.readouterr().err
    assert main(["trust", "build", str(tmp_path / "gone"), "-o", str(out), "--keep-going"]) == 2
    assert not out.exists()


@pytest.mark.parametrize(("name", "words"), [("gone/list", "no folder"), ("certificates", "is a folder")])
def test_impossible_outputs(folder: Path, tmp_path: Path, capsys: Capture, name: str, words: str) -> None:
    """A place that can't be written to is told before the work."""
    assert main(["trust", "build", str(folder), "-o", str(tmp_path / name)]) == 2
    told = capsys.readouterr()
    assert words in told.err
    assert told.out == ""


def test_a_swapped_argument_destroys_nothing(folder: Path, capsys: Capture) -> None:
    """An existing file that is no trust list is not overwritten."""
    certificate = folder / "1.der"
    before = certificate.read_bytes()
    assert main(["trust", "build", str(folder), "-o", str(certificate)]) == 2
    assert "is there already and is no trust list" in capsys.readouterr().err
    assert certificate.read_bytes() == before


def test_a_list_that_no_door_could_load(
    folder: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list is read back before it is written: one that is too large for the door stays unwritten."""
    monkeypatch.setattr("doorcheck.core.trust.LARGEST_BYTES", 100)
    assert main(["trust", "build", str(folder), "-o", str(tmp_path / "t")]) == 2
    assert "nothing written: no door could load this list: larger than 100 bytes" in capsys.readouterr().err
    assert not (tmp_path / "t").exists()


def test_duplicates_are_merged(tmp_path: Path, mint: Mint, capsys: Capture) -> None:
    """The same signer twice counts once; another certificate of one kid and key is told, the first stays."""
    first, later = mint(days=10), mint(days=20)
    document = {"a2lk": [base64.b64encode(one).decode() for one in (first, first, later)]}
    (tmp_path / "map.json").write_text(json.dumps(document))
    out = tmp_path / "trust.dctl"
    assert main(["trust", "build", str(tmp_path / "map.json"), "-o", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sources"][0]["merged"] == 2
    assert [one["where"] for one in told["merged_differing"]] == ["entry 1"]
    assert told["renamed"][0]["kid"] == "a2lk"
    [signer] = TrustList.load(out.read_bytes())
    assert signer.not_after == certificates.parse(first).not_after


def test_one_kid_may_name_two_keys(mint: Mint) -> None:
    """A collision of key identifiers keeps both signers."""
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    candidates = [Candidate("s", "", mint(), b"kid"), Candidate("s", "", mint(other), b"kid")]
    assert len(TrustList(build(candidates).signers, 0).signers(b"kid")) == 2


def test_unsound_keys(mint: Mint, tlv: Tlv, rsa_2048: rsa.RSAPrivateKey) -> None:
    """An RSA key with exponent 1, under which anyone could sign, is left out."""
    whole = mint(rsa_2048.public_key())
    modulus = b"\0" + rsa_2048.public_key().public_numbers().n.to_bytes(256, "big")
    good = tlv(der.SEQUENCE, tlv(der.INTEGER, modulus), tlv(der.INTEGER, b"\x01\x00\x01"))
    evil = tlv(der.SEQUENCE, tlv(der.INTEGER, modulus[:-1] + b"\x01"), tlv(der.INTEGER, b"\x00\x00\x01"))
    for bad in (evil, good.replace(b"\x02\x03\x01\x00\x01", b"\x02\x03\x01\x00\x00")):
        assert len(bad) == len(good)
        [out] = build([Candidate("s", "", whole.replace(good, bad))]).left_out
        assert out.why is Why.KEY_KIND


def test_bare_keys_are_told(key_info: bytes) -> None:
    """A bare public key where a certificate should be is told as such."""
    [out] = build([Candidate("s", "entry 1", key_info, b"kid")]).left_out
    assert (out.why, out.kid) == (Why.BARE_KEY, "a2lk")


def test_long_lists_are_cut(tmp_path: Path, mint: Mint, capsys: Capture) -> None:
    """More than twenty lines of one kind are cut, and --verbose shows all."""
    signer = base64.encodebytes(mint()).decode()
    authority = base64.encodebytes(mint(authority=True)).decode()
    blocks = [
        f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"
        for text in [signer, *[authority] * 25]
    ]
    (tmp_path / "bundle.pem").write_text("".join(blocks))
    arguments = ["trust", "build", str(tmp_path / "bundle.pem"), "-o", str(tmp_path / "t")]
    main(arguments)
    assert "  5 more; --verbose for all" in capsys.readouterr().out
    main([*arguments, "--verbose"])
    told = capsys.readouterr().out
    assert "--verbose" not in told
    assert told.count("kid ") == 25


def test_show(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    """Show tells when the list was issued, counts, and every signer on a line."""
    out = tmp_path / "trust.dctl"
    main(["trust", "build", str(folder), "-o", str(out), *AT])
    capsys.readouterr()
    assert main(["trust", "show", str(out), *AT]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{out}: 2 signers, issued 2022-01-27T10:00:00Z, 0 of a test authority"
    assert "1 has expired at 2022-01-27T10:00:00Z" in lines[2]
    kid = certificates.parse((folder / "1.der").read_bytes()).kid
    words = [base64.b64encode(kid).decode(), "FR", "HC1+EX1", "vaccination", "2021-06-01..2023-06-01"]
    assert lines[4].split() == [*words, "ES256", "Vaccination", "signer"]
    assert main(["trust", "show", str(out), "--json", *AT]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["issued"], told["signers"], told["expired"]) == ("2022-01-27T10:00:00Z", 2, 1)
    assert told["list"][0]["usage"] == "vaccination"
    assert told["list"][0]["not_after"] == "2023-06-01T00:00:00Z"


def test_show_survives_any_list(tmp_path: Path, capsys: Capture) -> None:
    """Times beyond the calendar and names with escape sequences are shown safely; an empty list too."""
    row = Signer(b"k", Algorithm.ES256, b"", Usage(0), -(10**15), 10**15, "F\x1b[1m", "\x1b[31mred")
    (tmp_path / "odd").write_bytes(TrustList([row], 0).dump())
    (tmp_path / "none").write_bytes(TrustList([], 0).dump())
    assert main(["trust", "show", str(tmp_path / "odd")]) == 0
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "none" in told
    assert main(["trust", "show", str(tmp_path / "none")]) == 0
    assert "0 signers" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a doorcheck trust list"),
        (b"-----BEGIN CERTIFICATE-----\n", "not a doorcheck trust list"),
        (MAGIC + b"2\n" + bytes(40), "format 2 is not known here; this doorcheck reads format 1"),
        (MAGIC + b"\x1b[31m\n" + bytes(40), "is not known here"),
        (TrustList([], 0).dump()[:-1], "damaged"),
        (TrustList([], 0).dump() + b"\0", "damaged"),
    ],
)
def test_show_refuses_what_is_no_list(tmp_path: Path, capsys: Capture, data: bytes, words: str) -> None:
    """A corrupt list, one of a newer format, or another file gives one clear line."""
    (tmp_path / "list").write_bytes(data)
    assert main(["trust", "show", str(tmp_path / "list")]) == 2
    told = capsys.readouterr()
    assert (told.out, len(told.err.splitlines())) == ("", 1)
    assert words in told.err
    assert "\x1b" not in told.err


def test_show_names_an_absent_file(tmp_path: Path, capsys: Capture) -> None:
    """An absent file, or a folder, gives one clear line."""
    assert main(["trust", "show", str(tmp_path / "gone")]) == 2
    assert "gone can not be read: no such file" in capsys.readouterr().err
    assert main(["trust", "show", str(tmp_path)]) == 2
    assert "can not be read: is a directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("2022-01-27", 1643241600),
        ("2022-01-27T10:00:00Z", AT_SECONDS),
        ("2022-01-27T11:00:00+01:00", AT_SECONDS),
    ],
)
def test_times(folder: Path, tmp_path: Path, time: str, seconds: int) -> None:
    """The time of issue is ISO 8601 with its zone, or a date in UTC."""
    assert main(["trust", "build", str(folder), "-o", str(tmp_path / "t"), "--at", time]) == 0
    assert TrustList.load((tmp_path / "t").read_bytes()).issued == seconds


@pytest.mark.parametrize("time", ["yesterday", "2022-01-27T10:00:00", "2022-13-01"])
def test_unclear_times(folder: Path, tmp_path: Path, capsys: Capture, time: str) -> None:
    """A time without its zone, or no time at all, is bad usage."""
    with pytest.raises(SystemExit) as caught:
        main(["trust", "build", str(folder), "-o", str(tmp_path / "t"), "--at", time])
    assert caught.value.code == 2
    assert "time" in capsys.readouterr().err
