"""What a board says, read from a folder that stands for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from doorcheck.edge import board
from doorcheck.edge.board import Board


class Pi:
    """A folder with the kernel's files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.board = Board(root)

    def write(self, path: str, text: str) -> None:
        """Make one of them."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)


@pytest.fixture
def pi(tmp_path: Path) -> Pi:
    """A board without any file."""
    return Pi(tmp_path)


def test_a_board_that_says_nothing_is_well(pi: Pi) -> None:
    """What is not there is None, and no error."""
    one = pi.board
    assert (one.temperature_c(), one.under_voltage(), one.model()) == (None, None, None)
    assert (one.uptime_s(), one.memory_bytes(), one.boot()) == (None, None, "")


def test_a_board_is_read(pi: Pi) -> None:
    """Temperature, model, uptime, boot, memory: in their units."""
    pi.write(board.THERMAL, "48312\n")
    pi.write(board.MODEL, "Raspberry Pi 4 Model B Rev 1.4\0")
    pi.write(board.UPTIME, "350735.47 234388.90\n")
    pi.write(board.BOOT_ID, "0f5-1\n")
    pi.write(board.MEMORY, "3000 2000 900 1 0 400 0\n")
    assert pi.board.temperature_c() == 48.312
    assert pi.board.model() == "Raspberry Pi 4 Model B Rev 1.4"
    assert pi.board.uptime_s() == 350735.47
    assert pi.board.boot() == "0f5-1"
    assert (pi.board.memory_bytes() or 0) % 2000 == 0


@pytest.mark.parametrize(
    ("bits", "expected"),
    [("0", False), ("50000\n", True), ("0x1", True), ("1", True), ("80008", False), ("10000", True)],
)
@pytest.mark.parametrize("soc", ["soc/soc:firmware", "soc@107c000000/soc@107c000000:firmware"])
def test_the_firmware_tells_of_the_supply(pi: Pi, soc: str, bits: str, expected: bool) -> None:
    """Too low now, or since power-on; throttling by heat is another matter."""
    pi.write(f"sys/devices/platform/{soc}/get_throttled", bits)
    assert pi.board.under_voltage() is expected


def test_the_monitor_tells_of_the_supply(pi: Pi) -> None:
    """The driver of any kernel; other chips' alarms are not the supply's."""
    pi.write("sys/class/hwmon/hwmon0/name", "cpu_thermal\n")
    pi.write("sys/class/hwmon/hwmon0/in0_lcrit_alarm", "1\n")
    assert pi.board.under_voltage() is None
    pi.write("sys/class/hwmon/hwmon1/name", "rpi_volt\n")
    pi.write("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "0\n")
    assert pi.board.under_voltage() is False
    pi.write("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n")
    assert pi.board.under_voltage() is True


@pytest.mark.parametrize("path", [board.THERMAL, board.UPTIME, board.MEMORY])
@pytest.mark.parametrize("text", ["", "\n", "warm", "\xff\xfe"])
def test_nonsense_is_nothing(pi: Pi, path: str, text: str) -> None:
    """A file that says something else is none."""
    pi.write(path, text)
    assert (pi.board.temperature_c(), pi.board.uptime_s(), pi.board.memory_bytes()) == (None, None, None)


def test_a_folder_tells_its_room(tmp_path: Path) -> None:
    """There is some here; there is none in a folder that is not there, and nothing can be written."""
    assert (board.free_bytes(tmp_path) or 0) > 0
    assert board.is_writable(tmp_path)
    assert board.free_bytes(tmp_path / "none") is None
    assert not board.is_writable(tmp_path / "none")


def test_a_file_system_mounted_for_reading_is_not_writable() -> None:
    """Whatever the permissions say: the kernel's own one is one."""
    if not Path("/sys/kernel").is_dir():
        pytest.skip("no such file system here")
    flags = Path("/proc/self/mounts").read_text()
    if " /sys sysfs ro" not in flags:
        pytest.skip("it is mounted for writing here")
    assert not board.is_writable(Path("/sys"))
