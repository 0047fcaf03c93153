"""`firmware_config/apply` on a Pi that is a folder: it shows, asks, changes, and undoes to the byte."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from firmware_config.plan import HERE, OPTIONS, files

APPLY = HERE / "apply"
CONFIG = b"""# For more options see http://rptl.io/configtxt
dtparam=audio=on
camera_auto_detect=1
dtoverlay=vc4-kms-v3d
[cm5]
dtoverlay=dwc2,dr_mode=host
[all]
# mine
over_voltage=2"""
KERNEL = b"console=serial0,115200 console=tty1 root=PARTUUID=4c-02 rootfstype=ext4 fsck.repair=yes rootwait\n"
FSTAB = b"proc /proc proc defaults 0 0\nPARTUUID=4c-02 / ext4 defaults,noatime 0 1\n"


@pytest.fixture
def pi(tmp_path: Path) -> Path:
    """A Pi's root, as its owner left it."""
    root = tmp_path / "pi"
    for name, data in {
        "boot/firmware/config.txt": CONFIG,
        "boot/firmware/cmdline.txt": KERNEL,
        "etc/fstab": FSTAB,
        "etc/modprobe.d/mine.conf": b"blacklist pcspkr\n",
        "etc/ssh/sshd_config.d/50-cloud-init.conf": b"PasswordAuthentication yes\n",
        "home/anna/.ssh/authorized_keys": b"ssh-ed25519 AAAA anna\n",
        "usr/share/initramfs-tools/scripts/init-bottom/overlayroot": b"#!/bin/sh\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def snapshot(root: Path) -> dict[str, bytes | None]:
    """Every file's bytes, and every folder."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None for path in root.rglob("*")
    }


def apply(*words: str | Path, answer: str = "") -> subprocess.CompletedProcess[str]:
    """Run the script as its owner does, with no package of ours in reach."""
    return subprocess.run(
        [sys.executable, "-I", APPLY, *words],
        input=answer,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
    )


def on(pi: Path, *words: str, board: str = "4", answer: str = "") -> subprocess.CompletedProcess[str]:
    """The same on that root."""
    return apply("--root", pi, "--board", board, *words, answer=answer)


@pytest.mark.parametrize(
    "options", [(), ("--wifi",), ("--rtc", "ds3231"), ("--read-only-root", "--wifi", "--rtc", "ds3231")]
)
def test_undo_restores_the_pi_to_the_byte(pi: Path, options: tuple[str, ...]) -> None:
    """Files, folders and every byte are as they were, whatever was chosen."""
    before = snapshot(pi)
    assert on(pi, "--yes", *options).returncode == 0
    assert snapshot(pi) != before
    done = on(pi, "--undo", "--yes")
    assert done.returncode == 0, done.stderr
    assert snapshot(pi) == before


def test_a_second_time_changes_nothing(pi: Path) -> None:
    """Whoever is not sure whether it was applied applies it again."""
    on(pi, "--yes")
    before = snapshot(pi)
    done = on(pi, "--yes")
    assert (done.returncode, done.stdout) == (0, "nothing to change\n")
    assert snapshot(pi) == before
    assert on(pi, "--check").returncode == 0


@pytest.mark.parametrize("later", [("--wifi",), ("--wifi", "--rtc", "ds3231")])
def test_what_is_no_longer_chosen_is_taken_away(pi: Path, later: tuple[str, ...]) -> None:
    """Options count anew: the result is the same as from a fresh Pi."""
    on(pi, "--yes", "--read-only-root")
    on(pi, "--yes", *later)
    left = snapshot(pi)
    on(pi, "--undo", "--yes")
    on(pi, "--yes", *later)
    assert left == snapshot(pi)
    assert not [name for name in left if "wifi-off" in name]
    assert (pi / "etc/fstab").read_bytes() == FSTAB


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "no\n", "what?\n"])
def test_nothing_changes_without_a_yes(pi: Path, answer: str) -> None:
    """The diff comes first; no answer is a no."""
    before = snapshot(pi)
    done = on(pi, answer=answer)
    assert done.returncode == 1
    assert "+dtparam=strict_gpiod" in done.stdout
    assert snapshot(pi) == before


def test_a_yes_is_enough(pi: Path) -> None:
    """Asked and answered."""
    assert on(pi, answer="y\n").returncode == 0
    assert b"strict_gpiod" in (pi / "boot/firmware/config.txt").read_bytes()


def test_check_shows_and_changes_nothing(pi: Path) -> None:
    """`--check` is for monitoring: its exit code says whether the Pi is as it should be."""
    before = snapshot(pi)
    done = on(pi, "--check")
    assert done.returncode == 1
    assert "+gpio=" in done.stdout
    assert snapshot(pi) == before


def test_the_owners_lines_stay(pi: Path) -> None:
    """Every line of an edited config.txt is still there, in its order, under its filter."""
    on(pi, "--yes")
    text = (pi / "boot/firmware/config.txt").read_bytes()
    assert text.startswith(CONFIG + b"\n# >>> doorcheck")
    assert (pi / "boot/firmware/cmdline.txt").read_bytes().startswith(KERNEL.rstrip() + b" doorcheck.from ")


def test_edits_after_applying_survive_the_undo(pi: Path) -> None:
    """An owner goes on editing around our lines."""
    on(pi, "--yes")
    config, kernel = pi / "boot/firmware/config.txt", pi / "boot/firmware/cmdline.txt"
    config.write_bytes(b"# new\n" + config.read_bytes() + b"dtparam=act_led_trigger=none\n")
    kernel.write_bytes(kernel.read_bytes().replace(b"\n", b" quiet\n"))
    on(pi, "--undo", "--yes")
    assert config.read_bytes() == b"# new\n" + CONFIG + b"\ndtparam=act_led_trigger=none\n"
    assert kernel.read_bytes() == KERNEL.replace(b"\n", b" quiet\n")


def test_a_file_that_is_not_ours_is_not_overwritten(pi: Path) -> None:
    """A name that somebody else has used is refused, and left by the undo."""
    mine = pi / "etc/sysctl.d/60-doorcheck.conf"
    mine.parent.mkdir()
    mine.write_text("kernel.panic = 1\n")
    before = snapshot(pi)
    done = on(pi, "--yes")
    assert done.returncode == 1
    assert "not ours" in done.stderr
    on(pi, "--undo", "--yes")
    assert snapshot(pi) == before


def test_damaged_marks_are_refused(pi: Path) -> None:
    """Half a section is somebody's edit: nothing is guessed, nothing changed."""
    on(pi, "--yes")
    config = pi / "boot/firmware/config.txt"
    config.write_bytes(config.read_bytes().replace(b"# <<< doorcheck\n", b""))
    before = snapshot(pi)
    for words in (("--yes",), ("--yes", "--wifi"), ("--undo", "--yes")):
        done = on(pi, *words)
        assert done.returncode == 1, words
        assert "by hand" in done.stderr
        assert snapshot(pi) == before


@pytest.mark.parametrize(
    ("model", "known"),
    [
        (b"Raspberry Pi Zero 2 W Rev 1.0\0", True),
        (b"Raspberry Pi 3 Model B Plus Rev 1.3\0", True),
        (b"Raspberry Pi 4 Model B Rev 1.4\0", True),
        (b"Raspberry Pi 5 Model B Rev 1.0\0", True),
        (b"Raspberry Pi 2 Model B Rev 1.1\0", False),
        (b"Raspberry Pi Zero W Rev 1.1\0", False),
        (b"Orange Pi 5\0", False),
        (b"linux,dummy-virt\0", False),
        (b"\xff\xfe\0", False),
        (b"", False),
    ],
)
def test_unknown_boards_are_refused(pi: Path, model: bytes, known: bool) -> None:
    """A board that nobody tried is not set up as if it were another."""
    path = pi / "proc/device-tree/model"
    path.parent.mkdir(parents=True)
    path.write_bytes(model)
    before = snapshot(pi)
    done = apply("--root", pi, "--yes")
    assert done.returncode == (0 if known else 2), done.stderr
    assert (snapshot(pi) == before) == (not known)


@pytest.mark.parametrize(
    "words",
    [
        ("--board", "6"),
        (),
        ("--board", "4", "--rtc", "pi5-cell"),
        ("--board", "4", "--check", "--undo"),
        ("--board", "4", "--boot", "/nonexistent"),
    ],
)
def test_bad_usage_changes_nothing(pi: Path, words: tuple[str, ...]) -> None:
    """What makes no sense is exit code 2."""
    before = snapshot(pi)
    assert apply("--root", pi, "--yes", *words).returncode == 2
    assert snapshot(pi) == before


def test_a_boot_partition_alone_is_enough(pi: Path) -> None:
    """A card in a reader: only its boot partition is touched."""
    before = snapshot(pi)
    done = apply("--boot", pi / "boot/firmware", "--board", "zero2w", "--wifi", "--yes")
    assert done.returncode == 0, done.stderr
    changed = {name for name, data in snapshot(pi).items() if before.get(name) != data}
    assert changed == {"boot/firmware/config.txt", "boot/firmware/cmdline.txt"}


def test_a_folder_that_is_no_boot_partition_is_refused(tmp_path: Path) -> None:
    """A slip in the path makes no stray files."""
    assert apply("--boot", tmp_path, "--board", "4", "--yes").returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_a_root_in_memory_is_refused(pi: Path) -> None:
    """Changes that would be gone at the next start are not made."""
    mounts = pi / "proc/self/mounts"
    mounts.parent.mkdir(parents=True)
    mounts.write_text("overlayroot / overlay rw,relatime 0 0\n")
    done = on(pi, "--yes")
    assert done.returncode == 2
    assert "gone" in done.stderr


def test_read_only_root_wants_its_package(pi: Path) -> None:
    """Without overlayroot in the initramfs the words would do nothing."""
    (pi / "usr/share/initramfs-tools/scripts/init-bottom/overlayroot").unlink()
    assert on(pi, "--read-only-root", "--yes").returncode == 2


def test_who_would_be_locked_out_is_told(pi: Path) -> None:
    """No key, or no network: it is said before it is asked."""
    (pi / "home/anna/.ssh/authorized_keys").unlink()
    done = on(pi, board="zero2w")
    assert "SSH lets nobody in" in done.stderr
    assert "nobody gets in by SSH" in done.stderr


def test_a_pin_that_is_taken_is_told(pi: Path) -> None:
    """A sound card on a lamp's pin is named with its line, and left alone."""
    config = pi / "boot/firmware/config.txt"
    config.write_bytes(b"dtoverlay=hifiberry-dac\n" + CONFIG)
    done = on(pi, "--yes")
    assert done.returncode == 0
    assert "line 1: dtoverlay=hifiberry-dac uses GPIO 18" in done.stderr
    assert config.read_bytes().startswith(b"dtoverlay=hifiberry-dac\n")


def test_modes_are_kept(pi: Path) -> None:
    """A file that its owner made private stays so; new ones can be read by all who need them."""
    (pi / "etc/fstab").chmod(0o640)
    on(pi, "--yes", "--read-only-root")
    assert (pi / "etc/fstab").stat().st_mode & 0o777 == 0o640
    assert (pi / "etc/sysctl.d/60-doorcheck.conf").stat().st_mode & 0o777 == 0o644


def test_every_line_says_why() -> None:
    """In every file of the trees, settings stand under a comment."""
    for paths in files(OPTIONS).values():
        for path in paths:
            lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line]
            assert sum(line.startswith("#") for line in lines) >= 1, path
            first = next(line for line in lines if not line.startswith("["))
            assert first.startswith("#"), path
