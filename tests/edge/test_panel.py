"""The panel's driver fails closed, and the drawn panel can be read by everyone."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from doorcheck import cli
from doorcheck.commands.panel import CELL_MS, card
from doorcheck.core.signals import DARK, HOLD_MS, SIGNALS, Panel, Score, at
from doorcheck.core.verdict import Outcome
from doorcheck.edge.panel import (
    TICK_MS,
    Metronome,
    PanelDriver,
    PanelError,
    PlainSink,
    TerminalSink,
    TimelineRecorder,
    draw,
)
from doorcheck.lab.portrait import export

ADMIT: Final = Score(Outcome.ADMIT)


class KeptPanels:
    """A sink that keeps what it is shown; it raises while `broken` holds an error."""

    def __init__(self) -> None:
        self.panels: list[Panel] = []
        self.broken: Exception | None = None
        self.closed = 0

    def show(self, panel: Panel) -> None:
        """Keep it, or raise."""
        if self.broken is not None:
            raise self.broken
        self.panels.append(panel)

    def close(self) -> None:
        """Count it."""
        self.closed += 1


def play(driver: PanelDriver, until_ms: int, alive_until_ms: int, from_ms: int = 0) -> None:
    """Tick at 50 Hz; the main loop refreshes at each tick until it gets stuck."""
    for now_ms in range(from_ms, until_ms, TICK_MS):
        if now_ms <= alive_until_ms:
            driver.refresh(now_ms)
        driver.tick(now_ms)


def test_dark_until_the_first_score() -> None:
    """A door that has not said what it is shows nothing, not even ready."""
    sink = KeptPanels()
    driver = PanelDriver(sink)
    play(driver, 1_000, 1_000)
    assert sink.panels == [DARK]


def test_a_played_score_is_what_at_says() -> None:
    """With a living main loop the sink sees the score's panels, each change once."""
    sink = KeptPanels()
    driver = PanelDriver(sink)
    driver.play(ADMIT, 0)
    play(driver, 10_000, 10_000)
    expected = [at(ADMIT, ms) for ms in range(0, 10_000, TICK_MS)]
    assert sink.panels == [
        now for before, now in zip([None, *expected], expected, strict=False) if now != before
    ]


def test_a_new_score_starts_from_its_beginning() -> None:
    """The second visitor's signal doesn't inherit the first one's elapsed time."""
    sink = KeptPanels()
    driver = PanelDriver(sink)
    driver.play(ADMIT, 0)
    play(driver, 1_000, 1_000)
    driver.play(Score(Outcome.REFUSE), 1_000)
    driver.tick(1_000)
    assert sink.panels[-1] == at(Score(Outcome.REFUSE), 0)


@given(stuck_ms=st.integers(min_value=0, max_value=3_000), test=st.booleans())
def test_a_stuck_main_loop_lets_go_of_the_door(stuck_ms: int, test: bool) -> None:
    """Within HOLD_MS and one tick of the last refresh, green, relay and tone are off, and stay off."""
    sink = KeptPanels()
    now = 0
    seen: list[tuple[int, Panel]] = []
    driver = PanelDriver(sink)
    driver.play(Score(Outcome.ADMIT, test), 0)
    for now in range(0, 6_000, TICK_MS):
        if now <= stuck_ms:
            driver.refresh(now)
        driver.tick(now)
        seen.append((now, sink.panels[-1]))
    late = [panel for ms, panel in seen if ms >= stuck_ms + HOLD_MS + TICK_MS]
    assert late
    assert not any(panel.green or panel.relay or panel.tone_hz for panel in late)


def test_a_stuck_main_loop_keeps_refusing() -> None:
    """Red stays while the main loop is stuck: it lets nobody in."""
    sink = KeptPanels()
    driver = PanelDriver(sink)
    driver.play(Score(Outcome.REFUSE), 0)
    play(driver, 2_500, alive_until_ms=0)
    assert sink.panels[-1] == Panel(red=True)


def test_a_tick_that_read_its_clock_early_shows_the_beginning() -> None:
    """The metronome's clock reading may be older than the score: no error, no other panel."""
    sink = KeptPanels()
    driver = PanelDriver(sink)
    driver.play(ADMIT, 1_000)
    driver.tick(999)
    driver.refresh(1_000)
    assert sink.panels == [at(ADMIT, 0)]


def test_close_leaves_the_panel_dark() -> None:
    """Closing shows DARK last and closes the sink once; later ticks reach nothing."""
    sink = KeptPanels()
    driver = PanelDriver(sink)
    driver.play(ADMIT, 0)
    driver.tick(0)
    driver.close()
    driver.close()
    driver.tick(200)
    driver.fail(RuntimeError("late"))
    assert sink.panels == [at(ADMIT, 0), DARK]
    assert sink.closed == 1


def test_a_closed_panel_takes_no_score() -> None:
    """Playing on a closed panel is an error, not silence."""
    driver = PanelDriver(KeptPanels())
    driver.close()
    with pytest.raises(PanelError, match="closed"):
        driver.play(ADMIT, 0)


def test_the_sink_is_closed_even_when_it_cannot_show() -> None:
    """A sink that raises at the end is still closed, and the error is not lost."""
    sink = KeptPanels()
    driver = PanelDriver(sink)
    sink.broken = OSError("line 23 is gone")
    with pytest.raises(OSError, match="line 23"):
        driver.close()
    assert sink.closed == 1


def test_a_raising_sink_reaches_the_main_loop() -> None:
    """The tick survives; the next refresh, and every later one, raises with the cause."""
    sink = KeptPanels()
    driver = PanelDriver(sink)
    driver.play(ADMIT, 0)
    sink.broken = OSError("line 23 is gone")
    driver.tick(0)
    calls: list[Callable[[], None]] = [
        lambda: driver.refresh(20),
        lambda: driver.refresh(40),
        lambda: driver.play(ADMIT, 60),
    ]
    for call in calls:
        with pytest.raises(PanelError, match="line 23 is gone") as raised:
            call()
        assert raised.value.__cause__ is sink.broken


def test_a_panel_that_failed_once_stays_dark() -> None:
    """When the sink works again it is told DARK, whatever was playing or was shown before.

    The call that raised may have set half of the outputs, so an earlier DARK doesn't count.
    """
    sink = KeptPanels()
    driver = PanelDriver(sink)
    driver.tick(0)
    driver.play(ADMIT, 20)
    sink.broken = OSError("a loose wire")
    driver.tick(20)
    driver.tick(40)
    sink.broken = None
    for now_ms in range(60, 4_000, TICK_MS):
        driver.tick(now_ms)
    assert sink.panels == [DARK, DARK]


class ScriptedTime:
    """A clock whose waits move it; it stops the metronome at the end of the script."""

    def __init__(self, until_ms: int) -> None:
        self.ms = 0
        self.until_ms = until_ms

    def now_ms(self) -> int:
        """The time that the waits have made."""
        return self.ms

    def wait(self, seconds: float) -> bool:
        """Move on without waiting; True at the end of the script."""
        self.ms += round(seconds * 1000)
        return self.ms >= self.until_ms


def test_the_metronome_beats_at_50_hz_until_stopped() -> None:
    """Its thread ticks with its clock's times and ends when its wait says so."""
    sink, time = KeptPanels(), ScriptedTime(300)
    driver = PanelDriver(sink)
    driver.play(Score(Outcome.REFUSE), 0)
    metronome = Metronome(driver, time.now_ms, time.wait)
    metronome.start()
    metronome.close()
    assert time.ms == 300
    assert sink.panels[-1] == at(Score(Outcome.REFUSE), 280)


def test_the_metronome_survives_a_raising_sink() -> None:
    """It goes on beating, and the main loop learns of the error."""
    sink, time = KeptPanels(), ScriptedTime(1_000)
    sink.broken = OSError("line 23 is gone")
    driver = PanelDriver(sink)
    metronome = Metronome(driver, time.now_ms, time.wait)
    metronome.run()
    assert time.ms == 1_000
    with pytest.raises(PanelError, match="line 23"):
        driver.refresh(1_000)


def test_a_metronome_that_breaks_says_so() -> None:
    """Even an error of its own clock goes to the main loop, and the panel goes dark."""
    sink = KeptPanels()
    driver = PanelDriver(sink)
    driver.play(ADMIT, 0)
    driver.tick(0)

    def broken_clock() -> int:
        raise OSError("no clock")

    Metronome(driver, broken_clock, ScriptedTime(1_000).wait).run()
    assert sink.panels[-1] == DARK
    with pytest.raises(PanelError, match="no clock"):
        driver.refresh(20)


def test_close_stops_a_waiting_metronome() -> None:
    """With its own wait, close ends the thread at once and joins it."""
    driver = PanelDriver(KeptPanels())
    before = threading.active_count()
    metronome = Metronome(driver)
    metronome.start()
    metronome.close()
    metronome.close()
    assert threading.active_count() == before


def test_two_threads_share_the_driver() -> None:
    """Main loop and metronome at full speed: no error, and the sink ends where the score is."""
    sink = KeptPanels()
    driver = PanelDriver(sink)
    driver.play(ADMIT, 0)
    ready = threading.Barrier(2)

    def beat() -> None:
        ready.wait()
        for now_ms in range(3_000):
            driver.tick(now_ms)

    thread = threading.Thread(target=beat)
    thread.start()
    ready.wait()
    for now_ms in range(3_000):
        driver.refresh(now_ms)
    thread.join()
    driver.tick(3_000)
    assert sink.panels[-1] == at(ADMIT, 3_000)
    assert all(before != now for before, now in zip(sink.panels, sink.panels[1:], strict=False))


def drawn(panel: Panel, test: bool = False, caption: str = "") -> str:
    """The drawing as an 80-column terminal without colour shows it."""
    console = Console(width=80, no_color=True, file=io.StringIO(), record=True)
    console.print(draw(panel, caption, test))
    return console.export_text(styles=False)


@pytest.mark.parametrize("test", [False, True])
def test_drawings_differ_without_colour(test: bool) -> None:
    """Each output alone, and none, makes another picture in plain letters."""
    panels = [
        DARK,
        Panel(red=True),
        Panel(amber=True),
        Panel(green=True),
        Panel(ready=True),
        Panel(relay=True),
        Panel(tone_hz=400),
    ]
    for one, other in combinations([drawn(panel, test) for panel in panels], 2):
        assert one != other


@given(
    panel=st.builds(Panel, *([st.booleans()] * 5), st.sampled_from((0, 400, 1_760))),
    test=st.booleans(),
    caption=st.text(st.characters(codec="ascii", categories=("L", "N", "P", "Zs")), max_size=200),
)
def test_a_drawing_never_moves(panel: Panel, test: bool, caption: str) -> None:
    """Eight lines of 64 columns, whatever is lit and however long the caption."""
    lines = drawn(panel, test, caption).splitlines()
    assert [len(line) for line in lines] == [64] * 8


def test_a_drawing_says_test_in_words() -> None:
    """A test door's picture says so; a real one's never does."""
    assert "TEST  not for real visitors" in drawn(Panel(green=True), test=True)
    assert "TEST" not in drawn(Panel(green=True), test=False)


def test_a_caption_is_shown_as_it_is() -> None:
    """Brackets in a caption are letters, not styles."""
    assert "visitor [red] 3" in drawn(DARK, caption="visitor [red] 3")


def test_the_terminal_gets_its_cursor_back() -> None:
    """After close the last picture stays, and the cursor is visible again."""
    file = io.StringIO()
    console = Console(width=80, file=file, force_terminal=True, _environ={"TERM": "xterm"})
    sink = TerminalSink("READY", console=console)
    sink.show(Panel(ready=True))
    sink.close()
    sink.close()
    assert "● READY" in file.getvalue()
    assert file.getvalue().rindex("\x1b[?25h") > file.getvalue().rindex("\x1b[?25l")


def test_plain_lines_read_as_sentences() -> None:
    """One line a change: the time since the sink was made, then what is on."""
    file, time = io.StringIO(), ScriptedTime(0)
    time.ms = 5_000
    sink = PlainSink(file, time.now_ms)
    time.ms = 6_250
    sink.show(Panel(green=True, relay=True, tone_hz=1_760))
    time.ms = 17_000
    sink.show(DARK)
    assert file.getvalue() == "   1.250 s  GREEN · relay CLOSED · tone 1760 Hz\n  12.000 s  dark\n"


def test_a_recorder_writes_each_change_and_passes_it_on() -> None:
    """The record is JSON lines of `ms` and all levels; the wrapped sink sees the same."""
    file, time, sink = io.StringIO(), ScriptedTime(0), KeptPanels()
    time.ms = 1_000
    recorder = TimelineRecorder(sink, file, time.now_ms)
    time.ms = 1_400
    recorder.show(Panel(red=True, tone_hz=400))
    recorder.close()
    assert json.loads(file.getvalue()) == {
        "ms": 400,
        "green": False,
        "red": True,
        "amber": False,
        "ready": False,
        "relay": False,
        "tone_hz": 400,
    }
    assert sink.panels == [Panel(red=True, tone_hz=400)]
    assert sink.closed == 1


def test_a_portrait_is_the_same_each_time_and_asks_nothing_of_the_network(tmp_path: Path) -> None:
    """Two exports are equal byte for byte, and load no font from anywhere."""
    paths = [tmp_path / "one.svg", tmp_path / "two.svg"]
    for path in paths:
        export(draw(Panel(green=True, relay=True), "ADMIT", test=True), path, "the door")
    one, two = (path.read_bytes() for path in paths)
    assert one == two
    assert b"url(http" not in one
    assert b"font-face" not in one
    assert "✓".encode() in one


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `doorcheck` with these words: exit code, standard output, standard error."""

    def run_words(*words: str) -> tuple[int, str, str]:
        try:
            code = cli.main(list(words))
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_words


@pytest.mark.parametrize("word", ["ADMIT", "refuse", "Staff", "out-of-order", "OUT_OF_ORDER", "ready"])
def test_play_writes_the_timeline_without_a_terminal(run: Run, word: str) -> None:
    """Every signal by its name, in any case: the whole timeline at once, dark at the end."""
    code, out, _ = run("panel", "play", word)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("   0.000 s  ")
    assert lines[-1].endswith("s  dark")


def test_play_json_is_the_signal_itself(run: Run) -> None:
    """Each change stands in the JSON lines at its millisecond, and the dark end last."""
    code, out, _ = run("panel", "play", "admit", "--test", "--json", "--seconds", "4.5")
    changes = [json.loads(line) for line in out.splitlines()]
    panels = [at(Score(Outcome.ADMIT, test=True), ms) for ms in range(4_500)]
    expected = [(ms, panel) for ms, panel in enumerate(panels) if ms == 0 or panel != panels[ms - 1]]
    assert code == 0
    assert [(change.pop("ms"), Panel(**change)) for change in changes] == [*expected, (4_500, DARK)]


@pytest.mark.parametrize(
    "words", [("purple",), ("admit", "--speed", "0"), ("admit", "--seconds", "nan"), ()], ids=str
)
def test_play_refuses_what_it_cannot_play(run: Run, words: tuple[str, ...]) -> None:
    """A wrong word or number ends with 2; a wrong signal's message lists the right ones."""
    code, out, err = run("panel", "play", *words)
    assert (code, out) == (2, "")
    if words == ("purple",):
        assert "ADMIT, REFUSE, STAFF, OUT_OF_ORDER, READY" in err


def test_the_card_fits_a_page_and_hides_nothing(run: Run) -> None:
    """80 columns; and no signal changes between two drawn cells."""
    code, out, _ = run("panel", "show")
    assert code == 0
    assert out == card()
    assert max(map(len, out.splitlines())) <= 80
    for signal in SIGNALS.values():
        for track in (signal.green, signal.red, signal.amber, signal.ready, signal.relay, signal.tone):
            assert all(start % CELL_MS == end % CELL_MS == 0 for start, end, _ in track.spans)


def test_what_dropped_out_stays_out() -> None:
    """A main loop that comes back within the signal does not close the relay a second time."""
    shown: list[Panel] = []

    class Keeping:
        def show(self, panel: Panel) -> None:
            shown.append(panel)

        def close(self) -> None:
            pass

    driver = PanelDriver(Keeping())
    driver.play(Score(Outcome.ADMIT), 0)
    for now_ms in range(0, 2000, TICK_MS):
        if not 100 < now_ms < 1000:
            driver.refresh(now_ms)
        driver.tick(now_ms)
    assert [panel.relay for panel in shown].count(True) > 0
    assert shown[-1].relay is False
