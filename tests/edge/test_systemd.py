"""What the service says: datagrams that systemd understands, and lines that hold no surprises."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from doorcheck.edge import systemd
from doorcheck.edge.systemd import ERROR, JournalLog, Notifier, TextLog, log, text


class Ear:
    """A notify socket."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(5)

    def heard(self) -> list[str]:
        """The next datagram's lines."""
        return self.socket.recv(4096).decode().split("\n")


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    """One that listens at a path."""
    ear = Ear(str(tmp_path / "notify"))
    yield ear
    ear.socket.close()


def test_states_are_told(ear: Ear, tmp_path: Path) -> None:
    """Each in the words of sd_notify(3)."""
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
    notifier.ready("judging")
    assert ear.heard() == ["READY=1", "STATUS=judging"]
    notifier.status("out of\norder:  H-CAM")
    assert ear.heard() == ["STATUS=out of order: H-CAM"]
    notifier.alive()
    assert ear.heard() == ["WATCHDOG=1"]
    notifier.reloading()
    reloading, since = ear.heard()
    assert (reloading, since.partition("=")[0]) == ("RELOADING=1", "MONOTONIC_USEC")
    notifier.stopping()
    assert ear.heard() == ["STOPPING=1"]
    notifier.close()
    notifier.alive()


def test_a_status_stays_one_line_and_short(ear: Ear, tmp_path: Path) -> None:
    """Nothing that is told can be taken for another assignment."""
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
    notifier.status("x\nREADY=1 " + "y" * 1000)
    (line,) = ear.heard()
    assert line.startswith("STATUS=x READY=1 y")
    assert len(line) == len("STATUS=") + systemd.MOST_STATUS_CHARACTERS
    notifier.close()


def test_an_abstract_socket_is_told_too() -> None:
    """Its name begins with @."""
    name = f"doorcheck-test-{os.getpid()}"
    ear = Ear("\0" + name)
    notifier = Notifier({"NOTIFY_SOCKET": f"@{name}"})
    notifier.alive()
    assert ear.heard() == ["WATCHDOG=1"]
    notifier.close()
    ear.socket.close()


def test_without_a_socket_nothing_is_told() -> None:
    """Run by hand, it goes its way."""
    notifier = Notifier({})
    notifier.ready("judging")
    notifier.alive()
    assert notifier.watchdog_ms is None


def test_a_socket_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    """Rather at the start than never ready."""
    with pytest.raises(OSError, match="No such file"):
        Notifier({"NOTIFY_SOCKET": str(tmp_path / "none")})


def test_nobody_listening_stops_nothing(ear: Ear, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A full socket is systemd being busy; one that is gone is said."""
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
    for _ in range(1000):
        notifier.alive()
    assert capsys.readouterr().err == ""
    ear.socket.close()
    notifier.alive()
    assert "systemd can't be told" in capsys.readouterr().err
    notifier.close()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"WATCHDOG_USEC": "10000000"}, 10_000),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid())}, 10_000),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": ""}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
    ],
)
def test_the_watchdog_is_who_it_is_meant_for(environment: dict[str, str], expected: int | None) -> None:
    """Its period comes from systemd, for this process and for no other."""
    assert Notifier(environment).watchdog_ms == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "event=ready"),
        ({"number": 5}, "event=ready number=5"),
        ({"why": "two words"}, 'event=ready why="two words"'),
        ({"why": 'a "b" \\'}, 'event=ready why="a \\"b\\" \\\\"'),
        ({"why": "one\ntwo\tthree"}, 'event=ready why="one two three"'),
        ({"why": ""}, 'event=ready why=""'),
        ({"why": "a=b"}, 'event=ready why="a=b"'),
    ],
)
def test_a_line_can_be_taken_apart(fields: dict[str, object], expected: str) -> None:
    """One line, key=value, with quotes where they are needed."""
    assert text("ready", fields) == expected


def test_the_journal_reads_the_priority() -> None:
    """As a prefix where the journal reads standard error, and without one for people."""
    file = io.StringIO()
    TextLog(file, prefix=True)("stopped", ERROR, why="x")
    TextLog(file, prefix=False)("stopped")
    assert file.getvalue() == "<3>event=stopped why=x\nevent=stopped\n"


def test_the_journal_gets_fields() -> None:
    """Where systemd-python is there: the same line as message, and a field for each value."""
    sent: list[tuple[str, dict[str, Any]]] = []
    JournalLog(lambda message, **fields: sent.append((message, fields)))("generation", number=3)
    assert sent == [
        (
            "event=generation number=3",
            {
                "PRIORITY": "5",
                "SYSLOG_IDENTIFIER": "doorcheck",
                "DOORCHECK_EVENT": "generation",
                "DOORCHECK_NUMBER": "3",
            },
        )
    ]


def test_run_by_hand_the_log_is_text() -> None:
    """The journal is asked only where it listens."""
    file = io.StringIO()
    log({}, file)("ready")
    assert file.getvalue() == "event=ready\n"
