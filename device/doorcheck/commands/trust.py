"""`doorcheck trust`: make a compiled trust list out of certificates, or show one."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from doorcheck.core.trust import LARGEST_BYTES, MAGIC, TrustList, TrustListError
from doorcheck.edge.store import StoreError, write_atomically
from doorcheck.operator.progress import shown
from doorcheck.operator.text import printable, time_text
from doorcheck.operator.trust import sources, trustreport
from doorcheck.operator.trust.building import Built, build
from doorcheck.operator.trust.sources import Gathered, Unreadable

ALL_WELL, NOT_ALL, UNREADABLE = 0, 1, 2

BUILD_TEXT = """\
A source is a file or a folder (searched to its depth). Content decides what it is: certificates
in PEM or DER, a JSON map of key identifiers to certificates, or a DID document of the WHO
network, whose proof is not checked. Certificates must be for P-256 or RSA from 2048 bits, and
no authority's. Expired ones are kept and counted: the door refuses them by its own policy.

A trust list with a hole in it looks like any other: when a source can not be read, nothing is
written, unless --keep-going says so.

examples:
  doorcheck trust build certificates/ -o trust.dctl
  doorcheck trust build did.json national.pem -o trust.dctl --json
  doorcheck trust build test-signers/ --test --allow-ca -o test.dctl

exit codes: 0 all sources read and a signer taken at least, 1 not so (no signer: nothing is written),
2 bad usage or a source that can not be read
"""
SHOW_TEXT = """\
examples:
  doorcheck trust show trust.dctl
  doorcheck trust show trust.dctl --at 2022-01-27T10:00:00Z --json

exit codes: 0 shown, 2 it is no trust list that this doorcheck can read
"""


class _UsageError(Exception):
    """The call can't be obeyed; the text says why."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `doorcheck trust`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    raw = argparse.RawDescriptionHelpFormatter
    words = "make a trust list out of certificates"
    making = actions.add_parser(
        "build", help=words, description=words, epilog=BUILD_TEXT, formatter_class=raw
    )
    making.add_argument("sources", nargs="+", type=Path, metavar="SOURCE", help="a file or a folder")
    making.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the list to write")
    making.add_argument("--test", action="store_true", help="mark every signer as a test authority's")
    making.add_argument("--allow-ca", action="store_true", help="take certificate authorities (CA:TRUE) too")
    making.add_argument(
        "--keep-going", action="store_true", help="use the other sources when one can't be read"
    )
    making.add_argument("--verbose", action="store_true", help="never cut a list short")
    words = "show what a trust list holds"
    showing = actions.add_parser("show", help=words, description=words, epilog=SHOW_TEXT, formatter_class=raw)
    showing.add_argument("file", type=Path, metavar="FILE")
    for action in (making, showing):
        action.add_argument("--json", action="store_true", help="one JSON object instead of text")
    making.add_argument(
        "--at",
        type=_seconds,
        metavar="TIME",
        help="the list's time of issue, and for counting (default: now)",
    )
    showing.add_argument("--at", type=_seconds, metavar="TIME", help="the time for counting (default: now)")


def _seconds(text: str) -> int:
    """Seconds since 1970 of an ISO 8601 time with its zone; a bare date is its first second in UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"not an ISO 8601 time such as 2022-01-27T10:00:00Z: {text}"
        ) from None
    if moment.tzinfo is None:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            raise argparse.ArgumentTypeError(f"a time needs its zone, such as {text}Z for UTC")
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp())


def run(arguments: argparse.Namespace) -> int:
    """Build or show; returns the exit code."""
    arguments.at = int(time.time()) if arguments.at is None else arguments.at
    try:
        return _build(arguments) if arguments.action == "build" else _show(arguments)
    except (_UsageError, StoreError) as error:
        return _complain(arguments, str(error))


def _complain(arguments: argparse.Namespace, text: str) -> int:
    sys.stderr.write(f"doorcheck trust {arguments.action}: {text}\n")
    return UNREADABLE


def _build(arguments: argparse.Namespace) -> int:
    _check_output(arguments.output)
    files, gathered = sources.find(arguments.sources)
    sources.gather(shown(files, "reading"), gathered)
    judged = shown(gathered.candidates, "certificates")
    built = build(judged, allow_ca=arguments.allow_ca, test=arguments.test)
    writes = bool(built.entries) and (arguments.keep_going or not gathered.unreadable)
    size = _write(arguments, built) if writes else 0
    _report(arguments, gathered, built, size)
    for one in gathered.unreadable:
        _complain(arguments, _unreadable_text(one))
    if gathered.unreadable and not writes:
        advice = (
            "" if arguments.keep_going else "; mend or remove the above, or use the rest with --keep-going"
        )
        return _complain(arguments, f"nothing written{advice}")
    if not writes:
        _complain(arguments, "nothing written: there is no signer to put into the list")
    return ALL_WELL if writes and not gathered.unreadable else NOT_ALL


def _check_output(path: Path) -> None:
    """Raise `_UsageError` before any work when the list can't or shouldn't go there."""
    name = printable(str(path))
    if not path.parent.is_dir():
        raise _UsageError(f"there is no folder for {name}; make it first")
    if path.is_dir():
        raise _UsageError(f"{name} is a folder; name a file in it")
    try:
        with path.open("rb") as stream:
            start = stream.read(len(MAGIC))
    except FileNotFoundError:
        return
    except OSError as error:
        raise _UsageError(f"{name} is there already and can not be read: {error.strerror}") from error
    if start and start != MAGIC:
        raise _UsageError(f"{name} is there already and is no trust list; remove it or choose another name")


def _write(arguments: argparse.Namespace, built: Built) -> int:
    """Write the list, once it has been read back. Returns its size in bytes."""
    data = TrustList(built.signers, arguments.at).dump()
    try:
        TrustList.load(data)
    except TrustListError as error:
        raise _UsageError(f"nothing written: no door could load this list: {error}") from error
    write_atomically(arguments.output, data)
    return len(data)


def _report(arguments: argparse.Namespace, gathered: Gathered, built: Built, size: int) -> None:
    issued = time_text(arguments.at)
    if arguments.json:
        written = {"written": str(arguments.output) if size else None, "bytes": size, "issued": issued}
        _say(json.dumps({**written, **trustreport.build_object(gathered, built, arguments.at)}, indent=2))
        return
    lines = trustreport.build_lines(gathered, built, arguments.at, verbose=arguments.verbose)
    if size:
        count = len(built.entries)
        name = printable(str(arguments.output))
        lines += ["", f"wrote {name}: {count} signer{'s'[: count != 1]}, issued {issued}, {size} bytes"]
    _say("\n".join(lines))


def _unreadable_text(one: Unreadable) -> str:
    return ", ".join(filter(None, (one.source, one.where))) + f": {one.reason}"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _show(arguments: argparse.Namespace) -> int:
    name = printable(str(arguments.file))
    try:
        with arguments.file.open("rb") as stream:
            trust = TrustList.load(stream.read(LARGEST_BYTES + 1))
        signers = list(trust)
    except OSError as error:
        raise _UsageError(f"{name} can not be read: {(error.strerror or '').lower()}") from error
    except (TrustListError, ValueError) as error:
        raise _UsageError(f"{name}: {printable(str(error))}") from error
    census = trustreport.Census.of(signers, arguments.at)
    issued = time_text(trust.issued)
    if arguments.json:
        counts = {"issued": issued, "at": time_text(arguments.at), **asdict(census)}
        _say(
            json.dumps(
                {**counts, "list": [trustreport.signer_object(signer) for signer in signers]}, indent=2
            )
        )
        return ALL_WELL
    header = f"{name}: {census.signers} signers, issued {issued}, {census.test} of a test authority"
    lines = [header, *census.lines(arguments.at)]
    _say("\n".join([*lines, "", *trustreport.signer_lines(signers)] if signers else lines))
    return ALL_WELL
