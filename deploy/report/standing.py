"""What is wrong with a box, and what to do: from its last contact, in words for who is in a hurry.

A box that did not answer is a finding like any other. What a box says of itself is believed
as far as it accuses itself; that it is well counts only together with an answer.
"""

from __future__ import annotations

import enum
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from deploy.report.contact import Contact
from deploy.report.history import newest_answer, newest_counters
from deploy.report.words import lasted, shortened

from doorcheck.core.health import Condition, Lamps

NOT_ASKED: Final = timedelta(hours=26)
"""Who asks every day has asked within that time."""
CLOCK_OFF: Final = timedelta(minutes=2)
STOPPED: Final = "stopped"


class Level(enum.Enum):
    """How a box stands, the worst first: a word for one and for several, and what it means."""

    OUT = ("out of order", "out of order", "it can't judge, and says so")
    LOST = ("unreachable", "unreachable", "it did not answer; how it is now is not known")
    CARE = ("needs care", "need care", "it judges, and something wants to be looked after")
    WELL = ("well", "well", "it judges, and nothing is wrong")

    def __init__(self, words: str, plural: str, meaning: str) -> None:
        self.words = words
        self.plural = plural
        self.meaning = meaning

    def of(self, number: int) -> str:
        """The words for so many boxes."""
        return self.words if number == 1 else self.plural

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return list(Level).index(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: a code to say over the phone, words, and what to do."""

    level: Level
    code: str
    words: str
    advice: str


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its contacts, oldest first and at least one, and what is wrong with it, the worst first."""

    host: str
    contacts: list[Contact]
    findings: tuple[Finding, ...]

    @property
    def level(self) -> Level:
        """The worst of what was found."""
        return self.findings[0].level if self.findings else Level.WELL

    @property
    def last(self) -> Contact:
        """The last contact, with or without an answer."""
        return self.contacts[-1]

    @property
    def answer(self) -> Contact | None:
        """The last time it answered."""
        return newest_answer(self.contacts)

    @property
    def counted(self) -> Contact | None:
        """The last time it told its counters."""
        return newest_counters(self.contacts)

    @property
    def publication(self) -> int | None:
        """Which publication it has, as of its last answer."""
        return _publication(self.answer)

    def lists_age(self, now: datetime) -> timedelta | None:
        """How old its lists are by now, if it got no newer ones since its last answer."""
        answer = self.answer
        if answer is None:
            return None
        for part in (answer.status, answer.update):
            if part is not None and part.published is not None:
                return max(timedelta(0), now - part.published)
        return None


def boxes(by_host: dict[str, list[Contact]], now: datetime) -> list[Box]:
    """All boxes with what is wrong with each; those in trouble first, then by name."""
    usual = _usual_publication(newest_answer(contacts) for contacts in by_host.values())
    found = [
        Box(host, contacts, tuple(sorted(_findings(contacts, usual, now), key=lambda one: one.level.rank)))
        for host, contacts in by_host.items()
    ]
    return sorted(found, key=lambda box: (box.level.rank, _as_read(box.host)))


def _as_read(name: str) -> list[tuple[int, str]]:
    """A key that puts north-9 before north-10."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"([0-9]+)", name)]


def _usual_publication(answers: Iterable[Contact | None]) -> int | None:
    """What most boxes have; of equally many the newer. One box alone, honest or not, decides nothing."""
    numbers = Counter(number for answer in answers if (number := _publication(answer)) is not None)
    return max(numbers, key=lambda number: (numbers[number], number), default=None)


def _publication(answer: Contact | None) -> int | None:
    return answer.update.publication if answer is not None and answer.update is not None else None


def _findings(contacts: list[Contact], usual: int | None, now: datetime) -> Iterator[Finding]:
    last, answer = contacts[-1], newest_answer(contacts)
    if not last.reachable:
        yield _unreachable(last, answer, now)
    if now - last.at > NOT_ASKED:
        yield Finding(
            Level.CARE,
            "not asked",
            f"nobody asked it for {lasted(now - last.at)}",
            "`deploy/fleet status`; if it was taken out of service, `deploy/fleet decommission` forgets it",
        )
    if answer is not None:
        yield from _door(answer)
        yield from _lists(answer, usual, now)
        yield from _rest(answer)


_HOW: Final = {
    "host-key": "do not go on before you have seen the box itself: the runbook `stolen-box`",
    "key-refused": "`ssh-add` the right key; `deploy/fleet provision` gives it to the box again",
    "key-file": "mend it on this computer: the box was not asked",
    "nonsense": "`deploy/fleet provision` brings its scripts up to date",
    "forbidden": "`deploy/fleet provision` brings its accounts and scripts up to date",
    "disk-full": "make room on the box: `df -h` there shows what is full",
}
"""What to do, by the code that a contact failed with; for all others one looks after the box."""
_OFF: Final = (
    "look whether it has power and network; it goes on judging with the lists that it has until they are too "
    "old, and catches up at the next run"
)


def _unreachable(last: Contact, answer: Contact | None, now: datetime) -> Finding:
    since = "it has never answered" if answer is None else f"last answer {lasted(now - answer.at)} ago"
    code, _, why = (last.why or "").partition(": ")
    if code not in _HOW:
        code, why = "no answer", last.why or ""
    words = f"{shortened(why)}; {since}" if why else since
    return Finding(Level.LOST, code, words, _HOW.get(code, _OFF))


def _door(answer: Contact) -> Iterator[Finding]:
    """What the door says of itself."""
    told = answer.status
    if told is None or told.state == STOPPED:
        if "status" not in answer.unreadable:
            yield Finding(
                Level.OUT,
                "no door",
                "the box answers, and no door runs on it",
                "on the box: `systemctl status doorcheck` and `journalctl -u doorcheck -b`",
            )
        return
    for code in dict.fromkeys(told.conditions):
        yield _condition(code)
    if not told.conditions and told.state != "judging":
        level = Level.CARE if told.state == "starting" else Level.OUT
        yield Finding(level, "state", f"the door says: {told.state or 'nothing'}", "ask again in a minute")
    if told.utc is not None and abs(told.utc - answer.at) > CLOCK_OFF:
        way = "ahead of" if told.utc > answer.at else "behind"
        yield Finding(
            Level.CARE,
            "clock",
            f"its clock, or its report, is {lasted(abs(told.utc - answer.at))} {way} this computer's clock",
            "see which of the two is right; the runbook `wrong-time` goes through it",
        )


_CONDITIONS: Final = {condition.code: condition for condition in Condition}
_PUSH: Final = "`deploy/fleet push-trust`"
_FROM_HERE: Final = {
    Condition.NO_LISTS: _PUSH,
    Condition.LISTS_TOO_OLD: f"`doorcheck operator publish`, then {_PUSH}",
    Condition.LISTS_DOUBTFUL: f"`doorcheck operator publish`, then {_PUSH}",
    Condition.LISTS_AGEING: f"`doorcheck operator publish`, then {_PUSH}",
}
"""Where the operator's computer does what the box itself would advise."""


def _condition(code: str) -> Finding:
    one = _CONDITIONS.get(code)
    if one is None:
        words = f"{code}: a condition that this computer's doorcheck does not know"
        return Finding(Level.CARE, "unknown", words, "bring this computer's doorcheck up to date")
    level = Level.OUT if one.lamps in (Lamps.OUT_OF_ORDER, Lamps.DARK) else Level.CARE
    return Finding(level, one.code, one.words, _FROM_HERE.get(one, one.advice))


def _lists(answer: Contact, usual: int | None, now: datetime) -> Iterator[Finding]:
    update = answer.update
    if update is None:
        return
    if update.enrolled is False:
        advice = "`deploy/fleet provision` enrols it"
        yield Finding(Level.OUT, "enrolment", "it knows no operator yet, and takes no lists", advice)
    if update.damage is not None:
        yield Finding(Level.CARE, "damage", shortened(update.damage), _PUSH)
    if update.last is not None and update.last.exit:
        said = update.last.said
        why = f", {said.refused}: {shortened(said.words)}" if said and said.refused else ""
        advice = f"do what it says, then {_PUSH}" if why else "on the box: `journalctl -u doorcheck-update`"
        yield Finding(Level.CARE, "refused", f"it refused what it was brought last{why}", advice)
    expired = [
        role
        for role, signed in update.metadata.items()
        if signed.expires is not None and signed.expires <= now
    ]
    if expired:
        yield Finding(
            Level.CARE,
            "expired",
            f"the signature of {', '.join(expired)} expired: nothing new is taken until a newer one comes",
            f"`doorcheck operator publish --refresh`, then {_PUSH}; for root the runbook `expired-root`",
        )
    number = update.publication
    if usual is not None and number is not None and number < usual:
        words = f"it has publication {number}, and most boxes have {usual}"
        yield Finding(Level.CARE, "behind", words, _PUSH)


_STAYED_OUT: Final = {
    "returned": "did not stay, the one before it runs",
    "failed": "failed, and there is no other to go back to",
    "refused": "was refused, nothing was changed",
}


def _rest(answer: Contact) -> Iterator[Finding]:
    release = answer.release
    if release is not None and release.outcome in _STAYED_OUT:
        why = f": {shortened(release.why)}" if release.why else ""
        words = f"release {release.version or 'without a number'} {_STAYED_OUT[release.outcome]}{why}"
        yield Finding(Level.CARE, "release", words, "the runbook `broken-release`")
    if answer.unreadable:
        yield Finding(
            Level.CARE,
            "answer",
            f"parts of its answer can't be read: {', '.join(answer.unreadable)}",
            "bring this computer's doorcheck up to date; if that is not it, the box is damaged or not yours",
        )
