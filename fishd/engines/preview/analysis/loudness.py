"""Loudness: the level of speech without its pauses."""

from __future__ import annotations

import numpy as np

from fishd.engines.preview.analysis.mel_bands import SAMPLE_RATE, Array

FRAME = SAMPLE_RATE // 80
MIN_LEVEL, MAX_LEVEL = 0.03, 0.14  # RMS of speech: -30 and -17 dB of full scale
PEAK = 0.97


def speech_level(audio: Array) -> float:
    """The RMS of the audio's speech; 0 for empty audio."""
    power = _speech_power(audio)
    return float(np.sqrt(power.mean())) if len(power) else 0.0


def speech_s(audio: Array) -> float:
    """Seconds of speech, without pauses."""
    return len(_speech_power(audio)) * FRAME / SAMPLE_RATE


def set_level(audio: Array, level: float) -> Array:
    """The audio at this RMS level, kept within MIN_LEVEL and MAX_LEVEL, and lower where it would clip."""
    gain = np.clip(level, MIN_LEVEL, MAX_LEVEL) / (speech_level(audio) + 1e-9)
    gain = min(gain, PEAK / (float(np.abs(audio).max(initial=0.0)) + 1e-9))
    return (audio * np.float32(gain)).astype(np.float32)


def _speech_power(audio: Array) -> Array:
    """The power of each frame that is less than 35 dB below the loud ones."""
    power = np.square(audio[: len(audio) // FRAME * FRAME].reshape(-1, FRAME)).mean(1)
    return power[power > 10**-3.5 * np.percentile(power, 95)] if len(power) else power
