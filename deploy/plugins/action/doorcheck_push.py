"""Bring a publication, wheels or the time to a box, by its push account; wait for the box's own verdict.

    doorcheck_push:
      line: "{{ doorcheck_line }}"
      public: /home/anna/fleet/public
      wheels: /home/anna/wheels-0.7.0           a release: left out, none is brought
      time: /home/anna/.../time.json            a signed statement: left out, none is brought
      contacts: "{{ doorcheck_contacts }}"
      try_only: false                           true: see that the account lets us, and bring nothing
      send_s: 900
      verdict_s: 300

Returns doorcheck_step (done, on trial), doorcheck_words, doorcheck_files; `doorcheck_code` where
it failed: see `deploy/boxes/errors.py`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from deploy.boxes import contacts, parcel
from deploy.boxes.calling import failure, lines
from deploy.boxes.delivery import Delivered, Delivery, Limits
from deploy.boxes.errors import ContactError
from deploy.boxes.parcel import Parcel
from deploy.boxes.said import Said

DELETING = "deleting "
"""How rsync lists what it removes."""


class Seconds:
    """Real ones."""

    def now_s(self) -> float:
        """Monotonic."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)


class ActionModule(ActionBase):  # type: ignore[misc] # ansible has no types
    """Runs on the operator's computer; nothing but the parcel is copied to the box."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """One delivery; `unreachable` where nobody answered, `failed` where something is wrong."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            argument_spec={
                "line": {"type": "dict", "required": True},
                "public": {"type": "path", "required": True},
                "wheels": {"type": "path"},
                "time": {"type": "path"},
                "contacts": {"type": "path"},
                "try_only": {"type": "bool", "default": False},
                "send_s": {"type": "float", "default": 900},
                "verdict_s": {"type": "float", "default": 300},
            }
        )
        host = str((task_vars or {})["inventory_hostname"])
        heard: list[Said] = []
        answer: Said | ContactError
        try:
            look_only = self._task.check_mode or given["try_only"]
            delivered = self._delivery(given, heard).run(look_only=look_only, always=given["try_only"])
            result |= _told(delivered, look_only=look_only)
            result["changed"] = result["changed"] and not given["try_only"]
            answer = delivered.said
        except ContactError as error:
            answer = heard[-1] if heard else error
            result |= failure(error)
        if given["contacts"]:
            contacts.append(Path(given["contacts"]), contacts.contact(host, datetime.now(UTC), answer))
        return result

    def _delivery(self, given: dict[str, Any], heard: list[Said]) -> Delivery:
        public = Path(given["public"])
        wheels = Path(given["wheels"]) if given["wheels"] else None
        brought = Parcel(
            public=public,
            wanted=parcel.wanted(public, with_release=wheels is not None),
            wheels=wheels,
            time=Path(given["time"]) if given["time"] else None,
        )
        both = lines(given["line"])
        limits = Limits(given["send_s"], given["verdict_s"])
        return Delivery(both.push, both.status, brought, limits, Seconds(), heard=heard.append)


def _told(delivered: Delivered, *, look_only: bool) -> dict[str, Any]:
    files = list(delivered.files)
    return {
        "changed": delivered.news,
        "msg": delivered.words,
        "doorcheck_step": delivered.step.value,
        "doorcheck_words": delivered.words,
        "doorcheck_files": files,
        "doorcheck_took_s": round(delivered.took_s, 1),
        "diff": {"prepared": "".join(_line(name) for name in files)} if files and look_only else {},
    }


def _line(listed: str) -> str:
    """A file that would come, or go, as in a diff."""
    name = listed.removeprefix(DELETING)
    return f"+{name}\n" if name == listed else f"-{name}\n"
