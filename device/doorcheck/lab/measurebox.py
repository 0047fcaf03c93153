"""The door as a whole program: its start, its memory, what it costs while nobody is there."""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from doorcheck.lab.measure import Row, Table

STARTS: Final = 7
LOOK_S: Final = 10.0
CALM_AFTER_S: Final = 4.0
"""A door that has just started is awake for a while."""
WIDTH, HEIGHT = 1280, 960
FULL_FPS: Final = 15
READY_WITHIN_S: Final = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


def tables() -> list[Table]:
    """A door without lists, before a calm grey picture: to READY, resident memory, processor at rest."""
    with tempfile.TemporaryDirectory(prefix="doorcheck-bench-") as folder:
        desk = Desk(Path(folder))
        bare, ready = [], []
        for _ in range(STARTS):
            bare.append(_python_pass_s())
            with desk.door(idle_fps=3) as door:
                ready.append(door.ready_s)
        full, _ = _at_rest(desk, idle_fps=FULL_FPS)
        resting, memory = _at_rest(desk, idle_fps=3)
    start = _compared("box: a cold start", "s", {"python -c pass": bare, "doorcheck run, to READY": ready})
    spent = {
        f"every frame read, {FULL_FPS} a second": [full],
        "at rest, 3 a second": [resting],
    }
    cost = _compared("box: processor, door and decoder, a calm view", "% of a core", spent)
    kept = _compared("box: resident memory", "MiB", {name: [mib] for name, mib in memory.items()})
    kept.rows[-1].note = "target: under 90 with the camera's libraries"
    return [start, kept, cost]


def _compared(title: str, unit: str, spent: dict[str, list[float]]) -> Table:
    medians = {name: statistics.median(values) for name, values in spent.items()}
    first = next(iter(medians.values()))
    return Table(title, unit, [Row(name, value, value / first) for name, value in medians.items()])


def _at_rest(desk: Desk, idle_fps: int) -> tuple[float, dict[str, float]]:
    """Per cent of a core over some seconds of calm, and MiB of each process."""
    with desk.door(idle_fps) as door:
        time.sleep(CALM_AFTER_S)
        pids = door.pids()
        before, began = sum(map(_cpu_s, pids)), time.monotonic()
        time.sleep(LOOK_S)
        spent = sum(map(_cpu_s, pids)) - before
        memory = [_resident_mib(pid) for pid in pids]
        told = {"the door": memory[0], "its decoder": sum(memory[1:]), "both": sum(memory)}
        return 100 * spent / (time.monotonic() - began), told


def _python_pass_s() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-I", "-c", "pass"], check=True)
    return time.monotonic() - began


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _resident_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


@dataclass(frozen=True, slots=True)
class Door:
    """A running one; how long it took to READY."""

    pid: int
    ready_s: float

    def pids(self) -> list[int]:
        """The door's process, then its children."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]


class Desk:
    """The folders of a door whose camera shows one grey picture, and whose panel is none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("state", "run", "pictures", "root"):
            (folder / name).mkdir()
        grey = b"P5 %d %d 255\n" % (WIDTH, HEIGHT) + bytes([128]) * (WIDTH * HEIGHT)
        (folder / "pictures" / "grey.pgm").write_bytes(grey)

    @contextmanager
    def door(self, idle_fps: int) -> Iterator[Door]:
        """Start it, wait for READY, end it."""
        settings = self._folder / "door.toml"
        settings.write_text(
            f'[camera]\nkind = "pictures"\ndevice = "{self._folder / "pictures"}"\nfull_fps = {FULL_FPS}\n'
            f'idle_fps = {idle_fps}\n[panel]\nkind = "none"\n'
        )
        words = ["run", "--settings", settings]
        for name in ("state", "runtime", "root"):
            words += [f"--{name}", self._folder / name.replace("runtime", "run")]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
            address = self._folder / "notify"
            heard.bind(str(address))
            heard.settimeout(READY_WITHIN_S)
            environment = {**os.environ, "NOTIFY_SOCKET": str(address), "OPENBLAS_NUM_THREADS": "1"}
            began = time.monotonic()
            process = subprocess.Popen(  # noqa: S603 (our own words)
                [sys.executable, "-m", "doorcheck.cli", *map(str, words)],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                while b"READY=1" not in heard.recv(4096):
                    pass
                yield Door(process.pid, time.monotonic() - began)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait()
                address.unlink()
