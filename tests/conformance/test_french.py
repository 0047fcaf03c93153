"""The official French specimens under the real keys, through the importer and the verifier."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
import zxingcpp
from PIL import Image

from doorcheck.core import attestation, twoddoc
from doorcheck.core.denylist import DenyList, digest
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.rules import Minimum
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.core.trust import Scope, Signer, TrustList, Usage
from doorcheck.core.verdict import Outcome, PassFormat, Reason, Verdict
from doorcheck.core.verify import verify
from doorcheck.core.world import World
from doorcheck.lab import french
from doorcheck.operator.trust import sources
from doorcheck.operator.trust.building import build

JUNE_2021: Final = datetime(2021, 6, 20, 12, 0, tzinfo=UTC)
LIGHT_ISSUED: Final = datetime(2022, 1, 26, 18, 32, 35, tzinfo=UTC)
LIGHT_EXPIRES: Final = datetime(2022, 1, 27, 11, 5, 59, tzinfo=UTC)

SPECIMENS: Final = [
    ("vaccine-valid", Reason.OK),
    ("vaccine-invalid-cycle", Reason.DOSES),
    ("vaccine-invalid-test", Reason.TEST_RESULT),
]


def imported(*paths: Path, test: bool = False) -> list[Signer]:
    """The signers that the importer makes of files."""
    files, gathered = sources.find(paths)
    sources.gather(files, gathered)
    assert not gathered.unreadable
    return build(gathered.candidates, test=test).signers


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    """The French folder of the official data."""
    return shared_data / "french"


@pytest.fixture(scope="module")
def production(shared_data: Path) -> list[Signer]:
    """All of production: 2D-Doc signers, and the wallet's list with the light ones."""
    return imported(shared_data / "french", shared_data / "trust-lists" / "tousanticovid-dcc-certs.json")


def world(signers: list[Signer], deny: DenyList | None = None) -> World:
    """A world of those signers, without a venue's own rules."""
    floor = datetime(2020, 1, 1, tzinfo=UTC)
    return World(TrustList(signers, 0), deny or DenyList(), Minimum(), floor, bytes(32), published=None)


def judged(data: bytes, signers: list[Signer], at: datetime, deny: DenyList | None = None) -> Verdict:
    """The verifier's verdict at a time."""
    return verify(Symbol(SymbolFormat.TEXT, data), world(signers, deny), Moment(at, Basis.OPERATOR))


def specimen(folder: Path, name: str) -> bytes:
    """A specimen's bytes: the file's, without its last line's end."""
    return (folder / f"{name}.txt").read_bytes().removesuffix(b"\n")


@pytest.mark.parametrize(("name", "reason"), SPECIMENS)
def test_the_official_kit(folder: Path, production: list[Signer], name: str, reason: Reason) -> None:
    """Signed by the production keys: one to accept, an incomplete vaccination, and no test result."""
    verdict = judged(specimen(folder, name), production, JUNE_2021)
    assert (verdict.reason, verdict.format, verdict.test) == (reason, PassFormat.TWO_D_DOC, False)


@pytest.mark.parametrize(("name", "reason"), SPECIMENS)
def test_the_official_kit_in_wallet_links(
    folder: Path, production: list[Signer], name: str, reason: Reason
) -> None:
    """The same verdicts, and the same visitors."""
    data = specimen(folder, name)
    plain = judged(data, production, JUNE_2021)
    for link in (
        french.link(data),
        french.link(data, b"wallet?v="),
        french.spelled_link(data),
        french.spelled_link(data, b"wallet2d#"),
    ):
        assert judged(link, production, JUNE_2021) == plain
    assert plain.reason is reason


@pytest.mark.parametrize(("name", "reason"), SPECIMENS)
def test_the_official_kit_as_pictures(
    folder: Path, production: list[Signer], name: str, reason: Reason
) -> None:
    """Drawn as DataMatrix and as QR, and read again."""
    data = specimen(folder, name)
    for symbol in (zxingcpp.BarcodeFormat.DataMatrix, zxingcpp.BarcodeFormat.QRCode):
        picture = zxingcpp.write_barcode_to_image(zxingcpp.create_barcode(data, symbol), 3)
        (found,) = zxingcpp.read_barcodes(picture)
        assert judged(found.bytes, production, JUNE_2021).reason is reason


def test_what_the_specimens_say(folder: Path) -> None:
    """The content that the kit's own description gives."""
    valid, cycle, test = (
        attestation.certificate(twoddoc.frame(specimen(folder, name))) for name, _ in SPECIMENS
    )
    assert (valid.nam.fnt, valid.nam.gnt, valid.dob) == ("AZAY<LE<RIDEAU", "JEAN<PIERRE", "1952-08-04")
    assert valid.v
    assert cycle.v
    assert test.t
    assert (valid.v[0].mp, valid.v[0].dn, valid.v[0].sd, valid.v[0].dt) == (
        "EU/1/20/1528",
        2,
        2,
        "2021-03-31",
    )
    assert (cycle.v[0].dn, cycle.v[0].sd) == (1, 2)
    assert (test.nam.gnt, test.t[0].tt, test.t[0].tr) == ("", "3333", "X")


def test_signers_are_for_their_documents(folder: Path, production: list[Signer]) -> None:
    """Each of the four signs its type alone, and nothing that is not a 2D-Doc."""
    documents = {signer.kid: signer for signer in production if signer.scope & Scope.TWO_D_DOC}
    assert {kid: signer.usage for kid, signer in documents.items()} == {
        b"FR03AHP1": Usage.TEST,
        b"FR03AHP2": Usage.TEST,
        b"FR03AV01": Usage.VACCINATION,
        b"FR03AV02": Usage.VACCINATION,
    }
    swapped = replace(documents[b"FR03AV01"], usage=Usage.TEST)
    assert judged(specimen(folder, "vaccine-valid"), [swapped], JUNE_2021).reason is Reason.KEY_USAGE
    as_eu = replace(documents[b"FR03AV01"], scope=Scope.HC1)
    assert judged(specimen(folder, "vaccine-valid"), [as_eu], JUNE_2021).reason is Reason.SCOPE


def test_a_document_outlives_its_signer(folder: Path, production: list[Signer]) -> None:
    """The certificates ended in 2024, and were valid when they signed."""
    data = specimen(folder, "vaccine-valid")
    for year in (2022, 2026):
        assert judged(data, production, datetime(year, 6, 1, tzinfo=UTC)).reason is Reason.OK
    before = datetime(2021, 4, 25, 21, 59, 59, tzinfo=UTC)  # the last second of the day before, in France
    assert judged(data, production, before).reason is Reason.ISSUED_LATER


def test_the_french_deny_list(folder: Path, production: list[Signer]) -> None:
    """It hashes everything before the separator; links do not hide a document from it."""
    data = specimen(folder, "vaccine-valid")
    deny = DenyList([digest(data.partition(b"\x1f")[0])])
    for text in (data, french.link(data), data + b"\x1dANNEX"):
        assert judged(text, production, JUNE_2021, deny).reason is Reason.LISTED_DOCUMENT


def test_every_changed_byte_is_found(folder: Path, production: list[Signer]) -> None:
    """One bit turned anywhere in the good specimen, or cut off at any place, and it is refused."""
    data = specimen(folder, "vaccine-valid")
    for at in range(len(data)):
        forged = bytearray(data)
        forged[at] ^= 1
        assert judged(bytes(forged), production, JUNE_2021).outcome is not Outcome.ADMIT
        assert judged(data[:at], production, JUNE_2021).outcome is not Outcome.ADMIT


# The picture of the specification's sample, under the public test authority


def picture(folder: Path) -> bytes:
    """What is in the picture."""
    with Image.open(folder / "spec-b2-negative-FR00.png") as image:
        (found,) = zxingcpp.read_barcodes(image)
    assert found.format is zxingcpp.BarcodeFormat.DataMatrix
    data = found.bytes
    assert isinstance(data, bytes)
    return data


def test_the_public_test_authority_is_no_authority(folder: Path, production: list[Signer]) -> None:
    """Its private key is printed in the specification: a production list can't hold it."""
    verdict = judged(picture(folder), production, JUNE_2021)
    assert verdict.reason is Reason.UNKNOWN_SIGNER
    assert not any(signer.kid.startswith(b"FR00") for signer in production)


def test_from_the_picture_to_the_verdict(folder: Path) -> None:
    """Under a test list: its certificate ended in 2015, and with another end the test is negative."""
    (signer,) = imported(folder / "FR00.der", test=True)
    assert (signer.kid, signer.scope, signer.usage, signer.test) == (
        b"FR000001",
        Scope.TWO_D_DOC,
        Usage.ANY,
        True,
    )
    data = picture(folder)
    assert judged(data, [signer], JUNE_2021).reason is Reason.SIGNER_EXPIRED
    verdict = judged(data, [replace(signer, not_after=2**31)], JUNE_2021)
    assert (verdict.reason, verdict.test) == (Reason.OK, True)
    (entry,) = attestation.certificate(twoddoc.frame(data)).entries
    assert (getattr(entry, "tt", ""), getattr(entry, "sc", "")) == ("LP6464-4", "2021-04-07T10:10:00+02:00")


# The light pass


def test_the_light_pass_at_its_time(folder: Path, production: list[Signer]) -> None:
    """From the second of its issue to the last before its expiry, under the real key."""
    data = specimen(folder, "hcfr1-specimen")
    for seconds, at, reason in (
        (-1, LIGHT_ISSUED, Reason.ISSUED_LATER),
        (0, LIGHT_ISSUED, Reason.OK),
        (-1, LIGHT_EXPIRES, Reason.OK),
        (0, LIGHT_EXPIRES, Reason.EXPIRED),
    ):
        moment = datetime.fromtimestamp(at.timestamp() + seconds, UTC)
        verdict = judged(data, production, moment)
        assert (verdict.reason, verdict.format, verdict.test) == (reason, PassFormat.HCFR1, False)


def test_the_light_pass_in_a_wallet_link(folder: Path, production: list[Signer]) -> None:
    """The pass inside is judged."""
    data = french.link(specimen(folder, "hcfr1-specimen"), b"walletdcc#")
    assert judged(data, production, LIGHT_ISSUED).reason is Reason.OK


@pytest.mark.parametrize("prefix", [b"HC1:", b"EX1:"])
def test_the_light_pass_under_another_prefix(folder: Path, production: list[Signer], prefix: bytes) -> None:
    """Its signer signs light passes alone."""
    body = specimen(folder, "hcfr1-specimen").removeprefix(b"HCFR1:")
    assert judged(prefix + body, production, LIGHT_ISSUED).reason is Reason.SCOPE


def test_light_signers_are_two(production: list[Signer]) -> None:
    """The one that says it is an authority among them; they sign nothing else."""
    light = {signer.kid.hex() for signer in production if signer.scope is Scope.LIGHT}
    assert light == {"430d1e6e7f2e4f82", "8771700b329a1c5f"}
    assert not any(signer.scope & Scope.LIGHT and signer.scope is not Scope.LIGHT for signer in production)


def test_every_french_signer_may_sign_exemptions(production: list[Signer]) -> None:
    """72 of them, and nobody else does."""
    exempting = [signer for signer in production if signer.scope & Scope.EXEMPTION]
    assert len(exempting) == 72
    assert all(signer.scope == Scope.HC1 | Scope.EXEMPTION for signer in exempting)
    eu = [signer for signer in production if signer.scope & Scope.HC1]
    assert {signer.country for signer in exempting} == {"FR"}
    assert [signer for signer in eu if signer.country == "FR"] == exempting
