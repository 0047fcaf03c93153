"""`release.json`: which version of this program a fleet runs, and the SHA-256 of each of its wheels.

    {"format": 1, "version": "0.7.0", "python": "3.13", "attempt": 1,
     "wheels": {"aarch64": [{"name": "doorcheck-0.7.0-py3-none-any.whl", "sha256": "..."}]}}

A door installs it with a publication, as its other lists; root's own script then takes it
(`systemd/libexec/release`), which works when this program does not and so reads the file anew.
`attempt` tells a release that failed on a door from the same one, sent again on purpose. Fields
that are not known here are passed over: a newer release must not keep a door from its lists.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

LARGEST_BYTES = 256 * 1024
VERSION = r"[0-9]{1,6}(?:\.[0-9]{1,6}){0,3}(?:(?:a|b|rc|\.post|\.dev)[0-9]{1,6})?"
WHEEL = r"[A-Za-z0-9][A-Za-z0-9_.+]{0,99}-[0-9][A-Za-z0-9_.+!]{0,49}(?:-[A-Za-z0-9_.]{1,200}){3}\.whl"

Machine = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9_]{1,32}\Z")]


class ReleaseError(Exception):
    """`release.json` is not one; the text says why."""


class Wheel(msgspec.Struct, frozen=True):
    """One wheel: a plain file name, and the hash by which alone it counts."""

    name: Annotated[str, msgspec.Meta(pattern=rf"\A{WHEEL}\Z")]
    sha256: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One version, with the wheels for each kind of machine; `python` is such as 3.13."""

    format: int = 1
    version: Annotated[str, msgspec.Meta(pattern=rf"\A{VERSION}\Z")]
    python: Annotated[str, msgspec.Meta(pattern=r"\A3\.[0-9]{1,2}\Z")]
    attempt: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    wheels: Annotated[
        dict[Machine, Annotated[tuple[Wheel, ...], msgspec.Meta(min_length=1, max_length=200)]],
        msgspec.Meta(min_length=1, max_length=8),
    ]

    def __post_init__(self) -> None:
        if self.format != 1:
            raise ValueError(f"format {self.format} is not known here; this doorcheck reads format 1")
        for machine, wheels in self.wheels.items():
            names = [one.name for one in wheels]
            if len(set(names)) != len(names):
                raise ValueError(f"a wheel for {machine} stands twice")
            own = [name for name in names if name.startswith(f"doorcheck-{self.version}-")]
            if len(own) != 1:
                raise ValueError(f"for {machine} there is not one wheel of doorcheck {self.version}")


def read(data: bytes) -> Release:
    """Read the file. Raises `ReleaseError`."""
    if len(data) > LARGEST_BYTES:
        raise ReleaseError(f"larger than {LARGEST_BYTES} bytes")
    try:
        return msgspec.json.decode(data, type=Release)
    except msgspec.MsgspecError as error:
        raise ReleaseError(f"not as it should be: {error}") from error


def dump(release: Release) -> bytes:
    """The file's bytes; the same release gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(release, order="deterministic"), indent=1) + b"\n"
