"""From frames to symbols: the plan of attempts, and the watch over the decoder process.

A frame of a stream gets one attempt; attempts take turns, so that what is dear (inverted
codes, DataMatrix, Aztec, noise) costs little on average, and ten frames see them all.
When a symbol was seen but not read, somebody is probably holding a pass up in bad light:
then the same frame is looked at again, smoothed and sharpened, at once.

Every wait is bounded. A decoder that does not answer in time is killed and replaced.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import select
import signal
import struct
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.edge.decoder import (
    ANSWERS,
    COMMAND,
    COMMANDS,
    COUNTS,
    FORMATS,
    FOUND,
    LENGTH,
    MEMORY,
    TREATMENTS,
    Attempt,
)
from doorcheck.edge.frame import Frame

_QR, _ALL = Attempt.QR, FORMATS
_INVERT, _DOWN, _ROTATE = Attempt.INVERT, Attempt.DOWNSCALE, Attempt.ROTATE
_HALF, _SMOOTH, _SHARPEN, _DOUBLE = Attempt.HALF, Attempt.SMOOTH, Attempt.SHARPEN, Attempt.DOUBLE

PLAN: tuple[Attempt, ...] = (
    _QR | _INVERT | _DOWN,
    _SMOOTH | _QR | _INVERT,
    _QR,
    _HALF | _ALL | _INVERT | _ROTATE,
    _QR,
    _HALF | _SHARPEN | _QR | _INVERT,
    _SMOOTH | _QR | _INVERT,
    _ALL,
    _QR | _INVERT,
    _QR,
)
"""The attempts on a stream's frames, in turn; together 1.1 times zxing-cpp's own QR call on each."""
SECOND_LOOKS: tuple[Attempt, ...] = (_SMOOTH | _INVERT, _SMOOTH | _SHARPEN | _INVERT)
"""What a frame gets besides when a symbol was seen in it but not read; the turn's formats stay."""
STILL_ATTEMPTS: tuple[Attempt, ...] = (
    _QR | _INVERT | _DOWN,
    _HALF | _ALL | _INVERT | _ROTATE,
    _SMOOTH | _QR | _INVERT,
    _ALL | _INVERT | _DOWN | _ROTATE,
    _SMOOTH | _SHARPEN | _ALL | _INVERT,
    _SHARPEN | _ALL | _INVERT,
    _SMOOTH | _ALL | _INVERT | _ROTATE,
    _DOUBLE | _ALL | _INVERT | _ROTATE,
    _SHARPEN | _DOUBLE | _ALL | _INVERT,
)
"""The attempts on a single picture, cheapest first."""
DOUBLE_PIXELS_MOST = 4_000_000
"""A picture larger than this is not doubled: its codes are not too small."""
START_MS = 1500
"""So long one turn of the door's loop may wait for a decoder that is starting: all its waits are less
than half of the watchdog's. A slow board takes half a second."""
START_MOST_MS = 20_000
"""A decoder that is not there by then will not come, on any board with any card; until then it is let be."""
FIRST_CAPACITY_BYTES = 1 << 21
ANSWER_BYTES_MOST = 1 << 22
"""As many bytes as 255 of the largest symbols hold, and more; a decoder gone mad might say anything."""
COMMAND_LINE = (
    sys.executable,
    "-s",
    "-P",
    "-c",
    "import sys; from doorcheck.edge.decoder import serve; serve(int(sys.argv[1]))",
)
ENVIRONMENT = {
    **{name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
    # What was freed is overwritten at once: Python's small objects are the C library's too, which
    # writes over each block that is given back, and lays none aside as it was.
    "PYTHONMALLOC": "malloc",
    "MALLOC_PERTURB_": "165",
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0",
    # A frame's memory comes and goes thousands of times: keep it, page faults cost a millisecond.
    "MALLOC_MMAP_THRESHOLD_": str(1 << 28),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 28),
}
"""All that a decoder is given of an environment."""
_SYMBOL_FORMATS = {
    Attempt.QR: SymbolFormat.QR,
    Attempt.AZTEC: SymbolFormat.AZTEC,
    Attempt.DATAMATRIX: SymbolFormat.DATAMATRIX,
}


class DecoderHangError(Exception):
    """The decoder did not come back from a frame, or ended on it, and has been replaced; or is starting.

    The text says which, and nothing of the frame.
    """


class _Decoder:
    """One decoder process, its two pipes and the memory it shares with us."""

    def __init__(self, command: Sequence[str], capacity_bytes: int, opening: Attempt) -> None:
        self.capacity_bytes = capacity_bytes
        memory_fd = os.memfd_create("doorcheck-frame")
        theirs: list[int] = [memory_fd]
        try:
            os.ftruncate(memory_fd, capacity_bytes)
            self._memory = mmap.mmap(memory_fd, capacity_bytes)
            commands, self._commands = os.pipe()
            self._answers, answers = os.pipe()
            theirs += (commands, answers)
            self.pid = os.posix_spawn(
                command[0],
                [*command, str(capacity_bytes)],
                ENVIRONMENT,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, commands, COMMANDS),
                    (os.POSIX_SPAWN_DUP2, answers, ANSWERS),
                    (os.POSIX_SPAWN_DUP2, memory_fd, MEMORY),
                ],
                setsid=True,
            )
        finally:
            for fd in theirs:
                os.close(fd)
        self._poll = select.poll()
        self._poll.register(self._answers, select.POLLIN)
        self._opening = False
        self._spawned = time.monotonic()
        self.open(opening)

    def open(self, attempt: Attempt) -> None:
        """Ask for something that needs no frame; the next `ask` waits for it, up to `START_MS`."""
        with contextlib.suppress(BrokenPipeError):  # then the wait for the answer fails
            os.write(self._commands, COMMAND.pack(attempt, 0, 0, 0, 0))
        self._opening = True

    @property
    def is_starting(self) -> bool:
        """Whether it has not answered yet, and may still do so."""
        return self._opening and time.monotonic() - self._spawned < START_MOST_MS / 1000

    def show(self, frame: Frame) -> None:
        """Put a frame where the decoder can see it. Raises ValueError when its buffer is too short."""
        luma = frame.luma if frame.luma.ndim == 1 else frame.luma.cast("B")
        used_bytes = frame.stride * (frame.height - 1) + frame.width
        if frame.width > frame.stride or len(luma) < used_bytes:
            raise ValueError(
                f"{len(luma)} bytes are no frame of {frame.width} by {frame.height}, {frame.stride}"
            )
        self._memory[:used_bytes] = luma[:used_bytes]

    def ask(self, attempt: Attempt, frame: Frame, until: float) -> tuple[list[Symbol], int]:
        """The symbols that were read in the frame shown, and how many more were seen.

        `until` is on the scale of `time.monotonic`, in seconds. Raises `TimeoutError`
        when no answer came by then, `EOFError` when the process ended.
        """
        if self._opening:
            started = time.monotonic()
            self._receive(started + START_MS / 1000)
            self._opening = False
            until += time.monotonic() - started
        cpu_s = max(1, round(until - time.monotonic()) + 1)
        with contextlib.suppress(BrokenPipeError):  # then the wait for the answer fails
            os.write(self._commands, COMMAND.pack(attempt, frame.width, frame.height, frame.stride, cpu_s))
        return _parsed(self._receive(until))

    def _receive(self, until: float) -> bytes:
        (length,) = LENGTH.unpack(self._read(LENGTH.size, until))
        if length > ANSWER_BYTES_MOST:
            raise EOFError
        return self._read(length, until)

    def _read(self, size: int, until: float) -> bytes:
        data = b""
        while len(data) < size:
            if not self._poll.poll(max(0.0, until - time.monotonic()) * 1000):
                raise TimeoutError
            part = os.read(self._answers, size - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def close(self) -> None:
        """Kill the process and free what it held; nothing of it stays."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._commands)
        os.close(self._answers)
        self._memory.close()


def _parsed(answer: bytes) -> tuple[list[Symbol], int]:
    found, unread = COUNTS.unpack_from(answer)
    at = COUNTS.size
    symbols = []
    for _ in range(found):
        code, *values, length = FOUND.unpack_from(answer, at)
        at += FOUND.size
        corners = tuple(zip(values[::2], values[1::2], strict=True))
        symbols.append(Symbol(_SYMBOL_FORMATS[Attempt(code)], answer[at : at + length], corners))
        at += length
    return symbols, unread


class Reader:
    """Finds the symbols in frames, each within a deadline, whatever the frame holds.

    One thread uses it. `plan` is what a stream's frames get in turn. `kills` counts the
    decoders that had to be replaced. `command` starts the decoder process; the size of the
    shared memory in bytes is added to it.
    """

    def __init__(
        self,
        deadline_ms: int = 250,
        still_deadline_ms: int = 5000,
        command: Sequence[str] = COMMAND_LINE,
        plan: Sequence[Attempt] = PLAN,
    ) -> None:
        self.deadline_ms = deadline_ms
        self.still_deadline_ms = still_deadline_ms
        self.kills = 0
        self._command = command
        self._plan = plan
        self._turn = 0
        self._opening = Attempt(0)
        self._decoder: _Decoder | None = _Decoder(command, FIRST_CAPACITY_BYTES, self._opening)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, frame: Frame) -> list[Symbol]:
        """Every symbol that this frame's attempt finds; the next frame gets the next attempt.

        The same bytes are returned once. Raises `DecoderHangError` when the deadline has
        passed, the decoder ended, or a new one is not there yet; the next frame is read as if
        nothing had been.
        """
        attempt = self._plan[self._turn % len(self._plan)]
        self._turn += 1
        started = time.monotonic()
        until, enough = started + self.deadline_ms / 1000, started + self.deadline_ms / 2000
        decoder = self._shown(frame)
        symbols, unread = self._asked(decoder, attempt, frame, until)
        if unread:
            symbols += self._second_looks(decoder, attempt, frame, until, enough)
        if self._opening is not Attempt.PREPARE:
            self._opening = Attempt.PREPARE
            decoder.open(Attempt.PREPARE)
        return _once(symbols)

    def read_still(self, frame: Frame) -> list[Symbol]:
        """Every symbol that the first successful attempt finds in a single picture.

        Attempts go from cheap to dear, and none begins after half of the still deadline.
        Raises `DecoderHangError` as `read` does.
        """
        small = frame.width * frame.height <= DOUBLE_PIXELS_MOST
        started = time.monotonic()
        until, enough = started + self.still_deadline_ms / 1000, started + self.still_deadline_ms / 2000
        decoder = self._shown(frame)
        for attempt in STILL_ATTEMPTS:
            if small or _DOUBLE not in attempt:
                symbols, _ = self._asked(decoder, attempt, frame, until)
                if symbols or time.monotonic() > enough:
                    return _once(symbols)
        return []

    def look(self, frame: Frame, attempt: Attempt) -> list[Symbol]:
        """Every symbol that one chosen attempt finds in a single picture.

        It has the still deadline for itself. Raises `DecoderHangError` as `read` does.
        """
        until = time.monotonic() + self.still_deadline_ms / 1000
        symbols, _ = self._asked(self._shown(frame), attempt, frame, until)
        return _once(symbols)

    def close(self) -> None:
        """End the decoder process; a second call does nothing."""
        if self._decoder:
            self._decoder.close()
        self._decoder = None

    def _second_looks(
        self, decoder: _Decoder, first: Attempt, frame: Frame, until: float, enough: float
    ) -> list[Symbol]:
        """What more effort finds in a frame with a symbol that was seen, but not read."""
        for look in SECOND_LOOKS:
            if time.monotonic() > enough:
                break
            if look & TREATMENTS != first & TREATMENTS:
                symbols, _ = self._asked(decoder, first & FORMATS | look, frame, until)
                if symbols:
                    return symbols
        return []

    def _shown(self, frame: Frame) -> _Decoder:
        """The decoder, with the frame before it; another decoder when the frame is too large."""
        needed_bytes = frame.stride * frame.height
        if self._decoder is None or self._decoder.capacity_bytes < needed_bytes:
            self.close()
            self._decoder = _Decoder(self._command, max(needed_bytes, FIRST_CAPACITY_BYTES), self._opening)
        self._decoder.show(frame)
        return self._decoder

    def _asked(
        self, decoder: _Decoder, attempt: Attempt, frame: Frame, until: float
    ) -> tuple[list[Symbol], int]:
        try:
            return decoder.ask(attempt, frame, until)
        except TimeoutError:
            if decoder.is_starting:
                raise DecoderHangError("the decoder is still starting") from None
            problem = "did not come back in time; it was killed"
        except (EOFError, struct.error, KeyError):
            problem = "ended on a frame"
        self.kills += 1
        self.close()
        self._decoder = _Decoder(self._command, decoder.capacity_bytes, self._opening)
        raise DecoderHangError(f"the decoder {problem}; a new one is starting")


def _once(symbols: list[Symbol]) -> list[Symbol]:
    """The symbols without those whose bytes came before."""
    return list({symbol.data: symbol for symbol in reversed(symbols)}.values())[::-1]
