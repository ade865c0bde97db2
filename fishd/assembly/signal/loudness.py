"""Integrated loudness after ITU-R BS.1770-4 and true peak of mono clips, one after the other.

The K-weighted energy of each 100 ms is taken from its spectrum, which is several times faster than filtering
(and than importing scipy to do so). What rings across the border of two such hops is left out: 0.01 LU of
speech. Of all samples only these energies are kept, 0.3 MB an hour; of the first minutes also what tells how
much loudness a limiter would take away.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fishd.assembly.signal.decibels import FULL_SCALE, decibels
from fishd.assembly.signal.gating import integrated_lufs
from fishd.assembly.signal.k_weighting import power_weights
from fishd.assembly.signal.limiter import CONTEXT, block_samples, needed_gains, smoothed_gains
from fishd.assembly.signal.true_peak import HALF_TAPS, high_blocks
from fishd.core.delivery.levels import Loudness

_HOPS_A_SECOND = 10
_HOPS_AT_ONCE = 16  # as many spectra as stay in the cache
_BLOCKS_A_HOP = 100
_DETAILED_HOPS = 10 * 60 * _HOPS_A_SECOND

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Measurement:
    """The loudness of all that was measured, and what a limiter would see of its first minutes.

    `hops` are K-weighted energies of 100 ms; `peaks` and `energies` are of the 100 blocks of each.
    """

    loudness: Loudness
    hops: NDArray[np.float64]
    peaks: Floats
    energies: Floats

    def limiter_loss_lu(self, gain: float, ceiling: float) -> float:
        """How much quieter a limiter makes it after this gain; both are linear."""
        gains = needed_gains(self.peaks * gain, ceiling)
        kept = smoothed_gains(np.pad(gains, CONTEXT - 1, constant_values=1.0)) ** 2
        before = self.energies.reshape(-1, _BLOCKS_A_HOP).sum(axis=1)
        after = (self.energies * kept).reshape(-1, _BLOCKS_A_HOP).sum(axis=1)
        limited = self.hops * (after / np.maximum(before, np.float32(1.0)))
        loss = integrated_lufs(self.hops) - integrated_lufs(limited)
        return loss if math.isfinite(loss) else 0.0


class LoudnessMeter:
    """Measures clips as if they were played without a pause between them."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._block = block_samples(sample_rate)
        self._hop = round(sample_rate / _HOPS_A_SECOND)
        self._weights = np.repeat(power_weights(self._hop, sample_rate), 2) / np.float32(FULL_SCALE**2)
        # What grows: the samples since the last whole hop, their number in all, the highest peak, the energy
        # of each hop, and of the first hops the peak and energy of each block.
        self._rest = np.zeros(0, np.float32)
        self._num_samples = 0
        self._peak = 0.0
        self._hops = array("d")
        self._peaks = array("f")
        self._energies = array("f")

    def add(self, clip: NDArray[np.int16]) -> None:
        samples = clip.astype(np.float32)
        self._num_samples += len(samples)
        self._find_peak(samples)
        samples = np.concatenate((self._rest, samples))
        whole = len(samples) - len(samples) % self._hop
        self._rest = samples[whole:]
        hops = samples[:whole].reshape(-1, self._hop)
        if len(self._peaks) < _DETAILED_HOPS * _BLOCKS_A_HOP:
            self._add_blocks(hops[:, : self._block * _BLOCKS_A_HOP])
        for first in range(0, len(hops), _HOPS_AT_ONCE):
            # With another `norm`, numpy computes in float64 and takes six times as long.
            spectra = np.fft.rfft(hops[first : first + _HOPS_AT_ONCE], norm="forward")
            spectra = spectra.astype(np.complex64, copy=False)
            parts = spectra.view(np.float32)  # real, imaginary, real, …
            self._hops.extend(np.square(parts, out=parts) @ self._weights)

    def finish(self) -> Measurement:
        """Nothing may be added any more."""
        hops = np.asarray(self._hops)
        loudness = Loudness(
            integrated_lufs(hops), decibels(self._peak / FULL_SCALE), self._num_samples / self._sample_rate
        )
        peaks, energies = np.asarray(self._peaks), np.asarray(self._energies)
        return Measurement(loudness, hops[: len(peaks) // _BLOCKS_A_HOP], peaks, energies)

    def _find_peak(self, samples: Floats) -> None:
        padded = np.pad(samples, (HALF_TAPS, HALF_TAPS + -len(samples) % self._block))
        _, peaks = high_blocks(padded, self._block, self._peak)
        self._peak = max(self._peak, float(peaks.max(initial=0.0)))

    def _add_blocks(self, hops: Floats) -> None:
        blocks = hops.reshape(-1, self._block).T.copy()  # numpy reduces the first axis many times faster
        self._peaks.frombytes(np.abs(blocks).max(axis=0).tobytes())
        self._energies.frombytes(np.einsum("ij,ij->j", blocks, blocks).tobytes())
