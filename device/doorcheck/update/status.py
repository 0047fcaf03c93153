"""What is on a door, for the operator who asks over SSH."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from doorcheck.core.freshness import Age
from doorcheck.core.moment import Moment
from doorcheck.update.errors import UpdateError, disk_errors
from doorcheck.update.generation import DamagedError
from doorcheck.update.known import Known, Signed
from doorcheck.update.names import LogHead
from doorcheck.update.state import ROOT, State


@dataclass(frozen=True, slots=True)
class Status:
    """One look at a door's folder. None where there is nothing, or nothing that can be read.

    `roles` are versions and expiry of the metadata that is trusted. What `expired` names is
    past its time: nothing new is taken that it signs, and the door goes on by its own policy.
    """

    enrolled: bool
    generation: int | None = None
    contents: int | None = None
    published: datetime | None = None
    age: timedelta | None = None
    rung: Age | None = None
    previous: int | None = None
    declined: int | None = None
    log: LogHead | None = None
    roles: dict[str, Signed] = field(default_factory=dict)
    expired: tuple[str, ...] = ()
    damage: str | None = None


def look(state: State, moment: Moment) -> Status:
    """Read everything that counts, and try it. Raises `StateError`."""
    with disk_errors(state.path):
        enrolled = (state.path / ROOT).exists()
        known = Known.of(state)
    current, roles = known.current, known.roles()
    if current is None:
        number = state.current_number()
        damage = None if number is None else f"generation {number} has no manifest that can be read"
        return Status(enrolled, generation=number, damage=damage)
    manifest, rung, damage = current.manifest, None, None
    try:
        rung = current.load(bytes(32)).world.age(moment)
    except (DamagedError, UpdateError) as error:
        damage = str(error)
    return Status(
        enrolled,
        generation=current.number,
        contents=manifest.contents,
        published=manifest.published,
        age=moment.utc - manifest.published,
        rung=rung,
        previous=manifest.previous,
        declined=manifest.declined,
        log=manifest.log,
        roles=roles,
        expired=tuple(role for role, signed in roles.items() if signed.expires <= moment.utc),
        damage=damage,
    )
