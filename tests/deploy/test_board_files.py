"""What roles write to a box, and what firmware_config/apply writes there, are never the same file."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from firmware_config import plan

ROOT = Path(__file__).parents[2]
ROLES = ROOT / "deploy/roles"
SHARED = {"config.txt", "cmdline.txt", "fstab"}
"""Others' files, in which `apply` has a section of its own."""


def copied() -> dict[str, str]:
    """Every name under which a role's task leaves a file in /etc, and the role."""
    found = {}
    for path in ROLES.glob("*/tasks/*.yml"):
        for name in re.findall(r"(?m)(?:\bto: |\bdest: \S*/etc/\S*/)([\w.-]+)", path.read_text()):
            found[name] = path.parts[-3]
    return found


def test_no_role_writes_a_file_of_the_boards_settings() -> None:
    """`apply` refuses a file that is there and not its own: provisioning with a board would end there."""
    ours = {name.name for name in plan.files(plan.OPTIONS)} - SHARED
    names = copied()
    assert "20-doorcheck-accounts.conf" in names, "the roles are read wrongly"
    assert not ours & set(names), {name: names[name] for name in ours & set(names)}


def test_boards_settings_go_on_after_the_accounts(tmp_path: Path) -> None:
    """SSH's settings lie where the role puts them; `apply` has its way, twice, and refuses nothing."""
    text = (ROLES / "accounts/tasks/main.yml").read_text()
    pairs = re.findall(r'\{from: "([^"]+)", to: ([\w.-]+)\}', text)
    assert pairs
    for source, name in pairs:
        real = source.replace("{{ doorcheck_checkout }}", str(ROOT)).replace(
            "{{ role_path }}", str(ROLES / "accounts")
        )
        target = tmp_path / "etc/ssh/sshd_config.d" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(real, target)
    for name in ("config.txt", "cmdline.txt"):
        path = tmp_path / "boot/firmware" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("camera_auto_detect=1\n")
    apply = str(ROOT / "firmware_config/apply")
    command = [sys.executable, apply, "--root", str(tmp_path), "--board", "4", "--yes"]
    for words in ("files changed", "nothing to change"):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        assert words in done.stdout


def test_sshd_is_not_reloaded() -> None:
    """A reload ends an sshd that ssh.socket started: it binds no port of its own, and fails the play."""
    handlers = (ROLES / "accounts/handlers/main.yml").read_text()
    assert re.search(r"name: ssh\.service\n +state: restarted\n", handlers)
    assert not any("reloaded" in path.read_text() for path in ROLES.glob("**/*.yml"))
