"""What befalls a fleet, on real parts: five doors with systemd, sshd and a network of their own.

Each test leaves the fleet as it found it, but for what was published; they are told in this order.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.fleet.rig import disk, fleet, lan, link, wheelhouse
from tests.fleet.rig.keys import ssh_options
from tests.fleet.rig.office import Done, Office
from tests.fleet.rig.places import Places
from tests.fleet.rig.venue import AS_THE_DOOR, PROGRAM, Venue, interrupt, wait_for

DOORS = 5
UNREACHABLE, FAILED = 4, 2
RECAP = re.compile(r"(?m)^(door-\d+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)")
NEW, NEVER_READY, DIES_LATER, CANNOT_LOAD = "90.1.0", "90.2.0", "90.3.0", "90.4.0"
TRIAL_ENDS_WITHIN_S = 240.0
Note = Callable[[str, object], None]


@pytest.fixture(scope="module")
def venue(lan: Places, tmp_path_factory: pytest.TempPathFactory) -> Venue:
    """Five flashed boxes, an office with its repository, and a first release."""
    hosts = fleet.up(lan, DOORS, 0)
    office = Office(tmp_path_factory.mktemp("office"))
    office.found()
    made = Venue(hosts, office)
    made.furnish(wheelhouse.wheelhouse(lan.cache, office.folder / "wheels-first", "90.0.0"))
    return made


@pytest.fixture(scope="module")
def provisioned(venue: Venue) -> Done:
    """The first provisioning, done once."""
    return venue.fleet("provision")


@pytest.fixture
def doors(venue: Venue, provisioned: Done) -> Venue:
    """Provisioned doors."""
    if provisioned.code != 0:
        pytest.skip("the first provisioning failed: see its test")
    return venue


def recap(done: Done) -> dict[str, tuple[int, int, int]]:
    """What Ansible counted on each door: changed, unreachable, failed."""
    return {found[1]: (int(found[2]), int(found[3]), int(found[4])) for found in RECAP.finditer(done.said)}


def published(venue: Venue) -> int:
    """The timestamp's version in `public/`."""
    told = json.loads((venue.office.public / "metadata" / "timestamp.json").read_bytes())
    return int(told["signed"]["version"])


def taken(venue: Venue, door: str) -> int:
    """The timestamp's version that a door holds."""
    update: dict[str, Any] = venue.report(door)["update"] or {}
    return int((update.get("metadata") or {}).get("timestamp", {}).get("version", 0))


def status(venue: Venue, door: str) -> dict[str, Any]:
    """The door's own status; empty while it does not run."""
    return dict(venue.report(door)["status"] or {})


def release_outcome(venue: Venue, door: str) -> tuple[str, str]:
    """Which release was tried last, and what became of it."""
    told = venue.report(door)["release"]
    return told.get("version", ""), told.get("outcome", "")


def leak(venue: Venue, serial: str) -> bytes:
    """A pass that is put on the deny list; it is published, and not yet pushed."""
    text = venue.office.issue(serial)
    venue.office.do("revoke", text.decode())
    venue.office.publish()
    return text


def sign_release(venue: Venue, version: str, breakage: wheelhouse.Breakage | None = None) -> Path:
    """Make and sign a release; it is published, and not yet pushed."""
    folder = venue.office.folder / f"wheels-{version}"
    wheelhouse.wheelhouse(venue.hosts.places.cache, folder, version, breakage)
    venue.office.do("use-release", str(folder))
    venue.office.publish()
    return folder


def test_first_provisioning(venue: Venue, provisioned: Done) -> None:
    """First provisioning: from flashed systems to five doors that admit a genuine pass."""
    assert provisioned.code == 0, provisioned
    assert set(recap(provisioned)) == set(venue.doors)
    genuine = venue.office.issue("first")
    assert {door: venue.verdict(door, genuine) for door in venue.doors} == dict.fromkeys(venue.doors, "ADMIT")
    assert {door: status(venue, door)["state"] for door in venue.doors} == dict.fromkeys(
        venue.doors, "judging"
    )


def test_idempotence(doors: Venue) -> None:
    """Idempotence: a second provisioning changes nothing."""
    again = doors.fleet("provision")
    assert again.code == 0, again
    assert recap(again) == dict.fromkeys(doors.doors, (0, 0, 0)), again


def test_check_tells_the_truth(doors: Venue) -> None:
    """Check mode names what differs on one box, changes nothing, and is silent about the rest."""
    unit = doors.path("door-2", "etc/systemd/system/doorcheck.service")
    before = unit.read_text()
    unit.write_text(before.replace("WatchdogSec=10", "WatchdogSec=99"))
    look = doors.fleet("provision", "--check", "--diff")
    assert look.code == 0, look
    assert "-WatchdogSec=99" in look.said
    assert {door for door, counts in recap(look).items() if counts[0]} == {"door-2"}, look
    assert "WatchdogSec=99" in unit.read_text()
    mended = doors.fleet("provision", "--limit", "door-2")
    assert (mended.code, unit.read_text()) == (0, before), mended


def test_update(doors: Venue, record_property: Note) -> None:
    """Update: a leaked pass is refused at every door after one push; its replacement is admitted."""
    leaked = leak(doors, "leaked")
    push = doors.fleet("push-trust")
    assert push.code == 0, push
    record_property("push-trust to 5 doors, seconds", round(push.took_s, 1))
    assert {doors.verdict(door, leaked) for door in doors.doors} == {"REFUSE"}
    assert doors.verdict("door-1", doors.office.issue("replacement")) == "ADMIT"


def test_release(doors: Venue, record_property: Note) -> None:
    """New release: rolled out in stages, tried and kept on every door."""
    wheels = sign_release(doors, NEW)
    rolled = doors.fleet("roll-out", "-e", f"doorcheck_wheelhouse={wheels}")
    assert rolled.code == 0, rolled
    record_property("roll-out to 5 doors, seconds", round(rolled.took_s, 1))
    assert {release_outcome(doors, door) for door in doors.doors} == {(NEW, "kept")}
    assert {status(doors, door)["version"] for door in doors.doors} == {NEW}


def test_release_that_is_never_ready(doors: Venue) -> None:
    """Broken release: the canary goes back by itself, the roll-out stops, the other doors never see it."""
    wheels = sign_release(doors, NEVER_READY, wheelhouse.never_ready)
    rolled = doors.fleet("roll-out", "-e", f"doorcheck_wheelhouse={wheels}")
    assert rolled.code == FAILED, rolled
    assert "stopped" in rolled.said, rolled
    assert release_outcome(doors, "door-1") == (NEVER_READY, "returned")
    others = doors.doors[1:]
    assert {release_outcome(doors, door) for door in others} == {(NEW, "kept")}
    wait_for(lambda: status(doors, "door-1").get("ready"), "the door that went back")
    assert {status(doors, door)["version"] for door in doors.doors} == {NEW}
    assert doors.verdict("door-1", doors.office.issue("after")) == "ADMIT"


def test_release_that_cannot_be_loaded(doors: Venue) -> None:
    """Broken release: one that can't be loaded is refused while the door goes on, without a restart."""
    wheels = sign_release(doors, CANNOT_LOAD, wheelhouse.cannot_load)
    before = status(doors, "door-2")["started"]
    pushed = doors.fleet("release", "--limit", "door-2", "-e", f"doorcheck_wheelhouse={wheels}")
    assert pushed.code == FAILED, pushed
    assert release_outcome(doors, "door-2") == (CANNOT_LOAD, "refused")
    assert status(doors, "door-2")["started"] == before


def test_release_fails_while_nobody_watches(doors: Venue) -> None:
    """Broken release: with the operator's connection gone, the box itself goes back."""
    wheels = sign_release(doors, DIES_LATER, wheelhouse.dies_later)
    rolling = doors.start("release", "--limit", "door-3", "-e", f"doorcheck_wheelhouse={wheels}")
    said = doors.path("door-3", "var/lib/doorcheck-release/last.json")
    wait_for(lambda: DIES_LATER in said.read_text(), "the trial", TRIAL_ENDS_WITHIN_S)
    interrupt(rolling)
    where = doors.hosts.places
    lan.plug(where, "door-3", plugged=False)
    try:
        wait_for(lambda: '"returned"' in said.read_text(), "the box going back", TRIAL_ENDS_WITHIN_S)
    finally:
        lan.plug(where, "door-3", plugged=True)
    wait_for(lambda: doors.hosts.answers("door-3"), "door-3")
    wait_for(lambda: status(doors, "door-3").get("version") == NEW, "the release before")


def booted_on_trial(trial: Path) -> int | None:
    """How often a box started with the release that is on trial; None while none is."""
    try:
        return int(json.loads(trial.read_bytes())["boots"])
    except (FileNotFoundError, ValueError):
        return None


def test_box_dies_on_trial(doors: Venue) -> None:
    """Boot counter: a box whose power is cut twice with a release on trial goes back to the one before."""
    wheels = sign_release(doors, "90.5.0")
    rolling = doors.start("release", "--limit", "door-4", "-e", f"doorcheck_wheelhouse={wheels}")
    trial = doors.path("door-4", "var/lib/doorcheck-release/probation.json")
    try:
        for boots in range(2):
            wait_for(lambda: booted_on_trial(trial) == boots, "the trial", TRIAL_ENDS_WITHIN_S)  # noqa: B023
            doors.hosts.off("door-4")
            doors.hosts.on("door-4")
    finally:
        interrupt(rolling)
    doors.hosts.wait(["door-4"])
    wait_for(
        lambda: release_outcome(doors, "door-4") == ("90.5.0", "returned"), "going back", TRIAL_ENDS_WITHIN_S
    )
    wait_for(lambda: status(doors, "door-4").get("version") == NEW, "the release before")


def test_box_dies_in_the_middle_of_an_update(doors: Venue) -> None:
    """Box dies mid-update: it wakes with the old lists or the new ones, whole, and catches up."""
    leaked = leak(doors, "power cut")
    pushing = doors.start("push-trust", "--limit", "door-2")
    snapshot = doors.path(
        "door-2", f"var/lib/doorcheck/inbox/public/metadata/{published(doors)}.snapshot.json"
    )
    wait_for(snapshot.exists, "the push", every_s=0.01)
    doors.hosts.off("door-2")
    interrupt(pushing)
    doors.hosts.on("door-2")
    doors.hosts.wait(["door-2"])
    wait_for(lambda: status(doors, "door-2").get("ready"), "the door")
    assert (doors.report("door-2")["update"] or {}).get("damage") is None
    push = doors.fleet("push-trust")
    assert push.code == 0, push
    assert taken(doors, "door-2") == published(doors)
    assert doors.verdict("door-2", leaked) == "REFUSE"


def test_box_is_away_and_comes_back(doors: Venue) -> None:
    """Box unreachable: it is named, the others are served; later it catches up."""
    leaked = leak(doors, "away")
    doors.hosts.off("door-3")
    push = doors.fleet("push-trust")
    assert push.code == UNREACHABLE, push
    assert {door for door, counts in recap(push).items() if counts[1]} == {"door-3"}, push
    assert {taken(doors, door) for door in doors.doors if door != "door-3"} == {published(doors)}
    doors.hosts.on("door-3")
    doors.hosts.wait(["door-3"])
    push = doors.fleet("push-trust")
    assert push.code == 0, push
    assert doors.verdict("door-3", leaked) == "REFUSE"


def test_slow_and_lossy_link(doors: Venue, record_property: Note) -> None:
    """Slow and lossy link (300 ms each way, 5 % lost, 256 kbit/s): the update arrives."""
    leaked = leak(doors, "slow")
    how = link.worsen(doors.hosts.places, "door-4", link.Condition(300, 5, 256e3))
    try:
        push = doors.fleet("push-trust")
    finally:
        link.clear(doors.hosts.places, "door-4")
    record_property("push-trust, seconds, by " + how, round(push.took_s, 1))
    assert push.code == 0, push
    assert doors.verdict("door-4", leaked) == "REFUSE"


def test_disk_full(doors: Venue) -> None:
    """Disk full: the push says so, the door goes on with its lists; with room again it catches up."""
    before = taken(doors, "door-5")
    leaked = leak(doors, "full")
    disk.fill(doors.hosts.places, "door-5")
    try:
        push = doors.fleet("push-trust", "--limit", "door-5")
        state = status(doors, "door-5")["state"]
    finally:
        disk.free(doors.hosts.places, "door-5")
    assert push.code == FAILED, push
    assert re.search(r"(?i)disk.{0,20}full|no space", push.said), push
    assert (taken(doors, "door-5"), state) == (before, "judging")
    push = doors.fleet("push-trust", "--limit", "door-5")
    assert push.code == 0, push
    assert doors.verdict("door-5", leaked) == "REFUSE"


def test_wrong_host_key(doors: Venue) -> None:
    """Wrong host key: the box is refused and named, nothing is sent to it, the others are served."""
    leak(doors, "key")
    before = taken(doors, "door-1")
    forget_connections(doors, "door-1")
    doors.hosts.rekey("door-1")
    try:
        push = doors.fleet("push-trust")
    finally:
        doors.hosts.rekey("door-1", back=True)
    assert push.code == FAILED, push
    assert {door for door, counts in recap(push).items() if counts[2]} == {"door-1"}, push
    assert re.search(r"(?i)host key|another key", push.said), push
    wait_for(lambda: doors.ssh("door-1", "status", "status").code == 0, "its own key")
    assert taken(doors, "door-1") == before
    assert doors.fleet("push-trust").code == 0


def forget_connections(venue: Venue, door: str) -> None:
    """End connections that are still open: a new one must be made."""
    venue.inside(door, "systemctl", "restart", "ssh")
    venue.inside(door, "sh", "-c", "for one in $(pgrep sshd-session); do kill $one; done")


@pytest.mark.parametrize(
    "words",
    [(), ("id",), ("cat", "/etc/doorcheck/door.toml"), ("sh", "-c", "id"), ("rrsync", "/")],
    ids=lambda words: "-".join(words).replace("/", "_") or "shell",
)
@pytest.mark.parametrize("account", ["push", "status"])
def test_restricted_account_runs_nothing_else(doors: Venue, account: str, words: tuple[str, ...]) -> None:
    """Restricted account tries more: no other command, no shell."""
    done = doors.ssh("door-1", account, *words)
    assert "uid=" not in done.said
    assert "camera" not in done.said
    if (account, words) != ("status", ()):  # its one answer
        assert done.code != 0, done


@pytest.mark.parametrize(
    ("account", "source", "target"),
    [
        ("push", "note", "{door}:../outside"),
        ("push", "note", "{door}:/var/lib/doorcheck/generations/note"),
        ("push", "{door}:public/", "taken/"),
        ("status", "note", "{door}:note"),
        ("status", "{door}:/etc/passwd", "taken"),
    ],
)
def test_restricted_account_copies_nowhere_else(
    doors: Venue, tmp_path: Path, account: str, source: str, target: str
) -> None:
    """Restricted account tries more: nothing is written outside the inbox, nothing is read out."""
    note = tmp_path / "note"
    note.write_text("hello\n")
    where = doors.hosts.places
    shell = ["ssh", *ssh_options(doors.hosts.places), "-i", str(where.keys / account)]
    name = f"doorcheck-{account}@{doors.hosts.address('door-1')}"
    words = [one.format(door=name) for one in (source, target)]
    ends = [str(tmp_path / one) if ":" not in one else one for one in words]
    done = doors.office.finish(["rsync", "-r", "-e", " ".join(shell), "--", *ends])
    assert done.code != 0, done
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["note"]
    for stray in ("var/lib/doorcheck/outside", "var/lib/doorcheck/generations/note", "note"):
        assert not doors.path("door-1", stray).exists()


@pytest.mark.parametrize("account", ["push", "status"])
def test_restricted_account_forwards_nothing(doors: Venue, account: str) -> None:
    """Restricted account tries more: no forwarding into the box, no file transfer by SFTP."""
    where = doors.hosts.places
    target = f"doorcheck-{account}@{doors.hosts.address('door-1')}"
    own = [*ssh_options(doors.hosts.places), "-i", str(where.keys / account)]
    through = doors.office.finish(["ssh", *own, "-W", "127.0.0.1:22", target])
    assert "SSH-2.0" not in through.said
    sftp = doors.office.finish(["sftp", *own, target])
    assert sftp.code != 0, sftp


def test_two_operators_at_once(doors: Venue) -> None:
    """Two operators at once: both pushes end well, and every door has the newest lists."""
    leaked = leak(doors, "both")
    both = [doors.start("push-trust", "--limit", "doors") for _ in range(2)]
    ended = [(one.communicate(timeout=600)[0].decode(errors="replace"), one.returncode) for one in both]
    assert [code for _, code in ended] == [0, 0], ended
    assert {taken(doors, door) for door in doors.doors} == {published(doors)}
    assert doors.verdict("door-1", leaked) == "REFUSE"


def test_older_trust_is_refused(doors: Venue) -> None:
    """Trust older than the box's: refused by the box, which keeps what it has."""
    older = doors.office.folder / "older"
    shutil.copytree(doors.office.public, older)
    leaked = leak(doors, "older")
    assert doors.fleet("push-trust").code == 0
    newest = published(doors)
    by_hand = bring_by_hand(doors, "door-1", older)
    assert by_hand["exit"] != 0, by_hand
    assert "old" in json.dumps(by_hand["said"]), by_hand
    assert taken(doors, "door-1") == newest
    assert doors.verdict("door-1", leaked) == "REFUSE"


def bring_by_hand(venue: Venue, door: str, public: Path) -> dict[str, Any]:
    """Push a folder with plain rsync, as whoever holds the push key can; what the box said to it."""
    where = venue.hosts.places
    shell = " ".join(["ssh", *ssh_options(where), "-i", str(where.keys / "push")])
    target = f"doorcheck-push@{venue.hosts.address(door)}:"
    mark = venue.office.folder / "finished"
    mark.write_text(word := f"byhand-{time.monotonic_ns()}")
    options = ["-rt", "--delete", "--chmod=D755,F644", "-e", shell]
    for words in ([*options, "--checksum", f"{public}/", f"{target}public/"], [*options, str(mark), target]):
        done = venue.office.finish(["rsync", *words])
        assert done.code == 0, done

    def answer() -> dict[str, Any] | None:
        last = dict((venue.report(door)["update"] or {}).get("last") or {})
        return last if last.get("push") == word else None

    return wait_for(answer, "the box's answer")


def test_stick_update(doors: Venue) -> None:
    """Stick update: without any network, the publication is carried to the box and taken."""
    leaked = leak(doors, "stick")
    where = doors.hosts.places
    lan.plug(where, "door-2", plugged=False)
    try:
        stick = doors.path("door-2", "media/stick")
        shutil.copytree(doors.office.public, stick / "public")
        for path in (stick, *stick.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        done = doors.inside("door-2", *AS_THE_DOOR, PROGRAM, "update", "/media/stick/public")
        assert done.code == 0, done
    finally:
        lan.plug(where, "door-2", plugged=True)
    assert doors.verdict("door-2", leaked) == "REFUSE"
    shutil.rmtree(stick)
