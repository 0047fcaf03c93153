"""The units keep what README and DESIGN promise of the service: parsed, and asked of systemd itself."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from releasing import door, trial

from doorcheck.service.parts import MOST_STARTS_IN_A_ROW

FOLDER = Path(__file__).parents[2] / "systemd"
SERVICES = sorted(path.name for path in FOLDER.glob("*.service"))
UNITS = sorted(path.name for path in FOLDER.iterdir() if path.suffix in (".service", ".timer", ".path"))
PROGRAM = "/opt/doorcheck/current/bin/doorcheck"
LIBEXEC = "/usr/local/libexec/doorcheck"
BOOTS, INBOX, RELEASE = (f"{LIBEXEC}/{name}" for name in ("boots", "inbox", "release"))
TRIED = "/opt/doorcheck/releases/i/bin/python"
AS_ROOT = {f"doorcheck-release{part}.service" for part in ("", "-boot", "-gate")}
"""They write /opt/doorcheck, which the door must not be able to write."""
EXPOSURE_MOST_AS_ROOT = 0.9
EXPOSURE_MOST = 0.8
INSTANCES = [name.replace("@.", "@i.") for name in UNITS]
"""A template is checked as one of its instances."""

Unit = dict[str, dict[str, list[str]]]


def unit(name: str) -> Unit:
    """Section, key and every value, in order."""
    found: Unit = defaultdict(lambda: defaultdict(list))
    section = ""
    for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[section][key].append(value)
    return found


def service(name: str) -> dict[str, str]:
    """The last value of each key of `[Service]`."""
    return {key: values[-1] for key, values in unit(name)["Service"].items()}


def seconds(value: str) -> float:
    """A time span, as the units here write them."""
    match = re.fullmatch(r"(\d+)(s|min|)", value)
    assert match, value
    return int(match[1]) * (60 if match[2] == "min" else 1)


@pytest.fixture(scope="session")
def analyze() -> str:
    """The checker that systemd brings; skips where it is not installed, or too old to read files."""
    path = shutil.which("systemd-analyze")
    if path is None:
        pytest.skip("systemd-analyze is not installed (Debian: apt install systemd)")
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    if int(re.findall(r"\d+", said)[0]) < 252:
        pytest.skip(f"too old to check units offline: {said.splitlines()[0]}")
    return path


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the units, the programs they name, and the system's own units."""
    root = tmp_path_factory.mktemp("root")
    for name in UNITS:
        target = root / "etc/systemd/system" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(FOLDER / name, target)
    for program in (PROGRAM, BOOTS, INBOX, RELEASE, TRIED, "/bin/kill"):
        path = root / program.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    own = Path("/usr/lib/systemd/system")
    if own.is_dir():
        shutil.copytree(own, root / "usr/lib/systemd/system", symlinks=True)
    return root


def test_systemd_finds_nothing_wrong(analyze: str, installed: Path) -> None:
    """Every unit is understood whole: no unknown key, no missing program, no cycle."""
    done = subprocess.run(
        [analyze, "verify", "--man=no", f"--root={installed}", "--recursive-errors=yes", *INSTANCES],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_an_unknown_key_would_be_found(analyze: str, installed: Path) -> None:
    """The check above can fail: a misspelt promise is no promise."""
    bad = installed / "etc/systemd/system/doorcheck-bad.service"
    bad.write_text((FOLDER / "doorcheck.service").read_text().replace("PrivateNetwork=", "PrivateNetwrk="))
    try:
        done = subprocess.run(
            [analyze, "verify", "--man=no", f"--root={installed}", bad.name],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        bad.unlink()
    assert "PrivateNetwrk" in done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_exposure_is_small(analyze: str, name: str) -> None:
    """`systemd-analyze security` rates each service 0.8 or less, of 10; the one that reads as root 0.9."""
    done = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", str(FOLDER / name)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    most = EXPOSURE_MOST_AS_ROOT if name == "doorcheck-release.service" else EXPOSURE_MOST
    assert float(found[1]) <= most, done.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_is_on_a_network(name: str) -> None:
    """Whatever runs at the door has an empty network of its own, and no sockets that could reach out."""
    has = service(name)
    assert has["PrivateNetwork"] == "yes"
    assert has["IPAddressDeny"] == "any"
    assert set(has["RestrictAddressFamilies"].split()) <= {"none", "AF_UNIX", "AF_NETLINK"}
    assert not {"IPAddressAllow", "JoinsNamespaceOf"} & set(has)


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_in_memory_reaches_the_card(name: str) -> None:
    """No core dump and no swap, of any of them; no file that others can read by default."""
    has = service(name)
    assert has["LimitCORE"] == "0"
    assert has["MemorySwapMax"] == "0"
    assert has["UMask"] == "0077"


@pytest.mark.parametrize("name", SERVICES)
def test_nobody_is_root_but_who_installs_releases(name: str) -> None:
    """All others run as the door's own user; nobody has a capability, but one to read; none can gain one."""
    has = service(name)
    assert (has.get("User"), has.get("Group")) == ((None, None) if name in AS_ROOT else ("doorcheck",) * 2)
    reads_all = "CAP_DAC_READ_SEARCH" if name == "doorcheck-release.service" else ""
    assert (has["CapabilityBoundingSet"], has["AmbientCapabilities"]) == (reads_all, "")
    assert has["NoNewPrivileges"] == has["RestrictSUIDSGID"] == "yes"
    commands = [
        command
        for key, values in unit(name)["Service"].items()
        if key.startswith("Exec")
        for command in values
    ]
    assert not [command for command in commands if command.lstrip("-").startswith(("+", "!"))]


@pytest.mark.parametrize("name", SERVICES)
def test_the_system_is_read_only_for_them(name: str) -> None:
    """They write to the door's own folders and nowhere else; who installs releases to those of releases."""
    has = service(name)
    assert has["ProtectSystem"] == "strict"
    assert has["ProtectHome"] == has["PrivateTmp"] == "yes"
    assert has.get("ReadWritePaths") == ("/opt/doorcheck" if name in AS_ROOT else None)
    if name in AS_ROOT:
        assert (has["StateDirectory"], has["StateDirectoryMode"]) == ("doorcheck-release", "0755")


@pytest.mark.parametrize("name", SERVICES)
def test_devices_are_an_allow_list(name: str) -> None:
    """The door has camera, buffers and pins; the panel's clearing has pins; the rest has no device."""
    allowed = {
        "doorcheck.service": {
            "char-video4linux",
            "char-media",
            "char-dma_heap",
            "char-gpiochip",
            "/dev/udmabuf",
        },
        "doorcheck-panel-clear.service": {"char-gpiochip"},
    }.get(name, set())
    has = unit(name)["Service"]
    assert has["DevicePolicy"] == ["closed"]
    assert {value.split()[0] for value in has["DeviceAllow"]} == allowed
    assert (has["PrivateDevices"] == ["yes"]) == (not allowed)


def test_the_update_can_do_its_one_work() -> None:
    """The importing unit writes the door's state, and reads what was pushed: no device, no socket."""
    has = service("doorcheck-update.service")
    assert has["StateDirectory"] == "doorcheck"
    assert has["RestrictAddressFamilies"] == "none"
    assert has["ExecStart"] == INBOX


def test_a_release_is_taken_after_an_update_and_after_a_boot() -> None:
    """What the update brought, and what a power cut kept from being taken."""
    assert unit("doorcheck-update.service")["Unit"]["OnSuccess"] == ["doorcheck-release.service"]
    assert service("doorcheck-release.service")["ExecStart"] == f"{RELEASE} take"
    assert unit("doorcheck-release.timer")["Timer"]["OnBootSec"]


def test_a_boot_on_trial_is_counted_before_the_door_starts() -> None:
    """And the door does not depend on it: a broken script must not keep a door out of service."""
    has = unit("doorcheck-release-boot.service")
    assert has["Unit"]["Before"] == ["doorcheck.service"]
    assert has["Service"]["ExecStart"] == [f"{RELEASE} boot"]
    door = unit("doorcheck.service")["Unit"]
    assert "doorcheck-release-boot.service" not in " ".join(door["Requires"])


def test_root_runs_nothing_of_a_release() -> None:
    """It is tried as the door's user, with less than the door has; root runs the system's Python."""
    for name in AS_ROOT:
        assert service(name)["ExecStart"].split()[0] == RELEASE
    assert (FOLDER / "libexec/release").read_text().startswith("#!/usr/bin/python3 -sPB\n")
    tried = service("doorcheck-release-try@.service")
    assert tried["ExecStart"].startswith("/opt/doorcheck/releases/%i/bin/python ")
    assert (tried["User"], tried["RestrictAddressFamilies"]) == ("doorcheck", "none")
    assert "StateDirectory" not in tried


def test_the_script_and_the_units_speak_of_the_same() -> None:
    """The names that the script starts and stops are units here; its time fits theirs."""
    for name in (door.SERVICE, door.TAKE, door.TRY.format(""), door.WATCH):
        assert (FOLDER / name).is_file(), name
    assert seconds(service("doorcheck-release.service")["TimeoutStartSec"]) > 3 * trial.GATE_S
    every_s = seconds(unit(door.WATCH)["Timer"]["OnUnitInactiveSec"][0])
    assert every_s * 3 < trial.GATE_S


def test_the_gate_waits_as_long_as_a_start_may_take() -> None:
    """A start is given up by systemd before the gate ends: then the gate says what systemd said."""
    assert seconds(service("doorcheck.service")["TimeoutStartSec"]) < trial.GATE_S


def test_a_push_is_never_missed() -> None:
    """The path unit waits for a mark that is made last; what takes it away first is in test_inbox.py."""
    (mark,) = unit("doorcheck-update.path")["Path"]["PathExists"]
    assert mark.startswith("/var/lib/doorcheck/inbox/")
    assert not mark.startswith("/var/lib/doorcheck/inbox/public")


def test_the_door_cannot_write_its_lists() -> None:
    """Who takes over the decoder by a picture can't leave other lists behind."""
    paths = service("doorcheck.service")["ReadOnlyPaths"].split()
    assert "-/var/lib/doorcheck/generations" in paths


def test_the_door_leaves_nothing_where_anybody_may() -> None:
    """ProtectSystem=strict spares /run/lock and /dev/shm; the unit does not."""
    paths = service("doorcheck.service")["ReadOnlyPaths"].split()
    assert {"/run", "-/dev/shm"} <= set(paths)


def test_the_watchdog_leaves_stacks_behind() -> None:
    """A door that hangs is aborted within ten seconds, and Python says where it stood."""
    has = service("doorcheck.service")
    assert has["Type"] == "notify"
    assert seconds(has["WatchdogSec"]) <= 10
    assert has["WatchdogSignal"] == "SIGABRT"
    assert "PYTHONFAULTHANDLER=1" in unit("doorcheck.service")["Service"]["Environment"]


def test_stopping_takes_seconds_and_ends_with_the_pins() -> None:
    """However the door ends, its pins are cleared; systemd waits no longer than five seconds."""
    has = service("doorcheck.service")
    assert has["ExecStopPost"] == f"-{PROGRAM} panel clear --quiet"
    assert 2 <= seconds(has["TimeoutStopSec"]) <= 5
    assert has["KillMode"] == "mixed"


def test_the_ladder_has_rungs_in_order() -> None:
    """Restart, then restart the board, then stay out of service: each limit is met before the next."""
    has = unit("doorcheck.service")["Unit"]
    burst, over_s = int(has["StartLimitBurst"][0]), seconds(has["StartLimitIntervalSec"][0])
    assert has["StartLimitAction"] == ["reboot"]
    assert burst <= MOST_STARTS_IN_A_ROW, "the board would never be restarted"
    slowest_s = seconds(service("doorcheck.service")["TimeoutStartSec"]) + seconds(
        service("doorcheck.service")["TimeoutStopSec"]
    )
    assert burst * slowest_s < over_s, "starts that time out would never add up to the limit"
    assert "doorcheck-boot.service" in has["Requires"]
    assert "doorcheck-boot.service" in has["After"][0].split()


def test_pins_are_cleared_before_the_door_and_once() -> None:
    """Clearing comes first, needs nothing but pins, and never takes them from a running door."""
    has = unit("doorcheck-panel-clear.service")
    assert "doorcheck.service" in has["Unit"]["Before"][0].split()
    assert has["Service"]["RemainAfterExit"] == ["yes"]
    assert has["Service"]["ExecStart"] == [f"{PROGRAM} panel clear --quiet"]
    assert has["Unit"]["DefaultDependencies"] == ["no"]


def test_counting_boots_needs_nothing_of_the_release() -> None:
    """The last rung holds when /opt/doorcheck is broken."""
    for name in ("doorcheck-boot.service", "doorcheck-steady.service"):
        assert service(name)["ExecStart"].split()[0] == BOOTS
        assert "/opt" not in "".join(service(name).values())


def test_what_starts_by_itself_is_in_the_preset() -> None:
    """The preset names the units with an [Install] section, and those alone."""
    lines = (FOLDER / "system-preset/50-doorcheck.preset").read_text().splitlines()
    enabled = {line.removeprefix("enable ") for line in lines if not line.startswith("#")}
    assert enabled == {name for name in UNITS if "Install" in unit(name)}


@pytest.mark.parametrize("name", UNITS)
def test_comments_stand_on_lines_of_their_own(name: str) -> None:
    """A # after a value would be taken for part of it; and lines are short enough to read."""
    for line in (FOLDER / name).read_text().splitlines():
        assert len(line) <= 110
        assert line.startswith("#") or " #" not in line, line


def test_settings_that_services_share_agree() -> None:
    """The folder that several services make has one owner and one mode, whoever is first."""
    pairs = (service(name) for name in SERVICES if "StateDirectory" in service(name))
    modes = {(has["StateDirectory"], has["StateDirectoryMode"]) for has in pairs}
    tmpfiles = (FOLDER / "tmpfiles.d/doorcheck.conf").read_text()
    assert modes == {("doorcheck", "0711"), ("doorcheck-release", "0755")}
    assert re.search(r"^d /var/lib/doorcheck +0711 doorcheck doorcheck ", tmpfiles, re.MULTILINE)
    assert re.search(r"^d /var/lib/doorcheck-release +0755 root +root ", tmpfiles, re.MULTILINE)
    assert re.search(r"^d /opt/doorcheck +0755 root +root ", tmpfiles, re.MULTILINE)


def test_json_of_the_checker_names_what_is_left(analyze: str) -> None:
    """What remains of the door's exposure is what README lists, and nothing else."""
    done = subprocess.run(
        [analyze, "security", "--offline=true", "--json=short", str(FOLDER / "doorcheck.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    left = {row["name"] for row in json.loads(done.stdout) if row["exposure"] and float(row["exposure"]) > 0}
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert {name for name in left if f"`{name}`" not in readme} == set()
