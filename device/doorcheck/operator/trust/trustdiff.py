"""What a new trust list changes: who came, who went, who was changed, and how much is lost.

A signer is its key identifier with its key: a pass names the one and was signed by the
other. A renewed certificate for the same key under another identifier is thus one signer
removed and one added, for the passes of the first no longer verify.

Lost is what doors admitted with the old list and would refuse with the new one: signers
still valid by the old list, now missing, or given an end that has passed, or fewer formats
or types of proof that they may sign, or marked as a test authority's. That a certificate
came to its end is no loss.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from doorcheck.core.trust import Signer
from doorcheck.operator.text import base64_text, printable, time_text
from doorcheck.operator.trust.trustreport import (
    LONGEST_LIST,
    scope_text,
    signer_lines,
    signer_object,
    usage_text,
)


class LossError(Exception):
    """A new trust list would lose more signers than allowed; the text says how many, and whose."""

    def __init__(self, text: str, lost: int, valid: int) -> None:
        super().__init__(text)
        self.lost = lost
        self.valid = valid


@dataclass(frozen=True, slots=True)
class Change:
    """One signer as it was and as it is now."""

    old: Signer
    new: Signer

    @property
    def words(self) -> list[str]:
        """What is different, one text for each."""
        was, now = _terms(self.old), _terms(self.new)
        different = [f"{name} {was[name]} -> {now[name]}" for name in was if was[name] != now[name]]
        return different or ["name"]  # it differs where it is not shown


def _terms(signer: Signer) -> dict[str, str]:
    return {
        "formats": scope_text(signer.scope),
        "usage": usage_text(signer.usage),
        "valid from": time_text(signer.not_before),
        "valid until": time_text(signer.not_after),
        "country": printable(signer.country, 8) or "none",
        "name": f'"{printable(signer.name, 100)}"',
        "authority": "test" if signer.test else "real",
    }


@dataclass(frozen=True)
class TrustDiff:
    """The differences between two trust lists, at a time in seconds since 1970.

    `expired` are those in both whose validity ended since the old list was made.
    `valid` are the old list's signers that were still valid at that time, and `lost` those
    of them that the new list holds no more, or not as much of.
    """

    at: int
    added: tuple[Signer, ...]
    removed: tuple[Signer, ...]
    changed: tuple[Change, ...]
    expired: tuple[Signer, ...]
    unchanged: int
    valid: tuple[Signer, ...]
    lost: tuple[Signer, ...]

    @property
    def lost_share(self) -> float:
        """The share of the still valid signers that is lost, 0 to 1; 0 when there were none."""
        return len(self.lost) / len(self.valid) if self.valid else 0.0

    @cached_property
    def lost_by_country(self) -> dict[str, tuple[int, int]]:
        """By country that loses any: how many, of how many; the largest loss first."""
        valid = _countries(self.valid)
        return {country: (count, valid[country]) for country, count in _countries(self.lost).items()}

    def lines(self, *, verbose: bool = False) -> list[str]:
        """The differences in words; lists are cut short unless `verbose`."""
        counts = {"added": self.added, "removed": self.removed, "changed": self.changed}
        words = [f"{len(signers)} {name}" for name, signers in counts.items()]
        words += [f"{len(self.expired)} newly expired", f"{self.unchanged} unchanged"]
        changes = [f"{change.new.label}: {', '.join(change.words)}" for change in self.changed]
        return [
            f"trust list: {', '.join(words)}",
            *([self._loss_line()] if self.valid else []),
            *_section("added", self.added, verbose=verbose),
            *_section("removed", self.removed, verbose=verbose),
            *(["", "changed:", *_cut(changes, verbose=verbose)] if changes else []),
            *_section("newly expired", self.expired, verbose=verbose),
        ]

    def _loss_line(self) -> str:
        at = time_text(self.at)
        if not self.lost:
            return f"none of the {len(self.valid)} signers still valid at {at} is lost"
        return (
            f"{len(self.lost)} of the {len(self.valid)} signers still valid at {at} "
            f"({self.lost_share:.1%}) would be lost: {self.lost_words()}"
        )

    def lost_words(self) -> str:
        """The losses by country, "NL 10 of 75, FR 2 of 2"."""
        pairs = self.lost_by_country.items()
        return ", ".join(f"{printable(country, 8)} {count} of {whole}" for country, (count, whole) in pairs)

    def as_object(self) -> dict[str, object]:
        """The differences as members of a JSON object, uncut."""
        return {
            "at": time_text(self.at),
            "added": [signer_object(signer) for signer in self.added],
            "removed": [signer_object(signer) for signer in self.removed],
            "changed": [
                {"old": signer_object(change.old), "new": signer_object(change.new)}
                for change in self.changed
            ],
            "newly_expired": [signer_object(signer) for signer in self.expired],
            "unchanged": self.unchanged,
            "valid": len(self.valid),
            "lost": len(self.lost),
            "lost_share": self.lost_share,
            "lost_by_country": {
                country: {"lost": count, "valid": whole}
                for country, (count, whole) in self.lost_by_country.items()
            },
            "lost_kids": [base64_text(signer.kid) for signer in self.lost],
        }


def diff(old: Sequence[Signer], new: Sequence[Signer], at: int, since: int) -> TrustDiff:
    """Compare two lists at a time. `since` is when the old one was made (its `issued`)."""
    was, now = _by_identity(old), _by_identity(new)
    both = [(signer, now[identity]) for identity, signer in was.items() if identity in now]
    changed = tuple(Change(one, other) for one, other in both if one != other)
    valid = {identity: signer for identity, signer in was.items() if signer.not_after >= at}
    return TrustDiff(
        at=at,
        added=tuple(signer for identity, signer in now.items() if identity not in was),
        removed=tuple(signer for identity, signer in was.items() if identity not in now),
        changed=changed,
        expired=tuple(other for one, other in both if one.not_after >= since and other.not_after < at),
        unchanged=len(both) - len(changed),
        valid=tuple(valid.values()),
        lost=tuple(one for identity, one in valid.items() if _loses(one, now.get(identity), at)),
    )


def _by_identity(signers: Iterable[Signer]) -> dict[tuple[bytes, bytes], Signer]:
    """The signers by key identifier and key; of two the first counts, as it does at the door."""
    found: dict[tuple[bytes, bytes], Signer] = {}
    for signer in signers:
        found.setdefault((signer.kid, signer.key), signer)
    return found


def _loses(old: Signer, new: Signer | None, at: int) -> bool:
    """Whether something that a valid signer may sign is not admitted any more."""
    if new is None or new.not_after < at or new.not_before > max(at, old.not_before):
        return True
    return bool(old.scope & ~new.scope or old.usage & ~new.usage) or (new.test and not old.test)


def check_loss(found: TrustDiff, most_share: float) -> None:
    """Raise `LossError` when more than a share (0 to 1) of the still valid signers is lost."""
    if found.lost_share <= most_share:
        return
    lost, valid = len(found.lost), len(found.valid)
    raise LossError(
        f"{lost} of the {valid} signers that are still valid would be lost ({found.lost_share:.1%}, more "
        f"than {most_share:.1%}): {found.lost_words()}; doors would refuse their passes. Get the list "
        "again, or look into it; if it is meant so, allow more with --most-lost",
        lost,
        valid,
    )


def _countries(signers: Iterable[Signer]) -> Counter[str]:
    """How many of each country, the largest count first."""
    counts = Counter(signer.country or "--" for signer in signers)
    return Counter(dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))))


def _section(title: str, signers: Sequence[Signer], *, verbose: bool) -> list[str]:
    if not signers:
        return []
    counts = "  ".join(f"{printable(country, 8)} {count}" for country, count in _countries(signers).items())
    return ["", f"{title}, by country: {counts}", *_cut(signer_lines(signers), verbose=verbose)]


def _cut(lines: Sequence[str], *, verbose: bool) -> list[str]:
    shown = lines if verbose else lines[:LONGEST_LIST]
    more = [f"{len(lines) - len(shown)} more; --verbose for all"] if len(lines) > len(shown) else []
    return [f"  {line}" for line in [*shown, *more]]
