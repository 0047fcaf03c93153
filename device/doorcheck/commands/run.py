"""`doorcheck run`: the door, as a service."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from doorcheck.commands.arguments import RUNTIME, STATE
from doorcheck.edge.panel import PanelError
from doorcheck.edge.stall import EXIT_CODE
from doorcheck.edge.systemd import ERROR, Notifier, log
from doorcheck.service.box import Box
from doorcheck.service.parts import Places

SETTINGS = Path("/etc/doorcheck/door.toml")
EXAMPLES = f"""\
examples:
  doorcheck run                                  as the service does, by {SETTINGS}
  doorcheck run --settings desk.toml --state door/ --runtime run/
      on a desk: desk.toml may name a folder of pictures as camera, and kind = "none" as panel

signals: SIGTERM ends it within two seconds, lamps dark; SIGHUP takes new settings, or says what
is wrong with them and keeps the old. `doorcheck status` tells how it is.

exit codes: 0 ended by a signal; 2 bad usage; {EXIT_CODE} the camera delivers nothing, or the panel failed:
start it again
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = EXAMPLES
    add_place_arguments(parser)
    parser.add_argument(
        "--settings",
        metavar="FILE",
        type=Path,
        default=SETTINGS,
        help=f"this box's own (default: {SETTINGS})",
    )
    parser.add_argument(
        "--root",
        metavar="FOLDER",
        type=Path,
        default=Path("/"),
        help="where the system's proc, sys and run are, for a box in a container (default: /)",
    )


def add_place_arguments(parser: argparse.ArgumentParser) -> None:
    """The two folders that `status` wants too; systemd names them in the environment."""
    parser.add_argument(
        "--state",
        metavar="FOLDER",
        type=Path,
        default=Path(os.environ.get("STATE_DIRECTORY", STATE)),
        help=f"the door's folder (default: {STATE})",
    )
    parser.add_argument(
        "--runtime",
        metavar="FOLDER",
        type=Path,
        default=Path(os.environ.get("RUNTIME_DIRECTORY", RUNTIME)),
        help=f"where it reports, in memory (default: {RUNTIME})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until a signal, or until a new process is needed."""
    for folder in (arguments.state, arguments.runtime):
        if not folder.is_dir():
            print(f"doorcheck run: {folder}: no such folder; make it, or name another", file=sys.stderr)
            return 2
    tell = log(os.environ, sys.stderr)
    places = Places(arguments.settings, arguments.state, arguments.runtime, arguments.root)
    notifier = Notifier(os.environ)
    box = Box(places, tell, notifier)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: box.end())
    signal.signal(signal.SIGHUP, lambda _number, _frame: box.reload())
    try:
        return box.run()
    except PanelError as error:
        tell("ended", ERROR, why=error)
        return EXIT_CODE
    finally:
        notifier.close()
