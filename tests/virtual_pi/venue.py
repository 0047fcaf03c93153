"""The operator's side of one door, on the host: a test authority's passes, a repository, publications.

Everything goes through the `doorcheck` commands that an operator types.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from doorcheck.lab import issuer
from doorcheck.lab.issuer import Authority, Person
from doorcheck.lab.leak import certificates

OPERATOR: Final = "Anna Muller"
PASSPHRASES: Final = ("root", "daily", "author")
MARK: Final = "ZZVIRTUALPI"
"""Part of every invented visitor's name: what the privacy search looks for."""


class VenueError(Exception):
    """A command of the operator's failed; the text is what it said."""


class Venue:
    """One operator with one repository, and an authority whose passes the door admits."""

    def __init__(self, folder: Path, now: datetime) -> None:
        self.folder, self.now = folder, now
        self.authority = Authority("virtual pi", made=now)
        self._issued = 0
        self.names: list[str] = []
        """The surnames of everybody who was given a pass."""

    @property
    def repository(self) -> Path:
        """The operator's repository; `public/` and `for-devices/` are in it."""
        return self.folder / "fleet"

    @property
    def public(self) -> Path:
        """What is pushed to doors."""
        return self.repository / "public"

    def open(self) -> None:
        """Make the repository, take the test authority's signer, publish."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in PASSPHRASES:
            path = self.folder / f"{name}.passphrase"
            path.touch(0o600)
            path.write_text(secrets.token_urlsafe(24))
        own = [f"--{name}-passphrase-file={self.folder / name}.passphrase" for name in PASSPHRASES]
        self._run("operator", "init", str(self.repository), f"--by={OPERATOR}", *own)
        signers = self.folder / "authority.json"
        signers.write_text(certificates(self.authority))
        self._operator("import-trust", str(signers), "--as=lab", "--test", "--yes", "--reason=opening")
        self.publish("opening")

    def issue(self, serial: str) -> bytes:
        """A good pass of a new invented person, whose name bears the mark."""
        self._issued += 1
        number = "".join(chr(ord("A") + self._issued // 26**place % 26) for place in (2, 1, 0))
        person = Person(f"{MARK}{number}", "Amélie", "1984-02-29")
        self.names.append(person.surname)
        return self.authority.issue(person, issuer.vaccination(self.now, serial), self.now)

    def forge(self, serial: str) -> bytes:
        """A pass that another authority signed."""
        stranger = Authority(made=self.now)
        person = Person(f"{MARK}FORGED", "Basile", "1971-11-05")
        return stranger.issue(person, issuer.vaccination(self.now, serial), self.now)

    def revoke(self, payload: bytes, reason: str) -> None:
        """List a pass, from its text."""
        self._operator("revoke", payload.decode("ascii"), f"--reason={reason}")

    def publish(self, reason: str) -> None:
        """Sign what is in the working state."""
        daily = f"--daily-passphrase-file={self.folder}/daily.passphrase"
        self._operator("publish", daily, f"--reason={reason}")

    def copy_public(self, target: Path) -> None:
        """The publication as it is now, for a later push of something old."""
        shutil.copytree(self.public, target)

    def _operator(self, action: str, *words: str) -> dict[str, Any]:
        author = [f"--by={OPERATOR}", f"--passphrase-file={self.folder}/author.passphrase"]
        return self._run("operator", action, f"--repo={self.repository}", *author, "--json", *words)

    @staticmethod
    def _run(*words: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "doorcheck.cli", *words]
        environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            raise VenueError(f"doorcheck {' '.join(words[:2])}: {done.stderr.strip()}")
        return dict(json.loads(done.stdout)) if "--json" in words else {}
