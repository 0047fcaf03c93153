"""Wallet links: a pass inside a web address, as French papers and phones show it.

The address opened the pass in the official wallet. The pass is all in the address, so
the link is taken apart and never followed: nobody's server learns of it.
"""

from __future__ import annotations

import re

from doorcheck.core.hcert import LONGEST_SYMBOL_BYTES, recognise
from doorcheck.core.verdict import PassFormat

_WALLET = re.compile(
    rb"https://bonjour\.tousanticovid\.gouv\.fr/app/wallet(?:(?P<query>\?[vq]=)|(?:2d|dcc)#)"
)
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_SPELLED = re.compile(rb"<(GS|RS|US)>")
_CONTROL = {b"GS": b"\x1d", b"RS": b"\x1e", b"US": b"\x1f"}
_PASSES = frozenset({PassFormat.HC1, PassFormat.HCFR1, PassFormat.EX1, PassFormat.TWO_D_DOC})


def unwrap(data: bytes) -> bytes:
    """The pass inside a wallet link; data itself when it is no wallet link with a pass inside.

    Undone once, never twice: percent escapes, and separators spelled out ("<GS>"). What
    comes out is no more trusted than what went in.
    """
    link = _WALLET.match(data)
    if not link or len(data) > LONGEST_SYMBOL_BYTES:
        return data
    inside = data[link.end() :]
    if link["query"]:
        # Neither alphabet has & or #, so they end the value.
        inside = re.split(rb"[&#]", inside, maxsplit=1)[0]
    inside = _ESCAPE.sub(lambda escape: bytes.fromhex(escape[1].decode()), inside)
    match recognise(inside):
        case PassFormat.TWO_D_DOC:
            if link["query"]:
                inside = inside.replace(b"+", b" ")  # a form's way; base45 has a + of its own
            return _SPELLED.sub(lambda name: _CONTROL[name[1]], inside)
        case found if found in _PASSES:
            return inside
    return data
