"""Speech in less time at the same pitch, by Signalsmith Stretch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from python_stretch.Signalsmith import Stretch


def stretched(samples: NDArray[np.float32], sample_rate: int, length: int) -> NDArray[np.float32]:
    """Exactly `length` samples, aligned with the input in proportion."""
    stretch = Stretch(0)  # a fixed seed: the same line always sounds the same
    stretch.preset(1, sample_rate)
    stretch.timeFactor = len(samples) / length
    out = np.asarray(stretch.process(samples[None]), np.float32)[0, :length]
    return np.pad(out, (0, length - len(out)))
