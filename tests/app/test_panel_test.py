"""`doorcheck panel test` and `clear`: what the person says decides, and the panel ends dark."""

from __future__ import annotations

import argparse
import io
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from doorcheck import cli
from doorcheck.commands import paneltest
from doorcheck.commands.paneltest import Answer, Person, Step, loop_back, steps, walk
from doorcheck.config import PanelTable
from doorcheck.core.signals import DARK, Panel
from doorcheck.edge import pins
from doorcheck.edge.panel import PanelError
from doorcheck.lab import filechip

PINS = pins.load()
EVERYTHING = PanelTable(illuminator=True)
LEAST = PanelTable(buzzer="none", relay=False)


class Kept:
    """A sink that keeps what it was told, in order."""

    def __init__(self) -> None:
        self.told: list[Panel | bool] = []
        self.is_silent = False

    def show(self, panel: Panel) -> None:
        """Keep it."""
        self.told.append(panel)

    def illuminate(self, on: bool) -> None:
        """Keep it."""
        self.told.append(on)

    def silent(self) -> AbstractContextManager[None]:
        """Keep that somebody asked."""
        self.is_silent = True
        return nullcontext()

    def await_ready(self) -> None:
        """Be ready."""

    def watch(self, failed: Callable[[Exception], None]) -> None:
        """Never fail."""

    def close(self) -> None:
        """Do nothing."""


class Scripted:
    """A witness with its answers in advance; "yes" when they have run out."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.watched: list[str] = []

    def watch(self, step: Step) -> None:
        """Keep its name."""
        self.watched.append(step.name)

    def answer(self, step: Step) -> Answer:
        """The next answer."""
        del step
        return self.answers.pop(0) if self.answers else "yes"


def no_wait(seconds: float) -> None:
    """Wait for nothing."""
    assert 0 < seconds < 5


def test_every_output_is_tried_alone() -> None:
    """Each output that the box has is shown once by itself, each step ends dark, and the light is off."""
    sink, witness = Kept(), Scripted()
    results = walk(EVERYTHING, sink, witness, no_wait)
    assert [result.answer for result in results] == ["yes"] * len(results)
    assert witness.watched == [
        *("dark", "red", "amber", "green", "ready", "buzzer", "relay", "illuminator", "dead man")
    ]
    panels = [told for told in sink.told if isinstance(told, Panel)]
    for name in ("red", "amber", "green", "ready", "relay"):
        assert Panel(**{name: True}) in panels
    assert Panel(tone_hz=400) in panels
    assert panels[-1] == DARK
    assert [told for told in sink.told if isinstance(told, bool)] == [False, True, False]
    assert sink.is_silent


def test_what_is_not_there_is_not_asked() -> None:
    """A box without relay, buzzer and illuminator is not asked about them."""
    assert [step.name for step in steps(LEAST)] == ["dark", "red", "amber", "green", "ready", "dead man"]


def test_again_shows_it_again() -> None:
    """Who looked away may see it once more; the answer after that counts."""
    witness = Scripted("yes", "again", "again", "no")
    results = walk(LEAST, Kept(), witness, no_wait)
    assert witness.watched[:5] == ["dark", "red", "red", "red", "amber"]
    assert [result.answer for result in results[:3]] == ["yes", "no", "yes"]


def test_no_more_answers_end_the_walk() -> None:
    """A terminal that closed is no "yes"."""
    results = walk(LEAST, Kept(), Scripted("yes", "none"), no_wait)
    assert [result.answer for result in results] == ["yes", "none"]


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("y\n", "yes"),
        ("YES\n", "yes"),
        (" n \n", "no"),
        ("a\n", "again"),
        ("what?\n\nn\n", "no"),
        ("", "none"),
    ],
)
def test_a_person_answers_in_their_own_way(typed: str, answer: str) -> None:
    """Only an answer is an answer; anything else is asked again."""
    asked = io.StringIO()
    person = Person(asked, io.StringIO(typed))
    step = next(steps(LEAST))
    person.watch(step)
    assert person.answer(step) == answer
    assert asked.getvalue().count(step.question) == max(1, typed.count("\n"))


@pytest.fixture
def chip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A chip that is a file."""
    monkeypatch.setitem(sys.modules, "gpiod", filechip)
    return filechip.make(tmp_path / "gpiochip0")


def test_joined_pins_pass_and_others_do_not(chip: Path) -> None:
    """The loop-back passes with the two pins joined, and neither with no wire nor with a wrong one."""
    drive, read = PINS.loop_back.drive.bcm, PINS.loop_back.read.bcm
    assert loop_back(str(chip), PINS, no_wait).answer == "no"
    filechip.join(chip, drive, read)
    assert loop_back(str(chip), PINS, no_wait).answer == "yes"
    filechip.join(chip, PINS.outputs.relay.bcm, read)
    assert loop_back(str(chip), PINS, no_wait).answer == "no"
    assert not filechip.high(chip)


def test_the_loop_back_reports(chip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code and JSON report say the same."""
    words = ["panel", "test", "--loop-back", "--json", "--chip", str(chip)]
    assert cli.main(words) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["passed"] is False
    assert [step["answer"] for step in report["steps"]] == ["no"]
    filechip.join(chip, PINS.loop_back.drive.bcm, PINS.loop_back.read.bcm)
    assert cli.main(words) == 0
    assert json.loads(capsys.readouterr().out)["passed"] is True


def test_a_box_without_a_chip_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A test that can't be made is told apart from one that failed."""
    missing = str(tmp_path / "gpiochip0")
    assert cli.main(["panel", "test", "--chip", missing]) == 2
    assert cli.main(["panel", "test", "--loop-back", "--chip", missing]) == 2
    assert capsys.readouterr().err.count("there is no") == 2


@pytest.mark.parametrize(
    ("text", "told"), [('[panel]\nkind = "none"\n', "nothing to test"), ("[panel]\nhorn = 1\n", "horn")]
)
def test_settings_that_do_not_fit_are_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    """What door.toml says is used, and what is wrong in it is named."""
    path = tmp_path / "door.toml"
    path.write_text(text)
    assert cli.main(["panel", "test", "--door", str(path)]) == 2
    assert told in capsys.readouterr().err


def test_the_boxs_own_settings_are_tested_loudly(tmp_path: Path) -> None:
    """door.toml says which outputs there are; a box that is set to silence is heard all the same."""
    path = tmp_path / "door.toml"
    path.write_text('[panel]\nvolume = "silent"\nrelay = false\nchip = "/dev/gpiochip3"\n')
    table = paneltest._table(argparse.Namespace(door=path, chip=None))
    assert (table.volume, table.relay, table.chip) == ("full", False, "/dev/gpiochip3")
    assert paneltest._table(argparse.Namespace(door=path, chip="auto")).chip == "auto"


def test_clear_needs_no_settings_and_no_chip(
    chip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every output is low afterwards; without a chip `--quiet` has nothing to do, and says nothing."""
    filechip.drive(chip, dict.fromkeys(PINS.bcm().values(), True))
    assert cli.main(["panel", "clear", "--chip", str(chip), "--quiet"]) == 0
    assert not filechip.high(chip)
    missing = str(tmp_path / "none")
    assert cli.main(["panel", "clear", "--chip", missing, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert cli.main(["panel", "clear", "--chip", missing]) == 1
    assert "there is no" in capsys.readouterr().err


def test_clear_does_not_hide_a_failure(chip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines that could not be made low are an error, quiet or not."""
    filechip.break_down(chip, 5)
    assert cli.main(["panel", "clear", "--chip", str(chip), "--quiet"]) == 1
    assert "input/output error" in capsys.readouterr().err


PROGRAM = """
import sys
from doorcheck import cli
from doorcheck.commands import paneltest
from doorcheck.edge.gpio import sink_from
from tests.edge.boxes import PRETENDING

paneltest.sink_from = lambda table: sink_from(table, PRETENDING)
sys.exit(cli.main(sys.argv[1:]))
"""


def test_ctrl_c_leaves_the_panel_dark(chip: Path) -> None:
    """A person who stops the test in the middle, at a real terminal, leaves no lamp on."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "panel", "test", "--chip", str(chip)],
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    )
    os.write(ours, b"y\n")
    until = time.monotonic() + 20
    while PINS.outputs.red.bcm not in filechip.high(chip):
        assert time.monotonic() < until, "the red lamp never came"
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 128 + signal.SIGINT
    assert not filechip.high(chip)
    os.close(ours)
    os.close(theirs)


def test_a_panel_that_fails_in_the_middle_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the sink raises ends the test with exit code 2, and the sink is closed."""
    closed: list[bool] = []

    class Broken(Kept):
        def show(self, panel: Panel) -> None:
            raise PanelError(f"the chip is gone, {panel.red}")

        def close(self) -> None:
            closed.append(True)

    monkeypatch.setattr(paneltest, "sink_from", lambda _: Broken())
    assert cli.main(["panel", "test"]) == 2
    assert closed == [True]
