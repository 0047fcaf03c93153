"""`doorcheck operator use-rules` and `use-settings`: what every door of the fleet goes by."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from doorcheck import config
from doorcheck.commands import arguments as words
from doorcheck.commands.operator.shared import NotDoneError, add_author, recording, say
from doorcheck.config import SettingsError
from doorcheck.edge.store import read_bounded
from doorcheck.operator.record.logentry import Action

RULES_TEXT = """\
examples:
  doorcheck operator use-rules fr-sanitaire --by "Anna Muller" --reason "decree of today"
  doorcheck operator use-rules my-rules/ --by "Anna Muller" --reason "the stadium's own"

`doorcheck rules list` names the shipped profiles; `doorcheck rules test` runs a profile's cases.
"""
SETTINGS_TEXT = """\
The file is TOML; what is not understood is an error, and what is not named has this value:

  [freshness]
  ageing_hours = 72          an amber flash on the idle signal asks for an update
  too_old_hours = 240        from then on no door admits on its own
  too_old = "OUT_OF_ORDER"   or "STAFF": what becomes of a good pass then

example:
  doorcheck operator use-settings settings.toml --by "Anna Muller" --reason "weekly visits"
"""


def configure(name: str, parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    if name == "use-rules":
        parser.epilog = RULES_TEXT
        parser.add_argument("profile", metavar="PROFILE", help="a shipped profile's name, or a folder")
    else:
        parser.epilog = SETTINGS_TEXT
        parser.add_argument("file", metavar="FILE", type=Path)
    add_author(parser)


def run(arguments: argparse.Namespace) -> int:
    """Take the rules or the settings, once they are known to be usable."""
    return _rules(arguments) if arguments.action == "use-rules" else _settings(arguments)


def _rules(arguments: argparse.Namespace) -> int:
    try:
        folder = words.profile_folder(arguments.profile)
        loaded = words.load_profile(arguments.profile)
        loaded.rule_set()
    except words.InputError as error:
        raise NotDoneError(str(error)) from error
    with tempfile.TemporaryDirectory() as scratch, recording(arguments) as recorder:
        chosen = Path(scratch) / "profile"
        for path in sorted(folder.rglob("*.json")):
            copy = chosen / path.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
        counts = {"rules": len(loaded.rules)}
        entry = recorder.commit(Action.SET_RULES, "profile", arguments.reason, counts, {"profile": chosen})
    name = loaded.profile.name
    line = f"rules: {name}, {len(loaded.rules)} of them; on record as entry {entry.sequence}"
    say(arguments, [line], {"profile": name, "rules": len(loaded.rules), "entry": entry.sequence})
    return 0


def _settings(arguments: argparse.Namespace) -> int:
    try:
        data = read_bounded(arguments.file, config.LARGEST_BYTES)
        config.parse(data)
    except (OSError, SettingsError) as error:
        why = (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
        raise NotDoneError(f"{arguments.file}: {why}") from error
    with recording(arguments) as recorder:
        entry = recorder.commit(Action.SET_SETTINGS, "settings", arguments.reason, writes={"settings": data})
    say(arguments, [f"settings taken; on record as entry {entry.sequence}"], {"entry": entry.sequence})
    return 0
