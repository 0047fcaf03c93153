"""The chain of the record: what each entry may be, given all before it. No file is read here.

What the chain alone can't show: entries taken away from its end, or an end written anew by
an author with their own key. For that a published head is kept elsewhere (at the doors),
and `Chain.against` compares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from doorcheck.operator.record import logentry
from doorcheck.operator.record.authors import Author
from doorcheck.operator.record.logentry import HASH_BYTES, NOTHING, Action, Entry, EntryError, Signed
from doorcheck.operator.record.logfaults import FaultKind, LogFault
from doorcheck.operator.text import printable, time_text

Found = tuple[FaultKind, str]
CHANGES_NOTHING = frozenset({Action.ADD_AUTHOR, Action.RETIRE_AUTHOR, Action.PUBLISH})


class HeadError(Exception):
    """Something is no head of a record; the text says why."""


@dataclass(frozen=True, slots=True)
class Head:
    """A record's length, and the SHA-256 of its last entry's file (zeros when there is none)."""

    entries: int = 0
    sha256: bytes = NOTHING

    def to_object(self) -> dict[str, Any]:
        """As JSON has it: {"entries": 12, "head": "64 hexadecimal digits"}."""
        return {"entries": self.entries, "head": self.sha256.hex()}

    @classmethod
    def from_object(cls, item: object) -> Head:
        """The reverse of `to_object`; other members are left alone. Raises `HeadError`."""
        if not isinstance(item, Mapping):
            raise HeadError("no head of a log: not an object")
        entries, text = item.get("entries"), item.get("head")
        if type(entries) is not int or entries < 0 or not isinstance(text, str):
            raise HeadError('no head of a log: it needs "entries", a number, and "head", a text')
        try:
            sha256 = bytes.fromhex(text)
        except ValueError:
            sha256 = b""
        if len(sha256) != HASH_BYTES or sha256.hex() != text or (not entries and sha256 != NOTHING):
            raise HeadError('no head of a log: "head" is not an entry\'s hash, 64 small hexadecimal digits')
        return cls(entries, sha256)


@dataclass(slots=True)
class Chain:
    """All that the entries so far say; `take` adds one and names what is wrong with it."""

    entries: list[Entry] = field(default_factory=list)
    """Those that could be read, faulty or not."""
    length: int = 0
    """The number of the last entry's file."""
    digests: dict[int, bytes] = field(default_factory=dict)
    """SHA-256 of each file, by its number, of those that could be read."""
    authors: dict[bytes, Author] = field(default_factory=dict)
    """Those who may sign now, by key identifier."""
    retired: dict[bytes, Author] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    time: int = 0

    @property
    def head(self) -> Head:
        """The head as it is now."""
        return Head(self.length, self.digests.get(self.length, NOTHING))

    def copy(self) -> Chain:
        """Another one that says the same."""
        return replace(
            self,
            entries=list(self.entries),
            digests=dict(self.digests),
            authors=dict(self.authors),
            retired=dict(self.retired),
            contents=dict(self.contents),
        )

    def skip(self, last: int) -> LogFault:
        """There are no files for the next numbers, up to `last`."""
        first, self.length = self.length + 1, last
        missing = "missing" if first == last else f"missing, and all up to entry {last}"
        return LogFault(FaultKind.GAP, first, missing)

    def lose(self, why: str) -> LogFault:
        """The file of the next number can't be read."""
        self.length += 1
        return LogFault(FaultKind.UNREADABLE, self.length, why)

    def take(self, data: bytes) -> list[LogFault]:
        """Judge the file of the next number. An entry that is not its author's changes no author.

        1. It is an entry, in its one form.
        2. It stands where its number says.
        3. It names the file before it.
        4. Its author is one at this point, and signed it.
        5. Its time is not before that of an earlier entry.
        6. It does what can be done at this point, and changes only what it says.
        """
        before = self.digests.get(self.length) if self.length else NOTHING
        self.length = number = self.length + 1
        self.digests[number] = logentry.digest(data)
        try:  # 1
            signed = logentry.read(data)
        except EntryError as error:
            return [LogFault(FaultKind.UNREADABLE, number, str(error))]
        self.entries.append(signed.entry)
        found = [*self._place(signed.entry, number), *self._link(signed.entry, before)]  # 2, 3
        linked = before is not None and not found
        by_another = self._author(signed, number)  # 4
        found += by_another or self._follow(signed.entry, number, linked=linked)  # 5, 6
        return [LogFault(kind, number, words) for kind, words in found]

    def against(self, head: Head) -> list[LogFault]:
        """What is wrong if that head was published earlier."""
        if head.entries > self.length:
            words = f"{head.entries} entries were published, {self.length} are here"
            return [LogFault(FaultKind.TRUNCATED, None, words)]
        if self.digests.get(head.entries, head.sha256) != head.sha256:
            return [LogFault(FaultKind.REWRITTEN, head.entries, "not the entry that was published")]
        return []

    def against_contents(self, contents: Mapping[str, bytes]) -> list[LogFault]:
        """What is wrong if that is the state now: what changed without an entry."""
        found = []
        for subject in sorted({*contents, *self.contents}):
            is_now, was = contents.get(subject), self.contents.get(subject)
            if is_now != was:
                change = "is gone" if is_now is None else "was added" if was is None else "was changed"
                words = f"{printable(subject)} {change} without an entry"
                found.append(LogFault(FaultKind.CONTENT, None, words))
        return found

    def _place(self, entry: Entry, number: int) -> Iterator[Found]:
        if entry.sequence == number:
            return
        twice = list(self.digests.values()).count(self.digests[number]) > 1
        what = f"a copy of entry {entry.sequence}" if twice else f"what was signed as entry {entry.sequence}"
        yield FaultKind.PLACE, f"the file holds {what}"

    @staticmethod
    def _link(entry: Entry, before: bytes | None) -> Iterator[Found]:
        if before is not None and entry.previous != before:
            yield FaultKind.CHAIN, "it does not follow the entry before it"

    def _author(self, signed: Signed, number: int) -> list[Found]:
        entry = signed.entry
        name = printable(entry.author)
        if number == 1 and entry.action is Action.INIT and entry.whom is not None:
            author: Author | None = entry.whom.author  # the first author vouches for themselves
        else:
            author = self.authors.get(entry.key_id, self.retired.get(entry.key_id))
        if author is None:
            return [(FaultKind.UNKNOWN_AUTHOR, f"signed by {name}, whose key is not in the record")]
        if (author.name, author.key_id) != (entry.author, entry.key_id):
            return [(FaultKind.UNKNOWN_AUTHOR, f"says {name}, but the key is {printable(author.name)}'s")]
        if not signed.is_by(author):
            return [(FaultKind.SIGNATURE, f"the signature is not that of {name}")]
        if entry.key_id in self.retired:
            return [(FaultKind.RETIRED_AUTHOR, f"signed by {name}, whose key was retired before")]
        return []

    def _follow(self, entry: Entry, number: int, *, linked: bool) -> list[Found]:
        """What is wrong with what a known author signed; then it counts, but a fault changes no author."""
        impossible = [*self._impossible(entry, number), *(self._undeclared(entry) if linked else ())]
        found = [*self._time(entry), *impossible]
        self.time = max(self.time, entry.time)
        self.contents = dict(entry.contents)
        if entry.whom is not None and not impossible:
            author = entry.whom.author
            if entry.action is Action.RETIRE_AUTHOR:
                self.retired[author.key_id] = self.authors.pop(author.key_id)
            else:
                self.authors[author.key_id] = author
        return found

    def _time(self, entry: Entry) -> Iterator[Found]:
        if entry.time < self.time:
            words = f"its time, {time_text(entry.time)}, is before that of an earlier entry"
            yield FaultKind.TIME, f"{words}, {time_text(self.time)}"

    def _impossible(self, entry: Entry, number: int) -> Iterator[Found]:
        if (entry.action is Action.INIT) != (number == 1):
            yield FaultKind.IMPOSSIBLE, "the first entry, and only it, starts a record"
        elif entry.whom is not None and number > 1:
            author, name = entry.whom.author, printable(entry.whom.name)
            if entry.action is Action.RETIRE_AUTHOR:
                if self.authors.get(author.key_id) != author:
                    yield FaultKind.IMPOSSIBLE, f"{name} with this key is no author"
                elif len(self.authors) == 1:
                    yield FaultKind.IMPOSSIBLE, f"{name} is the only author: nobody would be left"
            elif author.name.casefold() in {one.name.casefold() for one in self.authors.values()}:
                yield FaultKind.IMPOSSIBLE, f"there is an author {name} already"
            elif author.key_id in {*self.authors, *self.retired}:
                yield FaultKind.IMPOSSIBLE, f"the key of {name} was used before; a new one is needed"

    def _undeclared(self, entry: Entry) -> Iterator[Found]:
        """A change that the entry does not tell people about. The first entry may change anything."""
        if entry.action is Action.INIT:
            return
        for subject in sorted({*self.contents, *entry.contents}):
            told = subject == entry.subject or subject.startswith(f"{entry.subject}/")
            if self.contents.get(subject) != entry.contents.get(subject):
                if entry.action in CHANGES_NOTHING:
                    yield FaultKind.IMPOSSIBLE, f"{entry.action.value} changes no list, this one {subject}"
                elif not told:
                    yield FaultKind.IMPOSSIBLE, f"it tells of {entry.subject}, but changes {subject}"
