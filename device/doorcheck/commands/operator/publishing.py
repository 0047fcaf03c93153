"""`doorcheck operator publish`, `status`, `rotate`, `tell-time`: what doors get, and the keys behind it."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from doorcheck.commands.operator.shared import (
    NotDoneError,
    UsageError,
    add_at,
    add_author,
    add_repo,
    recording,
    say,
    time,
)
from doorcheck.edge.store import write_atomically
from doorcheck.operator import publication, repository
from doorcheck.operator.record import log, passphrase
from doorcheck.operator.record.logentry import Action
from doorcheck.operator.repository import GROUPS, PUBLIC, Change
from doorcheck.operator.workspace import Workspace

PUBLISH_TEXT = """\
Everything in lists/ is put into the form that doors take, signed, and laid out in public/, which is
complete in itself: push it over SSH, carry it on a stick, or serve it; on a door,
`doorcheck update public/` takes it. It is read back as a door would before this ends.

With --refresh nothing but dates is renewed, so that doors go on taking what is published; it needs
the daily keys only, and no author.

examples:
  doorcheck operator publish --by "Anna Muller" --reason "leaked pass of today"
  doorcheck operator publish --refresh
"""
TAKE_OVER_TEXT = """\
For a repository that was restored from a backup: doors refuse version numbers that they have seen.
This one goes on from the numbers of a newer copy of public/, once its own record is as long.

example:
  doorcheck operator take-over /media/stick/public
"""
TELL_TIME_TEXT = """\
A box without network and without a clock that keeps time asks for it. Its question is another one
every few minutes, and is good for ten: get it (a fleet's boxes tell it over SSH, see deploy/; on
the box it is in /run/doorcheck/time-question), sign it here, bring the answer. One statement answers
any number of boxes. The time is this computer's: look at its clock first.

examples:
  doorcheck operator tell-time 6f0e...c1 -o time.json
  doorcheck operator tell-time --questions questions.txt -o time.json
  doorcheck update --time time.json public/                          then, on the box
"""
ROTATE_TEXT = """\
Doors follow by themselves with their next update: a new root is signed by the old root keys.

examples:
  doorcheck operator rotate daily --add 1 --remove daily-1 --keys /media/stick1 --keys /media/stick2
  doorcheck operator rotate root --add 1 --remove root-2 --keys /media/stick1 --keys /media/stick3
  doorcheck operator rotate root --keys /media/stick1 --keys /media/stick3      renew it for another term
"""


def configure(name: str, parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    if name == "status":
        add_repo(parser)
        add_at(parser)
        return
    if name == "take-over":
        parser.epilog = TAKE_OVER_TEXT
        parser.add_argument("public", metavar="PUBLIC", type=Path, help="a newer copy of public/")
        add_repo(parser)
        return
    parser.add_argument(
        "--keys",
        metavar="DIR",
        type=Path,
        action="append",
        default=[],
        help="where keys lie besides keys/: a stick",
    )
    parser.add_argument(
        "--daily-passphrase-file",
        metavar="FILE",
        type=Path,
        help="the daily keys' (default: it is asked for)",
    )
    if name == "tell-time":
        parser.epilog = TELL_TIME_TEXT
        parser.add_argument("question", metavar="QUESTION", nargs="*", help="what a box asks: 32 hex digits")
        parser.add_argument("--questions", metavar="FILE", type=Path, help="a file with one in each line")
        parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="default: the terminal")
        add_repo(parser)
        add_at(parser)
        return
    if name == "publish":
        parser.epilog = PUBLISH_TEXT
        parser.add_argument("--refresh", action="store_true", help="renew dates only")
        add_author(parser, required=False)
        return
    parser.epilog = ROTATE_TEXT
    parser.add_argument("group", metavar="KEYS", choices=sorted(GROUPS), help=f"one of {', '.join(GROUPS)}")
    parser.add_argument("--add", metavar="N", type=int, default=0, help="make that many new keys")
    parser.add_argument(
        "--token", metavar="URI", action="append", default=[], help="take up a key on a token"
    )
    parser.add_argument(
        "--remove", metavar="KEY", action="append", default=[], help="it shall count no longer"
    )
    parser.add_argument("--threshold", metavar="N", type=int, help="how many must sign from here on")
    parser.add_argument(
        "--new-keys", metavar="DIR", type=Path, help="where new key files go (default: keys/)"
    )
    parser.add_argument(
        "--root-passphrase-file", metavar="FILE", type=Path, help="the root keys' (default: it is asked for)"
    )
    add_repo(parser)
    add_at(parser)


def run(arguments: argparse.Namespace) -> int:
    """Publish, look, or change keys."""
    match arguments.action:
        case "status":
            return _status(arguments)
        case "rotate":
            return _rotate(arguments)
        case "take-over":
            return _take_over(arguments)
        case "tell-time":
            return _tell_time(arguments)
        case _:
            return _refresh(arguments) if arguments.refresh else _publish(arguments)


def _publish(arguments: argparse.Namespace) -> int:
    if not arguments.by or not arguments.reason:
        raise UsageError("publishing goes on record: give --by and --reason (or --refresh, for dates alone)")
    repo, at = arguments.repo, time(arguments)
    with (
        recording(arguments) as recorder,
        tempfile.TemporaryDirectory(dir=repo, prefix=".publish-") as scratch,
    ):
        secrets = _secrets(arguments, repository.publishing_keys(repo))
        entry = recorder.commit(Action.PUBLISH, "public", arguments.reason)
        made = publication.compose(repo, at, recorder.change.head, Path(scratch))
        told = repository.publish(repo, made.targets, at, secrets, folders=arguments.keys)
        publication.remember(repo, made)
    for note in made.notes:
        sys.stderr.write(f"note: {note}\n")
    lines = [
        *told.lines(),
        f"{made.signers} signers, {made.denied} deny-list entries; on record as entry {entry.sequence}",
        f"give doors {repo / PUBLIC}",
    ]
    item = {**told.as_object(), "signers": made.signers, "denied": made.denied, "notes": made.notes}
    say(arguments, lines, {**item, "entry": entry.sequence, "public": str(repo / PUBLIC)})
    return 0


def _refresh(arguments: argparse.Namespace) -> int:
    repo = arguments.repo
    secrets = _secrets(arguments, repository.refreshing_keys(repo))
    told = repository.refresh(repo, time(arguments), secrets, folders=arguments.keys)
    say(arguments, told.lines(), told.as_object())
    return 0


def _secrets(
    arguments: argparse.Namespace, names: Sequence[str], new_tokens: Sequence[str] = ()
) -> dict[str, bytes]:
    """The passphrases of keys: a PIN for each token, one for all root keys, one for all others."""
    tokens = {*repository.token_keys(arguments.repo), *new_tokens} & {*names}
    secrets = {name: passphrase.read(f"the token of {name} (its PIN)", new=False) for name in sorted(tokens)}
    groups = {name.rpartition("-")[0] for name in names if name not in tokens}
    if "root" in groups:
        secrets["root"] = passphrase.read("the root keys", new=False, file=arguments.root_passphrase_file)
    if others := groups - {"root"}:
        daily = passphrase.read("the daily keys", new=False, file=arguments.daily_passphrase_file)
        secrets.update(dict.fromkeys(others, daily))
    return secrets


def _rotate(arguments: argparse.Namespace) -> int:
    change = Change(
        arguments.group,
        add=arguments.add,
        tokens=arguments.token,
        remove=arguments.remove,
        threshold=arguments.threshold,
    )
    repo = arguments.repo
    new = repository.new_key_names(repo, change)
    names = [*repository.root_keys(repo), *repository.publishing_keys(repo), *new]
    told = repository.rotate(
        repo,
        change,
        time(arguments),
        _secrets(arguments, names, new[change.add :]),
        folders=arguments.keys,
        new_folder=arguments.new_keys,
    )
    say(arguments, told.lines(), told.as_object())
    return 0


def _tell_time(arguments: argparse.Namespace) -> int:
    asked = list(arguments.question)
    if arguments.questions is not None:
        try:
            asked += arguments.questions.read_text(encoding="ascii").split()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read {arguments.questions}: {error}") from error
    if not asked:
        raise UsageError("no question: name what the box asks, or --questions FILE")
    at, repo = time(arguments), arguments.repo
    secrets = _secrets(arguments, repository.timing_keys(repo))
    data = repository.tell_time(repo, asked, at, secrets, folders=arguments.keys)
    if arguments.output is None:
        sys.stdout.write(data.decode("ascii"))
        return 0
    write_atomically(arguments.output, data, permissions=0o644)
    item = {"utc": f"{at:%Y-%m-%dT%H:%M:%SZ}", "answered": len(set(asked)), "file": str(arguments.output)}
    lines = [f"{arguments.output}: it is {item['utc']}; bring it to the box within ten minutes"]
    say(arguments, lines, item)
    return 0


def _take_over(arguments: argparse.Namespace) -> int:
    repo = arguments.repo
    found = log.verify(repo / log.FOLDER, head=publication.published_head(arguments.public))
    if found.faults:
        raise NotDoneError(
            f"{found.faults[0]}. What {arguments.public} was made from is not all here, and publishing "
            "would take it back: bring log/ and lists/ up to date from the newest copy first"
        )
    numbers = repository.take_over_numbers(repo, arguments.public)
    line = (
        f"goes on from targets {numbers.targets}, snapshot {numbers.snapshot}, timestamp {numbers.timestamp}"
    )
    say(arguments, [line], asdict(numbers))
    return 0


def _status(arguments: argparse.Namespace) -> int:
    repo, at = arguments.repo, time(arguments)
    told = repository.status(repo, at)
    workspace = Workspace(repo)
    found = log.verify(repo / log.FOLDER)
    trust = {name: len(one) for name, one in workspace.trust_slots().items()}
    deny = {name: len(one) for name, one in workspace.deny_slots().items()}
    revoked = workspace.revoked()
    lines = [
        *told.lines(),
        "trust lists: " + _listing(trust, "signers"),
        "deny lists: " + _listing(deny, "entries"),
        *(f"revoked: {one.identity}, {one.format}, by {one.by} on {one.at}: {one.reason}" for one in revoked),
        f"record: {found.head.entries} entries",
    ]
    item = {
        **told.as_object(),
        "trust": trust,
        "deny": deny,
        "revoked": [
            {"id": one.identity, "format": one.format, "by": one.by, "at": one.at, "reason": one.reason}
            for one in revoked
        ],
        "log": found.head.to_object(),
    }
    say(arguments, lines, item)
    return 0


def _listing(counts: dict[str, int], things: str) -> str:
    return ", ".join(f"{name}, {things}: {number}" for name, number in counts.items()) or "none"
