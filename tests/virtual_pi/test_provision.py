"""What `deploy/fleet provision` makes of a freshly flashed virtual Pi, and that it does so once."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from tests.virtual_pi.conftest import Figures, artefacts
from tests.virtual_pi.installed import Installed
from tests.virtual_pi.machine import VirtualPi, words_for_ssh
from tests.virtual_pi.provision import RECAP, Office

pytestmark = pytest.mark.virtual_pi


def test_a_second_provisioning_changes_nothing(
    made: Installed, door: VirtualPi, office: Office, figure: Figures, tell: Callable[[str], None]
) -> None:
    """Ansible counts what it changed the first time, and nothing the second; the door judges all along."""
    first = RECAP.search(made.log)
    assert first is not None
    assert int(first[2]) > 0
    again = office.fleet("provision", tell=tell)
    (artefacts() / "provision-again.log").write_text(again.said)
    assert again.code == 0, again
    assert (again.recap.changed, again.recap.unreachable, again.recap.failed) == (0, 0, 0), again
    assert door.header is not None
    assert "ready" in door.header.read().high
    took = f"{first[1]} steps, {first[2]} changes, {made.log.split()[-2]} s of the host"
    figure("deploy/fleet provision, from a flashed system", took)
    figure("  a second time", f"{again.recap.ok} steps, 0 changes, {again.took_s:.0f} s of the host")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("grep -c '^gpio=16,17,18,22,23,25,27=op,dl,pd' /boot/firmware/config.txt", "1"),
        ("grep -c 'doorcheck.from .*cgroup_enable=memory.* doorcheck.to' /boot/firmware/cmdline.txt", "1"),
        ("findmnt -no FSTYPE /boot/firmware | tail -n 1", "vfat"),
        ("sysctl -n kernel.panic kernel.panic_on_oops kernel.dmesg_restrict | tr '\\n' ' '", "10 1 1 "),
        ("systemctl show -P RuntimeWatchdogUSec", "15s"),
        ("sudo sshd -T | grep -cx 'passwordauthentication no\\|permitrootlogin no'", "2"),
        ("stat -c %G /dev/gpiochip0", "gpio"),
        ("test -d /var/log/journal || echo in memory", "in memory"),
        ("systemctl is-enabled doorcheck.service doorcheck-update.path | sort -u", "enabled"),
        ("readlink /opt/doorcheck/current | cut -d/ -f1", "releases"),
        (
            "ls -d /run/doorcheck-* /var/cache/doorcheck-debs 2>/dev/null | wc -l",
            "0",
        ),
    ],
    ids=["pins", "kernel", "fat", "sysctl", "watchdog", "ssh", "udev", "journal", "units", "release", "left"],
)
def test_what_was_set_holds_after_a_restart(door: VirtualPi, command: str, says: str) -> None:
    """The board's settings, the accounts' and the services' are those of a box that was switched on again."""
    assert door.ssh(command, check=False).out.strip("\n") == says


def test_the_accounts_of_routine_open_no_shell(door: VirtualPi) -> None:
    """With their keys no command runs but the one of each; root's account lets nobody in."""
    image = door.image
    ways = (("doorcheck-push", image.push_key), ("doorcheck-status", image.status_key), ("root", image.key))
    for account, key in ways:
        to = [str(key) if word == str(image.key) else word for word in words_for_ssh(image, door.port)]
        command = [*to[:-1], f"{account}@127.0.0.1", "id; cat /etc/passwd"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode != 0, account
        assert "uid=" not in done.stdout, account
        assert "root:" not in done.stdout, account
