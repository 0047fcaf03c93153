"""The panel on real pins, seen from the door's process: a sink that a guardian process carries out.

What holds a lamp or the relay, and for how long at most, when something goes wrong:

    the main loop is stuck        the driver drops green, relay and tone after HOLD_MS
    the metronome is stuck        the guardian bounds green and relay, RELAY_MAX_MS a decision
    this process is frozen        the guardian drops green, relay and tone after HOLD_MS
    this process is killed        the guardian sees the socket close: everything off at once
    the guardian is frozen        it is missed within BEAT_MS + ANSWER_MS, killed, the lines cleared
    the guardian is killed        the same, at the next beat
    both are killed               `strict_gpiod`, or the service's `doorcheck panel clear`
    both are frozen               the one-shot behind the relay's pin (hardware/FAILURES.md)
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from typing import Final, Protocol

from doorcheck.config import PanelTable
from doorcheck.core.signals import DARK, Panel, Score, at
from doorcheck.core.verdict import Outcome
from doorcheck.edge import pins
from doorcheck.edge.guardian import ANSWER, COMPLAINT, Orders, packed
from doorcheck.edge.lines import GpioError, Lines
from doorcheck.edge.panel import PanelError, Sink

BEAT_MS: Final = 100
"""How often the guardian hears that this process lives."""
ANSWER_MS: Final = 1_000
"""A guardian that has not set the outputs by then is frozen; on a machine with four times as much
to do as it can, the slowest answer of some hundreds took 150 ms."""
START_MS: Final = 5_000
"""A guardian that has not taken the lines by then will not; a slow board takes one or two seconds."""
END_MS: Final = 1_000
"""How long a guardian may take to end, and the lines to become free."""
WORST_SHOW_MS: Final = ANSWER_MS + 2 * END_MS
"""The longest that `show` may take once the guardian is there: it froze, was killed, its lines cleared."""

COMMAND_LINE: Final = (
    sys.executable,
    "-I",
    "-c",
    "import sys; from doorcheck.edge.guardian import serve; sys.exit(serve(*sys.argv[1:]))",
)

OPENING_HZ: Final = at(Score(Outcome.ADMIT), 0).tone_hz
"""The first note of ADMIT; no other signal has it."""


class BoxSink(Sink, Protocol):
    """A sink of the box, with what only a real one can do."""

    def await_ready(self) -> None:
        """Wait until the outputs are ours. Raises `PanelError` when they can't be."""

    def watch(self, failed: Callable[[Exception], None]) -> None:
        """Name who is told, from another thread, when the outputs fail between two `show`.

        It is for `PanelDriver.fail`.
        """

    def illuminate(self, on: bool) -> None:
        """Switch the light for the camera, where there is one. Raises `PanelError`."""

    def silent(self) -> AbstractContextManager[None]:
        """While inside, say nothing to the guardian, as a frozen process would: for tests of the wiring."""


class NoPanel:
    """The sink of a box without lamps: it shows nothing."""

    def show(self, panel: Panel) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def await_ready(self) -> None:
        """Do nothing."""

    def watch(self, failed: Callable[[Exception], None]) -> None:
        """Do nothing: it can't fail."""

    def illuminate(self, on: bool) -> None:
        """Do nothing."""

    def silent(self) -> AbstractContextManager[None]:
        """Do nothing."""
        return nullcontext()


def sink_from(table: PanelTable, command: Sequence[str] = COMMAND_LINE) -> BoxSink:
    """The sink that the settings ask for. Raises `PanelError` for what can't be, `PinsError`.

    It begins at once and doesn't wait: `await_ready` does. `command` starts the guardian.
    """
    if table.kind == "none":
        return NoPanel()
    if table.buzzer == "active" and table.volume == "soft":
        raise PanelError(
            "[panel] volume: an active buzzer has one loudness; "
            'take "full" or "silent", or a series resistor, or buzzer = "tonal"'
        )
    return GpioSink(table, pins.load(), command)


def clear(chip: str, pin_table: pins.Pins, busy_ms: int = END_MS) -> None:
    """Make every output inactive, whoever drove it before. Raises `GpioError`."""
    drive = pin_table.loop_back.drive.bcm
    Lines(chip, [*pin_table.bcm().values(), drive], busy_ms=busy_ms).close()


class GpioSink:
    """Tells a guardian process what to show; safe between threads; everything raises `PanelError`.

    After the first failure the guardian is dead, the lines are cleared as far as they can be,
    and every call but `close` raises.
    """

    def __init__(
        self, table: PanelTable, pin_table: pins.Pins, command: Sequence[str] = COMMAND_LINE
    ) -> None:
        self._chip, self._pins = table.chip, pin_table
        orders = Orders(
            pin_table.bcm(), table.buzzer, table.volume, table.relay, table.relay_ms, table.illuminator
        )
        self._lock = threading.Lock()
        self._panel, self._illuminated = DARK, table.illuminator
        self._number = 0
        self._failure: PanelError | None = None
        self._failed: Callable[[Exception], None] = lambda _: None
        self._started = self._closed = False
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._guardian = subprocess.Popen(  # noqa: S603 - our own program and settings
                [*command, table.chip, json.dumps(asdict(orders))],
                stdin=theirs.fileno(),
                env={name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
                start_new_session=True,  # Ctrl-C at a terminal is for us, and we say goodbye to it
            )
        self._stop = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._keeper.start()

    def await_ready(self) -> None:
        """Wait until the guardian has the lines, `START_MS` at most."""
        with self._lock:
            self._require_sound()
            self._start()

    def watch(self, failed: Callable[[Exception], None]) -> None:
        """Name who is told when the guardian fails between two `show`."""
        self._failed = failed

    def show(self, panel: Panel) -> None:
        """Set every output; they are set when it returns."""
        with self._lock:
            self._require_sound()
            begins = panel.tone_hz == OPENING_HZ and self._panel.tone_hz != OPENING_HZ
            self._panel = panel
            self._tell(fresh=panel.green and begins)

    def illuminate(self, on: bool) -> None:
        """Switch the light for the camera, where there is one."""
        with self._lock:
            self._require_sound()
            self._illuminated = on
            self._tell(fresh=False)

    @contextmanager
    def silent(self) -> Iterator[None]:
        """While inside, say nothing to the guardian, as a frozen process would."""
        with self._lock:
            yield

    def close(self) -> None:
        """Make every output inactive and end the guardian; a second call does nothing."""
        self._stop.set()
        self._keeper.join()
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._failure is None:
                self._socket.close()
                self._end()

    def _keep(self) -> None:
        """The keeper's body: beat until closed."""
        while not self._stop.wait(BEAT_MS / 1000):
            with self._lock:
                if self._failure is not None:
                    return
                try:
                    self._tell(fresh=False)
                except PanelError as error:
                    failure = error
                    break
        else:
            return
        self._failed(failure)

    def _require_sound(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._closed:
            raise PanelError("the panel's lines were given back; make a new sink")

    def _tell(self, *, fresh: bool) -> None:
        self._start()
        self._number += 1
        order = packed(self._number, self._panel, illuminated=self._illuminated, fresh=fresh)
        try:
            self._socket.send(order)
            self._expect(self._number)
        except TimeoutError:
            self._fail(f"the guardian of the lines did not answer within {ANSWER_MS} ms and was ended")
        except OSError as error:
            self._fail(f"the guardian of the lines is gone ({error.strerror})")

    def _start(self) -> None:
        if self._started:
            return
        self._socket.settimeout(START_MS / 1000)
        try:
            self._expect(0)
        except TimeoutError:
            self._fail(f"the guardian of the lines did not start within {START_MS} ms")
        except OSError as error:
            self._fail(f"the guardian of the lines did not start ({error.strerror})")
        self._socket.settimeout(ANSWER_MS / 1000)
        self._started = True

    def _expect(self, number: int) -> None:
        """Wait for the answer to an order. Raises `OSError`, `TimeoutError`, `PanelError`."""
        answer = self._socket.recv(2048)
        if answer.startswith(COMPLAINT) and len(answer) != ANSWER.size:
            self._fail(answer[len(COMPLAINT) :].decode(errors="replace"))
        if answer != ANSWER.pack(number):
            self._fail("the guardian of the lines ended")

    def _fail(self, why: str) -> None:
        """End the guardian, clear the lines, and raise why."""
        self._socket.close()
        self._guardian.kill()
        try:
            self._end()
        except PanelError as error:
            why = f"{why}; {error}"
        self._failure = PanelError(why)
        raise self._failure

    def _end(self) -> None:
        """See the guardian end; when it did not end well, clear the lines in its place."""
        try:
            ended_well = self._guardian.wait(END_MS / 1000) == 0
        except subprocess.TimeoutExpired:
            self._guardian.kill()
            ended_well = False
        if ended_well or not self._started:  # nothing was shown before the start
            return
        try:
            clear(self._chip, self._pins)
        except GpioError as error:
            raise PanelError(f"the lines can't be cleared: {error}") from error
        finally:
            self._guardian.poll()
