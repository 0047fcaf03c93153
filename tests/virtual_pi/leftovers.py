"""Where a box may still hold something of a visitor: its disk, journal, small files, and its memory.

What is searched of disk and memory is a copy of one instant.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.virtual_pi import pageowners
from tests.virtual_pi.machine import MachineError, VirtualPi
from tests.virtual_pi.traces import PAGE, Found, Trace, search, search_bytes

FILES: Final = "run tmp dev/shm var/tmp var/log var/lib/doorcheck var/cache/doorcheck etc/doorcheck"
DOOR, DECODER = "the door", "the decoder"


def on_disk(pi: VirtualPi, folder: Path, traces: Sequence[Trace]) -> list[Found]:
    """In every block that the machine sees, free ones too, and in the overlay's own file."""
    pi.ssh("sync")
    raw = folder / "disk.raw"
    with _still(pi):
        pi.image.tools.run("qemu-img", "convert", "-U", "-O", "raw", pi.disk, raw)
    found = [*search(raw, traces), *search(pi.disk, traces)]
    raw.unlink()
    return found


def in_journal(pi: VirtualPi, traces: Sequence[Trace]) -> list[Found]:
    """In every field of every entry of every boot, unpacked."""
    pi.ssh("sudo journalctl --sync")
    return search_bytes(_output(pi, "sudo journalctl --all --output=export"), traces)


def in_files(pi: VirtualPi, traces: Sequence[Trace]) -> list[Found]:
    """In files in memory and on disk in which the door, or anybody of its behalf, may write."""
    pack = f"sudo tar -C / --ignore-failed-read --warning=no-file-ignored -cf - {FILES}"
    return search_bytes(_output(pi, f"{pack} || [ $? = 1 ]"), traces)


def in_memory(pi: VirtualPi, folder: Path, traces: Sequence[Trace]) -> list[Found]:
    """In all of the machine's memory, as it was at one instant."""
    dump = folder / "memory.dump"
    with _still(pi):
        shutil.copyfile(pi.memory, dump)
    found = search(dump, traces)
    dump.unlink()
    return found


@contextmanager
def _still(pi: VirtualPi) -> Iterator[None]:
    """The machine stands still meanwhile: not for long, or SSH gives it up."""
    pi.pause()
    try:
        yield
    finally:
        pi.go_on()


def by_owner(found: Sequence[Found], owners: Sequence[str]) -> str:
    """How many of each kind, and in whose pages of memory."""
    counts = Counter((owners[each.at // PAGE], each.trace.kind) for each in found)
    words = [f"{owner}: {number} {kind}" for (owner, kind), number in sorted(counts.items())]
    return ", ".join(words) or "nothing"


def owners(pi: VirtualPi) -> list[str]:
    """For each page of the machine's memory, who has it."""
    script = Path(pageowners.__file__).read_text()
    told = json.loads(pi.ssh("sudo python3 -I -", input=script, timeout_s=600).out)
    door = pi.ssh("systemctl show doorcheck -P MainPID").out.strip()
    decoders = pi.ssh(f"pgrep -P {door} -f edge.decoder").out.split()
    flags = pageowners.unpacked(told["flags"])
    found = [_by_flags(each) for each in flags]
    order = sorted(told["processes"].items(), key=lambda item: item[0] == door or item[0] in decoders)
    for pid, (name, pages) in order:
        who = DOOR if pid == door else DECODER if pid in decoders else name
        for page in pageowners.unpacked(pages):
            if 0 <= page - pageowners.FIRST < len(found):
                found[page - pageowners.FIRST] = who
    return found


def _by_flags(flags: int) -> str:
    if flags & pageowners.BUDDY:
        return "free pages"
    if flags & pageowners.SLAB:
        return "the kernel's slabs"
    if flags & pageowners.LRU:
        return "no process's" if flags & pageowners.ANON else "the file cache"
    return "the kernel's"


def _output(pi: VirtualPi, command: str) -> bytes:
    done = subprocess.run([*pi.ssh_command(), command], capture_output=True, check=False, timeout=1200)
    if done.returncode:
        raise MachineError(f"{command!r} failed with {done.returncode}: {done.stderr.decode().strip()}")
    return done.stdout
