"""Pitch estimation: autocorrelation peaks, and the most likely path through them.

P. Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a
sampled sound" (1993), with all but one of his constants. Against the stock voice's known pitch it has gross
errors in 5 % of the voiced frames, where WORLD's Harvest has them in 20 %, and it is about thirty times as
fast.
"""

# scipy and soxr have no types:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import numpy as np
import scipy.fft
import soxr
from numpy.typing import NDArray

from fishd.engines.preview.analysis.mel_bands import SAMPLE_RATE, Array

RATE = 8_000  # Hz: enough for pitch
LOWEST_HZ, HIGHEST_HZ = 60.0, 500.0
WINDOW = 400  # 50 ms: three periods of the lowest pitch
FFT_SIZE = 1024
NUM_CANDIDATES = 6
BLOCK = 500  # frames at a time: 12 MB
VOICING_THRESHOLD = 0.2  # of the autocorrelation peak; his 0.45 misses soft voices (SIM 0.763, here 0.778)
SILENCE_THRESHOLD = 0.03  # of the clip's peak
OCTAVE_COST = 0.01  # favours the higher of two equal candidates
JUMP_COST = 0.35  # an octave in 10 ms
SWITCH_COST = 0.14  # between voiced and unvoiced


def estimate_pitch(audio: Array, hop_s: float) -> NDArray[np.float64]:
    """Pitch in Hz, 0 where unvoiced, of mono float32 at 24 kHz: frames centred at 0, hop_s, 2 hop_s, …"""
    low = soxr.resample(audio, SAMPLE_RATE, RATE).astype(np.float64)
    centres = np.round(np.arange(1 + int(len(audio) / (hop_s * SAMPLE_RATE))) * hop_s * RATE).astype(int)
    blocks = [_candidates(low, centres[at : at + BLOCK]) for at in range(0, len(centres), BLOCK)]
    hz, strength = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    path = _best_path(hz, strength, 0.01 / hop_s)
    return hz[np.arange(len(hz)), path]


def median_pitch(audio: Array) -> float:
    """The median pitch of mono float32 at 24 kHz, in Hz; 0 if nothing is voiced."""
    pitch = estimate_pitch(audio, 0.0125)
    return float(np.median(pitch[pitch > 0])) if (pitch > 0).any() else 0.0


def _candidates(
    audio: NDArray[np.float64], centres: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(Hz, strength), both [frames, 1 + NUM_CANDIDATES]; the first candidate is "unvoiced", at 0 Hz."""
    peak = np.abs(audio).max(initial=1e-9)
    frames = _windows(audio, centres)
    loudness = np.abs(frames).max(1) / peak
    correlation = _autocorrelation(frames - frames.mean(1, keepdims=True))
    lag, height = _peaks(correlation)
    hz = np.where(height > 0, RATE / lag, 0.0)
    strength = np.where(height > 0, height - OCTAVE_COST * np.log2(LOWEST_HZ * lag / RATE), -np.inf)
    quiet = np.maximum(0.0, 2.0 - loudness * (1 + VOICING_THRESHOLD) / SILENCE_THRESHOLD)
    return np.c_[np.zeros(len(hz)), hz], np.c_[VOICING_THRESHOLD + quiet, strength]


def _windows(audio: NDArray[np.float64], centres: NDArray[np.intp]) -> NDArray[np.float64]:
    padded = np.pad(audio, (WINDOW // 2, WINDOW))
    return padded[np.minimum(centres, len(audio))[:, None] + np.arange(WINDOW)]


def _autocorrelation(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """[frames, lags], corrected for the window: 1 at lag 0 and near 1 at a period."""
    window = np.hanning(WINDOW + 1)[:-1]
    raw, of_window = (_correlate(x)[:, : int(RATE / LOWEST_HZ) + 2] for x in (frames * window, window[None]))
    return raw / (raw[:, :1] + 1e-12) / (of_window / of_window[:, :1])


def _correlate(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    spectrum = np.asarray(scipy.fft.rfft(rows, FFT_SIZE, axis=1))
    return np.asarray(scipy.fft.irfft(np.square(np.abs(spectrum)), axis=1))


def _peaks(correlation: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The highest peaks in the pitch range, (lag, height) [frames, NUM_CANDIDATES]; height 0 means none."""
    first = int(RATE / HIGHEST_HZ)
    before, here, after = (
        correlation[:, first - 1 : -2],
        correlation[:, first:-1],
        correlation[:, first + 1 :],
    )
    heights = np.where((here > before) & (here >= after) & (here > 0.1), here, 0.0)
    at = np.argpartition(-heights, NUM_CANDIDATES, axis=1)[:, :NUM_CANDIDATES]
    left, mid, right = (np.take_along_axis(x, at, 1) for x in (before, here, after))
    curvature = np.minimum(left - 2 * mid + right, -1e-9)
    offset = np.clip(0.5 * (left - right) / curvature, -0.5, 0.5)
    height = np.minimum(mid - 0.25 * (left - right) * offset, 1.0)
    return first + at + offset, np.where(np.take_along_axis(heights, at, 1) > 0, height, 0.0)


def _best_path(hz: NDArray[np.float64], strength: NDArray[np.float64], per_10_ms: float) -> NDArray[np.intp]:
    """Viterbi: the candidate of each frame on the path with the most strength and the least jump cost."""
    log = np.log2(np.maximum(hz, 1.0))
    voiced = hz > 0
    total, back = strength[0], np.zeros(hz.shape, np.intp)
    for t in range(1, len(hz)):
        jump = JUMP_COST * np.abs(log[t][None] - log[t - 1][:, None])
        cost = np.where(voiced[t][None] & voiced[t - 1][:, None], jump, SWITCH_COST)
        cost[0, 0] = 0.0
        reached = total[:, None] - per_10_ms * cost
        back[t] = reached.argmax(0)
        total = reached.max(0) + strength[t]
    path = np.zeros(len(hz), np.intp)
    path[-1] = total.argmax()
    for t in range(len(hz) - 1, 0, -1):
        path[t - 1] = back[t, path[t]]
    return path
