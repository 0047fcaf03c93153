"""`doorcheck rules`: which rules apply on a day, whether they do what they say, new profiles."""

from __future__ import annotations

import argparse
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from doorcheck.commands import arguments as words
from doorcheck.commands.arguments import InputError
from doorcheck.core.ruleset import AnyGenuine, Compiled
from doorcheck.core.verdict import Reason
from doorcheck.edge import rulefiles
from doorcheck.edge.rulefiles import FileFault, Loaded, ProfileError
from doorcheck.edge.store import StoreError, write_atomically
from doorcheck.edge.strictjson import JsonError, read_json
from doorcheck.operator import countryrules
from doorcheck.operator.countryrules import OfficialRule
from doorcheck.operator.text import printable

EXAMPLES = """\
examples:
  doorcheck rules list                                     the profiles that are shipped
  doorcheck rules show fr-sanitaire --at 2021-08-15        the rules of that day
  doorcheck rules test fr-sanitaire                        run its cases
  doorcheck rules check my-venue/                          what is wrong in a folder, if anything
  doorcheck rules import official/ --country AT -o eu-travel-at/
                                                           official country rules as a profile
  doorcheck check --profile my-venue/ --trust T pass.png   judge with it

A PROFILE is the name of a shipped one, or a folder; `device/doorcheck/profiles/README.md`
describes the files. official/ is laid out as eu-digital-green-certificates/dgc-business-rules-testdata.
exit codes: 0 all well, 1 a case failed, 2 bad usage, or a folder with faults (all are named)
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="the shipped profiles, and those of folders")
    listing.add_argument("profiles", nargs="*", metavar="FOLDER", help="more profiles")
    showing = actions.add_parser("show", help="the rules that apply at a time")
    showing.add_argument("profiles", nargs=1, metavar="PROFILE")
    showing.add_argument("--at", metavar="TIME", help="ISO 8601; without a zone it is UTC (default: now)")
    testing = actions.add_parser("test", help="run the profiles' cases")
    testing.add_argument("profiles", nargs="+", metavar="PROFILE")
    checking = actions.add_parser("check", help="name everything that is wrong in a folder")
    checking.add_argument("profiles", nargs="+", metavar="FOLDER")
    importing = actions.add_parser("import", help="make a profile out of official country rules")
    importing.add_argument("source", metavar="SOURCE", type=Path, help="folder with one for each country")
    importing.add_argument("--country", metavar="CC", required=True, help="two letters, as its folder there")
    importing.add_argument(
        "-o", "--output", metavar="DIR", type=Path, required=True, help="folder of the new profile, not there"
    )
    for action in (listing, showing, testing, checking, importing):
        action.add_argument("--json", action="store_true", help="one JSON object")
        action.epilog = EXAMPLES
        action.formatter_class = argparse.RawDescriptionHelpFormatter


def run(arguments: argparse.Namespace) -> int:
    """Do what the action says; see the exit codes in the examples."""
    try:
        if arguments.action == "import":
            return _import(arguments)
        return {"list": _list, "show": _show, "test": _test, "check": _check}[arguments.action](arguments)
    except ProfileError as error:
        _tell_faults(error)
        return 2
    except (InputError, StoreError) as error:
        print(f"doorcheck rules {arguments.action}: {error}", file=sys.stderr)
        return 2


def _tell_faults(error: ProfileError) -> None:
    for fault in error.faults:
        print(printable(f"{error.folder}/{fault}", 400), file=sys.stderr)
    count = len(error.faults)
    print(f"doorcheck rules: {count} fault{'s'[: count != 1]} in {error.folder}", file=sys.stderr)


def _list(arguments: argparse.Namespace) -> int:
    folders = [*rulefiles.shipped(), *map(Path, arguments.profiles)]
    loaded = [(folder, rulefiles.load(folder)) for folder in folders]
    rows = [
        {
            "name": one.profile.name,
            "title": one.profile.title,
            "country": one.profile.country,
            "rules": len(one.rules),
            "cases": len(one.cases),
            "folder": str(folder),
        }
        for folder, one in loaded
    ]
    if arguments.json:
        print(json.dumps({"profiles": rows}, ensure_ascii=False, indent=2))
    else:
        for row in rows:
            count = f"{row['rules']} rules, {row['cases']} cases"
            print(f"{row['name']:20} {count:22} {row['title']}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    loaded = rulefiles.load(words.profile_folder(arguments.profiles[0]))
    at = datetime.now(UTC) if arguments.at is None else words.time(arguments.at)
    rules, profile = loaded.rule_set(), loaded.profile
    applying: tuple[Compiled, ...] = ()
    if not isinstance(rules, AnyGenuine):
        applying = rulefiles.applying(rules, profile.country, profile.region, at)
    if arguments.json:
        head = {"profile": profile.name, "at": at.isoformat(), "accept": profile.accept}
        told = {**head, "rules": [_as_object(one) for one in applying]}
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return 0
    print(f"{profile.name}: {profile.title}\n{profile.description}")
    if isinstance(rules, AnyGenuine):
        print("\nany genuine pass is accepted; there are no rules")
        return 0
    print(f"\n{len(applying)} of {len(loaded.rules)} rules apply at {at:%Y-%m-%d %H:%M:%S} UTC")
    for one in applying:
        rule = one.rule
        kind = f"{rule.certificate_type.value}, {rule.type.value.lower()}"
        period = f"{_day(rule.valid_from)} to {_day(rule.valid_to)}"
        print(f"\n{rule.identifier} {rule.version}  {kind}  {period}  {one.refusal.code}")
        print(f"  {printable(rule.words, 1000)}")
    return 0


def _day(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def _as_object(one: Compiled) -> dict[str, Any]:
    rule = one.rule
    return {
        "identifier": rule.identifier,
        "version": rule.version,
        "type": rule.type.value,
        "certificateType": rule.certificate_type.value,
        "description": rule.words,
        "validFrom": rule.valid_from.isoformat(),
        "validTo": rule.valid_to.isoformat(),
        "reason": one.refusal.code,
        "sources": rule.sources,
    }


def _test(arguments: argparse.Namespace) -> int:
    told = {}
    for name in arguments.profiles:
        loaded = rulefiles.load(words.profile_folder(name))
        failed = _failed(loaded)
        told[loaded.profile.name] = {"cases": len(loaded.cases), "failed": failed}
        if not arguments.json:
            right = len(loaded.cases) - len(failed)
            print(f"{loaded.profile.name}: {right} of {len(loaded.cases)} cases as expected")
            for row in failed:
                print(f"  {printable(row['name'])}: expected {row['expected']}, got {row['got']}")
    if arguments.json:
        print(json.dumps(told, ensure_ascii=False, indent=2))
    return 1 if any(row["failed"] for row in told.values()) else 0


def _failed(loaded: Loaded) -> list[dict[str, str]]:
    rules = loaded.rule_set()
    failed = []
    for case in loaded.cases:
        reason = rulefiles.try_case(loaded, rules, case)
        if not rulefiles.is_met(case, reason):
            expected = Reason.OK.code if case.expected else case.reason or "a refusal"
            failed.append({"name": case.name, "expected": expected, "got": reason.code})
    return failed


def _check(arguments: argparse.Namespace) -> int:
    told: dict[str, list[FileFault]] = {}
    for name in arguments.profiles:
        folder = words.profile_folder(name)
        try:
            loaded = rulefiles.load(folder)
        except ProfileError as error:
            told[name] = error.faults
            if not arguments.json:
                _tell_faults(error)
        else:
            told[name] = []
            if not arguments.json:
                print(f"{name}: no fault in {len(loaded.rules)} rules and {len(loaded.cases)} cases")
    if arguments.json:
        rows = {
            name: [{"file": one.file, "place": one.place, "words": one.words} for one in faults]
            for name, faults in told.items()
        }
        print(json.dumps(rows, ensure_ascii=False, indent=2))
    return 2 if any(told.values()) else 0


def _import(arguments: argparse.Namespace) -> int:
    source, output, country = arguments.source, arguments.output, arguments.country.upper()
    folder = source / country
    if not folder.is_dir():
        raise InputError(f"{source}: there is no folder {country} in it; name the folder that holds it")
    if output.exists():
        raise InputError(f"-o {output}: is there already; remove it or choose another name")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", output.resolve().name):
        raise InputError(f"-o {output}: a profile is called by lower-case letters, digits and '-'")
    faults: list[str] = []
    official = [_official(one, faults) for one in sorted(folder.iterdir()) if one.is_dir()]
    sets = _json(source / "valuesets" / "valueSets.json", faults)
    made = countryrules.convert(output.resolve().name, country, [r for r in official if r], sets)
    faults += made.faults
    for fault in faults:
        print(printable(fault, 400), file=sys.stderr)
    if faults:
        raise InputError(f"nothing written: {len(faults)} faults in {folder}, and half a rule set admits")
    for one in made.left_out:
        print(printable(f"left out: {one}"), file=sys.stderr)
    _write(output, made.files)
    loaded = rulefiles.load(output)
    told = {"written": str(output), "rules": len(loaded.rules), "cases": len(loaded.cases)}
    if arguments.json:
        print(json.dumps({**told, "leftOut": made.left_out}, ensure_ascii=False, indent=2))
    else:
        print(f"wrote {output}: {told['rules']} rules, {told['cases']} cases")
    return 0


def _official(folder: Path, faults: list[str]) -> OfficialRule | None:
    """A rule's folder: its one JSON file, and its tests."""
    files = sorted(folder.glob("*.json"))
    if len(files) != 1:
        faults.append(f"{folder}: one rule is wanted here; there are {len(files)}")
        return None
    tests = {path.name: _json(path, faults) for path in sorted(folder.glob("tests/*.json"))}
    return OfficialRule(f"{folder.name}/{files[0].name}", _json(files[0], faults), tests)


def _json(path: Path, faults: list[str]) -> Any:
    try:
        return read_json(path)
    except JsonError as error:
        faults.append(f"{path}: {error}")
        return None


def _write(output: Path, files: dict[str, Any]) -> None:
    try:
        for name, content in files.items():
            path = output / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n")
    except OSError as error:
        raise StoreError(f"cannot write {output}: {(error.strerror or str(error)).lower()}") from error
