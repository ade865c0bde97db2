"""Loudness: the level of speech without its pauses."""

from __future__ import annotations

import numpy as np

from fishd.engines.preview.bands import SAMPLE_RATE
from fishd.engines.preview.frames import Array

FRAME = SAMPLE_RATE // 80
QUIETEST, LOUDEST = 0.03, 0.14  # RMS of speech: -30 and -17 dB against full scale
PEAK = 0.97


def loudness_of(sound: Array) -> float:
    """The root mean square of the frames that are less than 35 dB below the loud ones; 0 of nothing."""
    whole = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME)
    if not len(whole):
        return 0.0
    power = np.square(whole).mean(1)
    return float(np.sqrt(power[power >= np.percentile(power, 95) * 10**-3.5].mean()))


def set_loudness(sound: Array, level: float) -> Array:
    """The sound at that level (RMS, kept within a usual range), or quieter where it would clip."""
    gain = np.clip(level, QUIETEST, LOUDEST) / (loudness_of(sound) + 1e-9)
    gain = min(gain, PEAK / (float(np.abs(sound).max(initial=0.0)) + 1e-9))
    return (sound * np.float32(gain)).astype(np.float32)
