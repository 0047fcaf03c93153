"""What a door's memory still holds of a visitor who has left, under the environment that its unit sets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from doorcheck.core import hcert
from doorcheck.core.symbol import SymbolFormat
from doorcheck.edge.frame import Frame
from doorcheck.edge.reader import Reader
from doorcheck.lab.bench import Bench
from doorcheck.lab.carriers import code_modules
from doorcheck.lab.issuer import Person

UNIT: Final = Path(__file__).parents[2] / "systemd" / "doorcheck.service"
SEED, VISITORS, MASK = "memory", 20, 0x5A
DOOR: Final = f"""\
import sys
from doorcheck.core.verdict import Outcome
from doorcheck.core.verify import verify
from doorcheck.lab.bench import Bench
bench = Bench(seed={SEED!r})
def judge(masked):
    case = bench.case(bytes(each ^ {MASK} for each in masked))
    assert verify(case.symbol, case.world, case.moment).outcome is Outcome.ADMIT
for _ in range({VISITORS}):
    judge(bytes.fromhex(sys.stdin.readline()))
    print("judged", flush=True)
sys.stdin.readline()
"""
"""What it is told is masked, so that the pipe's own buffers hold no visitor."""


def environment() -> dict[str, str]:
    """What the unit sets."""
    lines = re.findall(r"^Environment=(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE)
    return dict(lines)


def visitors() -> Iterator[tuple[str, bytes]]:
    """Invented people, and their passes."""
    bench = Bench(seed=SEED)
    for number in range(VISITORS):
        name = f"ZZMEMORY{chr(ord('A') + number)}"
        yield name, bench.authority.issue(Person(name, "Zéphir", "1871-10-29"), bench.proof, bench.utc)


def pieces(payload: bytes) -> list[bytes]:
    """Of a pass: its text, and what that is packed from."""
    compressed = hcert.base45(payload[len(hcert.HC1) :])
    message = hcert.inflate(compressed)
    return [part[at : at + 24] for part in (payload, compressed, message) for at in (60, 120, 180)]


def held(pid: int, wanted: list[bytes]) -> set[bytes]:
    """Which of these a process has anywhere in memory that it can write to."""
    found: set[bytes] = set()
    maps = Path(f"/proc/{pid}/maps").read_text()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for start, end in re.findall(r"^(\w+)-(\w+) rw", maps, re.MULTILINE):
            memory.seek(int(start, 16))
            try:
                data = memory.read(int(end, 16) - int(start, 16))
            except OSError:  # the kernel's own pages
                continue
            found |= {each for each in wanted if each in data}
    return found


def door_holds(more: dict[str, str]) -> set[bytes]:
    """What a process that judged all visitors holds of them."""
    people = list(visitors())
    wanted = [piece for name, payload in people for piece in (name.encode(), *pieces(payload))]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MALLOC"))}
    clean["PYTHONPATH"] = os.environ.get("PYTHONPATH", "")
    with subprocess.Popen(
        [sys.executable, "-c", DOOR], env={**clean, **more}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as door:
        assert door.stdin is not None
        assert door.stdout is not None
        for _, payload in people:
            door.stdin.write(bytes(each ^ MASK for each in payload).hex().encode() + b"\n")
            door.stdin.flush()
            assert door.stdout.readline() == b"judged\n"
        found = held(door.pid, wanted)
        door.stdin.write(b"\n")
    assert door.returncode == 0
    return found


@pytest.mark.skipif(not UNIT.is_file(), reason="the unit is not there")
def test_a_judged_visitor_is_overwritten_at_once() -> None:
    """Neither name nor pass, not even the last one's; without the unit's environment they are found."""
    assert len(door_holds({})) > 5, "a blind search"
    assert door_holds(environment()) == set()


def test_a_decoder_overwrites_what_it_has_read() -> None:
    """When its next frame shows nobody, it holds no text of any visitor's."""
    people = list(visitors())
    with Reader(deadline_ms=20_000) as reader:
        for _, payload in people:
            assert [symbol.data for symbol in reader.read(picture(payload))] == [payload]
        assert reader.read(picture(None)) == []
        decoder = reader._decoder
        assert decoder is not None
        held_by_it = held(decoder.pid, [pieces(payload)[0] for _, payload in people])
        assert held(os.getpid(), [pieces(people[0][1])[0]]), "a blind search"
    assert held_by_it == set()


def picture(payload: bytes | None) -> Frame:
    """A code that fills the view, or none."""
    luma = np.full((900, 900), 255, np.uint8)
    if payload is not None:
        code = np.kron(code_modules(payload, SymbolFormat.QR, "L"), np.ones((5, 5), np.uint8))
        luma[40 : 40 + len(code), 40 : 40 + len(code)] = code
    return Frame(memoryview(luma.tobytes()), 900, 900, 900, 0)
