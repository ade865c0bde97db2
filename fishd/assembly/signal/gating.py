"""From the energy of each 100 ms to integrated loudness: the two gates of ITU-R BS.1770-4."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_HOPS_A_GATE = 4  # gating blocks of 400 ms that overlap by 75 %
_OFFSET_LU = -0.691
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0


def integrated_lufs(hops: NDArray[np.float64]) -> float:
    """`hops` are mean squares, 1 is full scale. -inf for less than 400 ms, and for silence."""
    if len(hops) < _HOPS_A_GATE:
        return -math.inf
    sums = np.cumsum(np.concatenate(([0.0], hops)))
    blocks = (sums[_HOPS_A_GATE:] - sums[:-_HOPS_A_GATE]) / _HOPS_A_GATE
    heard = blocks[blocks > _energy(_ABSOLUTE_GATE_LUFS)]
    if not len(heard):
        return -math.inf
    gate = _energy(_lufs(float(heard.mean())) + _RELATIVE_GATE_LU)
    return _lufs(float(heard[heard > gate].mean()))


def _lufs(energy: float) -> float:
    return _OFFSET_LU + 10.0 * math.log10(energy)


def _energy(lufs: float) -> float:
    return 10.0 ** ((lufs - _OFFSET_LU) / 10.0)
