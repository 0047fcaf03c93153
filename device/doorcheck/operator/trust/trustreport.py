"""What `doorcheck trust` tells: the same facts as lines for people and as one JSON object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from doorcheck.core.trust import Scope, Signer, Usage
from doorcheck.core.verdict import PassFormat
from doorcheck.operator.text import base64_text, printable, time_text
from doorcheck.operator.trust.building import Built, Entry
from doorcheck.operator.trust.candidates import LeftOut
from doorcheck.operator.trust.sources import Gathered

LONGEST_LIST = 20


@dataclass(frozen=True, slots=True)
class Census:
    """Counts over signers at a time, in seconds since 1970."""

    signers: int
    test: int
    expired: int
    not_yet_valid: int
    countries: dict[str, int]
    """By country, the largest count first."""

    @classmethod
    def of(cls, signers: Sequence[Signer], at: int) -> Census:
        """Count the signers at a time."""
        countries = Counter(signer.country or "--" for signer in signers)
        return cls(
            signers=len(signers),
            test=sum(signer.test for signer in signers),
            expired=sum(signer.not_after < at for signer in signers),
            not_yet_valid=sum(signer.not_before > at for signer in signers),
            countries=dict(sorted(countries.items(), key=lambda pair: (-pair[1], pair[0]))),
        )

    def lines(self, at: int) -> list[str]:
        """The counts in words."""
        countries = "  ".join(f"{printable(country, 8)} {count}" for country, count in self.countries.items())
        early = f", {self.not_yet_valid} are not valid yet" if self.not_yet_valid else ""
        verb = "has" if self.expired == 1 else "have"
        return [
            f"signers by country: {countries or 'none'}",
            f"of these {self.signers}, {self.expired} {verb} expired at {time_text(at)}{early} "
            "(--at sets the time, default: now)",
            *([f"{self.test} of a test authority: their passes show the TEST signal"] if self.test else []),
        ]


def build_lines(gathered: Gathered, built: Built, at: int, *, verbose: bool) -> list[str]:
    """The report of a build, but for what was written and what could not be read."""
    return [
        *_table(gathered, built),
        *_left_out_lines(built.left_out, verbose=verbose),
        "",
        *Census.of(built.signers, at).lines(at),
        *(f"note: {source}: {note}" for source, note in gathered.notes),
        *_kid_lines(built.entries, verbose=verbose),
        *_merged_lines(built.merged_differing, verbose=verbose),
    ]


def _sources(gathered: Gathered, built: Built) -> list[dict[str, object]]:
    """One row per source, in order: taken, merged, left out, ignored."""
    taken = Counter(entry.source for entry in built.entries)
    out = Counter(left_out.source for left_out in built.left_out)
    return [
        {
            "source": source,
            "taken": taken[source],
            "merged": built.merged[source],
            "left_out": out[source],
            "ignored_files": gathered.ignored[source],
        }
        for source in gathered.sources
    ]


def _table(gathered: Gathered, built: Built) -> list[str]:
    titles = ["source", "taken", "merged", "left out", "ignored files"]
    rows = [titles, *([str(cell) for cell in row.values()] for row in _sources(gathered, built))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows
    ]


def _left_out_lines(left_out: Sequence[LeftOut], *, verbose: bool) -> list[str]:
    if not left_out:
        return []
    reasons = Counter(one.reason for one in left_out).most_common()
    lines = [_place(one.source, one.where, one.kid, one.name) + f": {one.reason}" for one in left_out]
    return [
        "",
        "left out:",
        *(f"{count:7}  {reason}" for reason, count in reasons),
        *_cut(lines, verbose=verbose),
    ]


def _kid_lines(entries: Iterable[Entry], *, verbose: bool) -> list[str]:
    renamed = [entry for entry in entries if entry.renamed]
    if not renamed:
        return []
    lines = [
        _place(entry.source, entry.where, base64_text(entry.signer.kid), entry.signer.name)
        + f": the certificate's own is {base64_text(entry.own_kid)}"
        for entry in renamed
    ]
    title = (
        f"note: {len(renamed)} taken under a key identifier of the source that is not the certificate's own:"
    )
    return [title, *_cut(lines, verbose=verbose)]


def _merged_lines(merged: Sequence[Entry], *, verbose: bool) -> list[str]:
    if not merged:
        return []
    lines = [_place(one.source, one.where, base64_text(one.signer.kid), one.signer.name) for one in merged]
    title = f"note: {len(merged)} merged with an earlier one of other dates or usage, which was kept:"
    return [title, *_cut(lines, verbose=verbose)]


def _place(source: str, where: str, kid: str, name: str) -> str:
    parts = [source, where, f"kid {kid}" if kid else "", f'"{name}"' if name else ""]
    return ", ".join(filter(None, parts))


def _cut(lines: list[str], *, verbose: bool) -> list[str]:
    shown = lines if verbose else lines[:LONGEST_LIST]
    more = [f"{len(lines) - len(shown)} more; --verbose for all"] if len(lines) > len(shown) else []
    return [f"  {line}" for line in [*shown, *more]]


def build_object(gathered: Gathered, built: Built, at: int) -> dict[str, object]:
    """The report of a build as members of a JSON object, uncut."""
    return {
        **asdict(Census.of(built.signers, at)),
        "at": time_text(at),
        "sources": _sources(gathered, built),
        "left_out": [
            {
                "source": one.source,
                "where": one.where,
                "kid": one.kid,
                "name": one.name,
                "code": one.why.value,
                "reason": one.reason,
            }
            for one in built.left_out
        ],
        "renamed": [_entry_object(entry) for entry in built.entries if entry.renamed],
        "merged_differing": [_entry_object(entry) for entry in built.merged_differing],
        "notes": [{"source": source, "note": note} for source, note in gathered.notes],
        "unreadable": [asdict(one) for one in gathered.unreadable],
    }


def _entry_object(entry: Entry) -> dict[str, str]:
    return {
        "source": entry.source,
        "where": entry.where,
        "kid": base64_text(entry.signer.kid),
        "own_kid": base64_text(entry.own_kid),
        "name": entry.signer.name,
    }


def usage_text(usage: Usage) -> str:
    """The types of proof a signer may sign, in words."""
    if usage == Usage.ANY:
        return "any"
    return "+".join(one.name.lower() for one in Usage if usage & one and one.name) or "none"


_FORMATS = {
    Scope.HC1: PassFormat.HC1,
    Scope.LIGHT: PassFormat.HCFR1,
    Scope.EXEMPTION: PassFormat.EX1,
    Scope.TWO_D_DOC: PassFormat.TWO_D_DOC,
}


def scope_text(scope: Scope) -> str:
    """The formats a signer may sign, in words."""
    return "+".join(named.value for one, named in _FORMATS.items() if scope & one) or "none"


def signer_lines(signers: Sequence[Signer]) -> list[str]:
    """One line per signer: kid, country, formats, usage, validity, algorithm, name."""
    rows = [
        [
            base64_text(signer.kid),
            printable(signer.country, 8) or "--",
            scope_text(signer.scope),
            usage_text(signer.usage),
            f"{time_text(signer.not_before)[:10]}..{time_text(signer.not_after)[:10]}",
            signer.algorithm.name,
            ("TEST " if signer.test else "") + printable(signer.name, 100),
        ]
        for signer in signers
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def signer_object(signer: Signer) -> dict[str, object]:
    """A signer as members of a JSON object; its key is left out."""
    return {
        "kid": base64_text(signer.kid),
        "country": signer.country,
        "formats": scope_text(signer.scope).split("+"),
        "usage": usage_text(signer.usage),
        "not_before": time_text(signer.not_before),
        "not_after": time_text(signer.not_after),
        "algorithm": signer.algorithm.name,
        "name": signer.name,
        "test": signer.test,
    }
