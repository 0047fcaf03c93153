"""What the service says to systemd: state and watchdog by datagram, transitions to the journal.

`Notifier` speaks sd_notify(3) itself: it is one datagram, and must be the same on every
machine. The journal's fields go through systemd-python (Debian: python3-systemd) where it
is installed and the journal listens; elsewhere the same key=value text goes to standard error.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Final, Protocol, TextIO

NOTICE: Final = 5
WARNING: Final = 4
ERROR: Final = 3
"""Priorities of syslog(3)."""
MOST_STATUS_CHARACTERS: Final = 200


class Notifier:
    """Tells systemd how the service is. Without a socket to tell it to, nothing is sent.

    `watchdog_ms` is how long systemd waits for a sign of life; None: it does not.
    Raises `OSError` when there is a socket and it can't be used.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._socket: socket.socket | None = None
        self.watchdog_ms: int | None = None
        address = environment.get("NOTIFY_SOCKET", "")
        if address:
            self._socket = _connected("\0" + address[1:] if address.startswith("@") else address)
        if environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid()):
            microseconds = environment.get("WATCHDOG_USEC", "")
            self.watchdog_ms = int(microseconds) // 1000 if microseconds.isdecimal() else None

    def ready(self, status: str) -> None:
        """It does its work from now on."""
        self._send(f"READY=1\n{_status(status)}")

    def status(self, status: str) -> None:
        """One line for `systemctl status`."""
        self._send(_status(status))

    def alive(self) -> None:
        """A sign of life for the watchdog."""
        self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """New settings are being taken; `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """It ends."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Say nothing more."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _send(self, message: str) -> None:
        if self._socket is not None:
            try:
                self._socket.send(message.encode())
            except BlockingIOError:
                return  # systemd does not listen now: the watchdog's next sign is due in seconds
            except OSError as error:
                print(f"<{ERROR}>systemd can't be told: {error.strerror}", file=sys.stderr, flush=True)  # noqa: T201 - the last way to say it


def _connected(address: str) -> socket.socket:
    one = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        one.connect(address)
    except OSError:
        one.close()
        raise
    one.setblocking(False)
    return one


def _status(words: str) -> str:
    """One line, cut where it is too long."""
    return "STATUS=" + " ".join(words.split())[:MOST_STATUS_CHARACTERS]


class Log(Protocol):
    """Where transitions are told: an event's name, its fields, never a datum of a visitor."""

    def __call__(self, event: str, priority: int = NOTICE, **fields: object) -> None:
        """Tell one."""


class TextLog:
    """Lines of key=value with the priority before them, as the journal reads standard error."""

    def __init__(self, file: TextIO, prefix: bool) -> None:
        self._file = file
        self._prefix = prefix

    def __call__(self, event: str, priority: int = NOTICE, **fields: object) -> None:
        """Write the line."""
        level = f"<{priority}>" if self._prefix else ""
        self._file.write(f"{level}{text(event, fields)}\n")
        self._file.flush()


class JournalLog:
    """The same text as a message, and each field as one of the journal's: DOORCHECK_EVENT, ..."""

    def __init__(self, send: Callable[..., object]) -> None:
        self._send = send

    def __call__(self, event: str, priority: int = NOTICE, **fields: object) -> None:
        """Send it."""
        named = {f"DOORCHECK_{name.upper()}": str(value) for name, value in fields.items()}
        self._send(
            text(event, fields),
            PRIORITY=str(priority),
            SYSLOG_IDENTIFIER="doorcheck",
            DOORCHECK_EVENT=event,
            **named,
        )


def text(event: str, fields: Mapping[str, object]) -> str:
    """`event=camera-opened fps=15 why="it was asked for"`: one line, quotes where a space is."""
    return " ".join(f"{name}={_quoted(str(value))}" for name, value in {"event": event, **fields}.items())


def _quoted(value: str) -> str:
    one_line = " ".join(value.split())
    if one_line and not set(one_line) & set(" \"'=\\"):
        return one_line
    return '"' + one_line.replace("\\", "\\\\").replace('"', '\\"') + '"'


def log(environment: Mapping[str, str], file: TextIO) -> Log:
    """The journal where it listens and systemd-python is there; otherwise the file."""
    listens = bool(environment.get("JOURNAL_STREAM"))
    journal = _journal() if listens else None
    return TextLog(file, prefix=listens) if journal is None else JournalLog(journal.send)


def _journal() -> ModuleType | None:
    if importlib.util.find_spec("systemd") is None or importlib.util.find_spec("systemd.journal") is None:
        return None
    return importlib.import_module("systemd.journal")
