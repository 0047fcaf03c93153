"""Run `doorcheck check` on the official pictures, and print how it agrees, country by country.

    python -m tests.conformance.check_pictures           from the checkout's folder
    python -m tests.conformance.check_pictures FOLDER    another dgc-testdata folder

Everything goes the operator's way: pictures are written to files, the trust list is made
by `doorcheck trust build` out of all vectors' certificates, and the command runs as a
process of its own. Vectors whose verdict is the same at each other's clocks share a run.
Exit code: 0 all agree (but for the waivers in waivers.toml), 1 not all, 2 no vectors.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.conformance.dgc import ABSENT, Vector, load, official, signers
from tests.conformance.expected import DECIDING, Door, agrees, door, waived
from tests.conformance.running import judge

from doorcheck.core.verdict import Outcome, Reason

DOORCHECK = (sys.executable, "-m", "doorcheck.cli")
REASONS = {reason.code: reason for reason in Reason}
UNREADABLE = 2
"""The exit code of `doorcheck check` when a source can't be read: official too, for one."""


@dataclass(slots=True)
class Row:
    """One country's counts, and what disagrees."""

    counts: Counter[str] = field(default_factory=Counter)
    disagreements: list[str] = field(default_factory=list)
    waived: dict[str, list[str]] = field(default_factory=dict)
    """By the waiver's reference."""


def groups(vectors: Iterable[Vector]) -> Iterator[tuple[datetime, list[Vector]]]:
    """Vectors that one time suits: each gets the same reason then as at its own clock."""
    left = sorted(vectors, key=lambda vector: vector.clock)
    known = signers(left)
    own = {vector: judge(vector.text, known, vector.clock).reason for vector in left}
    while left:
        # The middle one's clock suits the most of them.
        at = left[len(left) // 2].clock
        here = [vector for vector in left if judge(vector.text, known, at).reason is own[vector]]
        yield at, here
        left = [vector for vector in left if vector not in here]


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run one doorcheck command. Raises `CalledProcessError` when it was called wrongly or broke."""
    done = subprocess.run([*DOORCHECK, *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1, UNREADABLE):
        raise subprocess.CalledProcessError(done.returncode, done.args, done.stdout, done.stderr)
    return done


def trust_list(folder: Path, vectors: Iterable[Vector]) -> Path:
    """The trust list of all vectors' certificates."""
    certificates = folder / "certificates"
    certificates.mkdir()
    for number, certificate in enumerate(dict.fromkeys(vector.certificate for vector in vectors)):
        (certificates / f"{number:03}.der").write_bytes(certificate)
    made = folder / "trust.dctl"
    done = run("trust", "build", "--test", "--allow-ca", certificates, "-o", made)
    if not made.is_file():
        raise RuntimeError(f"no trust list was made: {done.stderr}")
    return made


def check(trust: Path, pictures: Path, at: datetime) -> tuple[dict[str, list[dict[str, Any]]], str]:
    """The command's answers by picture, and its standard error."""
    done = run("check", "--trust", trust, "--at", at.isoformat(), "--json", pictures)
    answers: dict[str, list[dict[str, Any]]] = {}
    for line in done.stdout.splitlines():
        answer = json.loads(line)
        answers.setdefault(Path(answer["source"]).name, []).append(answer)
    return answers, done.stderr


def judged(vector: Vector, answers: list[dict[str, Any]], row: Row) -> None:
    """Count one vector's answers in its country's row."""
    reasons = [REASONS[answer["reason"]] for answer in answers]
    got = ", ".join(reason.code for reason in reasons) or "unreadable"
    row.counts["pictures"] += 1
    row.counts[door(vector).value] += 1
    if any(reason is Reason.OK for reason in reasons):
        row.counts["ADMIT"] += 1
    elif reasons:
        row.counts["rules" if any(reason.code.startswith("N-") for reason in reasons) else "REFUSE"] += 1
    else:
        row.counts["unreadable"] += 1
    if not _agrees(vector, reasons):
        row.counts["disagree"] += 1
        row.disagreements.append(f"{vector.name}: expected {door(vector).value}, got {got}")
        return
    row.counts["agree"] += 1
    excuses = [excuse for flag in DECIDING if flag in vector.flags and (excuse := waived(vector, flag))]
    for excuse in excuses:
        row.waived.setdefault(excuse.reference, []).append(f"{vector.name} {got}")
    row.counts["by waiver"] += bool(excuses)


def _agrees(vector: Vector, reasons: list[Reason]) -> bool:
    """One symbol that is judged rightly, or a picture stated to be unreadable that admits nobody."""
    if vector.flags.get("EXPECTEDPICTUREDECODE") is False:
        return all(reason.outcome is Outcome.REFUSE for reason in reasons)
    return len(reasons) == 1 and agrees(vector, reasons[0])


COLUMNS = (
    "pictures",
    *(state.value for state in Door),
    "ADMIT",
    "rules",
    "REFUSE",
    "unreadable",
    "agree",
    "by waiver",
    "disagree",
)
FEW = 6
"""Vectors named of those that one waiver covers."""


def table(rows: dict[str, Row]) -> Iterator[str]:
    """The table's lines, and after them each disagreement, and who agrees by waiver alone."""
    total = Row()
    yield " " * 20 + "expected" + " " * 20 + "got"
    yield "country   " + "  ".join(COLUMNS)
    for country, row in sorted(rows.items()):
        yield _line(country, row)
        total.counts += row.counts
    yield _line("all", total)
    for _country, row in sorted(rows.items()):
        for reference, vectors in sorted(row.waived.items()):
            more = f" and {len(vectors) - FEW} more" if len(vectors) > FEW else ""
            yield f"by waiver, {reference}: {', '.join(sorted(vectors)[:FEW])}{more}"
        yield from (f"DISAGREES: {line}" for line in row.disagreements)


def _line(country: str, row: Row) -> str:
    return f"{country:8}  " + "  ".join(f"{row.counts[name]:>{len(name)}}" for name in COLUMNS)


def main(folder: Path | None = None) -> int:
    """Run the command on every picture; returns the exit code."""
    every = official() if folder is None else load(folder)
    pictures = {vector: picture for vector in every if (picture := vector.picture()) is not None}
    if not pictures:
        sys.stderr.write(f"{ABSENT}\n")
        return 2
    rows: dict[str, Row] = {}
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="doorcheck-pictures-") as name:
        place = Path(name)
        trust = trust_list(place, every)
        runs = list(groups(pictures))
        for number, (at, vectors) in enumerate(runs):
            shown = place / f"{number:03}"
            shown.mkdir()
            for vector in vectors:
                (shown / _file(vector)).write_bytes(pictures[vector])
            answers, errors = check(trust, shown, at)
            for vector in vectors:
                judged(vector, answers.get(_file(vector), []), rows.setdefault(vector.country, Row()))
            sys.stderr.write(errors.replace(f"{shown}/", ""))
    for line in table(rows):
        sys.stdout.write(line.rstrip() + "\n")
    spent = time.monotonic() - started
    without = len(every) - len(pictures)
    sys.stdout.write(f"{len(runs)} runs, {spent:.0f} s; {without} vectors have no picture\n")
    return 1 if any(row.disagreements for row in rows.values()) else 0


def _file(vector: Vector) -> str:
    return vector.name.replace("/", "~") + ".png"


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:2])))
