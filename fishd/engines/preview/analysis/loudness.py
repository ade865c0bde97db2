"""Loudness: the level of speech without its pauses."""

from __future__ import annotations

import numpy as np

from fishd.engines.preview.analysis.mel_bands import SAMPLE_RATE, Array

FRAME = SAMPLE_RATE // 80
QUIETEST, LOUDEST = 0.03, 0.14  # RMS of speech: -30 and -17 dB against full scale
PEAK = 0.97


def loudness_of(sound: Array) -> float:
    """The root mean square of the sound's speech; 0 of nothing."""
    power = _speech_power(sound)
    return float(np.sqrt(power.mean())) if len(power) else 0.0


def speech_s(sound: Array) -> float:
    """How long it speaks, in seconds, pauses left out."""
    return len(_speech_power(sound)) * FRAME / SAMPLE_RATE


def set_loudness(sound: Array, level: float) -> Array:
    """The sound at that level (RMS, kept within a usual range), or quieter where it would clip."""
    gain = np.clip(level, QUIETEST, LOUDEST) / (loudness_of(sound) + 1e-9)
    gain = min(gain, PEAK / (float(np.abs(sound).max(initial=0.0)) + 1e-9))
    return (sound * np.float32(gain)).astype(np.float32)


def _speech_power(sound: Array) -> Array:
    """The power of each frame that is less than 35 dB below the loud ones."""
    power = np.square(sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME)).mean(1)
    return power[power > 10**-3.5 * np.percentile(power, 95)] if len(power) else power
