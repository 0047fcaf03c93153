"""Where things are on this box, and which release counts.

    /opt/doorcheck/releases/VERSION/    a release; its release.json is written last
    /opt/doorcheck/current              a link to the one that counts
    /opt/doorcheck/previous             a link to the one to go back to: going back renames it
    /var/lib/doorcheck-release/         probation.json, last.json

Links are relative, and are turned over by renaming another one over them.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from releasing.releasefile import VERSION

RELEASES = "releases"
MARK = "release.json"
_LINK = re.compile(rf"(?:/opt/doorcheck/)?{RELEASES}/({VERSION})")
_GENERATION = re.compile(r"generations/[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Places:
    """The paths under a root; `root` is another than / in tests alone."""

    root: Path = Path("/")

    @property
    def opt(self) -> Path:
        """The folder of releases and links."""
        return self.root / "opt/doorcheck"

    @property
    def releases(self) -> Path:
        """A folder for each release."""
        return self.opt / RELEASES

    @property
    def current(self) -> Path:
        """The link that the service starts."""
        return self.opt / "current"

    @property
    def previous(self) -> Path:
        """The link to go back by."""
        return self.opt / "previous"

    @property
    def kept(self) -> Path:
        """What this script remembers."""
        return self.root / "var/lib/doorcheck-release"

    @property
    def probation(self) -> Path:
        """There while a release is on trial."""
        return self.kept / "probation.json"

    @property
    def last(self) -> Path:
        """How the last attempt went."""
        return self.kept / "last.json"

    @property
    def wheels(self) -> Path:
        """Where wheels are pushed; they count by their hash alone."""
        return self.root / "var/lib/doorcheck/inbox/wheels"

    @property
    def report(self) -> Path:
        """What the running door says of itself."""
        return self.root / "run/doorcheck/status.json"

    def signed(self) -> Path | None:
        """Where the installed publication's release.json would be; None without a publication."""
        state = self.root / "var/lib/doorcheck"
        try:
            link = str((state / "current").readlink())
        except OSError:
            return None
        return state / link / MARK if _GENERATION.fullmatch(link) else None

    def version(self, link: Path) -> str | None:
        """The release that `current` or `previous` names; None without one."""
        try:
            found = _LINK.fullmatch(str(link.readlink()))
        except OSError:
            return None
        return found[1] if found else None

    def starts(self, version: str | None) -> bool:
        """Whether there is such a release with a program to start."""
        return version is not None and os.access(self.releases / version / "bin/doorcheck", os.X_OK)

    def installed(self) -> list[str]:
        """The folders of releases, whole or not."""
        try:
            return sorted(path.name for path in self.releases.iterdir())
        except OSError:
            return []
