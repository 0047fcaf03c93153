"""What a new trust list changes, and when it loses too much."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from doorcheck.core.trust import Algorithm, Scope, Signer, Usage
from doorcheck.operator.trust.trustdiff import LossError, TrustDiff, check_loss, diff

SINCE, AT, LATER = 1_700_000_000, 1_750_000_000, 1_800_000_000


def signer(number: int, country: str = "FR", not_after: int = LATER, **changes: object) -> Signer:
    """A signer; the same number is the same key identifier and key."""
    made = Signer(
        kid=number.to_bytes(8, "big"),
        algorithm=Algorithm.ES256,
        key=b"\x04" + number.to_bytes(64, "big"),
        not_before=1_600_000_000,
        not_after=not_after,
        country=country,
        name=f"Signer {number}",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


OLD = [
    signer(1),
    signer(2, "NL"),
    signer(3, "NL"),
    signer(4, "ES", AT - 1),
    signer(5, "ES", SINCE - 1),
    signer(6, "PT"),
]


def compared(*new: Signer) -> TrustDiff:
    """The old list against a new one."""
    return diff(OLD, new, AT, SINCE)


def test_the_same_list_changes_nothing() -> None:
    """The same signers in another order are no change and no loss; what expired meanwhile is told."""
    found = compared(*OLD[::-1])
    assert (found.added, found.removed, found.changed, found.unchanged) == ((), (), (), 6)
    assert found.expired == (OLD[3],)
    assert found.lost_share == 0
    check_loss(found, 0)


def test_what_came_and_what_went() -> None:
    """Signers are told apart by key identifier and key: the same key under another name is another."""
    renamed = replace(OLD[1], kid=b"another")
    rekeyed = replace(OLD[2], key=bytes(65))
    found = compared(OLD[0], renamed, rekeyed, *OLD[3:], signer(7, "DE"))
    assert found.added == (renamed, rekeyed, signer(7, "DE"))
    assert found.removed == (OLD[1], OLD[2])
    assert found.lost == (OLD[1], OLD[2])
    assert found.lost_by_country == {"NL": (2, 2)}
    assert found.unchanged == 4


@pytest.mark.parametrize(
    ("changes", "words", "loses"),
    [
        ({"scope": Scope.HC1 | Scope.LIGHT}, ["formats HC1 -> HC1+HCFR1"], False),
        ({"scope": Scope.LIGHT}, ["formats HC1 -> HCFR1"], True),
        ({"usage": Usage.VACCINATION}, ["usage any -> vaccination"], True),
        ({"not_after": LATER + 1}, ["valid until 2027-01-15T08:00:00Z -> 2027-01-15T08:00:01Z"], False),
        ({"not_after": AT - 1}, ["valid until 2027-01-15T08:00:00Z -> 2025-06-15T15:06:39Z"], True),
        ({"not_after": AT}, ["valid until 2027-01-15T08:00:00Z -> 2025-06-15T15:06:40Z"], False),
        ({"not_before": AT + 1}, ["valid from 2020-09-13T12:26:40Z -> 2025-06-15T15:06:41Z"], True),
        ({"not_before": AT}, ["valid from 2020-09-13T12:26:40Z -> 2025-06-15T15:06:40Z"], False),
        ({"country": ""}, ["country FR -> none"], False),
        ({"name": "A\x1b[2J", "test": True}, ['name "Signer 1" -> "A [2J"', "authority real -> test"], True),
        ({"name": "Signer\n1"}, ["name"], False),
    ],
)
def test_a_change_is_told_in_words(changes: dict[str, object], words: list[str], loses: bool) -> None:
    """A signer with other terms is changed; it is lost when something it signed is refused now."""
    changed = replace(OLD[0], **changes)  # type: ignore[arg-type]
    found = compared(changed, *OLD[1:])
    assert [(change.old, change.new, change.words) for change in found.changed] == [(OLD[0], changed, words)]
    assert found.lost == ((OLD[0],) if loses else ())
    assert found.unchanged == 5


def test_an_expired_signer_is_no_loss() -> None:
    """What had come to its end may go; it counts neither as lost nor among those that could be."""
    found = compared(*(one for one in OLD if one.country != "ES"))
    assert found.removed == (OLD[3], OLD[4])
    assert (len(found.valid), found.lost, found.lost_share) == (4, (), 0)


def test_newly_expired_is_told_once() -> None:
    """An end after the old list was made and before now is told; an earlier one was told then."""
    ended = replace(OLD[0], not_after=AT - 1)
    assert compared(ended, *OLD[1:]).expired == (ended, OLD[3])
    assert diff(OLD, OLD, AT, AT).expired == ()


def test_a_great_loss_is_refused() -> None:
    """More than the stated share is refused, with how many of how many and whose; the share itself passes."""
    found = compared(OLD[0], OLD[3], OLD[5])
    assert found.lost_share == 0.5
    check_loss(found, 0.5)
    with pytest.raises(
        LossError, match=r"2 of the 4 signers .* \(50\.0%, more than 49\.0%\): NL 2 of 2;"
    ) as raised:
        check_loss(found, 0.49)
    assert (raised.value.lost, raised.value.valid) == (2, 4)


def test_an_empty_list_is_a_whole_loss() -> None:
    """An empty list loses everything, a first list nothing."""
    assert compared().lost_share == 1
    first = diff([], OLD, AT, AT)
    assert (first.lost_share, len(first.added)) == (0, 6)
    check_loss(first, 0)
    assert "still valid" not in " ".join(first.lines())


def test_duplicates_count_once() -> None:
    """Of two rows for one signer the first counts, as at the door."""
    found = compared(*OLD, replace(OLD[0], usage=Usage.TEST))
    assert (found.changed, found.unchanged) == ((), 6)


def test_lines_are_cut_short() -> None:
    """A long list is cut, its counts are not; verbose shows all."""
    added = [signer(number, "DE") for number in range(100, 150)]
    found = compared(*OLD[1:], *added)
    lines = found.lines()
    assert lines[0] == "trust list: 50 added, 1 removed, 0 changed, 1 newly expired, 5 unchanged"
    assert lines[1] == (
        "1 of the 4 signers still valid at 2025-06-15T15:06:40Z (25.0%) would be lost: FR 1 of 1"
    )
    assert "added, by country: DE 50" in lines
    assert "  30 more; --verbose for all" in lines
    assert sum("Signer 1" in line and " DE " in line for line in lines) == 20
    everything = found.lines(verbose=True)
    assert sum("Signer 1" in line and " DE " in line for line in everything) == 50
    assert not any("more;" in line for line in everything)


def test_the_object_holds_everything() -> None:
    """The JSON object is whole, and JSON; no key of a signer is in it."""
    changed = replace(OLD[2], scope=Scope.ALL)
    found = compared(OLD[1], changed, *OLD[3:], *(signer(number, "DE") for number in range(100, 150)))
    held = json.loads(json.dumps(found.as_object()))
    assert {name: held[name] for name in ("at", "unchanged", "valid", "lost", "lost_share")} == {
        "at": "2025-06-15T15:06:40Z",
        "unchanged": 4,
        "valid": 4,
        "lost": 1,
        "lost_share": 0.25,
    }
    assert held["lost_by_country"] == {"FR": {"lost": 1, "valid": 1}}
    assert held["lost_kids"] == ["AAAAAAAAAAE="]
    assert [len(held[name]) for name in ("added", "removed", "changed", "newly_expired")] == [50, 1, 1, 1]
    assert held["changed"][0]["new"]["formats"] == ["HC1", "HCFR1", "EX1", "2D-Doc"]
    assert "key" not in held["added"][0]
