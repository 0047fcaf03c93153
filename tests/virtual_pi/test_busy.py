"""An update comes over SSH while visitors are judged: how long one of them waits for a lamp."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import pytest
from tests.virtual_pi import timeline
from tests.virtual_pi.conftest import Figures, artefacts
from tests.virtual_pi.lens import KEPT, held
from tests.virtual_pi.machine import VirtualPi
from tests.virtual_pi.rush import APART_S, Visit, bring, visit
from tests.virtual_pi.venue import Venue
from tests.virtual_pi.visitors import await_quiet, header_of

pytestmark = pytest.mark.virtual_pi

DENIED: Final = 250_000
SIGNERS: Final = 400
CALM_VISITS: Final = 12
LONGEST_S: Final = 2.0
"""From the frame with the pass to its lamp, whatever is being installed: machine time."""
TAKEN: Final = "until grep -q '\"generation\": {}' /run/doorcheck/status.json; do sleep 2; done"


def test_visitors_are_answered_while_an_update_is_taken(
    door: VirtualPi, venue: Venue, figure: Figures, tell: Callable[[str], None]
) -> None:
    """With large lists, whole and as a delta: each visitor gets the right lamp within `LONGEST_S`."""
    header, queue = header_of(door), _queue(venue)
    began_s, marks = time.monotonic(), list[tuple[float, str]]()
    calm = [_next(door, queue) for _ in range(CALM_VISITS)]
    phases = {"before": (calm, 0.0)}
    for number, words in enumerate(("large lists, whole", "one entry more, a delta")):
        venue.revoke_many(DENIED if number == 0 else 1, seed=number)
        if number == 0:
            venue.trust_many(SIGNERS)
        venue.publish(words)
        with ThreadPoolExecutor(1) as pool:
            marks.append((time.monotonic(), f"pushed: {words}"))
            bringing = pool.submit(bring, door, venue)
            visits = list(_until(bringing, door, queue))
            bringing.result()
        marks.append((time.monotonic(), "taken"))
        lasted_s = header.inside_s(marks[-1][0]) - header.inside_s(marks[-2][0])
        phases[words] = (visits, lasted_s)
        tell(f"{words}: {len(visits)} visitors in {lasted_s:.0f} s of the machine")
    ended_s = time.monotonic()
    door.lens.clear()
    await_quiet(door)
    shown = door.lens.shown[-KEPT:]
    picture = timeline.svg("an update while visitors come", shown, header, began_s, ended_s, marks)
    (artefacts() / "busy.svg").write_text(picture)
    for words, (visits, lasted_s) in phases.items():
        waits = [each.waited_s * 1000 for each in visits]
        span = f"; {lasted_s:.0f} s of the machine" if lasted_s else ""
        figure(
            f"frame to lamp, {words}",
            f"median {statistics.median(waits):.0f} ms, longest {max(waits):.0f} ms of {len(waits)}{span}",
        )
    every = [each for visits, _ in phases.values() for each in visits]
    assert all(each.let_in is (each.lamp == "green") for each in every), "the wrong one was let in"
    assert all(len(visits) >= 5 for visits, _ in phases.values()), "too few to say anything"
    assert max(each.waited_s for each in every) < LONGEST_S
    figure("  so no frame is missed for longer than", f"{LONGEST_S + APART_S:.1f} s, machine time")


def _queue(venue: Venue) -> Iterator[tuple[str, bytes, str]]:
    """Good passes and forged ones in turn: so each answer changes the lamps."""
    for number in itertools.count():
        yield f"good {number}", venue.issue(f"busy {number}"), "green"
        yield f"forged {number}", venue.forge(f"busy, forged {number}"), "red"


def _next(door: VirtualPi, queue: Iterator[tuple[str, bytes, str]]) -> Visit:
    name, payload, lamp = next(queue)
    return visit(door, name, held(payload, seed=len(door.lens.shown) % 50), lamp)


def _until(
    bringing: Future[None], door: VirtualPi, queue: Iterator[tuple[str, bytes, str]]
) -> Iterator[Visit]:
    """Visitors until the update is taken, and two more."""
    while not bringing.done():
        yield _next(door, queue)
    for _ in range(2):
        yield _next(door, queue)
