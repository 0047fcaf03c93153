"""The story the simulated door plays: ten visitors, and what the door should say to each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from doorcheck.core import cbor, dcc, denylist
from doorcheck.core.denylist import DenyList
from doorcheck.core.rules import Minimum
from doorcheck.core.trust import TrustList
from doorcheck.core.verdict import Reason
from doorcheck.core.world import World
from doorcheck.lab import issuer
from doorcheck.lab.issuer import PEOPLE, Authority, Person
from doorcheck.lab.scenes import Carrier, Prop, Scene, Side

EMPTY_MS = 3600
"""The hall between two visitors: longer than the longest signal, less what is left of it."""
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Visitor:
    """One scene of the story: who comes, what they hold, what the door should say."""

    name: str
    narration: str
    expected: Reason
    scene: Scene = field(repr=False)
    waits_ms: int = 0
    """Time that passes in the empty hall first, not played at length."""
    clock_lies: bool = False
    """From here on the door's clock is back in 1970."""


@dataclass(frozen=True, slots=True)
class Story:
    """The visitors, and the world the door judges them in."""

    visitors: tuple[Visitor, ...]
    world: World
    trust: TrustList
    passes: dict[str, bytes] = field(repr=False)
    """The passes' texts by name, for those who want them as files."""


def passes(
    authority: Authority, stranger: Authority, moment: datetime, people: Sequence[Person]
) -> dict[str, bytes]:
    """The passes of the story, by name: all of invented people, all of test authorities."""
    first, second, third, fourth, leaked, sixth, seventh = people
    valid = authority.issue(first, issuer.vaccination(moment, "valid"), moment)
    token = authority.token(third, issuer.recovery(moment, "expired"), moment=moment)
    token[dcc.EXP] = int((moment - timedelta(days=2)).timestamp())
    token[dcc.IAT] = int((moment - timedelta(days=200)).timestamp())
    forename = second.forename.encode()
    signed = authority.sign(
        cbor.encode(authority.token(second, issuer.vaccination(moment, "forged"), moment=moment))
    )
    return {
        "valid": valid,
        # A first name, turned around after signing.
        "forged": issuer.text(signed.replace(forename, forename[::-1])),
        "expired": issuer.text(authority.sign(cbor.encode(token))),
        "unknown-signer": stranger.issue(fourth, issuer.vaccination(moment, "unknown signer"), moment),
        "leaked": authority.issue(leaked, issuer.vaccination(moment, "leaked"), moment),
        "replacement": authority.issue(leaked, issuer.vaccination(moment, "replacement"), moment),
        "test": authority.issue(sixth, issuer.negative_test(moment, "sixth"), moment),
        "recovery": authority.issue(seventh, issuer.recovery(moment, "seventh"), moment),
        "menu": b"https://menu.example/today?table=12",
    }


def deny_list() -> DenyList:
    """What the operator published when the photograph of the leaked pass appeared."""
    return DenyList([denylist.digest(issuer.identifier("leaked").encode())])


def compose(
    moment: datetime, mark_key: bytes, seed: str | None = None, people: Sequence[Person] = PEOPLE
) -> Story:
    """The story on that day. With a seed, keys and scenes are the same at every call."""
    authority = Authority(seed, made=moment)
    stranger = Authority(None if seed is None else f"{seed}, stranger", made=moment)
    texts = passes(authority, stranger, moment, people)
    trust = issuer.trust_list(authority, issued=moment)
    world = World(
        trust=trust,
        deny=deny_list(),
        rules=Minimum(),
        floor=moment - timedelta(days=1),
        mark_key=mark_key,
        published=None,
    )
    return Story(_visitors(texts), world, trust, texts)


def _visitors(texts: dict[str, bytes]) -> tuple[Visitor, ...]:
    phone = replace(_PHONE, enters_ms=1200)
    sheet = replace(_SHEET, enters_ms=1200)

    def shows(name: str, prop: Prop) -> Prop:
        return replace(prop, payload=texts[name])

    visitors = (
        Visitor(
            "Amélie",
            "shows a valid pass on her phone.",
            Reason.OK,
            _scene(shows("valid", phone)),
        ),
        Visitor(
            "Basile",
            "has changed the name on his pass after it was signed.",
            Reason.SIGNATURE,
            _scene(shows("forged", replace(phone, roll=-7.0, yaw=-9.0))),
        ),
        Visitor(
            "Célestine",
            "holds out a sheet of paper; the pass on it expired two days ago.",
            Reason.EXPIRED,
            _scene(shows("expired", sheet)),
        ),
        Visitor(
            "Désiré",
            "has a pass of an authority that this door does not trust.",
            Reason.UNKNOWN_SIGNER,
            _scene(shows("unknown-signer", replace(sheet, yaw=12.0, enters_from=Side.RIGHT))),
        ),
        Visitor(
            "Somebody",
            "shows Églantine's genuine pass, copied off a press photograph. The operator listed it.",
            Reason.LISTED_IDENTIFIER,
            _scene(shows("leaked", replace(phone, glare=0.35))),
        ),
        Visitor(
            "Églantine",
            "shows the replacement that she was given: same person, new pass.",
            Reason.OK,
            _scene(shows("replacement", replace(sheet, roll=5.0))),
        ),
        Visitor(
            "A second visitor",
            "shows that very pass again, a minute later.",
            Reason.SHOWN_BEFORE,
            _scene(shows("replacement", replace(phone, enters_from=Side.LEFT))),
            waits_ms=MINUTE_MS,
        ),
        Visitor(
            "Fulgence and Gwendoline",
            "hold two passes into one view.",
            Reason.TWO_PASSES,
            _scene(
                shows("test", replace(phone, place=(0.27, 0.46), module_px=3.6, roll=-3.0)),
                shows("recovery", replace(phone, place=(0.72, 0.48), module_px=3.6, roll=4.0, seed=9)),
            ),
        ),
        Visitor(
            "Somebody hungry",
            "shows the code of a restaurant's menu.",
            Reason.NOT_A_PASS,
            _scene(shows("menu", replace(phone, module_px=9.0))),
        ),
        Visitor(
            "Amélie",
            "is back with her valid pass; but the door's battery died, and its clock says 1970.",
            Reason.CLOCK,
            _scene(shows("valid", phone)),
            clock_lies=True,
        ),
    )
    hall_ms = 0
    told = []
    for number, visitor in enumerate(visitors):
        told.append(replace(visitor, scene=replace(visitor.scene, hall_ms=hall_ms, seed=number)))
        hall_ms += visitor.scene.duration_ms
    return tuple(told)


_PHONE = Prop(b"", carrier=Carrier.PHONE, held_ms=1600)
_SHEET = Prop(b"", carrier=Carrier.SHEET, held_ms=1800, pitch=-12.0, roll=-4.0)


def _scene(*props: Prop) -> Scene:
    return Scene(props, duration_ms=max(prop.gone_ms for prop in props) + EMPTY_MS)
