"""Where each key belongs, and what to do when one is lost or stolen: plain words with the real numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys of one purpose: their names, and how many must sign together."""

    names: Sequence[str]
    threshold: int

    @property
    def spare(self) -> int:
        """How many may be lost before the rest are too few."""
        return len(self.names) - self.threshold


def custody(rings: Mapping[str, Ring], expiry_days: Mapping[str, int]) -> list[str]:
    """What the holder of a repository must know about its keys. Both arguments are by role."""
    root, targets = rings["root"], rings["targets"]
    days = min(expiry_days["snapshot"], expiry_days["timestamp"])
    signing = ", ".join(targets.names)
    if len(targets.names) > 1:
        signing += f" ({_together(targets)})"
    dates = " and ".join(dict.fromkeys([*rings["snapshot"].names, *rings["timestamp"].names]))
    return [
        f"Root keys: {', '.join(root.names)}; {_together(root)} can replace every other key and each other.",
        *_root_places(root),
        "  They are needed only to change keys, and to renew the root, at the latest every "
        f"{_years(expiry_days['root'])}.",
        "",
        f"To publish: {signing} and {dates}, on the computer that publishes, with their passphrases.",
        f"  {signing} for the lists, rules and settings: who has that, and {dates}, decides what doors "
        "believe.",
        f"  {dates} for which state is the newest. It must sign at least every {days} days, or doors take "
        "nothing new. Alone it can keep doors on what was published before, but not change a list.",
        "",
        "Lost:",
        *_root_lost(root),
        "  any other key: the root keys name a new one; the next push brings it to every door.",
        "Stolen, or perhaps copied:",
        *_root_stolen(root),
        f"  {', '.join(targets.names)} or {dates}: replace it at once, publish, and push to every door: "
        "until a door has got that, it believes the thief too.",
        "",
        "for-devices/deny.key is a secret that the doors share: with it, and a copy of the deny list, "
        "passes can be guessed from names. Give it to doors only.",
    ]


def _root_places(root: Ring) -> list[str]:
    if len(root.names) == 1:
        return [
            "  Move its file from keys/ to two memory sticks, and put them in two safes. Whoever has it "
            "and its passphrase owns every door. A single root key is a risk: three, of which two must "
            "sign, are better."
        ]
    return [
        "  Move each one's file from keys/ to a memory stick of its own, make a second copy of each stick, "
        "and keep them in different places under different people's lock: a safe, another building, a "
        "notary. Passphrases go on no stick. No one person should be able to fetch "
        f"{root.threshold if root.threshold > 1 else 'one'} alone. Then delete the files from keys/."
    ]


def _root_lost(root: Ring) -> list[str]:
    lines = []
    if root.spare:
        lost = "one root key" if root.spare == 1 else f"up to {root.spare} root keys"
        lines.append(f"  {lost}: nothing breaks. Replace what was lost soon, with {_others(root)}.")
    lines.append(
        f"  {_count(root.spare + 1, 'root key')}: no key can be replaced any more, publishing goes on until "
        "the root expires, and then every door must be given a new root by hand."
    )
    return lines


def _root_stolen(root: Ring) -> list[str]:
    lines = []
    if root.threshold > 1:
        stolen = "one root key" if root.threshold == 2 else f"up to {root.threshold - 1} root keys"
        lines.append(f"  {stolen}: it opens nothing alone. Replace it within days, with {_others(root)}.")
    lines.append(
        f"  {_count(root.threshold, 'root key')} with passphrase: take the doors out of service, make a new "
        "repository, and give every door its root by hand."
    )
    return lines


def _others(root: Ring) -> str:
    return f"{root.threshold} of the others" if root.spare else "the others"


def _together(ring: Ring) -> str:
    count, needed = len(ring.names), ring.threshold
    if count == 1:
        return "it alone"
    return f"any {needed} of these {count} together" if needed < count else f"all {count} together"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number > 1 else "")


def _years(days: int) -> str:
    return f"{round(days / 365.25)} years" if days >= 730 else f"{days} days"
