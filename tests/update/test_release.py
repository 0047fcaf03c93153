"""A release in a publication: it is kept as it was signed, and what is none is not installed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from releasing import releasefile
from releasing.errors import RefusedError
from tests.update.fleet import Fleet

from doorcheck.update import names, release
from doorcheck.update.errors import MalformedError, UnusableError

WHEEL = {"name": "doorcheck-0.7.0-py3-none-any.whl", "sha256": "0" * 64}
GOOD: dict[str, Any] = {
    "format": 1,
    "version": "0.7.0",
    "python": "3.13",
    "wheels": {
        "aarch64": [WHEEL, {"name": "cbor2-6.3.0-cp313-cp313-manylinux_2_28_aarch64.whl", "sha256": "a" * 64}]
    },
}
BROKEN: dict[str, dict[str, Any]] = {
    "format": {"format": 2},
    "version": {"version": "0.7.0/../.."},
    "version with an end of line": {"version": "0.7.0\n"},
    "python": {"python": "2.7"},
    "machine": {"wheels": {"../x": [WHEEL]}},
    "no wheels": {"wheels": {}},
    "none of a machine": {"wheels": {"aarch64": []}},
    "a path": {"wheels": {"aarch64": [{**WHEEL, "name": "../doorcheck-0.7.0-py3-none-any.whl"}]}},
    "no wheel": {"wheels": {"aarch64": [{**WHEEL, "name": "doorcheck-0.7.0.tar.gz"}]}},
    "a hash": {"wheels": {"aarch64": [{**WHEEL, "sha256": "A" * 64}]}},
    "twice": {"wheels": {"aarch64": [WHEEL, WHEEL]}},
    "without the program": {"wheels": {"aarch64": [{**WHEEL, "name": "other-0.7.0-py3-none-any.whl"}]}},
}


def test_it_is_installed_as_it_was_signed(running: Fleet) -> None:
    """Root's script reads it from the generation that counts."""
    data = json.dumps(GOOD).encode()
    running.repository.contents["release.json"] = data
    running.leak()
    running.update(running.repository.publish())
    assert (running.state.path / "current/release.json").read_bytes() == data
    assert running.world().trust is not None


def test_a_release_is_no_part_of_what_a_door_needs(running: Fleet) -> None:
    """Fleets without one work as before."""
    assert names.RELEASE not in names.REQUIRED
    assert not (running.state.path / "current/release.json").exists()


def test_one_that_is_none_is_refused_whole(running: Fleet) -> None:
    """Signed by mistake: the door keeps the publication that it has."""
    running.repository.contents["release.json"] = b"{}"
    running.leak()
    with pytest.raises(UnusableError, match=r"release\.json"):
        running.update(running.repository.publish())
    assert running.print() == running.before


def test_a_huge_one_is_not_even_read(running: Fleet) -> None:
    """Bounded before it is fetched."""
    running.repository.contents["release.json"] = b" " * (release.LARGEST_BYTES + 1)
    running.leak()
    with pytest.raises(MalformedError, match="bytes, where"):
        running.update(running.repository.publish())


def test_both_readers_take_the_same() -> None:
    """What the program installs, root's script can read; newer fields are passed over by both."""
    data = json.dumps({**GOOD, "attempt": 3, "newer": True}).encode()
    ours, theirs = release.read(data), releasefile.read(data)
    assert ours.version == theirs.version
    assert [one.name for one in ours.wheels["aarch64"]] == [one.name for one in theirs.wheels["aarch64"]]
    assert release.read(release.dump(ours)) == ours


@pytest.mark.parametrize("what", BROKEN)
def test_both_readers_refuse_the_same(what: str) -> None:
    """What root's script would not take, no door installs."""
    data = json.dumps({**GOOD, **BROKEN[what]}).encode()
    with pytest.raises(release.ReleaseError):
        release.read(data)
    with pytest.raises(RefusedError):
        releasefile.read(data)
