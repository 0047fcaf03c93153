"""The account that may read status: one JSON object, of files that anybody may read, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPORT = Path(__file__).parents[2] / "systemd/libexec/report"
QUESTION = "0123456789abcdef" * 2
FILES: dict[str, object] = {
    "run/doorcheck/status.json": {"version": "0.7.0", "state": "judging"},
    "run/doorcheck/counters.json": {"format": 1, "bins": []},
    "run/doorcheck/time-question": [{"question": QUESTION, "at_ms": 5}, {"question": "f" * 32, "at_ms": 1}],
    "var/lib/doorcheck/told/update.json": {"generation": 3, "publication": 9},
    "var/lib/doorcheck/told/last.json": {"format": 1, "push": "abc", "exit": 0, "said": None},
    "var/lib/doorcheck-release/last.json": {"version": "0.7.0", "outcome": "kept"},
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A box, as far as it is told."""
    for name, told in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(told))
    (tmp_path / "opt/doorcheck").mkdir(parents=True)
    (tmp_path / "opt/doorcheck/current").symlink_to("releases/0.7.0")
    return tmp_path


def asked(root: Path, word: str | None) -> subprocess.CompletedProcess[str]:
    """What sshd would run, with what was asked for."""
    environment = {} if word is None else {"SSH_ORIGINAL_COMMAND": word}
    return subprocess.run(
        [sys.executable, "-IS", REPORT, root],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def told(root: Path, word: str | None = None) -> dict[str, Any]:
    """The object."""
    done = asked(root, word)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    assert (found.pop("format"), found.pop("host")) == (1, os.uname().nodename)
    return found


def test_status_is_what_is_asked_for_without_a_word(root: Path) -> None:
    """The door, its lists, its release, its question; the counters are asked for by name."""
    found = told(root)
    assert found == told(root, "status")
    assert found["status"] == FILES["run/doorcheck/status.json"]
    assert found["update"]["generation"] == 3
    assert found["update"]["last"]["push"] == "abc"
    assert found["release"] == {
        "version": "0.7.0",
        "outcome": "kept",
        "current": "0.7.0",
        "previous": None,
        "on_trial": False,
    }
    assert (found["question"], found["counters"]) == (QUESTION, None)


def test_the_answer_to_a_push_comes_when_there_is_one(root: Path) -> None:
    """At once where it is there; else when the next push was looked at, whosever it was."""
    assert told(root, "status-after-abc") == told(root, "status")
    words = [sys.executable, "-IS", str(REPORT), str(root)]
    asking = {"SSH_ORIGINAL_COMMAND": "status-after-def"}
    last = root / "var/lib/doorcheck/told/last.json"
    with subprocess.Popen(words, env=asking, stdout=subprocess.PIPE) as waiting:
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(0.5)
        new = last.with_name("new")
        new.write_text(json.dumps({"format": 1, "push": "def", "exit": 0, "said": None}))
        new.replace(last)
        found = json.loads(waiting.communicate(timeout=10)[0])
    assert found["update"]["last"]["push"] == "def"


def test_each_word_asks_for_its_own(root: Path) -> None:
    """The same object each time, with nothing in the place of what was not asked for."""
    assert told(root, "counters")["counters"] == {"format": 1, "bins": []}
    alone = told(root, "time-question")
    assert alone.pop("question") == QUESTION
    assert set(alone.values()) == {None}
    assert {name for name, part in told(root, "release").items() if part} == {"release"}


@pytest.mark.parametrize(
    "word",
    [
        "id",
        "/bin/sh",
        "status; id",
        "status\nid",
        "status ",
        " status",
        "STATUS",
        "$(id)",
        "`id`",
        "status --root /",
        "-c id",
        "scp -f /etc/passwd",
        "rsync --server --sender -vlogDtpre.iLsfxC . /etc/",
        "internal-sftp",
        "../status",
        "status-after-",
        "status-after-$(id)",
        "status-after-" + "x" * 65,
        "status\udce9",
        "x" * 100_000,
    ],
)
def test_no_other_command_gets_through(root: Path, word: str) -> None:
    """A line, exit code 2, and nothing of what was asked for in it."""
    done = asked(root, word)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "report: say one of status, counters, release, time-question\n"


def test_it_starts_no_program_and_writes_nothing(root: Path) -> None:
    """Seen by an audit hook: it opens a handful of files to read, and that is all."""
    watcher = """
import runpy, sys
bad = []
STARTS = ("subprocess", "os.exec", "os.posix_spawn", "os.fork", "os.system", "socket", "ctypes")
def hook(event, arguments):
    if event.startswith(STARTS):
        bad.append(event)
    if event == "open" and arguments[2] & 0o3103:
        bad.append(f"open {arguments[0]}")
    if event in ("os.remove", "os.rename", "os.mkdir", "os.symlink", "os.link", "os.chmod"):
        bad.append(event)
path, sys.argv = sys.argv[1], sys.argv[1:]
sys.dont_write_bytecode = True
sys.addaudithook(hook)
try:
    runpy.run_path(path, run_name="__main__")
finally:
    print(bad, file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-IS", "-c", watcher, REPORT, root],
        env={"SSH_ORIGINAL_COMMAND": "counters"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "[]\n")


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"\xff", b"[]", b"null", b"5", b"[" * 100_000, b'"' + b"x" * (1 << 21)]
)
def test_damaged_files_are_none(root: Path, damage: bytes) -> None:
    """A box with a broken card still answers."""
    for name in FILES:
        (root / name).write_bytes(damage)
    found = told(root, "counters")
    assert set(found) == {"status", "update", "release", "counters", "question"}
    assert found["question"] is None
    assert found["release"]["current"] == "0.7.0"


def test_a_box_without_anything_answers(tmp_path: Path) -> None:
    """Freshly provisioned: nothing ran yet."""
    found = told(tmp_path)
    assert (found["status"], found["update"], found["question"]) == (None, None, None)
    assert found["release"] == {"current": None, "previous": None, "on_trial": False}


def test_a_pipe_in_the_place_of_a_file_holds_nobody(root: Path) -> None:
    """The door's own user could put one there."""
    path = root / "run/doorcheck/status.json"
    path.unlink()
    os.mkfifo(path)
    assert told(root)["status"] is None


def test_it_is_fast() -> None:
    """Of a hundred boxes that are asked at once each takes a moment: no `site`, no `pathlib`."""
    assert REPORT.read_text().startswith("#!/usr/bin/python3 -IS\n")
    imports = [line for line in REPORT.read_text().splitlines() if line.startswith(("import ", "from "))]
    assert imports == [
        "from __future__ import annotations",
        *("import json", "import os", "import sys", "import time"),
    ]
