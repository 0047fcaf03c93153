"""The operator's part of the runbooks, gone through for real: the lines as they stand, in their order."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from doorcheck.cli import main
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.core.verdict import Reason
from doorcheck.core.verify import verify
from doorcheck.lab import issuer, leak
from doorcheck.lab.issuer import PEOPLE, Authority
from doorcheck.lab.press import Difficulty, press_picture
from doorcheck.update.known import Known
from doorcheck.update.state import State
from doorcheck.update.worlds import Worlds

pytestmark = pytest.mark.slow  # keys are slow to open, on purpose

AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
RUNBOOKS = Path(__file__).parents[2] / "deploy" / "runbooks"
SECRETS = {
    "init": ("--root-passphrase-file", "--daily-passphrase-file", "--author-passphrase-file"),
    "rotate": ("--root-passphrase-file", "--daily-passphrase-file"),
    "publish": ("--daily-passphrase-file", "--passphrase-file"),
    "tell-time": ("--daily-passphrase-file",),
    "add-author": ("--passphrase-file", "--new-passphrase-file"),
    "badge": ("--passphrase-file", "--badge-passphrase-file"),
    "import-trust": ("--passphrase-file",),
    "revoke": ("--passphrase-file",),
    "unrevoke": ("--passphrase-file",),
    "retire-author": ("--passphrase-file",),
    "withdraw-badge": ("--passphrase-file",),
}
TIMELESS = frozenset({"take-over", "verify", "log"})


class Fleet:
    """An operator's computer with sticks, and one door."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.folder = folder
        self.repo = folder / "fleet"
        self.state = folder / "state"
        self.authority = authority
        self.at = AT
        self.names: dict[str, str] = {}
        """What stands for what in the pages."""

    def do(self, text: str) -> int:
        """One line, with passphrases from a file and at the fleet's time, which goes on."""
        self.at += timedelta(seconds=2)
        for name, meant in {"/media/": f"{self.folder}/", "~/": f"{self.folder}/", **self.names}.items():
            text = text.replace(name, meant)
        words = shlex.split(text)[1:]
        for option in SECRETS.get(words[1], ()):
            words += [option, str(self.folder / "secret.txt")]
        if words[1] not in TIMELESS:
            words += ["--at", self.at.isoformat()]
        return main(words)

    def go_through(self, page: str, *begin: str) -> None:
        """The page's lines that begin so, in the page's order; each must succeed."""
        lines = [line.strip() for line in (RUNBOOKS / f"{page}.md").read_text().splitlines()]
        wanted = tuple(f"doorcheck operator {one}" for one in begin)
        found = [line for line in lines if line.startswith(wanted)]
        assert len(found) >= len(begin), f"{page} has other commands now"
        for line in found:
            assert self.do(line) == 0, line

    def push(self) -> int:
        """What the door makes of what is published."""
        words = ["update", str(self.repo / "public"), "--state", str(self.state)]
        return main([*words, "--at", self.at.isoformat()])

    def judges(self, text: bytes) -> Reason:
        """The door's reason."""
        moment = Moment(self.at, Basis.NETWORK)
        return verify(Symbol(SymbolFormat.QR, text), Worlds(self.state).current(), moment).reason

    def root(self) -> int:
        """The version of the root that the door trusts."""
        return Known.of(State(self.state)).roles()["root"].version

    def newest_root(self) -> int:
        """The version of the root that is published."""
        return max(int(path.name.split(".")[0]) for path in self.repo.glob("public/metadata/*.root.json"))


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """A repository with a publication, root keys on sticks, an enrolled door; made once."""
    folder = tmp_path_factory.mktemp("fleet")
    fleet = Fleet(folder, Authority("operator", made=AT))
    (folder / "secret.txt").touch(0o600)
    (folder / "secret.txt").write_text("correct horse battery\n")
    assert fleet.do('doorcheck operator init ~/fleet --by "Anna Muller" --expiry-days root=100') == 0
    for number in (1, 2, 3):
        (folder / f"stick{number}").mkdir(mode=0o700)
        shutil.move(fleet.repo / "keys" / f"root-{number}.pem", folder / f"stick{number}")
    (folder / "authority.json").write_text(leak.certificates(fleet.authority))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOORCHECK_REPO", str(fleet.repo))
        by = '--by "Anna Muller" --reason "opening"'
        assert fleet.do(f"doorcheck operator import-trust ~/authority.json --as lab --test --yes {by}") == 0
        assert fleet.do(f"doorcheck operator publish {by}") == 0
    assert main(["update", "--enrol", str(fleet.repo / "for-devices"), "--state", str(fleet.state)]) == 0
    assert fleet.push() == 0
    return fleet


@pytest.fixture
def fleet(founded: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """A copy of it for one test, in whose folder one stands."""
    shutil.copytree(founded.folder, tmp_path / "office", symlinks=True)
    copy = Fleet(tmp_path / "office", founded.authority)
    copy.at = founded.at
    monkeypatch.chdir(copy.folder)
    monkeypatch.setenv("DOORCHECK_REPO", str(copy.repo))
    return copy


def test_leaked_pass(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """From its picture to a refusal, and back when it was the wrong one."""
    text = fleet.authority.issue(PEOPLE[0], issuer.vaccination(AT, "leaked"), AT)
    (fleet.folder / "press.jpg").write_bytes(press_picture(text, Difficulty.EASY, seed=1))
    assert fleet.judges(text) is Reason.OK
    capsys.readouterr()
    fleet.go_through("leaked-pass", "revoke press.jpg", "publish")
    assert fleet.push() == 0
    assert fleet.judges(text) is Reason.LISTED_SIGNATURE
    told = re.findall(r"[0-9a-f]{12}", capsys.readouterr().out)
    fleet.names["3f09c2d1"] = told[0]
    fleet.go_through("leaked-pass", "unrevoke")
    fleet.go_through("leaked-pass", "publish")
    assert fleet.push() == 0
    assert fleet.judges(text) is Reason.OK


def test_update_keys(fleet: Fleet) -> None:
    """Each kind of key is replaced, and the door follows to the newest root by itself."""
    assert fleet.root() == 1
    fleet.go_through("update-keys", "rotate targets", "rotate daily", "rotate root", "publish")
    assert (fleet.folder / "stick3" / "root-4.pem").exists()
    assert fleet.push() == 0
    assert fleet.root() == fleet.newest_root() > 3


def test_lost_laptop(fleet: Fleet) -> None:
    """From a backup and two sticks: keys and author are replaced, and the record is sound."""
    fleet.names["take-over /tmp"] = f"take-over {fleet.repo}"
    fleet.go_through(
        "lost-laptop", "take-over", "rotate", "add-author", "retire-author", "publish", "verify", "log"
    )
    assert fleet.push() == 0
    assert fleet.root() == fleet.newest_root() > 2
    old = 'doorcheck operator publish --by "Anna Muller" --reason "thief"'
    assert fleet.do(old) == 1


def test_lost_laptop_with_an_old_backup(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """The page says that an old copy is refused, and it is: doors know more than it does."""
    shutil.copytree(fleet.repo, fleet.folder / "backup")
    assert fleet.do('doorcheck operator publish --by "Anna Muller" --reason "later"') == 0
    newer = fleet.repo
    fleet.repo = fleet.folder / "backup"
    assert fleet.do(f"doorcheck operator take-over {newer}/public --repo {fleet.repo}") == 1
    assert "up to date from the newest copy" in capsys.readouterr().err


def test_expired_root(fleet: Fleet) -> None:
    """After its end the door takes nothing; renewed with two sticks, it follows, however late."""
    fleet.at += timedelta(days=120)
    assert fleet.push() == 1
    fleet.go_through("expired-root", "rotate root", "publish --refresh")
    assert fleet.push() == 0
    assert fleet.root() == 2


def test_expired_root_and_targets(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """Then renewing the dates alone is not enough, it says so, and publishing is."""
    fleet.at += timedelta(days=400)
    fleet.go_through("expired-root", "rotate root")
    assert fleet.do("doorcheck operator publish --refresh") == 1
    assert "targets" in capsys.readouterr().err
    assert fleet.do('doorcheck operator publish --by "Anna Muller" --reason "renewed"') == 0
    assert fleet.push() == 0


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on this machine")
def test_stolen_box(fleet: Fleet) -> None:
    """A door without the new key refuses the new list and keeps the old one; with it, it takes it."""
    (line,) = (
        line.strip() for line in (RUNBOOKS / "stolen-box.md").read_text().splitlines() if "openssl" in line
    )
    subprocess.run(shlex.split(line.replace("~", str(fleet.folder))), check=True)
    text = fleet.authority.issue(PEOPLE[0], issuer.vaccination(AT, "leaked"), AT)
    (fleet.folder / "pass.txt").write_bytes(text)
    assert fleet.do(f'doorcheck operator revoke {text.decode()!r} --by "Anna Muller" --reason "x"') == 0
    fleet.go_through("stolen-box", "publish")
    assert fleet.push() == 1
    assert main(["update", "--enrol", str(fleet.repo / "for-devices"), "--state", str(fleet.state)]) == 0
    assert fleet.judges(text) is Reason.OK
    assert fleet.push() == 0
    assert fleet.judges(text) is Reason.LISTED_SIGNATURE


def test_badge_keys(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """A new key with the first badge, the others without; one that is lost is withdrawn by its number."""
    fleet.go_through("badge-keys", "badge --new-key", "badge --name")
    assert (fleet.folder / "noor.pdf").read_bytes().startswith(b"%PDF")
    capsys.readouterr()
    assert fleet.do("doorcheck operator badges --json") == 0
    number = json.loads(capsys.readouterr().out)["badges"][0]["id"]
    fleet.names["3f09c2d1"] = number[:8]
    fleet.go_through("badge-keys", "badges", "withdraw-badge", "publish")
    assert fleet.push() == 0


def test_wrong_time(fleet: Fleet) -> None:
    """The question of the page is answered in the file of the page."""
    fleet.go_through("wrong-time", "tell-time")
    assert b"6f0e35b1c27a49d8a0b4c6d2e8f19053" in (fleet.folder / "time.json").read_bytes()


def test_no_network(fleet: Fleet) -> None:
    """What was copied to a stick weeks after the last contact is taken like a push."""
    fleet.at += timedelta(days=35)
    assert fleet.push() == 1
    fleet.go_through("no-network", "publish --refresh")
    shutil.copytree(fleet.repo / "public", fleet.folder / "stick1" / "public")
    words = ["update", str(fleet.folder / "stick1" / "public"), "--state", str(fleet.state)]
    assert main([*words, "--at", fleet.at.isoformat()]) == 0
