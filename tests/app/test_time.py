"""The time, told by an operator to a box without network and battery: asked, signed, brought, believed."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.app.desk import COMMAND, WITHIN_S, Desk

from doorcheck.cli import main
from doorcheck.core.moment import Basis
from doorcheck.edge import asking, clock
from doorcheck.update import statement, telling
from doorcheck.update.state import State

BY, SECRET = "Anna Muller", "a passphrase of some length"
AT = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)


def test_a_lonely_box_judges_by_what_its_operator_states(desk: Desk) -> None:
    """Out of order at first; after the statement it judges, also when it is started again in this boot."""
    desk.hold_up()
    (desk.root / clock.SYNCHRONISED).unlink()
    with desk.run() as running:
        running.hear("READY=1")
        running.logs("condition-began code=H-CLK")
        running.wait_for(lambda: asking.read_asked(desk.runtime), "a question")
        asked = [one.question for one in asking.read_asked(desk.runtime)]
        signed = statement.payload(asked, desk.now)
        signers = desk.repository.signers["timestamp"]
        file = desk.folder / "time.json"
        file.write_bytes(
            statement.statement(signed, {one.public_key.keyid: one.sign(signed) for one in signers})
        )
        words = ["update", desk.folder / "pushed", "--time", file, "--state", desk.state]
        words += ["--runtime", desk.runtime]
        done = subprocess.run(
            [*COMMAND, *map(str, words)], capture_output=True, text=True, timeout=WITHIN_S, check=True
        )
        assert f"the time was stated: {desk.now:%Y-%m-%dT%H:%M:%SZ}" in done.stderr
        assert done.stdout.startswith("already up to date")
        running.logs("condition-ended code=H-CLK")
        running.wait_for(lambda: running.report()["clock"] == Basis.OPERATOR.value, "the report says so")
    with desk.run() as running:
        running.hear("READY=1")
        running.logs("event=time-stated")
        assert "H-CLK" not in running.log


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A door with lists."""
    return Desk(tmp_path)


def test_the_operator_signs_for_many_boxes_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By words and by file; what is no question gets nothing, and changes nothing."""
    secret, repo = tmp_path / "secret", tmp_path / "repo"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    secrets = [f"--{name}-passphrase-file={secret}" for name in ("root", "daily", "author")]
    assert main(["operator", "init", str(repo), "--by", BY, "--at", AT.isoformat(), *secrets]) == 0
    at = (AT + timedelta(days=2)).isoformat()
    words = ["operator", "tell-time", "--repo", str(repo), "--at", at, "--daily-passphrase-file", str(secret)]
    questions, output = tmp_path / "questions", tmp_path / "time.json"
    questions.write_text("0b" * 16 + "\n" + "0c" * 16 + "\n")
    capsys.readouterr()
    assert main([*words, "0a" * 16, "--questions", str(questions), "-o", str(output), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answered"] == 3
    state, runtime = tmp_path / "state", tmp_path / "run"
    runtime.mkdir()
    assert main(["update", "--enrol", str(repo / "for-devices"), "--state", str(state)]) == 0
    (runtime / asking.QUESTIONS).write_bytes(b'[{"question":"%s","at_ms":0}]' % (b"0b" * 16))
    taken = telling.take(State(state), output, repo / "public", runtime, 1_000)
    assert taken is not None
    assert taken.utc == AT + timedelta(days=2)
    assert main(words) == 2
    assert main([*words, "what time is it"]) == 1
    assert "is not a question of a box" in capsys.readouterr().err
