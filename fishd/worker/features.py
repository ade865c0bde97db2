"""Measures a take's audio for the checks of `core/quality`, at less than 1 % of the cheapest engine's time.

Everything comes from two passes over the samples: the power of frames of 20 ms, and a few spectral bands of
every second frame, in which a repeated stretch of speech shows as a diagonal of the self-similarity matrix
(J. Foote, "Visualizing music and audio using self-similarity", 1999).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from fishd.core.quality.features import FLOOR_DB, SignalFeatures

Array = NDArray[np.floating[Any]]

FRAMES_A_SECOND = 50
SPEECH_DB = 35.0  # speech is less than this under the loud frames
CLIPPED = 0.985  # of the peak
END_FRAMES = 3

# A noise floor is steady: the quietest frames are about as loud as a tenth of all. Speech is above it.
STEADY_DB, ABOVE_FLOOR_DB, MOST_FLOOR_DB = 4.0, 6.0, 15.0

NUM_BANDS = 12
LOWEST_HZ, HIGHEST_HZ = 150.0, 5000.0
LOOP_HOP = 2  # frames
LOOP_CHUNK, LOOP_OVERLAP = 750, 110  # hops: 30 s at a time, so that memory has a limit
LOOP_PERIODS = (
    (5, 8),
    (9, 15),
    (16, 28),
    (29, 55),
)  # hops: 0.2 to 2.2 s
MIN_LOOP_SPEECH = 0.35  # of a stretch that is said to repeat


def measure(audio: NDArray[np.float32], sample_rate: int) -> SignalFeatures:
    """Measure mono audio of any length above 0, without NaN or infinities.

    What exceeds full scale is scaled down first, as in the clip.
    """
    frame = max(1, sample_rate // FRAMES_A_SECOND)
    peak = max(float(audio.max()), -float(audio.min()))
    if peak > 1:
        audio = audio / np.float32(peak)
    if len(audio) < frame:
        audio = np.pad(audio, (0, frame - len(audio)))
    frames = audio[: len(audio) // frame * frame].reshape(-1, frame)
    power = np.einsum("ij,ij->i", frames, frames) / frame
    levels = 10 * np.log10(power + 10 ** (FLOOR_DB / 10))
    ranked = np.sort(levels)
    num = len(ranked)
    loud = max(ranked[num * 9 // 10], ranked[-1] - 10)  # speech may fill less than a tenth
    quiet = ranked[num // 10]
    is_speech = levels > _threshold(loud, quiet, quiet - ranked[num // 50])
    (at,) = np.nonzero(is_speech)
    level = _decibels(power[at].mean())
    gap, gap_at = _longest_gap(at)
    loop_score, loop_at, loop_period = _loop(frames, sample_rate)
    return SignalFeatures(
        duration_s=len(audio) / sample_rate,
        speech_s=len(at) / FRAMES_A_SECOND,
        level_db=level,
        range_db=float(ranked[num * 9 // 10] - quiet),
        longest_gap_s=gap / FRAMES_A_SECOND,
        gap_at_s=gap_at / FRAMES_A_SECOND,
        lead_s=int(at[0]) / FRAMES_A_SECOND,
        tail_s=(num - 1 - int(at[-1])) / FRAMES_A_SECOND,
        end_db=_decibels(power[-END_FRAMES:].mean()) - level,
        clipped_share=_clipped_share(audio, min(peak, 1.0)),
        loop_score=loop_score,
        loop_at_s=loop_at * LOOP_HOP / FRAMES_A_SECOND,
        loop_period_s=loop_period * LOOP_HOP / FRAMES_A_SECOND,
    )


def _threshold(loud: float, quiet: float, spread: float) -> float:
    """The level in dB above which a frame holds speech."""
    if spread > STEADY_DB:
        return loud - SPEECH_DB
    return max(loud - SPEECH_DB, min(quiet + ABOVE_FLOOR_DB, loud - MOST_FLOOR_DB))


def _decibels(power: Any) -> float:
    return max(FLOOR_DB, 10 * float(np.log10(power + 1e-12)))


def _longest_gap(at: NDArray[np.intp]) -> tuple[int, int]:
    """(frames, first frame) of the longest stretch between two frames of speech; (0, 0) for none."""
    if len(at) < 2:
        return 0, 0
    steps = np.diff(at)
    longest = int(steps.argmax())
    gap = int(steps[longest]) - 1
    return (gap, int(at[longest]) + 1) if gap else (0, 0)


def _clipped_share(audio: NDArray[np.float32], peak: float) -> float:
    return float(np.count_nonzero(np.abs(audio) >= CLIPPED * peak)) / len(audio) if peak else 0.0


# ---- loops -----------------------------------------------------------------------------------------


def _loop(frames: Array, sample_rate: int) -> tuple[float, int, int]:
    """(score, start, period) of the stretch that repeats itself best; start and period in hops."""
    best = (0.0, 0, 0)
    num = len(frames) // LOOP_HOP
    for start in range(0, max(1, num - LOOP_OVERLAP), LOOP_CHUNK - LOOP_OVERLAP):
        chunk = frames[start * LOOP_HOP : min(num, start + LOOP_CHUNK) * LOOP_HOP : LOOP_HOP]
        if len(chunk) >= 3 * LOOP_PERIODS[0][1]:
            score, at, period = _best_repeat(*_timbre(chunk, sample_rate))
            best = max(best, (score, start + at, period))
    return best


def _timbre(frames: Array, sample_rate: int) -> tuple[Array, NDArray[np.bool_]]:
    """Log band powers [n, bands] against their mean over speech, 0 elsewhere; and which frames are speech."""
    waves = frames @ _bands(frames.shape[1], sample_rate)
    power = np.square(waves, out=waves)
    bands = power[:, :NUM_BANDS] + power[:, NUM_BANDS:]
    total = bands.sum(1)
    place = len(total) * 9 // 10
    loud = np.partition(total, place)[place]
    is_speech = total > loud * 1e-3
    logs = np.log(bands + (loud * 1e-5 + 1e-12))
    logs -= logs[is_speech].mean(0) if is_speech.any() else 0.0
    logs *= is_speech[:, None]
    return logs, is_speech


def _best_repeat(timbre: Array, is_speech: NDArray[np.bool_]) -> tuple[float, int, int]:
    """For every period and start: how alike a window and the one a period later are, -1..1. The best of all.

    Windows are long enough to hold a loop of any period twice, so that one word said twice is no loop.
    """
    best = (0.0, 0, 0)
    num = len(timbre)
    likeness = timbre @ timbre.T
    energy = np.concatenate(([0.0], np.cumsum(np.diagonal(likeness))))
    speech = np.concatenate(([0], np.cumsum(is_speech)))
    step = likeness.itemsize
    for shortest, longest in LOOP_PERIODS:
        window, num_periods = 2 * longest, longest - shortest + 1
        num_starts = num - longest - window + 1
        if num_starts < 1:
            break
        diagonals = as_strided(
            likeness[0, shortest:], (num_periods, num - longest), (step, likeness.strides[0] + step)
        )
        sums = np.cumsum(diagonals, axis=1)
        shared = sums[:, window - 1 :].copy()
        shared[:, 1:] -= sums[:, :-window]
        energies = energy[window:] - energy[:-window]
        later = as_strided(energies[shortest:], (num_periods, num_starts), energies.strides * 2)
        scores = 2 * shared / (later + energies[:num_starts] + 1e-6)
        scores *= (speech[window:] - speech[:-window])[:num_starts] > MIN_LOOP_SPEECH * window
        period, at = divmod(int(scores.argmax()), num_starts)
        best = max(best, (float(scores[period, at]), at, shortest + period))
    return best


@lru_cache(maxsize=8)
def _bands(frame: int, sample_rate: int) -> Array:
    """Windowed cosines and sines [frame, 2 x bands] at frequencies even in mel."""
    mels = np.linspace(_mel(LOWEST_HZ), _mel(HIGHEST_HZ), NUM_BANDS)
    hz = 700 * (10 ** (mels / 2595) - 1)
    phases = 2 * np.pi * np.outer(np.arange(frame) / sample_rate, hz)
    window = np.hanning(frame)[:, None]
    return np.hstack([np.cos(phases) * window, np.sin(phases) * window]).astype(np.float32)


def _mel(hz: float) -> float:
    return 2595 * math.log10(1 + hz / 700)
