"""Mel spectrograms of 16 kHz speech as the encoder was trained on them: librosa's, Slaney's scale, power."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from fishd.listener.audio import SAMPLE_RATE, Samples

WINDOW, HOP, NUM_BANDS = 400, 160, 40
_LINEAR_HZ, _LOG_STEP = 200 / 3, np.log(6.4) / 27  # Slaney: linear below 1 kHz, logarithmic above
_BREAK_HZ = 1000.0


def mel_spectrogram(samples: Samples) -> NDArray[np.float32]:
    """Frames every 10 ms, the first one centred at the first sample: shape (frames, NUM_BANDS)."""
    padded = np.pad(samples, WINDOW // 2)
    frames = sliding_window_view(padded, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(frames * _window())) ** 2
    return (power @ _bands().T).astype(np.float32)


@cache
def _window() -> NDArray[np.float64]:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)  # Hann, periodic


@cache
def _bands() -> NDArray[np.float64]:
    """Triangles of equal area: shape (NUM_BANDS, WINDOW // 2 + 1)."""
    bins = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    edges = _hz(np.linspace(0.0, _mel(SAMPLE_RATE / 2), NUM_BANDS + 2))[:, None]
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre))
    return np.maximum(0.0, triangles) * 2 / (high - low)


def _mel(hz: float) -> float:
    return float(_BREAK_HZ / _LINEAR_HZ + np.log(hz / _BREAK_HZ) / _LOG_STEP)


def _hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    break_mel = _BREAK_HZ / _LINEAR_HZ
    return np.where(mel < break_mel, mel * _LINEAR_HZ, _BREAK_HZ * np.exp(_LOG_STEP * (mel - break_mel)))
