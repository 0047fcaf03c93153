"""Roots of the test hosts: Debian 13 made once, and a layer with accounts and package for light ones."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.fleet.rig.machine import RigError, attempt, call, tell
from tests.fleet.rig.places import CHECKOUT

SUITE: Final = "trixie"
FLASHED: Final = (
    "systemd,systemd-sysv,systemd-timesyncd,dbus,libpam-systemd,udev,kmod,openssh-server,sudo,apt,"
    "iproute2,procps,passwd,login"
)
"""What a flashed Raspberry Pi OS Lite or Debian has too."""
ADDED: Final = "rsync,python3,python3-venv,python3-systemd"
"""What provisioning would install; the hosts have no way to a package archive."""
CUSTOMIZE: Final = (
    # The account that the imager makes, with the rights that it gives it there.
    'chroot "$1" useradd --create-home --uid 1000 --shell /bin/bash --groups sudo,video pi',
    'echo "pi ALL=(ALL) NOPASSWD: ALL" >"$1/etc/sudoers.d/010_pi-nopasswd"',
    # Each host has keys and an identity of its own.
    'rm -f "$1"/etc/ssh/ssh_host_* "$1/etc/resolv.conf"',
    ': >"$1/etc/machine-id"',
    # There is no screen; and a login prompt on none would come and go.
    'ln -sf /dev/null "$1/etc/systemd/system/console-getty.service"',
    'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/usr/share/doc/*',
)


def key_of(*parts: str | bytes) -> str:
    """The short name of something made from these inputs."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:16]


def key_of_tree(folder: Path) -> str:
    """The short name of a folder's content; compiled files do not count."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return key_of(*(part for path in files for part in (str(path.relative_to(folder)), path.read_bytes())))


@contextmanager
def made_once(cache: Path, name: str) -> Iterator[tuple[Path, bool]]:
    """The folder of that name, and whether it must still be made (then at NAME.part, kept on success)."""
    cache.mkdir(parents=True, exist_ok=True)
    final = cache / name
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if final.is_dir():
            yield final, False
            return
        part = cache / f"{name}.part"
        shutil.rmtree(part, ignore_errors=True)
        yield part, True
        part.rename(final)


def debian(cache: Path) -> Path:
    """The Debian root, about 300 MB, two minutes the first time."""
    name = f"root-{key_of(SUITE, FLASHED, ADDED, *CUSTOMIZE)}"
    with made_once(cache, name) as (folder, fresh):
        if fresh:
            tell(f"making a Debian {SUITE} root with mmdebstrap (two minutes, once)")
            hooks = [f"--customize-hook={line}" for line in CUSTOMIZE]
            packages = f"--include={FLASHED},{ADDED}"
            call(("mmdebstrap", "--mode=root", "--variant=minbase", packages, *hooks, SUITE, folder))
    return cache / name


def wheels(cache: Path) -> Path:
    """Wheels of the lock file for the hosts' Python, checked by their hashes."""
    lock = CHECKOUT / "requirements.lock"
    name = f"wheels-{key_of(lock.read_bytes())}"
    with made_once(cache, name) as (folder, fresh):
        if fresh:
            tell("fetching the wheels of requirements.lock for the hosts' Python (once)")
            platforms = [f"--platform=manylinux_{minor}_x86_64" for minor in ("2_28", "2_27", "2_17", "2_5")]
            abis = ("--implementation=cp", "--abi=cp313", "--abi=abi3", "--abi=none")
            strict = ("--require-hashes", "--only-binary=:all:", "--no-deps", "--python-version=3.13")
            wanted = (
                *strict,
                *abis,
                *platforms,
                "--platform=manylinux2014_x86_64",
                "-r",
                str(lock),
                "-d",
                str(folder),
            )
            call((pip_python(), "-m", "pip", "-q", "download", *wanted))
    return cache / name


def pip_python() -> str:
    """A Python of this machine that has pip."""
    for python in (CHECKOUT / ".venv/bin/python", Path("/usr/bin/python3")):
        if python.exists() and attempt((python, "-m", "pip", "--version")).returncode == 0:
            return str(python)
    raise RigError("no Python with pip here: run tests/run once, it makes .venv in the checkout")
