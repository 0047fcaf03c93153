"""`doorcheck bench`: what this machine does, side by side with others, in one run."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable

from doorcheck.commands import arguments as words
from doorcheck.commands.arguments import InputError
from doorcheck.lab import measure, measurebox, measuredeny, measurepress

EXAMPLES = """\
examples:
  doorcheck bench                  everything, in a few minutes
  doorcheck bench passes frames    only these parts
  doorcheck bench --json > today.json
  doorcheck bench rules --profile eu-travel-at/ --profile eu-travel-fr/

parts: passes (text to verdict), frames (decoding, with and without a code), streams (hard
frames decided within a second), datamatrix (its cost, and 2D-Docs read within a second),
processes (start, memory), box (the service: to READY, memory, processor at rest), rules
(cases of profiles: the shipped ones, or those named), deny (the deny list of up to 20 million
entries, beside SQLite and LMDB), revoke (passes read from 200 rendered press pictures: ten minutes).
Candidates take turns in short batches; medians are of batches, ratios of medians of one
run. They compare; they are no tests. pyzbar and OpenCV are shown where they are installed
(pip install pyzbar opencv-python-headless; apt install libzbar0).
"""

PARTS: dict[str, Callable[[], measure.Table | list[measure.Table]]] = {
    "passes": measure.passes,
    "frames": measure.frames,
    "streams": measure.streams,
    "datamatrix": measure.datamatrix,
    "processes": measure.processes,
    "box": measurebox.tables,
    "rules": measure.rules,
    "deny": measuredeny.tables,
    "revoke": measurepress.tables,
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of: {', '.join(PARTS)} (default: all)")
    parser.add_argument(
        "--profile", metavar="PROFILE", action="append", default=[], help="a profile for the part rules"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    unknown = [part for part in arguments.parts if part not in PARTS]
    if unknown:
        print(f"doorcheck bench: no part {unknown[0]!r}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    try:
        profiles = [words.load_profile(name) for name in arguments.profile]
    except InputError as error:
        print(f"doorcheck bench: {error}", file=sys.stderr)
        return 2
    told = {}
    for part in arguments.parts or PARTS:
        print(f"measuring {part} …", file=sys.stderr)
        made = measure.rules(profiles) if part == "rules" else PARTS[part]()
        tables = made if isinstance(made, list) else [made]
        told[part] = [table.as_dict() for table in tables]
        for table in () if arguments.json else tables:
            print(table.as_text(), flush=True)
    if arguments.json:
        print(json.dumps(told, indent=2))
    return 0
