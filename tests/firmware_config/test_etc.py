"""The drop-ins under etc/ keep the box's promises, and are read after those they must overrule."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from firmware_config.plan import HERE, KERNEL, OPTIONS, files, words

ETC = HERE / "etc"
UNIT = HERE.parent / "systemd/doorcheck.service"


def keys(path: Path, pattern: str = r"([\w.-]+)\s*[= ]\s*(.*)") -> dict[str, str]:
    """Key and value of each line; a key that is there twice is an error."""
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            match = re.fullmatch(pattern, line)
            assert match, line
            assert match[1] not in found, line
            found[match[1]] = match[2]
    return found


def test_the_journal_is_in_memory() -> None:
    """Nothing about a day at the door outlives a restart."""
    has = keys(ETC / "systemd/journald.conf.d/60-doorcheck.conf")
    assert has["Storage"] == "volatile"
    assert has["RuntimeMaxUse"] == "32M"
    assert has["ForwardToSyslog"] == "no"


def test_no_core_dump_has_anywhere_to_go() -> None:
    """Neither the kernel, nor systemd, nor its collector keeps one."""
    sysctl = keys(ETC / "sysctl.d/60-doorcheck.conf")
    assert sysctl["kernel.core_pattern"] == "|/bin/false"
    assert sysctl["fs.suid_dumpable"] == "0"
    assert keys(ETC / "systemd/coredump.conf.d/60-doorcheck.conf") == {
        "Storage": "none",
        "ProcessSizeMax": "0",
    }
    assert keys(ETC / "systemd/system.conf.d/80-doorcheck.conf")["DefaultLimitCORE"] == "0"


def test_the_watchdogs_do_not_overtake_each_other() -> None:
    """The chip can count to 15 s and no further; the door's own watchdog is shorter."""
    manager = keys(ETC / "systemd/system.conf.d/80-doorcheck.conf")
    runtime_s = int(manager["RuntimeWatchdogSec"].removesuffix("s"))
    door = re.search(r"^WatchdogSec=(\d+)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    assert door
    assert int(door[1]) < runtime_s < 16


def test_the_watchdog_drop_in_comes_after_the_systems() -> None:
    """Raspberry Pi OS has a 70-rpi-enable-watchdog.conf; the last one counts."""
    names = [path.name for path in (ETC / "systemd/system.conf.d").iterdir()]
    assert all(name > "70-rpi-enable-watchdog.conf" for name in names)


def test_ssh_takes_keys_only_and_is_read_first() -> None:
    """Passwords are off, whatever the imager's file says: sshd takes the first word."""
    (path,) = (ETC / "ssh/sshd_config.d").iterdir()
    has = keys(path)
    assert path.name < "50-cloud-init.conf"
    assert (
        has["PasswordAuthentication"] == has["KbdInteractiveAuthentication"] == has["PermitRootLogin"] == "no"
    )
    assert has["PubkeyAuthentication"] == "yes"
    assert has["AllowTcpForwarding"] == has["X11Forwarding"] == has["PermitTunnel"] == "no"


@pytest.mark.skipif(shutil.which("sshd", path="/usr/sbin:/usr/bin") is None, reason="sshd is not installed")
def test_sshd_understands_it(tmp_path: Path) -> None:
    """Its own checker reads every word."""
    key = tmp_path / "key"
    subprocess.run(
        [str(shutil.which("ssh-keygen")), "-q", "-t", "ed25519", "-N", "", "-f", key],
        check=True,
    )
    (path,) = (ETC / "ssh/sshd_config.d").iterdir()
    sshd = str(shutil.which("sshd", path="/usr/sbin:/usr/bin"))
    done = subprocess.run([sshd, "-t", "-f", path, "-h", key], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if "Missing privilege separation" not in line]
    assert complaints == []


def test_the_kernels_words_are_what_units_rely_on() -> None:
    """Memory limits count, a panic ends, the initramfs leaves the watchdog armed, freed memory is wiped."""
    (base, *_) = files(OPTIONS)[KERNEL]
    assert words(base.read_bytes()) == [
        "cgroup_enable=memory",
        "panic=10",
        "watchdog_disarm=0",
        "init_on_free=1",
    ]


def test_every_word_for_the_kernel_is_one_word() -> None:
    """A space would make two of it."""
    for path in files(OPTIONS)[KERNEL]:
        assert all(re.fullmatch(r"[a-z_.]+=[a-z0-9:,=]+", word) for word in words(path.read_bytes())), path


def test_the_state_partition_never_stops_the_boot() -> None:
    """A door without its partition starts, and says so; what is on it can't be run."""
    (path,) = files(OPTIONS)[Path("etc/fstab")]
    (line,) = words(path.read_bytes())
    device, place, kind, options, _, check = line.split()
    assert (device, place, kind, check) == ("LABEL=doorcheck", "/var/lib/doorcheck", "ext4", "2")
    assert {"nofail", "noexec", "nosuid", "nodev", "noatime", "errors=remount-ro"} <= set(options.split(","))


def test_udev_gives_the_door_what_its_unit_allows() -> None:
    """Camera, buffers and pins belong to the groups that the unit has; pins wake the panel's clearing."""
    text = (ETC / "udev/rules.d/60-doorcheck.rules").read_text(encoding="utf-8")
    groups = set(re.findall(r'GROUP="(\w+)"', text))
    unit = UNIT.read_text(encoding="utf-8")
    (named,) = re.findall(r"^SupplementaryGroups=(.*)$", unit, re.MULTILINE)
    assert groups == set(named.split())
    assert 'ENV{SYSTEMD_WANTS}+="doorcheck-panel-clear.service"' in text
    for subsystem in ("gpio", "dma_heap", "media", "video4linux"):
        assert f'SUBSYSTEM=="{subsystem}"' in text


@pytest.mark.parametrize("path", sorted(ETC.rglob("udev/rules.d/*")), ids=lambda path: path.name)
def test_udev_rules_are_whole_lines(path: Path) -> None:
    """Each rule is matches and assignments with commas between, which udev itself hardly checks."""
    one = r'(SUBSYSTEMS?|KERNEL|ATTR\{\w+\}|ENV\{\w+\}|GROUP|MODE|TAG|SYMLINK)(==|\+=|=)"[^"]*"'
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            assert re.fullmatch(f"{one}(, {one})*", line), line


def test_drop_ins_of_systemd_are_ini_files() -> None:
    """One section each, of the file they add to."""
    sections = {"journald.conf.d": "Journal", "system.conf.d": "Manager", "coredump.conf.d": "Coredump"}
    for folder, section in sections.items():
        for path in (ETC / "systemd" / folder).iterdir():
            parser = configparser.ConfigParser(strict=True, interpolation=None)
            parser.read_string(path.read_text(encoding="utf-8"))
            assert parser.sections() == [section]


def test_swap_is_never_a_file() -> None:
    """What was in memory is not on the card."""
    assert keys(ETC / "rpi/swap.conf.d/60-doorcheck.conf") == {"Mechanism": "zram"}
