"""What is brought to the inbox is taken, and word is left of how that went."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

INBOX = Path(__file__).parents[2] / "systemd/libexec/inbox"
PROGRAM = """\
#!/bin/sh
echo "$PWD $*" >>"$DOORCHECK_STATE/calls"
[ ! -e "$DOORCHECK_STATE/inbox/finished" ] || echo "the mark is still there" >>"$DOORCHECK_STATE/calls"
cat "$DOORCHECK_STATE/says"
exit "$(cat "$DOORCHECK_STATE/code")"
"""


class Inbox:
    """A door's folder, and a program that says what it is told to."""

    def __init__(self, state: Path) -> None:
        self.state = state
        (state / "inbox").mkdir(parents=True)
        self.program = state / "program"
        self.program.write_text(PROGRAM)
        self.program.chmod(0o755)
        self.says('{"generation": 3}', 0)

    def says(self, words: str, code: int) -> None:
        """What the update will say, and its exit code."""
        (self.state / "says").write_text(words)
        (self.state / "code").write_text(str(code))

    def take(self, push: str | bytes | None = "") -> subprocess.CompletedProcess[str]:
        """A push ends, and is taken."""
        if push is not None:
            data = push if isinstance(push, bytes) else push.encode()
            (self.state / "inbox/finished").write_bytes(data)
        environment = {"DOORCHECK_STATE": str(self.state), "DOORCHECK_PROGRAM": str(self.program)}
        return subprocess.run(
            [INBOX], env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )

    @property
    def last(self) -> dict[str, Any]:
        """How it went."""
        found: dict[str, Any] = json.loads((self.state / "told/last.json").read_bytes())
        return found


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    """One of its own."""
    return Inbox(tmp_path / "state")


def test_what_was_brought_is_taken_and_told(inbox: Inbox) -> None:
    """The mark goes first; the update runs where the push is; anybody may read how it went."""
    assert inbox.take("a1b2-c3").returncode == 0
    folder = inbox.state / "inbox"
    assert (inbox.state / "calls").read_text().splitlines()[0] == (
        f"{folder} update --json --state {inbox.state} --time time.json "
        f"--tell {inbox.state}/told/update.json public"
    )
    assert "mark" not in (inbox.state / "calls").read_text()
    assert not (folder / "finished").exists()
    assert (inbox.last["push"], inbox.last["exit"], inbox.last["said"]) == ("a1b2-c3", 0, {"generation": 3})
    assert (inbox.state / "told/last.json").stat().st_mode & 0o777 == 0o644


def test_a_refusal_is_told_and_is_the_exit_code(inbox: Inbox) -> None:
    """The operator reads why; the unit fails, so that no release is taken on a refused publication."""
    inbox.says('{"refused": "U-OLD", "words": "older"}', 1)
    assert inbox.take("x").returncode == 1
    assert (inbox.last["exit"], inbox.last["said"]["refused"]) == (1, "U-OLD")


def test_a_program_that_says_nothing(inbox: Inbox) -> None:
    """Killed, or broken: that is told too."""
    inbox.says("", 137)
    assert inbox.take("x").returncode == 137
    assert (inbox.last["exit"], inbox.last["said"]) == (137, None)
    inbox.program.unlink()
    assert inbox.take("y").returncode == 127
    assert (inbox.last["push"], inbox.last["exit"]) == ("y", 127)


@pytest.mark.parametrize(
    "push",
    [b"", b"$(id)", b'a","x":"b', b"a b", b"\xff\xfe", b"x" * 65, b"y" * 100_000, b"a\nb;", b"\\"],
)
def test_the_word_of_a_push_is_a_plain_word(inbox: Inbox, push: bytes) -> None:
    """Whoever may push can't write anything else into what is told, nor run it."""
    assert inbox.take(push).returncode == 0
    assert inbox.last["push"] == ""


def test_an_empty_inbox_is_no_failure_of_its_own(inbox: Inbox) -> None:
    """Started by hand, without a mark: the update says what it finds."""
    assert inbox.take(None).returncode == 0
    assert inbox.last["push"] == ""


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing() -> None:
    """The script is plain POSIX shell."""
    done = subprocess.run(
        [str(shutil.which("shellcheck")), INBOX], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
