"""Playbooks against a box on the desk, over real SSH: what they say, and what they never say."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.deploy.desk_box import DeskBox, desk_box
from tests.deploy.test_lint import DEPLOY, environment, program

SECRET = "one-uncommon-word-that-no-line-end-divides"  # noqa: S105 - opens the test's own keys
QUESTION = "0123456789abcdef" * 2
WITHIN_S = 120


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An operator's repository with one publication."""
    folder = tmp_path_factory.mktemp("operator")
    secret = folder / "passphrase"
    secret.touch(0o600)
    secret.write_text(SECRET)
    repo = folder / "repo"

    def operator(*words: str) -> None:
        command = [sys.executable, "-m", "doorcheck.cli", "operator", *words]
        subprocess.run(command, check=True, capture_output=True, timeout=WITHIN_S)

    files = [f"--{one}-passphrase-file={secret}" for one in ("root", "daily", "author")]
    operator("init", str(repo), "--by", "Anna Muller", *files)
    there = ("--repo", str(repo), "--by", "Anna Muller", "--reason", "test", f"--passphrase-file={secret}")
    operator("use-rules", "signature-only", *there)
    operator("publish", *there, f"--daily-passphrase-file={secret}")
    return repo


@pytest.fixture
def box(tmp_path: Path) -> Iterator[DeskBox]:
    """A box that is on."""
    with desk_box(tmp_path / "box") as one:
        one.answer(question=QUESTION)
        yield one


def play(box: DeskBox, repo: Path, playbook: str, *words: str, **variables: Any) -> tuple[int, str]:
    """Run it as deploy/fleet does; the exit code and all output."""
    inventory = box.folder / "inventory"
    inventory.mkdir(exist_ok=True)
    given = {
        "doorcheck_repo": str(repo),
        "doorcheck_push_key": str(box.folder / "push"),
        "doorcheck_status_key": str(box.folder / "status"),
        "doorcheck_line": box.line(),
        "doorcheck_verdict_s": 30,
    } | variables
    (inventory / "hosts.json").write_text(json.dumps({"all": {"hosts": {"desk": given}}}))
    own = environment(box.folder / "ansible") | {
        "DOORCHECK_FLEET_STATE": str(box.folder / "state"),
        "DOORCHECK_FLEET_CONTACTS": str(box.folder / "contacts"),
    }
    command = [
        program("ansible-playbook"),
        "-i",
        str(inventory),
        f"{DEPLOY}/playbooks/{playbook}.yml",
        *words,
    ]
    done = subprocess.run(command, env=own, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    return done.returncode, done.stdout + done.stderr


def update(box: DeskBox, stop: threading.Event, refused: str | None = None) -> None:
    """Play the box's update: as soon as the mark is there, say how it went."""
    mark = box.inbox / "finished"
    while not stop.wait(0.05):
        if not mark.exists():
            continue
        told = {"refused": refused, "words": "because"} if refused else {"changed": True}
        last = {"push": mark.read_text(), "finished": "now", "exit": int(refused is not None), "said": told}
        has = {} if refused else {"timestamp": {"version": 1}, "root": {"version": 1}}
        box.answer(update={"generation": 1, "metadata": has, "last": last}, question=QUESTION)
        mark.unlink()


@pytest.fixture
def updating(box: DeskBox) -> Iterator[DeskBox]:
    """A box that installs what it is brought."""
    stop = threading.Event()
    thread = threading.Thread(target=update, args=(box, stop))
    thread.start()
    yield box
    stop.set()
    thread.join()


@pytest.mark.slow
def test_a_push_is_told_once_and_keeps_its_secrets(updating: DeskBox, repo: Path) -> None:
    """Publication and signed time arrive; a second run changes nothing; no output has a passphrase."""
    output = ""
    for changed in (1, 0):
        code, said = play(updating, repo, "push-trust", "-vvvv", "--diff", doorcheck_daily_passphrase=SECRET)
        assert code == 0, said
        assert f"changed={changed} " in said
        output += said
    assert (updating.inbox / "public" / "metadata" / "timestamp.json").exists()
    assert QUESTION in (updating.inbox / "time.json").read_text()
    assert SECRET not in output
    contacts = [json.loads(line) for line in (updating.folder / "contacts").read_text().splitlines()]
    assert {one["host"] for one in contacts} == {"desk"}
    assert contacts[-1]["reachable"]


@pytest.mark.slow
def test_a_check_brings_nothing(box: DeskBox, repo: Path) -> None:
    """--check --diff names the files, and says `changed`, as the real run would."""
    code, said = play(box, repo, "push-trust", "--check", "--diff")
    assert code == 0, said
    assert "+public/metadata/timestamp.json" in said
    assert "changed=1 " in said
    assert list(box.inbox.iterdir()) == []


@pytest.mark.slow
def test_a_box_that_refuses_stops_a_roll_out(box: DeskBox, repo: Path) -> None:
    """The canary's own words are on the screen, the state is kept, and the exit code tells."""
    stop = threading.Event()
    thread = threading.Thread(target=update, args=(box, stop, "wrong-root"))
    thread.start()
    try:
        code, said = play(box, repo, "roll-out")
    finally:
        stop.set()
        thread.join()
    assert code == 2, said
    assert "wrong-root" in said
    state = json.loads((box.folder / "state" / "roll-out.json").read_text())
    assert state["boxes"]["desk"]["outcome"] == "failed"


@pytest.mark.slow
def test_a_box_that_is_off_is_unreachable(box: DeskBox, repo: Path) -> None:
    """It is no failure, it is counted apart, and it is on record."""
    code, said = play(box, repo, "push-trust", doorcheck_line=box.line(port=1))
    assert code == 4, said
    assert "unreachable=1 " in said
    contact = json.loads((box.folder / "contacts").read_text())
    assert (contact["host"], contact["reachable"]) == ("desk", False)


@pytest.mark.slow
def test_wiping_needs_a_word_and_a_limit(box: DeskBox, repo: Path) -> None:
    """Nothing is wiped by a slip: not without the word, not without --limit."""
    for words in (("--limit", "desk"), ("-e", "sure=wipe"), ("--limit", "desk", "-e", "sure=yes")):
        code, said = play(box, repo, "decommission", *words)
        assert code != 0
        assert "Nothing was wiped" in said
