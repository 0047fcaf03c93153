"""What a running door does besides judging: it looks after itself, counts, and reports.

Once a second it measures, finds what is wrong, and logs what changed. Every two seconds
it has the report written; when a bin is over, the counters; once an hour, the time. It
writes nothing itself: a thread of its own does, so that no slow card holds the lamps.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from doorcheck import __version__
from doorcheck.config import Settings
from doorcheck.core import health
from doorcheck.core.counters import Bins, Ledger
from doorcheck.core.health import Condition, Lamps, Measured, Wall
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.session import Decision, Session
from doorcheck.core.verdict import Outcome
from doorcheck.daemon import Door
from doorcheck.edge import asking, board, statefiles
from doorcheck.edge.asking import Asking
from doorcheck.edge.board import Board
from doorcheck.edge.clock import BoxClock, Doubt
from doorcheck.edge.statefiles import Clerk, Report, Starts
from doorcheck.edge.systemd import NOTICE, WARNING, Log
from doorcheck.service.parts import Places
from doorcheck.update.worlds import Worlds

LOOK_EVERY_MS: Final = 1_000
REPORT_EVERY_MS: Final = 2_000
REMEMBER_EVERY_MS: Final = 3_600_000
"""The time is written down that often: the card wears, and a floor need not be sharp."""
_WALLS: Final = {
    None: Wall.BELIEVED,
    Doubt.NO_EVIDENCE: Wall.UNVOUCHED,
    Doubt.BEFORE_FLOOR: Wall.PAST,
    Doubt.TURNED_BACK: Wall.JUMPED,
    Doubt.JUMPED_AHEAD: Wall.JUMPED,
}


@dataclass(slots=True)
class Findings:
    """What others found wrong, and upkeep can't measure."""

    held: bool = False
    no_settings: bool = False
    settings_refused: bool = False
    self_test_failed: bool = False
    panel_failed: bool = False


@dataclass(slots=True)
class Upkeep:
    """One door's upkeep. All methods but `told` belong to the loop's thread."""

    door: Door
    clock: BoxClock
    worlds: Worlds
    board: Board
    places: Places
    clerk: Clerk
    log: Log
    starts: Starts
    bins: Bins
    findings: Findings = field(default_factory=Findings)
    register_trouble: Callable[[], bool] = lambda: False
    """Whether the register of controllers can't be written."""
    found: frozenset[Condition] = frozenset()
    ready: bool = False
    ledger: Ledger = field(init=False)
    asking: Asking = field(init=False)
    _policy: Settings = field(default_factory=Settings)
    _began_ms: int = 0
    _started: datetime | None = None
    _binned: datetime | None = None
    _outcomes: dict[str, int] = field(default_factory=dict)
    _told_outcomes: dict[str, int] = field(default_factory=dict)
    _told_latency_ms: int | None = None
    _look_at_ms: int = 0
    _report_at_ms: int = 0
    _remember_at_ms: int = 0
    _troubled: frozenset[Path] = frozenset()
    _basis: Basis | None = None
    _generation: int | None = None

    def __post_init__(self) -> None:
        self._began_ms = self.clock.now_ms()
        self._remember_at_ms = self._began_ms
        self.ledger = Ledger(self._policy.counters.bin_minutes, self._policy.counters.keep_days, self.bins)
        self.asking = Asking(self.places.state, self.places.runtime, self.clerk.put)
        self._outcomes = {outcome.value: 0 for outcome in Outcome}
        self._told_outcomes = dict(self._outcomes)

    def decided(self, decision: Decision) -> None:
        """Count a decision: its outcome, and nothing else."""
        if decision.outcome is not None:
            self._outcomes[decision.outcome.value] += 1
            self.ledger.count(decision.outcome, self.clock.moment().utc)

    def wanted(self) -> bool:
        """Whether the idle signal should call an operator."""
        return health.calls_an_operator(self.found)

    def turn(self) -> None:
        """Do what is due."""
        now_ms = self.clock.now_ms()
        if now_ms < self._look_at_ms:
            return
        self._look_at_ms = now_ms + LOOK_EVERY_MS
        if (stated := self.asking.answer(now_ms)) is not None:
            self.clock.state(stated)
            self.log("time-stated", NOTICE, utc=asking.shown(stated))
        moment = self.clock.moment()
        self._follow_policy()
        self._look(moment, now_ms)
        self._count(moment)
        if now_ms >= self._remember_at_ms and moment.basis is not Basis.FLOOR:
            self._remember_at_ms = now_ms + REMEMBER_EVERY_MS
            self.remember(moment)
        if now_ms >= self._report_at_ms:
            self._report_at_ms = now_ms + REPORT_EVERY_MS
            self.clerk.again()
            self.report(moment, now_ms)

    def remember(self, moment: Moment) -> None:
        """Write down a believed time: no earlier one will be believed."""
        self.clock.remember(moment)
        self.clerk.put(self.places.kept / statefiles.LAST_TIME, statefiles.encode_time(moment.utc))

    def end(self) -> None:
        """Hand what must not be lost to the clerk."""
        moment = self.clock.moment()
        self.clerk.put(self._counters_path, statefiles.encode_counters(self.ledger.kept(moment.utc)))
        if moment.basis is not Basis.FLOOR:
            self.remember(moment)
        self.ready = False
        self.report(moment, self.clock.now_ms(), state=statefiles.STOPPED)

    @property
    def words(self) -> str:
        """One line for systemd: what the door does, and the codes of what is wrong."""
        codes = ", ".join(sorted(condition.code for condition in self.found))
        return (
            f"{self._state()}{': ' + codes if codes else ''}, generation {self.worlds.generation or 'none'}"
        )

    def _state(self) -> str:
        if any(condition.lamps is Lamps.OUT_OF_ORDER for condition in self.found):
            return "out of order"
        return "judging" if self.ready else "starting"

    # What is due

    def _follow_policy(self) -> None:
        """The operator's settings come with a generation, while the door runs."""
        policy = self.worlds.settings
        if policy == self._policy:
            return
        if policy.view != self._policy.view:
            self.door.session = Session(again_ms=round(policy.view.again_minutes * 60_000))
        self.ledger.bin_minutes = policy.counters.bin_minutes
        self.ledger.keep_days = policy.counters.keep_days
        self._policy = policy

    def _look(self, moment: Moment, now_ms: int) -> None:
        before, self.found = self.found, health.conditions(self._measured(moment, now_ms), self.found)
        for change in health.changes(before, self.found):
            one, self._report_at_ms = change.condition, now_ms
            self.log(
                "condition-began" if change.began else "condition-ended",
                WARNING if change.began else NOTICE,
                code=one.code,
                words=one.words,
            )
        for path, why in self.clerk.trouble.items():
            if path not in self._troubled:
                self.log("not-written", WARNING, why=why)
        self._troubled = frozenset(self.clerk.trouble)
        if moment.basis is not self._basis:
            self._basis = moment.basis
            self.log(
                "clock",
                basis=moment.basis.value,
                doubt=self.clock.doubt.value if self.clock.doubt else "none",
            )
        if self.worlds.generation != self._generation:
            self._generation = self.worlds.generation
            self.log("generation", number=self._generation)

    def _measured(self, moment: Moment, now_ms: int) -> Measured:
        door, findings, world = self.door, self.findings, self.worlds.current()
        return Measured(
            silent_ms=0 if door.frame_ms is None else now_ms - door.frame_ms,
            camera_broken=door.camera_broken,
            hangs=door.hangs,
            wall=_WALLS[self.clock.doubt],
            floor_goes_to_staff=world.on_a_floor is Outcome.STAFF,
            age=None if world.trust is None else world.age(moment),
            age_goes_to_staff=world.freshness.too_old is Outcome.STAFF,
            update_trouble=self.worlds.condition is not None,
            self_test_failed=findings.self_test_failed,
            held=findings.held,
            no_settings=findings.no_settings,
            panel_failed=findings.panel_failed,
            settings_refused=findings.settings_refused,
            free_bytes=board.free_bytes(self.places.state),
            state_writable=board.is_writable(self.places.kept) and not self.clerk.trouble,
            register_writable=not self.register_trouble(),
            temperature_c=self.board.temperature_c(),
            under_voltage=self.board.under_voltage(),
        )

    def _count(self, moment: Moment) -> None:
        """When a bin is over, it is written, and told; those of earlier runs are told at the start."""
        is_over = self._binned is not None and self.ledger.is_over(self._binned, moment.utc)
        if is_over or self._binned is None:
            told = statefiles.encode_counters(self.ledger.told(moment.utc))
            self.clerk.put(self.places.runtime / statefiles.COUNTERS, told, statefiles.TOLD_PERMISSIONS)
        if is_over:
            self._told_outcomes = dict(self._outcomes)
            self._told_latency_ms = self.door.tempo.latency_ms()
            self.clerk.put(self._counters_path, statefiles.encode_counters(self.ledger.kept(moment.utc)))
        self._binned = moment.utc

    @property
    def _counters_path(self) -> Path:
        return self.places.kept / statefiles.COUNTERS

    def report(self, moment: Moment, now_ms: int, state: str | None = None) -> None:
        """Have the report written."""
        report = self._report(moment, now_ms, state or self._state())
        for name, data in (
            (statefiles.STATUS, statefiles.encode_report(report)),
            (statefiles.METRICS, statefiles.metrics(report)),
        ):
            self.clerk.put(self.places.runtime / name, data, statefiles.TOLD_PERMISSIONS)

    def _report(self, moment: Moment, now_ms: int, state: str) -> Report:
        world, counters = self.worlds.current(), self.door.counters
        uptime_s = (now_ms - self._began_ms) / 1000
        if self._started is None and moment.basis is not Basis.FLOOR:
            self._started = (moment.utc - timedelta(seconds=uptime_s)).replace(microsecond=0)
        age = None if world.published is None else moment.utc - world.published
        return Report(
            at_ms=now_ms,
            pid=os.getpid(),
            version=__version__,
            ready=self.ready,
            state=state,
            started=self._started,
            uptime_s=round(uptime_s, 1),
            board=self.board.model(),
            board_uptime_s=self.board.uptime_s(),
            restarts=self.starts.in_this_boot - 1,
            starts_in_a_row=self.starts.in_a_row,
            generation=self.worlds.generation,
            published=world.published,
            age_hours=None if age is None else round(age / timedelta(hours=1), 1),
            freshness=None if world.published is None else world.age(moment).value,
            clock=moment.basis.value,
            utc=moment.utc.replace(microsecond=0),
            conditions=[condition.code for condition in Condition if condition in self.found],
            outcomes=self._told_outcomes,
            bin_minutes=self.ledger.bin_minutes,
            frames=counters.frames,
            decoder_kills=counters.decoder_kills,
            fps=round(self.door.tempo.fps(now_ms), 1),
            latency_ms=self._told_latency_ms,
            temperature_c=self.board.temperature_c(),
            under_voltage=self.board.under_voltage(),
            free_bytes=board.free_bytes(self.places.state),
            memory_bytes=self.board.memory_bytes(),
        )
