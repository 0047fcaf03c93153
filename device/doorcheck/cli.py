"""The command line: finds the command's module, and nothing else.

Each command is a module of `doorcheck.commands` with `configure(parser)` and
`run(arguments) -> exit code`; it is imported only when it is called, so that one
command never pays for another's imports.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import signal
import sys

from doorcheck import __version__

COMMANDS = {
    "run": "the door itself, as the service runs it",
    "status": "how the door on this box is, and what to do about it",
    "camera": "check the camera: rate, exposure, sharpness, reading",
    "check": "judge passes in pictures or text",
    "explain": "show every stage of one test pass, on the bench",
    "trust": "build or show a trust list",
    "operator": "trust, deny list and rules of a fleet: on record, signed, published",
    "update": "take a publication, or go back to the one before",
    "register": "the register of controllers: who was on shift at this door, and when",
    "rules": "show, test, check and import the rules of a venue",
    "demo": "play the simulated door",
    "panel": "show a signal of the door in the terminal",
    "chart": "print test codes for the camera, or the staff's card",
    "lab": "make test passes, with pictures, trust list and deny list",
    "bench": "measure this machine, side by side with other readers",
}

EXAMPLES = """\
examples:
  doorcheck demo                                    a door without a Raspberry Pi
  doorcheck lab passes/                             make test passes to play with
  doorcheck check --trust passes/trust.dctl passes/ judge a folder of pictures
  doorcheck check --trust T --json - < lines.txt    judge text, one pass a line
  doorcheck trust build certificates/ -o trust.dctl make a trust list
  doorcheck rules show fr-sanitaire --at 2021-08-15 the rules of a day
  doorcheck operator init fleet --by "Anna Muller"  a repository for a fleet of doors
  doorcheck panel play REFUSE                       what the lamps do

exit codes: 0 all went well (check: all ADMIT), 1 not all did, 2 bad usage or unreadable input
`doorcheck COMMAND --help` tells more, with examples.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(
        prog="doorcheck",
        description="A box at a venue's entrance that verifies health passes offline.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"doorcheck {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    called = next((word for word in words if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(
            name, help=summary, description=summary, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name == called:
            importlib.import_module(f"doorcheck.commands.{name}").configure(command)
    parsed = parser.parse_args(words)
    module = importlib.import_module(f"doorcheck.commands.{parsed.command}")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names and lamps hold any script
    try:
        return int(module.run(parsed))
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not our failure, and nothing more to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
