"""Dynamic time warping: which frame of one reading of a text goes with which frame of another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STALL = np.float32(0.3)  # what standing still costs on top, in parts of the frames' distance


def align(features: NDArray[np.float32], onto: NDArray[np.float32]) -> NDArray[np.intp]:
    """For every frame of `onto` [m, d] its frame in `features` [n, d], rising.

    Sakoe & Chiba's dynamic programming (1978), filled along anti-diagonals. Memory: 8·n·m bytes.
    """
    return _trace(_fill(_distances(features, onto)))


def _distances(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    square = (a * a).sum(1)[:, None] + (b * b).sum(1)[None] - 2 * (a @ b.T)
    return np.sqrt(np.maximum(square, 0.0))


def _fill(distance: NDArray[np.float32]) -> NDArray[np.float32]:
    """[n + 1, m + 1]: the cheapest way from the first pair of frames to each pair."""
    n, m = len(distance), len(distance[0])
    cost = np.full((n + 1, m + 1), np.inf, np.float32)
    cost[0, 0] = 0.0
    for diagonal in range(2, n + m + 1):
        i = np.arange(max(1, diagonal - m), min(n, diagonal - 1) + 1)
        j = diagonal - i
        here = distance[i - 1, j - 1]
        stay = np.minimum(cost[i - 1, j], cost[i, j - 1]) + STALL * here
        cost[i, j] = here + np.minimum(stay, cost[i - 1, j - 1])
    return cost


def _trace(cost: NDArray[np.float32]) -> NDArray[np.intp]:
    i, j = cost.shape[0] - 1, cost.shape[1] - 1
    path = np.zeros(j, np.intp)
    while i > 0 and j > 0:
        path[j - 1] = i - 1
        both, down, along = cost[i - 1, j - 1], cost[i - 1, j], cost[i, j - 1]
        best = min(both, down, along)
        i, j = (i - 1, j - 1) if best == both else (i - 1, j) if best == down else (i, j - 1)
    return path
