"""Official lists and vectors: the census of real signers, and every certificate accounted for."""

from __future__ import annotations

import base64
import json
import warnings
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from doorcheck.cli import main
from doorcheck.core.trust import Algorithm, Scope, TrustList, Usage, public_key
from doorcheck.operator.trust import certificates, der, sources
from doorcheck.operator.trust.building import Built, build
from doorcheck.operator.trust.candidates import Candidate, Why
from doorcheck.operator.trust.certificates import EXTENDED_KEY_USAGE

AUGUST_2026 = int(datetime(2026, 8, 22, tzinfo=UTC).timestamp())
SPECIFIED, SLIPPED = "1.3.6.1.4.1.1847.2021.1.", "1.3.6.1.4.1.0.1847.2021.1."


def gathered(path: Path) -> list[Candidate]:
    """The candidates of a source that must be readable."""
    files, result = sources.find([path])
    sources.gather(files, result)
    assert not result.unreadable
    return result.candidates


@pytest.fixture(scope="module")
def gdhcn(shared_data: Path) -> list[Candidate]:
    """The WHO network's production list of 2026-08-22."""
    return gathered(shared_data / "trust-lists" / "gdhcn-production-did.json")


@pytest.fixture(scope="module")
def built(gdhcn: list[Candidate]) -> Built:
    """What is made of it."""
    return build(gdhcn)


def signing(candidates: list[Candidate]) -> list[bytes]:
    """The certificates of the document signers."""
    return [candidate.der for candidate in candidates if candidate.why is None]


def usages_of(data: bytes) -> list[str] | None:
    """The extended key usages of a certificate, read anew from its bytes; None without the extension."""
    mark = b"\x06\x03\x55\x1d\x25"
    if mark not in data:
        return None
    rest = der.Cursor(data[data.index(mark) + len(mark) :], "rest")
    if rest.next_is(der.BOOLEAN):
        rest.take()
    entries = der.Cursor(rest.content(der.OCTET_STRING), "usages").inside(der.SEQUENCE, "usages")
    return [der.object_identifier(content, "usages") for content in entries.each(der.OBJECT_IDENTIFIER)]


def test_document_signers_alone(built: Built) -> None:
    """Of 501 keys the 438 document signers are taken; 61 authorities and 2 list signers are not."""
    assert len(built.signers) == 438
    assert Counter((one.why, one.detail) for one in built.left_out) == {
        (Why.KEY_USAGE, "CSCA"): 61,
        (Why.KEY_USAGE, "DECA"): 2,
    }
    assert not built.merged
    assert not any(entry.renamed for entry in built.entries)


def test_expired_signers(built: Built) -> None:
    """289 signers had expired on 2026-08-22, all 113 French ones among them; they are in the list."""
    expired = [one for one in built.signers if one.not_after < AUGUST_2026]
    assert len(expired) == 289
    assert (
        sum(one.country == "FR" for one in expired)
        == sum(one.country == "FR" for one in built.signers)
        == 113
    )


def test_kinds_of_keys(built: Built) -> None:
    """425 signers sign ES256 and 13 sign PS256, one of these with 3072 bits; the door can load them all."""
    assert Counter(one.algorithm for one in built.signers) == {Algorithm.ES256: 425, Algorithm.PS256: 13}
    sizes = Counter(public_key(one.algorithm, one.key).key_size for one in built.signers)
    assert sizes == {256: 425, 2048: 12, 3072: 1}


def test_signers_that_ready_made_parsers_refuse(gdhcn: list[Candidate], built: Built) -> None:
    """The 10 Finnish and 2 Spanish certificates whose extensions `cryptography` refuses are in the list."""
    hostile: Counter[str] = Counter()
    kids = {one.kid for one in built.signers}
    for data in signing(gdhcn):
        try:
            list(x509.load_der_x509_certificate(data).extensions)
        except ValueError:
            certificate = certificates.parse(data)
            assert certificate.kid in kids
            hostile[certificate.country] += 1
    assert hostile == {"FI": 10, "ES": 2}


def census_kind(usages: list[str] | None) -> str:
    """How a certificate restricts its signer."""
    if usages is None:
        return "none"
    slipped = sum(one.startswith(SLIPPED) for one in usages)
    specified = sum(one.startswith(SPECIFIED) for one in usages)
    if not slipped and not specified:
        return "foreign"
    arc = "slipped" if slipped else "specified"
    return f"{arc} {'one' if slipped + specified == 1 else 'all'}"


def test_census_of_usages(gdhcn: list[Candidate]) -> None:
    """The census of extended key usages holds, and each kind gives the usage it must."""
    census: Counter[str] = Counter()
    usages: dict[str, Counter[Usage]] = {}
    for data in signing(gdhcn):
        kind = census_kind(usages_of(data))
        census[kind] += 1
        usages.setdefault(kind, Counter())[certificates.parse(data).usage] += 1
    assert census == {
        "none": 203,
        "foreign": 54,
        "slipped one": 111,
        "slipped all": 22,
        "specified all": 36,
        "specified one": 12,
    }
    each_type = (Usage.TEST, Usage.VACCINATION, Usage.RECOVERY)
    assert usages["slipped one"] == dict.fromkeys(each_type, 37)
    assert usages["specified one"] == dict.fromkeys(each_type, 4)
    assert all(
        set(usages[kind]) == {Usage.ANY} for kind in ("none", "foreign", "slipped all", "specified all")
    )


def test_tousanticovid(shared_data: Path) -> None:
    """All 327 certificates are taken, 14 British ones under their own identifiers, two for light passes."""
    candidates = gathered(shared_data / "trust-lists" / "tousanticovid-dcc-certs.json")
    built = build(candidates)
    assert len(candidates) == 327
    assert len(built.signers) == 327
    light = [one.name for one in built.signers if one.scope is Scope.LIGHT]
    assert light == ["Inria", "dcclight.tousanticovid.gouv.fr / INRIA"]
    renamed = [entry.signer for entry in built.entries if entry.renamed]
    assert Counter(one.country for one in renamed) == {"UK": 10, "GB": 4}
    assert {len(one.kid) for one in renamed} == {6, 7, 8}


def vectors(shared_data: Path) -> Iterator[tuple[str, bytes]]:
    """Every official vector's name and certificate."""
    folder = shared_data / "dgc-testdata"
    for path in sorted(folder.rglob("*.json")):
        vector = json.loads(path.read_bytes().decode("utf-8-sig"))
        if "TESTCTX" in vector:
            yield str(path.relative_to(folder)), base64.b64decode(vector["TESTCTX"]["CERTIFICATE"])


def test_official_vectors(shared_data: Path) -> None:
    """The certificates of all 581 official vectors are read; three are left out, with reason."""
    found = dict(vectors(shared_data))
    assert len(found) == 581
    distinct = {data: name for name, data in found.items()}
    built = build(Candidate("vectors", name, data) for data, name in distinct.items())
    left_out = {(one.where, one.why) for one in built.left_out}
    assert left_out == {
        ("ES/2DCode/raw/403.json", Why.KEY_KIND),
        ("ES/2DCode/raw/503.json", Why.AUTHORITY),
        ("LV/2DCode/raw/3.json", Why.AUTHORITY),
    }
    assert len(built.signers) == len(distinct) - 3


def test_empty_usages_of_an_official_vector(shared_data: Path) -> None:
    """Vector common/CO15, whose extended key usage is empty, is an unrestricted signer."""
    data = dict(vectors(shared_data))["common/2DCode/raw/CO15.json"]
    assert usages_of(data) == []
    assert certificates.parse(data).usage == Usage.ANY


def test_agrees_with_a_second_reader(shared_data: Path, gdhcn: list[Candidate]) -> None:
    """On every real certificate dates, names' countries and keys are what `cryptography` reads."""
    map_ = gathered(shared_data / "trust-lists" / "tousanticovid-dcc-certs.json")
    datas = {one.der for one in [*gdhcn, *map_]} | {data for _, data in vectors(shared_data)}
    datas |= {path.read_bytes() for path in (shared_data / "french").glob("*.der")}
    assert len(datas) > 750
    for data in datas:
        with warnings.catch_warnings(action="ignore"):
            oracle = x509.load_der_x509_certificate(data)
            subject = oracle.subject.get_attributes_for_oid(x509.NameOID.COUNTRY_NAME)
        certificate = certificates.parse(data)
        assert certificate.not_before == oracle.not_valid_before_utc.timestamp()
        assert certificate.not_after == oracle.not_valid_after_utc.timestamp()
        assert certificates.load_key(certificate.key_info) == oracle.public_key()
        if subject:
            assert certificate.country == str(subject[0].value).upper()
        try:
            extensions = oracle.extensions
        except ValueError:
            continue
        basic = [one.value for one in extensions if isinstance(one.value, x509.BasicConstraints)]
        assert certificate.authority is any(one.ca for one in basic)
        named = [one.value for one in extensions if isinstance(one.value, x509.ExtendedKeyUsage)]
        usages = [oid.dotted_string for value in named for oid in value]
        assert (usages_of(data) or []) == usages
        assert EXTENDED_KEY_USAGE not in usages


def test_french_folder(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The folder of 2D-Doc certificates gives four signers, and under test five; the rest is counted."""
    out = tmp_path / "fr.dctl"
    assert main(["trust", "build", str(shared_data / "french"), "-o", str(out), "--test", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["signers"], told["test"]) == (5, 5)
    left_out = [(one["where"], one["code"]) for one in told["left_out"]]
    assert left_out == [("FR03.der", "AUTHORITY"), ("FR03_0000.der", "TWO_D_DOC")]
    assert len(TrustList.load(out.read_bytes())) == 5
    assert main(["trust", "build", str(shared_data / "french"), "-o", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["signers"], told["test"]) == (4, 0)
