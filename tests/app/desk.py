"""A door on a desk, run as its own process under a notify socket that the test owns."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.update.simulator import Repository, push

from doorcheck.commands import lab as lab_command
from doorcheck.core.moment import Basis, Moment
from doorcheck.edge import clock, statefiles
from doorcheck.lab.bench import Bench
from doorcheck.update import install
from doorcheck.update.enrolment import enrol
from doorcheck.update.state import State

WITHIN_S = 20.0
"""Longer than anything here takes on a busy machine; no test waits that long when all is well."""
COMMAND = (sys.executable, "-X", "dev", "-m", "doorcheck.cli")


class Desk:
    """Folders, settings and lists of one door; `run` starts it."""

    def __init__(self, folder: Path, settings: bytes | None = b"") -> None:
        self.folder = folder
        self.state, self.runtime, self.root = folder / "state", folder / "run", folder / "root"
        self.pictures, self.settings = folder / "pictures", folder / "door.toml"
        self.kept = self.state / statefiles.FOLDER
        for one in (self.state, self.kept, self.runtime, self.pictures):
            one.mkdir()
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.bench = Bench(self.now - timedelta(hours=1), seed="desk")
        self.vouch()
        self.boot("one")
        self.write_settings()
        if settings is not None:
            self.publish(settings)

    def publish(self, settings: bytes) -> None:
        """Enrol the door, and install lists."""
        repository = self.repository = Repository(self.now)
        trust = self.bench.world.trust
        assert trust is not None
        repository.contents = {"trust.dctl": trust.dump(), "settings.toml": settings}
        repository.deny([bytes(range(16))])
        repository.date(self.now - timedelta(minutes=5))
        given = push({"root.json": repository.roots[-1]}, self.folder / "for-devices")
        enrol(State(self.state), given)
        pushed = push(repository.publish(), self.folder / "pushed")
        install.update(State(self.state), pushed, Moment(self.now, Basis.NETWORK))

    def vouch(self) -> None:
        """The network's time has come."""
        path = self.root / clock.SYNCHRONISED
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def boot(self, name: str) -> None:
        """The computer starts anew."""
        path = self.root / "proc" / "sys" / "kernel" / "random" / "boot_id"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}\n")

    def hold_up(self, name: str = "pass", data: bytes | None = None) -> None:
        """Put a picture of a pass before the camera."""
        picture = lab_command.picture(data or self.bench.draft.text(), name)
        (self.pictures / f"{name}.png").write_bytes(picture)

    def write_settings(self, camera: str = "", more: str = "") -> None:
        """Write `door.toml`: the pictures as camera, no panel."""
        text = (
            f'[camera]\nkind = "pictures"\ndevice = "{self.pictures}"\n{camera}[panel]\nkind = "none"\n{more}'
        )
        self.settings.write_text(text)

    def run(self, *words: str, **environment: str) -> Running:
        """Start it."""
        return Running(self, words, environment)

    def status(self, *words: str) -> tuple[int, str]:
        """What `doorcheck status` says."""
        places = ("--state", str(self.state), "--runtime", str(self.runtime))
        done = subprocess.run(
            [*COMMAND, "status", *places, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=WITHIN_S,
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr


class Running:
    """The process, and what it said so far."""

    def __init__(self, desk: Desk, words: tuple[str, ...], environment: Mapping[str, str]) -> None:
        self.desk = desk
        self.told: list[tuple[float, str]] = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = desk.folder / "notify"
        address.unlink(missing_ok=True)
        self.socket.bind(str(address))
        self.log_path = desk.folder / "log"
        places = ("--settings", desk.settings, "--state", desk.state, "--runtime", desk.runtime)
        command = [*COMMAND, "run", *map(str, places), "--root", str(desk.root), *words]
        kept = {
            name: os.environ[name]
            for name in ("PATH", "HOME", "PYTHONPATH", "LD_LIBRARY_PATH")
            if name in os.environ
        }
        self.began = time.monotonic()
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                command, env={**kept, "NOTIFY_SOCKET": str(address), **environment}, stdout=log, stderr=log
            )

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.socket.close()

    @property
    def log(self) -> str:
        """Standard output and standard error."""
        return self.log_path.read_text()

    def hear(self, wanted: str, within_s: float = WITHIN_S) -> float:
        """Wait until it tells systemd something that holds those words; the seconds since its start."""
        until = time.monotonic() + within_s
        while (left := until - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                message = self.socket.recv(4096).decode()
            except TimeoutError:
                break
            self.told.append((time.monotonic() - self.began, message))
            if wanted in message:
                return self.told[-1][0]
        raise AssertionError(f"{wanted!r} was not told; {self.told}\n{self.log}")

    def is_silent(self, for_s: float) -> bool:
        """Whether it tells systemd nothing for that long."""
        self.socket.settimeout(for_s)
        try:
            self.told.append((time.monotonic() - self.began, self.socket.recv(4096).decode()))
        except TimeoutError:
            return True
        return False

    def logs(self, wanted: str, within_s: float = WITHIN_S) -> None:
        """Wait until those words are in its log."""
        self.wait_for(lambda: wanted in self.log, wanted, within_s)

    def wait_for(self, condition: Any, what: str, within_s: float = WITHIN_S) -> None:
        """Look again and again until it is so."""
        until = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < until, f"{what}\n{self.log}"
            time.sleep(0.02)

    def report(self) -> dict[str, Any]:
        """The newest `status.json`."""
        path = self.desk.runtime / "status.json"
        self.wait_for(path.exists, "a report")
        found: dict[str, Any] = json.loads(path.read_bytes())
        return found

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def ends(self, within_s: float = WITHIN_S) -> tuple[int, float]:
        """Wait for its end; exit code and seconds waited."""
        began = time.monotonic()
        code = self.process.wait(within_s)
        return code, time.monotonic() - began

    def decoders(self) -> list[int]:
        """The decoder's processes."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(one) for one in children.split() if _is_decoder(int(one))]


def _is_decoder(pid: int) -> bool:
    """Until it has become another program, a child holds its parent up: stopped then, it would stop both."""
    try:
        return b"edge.decoder" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
