"""The lock files: complete, in step with each other, and silent about where packages come from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = (
    "requirements.lock",
    "requirements-video.lock",
    "deploy/requirements.lock",
    "deploy/box.lock",
    "tests/requirements.lock",
)


def pins(text: str) -> dict[str, str]:
    """Each package's locked version."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


def read(name: str) -> str:
    """A lock file's text."""
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_checksums_and_no_address(name: str) -> None:
    """Nothing is installed that the lock has not seen, and pip asks the index that it is set up for."""
    entries = re.split(r"^(?=[a-z0-9])", read(name), flags=re.MULTILINE)[1:]
    assert entries
    for entry in entries:
        assert "--hash=sha256:" in entry, entry.splitlines()[0]
    assert "://" not in read(name)


@pytest.mark.parametrize("name", LOCKS[:-1])
def test_a_package_has_one_version_everywhere(name: str) -> None:
    """The demonstration and the tests can share one virtual environment."""
    assert pins(read(name)).items() <= pins(read("tests/requirements.lock")).items()


def test_every_dependency_is_locked() -> None:
    """Whoever adds a dependency to pyproject.toml runs `.ci/lock`."""
    settings = tomllib.loads(read("pyproject.toml"))
    extras = settings["project"]["optional-dependencies"]
    base = [*settings["project"]["dependencies"], *extras["lab"]]
    wanted = {
        "requirements.lock": base,
        "requirements-video.lock": [*base, *extras["video"]],
        "tests/requirements.lock": [*base, *extras["video"], *settings["dependency-groups"]["dev"]],
    }
    for name, requirements in wanted.items():
        names = {re.split(r"[<>=!~;\[ ]", requirement)[0] for requirement in requirements}
        assert names <= pins(read(name)).keys(), name
