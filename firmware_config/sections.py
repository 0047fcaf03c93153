"""Putting our lines into somebody else's file, and taking them out again, to the byte.

No record is kept: what is ours is found by its marks. Whatever else is in the file stays
as it is, wherever it stands, and when it was edited after us.
"""

from __future__ import annotations

import re

BEGIN = b"# >>> doorcheck: put here by firmware_config/apply, and by `apply --undo` taken away"
NO_NEWLINE = b"; the line above had no end"
END = b"# <<< doorcheck"
FROM, TO = b"doorcheck.from", b"doorcheck.to"
"""Around our words in cmdline.txt. The kernel ignores settings of modules that are not loaded."""

_GROUP = re.compile(rb" doorcheck\.from(?: [^\n]*?)? doorcheck\.to(?=[ \r\n]|\Z)")


class SectionError(Exception):
    """Our marks in a file are not as we left them; the text says which, and what to do."""


def put(data: bytes, body: bytes) -> bytes:
    """The file with `body` as our section: where it was, else at the end. Raises `SectionError`.

    `body` ends with a newline. An empty file, or none, is b"".
    """
    before, old, after = _split(data)
    begin = BEGIN
    if old is None and before and not before.endswith(b"\n"):
        before, begin = before + b"\n", BEGIN + NO_NEWLINE
    elif old is not None and old.startswith(BEGIN + NO_NEWLINE):
        begin = BEGIN + NO_NEWLINE
    return before + begin + b"\n" + body + END + b"\n" + after


def drop(data: bytes) -> bytes:
    """The file as if we had never been there. Raises `SectionError`."""
    before, old, after = _split(data)
    if old is not None and old.startswith(BEGIN + NO_NEWLINE) and not after:
        before = before.removesuffix(b"\n")
    return before + after


def others(data: bytes) -> bytes:
    """What in the file is not ours. Raises `SectionError`."""
    before, _, after = _split(data)
    return before + after


def _split(data: bytes) -> tuple[bytes, bytes | None, bytes]:
    lines = re.findall(rb"[^\n]*\n|[^\n]+", data)
    begins = [number for number, line in enumerate(lines) if line.startswith(BEGIN)]
    ends = [number for number, line in enumerate(lines) if line.rstrip() == END]
    if not begins and not ends:
        return data, None, b""
    if len(begins) != 1 or len(ends) != 1 or begins[0] > ends[0]:
        raise SectionError(
            f"{len(begins)} lines begin our section ({BEGIN[:15].decode()!r}...) and {len(ends)} end it: "
            "take out the odd ones by hand"
        )
    first, last = begins[0], ends[0] + 1
    return b"".join(lines[:first]), b"".join(lines[first:last]), b"".join(lines[last:])


def put_words(data: bytes, words: list[str]) -> bytes:
    """The kernel's line (`cmdline.txt`) with our words, marked. Raises `SectionError`."""
    group = b" " + b" ".join([FROM, *(word.encode() for word in words), TO])
    line, rest = _first_line(data)
    if _GROUP.search(line):
        return _GROUP.sub(lambda _: group, line) + rest
    return line + group + rest


def drop_words(data: bytes) -> bytes:
    """The kernel's line without our words. Raises `SectionError`."""
    line, rest = _first_line(data)
    return _GROUP.sub(b"", line) + rest


def _first_line(data: bytes) -> tuple[bytes, bytes]:
    """What the firmware reads of the file, and the rest with the line's end."""
    line = data.split(b"\n", 1)[0].removesuffix(b"\r")
    marks = [word for word in line.split(b" ") if word in (FROM, TO)]
    whole = len(_GROUP.findall(line))
    if marks not in ([], [FROM, TO]) or whole != len(marks) // 2:
        raise SectionError(
            f"our words in the kernel's line are not between one {FROM.decode()} and one {TO.decode()}: "
            "take them out by hand"
        )
    return line, data[len(line) :]
