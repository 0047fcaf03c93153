"""A progress bar for people who wait: on a terminal only, and only when they do wait."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

Item = TypeVar("Item")

PATIENCE_S = 1.0
EVERY_S = 0.1


def shown(
    items: Iterable[Item],
    what: str,
    *,
    total: int | None = None,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Item]:
    """Yield the items; draw a bar once the work on them has taken longer than a second.

    `total` says how many they are when they have no length themselves, about.
    The bar goes to `stream` (stderr) when that is a terminal, and is wiped at the end.
    """
    target = sys.stderr if stream is None else stream
    if not target.isatty():
        yield from items
        return
    total = len(items) if total is None and isinstance(items, Sized) else total
    bar: Progress | None = None
    due = clock() + PATIENCE_S
    try:
        for done, item in enumerate(items):
            if clock() >= due:
                bar = bar or _bar(target, what, total)
                bar.update(bar.task_ids[0], completed=done)
                bar.refresh()
                due = clock() + EVERY_S
            yield item
    finally:
        if bar:
            bar.stop()


@contextmanager
def steps(
    *, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[int, int, str], None]]:
    """Hand out what is to be told each step (done, of how many, what comes); draw a bar as `shown` does."""
    target = sys.stderr if stream is None else stream
    if not target.isatty():
        yield lambda _done, _all, _what: None
        return
    bar: Progress | None = None
    due = clock() + PATIENCE_S

    def told(done: int, all_: int, what: str) -> None:
        nonlocal bar
        if clock() >= due:
            bar = bar or _bar(target, what, all_)
            bar.update(bar.task_ids[0], completed=done, total=all_, description=what, refresh=True)

    try:
        yield told
    finally:
        if bar:
            bar.stop()


def _bar(target: TextIO, what: str, total: int | None) -> Progress:
    from rich.console import Console  # imported late: it costs more than most builds
    from rich.progress import Progress

    bar = Progress(
        console=Console(file=target),
        transient=True,
        auto_refresh=False,
        redirect_stdout=False,  # what is printed meanwhile may go elsewhere
        redirect_stderr=False,
    )
    bar.add_task(what, total=total)
    bar.start()
    return bar
