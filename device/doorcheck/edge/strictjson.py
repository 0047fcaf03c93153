"""JSON files, read strictly: what two readers could understand in two ways is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from doorcheck.edge.store import read_bounded

LARGEST_BYTES = 1024 * 1024


class JsonError(Exception):
    """A file is no JSON that we take; the text says why."""


def read_json(path: Path) -> Any:
    """A file's JSON, strictly: a key twice, NaN or Infinity is none. Raises `JsonError`."""
    try:
        text = read_bounded(path, LARGEST_BYTES).decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except OSError as error:
        raise JsonError((error.strerror or str(error)).lower()) from None
    except UnicodeDecodeError as error:
        raise JsonError(f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise JsonError(f"no JSON: {error.msg}, line {error.lineno} column {error.colno}") from None
    except ValueError as error:  # an integer of thousands of digits
        raise JsonError(f"no JSON: {error}") from None
    except RecursionError:
        raise JsonError("nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise JsonError(f"the key {twice!r} stands twice in one object")
    return made


def _constant(text: str) -> Any:
    raise JsonError(f"{text} is no JSON")
