"""A QR symbol's modules from a blurred picture of it: an equaliser that learns from the symbol.

A blur mixes each module with its neighbours. How, the symbol tells itself: its structure is
known, some 600 modules of it, so the weights that give these from the greys around them are
a least-squares fit. They are applied to all modules, and fitted again to what they say of
all. Then the other way round: once most modules are known, what each adds to the greys
around it can be fitted, and what the neighbours add can be taken away before a module is
judged. A blur of half a module, in focus or by motion, is mostly undone like this.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from doorcheck.operator.faint.fit import Fit
from doorcheck.operator.faint.perspective import Plane, centres, integral, sampled, window_sums
from doorcheck.operator.faint.structure import width_of

if TYPE_CHECKING:
    import numpy.typing as npt

Floats: TypeAlias = "npt.NDArray[np.float32]"
Known: TypeAlias = "npt.NDArray[np.bool_]"

_SAMPLES = 3
"""Samples a module, each way."""
_REACH = 4
"""Samples to the farthest that is weighed: one module and a third."""
_ROUNDS = 4
_FIRST_DAMPING, _DAMPING = 20.0, 5.0
"""Against fitting noise (ridge regression): the first fit has few modules to learn from."""
_NEIGHBOURS = 2
_CANCELLING_ROUNDS = 4
_NOISE_FLOOR = 0.003
_TRUST_REACH = 3
_EVEN_MODULES = 4.3


def equalised(around: Floats, known: Known, truth: Floats) -> Floats:
    """What each module is, about 1 for light and -1 for dark: a weighted mean of the greys around it.

    `truth` is what the known ones are. Best in gloss; in a blur it is a beginning.
    """
    ones = np.ones(int(known.sum()), np.float32)
    weights = _fitted(around[known], truth[known], ones, _FIRST_DAMPING)
    for _ in range(_ROUNDS):
        says = around @ weights
        sure = np.where(known, 1, np.minimum(np.abs(says), 1)).astype(np.float32)
        weights = _fitted(around, np.where(known, truth, np.sign(says)), sure, _DAMPING)
    return around @ weights


def cancelled(around: Floats, known: Known, truth: Floats, says: Floats) -> Floats:
    """Log likelihood ratios: each module judged by what is left when its neighbours' share is taken away.

    `says` is what is thought of them so far. What remains unexplained, and how that hangs
    together, is the noise to judge against.
    """
    light = np.where(known, truth, np.tanh(1.5 * says)).astype(np.float32)
    greys = around[:, :-1]
    own = (2 * _NEIGHBOURS + 1) ** 2 // 2
    trust = np.ones(len(light), np.float32)
    for _ in range(_CANCELLING_ROUNDS):
        beside = _neighbourhoods(light)
        shares = _fitted(beside, greys, trust, 1.0)
        unexplained = greys - beside @ shares
        trust = _trust(unexplained)
        noise = (unexplained * trust[:, None]).T @ unexplained / trust.sum()
        noise += _NOISE_FLOOR * np.eye(len(noise), dtype=np.float32)
        judge = np.linalg.solve(noise, shares[own])
        likely: Floats = 2 * trust * ((unexplained + light[:, None] * shares[own]) @ judge)
        light = np.where(known, truth, np.tanh(likely / 2)).astype(np.float32)
    return likely


def _neighbourhoods(light: Floats) -> Floats:
    """For each module all those around it, itself in the middle; and a one."""
    width, count = math.isqrt(len(light)), 2 * _NEIGHBOURS + 1
    padded = np.pad(light.reshape(width, width), _NEIGHBOURS, constant_values=1)  # the quiet zone
    beside = np.ones((len(light), count * count + 1), np.float32)
    for number in range(count * count):
        row, column = divmod(number, count)
        beside[:, number] = padded[row : row + width, column : column + width].ravel()
    return beside


def _trust(unexplained: Floats) -> Floats:
    """How much less noisy a module's surroundings are than others: 1 on average, little under gloss."""
    noise = (unexplained**2).mean(1)
    width, count = math.isqrt(len(noise)), (2 * _TRUST_REACH + 1) ** 2
    padded = np.pad(noise.reshape(width, width), _TRUST_REACH, mode="edge")
    local = (window_sums(integral(padded), _TRUST_REACH) / count).ravel()
    trust = 1 / (local + 0.1 * local.mean())
    return np.asarray(trust / trust.mean(), np.float32)


def surroundings(picture: Plane, fit: Fit) -> Floats:
    """For each module the samples around its centre, light and contrast made even; and a one."""
    width, rim = width_of(fit.version), _SAMPLES
    size = width * _SAMPLES + 2 * rim
    places = centres(size, size, 1 / _SAMPLES, -rim / _SAMPLES)
    samples = sampled(picture, fit.places(places)).reshape(size, size)
    if fit.inverted:
        samples = -samples
    even = _evened(samples[rim:-rim, rim:-rim], samples, rim)
    first = rim + _SAMPLES // 2
    count = 2 * _REACH + 1
    around = np.ones((width * width, count * count + 1), np.float32)
    for number in range(count * count):
        row, column = (first + offset - _REACH for offset in divmod(number, count))
        part = even[row : row + width * _SAMPLES : _SAMPLES, column : column + width * _SAMPLES : _SAMPLES]
        around[:, number] = part.ravel()
    return around


def _evened(inner: Plane, samples: Plane, rim: int) -> Plane:
    """All samples on the scale of the symbol's own light and dark nearby; the paper around is not asked."""
    reach = round(_EVEN_MODULES * _SAMPLES)
    padded, count = np.pad(inner, reach, mode="edge"), (2 * reach + 1) ** 2
    mean = window_sums(integral(padded), reach) / count
    spread = np.sqrt(np.maximum(window_sums(integral(padded * padded), reach) / count - mean * mean, 0) + 4)
    mean, spread = (np.pad(plane, rim, mode="edge") for plane in (mean, spread))
    return np.asarray(np.clip((samples - mean) / spread, -3, 3), np.float32)


def _fitted(around: Floats, truth: Floats, sure: Floats, damping: float) -> Floats:
    """The weights that come nearest to the truth; the last one, of the constant, is not damped."""
    weighed = around * sure[:, None]
    left = weighed.T @ around
    left[np.arange(len(left) - 1), np.arange(len(left) - 1)] += damping
    left[-1, -1] += 1e-3
    return np.asarray(np.linalg.solve(left, weighed.T @ truth), np.float32)
