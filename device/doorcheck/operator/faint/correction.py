"""A QR symbol's error correction with doubts counted: what a decoder of black and white can't do.

Reed-Solomon codes repair twice as many codewords that are known to be doubtful as wrong
ones that nobody suspects (ISO/IEC 18004, 7.6 and annex B). So the least certain codewords
are given up step by step, until the rest agree: generalised minimum distance decoding
(Forney 1966). The result is modules again, for a decoder to read: no content is parsed here.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from doorcheck.operator.faint.structure import structure, width_of

if TYPE_CHECKING:
    import numpy.typing as npt

_Floats: TypeAlias = "npt.NDArray[np.float32]"
_Places: TypeAlias = "npt.NDArray[np.intp]"

_LEVELS = "MLHQ"
"""In the order of their two bits in the format information."""
_CHECK_CODEWORDS = {
    "L": "7 10 15 20 26 18 20 24 30 18 20 24 26 30 22 24 28 30 28 28 "
    "28 28 30 30 26 28 30 30 30 30 30 30 30 30 30"
    " 30 30 30 30 30",
    "M": "10 16 26 18 24 16 18 22 22 26 30 22 22 24 24 28 28 26 26 26 "
    "26 28 28 28 28 28 28 28 28 28 28 28 28 28 28"
    " 28 28 28 28 28",
    "Q": "13 22 18 26 18 24 18 22 20 24 28 26 24 20 30 24 28 28 26 30 "
    "28 30 30 30 30 28 30 30 30 30 30 30 30 30 30"
    " 30 30 30 30 30",
    "H": "17 28 22 16 22 28 26 26 24 28 24 28 22 24 24 30 28 28 26 28 "
    "30 24 30 30 30 30 30 30 30 30 30 30 30 30 30"
    " 30 30 30 30 30",
}
"""In a block, by version (table 9)."""
_BLOCKS = {
    "L": "1 1 1 1 1 2 2 2 2 4 4 4 4 4 6 6 6 6 7 8 8 9 9 10 12 12 12 13 14 15 16 17 18 19 19 20 21 22 24 25",
    "M": "1 1 1 2 2 4 4 4 5 5 5 8 9 9 10 10 11 13 14 16 17 17 18 20 21 23 25 26 28 29 31 33 35 37 38 40 43 45"
    " 47 49",
    "Q": "1 1 2 2 4 4 6 6 8 8 8 10 12 16 12 17 16 18 21 20 23 23 25 27 29 34 34 35 38 40 43 45 48 51 53 56 59"
    " 62 65 68",
    "H": "1 1 2 4 4 4 5 6 8 8 11 11 16 16 18 16 19 21 25 25 "
    "25 34 30 32 35 37 40 42 45 48 51 54 57 60 63 66 70"
    " 74 77 81",
}
"""In a symbol, by version (table 9)."""
_FORMAT_GENERATOR, _FORMAT_MASK = 0x537, 0x5412
_FIELD_POLYNOMIAL = 0x11D
_SPARE_CHECKS = 6
"""Check codewords that are never spent on doubts: three unsuspected errors, or chance in 5000, remain."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """Modules after error correction: 1 for light and -1 for dark; `sure` are those of repaired blocks.

    `whole` says that every block was repaired: the modules are a symbol without an error.
    """

    modules: _Floats
    sure: npt.NDArray[np.bool_]
    whole: bool


def corrected(light: _Floats, version: int) -> Corrected:
    """The modules of the symbol nearest to these, as far as one is near.

    `light` is a square of log likelihood ratios, positive for light, or anything that grows
    with them.
    """
    level, mask = _format(light)
    order, masked = _order(version), _mask(mask, width_of(version))
    dark = np.where(masked, light, -light).reshape(-1)[order[: len(order) // 8 * 8]].reshape(-1, 8)
    codewords = np.packbits(dark > 0)
    doubt = np.log1p(np.exp(-np.minimum(np.abs(dark), 30))).sum(1)
    checks = int(_CHECK_CODEWORDS[level].split()[version - 1])
    count = int(_BLOCKS[level].split()[version - 1])
    repaired = np.zeros(len(codewords), np.bool_)
    for block in _blocks(len(codewords), count, checks):
        fixed = _repaired(codewords[block].tolist(), np.argsort(-doubt[block]).tolist(), checks)
        if fixed is not None:
            codewords[block] = fixed
            repaired[block] = True
    sure = (structure(version) != 0).reshape(-1)
    sure[order[: repaired.size * 8]] = np.repeat(repaired, 8)
    modules = _placed(codewords, level, mask, version)
    return Corrected(modules, sure.reshape(light.shape), bool(repaired.all()))


def _placed(codewords: npt.NDArray[np.uint8], level: str, mask: int, version: int) -> _Floats:
    width = width_of(version)
    order = _order(version)
    light = np.where(structure(version) == 1, -1, 1).astype(np.float32).reshape(-1)
    bits = np.unpackbits(codewords)
    remainder = np.zeros(len(order) - len(bits), np.uint8)
    light[order] = np.where(np.concatenate([bits, remainder]), -1, 1)
    square = light.reshape(width, width)
    square[:] = np.where(_mask(mask, width) & _is_content(version), -square, square)
    for places in _format_places(width):
        square[places[:, 0], places[:, 1]] = _format_word(level, mask)
    square[width - 8, 8] = -1
    return square


def _format(light: _Floats) -> tuple[str, int]:
    """The level and the mask whose fifteen bits, written twice, the picture agrees with best."""
    seen = sum(light[places[:, 0], places[:, 1]] for places in _format_places(len(light)))
    known = itertools.product(_LEVELS, range(8))
    return max(known, key=lambda one: float(seen @ _format_word(*one)))


@functools.cache
def _format_word(level: str, mask: int) -> _Floats:
    """1 for a light module, -1 for a dark one, the highest bit first (annex C)."""
    data = _LEVELS.index(level) << 3 | mask
    check = data
    for _ in range(10):
        check = check << 1 ^ (check >> 9) * _FORMAT_GENERATOR
    word = (data << 10 | check) ^ _FORMAT_MASK
    return np.array([-1 if word >> (14 - n) & 1 else 1 for n in range(15)], np.float32)


def _format_places(width: int) -> tuple[_Places, _Places]:
    """(row, column) of the format bits, the highest first: around the first finder, and beside the others."""
    along = [0, 1, 2, 3, 4, 5, 7, 8]
    first = [(8, column) for column in along] + [(row, 8) for row in reversed(along[:-1])]
    second = [(width - 1 - n, 8) for n in range(7)] + [(8, width - 8 + n) for n in range(8)]
    return np.array(first), np.array(second)


@functools.lru_cache(maxsize=64)
def _mask(mask: int, width: int) -> npt.NDArray[np.bool_]:
    """Where the content is inverted (table 10)."""
    row, column = np.mgrid[:width, :width]
    patterns = (
        (row + column) % 2,
        row % 2,
        column % 3,
        (row + column) % 3,
        (row // 2 + column // 3) % 2,
        row * column % 2 + row * column % 3,
        (row * column % 2 + row * column % 3) % 2,
        ((row + column) % 2 + row * column % 3) % 2,
    )
    return np.asarray(patterns[mask] == 0)


@functools.cache
def _is_content(version: int) -> npt.NDArray[np.bool_]:
    content: npt.NDArray[np.bool_] = structure(version) == 0
    width = len(content)
    for places in _format_places(width):
        content[places[:, 0], places[:, 1]] = False
    content[width - 8, 8] = False
    return content


@functools.cache
def _order(version: int) -> _Places:
    """The content's modules in the order of its bits: pairs of columns, up and down, from right (7.7.3)."""
    content = _is_content(version)
    width = len(content)
    rights = [column if column > 6 else column - 1 for column in range(width - 1, 0, -2)]
    places = []
    for number, right in enumerate(rights):
        rows = range(width) if number % 2 else range(width - 1, -1, -1)
        pair = (right, right - 1)
        places += [row * width + column for row in rows for column in pair if content[row, column]]
    return np.array(places, np.intp)


@functools.lru_cache(maxsize=64)
def _blocks(codewords: int, count: int, checks: int) -> list[_Places]:
    """Where each block's codewords are among the interleaved ones; the later blocks may be one longer."""
    short, longer = divmod(codewords, count)
    data = short - checks
    blocks = []
    for number in range(count):
        places = [row * count + number for row in range(data)]
        if number >= count - longer:
            places.append(data * count + number - (count - longer))
        first_check = codewords - checks * count
        places += [first_check + row * count + number for row in range(checks)]
        blocks.append(np.array(places, np.intp))
    return blocks


def _repaired(block: list[int], doubtful: list[int], checks: int) -> list[int] | None:
    """The codeword nearest to a block; None when none is near. `doubtful` orders places, the worst first."""
    syndromes = _syndromes(block, checks)
    if not any(syndromes):
        return block
    for given_up in range(0, max(0, checks - _SPARE_CHECKS) + 1, 2):
        found = _attempt(block, syndromes, doubtful[:given_up])
        if found:
            return found
    return None


def _attempt(block: list[int], syndromes: list[int], erased: list[int]) -> list[int] | None:
    """Errors and erasures at once: Berlekamp-Massey begun with the erasures, then Forney's formula."""
    last, checks = len(block) - 1, len(syndromes)
    locator = [1]
    for place in erased:
        locator = _product(locator, [1, _EXP[last - place]])
    kept, length = list(locator), len(erased)
    for step in range(len(erased), checks):
        kept = [0, *kept]
        wrong = 0
        for power, factor in enumerate(locator[: step + 1]):
            wrong ^= _times(factor, syndromes[step - power])
        if wrong:
            grown = [a ^ _times(wrong, b) for a, b in itertools.zip_longest(locator, kept, fillvalue=0)]
            if 2 * length <= step + len(erased):
                kept = [_divided(factor, wrong) for factor in locator]
                length = step + len(erased) + 1 - length
            locator = grown
    while locator[-1] == 0:
        locator.pop()
    powers = [power for power in range(last + 1) if not _value(locator, _EXP[-power % 255])]
    if len(powers) != len(locator) - 1 or 2 * len(powers) > checks + len(erased):
        return None
    magnitudes = _product(syndromes, locator)[:checks]
    slope = [factor if power % 2 else 0 for power, factor in enumerate(locator)][1:]
    fixed = list(block)
    for power in powers:
        inverse = _EXP[-power % 255]
        bottom = _value(slope, inverse)
        if not bottom:
            return None
        fixed[last - power] ^= _times(_EXP[power], _divided(_value(magnitudes, inverse), bottom))
    return None if any(_syndromes(fixed, checks)) else fixed


def _field() -> tuple[list[int], list[int]]:
    powers, logarithms, value = [0] * 510, [0] * 256, 1
    for exponent in range(255):
        powers[exponent] = powers[exponent + 255] = value
        logarithms[value] = exponent
        value = value << 1 ^ (value >> 7) * _FIELD_POLYNOMIAL
    return powers, logarithms


_EXP, _LOG = _field()


def _times(a: int, b: int) -> int:
    return _EXP[_LOG[a] + _LOG[b]] if a and b else 0


def _divided(a: int, b: int) -> int:
    return _EXP[_LOG[a] - _LOG[b] + 255] if a else 0


def _product(a: list[int], b: list[int]) -> list[int]:
    result = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            result[i + j] ^= _times(x, y)
    return result


def _value(polynomial: list[int], at: int) -> int:
    """The polynomial's value; its factors stand lowest power first."""
    result = 0
    for factor in reversed(polynomial):
        result = _times(result, at) ^ factor
    return result


def _syndromes(block: list[int], checks: int) -> list[int]:
    backwards = block[::-1]
    return [_value(backwards, _EXP[power]) for power in range(checks)]
