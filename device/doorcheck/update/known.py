"""What a door knows before an update: what counts, and what it must not forget."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import msgspec

from doorcheck import RELEASED
from doorcheck.core.moment import Basis, Moment
from doorcheck.update.errors import ClockError, FutureError, HistoryError
from doorcheck.update.generation import CLOCKS_DIFFER, DamagedError, Generation
from doorcheck.update.names import LogHead, Published
from doorcheck.update.state import State


class Signed(msgspec.Struct, frozen=True):
    """What every metadata file says of itself."""

    version: int
    expires: Annotated[datetime, msgspec.Meta(tz=True)]


class _File(msgspec.Struct, frozen=True):
    signed: Signed


@dataclass(frozen=True, slots=True)
class Known:
    """What the generations say. `metadata` is the newest that was trusted, `log` the longest."""

    current: Generation | None
    metadata: Mapping[str, bytes]
    log: LogHead | None
    floor: datetime

    @classmethod
    def of(cls, state: State) -> Known:
        """Look through the generations; the metadata of the first that has it whole counts."""
        generations = list(state.known())
        number = state.current_number()
        manifests = [one.manifest for one in generations]
        return cls(
            next((one for one in generations if one.number == number), None),
            _metadata(generations),
            max((one.log for one in manifests), key=lambda log: log.entries, default=None),
            max([RELEASED, *(one.published - CLOCKS_DIFFER for one in manifests)]),
        )

    def roles(self) -> dict[str, Signed]:
        """Version and expiry of each role's newest metadata that was trusted."""
        roots = sorted(
            (int(name.split("/")[1].split(".")[0]), name) for name in self.metadata if name.startswith("root")
        )
        files = {"root": roots[-1][1]} if roots else {}
        files |= {name.removesuffix(".json"): name for name in sorted(self.metadata) if "/" not in name}
        return {
            role: msgspec.json.decode(self.metadata[name], type=_File).signed for role, name in files.items()
        }

    def kept(self) -> set[int | None] | None:
        """The generations that matter; None when it is not known which do."""
        return None if self.current is None else {self.current.number, self.current.manifest.previous}

    def has(self, version: int) -> bool:
        """Whether what counts has the contents of those targets, every file whole."""
        if self.current is None or self.current.manifest.contents != version:
            return False
        try:
            self.current.check()
        except DamagedError:
            return False
        return True

    def check_clock(self, moment: Moment) -> None:
        """Raise `ClockError` for a time that can't be: expiry is judged by it."""
        if moment.basis is Basis.FLOOR:
            raise ClockError(moment.utc, "is only a lower bound, for nobody set it since the power came back")
        if moment.utc < self.floor:
            raise ClockError(moment.utc, f"is before {self.floor:%Y-%m-%d %H:%M} UTC, which is past for sure")

    def check_news(self, news: Published, moment: Moment) -> None:
        """Raise `FutureError` or `HistoryError` for a publication from the future, or of another past."""
        if news.published - CLOCKS_DIFFER > moment.utc:
            raise FutureError("the publication", news.published, moment.utc)
        if self.log is None or news.log.entries > self.log.entries:
            return
        if news.log != self.log:
            raise HistoryError(news.log.entries, self.log.entries)


def _metadata(generations: list[Generation]) -> Mapping[str, bytes]:
    for one in generations:
        with suppress(DamagedError):
            return one.metadata()
    return {}
