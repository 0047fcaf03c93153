"""Lines of a gpiochip, real or in a file: ours alone, low at both ends, and every failure is named."""

from __future__ import annotations

import errno
import inspect
import sys
from pathlib import Path

import gpiod
import pytest
from tests.edge.boxes import BCM, Box

from doorcheck.edge.lines import GpioError, Lines, NoChipError
from doorcheck.lab import filechip


def test_the_file_speaks_as_the_bindings_do() -> None:
    """What the door calls on a chip in a file, it may call on gpiod in the same way."""
    for name in ("Chip", "LineRequest", "LineSettings"):
        ours, theirs = getattr(filechip, name), getattr(gpiod, name)
        for method, function in inspect.getmembers(ours, inspect.isfunction):
            if method.startswith("_") and name != "LineSettings":
                continue
            known = inspect.signature(getattr(theirs, method)).parameters
            for parameter in inspect.signature(function).parameters:
                assert parameter in known, f"{name}.{method}({parameter})"
    for kind in ("Value", "Direction", "Bias"):
        for member in getattr(filechip, kind):
            assert member.name in getattr(gpiod.line, kind).__members__
    assert {"label", "num_lines", "name"} <= set(gpiod.ChipInfo.__dataclass_fields__)
    assert {"offset", "name"} <= set(gpiod.LineInfo.__dataclass_fields__)


def test_lines_begin_and_end_low(box: Box) -> None:
    """What a dead process left on is off as soon as the lines are ours, and off when they are given back."""
    lines = Lines(box.chip, BCM.values())
    assert box.high() == set()
    lines.set({BCM["green"]: True, BCM["relay"]: True})
    assert box.high() == {"green", "relay"}
    assert lines.get(BCM["green"]) is True
    lines.close()
    lines.close()
    assert box.high() == set()
    with pytest.raises(GpioError, match="given back"):
        lines.set({BCM["green"]: True})


def test_lines_belong_to_one(box: Box) -> None:
    """A second holder is refused with the way to find the first; it waits a little for one that is ending."""
    with Lines(box.chip, BCM.values()), pytest.raises(GpioError, match="another program holds the lines"):
        Lines(box.chip, [BCM["relay"]], busy_ms=50)
    Lines(box.chip, BCM.values(), busy_ms=0).close()


def test_the_chip_is_found_by_its_label(file_chip: Path) -> None:
    """Numbers differ between boards; the label of the chip behind the header does not."""
    dev = file_chip.parent / "dev"
    dev.mkdir()
    filechip.make(dev / "gpiochip0", "raspberrypi-exp-gpio")
    with pytest.raises(NoChipError, match=r"gpiochip0 \(raspberrypi-exp-gpio\)"):
        Lines("auto", [16], dev=dev)
    (dev / "gpiochip1").write_bytes(b"no chip")
    filechip.make(dev / "gpiochip2", "pinctrl-rp1")
    with Lines("auto", [16], dev=dev) as lines:
        assert lines.path == str(dev / "gpiochip2")


@pytest.mark.parametrize(("fault", "told"), [(errno.EACCES, "group gpio"), (errno.EIO, "input/output error")])
def test_a_chip_that_fails_is_an_error(file_chip: Path, fault: int, told: str) -> None:
    """Asking, setting and reading all say what the kernel said, and what to do where we know it."""
    lines = Lines(str(file_chip), [16])
    filechip.break_down(file_chip, fault)
    with pytest.raises(GpioError, match=told):
        Lines(str(file_chip), [25], busy_ms=50)
    with pytest.raises(GpioError, match="can't set lines"):
        lines.set({16: True})
    with pytest.raises(GpioError, match="can't read line"):
        lines.get(16)
    with pytest.raises(GpioError):
        lines.close()


@pytest.mark.parametrize("chip", ["auto", "by path"])
def test_a_chip_whose_group_comes_late_is_waited_for(
    file_chip: Path, monkeypatch: pytest.MonkeyPatch, chip: str
) -> None:
    """At boot the device is there before udev has given it to the group."""
    dev = file_chip.parent / "dev"
    dev.mkdir()
    path = dev / "gpiochip0"
    filechip.make(path, "pinctrl-rp1")
    opened, refusals = filechip.Chip, [PermissionError(errno.EACCES, "Permission denied")] * 3

    def late(where: str) -> filechip.Chip:
        if refusals:
            raise refusals.pop()
        return opened(where)

    monkeypatch.setattr(filechip, "Chip", late)
    with Lines("auto" if chip == "auto" else str(path), [16], dev=dev) as lines:
        assert lines.path == str(path)
    assert not refusals


def test_another_chip_is_not_taken_for_the_headers(file_chip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too few lines, or lines with the header's names in other places: it is some other chip."""
    with pytest.raises(GpioError, match="is it the chip behind the header"):
        Lines(str(file_chip), [filechip.LINES])
    monkeypatch.setattr(
        filechip.Chip, "get_line_info", lambda _, line: filechip.LineInfo(line, f"GPIO{line + 1}")
    )
    with pytest.raises(GpioError, match="line 16 is called GPIO17"):
        Lines(str(file_chip), [16])


def test_no_chip_is_its_own_error(file_chip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without the chip, or without the bindings, says which of both."""
    with pytest.raises(NoChipError, match="there is no"):
        Lines(str(file_chip.with_name("gpiochip7")), [16])
    monkeypatch.setitem(sys.modules, "gpiod", None)
    with pytest.raises(NoChipError, match="gpiod is not installed"):
        Lines(str(file_chip), [16])


def test_a_file_that_is_no_chip_is_refused(tmp_path: Path, file_chip: Path) -> None:
    """The chip in a file refuses other files, and lines that are not its own or not outputs."""
    with pytest.raises(OSError, match="No such device"):
        filechip.Chip(str(tmp_path / "gpiochip0.log"))
    request = filechip.Chip(str(file_chip)).request_lines(
        {20: filechip.LineSettings(direction=filechip.Direction.INPUT)}
    )
    with pytest.raises(PermissionError):
        request.set_values({20: filechip.Value.ACTIVE})
    with pytest.raises(ValueError, match="unknown line"):
        request.set_values({21: filechip.Value.ACTIVE})
    request.release()
    with pytest.raises(ValueError, match="released"):
        request.get_value(20)
