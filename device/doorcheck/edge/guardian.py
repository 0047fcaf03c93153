"""The guardian: a small process that owns the panel's lines and believes nobody for long.

The door's process tells it, every 100 ms, what the outputs shall be. When it says nothing for
`HOLD_MS`, green, relay and tone go off and stay off; when its end of the socket closes, because
it ended or was killed, everything goes off at once. So neither killing nor freezing the door's
process can hold the door open. The relay and the green lamp are also bounded in themselves,
whatever is told. Killing or freezing the guardian is what `edge/gpio.py` watches for.

It ends with its socket and not by SIGTERM, which a service manager sends to all processes at
once: the door's process has to say goodbye to the lamps first.

    to the guardian    ORDER: number, one bit an output, pitch     one datagram each
    from it            the number, once the outputs are set; or "!" and what is wrong, and it ends
"""

from __future__ import annotations

import json
import select
import signal
import socket
import struct
import time
from dataclasses import dataclass, replace
from typing import Final, Literal

from doorcheck.core.signals import DARK, HOLD_MS, RELAY_MAX_MS, Panel, held

ORDER: Final = struct.Struct("<IBH")
ANSWER: Final = struct.Struct("<I")
COMPLAINT: Final = b"!"
LAMP_BITS: Final = {"green": 1, "red": 2, "amber": 4, "ready": 8, "relay": 16}
ILLUMINATED, FRESH = 32, 64
"""Bits: light for the camera; the first of a new decision to admit."""

GAP_MS: Final = 60
"""The relay opens for that long between two decisions that follow each other, so that each has
its own edge: a one-shot behind the relay's pin starts again on an edge."""

TICK_S: Final = 0.01
"""How often outputs are looked at while one of them may have to go off by itself."""


@dataclass(frozen=True, slots=True)
class Orders:
    """Which outputs there are, and how they are used."""

    bcm: dict[str, int]
    """BCM number of each output of `hardware/pins.toml`; those without a use are held inactive."""
    buzzer: Literal["tonal", "active", "none"]
    volume: Literal["full", "soft", "silent"]
    relay: bool
    relay_ms: int
    illuminator: bool


class DeadMan:
    """What may be shown of what was told. All times are milliseconds of one monotonic clock.

    Green, relay and tone need a word within `HOLD_MS`; what dropped out comes back with a new
    decision, or after it was told off. The relay closes for at most `relay_ms` and green lights
    for at most `RELAY_MAX_MS` for each decision.
    """

    def __init__(self, relay_ms: int = RELAY_MAX_MS) -> None:
        self._relay_ms = min(relay_ms, RELAY_MAX_MS)
        self._told, self._told_ms = DARK, 0
        self._lapsed = False
        self._green_ms, self._relay_from_ms = 0, 0

    def tell(self, panel: Panel, fresh: bool, now_ms: int) -> None:
        """Take what the door's process says; `fresh` begins a new decision to admit."""
        before = self._told
        self._lapse(now_ms)
        if fresh or not (panel.green or panel.relay or panel.tone_hz):
            self._lapsed = False
        if fresh or not before.green:
            self._green_ms = now_ms
        if not before.relay:
            self._relay_from_ms = now_ms
        elif fresh:
            self._relay_from_ms = now_ms + GAP_MS
        self._told, self._told_ms = panel, now_ms

    def shown(self, now_ms: int) -> Panel:
        """The panel as far as it is vouched for at that time."""
        self._lapse(now_ms)
        panel = held(self._told, HOLD_MS + 1 if self._lapsed else 0)
        return replace(
            panel,
            green=panel.green and now_ms - self._green_ms < RELAY_MAX_MS,
            relay=panel.relay and 0 <= now_ms - self._relay_from_ms < self._relay_ms,
        )

    @property
    def is_waiting(self) -> bool:
        """Whether something may change without another word."""
        return self._told.green or self._told.relay or self._told.tone_hz > 0

    def _lapse(self, now_ms: int) -> None:
        self._lapsed = self._lapsed or (self.is_waiting and now_ms - self._told_ms > HOLD_MS)


def packed(number: int, panel: Panel, *, illuminated: bool, fresh: bool) -> bytes:
    """An order as a datagram."""
    bits = sum(bit for name, bit in LAMP_BITS.items() if getattr(panel, name))
    return ORDER.pack(number, bits | ILLUMINATED * illuminated | FRESH * fresh, panel.tone_hz)


def unpacked(data: bytes) -> tuple[int, Panel, bool, bool]:
    """Number, panel, illuminated, fresh. Raises `struct.error`."""
    number, bits, tone_hz = ORDER.unpack(data)
    lamps = {name: bool(bits & bit) for name, bit in LAMP_BITS.items()}
    return number, Panel(**lamps, tone_hz=tone_hz), bool(bits & ILLUMINATED), bool(bits & FRESH)


def serve(chip: str, orders_json: str) -> int:
    """The process's body: standard input is the socket. Returns the exit code."""
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    with socket.socket(fileno=0) as door:
        from doorcheck.edge.lines import GpioError

        try:
            _obey(door, chip, orders_json)
        except (BrokenPipeError, ConnectionResetError):
            return 0  # the door's process ended while we answered it
        except GpioError as error:
            _complain(door, str(error))
            return 1
    return 0


def _obey(door: socket.socket, chip: str, orders_json: str) -> None:
    """Take the lines, then set them as told until the socket closes; they are inactive at the end."""
    from doorcheck.edge.lines import Lines

    values = json.loads(orders_json)
    lines = Lines(chip, values["bcm"].values())  # before the slow import: known levels from here on
    from doorcheck.edge.outputs import GpiodFactory, Outputs

    factory = GpiodFactory(lines)
    orders = Orders(**values)
    outputs = Outputs(orders, factory, factory.together)
    dead_man = DeadMan(orders.relay_ms)
    illuminated = False
    try:
        door.send(ANSWER.pack(0))
        while True:
            if _wait(door, dead_man.is_waiting, factory.due_s()):
                data = door.recv(64)
                if not data:
                    return
                number, panel, illuminated, fresh = unpacked(data)
                dead_man.tell(panel, fresh, time.monotonic_ns() // 1_000_000)
                outputs.show(dead_man.shown(time.monotonic_ns() // 1_000_000), illuminated)
                door.send(ANSWER.pack(number))
            else:
                outputs.show(dead_man.shown(time.monotonic_ns() // 1_000_000), illuminated)
            factory.turn()
    finally:
        outputs.close()


def _wait(door: socket.socket, is_waiting: bool, due_s: float | None) -> bool:
    """Wait for a word; but no longer than to the next tick, or just before a tone's next edge."""
    from doorcheck.edge.outputs import SPIN_S

    wait_s = TICK_S if is_waiting else None
    if due_s is not None:
        edge_s = max(0.0, due_s - time.monotonic() - SPIN_S)
        wait_s = edge_s if wait_s is None else min(edge_s, wait_s)
    ready, _, _ = select.select([door], [], [], wait_s)
    return bool(ready)


def _complain(door: socket.socket, words: str) -> None:
    try:
        door.send(COMPLAINT + words.encode()[:1000])
    except (BrokenPipeError, ConnectionResetError):
        return
