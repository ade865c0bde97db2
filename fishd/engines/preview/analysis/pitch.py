"""The pitch of a clip: autocorrelation, and the likeliest path through its peaks.

P. Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a
sampled sound" (1993), with his constants but one. Against the stock voice's known pitch it is far off
in 5 % of the voiced frames, where WORLD's Harvest is in 20 %, and it is some thirty times as fast.
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

RATE = 8_000  # Hz: enough for a pitch
LOWEST_HZ, HIGHEST_HZ = 60.0, 500.0
WINDOW = 400  # 50 ms: three periods of the lowest pitch
FFT_SIZE = 1024
NUM_CANDIDATES = 6
BLOCK = 500  # frames at a time: 12 MB
VOICED_FROM = 0.2  # of the autocorrelation's peak; his 0.45 misses soft voices (SIM 0.763, here 0.778)
SILENT_BELOW = 0.03  # of the clip's peak
OCTAVE_COST = 0.01  # the higher of two equal candidates wins
JUMP_COST = 0.35  # an octave in 10 ms
SWITCH_COST = 0.14  # between voiced and unvoiced


def find_pitch(sound: Array, hop_s: float) -> NDArray[np.float64]:
    """Pitch in Hz, 0 where unvoiced, of mono float32 at 24 kHz: frames centred at 0, hop_s, 2 hop_s, …"""
    low = soxr.resample(sound, SAMPLE_RATE, RATE).astype(np.float64)
    centres = np.round(np.arange(1 + int(len(sound) / (hop_s * SAMPLE_RATE))) * hop_s * RATE).astype(int)
    blocks = [_candidates(low, centres[at : at + BLOCK]) for at in range(0, len(centres), BLOCK)]
    hz, strength = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    path = _likeliest(hz, strength, 0.01 / hop_s)
    return hz[np.arange(len(hz)), path]


def _candidates(
    sound: NDArray[np.float64], centres: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(Hz, strength), both [frames, 1 + NUM_CANDIDATES]; the first is "unvoiced", at 0 Hz."""
    peak = np.abs(sound).max(initial=1e-9)
    frames = _windows(sound, centres)
    loudness = np.abs(frames).max(1) / peak
    correlation = _autocorrelation(frames - frames.mean(1, keepdims=True))
    lag, height = _peaks(correlation)
    hz = np.where(height > 0, RATE / lag, 0.0)
    strength = np.where(height > 0, height - OCTAVE_COST * np.log2(LOWEST_HZ * lag / RATE), -np.inf)
    quiet = np.maximum(0.0, 2.0 - loudness * (1 + VOICED_FROM) / SILENT_BELOW)
    return np.c_[np.zeros(len(hz)), hz], np.c_[VOICED_FROM + quiet, strength]


def _windows(sound: NDArray[np.float64], centres: NDArray[np.intp]) -> NDArray[np.float64]:
    padded = np.pad(sound, (WINDOW // 2, WINDOW))
    return padded[np.minimum(centres, len(sound))[:, None] + np.arange(WINDOW)]


def _autocorrelation(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """[frames, lags]: 1 at lag 0, and near 1 at a period, whatever the window."""
    window = np.hanning(WINDOW + 1)[:-1]
    raw, of_window = (_correlate(x)[:, : int(RATE / LOWEST_HZ) + 2] for x in (frames * window, window[None]))
    return raw / (raw[:, :1] + 1e-12) / (of_window / of_window[:, :1])


def _correlate(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    spectrum = np.asarray(scipy.fft.rfft(rows, FFT_SIZE, axis=1))
    return np.asarray(scipy.fft.irfft(np.square(np.abs(spectrum)), axis=1))


def _peaks(correlation: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The highest peaks between the pitches' lags, (lag, height) [frames, NUM_CANDIDATES]; height 0: none."""
    first = int(RATE / HIGHEST_HZ)
    before, here, after = (
        correlation[:, first - 1 : -2],
        correlation[:, first:-1],
        correlation[:, first + 1 :],
    )
    heights = np.where((here > before) & (here >= after) & (here > 0.1), here, 0.0)
    at = np.argpartition(-heights, NUM_CANDIDATES, axis=1)[:, :NUM_CANDIDATES]
    left, mid, right = (np.take_along_axis(x, at, 1) for x in (before, here, after))
    bend = np.minimum(left - 2 * mid + right, -1e-9)
    aside = np.clip(0.5 * (left - right) / bend, -0.5, 0.5)
    height = np.minimum(mid - 0.25 * (left - right) * aside, 1.0)
    return first + at + aside, np.where(np.take_along_axis(heights, at, 1) > 0, height, 0.0)


def _likeliest(hz: NDArray[np.float64], strength: NDArray[np.float64], per_10_ms: float) -> NDArray[np.intp]:
    """Viterbi: the candidate of each frame on the path of most strength and least jumps."""
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
