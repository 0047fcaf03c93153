"""The story, played once for every test that looks at it, with marked people in it."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from doorcheck.core.session import Decision
from doorcheck.lab import play
from doorcheck.lab.audience import PlainAudience
from doorcheck.lab.issuer import Person

MOMENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PEOPLE = tuple(Person(f"Zqxsurname{n}", f"Zqxforename{n}", f"19{80 + n}-12-3{n % 2}") for n in range(7))
"""People whose every datum is marked: names by letters that stand nowhere else."""


@dataclass
class Played:
    """What came of one play."""

    code: int = -1
    decisions: list[Decision] = field(default_factory=list)
    lines: str = ""
    timeline: list[dict[str, int]] = field(default_factory=list)
    logged: str = ""
    new_files: set[Path] = field(default_factory=set)


class Listening(PlainAudience):
    """Keeps the decisions beside the lines."""

    def __init__(self, kept: list[Decision]) -> None:
        self.written = io.StringIO()
        self.kept = kept
        super().__init__(self.written)

    def hear(self, decision: Decision) -> None:
        """Keep it."""
        self.kept.append(decision)
        super().hear(decision)


@pytest.fixture(scope="session")
def moment() -> datetime:
    """The day of the story."""
    return MOMENT


@pytest.fixture(scope="session")
def people() -> tuple[Person, ...]:
    """The marked people."""
    return PEOPLE


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The story, played in an empty folder, with every logger open."""
    folder = tmp_path_factory.mktemp("played")
    told, record, logged = Played(), io.StringIO(), io.StringIO()
    audience, handler = Listening(told.decisions), logging.StreamHandler(logged)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        told.code = play.story(audience, record, MOMENT, None, "the canary", PEOPLE)
    root.setLevel(level)
    root.removeHandler(handler)
    told.lines, told.logged = audience.written.getvalue(), logged.getvalue()
    told.timeline = [json.loads(line) for line in record.getvalue().splitlines()]
    told.new_files = set(folder.rglob("*"))
    return told
