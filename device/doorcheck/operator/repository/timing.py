"""The time, signed for boxes that ask for it: see `update/statement.py`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from doorcheck.operator.repository.desk import read, utc
from doorcheck.operator.repository.errors import RepositoryError
from doorcheck.operator.repository.keys import Passphrases
from doorcheck.update import statement


def timing_keys(repo: Path) -> tuple[str, ...]:
    """The names of the keys that `tell_time` may use: ask for their passphrases."""
    desk = read(repo)
    return tuple(desk.name_of(keyid) for keyid in desk.standing.root.roles[statement.ROLE].keyids)


def tell_time(
    repo: Path,
    questions: Sequence[str],
    at: datetime,
    passphrases: Passphrases,
    *,
    folders: Sequence[Path] = (),
) -> bytes:
    """A signed statement that answers those boxes. Raises `RepositoryError`."""
    try:
        signed = statement.payload(questions, utc(at))
    except ValueError as error:
        raise RepositoryError(str(error)) from error
    desk = read(repo)
    unlocked = desk.unlock((statement.ROLE,), folders, passphrases)
    desk.require((statement.ROLE,), unlocked)
    ids = desk.standing.root.roles[statement.ROLE].keyids
    signatures = {one: unlocked.signers[one].sign(signed) for one in ids if one in unlocked.signers}
    return statement.statement(signed, signatures)
