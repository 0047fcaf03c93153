"""`doorcheck operator import-trust`, `import-deny` and their removal: lists that others keep."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from doorcheck.commands.operator.shared import (
    NotDoneError,
    Recorder,
    UsageError,
    add_author,
    recording,
    say,
    time,
)
from doorcheck.core import denyfile
from doorcheck.core.trust import TrustList
from doorcheck.edge.store import read_bounded
from doorcheck.operator import denysources
from doorcheck.operator.denysources import DenyGathered, DenySourcesError, Format
from doorcheck.operator.progress import shown
from doorcheck.operator.record.logentry import Action
from doorcheck.operator.text import printable, time_text
from doorcheck.operator.trust import sources, trustdiff, trustreport
from doorcheck.operator.trust.building import Built, build
from doorcheck.operator.trust.didproof import WHO_PRODUCTION, PinnedKey, ProofError, pinned_key
from doorcheck.operator.trust.sources import Gathered
from doorcheck.operator.trust.trustdiff import LossError
from doorcheck.operator.workspace import slot_name

MOST_LOST = 0.2
LARGEST_PIN_BYTES = 64 * 1024

TRUST_TEXT = """\
A source is a file or a folder (searched to its depth): certificates in PEM or DER (2D-Doc signers
among them), a JSON map of key identifiers to certificates, as TousAntiCovid has it, or the WHO
network's DID document, whose proof must fit the pinned key; nothing is fetched from anywhere.

What the import would change is shown, and asked about at a terminal (--yes answers). A list that lost
more than --most-lost of the signers that still count is refused: an outage looks like that, and a
door that lost its signers refuses everybody. Lists are kept by name (--as), and doors get their union.

examples:
  doorcheck operator import-trust did.json --as who --by "Anna Muller" --reason "weekly"
  doorcheck operator import-trust certificates/ --as venue --by "Anna Muller" --reason "own signers"
"""
DENY_TEXT = """\
Read are, told by their content: EU gateway batches, German chunk files, the Italian list with its
deltas, the French hash lists, and plain files of hashes or identifiers. A list is taken whole or not
at all, replaces the one imported under that name before, and is kept apart from the others.

examples:
  doorcheck operator import-deny batches/ --as eu --signer gateway.pem --by "Anna Muller" --reason "daily"
  doorcheck operator import-deny drl/ --as italy --by "Anna Muller" --reason "daily"
"""


def configure(name: str, parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    if name.startswith("remove-"):
        parser.add_argument("slot", metavar="NAME", help="the name it was imported as")
        add_author(parser)
        return
    parser.add_argument("sources", nargs="+", type=Path, metavar="SOURCE", help="a file or a folder")
    parser.add_argument("--as", dest="slot", metavar="NAME", required=True, help="the list's name here")
    parser.add_argument(
        "--keep-going", action="store_true", help="use the other files when one can't be read"
    )
    if name == "import-trust":
        parser.epilog = TRUST_TEXT
        parser.add_argument("--pin", metavar="FILE", type=Path, help="another key for DID documents, as JSON")
        parser.add_argument("--test", action="store_true", help="mark every signer as a test authority's")
        parser.add_argument("--allow-ca", action="store_true", help="take certificate authorities too")
        parser.add_argument("--allow-older", action="store_true", help="take a document older than the last")
        parser.add_argument(
            "--most-lost", metavar="SHARE", type=float, default=MOST_LOST, help="default: %(default)s"
        )
        parser.add_argument("--yes", action="store_true", help="don't ask before the change")
        parser.add_argument("--verbose", action="store_true", help="never cut a list short")
    else:
        parser.epilog = DENY_TEXT
        names = [one.value for one in Format]
        parser.add_argument(
            "--format", choices=names, help="read every file as that (default: by its content)"
        )
        parser.add_argument(
            "--signer", metavar="FILE", type=Path, action="append", default=[], help="who must have signed it"
        )
    add_author(parser)


def run(arguments: argparse.Namespace) -> int:
    """Import or remove."""
    slot_name(arguments.slot)
    match arguments.action:
        case "import-trust":
            return _import_trust(arguments)
        case "import-deny":
            return _import_deny(arguments)
        case "remove-trust":
            return _remove(arguments, "trust", Action.REMOVE_TRUST)
        case _:
            return _remove(arguments, "deny", Action.REMOVE_DENY)


# Trust


def _import_trust(arguments: argparse.Namespace) -> int:
    gathered, built = _gathered(arguments, _pin(arguments.pin))
    at = int(time(arguments).timestamp())
    with recording(arguments) as recorder:
        old = recorder.workspace.trust_slots().get(arguments.slot)
        new = TrustList(built.signers, gathered.signed or at)
        if old is not None and new.issued < old.issued and not arguments.allow_older:
            raise NotDoneError(
                f"this list was signed {time_text(new.issued)}, and the last one taken "
                f"{time_text(old.issued)}: fetch a newer one, or say --allow-older"
            )
        diff = trustdiff.diff(list(old or ()), built.signers, at, old.issued if old else at)
        lines = [*_notes(gathered, built), *diff.lines(verbose=arguments.verbose)]
        try:
            trustdiff.check_loss(diff, arguments.most_lost)
        except LossError as error:
            sys.stderr.write("\n".join(lines) + "\n")
            raise NotDoneError(str(error)) from error
        _ask(arguments, lines)
        counts = {"added": len(diff.added), "removed": len(diff.removed)}
        writes = {f"trust/{arguments.slot}": new.dump()}
        entry = recorder.commit(
            Action.IMPORT_TRUST, f"trust/{arguments.slot}", arguments.reason, counts, writes
        )
    closing = f"{len(built.signers)} signers in trust/{arguments.slot}; on record as entry {entry.sequence}"
    item = {
        **trustreport.build_object(gathered, built, at),
        "diff": diff.as_object(),
        "entry": entry.sequence,
    }
    say(arguments, [closing] if _asks(arguments) else [*lines, closing], item)
    return 0


def _pin(path: Path | None) -> PinnedKey:
    if path is None:
        return WHO_PRODUCTION
    try:
        return pinned_key(read_bounded(path, LARGEST_PIN_BYTES))
    except (OSError, ProofError) as error:
        raise UsageError(f"--pin {path}: {error}") from error


def _gathered(arguments: argparse.Namespace, pinned: PinnedKey) -> tuple[Gathered, Built]:
    files, gathered = sources.find(arguments.sources)
    sources.gather(shown(files, "reading"), gathered, pinned)
    if gathered.unreadable and not arguments.keep_going:
        first = gathered.unreadable[0]
        where = ", ".join(filter(None, (first.source, first.where)))
        more = len(gathered.unreadable) - 1
        raise NotDoneError(
            f"{where}: {first.reason}{f' (and {more} more)' if more else ''}; nothing was taken: a trust "
            "list with a hole looks like any other. Mend it, or use the rest with --keep-going"
        )
    built = build(
        shown(gathered.candidates, "certificates"), allow_ca=arguments.allow_ca, test=arguments.test
    )
    if not built.entries:
        raise NotDoneError("there is no signer in it; nothing was taken")
    return gathered, built


def _notes(gathered: Gathered, built: Built) -> list[str]:
    notes = [f"{printable(source)}: {note}" for source, note in gathered.notes]
    return [*notes, f"{len(built.entries)} signers, {len(built.left_out)} entries left out"]


def _asks(arguments: argparse.Namespace) -> bool:
    return not arguments.yes and not arguments.json and sys.stdin.isatty()


def _ask(arguments: argparse.Namespace, lines: list[str]) -> None:
    """Show the change, and ask, where there is somebody to answer."""
    if not _asks(arguments):
        return
    sys.stdout.write("\n".join(lines) + "\nTake this? [y/N] ")
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise NotDoneError("not taken")


# Deny lists


def _import_deny(arguments: argparse.Namespace) -> int:
    gathered = _denied(arguments)
    data = denyfile.build(gathered.hashes)
    with recording(arguments) as recorder:
        old = recorder.workspace.deny_slots().get(arguments.slot)
        before = set() if old is None else set(old)
        counts = {
            "added": len(gathered.hashes - before),
            "removed": len(before - gathered.hashes),
        }
        subject = f"deny/{arguments.slot}"
        entry = recorder.commit(Action.IMPORT_DENY, subject, arguments.reason, counts, {subject: data})
    lines = [
        *_totals(gathered),
        f"{len(gathered.hashes)} entries in {subject}: +{counts['added']} "
        f"-{counts['removed']}; on record as entry {entry.sequence}",
    ]
    item = {"entries": len(gathered.hashes), **counts, **_totals_object(gathered), "entry": entry.sequence}
    say(arguments, lines, item)
    return 0


def _denied(arguments: argparse.Namespace) -> DenyGathered:
    chosen = {one.value: one for one in Format}.get(arguments.format)
    try:
        signers = [read_bounded(path, LARGEST_PIN_BYTES) for path in arguments.signer]
    except OSError as error:
        raise UsageError(f"--signer: {error}") from error
    try:
        return denysources.gather(
            arguments.sources,
            at=time(arguments),
            format=chosen,
            signers=signers,
            keep_going=arguments.keep_going,
        )
    except DenySourcesError as error:
        for line in _totals(error.gathered):
            sys.stderr.write(line + "\n")
        raise NotDoneError(f"{error}; nothing was taken") from error


def _totals(gathered: DenyGathered) -> list[str]:
    lines = [f"note: {note}" for note in gathered.notes]
    for kind, totals in gathered.totals.items():
        parts = {
            "taken": totals.taken,
            "twice": totals.duplicates,
            "taken back": totals.removed,
            "expired": totals.expired,
            "dropped": totals.dropped,
        }
        words = ", ".join(f"{number} {name}" for name, number in parts.items() if number)
        lines.append(f"{kind.words}: {totals.files} files, {totals.entries} entries: {words or 'none'}")
    for one in gathered.refused:
        where = ", ".join(filter(None, (one.source, one.where)))
        lines.append(f"refused: {where}: {one.reason}{f' ({one.entries} entries)' if one.entries else ''}")
    return lines


def _totals_object(gathered: DenyGathered) -> dict[str, Any]:
    return {
        "lists": {
            kind.value: {
                "files": totals.files,
                "entries": totals.entries,
                "taken": totals.taken,
                "duplicates": totals.duplicates,
                "removed": totals.removed,
                "expired": totals.expired,
                "dropped": totals.dropped,
                "kinds": {one.value: number for one, number in totals.kinds.items()},
            }
            for kind, totals in gathered.totals.items()
        },
        "refused": [
            {"source": one.source, "where": one.where, "reason": one.reason, "entries": one.entries}
            for one in gathered.refused
        ],
        "notes": gathered.notes,
    }


# Both


def _remove(arguments: argparse.Namespace, kind: str, action: Action) -> int:
    with recording(arguments) as recorder:
        slots: dict[str, Any] = _slots(recorder, kind)
        if arguments.slot not in slots:
            names = ", ".join(slots) or "none"
            raise NotDoneError(f"there is no list {arguments.slot} here; there are: {names}")
        subject = f"{kind}/{arguments.slot}"
        counts = {"removed": len(slots[arguments.slot])}
        entry = recorder.commit(action, subject, arguments.reason, counts, {subject: None})
    line = f"{subject} is gone, {counts['removed']} entries; on record as entry {entry.sequence}"
    say(arguments, [line], {"subject": subject, **counts, "entry": entry.sequence})
    return 0


def _slots(recorder: Recorder, kind: str) -> dict[str, Any]:
    read: dict[str, Callable[[], dict[str, Any]]] = {
        "trust": lambda: dict(recorder.workspace.trust_slots()),
        "deny": lambda: dict(recorder.workspace.deny_slots()),
    }
    return read[kind]()
