"""`release` as systemd calls it: its own process, and a `systemctl` on PATH that is a play."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.systemd.releases import NEW, OLD, Yard

RELEASE = Path(__file__).parents[2] / "systemd/libexec/release"
SYSTEMCTL = """\
#!/bin/sh
echo "$*" >>"{folder}/calls"
case "$*" in
*" restart "*) touch "{folder}/restarted" ;;
*" show "*)
    version=$(readlink "{root}/opt/doorcheck/current" | sed 's|.*/||')
    now_ms=$(sed 's/ .*//; s/\\.//; s/$/0/' /proc/uptime)
    printf '{{"version": "%s", "state": "judging", "at_ms": %s, "conditions": []}}' "$version" "$now_ms" \\
        >"{root}/run/doorcheck/status.json"
    restarts=0
    [ "$version" != 0.7.0 ] || restarts=$(cat "{folder}/restarts" 2>/dev/null || echo 0)
    printf 'ActiveState=active\\nResult=success\\nNRestarts=%s\\n' "$restarts"
    ;;
esac
"""


class Command:
    """The script on a box in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.yard = Yard.make(folder / "root", folder / "run")
        (folder / "bin").mkdir()
        (folder / "bin/systemctl").write_text(SYSTEMCTL.format(folder=folder, root=self.yard.root))
        (folder / "bin/systemctl").chmod(0o755)
        self.yard.bring(NEW)
        python = f"{sys.version_info[0]}.{sys.version_info[1]}"
        listed = json.loads(self.yard.sign(NEW))["wheels"]
        self.yard.sign(NEW, python=python, wheels={os.uname().machine: next(iter(listed.values()))})

    def run(self, *words: str, probation: str = "0") -> subprocess.CompletedProcess[str]:
        """Call it."""
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        return subprocess.run(
            [sys.executable, "-sPB", RELEASE, *words, "--root", self.yard.root],
            env={"PATH": path, "DOORCHECK_PROBATION_S": probation},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """A box to which a release was brought."""
    return Command(tmp_path)


def test_take_gate_back_and_status(command: Command) -> None:
    """The whole way: taken, kept, gone back from by hand; `status` tells it each time."""
    done = command.run("take")
    assert (done.returncode, command.yard.current) == (0, NEW), done.stdout + done.stderr
    assert json.loads(command.run("status", "--json").stdout)["trial"]["version"] == NEW
    assert command.run("gate").returncode == 0
    assert "last        0.7.0: kept" in command.run("status").stdout
    assert command.run("back").returncode == 0
    told = json.loads(command.run("status", "--json").stdout)
    assert (told["current"], told["trial"], told["last"]["outcome"]) == (OLD, None, "returned")
    calls = (command.folder / "calls").read_text()
    assert "--no-ask-password start doorcheck-release-try@0.7.0.service" in calls
    assert "--no-ask-password start --no-block doorcheck-release-gate.timer" in calls
    assert "--no-ask-password restart --no-block doorcheck.service" in calls


def test_a_release_that_crashes_is_an_exit_code(command: Command) -> None:
    """The unit fails, the old release counts, and the journal has the line."""
    (command.folder / "restarts").write_text("1")
    done = command.run("take")
    assert (done.returncode, command.yard.current) == (1, OLD)
    assert "0.7.0: returned: the door restarted by itself" in done.stdout


def test_a_boot_and_nothing_to_do(command: Command) -> None:
    """At most boots nothing is on trial."""
    assert command.run("boot").returncode == 0
    assert command.run("gate").returncode == 0
    assert command.yard.current == OLD


def test_two_at_once(command: Command) -> None:
    """The second leaves the first alone, and is no failure."""
    handle = os.open(command.yard.places.kept, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        done = command.run("take")
    finally:
        os.close(handle)
    assert (done.returncode, command.yard.current) == (0, OLD)
    assert "another `release` is at work" in done.stdout


@pytest.mark.parametrize("words", [(), ("fly",), ("first",), ("take", "folder"), ("--help",)])
def test_bad_usage(command: Command, words: tuple[str, ...]) -> None:
    """Said, and nothing done."""
    assert command.run(*words).returncode == (0 if words == ("--help",) else 2)
    assert command.yard.current == OLD


@pytest.mark.parametrize("probation", ["-1", "ten", "99999999", "1e3"])
def test_a_probation_that_is_none(command: Command, probation: str) -> None:
    """Whoever sets it wrong hears of it."""
    done = command.run("take", probation=probation)
    assert done.returncode == 2
    assert "DOORCHECK_PROBATION_S" in done.stderr


def test_without_systemd_nothing_is_switched(command: Command) -> None:
    """A box whose service manager does not answer keeps what it has."""
    (command.folder / "bin/systemctl").write_text("#!/bin/sh\nexit 1\n")
    done = command.run("take")
    assert (done.returncode, command.yard.current) == (1, OLD)
    assert "it does not start here" in done.stdout


def test_a_folder_that_is_not_there(command: Command) -> None:
    """Without its own folder the script changes nothing, and says which it misses."""
    for path in command.yard.places.kept.iterdir():
        path.unlink()
    command.yard.places.kept.rmdir()
    done = command.run("take")
    assert done.returncode == 1
    assert "doorcheck-release: no such file or directory" in done.stdout
