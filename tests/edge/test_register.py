"""The register on disk: whole through power cuts, readable through damage, and nobody's but the staff's."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from tests.update.powercut import Model, RecordingDisk, build

from doorcheck.core import badge, shifts
from doorcheck.core.badge import Badge, BadgeKeys
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.shifts import How, Kind, Shift
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.edge import register
from doorcheck.edge.attendance import Attendance, Registrar
from doorcheck.edge.register import Register, RegisterError, open_shifts
from doorcheck.lab.bench import Bench
from doorcheck.operator import badges as operator_badges

EVENING: Final = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
OPENED: Final = int(EVENING.timestamp())
CLOSED: Final = OPENED + 4 * 3600
NOOR: Final = Badge(b"n" * 16, "Noor Lämp", OPENED - 86400, OPENED + 90 * 86400)
BASILE: Final = Badge(b"b" * 16, "Basile O'Quarante", OPENED - 86400, OPENED + 90 * 86400)
FIRST: Final = Shift(NOOR, OPENED)
DONE: Final = replace(FIRST, closed=CLOSED, how=How.SHOWN)
SECOND: Final = Shift(BASILE, OPENED + 60, doubtful=True)
NOW: Final = Moment(EVENING, Basis.NETWORK)


@pytest.fixture
def book(tmp_path: Path) -> Register:
    """An empty register."""
    return Register(tmp_path)


def days(book: Register) -> list[str]:
    """The names of its files."""
    return sorted(path.name for path in book.folder.iterdir())


def test_shifts_come_back(book: Register) -> None:
    """An opening, then the closing on the next day: one shift, whole; another is still open."""
    book.add(FIRST)
    book.add(SECOND)
    assert book.read().shifts == (FIRST, SECOND)
    book.add(DONE)
    found = book.read()
    assert (found.shifts, found.damaged) == ((DONE, SECOND), 0)
    assert open_shifts(found) == [SECOND]
    assert days(book) == ["2026-11-23.lines", "2026-11-24.lines"]


def test_an_empty_register_is_read(book: Register) -> None:
    """Before the first shift there is nothing, and that is no error."""
    assert book.read() == register.Found((), 0)
    assert book.purge(1, NOW) == 0


def test_a_line_says_who_since_when_and_nothing_else(book: Register) -> None:
    """The fields of a line are all there are: no place for anything of a visitor."""
    book.add(DONE)
    (path,) = book.folder.iterdir()
    check, _, line = path.read_text().rstrip("\n").partition(" ")
    assert re.fullmatch("[0-9a-f]{16}", check)
    assert json.loads(line) == {
        "format": 1,
        "badge": NOOR.id.hex(),
        "name": "Noor Lämp",
        "authorised": NOOR.authorised,
        "until": NOOR.until,
        "opened": OPENED,
        "doubtful": False,
        "closed": CLOSED,
        "how": "badge shown",
    }
    assert path.stat().st_mode & 0o007 == 0, "nobody else reads it"
    assert book.folder.stat().st_mode & 0o007 == 0


def test_a_closed_shift_stays_closed(book: Register) -> None:
    """A line of its opening that comes once more opens it no more."""
    closed = replace(DONE, closed=OPENED + 60)
    for shift in (FIRST, closed, FIRST):
        book.add(shift)
    assert book.read().shifts == (closed,)
    assert open_shifts(book.read()) == []


def test_a_shift_that_was_overtaken_is_not_resumed(book: Register) -> None:
    """When the line of a closing was lost, a later shift of the badge says that it ended."""
    later = replace(DONE, opened=OPENED + 86400, closed=OPENED + 90000)
    book.add(FIRST)
    book.add(later)
    assert open_shifts(book.read()) == []


# Retention


def test_old_days_go(book: Register) -> None:
    """What is older than the days to keep goes, the rest stays; a shift stays whole with its closing."""
    old = replace(FIRST, opened=OPENED - 86400)
    for shift in (old, replace(old, closed=OPENED - 80000, how=How.SHOWN), FIRST, DONE):
        book.add(shift)
    later = Moment(EVENING + timedelta(days=90), Basis.NETWORK)
    assert book.purge(90, later) == 1
    assert days(book) == ["2026-11-23.lines", "2026-11-24.lines"]
    assert book.purge(90, Moment(later.utc + timedelta(days=1), Basis.NETWORK)) == 1
    assert book.read().shifts == (DONE,)


def test_nothing_goes_on_a_clock_that_nobody_believes(book: Register) -> None:
    """A lower bound throws nothing away."""
    book.add(FIRST)
    assert book.purge(1, Moment(EVENING + timedelta(days=900), Basis.FLOOR)) == 0
    assert book.read().shifts == (FIRST,)


def test_what_a_power_cut_left_is_removed(book: Register) -> None:
    """Temporary files go with the next purge; a stranger's file is left alone."""
    book.add(FIRST)
    (book.folder / ".0123456789abcdef.tmp").write_bytes(b"half a li")
    (book.folder / "2026-02-31.lines").write_bytes(b"")
    (book.folder / "notes.txt").write_bytes(b"")
    book.purge(90, NOW)
    assert days(book) == ["2026-02-31.lines", "2026-11-23.lines", "notes.txt"]


# Damage


def test_a_torn_line_costs_itself_only(book: Register) -> None:
    """Whatever a file system made of the last line, the others count, and the next one too."""
    book.add(FIRST)
    book.add(SECOND)
    path = book.folder / "2026-11-23.lines"
    whole = path.read_bytes()
    for size in range(len(whole) - 1, whole.index(b"\n") + 1, -1):
        path.write_bytes(whole[:size])
        found = book.read()
        complete = size == len(whole) - 1
        assert found.shifts == ((FIRST, SECOND) if complete else (FIRST,))
        assert found.damaged == (0 if complete else 1)
    book.add(SECOND)
    assert book.read() == register.Found((FIRST, SECOND), 1)


@given(data=st.binary(max_size=300), at=st.integers(0, 400))
def test_any_damage_is_counted_and_never_believed(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, at: int
) -> None:
    """Whatever stands in a day's file, only lines as they were written count."""
    book = Register(tmp_path_factory.mktemp("state"))
    book.add(FIRST)
    path = book.folder / "2026-11-23.lines"
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + data + whole[at:])
    found = book.read()
    assert set(found.shifts) <= {FIRST}
    if found.shifts != (FIRST,):
        assert found.damaged >= 1


def test_a_line_with_a_right_hash_must_be_a_line(book: Register) -> None:
    """Another format, or a shift that ends before it begins, is damage."""
    book.add(DONE)
    (path,) = book.folder.iterdir()
    line = path.read_bytes().rstrip(b"\n").partition(b" ")[2]
    wrong = [
        line.replace(b'"format":1', b'"format":2'),
        line.replace(str(CLOSED).encode(), str(OPENED - 1).encode()),
        line.replace(b'"badge shown"', b"null"),
        line.replace(b'"badge shown"', b'"asleep"'),
        line.replace(b"Noor", b"=Noor"),
        line.replace(b'"format":1', b'"format":1,"visitor":"x"'),
        b"[]",
    ]
    path.write_bytes(b"".join(register.checked(one) for one in wrong))
    assert book.read() == register.Found((), len(wrong))


def test_a_day_has_an_end(book: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day's file never grows without bounds: the line is refused, and those there stay."""
    book.add(FIRST)
    monkeypatch.setattr(register, "LARGEST_DAY_BYTES", 300)
    with pytest.raises(RegisterError, match=r"cannot add to .*2026-11-23\.lines: it would be larger"):
        book.add(SECOND)
    assert book.read().shifts == (FIRST,)


def test_an_unwritable_disk_is_named(tmp_path: Path) -> None:
    """Which file, and why; no name of a controller."""
    (tmp_path / "register").write_bytes(b"not a folder")
    with pytest.raises(RegisterError, match=r"cannot add to .*/register/2026-11-23\.lines: ") as refused:
        Register(tmp_path).add(FIRST)
    assert "Noor" not in str(refused.value)


# Power cuts


def test_a_power_cut_at_any_step_loses_no_line_that_was_written(tmp_path: Path) -> None:
    """After each step of adding and purging: all lines of before, and the new one whole or not at all."""
    (tmp_path / "state").mkdir()
    (tmp_path / "store").mkdir()
    written: list[tuple[set[Shift], set[Shift]]] = []
    disk = RecordingDisk()
    book, model = Register(tmp_path / "state", disk), Model(tmp_path / "state")
    plan = [FIRST, SECOND, DONE, replace(SECOND, closed=CLOSED, how=How.FORGOTTEN)]
    trees: list[tuple[int, str, dict[str, bytes | str | None]]] = []
    for shift in plan:
        before = set(book.read().shifts)
        done = len(disk.steps)
        book.add(shift)
        written.append((before, set(book.read().shifts)))
        for step in disk.steps[done:]:
            model.apply(step)
            trees += [(len(written) - 1, words, tree) for words, tree in model.states(thorough=True)]
    assert len(trees) > 100
    for number, (which, words, tree) in enumerate(trees):
        folder = tmp_path / f"cut{number}"
        build(tree, folder, tmp_path / "store")
        found = Register(folder).read()
        assert (set(found.shifts), found.damaged) in [(state, 0) for state in written[which]], words
        shutil.rmtree(folder)


# At a running door

KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(32))
FLEET: Final = operator_badges.with_key(None, KEY, OPENED)
KEYS: Final = BadgeKeys(bytes.fromhex(FLEET.fleet), frozenset({FLEET.public}))


def shown(one: Badge) -> Symbol:
    """A badge before the camera."""
    return Symbol(SymbolFormat.QR, operator_badges.sign(one, FLEET, KEY))


def attendance(book: Register, keys: BadgeKeys = KEYS) -> Attendance:
    """A door's, whose registrar works when the test says so."""
    return Attendance.resumed(lambda: keys, lambda: 90, book, Registrar(book))


def test_a_badge_in_view_is_on_the_register(book: Register) -> None:
    """Its shift is told and written; the verifier does not get it, but gets the pass beside it."""
    door, visitor = attendance(book), Symbol(SymbolFormat.QR, b"HC1:...")
    others, events = door.take([shown(NOOR), visitor], 0, NOW)
    assert others == [visitor]
    assert [event.kind for event in events] == [Kind.OPENED]
    door.registrar.work()
    assert book.read().shifts == (FIRST,)
    door.take([shown(NOOR)], shifts.AGAIN_MS + 1, NOW)
    door.registrar.work()
    assert book.read().shifts == (replace(FIRST, closed=OPENED, how=How.SHOWN),)


def test_saying_it_again_writes_nothing(book: Register) -> None:
    """Somebody unsure is told, and the register stays as it is."""
    door = attendance(book)
    door.take([shown(NOOR)], 0, NOW)
    _, events = door.take([shown(NOOR)], shifts.LEFT_MS + 1, NOW)
    assert [event.kind for event in events] == [Kind.AGAIN]
    door.registrar.work()
    (path,) = book.folder.iterdir()
    assert path.read_bytes().count(b"\n") == 1


def test_no_pass_opens_a_shift(book: Register) -> None:
    """A good pass, and one under the badge's prefix, are the verifier's, and nobody is on shift."""
    text = Bench(seed="register").draft.text()
    symbols = [Symbol(SymbolFormat.QR, text), Symbol(SymbolFormat.QR, badge.PREFIX + text[4:])]
    door = attendance(book)
    assert door.take(symbols, 0, NOW) == (symbols, [])
    assert door.shifts.on_shift == ()


@pytest.mark.parametrize("keys", [BadgeKeys(), replace(KEYS, withdrawn=frozenset({NOOR.id}))], ids=repr)
def test_a_badge_that_does_not_count_is_left_to_the_verifier(book: Register, keys: BadgeKeys) -> None:
    """It opens nothing; the verifier refuses it as it refuses any text."""
    symbol = shown(NOOR)
    assert attendance(book, keys).take([symbol], 0, NOW) == ([symbol], [])


def test_a_view_full_of_badges_is_bounded(book: Register) -> None:
    """So many signatures are checked in a frame, and no more."""
    crowd = [shown(replace(NOOR, id=bytes([number]) * 16)) for number in range(12)]
    others, events = attendance(book).take(crowd, 0, NOW)
    assert (len(others), len(events)) == (4, 8)


def test_a_restart_keeps_who_is_on_shift(book: Register) -> None:
    """The next process goes on where the register stops, and ends what is over."""
    door = attendance(book)
    door.take([shown(NOOR)], 0, NOW)
    door.registrar.work()
    door = attendance(book)
    assert [shift.badge for shift in door.shifts.on_shift] == [NOOR]
    door.tick(5_000, Moment(EVENING + timedelta(hours=15), Basis.NETWORK))
    door.registrar.work()
    (shift,) = book.read().shifts
    assert shift.how is How.FORGOTTEN


def test_a_full_disk_delays_lines_and_loses_none(tmp_path: Path) -> None:
    """The door goes on; an operator is told once, and once more when all is written."""
    told: list[str] = []
    blocked = tmp_path / "register"
    blocked.write_bytes(b"")
    registrar = Registrar(Register(tmp_path), told.append)
    for shift in (FIRST, SECOND):
        registrar.hand(shift)
        registrar.work()
    assert registrar.condition is not None
    blocked.unlink()
    registrar.work()
    assert Register(tmp_path).read().shifts == (FIRST, SECOND)
    assert registrar.condition is None
    assert [words.split(":")[0] for words in told] == [
        "the register of controllers",
        "the register of controllers is written again",
    ]


def test_the_registrar_throws_old_days_away(book: Register) -> None:
    """Once the door has told the day, and again on the next."""
    book.add(FIRST)
    door = attendance(book)
    door.tick(0, Moment(EVENING + timedelta(days=91), Basis.NETWORK))
    door.registrar.work()
    assert all(shift.opened > OPENED or shift.closed for shift in book.read().shifts)
    assert "2026-11-23.lines" not in days(book)


def test_the_registrar_s_thread_writes_all_before_it_ends(book: Register) -> None:
    """What was handed over before the stop is on disk after it."""
    registrar = Registrar(book)
    registrar.start()
    registrar.hand(FIRST)
    registrar.hand(SECOND)
    registrar.stop()
    assert book.read().shifts == (FIRST, SECOND)
