"""Every attack of the catalogue has its own message and changes nothing; and what is no attack."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import pytest
from tests.update import attacks_on_contents, attacks_on_files, attacks_on_metadata
from tests.update.catalogue import ATTACKS, next_files
from tests.update.fleet import FILLER, KEY, Fleet
from tests.update.simulator import TIMESTAMP

from doorcheck.core.denyfile import build, make_delta
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.verdict import Reason
from doorcheck.update import errors
from doorcheck.update.errors import UpdateError

MODULES = (attacks_on_metadata, attacks_on_files, attacks_on_contents)
"""To import them fills the catalogue."""

# Each of them, and all together


@dataclass(frozen=True)
class Told:
    """What came of an attack: what was said, and what the door's folder was like."""

    error: UpdateError | None
    before: dict[str, str]
    after: dict[str, str]


Tried = Callable[[str], Told]


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    """Tries an attack once, on a door of its own."""

    @cache
    def trying(name: str) -> Told:
        fleet = Fleet(tmp_path_factory.mktemp(name))
        fleet.begin()
        told = None
        try:
            ATTACKS[name][2](fleet)
        except UpdateError as error:
            told = error
        return Told(told, fleet.before, fleet.print())

    return trying


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_has_its_message_and_changes_nothing(name: str, tried: Tried) -> None:
    """Refused by its own error, in plain words; every byte of the door's folder is as it was."""
    error, words, _ = ATTACKS[name]
    told = tried(name)
    assert type(told.error) is error, repr(told.error)
    assert re.search(words, str(told.error)), str(told.error)
    assert told.before == told.after
    assert "current" in told.after


def test_each_message_is_another(tried: Tried) -> None:
    """No two kinds of attack are told by the same words, and each kind of error has its own code."""
    kinds = {error: str(tried(name).error) for name, (error, _, _) in ATTACKS.items()}
    assert len(set(kinds.values())) == len(kinds)
    assert len({error.code for error in kinds}) == len(kinds)
    for error, message in kinds.items():
        others = [words for other, words, _ in ATTACKS.values() if other is not error]
        assert not [words for words in others if re.search(words, message)], message


def test_every_refusal_is_in_the_catalogue() -> None:
    """An error that no attack provokes may be one that nobody would see; the rest has tests of its own."""
    named = {error for error, _, _ in ATTACKS.values()}
    elsewhere = {
        errors.DeclinedError,
        errors.EnrolmentError,
        errors.NotEnrolledError,
        errors.NothingBeforeError,
        errors.OtherRootError,
        errors.TimeError,
    }
    assert named | elsewhere == set(UpdateError.__subclasses__())


# What is no attack


def test_keys_changed_twice_while_the_door_was_away(running: Fleet) -> None:
    """Root, timestamp and targets keys were replaced, twice; the door follows from root to root."""
    for _ in range(2):
        running.repository.rotate("root", "timestamp", "targets")
    done = running.update(next_files(running))
    assert done.changed
    assert running.verdict() is Reason.LISTED_SIGNATURE
    roots = running.state.path / "current" / "metadata" / "root_history"
    assert sorted(path.name for path in roots.iterdir()) == ["1.root.json", "2.root.json", "3.root.json"]


def test_names_that_nobody_knows_are_left_alone(running: Fleet) -> None:
    """A newer operator's side may publish more than this door has a use for: that stays where it is."""
    running.repository.contents |= {"badges.dcbl": b"?", "profile/notes.txt": b"?", "more/other": b"?"}
    done = running.update(next_files(running))
    assert done.unknown == 3
    names = {path.name for path in running.state.path.rglob("*")}
    assert not names & {"badges.dcbl", "notes.txt", "other"}


def test_a_delta_that_does_not_fit_is_no_harm_beside_the_whole_list(running: Fleet) -> None:
    """The whole list is taken then."""
    running.leak()
    contents = running.repository.contents
    name = next(name for name in contents if name.endswith("dcdd"))
    contents[name] = make_delta(running.repository.deny_lists[0], build(FILLER[1:], KEY))
    assert running.update(running.repository.publish()).ways["deny.dcdl"] == "copied"
    assert running.verdict() is Reason.LISTED_SIGNATURE


def test_after_a_refusal_the_good_one_is_taken(running: Fleet) -> None:
    """An attack leaves nothing behind that would keep the next publication away."""
    files = next_files(running)
    with pytest.raises(errors.TruncatedError):
        running.update({**files, TIMESTAMP: files[TIMESTAMP][:100]})
    assert running.update(files).changed
    assert running.verdict() is Reason.LISTED_SIGNATURE


def test_two_clocks_may_differ_a_little(running: Fleet) -> None:
    """A door that is four minutes behind takes what was published just now, and is in good order."""
    files = next_files(running)
    behind = Moment(running.now - timedelta(minutes=4), Basis.NETWORK)
    assert running.update(files, behind).changed
    assert running.world().floor <= behind.utc


def test_expiry_counts_by_the_stated_time(running: Fleet) -> None:
    """Not the computer's clock but the moment that is given: the tests themselves run at another time."""
    files = next_files(running)
    late = Moment(running.now + timedelta(days=8), Basis.OPERATOR)
    with pytest.raises(errors.FrozenError):
        running.update(files, late)
    assert running.update(files).changed
