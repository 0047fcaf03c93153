"""Puts the door into a bare virtual Pi, by hand: what a person would type who follows systemd/README.md."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.virtual_pi.image import HERE, cache
from tests.virtual_pi.machine import VirtualPi

from doorcheck import __version__

CHECKOUT: Final = HERE.parents[1]
LOCK: Final = CHECKOUT / "tests" / "requirements.lock"
NEEDED: Final = (
    *("asn1crypto", "attrs", "cbor2", "certvalidator", "cffi", "cryptography", "ecdsa", "markdown-it-py"),
    *("mdurl", "msgspec", "oscrypto", "pillow", "pycose", "pycparser", "pygments", "rich"),
    *("securesystemslib", "six", "tuf", "urllib3", "zxing-cpp", "gpiod", "gpiozero", "colorzero"),
)
"""What the door needs of the lock file: the project's own dependencies, with those of `doorcheck[pi]`."""
FOR_DEVICES: Final = "/srv/for-devices"
SETTINGS: Final = """\
[camera]
kind = "picamera2"
width = 1280
height = 960
[panel]
chip = "/dev/gpiochip0"
"""


class ProvisionError(Exception):
    """The door can't be installed; the text says why."""


def wheelhouse(folder: Path) -> None:
    """The wheels of the lock for Python 3.13 on arm64, and the project's own."""
    pinned = _pinned()
    wanted = "".join(pinned[name] for name in NEEDED)
    lock = folder / "needed.lock"
    lock.write_text(wanted)
    platforms = [f"--platform=manylinux_2_{each}_aarch64" for each in (28, 26, 17)] + [
        "--platform=manylinux2014_aarch64"
    ]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    _run(
        [
            *pip,
            "download",
            "-q",
            "--no-deps",
            "--only-binary=:all:",
            "--python-version=3.13",
            *platforms,
            "--require-hashes",
            "-d",
            str(folder),
            "-r",
            str(lock),
        ]
    )
    lock.unlink()


def _pinned() -> dict[str, str]:
    """The lock file's lines of each package."""
    found: dict[str, str] = {}
    name = ""
    for line in LOCK.read_text().splitlines(keepends=True):
        if line[:1].isalnum():
            name = line.split("==")[0].lower()
            line = line.split(" ;")[0].rstrip("\\\n ") + " \\\n"
        if line[:1].isalnum() or line.lstrip().startswith("--hash"):
            found[name] = found.get(name, "") + line
    return found


def install(pi: VirtualPi) -> None:
    """Release, units, rules, settings; nothing is enrolled or started."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        wheels = cache() / "wheels"
        if not wheels.is_dir():
            wheels.mkdir(parents=True)
            wheelhouse(wheels)
        for wheel in wheels.glob("*.whl"):
            shutil.unpack_archive(wheel, site, "zip")
        shutil.copytree(
            CHECKOUT / "device" / "doorcheck",
            site / "doorcheck",
            ignore=shutil.ignore_patterns("__pycache__", ".mypy_cache"),
        )
        release = f"/opt/doorcheck/releases/{__version__}"
        pi.ssh("sudo mkdir -p /opt/doorcheck/releases")
        pi.ssh(f"sudo python3 -m venv --system-site-packages --without-pip {release}")
        pi.put(site, f"{release}/lib/python3.13/site-packages")
    command = f'#!/bin/sh\nexec {release}/bin/python -P -m doorcheck.cli "$@"\n'
    pi.ssh(
        f"sudo tee {release}/bin/doorcheck >/dev/null && sudo chmod 755 {release}/bin/doorcheck",
        input=command,
    )
    pi.ssh(f"sudo ln -sfn releases/{__version__} /opt/doorcheck/current")
    pi.put(CHECKOUT / "systemd", "/root/systemd")
    pi.put(CHECKOUT / "firmware_config" / "etc", "/root/etc")
    pi.ssh(
        """sudo sh -euc '
        cd /root/systemd
        cp doorcheck*.service doorcheck*.timer doorcheck*.path /etc/systemd/system/
        install -D -m 644 -t /etc/systemd/system-preset system-preset/50-doorcheck.preset
        install -D -m 644 -t /etc/sysusers.d sysusers.d/doorcheck.conf
        install -D -m 644 -t /etc/tmpfiles.d tmpfiles.d/doorcheck.conf
        install -d /usr/local/libexec/doorcheck && cp -R libexec/. /usr/local/libexec/doorcheck/
        install -D -m 644 -t /etc/udev/rules.d /root/etc/udev/rules.d/60-doorcheck.rules
        install -d /etc/doorcheck
        systemd-sysusers && systemd-tmpfiles --create
        udevadm control --reload && udevadm trigger --settle --subsystem-match=gpio --subsystem-match=misc
        systemctl daemon-reload
        systemctl preset doorcheck.service doorcheck-update.path
        /opt/doorcheck/current/bin/python -m compileall -q /opt/doorcheck/current/lib || true
        '""",
        timeout_s=900,
    )
    pi.ssh("sudo tee /etc/doorcheck/door.toml >/dev/null", input=SETTINGS)


def enrol(pi: VirtualPi, for_devices: Path) -> None:
    """Hand the door what it pins."""
    pi.put(for_devices, FOR_DEVICES)
    pi.ssh(f"sudo -u doorcheck /opt/doorcheck/current/bin/doorcheck update --enrol {FOR_DEVICES}")


def push(pi: VirtualPi, public: Path) -> None:
    """Bring a publication into the inbox, the mark last; returns when it is there, not when it is taken."""
    pi.ssh("sudo rm -rf /var/lib/doorcheck/inbox/public")
    pi.put(public, "/var/lib/doorcheck/inbox/public", owner="doorcheck:doorcheck-push")
    pi.ssh("sudo touch /var/lib/doorcheck/inbox/finished")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProvisionError(done.stderr.strip())
