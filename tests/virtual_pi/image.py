"""Makes the virtual Pi's disk, kernel and tools, and keeps them by a hash of what they are made of.

    tools-HASH/     an amd64 root with QEMU, mke2fs, dtc and kmod of Debian 13: nothing of the host's
    board-HASH.tar  Debian 13, arm64, as mmdebstrap makes it, with kernel and camera packages
    disk-HASH/      disk.ext4, kernel, initrd, SSH keys, debs/: the board with what is in `board/`

The first takes a minute, the second ten to fifteen (all of it emulated), the third half a one. It
needs root, the packages mmdebstrap and qemu-user-static, and the network, once.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
BOARD: Final = HERE / "board"
MIRROR: Final = "http://deb.debian.org/debian"
SUITE: Final = "trixie"
DISK_BYTES: Final = 3 << 30
CAMERA_WHEELS: Final = ("picamera2==0.3.38", "simplejpeg==1.9.0", "videodev2==0.0.4", "av==19.0.2")
"""What Raspberry Pi OS has as packages and Debian has not."""
CAMERA_CONTROL: Final = """\
Package: python3-picamera2
Version: 0.3.38-0virtual1
Architecture: arm64
Maintainer: Virtual Pi <root@localhost>
Depends: python3, python3-libcamera, python3-numpy, python3-pil, python3-prctl, python3-piexif, python3-tqdm,
 python3-jsonschema, python3-libarchive-c
Description: picamera2 as it is published, with the wheels that it loads
"""

LEAN: Final = tuple(
    f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in ("doc", "man", "locale", "info")
)
TOOLS: Final = ("qemu-system-arm", "ipxe-qemu", "qemu-utils", "kmod", "device-tree-compiler", "e2fsprogs")
PACKAGES: Final = (
    *("systemd-sysv", "dbus", "udev", "kmod", "iproute2", "openssh-server", "sudo", "rsync"),
    *("python3", "python3-venv", "python3-systemd", "ca-certificates", "busybox-static", "gpiod"),
    *("libcamera-ipa", "libcamera-tools", "python3-libcamera"),
    *("python3-numpy", "python3-pil", "python3-prctl", "python3-piexif", "python3-tqdm"),
    *("python3-jsonschema", "python3-libarchive-c"),
)
BACKPORTS: Final = (
    "Package: src:libcamera src:libpisp src:linux*\\nPin: release n=trixie-backports\\nPin-Priority: 900\\n"
)
HOOKS: Final = (
    '--setup-hook=mkdir -p "$1/etc/apt/preferences.d"; printf "'
    + BACKPORTS
    + '" >"$1/etc/apt/preferences.d/backports"',
    # Unpacked and not installed: the package's scripts would make an initrd, emulated, for minutes.
    '--customize-hook=chroot "$1" sh -c "cd /opt && mkdir kernel && cd kernel && apt-get download '
    "\\$(apt-cache depends --recurse --important --no-suggests linux-image-arm64 "
    "| grep -E '^linux-(binary|modules|base)-[0-9]|^linux-image-[0-9]' | sort -u)\"",
)
ROOT_MODULES: Final = ("virtio_blk", "ext4")

Tell = Callable[[str], None]


class ImageError(Exception):
    """The image can't be made; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Programs of the tools' root, run by its own loader: neither chroot nor the host's libraries."""

    root: Path

    def command(self, program: str) -> list[str]:
        """The words that start a program, without its arguments."""
        found = next(
            path for folder in ("usr/bin", "usr/sbin") if (path := self.root / folder / program).exists()
        )
        libraries = self.root / "usr/lib/x86_64-linux-gnu"
        return [str(self.root / "lib64/ld-linux-x86-64.so.2"), "--library-path", str(libraries), str(found)]

    def run(self, program: str, *arguments: str | Path) -> str:
        """Run it to its end; its output. Raises `ImageError`."""
        return _run([*self.command(program), *map(str, arguments)])


@dataclass(frozen=True, slots=True)
class Image:
    """A virtual Pi's parts, none of which is ever written to."""

    folder: Path
    tools: Tools

    @property
    def disk(self) -> Path:
        """The file system of the root, an ext4 without partitions."""
        return self.folder / "disk.ext4"

    @property
    def kernel(self) -> Path:
        """Debian's kernel."""
        return self.folder / "kernel"

    @property
    def initrd(self) -> Path:
        """What mounts the root."""
        return self.folder / "initrd"

    @property
    def header(self) -> Path:
        """The overlay of the device tree that adds the header's gpiochip."""
        return self.folder / "gpio.dtbo"

    @property
    def key(self) -> Path:
        """The private key of `admin`, who may do everything."""
        return self.folder / "key"

    @property
    def push_key(self) -> Path:
        """The operator's private key for the account that may push; its .pub lies beside it."""
        return self.folder / "push"

    @property
    def status_key(self) -> Path:
        """The same for the account that may ask for the status."""
        return self.folder / "status"

    @property
    def host_key(self) -> str:
        """What the machine's sshd is known by: kind and key, as in known_hosts."""
        return " ".join((self.folder / "host_key.pub").read_text().split()[:2])

    @property
    def debs(self) -> Path:
        """A folder with the camera's package, which is not on the disk: provisioning installs it."""
        return self.folder / "debs"


def cache() -> Path:
    """Where images are kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "doorcheck-virtual-pi"


def missing() -> str | None:
    """What this machine lacks to make an image, in one line; None when nothing is."""
    if os.geteuid() != 0:
        return "making the virtual Pi's image needs root"
    if shutil.which("mmdebstrap") is None:
        return "mmdebstrap is not installed: apt-get install mmdebstrap"
    if not any(Path("/usr/bin").glob("qemu-aarch64*")):
        return "qemu-user-static is not installed: apt-get install qemu-user-static binfmt-support"
    return None


def is_made() -> bool:
    """Whether an image for the present inputs is there."""
    return _folder("disk", _disk_inputs()).is_dir()


def image(tell: Tell) -> Image:
    """The image for the present inputs, made where it is not there. Raises `ImageError`."""
    tools = Tools(_folder("tools", _tools_inputs()))
    folder = _folder("disk", _disk_inputs())
    if not (tools.root.is_dir() and folder.is_dir()):
        why = missing()
        if why is not None:
            raise ImageError(why)
        _binfmt()
    if not tools.root.is_dir():
        tell("making the tools' root with QEMU: about a minute")
        with _being_made(tools.root) as making:
            _make_tools(making)
    board = _folder("board", _board_inputs()).with_suffix(".tar")
    if not folder.is_dir():
        if not board.exists():
            tell("making Debian 13 for arm64, emulated: ten to fifteen minutes")
            with _being_made(board) as making:
                _make_board(making)
        tell("making the disk: half a minute")
        with _being_made(folder) as making:
            _make_disk(making, board, tools)
    return Image(folder, tools)


# Inputs: what a change of makes a new one


def _tools_inputs() -> Iterator[bytes]:
    yield from (word.encode() for word in (*TOOLS, *LEAN, SUITE))


def _board_inputs() -> Iterator[bytes]:
    yield from (word.encode() for word in (*PACKAGES, *LEAN, *HOOKS, SUITE))


def _disk_inputs() -> Iterator[bytes]:
    yield from _board_inputs()
    yield from (word.encode() for word in (*CAMERA_WHEELS, CAMERA_CONTROL, *ROOT_MODULES, str(DISK_BYTES)))
    yield from (word.encode() for word in _MAKE_DISK_VERSION)
    for path in sorted(BOARD.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield str(path.relative_to(BOARD)).encode()
            yield path.read_bytes()


_MAKE_DISK_VERSION: Final = "4"
"""To be changed with `_make_disk`."""


def _folder(name: str, inputs: Iterable[bytes]) -> Path:
    digest = hashlib.sha256()
    for each in inputs:
        digest.update(len(each).to_bytes(8, "big") + each)
    return cache() / f"{name}-{digest.hexdigest()[:16]}"


# Making


@contextmanager
def _being_made(path: Path) -> Iterator[Path]:
    """A place beside it, renamed to it when all went well: what is there is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="making-") as folder:
        making = Path(folder) / path.name
        yield making
        making.rename(path)


def _binfmt() -> None:
    """Let the kernel start arm64 programs with QEMU; a container may not have that mounted."""
    registry = Path("/proc/sys/fs/binfmt_misc")
    if not (registry / "register").exists():
        _run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(registry)])
    if not (registry / "qemu-aarch64").exists():
        _run(["update-binfmts", "--enable", "qemu-aarch64"])


def _mmdebstrap(target: Path, architecture: str, packages: Sequence[str], *options: str) -> None:
    variant = "apt" if architecture == "amd64" else "minbase"
    sources = [f"deb {MIRROR} {each} main" for each in (SUITE, f"{SUITE}-updates", f"{SUITE}-backports")]
    _run(
        [
            *("nice", "mmdebstrap", f"--variant={variant}", f"--architectures={architecture}"),
            *(f"--include={','.join(packages)}", *LEAN, *options, SUITE, str(target), *sources),
        ]
    )


def _make_tools(target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        tar = Path(folder) / "tools.tar"
        _mmdebstrap(tar, "amd64", TOOLS)
        target.mkdir()
        _run(["tar", "-C", str(target), "--exclude=./dev/*", "-xf", str(tar)])


def _make_board(target: Path) -> None:
    _mmdebstrap(target, "arm64", PACKAGES, *HOOKS)


def _make_disk(target: Path, board: Path, tools: Tools) -> None:
    target.mkdir()
    root = target / "root"
    root.mkdir()
    _run(["tar", "-C", str(root), "--exclude=./dev/*", "-xf", str(board)])
    for package in (root / "opt/kernel").glob("*.deb"):
        _run(["dpkg-deb", "-x", str(package), str(root)])
    shutil.rmtree(root / "opt/kernel")
    version = next((root / "usr/lib/modules").iterdir()).name
    tools.run("depmod", "-b", root / "usr", version)
    modules = root / "usr/lib/modules" / version
    shutil.copy(
        next(each for each in (modules / "vmlinuz", root / f"boot/vmlinuz-{version}") if each.exists()),
        target / "kernel",
    )
    _make_initrd(target / "initrd", root, modules)
    _settle(target, root)
    tools.run("dtc", "-@", "-I", "dts", "-O", "dtb", "-o", target / "gpio.dtbo", BOARD / "gpio.dts")
    _run(
        [
            "mke2fs",
            "-q",
            "-t",
            "ext4",
            "-L",
            "rootfs",
            "-d",
            str(root),
            str(target / "disk.ext4"),
            f"{DISK_BYTES >> 20}M",
        ]
    )
    shutil.rmtree(root)


def _settle(target: Path, root: Path) -> None:
    """What makes a Debian root this board, freshly flashed: its files, its one user with a key."""
    shutil.copytree(BOARD / "root", root, dirs_exist_ok=True, symlinks=True)
    packages = root / "usr/lib/python3/dist-packages"
    shutil.copytree(
        BOARD / "dist-packages", packages, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
    )
    _pack_camera(target / "debs", root)
    # Emulated here, once, and not at each start of a program that may not write beside its modules.
    _chroot(root, "python3", "-m", "compileall", "-q", "/usr/lib/python3/dist-packages")
    _chroot(root, "ldconfig")
    _chroot(root, "journalctl", "--update-catalog")
    for stamp in ("etc/.updated", "var/.updated"):
        (root / stamp).touch()
    for name in ("key", "push", "status"):
        _new_key(target / name, f"virtual-pi {name}")
    (root / "etc/hostname").write_text("virtual-pi\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 virtual-pi\n")
    (root / "etc/fstab").write_text("/dev/vda / ext4 errors=remount-ro 0 1\n")
    (root / "etc/machine-id").write_text("uninitialized\n")
    for path in (root / "etc/ssh").glob("ssh_host_*"):
        path.unlink()
    # Host keys of its own per image, made here: emulated, they take a minute at the first boot.
    _run(["ssh-keygen", "-A", "-f", str(root)])
    shutil.copy(root / "etc/ssh/ssh_host_ed25519_key.pub", target / "host_key.pub")
    _chroot(root, "useradd", "-m", "-s", "/bin/bash", "admin")
    ssh = root / "home/admin/.ssh"
    ssh.mkdir(mode=0o700)
    shutil.copy(target / "key.pub", ssh / "authorized_keys")
    _chroot(root, "chown", "-R", "admin:admin", "/home/admin/.ssh")
    (root / "etc/sudoers.d/admin").chmod(0o440)
    _chroot(root, "systemctl", "enable", "systemd-networkd", "ssh")
    _chroot(
        root,
        "systemctl",
        "mask",
        "serial-getty@ttyAMA0",
        "systemd-networkd-wait-online",
        "apt-daily.timer",
        "apt-daily-upgrade.timer",
    )


def _new_key(path: Path, comment: str) -> None:
    _run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])


def _pack_camera(target: Path, root: Path) -> None:
    """picamera2 and what it loads as the package that Raspberry Pi OS has, out of wheels."""
    inside = Path("opt/camera")
    staged = root / inside
    packages = staged / "usr/lib/python3/dist-packages"
    with tempfile.TemporaryDirectory() as folder:
        platforms = [f"--platform=manylinux_2_{each}_aarch64" for each in (28, 17)]
        fetch = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "-q", "--no-deps"]
        _run(
            [
                *fetch,
                "--only-binary=:all:",
                "--python-version=3.13",
                *platforms,
                "--platform=manylinux2014_aarch64",
                "-d",
                folder,
                *CAMERA_WHEELS,
            ]
        )
        for wheel in Path(folder).glob("*.whl"):
            shutil.unpack_archive(wheel, packages, "zip")
    # With the compiled files: the package's own script would make them, emulated, for minutes.
    place = ("-s", f"/{inside}", "-p", "/")
    _chroot(root, "python3", "-m", "compileall", "-q", *place, f"/{packages.relative_to(root)}")
    (staged / "DEBIAN").mkdir()
    (staged / "DEBIAN/control").write_text(CAMERA_CONTROL)
    target.mkdir()
    _run(["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", str(staged), str(target)])
    shutil.rmtree(staged)


def _make_initrd(target: Path, root: Path, modules: Path) -> None:
    """A cpio archive: busybox, `board/init`, and the modules that the root lies on, in order."""
    entries: list[tuple[str, int, bytes]] = [
        (name, stat.S_IFDIR | 0o755, b"") for name in ("bin", "dev", "proc", "sys", "root", "modules")
    ]
    entries.append(("bin/busybox", stat.S_IFREG | 0o755, (root / "usr/bin/busybox").read_bytes()))
    entries.append(("init", stat.S_IFREG | 0o755, (BOARD / "init").read_bytes()))
    order = []
    for path in _in_order(modules, ROOT_MODULES):
        name = path.name.removesuffix(".xz")
        data = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
        entries.append((f"modules/{name}", stat.S_IFREG | 0o644, data))
        order.append(name)
    entries.append(("modules/order", stat.S_IFREG | 0o644, "".join(f"{name}\n" for name in order).encode()))
    target.write_bytes(b"".join(_newc(entries)))


def _in_order(modules: Path, names: Sequence[str]) -> list[Path]:
    """Modules by name, each after those that it needs; those that the kernel has inside are left out."""
    needs = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        path, _, others = line.partition(":")
        needs[path] = others.split()
    by_name = {Path(path).name.split(".")[0].replace("-", "_"): path for path in needs}
    found: list[str] = []
    for name in names:
        wanted = by_name.get(name)
        if wanted is not None:
            # modules.dep lists what is needed first last.
            found += [each for each in [*reversed(needs[wanted]), wanted] if each not in found]
    return [modules / each for each in found]


def _newc(entries: Iterable[tuple[str, int, bytes]]) -> Iterator[bytes]:
    """The bytes of a cpio archive, format "newc" (kernel: Documentation/driver-api/early-userspace)."""
    for number, (name, mode, data) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        raw = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(raw), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + raw
        yield head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def _chroot(root: Path, *words: str) -> None:
    _run(["chroot", str(root), *words])


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        told = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise ImageError(f"{Path(command[0]).name} failed with {done.returncode}:\n{told}")
    return done.stdout
