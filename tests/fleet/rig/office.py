"""The operator's computer: a repository by the real commands, `deploy/fleet`, and a test authority."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.fleet.rig.places import CHECKOUT

from doorcheck.commands import lab
from doorcheck.lab import issuer, leak
from doorcheck.lab.issuer import PEOPLE, Authority

BY: Final = "Anna Muller"
SECRETS: Final = ("root", "daily", "author")
LONGEST_RUN_S: Final = 900.0


@dataclass(frozen=True, slots=True)
class Done:
    """A command that came to its end."""

    code: int
    said: str
    took_s: float

    def __str__(self) -> str:
        return f"exit code {self.code} after {self.took_s:.0f} s; it said:\n{self.said[-6000:]}"


class OfficeError(Exception):
    """A command of the operator's that must succeed did not; with all that it said."""


class Office:
    """Keys, lists and record of one fleet, in one folder of this computer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repo = folder / "fleet"
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.authority = Authority("test fleet", made=self.now)

    @property
    def public(self) -> Path:
        """What is pushed."""
        return self.repo / "public"

    def secret(self, name: str) -> Path:
        """A passphrase's file."""
        path = self.folder / f"{name}.passphrase"
        if not path.exists():
            path.touch(0o600)
            path.write_text(f"correct horse {name}\n")
        return path

    def found(self) -> None:
        """Make the repository with the test authority as its one signer, and publish."""
        secrets = [f"--{name}-passphrase-file={self.secret(name)}" for name in SECRETS]
        self.run("operator", "init", str(self.repo), "--by", BY, *secrets)
        signers = self.folder / "authority.json"
        signers.write_text(leak.certificates(self.authority))
        self.do("import-trust", str(signers), "--as", "lab", "--test", "--yes")
        self.publish()

    def do(self, action: str, *more: str) -> Done:
        """An action of the author's, on record."""
        own = ("--repo", str(self.repo), "--by", BY, "--reason", f"test of {action}")
        return self.run("operator", action, *own, "--passphrase-file", str(self.secret("author")), *more)

    def publish(self) -> Done:
        """Sign what is listed."""
        return self.do("publish", "--daily-passphrase-file", str(self.secret("daily")))

    def run(self, *words: str) -> Done:
        """`doorcheck`, which must succeed. Raises `OfficeError`."""
        done = self.finish([sys.executable, "-P", "-m", "doorcheck.cli", *words])
        if done.code != 0:
            raise OfficeError(f"`doorcheck {' '.join(words)}`: {done}")
        return done

    def issue(self, serial: str, person: int = 0) -> bytes:
        """A genuine pass of the test authority."""
        return self.authority.issue(PEOPLE[person], issuer.vaccination(self.now, serial), self.now)

    def picture(self, text: bytes, name: str) -> Path:
        """A picture of it, as a camera sees it."""
        path = self.folder / f"{name}.png"
        path.write_bytes(lab.picture(text, name))
        return path

    def environment(self) -> dict[str, str]:
        """What the operator's commands are started with."""
        own = {"PYTHONPATH": str(CHECKOUT / "device"), "ANSIBLE_NOCOLOR": "1"}
        return {**os.environ, **own, "DOORCHECK_FLEET_STATE": str(self.folder / "state")}

    def fleet(self, inventory: Path, command: str, *words: str) -> Done:
        """`deploy/fleet COMMAND -i INVENTORY`; its exit code is the caller's to judge."""
        return self.keep(command, self.finish(self.fleet_words(inventory, command, *words)))

    def keep(self, command: str, done: Done) -> Done:
        """Keep what a run said, for whoever wonders later."""
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        (logs / f"{len(list(logs.iterdir())):03d}-{command}.log").write_text(
            f"{done.said}\n{done.took_s:.1f} s\n"
        )
        return done

    def fleet_words(self, inventory: Path, command: str, *words: str) -> list[str]:
        """Its command line."""
        return [str(CHECKOUT / "deploy" / "fleet"), command, "-i", str(inventory), *words]

    def finish(self, argv: list[str]) -> Done:
        """Run a command to its end, output and errors in one."""
        return finish(argv, self.environment())


def finish(argv: list[str], environment: dict[str, str], feed: bytes = b"") -> Done:
    """Run a command to its end, output and errors in one; `feed` is its input."""
    begin = time.monotonic()
    with subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            said, _ = process.communicate(feed, timeout=LONGEST_RUN_S)
        finally:
            end_group(process)
    return Done(process.returncode, said.decode(errors="replace"), time.monotonic() - begin)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End whatever a command left running of its session."""
    with contextlib.suppress(ProcessLookupError):  # nothing
        os.killpg(process.pid, signal.SIGKILL)
