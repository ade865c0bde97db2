"""A look-ahead true-peak limiter: turns down what would exceed the ceiling, smoothly, and nothing else.

The gain that each millisecond needs is spread by a minimum over 12 ms on both sides, then smoothed by a
window that is shorter than that. A mean of values that are all low enough is low enough: the ceiling holds by
construction. As the dip lasts longer than a period of a deep voice, the gain does not follow the waveform,
which would be heard as distortion.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fishd.assembly.signal.true_peak import HALF_TAPS, high_blocks

_BLOCKS_A_SECOND = 1000
_HOLD = 12  # blocks on each side of a peak for which its gain is held
_SMOOTH = 9  # less than that: the gain is the same for as far as an interpolator reaches
CONTEXT = _HOLD + _SMOOTH + 1  # blocks on each side that decide a block's gain
_MARGIN = 0.96  # -0.35 dB: for other meters' interpolators, and for gains that change within their taps

Floats = NDArray[np.float32]


class Limiter:
    """Samples in, piece by piece; as many out, some 20 ms later, with true peaks below `ceiling` (linear).

    What is not near a peak comes out exactly as it went in.
    """

    def __init__(self, sample_rate: int, ceiling: float) -> None:
        self._ceiling = ceiling
        self._block = block_samples(sample_rate)
        self._ramps = _ramps(self._block)
        # What came in and has not gone out, the first CONTEXT blocks of which have their gains already;
        # the gains of these blocks and of as many before them; how much of the output is still the silence
        # before the first sample; how many samples are yet to go out.
        self._samples = np.zeros(CONTEXT * self._block, np.float32)
        self._gains = np.ones(2 * CONTEXT, np.float32)
        self._num_before = len(self._samples)
        self._num_owed = 0

    def push(self, samples: Floats) -> Floats:
        """What can go out now; it may be fewer or more than came in."""
        self._num_owed += len(samples)
        out = self._limited(samples)
        num_before = min(self._num_before, len(out))
        self._num_before -= num_before
        self._num_owed -= len(out) - num_before
        return out[num_before:]

    def finish(self) -> Floats:
        """The rest. Nothing may be pushed any more."""
        num_owed = self._num_owed
        silence = np.zeros((CONTEXT + 1) * self._block + HALF_TAPS, np.float32)
        return self.push(silence)[:num_owed]

    def _limited(self, samples: Floats) -> Floats:
        known = np.concatenate((self._samples, samples))
        size, start = self._block, CONTEXT * self._block
        num = max(0, len(known) - start - HALF_TAPS) // size  # blocks whose peaks can be told now
        if num == 0:
            self._samples = known
            return known[:0]
        around = known[start - HALF_TAPS : start + num * size + HALF_TAPS]
        gains = np.concatenate((self._gains, self._needed(around, num)))
        self._samples, self._gains = known[num * size :], gains[num:]
        return self._turned_down(known[: num * size], gains)

    def _needed(self, around: Floats, num: int) -> Floats:
        gains = np.ones(num, np.float32)
        blocks, peaks = high_blocks(around, self._block, self._ceiling * _MARGIN)
        gains[blocks] = needed_gains(peaks, self._ceiling)
        return gains

    def _turned_down(self, samples: Floats, gains: Floats) -> Floats:
        """Apply the smoothed gains; `gains` are those of the blocks and of CONTEXT more on each side."""
        if gains.min() >= 1.0:
            return samples
        smooth = smoothed_gains(gains)
        neighbours = np.lib.stride_tricks.sliding_window_view(smooth, 3)
        dipped = np.flatnonzero(_running_minimum(smooth, 3) < 1.0)
        blocks = samples.reshape(-1, self._block)
        blocks[dipped] *= neighbours[dipped] @ self._ramps
        return samples


def limited(samples: Floats, sample_rate: int, ceiling: float) -> Floats:
    """A whole clip at once."""
    limiter = Limiter(sample_rate, ceiling)
    return np.concatenate((limiter.push(samples), limiter.finish()))


def block_samples(sample_rate: int) -> int:
    """The samples of the blocks, of a millisecond, that the gain is made for."""
    return max(1, sample_rate // _BLOCKS_A_SECOND)


def needed_gains(peaks: Floats, ceiling: float) -> Floats:
    """The gain that each block needs to stay below the ceiling."""
    highest = np.float32(ceiling * _MARGIN)
    return np.divide(highest, np.maximum(peaks, highest), dtype=np.float32)


def smoothed_gains(gains: Floats) -> Floats:
    """Gains without steps, nowhere above what any block needs; CONTEXT - 1 fewer than `gains` at each end."""
    held = _running_minimum(gains, 2 * _HOLD + 1)
    return np.convolve(held, _WEIGHTS, "valid").astype(np.float32, copy=False)


def _running_minimum(values: Floats, width: int) -> Floats:
    """Of each `width` successive values, by doubling what is covered."""
    covered = 1
    while covered < width:
        step = min(covered, width - covered)
        values = np.minimum(values[:-step], values[step:])
        covered += step
    return values


def _ramps(block: int) -> Floats:
    """How the gains of the block before, of the block, and of the one after weigh in each of its samples."""
    at = (np.arange(block, dtype=np.float32) + 0.5) / block - 0.5  # of a block, from its centre
    return np.stack((np.maximum(-at, 0), 1 - np.abs(at), np.maximum(at, 0)))


def _smoothing() -> Floats:
    window = np.hanning(2 * _SMOOTH + 3)[1:-1]
    return (window / window.sum()).astype(np.float32)


_WEIGHTS = _smoothing()
