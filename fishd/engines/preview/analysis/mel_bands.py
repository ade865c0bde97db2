"""Mel bands and cepstra: spectra of any resolution in one set of 64 bands, optionally frequency-warped.

Warping moves formants as a vocal tract of another length would: `warp` > 1 means a shorter tract, and moves
what the stock voice has at f to f × warp. Formulas: mel by O'Shaughnessy (2595 log10(1 + f/700)); the
piecewise-linear warp that keeps Nyquist in place by Lee & Rose, "A frequency warping approach to speaker
normalization" (1998).
"""

# scipy has no types:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, idct
from scipy.ndimage import gaussian_filter1d

Array = NDArray[np.floating[Any]]  # float32 unless a library needs float64

SAMPLE_RATE = 24_000
NYQUIST = SAMPLE_RATE / 2
NUM_BANDS = 64
LOWEST_HZ, HIGHEST_HZ = 60.0, 11_500.0
KNEE_HZ = 8_500.0  # below it the warp is a plain stretch
FLOOR = 1e-10  # power, relative to a mean active power of 1


def log_bands(power: Array, warp: float = 1.0) -> Array:
    """Power spectra [frames, bins], bins evenly from 0 Hz to Nyquist -> log amplitudes [frames, 64]."""
    return 0.5 * np.log(power @ _filters(power.shape[1], round(warp, 3)).T + np.float32(FLOOR))


def cepstra(bands: Array) -> Array:
    """Log amplitudes [frames, 64] -> cepstra [frames, 64], by an orthonormal DCT; the first is the level."""
    return cast(Array, dct(bands, axis=1, norm="ortho"))


def inverse_cepstra(ceps: Array) -> Array:
    """The inverse of `cepstra`."""
    return cast(Array, idct(ceps, axis=1, norm="ortho"))


def deltas(ceps: Array, hop_s: float) -> Array:
    """Smoothed time derivatives of cepstra, per 20 ms, for frames `hop_s` apart. Same shape."""
    slope = cast(Array, gaussian_filter1d(ceps, 0.0125 / hop_s, axis=0, order=1, mode="nearest"))
    return slope * np.float32(0.02 / hop_s)


def smooth(rows: Array, num_rows: float) -> Array:
    """Rows [n] or [n, d] smoothed by a Gaussian with a standard deviation of `num_rows`."""
    return cast(Array, gaussian_filter1d(rows, num_rows, axis=0))


def interpolate_to_bins(bands: Array, num_bins: int) -> Array:
    """Band values [frames, 64] -> values at even bins [frames, num_bins], linear in mel between centres."""
    return bands @ _interpolation(num_bins).T


def warped_bins(num_bins: int, warp: float) -> NDArray[np.float64]:
    """For each bin of the warped spectrum, the fractional bin of the original spectrum that it takes."""
    return warped_hz(np.linspace(0.0, NYQUIST, num_bins), warp) * ((num_bins - 1) / NYQUIST)


def warped_hz(hz: NDArray[np.float64], warp: float) -> NDArray[np.float64]:
    """The frequency of the original spectrum that the warp moves to `hz`."""
    knee = KNEE_HZ * min(1.0, warp)
    above = knee / warp + (NYQUIST - knee / warp) * (hz - knee) / (NYQUIST - knee)
    return np.where(hz <= knee, hz / warp, above)


def mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    return 2595.0 * np.log10(1.0 + hz / 700.0)


def _edges_hz() -> NDArray[np.float64]:
    low, high = mel(np.array([LOWEST_HZ, HIGHEST_HZ]))
    return 700.0 * (10.0 ** (np.linspace(low, high, NUM_BANDS + 2) / 2595.0) - 1.0)


@lru_cache(maxsize=64)
def _filters(num_bins: int, warp: float) -> Array:
    """Triangular filters [64, bins], each with a sum of 1, on warped edges."""
    hz = np.linspace(0.0, NYQUIST, num_bins)
    edges = np.clip(warped_hz(_edges_hz(), warp), 0.0, NYQUIST)
    low, mid, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    weights = np.maximum(np.minimum((hz - low) / (mid - low), (high - hz) / (high - mid)), 0.0)
    narrow = weights.sum(1) < 1e-6  # a band that falls between two bins takes the nearest
    weights[narrow, np.abs(hz - mid[narrow]).argmin(1)] = 1.0
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


@lru_cache(maxsize=4)
def _interpolation(num_bins: int) -> Array:
    """The weights of `interpolate_to_bins`, [bins, 64]."""
    at, centres = mel(np.linspace(0.0, NYQUIST, num_bins)), mel(_edges_hz()[1:-1])
    return np.stack([np.interp(at, centres, unit) for unit in np.eye(NUM_BANDS)], 1).astype(np.float32)
