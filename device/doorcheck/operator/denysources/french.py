"""French lists: SHA-256 in 64 hexadecimal digits, of country and identifier or of a 2D-Doc.

- TousAntiCovid to 3.8: a JSON array;
- TousAntiCovid since: iterations 0, 1, 2, … in folders of their number, each a gzip'd
  protobuf message of texts; a text with "-" before it takes a hash back, whatever the
  same iteration adds;
- TAC Verif: `blacklist` in the synchronised settings; later pages of elements, which an
  inactive one takes back.

Sources: TousAntiCovid Android, RemoteProtoGzipRoomBlacklistManager.kt and its settings
(the first iteration is 0); lovasoa/sanipasse for TAC Verif.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from doorcheck.operator.denysources.bounds import hex_hash, inflate, whole_number
from doorcheck.operator.denysources.gathered import Kind
from doorcheck.operator.denysources.readers import Reader
from doorcheck.operator.trust.candidates import File, SourceError

GZIP = b"\x1f\x8b"
ITERATION = re.compile(rb"\n(?:@[0-9a-fA-F]{64}|A-[0-9a-fA-F]{64})")
"""How an iteration's message begins: field 1, its length, its text."""
_FIELD, _LONGEST_ITEM = 0x0A, 127
_NUMBER = re.compile(r"[0-9]{1,7}")
_REMOVAL = "-"
_NO_HASH = "not a SHA-256 in 64 hexadecimal digits"


def is_array(document: Any) -> bool:
    """Whether JSON looks like TousAntiCovid's array."""
    return isinstance(document, list) and all(hex_hash(one) is not None for one in document[:1])


def is_page(document: Any) -> bool:
    """Whether JSON looks like a page of TAC Verif."""
    return isinstance(document, dict) and "elements" in document and "lastIndexBlacklist" in document


def is_settings(document: Any) -> bool:
    """Whether JSON looks like TAC Verif's settings, with a list in them."""
    return isinstance(document, dict) and isinstance(document.get("blacklist"), dict)


class FrenchReader(Reader):
    """Reads arrays, iterations, settings and pages."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._arrays: set[bytes] = set()
        self._verif: set[bytes] = set()
        self._pages: dict[int, dict[bytes, bool]] = defaultdict(dict)
        """Whether each hash is active, by the last index that its page names."""
        self._streams: dict[PurePath, dict[int, tuple[set[bytes], set[bytes]]]] = defaultdict(dict)
        """What each iteration adds and takes back, by its number."""

    def add_json(self, file: File, document: Any) -> None:
        """Take an array, settings or a page."""
        self.must_be_unsigned()
        if is_page(document):
            self._add_page(file, document)
        elif is_settings(document):
            self._add_settings(file, document["blacklist"])
        elif isinstance(document, list):
            kind = Kind.DOCUMENT if "2ddoc" in file.path.name.lower() else Kind.UNSAID
            found = self._hashes(file, document)
            self.ledger.count(kind, len(found))
            self._arrays = self.ledger.merge(self._arrays, set(found), len(found))
        else:
            raise self.other()

    def _hashes(self, file: File, texts: Any, place: str = "entry") -> list[bytes]:
        if not isinstance(texts, list):
            raise self.other()
        found = []
        for number, text in enumerate(texts, 1):
            hashed = hex_hash(text)
            if hashed is None:
                self.ledger.refuse_entry(file, f"{place} {number}", _NO_HASH)
            else:
                found.append(hashed)
        return found

    def _add_settings(self, file: File, lists: dict[str, Any]) -> None:
        kinds = {"blacklistDCC": Kind.COUNTRY_UCI, "blacklist2DDOC": Kind.DOCUMENT}
        if not any(name in lists for name in kinds):
            raise self.other()
        for name, kind in kinds.items():
            found = self._hashes(file, lists.get(name, []), f"{name}, entry")
            self.ledger.count(kind, len(found))
            self._verif = self.ledger.merge(self._verif, set(found), len(found))

    def _add_page(self, file: File, document: dict[str, Any]) -> None:
        elements, index = document["elements"], whole_number(document["lastIndexBlacklist"])
        if not isinstance(elements, list) or index is None:
            raise self.other()
        page: dict[bytes, bool] = {}
        read = 0
        for number, element in enumerate(elements, 1):
            hashed = hex_hash(element.get("hash")) if isinstance(element, dict) else None
            active = element.get("active") if isinstance(element, dict) else None
            if hashed is None or not isinstance(active, bool):
                self.ledger.refuse_entry(file, f"element {number}", f"{_NO_HASH}, or neither active nor not")
                continue
            read += 1
            known = self._pages.get(index, {}).get(hashed, active)
            if page.setdefault(hashed, active) != active or known != active:
                raise SourceError("an element that is active and inactive at once")
        self.ledger.count(Kind.UNSAID, read)
        before = len(self._pages[index])
        self._pages[index] |= page
        self.ledger.totals.duplicates += read - (len(self._pages[index]) - before)

    def add_bytes(self, file: File, data: bytes) -> None:
        """Take an iteration, in gzip or inflated already."""
        self.must_be_unsigned()
        stream, number, kind = _place(file)
        if number in self._streams.get(stream, {}):
            raise SourceError(f"iteration {number} is here twice")
        content = inflate(data) if data.startswith(GZIP) else data
        added: list[bytes] = []
        removed: set[bytes] = set()
        for at, text in enumerate(_items(content), 1):
            hashed = hex_hash(text.removeprefix(_REMOVAL))
            if hashed is None:
                self.ledger.refuse_entry(file, f"item {at}", _NO_HASH)
            elif text.startswith(_REMOVAL):
                removed.add(hashed)
            else:
                added.append(hashed)
        self.ledger.count(kind, len(added))
        self.ledger.totals.duplicates += len(added) - len(set(added))
        self._streams[stream][number] = (set(added), removed)

    def finish(self) -> set[bytes]:
        """All lists, each after what takes its entries back. A stream with a gap is dropped."""
        merge = self.ledger.merge
        taken = self._arrays
        for found in (self._after_pages(), *map(self._after_iterations, self._streams.values())):
            taken = merge(taken, found, len(found))
        return taken

    def _after_pages(self) -> set[bytes]:
        """TAC Verif's list after its pages, the newest last."""
        totals = self.ledger.totals
        for _, page in sorted(self._pages.items()):
            active = {hashed for hashed, is_active in page.items() if is_active}
            self._verif = self.ledger.merge(self._verif, active, len(active))
            before = len(self._verif)
            self._verif -= page.keys() - active
            inactive = len(page) - len(active)
            totals.removed += before - len(self._verif) + inactive
        return self._verif

    def _after_iterations(self, stream: dict[int, tuple[set[bytes], set[bytes]]]) -> set[bytes]:
        totals = self.ledger.totals
        gap = next((number for number in range(len(stream)) if number not in stream), None)
        if gap is not None:
            self.ledger.refuse(f"iteration {gap} is missing before iteration {max(stream)}")
            totals.dropped += sum(len(added) for added, _ in stream.values())
            return set()
        taken: set[bytes] = set()
        for _, (added, removed) in sorted(stream.items()):
            taken = self.ledger.merge(taken, added, len(added))
            before = len(taken)
            taken -= removed
            totals.removed += before - len(taken)
        return taken


def _place(file: File) -> tuple[PurePath, int, Kind]:
    """The stream that an iteration is of, its number in it, and what it lists.

    Files are <number>/certlist.pb.gz or <number>.pb.gz.
    """
    path = file.path.absolute()
    stem = path.name.split(".")[0]
    if _NUMBER.fullmatch(stem):
        stream, number = path.parent, stem
    elif _NUMBER.fullmatch(path.parent.name):
        stream, number = path.parent.parent / path.name, path.parent.name
    else:
        raise SourceError("an iteration without its number: put it in a folder that is named so")
    names = " ".join(stream.parts[-2:]).lower()
    kind = Kind.DOCUMENT if "2ddoc" in names else Kind.COUNTRY_UCI if "dcc" in names else Kind.UNSAID
    return stream, int(number), kind


def _items(message: bytes) -> Iterator[str]:
    """The texts of a protobuf message that has nothing but texts as its field 1."""
    at = 0
    while at < len(message):
        size = message[at + 1] if at + 1 < len(message) else 0
        text = message[at + 2 : at + 2 + size]
        if message[at] != _FIELD or size > _LONGEST_ITEM or len(text) != size or not text.isascii():
            raise SourceError("damaged, or another message than an iteration of hashes")
        yield text.decode("ascii")
        at += 2 + size
