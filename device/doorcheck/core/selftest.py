"""The known-answer test: a good pass is admitted and its one-bit twin refused.

It runs through `verify` itself, at start and before a new world is taken. The pass is
of an invented person, under a key that exists for this test alone and is in no list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from doorcheck.core.moment import Basis, Moment
from doorcheck.core.rules import Minimum
from doorcheck.core.symbol import Symbol, SymbolFormat
from doorcheck.core.trust import Algorithm, Signer, TrustList
from doorcheck.core.verdict import Reason, Verdict
from doorcheck.core.verify import verify
from doorcheck.core.world import World

PASS = (
    b"HC1:NCFG70V90T9WTWGSLKC 42A9SYKAHODV76OI4BB0XKLJCY5BBF37UAC8GDF3K.6K9GY50.FK8ZKO/EZKEZ967L6C56..DX%D"
    b"ZJC4/DNT9G/D5$C1/D JC3/D9C84XOXVDZ CW.CAWE S9R+9GY8C+9MPCG/DW-CQY9:S9XY8GVC*JC1A6X473W5KF6WF6KECTHG4"
    b"KCD3DX47B46IL6646H*6UPCLJC 7B+EDYKE.3EXKE+8DQPCK440EC-34HY82UAOPCC8FHZA1+9LZAZM81G72A6Q7BMG7:Q6L*8M*"
    b"8HS84R6VX6Z/E5JD%96IA74R6646307Q$D.UDRYA 96NF6L/5SW6Y57B$D% D3IA4W5646946846.96XJC$+D3KC.SCXJCCWENF6"
    b"SF64W5Y9684627BX98M%QQG1E%LB89SXJQJPXVVODBU RV-6MSL83H 6B9HQRO13KLUG6 UBHWL3TPJ1IOWD +DZJ0+.6O.5JXTJ"
    b"IUQLDCCFT*H*J7/:E"
)
FORGED = (
    b"HC1:NCFG70V90T9WTWGSLKC 42A9SYKAHODV76OI4BB0XKLJCY5BBF37UAC8GDF3K.6K9GY50.FK8ZKO/EZKEZ967L6C56..DX%D"
    b"ZJC4/DMT9G/D5$C1/D JC3/D9C84XOXVDZ CW.CAWE S9R+9GY8C+9MPCG/DW-CQY9:S9XY8GVC*JC1A6X473W5KF6WF6KECTHG4"
    b"KCD3DX47B46IL6646H*6UPCLJC 7B+EDYKE.3EXKE+8DQPCK440EC-34HY82UAOPCC8FHZA1+9LZAZM81G72A6Q7BMG7:Q6L*8M*"
    b"8HS84R6VX6Z/E5JD%96IA74R6646307Q$D.UDRYA 96NF6L/5SW6Y57B$D% D3IA4W5646946846.96XJC$+D3KC.SCXJCCWENF6"
    b"SF64W5Y9684627BX98M%QQG1E%LB89SXJQJPXVVODBU RV-6MSL83H 6B9HQRO13KLUG6 UBHWL3TPJ1IOWD +DZJ0+.6O.5JXTJ"
    b"IUQLDCCFT*H+D7.:E"
)
"""The same with one bit of its payload turned; encoded again, so that only the signature can tell."""
MOMENT = Moment(datetime(2026, 1, 1, tzinfo=UTC), Basis.OPERATOR)
SIGNER = Signer(
    kid=bytes.fromhex("f5a44ac0df3cdf92"),
    algorithm=Algorithm.ES256,
    key=bytes.fromhex(
        "04e6c0d8ca00b362dbb2a666d90354b44cce5945d470fa28424fb032dd4487ec05"
        "bce4769125ae7acf55508bd09eff835d5bc0c5f01a3c7185063f61eed24dd4e3"
    ),
    not_after=int(datetime(2027, 1, 1, tzinfo=UTC).timestamp()),
    country="XX",
    name="doorcheck self-test",
    test=True,
)

Verify = Callable[[Symbol, World, Moment], Verdict]


def run(world: World, judge: Verify = verify) -> Reason | None:
    """None when the verifier gives the known answers, otherwise `O-TST`.

    The world lends its deny list: one that can't be read, or refuses everything, is found
    here. Trust and rules are the test's own.
    """
    known = replace(
        world,
        trust=TrustList([SIGNER], 0),
        rules=Minimum(),
        floor=datetime(2020, 1, 1, tzinfo=UTC),
        published=None,
    )
    good = judge(Symbol(SymbolFormat.TEXT, PASS), known, MOMENT)
    twin = judge(Symbol(SymbolFormat.TEXT, FORGED), known, MOMENT)
    return None if (good.reason, twin.reason) == (Reason.OK, Reason.SIGNATURE) else Reason.SELF_TEST
