"""The official rules of 15 countries and their cases; and the same as imported profiles."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from doorcheck.cli import main
from doorcheck.core.certlogic import compile_expression

if TYPE_CHECKING:
    from tests.conformance.conftest import Tally

DATA = "business-rules-testdata"
COUNTRIES = "AT CH CY CZ DE ES EU FI FR HR IE LU NL PL RO".split()  # noqa: SIM905 (easier to read so)
NO_PAYLOAD = "NL/GR-NL-0002/test004"
"""The one case upstream that has no payload at all."""


def test_every_case_of_every_rule(shared_data: Path, tally: Tally) -> None:
    """Each rule compiles, and each of its cases comes out as its file says.

    A case without a clock is of the rule's first moment.
    """
    wrong, left_out = [], []
    results = tally.suites.setdefault("country rules", [])
    for file in sorted((shared_data / DATA).glob("*/*/rule.json")):
        rule = json.loads(file.read_text("utf-8"))
        evaluate = compile_expression(rule["Logic"])
        for test_file in sorted(file.parent.glob("tests/*.json")):
            name = f"{'/'.join(file.parts[-3:-1])}/{test_file.stem}"
            test = json.loads(test_file.read_text("utf-8"))
            if "payload" not in test:
                left_out.append(name)
                continue
            external = {"validationClock": rule["ValidFrom"], **test["external"]}
            results.append(evaluate({"payload": test["payload"], "external": external}) is test["expected"])
            if not results[-1]:
                wrong.append(name)
    assert not wrong
    assert left_out == [NO_PAYLOAD]
    assert len(results) == 1363


@pytest.mark.parametrize("country", COUNTRIES)
def test_an_imported_profile_agrees(
    country: str, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`rules import` makes a profile without a fault, whose cases come out as before."""
    folder = tmp_path / f"eu-travel-{country.lower()}"
    words = ["rules", "import", str(shared_data / DATA), "--country", country, "-o", str(folder)]
    assert main(words) == 0
    assert main(["rules", "test", "--json", str(folder)]) == 0
    said = capsys.readouterr()
    [told] = json.loads(said.out[said.out.index("\n") :]).values()
    assert told["failed"] == []
    cases = len(list((shared_data / DATA / country).glob("*/tests/*.json")))
    assert told["cases"] == cases - len(re.findall("left out", said.err))
    assert (said.err == "") is (country != "NL")  # two cases there have no certificate


def test_a_broken_rule_upstream_is_named_and_nothing_is_written(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Malta's rules are no CertLogic (an `if` of four) and two in one folder: half a set would admit."""
    folder = tmp_path / "eu-travel-mt"
    assert main(["rules", "import", str(shared_data / DATA), "--country", "MT", "-o", str(folder)]) == 2
    said = capsys.readouterr().err
    assert "VR-MT-0005.json: $.Logic: 'if' takes 3 operands; here are 4" in said
    assert "RR-MT-0001: one rule is wanted here; there are 2" in said
    assert not folder.exists()
