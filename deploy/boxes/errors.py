"""Why a contact with a box came to nothing: one class, one code and one message each.

`code` is for programs and stays the same. What a box or ssh said is quoted in one line, without
anything that could move a terminal's cursor.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

LONGEST_QUOTE: Final = 300
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a1-\u02ff]+")


def quoted(text: str) -> str:
    """The end of what somebody else said, in one line."""
    line = _UNPRINTABLE.sub(" ", text).strip()
    return line if len(line) <= LONGEST_QUOTE else f"... {line[-LONGEST_QUOTE:]}"


class ContactError(Exception):
    """A box could not be asked, or did not take what it was brought."""

    code: ClassVar[str]
    off: ClassVar[bool] = False
    """Whether the box is as good as switched off: nothing is wrong with it, and it catches up later."""


class UnreachableError(ContactError):
    """No answer at its address."""

    code = "unreachable"
    off = True

    def __init__(self, place: str, said: str) -> None:
        super().__init__(f"no answer at {place} ({quoted(said)}): is it on, and on the network?")


class HostKeyError(ContactError):
    """Somebody else may answer at its address."""

    code = "host-key"

    def __init__(self, place: str, known_hosts: str, *, unknown: bool) -> None:
        if unknown:
            text = (
                f"the key of {place} is not in {known_hosts}: compare it with what the box itself shows "
                "(`deploy/fleet meet --help`); nothing was sent"
            )
        else:
            text = (
                f"at {place} answers somebody with ANOTHER KEY than the one in {known_hosts}: either the "
                "card was flashed anew, or this is not your box; nothing was sent. Look at the box before "
                "you change that file"
            )
        super().__init__(text)


class KeyRefusedError(ContactError):
    """The box does not take the operator's key."""

    code = "key-refused"

    def __init__(self, account: str, place: str, keys: str) -> None:
        super().__init__(
            f"{account} at {place} does not take the key {keys}: is it the right file, is its passphrase "
            "with ssh-agent (`ssh-add`)? `deploy/fleet provision` gives the box the key again"
        )


class KeyFileError(ContactError):
    """The operator's own key file can't be used."""

    code = "key-file"

    def __init__(self, keys: str, why: str) -> None:
        super().__init__(f"the key {keys} can't be used: {why}")


class ForbiddenError(ContactError):
    """The box's restricted account refused what was asked."""

    code = "forbidden"

    def __init__(self, account: str, place: str, said: str) -> None:
        super().__init__(
            f"{account} at {place} may not do that ({quoted(said)}): was it provisioned by hand?"
        )


class BusyError(ContactError):
    """Somebody else's copy to the same box is under way."""

    code = "busy"

    def __init__(self, place: str) -> None:
        super().__init__(
            f"another copy to {place} is under way, another operator's perhaps, and did not end in the time "
            "there was; run it again"
        )


class FullError(ContactError):
    """No space left on the box."""

    code = "disk-full"

    def __init__(self, place: str) -> None:
        super().__init__(
            f"the disk of {place} is full: nothing was switched, the box goes on with what it has"
        )


class TimedOutError(ContactError):
    """It took too long."""

    code = "timed-out"

    def __init__(self, what: str, place: str, seconds: float) -> None:
        super().__init__(
            f"{what} of {place} took longer than {seconds:g} seconds; run it again, it goes on from there"
        )


class BrokenError(ContactError):
    """The connection broke in the middle."""

    code = "broken"
    off = True

    def __init__(self, place: str, said: str) -> None:
        super().__init__(
            f"the connection to {place} broke ({quoted(said)}); run it again, it goes on from there"
        )


class NonsenseError(ContactError):
    """What the box said can't be read."""

    code = "nonsense"

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"what {place} says of itself can't be read: {why}; provision it again")


class RefusedError(ContactError):
    """The box refused a publication, or a release, and says why."""

    code = "refused"

    def __init__(self, why: str, words: str) -> None:
        super().__init__(f"the box refused it, {quoted(why)}: {quoted(words)}")
        self.why = why


class OlderError(ContactError):
    """What is to be brought is older than what the box has."""

    code = "older"

    def __init__(self, place: str, mine: int, theirs: int) -> None:
        super().__init__(
            f"{place} knows a newer publication (timestamp {theirs}) than this computer's ({mine}): somebody "
            "else published; bring the repository up to date (`doorcheck operator take-over --help`)"
        )


class ReturnedError(ContactError):
    """The box tried a release, and went back to the one before."""

    code = "returned"

    def __init__(self, words: str) -> None:
        super().__init__(f"the box went back to the release before, and runs: {quoted(words)}")
        self.why = "returned"


class NothingToSendError(ContactError):
    """What should be sent is not there."""

    code = "nothing-to-send"

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(f"{what}: {advice}")
