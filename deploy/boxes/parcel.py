"""What is brought to boxes: a publication, a release's wheels, a statement of the time; and how.

inbox/public/      the signed publication
inbox/wheels/      what a signed release.json may be made of
inbox/time.json    the time, signed
inbox/finished     brought last: the box begins with this
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from deploy.boxes.errors import NothingToSendError
from deploy.boxes.line import Line
from deploy.boxes.verdict import Wanted

PUBLIC: Final = "public"
TIME: Final = "time.json"
FINISHED: Final = "finished"
RELEASE: Final = "release.json"
LARGEST_METADATA_BYTES: Final = 5_000_000
STALLED_S: Final = 60
"""A transfer that moves nothing for so long is given up."""
# Files are public and signed; whoever installs them is another user. A file of the same length and
# time is not looked into again: what is damaged on the box is found out there, by its hash.
OPTIONS: Final = (
    "-rt",
    "--omit-dir-times",
    "--chmod=D755,F644",
    "--partial",
    f"--timeout={STALLED_S}",
    "--out-format=%n",
)
# Lists get a new name with each publication; the old one is the basis of the delta, so it goes last.
FOLDERS: Final = ("--fuzzy", "--delete-after")
WHOLE_AGAIN: Final = ("--checksum",)


@dataclass(frozen=True, slots=True)
class Parcel:
    """Folders and files on the operator's computer."""

    public: Path
    wanted: Wanted
    wheels: Path | None = None
    time: Path | None = None

    def bring(
        self, line: Line, within_s: float, *, again: bool = False, look_only: bool = False
    ) -> list[str]:
        """Copy what differs; returns the files that did. Raises `ContactError`.

        With `again`, files of the same length and time are compared as well.
        """
        options = [*OPTIONS, *(WHOLE_AGAIN if again else ()), *(("--dry-run",) if look_only else ())]
        listed: list[str] = []
        if self.wheels is not None:
            sent = line.send([*options, *FOLDERS], [f"{self.wheels}/"], "wheels/", within_s)
            listed += [f"wheels/{name}" for name in sent]
        sources = [str(self.public), *([str(self.time)] if self.time else [])]
        listed += line.send([*options, *FOLDERS], sources, "", within_s)
        return [name for name in listed if not name.endswith("/")]


def mark(line: Line, word: str, within_s: float) -> None:
    """Say that the copy is whole: from now on the box looks at it. Raises `ContactError`."""
    with TemporaryDirectory(prefix="doorcheck-") as folder:
        path = Path(folder) / FINISHED
        path.write_text(word, encoding="ascii")
        # Another push's mark may be there still, of the same length and second.
        line.send([*OPTIONS, "--ignore-times"], [str(path)], "", within_s)


def wanted(public: Path, *, with_release: bool) -> Wanted:
    """What a box will say once it has this publication. Raises `NothingToSendError`."""
    timestamp, targets = _publication(public)
    roots = [int(path.name.split(".")[0]) for path in (public / "metadata").glob("*.root.json")]
    version, sha256 = _release(public, targets["targets"]) if with_release else (None, None)
    return Wanted(timestamp["version"], max(roots, default=0), str(targets["version"]), version, sha256)


def _release(public: Path, targets: dict[str, Any]) -> tuple[str, str]:
    target = targets.get(RELEASE)
    if target is None:
        raise NothingToSendError(
            f"{public} names no release", "`doorcheck operator use-release WHEELHOUSE`, then `publish`"
        )
    signed_sha256 = target["hashes"]["sha256"]
    data = _read(public / "targets" / f"{signed_sha256}.{RELEASE}")
    if hashlib.sha256(data).hexdigest() != signed_sha256:
        raise NothingToSendError(f"{public}: its {RELEASE} is damaged", "publish again")
    return str(json.loads(data)["version"]), signed_sha256


def check_wheels(public: Path, wheels: Path) -> None:
    """See that the folder has every wheel that is signed. Raises `NothingToSendError`."""
    _, sha256 = _release(public, _publication(public)[1]["targets"])
    listed = json.loads(_read(public / "targets" / f"{sha256}.{RELEASE}"))["wheels"]
    for one in (wheel for machine in listed.values() for wheel in machine):
        path = wheels / one["name"]
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise NothingToSendError(
                f"{path}: {error.strerror}", "name the folder that was given to use-release"
            ) from error
        if found != one["sha256"]:
            raise NothingToSendError(
                f"{path} is not the wheel that was signed", "build the wheelhouse again, and sign it"
            )


def _publication(public: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Its timestamp, and its targets."""
    metadata = public / "metadata"
    timestamp = _signed(metadata / "timestamp.json")
    snapshot = _signed(metadata / f"{timestamp['meta']['snapshot.json']['version']}.snapshot.json")
    return timestamp, _signed(metadata / f"{snapshot['meta']['targets.json']['version']}.targets.json")


def _signed(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(_read(path))["signed"]
    except (ValueError, KeyError, TypeError) as error:
        raise NothingToSendError(f"{path} is damaged", "publish again") from error
    return found


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_METADATA_BYTES)
    except OSError as error:
        raise NothingToSendError(
            f"cannot read {path}: {error.strerror}",
            "doorcheck_repo names the repository; `doorcheck operator publish` makes public/",
        ) from error
