"""A box on the desk: a real sshd on this computer, both restricted accounts, and what answers behind them.

It runs as whoever runs the tests: both accounts are that user, told apart by their keys, each with its
one command, as `deploy/roles/accounts` gives them. The box's inside is a folder; `answer` is what
it says of itself, and `take` plays its update.
"""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from deploy.boxes.calling import Lines, lines

WITHIN_S = 20.0
SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
REPORT = """#!/bin/sh
case ${{SSH_ORIGINAL_COMMAND-status}} in
status | counters | status-after-*) exec cat {folder}/said.json ;;
esac
exit 2
"""


def needs() -> None:
    """Skip where this computer lacks a program."""
    missing = [name for name in ("ssh", "ssh-keygen", "rsync", "rrsync") if shutil.which(name) is None]
    missing += [] if Path(SSHD).exists() else ["sshd"]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: apt-get install openssh-server rsync")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)


@dataclass
class DeskBox:
    """One box."""

    folder: Path
    port: int
    control: Path
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def inbox(self) -> Path:
        """Where pushes arrive."""
        return self.folder / "inbox"

    def answer(self, **parts: Any) -> None:
        """Say that from now on."""
        self.said = {"format": 1, "host": "desk", "status": None, "update": None, "release": None} | parts
        new = self.folder / "said.new"
        new.write_text(json.dumps(self.said))
        new.replace(self.folder / "said.json")

    def line(self, **other: Any) -> dict[str, Any]:
        """`doorcheck_line` of this box."""
        return {
            "address": "127.0.0.1",
            "port": self.port,
            "push_key": str(self.folder / "push"),
            "status_key": str(self.folder / "status"),
            "push_account": getpass.getuser(),
            "status_account": getpass.getuser(),
            "known_hosts": str(self.folder / "known_hosts"),
            "control": str(self.control),
        } | other

    def lines(self, **other: Any) -> Lines:
        """Both accounts, as the plugins use them."""
        return lines(self.line(**other))


def new_key(path: Path) -> None:
    """An SSH key without a passphrase."""
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)]
    subprocess.run(words, check=True, timeout=WITHIN_S)


@contextmanager
def desk_box(folder: Path) -> Iterator[DeskBox]:
    """A box that is on for as long as the block runs."""
    needs()
    folder.mkdir(exist_ok=True)
    for name in ("host", "push", "status", "stranger"):
        new_key(folder / name)
    (folder / "inbox").mkdir()
    report = folder / "report"
    report.write_text(REPORT.format(folder=folder))
    report.chmod(0o755)
    rrsync = shutil.which("rrsync")
    allowed = {"push": f"{rrsync} -wo {folder}/inbox", "status": str(report)}
    keys = [
        f'restrict,command="{may}" {(folder / f"{name}.pub").read_text()}' for name, may in allowed.items()
    ]
    (folder / "authorized_keys").write_text("".join(keys))
    port = _free_port()
    host_key = (folder / "host.pub").read_text().split()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key[0]} {host_key[1]}\n")
    with (folder / "sshd.log").open("wb") as log:
        server = subprocess.Popen(_sshd(folder, port), stderr=log)
    # Unix sockets have short paths, and pytest's folders long ones.
    with tempfile.TemporaryDirectory(prefix="dc") as control:
        try:
            _wait_for(port)
            box = DeskBox(folder, port, Path(control))
            box.answer()
            yield box
            for line in (box.lines().push, box.lines().status):
                line.hang_up()
        finally:
            server.terminate()
            server.wait(WITHIN_S)


def _sshd(folder: Path, port: int) -> list[str]:
    options = {
        "ListenAddress": "127.0.0.1",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized_keys",
        "StrictModes": "no",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "yes",
        "UsePAM": "no",
        "PidFile": "none",
        "MaxStartups": "100",
    }
    words = [SSHD, "-D", "-e", "-f", "/dev/null", "-p", str(port)]
    return words + [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_for(port: int) -> None:
    until = time.monotonic() + WITHIN_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return
