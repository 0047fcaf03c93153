"""A week at a door in less than an hour: thousands of decisions, and nothing that grows.

`VIRTUAL_PI_WEEK_MINUTES` is how long visitors come, in the host's time; ten minutes if it is not set. Their
codes fill the view and nothing else is in it, so that the emulated processor has little to look at. The
machine's time is the host's here, for it gets more done so.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pytest
from tests.virtual_pi.conftest import READY_S, Figures, artefacts
from tests.virtual_pi.lens import flat
from tests.virtual_pi.machine import Power, VirtualPi
from tests.virtual_pi.rush import Visit, bring, visit
from tests.virtual_pi.venue import Venue
from tests.virtual_pi.visitors import await_quiet

from doorcheck.core.symbol import SymbolFormat
from doorcheck.lab import french, issuer
from doorcheck.lab.bench import Bench

pytestmark = pytest.mark.virtual_pi

MINUTES: Final = float(os.environ.get("VIRTUAL_PI_WEEK_MINUTES", "10"))
LOOK_EVERY_S: Final = 120.0
WARM_UP: Final = 60
"""Decisions after which every part has been used once: what is held then is the measure."""
PROCESSES: Final = ("door", "decoder", "guardian")
GROWTH_MOST_KB: Final = 2048
"""Of each process, over the whole run: session marks fill up to 4,096 in it, some hundred kB."""
STATE_GROWTH_MOST_BYTES: Final = 4096
"""A quarter of an hour's counts take 80 bytes."""
LEAKED: Final = 5
SLOW_EVERY: Final = 25
"""What is no pass must stay in view for longer, and comes that seldom."""

LOOK: Final = r"""
door=$(systemctl show doorcheck -P MainPID)
decoder=$(pgrep -P $door -f edge.decoder)
guardian=$(pgrep -P $door -f edge.guardian)
for name in door decoder guardian; do
    eval pid=\$$name
    echo $name pid $pid
    sudo awk -v name=$name '/^(VmRSS|RssAnon|VmHWM|Threads):/ { sub(":", "", $1); print name, $1, $2 }' \
        /proc/$pid/status
    echo $name descriptors $(sudo ls /proc/$pid/fd | wc -l)
done
for name in lib cache; do
    echo $name bytes $(sudo du -sb /var/$name/doorcheck | cut -f 1)
    echo $name files $(sudo find /var/$name/doorcheck | wc -l)
done
echo runtime bytes $(sudo du -sb /run/doorcheck | cut -f 1)
echo runtime files $(sudo find /run/doorcheck | wc -l)
echo journal lines $(sudo journalctl -b -u doorcheck --no-pager -q | wc -l)
echo restarts of $(systemctl show doorcheck -P NRestarts)
"""

Held = dict[str, int]


@pytest.fixture
def hurried(machines: Callable[[str], VirtualPi]) -> VirtualPi:
    """A door of its own, that judges as fast as the host lets it."""
    pi = machines("week")
    pi.boot(Power(counted=False))
    assert pi.header is not None
    pi.header.await_lit("ready", READY_S)
    pi.await_ssh()
    return pi


@dataclass(frozen=True, slots=True)
class Look:
    """What the door holds after so many decisions."""

    decisions: int
    inside_s: float
    held: Held


def test_thousands_of_visitors_leave_nothing_behind(
    hurried: VirtualPi, venue: Venue, figure: Figures, tell: Callable[[str], None]
) -> None:
    """Memory of its processes, descriptors, threads, state and journal are at the end as they were."""
    leaked = [venue.issue(f"leaked {number}") for number in range(LEAKED)]
    for payload in leaked:
        venue.revoke(payload, "leaked")
    venue.publish("leaked passes")
    bring(hurried, venue)
    visitors, answered = _visitors(venue, leaked), list[Visit]()
    looks = list[Look]()
    began_s = time.monotonic()
    until_s, look_s = began_s + MINUTES * 60, 0.0
    while time.monotonic() < until_s or not looks:
        answered.append(visit(hurried, *next(visitors)))
        if len(answered) >= WARM_UP and time.monotonic() >= look_s:
            look_s = time.monotonic() + LOOK_EVERY_S
            looks.append(_look(hurried, len(answered)))
            tell(f"{len(answered)} decisions")
    host_s = time.monotonic() - began_s
    looks.append(_look(hurried, len(answered)))
    hurried.lens.clear()
    await_quiet(hurried)
    (artefacts() / "week.json").write_text(
        json.dumps([{"decisions": one.decisions, **one.held} for one in looks], indent=1)
    )
    _tell_figures(figure, answered, looks, host_s)
    assert all(one.let_in is (one.lamp == "green") for one in answered), "the wrong one was let in"
    first, last = looks[0].held, looks[-1].held
    for process in PROCESSES:
        for name in ("pid", "descriptors", "Threads"):
            assert first[f"{process} {name}"] == last[f"{process} {name}"], f"{process} {name}"
        for name in ("VmRSS", "RssAnon"):
            grown_kb = last[f"{process} {name}"] - first[f"{process} {name}"]
            assert grown_kb <= GROWTH_MOST_KB, f"{process} {name}"
    for name in ("restarts of", "lib files", "cache files", "runtime files"):
        assert first[name] == last[name], name
    for name in ("lib bytes", "cache bytes", "runtime bytes"):
        assert last[name] - first[name] <= STATE_GROWTH_MOST_BYTES, name
    assert last["journal lines"] - first["journal lines"] <= 10 + len(looks)


def _visitors(venue: Venue, leaked: Sequence[bytes]) -> Iterator[tuple[str, bytes, str]]:
    """Everybody who comes to a door, in an order in which each answer changes the lamps."""
    bench = Bench(venue.now, "a week")
    proofs = (issuer.vaccination, issuer.negative_test, issuer.recovery)
    for number in itertools.count():
        symbol = SymbolFormat.AZTEC if number % 9 == 8 else SymbolFormat.QR
        good = flat(venue.issue(f"week {number}", prove=proofs[number % 3]), symbol)
        yield f"good {number}", good, "green"
        match number % 6:
            case 0:
                yield "forged", flat(venue.forge(f"forged {number}")), "red"
            case 1:
                yield "expired", flat(venue.expired(f"expired {number}")), "red"
            case 2:
                document = french.vaccination(bench.person, bench.utc).but(L0=f"ZZ{number}").data()
                yield "2D-Doc", flat(document, SymbolFormat.DATAMATRIX), "red"
            case 3:
                yield "leaked", flat(leaked[number % LEAKED]), "red"
            case 4:
                token = french.light_token(bench.person, bench.utc)
                yield "light pass", flat(french.text(bench, token, french.HCFR1)), "red"
            case _:
                yield "the same again", good, "amber"
        if number % SLOW_EVERY == SLOW_EVERY - 1:
            yield f"good, {number}", flat(venue.issue(f"more {number}")), "green"
            yield "unreadable", flat(venue.spoiled(f"spoiled {number}")), "red"
            yield "another country's", flat(b"shc:/5676290952432060346029243740"), "amber"


def _look(door: VirtualPi, decisions: int) -> Look:
    held = Held()
    for line in door.ssh(LOOK).out.splitlines():
        *name, number = line.split()
        held[" ".join(name)] = int(number)
    return Look(decisions, door.lens.inside_s(), held)


def _tell_figures(figure: Figures, answered: list[Visit], looks: list[Look], host_s: float) -> None:
    lamps = Counter(one.lamp for one in answered)
    kinds = Counter(one.name.split(" ")[0].rstrip(",") for one in answered)
    inside_s = answered[-1].shown_s - answered[0].shown_s
    figure(
        "a week's visitors",
        f"{len(answered)} decisions in {host_s / 60:.1f} min ({inside_s / 60:.1f} of the machine): "
        f"{len(answered) / host_s * 3600:.0f} an hour",
    )
    figure("  by lamp", ", ".join(f"{number} {lamp}" for lamp, number in sorted(lamps.items())))
    figure("  by kind", ", ".join(f"{number} {kind}" for kind, number in kinds.most_common()))
    first, last = looks[0], looks[-1]
    for process in PROCESSES:
        memory = ", ".join(
            f"{name} {_change(first, last, f'{process} {name}')} kB" for name in ("VmRSS", "RssAnon")
        )
        others = ", ".join(
            f"{name} {_change(first, last, f'{process} {name}')}" for name in ("descriptors", "Threads")
        )
        figure(f"  {process}, after {first.decisions} and the last", f"{memory}; {others}")
    for name in ("lib bytes", "lib files", "cache bytes", "runtime bytes", "journal lines"):
        figure(f"  {name}", _change(first, last, name))


def _change(first: Look, last: Look, name: str) -> str:
    return f"{first.held[name]} -> {last.held[name]}"
