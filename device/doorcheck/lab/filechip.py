"""A gpiochip in a file: the part of libgpiod's bindings that the door uses, without a chip.

Processes that open the same file share its lines. As on a Raspberry Pi, a line belongs to one
process at a time, and an output stays as it was driven when its process dies. A program under
test gets it with `pretend`, in place of the package `gpiod`; a test wires lines together,
breaks the chip, and reads levels and their history.

    byte 0..63     label
    byte 64        fault: an errno that every later call on lines fails with; 0 is none
    byte 128 + n   level of line n, 0 or 1
    byte 192 + n   1 + number of the line that a wire joins to line n; 0 is none

Beside it, if somebody made it, `<file>.log`: 16 bytes for each change, the time in
nanoseconds on the monotonic clock and the levels, line 0 the lowest bit.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import struct
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Final, Self

LINES: Final = 54
_FAULT, _LEVELS, _WIRES, _BYTES = 64, 128, 192, 256
_CHANGE = struct.Struct("<QQ")
_LOCK = struct.Struct("hhqqi4x")
"""The kernel's `struct flock` where `off_t` has 64 bits."""


class Value(Enum):
    """Logical level of a line."""

    INACTIVE = 0
    ACTIVE = 1

    def __bool__(self) -> bool:
        return self is Value.ACTIVE


class Direction(Enum):
    """What a line is for."""

    AS_IS = 1
    INPUT = 2
    OUTPUT = 3


class Bias(Enum):
    """Resistor inside the chip."""

    AS_IS = 1
    PULL_DOWN = 5


line: Final = SimpleNamespace(Value=Value, Direction=Direction, Bias=Bias)
"""Stands for the module `gpiod.line`."""


@dataclass
class LineSettings:
    """How a line is asked for."""

    direction: Direction = Direction.AS_IS
    bias: Bias = Bias.AS_IS
    output_value: Value = Value.INACTIVE


@dataclass(frozen=True)
class ChipInfo:
    """What a chip says of itself."""

    name: str
    label: str
    num_lines: int


@dataclass(frozen=True)
class LineInfo:
    """What a chip says of a line."""

    offset: int
    name: str


class _Memory:
    """The file, mapped."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        if os.fstat(self.fd).st_size != _BYTES:
            os.close(self.fd)
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        self.bytes = mmap.mmap(self.fd, _BYTES)

    def close(self) -> None:
        self.bytes.close()
        os.close(self.fd)

    def check(self) -> None:
        fault = self.bytes[_FAULT]
        if fault:
            raise OSError(fault, os.strerror(fault))

    def take(self, offset: int) -> None:
        """Lock the line for this opening of the file; the kernel lets go when its last holder dies."""
        wanted = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _LEVELS + offset, 1, 0)
        try:
            fcntl.fcntl(self.fd, _F_OFD_SETLK, wanted)
        except BlockingIOError as error:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY)) from error

    def drive(self, levels: Mapping[int, Value]) -> None:
        for offset, value in levels.items():
            self.bytes[_LEVELS + offset] = value.value
        log = f"{self.path}.log"
        if os.access(log, os.W_OK):
            word = sum(self.bytes[_LEVELS + offset] << offset for offset in range(LINES))
            with open(log, "ab", buffering=0) as file:  # noqa: PTH123 - os.fspath twice as slow
                file.write(_CHANGE.pack(time.monotonic_ns(), word))


_F_OFD_SETLK: Final = 37
"""Linux's number; `fcntl.F_OFD_SETLK` is not in every build of Python 3.11."""


class LineRequest:
    """Lines that belong to the holder."""

    def __init__(self, memory: _Memory, config: Mapping[int, LineSettings]) -> None:
        self._memory: _Memory | None = memory
        self._config = dict(config)

    def set_values(self, values: Mapping[int, Value]) -> None:
        """Drive outputs."""
        memory = self._sound()
        for offset in values:
            if offset not in self._config:
                raise ValueError(f"unknown line: {offset}")
            if self._config[offset].direction is not Direction.OUTPUT:
                raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        memory.drive(values)

    def get_value(self, line: int) -> Value:
        """The level of a line: what a joined line drives, or its own."""
        memory = self._sound()
        joined = memory.bytes[_WIRES + line]
        return Value(memory.bytes[_LEVELS + (joined - 1 if joined else line)])

    def release(self) -> None:
        """Give the lines back; outputs stay as they are driven."""
        if self._memory is not None:
            self._memory.close()
            self._memory = None

    def _sound(self) -> _Memory:
        if self._memory is None:
            raise ValueError("the request was released")
        self._memory.check()
        return self._memory


class Chip:
    """A chip that is a file."""

    def __init__(self, path: str) -> None:
        self._memory = _Memory(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; requests stay."""
        self._memory.close()

    def get_info(self) -> ChipInfo:
        """Name, label and number of lines."""
        label = self._memory.bytes[:_FAULT].rstrip(b"\0").decode()
        return ChipInfo(Path(self._memory.path).name, label, LINES)

    def get_line_info(self, line: int) -> LineInfo:
        """A line's name: the header's."""
        if not 0 <= line < LINES:
            raise ValueError("line offset of out range")
        return LineInfo(line, f"GPIO{line}")

    def request_lines(self, config: Mapping[int, LineSettings], consumer: str | None = None) -> LineRequest:
        """Take all the lines or none; outputs begin at their value. Raises `OSError`."""
        del consumer
        memory = _Memory(self._memory.path)
        try:
            memory.check()
            for offset in config:
                memory.take(offset)
        except OSError:
            memory.close()
            raise
        outputs = {n: one.output_value for n, one in config.items() if one.direction is Direction.OUTPUT}
        memory.drive(outputs)
        return LineRequest(memory, config)


def pretend() -> None:
    """Be the package `gpiod` from now on, in this process."""
    sys.modules["gpiod"] = sys.modules[__name__]


def make(path: Path, label: str = "pinctrl-bcm2711", *, log: bool = False) -> Path:
    """Make a chip with every line low."""
    path.write_bytes(label.encode().ljust(_BYTES, b"\0"))
    if log:
        path.with_name(f"{path.name}.log").touch()
    return path


def join(path: Path, output: int, reading: int) -> None:
    """Join two lines with a wire, or break the wire to `reading` with output -1."""
    _poke(path, _WIRES + reading, output + 1)


def break_down(path: Path, fault: int) -> None:
    """Let every call on lines fail with that errno from now on."""
    _poke(path, _FAULT, fault)


def drive(path: Path, levels: Mapping[int, bool]) -> None:
    """Set levels from outside, as a process that died left them."""
    for offset, level in levels.items():
        _poke(path, _LEVELS + offset, int(level))


def high(path: Path) -> frozenset[int]:
    """The lines that are high now."""
    return frozenset(n for n, level in enumerate(path.read_bytes()[_LEVELS : _LEVELS + LINES]) if level)


def history(path: Path) -> Sequence[tuple[int, frozenset[int]]]:
    """Every change so far: nanoseconds on the monotonic clock, and the lines that were high then."""
    return list(_changes(path.with_name(f"{path.name}.log").read_bytes()))


def _changes(data: bytes) -> Iterator[tuple[int, frozenset[int]]]:
    for time_ns, word in _CHANGE.iter_unpack(data[: len(data) // _CHANGE.size * _CHANGE.size]):
        yield time_ns, frozenset(offset for offset in range(LINES) if word >> offset & 1)


def _poke(path: Path, place: int, value: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(bytes([value]))
