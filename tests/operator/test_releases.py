"""`doorcheck operator use-release`: from a wheelhouse to what a door has verified."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.app.test_badges import Office, founded

from doorcheck.cli import main
from doorcheck.update import release

__all__ = ["founded"]
VERSION = "0.7.0"
WHEEL = f"doorcheck-{VERSION}-py3-none-any.whl"
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def office(founded: Office, tmp_path: Path) -> Office:
    """An operator's computer with a door, for one test."""
    shutil.copytree(founded.folder, tmp_path / "office", symlinks=True)
    copy = Office(tmp_path / "office")
    copy.authority, copy.at = founded.authority, founded.at
    return copy


def wheelhouse(folder: Path, data: bytes = b"a wheel", **changes: Any) -> Path:
    """A folder with one wheel."""
    folder.mkdir(exist_ok=True)
    (folder / WHEEL).write_bytes(data)
    listed = [{"name": WHEEL, "sha256": hashlib.sha256(data).hexdigest()}]
    told = {"format": 1, "version": VERSION, "python": "3.13", "wheels": {"aarch64": listed}, **changes}
    (folder / "release.json").write_text(json.dumps(told))
    return folder


def test_a_release_reaches_the_door_signed(office: Office, capsys: Capture) -> None:
    """On record, in the publication, and in the door's generation for root's script to take."""
    folder = wheelhouse(office.folder / "wheelhouse")
    assert office.call("use-release", str(folder)) == 0
    assert f"release: {VERSION} for aarch64; on record" in capsys.readouterr().out
    office.publish()
    found = release.read((office.state / "current/release.json").read_bytes())
    assert (found.version, found.attempt, found.wheels["aarch64"][0].name) == (VERSION, 1, WHEEL)
    assert main(["operator", "verify", "--repo", str(office.repo)]) == 0
    assert main(["operator", "log", "--repo", str(office.repo)]) == 0
    assert "set-release" in capsys.readouterr().out


def test_a_release_that_failed_is_signed_again(office: Office, capsys: Capture) -> None:
    """The same file twice would be declined by doors on which it failed; --again makes another one."""
    folder = wheelhouse(office.folder / "wheelhouse")
    assert office.call("use-release", str(folder)) == 0
    assert office.call("use-release", str(folder)) == 1
    assert "--again" in capsys.readouterr().err
    assert office.call("use-release", str(folder), "--again") == 0
    assert release.read((office.repo / "lists/release.json").read_bytes()).attempt == 2


def test_a_wheel_that_was_changed(office: Office, capsys: Capture) -> None:
    """What is signed is what is there: a wheelhouse that does not fit its list is refused."""
    folder = wheelhouse(office.folder / "wheelhouse")
    (folder / WHEEL).write_bytes(b"another")
    assert office.call("use-release", str(folder)) == 1
    assert "is not the wheel that release.json names" in capsys.readouterr().err
    (folder / WHEEL).unlink()
    assert office.call("use-release", str(folder)) == 1
    assert "cannot read" in capsys.readouterr().err
    assert not (office.repo / "lists/release.json").exists()


def test_no_two_releases_under_one_version(office: Office, capsys: Capture) -> None:
    """Doors would refuse the second: the operator hears of it first; another machine may be added."""
    folder = wheelhouse(office.folder / "wheelhouse")
    assert office.call("use-release", str(folder)) == 0
    assert office.call("use-release", str(wheelhouse(folder, b"rebuilt"))) == 1
    assert "give this one a new version" in capsys.readouterr().err
    listed = [{"name": WHEEL, "sha256": hashlib.sha256(b"a wheel").hexdigest()}]
    both = wheelhouse(folder, wheels={"aarch64": listed, "x86_64": listed})
    assert office.call("use-release", str(both)) == 0


BROKEN: dict[str, dict[str, Any]] = {
    "another format": {"format": 2},
    "a version that is a path": {"version": "../0.7.0"},
    "a version that is none": {"version": "latest"},
    "no wheels": {"wheels": {}},
    "another version's wheel": {"version": "0.7.1"},
    "another Python's words": {"python": "3"},
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_no_release(office: Office, what: str, capsys: Capture) -> None:
    """Refused before it is on record, with the file's name and what is wrong."""
    folder = wheelhouse(office.folder / "wheelhouse", **BROKEN[what])
    assert office.call("use-release", str(folder)) == 1
    assert "release.json: not as it should be" in capsys.readouterr().err


def test_a_folder_without_a_release(office: Office, capsys: Capture) -> None:
    """An empty one, a file, none: said, and nothing done."""
    assert office.call("use-release", str(office.folder / "nowhere")) == 1
    assert "cannot read" in capsys.readouterr().err
