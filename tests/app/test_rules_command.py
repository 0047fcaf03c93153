"""`doorcheck rules`, profile folders, and `--profile` where passes are judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from doorcheck.cli import main
from doorcheck.core.verdict import Reason
from doorcheck.edge import rulefiles
from doorcheck.lab.venue import COUNTRY, rule_object

Capture = pytest.CaptureFixture[str]
AT: Final = "2026-03-01T12:00:00Z"
PROFILE: Final[dict[str, Any]] = {
    "name": "my-venue",
    "title": "My venue",
    "description": "Invented.",
    "country": COUNTRY,
}
NAMED: Final = {"in": [{"var": "payload.v.0.mp"}, {"var": "external.valueSets.products"}]}
RULES: Final = [
    rule_object(True),
    rule_object(NAMED, Identifier="VR-XX-0001", CertificateType="Vaccination", Reason="N-DOS"),
    rule_object(
        False, Identifier="TR-XX-0001", CertificateType="Test", ValidFrom="2026-03-02T00:00:00Z",
        Description=[{"lang": "fr", "desc": "Plus de tests."}, {"lang": "en", "desc": "No tests any more."}],
    ),
]  # fmt: skip
CASES: Final = [
    {"name": "known", "payload": {"v": [{"mp": "A"}]}, "clock": AT, "expected": True},
    {"name": "unknown", "payload": {"v": [{"mp": "Z"}]}, "clock": AT, "expected": False, "reason": "N-DOS"},
    {"name": "tests", "payload": {"t": [{}]}, "clock": "2026-03-02T00:00:00Z", "expected": False},
    {"name": "one rule", "payload": {}, "clock": AT, "expected": True, "rule": "GR-XX-0001"},
    {"name": "own sets", "payload": {"v": [{"mp": "Z"}]}, "clock": AT, "expected": True,
     "valueSets": {"products": ["Z"]}},
]  # fmt: skip


def profile(
    folder: Path,
    about: Any = PROFILE,
    rules: Any = RULES,
    cases: Any = CASES,
    sets: Any = {"products": ["A", "B"]},  # noqa: B006 (never changed)
) -> Path:
    """A profile's folder with these contents."""
    for name, content in {
        "profile.json": about,
        "rules/all.json": rules,
        "cases/all.json": cases,
        "valuesets/all.json": sets,
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return folder


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A profile without a fault."""
    return profile(tmp_path / "my-venue")


def told(capsys: Capture, *words: str) -> tuple[int, Any]:
    """Exit code and what was printed as JSON."""
    code = main(["rules", words[0], "--json", *words[1:]])
    return code, json.loads(capsys.readouterr().out)


def faults(folder: Path) -> list[tuple[str, str]]:
    """File and place of everything wrong in a folder."""
    with pytest.raises(rulefiles.ProfileError) as caught:
        rulefiles.load(folder)
    return [(fault.file, fault.place) for fault in caught.value.faults]


# Shipped profiles


@pytest.mark.parametrize("folder", rulefiles.shipped(), ids=lambda folder: folder.name)
def test_a_shipped_profile_does_what_its_cases_say(folder: Path, capsys: Capture) -> None:
    """Without a fault, called as its folder, with cases that come out right."""
    loaded = rulefiles.load(folder)
    assert loaded.profile.name == folder.name
    assert loaded.cases
    assert main(["rules", "test", folder.name]) == 0
    count = len(loaded.cases)
    assert capsys.readouterr().out == f"{folder.name}: {count} of {count} cases as expected\n"


def test_profiles_are_listed(mine: Path, capsys: Capture) -> None:
    """The shipped ones by name, then those named."""
    code, listed = told(capsys, "list", str(mine))
    names = [row["name"] for row in listed["profiles"]]
    assert code == 0
    assert names == [folder.name for folder in rulefiles.shipped()] + ["my-venue"]
    assert "signature-only" in names
    assert (listed["profiles"][-1]["rules"], listed["profiles"][-1]["cases"]) == (3, 5)
    assert main(["rules", "list"]) == 0
    assert "Any genuine pass" in capsys.readouterr().out


# One's own


@pytest.mark.parametrize(
    ("at", "identifiers"),
    [
        ("2026-03-01T23:59:59.999999Z", ["GR-XX-0001", "VR-XX-0001"]),
        ("2026-03-02", ["GR-XX-0001", "TR-XX-0001", "VR-XX-0001"]),
        ("2019-01-01", []),
    ],
)
def test_the_rules_of_a_day_are_shown(mine: Path, capsys: Capture, at: str, identifiers: list[str]) -> None:
    """From the first moment of a rule on."""
    code, shown = told(capsys, "show", str(mine), "--at", at)
    assert code == 0
    assert [row["identifier"] for row in shown["rules"]] == identifiers


def test_a_rule_is_shown_in_words(mine: Path, capsys: Capture) -> None:
    """Its version, kind, period, reason, and what it says in English."""
    assert main(["rules", "show", str(mine), "--at", "2026-03-02"]) == 0
    said = capsys.readouterr().out
    assert "3 of 3 rules apply at 2026-03-02 00:00:00 UTC" in said
    line = "TR-XX-0001 1.0.0  Test, acceptance  2026-03-02T00:00Z to 2100-01-01T00:00Z  N-RUL"
    assert f"{line}\n  No tests any more." in said
    assert main(["rules", "show", "signature-only"]) == 0
    assert "any genuine pass is accepted" in capsys.readouterr().out


def test_cases_are_run(mine: Path, capsys: Capture) -> None:
    """All right is 0; one that is not is named, with what came instead, and is 1."""
    assert told(capsys, "test", str(mine)) == (0, {"my-venue": {"cases": 5, "failed": []}})
    wrong = [{**CASES[0], "expected": False}, {**CASES[1], "reason": "N-RES"}, *CASES[2:]]
    profile(mine, cases=wrong)
    code, tried = told(capsys, "test", str(mine))
    assert code == 1
    assert tried["my-venue"]["failed"] == [
        {"name": "known", "expected": "a refusal", "got": "OK"},
        {"name": "unknown", "expected": "N-RES", "got": "N-DOS"},
    ]
    assert main(["rules", "test", str(mine), "signature-only"]) == 1
    assert (
        "my-venue: 3 of 5 cases as expected\n  known: expected a refusal, got OK" in capsys.readouterr().out
    )


def test_a_folder_is_checked(mine: Path, capsys: Capture) -> None:
    """No fault is 0; every fault is told with file and place, and is 2."""
    assert main(["rules", "check", str(mine)]) == 0
    assert "no fault in 3 rules and 5 cases" in capsys.readouterr().out
    profile(mine, rules=[rule_object({"and": [True, {"or": []}]}, Version="1"), 7], about={**PROFILE, "x": 1})
    assert main(["rules", "check", str(mine)]) == 2
    said = capsys.readouterr().err.splitlines()
    for line, beginning in zip(said, ("profile.json: $.x", "rules/all.json: $[0].Version",
                                      "rules/all.json: $[1]"), strict=False):  # fmt: skip
        assert line.startswith(f"{mine}/{beginning}: ")
    assert said[-1].startswith("doorcheck rules:")
    code, checked = told(capsys, "check", str(mine))
    assert code == 2
    assert checked[str(mine)][0] == {"file": "profile.json", "place": "$.x", "words": "unknown key"}


@pytest.mark.parametrize(
    ("parts", "where"),
    [
        ({"about": "{"}, [("profile.json", "$")]),
        ({"about": '{"name": "a", "name": "b"}'}, [("profile.json", "$")]),
        ({"about": "[" * 100_000}, [("profile.json", "$")]),
        ({"about": []}, [("profile.json", "$")]),
        ({"about": {**PROFILE, "name": "My Venue"}}, [("profile.json", "$.name")]),
        ({"about": {**PROFILE, "timezone": "Mars"}}, [("profile.json", "$.timezone")]),
        ({"about": {**PROFILE, "timezone": "../../etc/passwd"}}, [("profile.json", "$.timezone")]),
        ({"about": {**PROFILE, "accept": "all"}}, [("profile.json", "$.accept")]),
        ({"about": {**PROFILE, "accept": "any genuine pass"}}, [("profile.json", "$.accept")]),
        ({"rules": [], "cases": []}, [("profile.json", "$")]),
        ({"rules": '[{"Logic": NaN}]', "cases": []}, [("rules/all.json", "$")]),
        ({"rules": [RULES[0], RULES[0]], "cases": []}, [("rules/all.json", "$[1].Version")]),
        ({"sets": {"other": ["A"]}}, [("rules/all.json", "$[1].Logic.in[1].var")]),
        ({"sets": {"products": [1]}, "rules": RULES[0], "cases": []}, [("valuesets/all.json", "$")]),
        ({"sets": [{"products": []}, {"products": []}]}, [("valuesets/all.json", "$[1]")]),
        ({"cases": [{**CASES[0], "clock": "2026-03-01"}]}, [("cases/all.json", "$[0].clock")]),
        ({"cases": [{**CASES[0], "rule": "GR-XX-0009"}]}, [("cases/all.json", "$[0].rule")]),
        ({"cases": [{**CASES[0], "reason": "N-DOS"}]}, [("cases/all.json", "$[0].reason")]),
        ({"cases": [{**CASES[1], "reason": "N-XXX"}]}, [("cases/all.json", "$[0].reason")]),
        ({"cases": [CASES[0], CASES[0]]}, [("cases/all.json", "$[1].name")]),
        ({"cases": {**CASES[0], "claock": 1}}, [("cases/all.json", "$.claock")]),
    ],
)  # fmt: skip
def test_a_fault_in_a_folder_has_file_and_place(
    parts: dict[str, Any], where: list[tuple[str, str]], tmp_path: Path
) -> None:
    """Whatever is wrong, wherever it stands."""
    assert faults(profile(tmp_path / "my-venue", **parts)) == where


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: Capture) -> None:
    """Named, with the profiles there are."""
    for action in ("show", "test", "check"):
        assert main(["rules", action, str(tmp_path / "none")]) == 2
        assert "signature-only" in capsys.readouterr().err
    assert faults(tmp_path) == [("profile.json", "$")]


def test_official_value_sets_are_read(mine: Path) -> None:
    """The official form of one set is as good as ours."""
    official = {"valueSetId": "products", "valueSetDate": "2026-01-01", "valueSetValues": {"A": {}, "B": {}}}
    assert rulefiles.load(profile(mine, sets=official)).value_sets == {"products": ["A", "B"]}


# Official rules


@pytest.fixture
def official(tmp_path: Path) -> Path:
    """A folder as the official rules are laid out, of one rule and one set."""
    folder = tmp_path / "official"
    content = rule_object(NAMED, Identifier="VR-XX-0001", CertificateType="Vaccination")
    external = {"valueSets": {"products": ["Z"], "others": []}, "validationClock": "2026-03-01T12:00:00"}
    test = {"name": "t", "payload": {"v": [{"mp": "Z"}]}, "expected": True, "external": external}
    for name, thing in {
        "XX/VR-XX-0001/rule.json": content,
        "XX/VR-XX-0001/tests/test001.json": test,
        "XX/VR-XX-0001/tests/test002.json": {"expected": True},
        "valuesets/valueSets.json": {"products": ["A"]},
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(thing), "utf-8")
    return folder


def test_official_rules_become_a_profile(official: Path, tmp_path: Path, capsys: Capture) -> None:
    """With their cases, as far as they have a certificate, and the sets in which they differ."""
    folder = tmp_path / "eu-travel-xx"
    code = main(["rules", "import", str(official), "--country", "xx", "-o", str(folder), "--json"])
    said = capsys.readouterr()
    assert code == 0
    assert json.loads(said.out)["cases"] == 1
    assert "test002.json: $.payload" in said.err
    [case] = rulefiles.load(folder).cases
    assert case.value_sets == {"products": ["Z"]}
    assert case.clock.isoformat() == "2026-03-01T12:00:00+00:00"
    assert main(["rules", "test", str(folder)]) == 0


def test_nothing_is_imported_by_half_or_over_something(
    official: Path, tmp_path: Path, capsys: Capture
) -> None:
    """A rule that is broken, a country that is not there, a folder that is: exit code 2, nothing written."""
    words = ["rules", "import", str(official), "--country"]
    new = tmp_path / "eu-travel-xx"
    assert main([*words, "YY", "-o", str(new)]) == 2
    assert main([*words, "XX", "-o", str(official)]) == 2
    assert main([*words, "XX", "-o", str(tmp_path / "Not A Name")]) == 2
    (official / "XX" / "VR-XX-0002").mkdir()
    (official / "XX" / "VR-XX-0002" / "rule.json").write_text("{", "utf-8")
    assert main([*words, "XX", "-o", str(new)]) == 2
    assert "VR-XX-0002/rule.json: no JSON" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["official"]


# Judging with a profile


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lab's passes and lists."""
    folder = tmp_path_factory.mktemp("passes")
    assert main(["lab", str(folder), "--at", AT]) == 0
    return folder


def reason(made: Path, capsys: Capture, picture: str, *words: str) -> str:
    """What `check` says to one of the lab's pictures."""
    lists = ["--trust", str(made / "trust.dctl"), "--deny", str(made / "deny.txt"), "--at", AT]
    main(["check", "--json", *lists, *words, str(made / picture)])
    return str(json.loads(capsys.readouterr().out)["reason"])


def test_passes_are_judged_with_a_profile(made: Path, mine: Path, capsys: Capture) -> None:
    """Its rules, in place of the minimum; what comes before rules stays."""
    assert reason(made, capsys, "valid.png") == "OK"
    assert reason(made, capsys, "valid.png", "--profile", str(mine)) == "N-DOS"
    assert reason(made, capsys, "test.png", "--profile", str(mine)) == "OK"
    assert reason(made, capsys, "leaked.png", "--profile", str(mine)) == "R-UCI"
    assert reason(made, capsys, "valid.png", "--profile", "signature-only") == "OK"
    assert reason(made, capsys, "forged.png", "--profile", "signature-only") == "S-SIG"


def test_nothing_is_judged_with_a_broken_profile(made: Path, mine: Path, capsys: Capture) -> None:
    """It is named, with its first fault and how to see all."""
    profile(mine, rules=[])
    for command in ("check", "explain"):
        code = main([command, "--profile", str(mine), str(made / "valid.png")])
        said = capsys.readouterr()
        assert (code, said.out) == (2, "")
        assert "rules check" in said.err
        assert main([command, "--profile", "none", str(made / "valid.png")]) == 2
        assert "signature-only" in capsys.readouterr().err


def test_a_reason_of_a_rule_is_one_of_the_table() -> None:
    """What the shipped rules say exists, and refuses."""
    for folder in rulefiles.shipped():
        for one in rulefiles.load(folder).rules:
            assert one.refusal in Reason
            assert one.refusal is not Reason.OK
