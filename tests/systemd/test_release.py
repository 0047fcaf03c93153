"""Releases on a box: what is taken, what is gone back from, and what the operator is told of it."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from releasing import outcome, taking, trying, wheels
from releasing.disk import Disk
from releasing.errors import RefusedError
from tests.systemd.releases import MACHINE, NEW, NEWER, OLD, Conduct, Yard, own, wheel


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    """A box with release 0.6.0, its door running."""
    return Yard.make(tmp_path / "root", tmp_path / "run")


def refused(yard: Yard) -> str:
    """Take what is signed; it must be refused, with nothing changed; the words told of it."""
    restarts = [call for call in yard.door.calls if call[0] == "restart"]
    assert taking.take(yard.box()) is False
    assert (yard.current, yard.last.outcome) == (OLD, outcome.REFUSED)
    assert yard.places.installed() == [OLD], "something was left behind"
    assert not yard.places.probation.exists()
    assert restarts == [call for call in yard.door.calls if call[0] == "restart"], "the door was disturbed"
    return yard.last.why


# Taking


def test_a_release_is_taken_tried_and_kept(yard: Yard) -> None:
    """Ready within the gate, steady through the probation: it counts, and the one before is kept."""
    yard.offer(NEW)
    assert taking.take(yard.box())
    assert (yard.current, yard.previous, yard.last.outcome) == (NEW, OLD, outcome.ON_TRIAL)
    yard.until_over()
    assert (yard.current, yard.previous, yard.last.outcome) == (NEW, OLD, outcome.KEPT)
    assert (yard.last.version, yard.last.at) == (NEW, "2026-11-24T09:00:00Z")
    assert not yard.door.watched


def test_the_release_is_a_virtual_environment_that_runs(yard: Yard) -> None:
    """What is unpacked is found by its own Python, and compiled files are there beforehand."""
    yard.offer(NEW)
    taking.take(yard.box())
    folder = yard.places.releases / NEW
    (folder / "bin/python").unlink()
    (folder / "bin/python").symlink_to(sys.executable)
    site = folder / "lib/python3.13/site-packages"
    script = f"import sys; sys.path.insert(0, {str(site)!r}); import doorcheck; print(doorcheck.__version__)"
    done = subprocess.run([folder / "bin/python", "-sPc", script], capture_output=True, text=True, check=True)
    assert done.stdout == f"{NEW}\n"
    assert (folder / "bin/doorcheck").read_text().startswith(f"#!{folder}/bin/python -sP\n")
    assert list(site.rglob("__pycache__/cli.*.pyc"))
    assert "include-system-site-packages = true" in (folder / "pyvenv.cfg").read_text()


def test_nothing_to_do_disturbs_nobody(yard: Yard) -> None:
    """The release that counts is signed again with every push: no restart, no word."""
    before = yard.last
    calls = len(yard.door.calls)
    assert taking.take(yard.box())
    assert yard.last == before
    assert len(yard.door.calls) == calls


def test_a_publication_without_a_release_changes_nothing(yard: Yard) -> None:
    """Fleets that do not send releases are left alone."""
    (yard.root / "var/lib/doorcheck/generations/1/release.json").unlink()
    assert taking.take(yard.box())
    assert yard.current == OLD


def test_the_last_two_good_releases_are_kept(yard: Yard) -> None:
    """Older ones go once the newest has passed its trial, and not before."""
    for version in (NEW, NEWER):
        yard.offer(version)
        taking.take(yard.box())
        assert OLD in yard.places.installed(), "the older one went before the newest had passed"
        yard.until_over()
    assert yard.places.installed() == [NEW, NEWER]
    assert (yard.current, yard.previous) == (NEWER, NEW)


def test_another_release_waits_for_the_trial(yard: Yard) -> None:
    """One change at a time; when the trial is over, the unit that takes is started."""
    yard.offer(NEW)
    taking.take(yard.box())
    yard.offer(NEWER)
    assert taking.take(yard.box())
    assert yard.current == NEW
    yard.until_over()
    assert yard.door.calls[-1] == ("start", "--no-block", "doorcheck-release.service")
    taking.take(yard.box())
    assert yard.current == NEWER


def test_an_older_release_may_be_signed(yard: Yard) -> None:
    """An operator's way back for a whole fleet: its wheels need not be brought again."""
    yard.offer(NEW)
    taking.take(yard.box())
    yard.until_over()
    yard.sign(OLD)
    for path in yard.places.wheels.iterdir():
        path.unlink()
    assert taking.take(yard.box())
    yard.until_over()
    assert (yard.current, yard.previous) == (OLD, NEW)


# The gate and the probation

FAILING = {
    "crashes at its start": (Conduct(restarts_s=2), "the door restarted by itself"),
    "hangs at its start": (
        Conduct(ready_s=1e9),
        "not ready after 90 seconds: the door's service is activating",
    ),
    "is given up by systemd": (Conduct(fails_s=5), "the door's service failed"),
    "is another than it says": (Conduct(version=OLD), f"the door that runs is {OLD}"),
    "sees no camera": (Conduct(conditions=("H-CAM",)), "conditions that were not there before: H-CAM"),
    "does not judge": (Conduct(state="starting"), "the door is starting"),
    "restarts in its probation": (Conduct(restarts_s=400), "the door restarted by itself"),
    "fails in its probation": (Conduct(fails_s=400), "the door's service failed"),
}


@pytest.mark.parametrize("what", FAILING)
def test_a_release_that_fails_is_gone_back_from(yard: Yard, what: str) -> None:
    """By the box itself; the operator reads why; and the same release is not tried a second time."""
    conduct, words = FAILING[what]
    yard.offer(NEW, conduct)
    taking.take(yard.box())
    yard.until_over()
    assert (yard.current, yard.previous, yard.places.installed()) == (OLD, None, [OLD])
    assert (yard.last.version, yard.last.outcome) == (NEW, outcome.RETURNED)
    assert words in yard.last.why
    assert yard.door.version == OLD, "the old release was not started again"
    assert not yard.door.watched
    told = yard.last
    assert taking.take(yard.box())
    assert (yard.current, yard.last) == (OLD, told)


def test_a_failed_release_may_be_signed_again(yard: Yard) -> None:
    """Whoever mended the cause (a cable, say) gives it another attempt."""
    yard.offer(NEW, Conduct(ready_s=1e9))
    taking.take(yard.box())
    yard.offer(NEW)
    yard.sign(NEW, attempt=2)
    taking.take(yard.box())
    yard.until_over()
    assert yard.current == NEW


def test_the_one_before_the_one_before_is_back_in_reach(yard: Yard) -> None:
    """After going back there is still a release to go back to, where there was one."""
    yard.offer(NEW)
    taking.take(yard.box())
    yard.until_over()
    yard.offer(NEWER, Conduct(restarts_s=2))
    taking.take(yard.box())
    assert (yard.current, yard.previous, yard.places.installed()) == (NEW, OLD, [OLD, NEW])


def test_what_was_wrong_before_is_no_fault_of_the_release(yard: Yard) -> None:
    """A box that was out of order for want of lists may be given a release all the same."""
    yard.door.conducts[OLD] = sick = Conduct(state="out of order", conditions=("H-NOL",))
    yard.door.shown()
    yard.offer(NEW, sick)
    taking.take(yard.box())
    yard.until_over()
    assert yard.last.outcome == outcome.KEPT


def test_a_condition_that_passes_within_the_gate_is_waited_for(yard: Yard) -> None:
    """A report of the door's first seconds is not the last word."""
    yard.offer(NEW, Conduct(conditions=("H-CAM",)))
    slept = yard.door.sleep

    def sleep(seconds: float) -> None:
        slept(seconds)
        if yard.door.now - yard.door.started > 20:
            yard.door.conducts[NEW] = Conduct()

    yard.door.sleep = sleep  # type: ignore[method-assign]
    assert taking.take(yard.box())
    assert "ready after 2" in yard.last.why


def test_a_door_that_is_stopped_by_hand_is_waited_for(yard: Yard) -> None:
    """Stopping the door for an hour fails nothing; its trial begins anew when it is started."""
    yard.offer(NEW)
    taking.take(yard.box())
    yard.door.stopped = True
    for _ in range(360):
        yard.door.sleep(10)
        assert trying.gate(yard.box())
    assert yard.places.probation.exists()
    yard.door.start()
    yard.until_over()
    assert (yard.current, yard.last.outcome) == (NEW, outcome.KEPT)


# Reboots


def test_one_reboot_begins_the_trial_anew(yard: Yard) -> None:
    """Power that is switched off at night is no failure; what went before does not count, though."""
    yard.offer(NEW)
    taking.take(yard.box())
    yard.door.sleep(500)
    trying.gate(yard.box())
    yard.reboot()
    assert yard.current == NEW
    yard.door.sleep(500)
    trying.gate(yard.box())
    assert yard.places.probation.exists(), "the seconds of before the reboot were counted"
    yard.until_over()
    assert yard.last.outcome == outcome.KEPT


def test_the_second_reboot_goes_back(yard: Yard) -> None:
    """A release that takes its board down is gone back from before the door starts, with nobody there."""
    yard.offer(NEW)
    taking.take(yard.box())
    yard.reboot()
    yard.reboot()
    assert (yard.current, yard.door.version) == (OLD, OLD)
    assert yard.last.outcome == outcome.RETURNED
    assert "the board restarted 2 times" in yard.last.why
    assert not any(call[0] == "restart" for call in yard.door.calls), (
        "the door was restarted before it started"
    )


def test_a_reboot_after_the_trial_is_no_matter(yard: Yard) -> None:
    """Boots count on trial alone."""
    yard.offer(NEW)
    taking.take(yard.box())
    yard.until_over()
    for _ in range(5):
        yard.reboot()
    assert yard.current == NEW


def test_a_boot_that_cannot_be_counted_goes_back(yard: Yard) -> None:
    """Without a count nothing would end a loop of restarts."""
    yard.offer(NEW)
    taking.take(yard.box())
    yard.disk = FullDisk()
    yard.reboot()
    assert yard.current == OLD


def test_a_link_to_nothing_is_mended_at_boot(yard: Yard) -> None:
    """Whatever happened to the link: a whole release is started if there is one."""
    yard.places.current.unlink()
    yard.places.current.symlink_to("releases/9.9.9")
    yard.reboot()
    assert yard.current == OLD


def test_a_damaged_memory_of_the_trial_keeps_the_release(yard: Yard) -> None:
    """It is not known what to go back to; the release that runs goes on, and the damage is told."""
    yard.offer(NEW)
    taking.take(yard.box())
    yard.places.probation.write_bytes(b'{"format": 1, "versi')
    assert trying.gate(yard.box())
    assert yard.current == NEW
    assert not yard.places.probation.exists()
    assert any("damaged" in line for line in yard.told)


# By hand


def test_going_back_by_hand(yard: Yard) -> None:
    """`release back`: the one before counts, and the same release is not taken again at the next push."""
    yard.offer(NEW)
    taking.take(yard.box())
    yard.until_over()
    assert trying.back(yard.box(), "by hand")
    assert (yard.current, yard.last.outcome, yard.last.why) == (OLD, outcome.RETURNED, "by hand")
    taking.take(yard.box())
    assert yard.current == OLD
    with pytest.raises(RefusedError, match="no release to go back to"):
        trying.back(yard.box(), "by hand")


def test_the_first_release_is_installed_once(yard: Yard) -> None:
    """Provisioning may be run again: nothing changes; and it is no way around the signature."""
    folder = yard.root / "first"
    before = yard.last
    assert taking.first(yard.box(), folder)
    assert yard.last == before
    assert yard.told[-1].startswith("unchanged")
    yard.bring(NEW)
    (folder / "release.json").write_bytes(yard.sign(NEW))
    with pytest.raises(RefusedError, match="signed"):
        taking.first(yard.box(), folder)


# Refused, with nothing changed


def test_a_missing_wheel(yard: Yard) -> None:
    """Named, and the next push brings it."""
    yard.offer(NEW)
    path = yard.places.wheels / f"doorcheck-{NEW}-py3-none-any.whl"
    path.unlink()
    assert refused(yard).startswith(f"{path.name} is missing")
    yard.bring(NEW)
    assert taking.take(yard.box())


def test_a_wheel_that_was_not_signed(yard: Yard) -> None:
    """One changed byte is another wheel."""
    yard.offer(NEW)
    yard.bring(NEW, own(NEW) + b"\0")
    assert "is not the one that was signed" in refused(yard)


def test_a_wheel_that_changes_under_the_hand(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is hashed is what is unpacked: swapping the file after the check gains nothing."""
    yard.offer(NEW)
    check = wheels.check

    def swapped(*arguments: Any) -> Any:
        pack = check(*arguments)
        yard.bring(NEW, wheel({"doorcheck/cli.py": "evil"}))
        return pack

    monkeypatch.setattr(wheels, "check", swapped)
    assert "is not the one that was signed" in refused(yard)


@pytest.mark.parametrize("what", ["link", "pipe", "folder", "large"])
def test_a_wheel_that_is_no_plain_file(yard: Yard, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may write the inbox can't have root read elsewhere, wait for ever, or fill the memory."""
    yard.offer(NEW)
    path = yard.bring(NEW)
    if what == "large":
        monkeypatch.setattr(wheels, "LARGEST_WHEEL_BYTES", 100)
    else:
        path.unlink()
    if what == "link":
        (yard.root / "elsewhere").write_bytes(own(NEW))
        path.symlink_to(yard.root / "elsewhere")
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    assert path.name in refused(yard)


HOSTILE = {
    "out of the release": "../../../../etc/cron.d/x",
    "from the root": "/etc/cron.d/x",
    "a backslash": "doorcheck\\..\\x.py",
    "a dot": "doorcheck/./x.py",
    "an end": "doorcheck/a\nb.py",
    "too long": "a" * 300,
    "a script": "doorcheck-0.7.0.data/scripts/x",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_wheel_with_a_path_trick(yard: Yard, what: str) -> None:
    """Even signed, a wheel writes nowhere but into its release."""
    yard.bring(NEW, wheel({"doorcheck/__init__.py": "", HOSTILE[what]: "x"}))
    yard.sign(NEW)
    assert f"doorcheck-{NEW}-py3-none-any.whl: holds" in refused(yard)


def test_a_wheel_with_a_link_in_it(yard: Yard) -> None:
    """Archives can hold symbolic links; ours hold files."""
    path = yard.places.wheels / f"doorcheck-{NEW}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("doorcheck/link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    yard.sign(NEW)
    assert "something else than files" in refused(yard)


@pytest.mark.parametrize("data", [b"", b"PK", b"not an archive", own(NEW)[:-40]])
def test_a_wheel_that_is_no_archive(yard: Yard, data: bytes) -> None:
    """Signed by mistake, and said so."""
    yard.bring(NEW, data)
    yard.sign(NEW)
    assert "not an archive" in refused(yard)


def test_two_wheels_with_the_same_file(yard: Yard) -> None:
    """Which of them would count depends on the order: neither does."""
    (yard.places.wheels / "other-1.0-py3-none-any.whl").write_bytes(own(NEW))
    yard.offer(NEW)
    assert "another wheel holds a file of the same name" in refused(yard)


def test_a_release_that_unpacks_to_too_much(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bomb is not unpacked."""
    monkeypatch.setattr(wheels, "LARGEST_RELEASE_BYTES", 10_000)
    yard.bring(NEW, wheel({"doorcheck/__init__.py": b"", "doorcheck/zeros": bytes(20_000)}))
    yard.sign(NEW)
    assert "too large" in refused(yard)


BROKEN: dict[str, dict[str, Any]] = {
    "another format": {"format": 2},
    "a version that is a path": {"version": "../../../tmp"},
    "a version that is an option": {"version": "-0.7.0"},
    "no version": {"version": None},
    "another Python": {"python": "3.11"},
    "no Python": {"python": "3.13; rm -rf /"},
    "no wheels": {"wheels": {}},
    "no wheels for this box": {
        "wheels": {"riscv64": [{"name": f"doorcheck-{NEW}-py3-none-any.whl", "sha256": "0" * 64}]}
    },
    "a wheel's name that is a path": {
        "wheels": {MACHINE: [{"name": f"../doorcheck-{NEW}-py3-none-any.whl", "sha256": "0" * 64}]}
    },
    "not the program": {"wheels": {MACHINE: [{"name": "other-1.0-py3-none-any.whl", "sha256": "0" * 64}]}},
    "a hash that is none": {
        "wheels": {MACHINE: [{"name": f"doorcheck-{NEW}-py3-none-any.whl", "sha256": "0"}]}
    },
    "a list of nothing": {"wheels": {MACHINE: []}},
    "wheels that are no list": {"wheels": {MACHINE: "x"}},
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_release_file_that_is_not_as_it_should_be(yard: Yard, what: str) -> None:
    """Refused with words; nothing of it is used as a path."""
    yard.bring(NEW)
    yard.sign(NEW, **BROKEN[what])
    assert refused(yard)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"format": 1, "format": 1}', b"x" * 300_000]
)
def test_a_release_file_that_is_none(yard: Yard, data: bytes) -> None:
    """Whatever stands there: a line, and no harm."""
    (yard.root / "var/lib/doorcheck/generations/1/release.json").write_bytes(data)
    assert refused(yard)


def test_a_link_out_of_the_generations_is_not_followed(yard: Yard) -> None:
    """The door's own user can't have root read a release file from elsewhere."""
    link = yard.root / "var/lib/doorcheck/current"
    link.unlink()
    link.symlink_to("../../../tmp")
    assert taking.take(yard.box())
    assert yard.current == OLD


def test_other_wheels_under_the_same_version(yard: Yard) -> None:
    """A release that counts is never changed in place."""
    yard.bring(OLD, own(OLD) + b"\0")
    yard.sign(OLD)
    assert "give it a new version" in refused(yard)


def test_a_release_that_does_not_load(yard: Yard) -> None:
    """A missing library is found while the door goes on with the old release."""
    yard.offer(NEW, Conduct(loads=False))
    assert refused(yard).startswith("it does not start here")


def no_room(path: Path) -> OSError:
    """What a full disk says."""
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


class FullDisk(Disk):
    """No byte more; what is there may be renamed and removed."""

    def writing(self, path: Path, *_: Any, **__: Any) -> Any:
        """Refuse."""
        raise no_room(path)

    def put(self, path: Path, *_: Any, **__: Any) -> None:
        """Refuse."""
        raise no_room(path)


class TightDisk(Disk):
    """Has room for so many files, and says so or not; a file that is removed makes room for another."""

    def __init__(self, files: int, *, is_honest: bool = False) -> None:
        self.left, self.is_honest = files, is_honest

    def free_bytes(self, path: Path) -> int:
        """More or less."""
        return wheels.ROOM_BYTES if self.is_honest else super().free_bytes(path)

    def put(self, path: Path, data: bytes, permissions: int = 0o644) -> None:
        """Until it is full."""
        self._take(path)
        super().put(path, data, permissions)

    def writing(self, path: Path, permissions: int | None = None) -> Any:
        """Until it is full."""
        self._take(path)
        return super().writing(path, permissions)

    def remove(self, path: Path) -> None:
        """Room again."""
        super().remove(path)
        self.left += 1

    def _take(self, path: Path) -> None:
        if self.left <= 0:
            raise no_room(path)
        self.left -= 1


def test_a_disk_without_room(yard: Yard) -> None:
    """Found before the first byte is written, with room left for the door's own files; and told."""
    yard.offer(NEW)
    yard.disk = TightDisk(3, is_honest=True)
    assert "the disk is full" in refused(yard)


@pytest.mark.parametrize("files", range(12))
def test_a_disk_that_fills_up_on_the_way(yard: Yard, files: int) -> None:
    """At whichever file: the old release counts, it is told, and what was half made is removed."""
    yard.offer(NEW)
    yard.disk = TightDisk(files)
    taken = taking.take(yard.box())
    if taken:
        assert yard.current == NEW
        return
    assert yard.current == OLD
    assert "no space left" in yard.last.why or "written down" in yard.last.why
    assert yard.places.installed() == [OLD]
    assert not yard.places.probation.exists()


def test_going_back_needs_no_room(yard: Yard) -> None:
    """A full disk is one of the reasons for going back."""
    yard.offer(NEW, Conduct(restarts_s=400))
    taking.take(yard.box())
    yard.disk = FullDisk()
    yard.until_over()
    assert (yard.current, yard.door.version) == (OLD, OLD)


def test_an_environment_that_cannot_be_made(yard: Yard) -> None:
    """A folder that can't be written: refused, and said."""
    yard.offer(NEW)

    class ReadOnly(Disk):
        def make_folder(self, path: Path, *_: Any, **__: Any) -> None:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    yard.disk = ReadOnly()
    assert "read-only file system" in refused(yard)


def test_what_others_put_there_is_left_alone(yard: Yard) -> None:
    """A link of another form was made by hand: nothing is removed then."""
    yard.places.current.unlink()
    yard.places.current.symlink_to("/srv/own-build")
    (yard.places.releases / "own").mkdir()
    yard.box().tidy()
    assert yard.places.installed() == [OLD, "own"]


def test_the_outcome_is_for_anybody_to_read(yard: Yard) -> None:
    """The account that asks for it has no rights of its own."""
    yard.offer(NEW)
    taking.take(yard.box())
    for path in (yard.places.last, yard.places.probation):
        assert path.stat().st_mode & 0o777 == 0o644
        assert json.loads(path.read_bytes())["format"] == 1
