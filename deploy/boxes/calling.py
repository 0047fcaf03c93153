"""Between Ansible's values and ours: how a box is reached, and what a failure looks like to a playbook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.boxes.errors import ContactError, KeyFileError, RefusedError, ReturnedError
from deploy.boxes.line import Line, identities

PUSH: Final = "doorcheck-push"
STATUS: Final = "doorcheck-status"


@dataclass(frozen=True, slots=True)
class Lines:
    """Both accounts of one box."""

    push: Line
    status: Line


def lines(given: Mapping[str, Any]) -> Lines:
    """From `doorcheck_line`. Raises `KeyFileError` for a key that is not named."""

    def one(account: str, key: str) -> Line:
        if not given.get(key):
            raise KeyFileError(
                f"doorcheck_{key}", "it is not set; name the private key's file in the inventory"
            )
        return Line(
            address=str(given["address"]),
            port=int(given.get("port") or 22),
            account=account,
            keys=identities(Path(str(given[key])).expanduser()),
            known_hosts=Path(str(given["known_hosts"])).expanduser(),
            control=Path(str(given["control"])).expanduser(),
            connect_s=float(given.get("connect_s") or 10),
        )

    return Lines(
        one(str(given.get("push_account") or PUSH), "push_key"),
        one(str(given.get("status_account") or STATUS), "status_key"),
    )


def failure(error: ContactError) -> dict[str, Any]:
    """For a task's result: a box that is off is unreachable, all else is failed."""
    told = {"msg": str(error), "doorcheck_code": error.code, "changed": False}
    if isinstance(error, RefusedError | ReturnedError):
        told["doorcheck_refused"] = error.why
    return {**told, "unreachable": True} if error.off else {**told, "failed": True}
