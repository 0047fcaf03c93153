"""The operator's side of one door, on the host: a test authority's passes, a repository, publications.

Everything goes through the `doorcheck` commands that an operator types.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from doorcheck.lab import issuer
from doorcheck.lab.issuer import Authority, Person, Proof
from doorcheck.lab.leak import certificates

OPERATOR: Final = "Anna Muller"
PASSPHRASES: Final = ("root", "daily", "author")
MARK: Final = "ZZVIRTUALPI"
"""Part of every invented visitor's surname: what the privacy search looks for."""
FORENAME: Final = "Zéphirvirtuelle"
BIRTH: Final = "1871-10-29"
IDENTIFIER: Final = "ZZIDENTIFIER"
"""Every visitor's, or part of it; nobody else's, and in no file of the system's."""


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
        self.passes: list[bytes] = []
        """Their passes' texts."""

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

    def issue(
        self,
        serial: str,
        *,
        prove: Callable[[datetime, str], Proof] = issuer.vaccination,
        authority: Authority | None = None,
        moment: datetime | None = None,
    ) -> bytes:
        """A new invented person's pass, with the marks: good, unless another authority's or of long ago."""
        self._issued += 1
        number = "".join(chr(ord("A") + self._issued // 26**place % 26) for place in (3, 2, 1, 0))
        person = Person(f"{MARK}{number}", FORENAME, BIRTH)
        self.names.append(person.surname)
        proof = prove(moment or self.now, serial)
        marked = proof.but(ci=f"{proof.entry['ci']}{IDENTIFIER}{number}")
        self.passes.append((authority or self.authority).issue(person, marked, moment or self.now))
        return self.passes[-1]

    def forge(self, serial: str) -> bytes:
        """A pass that another authority signed."""
        return self.issue(serial, authority=Authority(made=self.now))

    def expired(self, serial: str) -> bytes:
        """A pass that was good until a month ago."""
        return self.issue(serial, moment=self.now - issuer.VALIDITY - timedelta(days=30))

    def spoiled(self, serial: str) -> bytes:
        """A good pass whose last character was misprinted, so that it can't be read as one."""
        return self.issue(serial)[:-1] + b"?"

    def revoke(self, payload: bytes, reason: str) -> None:
        """List a pass, from its text."""
        self._operator("revoke", payload.decode("ascii"), f"--reason={reason}")

    def revoke_many(self, entries: int, seed: int) -> None:
        """Take a deny list of that many invented passes."""
        digits = random.Random(seed).randbytes(16 * entries).hex()
        path = self.folder / f"deny-{seed}.txt"
        path.write_text("".join(f"{digits[at : at + 32]}\n" for at in range(0, len(digits), 32)))
        self._operator("import-deny", str(path), f"--as=list-{seed}", "--reason=a large list")

    def trust_many(self, signers: int) -> None:
        """Take a trust list of that many invented authorities."""
        found: dict[str, Any] = {}
        for _ in range(signers):
            found.update(json.loads(certificates(Authority(made=self.now))))
        path = self.folder / "authorities.json"
        path.write_text(json.dumps(found))
        self._operator("import-trust", str(path), "--as=many", "--test", "--yes", "--reason=a large list")

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
