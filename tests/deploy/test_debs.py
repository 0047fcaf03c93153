"""Debian's packages from a folder of the operator's: by this computer's apt, with a dpkg that only notes."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROLE = Path(__file__).parents[2] / "deploy/roles/system/tasks/main.yml"
STATUS = "Package: {}\nStatus: install ok installed\nArchitecture: all\nVersion: 1\nMaintainer: a <a@b>\n\n"
PROGRAMS = ("apt-get", "dpkg-deb")

pytestmark = pytest.mark.skipif(
    any(shutil.which(each) is None for each in PROGRAMS), reason="needs Debian's apt-get and dpkg-deb"
)


def words() -> list[str]:
    """The role's command, up to the files."""
    found = re.search(r"argv: \"\{\{ (\['apt-get'.*?\])\s*\+ system_files", ROLE.read_text(), re.DOTALL)
    assert found is not None
    return [str(word) for word in ast.literal_eval(found[1])]


def package(folder: Path, name: str, depends: str) -> Path:
    """An empty package."""
    control = folder / name / "DEBIAN/control"
    control.parent.mkdir(parents=True)
    control.write_text(
        f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDepends: {depends}\n"
        "Description: nothing\n"
    )
    target = folder / f"{name}_1_all.deb"
    build = [str(shutil.which("dpkg-deb")), "--build", str(folder / name), str(target)]
    subprocess.run(build, check=True, capture_output=True)
    return target


def install(tmp_path: Path, deb: Path) -> tuple[subprocess.CompletedProcess[str], str]:
    """Have apt install it into a system that has python3, and no way to a mirror; what dpkg was told."""
    state = tmp_path / "state"
    for path in (state / "lists/partial", tmp_path / "cache/archives/partial", tmp_path / "log"):
        path.mkdir(parents=True, exist_ok=True)
    (state / "status").write_text(STATUS.format("python3"))
    told = tmp_path / "told"
    dpkg = tmp_path / "dpkg"
    dpkg.write_text(f'#!/bin/sh\necho "$@" >>{told}\n')
    dpkg.chmod(0o755)
    options = {
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::Cache": tmp_path / "cache",
        "Dir::Log": tmp_path / "log",
        "Dir::Bin::dpkg": dpkg,
        "Debug::NoLocking": "1",
        "Dir::Etc::Parts": "/dev/null",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "DPkg::Use-Pty": "0",
    }
    own = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    first, *rest = words()
    command = [first, *own, *rest, str(deb)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done, told.read_text() if told.exists() else ""


def test_a_file_is_installed_without_any_mirror(tmp_path: Path) -> None:
    """That very file is what dpkg is given."""
    deb = package(tmp_path, "camera", "python3")
    done, told = install(tmp_path, deb)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"--unpack {deb}" in re.sub(r"--auto-deconfigure ", "", told)


def test_what_the_folder_lacks_is_named(tmp_path: Path) -> None:
    """Nothing is installed, and nothing is looked for elsewhere."""
    done, told = install(tmp_path, package(tmp_path, "camera", "python3, libcamera"))
    assert done.returncode != 0
    assert "libcamera" in done.stdout + done.stderr
    assert "--unpack" not in told
