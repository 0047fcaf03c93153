"""What a door would say of public/: python-tuf's own client reads it from the pinned root."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from tuf.api.exceptions import DownloadError, DownloadHTTPError
from tuf.api.exceptions import RepositoryError as RefusedError
from tuf.ngclient import FetcherInterface, Updater

from doorcheck.operator.repository.errors import RepositoryError, os_reason
from doorcheck.operator.repository.settings import Versions


@dataclass(frozen=True, slots=True)
class Checked:
    """A publication that a door would take."""

    versions: Versions
    files: int
    total_bytes: int
    expires: datetime
    """From then on doors refuse it: the earliest expiry of its four roles."""


class FolderFetcher(FetcherInterface):
    """Serves a folder to python-tuf's client; files in `instead` (by path) take the place of its own.

    Files are handed over open rather than copied first, however large they are: the client
    reads them to their end and compares.
    """

    def __init__(self, folder: Path, instead: Mapping[str, bytes]) -> None:
        self._folder = folder
        self._instead = instead

    def _fetch(self, url: str) -> Iterator[bytes]:
        with self._opened(url) as stream:
            yield stream.read()

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        """Open a file; its length is compared by the caller. Raises `DownloadError`."""
        with self._opened(url) as stream:
            if stream.seek(0, os.SEEK_END) > max_length:
                raise DownloadError(f"{url} is longer than the {max_length} bytes that it may have")
            stream.seek(0)
            yield stream

    def _opened(self, url: str) -> IO[bytes]:
        if url in self._instead:
            return io.BytesIO(self._instead[url])
        try:
            return (self._folder / url).open("rb")
        except FileNotFoundError as error:
            raise DownloadHTTPError(f"{url} is missing", 404) from error
        except OSError as error:
            raise DownloadError(f"cannot read {url}: {os_reason(error)}") from error


def check(public: Path, pin: bytes, at: datetime, instead: Mapping[str, bytes] | None = None) -> Checked:
    """Read all of public/ as a new door with that pinned root would at that time.

    `instead` holds files, by path in public/, that are not written yet. Raises
    `RepositoryError` that says what a door would refuse.
    """
    name = "metadata"
    with tempfile.TemporaryDirectory(prefix="doorcheck-") as folder:
        try:
            fetcher = FolderFetcher(public, instead or {})
            client = Updater(folder, "metadata/", folder, "targets/", fetcher, bootstrap=pin)
            # The client has no public way to be told the time, nor to list what it trusts.
            trusted = client._trusted_set
            trusted.reference_time = at
            client.refresh()
            for path, target in trusted.targets.targets.items():
                name = path
                client.download_target(target, os.devnull)
        except (RefusedError, DownloadError, OSError, ValueError) as error:
            raise RepositoryError(f"a door would refuse {public}: {name}: {error}") from error
    roles = (trusted.root, trusted.targets, trusted.snapshot, trusted.timestamp)
    return Checked(
        Versions(*(role.version for role in roles)),
        len(trusted.targets.targets),
        sum(target.length for target in trusted.targets.targets.values()),
        min(role.expires for role in roles),
    )
