"""Arguments that several commands share: trust list, deny list, rules, time."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from doorcheck import RELEASED
from doorcheck.core.denylist import DenyList, DenyListError
from doorcheck.core.moment import Basis
from doorcheck.core.rules import Minimum, Rules
from doorcheck.core.trust import LARGEST_BYTES, TrustList, TrustListError
from doorcheck.core.world import World
from doorcheck.edge.clock import Clock, StatedClock, SystemClock
from doorcheck.edge.denymap import read_text_or_map
from doorcheck.edge.store import read_bounded

if TYPE_CHECKING:
    from doorcheck.edge.rulefiles import Loaded

STATE = Path("/var/lib/doorcheck")
"""A door's folder."""
RUNTIME = Path("/run/doorcheck")
"""Where a running door reports, in memory."""


class InputError(Exception):
    """An argument can't be used; the text names it, says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a pass is judged with on an operator's computer."""

    world: World
    clock: Clock


def add_world_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --trust, --deny, --profile and --at."""
    parser.add_argument("--trust", metavar="FILE", type=Path, help="trust list, from `doorcheck trust build`")
    parser.add_argument(
        "--deny",
        metavar="FILE",
        type=Path,
        help="deny list: one hexadecimal SHA-256 a line, whole or its first half; or a .dcdl file",
    )
    parser.add_argument(
        "--profile",
        metavar="PROFILE",
        help="the venue's rules: a shipped profile's name (`doorcheck rules list`), or a folder "
        "(default: the minimum, one proof that is complete, negative and in its own dates)",
    )
    parser.add_argument(
        "--at",
        metavar="TIME",
        help="judge as at that time, ISO 8601; without a zone it is UTC (default: now)",
    )


def bench(arguments: argparse.Namespace) -> Bench:
    """The world and the clock that the arguments name. Raises `InputError`."""
    trust = None if arguments.trust is None else load_trust(arguments.trust)
    deny = DenyList() if arguments.deny is None else _load_deny(arguments.deny)
    floor = max(RELEASED, datetime.fromtimestamp(trust.issued if trust else 0, UTC))
    clock: Clock = SystemClock(Basis.OPERATOR)
    if arguments.at is not None:
        clock = StatedClock(time(arguments.at))
        floor = min(floor, clock.moment().utc)  # stated outright: there is no clock to doubt
    rules: Rules = Minimum() if arguments.profile is None else load_profile(arguments.profile).rule_set()
    return Bench(World(trust, deny, rules, floor, os.urandom(32), published=None), clock)


def time(text: str) -> datetime:
    """A time as people write it, ISO 8601. Raises `InputError`."""
    try:
        read = datetime.fromisoformat(text)
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InputError(
            f"--at {text!r} is no time: write it as 2021-07-01, or 2021-07-01T12:00:00+02:00"
        ) from None


def load_trust(path: Path) -> TrustList:
    """Read a trust list. Raises `InputError`."""
    try:
        return TrustList.load(read_bounded(path, LARGEST_BYTES))
    except (OSError, TrustListError) as error:
        raise InputError(f"--trust {path}: {_why(error)}") from error


def profile_folder(name: str) -> Path:
    """The folder of a profile, by name or as a folder. Raises `InputError`."""
    from doorcheck.edge import rulefiles  # not needed by those who name no profile: it costs a start

    folder = rulefiles.find(name)
    if not folder.is_dir():
        names = ", ".join(one.name for one in rulefiles.shipped())
        raise InputError(f"profile {name!r} is neither a folder nor one of {names}")
    return folder


def load_profile(name: str) -> Loaded:
    """A profile, by name or as a folder. Raises `InputError`."""
    from doorcheck.edge import rulefiles  # as above

    folder = profile_folder(name)
    try:
        return rulefiles.load(folder)
    except rulefiles.ProfileError as error:
        raise InputError(
            f"profile {name}: {len(error.faults)} faults, the first in {error.faults[0]}; "
            f"nothing was judged (`doorcheck rules check {name}` names all)"
        ) from error


def _load_deny(path: Path) -> DenyList:
    try:
        return read_text_or_map(path)
    except DenyListError as error:
        raise InputError(f"--deny {error}; nothing was judged, for half a list admits") from error


def _why(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
