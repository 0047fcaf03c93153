"""`doorcheck update`: what it says, to people and to programs, and its exit codes."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.update.fleet import AT, Fleet

from doorcheck import cli


class Shell:
    """Runs the command on a door."""

    def __init__(self, fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
        self._fleet = fleet
        self._capsys = capsys

    def run(self, *words: str | Path) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        at = self._fleet.moment().utc.isoformat()
        code = cli.main(["update", "--state", str(self._fleet.state.path), "--at", at, *map(str, words)])
        out, err = self._capsys.readouterr()
        return code, out, err

    def json(self, *words: str | Path) -> tuple[int, dict[str, Any]]:
        """Exit code, and the object on standard output."""
        code, out, _ = self.run("--json", *words)
        return code, json.loads(out)


@pytest.fixture
def shell(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A shell on an enrolled door without lists."""
    return Shell(fleet, capsys)


def test_a_door_from_enrolment_to_back(fleet: Fleet, shell: Shell) -> None:
    """Each step says what it did, and the status what there is then."""
    first = fleet.push(fleet.repository.publish())
    code, out, _ = shell.run("--enrol", fleet.for_devices(fleet.repository))
    assert (code, out.split()[0:2]) == (0, ["enrolled", "already,"])
    code, out, _ = shell.run("--status")
    assert (code, out.splitlines()[1]) == (0, "generation  none yet: push a publication")
    code, out, _ = shell.run(first)
    assert (code, out.splitlines()[0]) == (
        0,
        "installed publication 1, made 2026-12-01 12:00 UTC, as generation 1",
    )
    assert shell.run(first)[1].startswith("already up to date: generation 1, publication 1")
    fleet.leak()
    second = fleet.push(fleet.repository.publish(whole=False))
    code, out, _ = shell.run(second)
    assert "4 kept, 1 copied, 1 made by a delta" in out
    code, out, _ = shell.run("--back")
    assert (code, out.splitlines()[0]) == (
        0,
        "back to publication 1, made 2026-12-01 12:00 UTC, as generation 3",
    )
    assert "publication 2 is declined" in out
    code, out, err = shell.run(second)
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        "doorcheck update: refused: publication 2 was declined here with --back; the next newer one will be "
        "taken (--back again returns to this one)",
        "nothing was changed: this door has generation 3",
    ]


def test_what_is_installed_is_told_besides(fleet: Fleet, shell: Shell, tmp_path: Path) -> None:
    """After an update and after a refusal: the same as the status says, for anybody to read."""
    first = fleet.push(fleet.repository.publish())
    file = tmp_path / "update.json"
    assert shell.run(first, "--tell", file)[0] == 0
    told = json.loads(file.read_bytes())
    assert (told, file.stat().st_mode & 0o777) == (shell.json("--status")[1], 0o644)
    assert told["generation"] == 1
    file.unlink()
    assert shell.run(tmp_path / "nothing", "--tell", file)[0] == 2
    assert json.loads(file.read_bytes()) == told
    code, out, err = shell.run(first, "--tell", tmp_path / "no" / "folder")
    assert (code, out.split()[0]) == (0, "already")
    assert "folder" in err


def test_status_for_people(running: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything about a door on one screen; what expired does not stop it."""
    shell = Shell(running, capsys)
    code, out, _ = shell.run("--status")
    assert code == 0
    assert "publication 1, made 2026-12-01 12:00 UTC" in out
    assert "age         0.0 hours (fresh)" in out
    assert "timestamp   version 1, until 2026-12-08 12:00 UTC" in out
    assert "the door goes on" not in out
    running.now += timedelta(days=30)
    code, out, _ = shell.run("--status")
    assert code == 0
    assert "timestamp   version 1, expired 2026-12-08 12:00 UTC" in out
    assert "the door goes on with" in out
    assert "(too old)" in out


def test_status_for_programs(running: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """One object with stable keys; the log's head is where `doorcheck operator log verify` looks for it."""
    code, told = Shell(running, capsys).json("--status")
    assert code == 0
    assert told["generation"] == told["publication"] == 1
    assert told["published"] == AT.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert told["freshness"] == "fresh"
    assert told["log"] == json.loads(running.repository.contents["world.json"])["log"]
    assert told["metadata"]["timestamp"] == {
        "version": 1,
        "expires": "2026-12-08T12:00:00Z",
        "expired": False,
    }
    assert told["damage"] is None


def test_a_refusal_for_programs(running: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """A code that stays, the words, and what the door has."""
    files = running.repository.publish()
    del files["metadata/timestamp.json"]
    code, told = Shell(running, capsys).json(running.push(files))
    assert code == 1
    assert (told["refused"], told["generation"]) == ("missing", 1)
    code, told = Shell(running, capsys).json(running.folder / "nowhere")
    assert (code, told["refused"]) == (2, "unreadable")


def test_an_update_for_programs(running: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """Which files came by which way, and how much was written."""
    running.leak()
    code, told = Shell(running, capsys).json(running.push(running.repository.publish()))
    assert code == 0
    assert (told["changed"], told["generation"], told["publication"]) == (True, 2, 2)
    assert told["files"]["deny.dcdl"] == "made by a delta"
    assert told["written_bytes"] > 266_240


@pytest.mark.parametrize(
    "words",
    [[], ["--back", "--status"], ["x", "--back"], ["--at", "yesterday", "--status"], ["--enrol"]],
    ids=str,
)
def test_bad_usage(shell: Shell, words: list[str]) -> None:
    """One thing at a time, and a time that is one: otherwise exit code 2."""
    try:
        code = shell.run(*words)[0]
    except SystemExit as ended:
        code = int(str(ended.code))
    assert code == 2


def test_an_unenrolled_door(fleet: Fleet, shell: Shell) -> None:
    """Says what to do first."""
    (fleet.state.path / "root.json").unlink()
    code, _, err = shell.run(fleet.push(fleet.repository.publish()))
    assert code == 2
    assert "enrol the door first" in err
    assert "this door has no lists yet" in err
    assert "not enrolled" in shell.run("--status")[1]
