"""The K-weighting filter of ITU-R BS.1770-4, for any sample rate."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_HIGH_PASS_GAIN = 1.0049949  # of the second stage in the standard's table, far above its corner


def power_weights(size: int, sample_rate: int) -> NDArray[np.float32]:
    """What a spectrum's powers are multiplied with to sum up to the mean square of its `size` samples.

    The spectrum is scaled by 1 / size, as `rfft(…, norm="forward")` gives it.

    The standard tabulates both stages for 48 kHz; these are the analogue prototypes behind its table, for any
    rate (De Man, "Evaluation of Implementations of the EBU R128 Loudness Measurement", 2018).
    """
    z = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    response = _shelf(z, sample_rate) * _high_pass(z, sample_rate)
    weights = np.abs(response) ** 2 * 2.0  # each bin stands for its negative frequency too
    weights[0] /= 2.0
    if size % 2 == 0:
        weights[-1] /= 2.0
    return weights.astype(np.float32)


def _shelf(z: NDArray[np.complex128], sample_rate: int) -> NDArray[np.complex128]:
    k = math.tan(math.pi * 1681.974450955533 / sample_rate)
    q = 0.7071752369554196
    high = 10.0 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    above = (high + band * k / q + k * k) + 2 * (k * k - high) * z + (high - band * k / q + k * k) * z * z
    return above / _denominator(z, k, q)


def _high_pass(z: NDArray[np.complex128], sample_rate: int) -> NDArray[np.complex128]:
    k = math.tan(math.pi * 38.13547087602444 / sample_rate)
    q = 0.5003270373238773
    return _HIGH_PASS_GAIN * (1 - 2 * z + z * z) / _denominator(z, k, q)


def _denominator(z: NDArray[np.complex128], k: float, q: float) -> NDArray[np.complex128]:
    return (1 + k / q + k * k) + 2 * (k * k - 1) * z + (1 - k / q + k * k) * z * z
