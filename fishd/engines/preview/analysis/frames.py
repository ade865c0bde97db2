"""Frames: cepstra, pitch and activity of a stretch of speech, the stock voice's or a reference's.

Spectra are scaled to an active power of 1 first, so that the level of a recording does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fishd.engines.preview.analysis.mel_bands import Array, cepstra, log_bands, smooth

Mask = NDArray[np.bool_]

SILENCE_DB = 35.0  # below the level of the loud frames
OCTAVE_ERROR = 0.55  # log pitch: farther from the median is taken for an octave error


@dataclass(frozen=True, slots=True)
class Frames:
    """`ceps` [n, 64]; `pitch` [n] in Hz, 0 where unvoiced; `active` [n] where there is speech."""

    ceps: Array
    pitch: Array
    active: Mask

    @property
    def voiced(self) -> Mask:
        return self.active & (self.pitch > 0)

    @property
    def unvoiced(self) -> Mask:
        return self.active & (self.pitch <= 0)

    def speech_span(self) -> slice:
        """From the first active frame to the last."""
        (at,) = np.nonzero(self.active)
        return slice(int(at[0]), int(at[-1]) + 1) if len(at) else slice(0, 0)


def make_frames(power: Array, pitch: Array, hop_s: float, warp: float = 1.0) -> Frames:
    """Frames from power spectra [n, bins] and pitch [n], both every `hop_s` seconds."""
    active = find_active(power, hop_s)
    return Frames(cepstra(log_bands(power / active_power(power, active), warp)), pitch, active)


def concatenate(parts: list[Frames]) -> Frames:
    """Several stretches as one."""
    return Frames(
        np.concatenate([p.ceps for p in parts]),
        np.concatenate([p.pitch for p in parts]),
        np.concatenate([p.active for p in parts]),
    )


def find_active(power: Array, hop_s: float) -> Mask:
    """The frames that hold speech: those less than 35 dB below the loud ones."""
    level_db = 10 * np.log10(power.mean(1) + 1e-12)
    level_db = smooth(level_db, 0.01 / hop_s)
    return level_db > np.percentile(level_db, 95) - SILENCE_DB


def active_power(power: Array, active: Mask) -> float:
    """The mean total power of the active frames; never 0."""
    return float(power[active].sum(1).mean()) + 1e-12


def pitch_statistics(pitch: Array) -> tuple[float, float]:
    """Median and spread (half the middle 68 %) of log pitch, without octave errors. Not for empty arrays."""
    log = np.log(pitch)
    near = log[np.abs(log - np.median(log)) < OCTAVE_ERROR]
    low, high = np.percentile(near, [16, 84])
    return float(np.median(near)), max(0.06, float(high - low) / 2)
