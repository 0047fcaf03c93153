"""What a door still holds of its visitors when they have left: nothing on disk, in the journal, in files.

In memory it holds what it has not needed to write over yet; the last test says how much, and where.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Final

import pytest
from tests.virtual_pi import leftovers, traces
from tests.virtual_pi.conftest import Figures, artefacts
from tests.virtual_pi.lens import COVERED, HALL, held
from tests.virtual_pi.machine import VirtualPi
from tests.virtual_pi.rush import visit
from tests.virtual_pi.traces import Trace
from tests.virtual_pi.venue import Venue
from tests.virtual_pi.visitors import await_quiet, header_of

pytestmark = pytest.mark.virtual_pi

LATER_VISITORS: Final = 10
MOST_LOOKED_FOR: Final = 40
MOST_REMEMBERED: Final = 6
"""Different people of whom a trace may be left in freed memory, however many came: an interpreter does not
wipe what it frees, but the next visitors are written over it. Three were measured after twenty-three."""
HALL_S: Final = 3.0
PLANTED_FILES: Final = {"deleted": "ZZPLANTEDDELETED", "wide": "ZZPLANTEDWIDE", "kept": "ZZPLANTEDKEPT"}


def looked_for(venue: Venue) -> list[Trace]:
    """Everybody's marks; and of the first and the last who came, the passes."""
    chosen = [*venue.passes[:2], *venue.passes[-4:]]
    return [*traces.marks(), *(each for payload in chosen for each in traces.of_pass(payload))]


def test_nothing_of_a_visitor_is_on_disk(
    door: VirtualPi, venue: Venue, tmp_path: Path, figure: Figures
) -> None:
    """Not in a file, not in a free block, in no encoding; a file that was deleted is found."""
    _visitors(door, venue, 2)
    wanted = looked_for(venue)
    _plant(door)
    plants = {name: list(traces.spelled(name, word)) for name, word in PLANTED_FILES.items()}
    found = leftovers.on_disk(door, tmp_path, [*wanted, *(each for some in plants.values() for each in some)])
    for name, some in plants.items():
        assert [each for each in found if each.trace in some], (
            f"the {name} file was not found: a blind search"
        )
    found = [each for each in found if each.trace in wanted]
    figure("of visitors on the disk", f"{traces.told(found)} ({len(wanted)} traces looked for)")
    assert not found


def test_nothing_of_a_visitor_is_in_journal_or_files(door: VirtualPi, venue: Venue, figure: Figures) -> None:
    """Nor in what programs wrote since the box was made; a line and a file put there are found."""
    _visitors(door, venue, 2)
    wanted, plants = looked_for(venue), traces.planted()
    door.ssh("sudo tee /run/planted | logger --tag planted", input=f"{traces.PLANTED}\n")
    for words, look in (("journal", leftovers.in_journal), ("files", leftovers.in_files)):
        found = look(door, [*wanted, *plants])
        assert [each for each in found if each.trace in plants], f"{words}: a blind search"
        left = [each for each in found if each.trace in wanted]
        figure(f"of visitors in {words}", traces.told(left))
        assert not left


def test_what_the_memory_holds_fades(door: VirtualPi, venue: Venue, tmp_path: Path, figure: Figures) -> None:
    """A visitor is in memory while judged; a few visitors later little is left, and it is known where."""
    payload = venue.issue("remembered")
    picture = held(payload)
    own = [
        *traces.spelled("surname", venue.names[-1]),
        *traces.of_pass(payload),
        *traces.of_picture(picture, HALL),
    ]
    header = header_of(door)
    shown_s = door.lens.show("remembered", picture)
    header.await_lit("green", 300, shown_s)
    at_once = leftovers.in_memory(door, tmp_path, own)
    door.lens.show("hall", COVERED)
    pass_time(door, HALL_S)
    _visitors(door, venue, LATER_VISITORS)
    pass_time(door, HALL_S)
    owners = leftovers.owners(door)
    everybody = [Trace(name, name.encode()) for name in venue.names[-MOST_LOOKED_FOR:]]
    later = leftovers.in_memory(door, tmp_path, [*own, *traces.marks(), *everybody])
    remembered = {each.trace.kind for each in later if each.trace in everybody}
    own_later = [each for each in later if each.trace in own]
    report = {
        "while it is held up": traces.told(at_once),
        f"{LATER_VISITORS} visitors later": leftovers.by_owner(own_later, owners),
        "then, of anybody": leftovers.by_owner(
            [each for each in later if each.trace not in (*own, *everybody)], owners
        ),
        "then, different people": f"{len(remembered)} of the last {len(everybody)}",
    }
    (artefacts() / "memory.json").write_text(json.dumps(report, indent=2))
    for words, told in report.items():
        figure(f"a visitor in memory, {words}", told)
    door.lens.clear()
    await_quiet(door)
    seen = {each.trace.kind for each in at_once}
    assert {"pass", "picture"} <= seen, "a blind search: it finds nothing of a pass that is being judged"
    assert not [each for each in own_later if each.trace.kind == "picture"], "a picture stays"
    assert len(remembered) <= MOST_REMEMBERED


def _visitors(door: VirtualPi, venue: Venue, number: int) -> None:
    """Some are admitted, some refused."""
    for each in range(number):
        good = each % 2 == 0
        payload = venue.issue(f"private {each}") if good else venue.forge(f"private {each}")
        visit(door, "good" if good else "forged", held(payload, seed=each), "green" if good else "red")


def _plant(door: VirtualPi) -> None:
    """Three files: one as it is, one in UTF-16, one that is deleted again."""
    for name, word in PLANTED_FILES.items():
        text = f"visitor: {word}\n"
        wide = "| iconv -t UTF-16LE" if name == "wide" else ""
        door.ssh(f"cat {wide} | sudo tee /var/lib/planted-{name} >/dev/null; sync", input=text)
    door.ssh("sudo rm /var/lib/planted-deleted; sync")


def pass_time(door: VirtualPi, inside_s: float) -> None:
    """So long on the machine's clock."""
    until_s = door.lens.inside_s() + inside_s
    while door.lens.inside_s() < until_s:
        time.sleep(0.1)
