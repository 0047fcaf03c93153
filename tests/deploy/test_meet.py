"""`deploy/fleet meet`: a real sshd's host key is shown, and kept only if a person says that it is the one."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from deploy.boxes import meet
from tests.deploy.desk_box import DeskBox, desk_box, new_key

Meet = Callable[[str], int]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskBox]:
    """One box for all tests here."""
    with desk_box(tmp_path_factory.mktemp("box")) as one:
        yield one


@pytest.fixture
def met(box: DeskBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Meet:
    """Meet it; what the person types is given."""
    variables = tmp_path / "variables.json"
    variables.write_text(json.dumps({"ansible_host": "127.0.0.1", "ansible_port": box.port}))

    def one(typed: str) -> int:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        return meet.main([str(tmp_path / "known_hosts"), "door-1", "--", "cat", str(variables)])

    return one


def test_a_key_is_kept_once_a_person_agrees(met: Meet, box: DeskBox, tmp_path: Path) -> None:
    """Shown as ssh shows it; kept in the file by which the box is then reached; asked for once."""
    assert met("y\n") == 0
    known = tmp_path / "known_hosts"
    assert known.read_text() == (box.folder / "known_hosts").read_text()
    box.lines(known_hosts=str(known), control=str(box.control / "m")).status.ask("status", 20)
    assert met("") == 0
    assert len(known.read_text().splitlines()) == 1


@pytest.mark.parametrize("typed", ["", "\n", "n\n", "maybe\n"])
def test_without_a_yes_nothing_is_kept(met: Meet, tmp_path: Path, typed: str) -> None:
    """Also where nobody sits there."""
    assert met(typed) == 2
    assert not (tmp_path / "known_hosts").exists()


def test_another_key_is_never_taken_over(
    met: Meet, box: DeskBox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where another key is known the person is not even asked."""
    new_key(tmp_path / "other")
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{box.port} {' '.join((tmp_path / 'other.pub').read_text().split()[:2])}\n")
    before = known.read_text()
    assert met("y\n") == 2
    assert "ANOTHER key" in capsys.readouterr().err
    assert known.read_text() == before
