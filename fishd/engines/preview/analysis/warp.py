"""How much longer or shorter the reference's vocal tract is than the stock voice's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fishd.engines.preview.analysis.mel_bands import Array

WARPS = tuple(round(0.76 + 0.04 * step, 2) for step in range(15))  # 0.76 .. 1.32
SHAPE = slice(1, 17)  # the cepstra that tell vowels apart
NUM_FRAMES, NUM_BASE_FRAMES = 500, 1500
PRIOR = 0.0175  # the weight of what the pitch alone would suggest


@dataclass(frozen=True, slots=True)
class Base:
    """Cepstra of the calibration sentences under each warp: voiced [15, n, 64] and unvoiced [15, m, 64]."""

    pitch_median: float  # log Hz
    pitch_spread: float
    voiced: Array
    unvoiced: Array

    def at(self, warp: float) -> tuple[Array, Array]:
        """(voiced [n, 64], unvoiced [m, 64]) cepstra under one of WARPS."""
        return self.voiced[WARPS.index(warp)], self.unvoiced[WARPS.index(warp)]


def find_warp(voiced: Array, pitch_median: float, base: Base) -> float:
    """The one of WARPS under which the stock voice's vowels come nearest to the reference's.

    `voiced` is cepstra [n, 64]. Each voice is taken relative to its own mean, since what is constant in a
    voice (a microphone, a room) says nothing of the tract. High voices have short tracts: a weak prior.
    """
    spread = voiced[:, SHAPE].std(0)
    heard = _some((voiced - voiced.mean(0))[:, SHAPE] / spread, NUM_FRAMES)
    costs = np.array([_distance(heard, _relative(base.at(warp)[0], spread)) for warp in WARPS])
    expected = 0.32 * (pitch_median - base.pitch_median)
    prior = np.square((np.log(WARPS) - expected) / 0.12)
    return WARPS[int(np.argmin(costs / costs.min() + PRIOR * prior))]


def _relative(ceps: Array, spread: Array) -> Array:
    return _some((ceps - ceps.mean(0))[:, SHAPE] / spread, NUM_BASE_FRAMES)


def _distance(heard: Array, base: Array) -> float:
    """The mean distance of a heard frame to the nearest frame of the base."""
    square = (heard * heard).sum(1)[:, None] + (base * base).sum(1)[None] - 2 * (heard @ base.T)
    return float(np.sqrt(np.maximum(square.min(1), 0.0)).mean())


def _some(frames: Array, most: int) -> Array:
    """At most so many frames, evenly chosen."""
    return frames[np.linspace(0, len(frames) - 1, min(most, len(frames))).astype(int)]
