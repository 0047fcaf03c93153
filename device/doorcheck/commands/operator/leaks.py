"""`doorcheck operator revoke` and `unrevoke`: a leaked pass, from its photograph to the deny list."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from doorcheck import RELEASED
from doorcheck.commands.operator.shared import (
    NotDoneError,
    Recorder,
    UsageError,
    add_author,
    recording,
    say,
    time,
)
from doorcheck.core.denylist import HASH_BYTES, DenyList
from doorcheck.core.moment import Basis, Moment
from doorcheck.core.rules import Minimum
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.core.world import World
from doorcheck.edge.pictures import PictureError
from doorcheck.operator import photograph, progress, revoking
from doorcheck.operator.record.logentry import Action
from doorcheck.operator.revoking import Found
from doorcheck.operator.workspace import REVOKED, Revocation, Workspace, revoked_bytes

UNKNOWN = "unknown"
SUBJECT = REVOKED.removesuffix(".json")
LONGEST_TEXT_BYTES = 8192

REVOKE_TEXT = """\
The pass is looked for in the picture with far more patience than at a door: tiles, scales, turns
and contrasts, behind a progress bar. Only a genuine pass, of a signer in your trust lists, is listed:
an identifier in a code that nobody signed may be anybody's. What is kept is hashes: of its signature,
its identifier, and country with identifier, so that recompressed, re-tagged, mirrored (s to n-s) and
re-prefixed copies and links are caught too. The picture is not kept, nor is anything in it.

The same person's other passes are not caught: a replacement has another identifier and is admitted.

examples:
  doorcheck operator revoke press.jpg --by "Anna Muller" --reason "photographed at the ministry"
  doorcheck operator revoke - --by "Anna Muller" --reason "posted as text" < pass.txt
  doorcheck operator revoke --hash 2f0c...9a --by "Anna Muller" --reason "told by the hotline"

A pass given as an argument stays in your shell's history; - reads it from standard input.
Doors refuse it once they have the next publication: `doorcheck operator publish`.
"""


def configure(name: str, parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    if name == "unrevoke":
        parser.add_argument("identity", metavar="ID", help="what `revoke` called it")
        add_author(parser)
        return
    parser.epilog = REVOKE_TEXT
    parser.add_argument("source", metavar="PICTURE|TEXT", nargs="?", help="a picture, a pass's text, or -")
    parser.add_argument(
        "--hash",
        metavar="HEX",
        action="append",
        default=[],
        help="an entry as it is: a SHA-256, or its first half",
    )
    parser.add_argument("--only", metavar="ID", help="of several passes in the picture, this one")
    parser.add_argument("--all", action="store_true", help="of several passes in the picture, all")
    parser.add_argument(
        "--patience",
        metavar="SECONDS",
        type=float,
        default=photograph.PATIENCE_S,
        help="look no longer than that in a picture (default: %(default)g)",
    )
    add_author(parser)


def run(arguments: argparse.Namespace) -> int:
    """List a pass, or take it back."""
    return _unrevoke(arguments) if arguments.action == "unrevoke" else _revoke(arguments)


def _revoke(arguments: argparse.Namespace) -> int:
    if bool(arguments.source) == bool(arguments.hash):
        raise UsageError("give a picture or a pass's text, or else --hash")
    if arguments.hash:
        hashes = sorted({_hash(text) for text in arguments.hash})
        found = [_Entries(revoking.identity(hashes), UNKNOWN, hashes, f"{len(hashes)} given as hashes")]
    else:
        workspace = Workspace(arguments.repo)
        world = _world(workspace, time(arguments))
        passes = _passes(arguments, world, Moment(time(arguments), Basis.OPERATOR))
        found = [_Entries(one.identity, one.format.value, one.hashes, one.kinds()) for one in passes]
    with recording(arguments) as recorder:
        return _list(arguments, recorder, found)


@dataclass(frozen=True, slots=True)
class _Entries:
    """What will be listed of one pass."""

    identity: str
    format: str
    hashes: list[bytes] = field(repr=False)
    kinds: str


def _hash(text: str) -> bytes:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if len(data) not in (HASH_BYTES, 32):
        raise UsageError("--hash wants a SHA-256 in hexadecimal: 64 digits, or its first 32")
    return data[:HASH_BYTES]


def _world(workspace: Workspace, at: datetime) -> World:
    trust = workspace.trust()
    if not len(trust):
        raise NotDoneError(
            "no signer is trusted here yet, so no pass can be told from a forgery: `import-trust` first, "
            "or give the entry itself with --hash"
        )
    return World(trust, DenyList(), Minimum(), min(RELEASED, at), bytes(32), published=None)


def _passes(arguments: argparse.Namespace, world: World, moment: Moment) -> list[Found]:
    """The genuine passes in the source, those asked for. Raises `NotDoneError`."""
    symbols, tried = _symbols(arguments)
    found, others = revoking.genuine(symbols, world, moment)
    if not found:
        codes = ", ".join(sorted({f"{reason.code} ({reason.words})" for reason in others}))
        raise NotDoneError(
            f"{tried}; codes that are no genuine pass: {codes}. Nothing was listed"
            if codes
            else f"{tried}: no pass can be read. Try a sharper or larger copy of the picture, or --patience"
        )
    if arguments.only is not None:
        found = [one for one in found if one.identity == arguments.only]
    if len(found) > 1 and not arguments.all:
        names = ", ".join(f"{one.identity} ({one.format.value})" for one in found)
        raise NotDoneError(f"{len(found)} passes in the picture: {names}. Choose with --only ID, or --all")
    if not found:
        raise NotDoneError(f"there is no pass {arguments.only} in the picture")
    return found


def _symbols(arguments: argparse.Namespace) -> tuple[list[Symbol], str]:
    """What is in the source, and words for what was looked at."""
    source: str = arguments.source
    if source == "-":
        data = sys.stdin.buffer.read(LONGEST_TEXT_BYTES).strip(b"\r\n")
        return [Symbol(SymbolFormat.TEXT, data)], "standard input"
    if Path(source).is_file():
        return _photographed(Path(source), arguments.patience)
    if len(source) < 64 or os.sep in source[:8]:
        raise UsageError(f"there is no picture {source}")
    return [Symbol(SymbolFormat.TEXT, source.encode("utf-8", "surrogateescape"))], "the text"


def _photographed(path: Path, patience_s: float) -> tuple[list[Symbol], str]:
    """What is in a picture, after a long look behind a progress bar."""
    try:
        with progress.steps() as told:
            outcome = photograph.search(path, patience_s=patience_s, progress=told)
    except PictureError as error:
        raise NotDoneError(f"{path}: {error}") from error
    return list(outcome.passes), f"{path.name}: {outcome.in_words()}"


def _list(arguments: argparse.Namespace, recorder: Recorder, found: Sequence[_Entries]) -> int:
    """Put on the list what is not there yet."""
    listed = recorder.workspace.revoked()
    known = {one.identity for one in listed}
    new = [one for one in found if one.identity not in known]
    stamp = recorder.at.isoformat().replace("+00:00", "Z")
    listed += [
        Revocation(
            identity=one.identity,
            format=one.format,
            hashes=[hashed.hex() for hashed in one.hashes],
            reason=arguments.reason,
            by=recorder.author.author.name,
            at=stamp,
        )
        for one in new
    ]
    rows = [
        {"id": one.identity, "format": one.format, "entries": len(one.hashes), "new": one in new}
        for one in found
    ]
    if new:
        counts = {"added": sum(len(one.hashes) for one in new)}
        writes = {SUBJECT: revoked_bytes(listed)}
        entry = recorder.commit(Action.REVOKE, SUBJECT, arguments.reason, counts, writes)
    lines = [
        f"{'listed' if one in new else 'listed already'}: {one.identity}, {one.format}, "
        f"{len(one.hashes)} entries: {one.kinds}"
        for one in found
    ]
    if new:
        lines += [f"on record as entry {entry.sequence}, by {entry.author}. Doors refuse it after `publish`."]
    say(arguments, lines, {"passes": rows, "entry": entry.sequence if new else None})
    return 0


def _unrevoke(arguments: argparse.Namespace) -> int:
    with recording(arguments) as recorder:
        listed = recorder.workspace.revoked()
        kept = [one for one in listed if one.identity != arguments.identity]
        if len(kept) == len(listed):
            raise NotDoneError(
                f"{arguments.identity} is not among the {len(listed)} revoked; see `status --json`"
            )
        gone = next(one for one in listed if one.identity == arguments.identity)
        counts = {"removed": len(gone.hashes)}
        writes = {SUBJECT: revoked_bytes(kept)}
        entry = recorder.commit(Action.UNREVOKE, SUBJECT, arguments.reason, counts, writes)
    line = (
        f"taken back: {gone.identity}, {gone.format}, {len(gone.hashes)} entries; "
        f"on record as entry {entry.sequence}"
    )
    say(arguments, [line], {"id": gone.identity, "entries": len(gone.hashes), "entry": entry.sequence})
    return 0
