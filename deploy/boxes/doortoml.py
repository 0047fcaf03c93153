"""A box's door.toml from the inventory's mapping, read as the door would before it leaves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from doorcheck.config import SettingsError, parse_door

HEAD: Final = "# From the fleet's inventory (doorcheck_settings): `deploy/fleet settings` writes it anew.\n"
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def text(settings: Mapping[str, Any]) -> str:
    """The file. Raises `SettingsError` for what the door would refuse, with table and key."""
    lines = [HEAD]
    for name, table in settings.items():
        if not isinstance(table, Mapping):
            raise SettingsError(f"doorcheck_settings: {name} is no table; write `{name}:` and its keys below")
        lines.append(f"\n[{_key(name)}]\n")
        lines += [f"{_key(key)} = {_value(f'[{name}] {key}', value)}\n" for key, value in table.items()]
    made = "".join(lines)
    parse_door(made.encode())
    return made


def _key(name: object) -> str:
    if not isinstance(name, str) or not _BARE.fullmatch(name):
        raise SettingsError(f"doorcheck_settings: {name!r} is no name of a setting")
    return name


def _value(place: str, value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return '"' + "".join(_ESCAPES.get(one, one) for one in value) + '"'
        case _:
            raise SettingsError(f"{place}: neither a word, nor a number, nor true or false")
