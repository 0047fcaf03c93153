"""What a box says of itself, by its status account; also into the run's file of contacts.

doorcheck_status:
  line: "{{ doorcheck_line }}"
  word: status                              or counters, which is the same and the counters
  contacts: "{{ doorcheck_contacts }}"      left out: not kept
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from deploy.boxes import contacts, said
from deploy.boxes.calling import failure, lines
from deploy.boxes.delivery import ASK_WITHIN_S
from deploy.boxes.errors import ContactError


class ActionModule(ActionBase):  # type: ignore[misc] # ansible has no types
    """Runs on the operator's computer; nothing is copied to the box."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """One question; `unreachable` where nobody answered."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            argument_spec={
                "line": {"type": "dict", "required": True},
                "word": {"type": "str", "choices": ["status", "counters"], "default": "status"},
                "contacts": {"type": "path"},
            }
        )
        at = datetime.now(UTC)
        host = str((task_vars or {})["inventory_hostname"])
        answer: said.Said | ContactError
        try:
            line = lines(given["line"]).status
            answer = said.read(line.ask(given["word"], ASK_WITHIN_S), line.place)
            result["doorcheck_question"] = answer.question
            result["doorcheck_said"] = answer.whole
        except ContactError as error:
            answer = error
            result |= failure(error)
        if given["contacts"]:
            contacts.append(Path(given["contacts"]), contacts.contact(host, at, answer))
        return result | {"changed": False}
