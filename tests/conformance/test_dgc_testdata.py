"""The official European vectors: every stage flag of every vector, and the door as a whole."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.conformance import check_pictures, expected, running, stages
from tests.conformance.dgc import ABSENT, Vector, official, signer
from tests.conformance.expected import WAIVERS, Door, WaiverError
from tests.conformance.stages import STAGES, Status

from doorcheck.core import cose
from doorcheck.core.verdict import Reason
from doorcheck.lab import issuer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conformance.conftest import Tally

    from doorcheck.core.trust import Signer

each_vector = pytest.mark.parametrize(
    "vector",
    [pytest.param(vector, id=vector.name) for vector in official()]
    or [pytest.param(None, id="absent", marks=pytest.mark.skip(reason=ABSENT))],
)


@each_vector
def test_every_flag(vector: Vector, tally: Tally) -> None:
    """Each stage of ours does what the vector states of it, or a waiver says why not."""
    faults = []
    for finding in expected.findings(vector):
        tally.add(vector, finding)
        faults.append(expected.fault(vector, finding))
    assert not any(faults), "\n".join(filter(None, faults))


@each_vector
def test_the_door(vector: Vector, crowd: list[Signer], tally: Tally) -> None:
    """The whole verifier, among hundreds of signers, at the vector's clock, says what its flags add up to."""
    judged = running.judge(vector.text, [*crowd, signer(vector.certificate)], vector.clock)
    if expected.door(vector) is Door.GENUINE:
        tally.reasons.setdefault(judged.reason, []).append(vector.name)
    assert expected.agrees(vector, judged.reason), f"{expected.door(vector).value}, but {judged.reason.code}"


@pytest.mark.parametrize("part", ["payload", "signature"])
def test_one_bit_flipped_is_refused(part: str, vectors: tuple[Vector, ...]) -> None:
    """Each genuine vector's twin with one bit flipped is refused as forged.

    No official vector is well-formed with a wrong signature: the one that claims to be
    has three bytes of it.
    """
    verdicts = set()
    for vector in vectors:
        if expected.door(vector) is Door.GENUINE:
            message = running.message(vector)
            bits = getattr(cose.frame(message), part)
            flipped = message.replace(bits, bits[:-1] + bytes((bits[-1] ^ 1,)))
            verdicts.add(running.as_it_is(vector, issuer.text(flipped)).reason)
    assert verdicts == {Reason.SIGNATURE}


@pytest.mark.parametrize(
    ("name", "key_usage", "total"), [("signature", False, 562), ("signature and key usage", True, 568)]
)
def test_score(
    name: str, key_usage: bool, total: int, vectors: tuple[Vector, ...], crowd: list[Signer], tally: Tally
) -> None:
    """Every vector that states whether it is genuine is judged so, but for the documented faults upstream."""
    statements = {vector: expected.stated(vector, key_usage=key_usage) for vector in vectors}
    asked = {vector: genuine for vector, genuine in statements.items() if genuine is not None}
    missed = {
        vector.name
        for vector, genuine in asked.items()
        if expected.accepted(vector, crowd, key_usage=key_usage) is not genuine
    }
    right = f"{len(asked) - len(missed)} of {len(asked)}"
    tally.scores[name] = f"{right}; documented faults upstream: {', '.join(sorted(missed))}"
    assert len(asked) == total
    assert missed == expected.documented(vectors, key_usage=key_usage)


def test_every_waiver_is_needed(vectors: tuple[Vector, ...]) -> None:
    """Each waiver covers a flag at least; that each flag it covers needs it, `test_every_flag` says."""
    flags = [(vector.name, flag, value) for vector in vectors for flag, value in vector.flags.items()]
    idle = [waiver for waiver in expected.waivers() if not any(waiver.covers(*flag) for flag in flags)]
    assert not idle


def test_every_flag_is_known(vectors: tuple[Vector, ...]) -> None:
    """No flag is left out in silence: each has its stage, or the reason why there is none."""
    assert {flag for vector in vectors for flag in vector.flags} <= STAGES.keys() | stages.UNDEFINED.keys()


@pytest.mark.parametrize("flag", STAGES)
def test_an_inverted_flag_is_noticed(flag: str, vectors: tuple[Vector, ...]) -> None:
    """A stage that never disagreed would prove nothing: it disagrees once its flag states the opposite."""
    asked = next(vector for vector in vectors if vector.flags.get(flag) is True)
    assert stages.examine(asked, flag, expected=True).status is Status.PASSED
    assert stages.examine(asked, flag, expected=False).status is Status.FAILED


@pytest.mark.parametrize(
    ("flag", "field"),
    [
        ("EXPECTEDPICTUREDECODE", "PREFIX"),
        ("EXPECTEDUNPREFIX", "BASE45"),
        ("EXPECTEDB45DECODE", "COMPRESSED"),
        ("EXPECTEDCOMPRESSION", "COSE"),
        ("EXPECTEDDECODE", "CBOR"),
        ("EXPECTEDENCODE", "CBOR"),
        ("EXPECTEDVALIDJSON", "JSON"),
    ],
)
def test_another_result_is_noticed(flag: str, field: str, vectors: tuple[Vector, ...]) -> None:
    """A stage whose product isn't the vector's fails, though it runs without complaint."""
    one, other = [vector for vector in vectors if vector.flags.get(flag) and vector.fields.get(field)][:2]
    mixed = replace(one, fields={**one.fields, field: other.fields[field]})
    assert stages.examine(mixed, flag, expected=True).status is Status.FAILED


@pytest.mark.parametrize("lacking", ["vectors", "flags", "expected", "why", "reference"])
def test_a_waiver_needs_all_its_words(lacking: str) -> None:
    """A waiver without a reference, or any other part, stops the build."""
    row = tomllib.loads(WAIVERS.read_text("utf-8"))["waiver"][0]
    with pytest.raises(WaiverError, match=lacking):
        expected.waiver({key: value for key, value in row.items() if key != lacking})


@pytest.mark.parametrize("reference", ["", "known", "https://example.org", "owner/repo#", "owner/repo#0"])
def test_a_waiver_needs_a_reference_to_follow(reference: str) -> None:
    """A reference names an issue, or a file and its section."""
    row = tomllib.loads(WAIVERS.read_text("utf-8"))["waiver"][0]
    with pytest.raises(WaiverError, match="reference"):
        expected.waiver({**row, "reference": reference})


def test_a_stale_waiver_is_noticed(vectors: tuple[Vector, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """A waiver for a flag that agrees is a fault."""
    vector = next(one for one in vectors if one.name == "AT/1")
    finding = expected.findings(vector)[0]
    assert expected.fault(vector, finding) == ""
    row = {"vectors": "AT/*", "flags": [finding.flag], "expected": True, "why": "none", "reference": "a/b#1"}
    monkeypatch.setattr(expected, "waivers", lambda: (expected.waiver(row),))
    assert "stale waiver" in expected.fault(vector, finding)


def test_a_fault_of_ours_is_no_agreement(vectors: tuple[Vector, ...]) -> None:
    """OUT_OF_ORDER agrees with nothing: a fault in the verifier never counts as a refusal."""
    assert not any(expected.agrees(vector, Reason.FAULT) for vector in vectors)


@pytest.mark.slow
def test_the_command_on_every_picture(shared_data: Path) -> None:
    """`doorcheck check`, as an operator calls it, agrees with the vectors on all their pictures."""
    assert check_pictures.main(shared_data / "dgc-testdata") == 0
