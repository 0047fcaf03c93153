"""Asking for a passphrase: from a file, from the environment, or from the person at the terminal."""

from __future__ import annotations

import getpass
import os
import stat
import sys
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from doorcheck.edge.store import read_bounded
from doorcheck.operator.record.durable import why

VARIABLE = "DOORCHECK_PASSPHRASE"
SHORT = 12
"""Characters: fewer are warned about."""
LARGEST_BYTES = 1024
TRIES = 3


class PassphraseError(Exception):
    """There is no usable passphrase; the text says why, and how to give one. It never quotes one."""


class Terminal(Protocol):
    """Where a person can be asked."""

    def present(self) -> bool:
        """Whether a person could be there: asking without one would wait for ever."""

    def ask(self, prompt: str) -> str:
        """One line, typed without being shown. Raises `EOFError` when there is none."""

    def tell(self, text: str) -> None:
        """Show a line."""


class RealTerminal:
    """The terminal that this process was started from."""

    def present(self) -> bool:
        """Whether the process has one."""
        try:
            os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
        except OSError:
            return False
        return True

    def ask(self, prompt: str) -> str:
        """Ask with echo off."""
        return getpass.getpass(prompt)

    def tell(self, text: str) -> None:
        """Write to stderr: stdout may be somebody's JSON."""
        sys.stderr.write(f"{text}\n")


def read(
    purpose: str,
    *,
    new: bool,
    file: Path | None = None,
    terminal: Terminal | None = None,
    environment: Mapping[str, str] | None = None,
) -> bytes:
    """The passphrase for a purpose ("the author Anna Muller"), in UTF-8, normalised (NFC).

    It comes from `file` if that is given, else from the variable DOORCHECK_PASSPHRASE if
    that is set, else from the person at the terminal, who types a new one twice. A short
    new one and a file that others can read are warned about. Raises `PassphraseError`.
    """
    terminal = RealTerminal() if terminal is None else terminal
    variables = os.environ if environment is None else environment
    if file is not None:
        text = _from_file(file, terminal)
    elif VARIABLE in variables:
        text = variables[VARIABLE]
    else:
        text = _from_person(purpose, terminal, new=new)
    passphrase = _checked(text, purpose)
    if new and len(passphrase) < SHORT:
        terminal.tell(
            f"warning: the passphrase for {purpose} has fewer than {SHORT} characters: whoever copies the"
            " key's file can guess it. Five words drawn by lot are better."
        )
    return passphrase.encode()


def exposed(path: Path) -> str | None:
    """A warning when others on this computer can read or change a secret's file; None when not.

    Raises `OSError`.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) or not status.st_mode & 0o077:
        return None
    return f"warning: others on this computer can read or change {path}; do `chmod 600` on it"


def _from_file(file: Path, terminal: Terminal) -> str:
    try:
        warning = exposed(file)
        text = read_bounded(file, LARGEST_BYTES).decode()
    except OSError as error:
        raise PassphraseError(f"passphrase file {file}: {why(error)}") from error
    except UnicodeDecodeError:
        raise PassphraseError(f"passphrase file {file}: not UTF-8") from None  # its text quotes the file
    if warning is not None:
        terminal.tell(warning)
    text = text.removesuffix("\n").removesuffix("\r")
    if "\n" in text:
        raise PassphraseError(f"passphrase file {file}: more than one line; a passphrase is one")
    return text


def _from_person(purpose: str, terminal: Terminal, *, new: bool) -> str:
    if not terminal.present():
        raise PassphraseError(
            f"no terminal to ask for the passphrase of {purpose}: "
            f"name a file with --passphrase-file, or set {VARIABLE}"
        )
    try:
        if not new:
            return terminal.ask(f"Passphrase for {purpose}: ")
        for _ in range(TRIES):
            text = terminal.ask(f"New passphrase for {purpose}: ")
            if terminal.ask("The same again: ") == text:
                return text
            terminal.tell("The two differ.")
    except EOFError:
        raise PassphraseError(f"no passphrase was typed for {purpose}") from None
    raise PassphraseError(f"the passphrase for {purpose} was not typed twice alike; start again")


def _checked(text: str, purpose: str) -> str:
    """The passphrase as it is used: NFC, so that two keyboards' ways to write é are one (RFC 8265, 4)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PassphraseError(f"the passphrase for {purpose} is not UTF-8") from None  # as above
    if not text.strip():
        raise PassphraseError(f"the passphrase for {purpose} is empty; a key without one protects nothing")
    return unicodedata.normalize("NFC", text)
