"""Every reason code can be produced, and none ever changes its meaning."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pytest
from PIL import Image

from doorcheck import cli
from doorcheck.core import selftest
from doorcheck.core.moment import Moment
from doorcheck.core.session import Session
from doorcheck.core.signals import Score
from doorcheck.core.symbol import Symbol
from doorcheck.core.verdict import Outcome, PassFormat, Reason, RefusedError, Verdict
from doorcheck.core.verify import verify
from doorcheck.daemon import MOST_HANGS, Door
from doorcheck.edge.frame import CameraError, Frame
from doorcheck.edge.reader import DecoderHangError
from doorcheck.lab.bench import Bench
from doorcheck.lab.flaws import catalogue

BENCH: Final = Bench(seed="reasons")

PINNED: Final = """
OK ADMIT
D-SYM REFUSE
D-PRE REFUSE  D-B45 REFUSE  D-ZIP REFUSE  D-BIG REFUSE  D-COS REFUSE  D-CWT REFUSE  D-DCC REFUSE
D-KND REFUSE  D-2DF REFUSE  D-2DV REFUSE
S-ALG REFUSE  S-KID REFUSE  S-UNK REFUSE  S-SIG REFUSE  S-EXP REFUSE  S-NYV REFUSE  S-USE REFUSE  S-FMT REFUSE
P-EXP REFUSE  P-IAT REFUSE
R-UCI REFUSE  R-CCI REFUSE  R-DOC REFUSE  R-SIG REFUSE
N-ONE REFUSE  N-DOS REFUSE  N-RES REFUSE  N-FUT REFUSE  N-REC REFUSE  N-SPC REFUSE  N-ERR REFUSE
N-EXM REFUSE  N-RUL REFUSE  N-NON REFUSE
N-RUL REFUSE  N-NON REFUSE
F-ICV STAFF  F-DDC STAFF  F-VHL STAFF  F-SHC STAFF  F-NZC STAFF  F-LT1 STAFF  F-NO1 STAFF
F-NLD STAFF  F-VDS STAFF  F-DIV STAFF  F-2DD STAFF
V-TWO STAFF  V-AGN STAFF  A-OLD STAFF  A-CLK STAFF
O-CLK OUT_OF_ORDER  O-TRU OUT_OF_ORDER  O-CAM OUT_OF_ORDER  O-DEC OUT_OF_ORDER  O-TST OUT_OF_ORDER
O-BUG OUT_OF_ORDER  O-OLD OUT_OF_ORDER
"""
"""Every code that was ever given out, with its outcome. Lines are added, never changed or removed."""


def test_codes_are_stable() -> None:
    """A code is never renumbered, dropped, nor given another outcome: what is on the wire stays true."""
    words = PINNED.split()
    pinned = dict(zip(words[::2], words[1::2], strict=True))
    assert {reason.code: reason.outcome.name for reason in Reason} == pinned


def test_codes_can_be_read_over_the_telephone() -> None:
    """A stage letter, a dash, three letters or digits; each once; and words for an operator."""
    assert len({reason.code for reason in Reason}) == len({reason.words for reason in Reason}) == len(Reason)
    for reason in Reason:
        assert reason is Reason.OK or re.fullmatch(r"[DSPRNFVAO]-[A-Z0-9]{3}", reason.code)
        assert reason.words == reason.words.strip()
        assert {each.value: each for each in Reason}[reason.code] is reason


def test_one_reason_admits() -> None:
    """OK alone leads to ADMIT, and O codes alone to OUT_OF_ORDER."""
    for reason in Reason:
        assert (reason.outcome is Outcome.ADMIT) == (reason is Reason.OK)
        assert (reason.outcome is Outcome.OUT_OF_ORDER) == reason.code.startswith("O-")
        assert Verdict(reason).outcome is reason.outcome


def test_a_refusal_says_its_code_alone() -> None:
    """Its text can be logged."""
    assert str(RefusedError(Reason.SIGNATURE)) == "S-SIG"


# Every code is produced by the code that ships


@dataclass
class Edge:
    """Camera, reader, clock and lamps of a door whose edges break."""

    camera_broken: bool = False
    now: int = 0
    played: list[Score] = field(default_factory=list)

    def next(self, timeout_ms: int) -> Frame | None:
        """A frame, or an error."""
        self.now += timeout_ms
        if self.camera_broken:
            raise CameraError("broken")
        return Frame(memoryview(b""), 0, 0, 0, self.now)

    def release(self, frame: Frame) -> None:
        """Nothing to keep."""

    def close(self) -> None:
        """Nothing to close."""

    def read(self, _frame: Frame, /) -> list[Symbol]:
        """A decoder that never comes back."""
        raise DecoderHangError

    def moment(self) -> Moment:
        """A believable time."""
        return BENCH.moment

    def now_ms(self) -> int:
        """The monotonic time."""
        return self.now

    def play(self, score: Score, _now_ms: int, /) -> None:
        """Keep the score."""
        self.played.append(score)

    def refresh(self, now_ms: int) -> None:
        """Nothing to keep."""


def from_the_verifier() -> Iterator[Reason]:
    """What single symbols get: the catalogue of flaws."""
    for flaw in catalogue():
        case = flaw.build(BENCH)
        yield verify(case.symbol, case.world, case.moment).reason


def from_the_view() -> Iterator[Reason]:
    """What passes get for coming together, or again."""
    session, one = Session(), Verdict(Reason.OK, PassFormat.HC1, mark=b"1")
    for at_ms, verdicts in (
        (0, [one]),
        (9, [one]),
        (10_000, [one]),
        (20_000, [one, replace(one, mark=b"2")]),
    ):
        decision = session.observe(at_ms, verdicts)
        if decision is not None and decision.reason is not None:
            yield decision.reason


def from_the_door() -> Iterator[Reason]:
    """What a door says of its camera and its decoder."""
    edge = Edge()
    reasons: list[Reason | None] = []
    door = Door(
        edge, edge, edge, edge, lambda: BENCH.world, decided=lambda decision: reasons.append(decision.reason)
    )
    door.start()
    for _ in range(MOST_HANGS):
        door.turn()
    edge.camera_broken = True
    door.turn()
    assert [score.outcome for score in edge.played] == [None, Outcome.OUT_OF_ORDER, Outcome.OUT_OF_ORDER]
    yield from (reason for reason in reasons if reason is not None)


def from_the_self_test() -> Iterator[Reason]:
    """What the self-test says of a verifier that admits everybody."""
    reason = selftest.run(BENCH.world, lambda *_: Verdict(Reason.OK))
    if reason is not None:
        yield reason


def from_a_blank_picture(folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Reason]:
    """What `doorcheck check` says of a picture with no code in it."""
    picture = folder / "blank.png"
    Image.new("L", (64, 64), 255).save(picture)
    assert cli.main(["check", "--json", str(picture)]) == 1
    code = json.loads(capsys.readouterr().out)["reason"]
    yield from (reason for reason in Reason if reason.code == code)


def test_every_reason_can_be_produced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Catalogue, view, door, self-test and `check` together give each code: none is dead."""
    produced = {
        *from_the_verifier(),
        *from_the_view(),
        *from_the_door(),
        *from_the_self_test(),
        *from_a_blank_picture(tmp_path, capsys),
    }
    assert set(Reason) - produced == set()


def test_the_catalogue_gives_every_reason_of_a_symbol() -> None:
    """Only what needs a picture, time, a second pass or hardware is missing from the catalogue."""
    elsewhere = {
        Reason.NO_SYMBOL,
        Reason.TWO_PASSES,
        Reason.SHOWN_BEFORE,
        Reason.CAMERA,
        Reason.DECODER,
        Reason.SELF_TEST,
    }
    assert {flaw.expected for flaw in catalogue()} == set(Reason) - elsewhere


def test_flaws_have_names_of_their_own() -> None:
    """A flaw is found by its name."""
    names = [flaw.name for flaw in catalogue()]
    assert len(names) == len(set(names))
