"""One account of one box, over OpenSSH: programs of this computer, no shell, one connection for all.

The first call opens the connection and leaves it open for a minute (ControlPersist); later
ones go through it, without another handshake. The box's key is checked always, against one file.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.boxes.errors import (
    BrokenError,
    BusyError,
    ContactError,
    ForbiddenError,
    FullError,
    HostKeyError,
    KeyFileError,
    KeyRefusedError,
    TimedOutError,
    UnreachableError,
)

PERSIST_S: Final = 60
SSH_FAILED: Final = 255
"""ssh's own exit code; every other is that of what ran on the box."""
_UNREACHABLE = re.compile(
    r"timed out|No route to host|Network is unreachable|Connection refused|Could not resolve|"
    r"Connection (reset|closed) by|kex_exchange_identification|banner exchange|Host is down"
)
_RRSYNC_BUSY = "Another instance of rrsync"
"""rrsync lets one copy in at a time, and sends the next one away."""
_RSYNC_FULL = 11, 23
"""rsync's codes for an error in file I/O, and for files that were not transferred."""
_RSYNC_TIMED_OUT = 30, 35


@dataclass(frozen=True, slots=True)
class Line:
    """How one account of one box is reached. `keys` are tried in turn; there may be two while they change."""

    address: str
    port: int
    account: str
    keys: tuple[Path, ...]
    known_hosts: Path
    control: Path
    """A folder of one's own with a short path, for the sockets of open connections."""
    connect_s: float = 10

    @property
    def place(self) -> str:
        """For messages."""
        return self.address if self.port == 22 else f"{self.address} port {self.port}"

    def command(self) -> list[str]:
        """The ssh command up to the host's name."""
        options = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": f'"{self.known_hosts}"',
            "GlobalKnownHostsFile": "/dev/null",
            "UpdateHostKeys": "no",
            # A tenth of a second less than the key exchange that also a computer of the far future can't
            # read: what goes over this line is public and signed, or as fleeting as a status.
            "KexAlgorithms": "^curve25519-sha256",
            "PreferredAuthentications": "publickey",
            "IdentitiesOnly": "yes",
            "ForwardAgent": "no",
            "ClearAllForwardings": "yes",
            "ConnectTimeout": f"{self.connect_s:.0f}",
            "ServerAliveInterval": "15",
            "ServerAliveCountMax": "4",
            "ControlMaster": "auto",
            "ControlPath": f'"{self.control}/{self._named_by_keys()}-%C"',
            "ControlPersist": str(PERSIST_S),
            "LogLevel": "ERROR",
        }
        words = ["ssh", "-F", "none", "-T", "-p", str(self.port), "-l", self.account]
        for key in self.keys:
            words += ["-i", str(key)]
        for name, value in options.items():
            words += ["-o", f"{name}={value}"]
        return words

    def _named_by_keys(self) -> str:
        """A connection that was opened with other keys is not used: keys are tried when they change."""
        return hashlib.sha256("\n".join(map(str, self.keys)).encode()).hexdigest()[:6]

    def ask(self, word: str, within_s: float) -> bytes:
        """What the account's forced command says to one word. Raises `ContactError`."""
        try:
            done = self._run([*self.command(), "--", self.address, word], "asking", within_s)
        except TimedOutError:
            # The open connection may be to a box that lost its power: the next call opens another.
            self.hang_up()
            raise UnreachableError(self.place, f"nothing within {within_s:g} seconds") from None
        if done.returncode == 0:
            return done.stdout
        said = _text(done.stderr) or _text(done.stdout)
        if done.returncode == SSH_FAILED:
            raise self._ssh_error(said)
        raise ForbiddenError(self.account, self.place, said)

    def send(self, options: Sequence[str], sources: Sequence[str], to: str, within_s: float) -> list[str]:
        """Bring files with rsync, as deltas; what rsync lists. `sources` are meant as rsync means them.

        Raises `ContactError`.
        """
        place = f"[{self.address}]" if ":" in self.address else self.address
        words = ["rsync", *options, "-e", shlex.join(self.command()), "--", *sources, f"{place}:{to}"]
        done = self._run(words, "sending", within_s)
        if done.returncode == 0:
            return _text(done.stdout).splitlines()
        raise self._rsync_error(done.returncode, _text(done.stderr), within_s)

    def hang_up(self) -> None:
        """Close the connection that was left open, if there is one."""
        with contextlib.suppress(ContactError):
            self._run([*self.command(), "-O", "exit", "--", self.address], "closing", 5)

    def _run(self, words: list[str], what: str, within_s: float) -> subprocess.CompletedProcess[bytes]:
        self.control.mkdir(mode=0o700, parents=True, exist_ok=True)
        environment = {**os.environ, "LC_ALL": "C", "RSYNC_OLD_ARGS": "0"}
        try:
            return subprocess.run(  # noqa: S603 - a list, no shell; our own words
                words,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=within_s,
                check=False,
                env=environment,
            )
        except subprocess.TimeoutExpired:
            raise TimedOutError(what, self.place, within_s) from None
        except FileNotFoundError:
            raise KeyFileError(words[0], f"this computer has no {words[0]}: install it") from None

    def _names(self) -> str:
        return " or ".join(map(str, self.keys))

    def _ssh_error(self, said: str) -> ContactError:
        if "REMOTE HOST IDENTIFICATION HAS CHANGED" in said:
            return HostKeyError(self.place, str(self.known_hosts), unknown=False)
        if "Host key verification failed" in said or "host key is known for" in said:
            return HostKeyError(self.place, str(self.known_hosts), unknown=True)
        if "UNPROTECTED PRIVATE KEY" in said or "bad permissions" in said:
            return KeyFileError(self._names(), "others on this computer can read it; do `chmod 600` on it")
        if not any(key.exists() for key in self.keys):
            return KeyFileError(self._names(), "there is no such file")
        if "Permission denied" in said or "Too many authentication failures" in said:
            return KeyRefusedError(self.account, self.place, self._names())
        if _UNREACHABLE.search(said):
            return UnreachableError(self.place, said)
        return BrokenError(self.place, said)

    def _rsync_error(self, code: int, said: str, within_s: float) -> ContactError:
        if "No space left on device" in said or "Disk quota exceeded" in said:
            return FullError(self.place)
        if code in _RSYNC_TIMED_OUT:
            return TimedOutError("sending", self.place, within_s)
        if _RRSYNC_BUSY in said:
            return BusyError(self.place)
        if "rrsync" in said or "Permission denied (13)" in said:
            return ForbiddenError(self.account, self.place, said)
        if (
            code == SSH_FAILED
            or "Permission denied" in said
            or "Host key" in said
            or "HOST IDENTIFICATION" in said
        ):
            return self._ssh_error(said)
        if code in _RSYNC_FULL:
            return ForbiddenError(self.account, self.place, said)
        return BrokenError(self.place, said)


def identities(key: Path) -> tuple[Path, ...]:
    """A key's file, and while it is being changed the next and the old one beside it."""
    found = [
        one
        for one in (key, key.with_name(f"{key.name}.next"), key.with_name(f"{key.name}.old"))
        if one.exists()
    ]
    return tuple(found) or (key,)


def _text(data: bytes) -> str:
    return data.decode(errors="replace").strip()
