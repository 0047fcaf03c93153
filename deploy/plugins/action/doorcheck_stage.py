"""A roll-out's stages: which boxes are next, and whether it may go on; its state is a file on this computer.

    doorcheck_stage:
      state: "{{ doorcheck_state }}/roll-out.json"
      public: ...
      wheels: ...                               a release is rolled out; left out: a publication
      hosts: "{{ ... }}"                        all boxes of the roll-out, always in the same order
      limits: {canaries: [], canary_count: 1, share_percent: 20, failed_percent: 5}
      stage: canary                             with `results`: note them, and fail where it must stop
      results: {door-1: {...}}                  what doorcheck_push returned for each box

Returns doorcheck_todo: for each stage the boxes that don't have it yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from deploy.boxes import parcel, stages
from deploy.boxes.errors import ContactError
from deploy.boxes.stages import STAGES, Limits, Outcome, Result, StageError


class ActionModule(ActionBase):  # type: ignore[misc] # ansible has no types
    """Runs on the operator's computer."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Plan, or note results and judge."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            argument_spec={
                "state": {"type": "path", "required": True},
                "public": {"type": "path", "required": True},
                "wheels": {"type": "path"},
                "hosts": {"type": "list", "elements": "str", "required": True},
                "limits": {"type": "dict", "default": {}},
                "stage": {"type": "str", "choices": list(STAGES)},
                "results": {"type": "dict"},
            }
        )
        try:
            return result | self._staged(given)
        except (ContactError, StageError) as error:
            return result | {"failed": True, "msg": str(error)}

    def _staged(self, given: dict[str, Any]) -> dict[str, Any]:
        public, release = Path(given["public"]), given["wheels"] is not None and given["wheels"] != ""
        wanted = parcel.wanted(public, with_release=release)
        if release:
            parcel.check_wheels(public, Path(given["wheels"]))
            what = f"release {wanted.release} {wanted.sha256}"
        else:
            what = f"publication {wanted.publication}"
        limits, hosts, path = _limits(given["limits"]), given["hosts"], Path(given["state"])
        if given["results"] is None or self._task.check_mode:
            found = stages.read(path, what)
            todo = {stage: found.todo(stage, hosts, limits) for stage in STAGES}
            shown = what.rpartition(" ")[0] if release else what
            return {
                "changed": False,
                "doorcheck_what": shown,
                "doorcheck_todo": todo,
                "doorcheck_hosts": hosts,
            }
        at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        with stages.changing(path, what) as current:
            current.results |= {host: _result(one, at) for host, one in given["results"].items()}
            why = current.verdict(given["stage"], hosts, limits)
            counts = {one.value: sum(r.outcome is one for r in current.results.values()) for one in Outcome}
        told = ", ".join(f"{number} {name}" for name, number in counts.items())
        if why is not None:
            return {
                "failed": True,
                "msg": f"stopped: {why}. Run the same again when it is mended: it goes on from here",
            }
        return {"changed": False, "msg": f"after stage {given['stage']!r}: {told} of {len(hosts)}"}


def _limits(given: Mapping[str, Any]) -> Limits:
    return Limits(
        canaries=tuple(given.get("canaries") or ()),
        canary_count=int(given.get("canary_count", 1)),
        share_percent=float(given.get("share_percent", 20)),
        failed_percent=float(given.get("failed_percent", 5)),
        fewest_answers_percent=float(given.get("fewest_answers_percent", 50)),
    )


def _result(one: Mapping[str, Any], at: str) -> Result:
    if one.get("unreachable"):
        return Result(Outcome.OFF, str(one.get("msg", "")), at)
    if one.get("failed") or not one.get("doorcheck_step"):
        return Result(Outcome.FAILED, str(one.get("msg", "no result")), at)
    return Result(Outcome.DONE, str(one.get("doorcheck_words", "")), at)
