"""The runbooks: each command in them exists, as does each that boxes and reports advise."""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import io
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from deploy.report import cli as report
from deploy.report import standing

from doorcheck.cli import COMMANDS as COMMANDS_OF_DOORCHECK
from doorcheck.core.health import Condition

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "deploy" / "runbooks"
PAGES = sorted(RUNBOOKS.glob("*.md"))
BOOKS = [page for page in PAGES if page.name != "README.md"]
SYSTEM = frozenset(
    {"cat", "date", "journalctl", "lsblk", "mount", "openssl", "rm", "rsync", "ssh", "ssh-add", "ssh-keygen"}
    | {"systemctl", "tar", "timedatectl", "touch", "umount"}
)
"""Programs of Debian's that a runbook may ask for, besides ours."""
BUILT_IN = frozenset({"export", "."})
FOR_ANSIBLE = frozenset({"--limit", "--check", "--diff", "-e", "-i", "--ask-become-pass"})
LIBEXEC = "/usr/local/libexec/doorcheck/"


class Line(NamedTuple):
    """A command, and where it stands."""

    page: str
    number: int
    text: str


def blocks(page: Path) -> Iterator[Line]:
    """What is set apart to be typed."""
    for number, text in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if text.startswith("    "):
            yield Line(page.name, number, text.strip())


def in_words(page: Path) -> Iterator[Line]:
    """What stands in backticks in a sentence and begins like one of our commands."""
    for number, text in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if not text.startswith("    "):
            for quoted in re.findall(r"`([^`]+)`", text):
                if re.match(r"(doorcheck|deploy/(fleet|wheelhouse)) ", quoted):
                    yield Line(page.name, number, quoted)


COMMANDS = [line for page in PAGES for line in blocks(page)]
MENTIONED = [line for page in PAGES for line in in_words(page)]
TREE = ast.parse(Path(standing.__file__).read_text())
SAID = [node.value for node in ast.walk(TREE) if isinstance(node, ast.Constant)]
ADVISED: dict[str, Sequence[object]] = {
    "health.py": [condition.advice for condition in Condition],
    "standing.py": SAID,
}
ADVICE = [
    Line(source, 0, quoted)
    for source, texts in ADVISED.items()
    for text in texts
    if isinstance(text, str)
    for quoted in re.findall(r"`((?:doorcheck|deploy/fleet) [^`{}]+)`", text)
]


# Whether a command exists


def check(words: list[str]) -> None:
    """Raise `AssertionError`, or whatever else, for a command that does not exist."""
    program, *rest = words
    if program == "sudo":
        check(rest[2:] if rest[0] == "-u" else rest)
    elif program == "doorcheck" or program.endswith("/current/bin/doorcheck"):
        check_doorcheck(rest)
    elif program == "deploy/fleet":
        check_fleet(rest)
    elif program == "deploy/wheelhouse":
        assert (ROOT / program).stat().st_mode & 0o111
        assert len(rest) == 1
    elif words[:3] == ["python", "-m", "deploy.report"]:
        check_report(rest[2:])
    elif program.startswith(LIBEXEC):
        check_libexec(program.removeprefix(LIBEXEC), rest)
    else:
        assert program in SYSTEM | BUILT_IN, f"no program that a runbook may ask for: {program}"


def check_doorcheck(words: list[str]) -> None:
    """By the command's own parser."""
    try:
        parser(words[0]).parse_args(words[1:])
    except SystemExit as error:
        raise AssertionError(f"doorcheck {shlex.join(words)}: bad usage") from error


def parser(command: str) -> argparse.ArgumentParser:
    """A command's."""
    assert command in COMMANDS_OF_DOORCHECK, f"doorcheck has no {command}"
    made = argparse.ArgumentParser()
    importlib.import_module(f"doorcheck.commands.{command}").configure(made)
    return made


def check_fleet(words: list[str]) -> None:
    """By the command's help, its playbook, and the variables that roles and playbooks know."""
    text = (ROOT / "deploy" / "fleet").read_text()
    command, *rest = words
    assert re.search(rf"^  {command} ", text, re.MULTILINE), f"deploy/fleet has no {command}"
    if command in ("report", "forget"):
        check_report([command, "status.jsonl", *rest])
        return
    if command == "meet":
        assert rest
        return
    assert (ROOT / "deploy" / "playbooks" / f"{command}.yml").exists()
    for option, value in zip(rest[::2], rest[1::2], strict=True):
        assert option in FOR_ANSIBLE
        if option == "-e":
            check_variable(value.partition("=")[0])


def check_report(words: list[str]) -> None:
    """By its own parser."""
    try:
        report._parser().parse_args(words)
    except SystemExit as error:
        raise AssertionError(f"deploy.report {shlex.join(words)}: bad usage") from error


def check_variable(name: str) -> None:
    """A variable of the inventory is one that a role or a playbook reads."""
    files = [*ROOT.glob("deploy/roles/**/*.yml"), *ROOT.glob("deploy/playbooks/**/*.yml")]
    assert any(name in file.read_text(encoding="utf-8") for file in files), f"nobody reads {name}"


def check_libexec(name: str, words: list[str]) -> None:
    """A script that boxes have, and one of the words it names in its help."""
    text = (ROOT / "systemd" / "libexec" / name).read_text()
    assert re.search(rf"^ +{words[0]} ", text, re.MULTILINE), f"{name} has no {words[0]}"


def simple(text: str) -> Iterator[list[str]]:
    """Each command of a line, without what redirects its input and output."""
    for part in text.split(" | "):
        words = shlex.split(part)
        cut = next((number for number, word in enumerate(words) if word in "<>"), len(words))
        yield words[:cut]


@pytest.mark.parametrize("line", COMMANDS, ids=lambda line: f"{line.page}:{line.number}")
def test_every_command_of_a_runbook_exists(line: Line) -> None:
    """Its action, its options, its playbook, its variables: nobody under stress meets a wrong one."""
    for words in simple(line.text):
        check(words)


@pytest.mark.parametrize("line", [*MENTIONED, *ADVICE], ids=lambda line: f"{line.page}:{line.text}")
def test_every_command_that_is_mentioned_exists(line: Line) -> None:
    """In sentences an action may stand without its arguments; so may it in what boxes and reports advise."""
    words = shlex.split(line.text)
    if words[0] == "doorcheck":
        check_doorcheck_action(words[1:])
    else:
        check(words)


def check_doorcheck_action(words: list[str]) -> None:
    """The action is there, and each option is in its help."""
    command, *rest = words
    action = [word for word in rest[:1] if command in ("operator", "register", "camera", "panel")]
    text = io.StringIO()
    with contextlib.redirect_stdout(text), pytest.raises(SystemExit) as ended:
        parser(command).parse_args([*action, "--help"])
    assert not ended.value.code
    for word in rest:
        assert not word.startswith("-") or word in text.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "doorcheck operator revoce x",
        "doorcheck update --stick",
        "doorcheck publish",
        "deploy/fleet push",
        "deploy/fleet status -e doorcheck_nobody=1",
        "deploy/fleet forget",
        "/usr/local/libexec/doorcheck/release undo",
        "sudo curl x",
    ],
)
def test_a_command_that_does_not_exist_is_found(text: str) -> None:
    """The check itself can fail."""
    with pytest.raises(AssertionError):
        check(shlex.split(text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere_and_variables_exist(page: Path) -> None:
    """Pages, and names of the inventory."""
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (page.parent / link).exists()
    for name in set(re.findall(r"\bdoorcheck_[a-z_]+", text)):
        check_variable(name)
    for book in BOOKS:
        assert f"]({book.name})" in (RUNBOOKS / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", BOOKS, ids=lambda page: page.stem)
def test_a_runbook_is_one_page_and_says_the_four_things(page: Path) -> None:
    """What you see, what to do now, how to know that it worked, what remains."""
    text = page.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 62
    assert re.search(r"^\*\*(You see|When):\*\* ", text, re.MULTILINE)
    assert "## It worked when" in text
    assert "## What remains" in text
    assert re.search(r"^(##.*\n\n)?1\. ", text, re.MULTILINE)


def test_the_report_names_runbooks_that_exist() -> None:
    """What a box's page advises leads to a page."""
    named = set(re.findall(r"runbook `([a-z-]+)`", Path(standing.__file__).read_text()))
    assert named
    assert named <= {book.stem for book in BOOKS}
