"""The settings of a door: TOML, typed; whatever is not understood is an error.

    [freshness]
    ageing_hours = 72           the lamp asks for an update from that age on
    too_old_hours = 240         from that age on the door admits nobody on its own
    too_old = "OUT_OF_ORDER"    or "STAFF": what becomes of a good pass then

A setting that is not named has the value shown here.
"""

from __future__ import annotations

import tomllib
from datetime import timedelta
from typing import Annotated, Literal

import msgspec

from doorcheck.core.freshness import Freshness
from doorcheck.core.verdict import Outcome

LARGEST_BYTES = 64 * 1024
Hours = Annotated[float, msgspec.Meta(gt=0, le=24 * 366)]


class SettingsError(Exception):
    """Settings can't be used; the text names table and key, and says why."""


class FreshnessTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[freshness]`."""

    ageing_hours: Hours = 72
    too_old_hours: Hours = 240
    too_old: Literal["OUT_OF_ORDER", "STAFF"] = "OUT_OF_ORDER"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings."""

    freshness: FreshnessTable = FreshnessTable()

    def freshness_policy(self) -> Freshness:
        """The lists' ladder. Raises `SettingsError` when its rungs are in the wrong order."""
        table = self.freshness
        if table.ageing_hours > table.too_old_hours:
            raise SettingsError("[freshness] ageing_hours: more than too_old_hours; make it less")
        return Freshness(
            timedelta(hours=table.ageing_hours), timedelta(hours=table.too_old_hours), Outcome(table.too_old)
        )


def parse(data: bytes) -> Settings:
    """Read a settings file. Raises `SettingsError`."""
    if len(data) > LARGEST_BYTES:
        raise SettingsError(f"larger than {LARGEST_BYTES} bytes: no settings are")
    try:
        tables = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"not TOML: {error}") from error
    try:
        settings = msgspec.convert(tables, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(_words(str(error))) from error
    settings.freshness_policy()
    return settings


def _words(message: str) -> str:
    """Msgspec's message with the place first, as a file has it: "[freshness] ageing_hours: ..."."""
    why, _, path = message.partition(" - at `$")
    names = path.rstrip("`").strip(".").split(".")
    place = " ".join(f"[{name}]" if number == 0 else name for number, name in enumerate(names) if name)
    return f"{place}: {why}" if place else why
