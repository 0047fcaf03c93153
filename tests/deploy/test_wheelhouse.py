"""`deploy/wheelhouse`: what boxes are brought is what the lock holds, and the program itself."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from doorcheck.operator import releases

ROOT = Path(__file__).parents[2]
OTHER = "asn1crypto-1.5.1-py2.py3-none-any.whl"
OWN = "doorcheck-0.1.0-py3-none-any.whl"
Done = subprocess.CompletedProcess[str]


def loaded() -> ModuleType:
    """The module behind the command."""
    spec = importlib.util.spec_from_file_location("wheels", ROOT / "deploy/wheels.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


wheels = loaded()


class PlayedPip:
    """An index that has everything, or lacks some; it fills folders as pip would."""

    def __init__(self, lacking: str = "", trouble: str = "") -> None:
        self.lacking, self.trouble, self.calls = lacking, trouble, list[tuple[str, ...]]()

    def __call__(self, *words: str, **_environment: str) -> Done:
        """One call."""
        self.calls.append(words)
        if words[0] == "download":
            lock = Path(words[words.index("--requirement") + 1]).read_text()
            if self.trouble or (self.lacking and self.lacking in lock):
                said = self.trouble or f"ERROR: No matching distribution found for {self.lacking}"
                return Done(words, 1, "", said)
            folder = Path(words[words.index("--dest") + 1])
            folder.mkdir(exist_ok=True)
            (folder / OTHER).write_bytes(b"a wheel")
            (folder / "setuptools-84.2.1-py3-none-any.whl").write_bytes(b"tools")
        if words[0] == "wheel":
            folder = Path(words[words.index("--wheel-dir") + 1])
            folder.mkdir()
            (folder / OWN).write_bytes(b"the program")
        return Done(words, 0, "", "")


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[[PlayedPip], PlayedPip]:
    """Put that pip in the place of the real one."""

    def put(pip: PlayedPip) -> PlayedPip:
        monkeypatch.setattr(wheels, "pip", pip)
        return pip

    return put


Play = Callable[[PlayedPip], PlayedPip]


def test_a_wheelhouse_is_a_release(tmp_path: Path, play: Play, capsys: pytest.CaptureFixture[str]) -> None:
    """Both kinds of machine, each with the program, and every hash as it is: `use-release` takes it."""
    pip = play(PlayedPip())
    assert wheels.main([str(tmp_path / "house")]) == 0
    found = releases.of_folder(tmp_path / "house")
    assert (found.version, found.python, sorted(found.wheels)) == ("0.1.0", "3.13", ["aarch64", "x86_64"])
    assert {OWN, OTHER} <= {one.name for one in found.wheels["aarch64"]}
    assert "doorcheck 0.1.0 for aarch64, x86_64, 3 wheels" in capsys.readouterr().out
    for words in pip.calls:
        if words[0] == "download":
            assert {"--require-hashes", "--only-binary"} <= set(words)
        else:
            assert "--no-index" in words, "something would be fetched without a hash"
    assert [path.name for path in tmp_path.iterdir()] == ["house"], "left over"


def test_an_old_wheelhouse_is_replaced_whole(tmp_path: Path, play: Play) -> None:
    """No wheel of an older release stays beside the new ones."""
    play(PlayedPip())
    house = tmp_path / "house"
    assert wheels.main([str(house)]) == 0
    (house / "doorcheck-0.0.9-py3-none-any.whl").write_bytes(b"old")
    assert wheels.main([str(house), "--machine", "aarch64"]) == 0
    assert not (house / "doorcheck-0.0.9-py3-none-any.whl").exists()
    assert sorted(releases.of_folder(house).wheels) == ["aarch64"]


def test_another_folder_is_left_alone(tmp_path: Path, play: Play) -> None:
    """A misspelt name costs nobody their files."""
    pip = play(PlayedPip())
    (tmp_path / "letters.txt").write_text("dear")
    assert wheels.main([str(tmp_path)]) == 1
    assert (tmp_path / "letters.txt").exists()
    assert pip.calls == []


def test_a_machine_without_wheels_is_named(
    tmp_path: Path, play: Play, capsys: pytest.CaptureFixture[str]
) -> None:
    """32-bit systems: which packages there are no wheels of, and what to do."""
    play(PlayedPip(lacking="cbor2=="))
    assert wheels.main([str(tmp_path / "house"), "--machine", "armv7l"]) == 1
    said = capsys.readouterr().err
    assert re.search(
        r"for armv7l \(.*armhf.*\) with Python 3\.13 there is no wheel of cbor2 [\d.]+; use a 64-bit", said
    )
    assert not (tmp_path / "house").exists()


def test_an_index_that_does_not_answer_is_no_lack_of_wheels(
    tmp_path: Path, play: Play, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong is told in pip's words; an older wheelhouse stays."""
    house = tmp_path / "house"
    play(PlayedPip())
    assert wheels.main([str(house)]) == 0
    before = sorted(path.name for path in house.iterdir())
    play(PlayedPip(trouble="connection refused"))
    assert wheels.main([str(house)]) == 1
    assert "connection refused" in capsys.readouterr().err
    assert sorted(path.name for path in house.iterdir()) == before


def test_the_lock_of_boxes_is_complete() -> None:
    """What the program needs on a box, in the versions that the tests run with, all with hashes."""
    pattern = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)
    text = (ROOT / "deploy/box.lock").read_text()
    pins = dict(pattern.findall(text))
    tested = dict(pattern.findall((ROOT / "tests/requirements.lock").read_text()))
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*settings["dependencies"], *settings["optional-dependencies"]["pi"]]
    assert {re.split(r"[<>=!~;\[ ]", one)[0] for one in wanted} <= pins.keys()
    assert {name: pins[name] for name in pins if name in tested} == {
        name: tested[name] for name in pins if name in tested
    }
    assert "://" not in text
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)


@pytest.mark.slow
def test_a_real_one(tmp_path: Path) -> None:
    """From the real index: it is made twice, and both are the same, byte for byte."""
    command = [sys.executable, "-P", str(ROOT / "deploy/wheels.py")]
    made = []
    for name in ("one", "two"):
        done = subprocess.run(
            [*command, str(tmp_path / name), "--machine", "x86_64"],
            capture_output=True,
            text=True,
            check=False,
        )
        if "could not fetch" in done.stderr:
            pytest.skip(f"no package index in reach: {done.stderr.splitlines()[-1]}")
        assert done.returncode == 0, done.stderr
        made.append(releases.of_folder(tmp_path / name))
    assert made[0] == made[1]
