"""A line in less time than it was spoken in, at the same pitch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from python_stretch.Signalsmith import Stretch

from fishd.assembly.signal.decibels import FULL_SCALE
from fishd.assembly.signal.pauses import with_shorter_pauses

_WINDOW_S = 0.06  # half of Signalsmith's preset, which is made for music: words stay clearer
_WINDOWS_THAT_OVERLAP = 4

Floats = NDArray[np.float32]


def fitted(samples: Floats, sample_rate: int, length: int) -> Floats:
    """Exactly `length` samples: shorter pauses first, then faster speech."""
    shorter = with_shorter_pauses(samples, sample_rate, length)
    return shorter if len(shorter) == length else stretched(shorter, sample_rate, length)


def stretched(samples: Floats, sample_rate: int, length: int) -> Floats:
    """Exactly `length` samples, in step with the input from beginning to end."""
    stretch = Stretch(0)  # a fixed seed: the same line always sounds the same
    stretch.preset(1, sample_rate)
    interval = round(_WINDOW_S * sample_rate / _WINDOWS_THAT_OVERLAP)
    stretch.configure(1, interval * _WINDOWS_THAT_OVERLAP, interval)
    stretch.timeFactor = len(samples) / length
    # It is made for samples within ±1: on the scale of 16 bits, a loud line loses up to 2.5 dB.
    out = np.asarray(stretch.process(samples[None] / FULL_SCALE), np.float32)[0, :length]
    return np.pad(out * FULL_SCALE, (0, length - len(out)))
