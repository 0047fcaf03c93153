"""A new box's SSH host key: asked for over the network, shown, compared by a person, kept.

Whoever answers first at an address could be anybody. The box itself shows the true fingerprint:
on its console at the first start, or `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` there.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

KIND = "ssh-ed25519"
WITHIN_S = 20


class MeetError(Exception):
    """A box can't be met; the text says why."""


def main(words: Sequence[str]) -> int:
    """`meet KNOWN_HOSTS HOST -- COMMAND...`, whose output is the host's variables in JSON."""
    known_hosts, host, command = Path(words[0]), words[1], list(words[3:])
    try:
        address, port = place(json.loads(output(command)))
        keep(known_hosts, host, address or host, port)
    except MeetError as error:
        sys.stderr.write(f"fleet meet: {host}: {error}\n")
        return 2
    return 0


def place(variables: dict[str, object]) -> tuple[str, int]:
    """Address and port in an inventory's variables."""
    return str(variables.get("ansible_host", "")), int(str(variables.get("ansible_port", 22)))


def keep(known_hosts: Path, host: str, address: str, port: int) -> None:
    """Show the key of who answers; keep it if the person says that it is the box's. Raises `MeetError`."""
    key = offered(output(["ssh-keyscan", "-T", "10", "-t", "ed25519", "-p", str(port), address]))
    name = address if port == 22 else f"[{address}]:{port}"
    line = f"{name} {KIND} {key}\n"
    before = known_hosts.read_text(encoding="utf-8") if known_hosts.exists() else ""
    if line in before:
        sys.stdout.write(f"{host}: known already, {fingerprint(key)}\n")
        return
    if any(one.split()[:1] and name in one.split()[0].split(",") for one in before.splitlines()):
        raise MeetError(
            f"ANOTHER key than the one in {known_hosts} answers: {fingerprint(key)}. If the card was flashed "
            f"anew, take the old one out (ssh-keygen -R '{name}' -f {known_hosts}); else find out who that is"
        )
    sys.stdout.write(f"{host} at {name} shows the key\n  {fingerprint(key)}\n")
    sys.stdout.write("the box itself must show the same (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub)\n")
    sys.stdout.write("is it the same? [y/N] ")
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise MeetError("not kept")
    handle = os.open(known_hosts, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(line)


def offered(scanned: str) -> str:
    """The key in ssh-keyscan's output. Raises `MeetError`."""
    for line in scanned.splitlines():
        parts = line.split()
        if len(parts) == 3 and parts[1] == KIND:
            return parts[2]
    raise MeetError("nobody answers there with an Ed25519 host key: is it on, and on the network?")


def fingerprint(key: str) -> str:
    """As ssh shows it."""
    digest = hashlib.sha256(base64.b64decode(key, validate=True)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def output(command: Sequence[str]) -> str:
    """What a program says. Raises `MeetError`."""
    try:
        done = subprocess.run(  # noqa: S603 - a list, no shell; our own words
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MeetError(f"{command[0]}: {error}") from error
    if done.returncode:
        raise MeetError(f"{command[0]} says: {done.stderr.strip()[-300:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
