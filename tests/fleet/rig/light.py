"""The layer of light hosts: accounts, folders and the door's program, as provisioning leaves them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from tests.fleet.rig import container
from tests.fleet.rig.image import debian, key_of, key_of_tree, made_once, wheels
from tests.fleet.rig.machine import attempt, call, tell
from tests.fleet.rig.places import CHECKOUT, Places
from tests.fleet.rig.wheelhouse import project_wheel

LOOP: Final = """\
#!/bin/bash
# A light host: sshd, and a loop in the place of doorcheck-update.path. No process comes and goes
# while nothing was brought.
set -u
mkdir -p /run/sshd /run/doorcheck /run/user
chown doorcheck:doorcheck /run/doorcheck
/usr/sbin/sshd -D -e &
mkfifo /run/never
exec 3<>/run/never
inbox=/var/lib/doorcheck/inbox
while :; do
    if [ -e "$inbox/finished" ]; then
        setpriv --reuid=doorcheck --regid=doorcheck --init-groups /usr/local/libexec/doorcheck/inbox
    fi
    read -r -t 0.2 -u 3
done
"""
SSHD: Final = """\
PasswordAuthentication no
AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/authorized_keys.d/%u
"""
ACCOUNTS: Final = """\
systemd-sysusers
systemd-tmpfiles --create /etc/tmpfiles.d/doorcheck.conf
mkdir -p /etc/doorcheck /etc/ssh/authorized_keys.d
"""
PROGRAM: Final = """\
python3 -m venv --system-site-packages /opt/doorcheck/releases/test
/opt/doorcheck/releases/test/bin/pip --disable-pip-version-check -q install --no-index --no-deps /mnt/*/*.whl
ln -s releases/test /opt/doorcheck/current
"""


def layer(places: Places) -> tuple[Path, ...]:
    """The layers of a light host's root, topmost first: this program, then Debian."""
    base = debian(places.cache)
    fetched = wheels(places.cache)
    sources = (key_of_tree(CHECKOUT / "device" / "doorcheck"), key_of_tree(CHECKOUT / "systemd"))
    name = f"light-{key_of(base.name, fetched.name, *sources, LOOP, SSHD, ACCOUNTS, PROGRAM)}"
    with made_once(places.cache, name) as (folder, fresh):
        if fresh:
            tell("making the layer of light hosts: accounts and program (once per state of the checkout)")
            build(places, folder, base, fetched)
    forget_older(places, name)
    return places.cache / name / "upper", base


def build(places: Places, folder: Path, base: Path, fetched: Path) -> None:
    """Fill the layer, in a container without a network."""
    for part in ("upper", "work", "root", "wheels"):
        (folder / part).mkdir(parents=True)
    own = folder / "wheels"
    project_wheel(own)
    root = folder / "root"
    options = f"lowerdir={base},upperdir={folder / 'upper'},workdir={folder / 'work'}"
    call(("mount", "-t", "overlay", "-o", options, "overlay", root))
    try:
        copy_files(root)
        binds = (f"--bind-ro={fetched}:/mnt/lock", f"--bind-ro={own}:/mnt/own")
        container.run_in(places, root, ACCOUNTS)
        container.run_in(places, root, PROGRAM, *binds)
    finally:
        attempt(("umount", root))


def copy_files(root: Path) -> None:
    """What provisioning copies from `systemd/`, and the light host's own script."""
    system = CHECKOUT / "systemd"
    for kind in ("sysusers.d", "tmpfiles.d"):
        shutil.copytree(system / kind, root / "etc" / kind, dirs_exist_ok=True)
    libexec = root / "usr/local/libexec/doorcheck"
    shutil.copytree(system / "libexec", libexec, ignore=shutil.ignore_patterns("__pycache__"))
    put(libexec / "light-host", LOOP, 0o755)
    put(root / "etc/ssh/sshd_config.d/60-light.conf", SSHD, 0o644)


def put(path: Path, text: str, mode: int) -> None:
    """Write a file of that mode."""
    path.write_text(text)
    path.chmod(mode)


def forget_older(places: Places, name: str) -> None:
    """Keep this layer alone: nobody comes back to an older state of the checkout."""
    used = Path("/proc/self/mounts").read_text()
    for old in places.cache.glob("light-????????????????"):
        if old.name != name and f"{old}/upper" not in used:
            shutil.rmtree(old)
