"""Whether a box has what it was brought: from its own words alone, and in bounded time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from deploy.boxes import said
from deploy.boxes.delivery import Delivery, LateError, Limits
from deploy.boxes.errors import (
    BusyError,
    ContactError,
    OlderError,
    RefusedError,
    ReturnedError,
    UnreachableError,
)
from deploy.boxes.line import Line
from deploy.boxes.parcel import Parcel
from deploy.boxes.verdict import Step, Wanted

WORD = "mine"
RELEASE = Wanted(timestamp=2, root=1, release="0.2.0", sha256="ab")


def box_says(
    *,
    timestamp: int = 1,
    generation: int = 1,
    judging_by: int = 1,
    last: dict[str, Any] | None = None,
    release: dict[str, Any] | None = None,
    version: str = "0.1.0",
) -> bytes:
    """An answer of the status account."""
    roles = {"timestamp": {"version": timestamp}, "root": {"version": 1}}
    whole = {
        "format": 1,
        "status": {"ready": True, "state": "judging", "version": version, "generation": judging_by},
        "update": {"generation": generation, "metadata": roles, "last": last},
        "release": release,
    }
    return json.dumps(whole).encode()


def ended(push: str, refused: str | None = None) -> dict[str, Any]:
    """How the box's last attempt ended."""
    told = {"refused": refused, "words": "because"} if refused else {"changed": True}
    return {"format": 1, "push": push, "finished": push, "exit": int(refused is not None), "said": told}


@dataclass
class FakeBox:
    """Plays both lines: hands out one answer after the other, notes what is brought."""

    answers: list[bytes | ContactError]
    brought: list[tuple[str, ...]] = field(default_factory=list)
    busy: int = 0
    """How many copies are sent away, because another's is under way."""

    def ask(self, _word: str, _within_s: float) -> bytes:
        """The next answer; the last one for ever."""
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, ContactError):
            raise answer
        return answer

    def send(self, options: list[str], sources: list[str], _to: str, _within_s: float) -> list[str]:
        """Note what came."""
        if self.busy:
            self.busy -= 1
            raise BusyError("desk")
        self.brought.append(
            ("again" if "--checksum" in options else "", *[Path(one).name for one in sources])
        )
        return ["public/x"]

    place = "desk"


@dataclass
class Hours:
    """Time that passes only by waiting."""

    s: float = 0

    def now_s(self) -> float:
        """Seconds."""
        return self.s

    def wait(self, seconds: float) -> None:
        """Let it pass."""
        self.s += seconds


Deliver = Callable[..., tuple[FakeBox, Delivery]]


@pytest.fixture
def deliver() -> Deliver:
    """A delivery to a box that gives these answers."""

    def one(*answers: bytes | ContactError, wanted: Wanted | None = None) -> tuple[FakeBox, Delivery]:
        box = FakeBox(list(answers))
        line: Line = box  # type: ignore[assignment] # plays its two verbs
        brought = Parcel(Path("public"), wanted or Wanted(2, 1))
        return box, Delivery(line, line, brought, Limits(verdict_s=60), Hours(), WORD)

    return one


def test_a_box_that_has_it_is_brought_nothing(deliver: Deliver) -> None:
    """A second run changes nothing, and costs one question."""
    box, delivery = deliver(box_says(timestamp=2))
    done = delivery.run()
    assert (done.step, done.news, box.brought) == (Step.DONE, False, [])


def test_done_is_when_the_running_door_judges_by_it(deliver: Deliver) -> None:
    """Installed is not enough: the door that runs must have taken it."""
    box, delivery = deliver(
        box_says(),
        box_says(),
        box_says(timestamp=2, generation=2, judging_by=1, last=ended(WORD)),
        box_says(timestamp=2, generation=2, judging_by=2, last=ended(WORD)),
    )
    done = delivery.run()
    assert (done.step, done.news, len(box.answers)) == (Step.DONE, True, 1)
    assert [names[-1] for names in box.brought] == ["public", "finished"]


def test_a_refusal_is_told_with_the_boxs_own_code(deliver: Deliver) -> None:
    """Never a time-out, never a success."""
    _, delivery = deliver(box_says(), box_says(last=ended(WORD, "wrong-root")))
    with pytest.raises(RefusedError) as caught:
        delivery.run()
    assert caught.value.why == "wrong-root"
    assert "because" in str(caught.value)


def test_an_earlier_refusal_is_not_ours(deliver: Deliver) -> None:
    """What the box said to somebody else, or last week, says nothing of this push."""
    old = ended("theirs", "expired")
    _, delivery = deliver(box_says(last=old), box_says(last=old), box_says(timestamp=2, last=ended(WORD)))
    assert delivery.run().step is Step.DONE


def test_a_damaged_copy_is_brought_again_once(deliver: Deliver) -> None:
    """Files of the same length and time are compared then; a second such answer is a refusal."""
    again = f"{WORD}-again"
    box, delivery = deliver(
        box_says(), box_says(last=ended(WORD, "altered")), box_says(timestamp=2, last=ended(again))
    )
    assert delivery.run().step is Step.DONE
    assert [names[0] for names in box.brought] == ["", "", "again", ""]
    _, delivery = deliver(
        box_says(), box_says(last=ended(WORD, "altered")), box_says(last=ended(again, "altered"))
    )
    with pytest.raises(RefusedError):
        delivery.run()


def test_two_operators_at_once(deliver: Deliver) -> None:
    """Where another push's mark came between, ours is made again, once, and its own answer counts."""
    theirs = box_says(last=ended("theirs"))
    box, delivery = deliver(box_says(), theirs, theirs, box_says(timestamp=2, last=ended(WORD)))
    assert delivery.run().step is Step.DONE
    assert [names[-1] for names in box.brought] == ["public", "finished", "finished"]


def test_anothers_copy_is_waited_for(deliver: Deliver) -> None:
    """While another operator's copy is under way ours waits for its turn, for as long as a copy may take."""
    box, delivery = deliver(box_says(), box_says(timestamp=2, last=ended(WORD)))
    box.busy = 5
    assert delivery.run().step is Step.DONE
    assert [names[-1] for names in box.brought] == ["public", "finished"]
    assert delivery.timer.now_s() > 5
    box, delivery = deliver(box_says())
    box.busy = 10_000
    with pytest.raises(BusyError):
        delivery.run()
    assert delivery.timer.now_s() <= delivery.limits.send_s


def test_an_older_publication_is_not_brought(deliver: Deliver) -> None:
    """A laptop that is behind is told so, instead of believing that all is well."""
    box, delivery = deliver(box_says(timestamp=3))
    with pytest.raises(OlderError):
        delivery.run()
    assert box.brought == []


def test_waiting_ends(deliver: Deliver) -> None:
    """A box that never says anything is given up in time, with its last words."""
    _, delivery = deliver(box_says())
    with pytest.raises(LateError, match="has not looked"):
        delivery.run()
    assert 60 <= delivery.timer.now_s() < 75


def test_a_box_that_restarts_meanwhile_is_waited_for(deliver: Deliver) -> None:
    """A line that breaks after the mark is no failure yet."""
    gone = UnreachableError("desk", "Connection refused")
    _, delivery = deliver(box_says(), gone, gone, box_says(timestamp=2, last=ended(WORD)))
    assert delivery.run().step is Step.DONE
    _, delivery = deliver(gone)
    with pytest.raises(UnreachableError):
        delivery.run()


def release(outcome: str, at: str = "now", sha256: str = "ab") -> dict[str, Any]:
    """What the box says of its last release."""
    return {"version": "0.2.0", "sha256": sha256, "outcome": outcome, "why": "words", "at": at}


@pytest.mark.parametrize(
    ("outcome", "step"), [("on-trial", Step.ON_TRIAL), ("kept", Step.DONE), ("installed", Step.DONE)]
)
def test_a_release_is_told_as_the_box_tells_it(deliver: Deliver, outcome: str, step: Step) -> None:
    """On trial is not done."""
    after = box_says(timestamp=2, generation=2, judging_by=2, version="0.2.0", release=release(outcome))
    _, delivery = deliver(box_says(), after, wanted=RELEASE)
    assert delivery.run().step is step


def test_a_release_that_went_back_is_a_failure(deliver: Deliver) -> None:
    """Also one that failed here before: the box does not try it twice."""
    after = box_says(timestamp=2, release=release("returned"))
    for before in (box_says(), after):
        _, delivery = deliver(before, after, wanted=RELEASE)
        with pytest.raises(ReturnedError):
            delivery.run()


def test_a_refused_release_may_be_tried_again(deliver: Deliver) -> None:
    """The wheels may be there now: an answer of before does not count."""
    before = box_says(timestamp=2, release=release("refused", at="before"))
    kept = box_says(timestamp=2, version="0.2.0", release=release("kept"))
    _, delivery = deliver(before, before, kept, wanted=RELEASE)
    assert delivery.run().step is Step.DONE
    _, delivery = deliver(before, box_says(timestamp=2, release=release("refused")), wanted=RELEASE)
    with pytest.raises(RefusedError):
        delivery.run()


def test_another_release_of_the_same_version_is_not_ours(deliver: Deliver) -> None:
    """The signed file's hash is its identity."""
    answer = box_says(timestamp=2, release=release("kept", sha256="cd"))
    _, delivery = deliver(answer, wanted=RELEASE)
    with pytest.raises(LateError):
        delivery.run()


def test_an_answer_that_can_not_be_read_is_none() -> None:
    """The reader takes unknown fields, as newer boxes have."""
    whole = json.loads(box_says(timestamp=7)) | {"new": [1]}
    assert said.read(json.dumps(whole).encode(), "desk").signed("timestamp") == 7
