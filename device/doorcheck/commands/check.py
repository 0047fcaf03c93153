"""`doorcheck check`: judge passes in pictures, folders of pictures, and text."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from doorcheck.commands import arguments as words
from doorcheck.commands.arguments import InputError
from doorcheck.core.symbol import Symbol
from doorcheck.core.verdict import Outcome, Reason, Verdict
from doorcheck.core.verify import verify
from doorcheck.edge import sources
from doorcheck.edge.reader import Reader
from doorcheck.operator.progress import shown

EXAMPLES = """\
examples:
  doorcheck check --trust trust.dctl pass.png          one picture
  doorcheck check --trust trust.dctl --json passes/    a folder of pictures, a JSON object a line
  doorcheck check --trust trust.dctl lines.txt         text, one pass a line
  zbarcam --raw | doorcheck check --trust trust.dctl - whatever a scanner types
  doorcheck check --trust T --at 2021-07-01T12:00Z p/  as on that day

columns: outcome, reason, format, signer, milliseconds, source[:line], words
exit codes: 0 all ADMIT, 1 at least one not, 2 bad usage or unreadable input (named on
standard error; the others are judged all the same)
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """One pass's line."""

    source: str
    line: int | None
    verdict: Verdict
    milliseconds: float

    def as_text(self) -> str:
        """For people: fixed columns, then words."""
        verdict = self.verdict
        where = self.source if self.line is None else f"{self.source}:{self.line}"
        test = " (TEST)" if verdict.test else ""
        return (
            f"{verdict.outcome.value:12} {verdict.reason.code:5} {verdict.format.value:7} "
            f"{verdict.signer or '-':15} {self.milliseconds:7.1f} ms  {where}  {verdict.reason.words}{test}"
        )

    def as_json(self) -> str:
        """For programs: one object."""
        verdict = self.verdict
        place = {"source": self.source} if self.line is None else {"source": self.source, "line": self.line}
        return json.dumps(
            {
                **place,
                "outcome": verdict.outcome.value,
                "reason": verdict.reason.code,
                "format": verdict.format.value,
                "signer": verdict.signer or None,
                "test": verdict.test,
                "milliseconds": round(self.milliseconds, 3),
            },
            ensure_ascii=False,
        )


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "sources", nargs="+", metavar="SOURCE", help="picture, folder, text file, or - for standard input"
    )
    words.add_world_arguments(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(arguments: argparse.Namespace) -> int:
    """Judge every source; see the exit codes in the examples."""
    try:
        bench = words.bench(arguments)
    except InputError as error:
        print(f"doorcheck check: {error}", file=sys.stderr)
        return 2
    if bench.world.trust is None:
        print(
            "doorcheck check: no --trust: every pass is OUT_OF_ORDER (`doorcheck trust build` makes a list)",
            file=sys.stderr,
        )
    unreadable = False
    all_admitted = True
    with Reader() as reader:
        for item in _items(arguments.sources, reader):
            if isinstance(item, sources.Unreadable):
                print(f"doorcheck check: {item.source}: {item.why}", file=sys.stderr)
                unreadable = True
                continue
            for answer in _judge(item, bench):
                print(answer.as_json() if arguments.json else answer.as_text(), flush=item.live)
                all_admitted = all_admitted and answer.verdict.outcome is Outcome.ADMIT
    return 2 if unreadable else 0 if all_admitted else 1


def _items(named: list[str], reader: Reader) -> Iterator[sources.Item | sources.Unreadable]:
    everything = list(sources.find(named))
    # On a terminal the answers themselves show how far it is; a bar would run into them.
    for found in everything if sys.stdout.isatty() else shown(everything, "judging"):
        if isinstance(found, sources.Unreadable):
            yield found
        else:
            yield from sources.read(found, reader)


def _judge(item: sources.Item, bench: words.Bench) -> Iterator[Answer]:
    if not item.symbols:
        yield Answer(item.source, item.line, Verdict(Reason.NO_SYMBOL), item.milliseconds)
    for symbol in item.symbols:
        yield _answer(item, symbol, bench)


def _answer(item: sources.Item, symbol: Symbol, bench: words.Bench) -> Answer:
    started = time.perf_counter()
    verdict = verify(symbol, bench.world, bench.clock.moment())
    spent = (time.perf_counter() - started) * 1000
    return Answer(item.source, item.line, verdict, item.milliseconds + spent)
