"""Plain lists: hashes one a line, and lists of the identifiers themselves.

Hashes are as `core.denylist.DenyList.load` has them: SHA-256 in hexadecimal, whole or
the first 16 bytes. Identifiers (UVCI) come in text, one a line or with ";" between them,
as the value of `black_list_uvci` in the Italian settings, or as `revokedCerts` of the
Swiss list; they are hashed as they are written, without white space around them.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Any

from doorcheck.core.denylist import HASH_BYTES, digest
from doorcheck.operator.denysources.bounds import MOST_ENTRIES, SHA256_BYTES, Opened
from doorcheck.operator.denysources.gathered import Kind
from doorcheck.operator.denysources.readers import Reader
from doorcheck.operator.trust.candidates import File, SourceError

_DIGITS = frozenset({2 * HASH_BYTES, 2 * SHA256_BYTES})
_COMMENT = b"#"
_SETTING = "black_list_uvci"

IDENTIFIER = re.compile(r"urn:uvci:[!-~]{1,200}", re.IGNORECASE)
_ANY_IDENTIFIER = re.compile(r"[!-~]{1,200}")


def is_identifiers(document: Any) -> bool:
    """Whether JSON looks like the Swiss list, or like Italian settings with identifiers in them."""
    return (isinstance(document, dict) and "revokedCerts" in document) or _setting(document) is not None


def _setting(document: Any) -> str | None:
    entries = document if isinstance(document, list) else []
    values = [one.get("value") for one in entries if isinstance(one, dict) and one.get("name") == _SETTING]
    return values[0] if len(values) == 1 and isinstance(values[0], str) else None


class HashReader(Reader):
    """Reads hashes in text; 20 million lines take half a minute."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._hashes: set[bytes] = set()

    def add_text(self, file: File, opened: Opened) -> None:
        """Take lines of hashes; empty lines and lines that start with # are skipped."""
        self.must_be_unsigned()
        found: set[bytes] = set()
        read = 0
        for number, lines in opened.lines():
            hashes = _run(lines)
            if hashes is None:
                hashes = list(self._each(file, number, lines))
            found.update(hashes)
            read += len(hashes)
            if read > MOST_ENTRIES:
                raise SourceError(f"more than {MOST_ENTRIES} entries")
        self.ledger.count(Kind.UNSAID, read)
        self._hashes = self.ledger.merge(self._hashes, found, read)

    def _each(self, file: File, number: int, lines: list[bytes]) -> Iterator[bytes]:
        for at, line in enumerate(lines, number):
            text = line.strip()
            if not text or line.startswith(_COMMENT):
                continue
            hashes = _run([text])
            if hashes is None:
                reason = "not a SHA-256 in hexadecimal: 64 digits, or its first 32"
                self.ledger.refuse_entry(file, f"line {at}", reason)
            else:
                yield from hashes

    def finish(self) -> set[bytes]:
        """All hashes."""
        return self._hashes


def _run(lines: list[bytes]) -> list[bytes] | None:
    """The hashes of lines that are all of one length; None when one is something else."""
    sizes = set(map(len, lines))
    if len(sizes) != 1 or not sizes <= _DIGITS:
        return None
    step = sizes.pop() // 2
    try:
        raw = binascii.unhexlify(b"".join(lines))
    except binascii.Error:
        return None
    return [raw[at : at + HASH_BYTES] for at in range(0, len(raw), step)]


class IdentifierReader(Reader):
    """Reads identifiers. `strict` wants them to begin as identifiers do."""

    def __init__(self, *args: Any, strict: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        self._pattern = IDENTIFIER if strict else _ANY_IDENTIFIER
        self._hashes: set[bytes] = set()

    def add_json(self, file: File, document: Any) -> None:
        """Take the Swiss list, Italian settings or, if the operator says that it is one, an array."""
        self.must_be_unsigned()
        setting = _setting(document)
        entries: Any
        if setting is not None:
            entries = [text for text in setting.split(";") if text.strip()]
        elif isinstance(document, dict):
            entries = document.get("revokedCerts")
        else:
            entries = document
        if not isinstance(entries, list):
            raise self.other()
        self._add(file, [(f"entry {number}", entry) for number, entry in enumerate(entries, 1)])

    def add_text(self, file: File, opened: Opened) -> None:
        """Take lines of identifiers; empty lines and lines that start with # are skipped."""
        self.must_be_unsigned()
        entries: list[tuple[str, object]] = []
        for number, lines in opened.lines():
            for at, line in enumerate(lines, number):
                if line.startswith(_COMMENT):
                    continue
                text = line.decode("ascii", "replace")
                entries += [(f"line {at}", part) for part in text.split(";") if part.strip()]
            if len(entries) > MOST_ENTRIES // 10:
                raise SourceError(f"more than {MOST_ENTRIES // 10} identifiers")
        self._add(file, entries)

    def _add(self, file: File, entries: list[tuple[str, object]]) -> None:
        found = []
        for place, entry in entries:
            text = entry.strip() if isinstance(entry, str) else ""
            if self._pattern.fullmatch(text):
                found.append(digest(text.encode("ascii")))
            else:
                self.ledger.refuse_entry(file, place, "not an identifier (URN:UVCI:…)")
        self.ledger.count(Kind.UCI, len(found))
        self._hashes = self.ledger.merge(self._hashes, set(found), len(found))

    def finish(self) -> set[bytes]:
        """The hashes of all identifiers."""
        return self._hashes
