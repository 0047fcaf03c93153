"""`doorcheck operator init`: a repository, its keys, its first author, and what doors are given."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from doorcheck.commands.operator.shared import add_at, say, time
from doorcheck.operator import repository
from doorcheck.operator.record import authors, change, contents, log, passphrase
from doorcheck.operator.record.authors import SigningAuthor
from doorcheck.operator.record.logentry import Action
from doorcheck.operator.repository import Founded, Layout

INIT_TEXT = """\
A repository is a folder with everything of a fleet's trust: encrypted keys, the record of who did
what, the lists, and public/, which doors are given. Two passphrases are asked for: the root keys',
used to change keys, and the daily ones', used to publish; a third opens the first author's key.

Signing keys are Ed25519, in encrypted files, or on tokens (PKCS#11) that --token names:
  --token "root-1=hsm:2?label=Root+stick"

example:
  doorcheck operator init fleet --by "Anna Muller"
"""


def configure(_name: str, parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = INIT_TEXT
    parser.add_argument("repo", metavar="DIR", type=Path, help="a new or an empty folder")
    parser.add_argument("--by", metavar="NAME", required=True, help="the first author")
    parser.add_argument("--reason", metavar="TEXT", default="a new repository", help="goes on record")
    parser.add_argument("--root-keys", metavar="N", type=int, default=3, help="default: 3")
    parser.add_argument(
        "--root-threshold", metavar="N", type=int, default=2, help="must sign together; default: 2"
    )
    parser.add_argument(
        "--expiry-days",
        metavar="ROLE=N",
        action="append",
        default=[],
        help="root, targets, snapshot, timestamp",
    )
    parser.add_argument("--token", metavar="KEY=URI", action="append", default=[], help="a key on a token")
    for key, words in (("root", "root keys'"), ("daily", "daily keys'"), ("author", "first author's")):
        parser.add_argument(
            f"--{key}-passphrase-file",
            metavar="FILE",
            type=Path,
            help=f"the {words} (default: it is asked for)",
        )
    add_at(parser)


def run(arguments: argparse.Namespace) -> int:
    """Make it all, or nothing."""
    at = time(arguments)
    layout = _layout(arguments)
    name = authors.clean_name(arguments.by)
    secrets = _secrets(arguments, layout)
    own = passphrase.read(f"the author {name}", new=True, file=arguments.author_passphrase_file)
    made = repository.init(arguments.repo, at, secrets, layout)
    try:
        arguments.repo.chmod(0o700)  # the lists are as secret as the keys
        author = _first_author(arguments.repo, name, own)
        with change.begin(arguments.repo) as begun:
            begun.commit(
                author,
                time=int(at.timestamp()),
                action=Action.INIT,
                reason=arguments.reason,
                subject="repository",
                whom=author.author,
            )
    except BaseException:
        shutil.rmtree(arguments.repo, ignore_errors=True)
        raise
    say(arguments, _lines(made, name), {**made.as_object(), "author": name})
    return 0


def _layout(arguments: argparse.Namespace) -> Layout:
    days = {role: int(number) for role, number in map(_pair, arguments.expiry_days)}
    return Layout(
        root_keys=arguments.root_keys,
        root_threshold=arguments.root_threshold,
        expiry_days=days,
        tokens=dict(map(_pair, arguments.token)),
    )


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _secrets(arguments: argparse.Namespace, layout: Layout) -> dict[str, bytes]:
    """A passphrase for the root keys, one for the others, and a PIN for each token."""
    secrets = {name: passphrase.read(f"the token of {name} (its PIN)", new=False) for name in layout.tokens}
    groups = {name.rpartition("-")[0] for name in layout.key_names() if name not in layout.tokens}
    if "root" in groups:
        secrets["root"] = passphrase.read("the root keys", new=True, file=arguments.root_passphrase_file)
    if others := groups - {"root"}:
        daily = passphrase.read("the daily keys", new=True, file=arguments.daily_passphrase_file)
        secrets.update(dict.fromkeys(others, daily))
    return secrets


def _first_author(repo: Path, name: str, secret: bytes) -> SigningAuthor:
    for folder in (log.FOLDER, contents.FOLDER):
        (repo / folder).mkdir(mode=0o700)
    authors.create(repo, name, secret)
    return authors.unlock(repo, name, secret)


def _lines(made: Founded, name: str) -> list[str]:
    return [
        *made.lines(),
        "",
        f"{name} may change the lists; `doorcheck operator add-author` lets others.",
        "next: import-trust, use-rules, publish (`doorcheck operator --help`), and on each door",
        f"  doorcheck update --enrol {made.root.parent}",
    ]
