"""The progress bar: for people only, and only when they wait."""

from __future__ import annotations

import io
import itertools

import pytest

from doorcheck.operator.progress import shown


class Terminal(io.StringIO):
    """A terminal that remembers what was written."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_nothing_is_drawn_off_a_terminal() -> None:
    """Into a file or a pipe no bar is drawn, however long it takes."""
    stream = io.StringIO()
    seconds = itertools.count(step=60)
    assert list(shown([1, 2, 3], "work", stream=stream, clock=lambda: float(next(seconds)))) == [1, 2, 3]
    assert stream.getvalue() == ""


def test_nothing_is_drawn_for_quick_work() -> None:
    """Work of less than a second draws nothing."""
    stream = Terminal()
    assert list(shown(range(1000), "work", stream=stream, clock=lambda: 0.5)) == list(range(1000))
    assert stream.getvalue() == ""


def test_a_bar_for_those_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work of more than a second draws a bar with its name."""
    monkeypatch.setenv("TERM", "xterm")  # a dumb terminal can't go back in a line
    stream = Terminal()
    seconds = itertools.count(step=0.3)
    assert list(shown(range(10), "certificates", stream=stream, clock=lambda: float(next(seconds)))) == list(
        range(10)
    )
    assert "certificates" in stream.getvalue()
