"""The power may go at every step of a change of release: what starts again is a whole one.

Each scenario is played once on a disk that writes down every change; for every step, the trees
that a cut after it may leave are made (`tests/update/powercut.py`), and the box is booted on each:
the link names a release of which every file is there; and once the power stays, the box comes
to the same end as without a cut, and leaves nothing over.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from releasing import disk, outcome, taking
from tests.systemd.releases import NEW, NEWER, OLD, Conduct, Yard
from tests.update.powercut import Kind, Model, RecordingDisk, build, read

Act = Callable[[Yard], object]
Whole = dict[str, dict[str, bytes]]
"""Every file of every release that could ever count, but for what holds the root's path."""
KEPT = {"last.json", "room"}
"""What is remembered when nothing is under way."""


class Watched(RecordingDisk, disk.Disk):
    """The recording disk with what the box's script can do more."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def put(self, path: Path, data: bytes, permissions: int = 0o644) -> None:
        """Make it, and flush nothing."""
        disk.Disk.put(self, path, data, permissions)
        self._note(Kind.CREATE, path)
        self._note(Kind.WRITE, path, data=data)

    def flush_all(self, _folder: Path) -> None:
        """Every file and folder there is."""
        for folder, _, files in os.walk(self._root):
            for path in (Path(folder), *(Path(folder, name) for name in files)):
                if not path.is_symlink():
                    self._note(Kind.FLUSH, path)


class QuickDisk(disk.Disk):
    """The real disk, but nothing waits for it."""

    def _flush(self, handle: int) -> None:
        os.fstat(handle)

    def flush_all(self, _folder: Path) -> None:
        """Nothing."""


@pytest.fixture
def room() -> Iterator[Path]:
    """A folder in memory, if there is one: thousands of trees are made and removed in it."""
    memory = Path("/dev/shm")  # noqa: S108 (a folder with a random name in it)
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture
def yard(room: Path) -> Yard:
    """A box with two good releases, its door running."""
    yard = Yard.make(room / "root", room / "run")
    yard.disk = QuickDisk()
    yard.offer(NEW)
    taking.take(yard.box())
    yard.until_over()
    return yard


def libraries(yard: Yard, version: str) -> dict[str, bytes]:
    """What was unpacked; the rest, and what is compiled, holds the root's path."""
    files = yard.files(version)
    return {name: data for name, data in files.items() if name.startswith("lib/") and name.endswith(".py")}


@pytest.fixture
def whole(tmp_path: Path) -> Whole:
    """From a box of its own, without any cut."""
    yard, found = Yard.make(tmp_path / "root", tmp_path / "run"), {}
    for version in (OLD, NEW, NEWER):
        yard.offer(version)
        taking.take(yard.box())
        yard.until_over()
        found[version] = libraries(yard, version)
    assert all(found.values())
    return found


class Cuts:
    """Plays a scenario, and cuts it off everywhere."""

    def __init__(self, yard: Yard, act: Act, room: Path, whole: Whole, *, thorough: bool) -> None:
        self._yard, self._act, self._room = yard, act, room
        self._whole = whole
        self.points, self.lost, self.seen = 0, list[str](), set[int]()
        model, watched = Model(yard.root), Watched(yard.root)
        (room / "store").mkdir()
        yard.disk = watched
        act(yard)
        self.end, self.steps = read(yard.root), watched.steps
        self._last = self._summary(yard)
        for number, step in enumerate(self.steps, 1):
            model.apply(step)
            for how, tree in model.states(thorough=thorough):
                self.points += 1
                key = hash(frozenset(tree.items()))
                if key not in self.seen:
                    self.seen.add(key)
                    self._start(tree, f"step {number}, {step.kind.value} {step.path.name}: {how}")
        self.model_end = model.tree()

    def _start(self, tree: dict[str, bytes | str | None], how: str) -> None:
        root = self._room / "root-after"
        build(tree, root, self._room / "store")
        try:
            self._judge(Yard(root, self._yard.conducts, QuickDisk()))
        except Exception as error:  # noqa: BLE001 (whatever it is, it is a box lost)
            self.lost.append(f"{how}: {error!r}")
        shutil.rmtree(root)

    def _judge(self, yard: Yard) -> None:
        for path in (yard.places.releases / version / "bin/doorcheck" for version in yard.places.installed()):
            if path.exists():
                path.chmod(0o755)  # the model knows data and names alone
        yard.reboot()
        current = yard.current
        assert current is not None
        assert libraries(yard, current) == self._whole[current]
        assert yard.door.version == current
        yard.until_over()
        self._act(yard)
        assert self._summary(yard) == self._last
        assert {path.name for path in yard.places.kept.iterdir()} <= KEPT, "left over"
        assert {path.name for path in yard.places.opt.iterdir()} <= {"releases", "current", "previous"}

    @staticmethod
    def _summary(yard: Yard) -> object:
        return yard.current, yard.previous, tuple(yard.places.installed()), yard.last.outcome


def through(version: str, conduct: Conduct) -> Act:
    """Take that release, and wait until nothing is on trial."""

    def act(yard: Yard) -> None:
        yard.conducts[version] = yard.door.conducts[version] = conduct
        taking.take(yard.box())
        yard.until_over()

    return act


def check(cuts: Cuts, name: str, report: list[str]) -> None:
    """Nothing was lost; and what was written down is all that was done."""
    report.append(
        f"power loss, {name}: {len(cuts.steps)} steps, {cuts.points} points tried "
        f"({len(cuts.seen)} different), lost: {len(cuts.lost)}"
    )
    assert not cuts.lost, "\n".join(cuts.lost[:5])
    assert cuts.model_end == cuts.end


THOROUGH = [pytest.param(False, id="in order"), pytest.param(True, id="any order", marks=pytest.mark.slow)]


@pytest.mark.parametrize("thorough", THOROUGH)
def test_a_release_is_taken_and_kept(
    yard: Yard, room: Path, whole: Whole, report: list[str], thorough: bool
) -> None:
    """From two releases to the next two."""
    yard.bring(NEWER)
    yard.sign(NEWER)
    cuts = Cuts(yard, through(NEWER, Conduct()), room, whole, thorough=thorough)
    check(cuts, f"a release is taken{', any order' * thorough}", report)
    assert (yard.current, yard.previous) == (NEWER, NEW)


@pytest.mark.parametrize("thorough", THOROUGH)
def test_a_release_is_gone_back_from(
    yard: Yard, room: Path, whole: Whole, report: list[str], thorough: bool
) -> None:
    """A release that crashes: the old one counts again, and the one before that is still there."""
    yard.bring(NEWER)
    yard.sign(NEWER)
    cuts = Cuts(yard, through(NEWER, Conduct(restarts_s=2)), room, whole, thorough=thorough)
    check(cuts, f"a release is gone back from{', any order' * thorough}", report)
    assert (yard.current, yard.previous) == (NEW, OLD)
    assert yard.last.outcome == outcome.RETURNED


def test_the_second_boot_on_trial(yard: Yard, room: Path, whole: Whole, report: list[str]) -> None:
    """The power goes again while the boot goes back."""
    yard.bring(NEWER)
    yard.sign(NEWER)
    taking.take(yard.box())
    yard.reboot()

    def act(again: Yard) -> None:
        if again.places.probation.exists():
            again.reboot()
        taking.take(again.box())
        again.until_over()

    cuts = Cuts(yard, act, room, whole, thorough=False)
    check(cuts, "the second boot on trial", report)
    assert (yard.current, yard.previous) == (NEW, OLD)
