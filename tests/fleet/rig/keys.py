"""SSH keys, known hosts and the inventory: what a real operator would have in hand."""

from __future__ import annotations

import json
import shutil
import uuid
from pathlib import Path
from typing import Final

from tests.fleet.rig.disk import folder
from tests.fleet.rig.machine import call
from tests.fleet.rig.places import Places

RRSYNC: Final = 'restrict,command="/usr/bin/rrsync -wo /var/lib/doorcheck/inbox"'
REPORT: Final = 'restrict,command="/usr/local/libexec/doorcheck/report"'
ADMIN_UID: Final = 1000


def new_key(path: Path, comment: str) -> None:
    """An Ed25519 key without a passphrase, as file and file.pub."""
    path.parent.mkdir(parents=True, exist_ok=True)
    call(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path))


def operator_keys(places: Places) -> None:
    """One key for each of the three ways in."""
    for name in ("admin", "push", "status"):
        new_key(places.keys / name, f"test fleet, {name}")


def install(places: Places, host: str, *, light: bool) -> None:
    """Put into a host's layer what makes it itself: host key, identity, who may log in."""
    upper = folder(places, host) / "disk" / "upper"
    new_key(upper / "etc/ssh/ssh_host_ed25519_key", host)
    for path in (upper, upper / "etc", upper / "etc/ssh"):
        path.chmod(0o755)
    (upper / "etc/machine-id").write_text(f"{uuid.uuid4().hex}\n")
    (upper / "etc/hostname").write_text(f"{host}\n")
    (upper / "etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {host}\n")
    admin = upper / "home/pi/.ssh"
    admin.mkdir(parents=True)
    (upper / "home").chmod(0o755)
    allow(admin / "authorized_keys", "", places.keys / "admin.pub")
    for path, mode in ((admin, 0o700), (upper / "home/pi", 0o700), (admin / "authorized_keys", 0o600)):
        path.chmod(mode)
        shutil.chown(path, ADMIN_UID, ADMIN_UID)
    if light:
        restricted = upper / "etc/ssh/authorized_keys.d"
        restricted.mkdir()
        restricted.chmod(0o755)
        allow(restricted / "doorcheck-push", f"{RRSYNC} ", places.keys / "push.pub")
        allow(restricted / "doorcheck-status", f"{REPORT} ", places.keys / "status.pub")


def allow(path: Path, options: str, public: Path) -> None:
    """One key, and what it may do, for sshd."""
    path.write_text(options + public.read_text())
    path.chmod(0o644)


def host_key(places: Places, host: str) -> Path:
    """The host's private key, as the running host sees it."""
    return folder(places, host) / "root" / "etc/ssh/ssh_host_ed25519_key"


def write_known_hosts(places: Places, addresses: dict[str, str]) -> None:
    """The true keys of all hosts, by name and by address."""
    lines = []
    for host, address in addresses.items():
        key = host_key(places, host).with_suffix(".pub").read_text().split()
        lines.append(f"{host},{address} {key[0]} {key[1]}\n")
    places.known_hosts.parent.mkdir(exist_ok=True)
    places.known_hosts.write_text("".join(lines))


def write_inventory(places: Places, groups: dict[str, dict[str, str]]) -> None:
    """For Ansible: the group `doors` of full hosts, and `light`; JSON, which it reads as YAML."""
    common = {
        "ansible_user": "pi",
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_private_key_file": str(places.keys / "admin"),
        "doorcheck_push_key": str(places.keys / "push"),
        "doorcheck_status_key": str(places.keys / "status"),
    }
    children = {
        group: {"hosts": {host: {"ansible_host": address} for host, address in hosts.items()}}
        for group, hosts in groups.items()
    }
    places.inventory.write_text(json.dumps({"all": {"vars": common, "children": children}}, indent=2) + "\n")


def ssh_options(places: Places) -> list[str]:
    """Only this fleet's known hosts count, and a wrong one is refused."""
    strict = ("StrictHostKeyChecking=yes", "IdentitiesOnly=yes", "BatchMode=yes")
    files = (f"UserKnownHostsFile={places.known_hosts}", "GlobalKnownHostsFile=/dev/null")
    return [word for option in (*files, *strict) for word in ("-o", option)]
