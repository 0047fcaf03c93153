"""Deny lists on the disk: mapped, checked, given back, and named when they can't be used."""

from __future__ import annotations

import gc
import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from doorcheck.core.denyfile import apply_delta, build, make_delta
from doorcheck.core.denylist import DenyList, DenyListError
from doorcheck.core.denytable import HASHES_AT
from doorcheck.edge import denymap

KEY: Final = bytes(range(32))
LISTED: Final = [hashlib.sha256(bytes((number,))).digest()[:16] for number in range(200)]
ABSENT: Final = bytes(16)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A list's file."""
    found = tmp_path / "deny.dcdl"
    found.write_bytes(build(LISTED))
    return found


Opener = Callable[[Path, bytes], DenyList]
OPENERS: Final[tuple[Opener, ...]] = (denymap.open_list, denymap.open_verified, denymap.read_text_or_map)


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("key", [b"", KEY])
def test_a_mapped_list_is_the_list(opener: Opener, path: Path, key: bytes) -> None:
    """Whichever way it is opened, under a key or none."""
    path.write_bytes(build(LISTED, key))
    deny = opener(path, key)
    assert len(deny) == 200
    assert all(one in deny for one in LISTED)
    assert ABSENT not in deny


def test_text_is_read(tmp_path: Path) -> None:
    """One hexadecimal hash a line, from a file or through a pipe; empty is a list of nobody."""
    text = tmp_path / "deny.txt"
    text.write_text("# leaked\n" + "\n".join(one.hex() for one in LISTED))
    assert list(denymap.read_text_or_map(text)) == sorted(LISTED)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(text.read_bytes(),))
    writer.start()
    assert list(denymap.read_text_or_map(pipe)) == sorted(LISTED)
    writer.join()
    text.write_bytes(b"")
    assert len(denymap.read_text_or_map(text)) == 0


def test_text_beyond_any_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many bytes as the limit are read, one more is not."""
    monkeypatch.setattr(denymap, "LARGEST_TEXT_BYTES", 66)
    text = tmp_path / "deny.txt"
    text.write_bytes(b"ab" * 32 + b"\n\n")
    assert len(denymap.read_text_or_map(text)) == 1
    text.write_bytes(b"ab" * 32 + b"\n\n\n")
    with pytest.raises(DenyListError, match=r"deny\.txt: larger than 66 bytes of text"):
        denymap.read_text_or_map(text)


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize(
    ("data", "key", "words"),
    [
        (None, b"", "no such file or directory"),
        (build(LISTED)[:-1], b"", "copy it again"),
        (build(LISTED)[:30], b"", "cut short"),
        (build(LISTED, KEY), b"", "the key given is none"),
        (build(LISTED, KEY), KEY[::-1], "the key given is another"),
        (build(LISTED), b"short", "16 to 64 bytes"),
    ],
)
def test_a_list_that_cannot_be_used_is_named(
    opener: Opener, tmp_path: Path, data: bytes | None, key: bytes, words: str
) -> None:
    """Missing, cut short, or under another key: one error, with the path and what is wrong."""
    path = tmp_path / "list.dcdl"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(DenyListError) as error:
        opener(path, key)
    assert str(error.value).startswith(f"{path}: ")
    assert words in str(error.value)


@pytest.mark.parametrize("opener", [denymap.open_list, denymap.open_verified])
@pytest.mark.parametrize("data", [b"", b"ab" * 32 + b"\n"])
def test_what_is_no_list_is_not_mapped(opener: Opener, tmp_path: Path, data: bytes) -> None:
    """Text and nothing at all: only `read_text_or_map` takes those."""
    path = tmp_path / "list"
    path.write_bytes(data)
    with pytest.raises(DenyListError, match="list: not a doorcheck deny list"):
        opener(path, b"")


@pytest.mark.parametrize("opener", OPENERS)
def test_a_folder_is_named(opener: Opener, tmp_path: Path) -> None:
    """Which a path may be by mistake."""
    with pytest.raises(DenyListError, match="is a directory"):
        opener(tmp_path, b"")


def test_damage_inside_is_found_by_verifying(path: Path) -> None:
    """Opening reads the head alone; the two that verify read all of it."""
    data = bytearray(path.read_bytes())
    data[HASHES_AT + 40] ^= 1
    path.write_bytes(data)
    denymap.open_list(path)
    for opener in (denymap.open_verified, denymap.read_text_or_map):
        with pytest.raises(DenyListError, match=r"deny\.dcdl: damaged"):
            opener(path)


def test_an_open_list_outlives_its_file(path: Path, tmp_path: Path) -> None:
    """A newer list renamed over it changes nothing for those who look up in the older one."""
    older = denymap.open_list(path)
    newer = tmp_path / "newer"
    newer.write_bytes(build([ABSENT]))
    newer.replace(path)
    assert ABSENT not in older
    assert LISTED[0] in older
    assert ABSENT in denymap.open_list(path)


@pytest.mark.parametrize("opener", OPENERS)
def test_a_list_that_is_dropped_frees_its_file(opener: Opener, path: Path) -> None:
    """Swapping lists for months leaves neither maps nor descriptors of older ones."""
    deny = opener(path, b"")
    assert str(path) in Path("/proc/self/maps").read_text(encoding="utf-8")
    del deny
    gc.collect()
    assert str(path) not in Path("/proc/self/maps").read_text(encoding="utf-8")
    links = [one.readlink() for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
    assert path not in links


def test_a_mapped_list_takes_a_delta(path: Path, tmp_path: Path) -> None:
    """The mapped older list and its delta give the newer list's very file."""
    newer = build([*LISTED[5:], ABSENT])
    made = tmp_path / "made"
    with denymap.mapped(path) as old, made.open("wb") as file:
        apply_delta(old, make_delta(old, newer), file.write)
    assert made.read_bytes() == newer
    with pytest.raises(DenyListError, match="no such file"), denymap.mapped(tmp_path / "missing"):
        pass
