"""The fleet's badges: made, listed, withdrawn, forgotten; and the card that a camera reads."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import pytest
import zxingcpp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from doorcheck.core import badge, hcert
from doorcheck.core.badge import Badge, BadgeError, Fault
from doorcheck.core.moment import Basis, Moment
from doorcheck.operator import badgecard, badges
from doorcheck.operator.badges import Badges, BadgesError
from doorcheck.operator.repository.errors import RepositoryError

NOW: Final = 1_795_000_000
DAY: Final = 86400
SECRET: Final = b"correct horse"
CHEAP: Final = 2
"""scrypt's cost in tests."""
KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(32))
EMPTY: Final = badges.with_key(None, KEY, NOW)


def made(name: str = "Noor Lämp", until: int = NOW + 90 * DAY) -> Badge:
    """A new badge."""
    return badges.new_badge(name, NOW - DAY, until)


def fleet_of(*those: Badge) -> Badges:
    """The fleet's badges."""
    fleet = EMPTY
    for one in those:
        fleet = badges.with_badge(fleet, one, "Anna Muller")
    return fleet


def read(text: bytes, fleet: Badges, at: int = NOW) -> Badge:
    """What a door with that publication reads."""
    data = badges.published(fleet, at)
    assert data is not None
    return badge.read(text, badge.load_keys(data), Moment.at(at, Basis.NETWORK))


def fault(text: bytes, fleet: Badges, at: int = NOW) -> Fault:
    """Why that door refuses it."""
    with pytest.raises(BadgeError) as refused:
        read(text, fleet, at)
    return refused.value.fault


# Making


def test_a_badge_is_read_by_the_fleet_s_doors() -> None:
    """What pycose signs is in the one form that the door takes, and always the same text."""
    one = made()
    text = badges.sign(one, EMPTY, KEY)
    assert read(text, EMPTY) == one
    assert badges.sign(one, EMPTY, KEY) == text


def test_no_other_fleet_s_doors_read_it() -> None:
    """Neither with another key nor with the same key under another fleet's name."""
    text = badges.sign(made(), EMPTY, KEY)
    other = badges.with_key(None, Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32), NOW)
    assert fault(text, other) is Fault.KEY
    assert fault(text, badges.with_key(None, KEY, NOW)) is Fault.FLEET


def test_the_longest_badge_fits() -> None:
    """The longest name of the widest letters is far below what a door reads."""
    longest = badges.new_badge("𝔑" * badge.LONGEST_NAME, NOW, badge.LATEST)
    text = badges.sign(longest, EMPTY, KEY)
    assert len(text) <= 660 < badge.LONGEST_TEXT_BYTES
    assert read(text, EMPTY) == longest


@pytest.mark.parametrize("name", ["", "  ", "=cmd()", "-Noor", "@x", "N" * 65, "a\u202eb", "\x1b[2J"])
def test_a_name_that_no_register_takes_is_refused(name: str) -> None:
    """Empty, endless, unseen, or a spreadsheet's formula."""
    with pytest.raises(BadgesError, match="no name for a badge"):
        made(name)


def test_a_name_is_taken_in_its_one_form() -> None:
    """As people type it: spaces and accents are put in order."""
    assert made("  Noor   La\u0308mp ").name == "Noor Lämp"
    assert made("'t Hooft & fils, sécurité").name == "'t Hooft & fils, sécurité"


@pytest.mark.parametrize(("since", "until"), [(NOW, NOW), (NOW, NOW - 1), (-1, NOW), (0, badge.LATEST + 1)])
def test_a_badge_for_no_time_is_refused(since: int, until: int) -> None:
    """It ends after it begins, in years of four digits."""
    with pytest.raises(BadgesError, match="--from and --until"):
        badges.new_badge("Noor", since, until)


@given(data=st.binary(max_size=100))
def test_base45_is_the_decoder_s_reverse(data: bytes) -> None:
    """RFC 9285, both ways."""
    assert hcert.base45(badges.base45(data)) == data


# Withdrawing


def test_a_withdrawn_badge_is_published_until_it_expires() -> None:
    """Doors refuse it at once; its id goes when its time alone would do."""
    noor, basile = made(), made("Basile")
    texts = [badges.sign(one, EMPTY, KEY) for one in (noor, basile)]
    fleet, gone = badges.withdraw(fleet_of(noor, basile), noor.id.hex()[:8].upper(), NOW)
    assert (gone.id, gone.withdrawn) == (noor.id.hex(), NOW)
    assert fault(texts[0], fleet) is Fault.WITHDRAWN
    assert read(texts[1], fleet) == basile
    data = badges.published(fleet, noor.until)
    assert data is not None
    assert badge.load_keys(data).withdrawn == frozenset()


def test_what_is_published_names_nobody() -> None:
    """Keys and withdrawn ids only: no name, no author."""
    noor = made()
    fleet, _ = badges.withdraw(fleet_of(noor, made("Basile")), noor.id.hex(), NOW)
    data = badges.published(fleet, NOW)
    assert data is not None
    assert not [word for word in (b"Noor", b"Basile", b"Anna") if word in data]
    assert badges.published(None, NOW) is None


def test_a_withdrawal_must_mean_one_badge() -> None:
    """No, several, or too few digits: nothing is withdrawn; nor is what ended already."""
    noor = made()
    twin = Badge(noor.id[:4] + bytes(12), "Basile", NOW, NOW + DAY)
    fleet = fleet_of(noor, twin)
    for digits in ("", noor.id.hex()[:5], noor.id.hex()[:8], "f" * 32):
        with pytest.raises(BadgesError, match="an id that begins with"):
            badges.withdraw(fleet, digits, NOW)
    with pytest.raises(BadgesError, match="no badge has"):
        badges.withdraw(None, noor.id.hex(), NOW)
    fleet, _ = badges.withdraw(fleet, noor.id.hex(), NOW)
    for ended in (noor, twin):
        with pytest.raises(BadgesError, match="counts no more already"):
            badges.withdraw(fleet, ended.id.hex(), NOW + DAY)


def test_a_new_key_ends_every_badge() -> None:
    """After a theft: those made before are refused, also on a door's open shifts; new ones are read."""
    noor = made()
    text = badges.sign(noor, EMPTY, KEY)
    key = Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32)
    fleet = badges.with_key(fleet_of(noor), key, NOW)
    assert fault(text, fleet) is Fault.KEY
    data = badges.published(fleet, NOW)
    assert data is not None
    assert badge.load_keys(data).withdrawn == {noor.id}
    again = made()
    assert read(badges.sign(again, fleet, key), fleet) == again


def test_names_go_some_time_after_a_badge_ended() -> None:
    """The operator keeps no name for longer than doors do; an id that must be refused stays."""
    noor, basile = made(), made("Basile", NOW + 10 * DAY)
    fleet, _ = badges.withdraw(fleet_of(noor, basile), noor.id.hex(), NOW)
    assert badges.purged(fleet, 30, NOW + 30 * DAY) == fleet
    later = badges.purged(fleet, 30, NOW + 41 * DAY)
    assert [(one.id, one.name) for one in later.issued] == [(noor.id.hex(), "")]
    assert badges.purged(fleet, 30, NOW + 121 * DAY).issued == ()


# Files


def test_the_list_comes_back(tmp_path: Path) -> None:
    """What is written is read; nothing at all is no badges; the same gives the same bytes."""
    assert badges.load(tmp_path) is None
    fleet = fleet_of(made(), made("Basile"))
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "badges.json").write_bytes(badges.dump(fleet))
    assert badges.load(tmp_path) == fleet
    assert badges.dump(fleet) == badges.dump(fleet)
    assert "Noor" not in repr(fleet)


@pytest.mark.parametrize("data", [b"", b"{}", badges.dump(EMPTY).replace(b"issued", b"more")])
def test_a_damaged_list_is_named(tmp_path: Path, data: bytes) -> None:
    """The file, and where another is; none of its text."""
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "badges.json").write_bytes(data)
    with pytest.raises(BadgesError, match=r"lists/badges\.json is damaged; take it back from your backup$"):
        badges.load(tmp_path)


def test_the_key_opens_with_its_passphrase_alone(tmp_path: Path) -> None:
    """The file is its owner's, and holds the key that is on record."""
    private = badges.make_key(tmp_path, SECRET, scrypt_n=CHEAP)
    fleet = badges.with_key(None, private, NOW)
    (path,) = (tmp_path / "badges").iterdir()
    assert path.stat().st_mode & 0o077 == 0
    opened = badges.unlock(tmp_path, fleet, SECRET)
    assert opened.private_bytes_raw() == private.private_bytes_raw()
    for wrong in (b"wrong", b""):
        with pytest.raises(BadgesError, match="a wrong passphrase, or the file is damaged"):
            badges.unlock(tmp_path, fleet, wrong)


def test_another_key_s_file_is_refused(tmp_path: Path) -> None:
    """Missing, another key, or not encrypted: each is named."""
    fleet = badges.with_key(None, badges.make_key(tmp_path, SECRET, scrypt_n=CHEAP), NOW)
    (path,) = (tmp_path / "badges").iterdir()
    badges.make_key(tmp_path, SECRET, scrypt_n=CHEAP)
    (other,) = {*(tmp_path / "badges").iterdir()} - {path}
    path.write_bytes(other.read_bytes())
    with pytest.raises(BadgesError, match="holds another key than is on record"):
        badges.unlock(tmp_path, fleet, SECRET)
    path.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(BadgesError, match="no key under a passphrase"):
        badges.unlock(tmp_path, fleet, SECRET)
    path.unlink()
    with pytest.raises(BadgesError, match="--new-key"):
        badges.unlock(tmp_path, fleet, SECRET)


def test_no_key_is_made_in_a_file_s_place(tmp_path: Path) -> None:
    """A folder that can't be made is named."""
    (tmp_path / "badges").write_bytes(b"")
    with pytest.raises((BadgesError, RepositoryError), match="badges"):
        badges.make_key(tmp_path, SECRET, scrypt_n=CHEAP)


# The card


def symbols(picture: Image.Image) -> list[bytes]:
    """What the door's decoder finds in a picture."""
    return [found.bytes for found in zxingcpp.read_barcodes(picture)]


@pytest.mark.parametrize("name", ["Noor Lamp", "N" * 64, "a b " * 16])
def test_the_card_is_read_by_the_door(name: str) -> None:
    """Half as large as it is printed, the code is still read; the card is as large as a bank card."""
    text = badges.sign(badges.new_badge(name, NOW, NOW + DAY), EMPTY, KEY)
    picture, named = badgecard.card(text, name.strip(), ("until 2026-11-23", "no. 01234567"))
    assert named
    assert picture.size == (1011, 638)
    half = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.BILINEAR)
    assert symbols(half) == [text]


def test_nothing_is_printed_over_the_code_or_the_edge() -> None:
    """With the longest name and long lines, the margin and the code's quiet zone stay white."""
    text = badges.sign(made("W" * 64), EMPTY, KEY)
    picture, _ = badgecard.card(text, "W" * 64, ("until 2026-11-23", "no. 01234567", "It opens no door."))
    right = picture.crop((picture.width - 30, 2, picture.width - 2, picture.height - 2))
    bottom = picture.crop((620, picture.height - 12, picture.width - 30, picture.height - 2))
    rows = [picture.crop((560, top, 980, top + 40)) for top in range(71, 71 + 5 * 40, 40)]
    assert [row.getextrema()[0] for row in rows] == [0] * 5, "a name without spaces is broken into rows"
    assert right.getextrema() == (255, 255)
    assert bottom.getextrema() == (255, 255)
    assert symbols(picture) == [text]


def test_a_name_that_no_font_has_is_left_to_a_pen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than boxes in place of letters there is a line to write on."""
    monkeypatch.setattr(badgecard, "FONTS", ("no such font.ttf",))
    assert badgecard.card(b"DCB1:A", "Noor Lamp", ())[1]
    assert not badgecard.card(b"DCB1:A", "Noor Lämp", ())[1]


@pytest.mark.parametrize(("suffix", "magic"), [(".png", b"\x89PNG"), (".pdf", b"%PDF")])
def test_the_card_s_files(suffix: str, magic: bytes) -> None:
    """A picture with its resolution, or a page to print."""
    picture, _ = badgecard.card(b"DCB1:A", "Noor", ())
    data = badgecard.encoded(picture, suffix)
    assert data.startswith(magic)
    if suffix == ".png":
        assert round(Image.open(io.BytesIO(data)).info["dpi"][0]) == badgecard.DPI
