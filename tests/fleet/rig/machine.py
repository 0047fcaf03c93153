"""What the rig asks of this machine: commands run, their refusals told word for word."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

PACKAGES: Final = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "nsenter": "util-linux",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "rsync": "rsync",
    "mkfs.ext4": "e2fsprogs",
}
"""Each command that is called, and the Debian package that has it."""


class RigError(Exception):
    """The rig can't do as asked; the text says what refused, in its own words, and what to do."""


def tell(words: str) -> None:
    """One line of progress, to people."""
    sys.stderr.write(f"hosts: {words}\n")
    sys.stderr.flush()


def attempt(
    argv: Sequence[str | Path], *, feed: bytes | None = None, timeout_s: float = 900
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end; its code and words are the caller's to judge."""
    words = [str(word) for word in argv]
    stdin = {"stdin": subprocess.DEVNULL} if feed is None else {}
    try:
        return subprocess.run(words, input=feed, capture_output=True, check=False, timeout=timeout_s, **stdin)  # type: ignore[call-overload,no-any-return]
    except FileNotFoundError:
        raise RigError(
            f"{words[0]} is not on this machine; `hosts up` as root installs what is missing"
        ) from None
    except subprocess.TimeoutExpired:
        raise RigError(f"`{' '.join(words)}` did not end within {timeout_s:.0f} s") from None


def call(argv: Sequence[str | Path], *, feed: bytes | None = None, timeout_s: float = 900) -> str:
    """Run a command that must succeed, and give what it printed.

    Raises `RigError`: it did not; with all that it said.
    """
    done = attempt(argv, feed=feed, timeout_s=timeout_s)
    if done.returncode != 0:
        said = (done.stderr + done.stdout).decode(errors="replace").strip()
        line = " ".join(str(word) for word in argv)
        raise RigError(
            f"`{line}` was refused (exit code {done.returncode}): {said[-2000:] or 'it said nothing'}"
        )
    return done.stdout.decode(errors="replace")


def missing() -> list[str]:
    """Commands that this machine lacks."""
    return [name for name in PACKAGES if shutil.which(name) is None]


def why_not() -> str | None:
    """Why no host can be started here, or None when they can."""
    if os.geteuid() != 0:
        return "test hosts need root here: namespaces, mounts and a bridge are made"
    if not Path("/proc/sys/net").is_dir() or not Path("/proc/filesystems").read_text().count("overlay"):
        return "this kernel has no overlay file system"
    lacking = missing()
    if lacking and shutil.which("apt-get") is None:
        return f"missing on this machine: {', '.join(lacking)}"
    return None


def prepare() -> None:
    """Have every command that the rig calls; install what is missing, and say so."""
    reason = why_not()
    if reason:
        raise RigError(reason)
    packages = sorted({PACKAGES[name] for name in missing()})
    if packages:
        tell(f"installing Debian packages that the test hosts need: {' '.join(packages)}")
        environment = {"DEBIAN_FRONTEND": "noninteractive"}
        apt_get(("-q", "update"), environment)
        apt_get(("-q", "install", "-y", "--no-install-recommends", *packages), environment)


def apt_get(words: Sequence[str], environment: Mapping[str, str]) -> None:
    """`apt-get`, unattended."""
    call(("env", *(f"{key}={value}" for key, value in environment.items()), "apt-get", *words))
