"""Filters for the playbooks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError
from deploy.boxes import doortoml

from doorcheck.config import SettingsError

UNITS = "/etc/systemd/system"
SCRIPTS = "/usr/local/libexec/doorcheck"


def doorcheck_toml(settings: Mapping[str, Any]) -> str:
    """A box's door.toml; an error names table and key, before anything leaves this computer."""
    try:
        return doortoml.text(settings)
    except SettingsError as error:
        raise AnsibleFilterError(f"doorcheck_settings: {error}") from None


def doorcheck_differing(sources: Iterable[str], found: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Of the files of systemd/, those that a box lacks or has otherwise: from, to, mode.

    `found` is what ansible.builtin.find tells of the box's, with SHA-256 checksums.
    """
    there = {one["path"]: one for one in found}
    files = [(source, *_place(Path(source))) for source in sources]
    return [
        {"from": source, "to": to, "mode": mode}
        for source, to, mode in files
        if to not in there or not _same(Path(source), mode, there[to])
    ]


def _place(source: Path) -> tuple[str, str]:
    """Where a file of systemd/ belongs on a box, and its mode."""
    parts = source.parts
    if "libexec" not in parts:
        return f"{UNITS}/{source.name}", "0644"
    below = "/".join(parts[len(parts) - parts[::-1].index("libexec") :])
    return f"{SCRIPTS}/{below}", "0644" if source.suffix == ".py" else "0755"


def _same(source: Path, mode: str, there: Mapping[str, Any]) -> bool:
    owned = there["uid"] == there["gid"] == 0 and there["mode"] == mode
    return bool(owned and there.get("checksum") == hashlib.sha256(source.read_bytes()).hexdigest())


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"doorcheck_differing": doorcheck_differing, "doorcheck_toml": doorcheck_toml}
