"""Sign the time for boxes that asked for it, with `doorcheck operator tell-time`, on this computer.

    doorcheck_tell_time:
      repo: "{{ doorcheck_repo }}"
      questions: [6f0e..., ...]
      output: .../time.json
      passphrase_file: ~/.daily                 or
      passphrase: "{{ vaulted }}"               never in arguments, files or output

A repository whose keys need no passphrase (tokens) needs neither.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from deploy.boxes.errors import quoted

WITHIN_S = 120
VARIABLE = "DOORCHECK_PASSPHRASE"


class ActionModule(ActionBase):  # type: ignore[misc] # ansible has no types
    """Runs on the operator's computer, once a run."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """One statement for all questions."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            argument_spec={
                "repo": {"type": "path", "required": True},
                "questions": {"type": "list", "elements": "str", "required": True},
                "output": {"type": "path", "required": True},
                "passphrase_file": {"type": "path"},
                "passphrase": {"type": "str", "no_log": True},
                "keys": {"type": "list", "elements": "path", "default": []},
            }
        )
        output = Path(given["output"])
        output.parent.mkdir(parents=True, exist_ok=True)
        asked = output.with_name("questions.txt")
        asked.write_text("".join(f"{one}\n" for one in given["questions"]), encoding="ascii")
        words = [
            sys.executable,
            "-P",
            "-m",
            "doorcheck.cli",
            "operator",
            "tell-time",
            "--repo",
            given["repo"],
        ]
        words += ["--questions", str(asked), "-o", str(output)]
        words += [word for folder in given["keys"] for word in ("--keys", folder)]
        environment = dict(os.environ)
        if given["passphrase_file"]:
            words += ["--daily-passphrase-file", given["passphrase_file"]]
        elif given["passphrase"]:
            environment[VARIABLE] = given["passphrase"]
        done = subprocess.run(  # noqa: S603 - a list, no shell; our own program
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            timeout=WITHIN_S,
            check=False,
        )
        if done.returncode:
            why = quoted(done.stderr.decode(errors="replace"))
            return result | {"failed": True, "msg": f"the time could not be signed: {why}"}
        return result | {"changed": False, "msg": f"signed for {len(given['questions'])} boxes"}
