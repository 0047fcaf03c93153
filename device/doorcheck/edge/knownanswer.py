"""The known-answer test through the whole path: picture, decoder process, verifier.

The picture is stored, not drawn: a drawing by the library that also reads it would prove
that the two agree, and nothing else. It shows the known pass and its one-bit twin side by
side, so that reading several codes in one view is proved too. What the camera adds is
proved by its first frame.
"""

from __future__ import annotations

import base64
import contextlib
from typing import Final, Protocol

from doorcheck.core import selftest
from doorcheck.core.moment import Moment
from doorcheck.core.symbol import Symbol
from doorcheck.core.verdict import Reason, Verdict
from doorcheck.core.verify import verify
from doorcheck.core.world import World
from doorcheck.edge.frame import Frame
from doorcheck.edge.reader import DecoderHangError

MODULES: Final = 65
QUIET: Final = 4
"""Light modules around a code and between two, as the standard wants them."""
PIXELS: Final = 4
"""Of a module's edge."""
TRIES: Final = 16
"""After switching on, a slow card takes its time to load a decoder; each try waits `reader.START_MS`."""
_GOOD: Final = (
    "{s0qhJ0uxDfP&Py*=wBapn$rF*BPk|X0Cv`COLATfzvL4y1TDy=Ki3rfP%>Ejw;W#Ab|d=s;a80s=t5$p+U|qX=8u@(@+?H`73C<"
    "05r?&<aK;^gn$np!~DwC1djmCy$>CJNz%pu=f?PuT1)aYfU!Oy-YN9VYXGV~vE$GtYwCdXm{3MGXmwEl79!=AtS@-;05vCT%)GcF"
    "=m0mgDT@GE@VkJ(`3POxj?o@~FQN2K5@*+-067s6(7DK0O@JcPEb+td3j_c?n@oVW*80qV?_ml70A;wI0CXMewluv(^MHC|j^4x9"
    "B)I^*mQ5Pg+i9TyYW5s(BI7pMfE{G#cvZvQNq`^P0HfzOaQcAgf_XYQIB<!8dgq2_s%)UC0H}x#emk<HjR3#5PnYjvXZnDJ%D7zR"
    "pD8;4qh!evylW#30EA~!NPk6yZ~zx_X<gn@-IM@TK@rk5l_Knb_WQV?)T5(dfG7^7e|xLPIRGC>YrEK`T;l+h4xbpw)&A`OgKe{="
    "cO|H4fFbJ^3Z)%lX@GL03D=)X{oH`XHyh}i-rq9-S0vP3?Z(G?fY2ub8Rbw4RR97MbkJ>X%@qJ`?;R9FUJ|%~?kb=vb(nVS0OS?S"
    "JQiYly8t#g%)J`@YNmjZ*#yBF@0H5{YJbIZ>!u0%005thYAhMgiGco{?>@RNx2gbwa#tcYL1u}7x+trI;kaJ;fV#9^X1v7^Re-ue"
    "ZtBxbbZvlw!ih{f5)HqA{;bi^0uWZd00"
)
_TWIN: Final = (
    "{@F%5ZgEXNfPyo^CX{0kpn$qXf=v8aGOmESP{xg4elIS7x_*2=^Q-i(fPya*ay2kYAb|d=s;a80s=t5$-##)jmYe_p+67H3?0!9<"
    "fZVhb8;XO7djM95mZ_hBQQ80uB=F*awk<h;ijl2F4<4ssfMns`A=V2slz{U~<hF%#KEHq|W3Rc%mx``{LoG1F`Fbs;0LY@0Gebw+"
    "7l0z+{@zs#rS5>e7k8p0aW3Hix@@5vM>2x-07Yi%FGe@0vH&)Yd8C%QUQqx+e6xQ@DFrhCDl}hIRWR+#00H6@Ny|dI3;+&L+l!Wh"
    "aqIv|EwW`PB$i%)H-||jceZ1UfaJRvhpIdxwg7*vRrm5@CI5gJ+lIy_$B&KxDzwuwzd7}+09b+Xf+S5_ih!@;7{mHEGXH?QHASNu"
    "VAjNdb}61m={|N?06Cbgw}85PkAT8AJP3;ih`|6Tw(c#;YTXk6Q?Bgwf%f(_fYotY0EARH#(;VsK5mWh3AO-umtki%DghFJ!<gpq"
    "B5?gYfY5U3^;+VcmH-3NT!P9TsEL39?&KF_At20v0yTjMxRa7EfFbDp<{Gc{s(@cnA%!?Qm_Pv77~<=^q3uTidw=zRAk8DW02%5t"
    "!|9!cM1VJCndncbKl6Z)Ci_0+5Nb4lYO0Z^{_|Y_007{0mNVusjsX5hx@xa`;;#ULEvVipzL|~yy1o9_^z94$fV!!nnL|47ssOrk"
    "JHLh)Avl17nRc_p?eahX{*#1-S49Ks00"
)


class StillReader(Protocol):
    """Reads single pictures."""

    def read_still(self, frame: Frame) -> list[Symbol]:
        """Every symbol found, in bounded time. Raises `DecoderHangError`."""


def picture() -> Frame:
    """The known pass, and to its right the twin, dark on light: 568 by 292 pixels."""
    light = bytes([255])
    rows = []
    for left, right in zip(_rows(_GOOD), _rows(_TWIN), strict=True):
        gap = light * (QUIET * PIXELS)
        rows += [gap + left + gap + right + gap] * PIXELS
    width = len(rows[0])
    margin = [light * width] * (QUIET * PIXELS)
    luma = b"".join((*margin, *rows, *margin))
    return Frame(memoryview(luma), width, len(luma) // width, width, 0)


def _rows(code: str) -> list[bytes]:
    """The rows of a code's modules, each module `PIXELS` wide."""
    data = base64.b85decode(code)
    stride = (MODULES + 7) // 8
    rows = []
    for start in range(0, stride * MODULES, stride):
        bits = int.from_bytes(data[start : start + stride]) >> (stride * 8 - MODULES)
        rows.append(
            b"".join(bytes([0 if bits >> (MODULES - 1 - x) & 1 else 255]) * PIXELS for x in range(MODULES))
        )
    return rows


def run(reader: StillReader, world: World) -> Reason | None:
    """None when the box gives the known answers to the known picture, otherwise `O-TST`.

    What the decoder read is what is judged. The world lends its deny list. A decoder that does
    not come back is asked again, `TRIES` times in all.
    """
    read: dict[bytes, Symbol] = {}
    for _ in range(TRIES):
        with contextlib.suppress(DecoderHangError):
            read = {symbol.data: symbol for symbol in reader.read_still(picture())}
            break
    if read.keys() != {selftest.PASS, selftest.FORGED}:
        return Reason.SELF_TEST

    def judge(symbol: Symbol, known: World, moment: Moment) -> Verdict:
        return verify(read[symbol.data], known, moment)

    return selftest.run(world, judge)
