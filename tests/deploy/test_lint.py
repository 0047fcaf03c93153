"""Playbooks, roles and scripts of deploy/ are as their own linters want them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
WITHIN_S = 600
PLAYBOOKS = sorted(path.stem for path in (DEPLOY / "playbooks").glob("*.yml"))


def program(name: str) -> str:
    """A command of this environment; skips without it."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        pytest.skip(f"needs {name}, which the tests' lock file has")
    return found


def environment(home: Path) -> dict[str, str]:
    """What deploy/fleet sets."""
    own = {
        "ANSIBLE_CONFIG": str(DEPLOY / "ansible.cfg"),
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_DEPRECATION_WARNINGS": "false",
        "PYTHONPATH": str(ROOT),
        "NO_COLOR": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    return {**os.environ, **own}


@pytest.mark.slow
def test_ansible_lint_has_nothing_to_say(tmp_path: Path) -> None:
    """At its production profile, all playbooks and roles."""
    words = [
        program("ansible-lint"),
        "-c",
        ".ansible-lint",
        "--offline",
        "--nocolor",
        "--format",
        "pep8",
        ".",
    ]
    done = subprocess.run(
        words,
        cwd=DEPLOY,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_playbooks_can_be_read(playbook: str, tmp_path: Path) -> None:
    """With the example inventory, by the Ansible that is pinned."""
    words = [
        program("ansible-playbook"),
        "--syntax-check",
        "-i",
        "inventory/example",
        f"playbooks/{playbook}.yml",
    ]
    done = subprocess.run(
        words,
        cwd=DEPLOY,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_shellcheck_has_nothing_to_say() -> None:
    """deploy/fleet is read with what it sources."""
    done = subprocess.run(
        [program("shellcheck"), "-x", "deploy/fleet"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_help_names_every_command() -> None:
    """What can be done is told, and what is told can be done; no set-up is needed for it."""
    done = subprocess.run(
        [DEPLOY / "fleet", "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    told = set(re.findall(r"^  ([a-z-]+) [^\n]* {2,}", done.stdout, re.MULTILINE))
    assert told == {*PLAYBOOKS, "meet", "report", "forget"}
    assert (
        subprocess.run([DEPLOY / "fleet", "no-such"], capture_output=True, timeout=60, check=False).returncode
        == 1
    )


def test_host_keys_are_always_checked() -> None:
    """Nothing in deploy/ switches it off."""
    text = (DEPLOY / "ansible.cfg").read_text() + (DEPLOY / "fleet").read_text()
    text += "".join(path.read_text() for path in DEPLOY.rglob("*.yml"))
    text += "".join(path.read_text() for path in (DEPLOY / "boxes").glob("*.py"))
    assert "host_key_checking = true" in text
    assert not re.search(r"StrictHostKeyChecking[= ]+\W*(no|off|accept-new)", text, re.IGNORECASE)


def test_only_built_in_modules_run_on_boxes() -> None:
    """Boxes need Python and sshd; whoever reads a playbook finds every module in one manual."""
    ours = {path.stem for path in (DEPLOY / "plugins" / "action").glob("*.py")}
    for path in DEPLOY.rglob("*.yml"):
        if "inventory" in path.parts:
            continue
        modules = re.findall(
            r"^ +((?:[a-z_]+\.)+[a-z_]+|doorcheck_[a-z_]+):$", path.read_text(), re.MULTILINE
        )
        for module in modules:
            assert module.startswith("ansible.builtin.") or module in ours or module.startswith("doorcheck_")
