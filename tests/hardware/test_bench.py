"""hardware/BENCH.md is a list that can be done: whole rows, and commands that are shipped."""

from __future__ import annotations

import re
from pathlib import Path

from doorcheck import cli

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "hardware" / "BENCH.md").read_text(encoding="utf-8")
HEAD = ["what", "do", "target", "yours"]
FLEET = (ROOT / "deploy" / "fleet").read_text(encoding="utf-8")


def tables() -> list[list[list[str]]]:
    """Each table's rows of cells, its head first, the ruler left out."""
    found: list[list[list[str]]] = [[]]
    for line in TEXT.splitlines():
        if not line.startswith("|"):
            found.append([])
        elif not line.startswith("|---"):
            cells = re.split(r"(?<!\\)\|", line.strip("|"))
            found[-1].append([cell.strip() for cell in cells])
    return [table for table in found if table]


def test_every_row_says_what_to_do_and_what_to_see() -> None:
    """No row without a target, and room for what was found."""
    for head, *rows in tables():
        assert head == HEAD
        for row in rows:
            assert len(row) == len(HEAD), row
            assert all(row[:3]), row
            assert row[3] == "", row


def test_commands_are_those_that_are_shipped() -> None:
    """Whoever types what stands there is understood: `doorcheck` and `deploy/fleet` know it."""
    said = [words.split() for words in re.findall(r"`((?:doorcheck|deploy/fleet) [a-z][^`]*)`", TEXT)]
    assert len(said) > 10
    for program, command, *_ in said:
        if program == "doorcheck":
            assert command in cli.COMMANDS, command
        else:
            assert re.search(rf"(?m)^  {command} ", FLEET), command


def test_files_that_are_named_are_there() -> None:
    """Pages that a row sends to exist."""
    for name in re.findall(r"`([\w/]+\.md)`", TEXT):
        assert (ROOT / name).exists() or (ROOT / "hardware" / name).exists(), name
