"""`doorcheck chart`: sheets to print, codes for the camera and a card for the staff."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from doorcheck.commands import arguments as words
from doorcheck.commands.arguments import InputError
from doorcheck.edge.store import StoreError, write_atomically

EXAMPLES = """\
examples:
  doorcheck chart                              chart.pdf, three sheets: print at 100 %
  doorcheck chart --trust chart.dctl           and the trust list that knows its passes
  doorcheck check --trust chart.dctl scan.png  judge a picture of the printed sheet
  doorcheck chart --signers signers.json       for `doorcheck operator import-trust --test`
  doorcheck chart --card                       card.pdf: the signals, for the staff

Every code is marked TEST: its people are invented, its signers are test signers, and the
EU passes' key is made for this call and forgotten. A door shows TEST for all of them.
exit codes: 0 written, 2 bad usage, or a file can't be written
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        help="the PDF to write (default: chart.pdf, with --card card.pdf)",
    )
    parser.add_argument("--trust", metavar="FILE", type=Path, help="also write a trust list of its signers")
    parser.add_argument(
        "--signers", metavar="FILE", type=Path, help="also write its EU signer, for a fleet of bench doors"
    )
    parser.add_argument(
        "--at", metavar="TIME", help="the passes are good around that time, ISO 8601 (default: now)"
    )
    parser.add_argument(
        "--card", action="store_true", help="the staff's card instead, in French, German and English"
    )
    parser.add_argument("--json", action="store_true", help="print what was written as one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Draw the sheets and write them."""
    try:
        files = _card(arguments) if arguments.card else _chart(arguments)
        for path, data in files.items():
            write_atomically(path, data)
    except (InputError, StoreError) as error:
        print(f"doorcheck chart: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps({"written": [str(path) for path in files]}))
    else:
        print(f"{', '.join(map(str, files))}: written; print at 100 %, on A4")
    return 0


def _card(arguments: argparse.Namespace) -> dict[Path, bytes]:
    from doorcheck.lab import card, paper

    if arguments.trust or arguments.signers or arguments.at:
        raise InputError("--card: it holds no passes; leave out --trust, --signers and --at")
    return {arguments.output or Path("card.pdf"): paper.pdf(card.sheets(), "doorcheck card")}


def _chart(arguments: argparse.Namespace) -> dict[Path, bytes]:
    from doorcheck.lab import chart, paper  # signing: the card need not wait for it

    moment = datetime.now(UTC) if arguments.at is None else words.time(arguments.at)
    made = chart.make(moment)
    files = {arguments.output or Path("chart.pdf"): paper.pdf(made.sheets, "doorcheck chart TEST")}
    if arguments.trust:
        files[arguments.trust] = made.trust.dump()
    if arguments.signers:
        from doorcheck.lab.leak import certificates  # brings in the operator's side

        files[arguments.signers] = certificates(made.authority).encode()
    return files
