"""The world of a running door: taken whole, checked first, and never in the way of a frame."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from tests.update.fleet import LEAKED, Fleet

from doorcheck import RELEASED, daemon
from doorcheck.core import selftest
from doorcheck.core.moment import Moment
from doorcheck.core.session import Decision
from doorcheck.core.signals import Score
from doorcheck.core.symbol import Symbol
from doorcheck.core.verdict import Reason, Verdict
from doorcheck.core.verify import verify
from doorcheck.core.world import World
from doorcheck.daemon import Door
from doorcheck.edge.frame import Frame
from doorcheck.lab.stage import FRAME_MS, PlayedCamera, StoryClock
from doorcheck.update.state import State
from doorcheck.update.worlds import Worlds

WITHIN_S = 60
"""Nothing here takes a second; a machine under load may need more."""


def rot(fleet: Fleet, number: int, name: str = "deny.dcdl") -> None:
    """Let a file of a generation decay on the card, alone: its other names get a copy before."""
    path = fleet.state.generations / str(number) / name
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def leaked(fleet: Fleet, worlds: Worlds) -> Reason:
    """What the door says to the leaked pass."""
    return verify(LEAKED, worlds.current(), fleet.moment()).reason


# While it runs


def test_a_new_generation_is_taken(running: Fleet) -> None:
    """At the next look the leaked pass is refused; between updates the world is the same object."""
    told: list[str] = []
    worlds = Worlds(running.state.path, told.append)
    before = worlds.current()
    worlds.look()
    assert worlds.current() is before
    running.leak()
    running.update(running.repository.publish())
    assert leaked(running, worlds) is Reason.OK
    worlds.look()
    assert leaked(running, worlds) is Reason.LISTED_SIGNATURE
    assert (worlds.generation, worlds.condition) == (2, None)
    assert told == ["generation 1 is taken", "generation 2 is taken"]


def test_marks_outlive_an_update(running: Fleet) -> None:
    """A shared pass is still noticed: the key of the marks is the process's, and nobody else's."""
    worlds = Worlds(running.state.path)
    before = worlds.current().mark_key
    running.leak()
    running.update(running.repository.publish())
    worlds.look()
    assert worlds.current().mark_key == before
    assert Worlds(running.state.path).current().mark_key != before


def test_a_door_without_lists_is_out_of_order_until_the_first(fleet: Fleet) -> None:
    """Nothing was lost, so there is no condition: there is no trust list yet."""
    worlds = Worlds(fleet.state.path)
    assert (worlds.generation, worlds.condition) == (None, None)
    assert worlds.current().floor == RELEASED
    assert leaked(fleet, worlds) is Reason.NO_TRUST
    fleet.update(fleet.repository.publish())
    worlds.look()
    assert leaked(fleet, worlds) is Reason.OK


def test_a_generation_that_is_not_whole_is_not_taken(running: Fleet) -> None:
    """The door goes on with the world that it has, and says so; the next good one ends that."""
    worlds = Worlds(running.state.path)
    running.leak()
    running.update(running.repository.publish())
    rot(running, 2)
    before = worlds.current()
    for _ in range(2):
        worlds.look()
    assert worlds.current() is before
    words = str(worlds.condition)
    assert words.startswith("generation 2 can't be used (")
    assert words.endswith("the door goes on with generation 1")
    running.leak()
    running.update(running.repository.publish())
    worlds.look()
    assert (worlds.generation, worlds.condition) == (3, None)


def test_a_generation_that_fails_the_known_answers_is_not_taken(
    running: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the verifier itself is what fails."""
    worlds = Worlds(running.state.path)
    running.leak()
    running.update(running.repository.publish())
    with monkeypatch.context() as patched:
        patched.setattr(selftest, "run", lambda _world: Reason.SELF_TEST)
        worlds.look()
    assert worlds.generation == 1
    assert worlds.condition is not None
    assert "known-answer test" in worlds.condition


def test_a_link_that_vanishes_changes_nothing(running: Fleet) -> None:
    """A running door keeps its world."""
    worlds = Worlds(running.state.path)
    (running.state.path / "current").unlink()
    worlds.look()
    assert (worlds.generation, worlds.condition) == (1, None)


# At start


def test_a_damaged_generation_falls_back_to_the_one_before(running: Fleet) -> None:
    """If that is whole; the operator is told of both."""
    running.leak()
    running.update(running.repository.publish())
    rot(running, 2)
    told: list[str] = []
    worlds = Worlds(running.state.path, told.append)
    assert worlds.generation == 1
    assert worlds.condition is not None
    assert worlds.condition.startswith("generation 2 can't be used (the deny list can't be used: damaged")
    assert told == ["generation 1 is taken", worlds.condition]


@pytest.mark.parametrize("name", ["deny.dcdl", "trust.dctl", "world.json", "settings.toml", "manifest.json"])
def test_a_door_without_a_whole_generation_is_out_of_order(running: Fleet, name: str) -> None:
    """Whichever file it is: nothing that is not whole admits anybody."""
    rot(running, 1, name)
    worlds = Worlds(running.state.path)
    assert worlds.condition is not None
    assert worlds.condition.endswith("the door goes on with none, out of order")
    assert leaked(running, worlds) is Reason.NO_TRUST


def test_what_was_declined_is_not_fallen_back_to(running: Fleet) -> None:
    """An operator went back from it: rather nobody is admitted."""
    running.leak()
    running.update(running.repository.publish())
    running.back()
    rot(running, 3)
    worlds = Worlds(running.state.path)
    assert worlds.generation is None


def test_a_lost_link_is_no_lost_door(running: Fleet) -> None:
    """The newest generation that is whole counts, and the operator is told."""
    running.leak()
    running.update(running.repository.publish())
    (running.state.path / "current").unlink()
    worlds = Worlds(running.state.path)
    assert worlds.generation == 2
    assert worlds.condition == "no generation is marked as current; the door goes on with generation 2"


@pytest.mark.parametrize("target", ["generations/../../elsewhere", "/etc", "generations/.staging", "2"])
def test_a_link_to_anywhere_else_is_none(running: Fleet, target: str) -> None:
    """Only a generation's own name is followed."""
    link = running.state.path / "current"
    link.unlink()
    link.symlink_to(target)
    assert State(running.state.path).current_number() is None


def test_a_folder_that_cannot_be_read_is_told(running: Fleet) -> None:
    """The card failed, or the folder is somebody else's: out of order, and said."""
    (running.state.path / "generations").rename(running.state.path / "away")
    (running.state.path / "generations").symlink_to("generations")
    worlds = Worlds(running.state.path)
    assert worlds.condition is not None
    assert "too many levels of symbolic links" in worlds.condition
    assert leaked(running, worlds) is Reason.NO_TRUST


# Beside the door's loop


def test_the_watch_takes_what_comes(running: Fleet) -> None:
    """A thread of its own looks again and again, until it is stopped."""
    taken = threading.Event()

    def told(words: str) -> None:
        if words == "generation 2 is taken":
            taken.set()

    worlds = Worlds(running.state.path, told, every_s=0.01)
    worlds.start()
    running.leak()
    running.update(running.repository.publish())
    assert taken.wait(WITHIN_S)
    worlds.stop()
    assert leaked(running, worlds) is Reason.LISTED_SIGNATURE


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_watch_that_ends_is_noticed(running: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would see that updates are not taken any more."""
    ended = threading.Event()
    worlds = Worlds(running.state.path, lambda _words: ended.set(), every_s=0.01)
    ended.clear()

    def broken(_state: State) -> int | None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(State, "current_number", broken)
    worlds.start()
    assert ended.wait(WITHIN_S)
    worlds.stop()
    assert worlds.condition == "updates are not looked for any more: restart the door"


class Lamps:
    """Lamps that nobody watches."""

    def play(self, score: Score, now_ms: int) -> None:
        """Nothing to light."""

    def refresh(self, now_ms: int) -> None:
        """Nothing to keep alight."""


class LeakedAgain:
    """A reader that finds the leaked pass in every frame."""

    def read(self, _frame: Frame) -> list[Symbol]:
        """It is there."""
        return [LEAKED]


def run(door: Door) -> None:
    """The loop, as long as the camera delivers."""
    door.start()
    while True:
        door.turn()


def test_the_door_takes_a_new_world_while_frames_flow(
    running: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every frame is judged, by the old world or by the new one; none waits, none is dropped."""
    running.leak()
    pushed = running.push(running.repository.publish(whole=False))
    worlds = Worlds(running.state.path)
    clock = StoryClock(running.now)
    judged: list[Reason] = []
    decided: list[Decision] = []

    def judge(symbol: Symbol, world: World, moment: Moment) -> Verdict:
        verdict = verify(symbol, world, moment)
        judged.append(verdict.reason)
        return verdict

    def install() -> None:
        running.update(pushed)
        worlds.look()

    thread = threading.Thread(target=install)

    def frames() -> Iterator[Frame]:
        after = 0
        while after < 20:
            after = 0 if worlds.generation == 1 else after + 1
            if len(judged) == 20:
                thread.start()
            yield Frame(memoryview(bytearray(4)), 2, 2, 2, clock.now_ms() + FRAME_MS)

    monkeypatch.setattr(daemon, "verify", judge)
    door = Door(
        PlayedCamera(frames(), clock), LeakedAgain(), clock, Lamps(), worlds.current, decided=decided.append
    )
    with pytest.raises(EOFError):
        run(door)
    thread.join()
    assert len(judged) == door.counters.frames == door.counters.symbols
    change = judged.index(Reason.LISTED_SIGNATURE)
    assert judged == [Reason.OK] * change + [Reason.LISTED_SIGNATURE] * (len(judged) - change)
    assert (change >= 20, len(judged) - change) == (True, 20)
    assert [one.reason for one in decided] == [Reason.OK, Reason.LISTED_SIGNATURE]
