"""The power may go at every step of an update: what starts again is the old or the new, whole.

Each scenario is played once for real, on a disk that writes down every change. Then, for
every step, the trees that a cut after it may leave are made (`powercut.py`); a door is
started on each, and does the same again: it must come to the same end, and leave nothing
over. The numbers are in the summary of the test run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.update.fleet import LEAKED, Fleet, QuickDisk
from tests.update.powercut import Kind, Model, RecordingDisk, Step, Tree, build, read

from doorcheck.core.denyfile import apply_delta
from doorcheck.core.denytable import Buffer, DenyTable
from doorcheck.core.verify import verify
from doorcheck.edge.disk import Disk
from doorcheck.update import install, staging
from doorcheck.update.enrolment import enrol
from doorcheck.update.errors import DeclinedError, NotEnrolledError
from doorcheck.update.known import Known
from doorcheck.update.state import State
from doorcheck.update.worlds import Worlds

Act = Callable[[State, Disk], object]
Seen = Callable[[State], object]
ORDINARY = {"root.json", "deny.key", "generations", "current"}
"""What there is in a door's folder when nothing is under way."""


@pytest.fixture(autouse=True)
def _known_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deny lists are verified, and made by a delta, once: they are the same few, a thousand times over."""
    really, known = DenyTable.verify, set[bytes]()

    def verified(table: DenyTable) -> None:
        digest = hashlib.sha256(table._buffer).digest()
        if digest not in known:
            really(table)
            known.add(digest)

    made: dict[tuple[bytes, bytes], list[bytes]] = {}

    def applied(old: Buffer, delta: bytes, write: Callable[[bytes], object]) -> None:
        key = hashlib.sha256(old).digest(), delta
        if key not in made:
            pieces: list[bytes] = []
            apply_delta(old, delta, pieces.append)
            made[key] = pieces
        for piece in made[key]:
            write(piece)

    monkeypatch.setattr(DenyTable, "verify", verified)
    monkeypatch.setattr(staging, "apply_delta", applied)


@pytest.fixture
def room() -> Iterator[Path]:
    """A folder in memory, if there is one: thousands of trees are made and removed in it."""
    memory = Path("/dev/shm")  # noqa: S108 (a folder with a random name in it)
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


class Cuts:
    """Plays a scenario in a folder `box` that holds the door's folder, and cuts it off everywhere."""

    def __init__(self, box: Path, room: Path, act: Act, seen: Seen, *, thorough: bool = True) -> None:
        self.act = act
        self.seen = seen
        self._box = room / "box"
        self._store = room / "store"
        self._store.mkdir(exist_ok=True)
        self.points = 0
        self.lost: list[str] = []
        self.trees: dict[int, str] = {}
        """Every different tree, by its hash, and how it came about first."""
        self.old = seen(State(box / "state"))
        model, disk = Model(box), RecordingDisk()
        act(State(box / "state"), disk)
        self.steps = disk.steps
        self.new = seen(State(box / "state"))
        self.end = read(box)
        self._cut_everywhere(model, thorough)
        self.model_end = model.tree()

    def _cut_everywhere(self, model: Model, thorough: bool) -> None:
        for number, step in enumerate(self.steps, 1):
            model.apply(step)
            for how, tree in model.states(thorough=thorough):
                self.points += 1
                key = hash(frozenset(tree.items()))
                if key not in self.trees:
                    self.trees[key] = f"step {number}, {step.kind.value} {step.path.name}: {how}"
                    self._start(tree, self.trees[key], (self.old, self.new))
        for how, tree in model.states(thorough=thorough):
            self._start(tree, f"when it is done: {how}", (self.new,))

    def _start(self, tree: Tree, how: str, allowed: tuple[object, ...]) -> None:
        build(tree, self._box, self._store)
        try:
            self._judge(State(self._box / "state"), allowed)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is a door lost)
            self.lost.append(f"{how}: {error!r}")
        shutil.rmtree(self._box)

    def _judge(self, state: State, allowed: tuple[object, ...]) -> None:
        seen = self.seen(state)
        assert seen in allowed, f"it is {seen}"
        self.act(state, QuickDisk())
        assert self.seen(state) == self.new, "not finished the second time"
        assert {path.name for path in state.path.iterdir()} <= ORDINARY, "left over"
        assert len(state.numbers()) <= 2, "generations left over"
        assert {path.name for path in self._box.iterdir()} == {"state"}


def door(fleet: Fleet) -> Seen:
    """What a door that starts there judges with; None without lists."""

    def seen(state: State) -> object:
        worlds = Worlds(state.path)
        number = worlds.generation
        assert worlds.condition is None or state.current_number() is None, worlds.condition
        if number is None:
            return None
        manifest = state.generation(number).manifest
        roles = {role: one.version for role, one in Known.of(state).roles().items()}
        verdict = verify(LEAKED, worlds.current(), fleet.moment()).reason
        return manifest.contents, manifest.declined, roles, verdict

    return seen


def updating(fleet: Fleet, pushed: Path) -> Act:
    """Install that directory."""
    return lambda state, disk: install.update(state, pushed, fleet.moment(), disk=disk)


def check(cuts: Cuts, name: str, report: list[str], *, changes: bool = True) -> None:
    """Nothing was lost; and what was written down is all that was done."""
    report.append(
        f"power loss, {name}: {len(cuts.steps)} steps, {cuts.points} points tried "
        f"({len(cuts.trees)} different), lost: {len(cuts.lost)}"
    )
    assert not cuts.lost, "\n".join(cuts.lost[:5])
    assert (cuts.old != cuts.new) is changes
    assert cuts.model_end == cuts.end


def test_enrolment(fleet: Fleet, room: Path, report: list[str]) -> None:
    """A door is enrolled or not; half enrolled it is not, and it can be enrolled again."""
    folder = fleet.for_devices(fleet.repository)
    shutil.rmtree(fleet.state.path)

    def seen(state: State) -> object:
        with suppress(NotEnrolledError):
            return state.root(), (state.path / "deny.key").read_bytes()
        return None

    cuts = Cuts(fleet.box, room, lambda state, disk: enrol(state, folder, disk), seen)
    check(cuts, "enrolment", report)


THOROUGH = [pytest.param(False, id="in order"), pytest.param(True, id="any order", marks=pytest.mark.slow)]
"""Whether names reach the card in the order in which they were made, as on a journal, or in any."""


@pytest.mark.parametrize("thorough", THOROUGH)
def test_the_first_publication(fleet: Fleet, room: Path, report: list[str], thorough: bool) -> None:
    """From no lists to the first ones."""
    pushed = fleet.push(fleet.repository.publish())
    cuts = Cuts(fleet.box, room, updating(fleet, pushed), door(fleet), thorough=thorough)
    check(cuts, f"first publication{', any order' * thorough}", report)


@pytest.mark.parametrize("thorough", THOROUGH)
def test_the_next_publication(running: Fleet, room: Path, report: list[str], thorough: bool) -> None:
    """The deny list is made by a delta, the rest is linked, and two generations become one again."""
    running.leak()
    running.update(running.repository.publish())
    running.leak([b"another pass"])
    pushed = running.push(running.repository.publish(whole=False))
    cuts = Cuts(running.box, room, updating(running, pushed), door(running), thorough=thorough)
    check(cuts, f"next publication{', any order' * thorough}", report)


@pytest.mark.slow
def test_newer_signatures(running: Fleet, room: Path, report: list[str]) -> None:
    """The same files under a renewed timestamp."""
    pushed = running.push(running.repository.renew(running.first))
    check(Cuts(running.box, room, updating(running, pushed), door(running)), "newer signatures", report)


@pytest.mark.slow
def test_back(running: Fleet, room: Path, report: list[str]) -> None:
    """Back to the previous contents; cut off, it can be asked for again."""
    running.leak()
    declined = running.push(running.repository.publish())
    running.update(declined)

    def back(state: State, disk: Disk) -> None:
        current = state.current()
        if current is not None and current.manifest.declined is None:
            install.back(state, running.moment(), disk=disk)
        else:
            with pytest.raises(DeclinedError):
                install.update(state, declined, running.moment(), disk=disk)

    check(Cuts(running.box, room, back, door(running)), "back", report)


@pytest.mark.slow
@pytest.mark.parametrize("at", ["half staged", "renamed", "turned over", "half removed"])
def test_cut_off_twice(running: Fleet, room: Path, report: list[str], at: str) -> None:
    """The power goes while the door mends what the last cut left."""
    running.leak()
    running.update(running.repository.publish())
    running.leak([b"another pass"])
    act = updating(running, running.push(running.repository.publish()))
    model, disk = Model(running.box), RecordingDisk()
    act(running.state, disk)
    for step in disk.steps[: _cut_at(disk.steps, at)]:
        model.apply(step)
    shutil.rmtree(running.box)
    store = running.folder / "store"
    store.mkdir()
    build(model.tree(), running.box, store)
    cuts = Cuts(running.box, room, act, door(running), thorough=False)
    check(cuts, f"cut off before, {at}", report, changes=at in ("half staged", "renamed"))


def _cut_at(steps: list[Step], at: str) -> int:
    """How many steps were done when the power went the first time."""
    renames = [number for number, step in enumerate(steps, 1) if step.kind is Kind.RENAME]
    match at:
        case "half staged":
            return renames[0] // 2
        case "renamed":
            return renames[0]
        case "turned over":
            return renames[1]
        case _:
            return (renames[1] + len(steps)) // 2


# Nothing goes around it


def test_nothing_is_changed_but_through_the_disk(fleet: Fleet) -> None:
    """An audit hook sees every change under the door's folder: all come out of `edge/disk.py`."""
    first = fleet.push(fleet.repository.publish())
    fleet.leak()
    second = fleet.push(fleet.repository.publish())
    program = Path(__file__).with_name("watched_update.py")
    words = [fleet.moment().utc.isoformat(), fleet.folder / "watched", fleet.for_devices(fleet.repository)]
    done = subprocess.run(
        [sys.executable, program, *map(str, words), first, second],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["around"] == []
    assert told["through"] > 50
