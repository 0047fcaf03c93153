"""The official European vectors (dgc-testdata): what each holds, and what is expected of it.

A vector is one JSON file: a pass in every form between its picture and its claims, the
certificate of its signer, a clock, and a flag for each stage that its country states the
result of. Any form can be absent. The layout is dgc-testdata's README, "2D Code".
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from doorcheck.core.trust import Signer
from doorcheck.operator.trust.building import build
from doorcheck.operator.trust.candidates import Candidate

CONFORMANCE = Path(__file__).parent
DATA = CONFORMANCE.parents[2] / "shared" / "data"
"""Beside the checkout, as the `shared_data` fixture has it; collecting tests comes before fixtures."""
ABSENT = "official test data not beside the checkout: ../shared/data"


@dataclass(frozen=True, slots=True, eq=False)
class Vector:
    """One vector. `name` is its country and file: "PL/1.3.0/6", "common/CO22"."""

    name: str
    path: Path
    flags: Mapping[str, bool]
    clock: datetime
    certificate: bytes = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)

    @property
    def country(self) -> str:
        """Its folder: two letters, or "common"."""
        return self.name.partition("/")[0]

    @property
    def text(self) -> bytes:
        """PREFIX: the pass as its symbol holds it; no vector is without."""
        return str(self.fields["PREFIX"]).encode()

    @property
    def json(self) -> Any:
        """JSON, the certificate in that form, or None."""
        return self.fields.get("JSON")

    def octets(self, name: str) -> bytes | None:
        """A field of hexadecimal digits, or None when the vector has none."""
        digits = self.fields.get(name)
        return bytes.fromhex(digits) if digits else None

    def picture(self) -> bytes | None:
        """The picture's file: 2DCODE (three vectors say _2DCODE), else the PNG of that name."""
        encoded = self.fields.get("2DCODE") or self.fields.get("_2DCODE")
        if encoded:
            return base64.b64decode(encoded)
        name = self.path.stem.removesuffix("_Raw")
        names = (f"{name}.png", f"{name}_qr.png", f"{name.replace('test_', 'test-')}.png")
        files = (self.path.parents[2] / "png" / one for one in names)
        return next((file.read_bytes() for file in files if file.is_file()), None)


@cache
def load(folder: Path) -> tuple[Vector, ...]:
    """All vectors of a dgc-testdata folder, by name; empty when the folder is not there."""
    vectors = []
    for path in sorted(folder.glob("*/**/*.json")):
        content = json.loads(path.read_text("utf-8-sig"))
        if not {"PREFIX", "TESTCTX", "EXPECTEDRESULTS"} <= content.keys():
            raise ValueError(f"{path}: not a vector")
        place = path.relative_to(folder).with_suffix("").as_posix()
        name = re.sub("/2DCode/raw", "", place, flags=re.IGNORECASE)
        context = content["TESTCTX"]
        certificate = base64.b64decode(context["CERTIFICATE"])
        clock = _time(context["VALIDATIONCLOCK"])
        vectors.append(Vector(name, path, content["EXPECTEDRESULTS"], clock, certificate, content))
    return tuple(vectors)


def official() -> tuple[Vector, ...]:
    """The vectors beside the checkout; none when they are not there."""
    return load(DATA / "dgc-testdata")


def _time(text: str) -> datetime:
    """VALIDATIONCLOCK comes in fourteen shapes of ISO 8601; no zone means UTC."""
    read = datetime.fromisoformat(text)
    return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)


@lru_cache(maxsize=1024)
def signer(certificate: bytes) -> Signer | None:
    """The signer that `doorcheck trust build --allow-ca --test` makes of a certificate, or None."""
    built = build([Candidate("dgc-testdata", "certificate", der=certificate)], allow_ca=True, test=True)
    return built.signers[0] if built.signers else None


def signers(vectors: Iterable[Vector]) -> list[Signer]:
    """The signers of those vectors, each once."""
    certificates = dict.fromkeys(vector.certificate for vector in vectors)
    return [made for made in map(signer, certificates) if made]
