"""The door on a bare virtual Pi as an operator puts it there: `deploy/fleet`, over SSH, nothing by hand."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.boxes import parcel
from deploy.boxes.line import Line
from tests.virtual_pi.image import HERE, Tell
from tests.virtual_pi.machine import USER, VirtualPi

CHECKOUT: Final = HERE.parents[1]
FLEET: Final = CHECKOUT / "deploy" / "fleet"
NAME: Final = "virtual-pi"
ADDRESS: Final = "127.0.0.1"
BOARD: Final = "3"
"""Of the boards that firmware_config knows, the one with this processor and this memory."""
SETTINGS: Final = {
    "camera": {"kind": "picamera2", "width": 1280, "height": 960},
    "panel": {"chip": "/dev/gpiochip0"},
}
PATIENCE: Final = {
    "ansible_timeout": 60,
    "doorcheck_connect_s": 60,
    "doorcheck_verdict_s": 900,
    "doorcheck_restart_s": 1800,
}
"""Seconds of the host's, of which the machine needs three to five for one of its own."""
LONGEST_S: Final = 3600
SEND_S: Final = 600
CONTROL: Final = Path.home() / ".ansible" / "cp"
"""Where `deploy/fleet` keeps its connections, too: a short path."""
RECAP: Final = re.compile(
    rf"(?m)^{NAME}\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)\s+skipped=(\d+)"
)
ROLE: Final = re.compile(r"TASK \[(?:(?P<role>\S+) : )?(?P<task>.*)\] \*")
FLASH: Final = """sudo sh -euc '
    truncate --size=32M /var/lib/bootfs.img
    busybox mkdosfs -n bootfs /var/lib/bootfs.img
    mkdir -p /boot/firmware
    echo "/var/lib/bootfs.img /boot/firmware vfat loop,noauto,x-systemd.automount 0 0" >>/etc/fstab
    systemctl daemon-reload
    systemctl start boot-firmware.automount
    cd /boot/firmware
    cat >config.txt
    echo "console=serial0,115200 console=tty1 root=LABEL=rootfs rootfstype=ext4 rootwait" >cmdline.txt
    sync
'"""
CONFIG_TXT: Final = """\
# For more options and information see
# http://rptl.io/configtxt
dtparam=audio=on
camera_auto_detect=1
display_auto_detect=1
auto_initramfs=1
dtoverlay=vc4-kms-v3d
arm_64bit=1
arm_boost=1

[cm4]
otg_mode=1

[all]
"""
"""As Raspberry Pi OS has it."""


class ProvisionError(Exception):
    """The door can't be installed; the text says why."""


@dataclass(frozen=True, slots=True)
class Recap:
    """What Ansible counted at the end."""

    ok: int
    changed: int
    unreachable: int
    failed: int
    skipped: int


@dataclass(frozen=True, slots=True)
class Done:
    """A `deploy/fleet` that came to its end."""

    code: int
    said: str
    took_s: float

    def __str__(self) -> str:
        return f"exit code {self.code} after {self.took_s:.0f} s; it said:\n{self.said[-6000:]}"

    @property
    def recap(self) -> Recap:
        """Its last line about the box. Raises `ProvisionError`."""
        found = RECAP.search(self.said)
        if found is None:
            raise ProvisionError(f"Ansible did not come to an end: {self}")
        return Recap(*map(int, found.groups()))


class Office:
    """The operator's computer, as far as one box goes: an inventory, known hosts, and `deploy/fleet`."""

    def __init__(self, pi: VirtualPi, repository: Path, folder: Path) -> None:
        self._pi, self._repository, self._folder = pi, repository, folder
        folder.mkdir(parents=True, exist_ok=True)

    def fleet(self, command: str, *words: str, tell: Tell = lambda _words: None) -> Done:
        """Run `deploy/fleet COMMAND` on this box; its exit code is the caller's to judge."""
        argv = [str(FLEET), command, "-i", str(self._inventory()), *words]
        environment = {
            **os.environ,
            "ANSIBLE_NOCOLOR": "1",
            "DOORCHECK_FLEET_STATE": str(self._folder / "state"),
        }
        began_s, said, last = time.monotonic(), list[str](), ""
        with subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            text=True,
        ) as process:
            late = threading.Timer(LONGEST_S, process.kill)
            late.start()
            try:
                for line in process.stdout or ():
                    said.append(line)
                    task = ROLE.match(line)
                    if task and (task["role"] or task["task"]) != last:
                        last = task["role"] or task["task"]
                        tell(f"  {time.monotonic() - began_s:4.0f} s  {last}")
            finally:
                late.cancel()
        return Done(process.returncode, "".join(said), time.monotonic() - began_s)

    def wheelhouse(self) -> None:
        """Make the release's wheels, by the command that is shipped for it. Raises `ProvisionError`."""
        command = [str(CHECKOUT / "deploy" / "wheelhouse"), str(self._wheels), "--machine", "aarch64"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ProvisionError(done.stderr.strip())

    @property
    def _wheels(self) -> Path:
        return self._folder / "wheels"

    def _inventory(self) -> Path:
        """The file; the machine's port is another at each start."""
        image = self._pi.image
        known_hosts(self._pi, self._folder)
        variables: dict[str, Any] = {
            "ansible_host": ADDRESS,
            "ansible_port": self._pi.port,
            "ansible_user": USER,
            "ansible_ssh_private_key_file": str(image.key),
            "doorcheck_push_key": str(image.push_key),
            "doorcheck_status_key": str(image.status_key),
            "doorcheck_repo": str(self._repository),
            "doorcheck_wheelhouse": str(self._wheels),
            # The machine reaches no Debian mirror.
            "doorcheck_debs": str(image.debs),
            "doorcheck_board": BOARD,
            "doorcheck_settings_fleet": SETTINGS,
            **PATIENCE,
        }
        path = self._folder / "hosts.json"
        path.write_text(json.dumps({"all": {"hosts": {NAME: variables}}}, indent=2) + "\n")
        return path


def known_hosts(pi: VirtualPi, folder: Path) -> Path:
    """A file by which the machine's sshd is known, at its present port."""
    path = folder / "known_hosts"
    path.write_text(f"[{ADDRESS}]:{pi.port} {pi.image.host_key}\n")
    return path


def flash(pi: VirtualPi) -> None:
    """What a card of Raspberry Pi OS has and a Debian root has not: the firmware's partition, a FAT."""
    pi.ssh(FLASH, input=CONFIG_TXT)


def provision(pi: VirtualPi, office: Office, tell: Tell) -> Done:
    """From a freshly flashed system to a working door, by the playbook. Raises `ProvisionError`."""
    flash(pi)
    office.wheelhouse()
    done = office.fleet("provision", tell=tell)
    if done.code:
        raise ProvisionError(f"deploy/fleet provision: {done}")
    return done


def push(pi: VirtualPi, public: Path) -> None:
    """Bring a publication by the account that may, as `deploy/fleet push-trust` does, the mark last.

    Returns when it is there, not when it is taken.
    """
    keys = (pi.image.push_key,)
    line = Line(ADDRESS, pi.port, "doorcheck-push", keys, known_hosts(pi, pi.folder), CONTROL, connect_s=60)
    line.send([*parcel.OPTIONS, *parcel.FOLDERS], [f"{public}/"], f"{parcel.PUBLIC}/", SEND_S)
    parcel.mark(line, secrets.token_hex(8), SEND_S)
