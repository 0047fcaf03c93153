"""The power of a virtual Pi goes at fifty random moments, half of them while an update is installed.

What a power cut leaves is what its disk holds: all that was flushed, and of the rest some blocks and
others not (`volatile.py`). So a cut need not end the machine: what one at that instant would have left is
kept, and the machine goes on; that is how fifty cuts are affordable, with boots of minutes on the host.
Ten rounds, of five cuts each:

1. The machine boots from what a cut of the round before left: one drawn by lot, or the one that was real.
   At random moments of the boot, two or three cuts. It must reach its ready lamp; every second time a
   good pass is held before it from power on, and nobody is let in before that.
2. An update is pushed. At random moments while it is installed, two or three cuts; every second
   time the last of them is real, the machine killed in the middle of it.
3. Of each cut the disk is looked at from outside: the file system is put right as it is at a boot
   (e2fsck: journal, orphans) and then has no fault; `current` names a generation whose every file has
   the length and the SHA-256 that its own signed metadata say; it loads, and passes its known-answer
   test; and the newest publication can be installed on it.

In the last round there are more, each just before a flush, when most is in the air.

Five boots in a row of which none lasted five minutes keep a door out of service (`libexec/boots`), and
no round lasts that long: so each runs the unit that runs after five minutes.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from tests.virtual_pi import provision
from tests.virtual_pi.conftest import READY_S, Figures
from tests.virtual_pi.image import Tools
from tests.virtual_pi.installed import Installed
from tests.virtual_pi.machine import AHEAD, Done, VirtualPi
from tests.virtual_pi.visitors import ask, await_quiet, await_report, header_of, unsafe
from tests.virtual_pi.volatile import VolatileDisk
from tuf.api.metadata import Metadata, Root, Targets

from doorcheck.core.moment import Basis, Moment
from doorcheck.update import install, names
from doorcheck.update.generation import DENY_KEY
from doorcheck.update.state import State

pytestmark = pytest.mark.virtual_pi

ROUNDS: Final = 10
MOST_BEFORE_FLUSH: Final = 25
BOOT_S, UPDATE_S = 100.0, 40.0
"""How long they take on the host, to begin with; then as long as the last time."""
BETWEEN_S: Final = 0.15
"""An update is looked at that often, on average; of those moments some are drawn by lot."""
UPDATE_IS_OVER: Final = (
    "while [ -e /var/lib/doorcheck/inbox/finished ] || "
    '[ "$(systemctl is-active doorcheck-update)" = activating ]; do sleep 0.5; done'
)
Tell = Callable[[str], None]


@dataclass(slots=True)
class Cut:
    """What one left."""

    disk: VolatileDisk
    moment: str
    during_update: bool
    loose_blocks: int
    """What was not flushed,"""
    lost_blocks: int
    """and how much of that is lost."""
    is_real: bool = False


@dataclass(slots=True)
class Lot:
    """Draws `size` of what it is shown, each with the same chance, and keeps no more than that."""

    size: int
    chance: random.Random
    drawn: list[Cut] = field(default_factory=list)
    seen: int = 0

    def show(self, make: Callable[[], Cut]) -> None:
        """One more, made only if it is drawn."""
        self.seen += 1
        if len(self.drawn) < self.size:
            self.drawn.append(make())
        elif (place := self.chance.randrange(self.seen)) < self.size:
            self.drawn[place] = make()


class Rig:
    """The machine that is cut, and all that was cut so far."""

    def __init__(self, made: Installed, folder: Path) -> None:
        self.made, self.folder = made, folder
        self.chance = random.Random(7)
        self.venue = made.venue(folder / "venue")
        raw = folder / "installed.raw"
        made.image.tools.run("qemu-img", "convert", "-O", "raw", made.disk, raw)
        self.disk = VolatileDisk(raw, raw.stat().st_size)
        self.pi = self._machine(0)
        self.boot_s, self.update_s = BOOT_S, UPDATE_S
        self.ready_s: list[float] = []

    def _machine(self, number: int) -> VirtualPi:
        return VirtualPi(self.made.image, self.folder / f"round-{number}", volatile=self.disk)

    def begin(self, number: int, disk: VolatileDisk) -> None:
        """Power on, from that disk."""
        self.pi.close()
        self.disk = disk
        self.pi = self._machine(number)
        self.pi.boot()

    def cut(self, words: str, *, during_update: bool) -> Cut:
        """What a cut would leave now."""
        at_s = self.pi.lens.inside_s()
        left, loose, lost = self.disk.as_if_cut(self.chance)
        return Cut(left, f"{words}, {at_s:.1f} s on", during_update, loose, lost)

    def come_up(self, cuts: int, *, with_a_pass: bool) -> Iterator[Cut]:
        """From power on to the ready lamp, with that many cuts."""
        header = header_of(self.pi)
        if with_a_pass:
            self.pi.lens.show_pass("held from power on", self.venue.issue("held from power on"))
        moments = sorted(self.chance.uniform(1, self.boot_s) for _ in range(cuts))
        for moment in moments:
            time.sleep(max(0.0, self.pi.on_s + moment - time.monotonic()))
            yield self.cut("booting", during_update=False)
        lit = header.await_lit("ready", READY_S)
        self.boot_s = lit.at_s - self.pi.on_s
        self.ready_s.append(header.inside_s(lit.at_s))
        assert not any(each.high for each in header.changes if each.at_s < lit.at_s), "lit too early"
        if with_a_pass:
            header.await_lit("green", 300, lit.at_s)
            self.pi.lens.clear()
            await_quiet(self.pi)
        else:
            assert not unsafe(header, self.pi.on_s)

    def update(self, cuts: int, *, killed: bool, worst: Lot | None) -> Iterator[Cut]:
        """A push, with that many cuts while it is installed; the last is real if it is to be killed."""
        header, began_s = header_of(self.pi), time.monotonic()
        self.pi.await_ssh()
        self.pi.ssh("sudo systemctl start doorcheck-steady.service")
        self.venue.publish("to be cut")
        with ThreadPoolExecutor(1) as pool:
            provision.push(self.pi, self.venue.public)
            pushed_s = time.monotonic()
            ends_s = pushed_s + (self.chance.uniform(0, self.update_s) if killed else 3600.0)
            over = pool.submit(self.pi.ssh, UPDATE_IS_OVER, timeout_s=900, check=False)
            lot = Lot(cuts - killed, self.chance)
            if worst is not None:
                self.disk.before_flush = lambda: worst.show(
                    lambda: self.cut("before a flush", during_update=True)
                )
            self._draw(lot, over, ends_s)
            self.disk.before_flush = lambda: None
            if not killed:
                self.update_s = time.monotonic() - pushed_s
            yield from lot.drawn
            if killed:
                yield self._kill()
        assert not unsafe(header, began_s)
        self.pi.power_cut()

    def _draw(self, lot: Lot, over: Future[Done], ends_s: float) -> None:
        while not over.done() and time.monotonic() < ends_s:
            lot.show(lambda: self.cut("updating", during_update=True))
            time.sleep(self.chance.expovariate(1 / BETWEEN_S))

    def _kill(self) -> Cut:
        at_s = self.pi.lens.inside_s()
        self.pi.power_cut()
        loose, lost = self.disk.cut(self.chance)
        return Cut(self.disk, f"updating, {at_s:.1f} s on, killed", True, loose, lost, is_real=True)


def whole(state: State) -> int:
    """The number of the generation that counts, every file of which is what was signed."""
    current = state.current()
    assert current is not None, "no generation counts"
    current.check()
    metadata = current.metadata()
    root = Metadata[Root].from_bytes(state.root()).signed
    for role in ("timestamp", "snapshot", "targets"):
        signed = Metadata.from_bytes(metadata[f"{role}.json"])
        root.verify_delegate(role, signed.signed_bytes, signed.signatures)
    targets = Metadata[Targets].from_bytes(metadata["targets.json"]).signed
    wanted = {
        name: (file.length, file.hashes["sha256"])
        for name, file in targets.targets.items()
        if names.largest_bytes(name) is not None
    }
    there = {name: current.entry(name) for name in current.contents() if name != DENY_KEY}
    assert {name: (each.length, each.sha256) for name, each in there.items()} == wanted
    current.load(bytes(32))
    return current.number


def look_at(cut: Cut, tools: Tools, folder: Path, public: Path) -> int:
    """See from outside that what a cut left is whole, and takes the next update; its generation."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    raw = folder / "disk.raw"
    cut.disk.write_to(raw)
    for options, allowed in (("-p", (0, 1)), ("-fn", (0,))):
        command = [*tools.command("e2fsck"), options, str(raw)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode in allowed, f"{cut.moment}: e2fsck {options}: {done.stdout}{done.stderr}"
    tools.run("debugfs", "-R", f"rdump /var/lib/doorcheck {folder}", raw)
    raw.unlink()
    state = State(folder / "doorcheck")
    found = whole(state)
    install.update(state, public, Moment(datetime.now(UTC) + AHEAD, Basis.OPERATOR))
    whole(state)
    return found


def test_power_cuts(made: Installed, tmp_path: Path, figure: Figures, tell: Tell) -> None:
    """Fifty cuts, half of them during an update: always whole, always back, nobody let in meanwhile."""
    rig = Rig(made, tmp_path)
    began_s, all_cuts, booted = time.monotonic(), list[Cut](), 0
    generations: set[int] = set()
    worst = Lot(MOST_BEFORE_FLUSH, random.Random(8))
    beginning = rig.disk
    try:
        for number in range(ROUNDS):
            odd = bool(number % 2)
            rig.begin(number, beginning)
            booted += number > 0
            cuts = list(rig.come_up(2 + odd, with_a_pass=odd))
            last = number == ROUNDS - 1
            cuts += rig.update(3 - odd, killed=odd, worst=worst if last else None)
            for cut in cuts + (worst.drawn if last else []):
                tell(f"round {number + 1}: {cut.moment}; {cut.lost_blocks}/{cut.loose_blocks} blocks lost")
                generations.add(look_at(cut, made.image.tools, tmp_path / "looked-at", rig.venue.public))
            all_cuts += cuts
            beginning = cuts[-1].disk if odd else rig.chance.choice(cuts).disk
        rig.begin(ROUNDS, beginning)
        assert not list(rig.come_up(0, with_a_pass=False))
        rig.pi.await_ssh()
        await_report(rig.pi, lambda told: told["ready"] and not told["conditions"])
        lit, _ = ask(rig.pi, "after the cuts", rig.venue.issue("after the cuts"))
        assert "green" in lit
    finally:
        rig.pi.close()
        rig.disk.close()
        (tmp_path / "installed.raw").unlink()
    during = sum(cut.during_update for cut in all_cuts)
    assert (len(all_cuts), during) == (5 * ROUNDS, 5 * ROUNDS // 2)
    lost, loose = sum(cut.lost_blocks for cut in all_cuts), sum(cut.loose_blocks for cut in all_cuts)
    killed = sum(cut.is_real for cut in all_cuts)
    figure(
        f"{len(all_cuts)} power cuts, {during} during an update, {killed} by killing",
        f"all whole from outside, as {len(generations)} generations; {lost} of {loose} unflushed blocks lost",
    )
    figure(f"  and {len(worst.drawn)} just before a flush of an update", "all whole")
    figure(
        f"  booted from what a cut had left: {booted + 1}",
        f"ready after {min(rig.ready_s):.1f} to {max(rig.ready_s):.1f} s of the machine",
    )
    figure("  on the host", f"{(time.monotonic() - began_s) / 60:.0f} min")
