"""The canary: marked people go through everything, and nothing of them comes out anywhere."""

from __future__ import annotations

import gc
import os
import re
import resource
import signal
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.app.desk import Desk

from doorcheck.cli import main
from doorcheck.commands import lab as lab_command
from doorcheck.core import denylist
from doorcheck.core.counters import Counters
from doorcheck.core.session import Session
from doorcheck.core.trust import TrustList
from doorcheck.core.verdict import Outcome
from doorcheck.core.verify import trace_with_claims, verify
from doorcheck.edge import statefiles
from doorcheck.lab import flaws, french, issuer, story
from doorcheck.lab.bench import Bench, Case
from doorcheck.lab.issuer import Person

SERIALS = (
    *("valid", "forged", "expired", "unknown signer", "leaked", "replacement", "sixth", "seventh"),
    *("bench", "flaw"),
)
PANEL = {"ms", "green", "red", "amber", "ready", "relay", "tone_hz"}

GENUINE, GENUINE_FRENCH = 4, 5
"""Passes of the story, and of the French formats, that are admitted."""
AT = ("--at", "2026-03-01T12:00Z")

Silent = Callable[[str], None]


@pytest.fixture(scope="module")
def assert_clean(people: tuple[Person, ...]) -> Silent:
    """Fails for a text with a marked name, birth date or identifier in it, plain or hexadecimal."""
    data = [issuer.identifier(serial) for serial in SERIALS]
    for person in people:
        year, month, day = person.birth.split("-")
        data += [*person.name.values(), person.birth, day + month + year, person.forename[::-1]]
    words = sorted({*data, *(one.rpartition(":")[2] for one in data)})
    pattern = re.compile("|".join(re.escape(word) for word in words), re.IGNORECASE)

    def check(text: str) -> None:
        assert pattern.search(text) is None
        decoded = b" ".join(bytes.fromhex(run) for run in re.findall(r"(?:[0-9a-f]{2}){8,}", text))
        assert pattern.search(decoded.decode("latin-1")) is None

    return check


def test_the_canary_can_sing(assert_clean: Silent) -> None:
    """The check finds a name, an identifier, and either of them in hexadecimal."""
    for text in ("…ZQXSURNAME3…", issuer.identifier("leaked").lower(), b"Zqxforename1".hex()):
        with pytest.raises(AssertionError):
            assert_clean(text)


@pytest.fixture
def made(tmp_path: Path, moment: datetime, people: tuple[Person, ...]) -> Path:
    """Pictures and lines of the marked people's passes, with a trust list of no test authority."""
    told = story.compose(moment, bytes(32), "the canary", people)
    bench = Bench(moment, "the canary's bench")
    bench.person = people[0]
    signers = [*told.trust, *french.trust_list(bench)]
    production = TrustList([replace(signer, test=False) for signer in signers], told.trust.issued)
    shown = [*told.passes.values(), *_french(bench)]
    (tmp_path / "passes").mkdir()
    for name, data in told.passes.items():
        (tmp_path / "passes" / f"{name}.png").write_bytes(lab_command.picture(data, name))
    (tmp_path / "lines").write_bytes(b"".join(data + b"\n" for data in shown))
    (tmp_path / "test.dctl").write_bytes(TrustList(signers, told.trust.issued).dump())
    (tmp_path / "trust.dctl").write_bytes(production.dump())
    (tmp_path / "deny").write_text(denylist.digest(issuer.identifier("leaked").encode()).hex())
    return tmp_path


def _french(bench: Bench) -> Iterator[bytes]:
    """A marked person's passes in every French format, good ones, and one in a link."""
    document = french.vaccination(bench.person, bench.utc).data()
    yield document
    yield french.link(document)
    yield french.negative_test(bench.person, bench.utc).data()
    yield french.text(bench, french.light_token(bench.person, bench.utc), french.HCFR1)
    yield french.text(bench, french.exemption_token(bench.person, bench.utc), french.EX1)


def test_check_tells_nothing_of_anybody(made: Path, assert_clean: Silent) -> None:
    """Output, errors and files of `check`, on pictures and lines, in text and JSON."""
    before = set(made.rglob("*"))
    words = [
        "check",
        "--trust",
        str(made / "trust.dctl"),
        "--deny",
        str(made / "deny"),
        "--at",
        "2026-03-01T12:00Z",
    ]
    sources = [str(made / "passes"), str(made / "lines"), str(made / "missing")]
    for form in ([], ["--json"]):
        command = [sys.executable, "-X", "dev", "-m", "doorcheck.cli", *words, *form, *sources]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=made)
        assert sum("OK" in line for line in done.stdout.splitlines()) == 2 * GENUINE + GENUINE_FRENCH
        assert_clean(done.stdout + done.stderr)
    assert set(made.rglob("*")) == before


def test_explain_shows_a_test_pass_and_no_other(
    made: Path, capsys: pytest.CaptureFixture[str], assert_clean: Silent
) -> None:
    """Of a pass that no test signer signed, sizes and steps are shown; of a test pass, all."""
    words = [*AT, str(made / "lines")]
    for form in ([], ["--json"]):
        assert main(["explain", "--trust", str(made / "trust.dctl"), *form, *words]) == 1
        said = capsys.readouterr()
        assert_clean(said.out + said.err)
        assert "base45" in said.out
        main(["explain", "--trust", str(made / "test.dctl"), *form, *words])
        with pytest.raises(AssertionError):
            assert_clean(capsys.readouterr().out)


def test_the_door_tells_nothing_of_anybody(played: Any, assert_clean: Silent) -> None:
    """Lines, counters, timeline, logs: nothing of the people who came; and no file is there."""
    assert_clean(played.lines + repr(played.timeline) + played.logged + repr(played.decisions))
    assert all(set(change) <= PANEL for change in played.timeline)
    assert played.new_files == set()


def cases(moment: datetime, people: tuple[Person, ...]) -> Iterator[Case]:
    """Every flaw, on the pass of a marked person."""
    bench = Bench(moment, "the canary's bench")
    bench.person = people[0]
    for flaw in flaws.catalogue():
        yield flaw.build(bench)


def test_no_repr_shows_anybody(moment: datetime, people: tuple[Person, ...], assert_clean: Silent) -> None:
    """What the verifier makes of every flaw: no object's `repr`, no exception's text, no traceback."""
    session, counters = Session(), Counters()
    for case in cases(moment, people):
        products: dict[int, object] = {}
        verdict = trace_with_claims(case.symbol, case.world, case.moment, products.__setitem__)
        counters.decided(verdict.reason)
        decision = session.observe(0, [verdict])
        kept = [case, verdict, decision, session, counters]
        # Bytes and maps are themselves wherever they are; the objects around them must not be.
        shown = [*kept, *(it for it in products.values() if not isinstance(it, bytes))]
        assert_clean(" ".join(f"{one!r} {one!s}" for one in shown))


def test_an_exception_carries_nobody(
    moment: datetime, people: tuple[Person, ...], assert_clean: Silent
) -> None:
    """Whatever a stage raises, its text, notes, causes and contexts hold nothing of the pass."""
    raised: list[BaseException] = []

    def hook(_frame: object, event: str, argument: object) -> object:
        if event == "exception" and isinstance(argument, tuple) and isinstance(argument[1], BaseException):
            raised.append(argument[1])
        return hook

    for case in cases(moment, people):
        sys.settrace(hook)  # type: ignore[arg-type]
        try:
            verify(case.symbol, case.world, case.moment)
        finally:
            sys.settrace(None)
    ours = [error for error in raised if type(error).__module__.startswith("doorcheck")]
    assert len(ours) > 50
    for error in ours:
        assert_clean("".join(traceback.format_exception_only(error)) + repr(error) + repr(error.__dict__))
        assert error.__cause__ is None
        assert error.__suppress_context__ or error.__context__ is None


def test_a_verdict_keeps_nobody_alive(moment: datetime, people: tuple[Person, ...]) -> None:
    """After `verify` no object that the collector knows holds the visitor's certificate."""
    bench = Bench(moment, "the canary's bench")
    bench.person = people[0]
    case = bench.case(bench.draft.text())
    before = _holders()
    verdict = verify(case.symbol, case.world, case.moment)
    assert verdict.reason.code == "OK"
    assert _holders() == before


def _holders() -> Counter[str]:
    """How many objects of each type that holds a visitor's data are alive."""
    gc.collect()
    names = {"Certificate", "Name", "Vaccination", "Claims", "Pass", "Unverified", "_Judgement"}
    return Counter(kind for one in gc.get_objects() if (kind := type(one).__name__) in names)


@pytest.fixture
def desk(tmp_path: Path, people: tuple[Person, ...]) -> Desk:
    """A door with a marked person's pass before its camera."""
    desk = Desk(tmp_path)
    desk.bench.person = people[0]
    desk.hold_up()
    return desk


def everything(desk: Desk) -> str:
    """All that the service leaves behind: log, state, runtime; but not the pictures that it was shown."""
    paths = [path for path in desk.folder.rglob("*") if path.is_file() and path.parent != desk.pictures]
    assert {"log", "status.json", "metrics.prom"} <= {path.name for path in paths}
    names = "\n".join(map(str, paths))
    return names + b"\n".join(path.read_bytes() for path in paths).decode("latin-1")


def test_the_service_leaves_nothing_of_a_visitor(desk: Desk, assert_clean: Silent) -> None:
    """Ended by its operator: log, state, counters, metrics, what it told systemd, and its status."""
    with desk.run() as running:
        running.hear("READY=1")
        running.wait_for(lambda: running.report()["frames"] > 30, "frames")
        status = desk.status()[1] + desk.status("--json")[1]
        running.send(signal.SIGTERM)
        assert running.ends()[0] == 0
        told = "".join(message for _, message in running.told)
    outcomes = [outcome for counts in statefiles.read_counters(desk.kept).values() for outcome in counts]
    assert Outcome.ADMIT in outcomes
    assert_clean(everything(desk) + status + told)


def test_a_service_that_is_aborted_leaves_nothing_of_a_visitor(desk: Desk, assert_clean: Silent) -> None:
    """As the watchdog ends it, under the unit's limit: stacks in the log, no core, no name."""
    unit = Path(__file__).parents[2] / "systemd" / "doorcheck.service"
    assert "\nLimitCORE=0\n" in unit.read_text()
    with desk.run(PYTHONFAULTHANDLER="1") as running:
        running.hear("READY=1")
        running.wait_for(lambda: running.report()["frames"] > 15, "frames")
        for pid in (running.process.pid, *running.decoders()):
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        running.send(signal.SIGABRT)
        _, ended = os.waitpid(running.process.pid, 0)
        assert os.WTERMSIG(ended) == signal.SIGABRT
        assert not os.WCOREDUMP(ended)
        running.logs("Fatal Python error: Aborted")
    assert not [path for path in desk.folder.rglob("core*") if path.is_file()]
    assert_clean(everything(desk))
