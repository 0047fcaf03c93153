"""Marks stand for people without telling who they are, and nothing shows what it holds."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorcheck.core import cose, passes
from doorcheck.core.dcc import Certificate, Name
from doorcheck.core.denylist import DenyList, digest
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.passes import holder_mark, symbol_mark
from doorcheck.core.session import Session
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.core.trust import Algorithm
from doorcheck.core.verdict import Reason, Verdict
from doorcheck.core.verify import trace_with_claims, verify
from doorcheck.lab import issuer
from doorcheck.lab.bench import Bench
from doorcheck.lab.flaws import catalogue
from doorcheck.lab.issuer import Person
from doorcheck.lab.reencoding import other_s

BENCH: Final = Bench(seed="passes")
KEY: Final = bytes(range(32))
CANARY: Final = Person("Zanzibarine", "Wolframette", "1907-03-04")
SECRETS: Final = ("zanzibarine", "wolframette", "1907", "urn:uvci", "org-100030215", "1119349007")


def holder(dob: str = "1984-02-29", **name: str) -> Certificate:
    """A certificate of that holder."""
    return Certificate(ver="1.3.0", nam=Name(**name), dob=dob)


def mark(dob: str = "1984-02-29", **name: str) -> bytes:
    """The holder's mark under the usual key."""
    return holder_mark(holder(dob, **name), KEY)


# Marks


@pytest.mark.parametrize(
    "name",
    [
        {"fnt": "SAINT<AMAND", "gnt": "AMELIE<ROSE"},
        {"fnt": "saint<amand", "gnt": "Amelie<Rose"},
        {"fnt": "SAINT AMAND", "gnt": "AMELIE ROSE"},
        {"fn": "Saint-Amand", "gn": "Amélie Rose"},
        {"fn": "SAINT‐AMAND", "gn": "Ame\u0301lie-Rose"},
        {"fn": "anything else", "gn": "ignored", "fnt": "SAINT<AMAND", "gnt": "AMELIE<ROSE"},
    ],
)
def test_one_person_has_one_mark(name: dict[str, str]) -> None:
    """Case, accents, fillers and spaces do not count; transliterated names go before written ones."""
    assert mark(**name) == mark(fnt="SAINT<AMAND", gnt="AMELIE<ROSE")


@pytest.mark.parametrize(
    ("dob", "name"),
    [
        ("1984-02-28", {"fnt": "SAINT<AMAND", "gnt": "AMELIE"}),
        ("1984-02", {"fnt": "SAINT<AMAND", "gnt": "AMELIE"}),
        ("", {"fnt": "SAINT<AMAND", "gnt": "AMELIE"}),
        ("1984-02-29", {"fnt": "SAINT<AMAND", "gnt": "AMELIA"}),
        ("1984-02-29", {"fnt": "SAINT<ARMAND", "gnt": "AMELIE"}),
        ("1984-02-29", {"fnt": "AMELIE", "gnt": "SAINT<AMAND"}),
        ("1984-02-29", {"fnt": "SAINT<AMANDA", "gnt": "MELIE"}),
        ("1984-02-29", {"fnt": "SAINT<AMAND"}),
        ("1984-02-29", {"gnt": "SAINT<AMAND<AMELIE"}),
    ],
)
def test_another_person_has_another_mark(dob: str, name: dict[str, str]) -> None:
    """Another birth date, another letter, the names swapped or divided elsewhere."""
    assert mark(dob, **name) != mark(fnt="SAINT<AMAND", gnt="AMELIE")


def test_a_time_after_the_birth_date_does_not_count() -> None:
    """Some issuers write a time there."""
    assert mark("1984-02-29T00:00:00") == mark("1984-02-29")


@given(st.binary(min_size=32, max_size=32), st.text(max_size=10))
def test_a_mark_is_keyed(key: bytes, name: str) -> None:
    """Another key gives another mark, so that no list of people tells whose it is."""
    certificate = holder(fn=name)
    assert (holder_mark(certificate, key) == holder_mark(certificate, KEY)) == (key == KEY)
    assert (symbol_mark(name.encode(), key) == symbol_mark(name.encode(), KEY)) == (key == KEY)
    assert len(holder_mark(certificate, key)) == len(symbol_mark(b"", key)) == passes.MARK_BYTES == 16


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=20))
def test_any_name_has_a_mark(surname: str, forename: str, dob: str) -> None:
    """Names in any script, empty ones too, have a mark; it is not that of any symbol's text."""
    given_mark = mark(dob, fn=surname, gn=forename)
    assert len(given_mark) == 16
    assert given_mark != symbol_mark(surname.encode("utf-8", "surrogatepass"), KEY)


def shown(
    person: Person = CANARY, serial: str = "1", kind: Any = issuer.vaccination, **world: Any
) -> Verdict:
    """The verdict on a pass of that person."""
    text = BENCH.authority.issue(person, kind(BENCH.utc, serial), BENCH.utc)
    return verify(Symbol(SymbolFormat.QR, text), replace(BENCH.world, **world), BENCH.moment)


def test_two_passes_of_one_person_carry_one_mark() -> None:
    """A vaccination, its replacement and a test of one person: one mark, and nobody else's."""
    verdicts = [shown(), shown(serial="2"), shown(kind=issuer.negative_test), shown(kind=issuer.recovery)]
    assert {verdict.reason for verdict in verdicts} == {Reason.OK}
    assert len({verdict.mark for verdict in verdicts}) == 1
    assert len({shown(person).mark for person in issuer.PEOPLE}) == len(issuer.PEOPLE)
    assert shown(mark_key=KEY).mark != shown().mark


def test_a_listed_pass_and_its_replacement_carry_one_mark() -> None:
    """A refusal after the claims were read still says whose it is, so that both count as one person."""
    listed = shown(deny=DenyList([digest(issuer.identifier("1").encode())]))
    assert listed.reason is Reason.LISTED_IDENTIFIER
    assert listed.mark == shown(serial="2").mark


def test_what_is_not_verified_is_marked_by_its_text() -> None:
    """Two forged passes of one name are two: their names mean nothing."""
    texts = [
        BENCH.stranger.issue(CANARY, issuer.vaccination(BENCH.utc, serial), BENCH.utc) for serial in "12"
    ]
    marks = [verify(Symbol(SymbolFormat.QR, text), BENCH.world, BENCH.moment).mark for text in texts]
    assert marks == [symbol_mark(text, BENCH.world.mark_key) for text in texts]
    assert len({*marks, shown().mark}) == 3


# The part of a signature that nobody can vary


def test_the_other_s_has_the_same_signature_id() -> None:
    """(r, n - s) is as valid as (r, s): both have R. Of PS256 all is kept."""
    message = BENCH.draft.message()
    ids = [passes.signature_id(cose.frame(each)) for each in (message, other_s(message), message[1:])]
    assert len(set(ids)) == 1
    assert len(ids[0]) == 32
    whole = cose.Unverified(b"", b"", bytes(range(256)), Algorithm.PS256, b"")
    assert passes.signature_id(whole) == bytes(range(256))


# Nothing shows what it holds


def inside(thing: Any, seen: set[int]) -> Iterator[Any]:
    """The thing and all that it holds, containers' contents and objects' fields."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    yield thing
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        held: Any = [getattr(thing, field.name) for field in dataclasses.fields(thing)]
    elif hasattr(thing, "__struct_fields__"):
        held = [getattr(thing, name) for name in thing.__struct_fields__]
    elif isinstance(thing, dict):
        held = [*thing.keys(), *thing.values()]
    else:
        held = thing if isinstance(thing, list | tuple | set | frozenset) else []
    for each in held:
        yield from inside(each, seen)


def ours(thing: Any) -> bool:
    """Whether the thing's type is one of the core's."""
    return type(thing).__module__.startswith("doorcheck.core")


def leaks(text: str, *secrets: str) -> list[str]:
    """Which secrets a text shows."""
    return [secret for secret in (*SECRETS, *secrets) if secret and secret in text.lower()]


@pytest.mark.parametrize("kind", [issuer.vaccination, issuer.negative_test, issuer.recovery])
def test_no_object_shows_a_visitor(kind: Any) -> None:
    """No `repr` or `str` of anything that a stage makes shows names, dates, identifiers or bytes of them."""
    text = BENCH.authority.issue(CANARY, kind(BENCH.utc, "canary"), BENCH.utc)
    symbol, products = Symbol(SymbolFormat.QR, text, ((1, 2),)), []
    verdict = trace_with_claims(
        symbol, BENCH.world, BENCH.moment, lambda _stage, product: products.append(product)
    )
    assert verdict.reason is Reason.OK
    objects = [each for each in inside([symbol, verdict, BENCH.world, *products], set()) if ours(each)]
    kinds = {type(each).__name__ for each in objects}
    assert kinds >= {"Symbol", "Verdict", "World", "Unverified", "Signer", "Claims", "Certificate", "Name"}
    for each in objects:
        for written in (repr(each), str(each)):
            assert not leaks(written, text[4:40].decode().lower(), repr(verdict.mark)[2:-1].lower()), kinds


def test_the_canary_would_sing() -> None:
    """The search above finds a name where there is one."""
    assert leaks(repr(CANARY.name)) == ["zanzibarine", "wolframette"]
    assert leaks("Birth: 1907-03-04 URN:UVCI:01") == ["1907", "urn:uvci"]


def test_no_verdict_of_the_catalogue_shows_a_visitor() -> None:
    """Refusals show no more than admissions do: not the mark, not the name."""
    for flaw in itertools.islice(catalogue(), 0, None, 3):
        case = flaw.build(BENCH)
        verdict = verify(case.symbol, case.world, case.moment)
        assert not leaks(
            f"{verdict!r} {verdict}", BENCH.person.surname.lower(), repr(verdict.mark)[2:-1].lower()
        )


def test_no_memory_of_the_view_shows_a_mark() -> None:
    """The session keeps marks, and neither it nor its decisions show them."""
    session = Session()
    decision = session.observe(0, [shown()])
    for held in inside([session, decision, *vars(session).values()], set()):
        if ours(held) and type(held).__name__ != "_Sighting":
            assert repr(shown().mark)[2:-1] not in repr(held)


def test_no_key_of_marks_is_shown() -> None:
    """The key that marks are made with is shown by nothing."""
    world = replace(BENCH.world, mark_key=b"the key of all marks, 32 bytes..")
    assert "the key" not in repr(world)
    assert repr(Moment(BENCH.utc, Basis.RTC))
