"""`doorcheck operator`: trust, deny list and rules of a fleet, on record, signed and published."""

from __future__ import annotations

import argparse
import sys

from doorcheck.commands.operator import badges, leaks, lists, program, publishing, record, setting_up, venue
from doorcheck.commands.operator.shared import FAILURES, UsageError

ACTIONS = {
    "init": (setting_up, "make a repository: keys, record, and what doors are given"),
    "import-trust": (lists, "take signers from a source, after a look at what would change"),
    "remove-trust": (lists, "take an imported trust list out again"),
    "import-deny": (lists, "take a deny list that somebody else keeps"),
    "remove-deny": (lists, "take an imported deny list out again"),
    "revoke": (leaks, "put a leaked pass on the deny list, from its photograph"),
    "unrevoke": (leaks, "take a pass off the deny list again"),
    "use-rules": (venue, "choose the venue's rules"),
    "use-settings": (venue, "choose the doors' settings"),
    "use-release": (program, "choose the version of the program that doors shall run"),
    "badge": (badges, "make a staff badge: it opens and closes shifts in the doors' register"),
    "withdraw-badge": (badges, "doors shall refuse a staff badge"),
    "badges": (badges, "who has a staff badge: authorised by whom, since when"),
    "publish": (publishing, "sign everything for the doors, as a folder to carry or push"),
    "tell-time": (publishing, "sign the time for boxes that ask for it"),
    "status": (publishing, "what is listed, published, and about to expire"),
    "rotate": (publishing, "replace keys after a loss or a theft, or renew the root"),
    "take-over": (publishing, "after a restored backup: go on from a newer copy's version numbers"),
    "log": (record, "who did what"),
    "verify": (record, "find anything removed, altered or reordered in the record"),
    "add-author": (record, "let another person change the lists"),
    "retire-author": (record, "from here on an author may sign no more"),
}
"""Each action's module, and its words."""

EXAMPLES = """\
the first ten minutes:
  doorcheck operator init fleet --by "Anna Muller"
  cd fleet
  doorcheck operator import-trust ../did.json --as who --by "Anna Muller" --reason "first list"
  doorcheck operator use-rules fr-sanitaire --by "Anna Muller" --reason "opening"
  doorcheck operator publish --by "Anna Muller" --reason "opening"
  doorcheck operator revoke ../press.jpg --by "Anna Muller" --reason "in the papers of today"
  doorcheck operator publish --by "Anna Muller" --reason "leaked pass"
  doorcheck operator log

Every action's --help has more. The repository is --repo DIR, else DOORCHECK_REPO, else this folder.
exit codes: 0 done, 1 not done as asked (the text says what to do), 2 bad usage or unreadable input
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the actions."""
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, (module, words) in ACTIONS.items():
        action = actions.add_parser(
            name, help=words, description=words, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        module.configure(name, action)
        action.add_argument("--json", action="store_true", help="one JSON object instead of text")


def run(arguments: argparse.Namespace) -> int:
    """Do the action; returns the exit code."""
    module, _ = ACTIONS[arguments.action]
    try:
        return int(module.run(arguments))
    except FAILURES as error:
        sys.stderr.write(f"doorcheck operator {arguments.action}: {error}\n")
        return 1
    except UsageError as error:
        sys.stderr.write(f"doorcheck operator {arguments.action}: {error}\n")
        return 2
