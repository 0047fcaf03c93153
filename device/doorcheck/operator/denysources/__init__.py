"""Importers for the deny lists that exist: files of many countries in, hashes out.

All these lists hold SHA-256 hashes, whole or their first 16 bytes, of the identifier, of
country and identifier, of the signature or of a 2D-Doc's signed text: what
`core.denylist` looks up. A few hold the identifiers themselves; these are hashed here.

One module a format; `reading` tells the formats by content. Nothing is fetched: the
operator brings the files.
"""

from __future__ import annotations

from doorcheck.operator.denysources.gathered import (
    DenyGathered,
    DenySourcesError,
    Format,
    Kind,
    Refused,
    Totals,
)
from doorcheck.operator.denysources.reading import gather

__all__ = ["DenyGathered", "DenySourcesError", "Format", "Kind", "Refused", "Totals", "gather"]
