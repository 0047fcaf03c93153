"""`doorcheck operator` and `doorcheck update`, from the first key to a door's verdict."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from doorcheck.cli import main
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.core.verdict import Reason
from doorcheck.core.verify import verify
from doorcheck.lab import issuer, leak
from doorcheck.lab.issuer import PEOPLE, Authority
from doorcheck.lab.press import Difficulty, press_picture
from doorcheck.lab.reencoding import reencoded
from doorcheck.update.worlds import Worlds

AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
BY = "Zoë Lighthouse"
Capture = pytest.CaptureFixture[str]


class Office:
    """An operator's computer: a repository, an author, a test authority."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.folder = folder
        self.repo = folder / "fleet"
        self.authority = authority
        self.at = AT

    def secret(self, name: str) -> Path:
        """A passphrase's file."""
        path = self.folder / f"{name}.txt"
        if not path.exists():
            path.touch(0o600)
            path.write_text(f"correct horse {name}\n")
        return path

    def words(self, action: str, *more: str) -> list[str]:
        """A call as its author, at the office's time; time goes on."""
        self.at += timedelta(seconds=1)
        own = ["--repo", str(self.repo), "--by", BY, "--reason", f"test of {action}"]
        own += ["--passphrase-file", str(self.secret("author")), "--at", self.at.isoformat()]
        daily = ["--daily-passphrase-file", str(self.secret("daily"))] if action == "publish" else []
        return ["operator", action, *own, *daily, *more]

    def do(self, action: str, *more: str) -> None:
        """A call that must succeed."""
        assert main(self.words(action, *more)) == 0

    def issue(self, serial: str, person: int = 0) -> bytes:
        """A genuine pass of the test authority."""
        return self.authority.issue(PEOPLE[person], issuer.vaccination(AT, serial), AT)


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """A repository with a trust list, made once."""
    office = Office(tmp_path_factory.mktemp("office"), Authority("operator", made=AT))
    secrets = [f"--{name}-passphrase-file={office.secret(name)}" for name in ("root", "daily", "author")]
    words = ["operator", "init", str(office.repo), "--by", BY, "--at", AT.isoformat(), *secrets]
    assert main(words) == 0
    signers = office.folder / "authority.json"
    signers.write_text(leak.certificates(office.authority))
    office.do("import-trust", str(signers), "--as", "lab", "--test", "--yes")
    return office


@pytest.fixture
def office(founded: Office, tmp_path: Path) -> Office:
    """A copy of it for one test."""
    shutil.copytree(founded.folder, tmp_path / "office", symlinks=True)
    copy = Office(tmp_path / "office", founded.authority)
    copy.at = founded.at
    return copy


@pytest.fixture
def door(office: Office, tmp_path: Path) -> Callable[[bytes], Reason]:
    """A door that takes what is published each time it is asked for a verdict."""
    state = tmp_path / "state"
    assert main(["update", "--enrol", str(office.repo / "for-devices"), "--state", str(state)]) == 0

    def judge(text: bytes) -> Reason:
        now = office.at + timedelta(minutes=1)
        words = ["update", str(office.repo / "public"), "--state", str(state), "--at", now.isoformat()]
        assert main(words) == 0
        symbol = Symbol(SymbolFormat.QR, text)
        return verify(symbol, Worlds(state).current(), Moment(now, Basis.NETWORK)).reason

    return judge


def said(capsys: Capture) -> dict[str, Any]:
    """The JSON object of the last call."""
    return dict(json.loads(capsys.readouterr().out))


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Puts bytes on standard input."""

    def put(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(data)))

    return put


def test_a_pass_is_revoked_from_its_photograph(office: Office, door: Callable[[bytes], Reason]) -> None:
    """Admitted, photographed, listed, published: refused under every encoding; the replacement is not."""
    leaked, replacement = office.issue("leaked"), office.issue("replacement")
    office.do("publish")
    assert door(leaked) is Reason.OK
    photograph = office.folder / "press.jpg"
    photograph.write_bytes(press_picture(leaked, Difficulty.EASY, seed=1))
    office.do("revoke", str(photograph))
    assert door(leaked) is Reason.OK, "nothing is published yet"
    office.do("publish")
    assert door(leaked) is Reason.LISTED_SIGNATURE
    others = {door(text) for text in reencoded(leaked).values()}
    assert others == {Reason.LISTED_SIGNATURE, Reason.SCOPE}
    assert door(replacement) is Reason.OK


def test_a_pass_comes_back_when_it_is_unrevoked(
    office: Office, door: Callable[[bytes], Reason], capsys: Capture, typed: Callable[[bytes], None]
) -> None:
    """`unrevoke` takes the identity that `revoke` told, and no other."""
    typed(office.issue("leaked") + b"\n")
    capsys.readouterr()
    office.do("revoke", "-", "--json")
    identity = said(capsys)["passes"][0]["id"]
    office.do("publish")
    assert door(office.issue("leaked")) is Reason.LISTED_SIGNATURE
    assert main(office.words("unrevoke", "0123456789ab")) == 1
    office.do("unrevoke", identity)
    office.do("publish")
    assert door(office.issue("leaked")) is Reason.OK


def test_what_is_no_genuine_pass_is_not_listed(
    office: Office, capsys: Capture, typed: Callable[[bytes], None]
) -> None:
    """An identifier in a forged pass may be anybody's: refused, with the reason, and nothing is recorded."""
    stranger = Authority("a stranger", made=AT)
    before = len(list((office.repo / "log").glob("*.cose")))
    typed(stranger.issue(PEOPLE[0], issuer.vaccination(AT, "leaked"), AT))
    assert main(office.words("revoke", "-")) == 1
    assert "S-UNK" in capsys.readouterr().err
    blank = office.folder / "blank.png"
    Image.new("L", (640, 480), 200).save(blank)
    assert main(office.words("revoke", str(blank), "--patience", "1")) == 1
    assert "no pass" in capsys.readouterr().err
    assert len(list((office.repo / "log").glob("*.cose"))) == before


def test_nothing_of_a_visitor_is_shown_or_kept(
    office: Office, capsys: Capture, typed: Callable[[bytes], None]
) -> None:
    """Output, log and lists hold the type and hashes of a revoked pass: no name, date or identifier."""
    typed(office.issue("leaked", person=4))
    capsys.readouterr()
    office.do("revoke", "-")
    shown = "".join(capsys.readouterr())
    kept = [path.read_bytes() for path in office.repo.rglob("*") if path.is_file()]
    person = PEOPLE[4]
    for datum in (person.surname, person.forename, person.birth, issuer.identifier("leaked"), "HC1:"):
        assert datum not in shown
        assert not any(datum.encode() in data for data in kept)


def test_a_hash_is_listed_as_it_is(office: Office, door: Callable[[bytes], Reason]) -> None:
    """A hash that a hotline tells is an entry, whole or its first half."""
    whole = hashlib.sha256(issuer.identifier("told").encode()).hexdigest()
    office.do("revoke", "--hash", whole)
    office.do("publish")
    assert door(office.issue("told")) is Reason.LISTED_IDENTIFIER
    assert main(office.words("revoke", "--hash", "12345")) == 2
    assert main(office.words("revoke")) == 2


def test_a_deny_list_of_others_is_imported_and_removed(
    office: Office, door: Callable[[bytes], Reason], tmp_path: Path, capsys: Capture
) -> None:
    """It counts beside one's own, and goes again by its name; a damaged one is not taken."""
    listed = tmp_path / "list.txt"
    listed.write_text(hashlib.sha256(issuer.identifier("elsewhere").encode()).hexdigest() + "\n")
    office.do("import-deny", str(listed), "--as", "others")
    office.do("publish")
    assert door(office.issue("elsewhere")) is Reason.LISTED_IDENTIFIER
    listed.write_text("not a hash\n")
    assert main(office.words("import-deny", str(listed), "--as", "others")) == 1
    assert "nothing was taken" in capsys.readouterr().err
    office.do("remove-deny", "others")
    office.do("publish")
    assert door(office.issue("elsewhere")) is Reason.OK


def test_a_list_that_lost_its_signers_is_refused(office: Office, capsys: Capture, tmp_path: Path) -> None:
    """An outage looks like that; the operator can say that it is meant."""
    other = tmp_path / "other.json"
    other.write_text(leak.certificates(Authority("another", made=AT)))
    words = [str(other), "--as", "lab", "--test", "--yes"]
    assert main(office.words("import-trust", *words)) == 1
    assert "--most-lost" in capsys.readouterr().err
    office.do("import-trust", *words, "--most-lost", "1")


def test_the_published_list_can_not_be_guessed(office: Office, typed: Callable[[bytes], None]) -> None:
    """What is pushed holds none of the entries as they are: they are keyed with the doors' secret."""
    typed(office.issue("leaked"))
    office.do("revoke", "-")
    office.do("publish")
    kept = json.loads((office.repo / "lists/revoked.json").read_text())
    hashes = [bytes.fromhex(text) for one in kept for text in one["hashes"]]
    published = [path.read_bytes() for path in (office.repo / "public").rglob("*") if path.is_file()]
    assert hashes
    assert not any(hashed in data for hashed in hashes for data in published)


def test_rules_and_settings_reach_the_doors(
    office: Office, door: Callable[[bytes], Reason], tmp_path: Path, capsys: Capture
) -> None:
    """Rules by name or folder, settings by file; what a door could not use is refused before it is signed."""
    office.do("publish")
    assert door(office.issue("x")) is Reason.OK
    office.do("use-rules", "fr-vaccinal")
    office.do("publish")
    assert door(office.issue("x")) is not Reason.OK
    settings = tmp_path / "settings.toml"
    settings.write_text("[freshness]\ntoo_late = 1\n")
    assert main(office.words("use-settings", str(settings))) == 1
    assert "too_late" in capsys.readouterr().err
    settings.write_text("[freshness]\nageing_hours = 0.001\ntoo_old_hours = 0.002\n")
    office.do("use-settings", str(settings))
    office.do("publish")
    assert door(office.issue("x")) is Reason.LISTS_TOO_OLD
    assert main(office.words("use-rules", "no-such-profile")) == 1


def test_two_authors_and_one_who_left(office: Office, capsys: Capture) -> None:
    """A new author signs after an author let them in; one who was retired does not."""
    new = str(office.secret("second"))
    office.do("add-author", "Milo Sunday", "--new-passphrase-file", new)
    second = office.words("use-rules", "signature-only")
    second[second.index(BY)] = "Milo Sunday"
    second[second.index(str(office.secret("author")))] = new
    assert main(second) == 0
    office.do("retire-author", "Milo Sunday")
    assert main(second) == 1
    capsys.readouterr()
    assert main(["operator", "log", "--repo", str(office.repo), "--json"]) == 0
    entries = said(capsys)["entries"]
    assert [(one["action"], one["author"]) for one in entries[-3:]] == [
        ("add-author", BY),
        ("set-rules", "Milo Sunday"),
        ("retire-author", BY),
    ]


def test_a_change_without_an_entry_is_found(office: Office, capsys: Capture) -> None:
    """`verify` names a list that somebody touched behind the record's back, and a cut record."""
    assert main(["operator", "verify", "--repo", str(office.repo)]) == 0
    capsys.readouterr()
    assert main(["operator", "verify", "--repo", str(office.repo), "--json"]) == 0
    head = said(capsys)["head"]
    path = office.folder / "head.json"
    path.write_text(json.dumps({"log": head}))
    (office.repo / "lists/settings.toml").write_text("")
    assert main(["operator", "verify", "--repo", str(office.repo)]) == 1
    assert "settings" in capsys.readouterr().err
    (office.repo / "lists/settings.toml").unlink()
    max((office.repo / "log").glob("*.cose")).unlink()
    assert main(["operator", "verify", "--repo", str(office.repo), "--head", str(path)]) == 1


def test_the_wrong_author_and_the_wrong_passphrase(office: Office, capsys: Capture) -> None:
    """Each says what is wrong, who there is, and changes nothing."""
    words = office.words("use-rules", "signature-only")
    unknown = [*words]
    unknown[unknown.index(BY)] = "Nobody"
    assert main(unknown) == 1
    assert BY in capsys.readouterr().err
    words[words.index(str(office.secret("author")))] = str(office.secret("daily"))
    assert main(words) == 1
    assert "wrong passphrase" in capsys.readouterr().err
    assert main([*office.words("publish"), "--daily-passphrase-file", str(office.secret("root"))]) == 1


def test_the_same_input_publishes_the_same_bytes(office: Office, tmp_path: Path) -> None:
    """Two copies of a repository, published at the same time with the same words, are one."""
    other = Office(tmp_path / "twin", office.authority)
    shutil.copytree(office.folder, other.folder)
    other.at = office.at
    for one in (office, other):
        one.do("publish")

    def tree(one: Office) -> dict[str, bytes]:
        public = one.repo / "public"
        return {str(p.relative_to(public)): p.read_bytes() for p in public.rglob("*") if p.is_file()}

    assert tree(office) == tree(other)
    assert tree(office)


def test_refresh_renews_dates_and_nothing_else(office: Office, capsys: Capture) -> None:
    """Without an author and without the targets' key."""
    office.do("publish")
    before = {path.name for path in (office.repo / "public/targets").rglob("*")}
    refresh = ["operator", "publish", "--refresh", "--repo", str(office.repo)]
    later = (office.at + timedelta(days=10)).isoformat()
    assert main([*refresh, "--at", later, "--daily-passphrase-file", str(office.secret("daily"))]) == 0
    assert {path.name for path in (office.repo / "public/targets").rglob("*")} == before
    assert main(["operator", "publish", "--repo", str(office.repo)]) == 2
    assert "--by" in capsys.readouterr().err


def test_status_tells_what_is_there(office: Office, capsys: Capture) -> None:
    """For people and for programs."""
    office.do("publish")
    capsys.readouterr()
    assert main(["operator", "status", "--repo", str(office.repo), "--json"]) == 0
    told = said(capsys)
    assert told["trust"] == {"lab": 1}
    assert told["log"]["entries"] == 3
    assert main(["operator", "status", "--repo", str(office.repo)]) == 0
    assert "lab" in capsys.readouterr().out


@pytest.mark.slow
def test_the_story_of_the_leak(tmp_path: Path) -> None:
    """Issue, photograph, admit at three doors, revoke, push, refuse, replace, name, no way back."""
    told: list[str] = []
    steps = leak.Leak(tmp_path, told.append).play()
    by_words = {step.words: step.results for step in steps}
    doors = set(leak.DOORS)
    admitted = by_words["the leaked pass is shown at every door: admitted"]
    assert admitted == dict.fromkeys(doors, "OK")
    assert by_words["the same pass again: refused"] == dict.fromkeys(doors, "R-SIG")
    assert by_words["its replacement, same person: admitted"] == dict.fromkeys(doors, "OK")
    assert by_words["the leaked pass, once more: refused"] == dict.fromkeys(doors, "R-SIG")
    assert by_words["the record names who did it"]["entry"]["author"] == leak.OPERATOR
    older = by_words["somebody pushes an older copy of the repository: every door refuses it"]
    assert set(older) == doors
    assert all("this is an old copy" in words for words in older.values()), older
    assert len(told) >= len(steps)


def test_certificates_of_the_story_are_under_their_own_key_identifier() -> None:
    """The story's trust list is what national lists look like."""
    authority = Authority("certificates", made=AT)
    ((kid, der),) = json.loads(leak.certificates(authority)).items()
    assert base64.b64decode(kid) == authority.signer.kid
    assert base64.b64decode(der)[:1] == b"\x30"
