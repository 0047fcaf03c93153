"""Taking an operator's statement of the time: verified here, handed to the running door in a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from doorcheck.edge import asking
from doorcheck.edge.asking import Stated
from doorcheck.edge.disk import Disk
from doorcheck.edge.store import StoreError, read_bounded, write_atomically
from doorcheck.update.errors import StateError, TimeError
from doorcheck.update.known import Known
from doorcheck.update.metadata import FOLDER, LIMITS
from doorcheck.update.state import State
from doorcheck.update.statement import Statement

LARGEST_BYTES: Final = 256 * 1024


def take(
    state: State, file: Path, folder: Path, runtime: Path, now_ms: int, *, disk: Disk | None = None
) -> Stated | None:
    """Verify the statement in a file and hand it to the running door; None without such a file.

    `folder` is the publication that came with it, whose newer roots count as they would for
    itself; `runtime` is where the door asks. Raises `TimeError`; then nothing was changed.
    """
    try:
        data = read_bounded(file, LARGEST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TimeError(f"{file} can't be read: {(error.strerror or str(error)).lower()}") from error
    found = Statement.read(data)
    question = _answered(found.questions, runtime, now_ms)
    known = Known.of(state)
    found.verify(_roots(state, known, folder))
    if found.utc < known.floor:
        raise TimeError(
            f"{found.utc:%Y-%m-%d %H:%M} UTC is before {known.floor:%Y-%m-%d %H:%M} UTC, which is past for "
            "sure: set the clock of the operator's computer"
        )
    stated = Stated(question, found.utc, now_ms)
    try:
        write_atomically(state.path / asking.STATED, asking.encode_stated(stated), disk=disk or Disk())
    except StoreError as error:
        raise StateError(state.path, str(error)) from error
    return stated


def _answered(answers: Iterable[str], runtime: Path, now_ms: int) -> str:
    """The question of this box that is answered, asked lately."""
    asked = asking.read_asked(runtime)
    if not asked:
        raise TimeError("this box asks for no time: the door does not run")
    mine = {one.question: one.at_ms for one in asked}
    fitting = [question for question in answers if question in mine]
    if not fitting:
        raise TimeError("it answers no question of this box, or an older one: ask anew, sign and bring it")
    question = max(fitting, key=mine.__getitem__)
    if not 0 <= now_ms - mine[question] <= asking.ANSWER_WITHIN_MS:
        minutes = asking.ANSWER_WITHIN_MS // 60_000
        raise TimeError(f"it took longer than {minutes} minutes to come: ask anew, sign and bring it")
    return question


def _roots(state: State, known: Known, folder: Path) -> Iterable[Root]:
    """The newest root that this box trusts, then those that follow it in the publication."""
    kept = sorted(
        (int(name.split("/")[1].split(".")[0]), data)
        for name, data in known.metadata.items()
        if name.startswith("root")
    )
    root = Metadata[Root].from_bytes(kept[-1][1] if kept else state.root()).signed
    yield root
    for _ in range(LIMITS.max_root_rotations):
        try:
            data = read_bounded(folder / FOLDER / f"{root.version + 1}.root.json", LIMITS.root_max_length)
            new = Metadata[Root].from_bytes(data)
            for by in (root, new.signed):
                by.verify_delegate(Root.type, new.signed_bytes, new.signatures)
        except (OSError, RepositoryError):
            return
        if new.signed.version != root.version + 1:
            return
        root = new.signed
        yield root
