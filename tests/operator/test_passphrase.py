"""Asking for a passphrase: from whom, how often, and that it is never quoted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from doorcheck.operator.record import passphrase
from doorcheck.operator.record.passphrase import PassphraseError

NO_VARIABLES: Mapping[str, str] = {}


class FakeTerminal:
    """A person at a terminal who types these lines, or is not there."""

    def __init__(self, *typed: str, present: bool = True) -> None:
        self.typed = list(typed)
        self.is_present = present
        self.prompts: list[str] = []
        self.told: list[str] = []

    def present(self) -> bool:
        """As it was said."""
        return self.is_present

    def ask(self, prompt: str) -> str:
        """The next line."""
        self.prompts.append(prompt)
        if not self.typed:
            raise EOFError
        return self.typed.pop(0)

    def tell(self, text: str) -> None:
        """Keep it."""
        self.told.append(text)


def ask(
    terminal: FakeTerminal,
    variables: Mapping[str, str] = NO_VARIABLES,
    *,
    new: bool = False,
    file: Path | None = None,
) -> bytes:
    """Read a passphrase for a test's key."""
    return passphrase.read("the key of a test", new=new, file=file, terminal=terminal, environment=variables)


def test_a_passphrase_is_asked_for_once_and_a_new_one_twice() -> None:
    """The prompt says what for; a new one that differs is asked for again."""
    terminal = FakeTerminal("a good passphrase")
    assert ask(terminal) == b"a good passphrase"
    assert terminal.prompts == ["Passphrase for the key of a test: "]
    terminal = FakeTerminal("a good passphrase", "a bad one", "a good passphrase", "a good passphrase")
    assert ask(terminal, new=True) == b"a good passphrase"
    assert terminal.told == ["The two differ."]


def test_a_passphrase_that_never_agrees_ends() -> None:
    """Three tries, then an error that quotes nothing."""
    with pytest.raises(PassphraseError, match="not typed twice alike") as caught:
        ask(FakeTerminal(*(f"secret {number}" for number in range(9))), new=True)
    assert "secret" not in str(caught.value)


def test_a_file_comes_before_the_environment_and_that_before_the_person(tmp_path: Path) -> None:
    """Who names a source gets that one, and nobody is asked."""
    file = tmp_path / "passphrase"
    file.write_bytes(b"from the file itself\r\n")
    file.chmod(0o600)
    terminal, outside = FakeTerminal(present=False), {"DOORCHECK_PASSPHRASE": "from outside"}
    assert ask(terminal, outside, file=file) == b"from the file itself"
    assert ask(terminal, outside) == b"from outside"
    assert not terminal.told


def test_one_passphrase_typed_in_two_ways_is_one() -> None:
    """Composed or not, an accent gives the same bytes."""
    assert ask(FakeTerminal("caf\u00e9 au lait")) == ask(FakeTerminal("cafe\u0301 au lait"))


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_passphrase_is_refused(tmp_path: Path, empty: str) -> None:
    """From wherever it comes."""
    file = tmp_path / "passphrase"
    file.write_text(f"{empty}\n")
    for terminal, where, variables in (
        (FakeTerminal(empty, empty), None, NO_VARIABLES),
        (FakeTerminal(), file, NO_VARIABLES),
        (FakeTerminal(), None, {"DOORCHECK_PASSPHRASE": empty}),
    ):
        with pytest.raises(PassphraseError, match="is empty"):
            ask(terminal, variables, new=True, file=where)


def test_a_short_new_passphrase_is_warned_about() -> None:
    """Under 12 characters; an old one is not nagged about."""
    terminal = FakeTerminal("eleven char", "eleven char", "twelve chars", "twelve chars", "eleven char")
    ask(terminal, new=True)
    (warning,) = terminal.told
    assert "fewer than 12" in warning
    assert "eleven" not in warning
    ask(terminal, new=True)
    ask(terminal)
    assert len(terminal.told) == 1


def test_nobody_is_asked_where_nobody_is() -> None:
    """Without a terminal, or at its end, an error says how else to give it."""
    with pytest.raises(PassphraseError, match="--passphrase-file, or set DOORCHECK_PASSPHRASE"):
        ask(FakeTerminal("unseen", present=False))
    with pytest.raises(PassphraseError, match="no passphrase was typed"):
        ask(FakeTerminal())


def test_a_passphrase_file_is_read_with_care(tmp_path: Path) -> None:
    """One that others can read is warned about; one that is none is refused, and never quoted."""
    file = tmp_path / "passphrase"
    with pytest.raises(PassphraseError, match="no such file"):
        ask(FakeTerminal(), file=file)
    for content in (b"a secret\nand more", b"\xff a secret", b"a secret" * 1000):
        file.write_bytes(content)
        with pytest.raises(PassphraseError) as caught:
            ask(FakeTerminal(), file=file)
        assert "secret" not in str(caught.value)
    file.write_bytes(b"a secret of some length")
    file.chmod(0o644)
    terminal = FakeTerminal()
    ask(terminal, file=file)
    assert "chmod 600" in terminal.told[0]


def test_a_passphrase_that_is_not_text_is_refused() -> None:
    """What the environment holds in another encoding is an error, not a crash."""
    with pytest.raises(PassphraseError, match="not UTF-8"):
        ask(FakeTerminal(), {"DOORCHECK_PASSPHRASE": "a secret \udcff"})
