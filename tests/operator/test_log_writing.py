"""Adding to the record: what is refused, two at once, and what a crash leaves."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.operator.record import ANNA, BASILE, LAST, START, ZOE, append, build, head_of, laid, of, sound

from doorcheck.edge.disk import Disk
from doorcheck.edge.store import StoreError
from doorcheck.operator.record import durable, log
from doorcheck.operator.record.authors import SigningAuthor
from doorcheck.operator.record.log import LogBusyError, LogError, LogFaultError
from doorcheck.operator.record.logentry import Action


@pytest.fixture(scope="session")
def files() -> list[bytes]:
    """The files of a sound record of seven entries by two authors, in order."""
    return sound()


REFUSED: dict[str, tuple[SigningAuthor, dict[str, Any], str]] = {
    "stranger": (ZOE, {}, "key is not in the record; let an author add"),
    "retired": (BASILE, {}, "whose key was retired before; another author"),
    "early": (
        ANNA,
        {"time": START},
        "before that of an earlier entry, 2022-11-24T04:00:00Z; set this computer's",
    ),
    "no reason": (ANNA, {"reason": " \n"}, "no reason"),
    "endless reason": (ANNA, {"reason": "x" * 501}, "no reason"),
    "unseen reason": (ANNA, {"reason": "a\x1b[2Jb"}, "no reason"),
    "no subject": (ANNA, {"subject": ""}, "not an entry"),
    "odd subject": (ANNA, {"subject": "../x"}, "not an entry"),
    "newline in subject": (ANNA, {"subject": "trust/who\n"}, "not an entry"),
    "negative count": (ANNA, {"counts": {"added": -1}}, "not an entry"),
    "short hash": (ANNA, {"subject": "x", "contents": {"x": b"1"}}, "not an entry"),
    "before 1970": (ANNA, {"time": -1}, "not an entry"),
    "nobody": (ANNA, {"action": Action.ADD_AUTHOR}, "entries on authors name one"),
    "somebody": (ANNA, {"whom": ZOE.author}, "entries on authors name one"),
    "last author": (ANNA, {"action": Action.RETIRE_AUTHOR, "whom": ANNA.author}, "nobody would be left"),
    "too much": (ANNA, {"contents": {f"deny/{n}": of("x") for n in range(2000)}}, "larger than"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_would_be_a_fault_is_not_written(tmp_path: Path, files: list[bytes], what: str) -> None:
    """It is refused with words that say what to do, and the record stays as it was."""
    author, changed, words = REFUSED[what]
    folder = laid(tmp_path / "log", dict(enumerate(files, 1)))
    with pytest.raises(LogError, match=words):
        append(folder, author, LAST + 1, **{"action": Action.PUBLISH, "subject": "deny", **changed})
    assert log.verify(folder).sound().head == head_of(files)


def test_a_reason_is_kept_on_one_line(tmp_path: Path) -> None:
    """White space of any kind becomes one space: people paste."""
    folder = tmp_path / "log"
    build(folder, 1)
    told = {"action": Action.PUBLISH, "subject": "x", "reason": " leaked\u00a0:\n  see\tpress "}
    assert append(folder, ANNA, 2, **told).reason == "leaked : see press"


def test_an_unsound_record_is_not_added_to(tmp_path: Path, files: list[bytes]) -> None:
    """Whoever wants to write is told first that something was changed."""
    folder = laid(tmp_path / "log", {**dict(enumerate(files, 1)), 2: b"damaged"})
    with pytest.raises(LogFaultError):
        append(folder, ANNA, LAST + 1, action=Action.PUBLISH, subject="x")


HOLD = """
import sys
from pathlib import Path
from doorcheck.operator.record import log
with log.writing(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_operators_at_once_do_not_both_write(tmp_path: Path) -> None:
    """While one process holds the record another one is told to wait; after it is gone, not."""
    folder = tmp_path / "log"
    build(folder, 1)
    told = {"action": Action.PUBLISH, "subject": "x"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], text=True, **pipes) as other:  # type: ignore[call-overload]
        assert other.stdout.readline() == "held\n"
        with pytest.raises(LogBusyError, match="wait until it is done"):
            append(folder, ANNA, 2, **told)
        other.kill()
    assert append(folder, ANNA, 2, **told).sequence == 2


def test_a_number_is_given_once_even_without_the_lock(tmp_path: Path) -> None:
    """Where the lock does not hold, the second writer of entry 2 fails and overwrites nothing."""
    folder = tmp_path / "log"
    build(folder, 1)
    told: dict[str, Any] = {"time": START + 9999, "action": Action.PUBLISH, "subject": "x"}
    with log.writing(folder) as pen:
        (folder / log.LOCK).unlink()  # what a file system without locks comes to
        with log.writing(folder) as other:
            first = other.append(ANNA, reason="first", **told)
        with pytest.raises(LogBusyError, match="entry 2 was written by somebody else"):
            pen.append(ANNA, reason="second", **told)
    assert log.verify(folder).sound().entries[1] == first


class _NoLinks(Disk):
    def link(self, existing: Path, path: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted", str(existing), None, str(path))


def test_a_disk_without_links_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    """A stick's file system can't hold the record; the error says what to do, and no part stays behind."""
    with pytest.raises(StoreError, match="keep the repository on another"):
        durable.create(tmp_path / "a", b"data", disk=_NoLinks())
    assert not list(tmp_path.iterdir())


def test_what_a_crash_left_is_no_fault_and_goes(tmp_path: Path, files: list[bytes]) -> None:
    """A half-written file that never got its number does not matter, and the next writer removes it."""
    folder = laid(tmp_path / "log", dict(enumerate(files, 1)))
    (folder / ".0123456789abcdef.tmp").write_bytes(files[0][:50])
    log.verify(folder).sound()
    append(folder, ANNA, LAST + 1, action=Action.PUBLISH, subject="x")
    assert not list(folder.glob("*.tmp"))
